"""From what was judged to one result: links, suppressions, baselines, focus and order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.discover import Discovered, beside
from iachygiene.judge import Rules, Verdict, empty_verdict, run_rules
from iachygiene.model import (
    Broken,
    Finding,
    Job,
    Location,
    Muted,
    Result,
    Severity,
    SourceFile,
    touches,
)

if TYPE_CHECKING:
    from iachygiene.baseline import Baseline, Matched
    from iachygiene.cache import Cache
    from iachygiene.config import Config
    from iachygiene.engine import Options
    from iachygiene.files import Tree
    from iachygiene.programs import Programs
    from iachygiene.suppress import Suppression as SuppressionUnit

_INCOMPLETE = frozenset(("timed-out", "crashed", "garbage"))
_ABSENT = frozenset(("missing", "too-old"))
_UNREAD = frozenset(("template", "size", "lfs", "unfetched"))
"""Why a file, though it belongs to the project, says nothing of it."""
_ASKED = frozenset(("timeout", "unmerged", "unfetched"))
"""Why something was not checked that the user asked for."""


class Settled(NamedTuple):
    """A result, and what its findings have to do with the baseline, None without one."""

    result: Result
    matched: Matched | None


def settle(
    verdicts: Sequence[Verdict],
    linked: Sequence[Verdict],
    found: Discovered,
    programs: Programs,
    tree: Tree,
    rules: Rules,
    options: Options,
    unjudged: frozenset[str],
    cache: Cache | None,
) -> Settled:
    """One result of all verdicts.

    `linked` are those of jobs out of focus, for their facts. `unjudged` are the files of
    jobs that could not be judged in full.
    """
    config = rules.config
    # What one file says of another counts only when all of them were seen.
    seen = [*verdicts, *linked] if rules.stopped is None else []
    project = _judge_project(seen, rules, _templates(found, tree, programs.rendered), cache)
    findings = [finding for verdict in (*verdicts, project) for finding in verdict.findings]
    if any(one.rule == "K8S101" for one in findings):
        from iachygiene.bumped import with_updates

        findings = list(with_updates(findings, [*verdicts, *linked]))
    from iachygiene.programs import VALIDATE_RULES

    if any(one.rule in VALIDATE_RULES for one in findings):
        from iachygiene.wrap.known import without_known

        findings = without_known(findings, tree)
    findings, muted = _muted_by_config(_without_duplicates(findings), rules)
    findings = _give_way(findings)
    judged = empty_verdict()
    if options.suppressions:
        comments = [comment for verdict in verdicts for comment in verdict.comments]
        if comments:
            from iachygiene.suppress import suppress

            paths = {comment.location.path for comment in comments}
            texts = sources_at(paths, tree)
            findings, by_comment, suppressions = suppress(
                findings,
                comments,
                today=options.today,
                require_reason=config.require_reason,
                peers=config.peers,
                text_of=lambda path: texts[path].shown_text if path in texts else "",
            )
            muted += by_comment
            ran = programs.ran and not tree.overlay and rules.stopped is None
            linking = not options.kinds and rules.stopped is None
            for suppression in suppressions:
                if suppression.location.path not in texts:
                    continue  # it has vanished since
                file = texts[suppression.location.path]
                known = suppression.location.path not in unjudged
                _judge_suppression(suppression, file, rules, judged, ran, linking, known)
    findings = [*findings, *judged.findings]
    matched = None
    for baseline in options.baselines:
        matched = _match(baseline, findings, muted, tree, rules, options, unjudged, programs.ran)
        findings = matched.kept
        muted += matched.muted
    kept = [one for one in findings if _shown(one, config, options)]
    muted = [one for one in muted if _shown(one.finding, config, options)]
    crashes = [crash for verdict in (*verdicts, project, judged) for crash in verdict.crashes]
    unchecked = sorted({one for verdict in verdicts for one in verdict.unchecked})
    focus = options.focus
    kinds = {path: kind for path, kind in found.kinds.items() if focus.holds(path)}
    kinds |= beside(focus, found.jobs)
    formatted = sum(verdict.counts.get("Formatting", 0) for verdict in verdicts)
    result = Result(
        findings=sorted(kept, key=_order),
        muted=sorted(muted, key=lambda one: _order(one.finding)),
        unchecked=unchecked,
        tools=programs.statuses(formatted, {one.rule for one in kept}),
        crashes=sorted(crashes),
        counts=count_kinds(kinds.values()),
        config=config.file,
        config_digest="",
        exit_code=0,
        seconds=0.0,
        timings={},
        kinds=kinds,
    )
    code = exit_code(result, config.fail_on, strict=options.strict)
    return Settled(result._replace(exit_code=code), matched)


def sources_of(
    findings: Sequence[Finding], muted: Sequence[Muted], tree: Tree
) -> dict[str, SourceFile]:
    """The files that findings stand in and speak of, as far as they can be read."""
    places = [finding.location for finding in findings]
    places += [place for finding in findings for place in finding.related]
    places += [Location(one.fix.path) for one in findings if one.fix and one.fix.path]
    places += [one.finding.location for one in muted]
    places += [one.at for one in muted if one.at]
    return sources_at({place.path for place in places}, tree)


def sources_at(paths: Iterable[str], tree: Tree) -> dict[str, SourceFile]:
    """The files at some paths, as far as they can be read."""
    sources: dict[str, SourceFile] = {}
    for path in paths:
        try:
            sources[path] = tree.source(path)
        except Broken:
            continue
    return sources


def _match(
    baseline: Baseline,
    findings: Sequence[Finding],
    muted: Sequence[Muted],
    tree: Tree,
    rules: Rules,
    options: Options,
    unjudged: frozenset[str],
    programs_ran: bool,
) -> Matched:
    """The findings against a baseline; what it holds in vain is reported where that is known."""
    from iachygiene.baseline import match, stale_entries

    files = sources_of(findings, muted, tree)
    matched = match(baseline, findings, muted, files, tree.exists)
    whole = options.focus.is_whole and not options.kinds and not rules.config.is_narrowed
    whole = whole and rules.stopped is None
    if not whole or not matched.stale or not baseline.path:
        return matched
    verdict = empty_verdict()
    source = sources_of([Finding("", None, "", Location(baseline.path))], (), tree)
    for stale in stale_entries(matched, baseline, source.get(baseline.path)):
        if stale.entry.path in unjudged or not (programs_ran or _needs_none(stale.entry.rule)):
            continue
        run_rules(
            rules.of("toolkit").get(type(stale), ()), stale, baseline.path, rules.config, verdict
        )
    if options.strict:
        raised = [one._replace(severity=Severity.WARNING) for one in verdict.findings]
        verdict.findings[:] = raised
    return matched._replace(kept=[*matched.kept, *verdict.findings])


def _needs_none(code: str) -> bool:
    from iachygiene.rule import brief

    try:
        return brief(code).needs is None
    except KeyError:
        return True


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
    asked = any(one.why in _ASKED for one in result.unchecked)
    if result.crashes or broken or absent or asked or (strict and result.unchecked):
        return 3
    return 3 if strict and not result.counts else 0


def _templates(found: Discovered, tree: Tree, rendered: AbstractSet[str]) -> list[str]:
    """The templates of charts that are not rendered: what helm makes of them is not known."""
    paths = [
        path
        for path, kind in found.kinds.items()
        if kind == "kubernetes" and "templates" in path.split("/")
    ]
    if not paths:
        return []
    from iachygiene.parse.charts import chart_of

    return [
        path
        for path in paths
        if (chart := chart_of(path, tree)) is not None and not _is_in(chart, rendered)
    ]


def _is_in(chart: str, rendered: AbstractSet[str]) -> bool:
    """Whether a chart, or one around it, is rendered."""
    around = (f"{one}/charts/" if one else "charts/" for one in rendered)
    return chart in rendered or any(map(chart.startswith, around))


def _judge_project(
    verdicts: Sequence[Verdict], rules: Rules, templates: Sequence[str], cache: Cache | None
) -> Verdict:
    verdict = empty_verdict()
    facts = [fact for one in verdicts for fact in one.facts]
    if not facts:
        return verdict
    unread = [each.what for one in verdicts for each in one.unchecked if each.why in _UNREAD]
    outside = [*templates, *unread]
    known = cache.linked(outside) if cache else None
    if known is not None:
        return known
    from iachygiene.parse.project import Project, decode

    project = Project(decode(facts), outside)
    run_rules(rules.of("project").get(Project, ()), project, "", rules.config, verdict)
    if cache:
        cache.keep_linked(outside, verdict)
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
    from iachygiene.rule import brief
    from iachygiene.selection import ALWAYS_ON

    kept, muted = [], []
    for finding in findings:
        pattern = ""
        if finding.rule not in ALWAYS_ON:
            pattern = rules.config.ignored(brief(finding.rule), finding.location.path)
        if pattern:
            muted.append(Muted(finding, "config", pattern))
        else:
            kept.append(finding)
    return kept, muted


def unjudged_files(jobs: Sequence[Job], verdicts: Sequence[Verdict]) -> frozenset[str]:
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
    file: SourceFile,
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
        file,
        rules.config,
        programs_ran=ran,
        linking=linking,
        judged=judged,
    )
    run_rules(rules.of("toolkit").get(Suppression, ()), unit, path, rules.config, verdict)


def _give_way(findings: Sequence[Finding]) -> list[Finding]:
    """Findings of rules that give way hand their related places to the finding they yield to."""
    from iachygiene.rule import brief

    kept: list[Finding | None] = list(findings)
    in_file: dict[str, list[int]] = {}
    for index, finding in enumerate(findings):
        in_file.setdefault(finding.location.path, []).append(index)
    for place, finding in enumerate(findings):
        rule = brief(finding.rule)
        if not rule.gives_way_to:
            continue
        for index in in_file[finding.location.path]:
            other = kept[index]
            if other is None or other.rule not in rule.gives_way_to:
                continue
            same = finding.object == other.object
            if same and finding.location.span == other.location.span:
                kept[index] = other._replace(related=(*other.related, *finding.related))
                kept[place] = None
                break
    return [one for one in kept if one is not None]


def _shown(finding: Finding, config: Config, options: Options) -> bool:
    if (finding.severity or 0) < config.min_severity:
        return False
    if options.added is not None and not touches(finding, options.added):
        return False
    focus = options.focus
    if focus.holds(finding.location.path):
        return True
    return any(focus.holds(place.path) for place in finding.related)


def _order(finding: Finding) -> tuple[Any, ...]:
    return (finding.location.path, finding.location.span, finding.rule, finding.message)


def count_kinds(kinds: Iterable[str]) -> dict[str, int]:
    """How many files there are of each kind, by name."""
    counts: dict[str, int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))
