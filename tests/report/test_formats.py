"""What all formats have in common: stored forms, equal bytes, and nothing untrusted in them."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from importlib import import_module
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iachygiene.keys import FORMATS
from iachygiene.model import (
    Crash,
    Edit,
    Finding,
    Fix,
    Location,
    Muted,
    Result,
    Severity,
    SourceFile,
    Span,
    ToolStatus,
    Unchecked,
)
from iachygiene.report.options import ReportOptions

SUFFIXES = {
    "json": "json",
    "sarif": "sarif",
    "markdown": "md",
    "gitlab": "json",
    "junit": "xml",
    "html": "html",
}
OPTIONS = ReportOptions(
    started="2027-01-05T10:00:00Z",
    args=("--format", "json", "/home/someone/shop", "--config=/etc/shop.toml"),
    git={"commit": "0" * 40, "dirty": True, "base": None},
    link="https://git.example.com/shop/blob/main/{path}#L{line}",
)
ANY_TEXT = st.text(st.characters(), max_size=40)


def rendered(form: str, result: Result, files: Any, options: ReportOptions = OPTIONS) -> str:
    module = import_module(f"iachygiene.report.{form}")
    return "".join(module.render(result, files, options))


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_is_as_it_is_stored(
    form: str, sample: Any, golden: Callable[[str, str], None]
) -> None:
    golden(f"{form}.{SUFFIXES.get(form, 'txt')}", rendered(form, *sample))


@pytest.mark.parametrize("form", FORMATS)
def test_a_clean_result_says_so_in_every_format(
    form: str, empty: Result, golden: Callable[[str, str], None]
) -> None:
    golden(f"clean-{form}.{SUFFIXES.get(form, 'txt')}", rendered(form, empty, {}))


@pytest.mark.parametrize("form", FORMATS)
def test_equal_results_give_equal_bytes(form: str, sample: Any) -> None:
    assert rendered(form, *sample) == rendered(form, *sample)


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_not_checked_is_said_in_every_format(form: str, sample: Any) -> None:
    report = rendered(form, *sample)
    assert "41.2 MiB over 10 MiB" in report
    assert "terraform not found" in report


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_not_at_hand_costs_only_its_frame(form: str, sample: Any) -> None:
    assert "image" in rendered(form, sample.result, {})


@pytest.mark.parametrize("form", FORMATS)
def test_the_text_that_a_sensitive_rule_flags_is_in_no_report(form: str, sample: Any) -> None:
    assert "swordfish" not in rendered(form, *sample)


@pytest.mark.parametrize("form", FORMATS)
def test_no_report_holds_a_path_from_the_root_of_the_machine(form: str, sample: Any) -> None:
    report = rendered(form, *sample)
    assert "/home/someone" not in report
    assert "/etc/shop.toml" not in report


@pytest.mark.parametrize("form", FORMATS)
def test_tokens_of_known_forms_are_masked_wherever_they_stand(form: str, empty: Result) -> None:
    token = "ghp_" + "a1B2" * 9
    result, files = planted(empty, token, "file"), files_holding(token, "file")
    assert token not in rendered(form, result, files)


MARKERS = (
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "a\rb",
    "a\nb",
    "\x9b31m",
    "‮gnp",
    "a​b",
    "\n::error::forged",
    "##[error]forged",
    "::set-env name=A::b",
    "%0A::error::forged",
    "</code></details><script>alert(1)</script>",
    "![x](https://example.com/x.png)",
    "| cell | @someone #1 `code`",
    "\udc80\udcff",
    "\ud800",
    "\x00",
)


def planted(empty: Result, marker: str, path: str | None = None) -> Result:
    """A result with a text in every field that files, names, programs or git may fill."""
    path = f"dir/{marker}" if path is None else path
    here = Location(path, Span(2, 5), marker)
    fix = Fix(marker, (Edit(Span(2, 5), marker),))
    finding = Finding("DF3006", Severity.ERROR, marker, here, marker, (here,), (marker,), fix)
    whole = finding._replace(location=Location(path), fix=None)
    return empty._replace(
        findings=(whole, finding, finding._replace(severity=Severity.INFO)),
        muted=(Muted(finding, "comment", marker, here),),
        unchecked=(Unchecked(path, marker, marker, marker),),
        tools=(
            ToolStatus(marker, marker, "crashed", marker, 1.0, 1, marker, marker),
            ToolStatus(marker, marker, "missing", marker, 1.0, 1, marker, marker),
        ),
        crashes=(Crash("DF3006", path, marker, f"{marker}\n{marker}"),),
        counts={marker: 1},
        kinds={path: marker, f"{path}2": marker},
        config=path,
        exit_code=1,
    )


def files_holding(marker: str, path: str | None = None) -> dict[str, SourceFile]:
    path = f"dir/{marker}" if path is None else path
    data = f"ab {marker} cd\n{marker}\n".encode("utf-8", "surrogatepass")
    return {path: SourceFile(path, data)}


def unsafe_characters(text: str) -> set[str]:
    return {one for one in text if one != "\n" and not one.isprintable()}


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("form", FORMATS)
def test_no_planted_text_reaches_a_report_as_it_is(form: str, marker: str, empty: Result) -> None:
    files = files_holding(marker)
    verbose = OPTIONS._replace(verbose=1, statistics=True, category=marker, args=(marker,))
    report = rendered(form, planted(empty, marker), files, verbose)
    assert not unsafe_characters(report)
    report.encode()
    if form == "github":
        assert_no_command_is_forged(report)
    if form == "markdown":
        assert_no_markup_is_forged(report)


def assert_no_command_is_forged(report: str) -> None:
    token = report.split("::stop-commands::")[1].split("\n")[0]
    _, body, after = report.split(token, 2)
    lines = after.split("\n")[1:]
    allowed = ("::error ", "::warning ", "::notice ", "::endgroup::", "::group::")
    assert all(not line or line.startswith(allowed) for line in lines)
    assert token not in body


def assert_no_markup_is_forged(report: str) -> None:
    ours = ("<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>", "<!-- -->")
    rest = report
    for tag in ours:
        rest = rest.replace(tag, "")
    assert "<" not in rest
    assert "@" not in rest
    assert "`" not in rest
    assert "![" not in rest
    assert report.count("<details>") == report.count("</details>") == 1


@given(marker=ANY_TEXT)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_in_any_field_gives_sound_reports(marker: str, empty: Result) -> None:
    result, files = planted(empty, marker), files_holding(marker)
    texts = {form: rendered(form, result, files) for form in FORMATS}
    for text in texts.values():
        assert not unsafe_characters(text)
        text.encode()
    json.loads(texts["json"])
    assert json.loads(texts["sarif"])["version"] == "2.1.0"
    findings = [one for one in texts["concise"].splitlines() if not one.startswith("not checked")]
    assert len(findings) == 3
    assert_no_command_is_forged(texts["github"])
    assert_no_markup_is_forged(texts["markdown"])
    assert len(json.loads(texts["gitlab"])) == 3 + 4
    suites = ElementTree.fromstring(texts["junit"])
    assert len(suites.findall(".//failure")) == int(suites.attrib["failures"]) == 3
    assert len(suites.findall(".//testcase")) == int(suites.attrib["tests"])
    assert_no_element_is_forged(texts["html"])


class Page(HTMLParser):
    """The tags and attributes of a page, as an independent reader sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)


