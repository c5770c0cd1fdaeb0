"""What Helm makes of charts and Kustomize of kustomizations, as units for the rules.

Rendered lines do not map back to the lines they came from: what is found in them is
reported at the template, or at the kustomization, as a whole. Output of helm:
https://helm.sh/docs/helm/helm_template/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.keys import KUBERNETES_VERSIONS
from iachygiene.model import Broken, SourceFile, ToolStatus, Unchecked
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import Manifest, ManifestSet
from iachygiene.rendered import HELM_CHECK, NAMESPACE, RELEASE
from iachygiene.schemas.catalog import Catalog
from iachygiene.tools import HELM, KUBECTL, KUSTOMIZE, Program, ToolRun, first_line
from iachygiene.wrap.terraform import in_threads, status_of

if TYPE_CHECKING:
    from iachygiene.files import Tree

KUSTOMIZE_CHECK = "kustomize build"
AT_ONCE = 2
MAX_LINKS = 10_000
"""Entries of a chart's directory that are looked at for links."""

_CODES = frozenset((0, 1))
_SOURCE = "# Source: "
_ORIGIN = "config.kubernetes.io/origin"


class Rendered(NamedTuple):
    """The objects of one chart or kustomization; their paths are those of their sources."""

    directory: str
    manifests: Sequence[Manifest]
    together: ManifestSet


class _Answer(NamedTuple):
    run: ToolRun
    rendered: Rendered | None = None
    unchecked: Unchecked | None = None


def charts(
    directories: Sequence[str], tree: Tree, program: Program, settings: Mapping[str, Any]
) -> Iterator[Rendered | ToolStatus | Unchecked]:
    """Render charts."""
    required = settings.get("policy") == "always"

    def render(directory: str) -> _Answer:
        return _chart(directory, tree, program, settings)

    yield from _told(in_threads(render, directories, AT_ONCE), HELM_CHECK, required)


def kustomizations(
    directories: Sequence[str], tree: Tree, program: Program, settings: Mapping[str, Any]
) -> Iterator[Rendered | ToolStatus | Unchecked]:
    """Build kustomizations."""

    def render(directory: str) -> _Answer:
        return _kustomization(directory, tree, program, settings)

    yield from _told(in_threads(render, directories, AT_ONCE), KUSTOMIZE_CHECK, required=True)


def _told(
    answers: Sequence[_Answer], check: str, required: bool
) -> Iterator[Rendered | ToolStatus | Unchecked]:
    for answer in answers:
        if answer.rendered is not None:
            yield answer.rendered
        if answer.unchecked is not None:
            yield answer.unchecked
    yield _status(check, [answer.run for answer in answers], len(answers), required)


def _status(check: str, runs: Sequence[ToolRun], count: int, required: bool) -> ToolStatus:
    status = status_of(check, runs, count, required=required)
    return status._replace(name=check.partition(" ")[0]) if not runs else status


def _chart(directory: str, tree: Tree, program: Program, settings: Mapping[str, Any]) -> _Answer:
    shown = directory or "."
    if _leads_out(directory, tree):
        why = Unchecked(shown, "template", "a link of this chart leads out of the tree")
        return _Answer(ToolRun("ok", HELM.name), unchecked=why)
    version = settings.get("version") or KUBERNETES_VERSIONS[-1]
    values = [
        f"--values={path}"
        for name in settings.get("helm-values", ())
        if tree.exists(path := f"{directory}/{name}" if directory else name)
        and tree.real_path(path) is not None
    ]
    run = HELM.run(
        *("template", RELEASE, f"./{directory}", "--namespace", NAMESPACE),
        *("--include-crds", "--kube-version", f"{version}.0"),
        *values,
        program=program,
        root=tree.root,
        cwd=tree.root,
        known=_CODES,
        timeout=settings.get("timeout"),
    )
    return _answer(run, directory, tree, settings, _by_source)


def _kustomization(
    directory: str, tree: Tree, program: Program, settings: Mapping[str, Any]
) -> _Answer:
    shown = directory or "."
    if _leads_out(directory, tree):
        why = Unchecked(shown, "template", "a link beside this kustomization leads out of the tree")
        return _Answer(ToolRun("ok", program.name), unchecked=why)
    tool, command = (KUSTOMIZE, "build") if program.name == "kustomize" else (KUBECTL, "kustomize")
    run = tool.run(
        *(command, f"./{directory}"),
        program=program,
        root=tree.root,
        cwd=tree.root,
        known=_CODES,
        timeout=settings.get("timeout"),
    )
    return _answer(run, directory, tree, settings, _by_origin)


