"use strict";
// Filters and sorts what the page holds already, and keeps the choice in the address.
(() => {
  const form = document.getElementById("filter");
  const list = document.getElementById("list");
  const told = document.getElementById("told");
  if (!form || !list) return;
  const items = Array.from(list.children);
  const rank = { error: 0, warning: 1, info: 2 };
  const names = ["severity", "kind", "rule", "path", "text", "sort"];
  const field = (name) => form.elements.namedItem(name);
  const orders = {
    place: (a, b) => a.number - b.number,
    severity: (a, b) => rank[a.item.dataset.severity] - rank[b.item.dataset.severity] || a.number - b.number,
    rule: (a, b) => a.item.dataset.rule.localeCompare(b.item.dataset.rule) || a.number - b.number,
  };
  const rows = items.map((item, number) => ({ item, number, text: item.textContent.toLowerCase() }));

  function apply() {
    const wanted = Object.fromEntries(names.map((name) => [name, field(name).value]));
    const text = wanted.text.toLowerCase();
    const path = wanted.path.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const data = row.item.dataset;
      const fits = (!wanted.severity || data.severity === wanted.severity)
        && (!wanted.kind || data.kind === wanted.kind)
        && (!wanted.rule || data.rule === wanted.rule)
        && (!path || data.path.toLowerCase().includes(path))
        && (!text || row.text.includes(text));
      row.item.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    const order = orders[wanted.sort] || orders.place;
    list.append(...rows.slice().sort(order).map((row) => row.item));
    told.textContent = `${shown} of ${rows.length} shown`;
    const said = new URLSearchParams();
    for (const name of names) if (wanted[name] && wanted[name] !== "place") said.set(name, wanted[name]);
    history.replaceState(null, "", said.size ? `#${said}` : location.pathname + location.search);
  }

  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of names) {
    const value = given.get(name);
    const control = field(name);
    const allowed = control.tagName !== "SELECT" || Array.from(control.options).some((one) => one.value === value);
    if (value !== null && allowed) control.value = value;
  }
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply, 0));
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
