"""One job judged: its units, their findings and facts. Runs in the parent and in workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from time import perf_counter
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.model import (
    Broken,
    Comment,
    Crash,
    Finding,
    Job,
    Location,
    Trouble,
    Unchecked,
)
from iachygiene.rule import LANGUAGES, Rule, load_language, rules_of
from iachygiene.trace import Trace

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.files import Tree
    from iachygiene.interrupt import Interrupted
    from iachygiene.parse.project import Fact
    from iachygiene.selection import View

MAX_FINDINGS = 500
"""Findings of one rule in one file; more are one finding that counts the rest."""
MAX_TOTAL = 1_000_000
"""Findings of a run, which are all in memory until its end."""
INTERRUPTED = "interrupted"
"""Why a file was not checked that a signal left no time for."""
_NOT_JUDGED = {"outside": "link", "lfs": "lfs", "unfetched": "unfetched"}
"""The troubles that are no defect of a file, and the words for why it is not checked."""


class Verdict(NamedTuple):
    """All that judging one job gave. `counts` are units by the name of their type.

    `facts` that came from elsewhere are rows, as `parse.project.encode` gives them. `trace`
    is what it rests on, as plain values; empty where that is not known.
    """

    findings: list[Finding]
    comments: list[Comment]
    facts: list[Fact | list[Any]]
    unchecked: list[Unchecked]
    crashes: list[Crash]
    counts: dict[str, int]
    seconds: dict[str, float]
    trace: list[Any]


def empty_verdict() -> Verdict:
    """A verdict to fill."""
    return Verdict([], [], [], [], [], defaultdict(int), defaultdict(float), [])


class Rules:
    """The enabled rules by the type of unit they judge, loaded a language at a time.

    `linking` says whether anything can link files of several languages: only then do the
    units yield their facts. `deadline` is when the run has to end, by `perf_counter`, 0 for
    never; `stopped` is the signal that ended it before that. `found` counts the findings.
    `max_memory` is the address space of a worker in bytes, 0 for the usual.
    """

    def __init__(self, config: Config, *, linking: bool = True) -> None:
        self.config = config
        self.linking = linking
        self.deadline = 0.0
        self.max_memory = 0
        self.found = 0
        self.stopped: Interrupted | None = None
        self._tables: dict[str, dict[type, list[Rule]]] = {}
        self._speaking: dict[tuple[object, View], list[Rule]] = {}

    @property
    def is_late(self) -> bool:
        """Whether the run is to judge nothing more: a signal, too many findings, or its time."""
        if self.stopped is not None or self.found > MAX_TOTAL:
            return True
        return bool(self.deadline) and perf_counter() > self.deadline

    @property
    def unit_timeout(self) -> float:
        """Seconds that one job may take, no more than the run has left."""
        own = self.config.unit_timeout
        if not self.deadline:
            return own
        return max(min(own, self.deadline - perf_counter()), 0.001)

    def of(self, language: str) -> dict[type, list[Rule]]:
        """Unit type to the enabled rules of one language."""
        table = self._tables.get(language)
        if table is None:
            table = self._tables[language] = defaultdict(list)
            if language == "toolkit" or self.config.wants_language(language):
                for rule in rules_of(language):
                    if self.config.enabled(rule, ""):
                        table[rule.unit].append(rule)
        return table

    def about(self, unit: object, language: str, path: str) -> list[Rule]:
        """The enabled rules for a unit.

        A unit may have a `stand_in`, an object with what many units lack and nothing else: a
        rule that is content with that has nothing to say of any of them.
        """
        found = self.of(language).get(type(unit), [])
        stand_in = getattr(unit, "stand_in", None)
        if stand_in is None or not found:
            return found
        view = self.config.view(path)
        speaking = self._speaking.get((stand_in, view))
        if speaking is None:
            speaking = [rule for rule in found if not _is_silent(rule, stand_in, view)]
            self._speaking[stand_in, view] = speaking
        return speaking


def _is_silent(rule: Rule, stand_in: object, view: View) -> bool:
    try:
        return not list(rule.check(stand_in, **view.options(rule)))
    except Exception:
        return False


def judge(
    job: Job, tree: Tree, rules: Rules, *, facts_only: bool = False, timeout: float = 0
) -> Verdict:
    """Load the units of a job and run the rules on them.

    With `facts_only` no rule runs. `timeout` in seconds bounds the whole job where the
    system has timers; what takes longer is a finding at its first file. Raises MemoryError
    where there is not enough of it.
    """
    verdict = empty_verdict()
    if tree.tracing:
        tree.trace = Trace()
    parser = import_module(f"iachygiene.parse.{job.kind}")
    try:
        with _limit(time_limit(job, timeout)):
            _judge_units(job, tree, rules, parser, verdict, facts_only)
    except Broken as broken:
        report_trouble(broken.trouble, tree, rules, verdict)
    except _TookTooLong:
        from iachygiene.patterns import interrupted

        option = interrupted()
        why = f", at the regular expression in {option}" if option else ""
        message = f"judging took over {time_limit(job, timeout):g} s{why}"
        report_unfinished(job, message, tree, rules, verdict)
    except MemoryError:
        tree.trace = None
        raise
    except Exception as error:
        verdict.crashes.append(_crash(f"parse.{job.kind}", job.paths[0], error))
    if tree.trace is not None:
        if tree.trace.whole:
            verdict.trace.extend(tree.trace.dump())
        tree.trace = None
    return verdict


def judge_late(job: Job, rules: Rules) -> Verdict:
    """The verdict of a job that the run has no time left for."""
    verdict = empty_verdict()
    why = ("timeout", "the time of the run was up")
    if rules.stopped is not None:
        why = (INTERRUPTED, "the run was interrupted")
    verdict.unchecked.extend(Unchecked(path, *why) for path in job.paths)
    return verdict


def _judge_units(
    job: Job, tree: Tree, rules: Rules, parser: ModuleType, verdict: Verdict, facts_only: bool
) -> None:
    facts: Callable[[Any], Iterable[Fact]] | None = None
    if rules.linking:
        facts = getattr(parser, "facts", None)
    comments: Callable[[Any], Iterable[Comment]] | None = getattr(parser, "comments", None)
    tree.marked = False
    tree.noticed.clear()
    tree.markers = getattr(parser, "MARKERS", (b"iachygiene",))
    started = perf_counter()
    for unit in parser.load(job, tree):
        loaded = perf_counter()
        verdict.seconds["parse"] += loaded - started
        kind = type(unit)
        if kind is Trouble:
            if not facts_only:
                report_trouble(unit, tree, rules, verdict)
        elif kind is Unchecked:
            verdict.unchecked.append(unit)
        else:
            verdict.counts[kind.__name__] += 1
            if not facts_only:
                found = rules.about(unit, job.kind, job.paths[0])
                run_rules(found, unit, job.paths[0], rules.config, verdict)
            if comments and tree.marked and not facts_only:
                verdict.comments.extend(comments(unit))
            if facts:
                verdict.facts.extend(facts(unit))
        started = perf_counter()
    for trouble in () if facts_only else dict.fromkeys(tree.noticed):
        if trouble.location.path in job.paths:
            report_trouble(trouble, tree, rules, verdict)


def run_rules(
    rules: Iterable[Rule], unit: object, path: str, config: Config, verdict: Verdict
) -> None:
    """Run rules on one unit; what one raises becomes a crash of that rule alone."""
    options = config.view(path).options
    seconds = verdict.seconds
    started = perf_counter()
    for rule in rules:
        found: list[Finding] = []
        try:
            for finding in rule.check(unit, **options(rule)):
                if not config.enabled(rule, finding.location.path):
                    continue
                found.append(stamped(finding, rule, config))
        except (_TookTooLong, MemoryError):
            raise
        except Exception as error:
            verdict.crashes.append(_crash(rule.code, path, error))
        if found:
            verdict.findings.extend(_bounded(found) if len(found) > MAX_FINDINGS else found)
        ended = perf_counter()
        seconds[rule.code] += ended - started
        started = ended


def stamped(finding: Finding, rule: Rule, config: Config) -> Finding:
    """The finding with its rule's code, severity and aliases."""
    return finding._replace(
        rule=rule.code,
        severity=config.severity_of(rule, finding.location.path, finding.severity),
        aliases=rule.aliases if finding.aliases is None else finding.aliases,
    )


