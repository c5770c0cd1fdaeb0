"""The baseline: known findings that a file sets aside."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.baseline import Baseline, Entry, read, written
from iachygiene.mistakes import ConfigError

NAME = ".iachygiene-baseline.json"
DOCKERFILE = "FROM debian AS a\nRUN cd /srv\nFROM debian:latest\n"


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "iachygiene", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def found(root: Path, *words: str) -> list[str]:
    done = run(root, "scan", "--engine", "builtin", "--format", "json", *words)
    return [one["rule"] for one in json.loads(done.stdout)["findings"]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tmp_path.joinpath("Dockerfile").write_text(DOCKERFILE)
    assert found(tmp_path) != []
    assert run(tmp_path, "baseline", "create").returncode == 0
    assert found(tmp_path) == []
    return tmp_path


def test_moved_lines_indentation_and_a_new_name_change_nothing(root: Path) -> None:
    file = root / "Dockerfile"
    file.write_text("# a line\n" * 100 + DOCKERFILE.replace("RUN cd", "RUN   cd"))
    assert found(root) == []
    file.rename(root / "Dockerfile.prod")
    assert found(root) == []


def test_same_mistake_in_another_file_is_found(root: Path) -> None:
    root.joinpath("Dockerfile.two").write_text("FROM debian\n")
    assert "DF3006" in found(root)


def test_one_entry_sets_one_finding_aside(root: Path) -> None:
    file = root / "Dockerfile"
    file.write_text(DOCKERFILE.replace("RUN cd /srv\n", "RUN cd /srv\nRUN cd /srv\n"))
    assert "DF3003" in found(root)


def test_what_is_set_aside_is_counted_and_named(root: Path) -> None:
    done = run(root, "scan", "--format", "json")
    report = json.loads(done.stdout)
    assert report["summary"]["muted"]["baseline"] == len(report["muted"]) > 0
    assert {one["by"] for one in report["muted"]} == {"baseline"}


def test_baseline_can_be_left_out(root: Path) -> None:
    assert "DF3007" in found(root, "--no-baseline")


def test_paid_debt_is_told_in_a_whole_run_alone(root: Path) -> None:
    root.joinpath("Dockerfile").write_text(DOCKERFILE.replace("RUN cd /srv\n", ""))
    assert set(found(root)) == {"HYG009"}
    assert found(root, "Dockerfile") == []
    assert found(root, "--ignore", "K8S") == []
    assert run(root, "scan", "--strict").returncode == 1


def test_prune_drops_what_is_paid(root: Path) -> None:
    root.joinpath("Dockerfile").write_text(DOCKERFILE.replace("RUN cd /srv\n", ""))
    assert "removed" in run(root, "baseline", "prune").stdout
    assert found(root) == []
    assert "DF3003" not in root.joinpath(NAME).read_text()


def test_update_follows_a_moved_file_and_keeps_notes(root: Path) -> None:
    path = root / NAME
    path.write_text(path.read_text().replace('"note": ""', '"note": "ticket 4711"'))
    root.joinpath("Dockerfile").rename(root / "Dockerfile.prod")
    said = run(root, "baseline", "update").stdout
    assert " moved" in said and "0 moved" not in said
    entries = json.loads(path.read_text())["findings"]
    assert {one["path"] for one in entries} == {"Dockerfile.prod"}
    assert {one["note"] for one in entries} == {"ticket 4711"}
    assert found(root) == []


def test_update_adds_nothing_unless_asked(root: Path) -> None:
    root.joinpath("Dockerfile.two").write_text("FROM debian\n")
    run(root, "baseline", "update")
    assert "DF3006" in found(root)
    run(root, "baseline", "update", "--add")
    assert found(root) == []


def test_create_does_not_overwrite_unless_told_to(root: Path) -> None:
    before = root.joinpath(NAME).read_bytes()
    done = run(root, "baseline", "create")
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert root.joinpath(NAME).read_bytes() == before
    assert run(root, "baseline", "create", "--force").returncode == 0


def test_broken_file_is_never_known(tmp_path: Path) -> None:
    tmp_path.joinpath("main.tf").write_text("resource {")
    run(tmp_path, "baseline", "create")
    assert found(tmp_path) == ["HYG001"]


def test_debt_is_shown_in_numbers(root: Path) -> None:
    shown = run(root, "baseline", "show").stdout
    assert "DF3003" in shown
    assert "Dockerfile" in run(root, "baseline", "show", "--by", "path").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"schema": "other"}', "its schema is not"),
        ('{"schema": "iachygiene-baseline/1", "findings": [1]}', "entry 1 is no finding"),
        ('{"schema": "iachygiene-baseline/1"}', "no list of findings"),
        ("{\n<<<<<<< a\n=======\n>>>>>>> b\n}", "merge conflict"),
    ],
)
def test_damaged_baseline_ends_the_run(root: Path, text: str, said: str) -> None:
    root.joinpath(NAME).write_text(text)
    done = run(root, "scan")
    assert done.returncode == 2
    assert said in done.stderr
    assert "`iachygiene baseline " in done.stderr


def test_named_baseline_has_to_be_there(root: Path) -> None:
    assert run(root, "scan", "--baseline", "none.json").returncode == 2
    root.joinpath(".iachygiene.toml").write_text('baseline = "debt.json"\n')
    assert run(root, "scan").returncode == 2
    assert run(root, "baseline", "create").returncode == 0
    assert root.joinpath("debt.json").exists()


TEXT = st.text(max_size=20)


@given(st.lists(st.builds(Entry, st.text(min_size=1), TEXT, TEXT, TEXT, TEXT, TEXT)))
def test_what_is_written_reads_back(entries: list[Entry]) -> None:
    text = written(entries)
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        assert set(read(file.name, "b").entries) == set(entries)
    assert text.isascii() and text.endswith("\n")


def test_no_file_is_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read(str(tmp_path / "b.json"), "b.json")
    assert Baseline("b").entries == ()


def test_update_settles_a_merge_conflict(root: Path) -> None:
    file = root / NAME
    head, *rows, tail = file.read_text().splitlines()
    noted = [row.replace('"note": ""', '"note": "ticket 1"') for row in rows]
    theirs = Entry("1:" + "0" * 32, "DF3006", "gone/Dockerfile", "", "FROM x")
    text = [head, "<<<<<<< ours", *noted, "=======", *rows, json.dumps(theirs._asdict())]
    file.write_text("\n".join([*text, ">>>>>>> theirs", tail]) + "\n")
    done = run(root, "scan")
    assert (done.returncode, done.stdout) == (2, "")
    assert "`iachygiene baseline update`" in done.stderr
    done = run(root, "baseline", "update")
    assert done.stdout == f"{NAME}: 0 added, {len(rows)} kept, 0 moved, 1 removed\n"
    assert file.read_text().splitlines() == [head, *noted, tail]
    assert found(root) == []


def test_a_baseline_that_is_none_can_be_made_anew(root: Path) -> None:
    (root / NAME).write_text("[]")
    done = run(root, "baseline", "update")
    assert done.returncode == 2
    assert "`iachygiene baseline create --force`" in done.stderr
    assert run(root, "baseline", "create", "--force").returncode == 0
    assert found(root) == []
