export interface Product {
  sku: string;
  title: string;
  cents: number;
}

/** All products, cheapest first. */
export async function products(): Promise<Product[]> {
  const answer = await fetch("/api/catalog/products");
  const found: Product[] = await answer.json();
  return found.sort((a, b) => a.cents - b.cents);
}
