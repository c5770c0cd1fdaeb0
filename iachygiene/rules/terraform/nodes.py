"""The syntax trees of a module, walked once for all rules that look into expressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeVar

from iachygiene import hcl
from iachygiene.model import Location, SourceFile, Span
from iachygiene.parse.json import Json
from iachygiene.parse.terraform import TerraformFile, TerraformModule

_N = TypeVar("_N", bound=hcl.Node)


def nodes(module: TerraformModule, kind: type[_N]) -> Iterator[tuple[SourceFile, _N]]:
    """The nodes of exactly one type in the files in native syntax, in no particular order."""
    for file, found in _by_type(module):
        for node in found.get(kind, ()):
            yield file, node


# The rules of a module run one after the other, so that only the last module is asked for.
@lru_cache(maxsize=1)
def _by_type(module: TerraformModule) -> list[tuple[SourceFile, dict[type, list[Any]]]]:
    return [
        (file.source, _walked(file.root))
        for file in module.files
        if isinstance(file, TerraformFile)
    ]


def _walked(root: hcl.Node) -> dict[type, list[Any]]:
    found: dict[type, list[Any]] = defaultdict(list)
    waiting = [root]
    while waiting:
        node = waiting.pop()
        kind = type(node)
        found[kind].append(node)
        if kind not in _LEAVES:
            waiting += node.children()
    return found


_LEAVES = frozenset((hcl.Literal, hcl.Text, hcl.Attr, hcl.Splat))


def json_references(
    module: TerraformModule,
) -> Iterator[tuple[Json, hcl.Reference, int | None]]:
    """The references in texts of the files in JSON syntax, each with the text that holds it.

    The number is what to add to a place in the reference to have its place in the file, None
    where escapes in the text forbid to count.
    """
    for file in module.files:
        if isinstance(file, TerraformFile):
            continue
        for value in file.root.walk():
            text = value.text
            if text is None or ("${" not in text and "%{" not in text):
                continue
            name = "E" * (len(text) + 1) if "EOT" in text else "EOT"
            head = f"a = <<{name}\n"
            try:
                body = hcl.parse(f"{head}{text}\n{name}\n")
            except hcl.HclError:
                continue
            plain = file.source.text[value.start + 1 : value.end - 1] == text
            shift = value.start + 1 - len(head) if plain else None
            for node in hcl.walk(body):
                if isinstance(node, hcl.Reference):
                    yield value, node, shift


def place(file: SourceFile, node: hcl.Node) -> Location:
    """Where a node stands."""
    return Location(file.path, Span(node.start, node.end))


def is_blank(text: str, without: str = "") -> bool:
    """Whether a text is blanks and line ends, but for some characters: no comment is in it."""
    return not text.strip(" \t\r\n" + without)


def short(text: str) -> str:
    """A text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


def may_move(text: str) -> bool:
    """Whether an expression holds nothing that reaches to the end of a line."""
    return "\n" not in text or not any(mark in text for mark in ("#", "//", "<<"))
