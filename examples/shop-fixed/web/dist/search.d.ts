import type { Product } from "./index.js";
/** Products whose title holds every word. */
export declare function search(all: Product[], words: string): Product[];
