"""A scanned repository cannot make us run its code."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = ("click.py", "yaml.py", "hcl2.py", "git.py", "jinja2.py", "signal.py")


@pytest.fixture
def armed(tmp_path: Path) -> Path:
    """A repository in which whatever can be named names a program that leaves a mark."""
    root = tmp_path / "repository"
    (root / "iachygiene" / "hooks").mkdir(parents=True)
    mark = tmp_path / "ran"
    program = tmp_path / "arm"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {mark}\n')
    program.chmod(0o755)
    python = f"open({str(mark)!r}, 'a').write(__file__ + '\\n')\n"
    for name in (*MODULES, "iachygiene/__init__.py", "iachygiene/cli.py", "sitecustomize.py"):
        (root / name).write_text(python)
    for name in ("terraform", "tofu", "helm", "git", "python"):
        (root / name).write_text(f"#!/bin/sh\necho own {name} >> {mark}\n")
        (root / name).chmod(stat.S_IRWXU)
    (root / "main.tf").write_text("locals {\na=1\n}\n")
    (root / "Dockerfile").write_text("FROM debian\n")
    (root / ".gitattributes").write_text("* filter=arm diff=arm\n")
    (root / ".iachygiene.toml").write_text('[tools.terraform]\npath = "./terraform"\n')
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "main.tf", "Dockerfile"], check=True)
    (root / ".git" / "config").write_text(
        "[core]\n"
        f"\tfsmonitor = {program}\n\thooksPath = {tmp_path}\n\tpager = {program}\n"
        f"\tsshCommand = {program}\n\teditor = {program}\n"
        f'[diff]\n\texternal = {program}\n[diff "arm"]\n\ttextconv = {program}\n'
        f'[filter "arm"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n'
        f"[alias]\n\tls-files = !{program}\n[credential]\n\thelper = !{program}\n"
    )
    for name in ("post-index-change", "pre-commit", "post-checkout"):
        (tmp_path / name).write_text(program.read_text())
        (tmp_path / name).chmod(0o755)
    return root


@pytest.mark.parametrize(
    "module",
    [
        ("iachygiene", "scan"),
        ("iachygiene", "fmt", "--check"),
        ("iachygiene", "doctor"),
        ("iachygiene.hooks.iachygiene", "main.tf", "Dockerfile"),
        ("iachygiene.hooks.terraform_fmt", "main.tf"),
        ("iachygiene.hooks.terraform_validate", "main.tf"),
    ],
    ids=" ".join,
)
def test_nothing_of_the_repository_runs(armed: Path, module: tuple[str, ...]) -> None:
    # The repository's own directory on PATH, and the working directory as an empty entry.
    path = os.pathsep.join([str(armed), "", ".", os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-I", "-m", *module],
        cwd=armed,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    mark = armed.parent / "ran"
    assert not mark.exists(), mark.read_text()
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 3)


def test_arms_are_loaded(armed: Path) -> None:
    """The marks would be seen: plain git runs what the configuration names."""
    subprocess.run(
        ["git", "-C", str(armed), "status"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (armed.parent / "ran").exists()
