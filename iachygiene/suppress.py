"""Setting findings aside by comment or annotation, and judging those of our own form."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from iachygiene.lazy import regex
from iachygiene.model import (
    WHOLE_FILE,
    Comment,
    Edit,
    Finding,
    Fix,
    Location,
    Muted,
    Severity,
    SourceFile,
    Span,
)
from iachygiene.peers import PeerSuppression
from iachygiene.peers import read as read_peer
from iachygiene.rule import Brief, brief, briefs, find

if TYPE_CHECKING:
    from iachygiene.config import Config

_HEAD = regex(r"\s*iachygiene:\s*(ignore(?:-file)?)\b(?:\[([^\]\n]*)(\]?))?")
_MEANT = regex(r"\s*iachygiene(?::?\s*|\s+)(ig\w*)(?:-[-\w]*)?\s*\[", re.IGNORECASE)
"""What can only be meant as a suppression, and is none."""
_UNTIL = regex(r"\s*until=(\S*)")
NEVER_MUTED = frozenset(("HYG001", "HYG002", "HYG003", "HYG004", "HYG005", "HYG006", "HYG007"))
"""Rules whose findings no comment sets aside."""


class Suppression(NamedTuple):
    """One own-form comment or annotation and what became of it.

    `words` are its codes, names and prefixes as written. `unused` are the words that muted
    nothing; `severity` is what the configuration makes of that, None for the rule's own.
    `about_file` are those of them whose findings here are about the whole file.
    `expired` says its date is past. `fix` takes out what is unused. `by` is "comment" or
    "annotation".
    """

    location: Location
    reach: Span
    words: tuple[str, ...]
    reason: str
    whole_file: bool
    problem: str = ""
    until: str = ""
    unused: tuple[str, ...] = ()
    about_file: tuple[str, ...] = ()
    expired: bool = False
    severity: Severity | None = None
    fix: Fix | None = None
    by: str = "comment"


def read(comment: Comment) -> Suppression | None:
    """The suppression that a comment holds, None where it speaks of something else."""
    head = _HEAD.match(comment.text)
    if head is None:
        if not _MEANT.match(comment.text):
            return None
        problem = "not understood, the form is `iachygiene: ignore[CODE] reason`"
        return Suppression(comment.location, comment.reach, (), "", False, problem)
    whole_file = head[1] == "ignore-file"
    words = tuple(word.strip() for word in (head[2] or "").split(",") if word.strip())
    tail = comment.text[head.end() :]
    until = _UNTIL.match(tail)
    reason = (tail[until.end() :] if until else tail).strip()
    problem = ""
    if head[2] is None:
        problem = f"`{head[1]}` names no rule"
    elif not head[3]:
        problem = "the list of rules is not closed"
    elif not words:
        problem = "the list of rules is empty"
    elif "*" in words and not reason:
        problem = "a suppression of everything gives no reason"
    elif until and not _is_day(until[1]):
        problem = f'"{until[1]}" is no date'
    elif whole_file and not comment.leading:
        problem = "`ignore-file` stands below the first line that is no comment"
    return Suppression(
        comment.location,
        comment.reach,
        words,
        reason,
        whole_file,
        problem,
        until[1] if until else "",
        by="annotation" if comment.key else "comment",
    )


def _is_day(text: str) -> bool:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def suppress(
    findings: Iterable[Finding],
    comments: Iterable[Comment],
    *,
    today: str = "",
    require_reason: bool = False,
    peers: Collection[str] | None = None,
    text_of: Callable[[str], str] = lambda _path: "",
) -> tuple[list[Finding], list[Muted], list[Suppression]]:
    """Kept findings, muted ones, and every suppression of our form with what it was good for.

    `today` is a date in the form 2027-01-31 that `until=` is compared with, "" for the
    clock's, in UTC. `peers` are the tools whose own comments are honoured, empty for all of
    them, None for none; `text_of` gives the text of a file. A suppression's `unused` holds
    every word that muted nothing; whether that may be reported is for `with_verdict` to say.
    """
    by_path: dict[str, list[Suppression]] = {}
    by_peer: dict[str, list[PeerSuppression]] = {}
    for comment in comments:
        path = comment.location.path
        found = read(comment)
        if found is None:
            if peers is not None:
                said = read_peer(comment, text_of(path), peers)
                by_peer.setdefault(path, []).extend(
                    one for one in said if not one.until or one.until >= (today or _today())
                )
            continue
        if require_reason and not found.problem and not found.reason:
            found = found._replace(problem="a reason is required here")
        expired = bool(found.until) and not found.problem and found.until < (today or _today())
        by_path.setdefault(path, []).append(found._replace(expired=expired))
    kept: list[Finding] = []
    muted: list[Muted] = []
    used: set[tuple[Location, str]] = set()
    whole: dict[str, list[Finding]] = {}
    indexes = {path: _Index(said) for path, said in by_path.items()}
    peer_indexes = {path: _Index(told) for path, told in by_peer.items() if told}
    for finding in findings:
        by: Suppression | PeerSuppression | None = None
        path, span = finding.location[:2]
        if finding.rule not in NEVER_MUTED:
            for suppression in indexes[path].near(span) if path in indexes else ():
                word = _muting_word(suppression, finding)
                if word is not None:
                    used.add((suppression.location, word))
                    by = by or suppression
            if by is None and path in peer_indexes:
                near = peer_indexes[path].near(span)
                by = next((one for one in near if one.mutes(finding)), None)
        if by is None:
            kept.append(finding)
            if span == WHOLE_FILE and path in by_path:
                whole.setdefault(path, []).append(finding)
        else:
            muted.append(Muted(finding, by.by, by.reason, by.location))
    return kept, muted, _with_unused(by_path, used, whole)


_Reaching = TypeVar("_Reaching", Suppression, PeerSuppression)


class _Index(Generic[_Reaching]):
    """The suppressions of one file, found by place without looking at all of them."""

    def __init__(self, suppressions: Sequence[_Reaching]) -> None:
        self._everywhere: list[_Reaching] = [one for one in suppressions if one.whole_file]
        local = [one for one in suppressions if not one.whole_file]
        self._local: list[_Reaching] = sorted(local, key=lambda one: one.reach.start)
        self._starts: list[int] = [one.reach.start for one in self._local]
        # The furthest end so far: where it is passed, nothing earlier reaches further.
        self._ends: list[int] = list(accumulate((one.reach.end for one in self._local), max))

    def near(self, span: Span) -> Iterator[_Reaching]:
        """Those that may reach a span, and a few more."""
        yield from self._everywhere
        first = bisect_right(self._ends, span.start)
        last = bisect_left(self._starts, max(span.end, span.start + 1))
        yield from self._local[first:last]


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()


def _muting_word(suppression: Suppression, finding: Finding) -> str | None:
    if suppression.problem or suppression.expired:
        return None
    if not suppression.whole_file:
        span, reach = finding.location.span, suppression.reach
        touches = span.start < reach.end and reach.start < max(span.end, span.start + 1)
        if not touches:
            return None
    for word in suppression.words:
        if word == "*" or _names(word, brief(finding.rule)):
            return word
        # An alias mutes what the peer would report, and nothing else of the rule.
        if any(word in (one, one.partition(":")[2]) for one in finding.aliases or ()):
            return word
    return None


def _with_unused(
    by_path: Mapping[str, Sequence[Suppression]],
    used: set[tuple[Location, str]],
    whole: Mapping[str, Sequence[Finding]],
) -> list[Suppression]:
    found = []
    for path in sorted(by_path):
        codes = [brief(finding.rule) for finding in whole.get(path, ())]
        for one in by_path[path]:
            unused = tuple(word for word in one.words if (one.location, word) not in used)
            about_file = tuple(word for word in unused if any(_names(word, code) for code in codes))
            found.append(one._replace(unused=unused, about_file=about_file))
    return found


def _names(word: str, rule: Brief) -> bool:
    return word == rule.name or (word.isalnum() and rule.code.startswith(word))


def rules_named(word: str) -> list[Brief]:
    """The rules that a word of a list names: a code, a prefix of codes, a name, an alias."""
    return [rule for rule in briefs().values() if _names(word, rule)] or find(word)


def with_verdict(
    suppression: Suppression,
    file: SourceFile,
    config: Config,
    *,
    programs_ran: bool,
    linking: bool,
    judged: bool,
) -> Suppression:
    """The suppression with what may be said of it: unknown words, and words without use.

    A word is unused only where every rule that it names has run: those of programs
    (`programs_ran`), those across languages (`linking`), and any at all on its file
    (`judged`).
    """
    if suppression.problem:
        return suppression
    named = {word: rules_named(word) for word in suppression.words if word != "*"}
    for word, rules in named.items():
        if not rules:
            return suppression._replace(problem=f'"{word}" names no rule{_nearest(word)}')
    path = suppression.location.path

    def ran(word: str) -> bool:
        rules = named.get(word)
        if rules is None:
            return config.is_default_selection
        return all(
            config.enabled(rule, path)
            and (programs_ran or not rule.needs)
            and (linking or rule.language != "project")
            for rule in rules
        )

    unused = tuple(word for word in suppression.unused if judged and ran(word))
    if not unused or config.unused_suppressions is None:
        return suppression._replace(unused=())
    found = suppression._replace(unused=unused, severity=config.unused_suppressions)
    return found if found.by == "annotation" else found._replace(fix=removal(found, file))


def _nearest(word: str) -> str:
    from difflib import get_close_matches

    known = [name for rule in briefs().values() for name in (rule.code, rule.name)]
    near = get_close_matches(word, known, 1)
    return f', did you mean "{near[0]}"' if near else ""


def removal(suppression: Suppression, file: SourceFile) -> Fix:
    """The fix that takes the unused words, or the whole comment, out of a file."""
    start, end = suppression.location.span
    text = file.text
    if len(suppression.unused) < len(suppression.words):
        opening = text.index("[", start) + 1
        closing = text.index("]", opening)
        left = [word for word in suppression.words if word not in suppression.unused]
        edit = Edit(Span(opening, closing), ", ".join(left))
        return Fix("remove what mutes nothing from the list", (edit,))
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end == -1 else line_end
    before, after = text[line_start:start], text[end:line_end]
    if before.strip():
        start -= len(before) - len(before.rstrip())
    elif after.strip():
        end += len(after) - len(after.lstrip())
    else:
        start, end = line_start, min(line_end + 1, len(text))
    return Fix("remove the comment", (Edit(Span(start, end), ""),))
