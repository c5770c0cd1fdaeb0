/** Discount in percent that staff may give without asking. */
export const staffDiscount = 15;

export function reduced(cents: number): number {
  return Math.round((cents * (100 - staffDiscount)) / 100);
}
