/** Places an order and gives its id. */
export declare function order(sku: string, quantity: number): Promise<string>;
