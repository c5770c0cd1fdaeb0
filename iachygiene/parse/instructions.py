"""The instructions of a Dockerfile, each word with its place in the file.

The format is https://docs.docker.com/reference/dockerfile/; what is refused is what Docker
refuses.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Location, Span
from iachygiene.parse.script import Script, Text, Word
from iachygiene.parse.shell import parse_shell

_TOKEN = regex(r"[^ \t\r\v\f]+")
_JSON_STRING = regex(r'[ \t\r\n]*"((?:[^"\\]|\\.)*)"[ \t\r\n]*')
_JSON_ESCAPE = regex(r"\\(u[0-9a-fA-F]{4}|.)")
_JSON_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SCRIPT_STOP = regex(r"(?<!<)<<(?=[ \t])")
_FLAG = regex(r"--([A-Za-z][\w-]*)(?:=((?:[^\s\"']|\"[^\"]*\"|'[^']*')*))?(?!\S)")
_WORDS = {
    "\\": regex(r"(?:[^\s\"'\\]|\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.)+", re.DOTALL),
    "`": regex(r"(?:[^\s\"'`]|\"(?:[^\"`]|`.)*\"|'[^']*'|`.)+", re.DOTALL),
}
_WITH_FLAGS = frozenset(("FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"))
_ONCE = frozenset(("from", "chown", "chmod", "link"))
DL1000 = ("hadolint:DL1000", "iachygiene:DF1000")


class Flag(NamedTuple):
    """One `--name=value` of an instruction; the value is "" where there is none."""

    name: str
    value: str
    location: Location

    @property
    def options(self) -> dict[str, str]:
        """The value as the `key=value` list of a mount; a bare key has the value ""."""
        pairs = (item.partition("=") for item in self.value.split(","))
        return {key.strip().lower(): value for key, _, value in pairs}


class Heredoc(NamedTuple):
    """A here-document. `expands` says that variables in the body are replaced."""

    name: str
    location: Location
    body: Text
    expands: bool


class Pair(NamedTuple):
    """One variable or label; `value` is None for an ARG without default."""

    name: Word
    value: Word | None

    @property
    def location(self) -> Location:
        """Name and value."""
        first = self.name.location
        last = first if self.value is None else self.value.location
        return first._replace(span=Span(first.span.start, last.span.end))


class Instruction:
    """One instruction of any kind.

    `text` is the instruction with its continuation lines joined; its arguments begin at
    `rest`, behind the flags. `extent` runs to the end of the last here-document.
    """

    __slots__ = ("escape", "extent", "flags", "heredocs", "keyword", "object", "rest", "text")

    def __init__(self, keyword: str, text: Text, rest: int, shape: Shape) -> None:
        self.keyword = keyword
        self.text = text
        self.rest = rest
        self.flags = shape.flags
        self.heredocs = shape.heredocs
        self.extent = shape.extent
        self.escape = shape.escape
        self.object = ""

    @property
    def location(self) -> Location:
        """The first line of the instruction."""
        line = self.text.string[: self.text.first_piece]
        return self.text.location(0, len(line.rstrip()))

    def flag(self, name: str) -> Flag | None:
        """The first flag of that name."""
        return next((flag for flag in self.flags if flag.name == name), None)

    @property
    def argument(self) -> Word:
        """Everything behind the flags as one word: what USER or WORKDIR name."""
        string = self.text.string
        end = max(len(string.rstrip()), self.rest)
        return Word(self.text, self.rest, end, unquoted(string[self.rest : end], self.escape), True)

    @property
    def words(self) -> list[Word]:
        """The strings of the JSON form, else the arguments between blanks."""
        return self.exec_form or self.blank_separated()

    def blank_separated(self) -> list[Word]:
        """The arguments between blanks; quotes do not join them, as Docker has it."""
        string = self.text.string
        return [
            Word(
                self.text,
                found.start(),
                found.end(),
                unquoted(found[0], self.escape),
                "$" not in found[0],
            )
            for found in _TOKEN.finditer(string, self.rest)
        ]

    @property
    def exec_form(self) -> list[Word] | None:
        """The strings of the JSON form, None where the arguments are in shell form.

        An escape that JSON does not know is accepted here, as hadolint does.
        """
        string = self.text.string
        if not string.startswith("[", self.rest):
            return None
        return _json_strings(self.text, self.rest)

    def __repr__(self) -> str:
        return f"Instruction({self.text.string!r})"


class From(Instruction):
    """FROM: `image` as written, and the stage's name where it has one."""

    __slots__ = ("image", "name")

    def __init__(self, keyword: str, text: Text, rest: int, shape: Shape) -> None:
        super().__init__(keyword, text, rest, shape)
        words = self.blank_separated()
        remark = next((i for i, word in enumerate(words) if word.raw.startswith("#")), len(words))
        words = words[:remark]
        named = len(words) == 3 and words[1].text.upper() == "AS"
        if not (len(words) == 1 or named):
            raise Refused("FROM takes one image and, with AS, the name of the stage")
        if words[0].text.endswith(":"):
            raise Refused(f'"{words[0].text}" has an empty tag', words[0])
        self.image = words[0]
        self.name = words[2] if named else None


