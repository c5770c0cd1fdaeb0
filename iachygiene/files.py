"""The scanned tree: the only place that opens its files and lists its directories."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from io import BytesIO
from typing import BinaryIO, Protocol

from iachygiene.deceptive import deceptive
from iachygiene.model import Broken, Location, SourceFile, Span, Trouble
from iachygiene.trace import (
    Read,
    Signature,
    Trace,
    digest,
    is_settled,
    listing_digest,
    signature,
)

MAX_FILE_SIZE = 10 * 1024 * 1024
"""Bytes; the default of `max-file-size`."""
MAX_LINE = 1024 * 1024
"""Bytes in one line."""


class Stored(Protocol):
    """Files as git holds them, by paths relative to the root."""

    def __contains__(self, path: object) -> bool:
        """Whether a regular file of that path is held."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where git does not have them here."""

    def listdir(self, directory: str) -> list[tuple[str, str]]:
        """Names and types ("file", "dir") in a directory, sorted."""


_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_UNICODE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class Tree:
    """A directory being scanned. Paths are POSIX and relative to `root`, "" is the root.

    `overlay` holds contents that replace what is on disk: fixes live there until they are
    written, and `originals` keep what they replace. `explicit` are the paths a person named,
    `listed` those that git or the walk gave. `marked` becomes true when a text is read that
    may hold a suppression, because it holds one of `markers`. `noticed` are troubles of texts that
    can be judged all the same.

    `trace`, where it is set, is told of everything that is looked at; `tracing` asks for one
    a job. `started` is when the run began, in nanoseconds.

    `defined` holds, for YAML that discovery looked into, its size and the kinds of custom
    resources that it seems to define.

    `stored` are files as git holds them, which stand before those on disk; `closed` says that
    they are all there is.
    """

    def __init__(
        self,
        root: str,
        *,
        listed: Collection[str] = (),
        explicit: Collection[str] = (),
        max_size: int = MAX_FILE_SIZE,
        stored: Stored | None = None,
        closed: bool = False,
    ) -> None:
        self.root = os.path.realpath(root)
        self._inside = self.root if self.root.endswith(os.sep) else self.root + os.sep
        self.stored = stored
        self.closed = closed
        self.listed = listed
        self.explicit = frozenset(explicit)
        self.max_size = max_size
        self.overlay: dict[str, bytes] = {}
        self.originals: dict[str, bytes] = {}
        self.marked = False
        self.markers: Collection[bytes] = (b"iachygiene",)
        self.noticed: list[Trouble] = []
        self.defined: dict[str, tuple[int, list[str]]] = {}
        self.trace: Trace | None = None
        self.tracing = False
        self.started = 0
        self._stamps: dict[str, int] = {}
        self._listings: dict[str, list[tuple[str, str]]] = {}

    def beside(self) -> Tree:
        """The same tree for another thread, which has a trace and marks of its own."""
        tree = Tree(
            self.root,
            listed=self.listed,
            explicit=self.explicit,
            max_size=self.max_size,
            stored=self.stored,
            closed=self.closed,
        )
        tree.started = self.started
        return tree

    def traced(self) -> Trace:
        """A new trace, which is told of everything from here on."""
        self.trace = Trace()
        return self.trace

    def absolute(self, path: str) -> str:
        """The path for the operating system."""
        return self._inside + path if path else self.root

    def is_listed(self, path: str) -> bool:
        """Whether git, or the walk without it, lists the file: ignored files are not."""
        found = path in self.listed
        if self.trace is not None:
            self.trace.answers["is_listed", path] = found
        return found

    def exists(self, path: str) -> bool:
        """Whether a regular file, or a link to one, is there."""
        if path in self.overlay or (self.stored is not None and path in self.stored):
            return True
        found = not self.closed and os.path.isfile(self.absolute(path))
        if self.trace is not None:
            self.trace.answers["exists", path] = found
        return found

    def is_link(self, path: str) -> bool:
        """Whether a symbolic link is there; what git holds counts as none."""
        if self.closed or path in self.overlay or (self.stored and path in self.stored):
            return False
        found = os.path.islink(self.absolute(path))
        if found and self.trace is not None:
            self.trace.answers["is_link", path] = found
        return found

    def size(self, path: str) -> int:
        """Bytes of a file, 0 where they cannot be known at once."""
        try:
            return os.stat(self.absolute(path)).st_size
        except OSError:
            return 0

    def is_directory(self, path: str) -> bool:
        """Whether a directory, or a link to one, is there."""
        if self.closed:
            return not path or bool(self.listdir(path))
        found = os.path.isdir(self.absolute(path))
        if not found and self.stored is not None:
            found = bool(self.stored.listdir(path))
        if self.trace is not None:
            self.trace.answers["is_directory", path] = found
        return found

    def listdir(self, directory: str) -> list[tuple[str, str]]:
        """Names and types ("file", "dir", "link", "other") on disk, sorted; empty if unreadable."""
        known = self._listings.get(directory)
        if known is None and self.closed and self.stored is not None:
            known = self._listings[directory] = self.stored.listdir(directory)
        if known is None:
            try:
                with os.scandir(self.absolute(directory)) as entries:
                    known = sorted((entry.name, _type_of(entry)) for entry in entries)
            except OSError:
                known = []
            if self.stored is not None:
                known = sorted({**dict(self.stored.listdir(directory)), **dict(known)}.items())
            self._listings[directory] = known
        if self.trace is not None and directory not in self.trace.listings:
            self.trace.listings[directory] = listing_digest(known)
        return known

    def real_path(self, path: str) -> str | None:
        """The path with links followed, None where that leads out of the root."""
        if self.closed:
            return path
        real = os.path.realpath(self.absolute(path))
        prefix = self.root if self.root.endswith(os.sep) else self.root + os.sep
        found = "" if real == self.root else None
        if real.startswith(prefix):
            found = real[len(prefix) :].replace(os.sep, "/")
        if self.trace is not None:
            self.trace.answers["real_path", path] = found
        return found

    def raw(self, path: str, limit: int | None = None) -> bytes:
        """The bytes of a regular file; raises `Broken` where they cannot be had.

        Links are followed. `limit` in bytes replaces the tree's own.
        """
        if path in self.overlay:
            return self.overlay[path]
        limit = self.max_size if limit is None else limit
        if self.stored is not None and path in self.stored:
            data = self.stored.read(path)
            if data is None:
                raise Broken(Trouble("unfetched", Location(path), "git does not hold it here"))
            return data
        if self.closed:
            raise Broken(Trouble("vanished", Location(path), "no such file"))
        try:
            descriptor = os.open(self.absolute(path), _OPEN)
        except OSError as error:
            if self.trace is not None:
                self._note_absence(path, error)
            raise Broken(_unreadable(path, error)) from None
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Broken(Trouble("unreadable", Location(path), "not a regular file"))
            if found.st_size > limit:
                sizes = f"{_mebibytes(found.st_size)} is over the limit of {_mebibytes(limit)}"
                raise Broken(Trouble("over-limit", Location(path), f"file size {sizes}"))
            data = _read_all(descriptor, limit + 1)
            if self.trace is not None:
                self._note_read(path, signature(found), data)
            return data
        except OSError as error:
            raise Broken(_unreadable(path, error)) from None
        finally:
            os.close(descriptor)

    def _note_read(self, path: str, identity: Signature, data: bytes) -> None:
        assert self.trace is not None
        settled = is_settled(identity, self.started)
        self.trace.files[path] = Read(identity if settled else None, digest(data))

    def _note_stream(self, path: str, identity: Signature) -> None:
        """What is read piece by piece has no digest: only its times can tell of it."""
        assert self.trace is not None
        if not is_settled(identity, self.started):
            self.trace.whole = False
        self.trace.files.setdefault(path, Read(identity, ""))

    def _note_absence(self, path: str, error: OSError) -> None:
        assert self.trace is not None
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            self.trace.answers["exists", path] = False
        else:
            self.trace.whole = False

    def stream(self, path: str) -> BinaryIO:
        """A regular file, open for reading; raises `Broken` where it cannot be had.

        Links are followed. What is in the overlay is read from there.
        """
        if path in self.overlay:
            return BytesIO(self.overlay[path])
        if self.stored is not None and path in self.stored:
            return BytesIO(self.stored.read(path) or b"")
        try:
            descriptor = os.open(self.absolute(path), _OPEN)
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                if self.trace is not None:
                    self._note_stream(path, signature(found))
                return os.fdopen(descriptor, "rb")
            os.close(descriptor)
        except OSError as error:
            if self.trace is not None:
                self._note_absence(path, error)
            raise Broken(_unreadable(path, error)) from None
        raise Broken(Trouble("unreadable", Location(path), "not a regular file"))

    def source(self, path: str) -> SourceFile:
        """A file for reports, as `read` decodes it but without its checks; raises `Broken`."""
        data = self.raw(path)
        if data.startswith(_UNICODE_MARKS) and path.lower().endswith((".yaml", ".yml")):
            data = _transcode(path, data)
        return SourceFile(path, data)

    def judged(self, path: str) -> bytes:
        """The bytes that the findings of a file speak of; raises `Broken` if they changed."""
        data = self.raw(path)
        if path not in self.overlay and self._stamps.get(path) != hash(data):
            raise Broken(Trouble("unreadable", Location(path), "changed meanwhile"))
        return data

    def read(self, path: str) -> SourceFile:
        """A text file; raises `Broken` where it cannot be read, decoded or judged.

        A link to another file of the tree gives that file under its own path. UTF-16 and
        UTF-32 with a mark are read for YAML alone, as its specification allows.
        """
        name = path
        if self.is_link(path):
            target = self.real_path(path)
            if target is not None:
                name = target
            elif path not in self.explicit:
                raise Broken(Trouble("outside", Location(path), "the link leads out of the tree"))
        data = self.raw(name)
        if data.startswith(_UNICODE_MARKS) and name.lower().endswith((".yaml", ".yml")):
            data = _transcode(name, data)
        file = SourceFile(name, data)
        self._stamps[name] = hash(data)
        _look_for_trouble(file)
        self.noticed.extend(deceptive(file))
        if not self.marked:
            self.marked = any(marker in data for marker in self.markers)
        return file


