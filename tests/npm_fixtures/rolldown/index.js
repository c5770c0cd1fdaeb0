// src/price.ts
/** Cents that a partner pays. */
function price(cents) {
	return Math.round(cents * 85 / 100);
}
// src/index.ts
const offer = (cents) => `${price(cents)} cents`;
export { offer };

//# sourceMappingURL=index.js.map