class Run(Instruction):
    """RUN: `script` is what the shell gets, parsed on first use.

    `ends_file` says that only empty lines follow.
    """

    __slots__ = ("_script", "ends_file")

    def __init__(self, keyword: str, text: Text, rest: int, shape: Shape) -> None:
        super().__init__(keyword, text, rest, shape)
        self._script: Script | None = None
        self.ends_file = False

    @property
    def mounts(self) -> list[Flag]:
        """The `--mount` flags."""
        return [flag for flag in self.flags if flag.name == "mount"]

    def caches(self, path: str) -> bool:
        """Whether a cache or tmpfs mount has a target that contains the path."""
        for mount in self.mounts:
            options = mount.options
            target = options.get("target") or options.get("dst") or options.get("destination", "")
            if options.get("type") in ("cache", "tmpfs") and path in target:
                return True
        return False

    @property
    def script(self) -> Script:
        """The commands.

        Of a RUN with a here-document that is the body, or, where something stands before
        the marker, only that: hadolint reads it so. The JSON form is read as the words of
        a shell command.
        """
        if self._script is None:
            self._script = parse_shell(self.script_text)
        return self._script

    @property
    def is_heredoc(self) -> bool:
        """Whether the script is a here-document: nothing stands before its marker."""
        if not self.heredocs or self.exec_form:
            return False
        end = self._offset(self.heredocs[0].location.span.start)
        return not self.text.string[self.rest : end].strip()

    def _offset(self, origin: int) -> int:
        """The offset in the text of a place in the file."""
        return bisect_left(range(len(self.text.string)), origin, key=self.text.origin)

    @property
    def script_text(self) -> Text:
        """What of the instruction is read as the script."""
        start, end = self.rest, len(self.text.string)
        words = self.exec_form
        # hadolint takes a backslash at the end of a string for the shell form.
        if words and not any(word.raw.endswith('\\\\"') for word in words):
            return _spread(self.text, words)
        if self.heredocs:
            marker = self.heredocs[0].location.span
            if self.is_heredoc:
                # hadolint reads what follows the marker as a line of the body.
                rest = self.text.part(self._offset(marker.end - 1) + 1, end)
                body = self.heredocs[0].body
                alone = not rest.string.strip() or len(self.heredocs) > 1
                return body if alone else rest.above(body)
            end = self._offset(marker.start)
        # To hadolint this is a here-document whose name is empty, as is the line that ends it.
        stop = _SCRIPT_STOP.search(self.text.string, start, end) if self.ends_file else None
        return self.text.part(start, stop.start() if stop else end)


class Copy(Instruction):
    """COPY and ADD. A source may be the marker of a here-document (`<<EOF`)."""

    __slots__ = ("sources", "target")

    def __init__(self, keyword: str, text: Text, rest: int, shape: Shape) -> None:
        super().__init__(keyword, text, rest, shape)
        words = self.words
        if len(words) < 2:
            raise Refused(f"{keyword} takes a source and a target")
        names = [flag.name for flag in self.flags if flag.name in _ONCE]
        if len(names) > len(set(names)):
            raise Refused(f"{keyword} has a flag twice")
        self.sources = words[:-1]
        self.target = words[-1]

    @property
    def from_flag(self) -> Flag | None:
        """`--from`, where the files come from a stage, an image or a named context."""
        return self.flag("from")

    @property
    def context_sources(self) -> list[Word]:
        """The sources that lie in the build context: no stage, URL or here-document."""
        if self.from_flag is not None:
            return []
        return [
            word for word in self.sources if not word.raw.startswith("<<") and not _is_remote(word)
        ]


