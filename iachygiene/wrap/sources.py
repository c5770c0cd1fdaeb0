"""What the texts of Terraform modules say before anything is parsed: calls, needs, what is read."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from iachygiene.lazy import regex
from iachygiene.model import Broken

if TYPE_CHECKING:
    from iachygiene.files import Tree

_NATIVE = (".tf", ".tofu")
_PROVIDED = regex(
    rb"""^[ \t]*(?:(?:resource|data|ephemeral)[ \t]+"?(?!terraform_)[A-Za-z]"""
    rb"""|provider[ \t]+"?(?!terraform\b)[A-Za-z]|required_providers\b)""",
    re.MULTILINE,
)
_REMOTE = regex(
    rb"""^[ \t]*source[ \t]*=[ \t]*"(?!\.\.?/|terraform\.io/builtin/)[^"$%\n]""", re.MULTILINE
)
_READS = regex(rb"\b(?:file|templatefile|fileset)\w*[ \t]*\(")
_SOURCE = regex(rb'^[ \t]*source[ \t]*=[ \t]*"(\.\.?/[^"$%\n]*)"', re.MULTILINE)


class Sources:
    """What the texts of modules seem to say of other modules and of providers, unparsed."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._texts: dict[str, list[bytes]] = {}

    def calls(self) -> dict[str, set[str]]:
        """Directory to the directories of the local modules that its files seem to call."""
        listed = {os.path.dirname(one) for one in self._tree.listed if one.endswith(_NATIVE)}
        return {directory: called for directory in listed if (called := self._called(directory))}

    def awaits(self, directory: str) -> str:
        """Why a module cannot be validated before `init`, in the program's words, or nothing."""
        above, waiting = {directory}, [directory]
        while waiting:
            here = waiting.pop()
            for text in self._of(here):
                if _PROVIDED.search(text) and b"terraform.io/builtin" not in text:
                    return "missing required provider"
                if _REMOTE.search(text):
                    return "module not installed"
            fresh = self._called(here) - above
            above |= fresh
            waiting += fresh
        return ""

    def read_all(self, directory: str) -> bool:
        """Read all that a verdict on a module rests on, and say whether that is all of it.

        What functions read is not known here, nor what tests do.
        """
        above, waiting = {directory}, [directory]
        while waiting:
            here = waiting.pop()
            for name, kind in self._tree.listdir(here):
                inside = f"{here}/{name}" if here else name
                if kind == "dir" and name != "tests":
                    continue
                if kind != "file" or not self._is_plain(inside):
                    return False
            fresh = self._called(here) - above
            above |= fresh
            waiting += fresh
        return True

    def _is_plain(self, path: str) -> bool:
        if not path.endswith((*_NATIVE, ".json", ".hcl", ".tfvars")):
            return True
        try:
            return _READS.search(self._tree.raw(path)) is None
        except Broken:
            return False

    def _called(self, directory: str) -> set[str]:
        found = set()
        for text in self._of(directory):
            for source in _SOURCE.findall(text):
                called = below_root(directory, source.decode(errors="replace"))
                if called is not None and called != directory:
                    found.add(called)
        return found

    def _of(self, directory: str) -> list[bytes]:
        if directory not in self._texts:
            texts = self._texts[directory] = []
            for name, _ in self._tree.listdir(directory):
                if name.endswith(_NATIVE):
                    with suppress(Broken):
                        texts.append(self._tree.raw(f"{directory}/{name}" if directory else name))
        return self._texts[directory]


def below_root(directory: str, source: str) -> str | None:
    """The place in the tree of a local module's source, None where that is outside of it."""
    path = os.path.normpath(os.path.join(directory, source)).replace(os.sep, "/")
    if path == ".":
        return ""
    return None if path == ".." or path.startswith("../") else path
