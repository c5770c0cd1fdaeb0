"""Ranges of versions: what several ecosystems write, and whether two have one in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.ranges import (
    Range,
    at_least,
    beginning_with,
    npm_range,
    overlap,
    python_range,
    terraform_range,
    within_all,
)
from iachygiene.versions import parse_constraint


def holds(found: Range | None, version: str) -> bool:
    exact = beginning_with(version)
    assert found is not None
    assert exact is not None
    return overlap(found, exact)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=18", "18.0.0 20.1.2", "16.9.0"),
        (">= 18 < 21", "18.0.0 20.9.9", "21.0.0"),
        (">18", "19.0.0", "18.9.9"),
        ("<=20", "20.9.9", "21.0.0"),
        ("<=20.1.0", "20.1.0", "20.1.1"),
        ("^20.1", "20.1.0 20.9.0", "21.0.0 20.0.9"),
        ("^0.2.3", "0.2.3", "0.3.0"),
        ("~1.2", "1.2.9", "1.3.0"),
        ("~1.2.3", "1.2.9", "1.2.2 1.3.0"),
        ("20.x || 22", "20.5.0 22.1.0", "21.0.0"),
        ("1.2 - 1.4", "1.2.0 1.4.9", "1.5.0"),
        ("*", "1.0.0", ""),
        ("", "1.0.0", ""),
        ("v20.11.1", "20.11.1", "20.11.2"),
    ],
)
def test_ranges_of_npm(text: str, inside: str, outside: str) -> None:
    found = npm_range(text)
    assert all(holds(found, version) for version in inside.split())
    assert not any(holds(found, version) for version in outside.split())


@pytest.mark.parametrize("text", ["latest", ">=x.y.z.w", "node 20", ">=20 !", "x" * 400])
def test_what_is_no_range_of_npm(text: str) -> None:
    assert npm_range(text) is None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=3.10", "3.10.0 3.14.0", "3.9.9"),
        (">=3.10,<3.13", "3.12.9", "3.13.0"),
        ("~=3.11", "3.11.0 3.14.0", "4.0.0 3.10.0"),
        ("~=3.11.2", "3.11.9", "3.12.0"),
        ("==3.12.*", "3.12.1", "3.13.0"),
        ("!=3.12.1,>=3.11", "3.12.2", "3.10.0"),
        ("<=3.12", "3.11.9", "3.13.0"),
    ],
)
def test_specifiers_of_python(text: str, inside: str, outside: str) -> None:
    found = python_range(text)
    assert all(holds(found, version) for version in inside.split())
    assert not any(holds(found, version) for version in outside.split())


@pytest.mark.parametrize("text", ["3.12", ">=3.x", "", "python>=3"])
def test_what_is_no_specifier_of_python(text: str) -> None:
    assert python_range(text) is None


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("~> 4.0", "~> 5.0", False),
        (">= 4.67", "~> 5.0", True),
        ("= 1.2.3", "~> 1.2.0", True),
        ("= 1.2.3", "> 1.2.3", False),
        ("<= 1.2.3", ">= 1.2.3", True),
        ("< 1.2.3", ">= 1.2.3", False),
        ("!= 1.2.3", "= 1.2.3", True),
    ],
)
def test_constraints_of_terraform_have_a_version_in_common(
    one: str, other: str, both: bool
) -> None:
    constraints = parse_constraint(one), parse_constraint(other)
    assert within_all(terraform_range(each or ()) for each in constraints) is both


@pytest.mark.parametrize(
    ("tag", "version", "inside"),
    [
        ("20-alpine", "20.11.1", True),
        ("20.11-alpine", "20.12.0", False),
        ("v1.2.3", "1.2.3", True),
        ("3", "3.14.2", True),
    ],
)
def test_a_short_version_holds_all_that_begin_with_it(tag: str, version: str, inside: bool) -> None:
    assert holds(beginning_with(tag), version) is inside


@pytest.mark.parametrize("tag", ["lts", "alpine3.20", "", "1.2.3.4"])
def test_what_does_not_begin_with_a_version(tag: str) -> None:
    assert beginning_with(tag) is None


def test_from_one_version_on() -> None:
    assert holds(at_least("1.22"), "1.23.0")
    assert not holds(at_least("1.22"), "1.21.9")


@given(st.text(alphabet="0123456789.xX*<>=^~| -v", max_size=40))
def test_any_text_is_a_range_or_none(text: str) -> None:
    for read in (npm_range, python_range, beginning_with, at_least):
        found = read(text)
        assert found is None or all(low <= high for low, high in found)
