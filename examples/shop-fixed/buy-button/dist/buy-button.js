/** Puts a button that buys one piece of `sku` into `element`. */
export function mount(element, sku) {
    const button = document.createElement("button");
    button.textContent = "Buy";
    button.onclick = () => location.assign(`https://shop.harbour.example/buy/${sku}`);
    element.append(button);
}
