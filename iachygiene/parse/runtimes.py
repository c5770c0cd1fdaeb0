"""Versions of runtimes that a repository declares: Node.js, Python, Go, Rust, Ruby, .NET."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename

from iachygiene.lazy import regex
from iachygiene.model import Broken, Location, SourceFile, Span
from iachygiene.parse.project import VersionFact

_SINGLE = {
    ".nvmrc": "node",
    ".node-version": "node",
    ".python-version": "python",
    ".ruby-version": "ruby",
    "rust-toolchain": "rust",
}
_TOOLS = {
    "nodejs": "node",
    "node": "node",
    "python": "python",
    "golang": "go",
    "go": "go",
    "ruby": "ruby",
    "rust": "rust",
}
_VERSION = regex(r"(?:node-|ruby-)?v?([0-9]+(?:\.[0-9]+)*)")
_GO = regex(r"^(?:go[ \t]+|toolchain[ \t]+go)([0-9]+(?:\.[0-9]+)*)", re.MULTILINE)
_TOOL_LINE = regex(r"^([a-z]+)[ \t]+v?([0-9]+(?:\.[0-9]+)*)[ \t]*(?:#.*)?$", re.MULTILINE)
_CHANNEL = regex(r"^[ \t]*channel[ \t]*=[ \t]*\"([0-9]+(?:\.[0-9]+)*)\"", re.MULTILINE)


def declared(file: SourceFile) -> Iterator[VersionFact]:
    """The versions that one file declares; what is no number (`lts/*`, `stable`) is left out."""
    name = basename(file.path)
    text = file.text
    if name in _SINGLE:
        line = next((one.strip() for one in text.split("\n") if one.strip()[:1] not in "#"), "")
        found = _VERSION.fullmatch(line)
        if found:
            start = text.index(line) + found.start(1)
            yield _fact(file, start, _SINGLE[name], found[1], "exact")
    elif name == ".tool-versions":
        for one in _TOOL_LINE.finditer(text):
            if one[1] in _TOOLS:
                yield _fact(file, one.start(2), _TOOLS[one[1]], one[2], "exact")
    elif name == "go.mod":
        for one in _GO.finditer(text):
            yield _fact(file, one.start(1), "go", one[1], "least")
    elif name == "rust-toolchain.toml":
        channel = _CHANNEL.search(text)
        if channel:
            yield _fact(file, channel.start(1), "rust", channel[1], "exact")
    elif name == "package.json":
        yield from _engines(file)
    elif name == "global.json":
        yield from _sdk(file)
    elif name == "pyproject.toml":
        yield from _requires_python(file)


def _fact(file: SourceFile, start: int, runtime: str, text: str, notation: str) -> VersionFact:
    place = Location(file.path, Span(start, start + len(text)))
    return VersionFact(place, runtime, text, notation)


def _engines(file: SourceFile) -> Iterator[VersionFact]:
    from iachygiene.parse.json import parse

    if '"engines"' not in file.text:
        return
    try:
        node = parse(file).get("engines", "node")
    except Broken:
        return
    if node is not None and node.text:
        place = Location(file.path, Span(node.start, node.end))
        yield VersionFact(place, "node", node.text, "npm")


def _sdk(file: SourceFile) -> Iterator[VersionFact]:
    from iachygiene.parse.json import parse

    try:
        root = parse(file)
    except Broken:
        return
    version, roll = root.get("sdk", "version"), root.get("sdk", "rollForward")
    how = roll.text if roll is not None else "latestPatch"
    if version is None or not version.text or how in ("major", "latestMajor"):
        return
    # Feature bands and patches are the SDK's own; images go by major and minor.
    short = ".".join(version.text.split(".")[: 1 if how in ("minor", "latestMinor") else 2])
    place = Location(file.path, Span(version.start, version.end))
    yield VersionFact(place, "dotnet", short, "exact")


def _requires_python(file: SourceFile) -> Iterator[VersionFact]:
    if "requires-python" not in file.text:
        return
    from iachygiene.parse.toml import places

    place = places(file.text).get(("project", "requires-python"))
    if place is not None:
        text = file.text[place.value.start : place.value.end].strip("'\"")
        yield VersionFact(Location(file.path, place.value), "python", text, "python")
