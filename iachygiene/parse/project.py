"""The project: the facts of all units of a scan, and the links between them.

A fact is a plain record that a unit yields beside its findings. Facts travel between
processes as JSON; rules across languages see nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from iachygiene.model import Location, Span


class StageFact(NamedTuple):
    """One stage of a Dockerfile.

    `user` is the text of the effective USER as far as this file says, None where only the
    base image could. `base` is the image that the stage starts from in the end.
    """

    dockerfile: str
    name: str
    final: bool
    location: Location
    base: str
    user: str | None
    user_location: Location | None
    healthcheck: Location | None


class BuildFact(NamedTuple):
    """A Compose service that names both a build and the image it makes.

    `image` is the reference without tag and digest; `target` is "" for the last stage.
    """

    location: Location
    object: str
    image: str
    dockerfile: str
    target: str


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


Fact: TypeAlias = StageFact | BuildFact | ContainerFact

_TYPES: dict[str, type[Any]] = {
    "StageFact": StageFact,
    "BuildFact": BuildFact,
    "ContainerFact": ContainerFact,
}
_LOCATIONS = frozenset(("location", "user_location", "healthcheck", "non_root"))


def encode(facts: Iterable[Fact]) -> list[list[Any]]:
    """Facts as values that JSON can hold."""
    return [[type(fact).__name__, *fact] for fact in facts]


def decode(rows: Iterable[list[Any]]) -> list[Fact]:
    """The facts that `encode` made the rows of, after a journey through JSON."""
    facts: list[Fact] = []
    for name, *values in rows:
        kind = _TYPES[name]
        fields = kind._fields
        facts.append(
            kind(
                *(
                    _location(value) if field in _LOCATIONS else value
                    for field, value in zip(fields, values, strict=True)
                )
            )
        )
    return facts


def _location(value: Any) -> Location | None:
    return None if value is None else Location(value[0], Span(*value[1]), value[2])


class Link(NamedTuple):
    """A container that runs the image which a Dockerfile's stage makes, known and not guessed."""

    container: ContainerFact
    build: BuildFact
    stage: StageFact


class Project:
    """All facts of a scan; the unit of the rules across languages."""

    __slots__ = ("builds", "containers", "stages")

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.stages: list[StageFact] = []
        self.builds: list[BuildFact] = []
        self.containers: list[ContainerFact] = []
        for fact in facts:
            if isinstance(fact, StageFact):
                self.stages.append(fact)
            elif isinstance(fact, BuildFact):
                self.builds.append(fact)
            else:
                self.containers.append(fact)

    def links(self) -> Iterator[Link]:
        """Each container of a manifest with the build that a Compose file gives its image.

        An image that two builds claim with different Dockerfiles or targets is not linked,
        and nothing inside a test or example tree is linked to something outside of it.
        """
        stages = {(stage.dockerfile, stage.name): stage for stage in self.stages}
        finals = {stage.dockerfile: stage for stage in self.stages if stage.final}
        for container in self.containers:
            tree = _side_tree(container.location.path)
            builds = [
                build
                for build in self.builds
                if build.image == container.image and _side_tree(build.location.path) == tree
            ]
            if len({(build.dockerfile, build.target) for build in builds}) != 1:
                continue
            build = builds[0]
            stage = (
                stages.get((build.dockerfile, build.target))
                if build.target
                else finals.get(build.dockerfile)
            )
            if stage is not None:
                yield Link(container, build, stage)


_SIDE_WORDS = ("dev", "test", "ci", "override")


def _side_tree(path: str) -> str:
    """The test, development or example tree that a file belongs to, "" for none."""
    *directories, name = path.split("/")
    for depth, directory in enumerate(directories):
        if directory in ("example", "examples") or directory.startswith("test"):
            # Each example is a project of its own: examples/a says nothing of examples/b.
            return "/".join(directories[: depth + 2])
    words = name.replace("-", ".").replace("_", ".").split(".")
    is_side = any(word in _SIDE_WORDS for word in words)
    return name if is_side and "compose" in name else ""