def _type_of(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "dir"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _read_all(descriptor: int, limit: int) -> bytes:
    parts = []
    while limit > 0 and (part := os.read(descriptor, min(limit, 1 << 20))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB" if size >= 1 << 20 else f"{size} bytes"


_REASONS = {
    errno.EACCES: "permission denied",
    errno.ELOOP: "too many levels of links",
    errno.ENAMETOOLONG: "the path is too long",
    errno.EIO: "input/output error",
    errno.ENXIO: "not a regular file",
    errno.EISDIR: "a directory",
}


def _unreadable(path: str, error: OSError) -> Trouble:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Trouble("vanished", Location(path), "no such file")
    reason = _REASONS.get(error.errno or 0) or (error.strerror or "cannot be read").lower()
    return Trouble("unreadable", Location(path), reason)


def _transcode(path: str, data: bytes) -> bytes:
    wide = data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"))
    try:
        return data.decode("utf-32" if wide else "utf-16").encode()
    except UnicodeError:
        raise Broken(
            Trouble("undecodable", Location(path), "neither UTF-8 nor the encoding of its mark")
        ) from None


def _look_for_trouble(file: SourceFile) -> None:
    data = file.data
    refuse_pointer(file.path, data)
    nul = data.find(b"\0")
    if nul != -1:
        offset = len(SourceFile(file.path, data[:nul]).text)
        place = Location(file.path, Span(offset, offset + 1))
        raise Broken(Trouble("undecodable", place, "a NUL byte: not a text file"))
    text = file.text
    if "<<<<<<< " in text:
        conflict = _conflict(text)
        if conflict is not None:
            place = Location(file.path, conflict)
            raise Broken(Trouble("conflict", place, "merge conflict markers"))
    if len(data) > MAX_LINE:
        _look_for_long_line(file, text)


def refuse_pointer(path: str, data: bytes) -> None:
    """Raise `Broken` for what Git LFS leaves in place of a file that it has not fetched."""
    if data.startswith(_POINTER):
        raise Broken(Trouble("lfs", Location(path), "LFS content not present"))


def _conflict(text: str) -> Span | None:
    """The first marker, where all three stand at line starts in their order."""
    start = 0 if text.startswith("<<<<<<< ") else text.find("\n<<<<<<< ") + 1
    if start == 0 and not text.startswith("<<<<<<< "):
        return None
    middle = text.find("\n=======", start)
    if middle == -1 or text.find("\n>>>>>>> ", middle) == -1:
        return None
    end = text.find("\n", start)
    return Span(start, end)


def _look_for_long_line(file: SourceFile, text: str) -> None:
    start = 0
    while len(text) - start > MAX_LINE:
        last = text.rfind("\n", start, start + MAX_LINE + 1)
        if last == -1:
            end = text.find("\n", start)
            size = _mebibytes((len(text) if end == -1 else end) - start)
            place = Location(file.path, Span(start, start + 1))
            message = f"a line of {size} is over the limit of 1.0 MiB"
            raise Broken(Trouble("over-limit", place, message))
        start = last + 1
