"""Compose projects: a file with its overrides, includes and extended services, merged.

The format is that of https://github.com/compose-spec/compose-spec; which files belong
together is what `docker compose` takes without `-f`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename, dirname
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from iachygiene.image import ImageRef, parse_image
from iachygiene.lazy import regex
from iachygiene.model import Broken, Comment, Job, Located, Location, SourceFile, Trouble, Unchecked
from iachygiene.parse import yaml
from iachygiene.parse.compose_ports import Port, read_port
from iachygiene.parse.compose_references import NamedFile, file_names, references, resolve
from iachygiene.parse.compose_variables import expand, outer_colon
from iachygiene.parse.gitignores import is_ignored

if TYPE_CHECKING:
    from iachygiene.files import Tree
    from iachygiene.parse.project import Fact

_Placed = TypeVar("_Placed", bound=Located)

_BASES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    *("compose.override.yml", "compose.override.yaml"),
    *("docker-compose.override.yml", "docker-compose.override.yaml"),
)
_NAMED = regex(r"(docker-)?compose[^/]*\.ya?ml$")
_VARIANT = regex(r"(docker-)?compose\.[^/]+\.ya?ml$")
_SUBSTANCE = ("image", "build", "extends", "provider")
_INCLUDES = regex(r"^['\"]?include['\"]?[ \t]*:", re.MULTILINE)
_JINJA_LINE = regex(r"^[ \t]*\{%", re.MULTILINE)
_SWARM = ("update_config", "rollback_config", "placement", "mode", "endpoint_mode")
"""What stands below `deploy` for a swarm alone."""
_MAX_LISTED = 5_000
"""Files that are looked at below one mounted directory."""
_MAX_EXTENDS = 20
"""How many services may extend one another in a row; a circle ends here too."""

MARKERS = (b"iachygiene", b"dclint", b"checkov:skip", b"trivy:ignore")
"""What stands in a file with a comment that sets findings aside, ours or a peer's."""

_REPLACED = frozenset(("command", "entrypoint", "test"))
"""Lists that an override replaces and does not add to."""
_KEYED = frozenset(
    (
        *("environment", "labels", "annotations", "args", "extra_hosts", "sysctls", "ulimits"),
        *("depends_on", "networks", "additional_contexts"),
    )
)
"""What may be a list or a mapping, and is merged by key in both forms."""


class Volume(NamedTuple):
    """A mount of a service: what is mounted and where. A named volume is its name.

    `kind` is "bind", "volume" or what the long form says. `options` are what the short form
    says after the target; of the long form it is the `node` that has more.
    """

    source: str
    target: str
    location: Location
    kind: str
    options: tuple[str, ...]
    node: yaml.Node

    @property
    def read_only(self) -> bool:
        """Whether the service cannot write there."""
        if type(self.node) is yaml.Mapping:
            return self.node.text("read_only") == "true"
        return "ro" in self.options


class Variable(NamedTuple):
    """A variable that a service sets. `value` is None where it is taken from outside.

    `node` is the value, or the whole `NAME=value` of a list.
    """

    name: str
    value: str | None
    node: yaml.Scalar

    @property
    def location(self) -> Location:
        """Where the value is written, or the name that has none."""
        return self.node.location


class Dependency(NamedTuple):
    """A service that another one waits for.

    `node` is the place to report. `condition` is "" in the short form, `condition_node` the
    scalar that says it.
    """

    name: str
    node: yaml.Scalar
    condition: str
    condition_node: yaml.Scalar | None

    @property
    def location(self) -> Location:
        """The name of the other service."""
        return self.node.location


class Build(NamedTuple):
    """How a service's image is built.

    `dockerfile` is the path from the root of the tree, None where it cannot be known: a
    remote context, a variable, or instructions written in the Compose file. So is `context`.
    """

    location: Location
    dockerfile: str | None
    target: str
    context: str | None


