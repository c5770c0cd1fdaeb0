"""Where keys and values of TOML documents stand."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.parse.toml import places

DOCUMENT = '''\
# a comment = [ "not a key" ]
title = "a # b"
"quoted key" = 'literal \\'
a.b . c = [1, "two", # three
  [4, 5],
]
when = 1979-05-27 07:32:00
text = """one "quoted" word
[not.a.table]
"""
[tool.x]
inline = { y = 1, z = { deep = "]" }, list = ["}", 2] }
[[item]]
name = 1
[[item]]
name = 2
[item.sub]
here = true
'''


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("title",), "title", '"a # b"'),
        (("quoted key",), "quoted key", "'literal \\'"),
        (("a", "b", "c"), "c", '[1, "two", # three\n  [4, 5],\n]'),
        (("a", "b", "c", 1), '"two"', '"two"'),
        (("a", "b", "c", 2, 1), "5", "5"),
        (("when",), "when", "1979-05-27 07:32:00"),
        (("tool", "x"), "x", "[tool.x]"),
        (("tool", "x", "inline", "z", "deep"), "deep", '"]"'),
        (("tool", "x", "inline", "list", 0), '"}"', '"}"'),
        (("item", 0, "name"), "name", "1"),
        (("item", 1, "name"), "name", "2"),
        (("item", 1, "sub", "here"), "here", "true"),
    ],
)
def test_a_key_and_its_value_are_found(path: tuple[str | int, ...], key: str, value: str) -> None:
    place = places(DOCUMENT)[path]
    assert DOCUMENT[place.key.start : place.key.end] == key
    assert DOCUMENT[place.value.start : place.value.end] == value


def test_a_text_of_several_lines_is_one_value() -> None:
    place = places(DOCUMENT)[("text",)]
    assert DOCUMENT[place.value.start : place.value.end].endswith('[not.a.table]\n"""')


KEYS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)
SCALARS = st.one_of(
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=10),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(one):08x}" for one in value) + '"'
    if isinstance(value, list):
        return "[ " + ",\n ".join(map(written, value)) + "]"
    return "{" + ", ".join(f"{written(key)} = {written(one)}" for key, one in value.items()) + "}"


def every(path: tuple[str | int, ...], value: Any) -> Any:
    yield path, value
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from every((*path, key), one)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_text_at_every_place_is_the_value_of_that_path(document: dict[str, Any]) -> None:
    text = "".join(f"{written(key)} = {written(value)}\n" for key, value in document.items())
    found = places(text)
    for key, value in document.items():
        for path, expected in every((key,), value):
            span = found[path].value
            assert tomllib.loads("x = " + text[span.start : span.end])["x"] == expected


@given(st.text(max_size=80) | st.text("[]{}\"'=.,#\n ab1\\", max_size=80))
def test_any_text_ends_with_spans_that_lie_in_it(text: str) -> None:
    for place in places(text).values():
        for span in place:
            assert 0 <= span.start <= span.end <= len(text)
