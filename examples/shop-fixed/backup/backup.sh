#!/bin/sh
set -eu
pg_dump --format=custom --file="/backup/shop-$(date +%F).dump" "$DATABASE_URL"
find /backup -name 'shop-*.dump' -mtime +14 -delete
