"""Patterns of .gitignore: what git says of a path, we say of it, and in little time."""

from __future__ import annotations

import subprocess
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene import discover
from iachygiene.gitignore import Patterns

PIECES = (
    *("a", "b", "ab", ".", "-", "é", " ", "\t", "!", "#", "/", "/", "\\", "?"),
    *("*", "**", "***", "\\*", "[ab]", "[!a]", "[^b]", "[a-b]", "[]", "[a", "[a/b]", "[]-a]"),
    *("[[:alpha:]]", "[[:space:]]", "[[:foo:]]", "[[:alpha]", "[\\]]", "[a-\\b]"),
)
NAMES = ("a", "b", "ab", "abc", "c", ".a", "a b", "é", "*", "#a", "!a", "a ", "\\a", "-", "[a]")
LINES = st.lists(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), max_size=3)
PATHS = st.lists(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), min_size=30, max_size=60
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def ignored_by_git(root: Path, paths: list[str]) -> set[str]:
    """The paths that git ignores; none of them is there, so all are files to it."""
    done = subprocess.run(
        ["git", "-C", str(root), "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n"],
        input="".join(f"{path}\0" for path in paths).encode(),
        capture_output=True,
        check=False,
    )
    fields = done.stdout.decode().split("\0")[:-1]
    assert len(fields) == 4 * len(paths), done.stderr
    told = zip(fields[2::4], fields[3::4], strict=True)
    return {path for pattern, path in told if pattern and not pattern.startswith("!")}


@settings(max_examples=150)
@given(lines=LINES, paths=PATHS, end=st.sampled_from(["\n", "\r\n", ""]))
def test_paths_are_ignored_as_git_ignores_them(
    lines: list[str], paths: list[str], end: str, repository: Path
) -> None:
    text = "\n".join(lines) + end
    (repository / ".gitignore").write_bytes(text.encode())
    patterns = Patterns(text.split("\n"))
    assert {path for path in paths if patterns.match(path)} == ignored_by_git(repository, paths)


TREE = st.lists(
    st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=3).map("/".join),
    min_size=5,
    max_size=12,
    unique=True,
)


@settings(max_examples=40)
@given(tree=TREE, above=LINES, below=LINES)
def test_walk_lists_what_git_lists(
    tree: list[str], above: list[str], below: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    for path in [one for one in tree if not any(two.startswith(one + "/") for two in tree)]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    (root / ".gitignore").write_bytes("\n".join(above).encode())
    if (root / "a").is_dir():
        (root / "a/.gitignore").write_bytes("\n".join(below).encode())
    command = ["git", "-C", str(root), "ls-files", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert sorted(discover.walk(str(root))) == sorted(listed.split("\0")[:-1])


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/x/a**/b", "x/ab", True),  # what follows the literal part begins anew for git
        ("**/a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a\\", "a", False),
        ("\\!a", "!a", True),
        ("a\\ ", "a ", True),
        ("a ", "a", True),
        ("[]a]", "]", True),
        ("a?", "aé", False),
        ("a??", "aé", True),
        ("x" * 5000, "x" * 5000, False),
    ],
)
def test_single_patterns(pattern: str, path: str, expected: bool) -> None:
    assert Patterns([pattern]).match(path) is expected


def test_last_pattern_wins_and_what_lies_in_an_ignored_directory_stays_so() -> None:
    patterns = Patterns(["*.tf", "!keep.tf", "out/", "!out/keep.tf", "named", "!named"])
    assert patterns.match("a.tf")
    assert not patterns.match("in/keep.tf")
    assert patterns.match("out/keep.tf")
    assert patterns.check("named") is False
    assert patterns.check("other") is None


def test_patterns_over_the_limit_are_left_out() -> None:
    assert not Patterns([*("a" for _ in range(10_000)), "b"]).match("b")


@pytest.mark.parametrize(
    "pattern", ["*a" * 120 + "b", "**/a" * 500 + "/b", "/**/*a*a*a*a" * 100 + "b", "[!b]*" * 120]
)
def test_patterns_made_to_be_slow_are_not(pattern: str) -> None:
    path = "/".join(["a" * 250] * 4)
    patterns = Patterns([pattern])
    started = process_time()
    patterns.match(path)
    assert process_time() - started < 0.5
