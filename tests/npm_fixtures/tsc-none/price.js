/** Cents that a partner pays. */
export function price(cents) {
    const rebate = 15;
    return Math.round((cents * (100 - rebate)) / 100);
}
