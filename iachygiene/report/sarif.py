"""`sarif`: one run of SARIF 2.1.0, made for code scanning on GitHub.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from iachygiene import HOME, __version__
from iachygiene.fingerprint import fingerprints
from iachygiene.lazy import regex
from iachygiene.model import Finding, Fix, Location, Muted, Result, Severity, SourceFile
from iachygiene.report.escape import MAX_MESSAGE, MAX_SNIPPET, clean, plain, sarif_message, uri
from iachygiene.report.findings import (
    ABSENT,
    BROKEN,
    fix_of,
    help_of,
    is_sensitive,
    kind_of,
    most_severe,
    position_of,
    rule_of,
    severity_of,
)
from iachygiene.report.options import ReportOptions

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MAX_RESULTS = 5000
"""Results that GitHub displays of one run."""
MAX_RELATED = 100
MAX_COMPRESSED = 9_500_000
"""Bytes of a report after compression."""
_REMOTE = regex(
    r"(?:https://(?:[^@/\s]+@)?|ssh://git@|git@)"
    r"(?P<host>(?i:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org))[:/]"
    r"(?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+)/?"
)
"""Remotes at public hosts, without what logs in."""
_IN_SOURCE = frozenset(("comment", "annotation", "peer"))


class _Attempt(NamedTuple):
    """How much a report holds, where a fuller one is too large."""

    snippets: bool
    help: bool
    results: int


_ATTEMPTS = (
    _Attempt(True, True, MAX_RESULTS),
    _Attempt(False, True, MAX_RESULTS),
    _Attempt(False, False, MAX_RESULTS),
    _Attempt(False, False, MAX_RESULTS // 5),
)
_LEFT_OUT = "left out: "
_BASES = {"%SRCROOT%": {"description": {"text": "the scanned directory"}}}
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_RANKS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
_SECURITY = {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.INFO: "2.0"}

_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False).encode


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """The envelope by hand, each rule and each result as one line.

    GitHub takes 10 MB after compression: where that is passed, snippets go first, then the
    help of rules, then results.
    """
    text = ""
    for attempt in _ATTEMPTS:
        text = "".join(_text(result, files, options, attempt))
        if len(text) < MAX_COMPRESSED or _compressed(text) <= MAX_COMPRESSED:
            break
    yield text


def _compressed(text: str) -> int:
    from zlib import compress

    return len(compress(text.encode(), 6))


def _text(
    result: Result, files: Mapping[str, SourceFile], options: ReportOptions, attempt: _Attempt
) -> Iterator[str]:
    muted = [one.finding for one in result.muted]
    prints = fingerprints([*result.findings, *muted], files)
    chosen = most_severe(result.findings, attempt.results)
    shown = [(result.findings[number], prints[number]) for number in chosen]
    suppressed = list(zip(result.muted, prints[len(result.findings) :], strict=True))
    if not options.suppressed:
        suppressed = []
    codes = sorted({one.rule for one, _ in shown} | {one.finding.rule for one, _ in suppressed})
    index = {code: number for number, code in enumerate(codes)}
    driver = {
        "name": "iachygiene",
        "semanticVersion": __version__,
        "informationUri": HOME,
    }
    rules = ",\n".join(_encode(_rule(code, help=attempt.help)) for code in codes)
    yield f'{{"$schema": "{SCHEMA}", "version": "2.1.0", "runs": [{{\n'
    yield f'"tool": {{"driver": {_encode(driver)[:-1]}, "rules": [\n{rules}\n]}}'
    extensions = _extensions(result)
    yield f', "extensions": {_encode(extensions)}}},\n' if extensions else "},\n"
    yield f'"automationDetails": {_encode({"id": _category(options)})},\n'
    yield f'"invocations": [{_encode(_invocation(result, len(shown), attempt))}],\n'
    yield f'"originalUriBaseIds": {_encode(_BASES)},\n'
    provenance = _provenance(options)
    if provenance:
        yield f'"versionControlProvenance": [{_encode(provenance)}],\n'
    yield '"columnKind": "unicodeCodePoints",\n"results": [\n'
    rows = [
        _result(one, index[one.rule], mark, files, snippet=attempt.snippets)
        | ({"baselineState": "new"} if options.new_only else {})
        for one, mark in shown
    ]
    rows += [
        _result(one.finding, index[one.finding.rule], mark, files, snippet=attempt.snippets)
        | {"suppressions": [_suppression(one)]}
        for one, mark in suppressed
    ]
    yield ",\n".join(map(_encode, rows))
    yield "\n]}]}\n"


def _extensions(result: Result) -> list[dict[str, str]]:
    """The programs that had a part in the run, each with its version."""
    programs = {
        plain(tool.name): plain(tool.version)
        for tool in result.tools
        if tool.version and tool.status in ("ok", "findings") and tool.name != "built-in"
    }
    return [{"name": name, "version": version} for name, version in sorted(programs.items())]


def _provenance(options: ReportOptions) -> dict[str, Any]:
    """The repository and commit, where the remote is at a host that all can reach."""
    git = options.git or {}
    address = _REMOTE.fullmatch(git.get("remote") or "")
    if address is None or not git.get("commit"):
        return {}
    return {
        "repositoryUri": f"https://{address['host'].lower()}/{address['path'].removesuffix('.git')}",
        "revisionId": git["commit"],
        "mappedTo": {"uriBaseId": "%SRCROOT%"},
    }


def _suppression(muted: Muted) -> dict[str, Any]:
    found = {"kind": "inSource" if muted.by in _IN_SOURCE else "external"}
    return found | ({"justification": sarif_message(muted.reason)} if muted.reason else {})


def _category(options: ReportOptions) -> str:
    return "iachygiene/" + plain(clean(options.category))


def _rule(code: str, *, help: bool = True) -> dict[str, Any]:
    rule = rule_of(code)
    if rule is None:
        return {"id": code}
    summary = plain(rule.summary)
    whole = plain(f"{rule.summary}\n\n{rule.explanation}".strip())
    theme = rule.check.__module__.rpartition(".")[2]
    tags = list(dict.fromkeys([kind_of(code), theme, *(["security"] if rule.security else [])]))
    properties: dict[str, Any] = {
        "tags": tags,
        "precision": "high",
        "problem.severity": _RANKS[rule.severity],
    }
    if rule.security:
        properties["security-severity"] = _SECURITY[rule.severity]
    return {
        "id": code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": summary},
        "fullDescription": {"text": whole},
        "help": {"text": whole} | ({"markdown": _help(whole, rule.aliases)} if help else {}),
        "helpUri": help_of(code),
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": properties,
    }


def _help(text: str, aliases: tuple[str, ...]) -> str:
    """The rule's own documentation, which is ours and therefore markup."""
    peers = ", ".join(f"`{alias}`" for alias in aliases)
    return f"{text}\n\nAlso known as {peers}." if peers else text


