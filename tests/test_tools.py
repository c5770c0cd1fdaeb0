"""How external programs are found, started and ended."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene import tools
from iachygiene.tools import TERRAFORM, Program, Running, ToolRun

STANDINS = Path(__file__).parent / "standins"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No version is remembered, and programs write below a home of their own."""
    monkeypatch.setattr(tools, "_VERSIONS", {})
    (tmp_path / "home").mkdir()
    (tmp_path / "root").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def install(behaviour: str, directory: Path, name: str = "terraform") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(STANDINS / behaviour, directory / name)
    return directory / name


def run(behaviour: str, tmp_path: Path, *arguments: str, timeout: float = 20) -> ToolRun:
    program = install(behaviour, tmp_path / "bin")
    return TERRAFORM.run(
        *(arguments or ("validate", "-json")),
        program=Program("terraform", str(program)),
        root=str(tmp_path / "root"),
        cwd=str(tmp_path / "root"),
        known=(0, 1),
        timeout=timeout,
    )


def test_a_program_that_works_is_ok_and_has_a_version(tmp_path: Path) -> None:
    said = run("answering", tmp_path)
    assert (said.status, said.version, said.code) == ("ok", "1.9.0", 0)
    assert b'"valid": true' in said.stdout


def test_a_missing_program_is_a_status_with_a_hint(tmp_path: Path) -> None:
    said = TERRAFORM.run("fmt", program=None, root=str(tmp_path))
    assert said.status == "missing"
    assert said.detail == "terraform not found"
    assert said.hint.startswith("install Terraform or OpenTofu")


def test_an_old_program_is_named_with_what_is_needed(tmp_path: Path) -> None:
    said = run("old", tmp_path)
    assert (said.status, said.version) == ("too-old", "0.12.31")
    assert said.detail == "terraform 0.12.31 found, 1.0 needed"


def test_a_program_without_a_readable_version_counts_as_too_old(tmp_path: Path) -> None:
    said = run("unversioned", tmp_path)
    assert said.status == "too-old"
    assert "unknown version" in said.detail


def test_a_hanging_program_is_ended_at_its_time_limit(tmp_path: Path) -> None:
    started = time.monotonic()
    said = run("hanging", tmp_path, timeout=0.3)
    assert said.status == "timed-out"
    assert said.detail == "terraform took over 0.3 s"
    assert time.monotonic() - started < 3


def test_a_program_that_ignores_term_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "GRACE", 0.3)
    started = time.monotonic()
    said = run("stubborn", tmp_path, timeout=0.3)
    assert said.status == "timed-out"
    assert time.monotonic() - started < 3


def test_a_child_that_outlives_its_program_ends_with_it(tmp_path: Path) -> None:
    said = run("forking", tmp_path)
    assert said.status == "ok"
    child = int((tmp_path / "home" / "child").read_text())
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] not in "ZX"
    except OSError:
        return False


def test_a_signal_is_a_crash_with_the_first_words_of_stderr(tmp_path: Path) -> None:
    said = run("crashing", tmp_path)
    assert (said.status, said.code) == ("crashed", -11)
    assert said.detail == "terraform ended with signal SIGSEGV: about to fall"


def test_a_panic_is_a_crash_though_the_exit_code_is_known(tmp_path: Path) -> None:
    program = install("panicking", tmp_path / "bin")
    said = TERRAFORM.run(
        "fmt", program=Program("terraform", str(program)), root=str(tmp_path), known=(0, 2)
    )
    assert said.status == "crashed"
    assert said.detail.endswith("panic: runtime error: index out of range")


def test_an_unknown_exit_code_is_a_crash(tmp_path: Path) -> None:
    said = run("stranger", tmp_path)
    assert said.status == "crashed"
    assert said.detail == "terraform ended with exit code 42: no such thing"


def test_output_over_the_limit_is_drained_and_is_no_answer(tmp_path: Path) -> None:
    said = run("flooding", tmp_path, timeout=60)
    assert said.status == "garbage"
    assert len(said.stdout) == tools.STDOUT_LIMIT
    assert len(said.stderr) == tools.STDERR_LIMIT


def test_colours_and_links_of_a_program_do_not_reach_its_detail(tmp_path: Path) -> None:
    said = run("colourful", tmp_path)
    assert said.detail == "terraform ended with exit code 7: Error: it broke"


def test_a_program_that_cannot_be_started_is_a_crash(tmp_path: Path) -> None:
    said = run("unstartable", tmp_path)
    assert said.status == "crashed"
    assert "cannot be started" in said.detail


def test_a_program_gets_its_arguments_as_they_are_and_a_closed_stdin(tmp_path: Path) -> None:
    run("nosy", tmp_path, "fmt", "-check", "a b; touch c", "$(id)")
    home = tmp_path / "home"
    assert (home / "arguments").read_text() == "fmt\n-check\na b; touch c\n$(id)\n"
    assert (home / "stdin").read_bytes() == b""
    assert (home / "directory").read_text().strip() == str(tmp_path / "root")


