"""Hosts and ports in the values of variables: one reading for every language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.lazy import regex

_URL = regex(
    r"(?P<scheme>[a-z][a-z0-9+.-]{1,30})://(?:[^\s/@]*@)?(?P<host>[A-Za-z0-9_.-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?=[/?#,;\s]|$)"
)
_PAIR = regex(r"(?P<host>[A-Za-z0-9][A-Za-z0-9_.-]*):(?P<port>[0-9]{1,5})")
MAX_LENGTH = 2000
"""Code points of a value that is looked at."""


class Endpoint(NamedTuple):
    """A host that a value names. `scheme` is "" where the value is no URL."""

    scheme: str
    host: str
    port: int | None


def endpoints(text: str) -> Iterator[Endpoint]:
    """The hosts of the URLs in a text, or of the `host:port` that it is."""
    text = text.strip()
    if len(text) > MAX_LENGTH or ":" not in text:
        return
    pair = _PAIR.fullmatch(text)
    if pair:
        yield Endpoint("", pair["host"], int(pair["port"]))
        return
    for found in _URL.finditer(text):
        yield Endpoint(
            found["scheme"], found["host"], int(found["port"]) if found["port"] else None
        )
