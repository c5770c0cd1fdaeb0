// Plain JavaScript, for tools that read no types.
const twice = (n) => n * 2;

export { twice };
//# sourceMappingURL=index.js.map