def test_the_environment_of_a_program_is_an_allow_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        *("TF_CLI_ARGS", "TF_CLI_ARGS_fmt", "TF_LOG", "TF_LOG_PATH", "TF_WORKSPACE"),
        *("TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS", "TF_VAR_secret"),
        *("GIT_DIR", "GIT_INDEX_FILE", "AWS_SECRET_ACCESS_KEY", "LD_PRELOAD_X", "https_proxy"),
    ):
        monkeypatch.setenv(name, "planted")
    run("nosy", tmp_path)
    text = (tmp_path / "home" / "environment").read_text()
    assert "planted" not in text
    names = {line.partition("=")[0] for line in text.splitlines()}
    assert {"NO_COLOR", "CHECKPOINT_DISABLE", "TF_IN_AUTOMATION", "LC_ALL", "HOME"} <= names


def test_bytes_given_to_a_program_that_does_not_read_do_not_block(tmp_path: Path) -> None:
    running = Running(["true"], cwd=None, env=dict(os.environ), timeout=20, input=b"x" * 1_000_000)
    assert running.wait().code == 0


def test_a_program_reads_the_bytes_it_is_given() -> None:
    running = Running(["cat"], cwd=None, env=dict(os.environ), timeout=20, input=b"a\nb\n")
    assert running.wait().stdout == b"a\nb\n"


def test_programs_in_the_scanned_root_are_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    install("answering", root / "bin")
    monkeypatch.setenv("PATH", str(root / "bin"))
    assert TERRAFORM.find(str(root)) is None
    assert tools.search_path(str(root)) == ([], [str(root / "bin")])


def test_a_program_that_is_left_out_is_named_where_it_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    install("answering", root / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'empty'}:{root / 'bin'}")
    said = TERRAFORM.run("fmt", program=TERRAFORM.find(str(root)), root=str(root))
    assert said.detail == (
        f"terraform not found (PATH entry '{root}/bin' is relative or in the scanned tree,"
        " and not used)"
    )


def test_a_link_on_path_that_leads_into_the_scanned_root_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = install("answering", tmp_path / "root")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "terraform").symlink_to(target)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert TERRAFORM.find(str(tmp_path / "root")) is None


@pytest.mark.parametrize("entry", ["", ".", "bin", "../root"])
def test_relative_and_empty_entries_of_path_are_skipped(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("answering", tmp_path / "root")
    install("answering", tmp_path / "root" / "bin")
    monkeypatch.chdir(tmp_path / "root")
    monkeypatch.setenv("PATH", entry)
    assert TERRAFORM.find("/nowhere") is None
    assert tools.search_path("/nowhere")[1] == [entry]


def test_tofu_stands_in_for_a_missing_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("answering", tmp_path / "bin", "tofu")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = TERRAFORM.find(str(tmp_path / "root"))
    assert found == Program("tofu", str(tmp_path / "bin" / "tofu"))
    assert TERRAFORM.find(str(tmp_path / "root"), name="terraform") is None


def test_a_program_named_by_its_path_is_taken(tmp_path: Path) -> None:
    path = install("answering", tmp_path / "opt", "tofu-1.9")
    assert TERRAFORM.find("/nowhere", path=str(path)) == Program("tofu", str(path))
    assert TERRAFORM.find("/nowhere", path=str(tmp_path / "nope")) is None


def test_the_version_is_asked_once(tmp_path: Path) -> None:
    program = install("answering", tmp_path / "bin")
    run("answering", tmp_path)
    assert {str(program): "1.9.0"} == tools._VERSIONS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("a\rb\x08c\u202ed", "abcd"),
        ("two\nlines\tkept", "two\nlines\tkept"),
        ("\x1b", ""),
    ],
)
def test_what_a_program_says_is_cleaned(text: str, expected: str) -> None:
    assert tools.clean(text) == expected


@given(st.text())
def test_any_text_is_clean_after_cleaning(text: str) -> None:
    cleaned = tools.clean(text)
    assert all(char.isprintable() or char in "\n\t" for char in cleaned)
    assert tools.clean(cleaned) == cleaned
    assert len(tools.first_line(text)) <= 200


@given(st.binary())
def test_any_output_is_a_version_or_none(output: bytes) -> None:
    version = tools.terraform_version(output)
    assert version is None or tools._numbers(version)


def test_stopping_all_ends_what_runs(tmp_path: Path) -> None:
    running = Running(["sleep", "1000"], cwd=None, env=dict(os.environ), timeout=60)
    tools.stop_all()
    assert running.wait().code == -9


def test_a_process_of_ours_imports_nothing_from_where_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)\n")
    (tmp_path / "iachygiene").mkdir()
    (tmp_path / "iachygiene" / "__init__.py").write_text("raise SystemExit(8)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = tools.start_own_module("iachygiene.worker")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) not in (7, 8)
