"""Frames: which lines are shown, where the marks stand, what is cut."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iachygiene.model import Location, SourceFile, Span
from iachygiene.report.frame import MAX_LINES, Style, frame, pointer


def framed(text: str, span: tuple[int, int], *related: Location, **style: Any) -> str:
    file = SourceFile("file", text.encode("utf-8", "surrogatepass"))
    primary = Location("file", Span(*span), style.pop("label", ""))
    sensitive = style.pop("sensitive", False)
    lines, _ = frame(file, primary, related, Style(2, **style), sensitive=sensitive)
    return "\n" + "\n".join(lines) + "\n"


def test_the_mark_stands_below_what_is_meant() -> None:
    assert (
        framed("FROM node AS build", (5, 9))
        == """
   |
 1 | FROM node AS build
   |      ^^^^
"""
    )


def test_an_empty_span_gets_one_mark() -> None:
    assert (
        framed("abc", (3, 3), label="here")
        == """
   |
 1 | abc
   |    ^ here
"""
    )


def test_each_of_three_lines_is_marked_without_its_indentation() -> None:
    text = "RUN a && \\\n    b && \\\n    c\nCMD d\n"
    assert (
        framed(text, (0, 28))
        == """
   |
 1 | RUN a && \\
   | ^^^^^^^^^^
 2 |     b && \\
   |     ^^^^^^
 3 |     c
   |     ^
"""
    )


def test_of_many_lines_the_first_two_and_the_last_are_shown() -> None:
    assert (
        framed("a\nb\nc\nd\ne\n", (0, 10))
        == """
   |
 1 | a
   | ^
 2 | b
   | ^
... |
 5 | e
   | ^
"""
    )


def test_related_places_of_the_file_are_marked_with_dashes_in_line_order() -> None:
    first = Location("file", Span(0, 4), "it starts here")
    assert (
        framed("FROM a\nRUN b\nCMD c\n", (13, 18), first, label="root")
        == """
   |
 1 | FROM a
   | ---- it starts here
 3 | CMD c
   | ^^^^^ root
"""
    )


def test_related_places_without_room_are_given_back() -> None:
    file = SourceFile("file", b"a\nb\nc\nd\ne\nf\n")
    related = [Location("file", Span(2 * line, 2 * line + 1)) for line in range(1, 6)]
    lines, left = frame(file, Location("file", Span(0, 1)), related, Style(2))
    assert len(lines) == 7
    assert left == related[2:]


def test_a_tab_is_four_blanks_and_moves_the_mark() -> None:
    assert (
        framed("\tkey: value", (1, 4))
        == """
   |
 1 |     key: value
   |     ^^^
"""
    )


def test_control_characters_are_shown_as_escapes_and_move_the_mark() -> None:
    assert (
        framed("a\x1b[2Jb c", (7, 8))
        == """
   |
 1 | a\\x1b[2Jb c
   |           ^
"""
    )


def test_wide_and_combining_characters_move_the_mark_as_a_terminal_does() -> None:
    assert (
        framed("名前: e\u0301x", (6, 7))
        == """
   |
 1 | 名前: e\u0301x
   |        ^
"""
    )


def test_without_unicode_the_line_is_ascii() -> None:
    assert (
        framed("é = x", (4, 5), unicode=False)
        == """
   |
 1 | \\xe9 = x
   |        ^
"""
    )


def test_a_long_line_is_cut_around_the_mark() -> None:
    shown = framed("a" * 500 + "FLAG" + "b" * 500, (500, 504), columns=60)
    source, marks = shown.splitlines()[2:]
    assert source.startswith(" 1 | ...aaa")
    assert source.endswith("bbb...")
    assert len(source) <= 65
    assert source[marks.index("^") : marks.index("^") + 4] == "FLAG"


def test_a_line_of_a_mebibyte_costs_no_more_than_what_is_shown() -> None:
    shown = framed("a" * 500_000 + "FLAG" + "b" * 500_000, (500_000, 500_004))
    source, marks = shown.splitlines()[2:]
    assert source[marks.index("^") : marks.index("^") + 4] == "FLAG"


def test_of_a_sensitive_line_only_the_length_is_shown() -> None:
    assert (
        framed("PASSWORD=hunter2 x", (9, 16), sensitive=True)
        == """
   |
 1 | <7 characters>
   | ^^^^^^^^^^^^^^
"""
    )


def test_a_token_beside_the_flagged_text_is_masked() -> None:
    line = "AWS_KEY=AKIAIOSFODNN7EXAMPLE FLAG"
    shown = framed(line, (29, 33))
    assert "AKIAIOSFODNN7EXAMPLE" not in shown
    source, marks = shown.splitlines()[2:]
    assert source[marks.index("^") : marks.index("^") + 4] == "FLAG"


def test_a_mistake_is_pointed_at() -> None:
    file = SourceFile("a.toml", b"\n[per-file-ignore]\n")
    assert pointer(file, Span(2, 17), "did you mean `per-file-ignores`?") == [
        "  --> a.toml:2:2",
        "   |",
        " 2 | [per-file-ignore]",
        "   |  ^^^^^^^^^^^^^^^ did you mean `per-file-ignores`?",
    ]


@given(st.text(max_size=60), st.data())
def test_any_frame_is_short_and_clean(text: str, data: st.DataObject) -> None:
    size = len(SourceFile("f", text.encode("utf-8", "replace")).shown_text)
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    place = Location("file", Span(start, end))
    file = SourceFile("file", text.encode("utf-8", "replace"))
    lines, left = frame(file, place, [place, place], Style(4))
    assert len(lines) <= MAX_LINES
    assert all(one.isprintable() for line in lines for one in line)
    assert len(left) <= 2
