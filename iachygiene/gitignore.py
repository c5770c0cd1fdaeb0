"""Patterns as git reads them from `.gitignore`, matched in linear time.

What matches is what gitignore(5) says and git's `wildmatch` does. No regular expression is
made of a pattern: a mismatch goes back to the last star of the name, else to the last `**`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

MAX_PATTERNS = 10_000
"""Patterns of one list; those behind are left out."""
MAX_LENGTH = 4096
"""Characters of one pattern; a longer one matches nothing."""

_Test = Callable[[str], bool]
_Token = str | _Test
_STAR = "*"
_SEVERAL = "**"
"""Two stars: any directories, none included, or at the end of a pattern everything below."""
_SOME = "**/"
"""Two stars before an escaped slash: at least one directory."""


class _Rule(NamedTuple):
    """One pattern. `whole` says that it is about the path and not about its last name.

    `least` is the number of letters that it takes.
    """

    negated: bool
    directory: bool
    whole: bool
    tokens: tuple[_Token, ...]
    least: int


class Patterns:
    """A list of patterns about paths below the directory it stands in; the last match wins."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._named: dict[str, list[int]] = {}
        self._others: list[int] = []
        self._rules: list[_Rule] = []
        self._known: dict[str, bool | None] = {"": None}
        for line in islice(lines, MAX_PATTERNS):
            rule = _read(line)
            if rule is not None:
                self._add(rule)
        self._others.reverse()

    def _add(self, rule: _Rule) -> None:
        number = len(self._rules)
        self._rules.append(rule)
        letters = [token for token in rule.tokens if isinstance(token, str) and len(token) == 1]
        if len(letters) == len(rule.tokens) and _STAR not in letters:
            self._named.setdefault(("/" if rule.whole else "") + "".join(letters), []).append(
                number
            )
        else:
            self._others.append(number)

    def verdict(self, path: str, *, directory: bool = False) -> bool | None:
        """Whether the patterns ignore a path, None where none is about it.

        What they say of the directories above it is left aside.
        """
        if not path.isascii():
            path = path.encode("utf-8", "surrogateescape").decode("latin-1")  # bytes, as for git
        name = path[path.rfind("/") + 1 :]
        rules = self._rules
        best = -1
        for known in (self._named.get(name, ()), self._named.get("/" + path, ())):
            for number in reversed(known):
                if directory or not rules[number].directory:
                    best = max(best, number)
                    break
        for number in self._others:
            if number < best:
                break
            rule = rules[number]
            if rule.directory and not directory:
                continue
            text = path if rule.whole else name
            if rule.least <= len(text) and _matches(rule.tokens, text):
                best = number
                break
        return None if best < 0 else not rules[best].negated

    def check(self, path: str) -> bool | None:
        """As `verdict` for a file, but what lies in an ignored directory is ignored."""
        above = path.rpartition("/")[0]
        return True if above and self._is_below(above) else self.verdict(path)

    def _is_below(self, directory: str) -> bool:
        known = self._known.get(directory)
        if known is None:
            above = directory.rpartition("/")[0]
            known = bool(above and self._is_below(above)) or bool(
                self.verdict(directory, directory=True)
            )
            self._known[directory] = known
        return known

    def match(self, path: str) -> bool:
        """Whether a file is ignored."""
        return bool(self.check(path))


def _read(line: str) -> _Rule | None:
    """The rule of one line, None where it holds none or one that never matches."""
    text = line.removesuffix("\n").removesuffix("\r")
    if text.startswith("#"):
        return None
    text = _without_spaces(text)
    negated = text.startswith("!")
    text = text[negated:]
    directory = text.endswith("/")
    text = text[: len(text) - directory]
    if not text or len(text) > MAX_LENGTH:
        return None
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("latin-1")
    whole = "/" in text
    tokens = _tokens(text[text.startswith("/") :], whole)
    if not tokens:
        return None
    least = sum(token not in (_STAR, _SEVERAL, _SOME) for token in tokens)
    return _Rule(negated, directory, whole, tuple(tokens), least)


def _without_spaces(text: str) -> str:
    """The text without blanks at its end, save one that is escaped."""
    end = 0
    at = 0
    while at < len(text):
        if text[at] == "\\":
            if at + 1 == len(text):
                return text
            at += 1
            end = at + 1
        elif text[at] != " ":
            end = at + 1
        at += 1
    return text[:end]


