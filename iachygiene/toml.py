"""Settings written as TOML, for a file that a person will go on editing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from iachygiene.lazy import regex

_BARE = regex(r"[A-Za-z0-9_-]+")


def written(settings: Mapping[str, Any]) -> str:
    """The text of some settings: plain keys first, then one table after the other."""
    return "\n".join(_lines(settings, ())).strip("\n") + "\n" if settings else ""


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not _is_table(value)}
    if path and (plain or not table):
        yield ""
        yield f"[{'.'.join(map(key_text, path))}]"
    for key, value in plain.items():
        yield f"{key_text(key)} = {value_text(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _lines(value, (*path, key))
        elif _is_table(value):
            for part in value:
                yield ""
                yield f"[[{'.'.join(map(key_text, (*path, key)))}]]"
                for name, said in part.items():
                    yield f"{key_text(name)} = {value_text(said)}"


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return (
        isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)
    )


def key_text(key: str) -> str:
    """A key as it stands in a file, in quotes where it has to."""
    return key if _BARE.fullmatch(key) else _text(key)


def value_text(value: Any) -> str:
    """A value as it stands in a file, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key_text(key)} = {value_text(said)}" for key, said in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple | set | frozenset):
        parts = sorted(value) if isinstance(value, set | frozenset) else value
        return "[" + ", ".join(map(value_text, parts)) + "]"
    return str(value)


def _text(text: str) -> str:
    # JSON's escapes are those of TOML's basic strings, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
