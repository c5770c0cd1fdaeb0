"""Worker processes: paths in, findings and facts out.

`python -I -m iachygiene.worker` reads one line of JSON that describes the scan, then one
line a job, and answers each with one line. A worker that dies or hangs loses only the job
it was at, and that job is named.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from iachygiene.discover import kind_by_name
from iachygiene.files import Tree
from iachygiene.interrupt import Interrupted, wait_for
from iachygiene.judge import (
    Rules,
    Verdict,
    empty_verdict,
    judge,
    judge_late,
    report_unfinished,
    time_limit,
)
from iachygiene.model import (
    Comment,
    Crash,
    Edit,
    Finding,
    Fix,
    Job,
    Location,
    Severity,
    Span,
    Unchecked,
)

if TYPE_CHECKING:
    from iachygiene.cache import Cache
    from iachygiene.progress import Progress

GRACE = 5.0
"""Seconds that a worker gets beyond the time limit of a job before it is killed."""
MAX_MEMORY = 1 << 30
"""Bytes of address space that a worker may have unless more is asked for."""
_OUT_OF_MEMORY = 77
"""The exit code of a worker that has no memory left."""
WORTHWHILE = 1_500_000
"""Bytes of work above which a second process pays, measured at about 0.25 s of one."""


MANY = 300
"""Files of known kinds above which processes start before it is known how much work there is."""


def crew_for(
    tree: Tree, rules: Rules, paths: Sequence[str], asked: int, cache: Cache | None
) -> Crew | None:
    """Workers that make themselves ready, where these files will surely keep them busy.

    `asked` is as for `worthwhile`. With verdicts of earlier runs there is mostly little to do.
    """
    processors = os.cpu_count() or 1
    count = asked or min(processors, 8)
    if count < 2 or len(paths) < MANY or tree.stored is not None or (cache and cache.holds_any):
        return None
    kinds = [kind_by_name(path) for path in paths]
    known = {"kubernetes" if kind == "yaml" else kind for kind in kinds if kind}
    if sum(kind is not None for kind in kinds) < MANY:
        return None
    wanted = [kind for kind in sorted(known) if rules.config.wants_language(kind)]
    return Crew(tree, rules, count, wanted)


def worthwhile(jobs: Sequence[Job], tree: Tree, asked: int) -> int:
    """How many processes to use: `asked`, or with 0 as many as the amount of work pays for."""
    if len(jobs) < 2 or asked == 1 or tree.stored is not None:
        return 1
    if asked > 1:
        return min(asked, len(jobs))
    processors = os.cpu_count() or 1
    if processors < 2 or sum(_weight(job, tree) for job in jobs) < WORTHWHILE:
        return 1
    return min(processors, 8, len(jobs))


def _weight(job: Job, tree: Tree) -> int:
    return sum(map(tree.size, job.paths))


class Crew:
    """Some worker processes, each with a thread that hands it jobs.

    They start at once, and load what they need for `kinds` until there are jobs.
    """

    def __init__(self, tree: Tree, rules: Rules, count: int, kinds: Collection[str] = ()) -> None:
        from queue import SimpleQueue
        from threading import Thread

        self._tree = tree
        self._rules = rules
        self._kinds = kinds
        self._jobs: Sequence[Job] = ()
        self._verdicts: list[Verdict | None] = []
        self._progress: Progress | None = None
        self._waiting: SimpleQueue[list[int] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        for _ in range(count):
            thread = Thread(target=self._tend, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                break
            self._threads.append(thread)

    def judge(self, jobs: Sequence[Job], progress: Progress) -> list[Verdict]:
        """The verdict of each job, in their order; the heaviest are judged first."""
        self._jobs, self._progress = jobs, progress
        self._verdicts = [None] * len(jobs)
        weights = [_weight(job, self._tree) for job in jobs]
        order = sorted(range(len(jobs)), key=lambda index: -weights[index])
        for batch in _batches(order, weights):
            self._waiting.put(batch)
        self.dismiss()
        try:
            for thread in self._threads:
                wait_for(thread)
        except Interrupted as stop:
            self._rules.stopped = stop
        return [
            verdict or judge_here(job, self._tree, self._rules)
            for verdict, job in zip(self._verdicts, jobs, strict=True)
        ]

    def dismiss(self) -> None:
        """Let the processes end once all jobs are done."""
        for _ in self._threads:
            self._waiting.put(None)

    def _tend(self) -> None:
        tree, rules = self._tree, self._rules
        try:
            worker = _Worker(tree, rules, self._kinds)
            while (batch := self._waiting.get()) is not None:
                for index in batch:
                    job = self._jobs[index]
                    if rules.is_late:
                        self._verdicts[index] = judge_late(job, rules)
                        continue
                    worker, verdict = _asked_twice(worker, job, tree, rules)
                    self._verdicts[index] = verdict
                    rules.found += len(verdict.findings)
                    if self._progress:
                        self._progress.done += 1
            worker.stop()
        except (OSError, RuntimeError, MemoryError):
            return  # no process to be had: what is left is judged in this one


def judge_here(job: Job, tree: Tree, rules: Rules) -> Verdict:
    """The verdict of a job in this process; a signal ends it and all that come after it."""
    if not rules.is_late:
        try:
            verdict = judge(job, tree, rules, timeout=rules.unit_timeout)
            rules.found += len(verdict.findings)
            return verdict
        except Interrupted as stop:
            rules.stopped = stop
        except MemoryError:
            return _lost(job, tree, rules, "out of memory")
    return judge_late(job, rules)


def _asked_twice(worker: _Worker, job: Job, tree: Tree, rules: Rules) -> tuple[_Worker, Verdict]:
    """The verdict of a job, and a worker for the next one.

    A job whose worker died gets a second one; what kills that too is named.
    """
    for _ in range(2):
        answer = worker.ask(job, linking=rules.linking)
        if answer is not None:
            return worker, answer
        if rules.stopped is not None:
            return worker, judge_late(job, rules)
        why = worker.why
        worker = _Worker(tree, rules)
    return worker, _lost(job, tree, rules, why)


def _batches(order: Sequence[int], weights: Sequence[int]) -> Iterator[list[int]]:
    """Runs of jobs of at least 32 kB, so that small ones do not pay a journey each."""
    batch: list[int] = []
    weight = 0
    for index in order:
        batch.append(index)
        weight += weights[index]
        if weight >= 32_768 or len(batch) >= 64:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


class _Worker:
    """One process of ours and the pipes to it."""

    def __init__(self, tree: Tree, rules: Rules, kinds: Collection[str] = ()) -> None:
        from iachygiene.tools import start_own_module

        self.why = ""
        config = rules.config
        self.timeout = config.unit_timeout
        self.process = start_own_module("iachygiene.worker")
        self._send(
            {
                "root": tree.root,
                "listed": sorted(tree.listed),
                "explicit": sorted(tree.explicit),
                "max_size": tree.max_size,
                "config": config.dump(),
                "kinds": list(kinds),
                "started": tree.started,
                "tracing": tree.tracing,
                "memory": rules.max_memory or MAX_MEMORY,
            }
        )

    def ask(self, job: Job, *, linking: bool) -> Verdict | None:
        """The verdict of a job, None where the worker did not live to give it."""
        from threading import Timer

        # The worker stops a slow rule itself; this is for what no timer in it can stop.
        killer = Timer(time_limit(job, self.timeout) + GRACE, self.process.kill)
        killer.daemon = True
        killer.start()
        try:
            self._send([linking, job.kind, job.directory, job.paths, dict(job.settings)])
            answer = self.process.stdout.readline() if self.process.stdout else b""
        except OSError:
            answer = b""
        finally:
            killer.cancel()
        if answer.endswith(b"\n"):
            return decoded(b"[" + answer + b"]")[0]
        code = self._end()
        self.why = f"signal {-code}" if code < 0 else f"exit code {code}"
        if code == _OUT_OF_MEMORY:
            self.why = "out of memory"
        return None

    def stop(self) -> None:
        """Let the process end."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self._end()

    def _end(self) -> int:
        from iachygiene.tools import forget

        code = self.process.wait()
        forget(self.process)
        return code

    def _send(self, value: Any) -> None:
        import json

        if self.process.stdin:
            self.process.stdin.write(json.dumps(value).encode() + b"\n")
            self.process.stdin.flush()


