"""The kinds that Kubernetes itself serves, by version, from the file beside this module.

`tests/schemas/generate_kubernetes.py` writes that file and says where it comes from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from iachygiene.schemas.check import Schema, compiled


@cache
def _whole() -> Mapping[str, Any]:
    import json
    from lzma import decompress

    path = os.path.join(os.path.dirname(__file__), "kubernetes.json.xz")
    with open(path, "rb") as file:
        whole: Mapping[str, Any] = json.loads(decompress(file.read()))
    return whole


class Release:
    """The API of one minor version."""

    __slots__ = ("_definitions", "_row", "_schemas", "version")

    def __init__(self, version: str) -> None:
        self.version = version
        self._row: list[int] = _whole()["versions"][version]
        self._definitions: list[str] = _whole()["definitions"]
        self._schemas: dict[int, Schema] = {}

    def definition(self, number: int) -> Schema:
        """The schema of a definition, by its number in the file."""
        schema = self._schemas.get(number)
        if schema is None:
            import json

            source = json.loads(self._definitions[self._row[number]])
            schema = self._schemas[number] = compiled(source, self.definition)
        return schema

    def schema(self, api_version: str, kind: str) -> Schema | None:
        """The schema of a kind, None where this version does not serve it."""
        number = _whole()["kinds"].get(f"{api_version} {kind}")
        if number is None or self._row[number] < 0:
            return None
        return self.definition(number)

    @property
    def metadata(self) -> Schema:
        """The schema of `metadata`, which all kinds have in common."""
        return self.definition(_whole()["metadata"])


@cache
def release(version: str) -> Release:
    """The API of a minor version, made once in a process."""
    return Release(version)


@cache
def serving(api_version: str, kind: str) -> tuple[str, ...]:
    """The versions in the file that serve a kind, oldest first."""
    number = _whole()["kinds"].get(f"{api_version} {kind}")
    if number is None:
        return ()
    return tuple(one for one, row in _whole()["versions"].items() if row[number] >= 0)


@cache
def homes(version: str) -> Mapping[str, tuple[str, ...]]:
    """The apiVersions under which a version serves each kind."""
    row = _whole()["versions"][version]
    found: dict[str, tuple[str, ...]] = {}
    for one, number in _whole()["kinds"].items():
        api_version, _, kind = one.partition(" ")
        if row[number] >= 0:
            found[kind] = (*found.get(kind, ()), api_version)
    return found


@cache
def groups() -> frozenset[str]:
    """The groups of the API that are Kubernetes' own, "" for the first of them."""
    return frozenset(one.partition(" ")[0].rpartition("/")[0] for one in _whole()["kinds"])
