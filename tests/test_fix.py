"""Fixes: what they make of a file, and how it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.fix import NotWritten, apply, fixed, write
from iachygiene.model import Edit, Finding, Fix, Location, Severity, SourceFile, Span


def fix(*edits: tuple[int, int, str], keep_mark: bool = True) -> Fix:
    return Fix("title", tuple(Edit(Span(a, b), text) for a, b, text in edits), keep_mark=keep_mark)


def test_edits_are_applied_at_their_places() -> None:
    file = SourceFile("a", b"one two three")
    assert fixed(file, [fix((0, 3, "1"), (8, 13, "3")), fix((4, 7, "2"))]) == b"1 2 3"


def test_fix_that_overlaps_an_earlier_one_waits_whole() -> None:
    file = SourceFile("a", b"one two three")
    assert fixed(file, [fix((0, 7, "x")), fix((4, 7, "2"), (8, 13, "3"))]) == b"x three"


def test_two_insertions_at_one_place_are_made_one_at_a_time() -> None:
    assert fixed(SourceFile("a", b"b"), [fix((0, 0, "a")), fix((0, 0, "c"))]) == b"ab"


def test_byte_order_mark_is_kept_unless_a_fix_drops_it() -> None:
    file = SourceFile("a", b"\xef\xbb\xbfone")
    assert fixed(file, [fix((0, 3, "1"))]) == b"\xef\xbb\xbf1"
    assert fixed(file, [fix((0, 3, "1"), keep_mark=False)]) == b"1"


def finding(path: str, one: Fix) -> Finding:
    return Finding("DF3007", Severity.WARNING, "m", Location(path), fix=one)


def test_unsafe_fix_is_applied_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("abc")
    tree = Tree(str(tmp_path), listed=["Dockerfile"])
    tree.read("Dockerfile")
    found = [finding("Dockerfile", fix((0, 1, "A"))._replace(safe=False))]
    assert apply(found, tree) == frozenset()
    assert apply(found, tree, unsafe=True) == frozenset({"Dockerfile"})
    assert tree.overlay == {"Dockerfile": b"Abc"}


def test_ignored_file_is_not_fixed(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("abc")
    tree = Tree(str(tmp_path))
    tree.read("Dockerfile")
    assert apply([finding("Dockerfile", fix((0, 1, "A")))], tree) == frozenset()


def test_written_file_keeps_its_mode_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "run.tf"
    target.write_text("a=1\n")
    target.chmod(0o755)
    write(str(tmp_path), "run.tf", b"a=1\n", b"a = 1\n")
    assert target.read_text() == "a = 1\n"
    assert target.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["run.tf"]


def test_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text("a=2\n")
    with pytest.raises(NotWritten, match="it changed meanwhile"):
        write(str(tmp_path), "a.tf", b"a=1\n", b"a = 1\n")
    assert (tmp_path / "a.tf").read_text() == "a=2\n"


def test_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text("a=1\n")
    (tmp_path / "b.tf").symlink_to("a.tf")
    with pytest.raises(NotWritten, match="not a regular file"):
        write(str(tmp_path), "b.tf", b"a=1\n", b"a = 1\n")
    assert (tmp_path / "a.tf").read_text() == "a=1\n"


def test_file_outside_the_root_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "a.tf").write_text("a=1\n")
    with pytest.raises(NotWritten, match="outside the root"):
        write(str(tmp_path / "root"), "../a.tf", b"a=1\n", b"a = 1\n")


def test_file_with_two_names_keeps_both(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text("a=1\n")
    os.link(tmp_path / "a.tf", tmp_path / "b.tf")
    write(str(tmp_path), "a.tf", b"a=1\n", b"a = 1\n")
    assert (tmp_path / "b.tf").read_text() == "a = 1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tf", "b.tf"]


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_failing_system_call_leaves_the_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "a.tf").write_text("a=1\n")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(NotWritten, match="no space left on device"):
        write(str(tmp_path), "a.tf", b"a=1\n", b"a = 1\n")
    monkeypatch.undo()
    assert (tmp_path / "a.tf").read_text() == "a=1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tf"]


@given(
    st.text(max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.text(max_size=3)), max_size=6),
)
def test_text_outside_of_all_edits_is_kept(text: str, places: list[tuple[int, int, str]]) -> None:
    edits = [
        (min(a, b, len(text)), min(max(a, b), len(text)), new.encode(errors="ignore").decode())
        for a, b, new in places
    ]
    text = text.encode(errors="ignore").decode()
    edits = [edit for edit in edits if edit[1] <= len(text)]
    after = fixed(SourceFile("a", text.encode()), [fix(edit) for edit in edits]).decode()
    untouched = [
        character
        for index, character in enumerate(text)
        if not any(start <= index < end for start, end, _ in edits)
    ]
    remaining = iter(after)
    assert all(character in remaining for character in untouched)
