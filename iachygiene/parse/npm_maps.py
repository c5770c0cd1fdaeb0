"""Source maps, and the comments by which files refer to them.

The format is ECMA-426, https://tc39.es/ecma426/.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import loads
from typing import Any, NamedTuple

from iachygiene.lazy import regex
from iachygiene.parse.binaries import leb128, wasm_sections

MAX_SECTIONS = 8
"""Index maps within each other."""
MAX_REFERENCES_TRIED = 50
"""Places of a file that are looked at for a reference comment, from the end."""

_GUARD = regex(rb"\s*\)\]\}'[^\n]*\n?")
_LOOKS_LIKE_MAP = regex(
    rb'\s*\{\s*"(?:version|mappings|sources|sourcesContent|names|file|sections|sourceRoot)"\s*:'
)


class Original(NamedTuple):
    """An original file whose text a map holds."""

    source: str
    characters: int
    lines: int
    third_party: bool


class SourceMap(NamedTuple):
    """What a map says of its originals; for an index map that of all its sections.

    `sources` are as written, `roots` the `sourceRoot` values, `files` what `file` says, `urls`
    the `url` values of sections. `maker` is what probably wrote the map, judged by the order
    of its keys.
    """

    sources: tuple[str, ...]
    embedded: tuple[Original, ...]
    roots: tuple[str, ...]
    files: tuple[str, ...]
    urls: tuple[str, ...]
    maker: str

    @property
    def own(self) -> list[Original]:
        """Embedded originals that are the package's own, largest first."""
        mine = [original for original in self.embedded if not original.third_party]
        return sorted(mine, key=lambda original: -original.characters)


class MapTooLarge(Exception):
    """A map over a limit; the text names the limit."""


def looks_like_map(data: bytes) -> bool:
    """Whether the bytes begin as a source map does, whole or cut."""
    head = data[:4096].removeprefix(b"\xef\xbb\xbf")
    guard = _GUARD.match(head)
    return _LOOKS_LIKE_MAP.match(head, guard.end() if guard else 0) is not None


