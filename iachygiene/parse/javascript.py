"""Properties of object literals in JavaScript and TypeScript, without running anything.

A tokenizer (https://tc39.es/ecma262/#sec-ecmascript-language-lexical-grammar) and a walk over
brackets: enough to see `sourcemap: true` with the keys around it, and that `sourcemap: !isProd`
cannot be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Span

MAX_TOKENS = 200_000
"""Tokens of a file; what comes after them is not seen."""

_TOKEN = regex(
    r"(?P<blank>\s+|//[^\n]*|/\*)"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<number>[0-9][\w.]*)"
    r"|(?P<template>`)"
    r"|(?P<sign>=>|\.\.\.|.)",
    re.DOTALL,
)
_REGEX = regex(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_ESCAPE = regex(r"\\(.)", re.DOTALL)
_BEFORE_VALUE = frozenset(("name", "string", "number", "template", "regex"))
_WORDS = frozenset(("return", "typeof", "case", "in", "of", "delete", "void", "throw", "new"))


class Token(NamedTuple):
    """`kind` is "string", "name", "number", "template", "regex" or "sign"."""

    kind: str
    text: str
    start: int
    end: int


class Property(NamedTuple):
    """A key with a value in an object literal.

    `path` are the keys of the objects around it. `value` is the text of a string or number,
    "true", "false" or "null", and None for anything that had to be run. `strings` are all
    strings in the value. `span` holds key and value.
    """

    path: tuple[str, ...]
    name: str
    value: str | None
    strings: tuple[str, ...]
    span: Span


def tokens(text: str) -> list[Token]:
    """The tokens of a file, comments and blanks left out."""
    found: list[Token] = []
    at = 0
    while at < len(text) and len(found) < MAX_TOKENS:
        match = _TOKEN.match(text, at)
        if match is None:
            break
        kind = match.lastgroup or "sign"
        end = match.end()
        if kind == "blank":
            if match[0] == "/*":
                closing = text.find("*/", end)
                end = len(text) if closing == -1 else closing + 2
            at = end
            continue
        if kind == "template":
            end = _template_end(text, at)
        elif match[0] == "/" and _may_be_regex(found):
            regex = _REGEX.match(text, at)
            if regex:
                kind, end = "regex", regex.end()
        found.append(Token(kind, text[at:end], at, end))
        at = end
    return found


def _may_be_regex(before: list[Token]) -> bool:
    if not before:
        return True
    last = before[-1]
    if last.kind in _BEFORE_VALUE:
        return last.kind == "name" and last.text in _WORDS
    return last.text not in (")", "]", "}")


def _template_end(text: str, start: int) -> int:
    """Where a template ends; the expressions in it may hold templates again."""
    at, depths = start + 1, [0]
    while at < len(text):
        letter = text[at]
        if depths[-1] == 0:
            if letter == "\\":
                at += 1
            elif letter == "`":
                depths.pop()
                if not depths:
                    return at + 1
            elif letter == "$" and text[at + 1 : at + 2] == "{":
                depths[-1] = 1
                at += 1
        elif letter == "`":
            depths.append(0)
        elif letter == "{":
            depths[-1] += 1
        elif letter == "}":
            depths[-1] -= 1
        at += 1
    return len(text)


def unquoted(token: Token) -> str | None:
    """The text of a string, or of a template without expressions; None for other tokens."""
    if token.kind == "string" or (token.kind == "template" and "${" not in token.text):
        return _ESCAPE.sub(r"\1", token.text[1:-1])
    return None


_OPENING = {"{": "}", "[": "]", "(": ")"}


def properties(found: list[Token]) -> Iterator[Property]:
    """All properties of all object literals, and what looks like one."""
    # What is open: the bracket, and the key in front of it.
    around: list[tuple[str, str]] = []
    key = ""
    for number, token in enumerate(found):
        if token.text in _OPENING and token.kind == "sign":
            around.append((token.text, key))
            key = ""
        elif token.text in ("}", "]", ")") and token.kind == "sign":
            if around:
                around.pop()
            key = ""
        elif token.text == "," and token.kind == "sign":
            key = ""
        elif _is_key(found, number, around):
            name = unquoted(token) if token.kind == "string" else token.text
            key = name or ""
            path = tuple(one for _, one in around if one)
            last = _value_end(found, number + 2)
            value = found[number + 2 : last]
            end = value[-1].end if value else found[number + 1].end
            strings = tuple(text for one in value if (text := unquoted(one)) is not None)
            yield Property(path, key, _literal(value), strings, Span(token.start, end))


def _is_key(found: list[Token], number: int, around: list[tuple[str, str]]) -> bool:
    if not around or around[-1][0] != "{" or found[number].kind not in ("name", "string"):
        return False
    after = found[number + 1].text if number + 1 < len(found) else ""
    return after == ":" and found[number - 1].text in ("{", ",")


def _value_end(found: list[Token], start: int) -> int:
    depth = 0
    for number in range(start, min(len(found), start + 5000)):
        text = found[number].text if found[number].kind == "sign" else ""
        if text in _OPENING:
            depth += 1
        elif text in ("}", "]", ")"):
            depth -= 1
            if depth < 0:
                return number
        elif text == "," and depth == 0:
            return number
    return min(len(found), start + 5000)


def _literal(value: list[Token]) -> str | None:
    words = [one for one in value if one.text not in ("as", "const", "satisfies")]
    if len(words) != 1:
        return None
    token = words[0]
    if token.kind == "number" or token.text in ("true", "false", "null", "undefined"):
        return token.text
    return unquoted(token)


def as_json(text: str) -> str:
    """JSON with comments and trailing commas made plain, every place kept."""
    parts = list(text)
    comma = -1
    for token in _with_comments(text):
        if token.kind == "comment":
            for at in range(token.start, token.end):
                if parts[at] not in "\r\n":
                    parts[at] = " "
        else:
            if token.text in ("}", "]") and comma != -1:
                parts[comma] = " "
            comma = token.start if token.text == "," and token.kind == "sign" else -1
    return "".join(parts)


_JSON_TOKEN = regex(
    r"(?P<comment>//[^\n]*|/\*)|(?P<string>\"(?:[^\"\\\n]|\\.)*\")|(?P<sign>[^\s\"])"
)


def _with_comments(text: str) -> Iterator[Token]:
    at = 0
    while match := _JSON_TOKEN.search(text, at):
        end = match.end()
        if match[0] == "/*":
            closing = text.find("*/", end)
            end = len(text) if closing == -1 else closing + 2
        yield Token(match.lastgroup or "sign", match[0], match.start(), end)
        at = end
