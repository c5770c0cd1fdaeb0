"""JSON with places: what `package.json` is read with.

Accepts what RFC 8259 (https://www.rfc-editor.org/rfc/rfc8259) allows and nothing beyond it,
as `JSON.parse` does; keeps duplicate keys, and numbers as their text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from iachygiene.lazy import regex
from iachygiene.model import Broken, Location, SourceFile, Span, Trouble

MAX_DEPTH = 200
"""Objects and lists within each other."""
MAX_NODES = 2_000_000
"""Values in a file."""

_BLANK = regex(r"[ \t\r\n]*")
_STOP = regex(r'["\\\x00-\x1f]')
_NUMBER = regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"t": ("true", "true"), "f": ("false", "false"), "n": ("null", "null")}


class Json:
    """One value.

    `kind` is "object", "array", "string", "number", "true", "false" or "null". `value` is a
    list of key and value nodes, a list of nodes, the text of a string or number, or None.
    """

    __slots__ = ("end", "kind", "path", "start", "value")

    def __init__(self, path: str, kind: str, start: int, end: int, value: Any = None) -> None:
        self.path = path
        self.kind = kind
        self.start = start
        self.end = end
        self.value = value

    @property
    def location(self) -> Location:
        """Where the value stands, quotes and brackets included."""
        return Location(self.path, Span(self.start, self.end))

    @property
    def members(self) -> list[tuple[Json, Json]]:
        """Keys and values of an object in the order of the file; empty for other values."""
        members: list[tuple[Json, Json]] = self.value if self.kind == "object" else []
        return members

    @property
    def items(self) -> list[Json]:
        """The values of a list; empty for other values."""
        items: list[Json] = self.value if self.kind == "array" else []
        return items

    @property
    def text(self) -> str | None:
        """The text of a string, None for other values."""
        return str(self.value) if self.kind == "string" else None

    def get(self, *keys: str) -> Json | None:
        """The value under nested keys; the last one counts where a key is given twice."""
        node: Json | None = self
        for wanted in keys:
            if node is None:
                return None
            node = next(
                (value for key, value in reversed(node.members) if key.value == wanted), None
            )
        return node

    def key(self, wanted: str) -> Json | None:
        """The key node of a member, the last one where there are several."""
        return next((key for key, _ in reversed(self.members) if key.value == wanted), None)

    @property
    def truthy(self) -> bool:
        """Whether JavaScript takes the value for true."""
        if self.kind == "string":
            return bool(self.value)
        if self.kind == "number":
            return any(digit in "123456789" for digit in re.split("[eE]", self.value)[0])
        return self.kind in ("object", "array", "true")

    def walk(self) -> Iterator[Json]:
        """The value and all values within it, keys not included."""
        todo = [self]
        while todo:
            node = todo.pop()
            yield node
            todo += reversed(node.items)
            todo += [value for _, value in reversed(node.members)]

    def plain(self) -> Any:
        """The value as `json.loads` gives it, save that numbers stay text."""
        if self.kind == "object":
            return {key.value: value.plain() for key, value in self.members}
        if self.kind == "array":
            return [item.plain() for item in self.items]
        return {"true": True, "false": False, "null": None}.get(self.kind, self.value)


def parse(file: SourceFile) -> Json:
    """The value of a file; raises `Broken` where it is not JSON, or over a limit."""
    return _Reader(file.path, file.text).document()


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.at = 0
        self.nodes = 0

    def document(self) -> Json:
        open_nodes: list[Json] = []
        root: Json | None = None
        key: Json | None = None
        while True:
            node = self._value()
            if key is not None:
                open_nodes[-1].value.append((key, node))
            elif open_nodes:
                open_nodes[-1].value.append(node)
            else:
                root = node
            if node.end < 0:
                open_nodes.append(node)
                if len(open_nodes) > MAX_DEPTH:
                    self._stop("over-limit", f"nested deeper than {MAX_DEPTH} levels", node.start)
                key = self._key() if node.kind == "object" else None
                continue
            while open_nodes and self._closes(open_nodes[-1]):
                open_nodes.pop().end = self.at
            if not open_nodes:
                break
            key = self._key() if open_nodes[-1].kind == "object" else None
        self._skip()
        if self.at < len(self.text):
            self._stop("syntax", f"{self._seen()} follows the end of the document")
        assert root is not None
        return root

    def _skip(self) -> None:
        blank = _BLANK.match(self.text, self.at)
        assert blank is not None
        self.at = blank.end()

    def _seen(self) -> str:
        if self.at >= len(self.text):
            return "end of file"
        return f"{self.text[self.at]!r}"

    def _stop(self, kind: str, message: str, start: int | None = None) -> None:
        start = self.at if start is None else start
        end = min(start + 1, len(self.text))
        raise Broken(Trouble(kind, Location(self.path, Span(min(start, end), end)), message))

    def _closes(self, node: Json) -> bool:
        """Consume a comma (False) or the node's closing bracket (True)."""
        self._skip()
        closing = "}" if node.kind == "object" else "]"
        if self.text.startswith(closing, self.at):
            self.at += 1
            return True
        if not self.text.startswith(",", self.at):
            self._stop("syntax", f"expected ',' or '{closing}', found {self._seen()}")
        self.at += 1
        return False

    def _key(self) -> Json:
        self._skip()
        if not self.text.startswith('"', self.at):
            self._stop("syntax", f"expected a key in double quotes, found {self._seen()}")
        key = self._string()
        self._skip()
        if not self.text.startswith(":", self.at):
            self._stop("syntax", f"expected ':' after the key, found {self._seen()}")
        self.at += 1
        return key

    def _value(self) -> Json:
        """The next value; a list or object that is not empty is given open, with end -1."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._stop("over-limit", f"more than {MAX_NODES:,} values")
        self._skip()
        start = self.at
        first = self.text[start : start + 1]
        if first == '"':
            return self._string()
        if first in ("{", "["):
            self.at += 1
            self._skip()
            end = -1
            if self.text.startswith("}" if first == "{" else "]", self.at):
                self.at += 1
                end = self.at
            return Json(self.path, "object" if first == "{" else "array", start, end, [])
        kind, word = _WORDS.get(first, ("number", ""))
        if word and self.text.startswith(word, start):
            self.at += len(word)
            return Json(self.path, kind, start, self.at)
        number = None if word else _NUMBER.match(self.text, start)
        if number is None:
            self._stop("syntax", f"expected a value, found {self._seen()}")
            raise AssertionError
        self.at = number.end()
        return Json(self.path, "number", start, self.at, number[0])

    def _string(self) -> Json:
        start = self.at
        at = start + 1
        escaped = False
        while True:
            stop = _STOP.search(self.text, at)
            if stop is None:
                self._stop("syntax", "a string is not closed", start)
                raise AssertionError
            at = stop.end()
            if stop[0] == '"':
                break
            if stop[0] != "\\":
                self._stop("syntax", "a control character in a string", stop.start())
            escaped = True
            at += 1
        self.at = at
        value = self.text[start + 1 : at - 1]
        if escaped:
            from json import JSONDecodeError, loads

            try:
                value = loads(self.text[start:at])
            except JSONDecodeError as error:
                self._stop("syntax", "an invalid escape in a string", start + error.pos)
        return Json(self.path, "string", start, at, value)
