"""Archives as npm publishes them, read as a stream: nothing is unpacked to disk.

The formats are gzip (RFC 1952) and tar with the extended headers of POSIX.1-2001 and GNU.
Sizes in headers are not trusted: what counts towards a limit are the bytes that came out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import IO, NamedTuple
from unicodedata import normalize

from iachygiene.lazy import regex
from iachygiene.model import Location, Trouble

MAX_COMPRESSED = MAX_UNPACKED = 512 * 1024 * 1024
"""Bytes of an archive, and of what comes out of it."""
MAX_RATIO = 200
"""How many times its size an archive may unpack to, beyond `RATIO_FREE` bytes."""
RATIO_FREE = 10 * 1024 * 1024
MAX_MEMBERS = 100_000
MAX_MEMBER = 64 * 1024 * 1024
"""Bytes of one member that is looked into."""
MAX_HEADER = 1024 * 1024
"""Bytes of an extended header."""
MAX_SECONDS = 60
_CHUNK = 64 * 1024
_BLOCK = 512

ENDINGS = (".tgz", ".tar.gz", ".tar")
"""The names of archives that can be read."""


class Member(NamedTuple):
    """One entry: `kind` is "file", "dir", "hard link", "symbolic link" or "special"."""

    path: str
    kind: str
    size: int
    mode: int
    target: str
    detail: str = ""


class Problem(NamedTuple):
    """Something about a member that no archive of npm has.

    `kind` is "path", "link", "outer link", "special", "duplicate" or "mode".
    """

    kind: str
    member: str
    detail: str


class Archive:
    """What an archive is made of, beside the contents of its files.

    `names` maps each path without its first segment to the size, in the order of the archive,
    and `members` to the whole path.
    `extra` and `missing` are the differences from the directory beside it, None where there
    is no package of that name and version.
    """

    __slots__ = ("extra", "members", "missing", "names", "object", "path", "problems", "tops")

    def __init__(self, path: str) -> None:
        self.path = path
        self.object = f"archive {path.rpartition('/')[2]}"
        self.names: dict[str, int] = {}
        self.members: dict[str, str] = {}
        self.tops: dict[str, None] = {}
        self.problems: list[Problem] = []
        self.extra: list[str] | None = None
        self.missing: list[str] | None = None

    @property
    def location(self) -> Location:
        """The archive as a whole."""
        return Location(self.path)


class Stopped(Exception):
    """Reading cannot go on: a limit, or damage; `kind` is that of the trouble to report."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def trouble(self, path: str) -> Trouble:
        """What to report of the archive."""
        aliases = ("tar-truncated",) if self.kind == "syntax" else ()
        return Trouble(self.kind, Location(path), str(self), aliases)


class Budget:
    """What reading archives may cost in all, those within others included."""

    def __init__(self) -> None:
        self.unpacked = 0
        self.members = 0
        self.ends = monotonic() + MAX_SECONDS

    def take(self, size: int) -> None:
        """Count bytes that came out."""
        self.unpacked += size
        if self.unpacked > MAX_UNPACKED:
            raise Stopped("over-limit", "over 512 MiB come out of the archive (tarball-bomb)")

    def enter(self) -> None:
        """Count a member."""
        self.members += 1
        if self.members > MAX_MEMBERS:
            message = f"over {MAX_MEMBERS:,} members (tarball-too-many-files)"
            raise Stopped("over-limit", message)
        if monotonic() > self.ends:
            raise Stopped("over-limit", f"over {MAX_SECONDS} s to read (tarball-timeout)")


