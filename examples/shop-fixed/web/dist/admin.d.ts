/** Discount in percent that staff may give without asking. */
export declare const staffDiscount = 15;
export declare function reduced(cents: number): number;
