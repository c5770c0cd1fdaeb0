"""Programs that misbehave: what a whole scan says, and which exit code it gives.

What each of them does to its own run is tested where it is wrapped.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from iachygiene import tools
from tests.reliability import NEIGHBOUR, Said, Scanner

STANDINS = Path(__file__).parent / "standins"
UNFORMATTED = "locals {\na=1\n}\n"
FORMATTED = "locals {\n  a = 1\n}\n"
GOOD = "FROM debian:12.5\nUSER 1000\n"
NOT_BY_NAME = ("--select", "TF,DF3006", "--ignore", "TF1,TF2,TF3,TF4")
ONLY = ("--engine", "auto", *NOT_BY_NAME)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on PATH that may hold a program that we wrap."""
    found = tmp_path / "bin"
    found.mkdir()
    monkeypatch.setattr(tools, "_VERSIONS", {})
    monkeypatch.setattr(tools, "GRACE", 0.2)
    kept = [
        entry
        for entry in os.environ["PATH"].split(os.pathsep)
        if not any(os.path.lexists(f"{entry}/{name}") for name in ("terraform", "tofu"))
    ]
    monkeypatch.setenv("PATH", os.pathsep.join([str(found), *kept]))
    return found


def status_of(said: Said, check: str) -> dict[str, Any]:
    (status,) = [one for one in said.report["tools"] if one["check"] == check]
    found: dict[str, Any] = status
    return found


EVENTS = [
    ("old", "too-old", 0, "terraform 0.12.31 found, 1.0 needed"),
    ("unversioned", "too-old", 0, "terraform of unknown version found, 1.0 needed"),
    ("hanging", "timed-out", 3, "terraform took over 0.5 s"),
    ("stubborn", "timed-out", 3, "terraform took over 0.5 s"),
    ("crashing", "crashed", 3, "terraform ended with signal SIGSEGV: about to fall"),
    ("panicking", "crashed", 3, "terraform ended with exit code 2: panic: runtime error: index"),
    ("stranger", "crashed", 3, "terraform ended with exit code 42: no such thing"),
    ("colourful", "crashed", 3, "terraform ended with exit code 7: Error: it broke"),
    ("silent", "garbage", 3, "terraform"),
    ("garbage", "garbage", 3, "terraform"),
    ("halfjson", "garbage", 3, "terraform"),
    ("futuristic", "garbage", 3, "terraform"),
    ("flooding", "garbage", 3, "terraform printed more than is kept"),
]


@pytest.mark.parametrize(
    ("behaviour", "status", "code", "detail"), EVENTS, ids=[row[0] for row in EVENTS]
)
def test_misbehaving_program_hides_no_finding_and_makes_the_run_incomplete(
    behaviour: str, status: str, code: int, detail: str, scanner: Scanner, programs: Path
) -> None:
    shutil.copy(STANDINS / behaviour, programs / "terraform")
    if status == "timed-out":
        scanner.write(".iachygiene.toml", "[tools.terraform]\ntimeout = 0.5\n")
    scanner.write("main.tf", UNFORMATTED)
    said = scanner.judged(*ONLY)
    assert said.code == 1
    assert said.of("main.tf", "TF001"), "the built-in engine stands in"
    found = status_of(said, "terraform validate")
    assert found["status"] == status
    assert found["detail"].startswith(detail)
    assert found["hint"]
    if behaviour in ("stubborn", "flooding"):
        return  # they take their time, and what follows is the same for all
    scanner.write("main.tf", FORMATTED)
    scanner.write(NEIGHBOUR, GOOD)
    assert scanner.scan(*ONLY).code == code
    assert scanner.scan(*ONLY, "--strict").code == 3


def test_missing_program_is_a_status_unless_it_was_asked_for(
    scanner: Scanner, programs: Path
) -> None:
    scanner.write("main.tf", UNFORMATTED)
    said = scanner.judged("--engine", "auto")
    assert said.code == 1
    assert said.of("main.tf", "TF001")
    assert status_of(said, "terraform validate")["status"] == "missing"
    scanner.write("main.tf", FORMATTED)
    scanner.write(NEIGHBOUR, GOOD)
    only = ("--engine", "auto", "--select", "TF001,DF3006")
    assert scanner.scan(*only).code == 0
    assert scanner.scan(*only, "--extend-select", "TF5", "--strict").code == 3
    assert scanner.scan(*only, "--extend-select", "TF501").code == 3
    assert scanner.scan(*ONLY, "--tool", "terraform=always").code == 3


def test_program_that_names_places_outside_the_tree_changes_nothing(
    scanner: Scanner, programs: Path
) -> None:
    shutil.copy(STANDINS / "wandering", programs / "terraform")
    scanner.write("main.tf", FORMATTED)
    said = scanner.judged(*ONLY)
    assert {one["path"] for one in said.report["findings"]} <= {NEIGHBOUR, "main.tf"}
    for finding in said.of("main.tf", "TF501", "TF502"):
        assert finding["line"] == 1
    notes = [one["detail"] for one in said.report["files"]["skipped"]]
    assert "terraform names a place outside the tree: Elsewhere" in notes


def test_program_in_the_tree_is_not_started_whatever_path_says(
    scanner: Scanner, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = scanner.root.parent / "ran"
    for name in ("terraform", "tofu", "shellcheck", "git", "helm", "kustomize", "kubectl"):
        scanner.write(name, f"#!/bin/sh\ntouch {mark}\n").chmod(0o755)
    scanner.write("main.tf", UNFORMATTED)
    for entry in (str(scanner.root), ".", ""):
        monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{os.environ['PATH']}")
    said = scanner.judged("--engine", "auto")
    assert not mark.exists()
    assert said.of("main.tf", "TF001")
    assert status_of(said, "terraform validate")["status"] == "missing"
    assert "in the scanned" in str(status_of(said, "terraform validate"))


def test_programs_leave_the_tree_as_it_was(scanner: Scanner, programs: Path) -> None:
    shutil.copy(STANDINS / "answering", programs / "terraform")
    scanner.write("main.tf", UNFORMATTED)
    scanner.write("module/main.tf", UNFORMATTED)

    def state() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in scanner.root.rglob("*")
        }

    before = state()
    said = scanner.judged(*ONLY)
    assert status_of(said, "terraform validate")["status"] == "ok"
    assert state() == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("exit 139", "crashed", 3),
        ("kill -SEGV $$", "crashed", 3),
        ("echo '[{'", "garbage", 3),
        ("printf '\\377\\376'", "garbage", 3),
        ("sleep 30 & sleep 30", "timed-out", 3),
    ],
)
def test_misbehaving_shellcheck_is_a_status(
    body: str, status: str, code: int, scanner: Scanner, programs: Path
) -> None:
    program = programs / "shellcheck"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo "version: 0.10.0"; exit 0; }\n' + body + "\n"
    )
    program.chmod(0o755)
    scanner.write(".iachygiene.toml", "[tools.shellcheck]\ntimeout = 0.5\n")
    scanner.write("Dockerfile", "FROM debian:12.5\nRUN echo $a\n")
    words = ("--engine", "auto", "--select", "DF6001,DF3006")
    said = scanner.judged(*words)
    assert said.code == 1
    assert status_of(said, "shellcheck")["status"] == status
    scanner.write(NEIGHBOUR, GOOD)
    assert scanner.scan(*words).code == code
