"""Baskets become orders."""

from __future__ import annotations

import json
import os
import uuid

import httpx
import redis
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, PositiveInt

app = FastAPI(title="orders")
queue = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://cache:6379/0"))


class Order(BaseModel):
    sku: str
    quantity: PositiveInt = 1


@app.get("/healthz")
def healthz() -> dict:
    return {"ok": bool(queue.ping())}


@app.post("/orders", status_code=201)
def place(order: Order) -> dict:
    answer = httpx.get(f"{os.environ['CATALOG_URL']}/products/{order.sku}", timeout=2)
    if answer.status_code == 404:
        raise HTTPException(422, "no such product")
    cents = answer.json()["cents"] * order.quantity
    record = {"id": str(uuid.uuid4()), "sku": order.sku, "cents": cents}
    queue.rpush("orders", json.dumps(record))
    return record
