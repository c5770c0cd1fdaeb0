"""`scan --add-ignores`: a comment above each finding that is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", "--engine", "builtin", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def left(root: Path) -> set[str]:
    report = json.loads(run(root, "--format", "json").stdout)
    return {one["rule"] for one in report["findings"]}


def test_comment_stands_above_the_instruction_and_mutes(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("# syntax=docker/dockerfile:1\nFROM debian\nRUN true && \\\n    cd /srv\n")
    done = run(tmp_path, "--select", "DF3006,DF3003", "--add-ignores", "built here")
    assert (done.returncode, done.stdout) == (0, "2 findings muted by comments in 1 file\n")
    assert file.read_text() == (
        "# syntax=docker/dockerfile:1\n"
        "# iachygiene: ignore[DF3006] built here\n"
        "FROM debian\n"
        "# iachygiene: ignore[DF3003] built here\n"
        "RUN true && \\\n    cd /srv\n"
    )
    assert not {"DF3006", "DF3003", "HYG002"} & left(tmp_path)


def test_second_run_has_nothing_to_add(tmp_path: Path) -> None:
    tmp_path.joinpath("Dockerfile").write_text("FROM debian\nRUN cd /srv\n")
    tmp_path.joinpath("main.tf").write_text('variable "a" {}\n')
    run(tmp_path, "--add-ignores")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    run(tmp_path, "--add-ignores")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_warm_cache_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM debian\n")
    words = ("--select", "DF3006", "--cache-dir", str(tmp_path / "cache"))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    time.sleep(2.1)  # the time of the change of a file that is remembered lies back so far
    run(tmp_path, *words)
    assert "cache: 1 of 1" in run(tmp_path, *words).stdout
    assert run(tmp_path, *words, "--add-ignores").returncode == 0
    assert file.read_text() == "# iachygiene: ignore[DF3006]\nFROM debian\n"


def test_line_ends_and_marks_stay(tmp_path: Path) -> None:
    file = tmp_path / "main.tf"
    file.write_bytes(b'\xef\xbb\xbfvariable "a" {\r\n  default = 1\r\n}\r\n')
    run(tmp_path, "--select", "TF203", "--add-ignores")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf# iachygiene: ignore[TF203]\r\nvariable")
    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")


def test_text_of_a_block_scalar_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
        "  containers:\n    - name: a\n      image: >-\n        nginx:latest\n"
    )
    before = file.read_text()
    run(tmp_path, "--select", "K8S101", "--add-ignores")
    added = [line for line in file.read_text().splitlines() if "iachygiene" in line]
    rest = [line for line in file.read_text().splitlines() if "iachygiene" not in line]
    assert rest == before.splitlines()
    assert not added or "K8S101" not in left(tmp_path)


def test_what_takes_no_comment_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("Dockerfile").write_text("FROM debian\nRNU true\n")
    tmp_path.joinpath("main.tf.json").write_text('{"variable": {"a": {}}}\n')
    done = run(tmp_path, "--select", "DF3006,TF203", "--add-ignores")
    assert done.returncode == 1
    assert "Dockerfile: HYG001: takes no comment" in done.stderr
    assert "main.tf.json: TF203: takes no comment" in done.stderr
    assert "iachygiene" not in tmp_path.joinpath("main.tf.json").read_text()


def test_reason_is_one_line(tmp_path: Path) -> None:
    tmp_path.joinpath("Dockerfile").write_text("FROM debian\n")
    assert run(tmp_path, "--add-ignores", "a\nUSER root").returncode == 2
    assert tmp_path.joinpath("Dockerfile").read_text() == "FROM debian\n"


def test_a_path_is_not_taken_for_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM debian\n")
    done = run(tmp_path, "--add-ignores", "Dockerfile")
    assert done.returncode == 2
    assert "hint: put paths before it" in done.stderr
    assert file.read_text() == "FROM debian\n"
    assert run(tmp_path, "Dockerfile", "--select", "DF3006", "--add-ignores").returncode == 0
    assert "ignore[DF3006]" in file.read_text()
