"""The values that everything else passes around: places, findings, edits, results.

Positions are code-point offsets into the decoded text of a file, without its byte order
mark; line and column are computed when something is printed. Nothing here refers to a
parent: the cyclic garbage collector is off during a run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import accumulate, count
from operator import add
from typing import Any, NamedTuple, Protocol, TypeAlias


class Severity(IntEnum):
    """How bad a finding is, in ascending order."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """The severity as reports and configuration spell it."""
        return self.name.lower()


class Span(NamedTuple):
    """A half-open range of code points."""

    start: int
    end: int


WHOLE_FILE = Span(0, 0)
"""The span of a finding that is about a file and not about a place in it."""


class Location(NamedTuple):
    """A place in a file; `path` is POSIX and relative to the root of the scan."""

    path: str
    span: Span = WHOLE_FILE
    label: str = ""

    def labelled(self, label: str) -> Location:
        """The same place with the text that a report shows beside it."""
        return self._replace(label=label)


class Located(Protocol):
    """What a finding can stand at: every node of every view."""

    @property
    def location(self) -> Location:
        """Where the node is."""
        ...


class Edit(NamedTuple):
    """A replacement of one span; an empty span inserts, an empty text deletes."""

    span: Span
    text: str


class Fix(NamedTuple):
    """Edits of one file, the finding's own unless `path` says otherwise, applied all or none.

    `keep_mark` is false where the byte order mark goes as well.
    """

    title: str
    edits: tuple[Edit, ...]
    safe: bool = True
    keep_mark: bool = True
    path: str = ""


class Finding(NamedTuple):
    """One reported problem. The engine stamps `rule` and, where it is None, `severity`."""

    rule: str
    severity: Severity | None
    message: str
    location: Location
    object: str = ""
    related: tuple[Location, ...] = ()
    aliases: tuple[str, ...] | None = None
    fix: Fix | None = None


Findings: TypeAlias = Iterator[Finding]


def at(
    node: Located | Location,
    message: str,
    *,
    related: Iterable[Location] = (),
    fix: Fix | None = None,
    object: str | None = None,
    aliases: Iterable[str] | None = None,
    severity: Severity | None = None,
) -> Finding:
    """A finding at a node.

    `object` is what the finding is about ("stage build"); without it, the node's own
    attribute of that name. `aliases` replaces the rule's: the peers that would report this
    very finding. `severity` replaces the rule's for this finding alone.
    """
    location = node if isinstance(node, Location) else node.location
    if object is None:
        object = getattr(node, "object", "")
    return Finding(
        "",
        severity,
        message,
        location,
        object,
        tuple(related),
        None if aliases is None else tuple(aliases),
        fix,
    )


def touches(finding: Finding, added: Mapping[str, Sequence[Span]]) -> bool:
    """Whether a finding stands on an added line; one about a whole file does if any is."""
    start, end = finding.location.span
    spans = added.get(finding.location.path, ())
    whole = start == end == 0
    return any(whole or (start < span.end and span.start < max(end, start + 1)) for span in spans)


class Trouble(NamedTuple):
    """A file that cannot be judged, or only in part; the toolkit rules report it.

    `kind` is one of "syntax", "unreadable", "undecodable", "over-limit", "conflict". Those
    called "vanished", "outside", "lfs" and "unfetched" are no findings of their own.
    """

    kind: str
    location: Location
    message: str
    aliases: tuple[str, ...] = ()


class Broken(Exception):
    """Raised where reading or parsing a file has to stop; carries the trouble to report."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


class Comment(NamedTuple):
    """A comment a parser met, and the span it speaks for.

    `text` is the comment without its marker. `reach` is what a suppression in it covers:
    the line, or what the following line opens (an instruction, a block, a node).
    `leading` is true when no code stands before it in its file. `scope` is what it stands
    in, as other tools see it: an instruction, a stage, a block, a document. `key` is that of
    an annotation, which speaks as a comment does; `text` is then its value.
    """

    location: Location
    text: str
    reach: Span
    leading: bool = False
    scope: Span = WHOLE_FILE
    key: str = ""


class Unchecked(NamedTuple):
    """Something that was not looked at: never silently dropped.

    `why` is one word for programs ("template", "size", "lfs"), `detail` is for people.
    """

    what: str
    why: str
    detail: str = ""
    hint: str = ""


class ToolStatus(NamedTuple):
    """How a run of an external program, or of what replaces it, ended.

    `status` is one of "ok", "findings", "missing", "too-old", "timed-out", "crashed",
    "garbage", "disabled", "not-needed". `required` says that it was asked for by name, so
    that its absence makes the run incomplete.
    """

    name: str
    check: str
    status: str
    version: str | None = None
    seconds: float = 0.0
    units: int = 0
    detail: str = ""
    hint: str = ""
    required: bool = False


