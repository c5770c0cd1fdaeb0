
//# sourceMappingURL=plain.js.map
