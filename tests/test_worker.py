"""Worker processes, and what becomes of the jobs of one that dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iachygiene import tools, worker
from iachygiene.cache import Cache
from iachygiene.config import Config
from iachygiene.engine import Options
from iachygiene.files import Tree
from iachygiene.judge import Rules, Verdict
from iachygiene.model import Job
from iachygiene.progress import Progress

DOCKERFILES = [Job("dockerfile", "", (f"{number}.Dockerfile",)) for number in range(3)]
# No parser has this name, so the worker dies of it.
DEADLY = Job("no_such_kind", "", ("deadly.txt",))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for job in DOCKERFILES:
        (tmp_path / job.paths[0]).write_text("FROM debian\n")
    return Tree(str(tmp_path))


def judged(tree: Tree, *jobs: Job) -> list[Verdict]:
    return worker.Crew(tree, Rules(Config()), 2).judge(jobs, Progress())


def codes(verdict: Verdict) -> list[str]:
    return sorted({finding.rule for finding in verdict.findings})


def test_every_job_gets_its_own_verdict(tree: Tree) -> None:
    for job, verdict in zip(DOCKERFILES, judged(tree, *DOCKERFILES), strict=True):
        assert "DF3006" in codes(verdict)
        assert {finding.location.path for finding in verdict.findings} == set(job.paths)


def test_job_that_kills_its_worker_is_named_and_the_others_are_judged(tree: Tree) -> None:
    first, deadly, last = judged(tree, DOCKERFILES[0], DEADLY, DOCKERFILES[1])
    assert "DF3006" in codes(first)
    assert "DF3006" in codes(last)
    assert codes(deadly) == ["HYG005"]
    assert deadly.findings[0].location.path == "deadly.txt"
    assert deadly.findings[0].message == "the checker died on this file (exit code 1)"


def test_many_jobs_with_long_names_and_large_settings_are_all_answered(tree: Tree) -> None:
    settings = {"words": ["x" * 1000] * 300}
    jobs = []
    for number in range(60):
        name = f"{number:03}{'n' * 200}.Dockerfile"
        (Path(tree.root) / name).write_text("FROM debian\nRUN cd a\n" * 20)
        jobs.append(Job("dockerfile", "", (name,), settings if number % 7 else {**settings}))
    for job, verdict in zip(jobs, judged(tree, *jobs), strict=True):
        assert {finding.location.path for finding in verdict.findings} == set(job.paths)


def test_worker_that_hangs_is_killed(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleeper(_name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(tools, "start_own_module", sleeper)
    monkeypatch.setattr(worker, "GRACE", -9.9)
    (verdict,) = judged(tree, DOCKERFILES[0])
    assert codes(verdict) == ["HYG005"]
    assert "signal 9" in verdict.findings[0].message


def test_jobs_are_judged_here_where_no_process_can_be_started(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_name: str) -> subprocess.Popen[bytes]:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(tools, "start_own_module", refuse)
    for verdict in judged(tree, *DOCKERFILES):
        assert "DF3006" in codes(verdict)


def test_worker_that_made_itself_ready_judges_the_same(tree: Tree) -> None:
    crew = worker.Crew(tree, Rules(Config()), 2, ["dockerfile", "kubernetes"])
    for early, late in zip(
        crew.judge(DOCKERFILES, Progress()), judged(tree, *DOCKERFILES), strict=True
    ):
        assert early.findings == late.findings


def test_workers_start_early_only_for_many_files_that_nobody_knows(tree: Tree) -> None:
    many = [f"{number}.tf" for number in range(worker.MANY)]
    rules = Rules(Config())
    two = Options(workers=2)
    assert worker.crew_for(tree, rules, many[1:], two, None) is None
    assert worker.crew_for(tree, rules, [f"{path}.txt" for path in many], two, None) is None
    assert worker.crew_for(tree, rules, many, Options(workers=1), None) is None
    others = two._replace(kinds=frozenset(("npm",)))
    assert worker.crew_for(tree, rules, many, others, None) is None
    crew = worker.crew_for(tree, rules, many, two, None)
    assert crew is not None
    crew.dismiss()


def test_workers_start_late_where_an_earlier_run_saw_the_files(tree: Tree, tmp_path: Path) -> None:
    many = [f"{number}.yaml" for number in range(worker.MANY)]
    rules = Rules(Config())
    folder = tmp_path / "cache"
    folder.mkdir()
    known = Cache(str(folder), tree.root, "")
    known.begin(tree)
    assert not known.holds_any
    known.keep_seen("0.Dockerfile", "", (0, []))
    tree.started += 10_000_000_000  # the file has settled since
    known.keep_seen("0.Dockerfile", "", (0, []))
    assert known.holds_any
    assert worker.crew_for(tree, rules, many, Options(workers=2), known) is None


def test_small_work_is_done_in_one_process(tree: Tree) -> None:
    assert worker.worthwhile(DOCKERFILES, tree, 0) == 1
    assert worker.worthwhile(DOCKERFILES, tree, 2) == 2
