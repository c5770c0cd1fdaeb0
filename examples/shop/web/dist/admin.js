/** Discount in percent that staff may give without asking. */
export const staffDiscount = 15;
export function reduced(cents) {
    return Math.round((cents * (100 - staffDiscount)) / 100);
}
/** Where the build puts what it was made from. */
export const sources = "https://harbour-builds.s3.eu-central-1.amazonaws.com/storefront/3.0.1/source.zip";
//# sourceMappingURL=https://maps.harbour.internal/storefront/3.0.1/admin.js.map
