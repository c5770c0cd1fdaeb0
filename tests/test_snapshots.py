"""The text report of every bad example: a reviewer sees what is underlined."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.report.options import ReportOptions
from iachygiene.report.text import render
from iachygiene.rule import Rule, all_rules
from tests.examples import cases, of_rule, require_program, scan_example

SNAPSHOTS = Path(__file__).parent / "snapshots"
RENEW = "renew with: pytest --update tests/test_snapshots.py"


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_report_of_bad_examples_is_the_stored_one(rule: Rule, tmp_path: Path, update: bool) -> None:
    require_program(rule)
    parts = []
    for case in cases():
        if case.rule.code == rule.code and case.example.kind == "Bad":
            root = tmp_path / str(case.number)
            root.mkdir()
            scan = scan_example(case, root)
            remark = f": {case.example.remark}" if case.example.remark else ""
            parts.append(f"# example {case.number}{remark}\n")
            alone = scan.result._replace(findings=of_rule(scan, rule), unchecked=(), tools=())
            parts.append("".join(render(alone, scan.files, ReportOptions(quiet=1))) + "\n")
    found = "".join(parts)
    stored = SNAPSHOTS / f"{rule.code}.txt"
    if update:
        stored.write_text(found)
    assert stored.exists(), RENEW
    assert found == stored.read_text(), RENEW


def test_every_snapshot_belongs_to_a_rule() -> None:
    codes = {rule.code for rule in all_rules()}
    assert [path.name for path in SNAPSHOTS.iterdir() if path.stem not in codes] == []
