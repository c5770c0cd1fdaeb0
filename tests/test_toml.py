"""Settings written as TOML read back as they are."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from iachygiene.toml import written

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PLAIN = st.booleans() | st.integers(-(2**31), 2**31) | TEXT
VALUES = PLAIN | st.lists(PLAIN, max_size=3)
TABLES = st.recursive(
    st.dictionaries(TEXT, VALUES, max_size=4),
    lambda inner: st.dictionaries(
        TEXT, VALUES | inner | st.lists(st.dictionaries(TEXT, VALUES, max_size=3), max_size=2)
    ),
    max_leaves=6,
)


@given(TABLES)
def test_settings_read_back(settings: dict[str, object]) -> None:
    assert tomllib.loads(written(settings)) == settings


def test_tables_follow_plain_keys() -> None:
    settings = {"rules": {"a-b": {"depth": 3}}, "ignore": ["DF3006"], "severity": {"K8S2": "info"}}
    assert written(settings) == (
        'ignore = ["DF3006"]\n\n[rules.a-b]\ndepth = 3\n\n[severity]\nK8S2 = "info"\n'
    )
