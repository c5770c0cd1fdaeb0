"""`gitlab`: a report for GitLab Code Quality.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256

from iachygiene.fingerprint import SCHEME, fingerprints
from iachygiene.model import Result, Severity, SourceFile
from iachygiene.report.escape import MAX_MESSAGE, clean, plain, plain_path
from iachygiene.report.findings import (
    ABSENT,
    BROKEN,
    brief_of,
    name_of,
    position_of,
    severity_of,
)
from iachygiene.report.options import ReportOptions

_SEVERITIES = {Severity.INFO: "info", Severity.WARNING: "minor", Severity.ERROR: "major"}
_SECURITY = {Severity.INFO: "info", Severity.WARNING: "major", Severity.ERROR: "critical"}
_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False).encode


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - the signature of all formats
) -> Iterator[str]:
    """One object a finding, one a line; an empty array where there is none.

    The format has no place for what was not checked: that is an object of its own too.
    """
    muted = [one.finding for one in result.muted]
    prints = fingerprints([*result.findings, *muted], files)
    rows = []
    for finding, mark in zip(result.findings, prints, strict=False):
        rule = brief_of(finding.rule)
        place = position_of(finding.location, files)
        severities = _SECURITY if rule and rule.security else _SEVERITIES
        title = f"{finding.rule} {name_of(finding.rule)}".rstrip()
        row = {
            "description": plain(clean(f"{title}: {finding.message}"), MAX_MESSAGE),
            "check_name": finding.rule,
            "fingerprint": mark.removeprefix(SCHEME),
            "severity": severities[severity_of(finding)],
            "location": {
                "path": plain_path(finding.location.path),
                "lines": {"begin": place.line, "end": max(place.line, place.end_line)},
            },
        }
        rows.append(_encode(row))
    rows += [_encode(_gap(what, why)) for what, why in _gaps(result)]
    yield "[" + "".join(f"\n{row}," for row in rows).removesuffix(",") + "\n]\n"


def _gaps(result: Result) -> Iterator[tuple[str, str]]:
    for tool in result.tools:
        if tool.status in ABSENT | BROKEN:
            yield tool.check, tool.detail or tool.status
    for one in result.unchecked:
        yield one.what, one.detail or one.why
    for crash in result.crashes:
        yield crash.path or "the project", f"{crash.rule} crashed: {crash.cause}"


def _gap(what: str, why: str) -> dict[str, object]:
    text = plain(clean(f"not checked: {what}: {why}"), MAX_MESSAGE)
    return {
        "description": text,
        "check_name": "not-checked",
        "fingerprint": sha256(text.encode()).hexdigest()[:32],
        "severity": "info",
        "location": {"path": plain(clean(what), MAX_MESSAGE), "lines": {"begin": 1, "end": 1}},
    }
