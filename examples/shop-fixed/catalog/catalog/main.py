"""Products of the shop."""

from __future__ import annotations

import os

import psycopg
from fastapi import FastAPI, HTTPException

app = FastAPI(title="catalog")


def query(statement: str, *values: object) -> list[tuple]:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.execute(statement, values).fetchall()


@app.get("/healthz")
def healthz() -> dict:
    return {"ok": query("SELECT 1") == [(1,)]}


@app.get("/products")
def products() -> list[dict]:
    rows = query("SELECT sku, title, cents FROM product ORDER BY title")
    return [{"sku": sku, "title": title, "cents": cents} for sku, title, cents in rows]


@app.get("/products/{sku}")
def product(sku: str) -> dict:
    rows = query("SELECT title, cents FROM product WHERE sku = %s", sku)
    if not rows:
        raise HTTPException(404, "no such product")
    title, cents = rows[0]
    return {"sku": sku, "title": title, "cents": cents}
