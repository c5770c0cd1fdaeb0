"""The same findings and the same bytes, whoever asks, from where, and how fast."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

SHOP = Path(__file__).parent.parent / "examples" / "shop"
FORMS = ("text", "json", "sarif", "junit", "gitlab", "html", "markdown", "concise")


def scan(cwd: Path, home: Path, *words: str, environment: Mapping[str, str] = {}) -> bytes:
    """Everything that a scan writes; the cache is one of this test."""
    reports = [word for form in FORMS for word in ("--report", f"{form}={home / form}")]
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", "--engine", "builtin"]
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    done = subprocess.run(
        [*command, "--reproducible", *reports, *words],
        cwd=cwd,
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")
    # The arguments are a part of JSON, and of that alone.
    shown = [
        line
        for line in (home / "json").read_bytes().splitlines()
        if not line.startswith(b'  "run": ')
    ]
    rest = [(home / form).read_bytes() for form in FORMS if form != "json"]
    return b"\n".join([done.stdout, *shown, *rest])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that is large enough for several processes to share it."""
    root = tmp_path_factory.mktemp("same") / "shop"
    for number in range(5):
        shutil.copytree(SHOP, root / f"part{number}", symlinks=True)
        root.joinpath(f"part{number}", "large.tf").write_text("# a comment\n" * 30_000)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "--all"], check=True)
    return root


@pytest.fixture(scope="module")
def first(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the plainest of all runs says."""
    said = scan(shop, tmp_path_factory.mktemp("home"), "--no-cache", "--jobs", "1")
    assert said.count(b"DF3006") > 10
    return said


def test_several_processes_say_what_one_does(shop: Path, first: bytes, tmp_path: Path) -> None:
    assert scan(shop, tmp_path, "--no-cache", "--jobs", "8") == first


def test_a_warm_run_says_what_a_cold_one_does(shop: Path, first: bytes, tmp_path: Path) -> None:
    assert scan(shop, tmp_path) == first
    assert scan(shop, tmp_path) == first
    assert list((tmp_path / ".cache" / "iachygiene").glob("*.json"))


@pytest.mark.parametrize("where", [".", "part3", "part3/k8s"])
def test_the_working_directory_changes_nothing(
    where: str, shop: Path, first: bytes, tmp_path: Path
) -> None:
    assert scan(shop / where, tmp_path, "--no-cache") == first


def test_the_order_of_paths_changes_nothing(shop: Path, tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=shop, capture_output=True, check=True
    ).stdout
    paths = [os.fsdecode(path) for path in listed.split(b"\0") if path]

    def said(order: Iterable[str], *words: str) -> bytes:
        names = tmp_path / "names"
        names.write_text("\n".join(order), encoding="utf-8", errors="surrogateescape")
        return scan(shop, tmp_path, "--no-cache", "--files-from", str(names), *words)

    plain = said(paths)
    for seed in range(2):
        shuffled = random.Random(seed).sample(paths, len(paths))
        assert said(shuffled, "--jobs", str(seed + 1)) == plain


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locales of this test, as far as the system can make them."""
    folder = tmp_path_factory.mktemp("locales")
    program = shutil.which("localedef")
    for name in ("en_US", "tr_TR") if program else ():
        command = [str(program), "-i", name, "-f", "UTF-8", str(folder / f"{name}.UTF-8")]
        subprocess.run(command, capture_output=True, check=False)
    return folder


@pytest.mark.parametrize("name", ["C", "C.UTF-8", "en_US.UTF-8", "tr_TR.UTF-8", "nowhere"])
def test_the_locale_changes_nothing(
    name: str, shop: Path, first: bytes, locales: Path, tmp_path: Path
) -> None:
    # Python would make C into C.UTF-8; the first run shows that all else is equal too.
    environment = {"LC_ALL": name, "LANG": name, "LOCPATH": str(locales)}
    assert scan(shop, tmp_path, "--no-cache", environment=environment) == first
