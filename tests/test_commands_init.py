"""`init` adds our hook and leaves everything else in the file as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.commands import run
from iachygiene.precommit import Refused, with_hook

URL = "https://git.example.com/tools/iachygiene"
ENTRY = {"repo": URL, "rev": "v1.0", "hooks": [{"id": "iachygiene"}]}


def added(text: str) -> str:
    return with_hook(text, URL, "v1.0")


def test_a_new_file_has_our_hook_alone() -> None:
    assert added("") == (
        "repos:\n"
        "  - repo: https://git.example.com/tools/iachygiene\n"
        "    rev: v1.0\n"
        "    hooks:\n"
        "      - id: iachygiene\n"
    )


def test_comments_order_and_indentation_stay() -> None:
    before = """\
# our hooks
default_stages: [pre-commit]   # not on push

repos:
-   repo: https://git.example.com/a
    # pinned by hand
    rev: v4.0.0
    hooks:
    -   id: trailing-whitespace  # first
        args: [--markdown]
    # a last word

ci:
    autofix_prs: false
"""
    assert added(before) == before.replace(
        "        args: [--markdown]\n",
        "        args: [--markdown]\n"
        "-   repo: https://git.example.com/tools/iachygiene\n"
        "    rev: v1.0\n"
        "    hooks:\n"
        "    -   id: iachygiene\n",
    )


@pytest.mark.parametrize(
    "before",
    [
        "repos:\n",
        "repos: []\n",
        "repos:\n  []\n",
        "repos: # none yet\n",
        "# nothing\n",
        "---\n",
        "exclude: ^docs/",
        "exclude: |\n  a\n  b\n",
        "repos:\n  - repo: local\n    hooks:\n      - id: x\n        entry: |\n          a\n\n\n",
        "repos:\n  - repo: local\n    hooks: [{id: x, name: x, entry: x, language: system}]\n",
        "repos: [{repo: https://git.example.com/a, rev: v1, hooks: [{id: x}]}]\n",
        "repos:\n  - {repo: https://git.example.com/a, rev: v1, hooks: [{id: x}]}\nci: {}\n",
        "repos:\n  - hooks:\n      - id: x\n    rev: v1\n    repo: https://git.example.com/a",
        "repos:\r\n  - repo: meta\r\n    hooks:\r\n      - id: identity\r\n",
    ],
)
def test_all_layouts_get_one_entry_and_keep_the_rest(before: str) -> None:
    after = added(before)
    old, new = yaml.safe_load(before) or {}, yaml.safe_load(after)
    assert new["repos"] == [*(old.get("repos") or []), ENTRY]
    assert {**new, "repos": 0} == {**old, "repos": 0}
    assert added(after) == after
    for line in before.splitlines():
        if "repos:" not in line and line.strip() not in ("", "[]"):
            assert line in after.splitlines()
    assert ("\r\n" in before) == ("\r\n" in after)


@pytest.mark.parametrize(
    "before",
    [
        "repos:\n  - repo: https://github.com/x/iachygiene\n    rev: v0\n    hooks: []\n",
        "repos:\n  - repo: git@host:x/iachygiene.git\n    rev: v0\n    hooks: []\n",
        "repos:\n  - repo: local\n    hooks:\n      - id: iachygiene\n",
    ],
)
def test_an_entry_that_is_there_is_left_alone(before: str) -> None:
    assert added(before) == before


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("repos: [", "not valid YAML at line 1"),
        ("repos:\n  - a: b\n c: d\n", "not valid YAML at line 3"),
        ("- a\n", "not a mapping"),
        ("word\n", "not a mapping"),
        ("{repos: []}\n", "block style"),
        ("repos: word\n", "`repos` is not a list"),
        ("repos: []\n---\nrepos: []\n", "more than one document"),
        ("a: " + "[" * 3000, "nested too deeply"),
    ],
)
def test_what_is_no_configuration_is_refused(before: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        added(before)


@given(st.text("abr: -[]{}#\n'\"|>&*,", max_size=40))
def test_any_text_is_kept_or_refused(text: str) -> None:
    for before in (text, "repos:\n" + text, text + "\nrepos:\n- repo: a\n  hooks: [{id: b}]\n"):
        try:
            after = added(before)
        except Refused:
            continue
        old: Any = yaml.safe_load(before) or {}
        new: Any = yaml.safe_load(after)
        assert new.pop("repos") == [*(old.pop("repos", None) or []), ENTRY]
        assert new == old


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".pre-commit-config.yaml"


def test_yes_writes_and_a_second_run_changes_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--yes", "--repo", URL]) == 0
    first = repository.read_bytes()
    assert "+  - repo: " + URL in capsys.readouterr().out
    assert run(["init", "--yes", "--repo", URL]) == 0
    assert repository.read_bytes() == first
    assert "nothing to do" in capsys.readouterr().out


def test_without_a_terminal_the_change_is_only_shown(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--repo", URL]) == 1
    assert not repository.exists()
    said = capsys.readouterr()
    assert "+repos:" in said.out
    assert "--yes" in said.err


def test_a_dry_run_writes_nothing(repository: Path) -> None:
    assert run(["init", "--dry-run", "--repo", URL]) == 0
    assert not repository.exists()


def test_broken_yaml_is_refused_and_stays(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write_text("repos: [\n")
    assert run(["init", "--yes", "--repo", URL]) == 2
    assert repository.read_text() == "repos: [\n"
    assert "error: .pre-commit-config.yaml: it is not valid YAML" in capsys.readouterr().err


def test_a_link_is_not_followed(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = repository.parent / "elsewhere.yaml"
    target.write_text("repos: []\n")
    repository.symlink_to(target)
    assert run(["init", "--yes", "--repo", URL]) == 2
    assert "it is a link" in capsys.readouterr().err
    assert target.read_text() == "repos: []\n"


def test_a_byte_order_mark_stays(repository: Path) -> None:
    repository.write_bytes(b"\xef\xbb\xbfrepos: []\n")
    assert run(["init", "--yes", "--repo", URL]) == 0
    assert repository.read_bytes().startswith(b"\xef\xbb\xbfrepos: [{repo: ")