class Service:
    """One service, with what overrides and extended services add.

    `node` is merged: its parts keep the places, and the files, that they come from. It is
    not `complete` where what it extends could not be found. What is known of the Dockerfile
    counts in whatever stage it says so.
    """

    __slots__ = (
        *("build", "complete", "dockerfile_has_healthcheck", "dockerfile_has_user"),
        *("dockerfile_is_known", "key", "name", "node", "object"),
    )

    def __init__(
        self, key: yaml.Scalar, node: yaml.Mapping, build: Build | None, complete: bool
    ) -> None:
        self.key = key
        self.name = key.text
        self.node = node
        self.object = f"service {self.name}"
        self.build = build
        self.complete = complete
        self.dockerfile_is_known = False
        self.dockerfile_has_healthcheck = False
        self.dockerfile_has_user = False

    @property
    def location(self) -> Location:
        """The service's name."""
        return self.key.location

    @property
    def image(self) -> ImageRef | None:
        """The image with the defaults of its variables, None where there is none."""
        node = self.node.scalar("image")
        return None if node is None else parse_image(expand(node.text), node.location)

    @property
    def has_substance(self) -> bool:
        """Whether it says what to run; if not, something else has to."""
        return "image" in self.node or self.build is not None or "provider" in self.node

    def text(self, *keys: str) -> str:
        """The text at a path of keys with the defaults of its variables, "" without one."""
        return expand(self.node.text(*keys))

    def flag(self, key: str) -> yaml.Scalar | None:
        """The node of a key whose value is true."""
        node = self.node.scalar(key)
        return node if node is not None and _is_true(node) else None

    def scalars(self, *keys: str) -> Iterator[yaml.Scalar]:
        """The scalar items of a list, or the one scalar in its place."""
        node = self.node.get(*keys)
        if type(node) is yaml.Sequence:
            yield from node.scalars()
        elif type(node) is yaml.Scalar:
            yield node

    def names(self, *keys: str) -> Iterator[tuple[str, yaml.Scalar]]:
        """The names of a list or of the keys of a mapping, with the defaults of variables."""
        node = self.node.get(*keys)
        if type(node) is yaml.Mapping:
            for key, _ in node.entries.values():
                yield expand(key.text), key
        elif type(node) is yaml.Sequence:
            for item in node.scalars():
                yield expand(item.text), item

    def variables(self, *keys: str) -> Iterator[Variable]:
        """The variables of `environment` or `build.args`, as a mapping or a list."""
        node = self.node.get(*keys)
        if type(node) is yaml.Mapping:
            for name, (key, value) in node.entries.items():
                if type(value) is yaml.Scalar:
                    empty = value.is_null
                    yield Variable(name, None if empty else value.text, key if empty else value)
        elif type(node) is yaml.Sequence:
            for item in node.scalars():
                name, equals, text = item.text.partition("=")
                yield Variable(name, text if equals else None, item)

    @property
    def ports(self) -> Iterator[Port]:
        """What it publishes, in the short and the long form."""
        for node in self.node.sequence("ports") or ():
            yield from read_port(node)

    @property
    def exposed(self) -> Iterator[int]:
        """The container ports that it says to listen on, ranges expanded up to a bound."""
        for port in self.ports:
            if port.target:
                yield from range(port.target[0], min(port.target[1], port.target[0] + 100) + 1)
        for item in self.scalars("expose"):
            number = expand(item.text).partition("/")[0]
            if number.isascii() and number.isdigit():
                yield int(number)

    @property
    def profiles(self) -> frozenset[str]:
        """The profiles that it belongs to, none for one that is always there."""
        return frozenset(expand(item.text) for item in self.scalars("profiles"))

    @property
    def replicas(self) -> int:
        """How many containers are asked for; 1 where that is not known."""
        text = self.text("deploy", "replicas") or self.text("scale")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1

    @property
    def volumes(self) -> Iterator[Volume]:
        """Its mounts in the short and the long form."""
        for node in self.node.sequence("volumes") or ():
            if type(node) is yaml.Scalar:
                source, target, options = _split_volume(expand(node.text))
                kind = "bind" if _is_path(source) else "volume"
                yield Volume(source, target, node.location, kind, options, node)
            elif type(node) is yaml.Mapping:
                place = node.scalar("source")
                location = place.location if place else node.location
                source, target = expand(node.text("source")), expand(node.text("target"))
                kind = expand(node.text("type")) or "volume"
                yield Volume(source, target, location, kind, (), node)

    @property
    def dependencies(self) -> Iterator[Dependency]:
        """The services of `depends_on` in both forms."""
        node = self.node.get("depends_on")
        if type(node) is yaml.Sequence:
            for item in node.scalars():
                yield Dependency(item.text, item, "", None)
        elif type(node) is yaml.Mapping:
            for name, (key, value) in node.entries.items():
                how = value.scalar("condition") if type(value) is yaml.Mapping else None
                yield Dependency(name, key, expand(how.text) if how else "", how)

    @property
    def healthcheck(self) -> yaml.Scalar | None:
        """The key of a health check that is not switched off."""
        node = self.node.mapping("healthcheck")
        if node is None:
            return None
        disabled = node.scalar("disable")
        test = node.get("test")
        first = next(iter(test), None) if type(test) is yaml.Sequence else test
        if (disabled is not None and _is_true(disabled)) or (
            type(first) is yaml.Scalar and first.text == "NONE"
        ):
            return None
        return self.node.key("healthcheck")