def _answer(
    run: ToolRun, directory: str, tree: Tree, settings: Mapping[str, Any], split: Any
) -> _Answer:
    if not run.answered:
        if run.status == "timed-out":
            run = run._replace(hint=f"raise tools.{run.name}.timeout")
        return _Answer(run)
    shown = directory or "."
    if run.code:
        said = first_line(run.stderr).removeprefix("Error: ") or "it failed without a reason"
        why = Unchecked(shown, "template", f"{run.name} refuses it: {said}")
        return _Answer(run, unchecked=why)
    try:
        rendered = _rendered(run.stdout, directory, tree, settings, split)
    except Broken as broken:
        why = Unchecked(shown, "template", f"what {run.name} makes of it: {broken}")
        return _Answer(run, unchecked=why)
    return _Answer(run, rendered)


def _rendered(
    stdout: bytes, directory: str, tree: Tree, settings: Mapping[str, Any], split: Any
) -> Rendered:
    """The objects in the output; raises `Broken` where it is no YAML."""
    version, definitions = settings.get("version", ""), settings.get("definitions", {})
    catalog = Catalog(version, definitions, tree, directory)
    manifests = []
    for path, text in split(stdout.decode(errors="replace"), directory, tree).items():
        stream = yaml.parse(SourceFile(path, text.encode()))
        if stream.trouble is not None:
            raise Broken(stream.trouble)
        manifest = Manifest(stream, catalog=catalog)
        catalog.roots += [one.root for one in stream.documents]
        manifests.append(manifest)
    return Rendered(directory, manifests, ManifestSet(directory, manifests, complete=True))


def _documents(text: str) -> list[str]:
    return [one for one in f"\n{text}".split("\n---") if one.strip()]


def _by_source(text: str, directory: str, tree: Tree) -> dict[str, str]:
    """The documents by the template that they came from, as helm says above each."""
    found: dict[str, str] = defaultdict(str)
    chart = f"{directory}/Chart.yaml" if directory else "Chart.yaml"
    path = chart
    for document in _documents(text):
        for line in document.splitlines():
            if line.startswith(_SOURCE):
                # The first part is the name of the chart, which its directory need not have.
                inside = line[len(_SOURCE) :].strip().partition("/")[2]
                path = f"{directory}/{inside}" if directory else inside
                path = path if tree.exists(path) else chart
                break
        if "/crds/" in f"/{path}":  # no template: judged where it is
            continue
        found[path] += f"---\n{document.lstrip()}\n"
    return dict(found)


def _by_origin(text: str, directory: str, tree: Tree) -> dict[str, str]:
    """The documents by the file that they came from where that is said, else together."""
    from posixpath import normpath

    from iachygiene.parse.kustomize import KUSTOMIZATIONS

    names = sorted(KUSTOMIZATIONS)
    paths = [f"{directory}/{name}" if directory else name for name in names]
    whole = next((path for path in paths if tree.exists(path)), paths[0])
    found: dict[str, str] = defaultdict(str)
    for document in _documents(text):
        path = whole
        if _ORIGIN in document:
            stream = yaml.parse(SourceFile(whole, document.encode()))
            root = stream.documents[0].root if stream.documents else None
            if type(root) is yaml.Mapping:
                origin = root.text("metadata", "annotations", _ORIGIN)
                named = origin.partition("path: ")[2].partition("\n")[0].strip()
                inside = normpath(f"{directory}/{named}" if directory else named)
                path = inside if named and tree.exists(inside) else whole
        found[path] += f"---\n{document.lstrip()}\n"
    return dict(found)


def _leads_out(directory: str, tree: Tree) -> bool:
    """Whether a link in a directory leads out of the tree: its target would be read."""
    pending = [directory]
    seen = 0
    while pending:
        above = pending.pop()
        for name, kind in tree.listdir(above):
            path = f"{above}/{name}" if above else name
            seen += 1
            if seen > MAX_LINKS or (kind == "link" and tree.real_path(path) is None):
                return True
            if kind == "dir" and name != ".git":
                pending.append(path)
    return False
