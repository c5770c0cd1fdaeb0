"""`json`: everything a run knows, in the versioned shape of `schema.py`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from iachygiene import __version__
from iachygiene.fingerprint import fingerprints
from iachygiene.model import (
    Finding,
    Fix,
    Location,
    Muted,
    Result,
    SourceFile,
    ToolStatus,
)
from iachygiene.report.escape import MAX_MESSAGE, MAX_SNIPPET, plain, plain_path
from iachygiene.report.findings import (
    aliases_of,
    by_rule,
    fix_of,
    help_of,
    is_complete,
    kind_of,
    name_of,
    position_of,
    severity_of,
    snippet_of,
)
from iachygiene.report.options import ReportOptions

SCHEMA = "iachygiene-report/1"

_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False).encode


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """The envelope by hand, and each finding as one line: indenting all takes thrice as long."""
    muted = [one.finding for one in result.muted]
    prints = fingerprints([*result.findings, *muted], files)
    number = len(result.findings)
    head = {
        "schema": SCHEMA,
        "version": __version__,
        "root": ".",
        "run": _run(result, options),
        "config": {
            "file": None if result.config is None else plain_path(result.config),
            "digest": result.config_digest,
        },
        "files": _files(result),
    }
    yield "{\n"
    for name, value in head.items():
        yield f'  "{name}": {_encode(value)},\n'
    yield _rows("tools", (_tool(tool, options) for tool in result.tools))
    found = zip(result.findings, prints, strict=False)
    yield _rows(
        "findings",
        (
            {**_finding(one, mark, files), "new": True if options.new_only else None}
            for one, mark in found
        ),
    )
    set_aside = zip(result.muted, prints[number:], strict=True)
    yield _rows("muted", (_muted(one, mark, files) for one, mark in set_aside))
    crashes = (
        {"rule": one.rule, "path": plain_path(one.path), "cause": plain(one.cause, MAX_MESSAGE)}
        for one in result.crashes
    )
    yield _rows("crashes", crashes)
    yield f'  "summary": {_encode(_summary(result))},\n'
    yield f'  "timings": {_encode(_timings(result, options))}\n}}\n'


def _rows(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    lines = ",\n".join(["    " + _encode(row) for row in rows])
    return f'  "{name}": [\n{lines}\n  ],\n' if lines else f'  "{name}": [],\n'


def _run(result: Result, options: ReportOptions) -> dict[str, Any]:
    git = options.git
    return {
        "started": None if options.reproducible else options.started,
        "seconds": None if options.reproducible else round(result.seconds, 3),
        "command": options.command,
        "args": [_without_place(plain(word, MAX_MESSAGE)) for word in options.args],
        "git": None
        if git is None
        else {name: git.get(name) for name in ("commit", "dirty", "base")},
    }


def _without_place(word: str) -> str:
    """An argument without a path from the root of this machine: reports hold none."""
    head, equals, tail = word.partition("=")
    if head.startswith(("/", "~")) or head[1:3] in (":\\", ":/"):
        return "<path>"
    if equals and (tail.startswith(("/", "~")) or tail[1:3] in (":\\", ":/")):
        return f"{head}=<path>"
    return word


def _files(result: Result) -> dict[str, Any]:
    return {
        "checked": sum(result.counts.values()),
        "by_kind": {plain(kind): number for kind, number in result.counts.items()},
        "skipped": [
            {
                "path": plain_path(one.what),
                "why": plain(one.why),
                "detail": plain(one.detail, MAX_MESSAGE) or None,
                "hint": plain(one.hint, MAX_MESSAGE) or None,
            }
            for one in result.unchecked
        ],
    }


def _tool(tool: ToolStatus, options: ReportOptions) -> dict[str, Any]:
    return {
        "name": plain(tool.name),
        "check": plain(tool.check),
        "status": tool.status,
        "version": None if tool.version is None else plain(tool.version),
        "path": None,  # where a program lies is the business of one machine
        "seconds": None if options.reproducible else round(tool.seconds, 3),
        "units": tool.units,
        "detail": plain(tool.detail, MAX_MESSAGE) or None,
        "hint": plain(tool.hint, MAX_MESSAGE) or None,
    }


def _place(location: Location, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    line, column, end_line, end_column = position_of(location, files)
    return {
        "path": plain_path(location.path),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def _finding(finding: Finding, fingerprint: str, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    place = _place(finding.location, files)
    snippet = snippet_of(finding, place["line"], files)
    fix = fix_of(finding)
    return {
        "rule": finding.rule,
        "name": name_of(finding.rule),
        "severity": severity_of(finding).word,
        "kind": kind_of(finding.rule),
        "message": plain(finding.message, MAX_MESSAGE),
        **place,
        "object": object_of(finding),
        "aliases": [plain(alias) for alias in aliases_of(finding)],
        "related": [
            {**_place(place, files), "label": plain(place.label, MAX_MESSAGE) or None}
            for place in finding.related
        ],
        "help": help_of(finding.rule),
        "fix": None if fix is None else _fix(fix.path or finding.location.path, fix, files),
        "fingerprint": fingerprint,
        "new": None,
        "snippet": None if snippet is None else plain(snippet, MAX_SNIPPET),
    }


def object_of(finding: Finding) -> dict[str, str] | None:
    """What a finding is about: type, blank, id make up what is displayed."""
    if not finding.object:
        return None
    display = plain(finding.object, MAX_MESSAGE)
    kind, _, name = display.partition(" ")
    return {"type": kind, "id": name, "display": display}


def _fix(path: str, fix: Fix, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    return {
        "title": plain(fix.title, MAX_MESSAGE),
        "safe": fix.safe,
        "edits": [
            {**_place(Location(path, edit.span), files), "text": plain(edit.text)}
            for edit in fix.edits
        ],
    }


def _muted(one: Muted, fingerprint: str, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    place = position_of(one.finding.location, files)
    at = None
    if one.at is not None:
        at = {"path": plain_path(one.at.path), "line": position_of(one.at, files).line}
    return {
        "rule": one.finding.rule,
        "path": plain_path(one.finding.location.path),
        "line": place.line,
        "fingerprint": fingerprint,
        "by": one.by,
        "reason": plain(one.reason, MAX_MESSAGE) or None,
        "at": at,
    }


def _summary(result: Result) -> dict[str, Any]:
    severities = Counter(severity_of(finding).word for finding in result.findings)
    fixes = [finding.fix for finding in result.findings if finding.fix is not None]
    muted = Counter(one.by for one in result.muted)
    return {
        "complete": is_complete(result),
        "exit_code": result.exit_code,
        "findings": len(result.findings),
        **{word: severities[word] for word in ("error", "warning", "info")},
        "fixable": sum(fix.safe for fix in fixes),
        "fixable_unsafe": sum(not fix.safe for fix in fixes),
        "muted": {by: muted[by] for by in ("comment", "peer", "annotation", "baseline", "config")},
        "by_rule": dict(by_rule(result.findings)),
    }


def _timings(result: Result, options: ReportOptions) -> dict[str, Any]:
    phases = ("discover", "parse", "rules", "tools", "suppress")
    if options.reproducible:
        return dict.fromkeys((*phases, "slowest_rules"))
    slowest: Sequence[Sequence[Any]] = result.timings.get("slowest_rules", ())
    return {
        **{phase: _rounded(result.timings.get(phase)) for phase in phases},
        "slowest_rules": [[plain(str(code)), _rounded(seconds)] for code, seconds in slowest],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