def _is_true(node: yaml.Scalar) -> bool:
    return node.value is True or expand(node.text) == "true"


def _split_volume(text: str) -> tuple[str, str, tuple[str, ...]]:
    """Source, target and options; a drive letter of Windows belongs to its path."""
    drive = 2 if text[1:3] in (":\\", ":/") and text[:1].isalpha() else 0
    colon = outer_colon(text, drive)
    if colon == -1:
        return "", text, ()
    end = outer_colon(text, colon + 1)
    if end == -1:
        return text[:colon], text[colon + 1 :], ()
    return text[:colon], text[colon + 1 : end], tuple(text[end + 1 :].split(","))


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "~", "$", "\\")) or source[1:2] == ":"


class ComposeFile:
    """One Compose project.

    `paths` are the files that it owns: what a service extends in another project's file is
    merged here and reported there, `roots` are those files unmerged. A `partial` project only
    changes others: what it does not say may be said there. It is not `complete` where a file
    that it includes or extends could not be read. `named_files` are those that it asks for,
    `lost_services` what `extends` does not find, `mentioned` the text of the other projects
    of the directory.
    """

    __slots__ = (
        *("complete", "files", "lost_services", "mentioned", "named_files", "partial"),
        *("paths", "root", "roots", "services", "tree"),
    )

    def __init__(
        self,
        files: tuple[SourceFile, ...],
        root: yaml.Mapping,
        roots: tuple[yaml.Mapping, ...],
        services: Mapping[str, Service],
        partial: bool,
        tree: Tree,
    ) -> None:
        self.tree = tree
        self.files = files
        self.paths = frozenset(file.path for file in files)
        self.root = root
        self.roots = roots
        self.services = services
        self.partial = partial
        self.complete = True
        self.named_files: list[NamedFile] = []
        self.lost_services: list[yaml.Scalar] = []
        self.mentioned: tuple[str, ...] = ()

    @property
    def location(self) -> Location:
        """The file that the project starts from."""
        return self.files[0].location

    def source_maps(self, mounted: str, place: yaml.Node) -> Iterator[str]:
        """The source maps in a file or directory of the tree that a path in a file names."""
        top = resolve(dirname(place.file.path), mounted)
        pending = [top] if top else []
        looked_at = 0
        while pending and looked_at < _MAX_LISTED:
            directory = pending.pop()
            for name, kind in self.tree.listdir(directory):
                looked_at += 1
                path = f"{directory}/{name}"
                if kind == "dir" and name not in ("node_modules", ".git"):
                    pending.append(path)
                elif name.endswith((".js.map", ".mjs.map", ".cjs.map", ".css.map")):
                    yield path

    @property
    def for_swarm(self) -> bool:
        """Whether the project is made for `docker stack`: it builds nothing, and says so."""
        services = self.services.values()
        if any(service.build is not None for service in services):
            return False
        name = basename(self.location.path)
        return any(word in name for word in ("stack", "swarm")) or any(
            service.node.get("deploy", key) is not None for service in services for key in _SWARM
        )

    def defined(self, kind: str) -> dict[str, yaml.Entry]:
        """The top-level volumes, networks, secrets or configs by name."""
        node = self.root.mapping(kind)
        return node.entries if node else {}

    def own(self, places: Iterable[tuple[Service, _Placed]]) -> Iterator[tuple[Service, _Placed]]:
        """What stands in the project's own files; what several services share comes once."""
        seen: set[Location] = set()
        for service, place in places:
            location = place.location
            if location.path in self.paths and location not in seen:
                seen.add(location)
                yield service, place


