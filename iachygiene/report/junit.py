"""`junit`: the XML that most CI systems read as test results.

https://github.com/testmoapp/junitxml describes what they have in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from iachygiene.model import WHOLE_FILE, Finding, Result, SourceFile, ToolStatus
from iachygiene.report.escape import clean, clean_path
from iachygiene.report.findings import (
    ABSENT,
    BROKEN,
    in_status_order,
    is_sensitive,
    kind_of,
    name_of,
    position_of,
    severity_of,
)
from iachygiene.report.options import ReportOptions


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """A suite a kind with a case a checked file, and a suite of programs.

    Files without findings are cases that pass; where a finding stands in a file of no kind,
    or of another one than its rule, it is counted in the suite of its rule.
    """
    found: dict[str, dict[str, list[Finding]]] = defaultdict(dict)
    for path, kind in result.kinds.items():
        found[kind][path] = []
    for finding in result.findings:
        path = finding.location.path
        kind = result.kinds.get(path) or kind_of(finding.rule)
        found[kind].setdefault(path, []).append(finding)
    suites = [_suite(kind, cases, files) for kind, cases in sorted(found.items())]
    suites.append(_programs(result))
    failures = len(result.findings)
    tests = sum(len(cases) for cases in found.values()) + _count(result)
    seconds = "0.000" if options.reproducible else f"{result.seconds:.3f}"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield (
        f'<testsuites name="iachygiene" tests="{tests}" failures="{failures}"'
        f' errors="{_errors(result)}" time="{seconds}">\n'
    )
    yield from suites
    yield "</testsuites>\n"


def _suite(
    kind: str, cases: Mapping[str, Sequence[Finding]], files: Mapping[str, SourceFile]
) -> str:
    failures = sum(len(findings) for findings in cases.values())
    head = f'<testsuite name={_attribute(kind)} tests="{len(cases)}" failures="{failures}"'
    lines = [head + ' errors="0" skipped="0">']
    for path, findings in sorted(cases.items()):
        opening = f"<testcase classname={_attribute(kind)} name={quoteattr(clean_path(path))}"
        if not findings:
            lines.append(opening + "/>")
            continue
        lines.append(opening + ">")
        lines += [_failure(finding, files) for finding in findings]
        lines.append("</testcase>")
    return "\n".join([*lines, "</testsuite>\n"])


def _failure(finding: Finding, files: Mapping[str, SourceFile]) -> str:
    place = position_of(finding.location, files)
    where = f"{clean_path(finding.location.path)}:{place.line}:{place.column}"
    title = f"{severity_of(finding).word} {finding.rule} {name_of(finding.rule)}".rstrip()
    text = [f"{where}: {title}: {clean(finding.message)}", *_frame(finding, files)]
    message = _attribute(f"{title}: {finding.message}")
    body = escape("\n".join(text))
    return f"<failure type={_attribute(finding.rule)} message={message}>{body}</failure>"


def _frame(finding: Finding, files: Mapping[str, SourceFile]) -> list[str]:
    from iachygiene.report.frame import Style, frame

    file = files.get(finding.location.path)
    if file is None or finding.location.span == WHOLE_FILE:
        return []
    sensitive = is_sensitive(finding.rule)
    return frame(file, finding.location, (), Style(6), sensitive=sensitive)[0]


def _count(result: Result) -> int:
    return len(result.tools) + len(result.unchecked) + len(result.crashes)


def _errors(result: Result) -> int:
    return sum(tool.status in BROKEN for tool in result.tools) + len(result.crashes)


def _programs(result: Result) -> str:
    skipped = sum(tool.status in ABSENT or tool.status == "disabled" for tool in result.tools)
    skipped += len(result.unchecked)
    lines = [
        f'<testsuite name="tools" tests="{_count(result)}" failures="0"'
        f' errors="{_errors(result)}" skipped="{skipped}">'
    ]
    lines += [_program(result.tools[number]) for _, number in in_status_order(result)]
    for one in result.unchecked:
        lines.append(_case("not checked", one.what, "skipped", one.detail or one.why))
    for crash in result.crashes:
        lines.append(_case(crash.rule, crash.path or "the project", "error", crash.cause))
    return "\n".join([*lines, "</testsuite>\n"])


def _program(tool: ToolStatus) -> str:
    what = ""
    if tool.status in BROKEN:
        what = "error"
    elif tool.status in ABSENT or tool.status == "disabled":
        what = "skipped"
    return _case(tool.name, tool.check, what, tool.detail or tool.status)


def _case(group: str, name: str, what: str, why: str) -> str:
    opening = f"<testcase classname={_attribute(group)} name={_attribute(name)}"
    return f"{opening}><{what} message={_attribute(why)}/></testcase>" if what else opening + "/>"


def _attribute(text: str) -> str:
    return quoteattr(clean(text))
