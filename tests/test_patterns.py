"""Regular expressions of a configuration: short, on little text, and never for ever."""

from __future__ import annotations

import re
from time import perf_counter

import pytest

from iachygiene import patterns
from tests.reliability import Scanner

SLOW = "^(a+)+$"
NAME = "a" * 60 + "B"


def configure(scanner: Scanner, pattern: str, option: str = "locals") -> None:
    scanner.write("main.tf", f"locals {{\n  {NAME} = 1\n}}\n")
    scanner.write(
        ".iachygiene.toml",
        f"unit-timeout = 0.5\nextend-select = ['TF206']\n[rules.TF206]\n{option} = '{pattern}'\n",
    )


@pytest.mark.parametrize("workers", [(), ("--jobs", "2")])
def test_pattern_that_takes_for_ever_is_over_the_limit_and_named(
    workers: tuple[str, ...], scanner: Scanner
) -> None:
    configure(scanner, SLOW)
    started = perf_counter()
    said = scanner.judged(*workers)
    assert perf_counter() - started < 5
    message = said.only("main.tf", "HYG005")["message"]
    option = "at the regular expression in locals of TF206"
    assert message == f"judging took over 0.5 s, {option}"
    assert said.code == 1


def test_time_that_is_up_elsewhere_names_no_option(scanner: Scanner) -> None:
    configure(scanner, SLOW, "format")
    option = "at the regular expression in format of TF206"
    assert scanner.judged().only("main.tf", "HYG005")["message"].endswith(option)
    assert patterns.interrupted() == ""


@pytest.mark.parametrize("pattern", ["^(", "^" + "a" * 1000, "camelCase", "a^"])
def test_pattern_that_is_none_is_a_mistake_of_the_configuration(
    pattern: str, scanner: Scanner
) -> None:
    configure(scanner, pattern)
    code, out, err = scanner.plain("scan")
    assert (code, out) == (2, "")
    assert "a regular expression of at most 1,000 characters" in err


@pytest.mark.parametrize("pattern", ["^[a-zA-Z]+$", "none", "mixed_snake_case", "^" + "a?" * 400])
def test_pattern_that_holds_is_used(pattern: str, scanner: Scanner) -> None:
    configure(scanner, pattern)
    said = scanner.judged()
    assert said.of("main.tf", "TF206", "HYG005") == []


def test_pattern_is_searched_in_little_text() -> None:
    assert patterns.search(re.compile("b"), "a" * 4095 + "b", "")
    assert not patterns.search(re.compile("b"), "a" * 4096 + "b", "")