def group(paths: Iterable[str], tree: Tree, settings: Mapping[str, Any]) -> list[Job]:
    """One job a directory; a file that includes others brings their directories with it."""
    directories: dict[str, list[str]] = defaultdict(list)
    known = list(paths)
    for path in known:
        directories[dirname(path)].append(path)
    above = {directory: directory for directory in directories}

    def first(directory: str) -> str:
        while above[directory] != directory:
            above[directory] = above[above[directory]]
            directory = above[directory]
        return directory

    for path in known:
        for target in _included_by(path, tree):
            if dirname(target) in above:
                low, high = sorted((first(dirname(path)), first(dirname(target))))
                above[high] = low
    joined: dict[str, list[str]] = defaultdict(list)
    for directory, members in directories.items():
        joined[first(directory)] += members
    return [
        Job("compose", directory, tuple(members), settings) for directory, members in joined.items()
    ]


def _included_by(path: str, tree: Tree) -> list[str]:
    try:
        file = tree.read(path)
        if not _INCLUDES.search(file.text):
            return []
        root = _root_of(yaml.parse(file))
    except Broken:
        return []
    return [target for targets in _includes(root, path) for target in targets] if root else []


def _includes(root: yaml.Mapping, path: str) -> Iterator[list[str]]:
    """The files of each `include`; several of one entry are merged with one another."""
    for item in root.sequence("include") or ():
        found = [resolve(dirname(path), node.text) for node in _paths_of(item)]
        yield [target for target in found if target]


def _include_nodes(root: yaml.Mapping) -> Iterator[yaml.Scalar]:
    for item in root.sequence("include") or ():
        yield from _paths_of(item)


def _paths_of(item: yaml.Node) -> Iterator[yaml.Scalar]:
    where = item.get("path") if type(item) is yaml.Mapping else item
    for one in where if type(where) is yaml.Sequence else (where,):
        if type(one) is yaml.Scalar:
            yield one


def _root_of(stream: yaml.Stream) -> yaml.Mapping | None:
    """The root of a Compose file, None where the file is something else."""
    if stream.trouble is not None or not stream.documents:
        return None
    root = stream.documents[0].root
    if type(root) is not yaml.Mapping or "apiVersion" in root:
        return None
    services = root.mapping("services")
    named = _NAMED.match(basename(stream.file.path)) is not None
    if services is None:
        return root if named and "include" in root else None
    return root if named or any(_has_substance(node) for node in _values(services)) else None


def _values(node: yaml.Mapping) -> Iterator[yaml.Node]:
    return (entry.value for entry in node.entries.values())


def _has_substance(node: yaml.Node) -> bool:
    return type(node) is yaml.Mapping and any(key in node for key in _SUBSTANCE)


def load(job: Job, tree: Tree) -> Iterator[ComposeFile | Trouble | Unchecked]:
    """The projects of a job. A file of services that are not Compose's gives nothing."""
    loader = _Loader(tree)
    roots: dict[str, yaml.Mapping] = {}
    for path in job.paths:
        try:
            file = tree.read(path)
            stream = loader.stream(file)
        except Broken as broken:
            yield broken.trouble
            continue
        text = file.text
        if stream.trouble is None:
            root = _root_of(stream)
            if root is not None:
                roots[file.path] = root
        elif stream.trouble.kind == "syntax" and ("{{" in text or _JINJA_LINE.search(text)):
            yield Unchecked(path, "template", "not YAML until it is rendered")
        else:
            yield stream.trouble
    owned = _owned(roots)
    for path in roots:
        if path not in owned:
            yield loader.project(path, roots, owned)


def _owned(roots: Mapping[str, yaml.Mapping]) -> dict[str, str]:
    """The files that belong to the project of another: overrides and included ones."""
    owned: dict[str, str] = {}
    for directory in {dirname(path) for path in roots}:
        prefix = f"{directory}/" if directory else ""
        bases = [prefix + name for name in _BASES if prefix + name in roots]
        overrides = [prefix + name for name in _OVERRIDES if prefix + name in roots]
        if bases and overrides:
            owned[overrides[0]] = bases[0]
    for path, root in roots.items():
        for targets in _includes(root, path):
            for target in targets:
                if target in roots and _top(owned, path) != target:
                    owned.setdefault(target, path)
    return owned


def _top(owned: Mapping[str, str], path: str) -> str:
    while path in owned:
        path = owned[path]
    return path


