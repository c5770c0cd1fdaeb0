"""What `terraform validate` says again of what the static rules have found already.

One defect is one finding: the static one stays, because it is there with and without the
program, has a name of its own and says which name was perhaps meant.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from iachygiene.model import WHOLE_FILE, Broken, Finding
from iachygiene.programs import VALIDATE_RULES

if TYPE_CHECKING:
    from iachygiene.files import Tree

_HEADED = {
    "Missing": ("TF401", "TF403", "TF428", "TF430", "TF431"),
    "Unsupported": ("TF402", "TF428", "TF431"),
    "Duplicate": ("TF404",),
    "Invalid": ("TF405", "TF406", "TF411", "TF413", "TF428", "TF430"),
    "Zero assert": ("TF403",),
    "Both": ("TF406",),
    "Conflicting": ("TF406",),
    "Module is incompatible": ("TF430",),
}
"""How summaries begin that may stand beside the place of a static finding on its line."""
_PLACELESS = {
    "Cycle": "TF427",
    "Self-ref": "TF427",
    "Provider configuration not present": "TF430",
    "missing provider": "TF430",
}
"""How summaries begin that come without a place, and what finds the same."""


def without_known(findings: list[Finding], tree: Tree) -> list[Finding]:
    """The findings without those of the program that a static rule has as well."""
    static: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    directories: set[tuple[str, str]] = set()
    lines = _Lines(tree)
    said_in = {one.location.path for one in findings if one.rule in VALIDATE_RULES}
    for one in findings:
        if one.rule.startswith(("TF4", "TF307")):
            directories.add((os.path.dirname(one.location.path), one.rule))
            if one.location.path in said_in:
                static[one.location.path, lines.line(one)].append(one)
    kept = []
    for one in findings:
        if one.rule in VALIDATE_RULES:
            if _is_placeless(one, directories):
                continue
            here = static.get((one.location.path, lines.line(one)), ())
            if any(_weighs(other) >= _weighs(one) and _same(one, other) for other in here):
                continue
        kept.append(one)
    return kept


def _weighs(finding: Finding) -> int:
    """An error of the program is not given up for a static warning."""
    return finding.severity or 0


def _is_placeless(said: Finding, directories: set[tuple[str, str]]) -> bool:
    if said.location.span != WHOLE_FILE:
        return False
    directory = os.path.dirname(said.location.path)
    return any(
        said.message.startswith(beginning) and (directory, code) in directories
        for beginning, code in _PLACELESS.items()
    )


def _same(said: Finding, static: Finding) -> bool:
    here, there = said.location.span, static.location.span
    if here.start < max(there.end, there.start + 1) and there.start < max(here.end, here.start + 1):
        return True
    return any(
        said.message.startswith(beginning) and static.rule in codes
        for beginning, codes in _HEADED.items()
    )


class _Lines:
    """The lines that findings begin on."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.known: dict[str, list[int]] = {}

    def line(self, finding: Finding) -> int:
        from bisect import bisect_right

        path, span = finding.location.path, finding.location.span
        if path not in self.known:
            try:
                self.known[path] = self.tree.source(path).line_starts
            except Broken:
                self.known[path] = [0]
        return bisect_right(self.known[path], span.start)
