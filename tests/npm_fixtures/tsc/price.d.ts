/** Cents that a partner pays. */
export declare function price(cents: number): number;
//# sourceMappingURL=price.d.ts.map