class Variables(Instruction):
    """ENV, ARG and LABEL."""

    __slots__ = ("pairs",)

    def __init__(self, keyword: str, text: Text, rest: int, shape: Shape) -> None:
        super().__init__(keyword, text, rest, shape)
        words = list(self._quoted_words(self.escape))
        if keyword != "ARG" and "=" not in words[0].raw:
            self.pairs = [self._legacy_pair(words)]
            return
        self.pairs = []
        for word in words:
            equals = word.raw.find("=")
            if equals == -1 and keyword != "ARG":
                raise Refused(f'{keyword} takes pairs, "{word.raw}" has no "="', word)
            self.pairs.append(self._pair(word, equals))

    def _quoted_words(self, escape: str) -> Iterator[Word]:
        string, here = self.text.string, self.rest
        end = len(string.rstrip())
        while here < end:
            if string[here].isspace():
                here += 1
                continue
            found = _WORDS[escape].match(string, here, end)
            stop = found.end() if found else here
            if stop < end and not string[stop].isspace():
                if self.keyword != "ARG" and string[stop] != escape:
                    place = Word(self.text, here, end, "", True)
                    raise Refused("the quote is not closed", place)
                stop = end
            yield Word(self.text, here, stop, unquoted(string[here:stop], escape), True)
            here = stop

    def _legacy_pair(self, words: list[Word]) -> Pair:
        if len(words) < 2:
            raise Refused(f'{self.keyword} takes pairs, "{words[0].raw}" has no value', words[0])
        string = self.text.string
        start, end = words[1]._start, len(string.rstrip())
        return Pair(
            words[0], Word(self.text, start, end, unquoted(string[start:end], self.escape), True)
        )

    def _pair(self, word: Word, equals: int) -> Pair:
        if equals == -1:
            return Pair(word, None)
        start, end = word._start, word._end
        raw = word.raw
        name = Word(self.text, start, start + equals, unquoted(raw[:equals], self.escape), True)
        text = unquoted(raw[equals + 1 :], self.escape)
        return Pair(name, Word(self.text, start + equals + 1, end, text, "$" not in raw))


class Healthcheck(Instruction):
    """HEALTHCHECK: `disabled` for NONE; `command` is what follows CMD."""

    __slots__ = ("command", "disabled")

    def __init__(self, keyword: str, text: Text, rest: int, shape: Shape) -> None:
        super().__init__(keyword, text, rest, shape)
        first = self.blank_separated()[0]
        self.disabled = first.text.upper() == "NONE"
        self.command: Instruction | None = None
        if not self.disabled:
            if first.text.upper() != "CMD":
                raise Refused("HEALTHCHECK takes NONE or CMD", first)
            self.command = _inner(self, shape)


class Onbuild(Instruction):
    """ONBUILD: `trigger` is the instruction that runs in the build of a derived image."""

    __slots__ = ("trigger",)

    def __init__(self, keyword: str, text: Text, rest: int, shape: Shape) -> None:
        super().__init__(keyword, text, rest, shape)
        self.trigger = _inner(self, shape)


class Shape(NamedTuple):
    flags: list[Flag]
    heredocs: list[Heredoc]
    extent: Span
    escape: str


class Refused(Exception):
    """Docker refuses the instruction; `place` is what the finding stands at."""

    def __init__(self, message: str, place: Word | None = None, known: bool = True) -> None:
        super().__init__(message)
        self.place = place
        self.aliases = DL1000 if known else ("iachygiene:DF1000",)


