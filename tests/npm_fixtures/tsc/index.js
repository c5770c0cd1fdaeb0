import { price } from "./price";
export const offer = (cents) => `${price(cents)} cents`;
//# sourceMappingURL=index.js.map