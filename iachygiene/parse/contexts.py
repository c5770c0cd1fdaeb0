"""Which manifests are seen together, and which files define the kinds that others use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from posixpath import dirname
from typing import TYPE_CHECKING, Any

from iachygiene.discover import defined_kinds
from iachygiene.model import Broken, Job
from iachygiene.parse import kustomize
from iachygiene.parse.charts import chart_of
from iachygiene.parse.kustomize import Kustomization

if TYPE_CHECKING:
    from iachygiene.files import Tree


def group(paths: Iterable[str], tree: Tree, settings: Mapping[str, Any]) -> list[Job]:
    """One job for each chart's templates and each directory; kustomizations join directories.

    With the setting `context` at "tree", a directory joins the nearest one above it that has
    manifests; with "all" there is one job for everything.
    """
    charts: dict[str, list[str]] = defaultdict(list)
    plain: list[str] = []
    for path in paths:
        chart = chart_of(path, tree)
        if chart is None:
            plain.append(path)
        else:
            charts[chart].append(path)
    known = {dirname(path) for path in plain}
    joined = _Joined(known)
    kustomizations: dict[str, Kustomization] = {}
    for path in plain:
        kustomization = kustomize.read(path, tree)
        if kustomization is None:
            continue
        kustomizations[kustomization.directory] = kustomization
        targets = (*kustomization.resources, *kustomization.components, *kustomization.patches)
        for target in targets:
            directory = target if target in known else dirname(target)
            if directory in known:
                joined.join(kustomization.directory, directory)
    context = settings.get("context", "directory")
    for directory in known if context != "directory" else ():
        above = min(known) if context == "all" else _nearest_above(directory, known)
        joined.join(directory, above)
    definitions = _definitions(plain, tree, settings)
    if definitions:
        settings = {**settings, "definitions": definitions}
    if settings.get("builder"):
        settings = {**settings, "built": kustomize.buildable(kustomizations)}
    directories: dict[str, list[str]] = defaultdict(list)
    for path in plain:
        directories[joined.first(dirname(path))].append(path)
    return [
        Job("kubernetes", directory, tuple(members), settings)
        for directory, members in (*directories.items(), *charts.items())
    ]


def _nearest_above(directory: str, known: Collection[str]) -> str:
    above = directory
    while above:
        above = dirname(above)
        if above in known:
            return above
    return directory


def _definitions(
    paths: Iterable[str], tree: Tree, settings: Mapping[str, Any]
) -> dict[str, list[tuple[int, str]]]:
    """Size and path of the files that seem to define a custom resource, by group and kind.

    They are those of the scan and those of `crd-paths`.
    """
    patterns = settings.get("crd-paths")
    if patterns:
        from iachygiene.gitignore import Patterns

        paths = dict.fromkeys(paths)
        paths |= dict.fromkeys(filter(Patterns(patterns).match, tree.listed))
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path in paths:
        known = tree.defined.get(path)
        if known is None:
            try:
                data = tree.raw(path)
            except Broken:
                continue  # reported where it is judged
            known = (len(data), defined_kinds(data))
        for kind in known[1]:
            found[kind].append((known[0], path))
    return dict(found)


class _Joined:
    """Sets of directories that belong together (union-find)."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._above = {directory: directory for directory in directories}

    def first(self, directory: str) -> str:
        above = self._above
        while above[directory] != directory:
            above[directory] = above[above[directory]]
            directory = above[directory]
        return directory

    def join(self, one: str, other: str) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low
