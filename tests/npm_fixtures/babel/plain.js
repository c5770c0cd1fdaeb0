// Plain JavaScript, for tools that read no types.
export const twice = n => n * 2;
//# sourceMappingURL=plain.js.map