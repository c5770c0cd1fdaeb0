"""Colour, encoding and links: decided from the stream and the environment."""

from __future__ import annotations

import io

import pytest

from iachygiene.report.options import (
    ReportOptions,
    link_template,
    speaks_unicode,
    wants_color,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("when", "stream", "environment", "colored"),
    [
        ("auto", Terminal(), {}, True),
        ("auto", io.StringIO(), {}, False),
        ("auto", Terminal(), {"TERM": "dumb"}, False),
        ("auto", Terminal(), {"NO_COLOR": "1"}, False),
        ("auto", Terminal(), {"NO_COLOR": ""}, True),
        ("auto", io.StringIO(), {"FORCE_COLOR": "1"}, True),
        ("auto", io.StringIO(), {"FORCE_COLOR": "0"}, False),
        ("auto", io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True),
        ("auto", Terminal(), {"GITHUB_ACTIONS": "true"}, False),
        ("never", Terminal(), {"FORCE_COLOR": "1"}, False),
        ("always", io.StringIO(), {"NO_COLOR": "1"}, True),
    ],
)
def test_colour(when: str, stream: io.StringIO, environment: dict[str, str], colored: bool) -> None:
    assert wants_color(when, stream, environment) is colored


@pytest.mark.parametrize(
    ("encoding", "environment", "speaks"),
    [
        ("utf-8", {}, True),
        ("UTF8", {}, True),
        ("ascii", {}, False),
        ("cp1252", {}, False),
        ("utf-8", {"TERM": "linux"}, False),
    ],
)
def test_unicode(encoding: str, environment: dict[str, str], speaks: bool) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert speaks_unicode(stream, environment) is speaks


def test_links_need_a_server_a_repository_and_a_commit() -> None:
    environment = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "shop/web",
        "GITHUB_SHA": "a" * 40,
    }
    link = f"https://github.com/shop/web/blob/{'a' * 40}/{{path}}#L{{line}}"
    assert link_template(environment) == link
    assert link_template({**environment, "GITHUB_SHA": "main)"}) == ""
    assert link_template({**environment, "GITHUB_SERVER_URL": "javascript:alert"}) == ""
    assert link_template({}) == ""


def test_a_file_gets_neither_colour_nor_a_limit() -> None:
    options = ReportOptions(color=True, width=80, unicode=False, limit=5, quiet=1)
    assert options.for_file() == ReportOptions(quiet=1)
