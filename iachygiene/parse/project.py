"""The project: the facts of all units of a scan, and the links between them.

A fact is a plain record that a unit yields beside its findings. Facts travel between
processes as JSON; rules across languages see nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from posixpath import dirname
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from iachygiene.model import Location, Span


class StageFact(NamedTuple):
    """One stage of a Dockerfile.

    `user` is the text of the effective USER as far as this file says, None where only the
    base image could. `base` is the image that the stage starts from in the end, at
    `base_location`. `ports` are those of EXPOSE, `copied` the sources of COPY relative to
    the build context, both with what the stage inherits. `context` is where the sources lie
    as the file alone tells, None where nothing does.
    """

    dockerfile: str
    name: str
    final: bool
    location: Location
    base: str
    base_location: Location
    user: str | None
    user_location: Location | None
    healthcheck: Location | None
    ports: tuple[str, ...]
    copied: tuple[str, ...]
    context: str | None


class BuildFact(NamedTuple):
    """What says which Dockerfile an image is built from.

    `image` is the reference without tag and digest, "" where the build has no name. `target`
    is "" for the last stage, `context` None where it is not known. `by` is "compose",
    "skaffold", "bake", "tilt", "workflow" or "configuration".
    """

    location: Location
    object: str
    image: str
    dockerfile: str
    target: str
    context: str | None
    by: str


class ContainerFact(NamedTuple):
    """A container of a Kubernetes workload.

    `image` is the reference without tag and digest. `non_root` is the place of an effective
    `runAsNonRoot: true`. `long_running` is false for Jobs and CronJobs.
    """

    location: Location
    object: str
    image: str
    non_root: Location | None
    run_as_user: int | None
    probed: bool
    long_running: bool
    partial: bool


class PortFact(NamedTuple):
    """A port of a container that somebody else counts on.

    Its image is known by name, or by the Dockerfile and target that Compose builds.
    """

    location: Location
    object: str
    image: str
    dockerfile: str
    target: str
    first: int
    last: int
    what: str


class ImageFact(NamedTuple):
    """An image that runs somewhere. `where` is "compose", "kubernetes", "helm" or "terraform".

    `version` is its tag, or its digest where there is no tag, "" without both.
    """

    location: Location
    object: str
    image: str
    version: str
    where: str


class HostFact(NamedTuple):
    """A host that a workload's variable or a ConfigMap names."""

    location: Location
    object: str
    host: str
    namespace: str


class NameFact(NamedTuple):
    """A name that something in a file goes by. `namespaces` are those it may be in.

    `service` says that it is the DNS name of a Service.
    """

    path: str
    name: str
    namespaces: tuple[str, ...]
    service: bool


class VersionFact(NamedTuple):
    """The version of a runtime that a file declares.

    `notation` says how to read it: "exact", "npm", "python" or "least".
    """

    location: Location
    runtime: str
    text: str
    notation: str


class ModuleFact(NamedTuple):
    """A Terraform module: the versions of Terraform it takes, the local modules it calls."""

    directory: str
    location: Location
    required: str
    called: tuple[str, ...]


class ProviderFact(NamedTuple):
    """A constraint that a Terraform module puts on a provider."""

    directory: str
    location: Location
    source: str
    constraint: str


class ToolFact(NamedTuple):
    """The version of Terraform that a file or a CI step takes in a directory and below."""

    location: Location
    directory: str
    version: str


class SecretFact(NamedTuple):
    """A file of the tree that is mounted as a secret into what a Dockerfile builds."""

    location: Location
    object: str
    path: str
    dockerfile: str
    target: str
    context: str | None


class UpdateFact(NamedTuple):
    """An image that Argo CD Image Updater keeps up to date in the manifests of a directory."""

    location: Location
    image: str
    directory: str


Fact: TypeAlias = (
    StageFact
    | BuildFact
    | ContainerFact
    | PortFact
    | ImageFact
    | HostFact
    | NameFact
    | VersionFact
    | ModuleFact
    | ProviderFact
    | ToolFact
    | SecretFact
    | UpdateFact
)

Kept = TypeVar("Kept")

_TYPES: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(StageFact, BuildFact, ContainerFact, PortFact, ImageFact, HostFact, NameFact),
        *(VersionFact, ModuleFact, ProviderFact, ToolFact, SecretFact, UpdateFact),
    )
}
_LOCATIONS = frozenset(("location", "base_location", "user_location", "healthcheck", "non_root"))


def encode(facts: Iterable[Fact | list[Any]]) -> list[list[Any]]:
    """Facts as values that JSON can hold; those that are rows already stay as they are."""
    return [fact if isinstance(fact, list) else [type(fact).__name__, *fact] for fact in facts]


def decode(rows: Iterable[Fact | list[Any]]) -> list[Fact]:
    """The facts that `encode` made the rows of, after a journey through JSON."""
    facts: list[Fact] = []
    for row in rows:
        if not isinstance(row, list):
            facts.append(row)
            continue
        name, *values = row
        kind = _TYPES[name]
        fields = zip(kind._fields, values, strict=True)
        facts.append(kind(*(_value(field, value) for field, value in fields)))
    return facts