class _Inflated:
    """The bytes of a tar file, whether compressed or not."""

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self.file = file
        self.budget = budget
        self.compressed = 0
        self.unpacked = 0
        self.ready = bytearray()
        self.waiting = self._more()
        self.gzip = self.waiting.startswith(b"\x1f\x8b")
        self.inflate = zlib.decompressobj(31)
        self.ended = False

    def _more(self) -> bytes:
        data = self.file.read(_CHUNK)
        self.compressed += len(data)
        if self.compressed > MAX_COMPRESSED:
            raise Stopped("over-limit", "the archive is over 512 MiB (tarball-too-large)")
        return data

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        while len(self.ready) < size and not self.ended:
            self._fill()
        data = bytes(self.ready[:size])
        del self.ready[:size]
        return data

    def _fill(self) -> None:
        if not self.waiting:
            self.waiting = self._more()
        if not self.waiting:
            # What was held back by the bound on the output may still be in there.
            rest = b"" if self.inflate.eof else self.inflate.decompress(b"", _CHUNK)
            if rest:
                self._gain(rest)
                return
            self.ended = True
            if self.gzip and not self.inflate.eof:
                raise Stopped("syntax", "the archive ends in the middle of its compressed data")
            return
        if not self.gzip:
            self._gain(self.waiting)
            self.waiting = b""
            return
        if self.inflate.eof:
            self._next_part()
            return
        try:
            self._gain(self.inflate.decompress(self.waiting, _CHUNK))
        except zlib.error:
            raise Stopped("syntax", "the compressed data of the archive is damaged") from None
        self.waiting = self.inflate.unconsumed_tail or self.inflate.unused_data

    def _next_part(self) -> None:
        """Go on with another gzip member; zeros may fill up the last block."""
        self.waiting = self.waiting.lstrip(b"\0")
        if not self.waiting:
            return
        if len(self.waiting) < 2:
            self.waiting += self._more()
        if not self.waiting.startswith(b"\x1f\x8b"):
            raise Stopped("syntax", "something follows the compressed data of the archive")
        self.inflate = zlib.decompressobj(31)

    def _gain(self, data: bytes) -> None:
        self.ready += data
        self.unpacked += len(data)
        self.budget.take(len(data))
        beyond = self.unpacked > RATIO_FREE
        if beyond and self.unpacked > MAX_RATIO * self.compressed:
            message = f"it unpacks to over {MAX_RATIO} times its size (tarball-bomb)"
            raise Stopped("over-limit", message)


class Reader:
    """The members of a tar file one after the other, with the contents of those wanted."""

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self.source = _Inflated(file, budget)
        self.budget = budget
        self.left = 0
        self.padding = 0

    def members(self) -> Iterator[Member]:
        """The entries; raises `Stopped` where reading has to end."""
        settings: dict[str, str] = {}
        any_yet = False
        while True:
            self._skip()
            block = self.source.read(_BLOCK)
            if not block.strip(b"\0"):
                self._end(block, any_yet)
                return
            header = _Header(block)
            any_yet = True
            self.budget.enter()
            if header.type in b"xgLK":
                found = self._extended(header)
                if header.type != b"g":
                    settings.update(found)
                continue
            yield self._member(header, settings)
            settings = {}

    def contents(self, limit: int = MAX_MEMBER) -> bytes | None:
        """The bytes of the member that was given last, None where they are over the limit."""
        if self.left > limit:
            return None
        data = self.source.read(self.left)
        if len(data) < self.left:
            raise Stopped("syntax", "the archive ends in the middle of a member")
        self.left = 0
        return data

    def head(self, size: int) -> bytes:
        """The first bytes of the member that was given last; `contents` then lacks them."""
        data = self.source.read(min(size, self.left))
        self.left -= len(data)
        return data

    def _skip(self) -> None:
        left = self.left + self.padding
        while left > 0:
            data = self.source.read(min(left, _CHUNK))
            if not data:
                raise Stopped("syntax", "the archive ends in the middle of a member")
            left -= len(data)
        self.left = self.padding = 0

    def _end(self, block: bytes, any_yet: bool) -> None:
        if not block:
            what = "the archive ends without its mark of the end" if any_yet else "it is empty"
            raise Stopped("syntax", what)
        while data := self.source.read(_CHUNK):
            if data.strip(b"\0"):
                raise Stopped("syntax", "something follows the end of the archive")

    def _extended(self, header: _Header) -> dict[str, str]:
        """What an extended header says of the member that follows."""
        if header.size > MAX_HEADER:
            raise Stopped("over-limit", "an extended header over 1 MiB (tarball-malformed)")
        self.left, self.padding = header.size, -header.size % _BLOCK
        data = self.contents() or b""
        if header.type in b"LK":
            text = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
            return {"path" if header.type == b"L" else "linkpath": text}
        return dict(_records(data))

    def _member(self, header: _Header, settings: dict[str, str]) -> Member:
        size, detail = header.size, ""
        said = settings.get("size", "")
        if said:
            if not (said.isascii() and said.isdigit() and len(said) < 19):
                raise Stopped("syntax", "an extended header gives no proper size")
            size = int(said)
            if header.size not in (size, 0):
                detail = "two sizes"
        kind = _KINDS.get(header.type, "special")
        path = settings.get("path", header.path)
        if header.type == b"S" or any(key.startswith("GNU.sparse") for key in settings):
            kind, detail = "special", "a sparse file"
        elif detail:
            kind = "special"
        elif kind == "special":
            detail = _SPECIAL.get(header.type, "an unknown type")
        elif kind == "file" and path.endswith("/"):
            kind = "dir"
        holds = kind in ("file", "special")
        self.left = size if holds else 0
        self.padding = -size % _BLOCK if holds else 0
        target = settings.get("linkpath", header.target)
        return Member(path, kind, size, header.mode, target, detail)


