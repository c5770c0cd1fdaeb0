"""`html`: one self-contained page, to be sent by mail and opened in five years.

It loads nothing and is complete without script; its policy allows the one style and the one
script it holds, by their hashes, and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from iachygiene import __version__
from iachygiene.model import WHOLE_FILE, Finding, Location, Result, Severity, SourceFile
from iachygiene.report.escape import clean, clean_path, uri
from iachygiene.report.findings import (
    ABSENT,
    BROKEN,
    aliases_of,
    by_rule,
    counted,
    in_status_order,
    is_complete,
    is_sensitive,
    kind_of,
    most_severe,
    name_of,
    position_of,
    severity_of,
)
from iachygiene.report.options import ReportOptions

MAX_FINDINGS = 5000
"""Findings that are written out; more are counted by rule and file."""
TOP = 10
"""Rows of the charts of rules and of files."""
_WORDS = tuple(severity.word for severity in sorted(Severity, reverse=True))


class Bar(NamedTuple):
    """A row of a chart: what it is about, its parts by severity, and their sum."""

    label: str
    parts: tuple[tuple[str, int], ...]
    total: int


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """The page, from the template beside this module."""
    from base64 import b64encode
    from hashlib import sha256
    from importlib.resources import files as resources

    from jinja2 import Environment

    folder = resources("iachygiene.report")
    style, script, page = (
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.css", "page.js", "page.html")
    )

    def hashed(text: str) -> str:
        return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()

    chosen = most_severe(result.findings, MAX_FINDINGS)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["counted"] = counted
    yield environment.from_string(page).render(
        version=__version__,
        style=style,
        script=script,
        style_hash=hashed(style),
        script_hash=hashed(script),
        words=_WORDS,
        findings=[_row(result.findings[number], files, options) for number in chosen],
        left_out=len(result.findings) - len(chosen),
        left_rules=_left_out(result, chosen),
        total=len(result.findings),
        counts=Counter(severity_of(one).word for one in result.findings),
        kinds=_chart(result.findings, lambda one: kind_of(one.rule), None),
        rules=_chart(result.findings, lambda one: f"{one.rule} {name_of(one.rule)}", TOP),
        paths=_chart(result.findings, lambda one: clean_path(one.location.path), TOP),
        checked=sum(result.counts.values()),
        by_kind=[(clean(kind), number) for kind, number in result.counts.items()],
        complete=is_complete(result),
        tools=_tools(result),
        unchecked=[(clean(one.what), clean(one.detail or one.why)) for one in result.unchecked],
        crashes=[(one.rule, clean(one.path), clean(one.cause)) for one in result.crashes],
        muted=[_muted(one.finding, one.by, one.reason, one.at, files) for one in result.muted],
        seconds="" if options.reproducible else f"{result.seconds:.2f}",
        started="" if options.reproducible else options.started or "",
        commit=clean(str((options.git or {}).get("commit") or "")),
    )
    yield "\n"


def _row(
    finding: Finding, files: Mapping[str, SourceFile], options: ReportOptions
) -> dict[str, Any]:
    place = position_of(finding.location, files)
    where = clean_path(finding.location.path)
    return {
        "severity": severity_of(finding).word,
        "rule": finding.rule,
        "name": name_of(finding.rule),
        "kind": kind_of(finding.rule),
        "path": where,
        "line": place.line,
        "place": f"{where}:{place.line}:{place.column}",
        "link": _link(finding.location.path, place.line, options),
        "message": clean(finding.message),
        "object": clean(finding.object),
        "aliases": [clean(alias) for alias in aliases_of(finding)],
        "related": [_related(one, files) for one in finding.related[:20]],
        "frame": _frame(finding, files),
        "fix": "" if finding.fix is None else "safe" if finding.fix.safe else "unsafe",
    }


def _link(path: str, line: int, options: ReportOptions) -> str:
    """The address of a line, where the template of the user is one of the web."""
    template = options.link
    if not template.lower().startswith(("https://", "http://")):
        return ""
    commit = str((options.git or {}).get("commit") or "HEAD")
    for name, value in (("path", uri(path)), ("line", str(line)), ("commit", commit)):
        template = template.replace("{" + name + "}", value)
    return template


def _related(place: Location, files: Mapping[str, SourceFile]) -> str:
    position = position_of(place, files)
    where = f"{clean_path(place.path)}:{position.line}:{position.column}"
    return f"{where}: {clean(place.label)}" if place.label else where


def _frame(finding: Finding, files: Mapping[str, SourceFile]) -> str:
    from iachygiene.report.frame import Style, frame

    file = files.get(finding.location.path)
    if file is None or finding.location.span == WHOLE_FILE:
        return ""
    here = [one for one in finding.related if one.path == file.path and one.span != WHOLE_FILE]
    sensitive = is_sensitive(finding.rule)
    lines, _ = frame(file, finding.location, here, Style(5, 120), sensitive=sensitive)
    return "\n".join(lines[1:])


def _chart(findings: Sequence[Finding], label: Any, most: int | None) -> list[Bar]:
    counts: dict[str, Counter[str]] = {}
    for finding in findings:
        counts.setdefault(label(finding).strip(), Counter())[severity_of(finding).word] += 1
    bars = [
        Bar(name, tuple((word, found[word]) for word in _WORDS), found.total())
        for name, found in counts.items()
    ]
    return sorted(bars, key=lambda bar: (-bar.total, bar.label))[:most]


def _left_out(result: Result, chosen: Sequence[int]) -> list[tuple[str, int]]:
    if len(chosen) == len(result.findings):
        return []
    shown = set(chosen)
    rest = [one for number, one in enumerate(result.findings) if number not in shown]
    return [(f"{code} {name_of(code)}", number) for code, number in by_rule(rest)]


def _tools(result: Result) -> list[tuple[str, str, str, bool]]:
    rows = []
    for _, number in in_status_order(result):
        tool = result.tools[number]
        version = f"{tool.name} {tool.version}" if tool.version else ""
        told = "; ".join(clean(one) for one in (version, tool.detail, tool.hint) if one)
        rows.append((clean(tool.check), tool.status, told, tool.status in ABSENT | BROKEN))
    return rows


def _muted(
    finding: Finding,
    by: str,
    reason: str,
    at: Location | None,
    files: Mapping[str, SourceFile],
) -> dict[str, str]:
    return {
        "place": _related(finding.location._replace(label=""), files),
        "rule": f"{finding.rule} {name_of(finding.rule)}",
        "message": clean(finding.message),
        "by": by,
        "at": _related(at._replace(label=""), files) if at else "",
        "reason": clean(reason),
    }
