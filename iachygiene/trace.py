"""What judging one job looked at: the files, directories and absences that its verdict rests on."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any, NamedTuple

Signature = tuple[int, int, int, int]
"""Times of change of contents and of the entry in nanoseconds, size in bytes, inode."""

SETTLED = 2_000_000_000
"""Nanoseconds after which an equal signature means equal contents, as in git's index."""


class Read(NamedTuple):
    """One file that was read: what identified it on disk, None where it may still change."""

    signature: Signature | None
    digest: str


class Trace:
    """Everything of a tree that was looked at; `whole` says that all of it can be told again."""

    def __init__(self) -> None:
        self.files: dict[str, Read] = {}
        self.listings: dict[str, str] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        self.whole = True

    def add(self, other: Trace) -> None:
        """Take over what another one was told, as if it were looked at again."""
        self.files.update(other.files)
        self.listings.update(other.listings)
        self.answers.update(other.answers)
        self.whole = self.whole and other.whole

    def dump(self) -> list[Any]:
        """As plain JSON values."""
        return [
            [[path, read.signature, read.digest] for path, read in self.files.items()],
            list(self.listings.items()),
            [[question, path, said] for (question, path), said in self.answers.items()],
        ]


def signature(found: os.stat_result) -> Signature:
    """What identifies the contents of a file without reading it."""
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def is_settled(one: Signature, now: int) -> bool:
    """Whether a file has been left alone for long enough, so that an edit shows in its times.

    A clock that ticks in steps of up to two seconds, and times in the future, do not count
    as settled.
    """
    return max(one[0], one[1]) < now - SETTLED


def digest(data: bytes) -> str:
    """The name of some contents."""
    return sha256(data).hexdigest()


def listing_digest(entries: list[tuple[str, str]]) -> str:
    """The name of what a directory holds."""
    text = "\0".join(f"{name}\0{kind}" for name, kind in entries)
    return digest(text.encode("utf-8", "surrogatepass"))
