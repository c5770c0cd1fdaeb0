"""Start-up of whole processes, as ratios to a bare `python -I -c pass` of the same run.

The runs are interleaved, so that another load on the machine meets all of them alike, and
the median of each series counts. `--check` exits 1 when a ratio is over its bar.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

SHOP = Path(__file__).parent.parent / "examples" / "shop-fixed"
COMMITTED = {
    "main.tf": SHOP / "infra" / "release" / "main.tf",
    "web/Dockerfile": SHOP / "catalog" / "Dockerfile",
    "k8s/web.yaml": SHOP / "k8s" / "web.yaml",
}
BESIDE = {
    **{f"k8s/{path.name}": path for path in sorted((SHOP / "k8s").glob("*.yaml"))},
    "web/requirements.txt": SHOP / "catalog" / "requirements.txt",
    "web/.dockerignore": SHOP / "catalog" / ".dockerignore",
    "web/catalog/main.py": SHOP / "catalog" / "catalog" / "main.py",
}


class Case(NamedTuple):
    """A command to time. `bar` is how many times a bare start it may take."""

    name: str
    arguments: tuple[str, ...]
    bar: float | None


CASES = (
    Case("python -I -c pass", ("-c", "pass"), None),
    Case("iachygiene --version", ("-m", "iachygiene", "--version"), 5.0),
    Case(
        "commit of a .tf, a Dockerfile and a manifest",
        ("-m", "iachygiene.hooks.iachygiene", "--engine", "builtin", *COMMITTED),
        9.0,
    ),
    Case(
        "the same, nothing remembered",
        ("-m", "iachygiene.hooks.iachygiene", "--engine", "builtin", "--no-cache", *COMMITTED),
        None,
    ),
)


def main() -> int:
    """Measure, print a table, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=31, help="runs of each command (31)")
    parser.add_argument("--check", action="store_true", help="exit 1 when a ratio is over its bar")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        make_repository(Path(directory))
        seconds = measure(Path(directory), options.runs)
    bare = median(seconds[CASES[0].name])
    over = False
    print(f"{'whole process':46} {'median':>9} {'ratio':>6} {'bar':>5}")
    for case in CASES:
        middle = median(seconds[case.name])
        bar = f"{case.bar:.1f}" if case.bar else ""
        print(f"{case.name:46} {middle * 1000:6.1f} ms {middle / bare:6.2f} {bar:>5}")
        over = over or (case.bar is not None and middle / bare > case.bar)
    return int(options.check and over)


def make_repository(root: Path) -> None:
    """A git repository with the three files of the commit and what they refer to."""
    for name, source in {**COMMITTED, **BESIDE}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, root / name)
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)


def measure(root: Path, runs: int) -> dict[str, list[float]]:
    """Seconds of each run by case, after one run of each that writes the byte code."""
    seconds: dict[str, list[float]] = {case.name: [] for case in CASES}
    for turn in range(runs + 1):
        for case in CASES:
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-I", *case.arguments],
                cwd=root,
                env={**os.environ, "PRE_COMMIT": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if turn:
                seconds[case.name].append(time.perf_counter() - start)
            if done.returncode != 0:
                sys.exit(f"{case.name}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
