"""`doctor`: what a run finds here, and whether something is missing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from iachygiene.commands import run


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home" / "somebody"
    root = home / "shop"
    root.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, save git."""
    import shutil

    folder = tmp_path / "programs"
    folder.mkdir()
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def rows(capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, dict[str, str]]:
    assert run(["doctor", "--format", "json"]) == code
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_all_is_well_where_nothing_is_needed(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(capsys)
    assert found["git"]["state"] == "ok"
    assert found["terraform"] == {
        "name": "terraform",
        "found": "not found",
        "state": "note",
        "detail": "for terraform validate, 1.0 or newer",
    }
    assert found["configuration"]["found"] == "none, defaults hold"
    assert found["files"]["found"] == "none of a known kind"
    assert found["hook"]["found"] == "not configured"


def test_a_program_that_the_files_need_and_that_is_not_there_gives_3(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "main.tf").write_text("")
    found = rows(capsys, 3)
    assert found["terraform"]["state"] == "missing"
    assert found["files"]["found"] == "1 terraform"


def test_a_program_that_is_switched_off_is_not_needed(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "main.tf").write_text("")
    (repository / ".iachygiene.toml").write_text('[tools.terraform]\npolicy = "never"\n')
    assert rows(capsys)["terraform"]["state"] == "note"


def test_a_program_is_shown_with_its_version(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    helm = programs / "helm"
    helm.write_text("#!/bin/sh\necho v3.16.1+g5a5449d\n")
    helm.chmod(0o755)
    assert rows(capsys)["helm"]["found"] == "3.16.1"


def test_a_program_that_does_not_answer_is_no_traceback(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    helm = programs / "helm"
    helm.write_text("#!/bin/sh\nexit 70\n")
    helm.chmod(0o755)
    assert rows(capsys)["helm"]["state"] == "note"


def test_a_broken_configuration_is_missing_something(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / ".iachygiene.toml").write_text("selct = []\nfail-on = 1\n")
    row = rows(capsys, 3)["configuration"]
    assert row["found"] == "2 mistakes"
    assert row["detail"] == "unknown key `selct`"


def test_a_hook_is_seen_in_the_file_and_in_git(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / ".pre-commit-config.yaml").write_text(
        "repos: [{repo: local, hooks: [{id: iachygiene}]}]\n"
    )
    assert rows(capsys)["hook"]["found"] == "configured, not installed here"
    (repository / ".git" / "hooks").mkdir(exist_ok=True)
    (repository / ".git" / "hooks" / "pre-commit").write_text("#!/bin/sh\n")
    assert rows(capsys)["hook"]["found"] == "configured and installed"


def test_nothing_names_the_user_or_shows_the_environment(
    repository: Path,
    programs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "swordfish")
    assert run(["doctor"]) == 0
    table = capsys.readouterr().out
    assert "somebody" not in table
    assert "swordfish" not in table
    assert "~/shop" in table
    assert "FORCE_COLOR is set" in table


def test_the_table_marks_what_is_missing(
    repository: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "main.tf").write_text("")
    assert run(["doctor"]) == 3
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "terraform " in line and "not found" in line]
    assert line.startswith("! terraform")


def test_the_cache_is_shown_with_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cache"
    monkeypatch.setenv("IACHYGIENE_CACHE_DIR", str(folder))
    folder.mkdir(0o700)
    (folder / "a.json").write_bytes(bytes(3 * 2**20))
    row = rows(capsys)["cache"]
    assert (row["state"], row["detail"]) == ("ok", "writable, 3.0 MiB")
    folder.chmod(0o777)
    row = rows(capsys)["cache"]
    assert (row["state"], row["detail"]) == ("note", "not used: others may write to it")
