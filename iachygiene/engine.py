"""The pipeline: discover, judge, link, suppress, fix, and one result at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.discover import Discovered, Focus, Listing, discover, is_touched
from iachygiene.files import Tree
from iachygiene.judge import Rules, Verdict, empty_verdict, judge, report_trouble, run_rule
from iachygiene.model import (
    Broken,
    Finding,
    Job,
    Location,
    Muted,
    Result,
    Severity,
    SourceFile,
)
from iachygiene.progress import Progress

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.programs import Programs
    from iachygiene.suppress import Suppression as SuppressionUnit

_LINKED = frozenset(("compose", "dockerfile", "kubernetes"))
_INCOMPLETE = frozenset(("timed-out", "crashed", "garbage"))
_ABSENT = frozenset(("missing", "too-old"))


class Options(NamedTuple):
    """What a caller may ask of one scan, beyond the configuration.

    `explicit` are the files named one by one, `kinds` narrows to some. `engine` is "auto",
    "builtin" (no program is started), "terraform" or "tofu". `required` are the codes of
    rules that were asked for by name, so that the program they need must be there. `workers`
    is a number of processes, 0 for as many as pay. `today` is a date like 2027-01-31, "" for
    the clock's.
    """

    focus: Focus = Focus()
    explicit: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    engine: str = "auto"
    required: frozenset[str] = frozenset()
    trust_providers: bool = False
    workers: int = 0
    fix: bool = False
    unsafe_fixes: bool = False
    suppressions: bool = True
    strict: bool = False
    today: str = ""


class Scan(NamedTuple):
    """A result, the sources it speaks of, and what fixes made of files, not yet written."""

    result: Result
    files: Mapping[str, SourceFile]
    tree: Tree


def scan(
    root: str = ".", focus: Sequence[str] = (), config: Config | None = None, **options: Any
) -> Result:
    """Judge the files of a directory and give the combined result; nothing is written.

    `focus` are files and directories, relative to `root`, that the findings are to be
    about. `options` are fields of `Options`. Raises `ConfigError` on a configuration that
    does not hold.
    """
    from iachygiene.config import load
    from iachygiene.discover import locate

    place = locate(list(focus), root)
    chosen = Options(focus=place.focus, explicit=place.explicit, **options)
    config = config or load(place.root)
    result = run(place.root, place.listing, config, chosen).result
    return result._replace(config_digest=config.digest)


def run(
    root: str,
    listing: Listing,
    config: Config,
    options: Options,
    progress: Progress | None = None,
) -> Scan:
    """The whole pipeline over one root."""
    from iachygiene.programs import FORMAT_RULES, Programs

    progress = progress or Progress()
    started = perf_counter()
    tree = tree_of(root, listing, config, options)
    rules = Rules(config, linking=config.wants_language("project"))
    programs = Programs(tree, config, options)
    found = survey(tree, listing, config, options, programs.settings)
    rules.linking = rules.linking and any(job.kind == "compose" for job in found.jobs)
    touched = [job for job in found.jobs if is_touched(job, options.focus)]
    listed_at = perf_counter()
    programs.start(touched, rules)
    progress.say("checking", len(touched))
    verdicts = judge_all(touched, tree, rules, options.workers, progress)
    linked = _facts_elsewhere(found.jobs, touched, tree, rules)
    whole = _judge_tree(found, listing, tree, rules, options)
    progress.say("waiting for terraform")
    said = programs.finish(rules)
    judged_at = perf_counter()

    def settle() -> Result:
        unjudged = _unjudged(touched, verdicts)
        every = [*verdicts, whole, said]
        return _settle(every, linked, found, programs, tree, rules, options, unjudged)

    def judge_again(changed: frozenset[str]) -> Result:
        for index, job in enumerate(touched):
            about = {one.location.path for one in verdicts[index].findings}
            about.update(one.fix.path for one in verdicts[index].findings if one.fix)
            if not changed.isdisjoint(about.union(job.paths)):
                verdicts[index] = judge(_built_in(job), tree, rules)
        # The built-in engine says anew what a program said of the format.
        said.findings[:] = [
            one
            for one in said.findings
            if one.location.path not in changed or one.rule not in FORMAT_RULES
        ]
        return settle()

    result = settle()
    if options.fix:
        from iachygiene.fix import repair

        focus = options.focus.holds
        result = repair(result, tree, judge_again, focus, unsafe=options.unsafe_fixes)
    ended_at = perf_counter()
    spans = {
        "discover": listed_at - started,
        "judge": judged_at - listed_at,
        "settle": ended_at - judged_at,
    }
    result = result._replace(
        seconds=ended_at - started, timings=_timings(spans, [*verdicts, whole, said])
    )
    return Scan(result, _sources(result, tree), tree)


def tree_of(root: str, listing: Listing, config: Config, options: Options) -> Tree:
    """The tree of a scan."""
    listed = frozenset(listing.paths)
    return Tree(root, listed=listed, explicit=options.explicit, max_size=config.max_file_size)


def survey(
    tree: Tree,
    listing: Listing,
    config: Config,
    options: Options,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Discovered:
    """What a scan would look at; nothing is judged."""
    return discover(
        tree,
        listing,
        kinds=options.kinds,
        excluded=config.excluded,
        kind_override=config.kind_of,
        settings=settings,
    )


def judge_all(
    jobs: Sequence[Job], tree: Tree, rules: Rules, workers: int, progress: Progress
) -> list[Verdict]:
    """A verdict for each job, from worker processes where the work is worth starting them."""
    from iachygiene.worker import judge_in_workers, worthwhile

    count = worthwhile(jobs, tree, workers)
    if count > 1:
        return judge_in_workers(jobs, tree, rules, count, progress)
    verdicts = []
    for job in jobs:
        verdicts.append(judge(job, tree, rules, timeout=rules.config.unit_timeout))
        progress.done += 1
    return verdicts


def _facts_elsewhere(
    jobs: Sequence[Job], touched: Sequence[Job], tree: Tree, rules: Rules
) -> list[Verdict]:
    """The facts of jobs out of focus, where rules across languages have a use for them."""
    if len(touched) == len(jobs) or not rules.linking:
        return []
    judged = {id(job) for job in touched}
    wanted = [job for job in jobs if job.kind in _LINKED and id(job) not in judged]
    return [judge(job, tree, rules, facts_only=True) for job in wanted]


def _judge_tree(
    found: Discovered, listing: Listing, tree: Tree, rules: Rules, options: Options
) -> Verdict:
    """What discovery met: directories and files that could not be looked into."""
    verdict = empty_verdict()
    for trouble in (*listing.refused, *found.troubles):
        if options.focus.holds(trouble.location.path):
            report_trouble(trouble, tree, rules, verdict)
    if options.focus == Focus():
        verdict.unchecked.extend(listing.notes)
    return verdict


def _settle(
    verdicts: Sequence[Verdict],
    linked: Sequence[Verdict],
    found: Discovered,
    programs: Programs,
    tree: Tree,
    rules: Rules,
    options: Options,
    unjudged: frozenset[str],
) -> Result:
    """One result: project rules, suppression, focus and order."""
    config = rules.config
    project = _judge_project([*verdicts, *linked], rules)
    findings = [finding for verdict in (*verdicts, project) for finding in verdict.findings]
    findings, muted = _muted_by_config(_without_duplicates(findings), rules)
    judged = empty_verdict()
    if options.suppressions:
        comments = [comment for verdict in verdicts for comment in verdict.comments]
        if comments:
            from iachygiene.suppress import suppress

            findings, by_comment, suppressions = suppress(
                findings, comments, today=options.today, require_reason=config.require_reason
            )
            muted += by_comment
            ran = programs.ran and not tree.overlay
            linking = not options.kinds
            for suppression in suppressions:
                known = suppression.location.path not in unjudged
                _judge_suppression(suppression, tree, rules, judged, ran, linking, known)
    findings = _give_way([*findings, *judged.findings], rules)
    kept = [one for one in findings if _shown(one, config, options.focus)]
    muted = [one for one in muted if _shown(one.finding, config, options.focus)]
    crashes = [crash for verdict in (*verdicts, project, judged) for crash in verdict.crashes]
    unchecked = sorted({one for verdict in verdicts for one in verdict.unchecked})
    formatted = sum(verdict.counts.get("Formatting", 0) for verdict in verdicts)
    result = Result(
        findings=sorted(kept, key=_order),
        muted=sorted(muted, key=lambda one: _order(one.finding)),
        unchecked=unchecked,
        tools=programs.statuses(formatted, {one.rule for one in kept}),
        crashes=sorted(crashes),
        counts=_counts(found.kinds, options.focus),
        config=config.file,
        config_digest="",
        exit_code=0,
        seconds=0.0,
        timings={},
    )
    return result._replace(exit_code=exit_code(result, config.fail_on, strict=options.strict))


def exit_code(result: Result, fail_on: Severity | None, *, strict: bool = False) -> int:
    """1 for findings that fail, 3 for what could not be checked, else 0."""
    if fail_on is not None and any((one.severity or 0) >= fail_on for one in result.findings):
        return 1
    broken = any(tool.status in _INCOMPLETE for tool in result.tools)
    absent = any(
        tool.status in _ABSENT or (tool.status == "disabled" and tool.required)
        for tool in result.tools
        if tool.required or strict
    )
    if result.crashes or broken or absent or (strict and result.unchecked):
        return 3
    return 3 if strict and not result.counts else 0


def _judge_project(verdicts: Iterable[Verdict], rules: Rules) -> Verdict:
    verdict = empty_verdict()
    facts = [fact for one in verdicts for fact in one.facts]
    if facts:
        from iachygiene.parse.project import Project

        project = Project(facts)
        for rule in rules.of("project").get(Project, ()):
            run_rule(rule, project, "", rules.config, verdict)
    return verdict


def _without_duplicates(findings: Iterable[Finding]) -> list[Finding]:
    """A file that is linked into two directories is judged twice and reported once."""
    seen: dict[Any, Finding] = {}
    for one in findings:
        seen.setdefault((one.rule, one.location[:2], one.message, one.object), one)
    return list(seen.values())


def _muted_by_config(
    findings: Sequence[Finding], rules: Rules
) -> tuple[list[Finding], list[Muted]]:
    from iachygiene.rule import get
    from iachygiene.selection import ALWAYS_ON

    kept, muted = [], []
    for finding in findings:
        pattern = ""
        if finding.rule not in ALWAYS_ON:
            pattern = rules.config.ignored(get(finding.rule), finding.location.path)
        if pattern:
            muted.append(Muted(finding, "config", pattern))
        else:
            kept.append(finding)
    return kept, muted


def _unjudged(jobs: Sequence[Job], verdicts: Sequence[Verdict]) -> frozenset[str]:
    """The files of jobs that could not be judged in full."""
    from iachygiene.selection import ALWAYS_ON

    paths: set[str] = set()
    for job, verdict in zip(jobs, verdicts, strict=True):
        broken = any(finding.rule in ALWAYS_ON for finding in verdict.findings)
        if broken or verdict.crashes or verdict.unchecked:
            paths.update(job.paths)
    return frozenset(paths)


def _judge_suppression(
    suppression: SuppressionUnit,
    tree: Tree,
    rules: Rules,
    verdict: Verdict,
    ran: bool,
    linking: bool,
    judged: bool,
) -> None:
    from iachygiene.suppress import Suppression, with_verdict

    path = suppression.location.path
    unit = with_verdict(
        suppression,
        tree.source(path),
        rules.config,
        programs_ran=ran,
        linking=linking,
        judged=judged,
    )
    for rule in rules.of("toolkit").get(Suppression, ()):
        run_rule(rule, unit, path, rules.config, verdict)


def _give_way(findings: Sequence[Finding], rules: Rules) -> list[Finding]:
    """Findings of rules that give way hand their related places to the finding they yield to."""
    from iachygiene.rule import get

    kept = list(findings)
    for finding in findings:
        yields_to = get(finding.rule).gives_way_to
        if not yields_to:
            continue
        for index, other in enumerate(kept):
            same = (other.location.path, other.object) == (finding.location.path, finding.object)
            if other.rule in yields_to and same:
                kept[index] = other._replace(related=(*other.related, *finding.related))
                kept.remove(finding)
                break
    return kept


def _shown(finding: Finding, config: Config, focus: Focus) -> bool:
    if (finding.severity or 0) < config.min_severity:
        return False
    if focus.holds(finding.location.path):
        return True
    return any(focus.holds(place.path) for place in finding.related)


def _order(finding: Finding) -> tuple[Any, ...]:
    return (finding.location.path, finding.location.span, finding.rule, finding.message)


def _counts(kinds: Mapping[str, str], focus: Focus) -> dict[str, int]:
    counts: dict[str, int] = {}
    for path, kind in kinds.items():
        if focus.holds(path):
            counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))


def _built_in(job: Job) -> Job:
    """The job with the built-in engine, which can judge what is not on disk yet."""
    if job.settings.get("engine", "builtin") == "builtin":
        return job
    return job._replace(settings={**job.settings, "engine": "builtin"})


def _sources(result: Result, tree: Tree) -> dict[str, SourceFile]:
    places = [finding.location for finding in result.findings]
    places += [place for finding in result.findings for place in finding.related]
    places += [Location(one.fix.path) for one in result.findings if one.fix and one.fix.path]
    places += [muted.finding.location for muted in result.muted]
    places += [muted.at for muted in result.muted if muted.at]
    sources: dict[str, SourceFile] = {}
    for path in {place.path for place in places}:
        try:
            sources[path] = tree.source(path)
        except Broken:
            continue
    return sources


def _timings(spans: Mapping[str, float], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    by_rule: dict[str, float] = {}
    for verdict in verdicts:
        for name, seconds in verdict.seconds.items():
            by_rule[name] = by_rule.get(name, 0.0) + seconds
    parse = by_rule.pop("parse", 0.0)
    slowest = sorted(by_rule.items(), key=lambda row: -row[1])[:10]
    return {**spans, "parse": parse, "rules": sum(by_rule.values()), "slowest_rules": slowest}
