export interface Product {
    sku: string;
    title: string;
    cents: number;
}
/** All products, cheapest first. */
export declare function products(): Promise<Product[]>;
