"""The pipeline: discover, judge, link, suppress, fix, and one result at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.discover import Discovered, Focus, Listing, discover, is_touched, units_around
from iachygiene.files import Stored, Tree
from iachygiene.interrupt import Interrupted, NotPossible
from iachygiene.judge import (
    INTERRUPTED,
    MAX_TOTAL,
    Rules,
    Verdict,
    empty_verdict,
    judge,
    judge_late,
    report_trouble,
)
from iachygiene.linking import elsewhere, links_of
from iachygiene.model import Job, Result, SourceFile, Span, Unchecked
from iachygiene.progress import Progress
from iachygiene.settle import Settled, count_kinds, settle, sources_of, unjudged_files

if TYPE_CHECKING:
    from iachygiene.baseline import Baseline, Matched
    from iachygiene.cache import Cache
    from iachygiene.config import Config
    from iachygiene.worker import Crew


class Options(NamedTuple):
    """What a caller may ask of one scan, beyond the configuration.

    `explicit` are the files named one by one, `kinds` narrows to some. `engine` is "auto",
    "builtin" (no program is started), "terraform" or "tofu". `required` are the codes of
    rules that were asked for by name, so that the program they need must be there. `workers`
    is a number of processes, 0 for as many as pay. `today` is a date like 2027-01-31, "" for
    the clock's. `baselines` hold findings that are known. `added` are the lines that findings
    have to touch, by path, None for any. `deleted` are files that are gone: what was judged
    with them is in focus. `stored` and `closed` are those of the tree.
    `cache` holds verdicts of earlier runs, None for none. `timeout` in seconds
    bounds the judging, 0 for no bound: what is not done by then is not checked. `max_memory`
    is the address space of a worker process in bytes, 0 for the usual; with it there is one.
    """

    focus: Focus = Focus()
    explicit: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    engine: str = "auto"
    required: frozenset[str] = frozenset()
    trust_providers: bool = False
    init: bool = False
    workers: int = 0
    fix: bool = False
    unsafe_fixes: bool = False
    suppressions: bool = True
    strict: bool = False
    today: str = ""
    baselines: tuple[Baseline, ...] = ()
    added: Mapping[str, Sequence[Span]] | None = None
    deleted: frozenset[str] = frozenset()
    stored: Stored | None = None
    closed: bool = False
    cache: Cache | None = None
    timeout: float = 0
    max_memory: int = 0


class Scan(NamedTuple):
    """A result, the sources it speaks of, and what fixes made of files, not yet written.

    `matched` is what the last baseline had to say, None without one.
    """

    result: Result
    files: Mapping[str, SourceFile]
    tree: Tree
    matched: Matched | None = None


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
    """The whole pipeline over one root; raises `Interrupted`, with what was found until then."""
    from iachygiene.programs import REPLACED_RULES, Programs
    from iachygiene.rendered import charts_around

    progress = progress or Progress()
    started = perf_counter()
    tree = tree_of(root, listing, config, options)
    if listing.beyond:
        options = options._replace(focus=options.focus._replace(without=listing.beyond))
    rules = Rules(config, linking=config.wants_language("project"))
    rules.max_memory = options.max_memory
    cache = options.cache
    if options.fix or tree.stored is not None:
        cache = None  # a run that fixes has to see every file itself
    if cache:
        cache.begin(tree)
    programs = Programs(tree, config, options, cache)
    crew = None
    if options.focus.is_whole and options.workers != 1:
        from iachygiene.worker import crew_for

        crew = crew_for(tree, rules, listing.paths, options, cache)
    found = survey(tree, listing, config, options, programs.settings, cache)
    links = None
    if rules.linking:
        images = config.settings("project").get("images", {})
        rules.linking, links = links_of(found.jobs, listing.paths, images)
    around = units_around(options.deleted, found.jobs)
    around |= charts_around(options.focus.files | options.deleted, found.jobs)
    if around and not options.focus.is_whole:
        wider = options.focus._replace(files=options.focus.files | around)
        options = options._replace(focus=wider)
    touched = [job for job in found.jobs if is_touched(job, options.focus)]
    listed_at = perf_counter()
    if options.timeout:
        rules.deadline = started + options.timeout
    try:
        programs.start(touched)
        progress.say("checking", len(touched))
        verdicts = _known_or_judged(touched, tree, rules, options.workers, progress, cache, crew)
    except Interrupted as stop:
        rules.stopped = stop
        verdicts = [judge_late(job, rules) for job in touched]
    if rules.found > MAX_TOTAL:
        raise NotPossible(f"over {MAX_TOTAL:,} findings", "--select fewer rules", 4)
    whole = _judge_tree(found, listing, tree, rules, options)
    linked: list[Verdict] = []
    said = empty_verdict()
    try:
        if rules.stopped is None:
            linked = _facts_elsewhere(found.jobs, touched, links, tree, rules, cache)
            progress.say(f"waiting for {programs.at_work or 'programs'}")
            said = programs.finish(rules)
    except Interrupted as stop:
        rules.stopped = stop
    judged_at = perf_counter()

    def settled() -> Settled:
        unjudged = unjudged_files(touched, verdicts)
        every = [*verdicts, whole, said]
        # What rendered charts say is no row of the cache.
        known = None if said.facts else cache
        return settle(every, linked, found, programs, tree, rules, options, unjudged, known)

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
            if one.location.path not in changed or one.rule not in REPLACED_RULES
        ]
        return settled().result

    result, matched = settled()
    if rules.stopped is not None:
        sources = sources_of(result.findings, result.muted, tree)
        raise _with_findings(rules.stopped, Scan(result, sources, tree), touched, verdicts)
    if cache:
        cache.write(found.jobs if links is None else [*found.jobs, links])
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
        seconds=ended_at - started,
        timings=_timings(spans, [*verdicts, whole, said]),
        cached=cache.files if cache else 0,
    )
    return Scan(result, sources_of(result.findings, result.muted, tree), tree, matched)


def _with_findings(
    stop: Interrupted, scan: Scan, jobs: Sequence[Job], verdicts: Sequence[Verdict]
) -> Interrupted:
    """The interruption with what was found before it."""
    left = {one.what for verdict in verdicts for one in verdict.unchecked if one.why == INTERRUPTED}
    paths = {path for job in jobs for path in job.paths}
    stop.judged, stop.total = len(paths - left), len(paths)
    kinds = {path: kind for path, kind in scan.result.kinds.items() if path not in left}
    result = scan.result._replace(
        unchecked=[one for one in scan.result.unchecked if one.why != INTERRUPTED],
        tools=[],
        exit_code=stop.code,
        kinds=kinds,
        counts=count_kinds(kinds.values()),
    )
    stop.scan = scan._replace(result=result)
    return stop


def tree_of(root: str, listing: Listing, config: Config, options: Options) -> Tree:
    """The tree of a scan."""
    listed = frozenset(listing.paths)
    held = options.stored
    if listing.beyond:
        from iachygiene.stored import with_index

        held = with_index(root, listing.beyond, held)
    return Tree(
        root,
        listed=listed,
        explicit=options.explicit,
        max_size=config.max_file_size,
        stored=held,
        closed=options.closed,
    )


def survey(
    tree: Tree,
    listing: Listing,
    config: Config,
    options: Options,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    cache: Cache | None = None,
) -> Discovered:
    """What a scan would look at; nothing is judged."""
    return discover(
        tree,
        listing,
        kinds=options.kinds,
        excluded=config.excluded,
        kind_override=config.kind_of,
        settings=settings,
        cache=cache,
    )


def judge_all(
    jobs: Sequence[Job],
    tree: Tree,
    rules: Rules,
    workers: int,
    progress: Progress,
    crew: Crew | None = None,
) -> list[Verdict]:
    """A verdict for each job, from worker processes where the work is worth starting them.

    `crew` are some that have started already.
    """
    from iachygiene.worker import Crew, judge_here, worthwhile

    count = worthwhile(jobs, tree, workers)
    if count > 1 or (rules.max_memory and jobs):
        return (crew or Crew(tree, rules, count)).judge(jobs, progress)
    if crew:
        crew.dismiss()
    verdicts = []
    for job in jobs:
        verdicts.append(judge_here(job, tree, rules))
        progress.done += 1
    return verdicts


def _known_or_judged(
    jobs: Sequence[Job],
    tree: Tree,
    rules: Rules,
    workers: int,
    progress: Progress,
    cache: Cache | None,
    crew: Crew | None,
) -> list[Verdict]:
    if cache is None:
        return judge_all(jobs, tree, rules, workers, progress, crew)
    found = cache.find(jobs, linking=rules.linking)
    missing = [job for job, verdict in zip(jobs, found, strict=True) if verdict is None]
    progress.done += len(jobs) - len(missing)
    known = [job for job, verdict in zip(jobs, found, strict=True) if verdict is not None]
    cache.files = sum(len(job.paths) for job in known)
    judged = judge_all(missing, tree, rules, workers, progress, crew)
    for job, verdict in zip(missing, judged, strict=True):
        cache.keep(job, verdict, linking=rules.linking)
    new = iter(judged)
    return [verdict or next(new) for verdict in found]


def _facts_elsewhere(
    jobs: Sequence[Job],
    touched: Sequence[Job],
    links: Job | None,
    tree: Tree,
    rules: Rules,
    cache: Cache | None,
) -> list[Verdict]:
    """The facts of jobs out of focus, where rules across languages have a use for them."""
    if not rules.linking:
        return []
    wanted, complete = elsewhere(jobs, touched)
    wanted += [] if links is None else [links]
    known = cache.find_facts(wanted) if cache else [None] * len(wanted)
    found = []
    for job, verdict in zip(wanted, known, strict=True):
        found.append(verdict or judge(job, tree, rules, facts_only=True))
        if cache and verdict is None:
            cache.keep_facts(job, found[-1])
    if not complete:
        left_out = empty_verdict()
        left_out.unchecked.append(Unchecked("", "size", "manifests not read for their facts"))
        found.append(left_out)
    return found


def _judge_tree(
    found: Discovered, listing: Listing, tree: Tree, rules: Rules, options: Options
) -> Verdict:
    """What discovery met: directories and files that could not be looked into."""
    verdict = empty_verdict()
    for trouble in (*listing.refused, *found.troubles):
        if options.focus.holds(trouble.location.path):
            report_trouble(trouble, tree, rules, verdict)
    whole = options.focus.is_whole
    verdict.unchecked.extend(
        note for note in listing.notes if whole or note.what in options.focus.files
    )
    return verdict


def _built_in(job: Job) -> Job:
    """The job with the built-in engine, which can judge what is not on disk yet."""
    if job.settings.get("engine", "builtin") == "builtin":
        return job
    return job._replace(settings={**job.settings, "engine": "builtin"})


def _timings(spans: Mapping[str, float], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    by_rule: dict[str, float] = {}
    for verdict in verdicts:
        for name, seconds in verdict.seconds.items():
            by_rule[name] = by_rule.get(name, 0.0) + seconds
    parse = by_rule.pop("parse", 0.0)
    slowest = sorted(by_rule.items(), key=lambda row: -row[1])[:10]
    return {**spans, "parse": parse, "rules": sum(by_rule.values()), "slowest_rules": slowest}