class Crash(NamedTuple):
    """A rule that raised: a defect of ours, confined to that rule on that unit."""

    rule: str
    path: str
    cause: str
    traceback: str


class Muted(NamedTuple):
    """A finding that was set aside.

    `by` is "comment", "annotation", "peer", "baseline" or "config".
    """

    finding: Finding
    by: str
    reason: str = ""
    at: Location | None = None


class Job(NamedTuple):
    """The largest set of files that belong together: what one worker judges at a time.

    `settings` is the table that the rules of a kind share in the configuration.
    """

    kind: str
    directory: str
    paths: tuple[str, ...]
    settings: Mapping[str, Any] = {}


class SourceFile:
    """The bytes of one file and their text. A byte order mark is not part of the text."""

    __slots__ = ("_line_starts", "_lines", "_offsets", "_text", "bom", "data", "path")

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.bom = data.startswith(b"\xef\xbb\xbf")
        self._text: str | None = None
        self._line_starts: list[int] | None = None
        # Offsets that were asked for, and their lines: the next count begins there.
        self._offsets = [0]
        self._lines = [1]

    @property
    def text(self) -> str:
        """The decoded text; raises `Broken` where the bytes are not UTF-8."""
        if self._text is None:
            try:
                self._text = self.data[3:].decode() if self.bom else self.data.decode()
            except UnicodeDecodeError as error:
                good = self.data[3 if self.bom else 0 : error.start].decode(errors="replace")
                place = Location(self.path, Span(len(good), len(good)))
                message = f"byte 0x{self.data[error.start]:02x} is not UTF-8"
                raise Broken(Trouble("undecodable", place, message)) from None
        return self._text

    @property
    def shown_text(self) -> str:
        """The text for reports, with U+FFFD in place of what is not UTF-8."""
        try:
            return self.text
        except Broken:
            return self.data[3 if self.bom else 0 :].decode(errors="replace")

    @property
    def line_starts(self) -> list[int]:
        """Offsets at which the lines begin; only a line feed ends a line."""
        if self._line_starts is None:
            lengths = map(len, self.shown_text.split("\n"))
            # Each line is longer by its line feed; the last one ends where none begins.
            ends = map(add, accumulate(lengths), count(1))
            self._line_starts = [0, *ends]
            del self._line_starts[-1]
        return self._line_starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1; columns count code points."""
        if self._line_starts is not None:
            line = bisect_right(self._line_starts, offset)
            return line, offset - self._line_starts[line - 1] + 1
        text = self.shown_text
        index = bisect_right(self._offsets, offset)
        before, line = self._offsets[index - 1], self._lines[index - 1]
        line += text.count("\n", before, offset)
        if offset > before:
            self._offsets.insert(index, offset)
            self._lines.insert(index, line)
        return line, offset - text.rfind("\n", 0, offset)

    def line(self, number: int) -> str:
        """The text of a line (from 1) without its line end; empty beyond the last."""
        text = self.shown_text
        start = self._start_near(number) if self._line_starts is None else None
        if start is None:
            if number > len(self.line_starts):
                return ""
            start = self.line_starts[number - 1]
        end = text.find("\n", start)
        return text[start : None if end == -1 else end].removesuffix("\r")

    def _start_near(self, number: int) -> int | None:
        """Where a line begins that is one of those asked for, or the next but one after it."""
        index = bisect_right(self._lines, number) - 1
        text = self.shown_text
        start = text.rfind("\n", 0, self._offsets[index]) + 1
        for _ in range(number - self._lines[index]):
            if number - self._lines[index] > 2 or not (start := text.find("\n", start) + 1):
                return None
        return start

    @property
    def location(self) -> Location:
        """The file as a whole."""
        return Location(self.path)


class Result(NamedTuple):
    """Everything a report may show, sorted by path, span and rule.

    `kinds` are the files that were checked, each with its kind; `counts` are their numbers.
    `cached` is the number of files whose verdicts were known from an earlier run.
    """

    findings: Sequence[Finding]
    muted: Sequence[Muted]
    unchecked: Sequence[Unchecked]
    tools: Sequence[ToolStatus]
    crashes: Sequence[Crash]
    counts: Mapping[str, int]
    config: str | None
    config_digest: str
    exit_code: int
    seconds: float
    timings: Mapping[str, Any]
    kinds: Mapping[str, str] = {}
    cached: int = 0
