"""`concise`: one line a finding, for editors, grep and problem matchers. Its form is stable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iachygiene.model import Finding, Result, SourceFile
from iachygiene.report.escape import clean, clean_path
from iachygiene.report.findings import ABSENT, BROKEN, counted, position_of, severity_of
from iachygiene.report.options import ReportOptions


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """`path:line:col: severity CODE message [*]`, `[*]` where a safe fix is at hand.

    What was not checked follows, a line each that begins with `not checked:`.
    """
    yield "".join([line(finding, files, options) + "\n" for finding in result.findings])
    if options.quiet:
        return
    for one in result.unchecked:
        what = f"not checked: {one.what}: {one.detail or one.why}"
        yield clean(what, ascii_only=not options.unicode) + "\n"
    for tool in result.tools:
        if tool.status in ABSENT | BROKEN:
            what = f"not checked: {tool.check}: {tool.detail or tool.status}"
            yield clean(what, ascii_only=not options.unicode) + "\n"
    if result.crashes:
        yield f"not checked: {counted(len(result.crashes), 'rule')} crashed\n"


def line(finding: Finding, files: Mapping[str, SourceFile], options: ReportOptions) -> str:
    """The line of one finding, without its end."""
    place = position_of(finding.location, files)
    path = clean_path(finding.location.path, ascii_only=not options.unicode)
    message = clean(finding.message, ascii_only=not options.unicode)
    severity = severity_of(finding).word
    mark = " [*]" if finding.fix and finding.fix.safe else ""
    return f"{path}:{place.line}:{place.column}: {severity} {finding.rule} {message}{mark}"
