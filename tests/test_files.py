"""Reading files of the scanned tree."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene import files
from iachygiene.files import Tree
from iachygiene.model import Broken, SourceFile, Trouble


def trouble_of(tree: Tree, path: str) -> Trouble:
    with pytest.raises(Broken) as caught:
        tree.read(path)
    return caught.value.trouble


def test_text_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    file = Tree(str(tmp_path)).read("a.tf")
    assert (file.text, file.bom) == ("a = 1\r\n", True)


def test_byte_that_is_not_utf8_is_placed_at_its_code_point(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_bytes("grün ".encode() + b"\xff\n")
    trouble = trouble_of(Tree(str(tmp_path)), "a.tf")
    assert (trouble.kind, trouble.location.span.start) == ("undecodable", 5)


def test_nul_byte_is_undecodable(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_bytes(b"a = 1\0")
    trouble = trouble_of(Tree(str(tmp_path)), "a.tf")
    assert (trouble.kind, trouble.location.span.start) == ("undecodable", 5)


def test_utf16_with_a_mark_is_read_for_yaml_alone(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.tf"):
        (tmp_path / name).write_bytes("a: ü\n".encode("utf-16"))
    tree = Tree(str(tmp_path))
    assert tree.read("a.yaml").text == "a: ü\n"
    assert trouble_of(tree, "a.tf").kind == "undecodable"


def test_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_bytes(b"#" * 101)
    assert trouble_of(Tree(str(tmp_path), max_size=100), "a.tf").kind == "over-limit"


def test_line_over_a_mebibyte_is_over_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: 1\nb: " + b"x" * (1 << 20) + b"\n")
    trouble = trouble_of(Tree(str(tmp_path)), "a.yaml")
    assert (trouble.kind, trouble.location.span.start) == ("over-limit", 5)


@given(st.lists(st.integers(0, 12), max_size=12))
def test_the_first_line_over_the_limit_is_named(lengths: list[int]) -> None:
    file = SourceFile("a", "\n".join("x" * length for length in lengths).encode())
    starts = [sum(lengths[:number]) + number for number in range(len(lengths))]
    expected = [start for start, length in zip(starts, lengths, strict=True) if length > 9]
    with patch.object(files, "MAX_LINE", 9):
        try:
            files._look_for_long_line(file, file.text)
            found = []
        except Broken as broken:
            found = [broken.trouble.location.span.start]
    assert found == expected[:1]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("<<<<<<< HEAD\na\n=======\nb\n>>>>>>> topic\n", 0),
        ("x\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> topic\n", 2),
    ],
)
def test_three_conflict_markers_in_order_are_a_conflict(
    tmp_path: Path, text: str, start: int
) -> None:
    (tmp_path / "a.yaml").write_text(text)
    trouble = trouble_of(Tree(str(tmp_path)), "a.yaml")
    assert (trouble.kind, trouble.location.span.start) == ("conflict", start)


@pytest.mark.parametrize(
    "text", ["=======\n", "<<<<<<< HEAD\n=======\n", "# x <<<<<<< y\n=======\n>>>>>>> z\n"]
)
def test_lone_markers_are_no_conflict(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert Tree(str(tmp_path)).read("a.yaml").text == text


def test_pipe_is_never_opened_for_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Dockerfile")
    trouble = trouble_of(Tree(str(tmp_path)), "Dockerfile")
    assert (trouble.kind, trouble.message) == ("unreadable", "not a regular file")


def test_directory_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").mkdir()
    assert trouble_of(Tree(str(tmp_path)), "Dockerfile").kind == "unreadable"


def test_link_to_itself_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").symlink_to("Dockerfile")
    assert trouble_of(Tree(str(tmp_path)), "Dockerfile").kind == "unreadable"


def test_link_inside_the_root_gives_the_file_under_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "main.tf").write_text("a = 1\n")
    (tmp_path / "main.tf").symlink_to("a/main.tf")
    assert Tree(str(tmp_path)).read("main.tf").path == "a/main.tf"


def test_link_out_of_the_root_is_followed_only_when_named(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "main.tf").write_text("a = 1\n")
    (root / "main.tf").symlink_to("../main.tf")
    assert trouble_of(Tree(str(root)), "main.tf").kind == "outside"
    assert Tree(str(root), explicit=["main.tf"]).read("main.tf").path == "main.tf"


def test_file_that_changed_after_it_was_judged_is_not_fixed(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text("a=1\n")
    tree = Tree(str(tmp_path))
    tree.read("a.tf")
    (tmp_path / "a.tf").write_text("a=2\n")
    with pytest.raises(Broken):
        tree.judged("a.tf")


@given(st.text(alphabet="a\nü\r", max_size=40))
def test_position_of_an_offset_counts_its_line_feeds(text: str) -> None:
    file = SourceFile("a", text.encode())
    for offset in range(len(text) + 1):
        before = text[:offset]
        expected = (before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
        assert file.position(offset) == expected


@given(st.text(alphabet="a\nü\r", max_size=40), st.lists(st.integers(0, 40)), st.data())
def test_lines_are_the_same_whatever_was_asked_before(
    text: str, offsets: list[int], data: st.DataObject
) -> None:
    file = SourceFile("a", text.encode())
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    for offset in offsets:
        before = text[:offset]
        assert file.position(min(offset, len(text)))[0] == before.count("\n") + 1
        number = data.draw(st.integers(1, len(lines) + 2))
        assert file.line(number) == (lines[number - 1] if number <= len(lines) else "")


@given(st.text(alphabet="a\nü\r", max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_position_does_not_depend_on_what_was_asked_before(text: str, asked: list[int]) -> None:
    file = SourceFile("a", text.encode())
    for offset in asked:
        at = min(offset, len(text))
        before = text[:at]
        expected = (before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)
        assert file.position(at) == expected


@given(st.text(alphabet="a\nü\r", max_size=40))
def test_lines_are_what_line_feeds_divide(text: str) -> None:
    file = SourceFile("a", text.encode())
    lines = text.split("\n")
    expected = [*(line.removesuffix("\r") for line in lines), ""]
    assert [file.line(number + 1) for number in range(len(lines) + 1)] == expected


@given(st.binary(max_size=60))
def test_any_bytes_are_a_text_or_one_trouble_inside_it(data: bytes) -> None:
    file = SourceFile("a", data)
    try:
        assert len(file.text) <= len(data)
    except Broken as broken:
        assert 0 <= broken.trouble.location.span.start <= len(data)
