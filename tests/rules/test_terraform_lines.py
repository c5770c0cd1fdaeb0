"""Ends of lines, of which docstrings can tell little."""

from __future__ import annotations

import pytest

from iachygiene.fix import fixed
from iachygiene.model import Finding, SourceFile
from iachygiene.parse.terraform import TerraformFile
from iachygiene.rule import get


def found(code: str, data: bytes) -> tuple[SourceFile, list[Finding]]:
    source = SourceFile("main.tf", data)
    return source, list(get(code).check(TerraformFile(source)))


def repaired(code: str, data: bytes) -> bytes:
    source, findings = found(code, data)
    return fixed(source, [one.fix for one in findings if one.fix])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a = 1", b"a = 1\n"),
        (b"a = 1\r\nb = 2", b"a = 1\r\nb = 2\r\n"),
        (b"a = 1\n# c", b"a = 1\n# c\n"),
        (b"a = 1\n\t", b"a = 1\n\t\n"),
        (b"\xef\xbb\xbfa = 1", b"\xef\xbb\xbfa = 1\n"),
        (b"a = 1\n", b"a = 1\n"),
        (b"", b""),
    ],
)
def test_a_final_line_end_is_added(before: bytes, after: bytes) -> None:
    assert repaired("TF003", before) == after
    assert found("TF003", after)[1] == []


def test_the_finding_points_at_the_last_line() -> None:
    source, (finding,) = found("TF003", b"a = 1\nb = 2")
    assert source.text[slice(*finding.location.span)] == "b = 2"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\n\n\na = 1\n", b"\na = 1\n"),
        (b"a = 1\n\n\n", b"a = 1\n\n"),
        (b"a = 1\n\n\n\nb = 1 # c\n\n\nc = 2\n", b"a = 1\n\nb = 1 # c\n\nc = 2\n"),
        (b"a = 1\r\n\r\n \t\r\nb = 2\r\n", b"a = 1\r\n\r\nb = 2\r\n"),
        (b"a = [\n\n\n1]\n", b"a = [\n\n1]\n"),
        (b'a = "${\n\n\n1}"\n', b'a = "${\n\n1}"\n'),
        (b"a = 1\n\nb = 2\n", b"a = 1\n\nb = 2\n"),
        (b"a = <<E\n\n\n\nE\n", b"a = <<E\n\n\n\nE\n"),
        (b"a = <<E\n${1}\n\n\n\nE\n", b"a = <<E\n${1}\n\n\n\nE\n"),
        (b"/*\n\n\n*/\n", b"/*\n\n\n*/\n"),
        (b"\n\n", b"\n"),
        (b"\n", b"\n"),
        (b"", b""),
    ],
)
def test_one_of_many_blank_lines_is_kept(before: bytes, after: bytes) -> None:
    assert repaired("TF004", before) == after
    assert found("TF004", after)[1] == []


def test_blank_lines_are_counted() -> None:
    _, findings = found("TF004", b"a = 1\n\n\nb = 2\n\n\n\n")
    assert [one.message for one in findings] == [
        "2 blank lines in a row",
        "3 blank lines in a row",
    ]


@pytest.mark.parametrize(
    ("before", "message", "safe"),
    [
        (b"a = 1\r\nb = 2\n", "a line ends in CRLF", True),
        (b"a = 1\r\nb = 2\r\nc = 3", "2 lines end in CRLF", True),
        (b"a = <<E\r\nx\r\nE\r\n", "3 lines end in CRLF", False),
        (b"# c\r\n", "a line ends in CRLF", True),
    ],
)
def test_crlf_is_reported_once(before: bytes, message: str, safe: bool) -> None:
    _, (finding,) = found("TF005", before)
    assert finding.message == message
    assert finding.fix is not None
    assert finding.fix.safe is safe
    assert repaired("TF005", before) == before.replace(b"\r\n", b"\n")


def test_other_returns_are_left_alone() -> None:
    assert found("TF005", b"# a\rb\n")[1] == []
