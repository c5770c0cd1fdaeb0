"""Ranges of versions as several ecosystems write them, and whether two have one in common.

A range is a list of half-open intervals of release numbers, compared as tuples: `1.2` holds
`1.2.0` and all that begins with 1.2. Pre-releases are not told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from iachygiene.lazy import regex

if TYPE_CHECKING:
    from iachygiene.versions import Comparison

Release: TypeAlias = tuple[float, ...]
Range: TypeAlias = Sequence[tuple[Release, Release]]

ANY: Range = (((), (float("inf"),)),)
"""Every version."""

_PREFIX = regex(r"v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?(?![0-9.])")
_NPM_PART = regex(
    r"(\^|~>?|>=|<=|>|<|=)?[ \t]*v?([0-9xX*]{1,9})(?:\.([0-9xX*]{1,9}))?(?:\.([0-9xX*]{1,9}))?"
    r"(?:[-+][0-9A-Za-z.+-]*)?"
)
_PYTHON_PART = regex(
    r"(~=|===?|!=|>=|<=|>|<)[ \t]*v?([0-9]{1,9}(?:\.[0-9]{1,9})*)(\.\*)?"
    r"(?:(?:a|b|rc|\.?dev|\.?post|\+)\S*)?"
)


def overlap(one: Range, other: Range) -> bool:
    """Whether any version is in both."""
    return any(max(a[0], b[0]) < min(a[1], b[1]) for a in one for b in other)


def within_all(ranges: Iterable[Range]) -> bool:
    """Whether any version is in all of them."""
    common: Range = ANY
    for one in ranges:
        common = [
            (max(a[0], b[0]), min(a[1], b[1]))
            for a in common
            for b in one
            if max(a[0], b[0]) < min(a[1], b[1])
        ]
    return bool(common)


def beginning_with(text: str) -> Range | None:
    """The versions that begin as a text does: `20` of `20-alpine`; None where it has none."""
    found = _PREFIX.match(text)
    if found is None:
        return None
    return [_beginning(tuple(int(part) for part in found.groups() if part is not None))]


def at_least(text: str) -> Range | None:
    """The versions from one on."""
    found = _PREFIX.match(text)
    if found is None:
        return None
    return [(tuple(int(part) for part in found.groups() if part is not None), (float("inf"),))]


def _beginning(release: Release) -> tuple[Release, Release]:
    return (release, (*release[:-1], release[-1] + 1)) if release else ANY[0]


def npm_range(text: str) -> Range | None:
    """A range of npm, `>=18 <21 || ^22.1`; None where it is none.

    https://github.com/npm/node-semver#ranges
    """
    if len(text) > 300:
        return None
    found: list[tuple[Release, Release]] = []
    for alternative in text.split("||"):
        first, hyphen, last = alternative.partition(" - ")
        words = f">={first.strip()} <={last.strip()}" if hyphen else alternative.strip()
        words = re.sub(r"([<>=~^])[ \t]+", r"\1", words)
        parts: list[Range] = []
        for word in words.split():
            part = _NPM_PART.fullmatch(word)
            if part is None:
                return None
            numbers = _numbers(part.groups()[1:])
            parts.append([_npm_interval(part[1] or "", numbers)])
        low = max((one[0][0] for one in parts), default=())
        high = min((one[0][1] for one in parts), default=(float("inf"),))
        if low < high:
            found.append((low, high))
    return found


def _numbers(parts: Iterable[str | None]) -> Release:
    numbers: list[float] = []
    for part in parts:
        if part is None or not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _npm_interval(operator: str, release: Release) -> tuple[Release, Release]:
    infinite = (float("inf"),)
    if not release:
        return ANY[0]
    begin, end = _beginning(release)
    if operator == ">=":
        return begin, infinite
    if operator == ">":
        return (end if len(release) < 3 else (*release, 0)), infinite
    if operator == "<":
        return (), begin
    if operator == "<=":
        return (), (end if len(release) < 3 else (*release, 0))
    if operator.startswith("~"):
        return begin, _beginning(release[:2])[1]
    if operator == "^":
        kept = next((at for at, number in enumerate(release) if number), len(release) - 1)
        return begin, _beginning(release[: kept + 1])[1]
    return begin, end


def python_range(text: str) -> Range | None:
    """A version specifier of Python, `>=3.10,<3.14`; None where it is none.

    https://packaging.python.org/en/latest/specifications/version-specifiers/
    """
    low: Release = ()
    high: Release = (float("inf"),)
    for word in text.split(",") if len(text) <= 300 else ("?",):
        part = _PYTHON_PART.fullmatch(word.strip())
        if part is None:
            return None
        release: Release = tuple(int(number) for number in part[2].split("."))
        begin, end = _beginning(release)
        operator = part[1]
        if operator == "~=":
            begin, end = release, _beginning(release[:-1])[1]
        elif operator in (">=", ">"):
            end = (float("inf"),)
        elif operator == "<":
            begin, end = (), release
        elif operator == "<=":
            begin, end = (), (*release, 0)
        elif operator == "!=":
            continue
        low, high = max(low, begin), min(high, end)
    return [(low, high)] if low < high else []


def terraform_range(constraint: Iterable[Comparison]) -> Range:
    """The versions of a constraint of Terraform, but for those that `!=` leaves out."""
    low: Release = ()
    high: Release = (float("inf"),)
    for operator, version in constraint:
        release: Release = (*version.release, 0, 0)[: max(3, len(version.release))]
        if operator == "~>":
            kept = version.release[:-1]
            begin, end = release, _beginning(tuple(kept))[1]
        elif operator == ">=":
            begin, end = release, high
        elif operator == ">":
            begin, end = (*release, 0), high
        elif operator == "<":
            begin, end = (), release
        elif operator == "<=":
            begin, end = (), (*release, 0)
        elif operator == "=":
            begin, end = release, (*release, 0)
        else:
            continue
        low, high = max(low, begin), min(high, end)
    return [(low, high)] if low < high else []
