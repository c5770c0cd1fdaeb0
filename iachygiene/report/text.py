"""`text`: findings with their source by file, then what was not checked, then the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from iachygiene.model import (
    WHOLE_FILE,
    Crash,
    Finding,
    Location,
    Result,
    Severity,
    SourceFile,
    ToolStatus,
)
from iachygiene.report.escape import clean, clean_path
from iachygiene.report.findings import (
    ABSENT,
    BROKEN,
    aliases_of,
    brief_of,
    by_rule,
    counted,
    in_status_order,
    is_sensitive,
    most_severe,
    name_of,
    position_of,
    severity_of,
)
from iachygiene.report.options import ReportOptions

ON_A_TERMINAL = 50
"""Findings printed on a terminal; the rest are counted by rule."""
MAX_UNCHECKED = 20
"""Things not checked that are named one by one."""
_MAX_RELATED = 3
_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.INFO: "36;1"}
_MUTED_BY = {
    "baseline": "baselined",
    "comment": "by comment",
    "peer": "by comments of other tools",
    "annotation": "by annotation",
    "config": "by configuration",
}


def render(
    result: Result,
    files: Mapping[str, SourceFile],
    options: ReportOptions = ReportOptions(),  # noqa: B008 - immutable
) -> Iterator[str]:
    """The report for people, in parts to be written one after the other."""
    if options.quiet > 1:
        return
    page = _Page(options)
    limit = options.limit
    if limit is None and options.width is not None:
        limit = ON_A_TERMINAL
    findings = result.findings
    shown = findings
    if limit is not None:
        shown = [findings[number] for number in most_severe(findings, limit)]
    for path, group in groupby(shown, key=lambda finding: finding.location.path):
        yield page.file(path, list(group), files)
    if len(shown) < len(findings) or (options.statistics and findings):
        yield page.by_rule(findings, len(findings) - len(shown))
    if options.quiet:
        yield page.not_checked(result, errors_only=True)
        return
    yield page.not_checked(result)
    yield page.totals(result)


class _Page:
    """The pieces of a report in one appearance."""

    def __init__(self, options: ReportOptions) -> None:
        self.options = options
        self.dot = " · " if options.unicode else "; "

    def clean(self, text: str) -> str:
        return clean(text, ascii_only=not self.options.unicode)

    def paint(self, text: str, color: str) -> str:
        if not self.options.color:
            return text
        from iachygiene.report.frame import paint

        return paint(text, color)

    def file(self, path: str, findings: Sequence[Finding], files: Mapping[str, SourceFile]) -> str:
        places = [position_of(finding.location, files) for finding in findings]
        positions = [f"{place.line}:{place.column}" for place in places]
        indent = max(map(len, positions)) + 4
        lines = [self.paint(clean_path(path, ascii_only=not self.options.unicode), "1")]
        for finding, position in zip(findings, positions, strict=True):
            severity = severity_of(finding)
            word = self.paint(severity.word, _COLORS[severity])
            mark = " [*]" if finding.fix and finding.fix.safe else ""
            head = f"  {position:<{indent - 4}}  {word}  {finding.rule}"
            lines.append(f"{head} {name_of(finding.rule)}".rstrip() + mark)
            lines += self.wrapped(self.clean(finding.message), " " * indent)
            lines += self.frame(finding, files, indent)
        return "\n".join(lines) + "\n\n"

    def frame(self, finding: Finding, files: Mapping[str, SourceFile], indent: int) -> list[str]:
        """Source, related places that are not in it, and the names that others know."""
        from iachygiene.report.frame import MAX_COLUMNS, Style, frame

        file = files.get(finding.location.path)
        lines: list[str] = []
        elsewhere = list(finding.related)
        if file is not None and finding.location.span != WHOLE_FILE:
            room = self.options.width - indent - 3 if self.options.width else MAX_COLUMNS
            color = _COLORS[severity_of(finding)] if self.options.color else ""
            style = Style(indent - 1, max(min(room, MAX_COLUMNS), 40), self.options.unicode, color)
            here = [one for one in elsewhere if one.path == file.path and one.span != WHOLE_FILE]
            lines, left = frame(
                file, finding.location, here, style, sensitive=is_sensitive(finding.rule)
            )
            elsewhere = [one for one in elsewhere if one not in here or one in left]
        notes = [self.place(one, files) for one in elsewhere[:_MAX_RELATED]]
        if len(elsewhere) > _MAX_RELATED:
            notes.append(f"{counted(len(elsewhere) - _MAX_RELATED, 'more related place')}")
        about = [finding.object] if finding.object else []
        names = self.dot.join(self.clean(one) for one in (*about, *aliases_of(finding)))
        for note in (*notes, names):
            if note:
                lines += self.wrapped(note, " " * indent + "= ")
        return lines

    def place(self, location: Location, files: Mapping[str, SourceFile]) -> str:
        where = clean_path(location.path, ascii_only=not self.options.unicode)
        if location.span != WHOLE_FILE and location.path in files:
            position = position_of(location, files)
            where += f":{position.line}:{position.column}"
        return f"{where}: {self.clean(location.label)}" if location.label else where

    def by_rule(self, findings: Sequence[Finding], hidden: int) -> str:
        lines = ["By rule"]
        if hidden:
            every = f"`--max-findings {len(findings)}` prints all"
            lines = [f"{counted(hidden, 'finding')} not shown ({every}); all by rule:"]
        for code, number in by_rule(findings):
            rule = brief_of(code)
            mark = " [*]" if rule and rule.fixable else ""
            lines.append(f"  {number:>6,}  {code} {rule.name if rule else ''}".rstrip() + mark)
        return "\n".join(lines) + "\n\n"

    def not_checked(self, result: Result, *, errors_only: bool = False) -> str:
        """What was not looked at and why; with `errors_only` just what went wrong."""
        rows = [
            (tool.check, f"{_gap(tool)}{self.hint(tool.hint)}")
            for _, number in in_status_order(result)
            for tool in (result.tools[number],)
            if tool.status in BROKEN or (tool.status in ABSENT and not errors_only)
        ]
        if not errors_only:
            rows += [
                (one.what, f"{one.detail or one.why}{self.hint(one.hint)}")
                for one in result.unchecked[:MAX_UNCHECKED]
            ]
            if len(result.unchecked) > MAX_UNCHECKED:
                more = len(result.unchecked) - MAX_UNCHECKED
                rows.append((f"and {more:,} more", "the JSON report names them"))
        rows += self.crashed(result)
        if not rows:
            return ""
        lines = ["Not checked"]
        widest = min(max(len(self.clean(what)) for what, _ in rows), 32)
        for what, why in rows:
            head = f"  {self.clean(what):<{widest}}  "
            lines += self.wrapped(self.clean(why), head, " " * (widest + 4))
        if self.options.verbose:
            for crash in result.crashes:
                lines += ["", *map(self.clean, crash.traceback.splitlines())]
            if result.crashes:
                told = "a report of this defect needs these lines, none of the file, and what"
                lines += ["", f"  {told} `iachygiene version -v` prints"]
        return "\n".join(lines) + "\n\n"

    def crashed(self, result: Result) -> Iterator[tuple[str, str]]:
        """One row for each rule that crashed, with the first of its places."""
        places: dict[str, list[Crash]] = {}
        for crash in result.crashes:
            places.setdefault(crash.rule, []).append(crash)
        for code, crashes in places.items():
            more = f" and {len(crashes) - 1:,} more times" if len(crashes) > 1 else ""
            where = f"crashed on {crashes[0].path or 'the project'}{more}: {crashes[0].cause}"
            hint = self.hint("a defect of iachygiene; -v shows where")
            yield f"{code} {name_of(code)}".rstrip(), where + hint

    def hint(self, hint: str) -> str:
        return f" ({hint})" if hint else ""

    def totals(self, result: Result) -> str:
        number = sum(result.counts.values())
        took = "" if self.options.reproducible else f" in {result.seconds:.2f} s"
        kinds = ", ".join(f"{count:,} {self.clean(kind)}" for kind, count in result.counts.items())
        lines = []
        checked = f"Checked {counted(number, 'file')}{took}"
        muted = self.muted(result)
        if result.findings:
            lines.append(f"{checked}: {kinds}" if kinds else checked)
        else:
            lines.append(self.dot.join([f"{checked}: no findings", *muted]))
        statuses = self.statuses(result)
        if statuses:
            lines.append(self.dot.join(statuses))
        if self.options.changed:
            lines.append(f"Fixed {counted(self.options.changed, 'file')}")
        if result.findings:
            lines.append(
                self.dot.join([self.found(result.findings), *muted, *self.fixable(result)])
            )
            if not self.options.hook:
                lines.append(self.next(result))
        return "\n".join(line for start in lines for line in self.wrapped(start, "")) + "\n"

    def statuses(self, result: Result) -> list[str]:
        """How each program ended, and how much was known from earlier runs."""
        tools = [result.tools[index] for _, index in in_status_order(result)]
        found = [
            self.clean(f"{tool.check}: {_status(tool)}")
            for tool in tools
            if tool.status != "not-needed" or self.options.verbose
        ]
        number = sum(result.counts.values())
        if result.cached and not self.options.reproducible:
            found.append(f"cache: {min(result.cached, number):,} of {number:,}")
        return found

    def found(self, findings: Sequence[Finding]) -> str:
        counts = Counter(severity_of(finding) for finding in findings)
        parts = [
            counted(counts[severity], severity.word)
            if severity != Severity.INFO
            else f"{counts[severity]:,} info"
            for severity in sorted(counts, reverse=True)
        ]
        paths = {finding.location.path for finding in findings}
        number = counted(len(findings), "finding")
        return f"{number} ({', '.join(parts)}) in {counted(len(paths), 'file')}"

    def muted(self, result: Result) -> list[str]:
        if not result.muted:
            return []
        counts = Counter(one.by for one in result.muted)
        order = [*_MUTED_BY, *sorted(set(counts).difference(_MUTED_BY))]
        words = _MUTED_BY | ({"baseline": "known before"} if self.options.new_only else {})
        parts = [f"{counts[by]:,} {words.get(by, by)}" for by in order if counts[by]]
        moved = sum(one.by == "baseline" and one.reason[:6] == "moved " for one in result.muted)
        if moved:
            parts.append(f"{moved:,} from moved files: `iachygiene baseline update`")
        return [f"{len(result.muted):,} muted ({', '.join(parts)})"]

    def fixable(self, result: Result) -> list[str]:
        fixes = [finding.fix for finding in result.findings if finding.fix]
        safe = sum(fix.safe for fix in fixes)
        parts = [f"{safe:,} fixable with --fix"]
        if len(fixes) > safe:
            parts.append(f"{len(fixes) - safe:,} more with --unsafe-fixes")
        return [", ".join(parts)]

    def next(self, result: Result) -> str:
        code = result.findings[most_severe(result.findings, 1)[0]].rule
        first = ""
        if any(finding.fix and finding.fix.safe for finding in result.findings):
            first = "`iachygiene scan --fix`, "
        last = ""
        if len(result.findings) > ON_A_TERMINAL and not any(
            one.by == "baseline" for one in result.muted
        ):
            last = ", or `iachygiene baseline create` to start without these"
        return f"Next: {first}`iachygiene explain {code}`{last}"

    def wrapped(self, text: str, head: str, hanging: str | None = None) -> list[str]:
        """Lines no longer than the terminal, all in one line where there is none."""
        width = self.options.width
        if width is None or len(head) + len(text) <= width:
            return [head + text]
        hanging = " " * len(head) if hanging is None else hanging
        lines = [head]
        for word in text.split(" "):
            blank = "" if lines[-1] in (head, hanging) else " "
            if blank and len(lines[-1]) + 1 + len(word) > width:
                lines.append(hanging)
                blank = ""
            lines[-1] += blank + word
        return lines


def _gap(tool: ToolStatus) -> str:
    """Why a program leaves a gap."""
    return _why_absent(tool) if tool.status in ABSENT else _status(tool)


def _why_absent(tool: ToolStatus) -> str:
    return tool.detail or {"missing": f"{tool.name} not found"}.get(tool.status, tool.status)


def _status(tool: ToolStatus) -> str:
    """How a program ended, in a few words."""
    version = f"{tool.name} {tool.version}" if tool.version else ""
    if tool.status == "ok":
        return f"ok ({version})" if version else "ok"
    if tool.status == "findings":
        return f"findings ({version})" if version else "findings"
    if tool.status == "not-needed":
        return "not needed"
    if tool.status == "timed-out":
        return f"timed out after {tool.seconds:.0f} s"
    if tool.status == "crashed":
        return f"crashed ({tool.detail})" if tool.detail else "crashed"
    if tool.status == "garbage":
        return f"unusable output ({tool.detail})" if tool.detail else "unusable output"
    return "skipped"  # why stands under what was not checked
