"""The GitHub Actions step, its scripts run as a runner would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((TOP / "action.yml").read_text(encoding="utf-8"))
INSTALL, SCAN = ACTION["runs"]["steps"]
DEFAULTS = {name: text["default"] for name, text in ACTION["inputs"].items()}


def run_step(step: dict[str, Any], temporary: Path, **inputs: str) -> tuple[int, str]:
    """Exit code and log of a step; the checkout is `work` in the temporary directory."""
    values = {**DEFAULTS, **inputs}
    environment = {
        name: re.sub(
            r"\$\{\{ (inputs|github)\.([a-z_-]+) \}\}",
            lambda found: str(TOP) if found[1] == "github" else values[found[2]],
            text,
        )
        for name, text in step["env"].items()
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=temporary / "work",
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "GITHUB_WORKSPACE": str(temporary / "work"),
            "GITHUB_OUTPUT": str(temporary / "output"),
            "GITHUB_STEP_SUMMARY": str(temporary / "summary"),
            "GITHUB_ACTIONS": "true",
            "RUNNER_TEMP": str(temporary / "runner"),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def outputs(temporary: Path) -> dict[str, str]:
    lines = (temporary / "output").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A temporary directory with a checkout, and an environment like the one installed."""
    (tmp_path / "work").mkdir()
    binaries = tmp_path / "runner" / "iachygiene-venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
    (binaries / "python").chmod(0o755)
    return tmp_path


def write(checkout: Path, name: str, text: str) -> None:
    (checkout / "work" / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / "work" / name).write_text(text, encoding="utf-8")


def test_no_expression_stands_in_a_script() -> None:
    assert all("${{" not in step["run"] for step in ACTION["runs"]["steps"])


def test_every_input_reaches_a_script_through_its_environment() -> None:
    text = " ".join(value for step in (INSTALL, SCAN) for value in step["env"].values())
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(ACTION["inputs"])


def test_every_output_is_written(checkout: Path) -> None:
    run_step(SCAN, checkout)
    assert set(outputs(checkout)) == set(ACTION["outputs"])


def test_a_finding_is_annotated_summarised_and_fails_the_step(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    code, log = run_step(SCAN, checkout)
    assert code == 1
    assert "::warning file=Dockerfile,line=1" in log
    assert "DF3006" in (checkout / "summary").read_text(encoding="utf-8")
    assert outputs(checkout)["exit-code"] == "1"
    assert outputs(checkout)["warnings"] == "1"
    assert outputs(checkout)["errors"] == "0"


def test_a_clean_checkout_passes(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine:3.22\nUSER 1000\n")
    assert run_step(SCAN, checkout)[0] == 0
    assert outputs(checkout)["findings"] == "0"
    assert outputs(checkout)["complete"] == "true"


def test_reports_lie_in_the_checkout_where_the_inputs_say(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    assert run_step(SCAN, checkout, sarif="out/a.sarif", json="out/a.json")[0] == 1
    assert (checkout / "work" / "out" / "a.sarif").is_file()
    assert (checkout / "work" / "out" / "a.json").is_file()
    assert outputs(checkout)["sarif-file"] == "out/a.sarif"
    assert outputs(checkout)["json-file"] == "out/a.json"


def test_arguments_are_one_a_line_and_meet_no_shell(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    write(checkout, "a b/Dockerfile", "FROM alpine\nUSER 1000\n")
    code, _ = run_step(SCAN, checkout, args="--ignore\nDF3006", paths="Dockerfile\na b")
    assert code == 0
    code, log = run_step(SCAN, checkout, paths="$(touch ran)\n; touch ran")
    assert code == 2, log
    assert not list(checkout.rglob("ran"))


def test_a_severity_that_is_not_reached_passes(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    assert run_step(SCAN, checkout, **{"fail-on": "error"})[0] == 0
    assert outputs(checkout)["findings"] == "1"


def test_modules_in_the_checkout_are_not_imported(checkout: Path) -> None:
    for name in ("json.py", "click.py", "iachygiene/__init__.py", "sitecustomize.py"):
        write(checkout, name, f"open({str(checkout / 'ran')!r}, 'w').close()\n")
    write(checkout, "Dockerfile", "FROM alpine:3.22\nUSER 1000\n")
    assert run_step(SCAN, checkout)[0] == 0
    assert not (checkout / "ran").exists()


def test_an_old_python_is_refused_by_name(checkout: Path) -> None:
    old = checkout / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    code, log = run_step(INSTALL, checkout, python=str(old))
    assert code == 2
    assert "Python 3.11 or later is needed" in log


def test_the_action_installs_its_own_checkout(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "runner").mkdir()
    code, log = run_step(INSTALL, tmp_path, python=sys.executable)
    assert code == 0, log
    write(tmp_path, "Dockerfile", "FROM alpine\nUSER 1000\n")
    assert run_step(SCAN, tmp_path)[0] == 1
