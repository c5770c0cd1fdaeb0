"""Worker processes: paths in, findings and facts out.

`python -I -m iachygiene.worker` reads one line of JSON that describes the scan, then one
line a job (before it one for settings that are new), and answers each job with one line. A
worker that dies or hangs loses only the job it was at, and that job is named.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from math import inf
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

from iachygiene.discover import kind_by_name
from iachygiene.files import Tree
from iachygiene.interrupt import Interrupted, heed, wait_for
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
    from iachygiene.engine import Options
    from iachygiene.progress import Progress

GRACE = 5.0
"""Seconds that a worker gets beyond the time limit of a job before it is killed."""
MAX_MEMORY = 1 << 30
"""Bytes of address space that a worker may have unless more is asked for."""
_OUT_OF_MEMORY = 77
"""The exit code of a worker that has no memory left."""
IN_FLIGHT = 32_768
"""Bytes of jobs that a worker is sent before it has answered; a pipe holds more everywhere."""
WORTHWHILE = 1_500_000
"""Bytes of work above which a second process pays, measured at about 0.25 s of one."""


MANY = 300
"""Files of known kinds above which processes start before it is known how much work there is."""


def crew_for(
    tree: Tree, rules: Rules, paths: Sequence[str], options: Options, cache: Cache | None
) -> Crew | None:
    """Workers that make themselves ready, where these files will surely keep them busy.

    With verdicts of earlier runs there is mostly little to do.
    """
    count = options.workers or min(os.cpu_count() or 1, 8)
    if count < 2 or len(paths) < MANY or tree.stored is not None or (cache and cache.holds_any):
        return None
    named = [kind for kind in map(kind_by_name, paths) if kind]
    kinds = ["kubernetes" if kind == "yaml" else kind for kind in named]
    if options.kinds:
        kinds = [kind for kind in kinds if kind in options.kinds]
    if len(kinds) < MANY:
        return None
    wanted = [kind for kind in sorted({*kinds}) if rules.config.wants_language(kind)]
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
                left, tried = batch, -1
                while left and not rules.is_late:
                    jobs = [self._jobs[index] for index in left]
                    for verdict in worker.ask(jobs, linking=rules.linking):
                        self._take(left.pop(0), verdict)
                        if rules.is_late:
                            break
                    if not worker.why:
                        continue
                    # A job whose worker died gets a second one; what kills that too is named.
                    if left[0] == tried and rules.stopped is None:
                        self._take(left.pop(0), _lost(self._jobs[tried], tree, rules, worker.why))
                    tried = left[0] if left else -1
                    worker = _Worker(tree, rules)
                for index in left:
                    self._verdicts[index] = judge_late(self._jobs[index], rules)
                if left:
                    worker.process.kill()  # it is at one of these
            worker.stop()
        except (OSError, RuntimeError, MemoryError):
            return  # no process to be had: what is left is judged in this one

    def _take(self, index: int, verdict: Verdict) -> None:
        self._verdicts[index] = verdict
        self._rules.found += len(verdict.findings)
        if self._progress:
            self._progress.done += 1


def judge_here(job: Job, tree: Tree, rules: Rules) -> Verdict:
    """The verdict of a job in this process; a signal ends it and all that come after it."""
    if not rules.is_late:
        try:
            heed()
            verdict = judge(job, tree, rules, timeout=rules.unit_timeout)
            rules.found += len(verdict.findings)
            return verdict
        except Interrupted as stop:
            rules.stopped = stop
        except MemoryError:
            return _lost(job, tree, rules, "out of memory")
    return judge_late(job, rules)


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
        from threading import Event, Thread

        from iachygiene.tools import start_own_module

        self.why = ""
        config = rules.config
        self.timeout = config.unit_timeout
        self.process = start_own_module("iachygiene.worker")
        self._told: dict[int, Mapping[str, Any]] = {}
        self._until = inf
        self._ended = Event()
        Thread(target=self._watch, daemon=True).start()
        first = _line(
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
        with suppress(BrokenPipeError):  # it has died already, which the first job will tell
            self._write(first)

    def ask(self, jobs: Sequence[Job], *, linking: bool) -> Iterator[Verdict]:
        """The verdicts of jobs in their order; `why` tells what kept the worker from the rest."""
        for run in self._runs(jobs, linking):
            try:
                self._write(b"".join(line for _, line in run))
                for job, _ in run:
                    # The worker stops a slow rule itself; this is for what no timer in it can stop.
                    self._until = monotonic() + time_limit(job, self.timeout) + GRACE
                    answer = self.process.stdout.readline() if self.process.stdout else b""
                    self._until = inf
                    if not answer.endswith(b"\n"):
                        break
                    yield decoded(b"[" + answer + b"]")[0]
                else:
                    continue
            except OSError:
                pass
            self._note_end()
            return

    def _runs(self, jobs: Sequence[Job], linking: bool) -> Iterator[list[tuple[Job, bytes]]]:
        """Jobs with their lines, so many at a time as a pipe holds.

        A worker that cannot get rid of an answer reads no line, and nobody would read answers.
        """
        run: list[tuple[Job, bytes]] = []
        size = 0
        for job in jobs:
            key = id(job.settings)
            line = _line([linking, job.kind, job.directory, job.paths, key])
            # Many jobs share one table, which can be large.
            table = b"" if key in self._told else _line([key, dict(job.settings)])
            self._told[key] = job.settings
            if run and (table or size + len(line) > IN_FLIGHT):
                yield run
                run, size = [], 0
            run.append((job, table + line))
            size += len(line)
        if run:
            yield run

    def _watch(self) -> None:
        """Kill the process where it takes too long for a job."""
        while not self._ended.wait(min(max(self._until - monotonic(), 0.05), 1.0)):
            if monotonic() > self._until:
                self.process.kill()
                return

    def _note_end(self) -> None:
        code = self._end()
        self.why = f"signal {-code}" if code < 0 else f"exit code {code}"
        if code == _OUT_OF_MEMORY:
            self.why = "out of memory"

    def stop(self) -> None:
        """End the process, at once: it has answered all, and would only tidy its memory up."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self._end()

    def _end(self) -> int:
        from iachygiene.tools import forget

        self._ended.set()
        code = self.process.wait()
        forget(self.process)
        return code

    def _write(self, data: bytes) -> None:
        if self.process.stdin:
            self.process.stdin.write(data)
            self.process.stdin.flush()


def _line(value: Any) -> bytes:
    import json

    return json.dumps(value).encode() + b"\n"


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
    tables: dict[int, dict[str, Any]] = {}
    for line in iter(requests.readline, b""):
        request = json.loads(line)
        if len(request) == 2:
            tables[request[0]] = request[1]
            continue
        rules.linking, kind, directory, paths, table = request
        job = Job(kind, directory, tuple(paths), tables[table])
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