def _bounded(found: list[Finding]) -> Iterator[Finding]:
    by_path: dict[str, int] = defaultdict(int)
    for finding in found:
        by_path[finding.location.path] += 1
        if by_path[finding.location.path] <= MAX_FINDINGS:
            yield finding
        elif by_path[finding.location.path] == MAX_FINDINGS + 1:
            last = finding
            total = sum(one.location.path == last.location.path for one in found)
            message = f"and {total - MAX_FINDINGS} more findings of this rule in this file"
            yield last._replace(message=message, fix=None, related=())


def report_unfinished(job: Job, message: str, tree: Tree, rules: Rules, verdict: Verdict) -> None:
    """Name every file of a job that was given up: any of them may be the one in focus."""
    for path in job.paths:
        report_trouble(Trouble("over-limit", Location(path), message), tree, rules, verdict)


def report_trouble(trouble: Trouble, tree: Tree, rules: Rules, verdict: Verdict) -> None:
    """Turn a trouble into the finding of its toolkit rule, or into something not checked."""
    path = trouble.location.path
    if trouble.kind in _NOT_JUDGED:
        verdict.unchecked.append(Unchecked(path, _NOT_JUDGED[trouble.kind], trouble.message))
    elif trouble.kind != "vanished" or path in tree.explicit:
        load_language(LANGUAGES["HYG"])
        run_rules(rules.of("toolkit").get(Trouble, ()), trouble, path, rules.config, verdict)


def _crash(rule: str, path: str, error: Exception) -> Crash:
    from traceback import format_exception

    cause = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return Crash(rule, path, cause, "".join(format_exception(error)))


def time_limit(job: Job, seconds: float) -> float:
    """Seconds for a job: an archive is one unit however much is in it, and gets a minute."""
    archive = job.kind == "npm" and not job.paths[0].endswith(".json")
    return max(seconds, 60.0) if archive and seconds else seconds


class _TookTooLong(BaseException):
    """Not an Exception, so that no rule can swallow it."""


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    import signal
    import threading

    usable = seconds > 0 and hasattr(signal, "setitimer")
    if not usable or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _TookTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