def _lost(job: Job, tree: Tree, rules: Rules, why: str) -> Verdict:
    verdict = empty_verdict()
    what = "this file" if len(job.paths) == 1 else "one of these files"
    report_unfinished(job, f"the checker died on {what} ({why})", tree, rules, verdict)
    return verdict


def encoded(verdict: Verdict) -> str:
    """A verdict as one line of JSON."""
    import json

    from iachygiene.parse.project import encode

    parts = (*verdict[:2], encode(verdict.facts), *verdict[3:])
    return json.dumps(parts, separators=(",", ":"))


def decoded(text: str | bytes) -> list[Verdict]:
    """The verdicts of a JSON list of what `encoded` gave."""
    import json

    return [_verdict(*row) for row in json.loads(text)]


def _verdict(
    findings: Sequence[Any],
    comments: Sequence[Any],
    facts: Any,
    unchecked: Sequence[Any],
    crashes: Sequence[Any],
    counts: dict[str, int],
    seconds: dict[str, float],
    trace: list[Any],
) -> Verdict:
    return Verdict(
        [_finding(row) for row in findings],
        [_comment(*row) for row in comments],
        facts,
        [Unchecked(*row) for row in unchecked],
        [Crash(*row) for row in crashes],
        counts,
        seconds,
        trace,
    )


def _comment(
    location: Sequence[Any],
    text: str,
    reach: Sequence[int],
    leading: bool,
    scope: Sequence[int],
    key: str,
) -> Comment:
    return Comment(_location(location), text, Span(*reach), leading, Span(*scope), key)


def _location(row: Sequence[Any]) -> Location:
    return Location(row[0], Span(*row[1]), row[2])


def _finding(row: Sequence[Any]) -> Finding:
    rule, severity, message, location, thing, related, aliases, fix = row
    return Finding(
        rule,
        Severity(severity),
        message,
        _location(location),
        thing,
        tuple(_location(place) for place in related),
        None if aliases is None else tuple(aliases),
        fix and Fix(fix[0], tuple(Edit(Span(*one[0]), one[1]) for one in fix[1]), *fix[2:]),
    )


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer jobs until the requests end."""
    import json

    from iachygiene.config import Config

    first = json.loads(requests.readline())
    tree = Tree(
        first["root"],
        listed=frozenset(first["listed"]),
        explicit=first["explicit"],
        max_size=first["max_size"],
    )
    tree.started, tree.tracing = first["started"], first["tracing"]
    _limit_memory(first["memory"])
    config = Config.restore(first["config"])
    rules = Rules(config)
    for kind in first["kinds"]:
        import_module(f"iachygiene.parse.{kind}")
        rules.of(kind)
    for line in iter(requests.readline, b""):
        rules.linking, kind, directory, paths, settings = json.loads(line)
        job = Job(kind, directory, tuple(paths), settings)
        verdict = judge(job, tree, rules, timeout=config.unit_timeout)
        answers.write(encoded(verdict).encode() + b"\n")
        answers.flush()


def _limit_memory(limit: int) -> None:
    """Bound the address space of this process, where the system can."""
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    import atexit
    import gc

    gc.disable()
    atexit.register(gc.freeze)
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