_KINDS: Mapping[str, type[Instruction]] = {
    **dict.fromkeys(("CMD", "ENTRYPOINT", "SHELL", "EXPOSE", "VOLUME"), Instruction),
    **dict.fromkeys(("USER", "WORKDIR", "STOPSIGNAL", "MAINTAINER"), Instruction),
    **dict.fromkeys(("ENV", "ARG", "LABEL"), Variables),
    **dict.fromkeys(("COPY", "ADD"), Copy),
    "FROM": From,
    "RUN": Run,
    "HEALTHCHECK": Healthcheck,
    "ONBUILD": Onbuild,
}


def unquoted(text: str, escape: str = "\\") -> str:
    """A word of an instruction without its quotes and escapes; variables stay."""
    if '"' not in text and "'" not in text and escape not in text:
        return text
    out: list[str] = []
    quote = ""
    here = 0
    while here < len(text):
        letter = text[here]
        if letter == escape and quote != "'" and here + 1 < len(text):
            here += 1
            # In double quotes only what is special there loses its escape.
            special = not quote or text[here] in ('"', "$", escape)
            out.append(text[here] if special else escape + text[here])
        elif letter == quote:
            quote = ""
        elif letter in "\"'" and not quote:
            quote = letter
        else:
            out.append(letter)
        here += 1
    return "".join(out)


def build(text: Text, heredocs: list[Heredoc], extent: Span, escape: str) -> Instruction:
    string = text.string
    found = _TOKEN.match(string)
    keyword = found[0].upper() if found else ""
    kind = _KINDS.get(keyword)
    end = found.end() if found else 0
    if kind is None:
        place = Word(text, 0, end, keyword, True)
        raise Refused(f'unknown instruction "{string[:end]}"', place)
    rest = _skip_blanks(string, end)
    flags: list[Flag] = []
    if keyword in _WITH_FLAGS:
        while flag := _FLAG.match(string, rest):
            place_of_flag = text.location(rest, flag.end())
            flags.append(Flag(flag[1], unquoted(flag[2] or "", escape), place_of_flag))
            rest = _skip_blanks(string, flag.end())
    if rest >= len(string):
        raise Refused(f"{keyword} has no argument")
    return kind(keyword, text, rest, Shape(flags, heredocs, extent, escape))


def _skip_blanks(string: str, here: int) -> int:
    while here < len(string) and string[here].isspace():
        here += 1
    return here


def _inner(outer: Instruction, shape: Shape) -> Instruction:
    """The instruction inside another; one ONBUILD in another is not read any further."""
    text = outer.text.part(outer.rest, len(outer.text.string))
    found = _TOKEN.match(text.string)
    if found and found[0].upper() == "ONBUILD":
        return Instruction("ONBUILD", text, _skip_blanks(text.string, found.end()), shape)
    return build(text, shape.heredocs, shape.extent, shape.escape)


def _json_strings(text: Text, start: int) -> list[Word] | None:
    string = text.string
    words: list[Word] = []
    here = start + 1
    while found := _JSON_STRING.match(string, here):
        inside = _JSON_ESCAPE.sub(_json_escape, found[1]) if "\\" in found[1] else found[1]
        words.append(Word(text, found.start(1) - 1, found.end(1) + 1, inside, True))
        here = found.end()
        if not string.startswith(",", here):
            break
        here += 1
    else:
        # Behind a comma another string has to follow.
        if words:
            return None
        here = _skip_blanks(string, here)
    return words if string[here:].rstrip() == "]" else None


def _json_escape(found: re.Match[str]) -> str:
    escaped = found[1]
    if len(escaped) == 5:
        return chr(int(escaped[1:], 16))
    return _JSON_ESCAPES.get(escaped, escaped)


def _spread(text: Text, words: Sequence[Word]) -> Text:
    """The words of a JSON form as one line of shell, with their escapes as they are."""
    starts: list[int] = []
    origins: list[int] = []
    length = 0
    strings = [word.raw[1:-1] for word in words]
    for word, string in zip(words, strings, strict=True):
        starts.append(length)
        origins.append(word.location.span.start + 1)
        length += len(string) + 1
    return Text(text.path, " ".join(strings), origins, starts)


def _is_remote(word: Word) -> bool:
    return "://" in word.text or word.text.startswith("git@")
