"""The example shop breaks every practice the toolkit was asked to enforce, its twin none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iachygiene.rule import all_rules

TOP = Path(__file__).parent.parent
EXPECTED = Path(__file__).parent / "expected"

PRACTICES = {
    "dependency manifests are copied and installed before the source": "DF5001",
    "npm ci in images, from the lock file": "DF5002 DF5003",
    "a .dockerignore that leaves out what does not belong": "DF5101 DF5102 DF5404",
    "no latest, specific tags": "DF3006 DF3007 DF5201 DF5205 K8S101 CO101 KST504",
    "base images fit what is run on them": "DF5208 DF5209",
    "end-of-life bases are replaced": "DF5204",
    "few layers, caches cleaned in the same RUN": "DF3059 DF3009 DF3019 DF3040 DF3042 DF5004",
    "an absolute WORKDIR instead of cd": "DF3000 DF3003",
    "configuration in the image at the right place": "DF5313",
    "health checks, probes, and services that wait": ("DF5301 K8S401 K8S411 CO301 CO303 PRJ104"),
    "the process does not run as root": "DF3002 DF5303 DF5304 K8S201 K8S203 CO207 PRJ103",
    "line ends are LF": "DF5801",
    "no traps in environment variables": ("DF5317 DF5318 DF5319 DF5401 DF5402 K8S652 CO601"),
    "service names are the DNS names": "CO506 CO507 K8S601 K8S613 PRJ105",
    "image, port and user agree between files": "PRJ101 PRJ102 PRJ103 PRJ104 PRJ105 PRJ106",
    "images are updated by Image Updater, with constraints": (
        "ARG101 ARG201 ARG202 ARG203 ARG204 ARG205 ARG206 ARG207"
        " ARG208 ARG209 ARG210 ARG211 ARG212 ARG213 ARG214 ARG215"
    ),
    "Terraform in canonical format": "TF001",
    "Terraform is validated before review": "TF421 TF501 TF502",
    "no source maps in published npm packages": (
        "NPM101 NPM102 NPM103 NPM104 NPM105 NPM106 NPM107 NPM109 NPM110 NPM111 NPM112"
        " NPM403 NPM406 NPM501"
    ),
    "no source maps in images and web roots": "DF5408",
}
"""What the toolkit was asked for, each with the rules that are on by default and see it."""

RULES = {one.code: one for one in all_rules()}
BY_PROGRAM = {"TF501", "TF502"}
BUILT_IN = ("--engine", "builtin")


Report = dict[str, Any]


def scan(name: str, *options: str) -> tuple[int, str]:
    """Exit code and JSON report of a scan from the root of this repository."""
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", f"examples/{name}", *options]
    done = subprocess.run(
        [*command, "--reproducible", "--format", "json"],
        cwd=TOP,
        env={key: value for key, value in os.environ.items() if not key.startswith("IACHYGIENE")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("{"), done.stderr
    return done.returncode, re.sub(r'"commit": "[0-9a-f]+"', '"commit": null', done.stdout)


@pytest.fixture(scope="module")
def shop() -> Report:
    return Report(json.loads(scan("shop", *BUILT_IN)[1]))


@pytest.fixture(scope="module")
def fixed() -> Report:
    return Report(json.loads(scan("shop-fixed", *BUILT_IN)[1]))


@pytest.mark.parametrize(("name", "code"), [("shop", 1), ("shop-fixed", 0)])
def test_the_report_is_the_expected_one(name: str, code: int, update: bool) -> None:
    found, report = scan(name, *BUILT_IN)
    file = EXPECTED / f"{name}.json"
    if update:
        file.write_text(report, encoding="utf-8")
    assert report == file.read_text(encoding="utf-8"), "read the difference, then: pytest --update"
    assert found == code
    assert json.loads(report)["crashes"] == []


@pytest.mark.parametrize(
    ("practice", "code"),
    [
        (practice, code)
        for practice, codes in PRACTICES.items()
        for code in codes.split()
        if code in RULES and code not in BY_PROGRAM
    ],
)
def test_the_shop_breaks(practice: str, code: str, shop: Report) -> None:
    assert RULES[code].default == "on"
    assert code in {finding["rule"] for finding in shop["findings"]}, practice


def test_the_fixed_shop_breaks_nothing(fixed: Report) -> None:
    assert [(one["rule"], one["path"], one["message"]) for one in fixed["findings"]] == []


def test_the_fixed_shop_has_files_of_the_same_kinds(shop: Report, fixed: Report) -> None:
    assert fixed["files"]["by_kind"].keys() == shop["files"]["by_kind"].keys()


@pytest.mark.needs_terraform
def test_terraform_validates_the_fixed_release_and_not_the_shop_s() -> None:
    if not shutil.which("terraform"):
        assert not os.environ.get("IACHYGIENE_REQUIRE_TERRAFORM"), "terraform is not on PATH"
        pytest.skip("terraform is not on PATH")
    _, bad = scan("shop/infra/release", "--select", "TF501,TF502")
    _, good = scan("shop-fixed/infra/release", "--select", "TF501,TF502")
    assert {one["rule"] for one in json.loads(bad)["findings"]} == {"TF501", "TF502"}
    assert json.loads(good)["findings"] == []
