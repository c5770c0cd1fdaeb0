"""What git holds: the files of a commit and of the index, read from the object store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from iachygiene.discover import kind_by_name
from iachygiene.files import Stored as Held
from iachygiene.git import LISTING_LIMIT, Refusal, ask, refusal_of, start
from iachygiene.lazy import regex


class Blob(NamedTuple):
    """A regular file as git holds it, by the name of its contents."""

    name: str


class Stored:
    """The files of a commit or of the index, read from the object store when asked for."""

    def __init__(self, root: str, blobs: Mapping[str, Blob]) -> None:
        self._root = root
        self.blobs = blobs
        self._contents: dict[str, bytes | None] = {}
        self._directories: dict[str, dict[str, str]] | None = None

    def __contains__(self, path: object) -> bool:
        return path in self.blobs

    def fetch(self, paths: Iterable[str]) -> Refusal | None:
        """Read the contents of many files at once."""
        names = sorted({self.blobs[path].name for path in paths} - self._contents.keys())
        if not names:
            return None
        running = start(
            self._root,
            *("cat-file", "--batch"),
            limit=LISTING_LIMIT,
            input="".join(name + "\n" for name in names).encode(),
        )
        if isinstance(running, Refusal):
            return running
        ended = running.wait()
        refusal = refusal_of(ended)
        if refusal is None:
            self._contents.update(_read_batch(ended.stdout))
        return refusal

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where git does not have them here."""
        name = self.blobs[path].name
        if name not in self._contents:
            self.fetch([path])
        return self._contents.get(name)

    def listdir(self, directory: str) -> list[tuple[str, str]]:
        """Names and types ("file", "dir") in a directory, sorted."""
        if self._directories is None:
            self._directories = {}
            for path in self.blobs:
                kind = "file"
                while path:
                    path, _, name = path.rpartition("/")
                    names = self._directories.setdefault(path, {})
                    if name in names:
                        break
                    names[name] = kind
                    kind = "dir"
        return sorted(self._directories.get(directory, {}).items())


class Layers:
    """Files of one store above those of another."""

    def __init__(self, above: Held, below: Held) -> None:
        self._layers = (above, below)

    def __contains__(self, path: object) -> bool:
        return any(path in layer for layer in self._layers)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None where git does not have them here."""
        return next(layer for layer in self._layers if path in layer).read(path)

    def listdir(self, directory: str) -> list[tuple[str, str]]:
        """Names and types ("file", "dir") in a directory, sorted."""
        above, below = self._layers
        return sorted({**dict(below.listdir(directory)), **dict(above.listdir(directory))}.items())


def with_index(root: str, paths: Iterable[str], above: Held | None) -> Held | None:
    """Files of the index, below others that may be held already.

    What discovery and parsers will read is fetched at once.
    """
    answer = index_of(root)
    if isinstance(answer, Refusal):
        return above
    blobs, _ = answer
    found = Stored(root, {path: blobs[path] for path in paths if path in blobs})
    found.fetch(path for path in found.blobs if kind_by_name(path))
    return found if above is None else Layers(above, found)


def _read_batch(output: bytes) -> dict[str, bytes | None]:
    """The objects in what `cat-file --batch` prints: a line with name, type, size, then them."""
    found: dict[str, bytes | None] = {}
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        fields = output[position:end].decode("ascii", "replace").split(" ")
        position = end + 1
        if len(fields) != 3:
            found[fields[0]] = None
            continue
        size = int(fields[2])
        found[fields[0]] = output[position : position + size]
        position += size + 1
    return found


def tree_at(root: str, commit: str) -> Mapping[str, Blob] | Refusal:
    """The regular files of a commit below the root."""
    answer = ask(root, "ls-tree", "-r", "-z", commit, limit=LISTING_LIMIT)
    if isinstance(answer, Refusal):
        return answer
    found = {}
    for record in os.fsdecode(answer).split("\0")[:-1]:
        fields, _, path = record.partition("\t")
        mode, _, name = fields.split(" ")
        if mode in ("100644", "100755"):
            found[path] = Blob(name)
    return found


def index_of(root: str) -> tuple[Mapping[str, Blob], frozenset[str]] | Refusal:
    """The regular files of the index, and the paths in it that are not merged."""
    answer = ask(root, "ls-files", "--cached", "--stage", "-z", limit=LISTING_LIMIT)
    if isinstance(answer, Refusal):
        return answer
    found, unmerged = {}, set()
    for record in os.fsdecode(answer).split("\0")[:-1]:
        fields, _, path = record.partition("\t")
        mode, name, stage = fields.split(" ")
        if stage != "0":
            unmerged.add(path)
        elif mode in ("100644", "100755"):
            found[path] = Blob(name)
    return found, frozenset(unmerged)


class Entry(NamedTuple):
    """What the index knows of a file: the name of its contents, and its state on disk then.

    `state` is the times of change of contents and of the entry in nanoseconds, the size in
    bytes and the number of the inode, the last two by their lower 32 bits.
    """

    name: str
    state: tuple[int, int, int, int]


_ENTRY = regex(
    r"  ctime: (\d+):(\d+)\n  mtime: (\d+):(\d+)\n  dev: \d+\tino: (\d+)\n"
    r"  uid: \d+\tgid: \d+\n  size: (\d+)\tflags: [0-9a-f]+\n"
)


def entries_of(root: str) -> Mapping[str, Entry]:
    """The entries of the index that tell whether their files are still what they were.

    Files that changed within the tick of the clock in which the index was written are left
    out, as git itself does not believe these; so is everything where git does not tell.
    """
    listing = start(root, "ls-files", "--cached", "--stage", "--debug", "-z", limit=LISTING_LIMIT)
    place = ask(root, "rev-parse", "--git-path", "index", limit=LISTING_LIMIT)
    if isinstance(listing, Refusal) or isinstance(place, Refusal):
        return {}
    try:
        written = os.stat(os.path.join(root, os.fsdecode(place.rstrip(b"\n")))).st_mtime_ns
    except OSError:
        return {}
    ended = listing.wait()
    if refusal_of(ended):
        return {}
    found: dict[str, Entry] = {}
    head, *rest = os.fsdecode(ended.stdout).split("\0")
    for chunk in rest:
        known = _ENTRY.match(chunk)
        if known is None:
            return {}
        ctime, ctime_ns, mtime, mtime_ns, inode, size = map(int, known.groups())
        fields, _, path = head.partition("\t")
        mode, name, stage = fields.split(" ")
        changed = mtime * 1_000_000_000 + mtime_ns
        if stage == "0" and mode in ("100644", "100755") and changed < written:
            state = (changed, ctime * 1_000_000_000 + ctime_ns, size, inode)
            found[path] = Entry(name, state)
        head = chunk[known.end() :]
    return found


def state_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """The state of a file as an entry of the index has it."""
    low = 0xFFFFFFFF
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size & low, found.st_ino & low)


def holds(blob: Blob, data: bytes) -> bool:
    """Whether bytes of the working tree are those that git holds, line ends left aside."""
    from hashlib import sha1, sha256

    hashed = sha1 if len(blob.name) == 40 else sha256

    def name(contents: bytes) -> str:
        return hashed(b"blob %d\0" % len(contents) + contents).hexdigest()

    return name(data) == blob.name or (
        b"\r\n" in data and name(data.replace(b"\r\n", b"\n")) == blob.name
    )
