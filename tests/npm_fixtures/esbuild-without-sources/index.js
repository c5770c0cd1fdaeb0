(() => {
  // src/price.ts
  function price(cents) {
    const rebate = 15;
    return Math.round(cents * (100 - rebate) / 100);
  }

  // src/index.ts
  var offer = (cents) => `${price(cents)} cents`;
})();
//# sourceMappingURL=index.js.map
