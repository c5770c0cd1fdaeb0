/** All products, cheapest first. */
export async function products() {
    const answer = await fetch("/api/catalog/products");
    const found = await answer.json();
    return found.sort((a, b) => a.cents - b.cents);
}
