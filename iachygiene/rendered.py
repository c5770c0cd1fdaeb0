"""Charts and kustomizations of one scan: rendered by their programs, judged as manifests."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iachygiene.interrupt import wait_for
from iachygiene.judge import Rules, Verdict, empty_verdict, run_rules
from iachygiene.lazy import regex
from iachygiene.model import (
    WHOLE_FILE,
    Broken,
    Comment,
    Finding,
    Job,
    Location,
    Span,
    ToolStatus,
    Unchecked,
)

if TYPE_CHECKING:
    from threading import Thread

    from iachygiene.config import Config
    from iachygiene.engine import Options
    from iachygiene.files import Tree
    from iachygiene.parse.kubernetes import Object, Unit
    from iachygiene.parse.project import Fact
    from iachygiene.tools import Program
    from iachygiene.wrap.rendering import Rendered

HELM_CHECK = "helm template"
NAMESPACE, RELEASE = "default", "release-name"
"""What stands in rendered charts for a namespace and a name that only an installation gives."""
RENDERERS = frozenset(("helm", "kubectl", "kustomize"))


class Rendering:
    """What is rendered, beside the rules, for the jobs of one scan."""

    def __init__(self, tree: Tree, config: Config, options: Options) -> None:
        self.tree = tree
        self.config = config
        self._settings: dict[str, Any] = dict(config.settings("kubernetes"))
        self._off = options.engine == "builtin"
        self._builder: Program | None = None
        self._asked = self._settings.get("kustomize") == "render" and not self._off
        if self._asked:
            from iachygiene.tools import KUBECTL, KUSTOMIZE

            self._builder = KUSTOMIZE.find(tree.root) or KUBECTL.find(tree.root)
        self._said: list[Any] = []
        self._thread: Thread | None = None
        self.charts: set[str] = set()
        """The directories of the charts that were rendered, once `finish` has returned."""

    @property
    def builds(self) -> bool:
        """Whether kustomizations are built, so that their files need not be judged."""
        return self._builder is not None

    def start(self, jobs: Sequence[Job]) -> None:
        """Start what these jobs need; returns at once."""
        from iachygiene.parse.charts import chart_of

        charts = {
            chart
            for job in jobs
            for path in job.paths
            if (chart := chart_of(path, self.tree)) is not None
        }
        built = list(_built(jobs)) if self._asked else []
        if self._asked and self._builder is None and _any_kustomization(jobs):
            self._said.append(_no_builder(self.tree))
        if not charts and not built:
            return
        if jobs:
            self._settings["definitions"] = jobs[0].settings.get("definitions", {})
        from threading import Thread

        self._thread = Thread(target=self._run, args=(sorted(charts), built), daemon=True)
        self._thread.start()

    def _run(self, charts: Sequence[str], built: Sequence[str]) -> None:
        try:
            self._said.extend(self._render(charts, built))
        except Exception as error:  # a defect of ours must not look like a clean run
            self._said.append(
                ToolStatus("helm", "rendering", "crashed", detail=f"{type(error).__name__}")
            )

    def _render(self, charts: Sequence[str], built: Sequence[str]) -> Iterator[Any]:
        tree = self.tree
        # Those within another one are rendered with it.
        outer = [one for one in charts if not _is_inner(one, charts)]
        if outer:
            from iachygiene.tools import HELM

            tool = self.config.tool("helm")
            policy = "never" if self._off else tool["policy"]
            path = os.fspath(tool.get("path") or "")
            program = None if policy == "never" else HELM.find(tree.root, path=path)
            if program is None:
                yield _no_helm(tree, len(outer), policy)
            else:
                from iachygiene.wrap import rendering

                asked = {**self._settings, "policy": policy, "timeout": tool["timeout"]}
                yield from rendering.charts(outer, tree, program, asked)
        if built and self._builder is not None:
            from iachygiene.wrap import rendering

            yield from rendering.kustomizations(built, tree, self._builder, self._settings)

    def finish(self, rules: Rules, verdict: Verdict) -> list[ToolStatus]:
        """Wait for the programs, judge what they made, and say how they ended."""
        statuses: list[ToolStatus] = []
        if self._thread is not None:
            wait_for(self._thread)
        for unit in self._said:
            if isinstance(unit, ToolStatus):
                statuses.append(unit)
            elif isinstance(unit, Unchecked):
                verdict.unchecked.append(unit)
            else:
                self._judge(unit, rules, verdict)
                self.charts.add(unit.directory)
        return statuses

    def _judge(self, rendered: Rendered, rules: Rules, verdict: Verdict) -> None:
        from iachygiene.parse.kubernetes import comments

        table: Mapping[type, Any] = rules.of("kubernetes")
        own = empty_verdict()
        for unit in _units(rendered, self.tree):
            run_rules(table.get(type(unit), ()), unit, unit.location.path, self.config, own)
            own.comments.extend(comments(unit))
            if rules.linking:
                verdict.facts.extend(_facts(unit))
        made_up = _made_up(rendered, self.tree) if any(map(_is_secret, own.findings)) else ()
        verdict.findings.extend(
            _at_source(one)
            for one in own.findings
            if not (_is_secret(one) and (one.location.path, one.object) in made_up)
        )
        verdict.comments.extend(_annotations(own.comments))
        verdict.crashes.extend(own.crashes)
        for name, seconds in own.seconds.items():
            verdict.seconds[name] += seconds


_VALUES = regex(r"(?:^|/)values[^/]*\.ya?ml$")
_OF_CHART = regex(
    r"(?:^|/)(?:Chart\.(?:yaml|lock)|values[^/]*\.(?:ya?ml|json)|(?:templates|files)/.+)$"
)


def charts_around(changed: Iterable[str], jobs: Iterable[Job]) -> frozenset[str]:
    """The templates of the charts that some files belong to, which are rendered from them.

    A template says what stands in itself alone, unless it is a library of others.
    """
    parts = [path for path in changed if _OF_CHART.search(path)]
    if not parts:
        return frozenset()
    charts = {job.directory: job.paths for job in jobs if _is_chart(job)}
    own = {path for paths in charts.values() for path in paths}
    touched = {
        directory
        for directory in charts
        for above in (f"{directory}/" if directory else "",)
        if any(path not in own and path.startswith(above) for path in parts)
    }
    # A chart within another one is rendered with it.
    touched |= {one for one in charts if any(_is_within(one, other) for other in touched)}
    return frozenset(path for directory in touched for path in charts[directory])


def _is_chart(job: Job) -> bool:
    templates = f"{job.directory}/templates/" if job.directory else "templates/"
    return job.kind == "kubernetes" and all(path.startswith(templates) for path in job.paths)


def _is_within(chart: str, other: str) -> bool:
    return chart.startswith(f"{other}/charts/" if other else "charts/")


def _units(rendered: Rendered, tree: Tree) -> Iterator[Unit]:
    yield from rendered.manifests
    yield rendered.together
    if any("argoproj.io" in one.file.text for one in rendered.manifests):
        from iachygiene.parse.argo import load

        yield from load(rendered.manifests, tree)


def _is_inner(directory: str, directories: Sequence[str]) -> bool:
    return any(
        directory.startswith(f"{one}/charts/" if one else "charts/")
        for one in directories
        if one != directory
    )


def _no_helm(tree: Tree, count: int, policy: str) -> ToolStatus:
    from iachygiene.tools import HELM

    counted = "1 chart" if count == 1 else f"{count} charts"
    status = ToolStatus(HELM.name, HELM_CHECK, "disabled", units=count)
    if policy == "never":
        return status._replace(detail=f'{counted}: tools.helm.policy is "never"')
    missing = HELM.missing(tree.root)
    return status._replace(
        status="missing",
        detail=f"{counted} not rendered: {missing.detail}",
        hint=missing.hint,
        required=policy == "always",
    )


def _is_secret(finding: Finding) -> bool:
    return finding.rule == "K8S655"


def _made_up(rendered: Rendered, tree: Tree) -> set[tuple[str, str]]:
    """Path and name of the Secrets of which no value is in a file: rendering made them up."""
    above = f"{rendered.directory}/" if rendered.directory else ""
    values = [path for path in tree.listed if path.startswith(above) and _VALUES.search(path)]
    written = "\n".join(_text(path, tree) for path in values)
    found = set()
    for manifest in rendered.manifests:
        path = manifest.file.path
        for one in manifest.objects:
            if one.kind == "Secret":
                source = written + _text(path, tree)
                if not any(value in source for value in _secret_values(one)):
                    found.add((path, one.object))
    return found


def _text(path: str, tree: Tree) -> str:
    try:
        return tree.read(path).text
    except Broken:
        return ""


def _secret_values(secret: Object) -> list[str]:
    """The values of a Secret: those that are called secrets, else all."""
    from base64 import b64decode

    from iachygiene.credentials import names_secret

    values: dict[str, str] = {}
    for field in ("data", "stringData"):
        part = secret.root.mapping(field)
        for name, text in part.text_map().items() if part else ():
            values[name] = text.strip()
            if field == "data":
                with suppress(ValueError):
                    values[name] = b64decode(text, validate=True).decode().strip()
    return [text for name, text in values.items() if names_secret(name)] or list(values.values())


def _facts(unit: Unit) -> Iterator[Fact]:
    """What rendered objects say to the project; the versions of their images may be overridden."""
    from iachygiene.parse.kubernetes import facts
    from iachygiene.parse.project import HostFact, ImageFact, NameFact

    fact: Any
    for fact in facts(unit):
        if isinstance(fact, ImageFact):
            continue
        if isinstance(fact, NameFact):
            spaces = tuple("" if one == NAMESPACE else one for one in fact.namespaces)
            fact = fact._replace(name=_without_release(fact.name), namespaces=spaces)
        elif isinstance(fact, HostFact):
            labels = _without_release(fact.host).split(".")
            host = labels[0] if labels[1:2] == [NAMESPACE] else ".".join(labels)
            fact = fact._replace(host=host)
        places = {
            name: _whole(value)
            for name, value in zip(fact._fields, fact, strict=True)
            if isinstance(value, Location)
        }
        yield fact._replace(**places)


def _without_release(name: str) -> str:
    return name.removeprefix(f"{RELEASE}-")


def _any_kustomization(jobs: Iterable[Job]) -> bool:
    from iachygiene.parse.kustomize import KUSTOMIZATIONS

    return any(path.rpartition("/")[2] in KUSTOMIZATIONS for job in jobs for path in job.paths)


def _no_builder(tree: Tree) -> ToolStatus:
    from iachygiene.tools import KUSTOMIZE

    missing = KUSTOMIZE.missing(tree.root)
    detail = f"{missing.detail}; the files were judged as they are"
    hint = 'install Kustomize or kubectl, or set kubernetes.kustomize = "static"'
    return ToolStatus(
        "kustomize", "kustomize build", "missing", detail=detail, hint=hint, required=True
    )


def _built(jobs: Iterable[Job]) -> Iterator[str]:
    """The kustomizations to build of these jobs, each once."""
    seen: set[str] = set()
    for job in jobs:
        built = set(job.settings.get("built", ()))
        for path in job.paths:
            directory = path.rpartition("/")[0]
            if directory in built and directory not in seen:
                seen.add(directory)
                yield directory


def _at_source(finding: Finding) -> Finding:
    """The finding at its source as a whole: rendered lines do not map back to it."""
    related = tuple(_whole(place) for place in finding.related)
    return finding._replace(location=_whole(finding.location), related=related, fix=None)


def _annotations(comments: Iterable[Comment]) -> Iterator[Comment]:
    """The annotations among comments; they speak for all of their template."""
    for comment in comments:
        if comment.key:
            place = _whole(comment.location)
            yield comment._replace(location=place, reach=Span(0, 1))


def _whole(place: Location) -> Location:
    return Location(place.path, WHOLE_FILE, place.label)