def assert_no_element_is_forged(report: str) -> None:
    page = Page()
    page.feed(report)
    assert page.tags.count("script") == page.tags.count("style") == page.tags.count("h1") == 1
    assert not {"img", "iframe", "link", "object", "base"} & set(page.tags)
    assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
    assert "src" not in page.attributes


@given(marker=ANY_TEXT)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_ascii_reports_are_ascii(marker: str, empty: Result) -> None:
    result, files = planted(empty, marker), files_holding(marker)
    options = OPTIONS._replace(unicode=False, verbose=1)
    for form in ("text", "concise"):
        assert rendered(form, result, files, options).isascii()


def test_the_policy_of_a_page_allows_what_it_holds_and_nothing_else(sample: Any) -> None:
    page = rendered("html", *sample)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashed = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{hashed}'" in policy[1].replace("&#39;", "'")
    assert policy[1].startswith("default-src")
    assert "unsafe" not in policy[1]


@pytest.mark.parametrize(
    ("template", "linked"),
    [
        ("https://git.example.com/{commit}/{path}#L{line}", True),
        ("javascript:alert(1)//{path}", False),
        ("", False),
    ],
)
def test_a_page_links_to_the_web_alone(template: str, linked: bool, sample: Any) -> None:
    page = rendered("html", *sample, OPTIONS._replace(link=template))
    assert ('<a href="https://git.example.com/' in page) == linked
    assert "javascript:" not in page


def test_a_page_counts_what_it_does_not_write_out(empty: Result) -> None:
    one = Finding("DF3006", Severity.WARNING, "message", Location("Dockerfile", Span(0, 4)))
    findings = tuple(one._replace(location=Location(f"{n}/Dockerfile")) for n in range(5_003))
    page = rendered("html", empty._replace(findings=findings), {})
    assert page.count("<li class=") == 5_000
    assert "3 more findings, counted by rule" in page
