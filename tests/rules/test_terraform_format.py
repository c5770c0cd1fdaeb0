"""Where the finding on an unformatted file points, and what its fix does to the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.fix import fixed
from iachygiene.model import Broken, Finding, SourceFile
from iachygiene.parse.terraform import Formatting, formatted
from iachygiene.rule import get


def found(source: SourceFile) -> list[Finding]:
    return list(get("TF001").check(formatted(source)))


def only(data: bytes) -> tuple[SourceFile, Finding]:
    source = SourceFile("main.tf", data)
    (finding,) = found(source)
    return source, finding


def test_the_finding_points_at_the_first_line_that_differs() -> None:
    source, finding = only(b"a = 1\n\nbb=2\nccc = 3\n")
    assert source.text[slice(*finding.location.span)] == "bb=2"
    assert finding.location.label == "becomes: bb  = 2"
    assert finding.message == "a line is not in canonical format"


def test_further_lines_are_related_places_and_all_are_counted() -> None:
    source, finding = only(b"a=1\n\nb=2\n\nc=3\n\nd=4\n")
    assert [source.text[slice(*place.span)] for place in finding.related] == ["b=2", "c=3"]
    assert finding.message == "4 lines are not in canonical format"


def test_the_fix_touches_only_the_lines_that_differ() -> None:
    _, finding = only(b"a = 1\n\nbb=2\n\nc = 3\n")
    assert finding.fix is not None
    assert [(edit.span, edit.text) for edit in finding.fix.edits] == [((7, 12), "bb = 2\n")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a=1", b"a = 1"),
        (b"a=1\r\nb = 2\r\n", b"a = 1\r\nb = 2\r\n"),
        (b"\xef\xbb\xbfa=1\n", b"a = 1\n"),
        (b"\xef\xbb\xbfa = 1\n", b"a = 1\n"),
        (b"\xef\xbb\xbf", b"   "),
        (b'a="\xe2\x80\xa8"\nb=1\n', b'a = "\xe2\x80\xa8"\nb = 1\n'),
        (b"a = 1 \nb = 2\n", b"a = 1\nb = 2\n"),
    ],
)
def test_the_fix_gives_the_bytes_of_the_reference(before: bytes, after: bytes) -> None:
    source, finding = only(before)
    assert finding.fix is not None
    assert fixed(source, [finding.fix]) == after


def test_a_mark_alone_is_about_the_whole_file() -> None:
    _, finding = only(b"\xef\xbb\xbfa = 1\n")
    assert finding.message == "a byte order mark is not in canonical format"
    assert finding.location.span == (0, 0)


def test_an_engine_that_moves_line_ends_gives_one_edit() -> None:
    source = SourceFile("main.tf", b"a = 1\nb = [\n1]\nc = 3\n")
    (finding,) = get("TF001").check(Formatting(source, "a = 1\nb = [1]\nc = 3\n", (), "other"))
    assert finding.fix is not None
    assert [(edit.span, edit.text) for edit in finding.fix.edits] == [((6, 15), "b = [1]\n")]


def test_a_file_that_would_lose_code_has_no_fix() -> None:
    formatting = formatted(SourceFile("main.tf", b'resource "a" /* b */ "c" {\n a=1\n}\n'))
    assert list(get("TF001").check(formatting)) == []
    (finding,) = get("TF002").check(formatting)
    assert finding.fix is None
    assert formatting.source.text[slice(*finding.location.span)] == "/* b */"


WORDS = st.sampled_from(["a", "bb", "=", " ", "  ", "\n", "{", "}", '"x"', "# c", "[1]", "\r\n"])


@settings(max_examples=200, deadline=2000)
@given(st.lists(WORDS, max_size=30).map("".join))
def test_a_fixed_file_has_no_finding(text: str) -> None:
    source = SourceFile("main.tf", text.encode())
    try:
        findings = found(source)
    except Broken:
        return
    for finding in findings:
        assert finding.fix is not None
        after = SourceFile("main.tf", fixed(source, [finding.fix]))
        assert found(after) == []
        for place in (finding.location, *finding.related):
            assert 0 <= place.span.start <= place.span.end <= len(source.text)
