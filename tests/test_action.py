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
STEPS = ACTION["runs"]["steps"]
INSTALL, SCAN, RESULT = (step for step in STEPS if "run" in step)
DEFAULTS = {name: text["default"] for name, text in ACTION["inputs"].items()}


def scan(temporary: Path, **inputs: str) -> tuple[int, str]:
    """Exit code of the action and log of its scan, in the place of an installation."""
    done, log = run_step(SCAN, temporary, **inputs)
    assert done == 0, log
    return run_step(RESULT, temporary, **inputs)[0], log


def run_step(step: dict[str, Any], temporary: Path, **inputs: str) -> tuple[int, str]:
    """Exit code and log of a step; the checkout is `work` in the temporary directory."""
    (temporary / "output").touch()
    values = {f"inputs.{name}": text for name, text in (DEFAULTS | inputs).items()}
    values |= {f"steps.scan.outputs.{name}": text for name, text in outputs(temporary).items()}
    values["github.action_path"] = str(TOP)
    values["github.event.pull_request.head.repo.full_name"] = inputs.get("head", "")
    environment = {
        name: re.sub(r"\$\{\{ ([a-z._-]+) \}\}", lambda found: values[found[1]], text)
        for name, text in step["env"].items()
    }
    environment |= {name: text for name, text in inputs.items() if name.isupper()}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=temporary / "work",
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "GITHUB_WORKSPACE": str(temporary / "work"),
            "GITHUB_OUTPUT": str(temporary / "output"),
            "GITHUB_STEP_SUMMARY": str(temporary / "summary"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/shop",
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
    assert all("${{" not in step.get("run", "") for step in STEPS)


def test_actions_of_others_are_pinned_to_commits_with_their_version_beside() -> None:
    text = (TOP / "action.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: *(.*)", text)
    assert len(used) == sum("uses" in step for step in STEPS) == 3
    for one in used:
        assert re.fullmatch(r"[\w/.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


def test_every_input_reaches_a_script_through_its_environment() -> None:
    text = " ".join(value for step in (INSTALL, SCAN) for value in step["env"].values())
    text += " ".join(step["if"] for step in STEPS if "if" in step)
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(ACTION["inputs"])


def test_every_output_is_written(checkout: Path) -> None:
    scan(checkout)
    assert set(outputs(checkout)) == {*ACTION["outputs"], "upload"}


def test_a_finding_is_annotated_summarised_and_fails_the_step(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    code, log = scan(checkout)
    assert code == 1
    assert "::warning file=Dockerfile,line=1" in log
    assert "DF3006" in (checkout / "summary").read_text(encoding="utf-8")
    assert outputs(checkout)["exit-code"] == "1"
    assert outputs(checkout)["warnings"] == "1"
    assert outputs(checkout)["errors"] == "0"


def test_a_clean_checkout_passes(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine:3.22\nUSER 1000\n")
    assert scan(checkout)[0] == 0
    assert outputs(checkout)["findings"] == "0"
    assert outputs(checkout)["complete"] == "true"


def test_reports_lie_in_the_checkout_where_the_inputs_say(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    assert scan(checkout, sarif="out/a.sarif", json="out/a.json")[0] == 1
    assert (checkout / "work" / "out" / "a.sarif").is_file()
    assert (checkout / "work" / "out" / "a.json").is_file()
    assert outputs(checkout)["sarif-file"] == "out/a.sarif"
    assert outputs(checkout)["json-file"] == "out/a.json"


def test_arguments_are_one_a_line_and_meet_no_shell(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    write(checkout, "a b/Dockerfile", "FROM alpine\nUSER 1000\n")
    code, _ = scan(checkout, args="--ignore\nDF3006", paths="Dockerfile\na b")
    assert code == 0
    code, log = scan(checkout, paths="$(touch ran)\n; touch ran")
    assert code == 2, log
    assert not list(checkout.rglob("ran"))
    assert (outputs(checkout)["complete"], outputs(checkout)["json-file"]) == ("false", "")


def test_a_severity_that_is_not_reached_passes(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    assert scan(checkout, **{"fail-on": "error"})[0] == 0
    assert outputs(checkout)["findings"] == "1"


def test_modules_in_the_checkout_are_not_imported(checkout: Path) -> None:
    for name in ("json.py", "click.py", "iachygiene/__init__.py", "sitecustomize.py"):
        write(checkout, name, f"open({str(checkout / 'ran')!r}, 'w').close()\n")
    write(checkout, "Dockerfile", "FROM alpine:3.22\nUSER 1000\n")
    assert scan(checkout)[0] == 0
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
    assert scan(tmp_path)[0] == 1
    first = outputs(tmp_path)
    assert first["code"].startswith("0.")
    # A fresh installation of the same code takes over what this one remembers.
    remembered = {
        file.name: file.read_bytes().split()[:4]
        for file in (tmp_path / "runner" / "iachygiene-cache").glob("*.json")
    }
    assert run_step(INSTALL, tmp_path, python=sys.executable)[0] == 0
    assert outputs(tmp_path)["code"] == first["code"]
    assert scan(tmp_path)[0] == 1
    for name, head in remembered.items():
        file = tmp_path / "runner" / "iachygiene-cache" / name
        assert file.read_bytes().split()[:4] == head
    code, log = run_step(INSTALL, tmp_path, python=sys.executable, version="99.0")
    assert code == 2
    assert "version 99.0 is asked for" in log


def git(checkout: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", *identity, *words]
    subprocess.run(command, cwd=checkout / "work", check=True, capture_output=True)


def test_in_a_pull_request_only_what_changed_is_reported(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    git(checkout, "init", "--quiet", "--initial-branch", "main")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "one")
    git(checkout, "update-ref", "refs/remotes/origin/main", "HEAD")
    write(checkout, "new/Dockerfile", "FROM alpine:3.22\nUSER 1000\n")
    assert scan(checkout)[0] == 1
    assert scan(checkout, GITHUB_BASE_REF="main")[0] == 0
    assert scan(checkout, since="", GITHUB_BASE_REF="main")[0] == 1
    write(checkout, "new/Dockerfile", "FROM alpine\nUSER 1000\n")
    assert scan(checkout, GITHUB_BASE_REF="main", **{"new-only": "true"})[0] == 1


def test_a_report_is_uploaded_where_that_is_asked_for_and_allowed(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    asked = {"upload-sarif": "true"}
    scan(checkout)
    assert outputs(checkout)["upload"] == "false"
    assert outputs(checkout)["sarif-file"] == "iachygiene.sarif"
    scan(checkout, **asked)
    assert outputs(checkout)["upload"] == "true"
    scan(checkout, head="acme/shop", **asked)
    assert outputs(checkout)["upload"] == "true"
    _, log = scan(checkout, head="mallory/shop", **asked)
    assert outputs(checkout)["upload"] == "false"
    assert "not uploaded" in log
    scan(checkout, sarif="", **asked)
    assert (outputs(checkout)["upload"], outputs(checkout)["sarif-file"]) == ("false", "")


def test_reports_of_an_earlier_step_are_no_result_of_this_one(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine\nUSER 1000\n")
    scan(checkout)
    assert scan(checkout, args="--no-such-option")[0] == 2
    assert (outputs(checkout)["findings"], outputs(checkout)["sarif-file"]) == ("", "")


def test_verdicts_are_remembered_where_that_is_asked_for(checkout: Path) -> None:
    write(checkout, "Dockerfile", "FROM alpine:3.22\nUSER 1000\n")
    scan(checkout, cache="false")
    assert not (checkout / "runner" / "iachygiene-cache").exists()
    scan(checkout)
    assert list((checkout / "runner" / "iachygiene-cache").glob("*.json"))


def test_the_action_is_clean_for_its_auditors() -> None:
    """zizmor finds nothing, and the file keeps to the schema of actions."""
    for command in (
        ["zizmor", "--offline", "--persona", "pedantic", "--no-config", "action.yml"],
        ["check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"],
    ):
        done = subprocess.run(
            [Path(sys.executable).parent / command[0], *command[1:]],
            cwd=TOP,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
