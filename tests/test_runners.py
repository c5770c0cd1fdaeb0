"""The hooks under the runners that people use: pre-commit and prek."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_hooks import BAD, FOUND, GOOD, repository

TOP = Path(__file__).parent.parent
RUNNERS = ["pre-commit", "prek"]
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org")


def runner(name: str, *words: str, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / name, *words],
        cwd=cwd,
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith("GIT_")},
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
            "PREK_HOME": str(home / "prek"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it is, as a repository that a runner can clone."""
    copy = tmp_path_factory.mktemp("published")
    for name in ("iachygiene", "hooks", "pyproject.toml", "README.md", ".pre-commit-hooks.yaml"):
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *IDENTITY, *words], cwd=copy, check=True)
    return copy


@pytest.mark.parametrize("name", RUNNERS)
def test_the_manifest_is_valid(name: str, tmp_path: Path) -> None:
    manifest = str(TOP / ".pre-commit-hooks.yaml")
    done = runner(name, "validate-manifest", manifest, cwd=tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", RUNNERS)
def test_a_commit_is_judged_as_one(name: str, published: Path, tmp_path: Path) -> None:
    """The runner installs the hook and stops a commit of bad files, with one result."""
    root = tmp_path / "root"
    repository(root, GOOD)
    (root / "tsconfig.json").write_text("{}\n")  # of no matter to any hook but ours
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=published, capture_output=True, text=True, check=True
    ).stdout.strip()
    (root / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {published}\n  rev: {revision}\n  hooks:\n  - id: iachygiene\n"
    )
    done = runner(name, "install", cwd=root, home=tmp_path)
    assert done.returncode == 0, done.stdout

    def commit() -> subprocess.CompletedProcess[str]:
        subprocess.run(["git", "add", "--all"], cwd=root, check=True)
        # The name of the cache of the runner is kept for the hook that git starts.
        return subprocess.run(
            ["git", *IDENTITY, "commit", "--message", "x"],
            cwd=root,
            env={
                **os.environ,
                "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
                "PREK_HOME": str(tmp_path / "prek"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    done = commit()
    assert done.returncode == 0, done.stdout
    for path, text in BAD.items():
        (root / path).write_text(text)
    done = commit()
    assert done.returncode == 1, done.stdout
    for code in FOUND.values():
        assert code in done.stdout
    # One result, whose kinds stand in one line.
    assert len(re.findall(r"^ *\d+ findings \(", done.stdout, re.MULTILINE)) == 1
    assert "\x1b" not in done.stdout
    done = runner(name, "run", "iachygiene", cwd=root, home=tmp_path)
    assert done.returncode == 1
    for path, text in GOOD.items():
        (root / path).write_text(text)
    (root / "web/dist/web.js.map").unlink()
    (root / "Dockerfile").write_text(GOOD["Dockerfile"] + "# mended\n")
    done = commit()
    assert done.returncode == 0, done.stdout
    assert "Passed" in done.stdout
