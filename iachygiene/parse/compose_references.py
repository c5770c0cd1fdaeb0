"""What Compose services refer to: other parts of the project by name, files by path."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname, normpath
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.model import Location
from iachygiene.parse import yaml
from iachygiene.parse.compose_variables import expand, is_unknown

if TYPE_CHECKING:
    from iachygiene.parse.compose import Service


class Reference(NamedTuple):
    """A name that a service uses. `kind` is "services", "networks", "volumes" or the like.

    `how` is the key that it stands below.
    """

    kind: str
    name: str
    how: str
    location: Location


def references(service: Service) -> Iterator[Reference]:
    """The names that a service uses, but for those that variables make unknown."""
    for found in _references(service):
        if found.name and not is_unknown(found.name):
            yield found


def _references(service: Service) -> Iterator[Reference]:
    depends = service.node.mapping("depends_on")
    for dependency in service.dependencies:
        if depends is None or depends.text(dependency.name, "required") != "false":
            named = expand(dependency.name)
            yield Reference("services", named, "depends_on", dependency.location)
    for key in ("network_mode", "ipc", "pid"):
        how = service.node.scalar(key)
        if how is not None and (text := expand(how.text)).startswith("service:"):
            yield Reference("services", text.removeprefix("service:"), key, how.location)
    for node in service.scalars("links"):
        name = expand(node.text).partition(":")[0]
        yield Reference("services", name, "links", node.location)
    for node in service.scalars("volumes_from"):
        text = expand(node.text)
        if not text.startswith("container:"):
            yield Reference("services", text.partition(":")[0], "volumes_from", node.location)
    for name, place in service.names("networks"):
        yield Reference("networks", name, "networks", place.location)
    for name, where in named_volumes(service):
        yield Reference("volumes", name, "volumes", where)
    for kind, *keys in (("secrets", "secrets"), ("configs", "configs"), ("secrets", "build")):
        path = (*keys, "secrets") if keys == ["build"] else tuple(keys)
        for name, where in _sources(service.node.sequence(*path)):
            yield Reference(kind, name, ".".join(path), where)


def named_volumes(service: Service) -> Iterator[tuple[str, Location]]:
    """The named volumes that a service mounts."""
    for volume in service.volumes:
        if volume.kind == "volume" and volume.source:
            yield volume.source, volume.location


def _sources(items: yaml.Sequence | None) -> Iterator[tuple[str, Location]]:
    for item in items or ():
        if type(item) is yaml.Scalar:
            yield expand(item.text), item.location
        elif type(item) is yaml.Mapping and (source := item.scalar("source")) is not None:
            yield expand(source.text), source.location


class NamedFile(NamedTuple):
    """A file or directory that a project asks for.

    `what` says for what, `path` is from the root of the tree, `text` as written. `required`
    is false where it may be absent. `ignored` says that a .gitignore leaves it out,
    `has_example` that a file beside it shows what to write into it.
    """

    what: str
    text: str
    path: str
    location: Location
    required: bool = True
    present: bool = True
    ignored: bool = False
    has_example: bool = False


def resolve(directory: str, text: str) -> str | None:
    """A path as Compose takes it, from the root of the tree; None where that is not known."""
    text = expand(text)
    if is_unknown(text) or "://" in text or text.startswith(("/", "~", "git@")):
        return None
    path = normpath(f"{directory}/{text}" if directory else text or ".")
    if path.startswith(".."):
        return None
    return "" if path == "." else path


def file_names(root: yaml.Mapping, services: Iterator[Service]) -> Iterator[NamedFile]:
    """The files that a project and its services ask for, where their path is known."""
    for what, node, required in _file_nodes(root, services):
        path = resolve(dirname(node.file.path), node.text)
        if path is not None and node.text:
            yield NamedFile(what, expand(node.text), path, node.location, required)


def _file_nodes(
    root: yaml.Mapping, services: Iterator[Service]
) -> Iterator[tuple[str, yaml.Scalar, bool]]:
    for kind, what in (("secrets", "secret"), ("configs", "config")):
        definitions = root.mapping(kind)
        for entry in definitions.entries.values() if definitions else ():
            file = entry.value.scalar("file") if type(entry.value) is yaml.Mapping else None
            if file is not None:
                yield what, file, True
    for service in services:
        yield from _env_files(service.node.get("env_file"))
        for item in service.scalars("label_file"):
            yield "label_file", item, True


def _env_files(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Scalar, bool]]:
    for item in node if type(node) is yaml.Sequence else (node,):
        if type(item) is yaml.Scalar:
            yield "env_file", item, True
        elif type(item) is yaml.Mapping and (path := item.scalar("path")) is not None:
            yield "env_file", path, item.text("required") != "false"
