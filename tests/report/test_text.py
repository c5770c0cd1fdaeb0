"""The report for people: what is shown, what is counted, and how it fits a terminal."""

from __future__ import annotations

import re
from typing import Any

from iachygiene.model import (
    Crash,
    Finding,
    Location,
    Muted,
    Result,
    Severity,
    SourceFile,
    Span,
    ToolStatus,
    Unchecked,
)
from iachygiene.report.options import ReportOptions
from iachygiene.report.text import render

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def text(result: Result, files: Any = (), **options: Any) -> str:
    return "".join(render(result, dict(files), ReportOptions(**options)))


def many(empty: Result, number: int) -> Result:
    findings = [
        Finding(
            "DF3006" if index % 3 else "DF5401",
            Severity.WARNING if index % 3 else Severity.ERROR,
            f"finding {index}",
            Location("Dockerfile"),
        )
        for index in range(number)
    ]
    return empty._replace(findings=findings, exit_code=1)


def test_a_terminal_gets_the_fifty_most_severe_and_a_count_by_rule(empty: Result) -> None:
    report = text(many(empty, 120), width=80)
    assert report.count("DF5401 secret-in-env\n") == 41
    assert report.count("DF3006 unpinned-base-image\n") == 11
    shown = "70 findings not shown (`--max-findings 120` prints all); all by rule:\n"
    assert f"{shown}      80  DF3006 unpinned-base-image\n" in report
    # So many at once are the moment for a baseline.
    assert "`iachygiene baseline create`" in report
    assert "baseline" not in text(many(empty, 50), width=80)
    muted = [Muted(many(empty, 1).findings[0], "baseline")]
    assert "baseline create" not in text(many(empty, 120)._replace(muted=muted))
    assert "120 findings (40 errors, 80 warnings) in 1 file" in report


def test_a_pipe_gets_them_all(empty: Result) -> None:
    assert "finding 119" in text(many(empty, 120))


def test_max_findings_holds_also_on_a_pipe(empty: Result) -> None:
    report = text(many(empty, 9), limit=3)
    assert report.count("secret-in-env\n") == 4
    assert "6 findings not shown" in report


def test_statistics_count_by_rule_and_mark_what_has_fixes(sample: Any) -> None:
    report = text(*sample, statistics=True)
    assert "By rule\n       1  DF3006 unpinned-base-image\n" in report
    assert "       1  DF5002 install-instead-of-ci [*]\n" in report


def test_quiet_prints_findings_and_what_went_wrong(sample: Any) -> None:
    report = text(*sample, quiet=1)
    assert "DF3006" in report
    assert "timed out after 60 s" in report
    assert "Checked" not in report
    assert "10 MiB" not in report


def test_very_quiet_prints_nothing(sample: Any) -> None:
    assert text(*sample, quiet=2) == ""


def test_a_hook_gets_no_hint_what_to_do_next(sample: Any) -> None:
    assert "Next:" in text(*sample)
    assert "Next:" not in text(*sample, hook=True)


def test_reproducible_reports_hold_no_times(sample: Any) -> None:
    assert "Checked 1,261 files: 61 dockerfile" in text(*sample, reproducible=True)


def test_colour_changes_nothing_but_colour(sample: Any) -> None:
    coloured = text(*sample, color=True)
    assert "\x1b[31;1merror\x1b[0m" in coloured
    assert ESCAPE.sub("", coloured) == text(*sample)


def test_no_line_is_longer_than_the_terminal(sample: Any) -> None:
    report = text(*sample, width=80)
    assert [line for line in report.splitlines() if len(line) > 80] == []
    assert " ".join(report.split()) == " ".join(text(*sample).split())


def test_programs_are_told_in_the_order_of_their_status(empty: Result) -> None:
    statuses = ["garbage", "crashed", "timed-out", "missing", "not-needed", "ok"]
    tools = [ToolStatus("tool", f"check {status}", status, seconds=5) for status in statuses]
    report = text(empty._replace(tools=tools))
    assert (
        "\ncheck ok: ok · check missing: skipped · check timed-out: timed out after 5 s"
        " · check crashed: crashed · check garbage: unusable output\n"
    ) in report
    assert "  check missing    tool not found\n" in report


def test_what_was_known_is_counted_but_not_in_a_reproducible_report(empty: Result) -> None:
    known = empty._replace(cached=9)
    assert "\ncache: 1 of 1\n" in text(known)
    assert "cache" not in text(known, reproducible=True)


def test_moved_entries_of_a_baseline_are_told(empty: Result) -> None:
    finding = Finding("DF3006", Severity.WARNING, "message", Location("a"))
    moved = Muted(finding, "baseline", "moved from b")
    report = text(empty._replace(muted=[moved]))
    assert "1 muted (1 baselined, 1 from moved files: `iachygiene baseline update`)" in report


def test_a_program_that_was_not_needed_is_told_when_asked(empty: Result) -> None:
    result = empty._replace(tools=[ToolStatus("helm", "helm template", "not-needed")])
    assert "not needed" not in text(result)
    assert "helm template: not needed" in text(result, verbose=1)


def test_many_things_not_checked_are_counted(empty: Result) -> None:
    gaps = [Unchecked(f"chart{number}", "template", "no helm") for number in range(30)]
    report = text(empty._replace(unchecked=gaps))
    assert "chart19" in report
    assert "chart20" not in report
    assert "and 10 more" in report


def test_the_place_of_a_crash_is_shown_when_asked(sample: Any) -> None:
    assert "Traceback" not in text(*sample)
    assert "Traceback\n  line\n" in text(*sample, verbose=1)


def test_a_rule_that_crashed_often_has_one_row(empty: Result) -> None:
    crashes = [Crash("DF3006", f"file{number}", "KeyError: 'x'", "") for number in range(30)]
    report = text(empty._replace(crashes=crashes))
    assert report.count("crashed on") == 1
    assert "crashed on file0 and 29 more times: KeyError: 'x'" in report


def test_related_places_beyond_three_are_counted(empty: Result) -> None:
    related = tuple(Location(f"pod{number}.yaml") for number in range(7))
    finding = Finding("DF3006", Severity.ERROR, "message", Location("x"), related=related)
    report = text(empty._replace(findings=[finding]))
    assert "= pod2.yaml\n" in report
    assert "pod3.yaml" not in report
    assert "= 4 more related places\n" in report


def test_written_fixes_are_told(empty: Result) -> None:
    assert "Fixed 2 files\n" in text(empty, changed=2)


def test_positions_of_one_file_are_aligned(empty: Result) -> None:
    file = SourceFile("a", b"x\n" * 12)
    findings = [
        Finding("DF3006", Severity.ERROR, "early", Location("a", Span(2, 3))),
        Finding("DF3006", Severity.ERROR, "late", Location("a", Span(20, 21))),
    ]
    report = text(empty._replace(findings=findings), {"a": file})
    assert "  2:1   error  DF3006" in report
    assert "  11:1  error  DF3006" in report
