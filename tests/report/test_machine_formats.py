"""json, sarif, github, markdown, concise: shapes, limits, and what their readers rely on."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import jsonschema
import pytest

from iachygiene.model import Finding, Location, Result, Severity, SourceFile, Span
from iachygiene.report.options import ReportOptions
from iachygiene.report.schema import REPORT

PLACE = {
    "type": "object",
    "properties": {
        "startLine": {"type": "integer", "minimum": 1},
        "startColumn": {"type": "integer", "minimum": 1},
        "endLine": {"type": "integer", "minimum": 1},
        "endColumn": {"type": "integer", "minimum": 1},
        "snippet": {"type": "object", "required": ["text"], "additionalProperties": {}},
    },
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "additionalProperties": False,
}
ARTIFACT = {
    "type": "object",
    "properties": {
        "uri": {"type": "string", "pattern": r"^(?!\./|/|[A-Za-z]+:)[!-~]*$"},
        "uriBaseId": {"const": "%SRCROOT%"},
    },
    "required": ["uri", "uriBaseId"],
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["error", "warning", "note"]},
        "message": {"type": "object", "required": ["text"]},
        "locations": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "physicalLocation": {
                        "type": "object",
                        "properties": {"artifactLocation": ARTIFACT, "region": PLACE},
                        "required": ["artifactLocation", "region"],
                        "additionalProperties": False,
                    },
                    "logicalLocations": {"type": "array"},
                },
                "required": ["physicalLocation"],
                "additionalProperties": False,
            },
        },
        "partialFingerprints": {
            "type": "object",
            "required": ["primaryLocationLineHash", "iachygiene/v1"],
        },
        "relatedLocations": {"type": "array", "maxItems": 100},
        "fixes": {"type": "array"},
    },
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "additionalProperties": False,
}
"""The part of SARIF 2.1.0 that a result of ours keeps to."""


def rendered(form: str, result: Result, files: Any = (), **options: Any) -> str:
    module = import_module(f"iachygiene.report.{form}")
    return "".join(module.render(result, dict(files), ReportOptions(**options)))


def many(empty: Result, number: int, code: str = "DF5401", path: str = "file{}") -> Result:
    severity = Severity.ERROR if code == "DF5401" else Severity.INFO
    findings = [
        Finding(code, severity, f"finding {index}", Location(path.format(index)))
        for index in range(number)
    ]
    return empty._replace(findings=findings, exit_code=1)


def test_json_keeps_to_its_schema(sample: Any, empty: Result) -> None:
    jsonschema.Draft202012Validator.check_schema(REPORT)
    git = {"commit": "0" * 40}
    for text in (rendered("json", *sample, git=git), rendered("json", empty)):
        jsonschema.validate(json.loads(text), REPORT)


def test_reproducible_json_holds_no_dates_and_times(sample: Any) -> None:
    report = json.loads(rendered("json", *sample, reproducible=True, started="2027-01-05"))
    assert report["run"]["started"] is report["run"]["seconds"] is None
    assert {tool["seconds"] for tool in report["tools"]} == {None}
    assert set(report["timings"].values()) == {None}
    jsonschema.validate(report, REPORT)


def test_json_has_one_line_a_finding(sample: Any) -> None:
    lines = rendered("json", *sample).splitlines()
    assert sum('"fingerprint"' in line for line in lines) == 6 + 2


def test_a_position_is_in_code_points_and_its_end_is_exclusive(empty: Result) -> None:
    file = SourceFile("a", "ü\nDé 名x\n".encode())
    finding = Finding("DF3006", None, "message", Location("a", Span(5, 7)))
    report = json.loads(rendered("json", empty._replace(findings=[finding]), {"a": file}))
    found = report["findings"][0]
    place = [found[key] for key in ("line", "column", "end_line", "end_column")]
    assert place == [2, 4, 2, 6]


def test_a_run_with_a_missing_program_is_not_complete(sample: Any) -> None:
    report = json.loads(rendered("json", *sample))
    assert report["summary"]["complete"] is False
    assert report["summary"]["muted"]["comment"] == 1


def test_a_message_has_at_most_a_thousand_code_points(empty: Result) -> None:
    finding = Finding("DF3006", None, "x" * 5000, Location("a"))
    for form in ("json", "sarif"):
        text = rendered(form, empty._replace(findings=[finding]))
        assert "x" * 997 + "..." in text
        assert "x" * 998 not in text


def test_sarif_has_one_run_whose_results_have_rules_and_places(sample: Any) -> None:
    report = json.loads(rendered("sarif", *sample))
    (run,) = report["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == 6
    for result in run["results"]:
        jsonschema.validate(result, RESULT)
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_only_security_rules_have_a_security_severity(sample: Any) -> None:
    report = json.loads(rendered("sarif", *sample))
    rules = report["runs"][0]["tool"]["driver"]["rules"]
    ranked = {rule["id"]: rule["properties"].get("security-severity") for rule in rules}
    assert ranked.pop("DF5401") == "8.0"
    assert set(ranked.values()) == {None}


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
        ("https://user:token@gitlab.com/acme/group/shop", "https://gitlab.com/acme/group/shop"),
        ("ssh://git@codeberg.org/acme/shop.git", "https://codeberg.org/acme/shop"),
        ("https://git.corp.example/acme/shop.git", None),
        ("https://github.com.evil.example/acme/shop", None),
        ("/srv/git/shop.git", None),
        (None, None),
    ],
)
def test_sarif_names_the_repository_where_it_is_public(
    remote: str | None, shown: str | None, sample: Any
) -> None:
    git = {"commit": "0" * 40, "remote": remote}
    run = json.loads(rendered("sarif", *sample, git=git))["runs"][0]
    if shown is None:
        assert "versionControlProvenance" not in run
    else:
        (one,) = run["versionControlProvenance"]
        assert (one["repositoryUri"], one["revisionId"]) == (shown, "0" * 40)


def test_sarif_leaves_out_what_github_would_not_show_and_says_so(empty: Result) -> None:
    result = many(empty, 5_200, "DF5002")
    worst = Finding("DF5401", Severity.ERROR, "the worst", Location("zzz"))
    report = json.loads(rendered("sarif", result._replace(findings=[*result.findings, worst])))
    run = report["runs"][0]
    assert len(run["results"]) == 5_000
    assert run["results"][-1]["message"]["text"] == "the worst"
    notes = [
        note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]
    ]
    assert notes == ["left out: 201 of 5201 results"]


def test_sarif_notes_what_was_not_checked_and_what_crashed(sample: Any) -> None:
    result = sample.result._replace(exit_code=3)
    (invocation,) = json.loads(rendered("sarif", result, sample.files))["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 3
    levels = [note["level"] for note in invocation["toolExecutionNotifications"]]
    assert levels == ["warning", "note", "error", "warning", "warning", "error"]


def test_fingerprints_are_the_same_in_sarif_and_json(sample: Any) -> None:
    of_json = [one["fingerprint"] for one in json.loads(rendered("json", *sample))["findings"]]
    results = json.loads(rendered("sarif", *sample))["runs"][0]["results"]
    assert [one["partialFingerprints"]["iachygiene/v1"] for one in results] == of_json


def annotations(text: str) -> list[str]:
    return text.split("::endgroup::\n")[1].splitlines()


def test_of_25_errors_github_gets_ten_lines_of_which_the_last_counts_the_rest(
    empty: Result,
) -> None:
    lines = annotations(rendered("github", many(empty, 25)))
    assert len(lines) == 10
    assert all(line.startswith("::error file=") for line in lines[:9])
    assert lines[9] == (
        "::error title=iachygiene::16 more of 25 are not shown here, all are in the log"
    )


def test_ten_errors_are_all_shown(empty: Result) -> None:
    lines = annotations(rendered("github", many(empty, 10)))
    assert [line.rpartition("::")[2] for line in lines] == [f"finding {n}" for n in range(10)]


def test_no_rule_and_file_repeats_before_each_had_its_turn(empty: Result) -> None:
    same = many(empty, 20, path="same").findings
    other = Finding("DF5401", Severity.ERROR, "elsewhere", Location("zzz"))
    lines = annotations(rendered("github", empty._replace(findings=[*same, other])))
    assert "elsewhere" in lines[8]


def test_findings_on_added_lines_come_before_the_others(empty: Result) -> None:
    places = [Location("a", Span(line * 5, line * 5 + 4)) for line in range(40)]
    findings = [
        Finding("DF5401", Severity.ERROR, f"finding {line}", place)
        for line, place in enumerate(places)
    ]
    files = {"a": SourceFile("a", b"line\n" * 40)}
    result = empty._replace(findings=findings)
    report = rendered("github", result, files, added={"a": [Span(150, 160)]})
    shown = [line for line in report.splitlines() if line.startswith("::error file")]
    assert [line.rpartition("::")[2] for line in shown][-2:] == ["finding 30", "finding 31"]
    assert len(shown) == 9


def test_an_annotation_has_columns_only_on_one_line(empty: Result) -> None:
    file = SourceFile("a", b"one\ntwo\n")
    finding = Finding("DF5401", Severity.ERROR, "message", Location("a", Span(0, 6)))
    report = rendered("github", empty._replace(findings=[finding]), {"a": file})
    (line,) = annotations(report)
    assert line == "::error file=a,line=1,endLine=2,title=DF5401 secret-in-env::message"


def test_commands_are_stopped_around_the_log(sample: Any) -> None:
    lines = rendered("github", *sample).splitlines()
    assert lines[0].startswith("::group::")
    token = lines[1].removeprefix("::stop-commands::")
    assert len(token) == 32
    assert lines.index(f"::{token}::") == lines.index("::endgroup::") - 1


def test_the_token_that_starts_commands_again_depends_on_the_report(empty: Result) -> None:
    tokens = {rendered("github", many(empty, n)).splitlines()[1] for n in range(5)}
    assert len(tokens) == 5


def test_markdown_stays_in_its_room_and_says_what_is_left_out(empty: Result) -> None:
    report = rendered("markdown", many(empty, 2_000, path="same"), room=20_000)
    assert len(report.encode()) <= 20_000
    shown = report.count("secret-in-env | finding")
    assert f"{2_000 - shown:,} more findings left out here" in report
    assert report.count("<details>") == report.count("</details>")


def test_markdown_links_to_lines_where_it_is_told_where(sample: Any) -> None:
    link = "https://git.example.com/blob/abc/{path}#L{line}"
    assert "[6](https://git.example.com/blob/abc/api/Dockerfile#L6)" in rendered(
        "markdown", *sample, link=link
    )


def test_a_name_in_a_link_cannot_leave_it(empty: Result) -> None:
    finding = Finding("DF3006", None, "message", Location("a)b [x](y).tf"))
    report = rendered(
        "markdown", empty._replace(findings=[finding]), link="https://h/{path}#L{line}"
    )
    assert "[1](https://h/a%29b%20%5Bx%5D%28y%29.tf#L1)" in report


@pytest.mark.parametrize("quiet", [0, 1])
def test_concise_is_one_line_a_finding(sample: Any, quiet: int) -> None:
    lines = rendered("concise", *sample, quiet=quiet).splitlines()
    assert lines[1] == ('api/Dockerfile:3:5: info DF5002 "npm install" ignores the lock file [*]')
    assert len(lines) == (6 if quiet else 11)
