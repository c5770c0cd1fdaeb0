"""How far two words are apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.distance import distance, nearest, within


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [
        ("catalog", "catalog", 0),
        ("catalog", "catolog", 1),
        ("catalog", "catalogue", 2),
        ("catalog", "cataolg", 1),
        ("db", "cache", 3),
        ("", "a", 1),
    ],
)
def test_edits_are_counted(one: str, other: str, edits: int) -> None:
    assert min(distance(one, other, 2), 3) == edits


def test_the_nearest_word_is_alone_so_near() -> None:
    assert nearest("enviroment", ["environment", "env_file"]) == "environment"
    assert nearest("ab", ["aa", "bb"]) is None
    assert nearest("something", ["else"]) is None


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_distance_is_the_same_both_ways(one: str, other: str) -> None:
    assert within(one, other, 2) == within(other, one, 2)
    assert within(one, other, 0) == (one == other)
