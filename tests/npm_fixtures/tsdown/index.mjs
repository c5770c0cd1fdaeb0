//#region src/price.ts
/** Cents that a partner pays. */
function price(cents) {
	return Math.round(cents * 85 / 100);
}
//#endregion
//#region src/index.ts
const offer = (cents) => `${price(cents)} cents`;
//#endregion
export { offer };

//# sourceMappingURL=index.mjs.map