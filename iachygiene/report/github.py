"""`github`: annotations as workflow commands, and the text report out of their reach.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from iachygiene.model import WHOLE_FILE, Finding, Result, Severity, SourceFile, Span, touches
from iachygiene.report import text
from iachygiene.report.escape import command_property, command_value
from iachygiene.report.findings import (
    LEVELS,
    counted,
    is_complete,
    name_of,
    position_of,
    severity_of,
)
from iachygiene.report.options import ReportOptions

MAX_ANNOTATIONS = 10
"""Annotations of one level that GitHub shows for a step; the others it drops silently."""
_INCOMPLETE = "::warning title=iachygiene is incomplete::not everything was checked, see the log\n"


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """A group with the text report, then at most ten annotations of each level.

    Inside the group commands are stopped. The token that starts them again is the hash of
    all that stands there: nobody can write a file that holds the hash of its own report, and
    equal results stay equal to the byte.
    """
    plain = options._replace(width=None, quiet=0, color=options.color)
    body = "".join(text.render(result, files, plain))
    token = sha256(body.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    yield f"::group::iachygiene: {counted(len(result.findings), 'finding')}\n"
    yield f"::stop-commands::{token}\n{body}::{token}::\n::endgroup::\n"
    for severity in sorted(LEVELS, reverse=True):
        of_level = [one for one in result.findings if severity_of(one) == severity]
        room = MAX_ANNOTATIONS
        if severity == Severity.WARNING and not is_complete(result):
            room -= 1
            yield _INCOMPLETE
        yield from _annotations(of_level, LEVELS[severity], room, files, options.added)


def _annotations(
    findings: Sequence[Finding],
    level: str,
    room: int,
    files: Mapping[str, SourceFile],
    added: Mapping[str, Sequence[Span]],
) -> Iterator[str]:
    shown = findings if len(findings) <= room else _varied(findings, room - 1, added)
    for finding in shown:
        yield _annotation(finding, level, files)
    if len(shown) < len(findings):
        left = f"{len(findings) - len(shown):,} more of {len(findings):,}"
        yield f"::{level} title=iachygiene::{left} are not shown here, all are in the log\n"


def _varied(
    findings: Sequence[Finding], number: int, added: Mapping[str, Sequence[Span]]
) -> list[Finding]:
    """A choice: those on added lines first, and no rule and file again before each had its turn."""
    turns: dict[tuple[str, str], int] = {}
    ranked = []
    for index, finding in enumerate(findings):
        key = (finding.rule, finding.location.path)
        turns[key] = turns.get(key, 0) + 1
        ranked.append((not touches(finding, added), turns[key], index))
    return [findings[index] for index in sorted(index for *_, index in sorted(ranked)[:number])]


def _annotation(finding: Finding, level: str, files: Mapping[str, SourceFile]) -> str:
    properties = [f"file={command_property(finding.location.path)}"]
    if finding.location.span != WHOLE_FILE and finding.location.path in files:
        place = position_of(finding.location, files)
        properties += [f"line={place.line}", f"endLine={place.end_line}"]
        if place.line == place.end_line:
            properties += [f"col={place.column}", f"endColumn={place.end_column}"]
    title = command_property(f"{finding.rule} {name_of(finding.rule)}".rstrip())
    properties.append(f"title={title}")
    return f"::{level} {','.join(properties)}::{command_value(finding.message)}\n"
