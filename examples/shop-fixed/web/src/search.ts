import type { Product } from "./index.js";

/** Products whose title holds every word. */
export function search(all: Product[], words: string): Product[] {
  const wanted = words.toLowerCase().split(/\s+/);
  return all.filter((one) => wanted.every((word) => one.title.toLowerCase().includes(word)));
}
