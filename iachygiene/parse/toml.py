"""Where the keys and values of a TOML document stand; their meaning is for `tomllib`.

https://toml.io/en/v1.0.0. Only documents that `tomllib` accepts are given here, so nothing
is checked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from iachygiene.lazy import regex
from iachygiene.model import Span

Path: TypeAlias = tuple[str | int, ...]

_BLANK = regex(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = regex(r"[A-Za-z0-9_-]+")
_BARE_VALUE = regex(r"[^,\]}#\n\r]*")
_STRING_PART = {'"': regex(r'[^"\\\n]*'), "'": regex(r"[^'\n]*")}


class Place(NamedTuple):
    """The spans of a key (its last part, without quotes) and of its value."""

    key: Span
    value: Span


class _Stuck(Exception):
    """Raised where the text is not what `tomllib` would have accepted."""


def places(text: str) -> Mapping[Path, Place]:
    """Path of keys and array positions to its place; what comes after a mistake is left out.

    The value of a table that a header opens is its header. Offsets are code points.
    """
    scanner = _Scanner(text)
    with suppress(_Stuck, RecursionError):
        scanner.document()
    return scanner.found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, Place] = {}
        self._tables: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self.blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def expect(self, token: str) -> None:
        if not self.text.startswith(token, self.at):
            raise _Stuck
        self.at += len(token)

    def header(self) -> Path:
        start = self.at
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        keys = self.dotted()
        self.expect("]]" if many else "]")
        path: Path = ()
        for number, (key, span) in enumerate(keys):
            path = (*path, key)
            self.found.setdefault(path, Place(span, span))
            if many and number == len(keys) - 1:
                self._tables[path] = self._tables.get(path, -1) + 1
            if path in self._tables:
                path = (*path, self._tables[path])
        self.found[path] = Place(keys[-1][1], Span(start, self.at))
        return path

    def pair(self, table: Path) -> None:
        keys = self.dotted()
        self.expect("=")
        self.blank()
        path = table
        for key, span in keys:
            path = (*path, key)
            self.found.setdefault(path, Place(span, span))
        start = self.at
        self.value(path)
        self.found[path] = Place(keys[-1][1], Span(start, self.at))

    def dotted(self) -> list[tuple[str, Span]]:
        keys = []
        while True:
            self.blank()
            keys.append(self.key())
            self.blank()
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def key(self) -> tuple[str, Span]:
        start = self.at
        if self.text.startswith(('"', "'"), start):
            self.string()
            span = Span(start + 1, self.at - 1)
            return _unescaped(self.text[start : self.at]), span
        match = _BARE_KEY.match(self.text, start)
        if match is None:
            raise _Stuck
        self.at = match.end()
        return match[0], Span(start, self.at)

    def value(self, path: Path) -> None:
        first = self.text[self.at : self.at + 1]
        if first in ('"', "'"):
            self.string()
        elif first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        else:
            match = _BARE_VALUE.match(self.text, self.at)
            bare = match[0].rstrip() if match else ""
            if not bare:
                raise _Stuck
            self.at += len(bare)

    def string(self) -> None:
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            self.long_string(quote)
            return
        self.at += 1
        while self.at < len(self.text):
            match = _STRING_PART[quote].match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.text.startswith("\\", self.at):
                self.at += 2
                continue
            self.expect(quote)
            return
        raise _Stuck

    def long_string(self, quote: str) -> None:
        self.at += 3
        while self.at < len(self.text):
            if self.text.startswith(quote * 3, self.at):
                self.at += 3
                while self.text.startswith(quote, self.at):  # up to two quotes may end the text
                    self.at += 1
                return
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        raise _Stuck

    def array(self, path: Path) -> None:
        self.expect("[")
        number = 0
        self.blank()
        while not self.text.startswith("]", self.at):
            start = self.at
            self.value((*path, number))
            span = Span(start, self.at)
            self.found[(*path, number)] = Place(span, span)
            number += 1
            self.blank()
            if self.text.startswith(",", self.at):
                self.at += 1
                self.blank()
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.expect("{")
        self.blank()
        while not self.text.startswith("}", self.at):
            self.pair(path)
            self.blank()
            if self.text.startswith(",", self.at):
                self.at += 1
                self.blank()
        self.at += 1


def _unescaped(literal: str) -> str:
    import tomllib

    try:
        return next(iter(tomllib.loads(f"{literal} = 0")))
    except tomllib.TOMLDecodeError:
        raise _Stuck from None
