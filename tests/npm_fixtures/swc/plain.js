// Plain JavaScript, for tools that read no types.
export var twice = function twice(n) {
    return n * 2;
};

//# sourceMappingURL=plain.js.map