def facts_of(kind: type[Kept], facts: Iterable[Fact | list[Any]]) -> list[Kept]:
    """The facts of one type; rows of other types are not decoded."""
    name = kind.__name__
    found = [
        fact
        for fact in facts
        if (fact[0] == name if isinstance(fact, list) else isinstance(fact, kind))
    ]
    return cast("list[Kept]", decode(found))


def _value(field: str, value: Any) -> Any:
    if field in _LOCATIONS:
        return None if value is None else Location(value[0], Span(*value[1]), value[2])
    return tuple(value) if isinstance(value, list) else value


class Link(NamedTuple):
    """A container that runs the image which a Dockerfile's stage makes, known and not guessed."""

    container: ContainerFact
    build: BuildFact
    stage: StageFact


class Project:
    """All facts of a scan; the unit of the rules across languages.

    `unread` are files and directories that could not be looked at: what seems to be missing
    may be there.
    """

    __slots__ = ("_builds", "_facts", "_finals", "_stages", "_unread")

    def __init__(self, facts: Iterable[Fact], unread: Iterable[str] = ()) -> None:
        self._unread = {side_tree(f"{path}/") for path in unread}
        self._facts: dict[type[Any], list[Any]] = defaultdict(list)
        for fact in facts:
            self._facts[type(fact)].append(fact)
        # In whatever order files were judged, the same one is the first of several.
        for some in self._facts.values():
            some.sort(key=_order)
        self._stages = {(one.dockerfile, one.name): one for one in self.stages}
        self._finals = {one.dockerfile: one for one in self.stages if one.final}
        self._builds: dict[str, list[BuildFact]] = defaultdict(list)
        for build in self.builds:
            if build.image:
                self._builds[build.image].append(build)

    def is_whole(self, tree: str) -> bool:
        """Whether every file of a test or example tree, or of all the rest, was looked at."""
        return tree not in self._unread

    def of(self, kind: type[Any]) -> list[Any]:
        """The facts of one type."""
        return self._facts.get(kind, [])

    @property
    def stages(self) -> list[StageFact]:
        """The stages of all Dockerfiles."""
        return self.of(StageFact)

    @property
    def builds(self) -> list[BuildFact]:
        """Everything that says what an image is built from."""
        return self.of(BuildFact)

    @property
    def containers(self) -> list[ContainerFact]:
        """The containers of all workloads."""
        return self.of(ContainerFact)

    def stage_of(self, dockerfile: str, target: str) -> StageFact | None:
        """The stage that a target names, the last one for none."""
        return self._stages.get((dockerfile, target)) if target else self._finals.get(dockerfile)

    def build_of(self, image: str, path: str) -> BuildFact | None:
        """The one build of an image, for somebody who names it in a file.

        An image that two builds claim with different Dockerfiles or targets is not linked,
        and nothing inside a test or example tree is linked to something outside of it.
        """
        tree = side_tree(path)
        builds = [
            build for build in self._builds.get(image, ()) if side_tree(build.location.path) == tree
        ]
        if len({(build.dockerfile, build.target) for build in builds}) != 1:
            return None
        return builds[0]

    def is_built(self, image: str) -> bool:
        """Whether anything builds an image of this name."""
        return image in self._builds

    def links(self) -> Iterator[Link]:
        """Each container of a manifest with the one build of its image."""
        for container in self.containers:
            build = self.build_of(container.image, container.location.path)
            stage = self.stage_of(build.dockerfile, build.target) if build else None
            if build is not None and stage is not None:
                yield Link(container, build, stage)

    def contexts_of(self, dockerfile: str) -> set[str]:
        """The build contexts of a Dockerfile: those that builds name, else the one it tells."""
        named = {
            build.context
            for build in self.builds
            if build.dockerfile == dockerfile and build.context is not None
        }
        final = self._finals.get(dockerfile)
        return named or ({final.context} if final and final.context is not None else set())


def _order(fact: Any) -> tuple[str, Span, str]:
    place = getattr(fact, "location", None) or Location(fact.path)
    return place.path, place.span, str(fact[1])


_SIDE_WORDS = ("dev", "test", "ci", "override")


def side_tree(path: str) -> str:
    """The test, development or example tree that a file belongs to, "" for none."""
    *directories, name = path.split("/")
    for depth, directory in enumerate(directories):
        if directory in ("example", "examples") or directory.startswith("test"):
            # Each example is a project of its own: examples/a says nothing of examples/b.
            return "/".join(directories[: depth + 2])
    words = name.replace("-", ".").replace("_", ".").split(".")
    is_side = any(word in _SIDE_WORDS for word in words)
    return name if is_side and "compose" in name else ""


def is_below(path: str, directory: str) -> bool:
    """Whether a file is in a directory or below it."""
    return not directory or dirname(path) == directory or path.startswith(directory + "/")
