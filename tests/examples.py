"""Every example of every rule, written to disk and scanned for real."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from iachygiene.baseline import in_force
from iachygiene.config import load
from iachygiene.discover import locate
from iachygiene.engine import Options, Scan, run
from iachygiene.model import Finding
from iachygiene.rule import Example, Rule, all_rules
from iachygiene.tools import SHELLCHECK, TERRAFORM

PROGRAMS = {tool.name: tool for tool in (SHELLCHECK, TERRAFORM)}


class Case(NamedTuple):
    rule: Rule
    number: int
    example: Example

    @property
    def id(self) -> str:
        return f"{self.rule.code}-{self.example.kind.lower()}-{self.number}"


def cases() -> Iterator[Case]:
    for rule in all_rules():
        for number, example in enumerate(rule.examples, 1):
            yield Case(rule, number, example)


def write(files: Mapping[str, str], links: Mapping[str, str], root: Path) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    for name, target in links.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)


def scan_example(case: Case, root: Path, *, fix: bool = False) -> Scan:
    """Scan an example with its rule selected; the toolkit's own judge a default selection."""
    write(case.example.files, case.example.links, root)
    place = locate([], str(root))
    config = load(place.root)
    if case.rule.language == "toolkit":
        config = config.with_command_line({"extend-select": [case.rule.code]})
    else:
        config = config.with_command_line({"select": [case.rule.code]})
    engine = "auto" if case.rule.needs else "builtin"
    options = Options(engine=engine, fix=fix, unsafe_fixes=fix, workers=1, today="2026-01-01")
    options = options._replace(baselines=in_force(place.root, config))
    return run(place.root, place.listing, config, options)


def require_program(rule: Rule) -> None:
    """Skip where the program that a rule needs is absent, fail where it has to be there."""
    if rule.needs and PROGRAMS[rule.needs].find(os.devnull) is None:
        if os.environ.get(f"IACHYGIENE_REQUIRE_{rule.needs.upper()}"):
            pytest.fail(f"{rule.needs} is required here and not found")
        pytest.skip(f"{rule.needs} is not installed")


def of_rule(scan: Scan, rule: Rule) -> list[Finding]:
    return [finding for finding in scan.result.findings if finding.rule == rule.code]
