/** Places an order and gives its id. */
export async function order(sku: string, quantity: number): Promise<string> {
  const answer = await fetch("/api/orders/orders", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sku, quantity }),
  });
  return (await answer.json()).id;
}
