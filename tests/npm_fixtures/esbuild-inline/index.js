(() => {
  // src/price.ts
  function price(cents) {
    const rebate = 15;
    return Math.round(cents * (100 - rebate) / 100);
  }

  // src/index.ts
  var offer = (cents) => `${price(cents)} cents`;
})();
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vc3JjL3ByaWNlLnRzIiwgIi4uL3NyYy9pbmRleC50cyJdLAogICJzb3VyY2VzQ29udGVudCI6IFsiLyoqIENlbnRzIHRoYXQgYSBwYXJ0bmVyIHBheXMuICovXG5leHBvcnQgZnVuY3Rpb24gcHJpY2UoY2VudHM6IG51bWJlcik6IG51bWJlciB7XG4gIGNvbnN0IHJlYmF0ZSA9IDE1O1xuICByZXR1cm4gTWF0aC5yb3VuZCgoY2VudHMgKiAoMTAwIC0gcmViYXRlKSkgLyAxMDApO1xufVxuIiwgImltcG9ydCB7IHByaWNlIH0gZnJvbSBcIi4vcHJpY2VcIjtcblxuZXhwb3J0IGNvbnN0IG9mZmVyID0gKGNlbnRzOiBudW1iZXIpOiBzdHJpbmcgPT4gYCR7cHJpY2UoY2VudHMpfSBjZW50c2A7XG4iXSwKICAibWFwcGluZ3MiOiAiOztBQUNPLFdBQVMsTUFBTSxPQUF1QjtBQUMzQyxVQUFNLFNBQVM7QUFDZixXQUFPLEtBQUssTUFBTyxTQUFTLE1BQU0sVUFBVyxHQUFHO0FBQUEsRUFDbEQ7OztBQ0ZPLE1BQU0sUUFBUSxDQUFDLFVBQTBCLEdBQUcsTUFBTSxLQUFLLENBQUM7IiwKICAibmFtZXMiOiBbXQp9Cg==
