"""Takes placed orders from the queue and has them paid."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import httpx
import redis

PAYMENTS = os.environ.get("PAYMENTS_URL", "https://pay.harbour.example/v1/charges")
ALIVE = Path(os.environ.get("ALIVE_FILE", "/tmp/alive"))


def main() -> None:
    queue = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://cache:6379/0"))
    headers = {"Authorization": f"Bearer {os.environ['PAYMENT_API_KEY']}"}
    while True:
        ALIVE.touch()
        taken = queue.blpop(["orders"], timeout=10)
        if taken is None:
            continue
        order = json.loads(taken[1])
        answer = httpx.post(PAYMENTS, json=order, headers=headers, timeout=10)
        logging.info("order %s: %s", order["id"], answer.status_code)


if __name__ == "__main__":
    main()
