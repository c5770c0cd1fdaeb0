"""What a shell script is to the rules: commands and words, each with its place in the file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from iachygiene.model import Location, Span

Nesting: TypeAlias = tuple[str, ...]


class Text:
    """A text joined from pieces of a file, which knows where each code point came from."""

    __slots__ = ("_origins", "_starts", "path", "string")

    def __init__(
        self, path: str, string: str, origins: Sequence[int], starts: Sequence[int] = (0,)
    ) -> None:
        self.path = path
        self.string = string
        self._origins = origins
        self._starts = starts

    def origin(self, offset: int) -> int:
        """The offset in the file of an offset in the text."""
        if len(self._starts) == 1:
            return self._origins[0] + offset
        piece = bisect_right(self._starts, offset) - 1
        return self._origins[piece] + offset - self._starts[piece]

    def location(self, start: int, end: int) -> Location:
        """The place in the file of a range of the text, which may run over several lines."""
        first = self.origin(start)
        last = self.origin(end - 1) + 1 if end > start else first
        return Location(self.path, Span(first, last))

    @property
    def first_piece(self) -> int:
        """The length of what comes from the first place: the first line of an instruction."""
        return self._starts[1] if len(self._starts) > 1 else len(self.string)

    def above(self, other: Text) -> Text:
        """The text with another on the line below it."""
        length = len(self.string) + 1
        starts = [*self._starts, *(start + length for start in other._starts)]
        origins = [*self._origins, *other._origins]
        return Text(self.path, f"{self.string}\n{other.string}", origins, starts)

    def part(self, start: int, end: int) -> Text:
        """A range of the text as a text of its own."""
        string = self.string[start:end]
        if len(self._starts) == 1:
            return Text(self.path, string, (self._origins[0] + start,))
        first = bisect_right(self._starts, start) - 1
        last = max(bisect_right(self._starts, max(start, end - 1)), first + 1)
        starts = [max(place - start, 0) for place in self._starts[first:last]]
        origins = [self.origin(start), *self._origins[first + 1 : last]]
        return Text(self.path, string, origins, starts)


class Word:
    """One word as the program gets it: without quotes, with variables left as `${X}`.

    `literal` says that nothing in it is expanded. `raw` is the word as it is written.
    """

    __slots__ = ("_end", "_source", "_start", "literal", "text")

    def __init__(self, source: Text, start: int, end: int, text: str, literal: bool) -> None:
        self._source = source
        self._start = start
        self._end = end
        self.text = text
        self.literal = literal

    @property
    def raw(self) -> str:
        """The word as written, continuation lines joined."""
        return self._source.string[self._start : self._end]

    @property
    def location(self) -> Location:
        """Where the word stands, quotes included."""
        return self._source.location(self._start, self._end)

    def __repr__(self) -> str:
        return f"Word({self.text!r})"


class Assignment:
    """`name=value`, before a command or by itself; `value` is None for an array."""

    __slots__ = ("name", "value", "word")

    def __init__(self, name: str, value: str | None, word: Word) -> None:
        self.name = name
        self.value = value
        self.word = word

    @property
    def location(self) -> Location:
        """The whole assignment."""
        return self.word.location


class Command:
    r"""One simple command.

    `name` is the first word, or the one behind `command`, `builtin`, `exec` and `busybox`;
    `arguments` are all words after the first. `operator` stands before the command: "" at
    the start of a list, "\n", ";", "&", "&&", "||", "|" or "|&". `nesting` names what the
    command is inside of, outermost first: "$(", "`", "(", "{", "if", "then", "else",
    "while", "do", "case", "function".
    """

    __slots__ = ("_flags", "assignments", "name", "name_word", "nesting", "operator", "words")

    def __init__(
        self,
        name_word: Word,
        words: list[Word],
        assignments: list[Assignment],
        operator: str,
        nesting: Nesting,
    ) -> None:
        self.name = name_word.text
        self.name_word = name_word
        self.words = words
        self.assignments = assignments
        self.operator = operator
        self.nesting = nesting
        self._flags: dict[str, Word] | None = None

    @property
    def location(self) -> Location:
        """The name of the command."""
        return self.name_word.location

    @property
    def extent(self) -> Location:
        """The command from its first to its last word."""
        first, last = self.words[0].location, self.words[-1].location
        return first._replace(span=Span(first.span.start, last.span.end))

    @property
    def arguments(self) -> list[Word]:
        """All words after the first."""
        return self.words[1:]

    @property
    def flags(self) -> dict[str, Word]:
        """Names of options to their first word: `-xz` is x and z, `--name=v` is name."""
        if self._flags is None:
            found: dict[str, Word] = {}
            for word in self.words[1:]:
                for name in _flag_names(word.text):
                    found.setdefault(name, word)
            self._flags = found
        return self._flags

    @property
    def plain(self) -> list[Word]:
        """The arguments that are no options; `-` and `--` are plain."""
        return [word for word in self.words[1:] if _is_plain(word.text)]

    def has(self, *texts: str) -> bool:
        """Whether one of the texts is an argument."""
        return any(word.text in texts for word in self.words[1:])

    def has_flag(self, *names: str) -> bool:
        """Whether one of the options is given."""
        flags = self.flags
        return any(name in flags for name in names)

    def count_flag(self, name: str) -> int:
        """How often an option is given; `-qq` is twice q."""
        return sum(flag == name for word in self.words[1:] for flag in _flag_names(word.text))

    def plain_without(self, names: Iterable[str]) -> list[Word]:
        """The plain arguments without the values of the named options."""
        wanted = frozenset(names)
        left: list[Word] = []
        is_value = False
        for word in self.words[1:]:
            if _is_plain(word.text) and not is_value:
                left.append(word)
            is_value = "=" not in word.text and not wanted.isdisjoint(_flag_names(word.text))
        return left

    def __repr__(self) -> str:
        return f"Command({' '.join(word.text for word in self.words)!r})"


class Script:
    """The commands of a script in source order; none where it does not parse.

    `pipelines` holds, for each pipeline of at least two commands, the place of its first
    bar and the commands of each of its elements. `assignments` are those without a command.
    """

    __slots__ = ("assignments", "commands", "pipelines", "problem", "text")

    def __init__(self, text: Text, problem: str = "") -> None:
        self.text = text
        self.problem = problem
        self.commands: list[Command] = []
        self.pipelines: list[Pipeline] = []
        self.assignments: list[Assignment] = []

    def named(self, *names: str) -> list[Command]:
        """The commands of one of the names."""
        return [command for command in self.commands if command.name in names]


class Pipeline:
    """Commands joined by bars; an element has several where it is a compound command."""

    __slots__ = ("elements", "location")

    def __init__(self, location: Location, elements: list[list[Command]]) -> None:
        self.location = location
        self.elements = elements


def _is_plain(text: str) -> bool:
    return not text.startswith("-") or text in ("-", "--")


def _flag_names(text: str) -> Iterable[str]:
    if text.startswith("--"):
        return (text[2:].partition("=")[0],) if len(text) > 2 else ()
    return text[1:] if text.startswith("-") else ()
