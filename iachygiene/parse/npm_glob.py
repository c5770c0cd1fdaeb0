r"""Globs as npm reads them, in ignore files, the `files` field and workspace patterns.

The dialect is that of npm's own matcher, described at
https://github.com/isaacs/minimatch#features. Nothing here backtracks: a segment is matched
right to left on sets of positions (bits of an integer), a `**` by the leftmost place that
fits, so time grows with the product of the lengths of pattern and path.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.lazy import regex

if TYPE_CHECKING:
    from iachygiene.files import Tree

MAX_PATTERN = 65_536
"""UTF-16 units in a pattern; npm refuses longer ones."""
MAX_EXPANSIONS = 10_000
"""Patterns that the braces of one rule may give."""
MAX_GLOBSTARS = 201
"""`**` segments in a pattern; with more npm finds no match."""
MAX_NESTING = 100
"""Groups or braces within each other."""
MAX_UNCLOSED = 20
"""Brackets in a segment that nothing closes."""

SPACE = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    chr(code) for code in range(0x2000, 0x200B)
)
"""What JavaScript trims."""


class BadPattern(Exception):
    """A pattern that npm stops at; the text says why."""


class TooManyPatterns(Exception):
    """A pattern over one of our bounds: what it expands to, or how it nests."""


def fold(name: str) -> str:
    """A name or pattern in the form in which letter case no longer differs.

    As JavaScript's case-insensitive expressions compare: by UTF-16 units, never a letter
    beyond ASCII with one within.
    """
    if name.isascii():
        return name.lower()
    return "".join(map(_fold_unit, utf16(name)))


def utf16(name: str) -> str:
    """The name as UTF-16 units, one character each; bytes that are not UTF-8 as U+FFFD."""
    if name.isascii():
        return name
    try:
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half of a pair, as JSON can write it: already a unit
        return name
    if max(name) <= "\uffff":
        return name
    data = name.encode("utf-16-le")
    return "".join(chr(data[where] | data[where + 1] << 8) for where in range(0, len(data), 2))


def _fold_unit(unit: str) -> str:
    if unit < "\x80":
        return unit.lower()
    upper = unit.upper()
    return upper if len(upper) == 1 and upper >= "\x80" else unit


# What a segment is made of. `before` gives, for the positions from which the rest matches,
# those from which the node and the rest match; bit n stands for position n.


class _Literal(NamedTuple):
    text: str

    def before(self, name: str, rest: int, tail: int) -> int:
        found = 0
        where = name.find(self.text)
        while where != -1:
            found |= 1 << where
            where = name.find(self.text, where + 1)
        return found & rest >> len(self.text)


class _Any(NamedTuple):
    def before(self, name: str, rest: int, tail: int) -> int:
        return rest >> 1


class _Star(NamedTuple):
    def before(self, name: str, rest: int, tail: int) -> int:
        return (1 << rest.bit_length()) - 1


class _Set(NamedTuple):
    test: Callable[[str], bool]
    unicode: bool

    def before(self, name: str, rest: int, tail: int) -> int:
        found = 0
        for where, letter in enumerate(name):
            if self.test(letter):
                found |= 1 << where
        return found & rest >> 1


class _Never(NamedTuple):
    def before(self, name: str, rest: int, tail: int) -> int:
        return 0


class _Group(NamedTuple):
    kind: str
    choices: list[list[_Node]]

    def before(self, name: str, rest: int, tail: int) -> int:
        if self.kind == "!":
            if self.choices == [[]]:
                return (1 << (rest >> 1).bit_length()) - 1
            # What is denied is a choice followed by all that comes after the group; the
            # repetitions of an enclosing group do not count among that.
            denied = self._once(name, tail, tail)
            return (1 << rest.bit_length()) - 1 & ~denied
        once = self._once(name, rest, tail)
        if self.kind == "@":
            return once
        if self.kind == "?":
            return once | rest
        found = once
        while self.kind in "*+":
            more = found | self._once(name, found, tail)
            if more == found:
                break
            found = more
        return found | rest if self.kind == "*" else found

    def _once(self, name: str, rest: int, tail: int) -> int:
        found = 0
        for choice in self.choices:
            found |= _before_all(choice, name, rest, tail)
        return found


_Node = _Literal | _Any | _Star | _Set | _Never | _Group


def _before_all(nodes: list[_Node], name: str, rest: int, tail: int) -> int:
    for node in reversed(nodes):
        same = rest == tail
        rest, tail = (
            node.before(name, rest, tail),
            tail if same else node.before(name, tail, tail),
        )
        if same:
            tail = rest
    return rest


Part = str | Callable[[str], bool] | None
"""A segment of a pattern: literal text, a test, or None for `**`."""


class Glob:
    """A compiled pattern.

    Paths are given as lists of segments, folded by `fold` unless the glob is case-sensitive.
    `base_only` says that every expansion is one segment, which is compared with the last
    name of a path.
    """

    __slots__ = ("alternatives", "base_only", "dots", "matches_base", "needed", "text")

    def __init__(
        self, text: str, *, sensitive: bool = False, dots: bool = True, base: bool = True
    ) -> None:
        """Compile; raises `BadPattern` where npm would stop, `TooManyPatterns` over the bound."""
        if len(utf16(text)) > MAX_PATTERN:
            raise BadPattern("a pattern is longer than 65,536 characters")
        self.text = text
        self.dots = dots
        self.matches_base = base
        compile_segment = _Compiler(sensitive, dots).compile
        self.alternatives: list[list[Part]] = []
        for one in dict.fromkeys(expand_braces(text)):
            segments = _resolve_dots(re.split("/+", one))
            self.alternatives.append([compile_segment(segment) for segment in segments])
        self.base_only = base and all(len(parts) == 1 for parts in self.alternatives)
        self.needed = _needed(self.alternatives)

    def matches_name(self, name: str) -> bool:
        """Whether a one-segment expansion matches the name."""
        return any(
            _segment_matches(parts[0], name) for parts in self.alternatives if len(parts) == 1
        )

    def matches(self, path: Sequence[str], partial: bool = False) -> bool:
        """Whether the path matches; in partial mode also one that ends too early."""
        if not partial and self.needed is not None and self.needed not in path:
            return False
        for parts in self.alternatives:
            if self.matches_base and len(parts) == 1:
                name = next((segment for segment in reversed(path) if segment), "")
                if _segment_matches(parts[0], name):
                    return True
            elif _matches(parts, path, partial):
                return self.dots or not _spans_hidden(parts, path)
        return False

    @property
    def is_short(self) -> bool:
        """Whether an expansion is one segment, a slash behind it not counted."""
        return any(len(parts) <= (2 if parts[-1] == "" else 1) for parts in self.alternatives)


def _needed(alternatives: list[list[Part]]) -> str | None:
    """A literal segment without which no path can match, for a quick no."""
    if len(alternatives) != 1 or len(alternatives[0]) == 1:
        return None
    return next(
        (part for part in reversed(alternatives[0]) if isinstance(part, str) and part), None
    )


def _segment_matches(part: Part, name: str) -> bool:
    if part is None:
        return True
    return part == name if isinstance(part, str) else part(name)


def _run_matches(parts: Sequence[Part], path: Sequence[str], at: int) -> bool:
    """Whether the parts, none of them `**`, match as many segments from `at` on."""
    if at + len(parts) > len(path):
        return False
    return all(_segment_matches(part, path[at + n]) for n, part in enumerate(parts))


def _matches(parts: list[Part], path: Sequence[str], partial: bool) -> bool:
    if None not in parts:
        common = min(len(parts), len(path))
        if not _run_matches(parts[:common], path, 0):
            return False
        if len(parts) > len(path):
            return partial
        return len(parts) == len(path) or (len(path) == len(parts) + 1 and path[-1] == "")
    first = parts.index(None)
    if partial:
        return _run_matches(parts[: min(first, len(path))], path, 0)
    if not _run_matches(parts[:first], path, 0):
        return False
    last = len(parts) - 1 - parts[::-1].index(None)
    end = _place_tail(parts[last + 1 :], path, first)
    if end is None:
        return False
    if first == last:
        return end < len(path) or end > first
    return _middle_matches(parts[first + 1 : last], path, first, end)


def _place_tail(tail: list[Part], path: Sequence[str], start: int) -> int | None:
    """Where what follows the last `**` begins; a slash at the end of the path may be left."""
    at = len(path) - len(tail)
    if at < start:
        return None
    if _run_matches(tail, path, at):
        return at
    if path[-1] == "" and at > start and _run_matches(tail, path, at - 1):
        return at - 1
    return None


def _middle_matches(middle: list[Part], path: Sequence[str], start: int, end: int) -> bool:
    """Place the runs between the first and the last `**`, each as far left as it goes."""
    runs: list[list[Part]] = [[]]
    for part in middle:
        if part is None:
            runs.append([])
        else:
            runs[-1].append(part)
    if len(runs) >= MAX_GLOBSTARS:
        return False
    before = [0]
    for run in runs:
        before.append(before[-1] + len(run))
    at = start
    for number, run in enumerate(runs):
        # The room kept free is that of the runs before the mirrored one, not of those that
        # follow, as in minimatch 10.2: `**/a/b/**/c/**/d` does not match a/b/c/d.
        limit = end - before[len(runs) - 1 - number] - len(run)
        while at <= limit and not _run_matches(run, path, at):
            at += 1
        if at > limit:
            return False
        at += len(run)
    return at < len(path)


def _spans_hidden(parts: list[Part], path: Sequence[str]) -> bool:
    """Whether a name with a leading dot can only have been matched by a `**`."""
    return None in parts and any(name.startswith(".") and name not in parts for name in path)


def _resolve_dots(segments: list[str]) -> list[str]:
    """Merge neighbouring `**` and cancel `x/..`."""
    kept: list[str] = []
    for segment in segments:
        before = kept[-1] if kept else ""
        if segment == "**" and before == "**":
            continue
        if segment == ".." and before not in ("", "..", ".", "**"):
            kept.pop()
        else:
            kept.append(segment)
    return kept or [""]


# Braces, as in Bash: https://www.gnu.org/software/bash/manual/html_node/Brace-Expansion.html

_HIDDEN = {"\\\\": "\ue000", "\\{": "\ue001", "\\}": "\ue002", "\\,": "\ue003", "\\.": "\ue004"}
_SHOWN = {ord(hidden): escape[1] for escape, hidden in _HIDDEN.items()}
_ESCAPED = regex(r"\\[\\{},.]")
_NUMBERS = regex(r"(-?[0-9]+)\.\.(-?[0-9]+)(?:\.\.(-?[0-9]+))?")
_LETTERS = regex(r"([a-zA-Z])\.\.([a-zA-Z])(?:\.\.(-?[0-9]+))?")


def expand_braces(text: str) -> list[str]:
    """The patterns that a pattern with braces stands for; itself without any."""
    opening = text.find("{")
    if opening == -1 or text.find("}", opening) == -1:
        return [text]
    if text.startswith("{}"):
        text = "\\{\\}" + text[2:]
    hidden = _ESCAPED.sub(lambda found: _HIDDEN[found[0]], text)
    return [one.translate(_SHOWN) for one in _expand(hidden, top=True, depth=0)]


def _expand(text: str, *, top: bool, depth: int) -> list[str]:
    if depth > MAX_NESTING:
        raise TooManyPatterns
    for _ in range(MAX_NESTING):
        pair = _braces(text)
        if pair is None:
            return [text]
        before, body, after = text[: pair[0]], text[pair[0] + 1 : pair[1]], text[pair[1] + 1 :]
        if before.endswith("$"):
            rests = _expand(after, top=False, depth=depth + 1) if after else [""]
            return [f"{before}{{{body}}}{rest}" for rest in rests]
        choices = _sequence(body)
        is_sequence = choices is not None
        if choices is None and "," in body:
            choices = _choices(body, depth)
        if choices is not None:
            rests = _expand(after, top=False, depth=depth + 1) if after else [""]
            if len(choices) * len(rests) > MAX_EXPANSIONS:
                raise TooManyPatterns
            both = [before + choice + rest for choice in choices for rest in rests]
            return [one for one in both if one] if top and not is_sequence else both
        comma = after.find(",")
        if comma == -1 or after.find("}", comma) == -1:
            return [text]
        # {a},b} is one list: the first closing brace is part of its first choice.
        text = f"{before}{{{body}\ue002{after}"
    raise TooManyPatterns


def _braces(text: str) -> tuple[int, int] | None:
    """The first outermost pair; where its opening is never closed, the first pair within."""
    opened: list[int] = []
    best: tuple[int, int] | None = None
    for where, letter in enumerate(text):
        if letter == "{":
            opened.append(where)
        elif letter == "}" and opened:
            start = opened.pop()
            if not opened:
                return start, where
            if best is None or start < best[0]:
                best = start, where
    return best


def _sequence(body: str) -> list[str] | None:
    """The members of `1..3` or `a..e..2`, None where the body is neither."""
    numbers = _NUMBERS.fullmatch(body)
    letters = None if numbers else _LETTERS.fullmatch(body)
    found = numbers or letters
    if found is None:
        return None
    if numbers and max(map(len, body.split(".."))) > 15:
        raise TooManyPatterns
    first, last = (int(found[1]), int(found[2])) if numbers else (ord(found[1]), ord(found[2]))
    step = max(abs(int(found[3])), 1) if found[3] else 1
    if abs(last - first) // step >= MAX_EXPANSIONS:
        raise TooManyPatterns
    members = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    if letters:
        return ["" if code == ord("\\") else chr(code) for code in members]
    if any(re.match("-?0[0-9]", bound) for bound in found.groups() if bound):
        width = max(len(found[1]), len(found[2]))
        return [f"{number:0{width}d}" for number in members]
    return [str(number) for number in members]


def _choices(body: str, depth: int) -> list[str]:
    """The expanded members of a list; commas within inner braces do not divide."""
    members = _split_choices(body)
    found: list[str] = []
    if len(members) == 1:
        inner = _expand(members[0], top=False, depth=depth + 1)
        return [f"{{{one}}}" for one in inner]
    for member in members:
        found += _expand(member, top=False, depth=depth + 1)
        if len(found) > MAX_EXPANSIONS:
            raise TooManyPatterns
    return found


def _split_choices(body: str) -> list[str]:
    members = [""]
    rest = body
    while True:
        pair = _braces(rest)
        plain = rest if pair is None else rest[: pair[0]]
        pieces = plain.split(",")
        members[-1] += pieces[0]
        members += pieces[1:]
        if pair is None:
            return members
        members[-1] += rest[pair[0] : pair[1] + 1]
        rest = rest[pair[1] + 1 :]


# Segments.

_SUFFIX = regex(r"\*+([^+@!?*\[(]*)")
_MARKS = regex(r"\?+([^+@!?*\[(]*)")
_DOTTED = regex(r"\*+\.\*+")
_HIDDEN_NAMES = regex(r"\.\*+")
_KINDS = "!?+*@"
_ABSORBS = {"!": "?@", "?": "?@", "@": "?@", "*": "*+?@", "+": "+@?*"}


class _Compiler:
    """Makes parts of segments, with the options of one pattern."""

    def __init__(self, sensitive: bool, dots: bool) -> None:
        self.fold = utf16 if sensitive else fold
        self.fold_unit = str if sensitive else _fold_unit
        self.sensitive = sensitive
        self.dots = dots

    def compile(self, segment: str) -> Part:
        if segment == "**":
            return None
        if segment == "":
            return ""
        short = self._short(segment)
        if short is not None:
            return short if self.dots else _without_dot(short, segment)
        nodes, _ = _Parser(utf16(segment), self).sequence(0, 0)
        if all(isinstance(node, _Literal) for node in nodes):
            return "".join(node.text for node in nodes if isinstance(node, _Literal))
        _demand_something(nodes)
        test = _test(nodes)
        return test if self.dots else _without_dot(test, segment)

    def _short(self, segment: str) -> Callable[[str], bool] | None:
        """Shapes that npm compares as plain text, escapes and brackets included."""
        if suffix := _SUFFIX.fullmatch(segment):
            ending = self.fold(suffix[1])
            return (lambda name: name.endswith(ending)) if ending else bool
        if marks := _MARKS.fullmatch(segment):
            ending, length = self.fold(marks[1]), len(utf16(segment))
            return lambda name: len(name) == length and name.endswith(ending)
        if _DOTTED.fullmatch(segment):
            return lambda name: "." in name
        if _HIDDEN_NAMES.fullmatch(segment):
            return lambda name: name.startswith(".")
        return None


def _without_dot(test: Callable[[str], bool], segment: str) -> Callable[[str], bool]:
    """The test for names that begin with a dot only where the pattern does."""
    if segment.startswith((".", "\\.")):
        return test
    return lambda name: not name.startswith(".") and test(name)


def _demand_something(nodes: list[_Node]) -> None:
    """Make npm's exceptions for what may be empty at the start of a segment.

    A group that is the whole segment has no empty choice. A star that stands alone in, or
    right after, the first choice of a leading negated group is at least one character.
    """
    for number, node in enumerate(nodes):
        if not isinstance(node, _Group):
            return
        after = nodes[number + 1 :]
        if node.kind != "!":
            if not after:
                node.choices[:] = [choice for choice in node.choices if choice]
            return
        choice = node.choices[0]
        alone = (choice == [_Star()]) + (after == [_Star()])
        if alone and not any(isinstance(one, _Group) for one in choice):
            choice += [_Any()] * alone


def _test(nodes: list[_Node]) -> Callable[[str], bool]:
    first, last = nodes[0], nodes[-1]
    prefix = first.text if isinstance(first, _Literal) else ""
    suffix = last.text if isinstance(last, _Literal) else ""
    by_code_point = _is_unicode(nodes)

    def test(name: str) -> bool:
        if not (name.startswith(prefix) and name.endswith(suffix)):
            return False
        if by_code_point:
            name = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        end = 1 << len(name)
        return bool(_before_all(nodes, name, end, end) & 1)

    return test


def _is_unicode(nodes: list[_Node]) -> bool:
    return any(
        (isinstance(node, _Set) and node.unicode)
        or (isinstance(node, _Group) and any(map(_is_unicode, node.choices)))
        for node in nodes
    )


class _Parser:
    """Reads one segment. What it calls invalid is what npm cannot compile."""

    def __init__(self, text: str, compiler: _Compiler) -> None:
        self.text = text
        self.compiler = compiler
        self.awkward = False
        self.unicode = False
        self.unclosed = 0

    def sequence(self, at: int, depth: int) -> tuple[list[_Node], int]:
        """The nodes of the whole segment."""
        nodes: list[_Node] = []
        while at < len(self.text):
            if self._opens(at) and depth <= 2:
                group = self._group(at, depth + 1, 1)
                if group is None:
                    self._plain(self.text[at:], nodes)
                    break
                nodes.append(group[0])
                at = group[1]
                continue
            end = self._plain_end(at, closing="", depth=depth, kind="")
            self._plain(self.text[at:end], nodes)
            at = end
        if self.awkward and self.unicode:
            raise BadPattern(f"the pattern segment {self.text!r} is an invalid expression")
        return _joined(nodes), at

    def _opens(self, at: int) -> bool:
        return self.text[at] in _KINDS and self.text.startswith("(", at + 1)

    def _plain_end(self, at: int, *, closing: str, depth: int, kind: str) -> int:
        """Where a stretch without groups ends; brackets and escapes hide what is in them."""
        text = self.text
        while at < len(text):
            letter = text[at]
            if letter == "\\":
                at += 2
                continue
            if letter == "[":
                at = self._bracket_end(at)
                continue
            if letter in closing:
                return at
            if self._opens(at) and (depth <= 2 or letter in _ABSORBS.get(kind, "")):
                return at
            at += 1
        return len(text)

    def _bracket_end(self, at: int) -> int:
        """The place after a class; after everything where it is not closed."""
        text = self.text
        where = at + 1
        negated = text.startswith(("^", "!"), where)
        while where < len(text):
            letter = text[where]
            if letter == "\\":
                where += 2
                continue
            first = where == at + 1 or (negated and where == at + 2)
            if letter == "]" and not first:
                return where + 1
            where += 1
        return len(text)

    def _group(self, at: int, depth: int, nesting: int) -> tuple[_Group, int] | None:
        """The group at `at` and the place after it, None where it is not closed."""
        if nesting > MAX_NESTING:
            raise TooManyPatterns
        kind = self.text[at]
        at += 2
        choices: list[list[_Node]] = []
        choice: list[_Node] = []
        while at < len(self.text):
            letter = self.text[at]
            if letter in "|)":
                choices.append(_joined(choice))
                choice = []
                at += 1
                if letter == ")":
                    return _closed(kind, choices), at
                continue
            if self._opens(at) and (depth <= 2 or letter in _ABSORBS[kind]):
                deeper = depth if letter in _ABSORBS[kind] else depth + 1
                inner = self._group(at, deeper, nesting + 1)
                if inner is None:
                    return None
                choice.append(inner[0])
                at = inner[1]
                continue
            end = self._plain_end(at, closing="|)", depth=depth, kind=kind)
            self._plain(self.text[at:end], choice)
            at = end
        return None

    def _plain(self, text: str, nodes: list[_Node]) -> None:
        """Read text without groups into nodes."""
        folded = self.compiler.fold_unit
        at = 0
        while at < len(text):
            letter = text[at]
            if letter == "\\":
                self.awkward = self.awkward or text.startswith("!", at + 1)
                nodes.append(_Literal(folded(text[at + 1 : at + 2] or "\\")))
                at += 2
                continue
            if letter == "[":
                node, after = self._class(text, at)
                if after > at:
                    nodes.append(node)
                    at = after
                    continue
            if letter == "*":
                nodes.append(_Star())
            elif letter == "?":
                nodes.append(_Any())
            else:
                self.awkward = self.awkward or letter in "-,#" or letter in SPACE
                nodes.append(_Literal(folded(letter)))
            at += 1

    def _class(self, text: str, at: int) -> tuple[_Node, int]:
        """The class at `at` and the place after it; `at` itself where it is not closed."""
        read = _read_class(text, at)
        if read is None:
            self.unclosed += 1
            if self.unclosed > MAX_UNCLOSED:
                raise TooManyPatterns
            return _Never(), at
        members, negated, unicode, end = read
        if not members:
            return _Never(), len(text)
        only = members[0]
        if len(members) == 1 and not negated and isinstance(only, tuple) and only[0] == only[1]:
            self.awkward = self.awkward or only[0] in "-,#" or only[0] in SPACE
            return _Literal(self.compiler.fold_unit(only[0])), end
        self.unicode = self.unicode or unicode
        sensitive = self.compiler.sensitive

        def test(letter: str) -> bool:
            forms = {letter} if sensitive else {letter, letter.lower(), letter.upper()}
            hit = any(_in_class(form, members) for form in forms)
            return hit != negated

        return _Set(test, unicode), end


def _closed(kind: str, choices: list[list[_Node]]) -> _Group:
    """The group; a negated one whose last choice is empty or ends in a group denies nothing."""
    last = choices[-1]
    if kind == "!" and (not last or isinstance(last[-1], _Group)):
        doubled = len(choices) == len(last) == 1
        if not (doubled and isinstance(last[0], _Group) and last[0].kind == "!"):
            return _Group(kind, [[]])
    return _Group(kind, choices)


def _joined(nodes: list[_Node]) -> list[_Node]:
    """The nodes with neighbouring literals and stars made one."""
    joined: list[_Node] = []
    for node in nodes:
        last = joined[-1] if joined else None
        if isinstance(node, _Literal) and isinstance(last, _Literal):
            joined[-1] = _Literal(last.text + node.text)
        elif not (isinstance(node, _Star) and isinstance(last, _Star)):
            joined.append(node)
    return joined


_Member = tuple[str, str] | str
"""A range with both ends, or the name of a POSIX class."""

_POSIX = {
    "[:alnum:]": ("L", "Nl", "Nd"),
    "[:alpha:]": ("L", "Nl"),
    "[:ascii:]": (),
    "[:blank:]": ("Zs",),
    "[:cntrl:]": ("Cc",),
    "[:digit:]": ("Nd",),
    "[:graph:]": ("Z", "C"),
    "[:lower:]": ("Ll",),
    "[:print:]": ("C",),
    "[:punct:]": ("P",),
    "[:space:]": ("Z",),
    "[:upper:]": ("Lu",),
    "[:word:]": ("L", "Nl", "Nd", "Pc"),
    "[:xdigit:]": (),
}
_POSIX_EXTRA = {
    "[:blank:]": "\t",
    "[:space:]": "\t\r\n\v\f",
    "[:xdigit:]": "0123456789abcdefABCDEF",
}


def _in_class(letter: str, members: list[_Member]) -> bool:
    return any(
        member[0] <= letter <= member[1] if isinstance(member, tuple) else _in_posix(letter, member)
        for member in members
    )


def _in_posix(letter: str, name: str) -> bool:
    if name == "[:ascii:]":
        return letter <= "\x7f"
    hit = unicodedata.category(letter[0]).startswith(_POSIX[name]) if _POSIX[name] else False
    if name in ("[:graph:]", "[:print:]"):
        return not hit
    return hit or letter in _POSIX_EXTRA.get(name, "")


def _read_class(text: str, at: int) -> tuple[list[_Member], bool, bool, int] | None:
    """Members, negated, by code point, and the place after; None where it is not closed."""
    where = at + 1
    negated = text.startswith(("!", "^"), where)
    where += negated
    members: list[_Member] = []
    unicode, start, first = False, "", True
    while where < len(text):
        letter = text[where]
        if letter == "]" and not first:
            return members, negated, unicode, where + 1
        first = False
        posix = None
        if text.startswith("[:", where):
            posix = next((name for name in _POSIX if text.startswith(name, where)), None)
        if posix is not None:
            if start:
                return [], False, False, len(text)
            members.append(posix)
            unicode = unicode or posix not in ("[:ascii:]", "[:xdigit:]")
            where += len(posix)
            continue
        if letter == "\\":
            where += 1
            letter = text[where : where + 1]
            if not letter:
                return None
        if start:
            if letter >= start:
                members.append((start, letter))
            start = ""
        elif text.startswith("-]", where + 1):
            members += [(letter, letter), ("-", "-")]
            where += 1
        elif text.startswith("-", where + 1):
            start = letter
            where += 1
        else:
            members.append((letter, letter))
        where += 1
    return None


def rule_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """The rules of an ignore file: start and end offset in the text, and the rule trimmed."""
    at = 0
    for line in text.split("\n"):
        rule = line.strip(SPACE)
        if rule and not rule.startswith("#"):
            start = at + line.index(rule)
            yield start, start + len(rule), rule
        at += len(line) + 1


# Looking at the disk.


def find(
    tree: Tree, directory: str, glob: Glob, skipped: Callable[[str], bool]
) -> Iterator[tuple[str, bool]]:
    """The paths below a directory that a glob means, and whether each is a directory.

    A trailing `**` means what stands before it too. Links are not followed, and what
    `skipped` says of a path holds for all below it.
    """
    found: set[str] = set()
    for parts in glob.alternatives:
        todo = [("", 0)]
        done = set(todo)
        while todo:
            path, at = todo.pop()
            for name, kind in tree.listdir(posixpath.join(directory, path) if path else directory):
                inner = f"{path}/{name}" if path else name
                if skipped(inner):
                    continue
                for after in _after(parts, at, utf16(name), glob.dots):
                    if inner not in found and _is_found(parts, at, after, kind):
                        found.add(inner)
                        yield inner, kind == "dir"
                    step = (inner, after)
                    if kind == "dir" and after < len(parts) and step not in done:
                        done.add(step)
                        todo.append(step)


def _is_found(parts: list[Part], at: int, after: int, kind: str) -> bool:
    """Whether a name is the end of a pattern, of which `after` is the part that comes next.

    `x/**` means a file x as well, `*/**` only directories and what is in them.
    """
    if after == len(parts):
        return True
    if parts[after:] != [None]:
        return False
    literal = all(isinstance(part, str) for part in parts[:after])
    return after == at or kind == "dir" or literal


def _after(parts: list[Part], at: int, name: str, dots: bool) -> Iterator[int]:
    """The parts of a pattern that may come next once a name is taken."""
    part = parts[at]
    if part is None:
        if dots or not name.startswith("."):
            yield at
        at += 1
        part = parts[at] if at < len(parts) else None
    if part is not None and (part == name if isinstance(part, str) else part(name)):
        yield at + 1
