"""Processes and signals: how a run ends that does not end by itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from iachygiene import discover, engine, interrupt, judge, worker
from iachygiene.config import Config
from iachygiene.files import Tree
from iachygiene.interrupt import Interrupted
from iachygiene.judge import Rules, Verdict
from iachygiene.model import Job
from iachygiene.progress import Progress
from tests.reliability import Scanner

STANDINS = Path(__file__).parent / "standins"
UNFORMATTED = "locals {\na=1\n}\n"
BAD = "FROM debian\nUSER 1000\n"
SIGNALS = [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]


@pytest.fixture
def hanging(scanner: Scanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A terraform that never ends is on PATH; gives the file where it writes its number."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "tmp").mkdir()
    shutil.copy(STANDINS / "hanging", programs / "terraform")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    scanner.write("main.tf", UNFORMATTED)
    return Path(os.environ["HOME"]) / "started"


def begun(started: Path, *words: str) -> subprocess.Popen[str]:
    """A scan that waits for the program."""
    scan = subprocess.Popen(
        [sys.executable, "-I", "-m", "iachygiene", "scan", "--no-cache", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (started.exists() and started.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        assert scan.poll() is None, scan.communicate()
        time.sleep(0.02)
    return scan


def is_gone(process: str) -> bool:
    deadline = time.monotonic() + 10
    state = Path("/proc", process, "stat")
    while state.exists() and state.read_text().split(") ")[1][0] not in "ZX":
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_signal_ends_the_run_with_its_code_its_findings_and_no_programs(
    number: str, code: int, scanner: Scanner, hanging: Path
) -> None:
    scan = begun(hanging, "--report", "sarif=out.sarif", "--format", "concise")
    scan.send_signal(signal.Signals[number])
    out, err = scan.communicate(timeout=30)
    assert scan.returncode == code
    told = re.fullmatch(r"interrupted after ([012]) of 2 files\n", err)
    assert told, err
    assert ("DF3006" in out) == (told[1] == "2"), "the neighbour is judged last"
    assert is_gone(hanging.read_text().split()[0])
    assert not Path("out.sarif").exists()
    assert Path("main.tf").read_text() == UNFORMATTED
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


def test_no_report_that_looks_whole_goes_to_standard_output(
    scanner: Scanner, hanging: Path
) -> None:
    scan = begun(hanging, "--format", "json")
    scan.send_signal(signal.SIGTERM)
    out, err = scan.communicate(timeout=30)
    assert (scan.returncode, out) == (143, "")
    assert "of 2 files" in err.splitlines()[-1]


def test_second_signal_ends_the_run_at_once(scanner: Scanner, hanging: Path) -> None:
    scan = begun(hanging)
    scan.send_signal(signal.SIGSTOP)
    for number in (signal.SIGTERM, signal.SIGINT):
        scan.send_signal(number)  # both are there when it goes on
    scan.send_signal(signal.SIGCONT)
    out, err = scan.communicate(timeout=30)
    assert scan.returncode in (130, 143)
    assert (out, err) == ("", "")
    assert is_gone(hanging.read_text().split()[0])


def test_a_signal_whose_exception_was_lost_still_ends_the_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interrupt, "_SEEN", [143])
    thread = threading.Thread(target=time.sleep, args=(20,), daemon=True)
    thread.start()
    with pytest.raises(Interrupted) as raised:
        interrupt.wait_for(thread)
    assert raised.value.code == 143
    rules = Rules(Config())
    verdict = worker.judge_here(Job("dockerfile", "", ("Dockerfile",)), Tree("."), rules)
    assert rules.stopped is not None
    assert {one.why for one in verdict.unchecked} == {"interrupted"}


def test_signal_that_our_parent_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: signal.getsignal(getattr(signal, name)) for name in interrupt.CODES}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
        interrupt.listen()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        monkeypatch.setattr(interrupt, "_SEEN", [])
        with pytest.raises(Interrupted) as raised:
            signal.raise_signal(signal.SIGTERM)
        assert raised.value.code == 143
    finally:
        for name, handler in kept.items():
            signal.signal(getattr(signal, name), handler)


def test_findings_until_an_interruption_are_told(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        scanner.write(f"{number}/Dockerfile", BAD)
    really = worker.judge
    seen: list[Job] = []

    def judged(job: Job, *given: object, **more: object) -> Verdict:
        seen.append(job)
        if len(seen) == 3:
            raise Interrupted(143)
        return really(job, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "judge", judged)
    with pytest.raises(Interrupted) as raised:
        engine.scan(".", engine="builtin", workers=1)
    stop = raised.value
    assert (stop.judged, stop.total, len(seen)) == (2, 5, 3)
    assert stop.scan is not None
    result = stop.scan.result
    judged = {path for job in seen[:2] for path in job.paths}
    assert {one.location.path for one in result.findings} == judged
    assert result.counts == {"dockerfile": 2}
    assert result.exit_code == 143
    assert not result.unchecked


def test_findings_of_workers_until_an_interruption_are_told(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [Job("dockerfile", "", (f"{number}/Dockerfile",)) for number in range(50)]
    for job in jobs:
        scanner.write(job.paths[0], BAD)
    rules = Rules(Config())
    progress = Progress()

    def stop_early(_thread: object) -> None:
        while progress.done < 3:
            time.sleep(0.01)
        raise Interrupted(130)

    monkeypatch.setattr(worker, "wait_for", stop_early)
    verdicts = worker.Crew(Tree(str(scanner.root)), rules, 2).judge(jobs, progress)
    assert rules.stopped is not None
    told = [any(one.rule == "DF3006" for one in verdict.findings) for verdict in verdicts]
    left = [{one.why for one in verdict.unchecked} for verdict in verdicts]
    assert told.count(True) >= 3
    assert all(
        not why if judged else why == {"interrupted"}
        for judged, why in zip(told, left, strict=True)
    )


def test_worker_without_memory_loses_only_its_file(scanner: Scanner) -> None:
    blocks = "".join(f'locals {{\n  a{number} = ["{number}"]\n}}\n' for number in range(60_000))
    scanner.write("main.tf", blocks)
    said = scanner.judged("--max-memory", "120MiB", "--ignore", "TF001")
    finding = said.only("main.tf", "HYG005")
    assert finding["message"] == "the checker died on this file (out of memory)"
    assert said.code == 1


def test_memory_that_this_process_lacks_costs_only_the_file(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.write("main.tf", UNFORMATTED)
    really = worker.judge

    def judged(job: Job, *given: object, **more: object) -> Verdict:
        if job.kind == "terraform":
            raise MemoryError
        return really(job, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "judge", judged)
    said = scanner.judged()
    assert said.only("main.tf", "HYG005")["message"].endswith("(out of memory)")


@pytest.mark.parametrize("size", ["12 parsecs", "0", "-1", "1.5.2GiB", ""])
def test_memory_is_asked_for_as_a_size(size: str, scanner: Scanner) -> None:
    code, _, err = scanner.plain("scan", "--max-memory", size)
    assert code == 2
    assert "expected a size such as 512MiB" in err


def test_run_over_its_limits_ends_with_a_hint(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        scanner.write(f"{number}/Dockerfile", BAD)
    monkeypatch.setattr(judge, "MAX_TOTAL", 3)
    monkeypatch.setattr(engine, "MAX_TOTAL", 3)
    code, out, err = scanner.plain("scan", "--no-cache")
    assert (code, out) == (4, "")
    assert err.startswith("error: over 3 findings\nhint: --select fewer rules")
    monkeypatch.setattr(discover, "MAX_FILES", 4)
    code, out, err = scanner.plain("scan", "--no-cache")
    assert (code, out) == (2, "")
    assert err.startswith("error: over 4 files\nhint: ")


def test_memory_and_open_files_may_be_few(scanner: Scanner) -> None:
    shop = Path(__file__).parent.parent / "examples" / "shop"
    limited = 'ulimit -v 1048576; ulimit -n 64; exec "$@"'
    words = ("scan", "--no-cache", "--engine", "builtin", "--jobs", "2", "--format", "json")
    done = subprocess.run(
        ["sh", "-c", limited, "sh", sys.executable, "-I", "-m", "iachygiene", *words, str(shop)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    assert report["crashes"] == []
    assert not {one["rule"] for one in report["findings"]} & {"HYG003", "HYG005"}
