"""How findings about the files of a package are worded, a few apart and many as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from iachygiene.model import Finding, Findings, Location, Severity, at
from iachygiene.parse.npm import NpmPackage

APART = 10
"""Findings of one rule about files of a package; of more, one finding tells."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Something = TypeVar("Something", bound=_Named)


def gathered(
    package: NpmPackage,
    found: Sequence[Something],
    tell: Callable[[Something], Finding],
    many: str,
    severity: Severity | None = None,
) -> Findings:
    """A finding for each; where there are many, one that counts them and names the first.

    `severity` is that of the one finding, None for the rule's own.
    """
    if len(found) <= APART:
        for one in found:
            yield tell(one)
        return
    first = ", ".join(f'"{one.name}"' for one in found[:APART])
    places = [place for one in found[:APART] for place in _places(tell(one))]
    message = f"{len(found):,} {many}; first ten: {first}"
    yield at(package, message, related=dict.fromkeys(places), severity=severity)


def _places(finding: Finding) -> tuple[Location, ...]:
    return (finding.location, *finding.related)


def shown(url: str) -> str:
    """A URL or path without user, query and fragment, at most 200 characters of it."""
    plain = re.split("[?#]", url, maxsplit=1)[0]
    plain = re.sub("//[^/@]*@", "//", plain, count=1)
    return plain if len(plain) <= 200 else plain[:197] + "..."


def counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