_KINDS = {
    **dict.fromkeys((b"0", b"\0", b"7"), "file"),
    b"5": "dir",
    b"1": "hard link",
    b"2": "symbolic link",
}
_SPECIAL = {b"3": "a device", b"4": "a device", b"6": "a pipe"}


class _Header:
    """The fields of a header block."""

    __slots__ = ("mode", "path", "size", "target", "type")

    def __init__(self, block: bytes) -> None:
        if len(block) < _BLOCK:
            raise Stopped("syntax", "the archive ends in the middle of a header")
        wanted = _number(block[148:156])
        blank = block[:148] + b" " * 8 + block[156:]
        signed = sum(blank) - 256 * sum(byte > 127 for byte in blank)
        if wanted not in (sum(blank), signed):
            raise Stopped("syntax", "the checksum of a header is wrong: damaged, or no tar file")
        self.type = block[156:157]
        self.mode = max(_number(block[100:108]), 0)
        self.size = _number(block[124:136])
        if self.size < 0:
            raise Stopped("syntax", "a header gives a size below zero")
        self.path = _text(block[:100])
        if block[257:263] == b"ustar\0" and block[345]:
            self.path = f"{_text(block[345:500])}/{self.path}"
        self.target = _text(block[157:257])


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        # A number of base 256, as GNU tar writes large ones; 0xff begins a negative one.
        return (
            int.from_bytes(field, "big", signed=True)
            if field[0] == 0xFF
            else (int.from_bytes(field[1:], "big"))
        )
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise Stopped("syntax", "a header holds no proper number")
    return int(digits, 8)


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """The `length key=value` lines of a POSIX extended header."""
    at = 0
    while at < len(data) and data[at]:
        blank = data.find(b" ", at, at + 12)
        digits = data[at:blank] if blank != -1 else b""
        if not digits.isdigit() or int(digits) < 5:
            raise Stopped("syntax", "an extended header is malformed (tarball-malformed)")
        end = at + int(digits)
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if end > len(data) or not equals:
            raise Stopped("syntax", "an extended header is malformed (tarball-malformed)")
        yield key.decode("utf-8", "replace"), value.decode("utf-8", "surrogateescape")
        at = end


_BAD_NAME = regex(r"[\x00-\x1f\x7f]|\\|^/|^[A-Za-z]:")


def path_problem(path: str) -> str:
    """What is wrong with the path of a member, "" if nothing is."""
    if "\0" in path or _BAD_NAME.search(path):
        if path.startswith("/"):
            return "it is absolute"
        if "\\" in path:
            return "it holds a backslash"
        return "it holds a control character" if _control(path) else "it begins with a drive"
    names = path.split("/")
    if ".." in names:
        return "it leads out of the package"
    size = len(path.encode("utf-8", "surrogateescape"))
    longest = max(len(name.encode("utf-8", "surrogateescape")) for name in names)
    if size > 4096 or longest > 255 or len(names) > 100:
        raise Stopped("over-limit", "a path over 4,096 bytes, 255 a name (tarball-bad-path)")
    return ""


def _control(path: str) -> bool:
    return any(letter < " " or letter == "\x7f" for letter in path)


def link_leads_out(member: Member, inner: str, names: Iterable[str]) -> bool:
    """Whether a link leaves the package; a hard link has to name an earlier member."""
    if member.kind == "hard link":
        _, _, target = member.target.partition("/")
        return bool(path_problem(member.target)) or target not in names
    if not member.target or path_problem(member.target.replace("..", "")):
        return True
    depth = inner.count("/")
    for name in member.target.split("/"):
        depth += -1 if name == ".." else 0 if name in ("", ".") else 1
        if depth < 0:
            return True
    return False


def same_name(path: str) -> str:
    """What two paths have in common that are one file on some systems."""
    return normalize("NFC", path).casefold() if not path.isascii() else path.lower()
