"""Versions and the constraints on them, for every language.

Constraints are Terraform's: comma-separated comparisons,
https://developer.hashicorp.com/terraform/language/expressions/version-constraints
"""

from __future__ import annotations

import re
from typing import NamedTuple

from iachygiene.lazy import regex

_CORE = r"(?P<v>v?)(?P<release>[0-9]+(?:\.[0-9]+)*)"
_TAIL = (
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_VERSION = regex(_CORE + _TAIL)
_COMPARISON = regex(r"[ \t]*+(=|!=|>=|<=|>|<|~>)?[ \t]*+" + _CORE + _TAIL + r"[ \t]*")


class Version(NamedTuple):
    """A version. `release` has as many numbers as were written; `prefix` is "v" or empty."""

    release: tuple[int, ...]
    pre: str = ""
    build: str = ""
    prefix: str = ""

    @property
    def key(self) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
        """What versions are ordered by; build metadata does not count (semver.org, 10 and 11)."""
        release = (*self.release, 0, 0)[: max(3, len(self.release))]
        while len(release) > 3 and release[-1] == 0:
            release = release[:-1]
        parts = self.pre.split(".") if self.pre else []
        pre = tuple(
            (False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts
        )
        return release, not self.pre, pre


class Comparison(NamedTuple):
    """One part of a constraint; `operator` is "=" where none is written."""

    operator: str
    version: Version

    def allows(self, version: Version) -> bool:
        """Whether a version satisfies it. A pre-release is only allowed where one is named."""
        if version.pre and not self._names_pre_release(version):
            return self.operator == "!="
        key, bound = version.key, self.version.key
        if self.operator == "~>":
            kept = self.version.release[:-1]
            return key >= bound and version.key[0][: len(kept)] == kept
        return {
            "=": key == bound,
            "!=": key != bound,
            ">": key > bound,
            ">=": key >= bound,
            "<": key < bound,
            "<=": key <= bound,
        }[self.operator]

    def _names_pre_release(self, version: Version) -> bool:
        return bool(self.version.pre) and self.version.key[0] == version.key[0]


def parse_version(text: str) -> Version | None:
    """The version that a text is, None for another text. Missing numbers are allowed."""
    found = _VERSION.fullmatch(text) if len(text) <= 256 else None
    return _version(found) if found else None


def parse_constraint(text: str) -> tuple[Comparison, ...] | None:
    """The comparisons of a constraint, all of which have to hold; None where it is not one."""
    comparisons = []
    for part in text.split(","):
        found = _COMPARISON.fullmatch(part) if len(part) <= 256 else None
        if found is None:
            return None
        comparisons.append(Comparison(found[1] or "=", _version(found)))
    return tuple(comparisons)


def _version(found: re.Match[str]) -> Version:
    release = tuple(int(number) for number in found["release"].split("."))
    return Version(release, found["pre"] or "", found["build"] or "", found["v"])


def allows(constraint: tuple[Comparison, ...], version: Version) -> bool:
    """Whether a version satisfies every comparison."""
    return all(comparison.allows(version) for comparison in constraint)


def is_exact(constraint: tuple[Comparison, ...]) -> bool:
    """Whether a single full version is named: three numbers, no leading "v"."""
    if len(constraint) != 1:
        return False
    only = constraint[0]
    return only.operator == "=" and len(only.version.release) == 3 and not only.version.prefix


def has_lower_bound(constraint: tuple[Comparison, ...]) -> bool:
    """Whether old versions are left out by some comparison."""
    return any(comparison.operator in ("=", ">", ">=", "~>") for comparison in constraint)
