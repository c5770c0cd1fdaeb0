"""Verdicts that are remembered from one run to the next."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iachygiene import cache
from iachygiene.cache import refusal
from iachygiene.trace import is_settled

SHOP = Path(__file__).parent.parent / "examples" / "shop"
OLD = 1_000_000_000


class Project:
    """A directory with files that are old enough to be known by their times, and a cache."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.cache = cache

    def write(self, name: str, text: str, *, old: bool = True) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if old:
            os.utime(path, (OLD, OLD))

    def scan(self, *words: str, engine: str = "builtin", path: str = "") -> dict[str, object]:
        command = [sys.executable, "-I", "-m", "iachygiene", "scan", "--engine", engine]
        options = ["--format", "json", "--reproducible", "--cache-dir", str(self.cache), *words]
        done = subprocess.run(
            [*command, *options],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": path} if path else None,
        )
        assert done.returncode in (0, 1), done.stderr
        report: dict[str, object] = json.loads(done.stdout)
        report["run"] = None
        return report

    def rules(self, *words: str) -> list[str]:
        return [one["rule"] for one in self.scan(*words)["findings"]]  # type: ignore[attr-defined]

    @property
    def files(self) -> list[Path]:
        return sorted(self.cache.glob("*.json"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "root"
    root.mkdir()
    return Project(root, tmp_path / "cache")


def test_warm_run_says_what_a_cold_one_does(project: Project) -> None:
    for path in SHOP.rglob("*"):
        if path.is_file():
            project.write(str(path.relative_to(SHOP)), path.read_text())
    cold = project.scan()
    assert project.scan() == cold == project.scan("--no-cache")
    assert len(project.files) == 1


def test_every_edit_is_seen(project: Project) -> None:
    project.write("Dockerfile", "FROM debian:12\nRUN cd /srv\n")
    assert "DF3003" in project.rules()
    project.write("Dockerfile", "FROM debian:12\nRUN ls /srv\n", old=False)
    assert "DF3003" not in project.rules()
    project.write("Dockerfile", "FROM debian:12\nRUN cd /srv\n", old=False)
    assert "DF3003" in project.rules()


def test_edit_that_keeps_size_and_time_is_seen(project: Project) -> None:
    project.write("Dockerfile", "FROM debian:12\nRUN cd /srv\n")
    assert "DF3003" in project.rules()
    project.write("Dockerfile", "FROM debian:12\nRUN ls /srv\n")
    assert "DF3003" not in project.rules()


def test_file_that_appears_beside_is_seen(project: Project) -> None:
    project.write("app/package.json", "{}")
    project.write("app/.env", "A=1")
    project.write("app/Dockerfile", "FROM node:22.1.0\nCOPY . /srv/\n")
    before = project.rules()
    assert "DF5101" in before
    project.write("app/.dockerignore", "node_modules\n.env\n.git\n*.log\n")
    assert "DF5101" not in project.rules()
    (project.root / "app/.dockerignore").unlink()
    assert project.rules() == before


def test_file_that_becomes_a_manifest_is_seen(project: Project) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    pod += "spec: {containers: [{name: a, image: a}]}\n"
    project.write("a.yaml", "hello: 1\n")
    assert project.rules() == []
    project.write("a.yaml", pod, old=False)
    assert "K8S101" in project.rules()


def test_edit_of_a_called_module_is_seen_by_each_that_calls_it(project: Project) -> None:
    call = 'module "net" {\n  source = "../net"\n  size   = 1\n}\n'
    for name in ("a", "b"):
        project.write(f"{name}/main.tf", call)
    project.write("net/variables.tf", 'variable "size" {\n  type = number\n}\n')
    assert project.rules("--select", "TF428") == []
    project.write("net/variables.tf", 'variable "name" {\n  type = string\n}\n', old=False)
    report = project.scan("--select", "TF428")
    found = {one["path"] for one in report["findings"]}  # type: ignore[attr-defined]
    assert found == {"a/main.tf", "b/main.tf"}
    assert project.rules("--select", "TF428").count("TF428") == 4


def test_other_rules_are_other_verdicts(project: Project) -> None:
    project.write("Dockerfile", "FROM debian\nRUN cd /srv\n")
    assert project.rules("--select", "DF3006") == ["DF3006"]
    assert project.rules("--select", "DF3003") == ["DF3003"]
    assert project.rules("--select", "DF3006") == ["DF3006"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"DF3003", b"DF3006"),
        lambda data: data.replace(b"iachygiene ", b"iachygiene 0", 1),
        lambda data: b"\xff" * 100,
    ],
)
def test_damaged_cache_is_made_anew(project: Project, damage: object) -> None:
    project.write("Dockerfile", "FROM debian:12\nRUN cd /srv\n")
    expected = project.scan()
    (file,) = project.files
    good = file.read_bytes()
    file.write_bytes(damage(good))  # type: ignore[operator]
    assert project.scan() == expected
    assert file.read_bytes() == good


