"""The examples in the rules' docstrings are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.model import Finding
from iachygiene.rule import Rule, all_rules
from tests.examples import Case, cases, of_rule, require_program, scan_example

CASES = list(cases())
BAD = [case for case in CASES if case.example.kind == "Bad"]
GOOD = [case for case in CASES if case.example.kind == "Good"]
FIXED = [case for case in BAD if case.example.fixed is not None]


def troubles(case: Case, findings: list[Finding]) -> list[str]:
    """What else was wrong with an example: files that do not parse prove nothing."""
    own = case.rule.code
    return [
        f"{one.rule} {one.location.path}: {one.message}"
        for one in findings
        if one.rule[:3] == "HYG" and own[:3] != "HYG"
    ]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_bad_example_is_found(case: Case, tmp_path: Path) -> None:
    require_program(case.rule)
    scan = scan_example(case, tmp_path)
    assert not scan.result.crashes
    assert not troubles(case, list(scan.result.findings))
    assert of_rule(scan, case.rule)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.id)
def test_good_example_is_clean(case: Case, tmp_path: Path) -> None:
    scan = scan_example(case, tmp_path)
    assert not scan.result.crashes
    assert not troubles(case, list(scan.result.findings))
    assert [finding.message for finding in of_rule(scan, case.rule)] == []


@pytest.mark.parametrize("case", FIXED, ids=lambda case: case.id)
def test_fix_of_bad_example_gives_fixed_block(case: Case, tmp_path: Path) -> None:
    scan = scan_example(case, tmp_path, fix=True)
    assert case.example.fixed is not None
    after = {
        name: scan.tree.overlay.get(name, text.encode()).decode()
        for name, text in case.example.files.items()
    }
    assert after == {**case.example.files, **case.example.fixed}


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_rule_is_documented_with_examples(rule: Rule) -> None:
    kinds = {example.kind for example in rule.examples}
    assert rule.summary.endswith(".")
    assert rule.explanation
    # What cannot be read, nor lines without ends, can be written down: tests stand elsewhere.
    unwritable = {"HYG003": {"Bad"}, "TF003": {"Good"}, "TF005": {"Good"}}
    assert kinds >= unwritable.get(rule.code, {"Bad", "Good"})
    assert set(rule.option_help) == set(rule.options)
