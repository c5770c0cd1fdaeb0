"""The Compose services that build a Dockerfile: what they send, which stage, who watches it.

Only what a Compose file says by itself is read here, without overrides and extended services:
https://github.com/compose-spec/compose-spec/blob/main/build.md
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Broken

if TYPE_CHECKING:
    from iachygiene.files import Tree
    from iachygiene.parse import yaml

_COMPOSE = regex(r"(?:docker-)?compose[\w.-]*\.ya?ml")
_DEFAULT = regex(r"\$\{\w+:?-([^{}]*)\}")
_REMOTE = regex(r"\w+://|git@|\$")
_MAX_SERVICES = 500


class Build(NamedTuple):
    """A service that builds the Dockerfile.

    `context` is a directory of the tree, `target` the stage, "" for the last one. `watched`
    says that the service has a health check of its own.
    """

    context: str
    target: str
    watched: bool


def builds_of(dockerfile: str, tree: Tree) -> list[Build]:
    """The builds in the Compose files beside a Dockerfile and in the directories above it."""
    found: list[Build] = []
    directory = own = posixpath.dirname(dockerfile)
    while True:
        services: list[tuple[str, yaml.Mapping]] = []
        for name, kind in tree.listdir(directory):
            if kind == "file" and _COMPOSE.fullmatch(name):
                path = posixpath.join(directory, name)
                services += _services(path, tree, "" if directory == own else dockerfile)
        watched = {name for name, node in services if _has_healthcheck(node)}
        for name, node in services:
            use = _use(node, directory, dockerfile, name in watched)
            if use is not None:
                found.append(use)
        if not directory:
            return found
        directory = posixpath.dirname(directory)


def _services(path: str, tree: Tree, mentioned: str) -> Iterator[tuple[str, yaml.Mapping]]:
    """The services of a file; none where its text shows that it speaks of something else."""
    from iachygiene.parse import yaml

    try:
        file = tree.read(path)
        text = file.text
        # Most files need not be parsed, and a large one takes longer than all the rules.
        last = posixpath.basename(posixpath.dirname(mentioned)) if mentioned else ""
        if "build" not in text or (last not in text and posixpath.basename(mentioned) not in text):
            return
        stream = yaml.parse(file)
    except Broken:
        return
    root = stream.documents[0].root if stream.trouble is None and stream.documents else None
    services = root.mapping("services") if type(root) is yaml.Mapping else None
    for name, entry in list(services.entries.items())[:_MAX_SERVICES] if services else ():
        if type(entry.value) is yaml.Mapping:
            yield str(name), entry.value


def _use(node: yaml.Mapping, directory: str, dockerfile: str, watched: bool) -> Build | None:
    from iachygiene.parse import yaml

    build = node.get("build")
    context, name, target = ".", "Dockerfile", ""
    if type(build) is yaml.Scalar:
        context = build.text
    elif type(build) is yaml.Mapping and "dockerfile_inline" not in build:
        context = _text(build, "context") or "."
        name = _text(build, "dockerfile") or name
        target = _text(build, "target")
    else:
        return None
    context, name = _expand(context), _expand(name)
    if _REMOTE.match(context) or "$" in context + name + target:
        return None
    path = posixpath.normpath(posixpath.join(directory, context))
    full = posixpath.normpath(posixpath.join(path, name))
    if full != dockerfile or path.startswith(".."):
        return None
    return Build("" if path == "." else path, target, watched)


def _text(node: yaml.Mapping, key: str) -> str:
    scalar = node.scalar(key)
    return scalar.text if scalar is not None else ""


def _expand(text: str) -> str:
    return _DEFAULT.sub(lambda found: found[1], text) if "$" in text else text


def _has_healthcheck(node: yaml.Mapping) -> bool:
    check = node.mapping("healthcheck")
    return check is not None and "test" in check
