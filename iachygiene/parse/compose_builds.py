"""What the services of a Compose file build, read from that file alone."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.model import Broken
from iachygiene.parse import yaml
from iachygiene.parse.compose_references import resolve

if TYPE_CHECKING:
    from iachygiene.files import Tree


class BuildOrder(NamedTuple):
    """One service's build: paths from the root of the tree, and "" for no target."""

    dockerfile: str
    context: str
    target: str


def builds(path: str, tree: Tree) -> Iterator[BuildOrder]:
    """The builds whose Dockerfile and context are directories and files of the tree."""
    try:
        file = tree.read(path)
        stream = yaml.parse(file) if "build" in file.text else None
    except Broken:
        return
    for document in stream.documents[:1] if stream and stream.trouble is None else ():
        root = document.root
        services = root.mapping("services") if type(root) is yaml.Mapping else None
        for key in services.entries if services else ():
            service = services.mapping(key) if services else None
            order = _order(service, dirname(path)) if service else None
            if order:
                yield order


def _order(service: yaml.Mapping, directory: str) -> BuildOrder | None:
    build = service.get("build")
    name, target = "", ""
    if type(build) is yaml.Scalar:
        context = resolve(directory, build.text)
    elif type(build) is yaml.Mapping and "dockerfile_inline" not in build:
        context = resolve(directory, build.text("context") or ".")
        name, target = build.text("dockerfile"), build.text("target")
    else:
        return None
    if context is None or context.startswith("github.com/") or context.endswith(".git"):
        return None
    dockerfile = resolve(context, name or "Dockerfile")
    return BuildOrder(dockerfile, context, "" if "$" in target else target) if dockerfile else None
