"""What every format says of a finding: its rule, its kind, its place, its peers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from iachygiene import HOME
from iachygiene.model import WHOLE_FILE, Finding, Fix, Location, Result, Severity, SourceFile
from iachygiene.rule import LANGUAGES, Brief, Rule, brief, get

LEVELS: Mapping[Severity, str] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}
"""Severities as GitHub's annotations call them; SARIF says "note" for the last."""

ABSENT = frozenset(("missing", "too-old"))
BROKEN = frozenset(("timed-out", "crashed", "garbage"))
"""Statuses of a program that did not answer, apart from one that was not there."""

_ORDER = (
    "ok findings disabled missing too-old not-needed timed-out crashed garbage".split()  # noqa: SIM905
)


class Position(NamedTuple):
    """Lines and columns from 1, in code points; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


def rule_of(code: str) -> Rule | None:
    """The rule of a code, None where the registry has none."""
    try:
        return get(code)
    except KeyError:
        return None


def brief_of(code: str) -> Brief | None:
    """What is asked of the rule of a code, None where there is no such rule."""
    try:
        return brief(code)
    except KeyError:
        return None


def name_of(code: str) -> str:
    """The name of a rule, empty where it is not known."""
    rule = brief_of(code)
    return rule.name if rule else ""


def kind_of(code: str) -> str:
    """The kind that a rule belongs to, by the prefix of its code."""
    return LANGUAGES.get(code.rstrip("0123456789"), "")


def help_of(code: str) -> str | None:
    """The address of the documentation of a rule, None where it is not known."""
    name = name_of(code)
    folder = LANGUAGES.get(code.rstrip("0123456789"))
    if not name or folder is None:
        return None
    return f"{HOME}/blob/main/docs/rules/{folder}.md#{code.lower()}-{name}"


def is_sensitive(code: str) -> bool:
    """Whether the text that a rule flags must not be shown; a rule not known is sensitive."""
    rule = brief_of(code)
    return rule is None or rule.sensitive


def severity_of(finding: Finding) -> Severity:
    """The severity stamped on a finding, else that of its rule."""
    if finding.severity is not None:
        return finding.severity
    rule = brief_of(finding.rule)
    return rule.severity if rule else Severity.ERROR


def aliases_of(finding: Finding) -> Sequence[str]:
    """The peers' ids that would report this very finding."""
    if finding.aliases is not None:
        return finding.aliases
    rule = brief_of(finding.rule)
    return rule.aliases if rule else ()


def position_of(location: Location, files: Mapping[str, SourceFile]) -> Position:
    """Where a location is; the first character for a whole file and for one not at hand."""
    file = files.get(location.path) if location.span != WHOLE_FILE else None
    if file is None:
        return Position(1, 1, 1, 1)
    return Position(*file.position(location.span.start), *file.position(location.span.end))


def snippet_of(finding: Finding, line: int, files: Mapping[str, SourceFile]) -> str | None:
    """The text of the first line that a finding stands on, which is `line`.

    None for a whole file, for a file not at hand, and where the rule is sensitive.
    """
    file = files.get(finding.location.path)
    if file is None or finding.location.span == WHOLE_FILE or is_sensitive(finding.rule):
        return None
    return file.line(line)


def in_status_order(result: Result) -> list[tuple[int, int]]:
    """Indices of the result's tools in the order that reports use, each with its rank."""
    ranks = [
        (_ORDER.index(tool.status) if tool.status in _ORDER else len(_ORDER), tool.check, number)
        for number, tool in enumerate(result.tools)
    ]
    return [(rank, number) for rank, _, number in sorted(ranks)]


def is_complete(result: Result) -> bool:
    """Whether everything in reach was looked at; a program that is absent leaves a gap."""
    gaps = ABSENT | BROKEN
    return not (
        result.crashes or result.unchecked or any(tool.status in gaps for tool in result.tools)
    )


def by_rule(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """Codes with their number of findings, the most frequent first, then by code."""
    counts = Counter(finding.rule for finding in findings)
    return sorted(counts.items(), key=lambda row: (-row[1], row[0]))


def most_severe(findings: Sequence[Finding], number: int) -> list[int]:
    """Indices of the most severe findings, of equal ones the first, in ascending order."""
    if len(findings) <= number:
        return list(range(len(findings)))
    ranked = sorted(range(len(findings)), key=lambda index: -severity_of(findings[index]))
    return sorted(ranked[:number])


def fix_of(finding: Finding) -> Fix | None:
    """The fix as far as it may be shown: the new text of a sensitive rule may hold a secret."""
    if finding.fix is None or not is_sensitive(finding.rule):
        return finding.fix
    return None if any(edit.text for edit in finding.fix.edits) else finding.fix


def counted(number: int, word: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
