"""The forms of labels, each verdict as hadolint 2.15.1 has it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import Findings, Job
from iachygiene.parse.dockerfile import Dockerfile, load
from iachygiene.rules.dockerfile.healthcheck import stage_without_healthcheck
from iachygiene.rules.dockerfile.labels import (
    empty_image_label,
    image_label_missing,
    label_not_email,
    label_not_git_hash,
    label_not_rfc3339,
    label_not_semver,
    label_not_spdx,
    label_not_url,
    unknown_image_label,
)

RULES = {
    "url": label_not_url,
    "rfc3339": label_not_rfc3339,
    "spdx": label_not_spdx,
    "hash": label_not_git_hash,
    "semver": label_not_semver,
    "email": label_not_email,
}


def flagged(rule: Callable[[Dockerfile], Findings], text: str, **settings: object) -> list[int]:
    """The lines of the findings."""
    tree = Tree("/nowhere")
    tree.overlay["Dockerfile"] = text.encode()
    table = {name.replace("_", "-"): value for name, value in settings.items()}
    (unit,) = load(Job("dockerfile", "", ("Dockerfile",), table), tree)
    assert isinstance(unit, Dockerfile)
    return [unit.file.position(one.location.span.start)[0] for one in rule(unit)]


def refuses(kind: str, value: str) -> bool:
    text = f'FROM a:1\nLABEL key="{value}"\n'
    return flagged(RULES[kind], text, label_schema={"key": kind}) == [2]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("url", "http://x mailto:x http: x:y http://[::1]/ http://x:99999 localhost:80 urn:x"),
        ("url", "http://user@x file:///x http://x/'q' http://x/~a http://-x HTTP://X http:///x"),
        ("rfc3339", "2020-01-01T00:00:00Z 2020-01-01t00:00:00z 2020-01-01T00:00:00.123Z"),
        ("rfc3339", "2020-01-01T00:00:00+01:00 2020-01-01T23:59:60Z 2020-02-29T00:00:00-00:00"),
        ("spdx", "MIT Apache-2.0 GPL-2.0-or-later 0BSD Zlib BUSL-1.1 CC0-1.0"),
        ("hash", "abcdef1 0123456789012345678901234567890123456789"),
        ("semver", "1.2.3 1.2.3-rc.1 1.2.3+b 1.2.3-a-b+c-d.01 99999999999999999999.1.1"),
        ("email", "a@b.c a@b a.b+c@d.e a@[1.2.3.4] a@b.c. a@localhost a%b@c.d"),
    ],
)
def test_a_value_of_the_form_is_fine(kind: str, values: str) -> None:
    assert [value for value in values.split() if refuses(kind, value)] == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("url", "foo $URL ht_tp://x //x http://a|b 1http://x http://x:port http://é :x"),
        ("url", "http://x#a#b http://x/%zz git@github.com:x/y http://x/a[b] http://x?a={b}"),
        ("rfc3339", "2020-01-01 2020-01-01T00:00:00 2020-13-01T00:00:00Z 2021-02-29T00:00:00Z"),
        ("rfc3339", "2020-01-01T24:00:00Z 2020-01-01T00:00Z 2020-1-1T00:00:00Z $DATE"),
        ("spdx", "mit GPL-3.0 GPL-2.0+ NONE LicenseRef-x BSD $LICENCE"),
        ("hash", "abcdef ABCDEF1 abcdef12 abcdefg 012345678901234567890123456789012345678"),
        ("semver", "1.2 v1.2.3 1.2.3-rc..1 1.2.3-rc_1 1.2.3.4 $VERSION 1.2.3+a+b"),
        ("email", "a a@b@c a..b@c.d .a@b.c a.@b.c a@-b.c a@b_c.d @b.c é@b.c a@b..c a@b-.c"),
    ],
)
def test_a_value_of_another_form_is_found(kind: str, values: str) -> None:
    assert [value for value in values.split() if not refuses(kind, value)] == []


@pytest.mark.parametrize("kind", list(RULES))
def test_an_empty_value_is_of_no_form(kind: str) -> None:
    assert refuses(kind, "")
    assert flagged(empty_image_label, 'FROM a:1\nLABEL x=""\n', label_schema={"x": kind}) == [2]


@pytest.mark.parametrize("kind", list(RULES))
@given(st.text(alphabet="a1.-+:/@()[]% TZ", max_size=200))
def test_any_value_is_judged(kind: str, value: str) -> None:
    assert refuses(kind, value) in (True, False)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FROM a:1\nFROM a:2\n", [1, 2]),
        ("FROM a:1\nLABEL x=1\nFROM a:1\n", [3]),
        ("FROM a:1 AS b\nLABEL x=1\nFROM b\n", []),
        ("FROM a:1 AS b\nFROM b\nLABEL x=1\n", []),
        ("FROM a:1 AS b\nFROM b AS c\nLABEL x=1\n", [1]),
        ("FROM a:1\nFROM a:1\nLABEL x=1\n", [1]),
        ("FROM a:1 AS b\nFROM a:2\nCOPY --from=b x /y\n", [2]),
        ("FROM a:1 AS b\nFROM a:2\nCOPY --from=0 x /y\n", [1, 2]),
        ("FROM a:1\nONBUILD LABEL x=1\n", [1]),
    ],
)
def test_stages_that_need_the_label(text: str, lines: list[int]) -> None:
    assert flagged(image_label_missing, text, label_schema={"x": "text"}) == lines


def test_every_missing_label_is_a_finding_of_its_own() -> None:
    schema = {"x": "text", "y": "url"}
    assert flagged(image_label_missing, "FROM a:1\n", label_schema=schema) == [1, 1]


def test_without_a_schema_no_label_is_known_where_they_are_strict() -> None:
    assert flagged(unknown_image_label, "FROM a:1\nLABEL x=1\n", strict_labels=True) == [2]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FROM a:1 AS b\nFROM b AS c\nFROM c\nHEALTHCHECK NONE\n", []),
        ("FROM a:1 AS b\nHEALTHCHECK NONE\nFROM b\n", []),
        ("FROM a:1 AS b\nFROM c:1\nCOPY --from=b x /y\nHEALTHCHECK NONE\n", [1]),
        ("FROM a:1\nHEALTHCHECK NONE\nFROM a:2\n", []),
        ("FROM a:1 AS b\nHEALTHCHECK NONE\nFROM a:1\n", [3]),
    ],
)
def test_stages_that_need_a_healthcheck(text: str, lines: list[int]) -> None:
    assert flagged(stage_without_healthcheck, text) == lines
