// src/price.ts
function e(e) {
	return Math.round(e * 85 / 100);
}
// src/index.ts
var t = (t) => `${e(t)} cents`;
export { t as offer };

//# sourceMappingURL=index.mjs.map