"""`fmt` over many files, of which a second process formats a half."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from iachygiene.commands import fmt
from iachygiene.hcl import format_bytes

BROKEN = b"a = [1 2]\n"
LOSSY = b"a = b[true]\n"


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fmt, "_WORTHWHILE", 1000)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for number in range(40):
        odd = f"b = {number} # {'long ' * 10}\n"
        text = odd if number % 2 else f"a{number}=1\nlong_name = {number}\n"
        (tmp_path / f"f{number:02}.tf").write_text(text)
    for name in ("f00x.tf", "f39x.tf"):
        (tmp_path / name).write_bytes(BROKEN)
    for name in ("f00y.tf", "f39y.tf"):
        (tmp_path / name).write_bytes(LOSSY)
    (tmp_path / "f39z.tf").write_bytes(b"\xff")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, Sequence[str], str]:
    done = CliRunner().invoke(
        fmt.command, ["--engine", "builtin", *arguments], standalone_mode=False
    )
    return done.return_value, done.stdout.splitlines(), done.stderr


def test_files_come_out_in_order_whichever_process_formats_them(many: Path) -> None:
    names = sorted(path.name for path in many.iterdir())
    before = {name: (many / name).read_bytes() for name in names}
    changing = [f"f{number:02}.tf" for number in range(0, 40, 2)]
    assert 0 < fmt._share(names, fmt.Tree(str(many), explicit=names)) < len(names)
    status, listed, errors = run("--check")
    assert (status, listed) == (1, changing)
    status, listed, errors = run()
    assert (status, listed, errors.count("error: ")) == (1, changing, 5)
    for name in names:
        after = format_bytes(before[name]) if name in changing else before[name]
        assert (many / name).read_bytes() == after


def test_a_second_process_that_dies_loses_nothing(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("--check")
    monkeypatch.setattr(fmt._Helper, "_work", lambda *_: os._exit(7))
    assert run("--check") == expected


def test_without_a_second_process_nothing_is_lost(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("--check")

    def refused() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refused)
    assert run("--check") == expected


def test_few_files_are_formatted_by_one_process(many: Path) -> None:
    names = sorted(path.name for path in many.iterdir())[:2]
    assert fmt._share(names, fmt.Tree(str(many), explicit=names)) == 2
