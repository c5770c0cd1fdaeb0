"""HTML in Chromium, and SARIF under the validator of its authors: see tests/browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.reliability import Scanner

HERE = Path(__file__).parent / "browser"
SHOP = HERE.parent.parent / "examples" / "shop"
MISSING = [
    name for name in ("node", os.environ.get("CHROMIUM", "chromium")) if not shutil.which(name)
]
if not (HERE / "node_modules" / "axe-core").is_dir():
    MISSING.append("`npm ci --ignore-scripts` in tests/browser")
REQUIRED = os.environ.get("IACHYGIENE_REQUIRE_BROWSER") == "1"
pytestmark = [
    pytest.mark.needs_browser,
    pytest.mark.skipif(bool(MISSING) and not REQUIRED, reason=f"missing: {', '.join(MISSING)}"),
]


def report(scanner: Scanner, form: str, *words: str) -> Path:
    path = scanner.root.parent / f"report.{form}"
    scanner.plain("scan", "--engine", "builtin", "--no-cache", "--report", f"{form}={path}", *words)
    return path


@pytest.mark.parametrize("about", ["shop", "clean", "hostile"])
def test_a_browser_has_nothing_to_complain_of(about: str, scanner: Scanner) -> None:
    if about == "shop":
        path = report(scanner, "html", str(SHOP))
    else:
        if about == "hostile":
            hostile = "<script>alert(1)</script><img src=http://a.example/x onerror=alert(1)>"
            scanner.write('a"><script>alert(2)</script>/Dockerfile', f"FROM {hostile}\n")
            scanner.write("long.Dockerfile", f"FROM {'x' * 3000}\n")
        else:
            scanner.write("near/Dockerfile", "FROM debian:12.5\nUSER 1000\n")
        path = report(scanner, "html")
    done = subprocess.run(
        ["node", HERE / "check.mjs", path], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 8
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_the_validator_of_sarif_has_no_error_and_no_warning(scanner: Scanner) -> None:
    path = report(scanner, "sarif", str(SHOP))
    answer = path.with_suffix(".validated")
    program = HERE / "node_modules" / "@microsoft" / "sarif-multitool-linux" / "Sarif.Multitool"
    program.chmod(0o755)  # which `npm ci --ignore-scripts` leaves out
    words = ["--rule-kind", "Sarif;Ghas", "--level", "Error;Warning;Note", "--output", answer]
    done = subprocess.run(
        [program, "validate", path, *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.exists(), done.stdout + done.stderr
    (run,) = json.loads(answer.read_text(encoding="utf-8-sig"))["runs"]
    assert run["invocations"][0]["executionSuccessful"]
    graver = [one for one in run["results"] if one.get("level", "warning") not in ("note", "none")]
    assert graver == []
