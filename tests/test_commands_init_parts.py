"""`init` sets up a configuration, a hook, a workflow and a baseline, each once."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from iachygiene.commands import run
from iachygiene.config import load
from iachygiene.repository import remotes

URL = ("--repo", "https://git.example.com/tools/iachygiene", "--rev", "v1.0")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    tmp_path.joinpath("Dockerfile").write_text("FROM debian\nCMD /app\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words: str) -> int:
    return run(["init", *URL, *words])


def test_second_run_changes_nothing(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository.joinpath(".github").mkdir()
    assert init("--yes", "--baseline") == 0
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    names = {str(path.relative_to(repository)) for path in before if ".git/" not in str(path)}
    assert names == {
        *(".iachygiene.toml", ".pre-commit-config.yaml", ".github/workflows/iachygiene.yml"),
        *(".iachygiene-baseline.json", "Dockerfile"),
    }
    capsys.readouterr()
    assert init("--yes") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert all(path.read_bytes() == data for path, data in before.items())
    assert run(["scan", "--engine", "builtin"]) == 0


def test_configuration_says_what_was_found(repository: Path) -> None:
    init("--yes", "--only", "config")
    text = repository.joinpath(".iachygiene.toml").read_text()
    assert "1 dockerfile" in text
    assert tomllib.loads(text) == {}


def test_configuration_that_is_there_is_left_alone(repository: Path) -> None:
    repository.joinpath("pyproject.toml").write_text("[tool.iachygiene]\n")
    assert init("--yes", "--only", "config") == 0
    assert not repository.joinpath(".iachygiene.toml").exists()


def test_what_peers_are_told_is_carried_over(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.joinpath(".hadolint.yaml").write_text(
        "ignored: [DL3006]\noverride: {warning: [DL3025]}\nunheard-of: 1\n"
    )
    assert init("--yes", "--only", "config") == 0
    assert "unheard-of" in capsys.readouterr().err
    config = load(str(repository))
    assert "DF3006" in config.value("ignore")
    result = subprocess.run(
        ["git", "check-ignore", ".iachygiene.toml"], cwd=repository, check=False
    )
    assert result.returncode == 1


def test_hook_can_be_set_to_another_release(repository: Path) -> None:
    init("--yes", "--only", "pre-commit")
    file = repository / ".pre-commit-config.yaml"
    file.write_text("# ours\n" + file.read_text())
    again = ["init", "--repo", URL[1], "--rev", "v2.0", "--yes", "--only", "pre-commit"]
    assert run(again) == 0
    assert "v1.0" in file.read_text()
    assert run([*again, "--upgrade"]) == 0
    assert file.read_text().startswith("# ours\n")
    assert yaml.safe_load(file.read_text())["repos"][0]["rev"] == "v2.0"


@pytest.mark.parametrize(
    ("address", "made"),
    [
        ("git@github.com:someone/shop.git", True),
        ("https://github.com/someone/shop", True),
        ("https://git.example.com/github.com/shop", False),
    ],
)
def test_workflow_is_for_those_at_home_on_github(
    repository: Path, address: str, made: bool
) -> None:
    subprocess.run(["git", "remote", "add", "origin", address], cwd=repository, check=True)
    init("--yes", "--only", "workflow")
    path = repository / ".github/workflows/iachygiene.yml"
    assert path.exists() == made
    if made:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {}
        assert "${{ " not in path.read_text().split("jobs:")[1]


def test_gitlab_gets_a_snippet(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository.joinpath(".gitlab-ci.yml").write_text("a: {script: [ls]}\n")
    init("--yes", "--only", "workflow")
    said = capsys.readouterr().out
    snippet = said.split("\n", 1)[1].split("everything")[0]
    assert yaml.safe_load(snippet)["iachygiene"]["script"]
    repository.joinpath(".gitlab-ci.yml").write_text(snippet)
    init("--yes", "--only", "workflow")
    assert "script" not in capsys.readouterr().out


def test_unknown_part_is_wrong_usage(repository: Path) -> None:
    assert init("--only", "hooks") == 2
    assert list(repository.glob(".i*")) == []


def test_remotes_are_read_and_nothing_runs(repository: Path) -> None:
    marker = repository / "ran"
    for key, value in (
        ("core.fsmonitor", f"touch {marker}"),
        ("core.sshCommand", f"touch {marker}"),
        ("remote.origin.url", f"ext::sh -c touch% {marker}"),
        ("remote.other.url", "ssh://git@GitHub.com/a/b"),
        ("alias.version", f"!touch {marker}"),
    ):
        subprocess.run(["git", "config", key, value], cwd=repository, check=True)
    assert "github.com" in remotes(str(repository))
    assert not marker.exists()
    assert remotes(str(repository / "nowhere")) == frozenset()


def test_the_workflow_is_clean_for_its_auditors(repository: Path) -> None:
    """zizmor finds nothing in it, and it keeps to the schema of workflows."""
    repository.joinpath(".github").mkdir()
    subprocess.run(["git", "checkout", "-q", "-b", 'dev/"x'], cwd=repository, check=True)
    init("--yes", "--only", "workflow")
    path = ".github/workflows/iachygiene.yml"
    for command in (
        ["zizmor", "--offline", "--persona", "pedantic", "--no-config", path],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", path],
    ):
        done = subprocess.run(
            [Path(sys.executable).parent / command[0], *command[1:]],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_runs_for_the_branch_that_is_the_default(repository: Path) -> None:
    repository.joinpath(".github").mkdir()
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (
        ["commit", "--quiet", "--allow-empty", "--message", "one"],
        ["update-ref", "refs/remotes/origin/trunk", "HEAD"],
        ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"],
    ):
        subprocess.run(["git", *identity, *words], cwd=repository, check=True)
    init("--yes", "--only", "workflow")
    text = repository.joinpath(".github/workflows/iachygiene.yml").read_text()
    # YAML 1.1 reads the key `on` as true.
    assert yaml.safe_load(text)[True]["push"]["branches"] == ["trunk"]


def test_findings_of_today_and_ignored_files_are_told(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.joinpath(".gitignore").write_text(".pre-commit-config.yaml\n")
    assert init("--yes") == 0
    said = capsys.readouterr()
    assert "note: git ignores .pre-commit-config.yaml" in said.err
    assert "findings today" in said.out
    assert "`iachygiene baseline create`" in said.out
    assert not repository.joinpath(".iachygiene-baseline.json").exists()


def test_a_clean_repository_is_not_told_of_baselines(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.joinpath("Dockerfile").unlink()
    assert init("--yes") == 0
    assert "baseline" not in capsys.readouterr().out