def read_map(data: bytes, max_sources: int) -> SourceMap | None:
    """The map in the bytes of a file, None where they are none.

    Raises `MapTooLarge` where it has more than `max_sources` sources or nests too deeply.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    guard = _GUARD.match(data)
    if guard:
        data = data[guard.end() :]
    if not data.lstrip().startswith(b"{"):
        return None
    try:
        value = loads(data.decode("utf-8", "replace"), parse_int=_small, parse_float=_small)
    except ValueError:
        return None
    except RecursionError:
        raise MapTooLarge("a source map is nested too deeply") from None
    if not _is_map(value):
        return None
    parts = list(_parts(value, 0))
    sources = [source for part in parts for source in _texts(part.get("sources"))]
    if len(sources) > max_sources:
        raise MapTooLarge(f"a source map of over {max_sources:,} sources")
    return SourceMap(
        tuple(sources),
        tuple(original for part in parts for original in _embedded(part)),
        tuple(part["sourceRoot"] for part in parts if isinstance(part.get("sourceRoot"), str)),
        tuple(part["file"] for part in parts if isinstance(part.get("file"), str)),
        tuple(_section_urls(parts)),
        _maker(parts[-1], sources),
    )


def _small(digits: str) -> int:
    return int(digits) if digits.isdigit() and len(digits) < 10 else -1


def _is_map(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return (
        "mappings" in value
        or "sections" in value
        or (value.get("version") in (1, 2, 3) and "sources" in value)
    )


def _parts(value: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """The map and the maps of its sections."""
    if depth > MAX_SECTIONS:
        raise MapTooLarge(f"index maps nested over {MAX_SECTIONS} levels")
    yield value
    for section in _list(value.get("sections")):
        inner = section.get("map") if isinstance(section, dict) else None
        if isinstance(inner, dict):
            yield from _parts(inner, depth + 1)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item if isinstance(item, str) else "" for item in _list(value)]


def _section_urls(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        for section in _list(part.get("sections")):
            if isinstance(section, dict) and isinstance(section.get("url"), str):
                yield section["url"]


def _embedded(part: dict[str, Any]) -> Iterator[Original]:
    sources = _texts(part.get("sources"))
    for number, content in enumerate(_list(part.get("sourcesContent"))):
        if isinstance(content, str) and content:
            source = sources[number] if number < len(sources) else f"(source {number})"
            lines = content.count("\n") + (not content.endswith("\n"))
            yield Original(source, len(content), lines, is_third_party(source))


_SCHEME = regex(r"[A-Za-z][A-Za-z0-9+.-]*:(?://[^/]*/?)?")
_BUNDLER = ("webpack/", "(webpack)", "<anon>", "<define:", "\0", "(disabled)", "external ")


def without_scheme(source: str) -> str:
    """The path of a source: `webpack://name/./src/a.js` is `./src/a.js`."""
    scheme = _SCHEME.match(source)
    return source[scheme.end() :] if scheme and len(scheme[0]) > 2 else source


def is_third_party(source: str) -> bool:
    """Whether a source comes from a dependency, or from the bundler itself."""
    path = without_scheme(source).replace("\\", "/")
    if path.removeprefix("./").startswith(_BUNDLER) or source.startswith(_BUNDLER):
        return True
    return "node_modules" in path.split("/")


_MAKERS = {
    "version,sources,sourcesContent,mappings,names": "esbuild or tsup",
    "version,sources,sourcesContent,mappings,debugId,names": "bun",
    "version,file,sources,sourcesContent,names,mappings": "rollup or microbundle",
    "version,file,names,sources,sourcesContent,mappings": "vite, rolldown or tsdown",
    "version,file,names,sources,sourcesContent,mappings,ignoreList": "babel",
    "version,sources,sourcesContent,names,mappings": "swc",
    "version,file,mappings,sources,sourcesContent,names,sourceRoot": "webpack or rspack",
    "version,file,sourceRoot,sources,names,mappings": "tsc",
    "version,file,sourceRoot,sources,names,mappings,sourcesContent": "tsc",
    "mappings,sources,sourcesContent,names,version,file": "parcel",
    "version,sourceRoot,sources,names,mappings,file": "sass",
}


def _maker(part: dict[str, Any], sources: list[str]) -> str:
    """What the measured order of keys belongs to, "" where it is none of them."""
    if any(source.startswith("turbopack://") for source in sources[:20]):
        return "next"
    return _MAKERS.get(",".join(part), "")


# Reference comments.

_MARK = b"sourceMappingURL="
_LINE_VALUE = regex(rb"[^\s\"'`]+(?=[ \t\r]*(?:\n|\Z))")
_BLOCK_VALUE = regex(rb"[^\s\"'`*]+(?=\s*\*/)")
_BLANK = regex(rb"\s*")
_OPENING = regex(rb"(?:<!--|-->|</[A-Za-z][A-Za-z0-9-]*\s*>)")


class Comment(NamedTuple):
    """A reference comment: byte offsets of its marker and end, and the URL in it."""

    start: int
    end: int
    url: bytes


def find_reference(data: bytes) -> Comment | None:
    """The reference comment that ends a JavaScript, CSS or HTML file, if one does.

    Only other comments and closing markup may follow it; the same text in a string or in
    the middle of a file is none.
    """
    where = data.rfind(_MARK)
    for _ in range(MAX_REFERENCES_TRIED):
        if where == -1:
            return None
        comment = _comment_at(data, where)
        if comment is not None:
            return comment if _only_comments(data, comment.end) else None
        where = data.rfind(_MARK, 0, where)
    return None


def _comment_at(data: bytes, where: int) -> Comment | None:
    """The comment whose `sourceMappingURL=` stands at an offset."""
    head = data[max(0, where - 64) : where]
    opened = head.rstrip(b" \t")
    if len(opened) == len(head) or opened[-2:-1] not in (b"/", b"*") or len(opened) < 3:
        return None
    start = where - (len(head) - len(opened)) - 3
    value_at = where + len(_MARK)
    if opened.endswith((b"//#", b"//@")):
        value = _LINE_VALUE.match(data, value_at)
        return Comment(start, value.end(), value[0]) if value else None
    if opened.endswith((b"/*#", b"/*@")):
        value = _BLOCK_VALUE.match(data, value_at)
        if value:
            return Comment(start, data.index(b"*/", value.end()) + 2, value[0])
    return None


def _only_comments(data: bytes, at: int) -> bool:
    while True:
        blank = _BLANK.match(data, at)
        at = blank.end() if blank else at
        if at >= len(data):
            return True
        if data.startswith(b"//", at):
            end = data.find(b"\n", at)
        elif data.startswith(b"/*", at):
            end = data.find(b"*/", at + 2)
            if end == -1:
                return False
            end += 2
        else:
            markup = _OPENING.match(data, at)
            if markup is None:
                return False
            end = markup.end()
        if end == -1:
            return True
        at = end


def wasm_reference(data: bytes) -> bytes | None:
    """The URL in the custom section `sourceMappingURL` of a WebAssembly module."""
    for name, contents in wasm_sections(data):
        if name == b"sourceMappingURL":
            length, at = leb128(contents, 0)
            return contents[at : at + length]
    return None


def inline_data(url: bytes) -> bytes | None:
    """What a `data:` URL holds, None where it is none or cannot be decoded."""
    head, comma, body = url.partition(b",")
    if not comma or head[:5].lower() != b"data:":
        return None
    from urllib.parse import unquote_to_bytes

    body = unquote_to_bytes(body)
    if not head.lower().endswith(b";base64"):
        return body
    from base64 import b64decode
    from binascii import Error

    try:
        return b64decode(body + b"=" * (-len(body) % 4))
    except Error:
        return None
