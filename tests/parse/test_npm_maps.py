from __future__ import annotations

import json
from base64 import b64encode
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.parse.npm_maps import (
    MapTooLarge,
    find_reference,
    inline_data,
    is_third_party,
    looks_like_map,
    read_map,
    wasm_reference,
)

LIMIT = 1000


def test_embedded_originals_are_counted() -> None:
    text = {
        "version": 3,
        "sources": ["a.ts", "node_modules/b/b.js", "c.ts"],
        "sourcesContent": ["one\ntwo", "theirs\n", None, ""],
        "mappings": "",
    }
    found = read_map(json.dumps(text).encode(), LIMIT)
    assert found is not None
    assert [one[:3] for one in found.embedded] == [
        ("a.ts", 7, 2),
        ("node_modules/b/b.js", 7, 1),
    ]
    assert [one.source for one in found.own] == ["a.ts"]


def test_contents_beyond_the_sources_count() -> None:
    found = read_map(b'{"sources": [], "sourcesContent": ["x"], "mappings": ""}', LIMIT)
    assert found is not None and found.embedded[0].source == "(source 0)"


def test_sections_of_an_index_map_add_up() -> None:
    part = {"sources": ["a.ts"], "sourcesContent": ["a"], "mappings": ""}
    whole = {"version": 3, "sections": [{"map": part}, {"map": part}, {"url": "https://h/x.map"}]}
    found = read_map(json.dumps(whole).encode(), LIMIT)
    assert found is not None
    assert (len(found.embedded), found.urls) == (2, ("https://h/x.map",))


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf", b")]}'\n", b")]}',x\n", b" \n"])
def test_a_mark_and_a_guard_line_may_stand_before_a_map(head: bytes) -> None:
    data = head + b'{"version": 3, "sources": [], "mappings": ""}'
    assert read_map(data, LIMIT) is not None
    assert looks_like_map(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"<!doctype html>", b"[1]", b'{"tiles": []}', b'{"version": 3, "sour',
     b'{"version": 4, "sources": []}', b'{"version": "x"}'],
)  # fmt: skip
def test_other_files_are_no_maps(data: bytes) -> None:
    assert read_map(data, LIMIT) is None


@pytest.mark.parametrize(
    "data",
    [
        b'{"version": 3, "sources": ' + json.dumps(["a"] * (LIMIT + 1)).encode() + b"}",
        b'{"mappings": ' + b"[" * 100_000,
        b'{"sections": [{"map": ' * 20 + b"{}" + b"}]}" * 20,
    ],
)
def test_a_map_over_a_limit_is_told(data: bytes) -> None:
    with pytest.raises(MapTooLarge):
        read_map(data, LIMIT)


def test_a_number_of_many_digits_does_not_stop_the_reader() -> None:
    assert read_map(b'{"mappings": "", "x": ' + b"1" * 5000 + b"}", LIMIT) is not None


@given(st.binary(max_size=60) | st.text('{}[]":,versionmapg3 ', max_size=60).map(str.encode))
def test_any_bytes_are_a_map_or_none(data: bytes) -> None:
    read_map(data, LIMIT)
    looks_like_map(data)
    wasm_reference(b"\0asm" + data)


@pytest.mark.parametrize(
    ("source", "third_party"),
    [
        ("../node_modules/a/b.js", True),
        ("webpack://app/./node_modules/a/b.js", True),
        ("webpack://app/webpack/bootstrap", True),
        ("webpack:///webpack/runtime/define", True),
        ("<anon>", True),
        ("\0commonjsHelpers.js", True),
        ("(disabled):fs", True),
        ("webpack://app/./src/a.ts", False),
        ("../src/node_modules.ts", False),
        ("src/webpack/plugin.ts", False),
        ("C:\\work\\src\\a.ts", False),
    ],
)
def test_a_source_is_own_or_of_others(source: str, third_party: bool) -> None:
    assert is_third_party(source) is third_party


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("f()\n//# sourceMappingURL=a.js.map", "a.js.map"),
        ("f()\n//# sourceMappingURL=a.js.map\r\n\n", "a.js.map"),
        ("f()//@ sourceMappingURL=a.js.map", "a.js.map"),
        ("a{}\n/*# sourceMappingURL=a.css.map */", "a.css.map"),
        ("/*# sourceMappingURL=a.css.map*/\n", "a.css.map"),
        ("//# sourceMappingURL=a.map\n//# debugId=1\n/* end */ // too", "a.map"),
        ("<script>\n//# sourceMappingURL=a.map\n</script></body>\n</html>", "a.map"),
        ("//# sourceMappingURL=old.map\nf()\n//# sourceMappingURL=new.map", "new.map"),
        ("//# sourceMappingURL=a.map\n// see sourceMappingURL=", "a.map"),
    ],
)
def test_a_reference_ends_a_file(text: str, url: str) -> None:
    data = text.encode()
    found = find_reference(data)
    assert found is not None
    assert found.url.decode() == url
    assert data[found.start : found.start + 2] in (b"//", b"/*")
    assert url.encode() in data[found.start : found.end]


@pytest.mark.parametrize(
    "text",
    [
        'x = "//# sourceMappingURL=" + y',
        "x = '//# sourceMappingURL=a.map';",
        "//# sourceMappingURL=a.map\nf()",
        "//#sourceMappingURL=a.map",
        "// sourceMappingURL=a.map",
        "/*# sourceMappingURL=a.map",
        "//# sourceMappingURL=",
        "/[#@] sourceMappingURL=([^\\s]*)/",
    ],
)
def test_other_texts_are_no_reference(text: str) -> None:
    assert find_reference(text.encode()) is None


@given(st.lists(st.sampled_from(["//# sourceMappingURL=", "a", "*/", "/*", "//", "\n", " ", "'"])))
def test_a_reference_lies_in_its_file(parts: list[str]) -> None:
    data = "".join(parts).encode()
    found = find_reference(data)
    if found is not None:
        assert 0 <= found.start < found.end <= len(data)
        assert found.url in data[found.start : found.end]


def test_references_of_long_files_are_found_in_linear_time() -> None:
    started = process_time()
    for data in (
        b"x" * 20_000_000 + b"\n//# sourceMappingURL=a.map",
        b"sourceMappingURL=" * 500_000,
        b"//# sourceMappingURL=a\n" * 200_000 + b"f()",
        b"//# sourceMappingURL=data:," + b"a" * 20_000_000,
    ):
        find_reference(data)
    assert process_time() - started < 5


@pytest.mark.parametrize(
    ("url", "data"),
    [
        (b"data:application/json;base64," + b64encode(b'{"a":1}'), b'{"a":1}'),
        (b"data:application/json;charset=utf-8;base64," + b64encode(b"{}").rstrip(b"="), b"{}"),
        (b"data:application/json,%7B%7D", b"{}"),
        (b"DATA:,x", b"x"),
        (b"data:;base64,a", None),
        (b"data:none", None),
        (b"index.js.map", None),
    ],
)
def test_a_data_url_is_decoded(url: bytes, data: bytes | None) -> None:
    assert inline_data(url) == data


def test_a_wasm_module_names_its_map_in_a_section() -> None:
    section = b"\x10sourceMappingURL\x05a.map"
    module = b"\0asm\x01\0\0\0\x01\x01\x60" + b"\0" + bytes([len(section)]) + section
    assert wasm_reference(module) == b"a.map"