def _whole(
    path: str, roots: Mapping[str, yaml.Mapping], owned: Mapping[str, str], seen: set[str]
) -> yaml.Mapping:
    """A file over what it includes, under the file that overrides it."""
    seen.add(path)
    parts = [
        _whole(target, roots, owned, seen)
        for targets in _includes(roots[path], path)
        for target in targets
        if target not in seen and owned.get(target) == path
    ]
    parts.append(roots[path])
    parts += [
        roots[other]
        for other, owner in owned.items()
        if owner == path and other not in seen and basename(other) in _OVERRIDES
    ]
    merged = parts[0]
    for part in parts[1:]:
        merged = _merged(merged, part)
    return merged


class _Loader:
    """Reads each file once and merges projects."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._streams: dict[str, yaml.Stream] = {}
        self._dockerfiles: dict[str, str] = {}

    def stream(self, file: SourceFile) -> yaml.Stream:
        if file.path not in self._streams:
            stream = self._streams[file.path] = yaml.parse(file)
            root = _root_of(stream) if "$" in file.text else None
            if root is not None:
                from iachygiene.parse.compose_env import fill_in_file

                fill_in_file(root, self._tree)
        return self._streams[file.path]

    def project(
        self,
        start: str,
        roots: Mapping[str, yaml.Mapping],
        owned: Mapping[str, str],
    ) -> ComposeFile:
        members = [start, *(path for path in owned if _top(owned, path) == start)]
        merged = _whole(start, roots, owned, set())
        services = merged.mapping("services")
        found = {service.name: service for service in self._services(services)} if services else {}
        files = tuple(self._streams[path].file for path in members)
        own = tuple(roots[path] for path in members)
        project = ComposeFile(
            files, merged, own, found, _is_partial(start, found, roots), self._tree
        )
        project.mentioned = tuple(
            self._streams[path].file.text
            for path in roots
            if path not in project.paths and dirname(path) == dirname(start)
        )
        self._look_at_files(project, services)
        return project

    def _look_at_files(self, project: ComposeFile, services: yaml.Mapping | None) -> None:
        """Note which files a project asks for, and whether all that it is made of is here."""
        named = list(file_names(project.root, iter(project.services.values())))
        for service in project.services.values():
            named += _build_files(service)
        for root in project.roots:
            for node in _include_nodes(root):
                path = resolve(dirname(node.file.path), node.text)
                if path is None or not self._tree.exists(path):
                    project.complete = False
                if path is not None:
                    named.append(NamedFile("include", expand(node.text), path, node.location))
        for value in _values(services) if services else ():
            self._look_at_extends(value, services, project, named)
        project.named_files = [self._seen(one) for one in dict.fromkeys(named)]
        if not all(service.complete for service in project.services.values()):
            project.complete = False

    def _look_at_extends(
        self,
        service: yaml.Node,
        services: yaml.Mapping | None,
        project: ComposeFile,
        named: list[NamedFile],
    ) -> None:
        how = service.get("extends") if type(service) is yaml.Mapping else None
        name = how.scalar("service") if type(how) is yaml.Mapping else how
        file = how.scalar("file") if type(how) is yaml.Mapping else None
        others = services
        if file is not None:
            path = resolve(dirname(file.file.path), file.text)
            others = self._other_services(path)
            if path is not None:
                named.append(NamedFile("extends", expand(file.text), path, file.location))
        if type(name) is yaml.Scalar and others is not None and name.text not in others:
            project.lost_services.append(name)

    def _seen(self, one: NamedFile) -> NamedFile:
        tree = self._tree
        present = tree.exists(one.path) or tree.is_directory(one.path)
        if not present or (one.what == "env_file" and not tree.is_listed(one.path)):
            ignored = is_ignored(tree, one.path)
            example = one.what == "env_file" and _has_example(tree, one.path)
            return one._replace(present=present, ignored=ignored, has_example=example)
        return one

    def _services(self, services: yaml.Mapping) -> Iterator[Service]:
        for key, value in services.entries.values():
            if type(value) is not yaml.Mapping:
                continue
            node, complete = self._extended(value, services, _MAX_EXTENDS)
            service = Service(key, node, _build(node), complete)
            if service.build and service.build.dockerfile:
                text = self._dockerfile(service.build.dockerfile)
                service.dockerfile_is_known = bool(text)
                service.dockerfile_has_healthcheck = _HEALTHCHECK.search(text) is not None
                service.dockerfile_has_user = _USER.search(text) is not None
            yield service

    def _extended(
        self, node: yaml.Mapping, services: yaml.Mapping, depth: int
    ) -> tuple[yaml.Mapping, bool]:
        """A service over the one that it extends, and whether all of that was found."""
        how = node.get("extends")
        if how is None or depth == 0:
            return node, True
        name, file = "", ""
        if type(how) is yaml.Scalar:
            name = how.text
        elif type(how) is yaml.Mapping:
            name, file = how.text("service"), how.text("file")
        if file:
            other = self._other_services(resolve(dirname(how.file.path), file))
            if other is None:
                return node, False
            services = other
        base = services.mapping(name)
        if base is None or base is node:
            return node, False
        whole, complete = self._extended(base, services, depth - 1)
        return _merged(whole, node), complete

    def _other_services(self, path: str | None) -> yaml.Mapping | None:
        if path is None:
            return None
        try:
            stream = self.stream(self._tree.read(path))
        except Broken:
            return None
        root = _root_of(stream)
        return root.mapping("services") if root else None

    def _dockerfile(self, path: str) -> str:
        """The text of a Dockerfile, "" where it cannot be read."""
        if path not in self._dockerfiles:
            try:
                self._dockerfiles[path] = self._tree.read(path).text
            except Broken:
                self._dockerfiles[path] = ""
        return self._dockerfiles[path]


_HEALTHCHECK = regex(r"^[ \t]*HEALTHCHECK[ \t]+(?!NONE[ \t]*$)\S", re.MULTILINE | re.IGNORECASE)
_USER = regex(r"^[ \t]*USER[ \t]+(?!(?:root|0)(?:[: \t\r]|$))\S", re.MULTILINE | re.IGNORECASE)


def _is_partial(
    path: str, services: Mapping[str, Service], roots: Mapping[str, yaml.Mapping]
) -> bool:
    """Whether a file is made to be given to Compose together with another one.

    Some files are called so. Others, beside a file of a usual name, tell it by services that
    do not say what to run, that are in that file as well, or that name what only it defines.
    """
    name = basename(path)
    if _VARIANT.match(name):
        return True
    if name in _BASES:
        return False
    if any(not service.has_substance and service.complete for service in services.values()):
        return True
    prefix = path[: len(path) - len(name)]
    bases = [roots[prefix + base] for base in _BASES if prefix + base in roots]
    wanted = [one for service in services.values() for one in references(service)] if bases else ()
    return any(
        any(name in (base.mapping("services") or ()) for name in services)
        or any(
            one.name in (base.mapping(one.kind) or ())
            and one.name not in (roots[path].mapping(one.kind) or ())
            for one in wanted
        )
        for base in bases
    )


_EXAMPLES = ("example", "sample", "template", "dist", "default", "tpl")


def _has_example(tree: Tree, path: str) -> bool:
    """Whether there is a file of nearly this name that shows what to write."""
    name = basename(path).lstrip(".")
    names = [entry for entry, _ in tree.listdir(dirname(path)) if entry != basename(path)]
    return any(
        word in entry.lower() and ("env" in entry.lower() or name in entry)
        for entry in names
        for word in _EXAMPLES
    )


def _build_files(service: Service) -> Iterator[NamedFile]:
    """The context of a build, and its Dockerfile."""
    node = service.node.get("build")
    context = node.scalar("context") if type(node) is yaml.Mapping else node
    named = node.scalar("dockerfile") if type(node) is yaml.Mapping else None
    directory = None
    if type(context) is yaml.Scalar:
        directory = resolve(dirname(context.file.path), context.text)
        if directory is not None and not _is_remote(directory):
            text = expand(context.text)
            yield NamedFile("build context", text, directory, context.location)
    if service.build and service.build.dockerfile and (context is None or directory is not None):
        place = named or context
        if place is not None:
            path = service.build.dockerfile
            text = expand(named.text) if named else "Dockerfile"
            yield NamedFile("Dockerfile", text, path, place.location)


def _is_remote(context: str) -> bool:
    return context.startswith("github.com/") or context.endswith(".git")


def _merged(base: yaml.Mapping, over: yaml.Mapping, depth: int = 0) -> yaml.Mapping:
    """An override over its base, by the rules of Compose.

    https://github.com/compose-spec/compose-spec/blob/main/13-merge.md
    """
    result = yaml.Mapping(over.file, over.start, None)
    result.end = over.end
    pairs: dict[str, tuple[yaml.Scalar, yaml.Node]] = dict(base.entries)
    for text, (key, value) in over.entries.items():
        tag = getattr(value, "tag", None)
        if tag == "!reset":
            pairs.pop(text, None)
        elif text not in pairs or tag == "!override" or depth > yaml.MAX_DEPTH:
            pairs[text] = (key, value)
        else:
            # The key stays where the base has it: there the service, say, is declared.
            pairs[text] = (pairs[text][0], _merged_value(text, pairs[text][1], value, depth))
    for key, value in pairs.values():
        result.children += (key, value)
    return result


def _merged_value(key: str, base: yaml.Node, over: yaml.Node, depth: int) -> yaml.Node:
    if type(base) is yaml.Mapping and type(over) is yaml.Mapping:
        return _merged(base, over, depth + 1)
    if key in _REPLACED:
        return over
    if type(base) is yaml.Sequence and type(over) is yaml.Sequence:
        result = yaml.Sequence(over.file, over.start, None)
        result.end = over.end
        result.children = _joined(key, base, over)
        return result
    if type(over) is yaml.Scalar and over.is_null:
        return base
    if key in _KEYED or key == "build":
        as_mapping = _context_of if key == "build" else _by_key
        mappings = as_mapping(base), as_mapping(over)
        if mappings[0] is not None and mappings[1] is not None:
            return _merged(mappings[0], mappings[1], depth + 1)
    return over


def _joined(key: str, base: yaml.Sequence, over: yaml.Sequence) -> list[yaml.Node]:
    """Two lists: of mounts at one place, and of variables of one name, the later one holds."""
    if key != "volumes" and key not in _KEYED:
        return [*base.children, *over.children]
    by_key: dict[str, yaml.Node] = {}
    for number, item in enumerate((*base.children, *over.children)):
        name = str(number)
        if type(item) is yaml.Scalar:
            target = _split_volume(expand(item.text))[1]
            name = target if key == "volumes" else item.text.partition("=")[0]
        elif type(item) is yaml.Mapping:
            name = expand(item.text("target")) or name
        by_key[name] = item
    return list(by_key.values())


def _by_key(node: yaml.Node) -> yaml.Mapping | None:
    """A list of names, or of `NAME=value`, as a mapping."""
    if type(node) is not yaml.Sequence:
        return node if type(node) is yaml.Mapping else None
    result = yaml.Mapping(node.file, node.start, None)
    result.end = node.end
    for item in node.scalars():
        name, _, value = item.text.partition("=")
        for text in (name, value):
            result.children.append(
                yaml.Scalar(item.file, item.start, item.end, text, item.style, item.tag)
            )
    return result


def _context_of(node: yaml.Node) -> yaml.Mapping | None:
    """A build, of which the short form is its context alone, as a mapping."""
    if type(node) is not yaml.Scalar:
        return node if type(node) is yaml.Mapping else None
    result = yaml.Mapping(node.file, node.start, None)
    result.end = node.end
    result.children = [yaml.Scalar(node.file, node.start, node.end, "context", "", None), node]
    return result


def _build(node: yaml.Mapping) -> Build | None:
    build = node.get("build")
    key = node.key("build")
    if build is None or key is None:
        return None
    directory = dirname(build.file.path)
    if type(build) is yaml.Scalar:
        short = resolve(directory, build.text)
        return Build(key.location, _dockerfile(short, ""), "", short)
    if type(build) is not yaml.Mapping:
        return None
    named = build.scalar("context")
    if named is not None:
        directory = dirname(named.file.path)
    path, resolved = None, resolve(directory, named.text if named else ".")
    if "dockerfile_inline" not in build:
        path = _dockerfile(resolved, build.text("dockerfile"))
    return Build(key.location, path, expand(build.text("target")), resolved)


def _dockerfile(context: str | None, name: str) -> str | None:
    if context is None or _is_remote(context):
        return None
    return resolve(context, name or "Dockerfile")


def comments(unit: ComposeFile) -> Iterator[Comment]:
    """The comments of all files of a project."""
    for file in unit.files:
        yield from yaml.comments(file, MARKERS)


def facts(unit: ComposeFile) -> Iterator[Fact]:
    """What the services build and run, the ports they count on, the names they go by."""
    from iachygiene.parse.compose_facts import facts_of

    return facts_of(unit)
