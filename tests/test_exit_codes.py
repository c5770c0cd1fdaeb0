"""Each row of the table of exit codes, with what goes to each stream, in a process of its own.

Signals and closed pipes are in test_reliability_processes.py and test_cli.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STANDINS = Path(__file__).parent / "standins"
CLEAN = {"Dockerfile": "FROM debian:12.6-slim\nUSER 1000\n"}
BAD = {"Dockerfile": "FROM debian\nUSER 1000\n"}
TF = {"main.tf": 'terraform {\n  required_version = ">= 1.5"\n}\n'}
UNFORMATTED = {"main.tf": 'terraform {\n  required_version=">= 1.5"\n}\n'}
BROKEN_CONFIG = {".iachygiene.toml": "selct = []\n"}
BROKEN_BASELINE = {".iachygiene-baseline.json": "{}"}
NO_SHELLCHECK = ("--tool", "shellcheck=never")


def run(
    root: Path, files: dict[str, str], *words: str, terraform: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command in a repository of some files, with a stand-in for terraform or none at all."""
    binaries = root.parent / "bin"
    binaries.mkdir()
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True)
    (binaries / "git").symlink_to(git.stdout.strip())
    for name in ("sh", "sed", "cat", "rm", "printf", "sleep"):
        (binaries / name).symlink_to(f"/bin/{name}")
    if terraform:
        (binaries / "terraform").symlink_to(STANDINS / terraform)
    for path, text in files.items():
        (root / path).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return subprocess.run(
        [sys.executable, "-I", "-m", "iachygiene", *words],
        cwd=root,
        env={"PATH": str(binaries), "HOME": str(root.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("files", "words", "terraform", "code", "out", "err"),
    [
        # 0: everything asked for was looked at
        (CLEAN, "scan", "", 0, "no findings", ""),
        (BAD, "scan --fail-on error", "", 0, "DF3006", ""),
        (BAD, "scan --exit-zero", "", 0, "DF3006", ""),
        (TF, "scan", "", 0, "terraform validate: skipped", ""),
        ({"a.txt": ""}, "scan", "", 0, None, "nothing to check"),
        (TF, "fmt --check", "", 0, None, "0 would change"),
        (UNFORMATTED, "scan --fix", "", 0, "Fixed 1 file", ""),
        # 1: findings, or something to change
        (BAD, "scan", "", 1, "DF3006", ""),
        (UNFORMATTED, "scan --diff", "", 1, "+++ b/main.tf", ""),
        (UNFORMATTED, "fmt --check", "", 1, "main.tf", "1 would change"),
        (UNFORMATTED, "fmt --diff", "", 1, "+++ b/main.tf", "1 would change"),
        ({**BAD, **UNFORMATTED}, "scan --fix", "", 1, "DF3006", ""),
        # 2: usage; nothing is scanned
        (BAD, "scan --no-such-option", "", 2, None, "error: no such option"),
        (BAD, "scan --select XX1", "", 2, None, "error: unknown rule"),
        ({**BAD, **BROKEN_CONFIG}, "scan", "", 2, None, "error: unknown key"),
        ({**BAD, **BROKEN_BASELINE}, "scan", "", 2, None, "error: .iachygiene-baseline.json"),
        (BAD, "scan nowhere", "", 2, None, "error: no such file or directory"),
        (BAD, "scan --since nowhere", "", 2, None, "error: there is no commit yet"),
        (BAD, "scan --exit-zero --select XX1", "", 2, None, "error: unknown rule"),
        # 3: incomplete
        (TF, "scan --select TF501", "", 3, "terraform not found", ""),
        (TF, "scan --tool terraform=always", "", 3, "terraform not found", ""),
        (TF, "scan --strict", "", 3, "terraform not found", ""),
        ({"a.txt": ""}, "scan --strict", "", 3, None, "nothing to check"),
        (TF, "scan", "colourful", 3, "it broke", ""),
        (TF, "scan --exit-zero", "colourful", 3, "it broke", ""),
        (TF, "scan", "garbage", 3, "unusable output", ""),
        # 1 beats 3, 4 beats 1
        ({**BAD, **TF}, "scan", "colourful", 1, "it broke", ""),
        (BAD, "scan --report json=Dockerfile/x", "", 4, "DF3006", "error: report not written"),
    ],
)
def test_code_and_streams(
    files: dict[str, str],
    words: str,
    terraform: str,
    code: int,
    out: str | None,
    err: str,
    root: Path,
) -> None:
    more = NO_SHELLCHECK if words.startswith("scan") else ()
    done = run(root, files, *words.split(), *more, terraform=terraform)
    assert done.returncode == code, done.stdout + done.stderr
    if out is None:
        assert done.stdout == ""
    else:
        assert out in done.stdout
    if err:
        assert err in done.stderr
    else:
        assert done.stderr == ""


def test_a_1_does_not_hide_that_the_run_is_incomplete(root: Path) -> None:
    done = run(root, {**BAD, **TF}, "scan", "--format", "json", terraform="colourful")
    summary = json.loads(done.stdout)["summary"]
    assert (done.returncode, summary["exit_code"], summary["complete"]) == (1, 1, False)


def test_a_defect_of_a_rule_is_told_and_the_others_go_on(root: Path) -> None:
    """The rule crashes in the process as it is started: nothing but its code is changed."""
    program = (
        "import sys\n"
        "import iachygiene.rule as registry\n"
        "registry.rules_of('dockerfile')\n"
        "rule = registry.get('DF3006')\n"
        "def crash(*_, **__):\n"
        "    1 / 0\n"
        "crash.__module__ = rule.check.__module__\n"
        "registry._RULES['DF3006'] = rule._replace(check=crash)\n"
        "from iachygiene.cli import main\n"
        "sys.exit(main(['scan', '--no-cache', *sys.argv[1:]]))\n"
    )
    (root / "Dockerfile").write_text("FROM debian\nRUN cd /srv\n")
    for words, told in (((), False), (("-v",), True)):
        done = subprocess.run(
            [sys.executable, "-I", "-c", program, "--fail-on", "never", *words],
            cwd=root,
            env={"PATH": os.environ["PATH"], "HOME": str(root.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3, done.stdout + done.stderr
        assert "DF3003" in done.stdout
        assert "crashed on Dockerfile: ZeroDivisionError" in done.stdout
        assert ("Traceback" in done.stdout + done.stderr) == told
        assert ("`iachygiene version -v`" in done.stdout) == told
