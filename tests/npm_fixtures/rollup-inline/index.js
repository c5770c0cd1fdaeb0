// Plain JavaScript, for tools that read no types.
const twice = (n) => n * 2;

export { twice };
//# sourceMappingURL=data:application/json;charset=utf-8;base64,eyJ2ZXJzaW9uIjozLCJmaWxlIjoiaW5kZXguanMiLCJzb3VyY2VzIjpbIi4uL3NyYy9wbGFpbi5qcyJdLCJzb3VyY2VzQ29udGVudCI6WyIvLyBQbGFpbiBKYXZhU2NyaXB0LCBmb3IgdG9vbHMgdGhhdCByZWFkIG5vIHR5cGVzLlxuZXhwb3J0IGNvbnN0IHR3aWNlID0gKG4pID0+IG4gKiAyO1xuIl0sIm5hbWVzIjpbXSwibWFwcGluZ3MiOiJBQUFBO0FBQ1ksTUFBQyxLQUFLLEdBQUcsQ0FBQyxDQUFDLEtBQUssQ0FBQyxHQUFHOzsifQ==
