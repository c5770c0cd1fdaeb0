"""Versions and the constraints on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.versions import (
    Version,
    allows,
    has_lower_bound,
    is_exact,
    parse_constraint,
    parse_version,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3", Version((1, 2, 3))),
        ("v1.2", Version((1, 2), prefix="v")),
        ("1", Version((1,))),
        ("1.2.3-beta.1+build5", Version((1, 2, 3), "beta.1", "build5")),
        ("1.2.3-", None),
        ("1..2", None),
        ("", None),
        ("main", None),
        ("V1.0.0", None),
        ("1.0.0 ", None),
        ("\u0661.0", None),
    ],
)
def test_a_text_is_a_version_or_not(text: str, expected: Version | None) -> None:
    assert parse_version(text) == expected


ORDER = ["1.0.0-1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.1"]


def test_versions_are_in_the_order_of_the_semantic_versioning_page() -> None:
    versions = [version for text in reversed(ORDER) if (version := parse_version(text))]
    assert sorted(versions, key=lambda one: one.key) == versions[::-1]


@pytest.mark.parametrize(
    ("constraint", "version", "expected"),
    [
        ("1.2.0", "1.2.0", True),
        ("1.2", "1.2.0", True),
        ("= 1.2.0", "1.2.1", False),
        ("!= 1.2.0", "1.2.1", True),
        (">= 1.2, < 2.0.0", "1.9.9", True),
        (">= 1.2, < 2.0.0", "2.0.0", False),
        ("~> 1.2", "1.9.0", True),
        ("~> 1.2", "2.0.0", False),
        ("~> 1.2", "1.1.0", False),
        ("~> 1.2.3", "1.2.9", True),
        ("~> 1.2.3", "1.3.0", False),
        ("~> 1", "2.5.0", True),  # only the last number that is written may grow
        ("~> 1", "0.9.0", False),
        ("~>1.2.0", "1.2.5", True),
        (" >=1.0 , <=1.5 ", "1.5.0", True),
        (">= 1.0.0", "1.1.0-beta", False),
        (">= 1.1.0-alpha", "1.1.0-beta", True),
        ("> v1.0", "1.0.1", True),
    ],
)
def test_a_constraint_allows_a_version_or_not(
    constraint: str, version: str, expected: bool
) -> None:
    parsed, wanted = parse_constraint(constraint), parse_version(version)
    assert parsed is not None
    assert wanted is not None
    assert allows(parsed, wanted) is expected


@pytest.mark.parametrize("text", ["", "latest", ">=", "1.2 3", "~> 1.2,", "=> 1.0", "^1.0", "1.x"])
def test_what_is_no_constraint_is_none(text: str) -> None:
    assert parse_constraint(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3", True),
        ("= 1.2.3-beta+5", True),
        ("1.2", False),
        ("v1.2.3", False),
        ("~> 1.2.3", False),
        ("1.2.3, 1.2.3", False),
    ],
)
def test_exact_is_one_full_version(text: str, expected: bool) -> None:
    constraint = parse_constraint(text)
    assert constraint is not None
    assert is_exact(constraint) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(">= 1.0", True), ("< 2.0", False), ("!= 1.5, <= 2", False), ("< 2, ~> 1.1", True)],
)
def test_a_lower_bound_leaves_old_versions_out(text: str, expected: bool) -> None:
    constraint = parse_constraint(text)
    assert constraint is not None
    assert has_lower_bound(constraint) is expected


@given(st.text(max_size=300))
def test_any_text_is_read_without_raising(text: str) -> None:
    parse_version(text)
    parse_constraint(text)


NUMBERS = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)


@given(NUMBERS, NUMBERS)
def test_a_version_satisfies_one_of_less_equal_and_greater(
    one: list[int], other: list[int]
) -> None:
    version, bound = Version(tuple(one)), ".".join(map(str, other))
    verdicts = []
    for operator in ("<", "=", ">"):
        constraint = parse_constraint(f"{operator} {bound}")
        assert constraint is not None
        verdicts.append(allows(constraint, version))
    assert sum(verdicts) == 1
