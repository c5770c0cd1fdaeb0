"""Fingerprints stay equal while a file moves and changes around a finding."""

from __future__ import annotations

from hashlib import sha256

import pytest

from iachygiene import rule as registry
from iachygiene.fingerprint import fingerprints
from iachygiene.model import WHOLE_FILE, Finding, Location, Severity, SourceFile, Span
from iachygiene.rule import Rule


@pytest.fixture(autouse=True)
def _rules(monkeypatch: pytest.MonkeyPatch) -> None:
    for code, sensitive in (("DF3006", False), ("DF5401", True)):
        rule = Rule(
            code=code,
            name="name",
            unit=object,
            severity=Severity.ERROR,
            check=lambda: iter(()),
            default="on",
            aliases=(),
            needs=None,
            sensitive=sensitive,
            security=False,
            gives_way_to=(),
        )
        monkeypatch.setattr(registry, "_DOCUMENTS", {})
        monkeypatch.setitem(registry._RULES, code, rule)
        monkeypatch.setitem(registry._BRIEFS, code, registry.brief_of(rule))


def of(
    text: str, *flagged: str, code: str = "DF3006", path: str = "a", object: str = ""
) -> list[str]:
    file = SourceFile(path, text.encode())
    findings = []
    start = 0
    for one in flagged:
        start = text.index(one, start)
        place = Location(path, Span(start, start + len(one)))
        findings.append(Finding(code, None, "message", place, object))
        start += len(one)
    return fingerprints(findings, {path: file})


def test_it_is_the_hash_of_code_path_object_text_and_ordinal() -> None:
    fields = "DF3006\nd/a\nstage build\nFROM x\n0"
    expected = "1:" + sha256(fields.encode()).hexdigest()[:32]
    assert of("FROM \t x", "FROM \t x", path="d/a", object="stage build") == [expected]


def test_lines_above_and_indentation_do_not_count() -> None:
    assert of("a:\n  b: c", "b: c") == of("# new\n\na:\n      b: c", "b: c")


def test_message_and_severity_do_not_count() -> None:
    place = Location("a", Span(0, 1))
    one = Finding("DF3006", Severity.ERROR, "one", place)
    other = Finding("DF3006", Severity.INFO, "other", place)
    files = {"a": SourceFile("a", b"x")}
    assert fingerprints([one], files) == fingerprints([other], files)


def test_equal_findings_differ_by_their_order_in_the_file() -> None:
    first, second = of("x\ny\nx", "x", "x")
    assert first != second
    assert of("x", "x") == [first]


def test_the_order_of_the_list_does_not_matter() -> None:
    files = {"a": SourceFile("a", b"x x")}
    findings = [Finding("DF3006", None, "m", Location("a", Span(at, at + 1))) for at in (0, 2)]
    assert fingerprints(findings[::-1], files) == fingerprints(findings, files)[::-1]


def test_path_object_and_code_count() -> None:
    assert len({*of("x", "x"), *of("x", "x", path="b"), *of("x", "x", object="stage a")}) == 3


def test_the_text_of_a_sensitive_rule_does_not_count() -> None:
    assert of("hunter2", "hunter2", code="DF5401") == of("swordfish", "swordfish", code="DF5401")


def test_at_most_five_hundred_code_points_count() -> None:
    long = "x" * 500
    assert of(long + "a", long + "a") == of(long + "b", long + "b")
    assert of("x" * 499 + "a", "x" * 499 + "a") != of("x" * 499 + "b", "x" * 499 + "b")


def test_a_span_of_blanks_counts_as_one_blank() -> None:
    wide = "a" + " " * 100_000 + "b"
    assert of(wide, wide) == of("a b", "a b")


def test_a_file_that_is_not_at_hand_has_no_text() -> None:
    finding = Finding("DF3006", None, "m", Location("gone", WHOLE_FILE))
    assert fingerprints([finding], {})[0].startswith("1:")


def test_names_that_are_not_unicode_have_fingerprints() -> None:
    finding = Finding("DF3006", None, "m", Location("a\udcff\ud800", WHOLE_FILE))
    assert len(fingerprints([finding], {})[0]) == 34