def test_run_in_which_nothing_changed_loads_neither_parsers_nor_rules(project: Project) -> None:
    project.write("Dockerfile", "FROM debian\n# hadolint ignore=DL3025\nCMD ls\n")
    project.write("main.tf", 'variable "x" {}\n')
    project.write("k8s/kustomization.yaml", "resources: [pod.yaml]\n")
    project.write("k8s/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")
    project.write("compose.yaml", "services: {a: {image: debian}}\n")
    project.scan()
    command = [sys.executable, "-X", "importtime", "-I", "-m", "iachygiene", "scan"]
    options = ["--engine", "builtin", "--cache-dir", str(project.cache)]
    done = subprocess.run(
        [*command, *options], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert "hadolint:DL3006" in done.stdout
    loaded = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    ours = [name for name in loaded if name.startswith("iachygiene.")]
    assert "iachygiene.cache" in ours
    allowed = ("iachygiene.parse", "iachygiene.parse.charts", "iachygiene.rules")
    heavy = ("iachygiene.parse", "iachygiene.rules", "iachygiene.hcl", "iachygiene.schemas")
    assert [name for name in ours if name.startswith(heavy) and name not in allowed] == []
    assert "yaml" not in loaded


def counted(program: str, folder: Path, log: Path) -> str:
    """A folder with a program that notes its first argument and then does its work."""
    real = shutil.which(program) or str(Path(sys.executable).parent / program)
    folder.mkdir()
    path = folder / program
    path.write_text(f'#!/bin/sh\necho "${{1%%=*}}" >> "{log}"\nexec "{real}" "$@"\n')
    path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.needs_terraform
def test_terraform_is_asked_only_of_what_changed(project: Project, tmp_path: Path) -> None:
    log = tmp_path / "log"
    path = counted("terraform", tmp_path / "bin", log)
    project.write("a/main.tf", 'variable "x" {\n  type = string\n}\n')
    project.write("b/main.tf", 'output "x" {\n  value = 1\n}\n')

    def asked() -> tuple[list[str], dict[str, object]]:
        log.write_text("")
        report = project.scan(engine="auto", path=path)
        return sorted(log.read_text().split()), report

    words, cold = asked()
    assert words == ["fmt", "validate", "validate", "version"]
    words, warm = asked()
    assert words == ["version"]
    assert warm["findings"] == cold["findings"]
    project.write("b/main.tf", 'output "x" {\n  value=var.gone\n}\n')
    words, report = asked()
    assert words == ["fmt", "validate", "version"]
    rules = [one["rule"] for one in report["findings"]]  # type: ignore[attr-defined]
    assert "TF001" in rules
    assert asked()[1]["findings"] == report["findings"]


def test_shellcheck_is_asked_only_of_what_changed(project: Project, tmp_path: Path) -> None:
    log = tmp_path / "log"
    path = counted("shellcheck", tmp_path / "bin", log)
    project.write("Dockerfile", "FROM alpine:3.22\nRUN echo $HOME\n")
    project.write("b/Dockerfile", "FROM alpine:3.22\nRUN echo `pwd`\n")

    def asked() -> tuple[int, list[str]]:
        log.write_text("")
        report = project.scan("--select", "DF6001", engine="auto", path=path)
        aliases = [one["aliases"] for one in report["findings"]]  # type: ignore[attr-defined]
        return len(log.read_text().split()), sorted(str(one) for one in aliases)

    cold, found = asked()
    assert cold == 2
    assert len(found) > 1
    assert asked() == (1, found)
    project.write("b/Dockerfile", "FROM alpine:3.22\nRUN pwd\n")
    runs, left = asked()
    assert runs == 2
    assert len(left) < len(found)


def test_runs_that_race_on_one_tree_agree(project: Project) -> None:
    for number in range(20):
        project.write(f"{number}/Dockerfile", "FROM debian:12\nRUN cd /srv\n")
    expected = project.scan("--no-cache")
    with ThreadPoolExecutor(4) as pool:
        assert all(one == expected for one in pool.map(lambda _: project.scan(), range(8)))
    assert project.scan() == expected
    assert [path.suffix for path in project.cache.iterdir() if path.name != "tidied"] == [".json"]


def test_no_secret_is_remembered(project: Project) -> None:
    token = "ghp_" + "a1B2" * 9
    project.write("Dockerfile", f"FROM debian:12\nENV TOKEN={token}\nRUN curl -u x:{token} a\n")
    project.write("main.tf", f'locals {{\n  a="{token}"\n}}\n')
    project.write("pod.yaml", f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {token}}}\n")
    project.scan()
    assert project.files
    for file in project.files:
        assert token not in file.read_text()


def test_run_without_cache_leaves_nothing(project: Project) -> None:
    project.write("Dockerfile", "FROM debian\n")
    project.scan("--no-cache")
    assert not project.cache.exists()


def test_fix_sees_every_file_itself(project: Project) -> None:
    project.write("main.tf", 'locals {\n  a="b"\n}\n')
    assert "TF001" in project.rules()
    assert "TF001" not in project.rules("--fix")
    assert "TF001" not in project.rules()


def test_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "new" / "cache")) == ""
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o777 == 0o700
    wide = tmp_path / "wide"
    wide.mkdir()
    wide.chmod(0o777)
    assert refusal(str(wide)) == "others may write to it"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "new")
    assert refusal(str(link)) == "not a directory"
    tmp_path.joinpath("file").write_text("")
    assert refusal(str(tmp_path / "file" / "cache")) != ""


def test_times_that_may_still_change_tell_nothing() -> None:
    now = 100 * 10**9
    assert is_settled((97 * 10**9, 97 * 10**9, 1, 1), now)
    assert not is_settled((99 * 10**9, 97 * 10**9, 1, 1), now)
    assert not is_settled((97 * 10**9, 99 * 10**9, 1, 1), now)
    assert not is_settled((200 * 10**9, 97 * 10**9, 1, 1), now)


def test_oldest_of_our_files_are_removed_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_TOTAL", 250)
    names = [f"{number:040x}.json" for number in range(4)]
    for age, name in enumerate([*names, "thesis.pdf", f"{9:040x}.json.0123456789ab"]):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (OLD + age, OLD + age))
    cache._tidy(str(tmp_path))
    left = {path.name for path in tmp_path.iterdir()} - {"tidied"}
    assert left == {names[3], "thesis.pdf", f"{9:040x}.json.0123456789ab"}
    for name in names:
        (tmp_path / name).write_bytes(b"x" * 100)
    cache._tidy(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} >= {*names, "thesis.pdf"}
