"""`markdown`: the summary of a step on GitHub, or a comment.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from iachygiene.model import Finding, Result, Severity, SourceFile
from iachygiene.report.escape import markdown, markdown_path, uri
from iachygiene.report.findings import (
    ABSENT,
    BROKEN,
    by_rule,
    counted,
    in_status_order,
    is_complete,
    kind_of,
    name_of,
    position_of,
    severity_of,
)
from iachygiene.report.options import ReportOptions

TOP_RULES = 10
_MAX_UNCHECKED = 50
_HEADER = "\n| line | severity | rule | |\n|---:|---|---|---|\n"


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """Verdict, tables, then findings by file until `options.room` bytes are used up."""
    head = "".join([_verdict(result), _severities(result), _tools(result), _top(result)])
    left = options.room - len(head.encode()) - 200
    yield head
    shown = 0
    for path, group in groupby(result.findings, key=lambda finding: finding.location.path):
        part, number = _file(path, list(group), files, options, left)
        shown += number
        left -= len(part.encode())
        yield part
        if left <= 0 or not number:
            break
    if shown < len(result.findings):
        rest = len(result.findings) - shown
        yield f"\n{counted(rest, 'more finding')} left out here, the log has all.\n"


def _verdict(result: Result) -> str:
    number = sum(result.counts.values())
    found = counted(len(result.findings), "finding") if result.findings else "no findings"
    verdict = f"### iachygiene: {found}\n\nChecked {counted(number, 'file')}."
    if result.muted:
        verdict += f" {counted(len(result.muted), 'finding')} muted."
    if not is_complete(result):
        verdict += " **Not everything was checked.**"
    return verdict + "\n"


def _severities(result: Result) -> str:
    if not result.findings:
        return ""
    table: dict[str, dict[Severity, int]] = {}
    for finding in result.findings:
        row = table.setdefault(kind_of(finding.rule), {})
        severity = severity_of(finding)
        row[severity] = row.get(severity, 0) + 1
    lines = ["", "| kind | error | warning | info |", "|---|---:|---:|---:|"]
    for kind in sorted(table):
        cells = " | ".join(f"{table[kind].get(one, 0):,}" for one in sorted(Severity, reverse=True))
        lines.append(f"| {markdown(kind)} | {cells} |")
    return "\n".join(lines) + "\n"


def _tools(result: Result) -> str:
    rows = []
    for _, number in in_status_order(result):
        tool = result.tools[number]
        if tool.status == "not-needed":
            continue
        mark = "**" if tool.status in ABSENT | BROKEN else ""
        why = "; ".join(one for one in (tool.version or "", tool.detail, tool.hint) if one)
        rows.append(f"| {markdown(tool.check)} | {mark}{tool.status}{mark} | {markdown(why)} |")
    rows += [
        f"| {markdown(one.what)} | **not checked** | {markdown(one.detail or one.why)} |"
        for one in result.unchecked[:_MAX_UNCHECKED]
    ]
    if len(result.unchecked) > _MAX_UNCHECKED:
        rows.append(f"| {len(result.unchecked) - _MAX_UNCHECKED:,} more | **not checked** | |")
    rows += [
        f"| {markdown(one.rule)} on {markdown(one.path)} | **crashed** | {markdown(one.cause)} |"
        for one in result.crashes[:_MAX_UNCHECKED]
    ]
    if not rows:
        return ""
    return "\n".join(["", "| check | status | |", "|---|---|---|", *rows]) + "\n"


def _top(result: Result) -> str:
    rows = by_rule(result.findings)
    if len(rows) < 2:
        return ""
    lines = ["", "| rule | findings |", "|---|---:|"]
    for code, number in rows[:TOP_RULES]:
        lines.append(f"| {markdown(code)} {markdown(name_of(code))} | {number:,} |")
    return "\n".join(lines) + "\n"


def _file(
    path: str,
    findings: Sequence[Finding],
    files: Mapping[str, SourceFile],
    options: ReportOptions,
    room: int,
) -> tuple[str, int]:
    """The findings of one file as far as they fit, and how many that are."""
    title = f"<code>{markdown_path(path)}</code>: {counted(len(findings), 'finding')}"
    head = f"\n<details><summary>{title}</summary>\n{_HEADER}"
    tail = "\n</details>\n"
    rows: list[str] = []
    used = len((head + tail).encode())
    for finding in findings:
        row = _row(finding, files, options)
        used += len(row.encode())
        if used > room:
            break
        rows.append(row)
    return (head + "".join(rows) + tail, len(rows)) if rows else ("", 0)


def _row(finding: Finding, files: Mapping[str, SourceFile], options: ReportOptions) -> str:
    place = position_of(finding.location, files)
    line = str(place.line)
    if options.link:
        where = uri(finding.location.path)
        target = options.link.replace("{line}", line).replace("{path}", where)
        line = f"[{line}]({target.replace('(', '%28').replace(')', '%29')})"
    rule = f"{markdown(finding.rule)} {markdown(name_of(finding.rule))}"
    about = f" ({markdown(finding.object)})" if finding.object else ""
    word = severity_of(finding).word
    return f"| {line} | {word} | {rule} | {markdown(finding.message)}{about} |\n"