def left_out(text: str) -> list[str]:
    """What a report says that it leaves out, for those who do not read it."""
    line = next(line for line in text.splitlines() if line.startswith('"invocations": '))
    (invocation,) = json.loads("{" + line.rstrip(",") + "}")["invocations"]
    notes = [note["message"]["text"] for note in invocation["toolExecutionNotifications"]]
    return [note for note in notes if note.startswith(_LEFT_OUT)]


def _invocation(result: Result, shown: int, attempt: _Attempt) -> dict[str, Any]:
    notes = []
    for tool in result.tools:
        level = "error" if tool.status in BROKEN else "warning" if tool.status in ABSENT else "note"
        text = f"{tool.check}: {tool.status}" + (f": {tool.detail}" if tool.detail else "")
        notes.append(_note(text, level))
    notes += [
        _note(f"not checked: {one.what}: {one.detail or one.why}", "warning")
        for one in result.unchecked
    ]
    notes += [
        _note(f"{crash.rule} crashed on {crash.path}: {crash.cause}", "error")
        for crash in result.crashes
    ]
    if shown < len(result.findings):
        left = len(result.findings) - shown
        text = f"{_LEFT_OUT}{left} of {len(result.findings)} results"
        notes.append(_note(text, "warning"))
    parts = [
        what
        for what, there in (("snippets", attempt.snippets), ("the help of rules", attempt.help))
        if not there
    ]
    if parts:
        notes.append(_note(f"{_LEFT_OUT}{' and '.join(parts)}, the report is too large", "warning"))
    return {
        "executionSuccessful": result.exit_code in (0, 1),
        "exitCode": result.exit_code,
        "toolExecutionNotifications": notes,
    }


def _note(text: str, level: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": sarif_message(text)}}


def _result(
    finding: Finding,
    index: int,
    fingerprint: str,
    files: Mapping[str, SourceFile],
    *,
    snippet: bool = True,
) -> dict[str, Any]:
    location = _location(finding.location, files)
    flagged = _flagged(finding, files)
    if flagged and snippet:
        location["physicalLocation"]["region"]["snippet"] = {"text": plain(flagged, MAX_SNIPPET)}
    if finding.object:
        name = plain(clean(finding.object), MAX_MESSAGE)
        location["logicalLocations"] = [{"fullyQualifiedName": name}]
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[severity_of(finding)],
        "message": {"text": sarif_message(finding.message)},
        "locations": [location],
        "partialFingerprints": {
            "primaryLocationLineHash": fingerprint,
            "iachygiene/v1": fingerprint,
        },
    }
    if finding.related:
        found["relatedLocations"] = [
            _related(number, place, files)
            for number, place in enumerate(finding.related[:MAX_RELATED], 1)
        ]
    fix = fix_of(finding)
    if fix is not None:
        found["fixes"] = [_fix(fix.path or finding.location.path, fix, files)]
    return found


def _flagged(finding: Finding, files: Mapping[str, SourceFile]) -> str:
    """The text of the region, empty where it must not or cannot be shown."""
    file = files.get(finding.location.path)
    if file is None or is_sensitive(finding.rule):
        return ""
    start, end = finding.location.span
    return file.shown_text[start : min(end, start + 4 * MAX_SNIPPET)]


def _location(location: Location, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(location.path),
            "region": _region(location, files),
        }
    }


def _related(number: int, place: Location, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    found = {"id": number, **_location(place, files)}
    if place.label:
        found["message"] = {"text": sarif_message(place.label)}
    return found


def _artifact(path: str) -> dict[str, str]:
    return {"uri": uri(path), "uriBaseId": "%SRCROOT%"}


def _region(location: Location, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    line, column, end_line, end_column = position_of(location, files)
    return {
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
    }


def _fix(path: str, fix: Fix, files: Mapping[str, SourceFile]) -> dict[str, Any]:
    replacements = [
        {
            "deletedRegion": _region(Location(path, edit.span), files),
            "insertedContent": {"text": plain(edit.text)},
        }
        for edit in fix.edits
    ]
    return {
        "description": {"text": sarif_message(fix.title)},
        "artifactChanges": [{"artifactLocation": _artifact(path), "replacements": replacements}],
    }