def _tokens(text: str, whole: bool) -> list[_Token] | None:
    """Letters, tests of one letter and stars; None for a pattern that never matches."""
    found: list[_Token] = []
    at = 0
    literal = True
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            if at + 1 == len(text):
                return None
            found.append(_literal(text[at + 1]))
            at += 2
            literal = False
        elif letter == "?":
            found.append(_is_no_slash)
            at += 1
            literal = False
        elif letter == "[":
            test = _read_class(text, at + 1)
            if test is None:
                return None
            found.append(test[0])
            at = test[1]
            literal = False
        elif letter == "*":
            start = at
            while at < len(text) and text[at] == "*":
                at += 1
            # What stands before the first special letter is compared apart, by git as well.
            begins = literal or text[start - 1] == "/"
            rest = text[at : at + 2]
            literal = False
            if not (
                whole and at - start > 1 and begins and (rest in ("", r"\/") or rest[0] == "/")
            ):
                found.append(_STAR)
            elif rest == r"\/":
                found.append(_SOME)
                at += 2
            else:
                found.append(_SEVERAL)
                at += 1
        else:
            found.append(letter)
            at += 1
    return found


def _literal(letter: str) -> _Token:
    return letter.__eq__ if letter == "*" else letter


def _is_no_slash(letter: str) -> bool:
    return letter != "/"


_CLASSES: dict[str, _Test] = {
    "alnum": lambda letter: letter.isascii() and letter.isalnum(),
    "alpha": lambda letter: letter.isascii() and letter.isalpha(),
    "blank": lambda letter: letter in " \t",
    "cntrl": lambda letter: letter < " " or letter == "\x7f",
    "digit": lambda letter: letter.isascii() and letter.isdigit(),
    "graph": lambda letter: "!" <= letter <= "~",
    "lower": lambda letter: letter.isascii() and letter.islower(),
    "print": lambda letter: " " <= letter <= "~",
    "punct": lambda letter: "!" <= letter <= "~" and not letter.isalnum(),
    "space": lambda letter: letter in " \t\n\v\f\r",
    "upper": lambda letter: letter.isascii() and letter.isupper(),
    "xdigit": lambda letter: letter in "0123456789abcdefABCDEF",
}


def _read_class(text: str, at: int) -> tuple[_Test, int] | None:
    """The test of a set behind its bracket and where it ends; None where it is none."""
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    singles: set[str] = set()
    spans: list[tuple[str, str]] = []
    tests: list[_Test] = []
    before = ""
    first = True
    while first or text[at : at + 1] != "]":
        first = False
        letter = text[at : at + 1]
        if not letter:
            return None
        if letter == "-" and before and text[at + 1 : at + 2] not in ("", "]"):
            at += 1
            if text[at] == "\\":
                at += 1
            if at >= len(text):
                return None
            spans.append((before, text[at]))
            before = ""
        elif letter == "[" and text[at + 1 : at + 2] == ":":
            end = text.find("]", at + 2)
            if end == -1:
                return None
            if end - 1 < at + 2 or text[end - 1] != ":":
                singles.add("[")
                before = "["
            else:
                test = _CLASSES.get(text[at + 2 : end - 1])
                if test is None:
                    return None
                tests.append(test)
                before = ""
                at = end
        else:
            if letter == "\\":
                at += 1
                letter = text[at : at + 1]
                if not letter:
                    return None
            singles.add(letter)
            before = letter
        at += 1

    def holds(letter: str) -> bool:
        if letter == "/":
            return False
        found = letter in singles or any(low <= letter <= high for low, high in spans)
        return (found or any(test(letter) for test in tests)) != negated

    return holds, at + 1


def _matches(tokens: tuple[_Token, ...], text: str) -> bool:
    """Whether tokens stand for the whole of a text."""
    at = place = 0
    star = star_place = several = several_place = -1
    while place < len(text):
        token = tokens[at] if at < len(tokens) else ""
        if token is _STAR:
            at += 1
            star, star_place = at, place
            continue
        if token is _SEVERAL or token is _SOME:
            at += 1
            if at == len(tokens) and token is _SEVERAL:
                return True
            several, several_place, star = at, place, -1
            if token is _SEVERAL:
                continue
        elif token == text[place] if isinstance(token, str) else token(text[place]):
            at += 1
            place += 1
            continue
        elif star >= 0 and text[star_place] != "/":
            star_place += 1
            at, place = star, star_place
            continue
        if several < 0:
            return False
        several_place = text.find("/", several_place) + 1
        if not several_place:
            return False
        at, place, star = several, several_place, -1
    rest = tokens[at:]
    return all(token is _STAR for token in rest) or rest == (_SEVERAL,)
