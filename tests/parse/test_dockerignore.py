"""Ignore files of build contexts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import SourceFile
from iachygiene.parse.dockerignore import BuildContext, IgnoreFile, read_ignore_file


def read(text: str) -> IgnoreFile:
    return read_ignore_file(SourceFile(".dockerignore", text.encode()))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("foo", "foo"),
        ("foo", "foo/bar"),
        ("/foo", "foo"),
        ("foo/", "foo"),
        ("./foo", "foo/x"),
        ("a/../foo", "foo"),
        ("*.log", "x.log"),
        ("*/x", "a/x"),
        ("**/x", "x"),
        ("**/x", "a/b/x"),
        ("**/x", "a/x/y"),
        ("a/**", "a/b/c"),
        ("a/**/b", "a/b"),
        ("a/**/b", "a/x/y/b"),
        ("?.md", "a.md"),
        ("[a-c]x", "bx"),
        ("[^a]x", "bx"),
        ("\\*x", "*x"),
        (" # x", "# x"),
        ("*", "a/b"),
        ("**", "a/b"),
        (".git/*", ".git/config"),
        (".*", ".git/config"),
    ],
)
def test_pattern_leaves_a_path_out(pattern: str, path: str) -> None:
    assert read(pattern).ignores(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("foo", "a/foo"),
        ("foo", "foobar"),
        ("*.log", "a/x.log"),
        ("**/x", "ax"),
        ("**/x", "a/bx"),
        ("a/**/b", "a/xb"),
        ("?", "/"),
        ("[a-c]x", "dx"),
        ("[^a]x", "ax"),
        ("\\*x", "ax"),
        ("# x", "# x"),
        ("!", "a"),
        ("a/*", "a"),
    ],
)
def test_pattern_lets_a_path_through(pattern: str, path: str) -> None:
    assert not read(pattern).ignores(path)


def test_last_matching_line_decides() -> None:
    ignore = read("*\n!src\nsrc/secret\r\n")
    assert ignore.ignores("a")
    assert not ignore.ignores("src/main.c")
    assert ignore.ignores("src/secret/key")


def test_pattern_stands_at_its_exact_place() -> None:
    text = "# x\n  !foo/ \r\n"
    pattern = read(text).patterns[0]
    assert (pattern.text, pattern.exception) == ("foo", True)
    assert text[slice(*pattern.location.span)] == "!foo/"


@pytest.mark.parametrize(
    ("files", "used"),
    [
        (("api.Dockerfile.dockerignore", ".dockerignore"), "api.Dockerfile.dockerignore"),
        ((".dockerignore",), ".dockerignore"),
        ((), None),
    ],
)
def test_only_one_ignore_file_is_in_effect(
    files: tuple[str, ...], used: str | None, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).write_text("x\n")
    context = BuildContext("", "api.Dockerfile", Tree(str(tmp_path)))
    assert context.ignore_path == used
    assert context.ignores("x") == bool(files)


def test_ignore_file_of_podman_counts_for_its_own_file_names(tmp_path: Path) -> None:
    (tmp_path / ".containerignore").write_text("x\n")
    tree = Tree(str(tmp_path))
    assert BuildContext("", "Containerfile", tree).ignore_path == ".containerignore"
    assert BuildContext("", "Dockerfile", tree).ignore_path is None


@given(st.text(alphabet="ab/*?[]^-\\!# .\n\r", max_size=60), st.text(alphabet="ab/.", max_size=12))
def test_any_ignore_file_is_read_and_judged(text: str, path: str) -> None:
    ignore = read(text)
    ignore.ignores(path)
    for pattern in ignore.patterns:
        assert text[slice(*pattern.location.span)].strip()


def test_time_is_bounded_by_the_product_of_pattern_and_path() -> None:
    ignore = read("**/*a" * 50 + "b")
    started = time.process_time()
    assert not ignore.ignores("a" * 2_000)
    assert time.process_time() - started < 2
