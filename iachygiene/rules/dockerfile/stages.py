"""Stages: whether they are used, and how they are named and referred to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Flag, Instruction, Run, Stage
from iachygiene.parse.dockerignore import BuildContext
from iachygiene.rule import rule

_TARGETS = frozenset(
    (
        *("dev", "development", "devel", "test", "tests", "testing", "lint", "debug", "ci"),
        *("export", "release", "prod", "production", "binary", "binaries", "artifact"),
        *("artifacts", "output", "docs", "check", "e2e", "integration", "coverage", "cross"),
        *("validate", "vendor", "update", "gen", "generate", "format", "fmt", "windows", "local"),
        *("envs", "unit", "bench", "benchmark", "target", "final", "publish", "push", "sbom"),
    )
)
_SELECTING = regex(r"\btarget[\"']?\s*[:=]\s*[\"']?([\w.-]+)|--target[= ]\s*[\"']?([\w.-]+)")
_SELECTORS = regex(
    r"(?:(?:docker-)?compose[\w.-]*\.ya?ml|docker-bake[\w.-]*\.(?:hcl|json)|skaffold\.ya?ml"
    r"|Makefile|Taskfile\.ya?ml|justfile|tiltfile|package\.json|cloudbuild\.ya?ml"
    r"|[\w.-]+\.sh)",
    re.IGNORECASE,
)
_VARIABLE = regex(r"\$(?:\w+|\{[^}]*\})")


@rule("DF5701", Dockerfile, Severity.INFO)
def unused_stage(dockerfile: Dockerfile, *, targets: tuple[str, ...] = ()) -> Findings:
    """A stage is neither the final one nor used by another.

    BuildKit leaves it out, so nobody notices when it no longer works. Remove it, or name it so
    that one sees that it is built by itself (`--target`). Names such as dev, test or lint say
    so, and so do Compose, bake and skaffold files and makefiles beside the Dockerfile.
    https://docs.docker.com/build/building/multi-stage/#stop-at-a-specific-build-stage

    Options:
        targets: names of stages that are built by themselves.

    Bad:
        FROM golang:1.25 AS tools
        RUN go install example.com/tool@v1
        FROM debian:12
        CMD ["/app"]
    Bad: without a name
        FROM golang:1.25
        RUN go build -o /app .
        FROM debian:12
    Good:
        FROM golang:1.25 AS build
        RUN go build -o /app .
        FROM debian:12
        COPY --from=build /app /app
    Good: by its number, as a base, by a mount
        FROM golang:1.25
        FROM debian:12 AS base
        FROM debian:12 AS files
        FROM base
        COPY --from=0 /app /app
        RUN --mount=from=files,target=/files ls /files
    Good: it is there to be built by itself
        FROM golang:1.25 AS test
        RUN go test ./...
        FROM debian:12
    Good: chosen by a variable
        ARG VARIANT=slim
        FROM debian:12 AS base-full
        FROM debian:12-slim AS base-slim
        FROM base-${VARIANT}
    Good: chosen elsewhere
        -- Dockerfile --
        FROM golang:1.25 AS worker
        FROM golang:1.25 AS web
        -- compose.yaml --
        services: {worker: {build: {context: ., target: worker}}}
    """
    if len(dockerfile.stages) < 2:
        return
    used = {stage.parent.index for stage in dockerfile.stages if stage.parent is not None}
    names, patterns = _referred(dockerfile)
    selected: set[str] | None = None
    for stage in dockerfile.stages[:-1]:
        name = stage.name.lower()
        if stage.index in used or str(stage.index) in names or name in names or name in targets:
            continue
        if not _TARGETS.isdisjoint(re.split(r"[^a-z0-9]+", name)):
            continue
        if any(_holds(name, pieces) for pieces in patterns):
            continue
        if selected is None:
            selected = set(_selected(dockerfile))
        if name not in selected:
            shown = f'the stage "{stage.name}"' if name else f"the stage {stage.index}"
            place = stage.base.name.location if stage.base.name else stage.location
            yield at(place, f"{shown} is not used", object=stage.object)


def _references(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, Flag, str, Stage]]:
    """What COPY, ADD and mounts take files from."""
    if "from=" not in dockerfile.file.text:
        return
    for stage in dockerfile.stages:
        for one in stage.instructions:
            if isinstance(one, (Copy, Run)):
                for flag in one.flags:
                    source = flag.value if flag.name == "from" else ""
                    if flag.name == "mount":
                        source = flag.options.get("from", "")
                    if source:
                        yield one, flag, source, stage


def _referred(dockerfile: Dockerfile) -> tuple[set[str], list[list[str]]]:
    """Names that something refers to, and the pieces around variables where some are in them."""
    texts = [source for _, _, source, _ in _references(dockerfile)]
    texts += [stage.image.text for stage in dockerfile.stages]
    names = {text.lower() for text in texts}
    return names, [_VARIABLE.split(text.lower()) for text in texts if "$" in text]


def _holds(name: str, pieces: Sequence[str]) -> bool:
    """Whether a name is some pieces with anything between them."""
    first, *middle, last = pieces
    if not name.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(name) - len(last) >= at and name.endswith(last)


def _selected(dockerfile: Dockerfile) -> Iterator[str]:
    """Targets that Compose and other files beside the Dockerfile or in the context name."""
    yield from (build.target.lower() for build in dockerfile.builds)
    context = dockerfile.context
    if context is None:
        return
    own = posixpath.relpath(posixpath.dirname(dockerfile.path) or ".", context.directory or ".")
    for directory in dict.fromkeys(("", "" if own == "." else own)):
        for name, kind in context.listdir(directory):
            if kind == "file" and _SELECTORS.fullmatch(name):
                yield from _targets_in(context, posixpath.join(directory, name))


def _targets_in(context: BuildContext, path: str) -> Iterator[str]:
    file = context.file(path)
    for found in _SELECTING.finditer(file.shown_text if file else ""):
        yield (found[1] or found[2]).lower()


@rule("DF5702", Dockerfile, Severity.INFO)
def copy_from_number(dockerfile: Dockerfile) -> Findings:
    """Files are copied from a stage by its number.

    Another stage before it shifts the numbers, and the files come from somewhere else. A name
    stays. https://docs.docker.com/build/building/multi-stage/#name-your-build-stages

    Bad: the stage has no name
        FROM golang:1.25
        FROM debian:12
        COPY --from=0 /app /app
    Bad:
        FROM golang:1.25 AS build
        FROM debian:12
        COPY --from=0 /app /app
    Fixed:
        FROM golang:1.25 AS build
        FROM debian:12
        COPY --from=build /app /app
    Good:
        FROM golang:1.25 AS build
        FROM debian:12
        COPY --from=build /app /app
    """
    for one, flag, source, stage in _references(dockerfile):
        if not isinstance(one, Copy) or not re.fullmatch(r"\d{1,4}", source, re.ASCII):
            continue
        number = int(source)
        if number < stage.index:
            name = dockerfile.stages[number].name
            called = f'is called "{name}"' if name else "has no name"
            message = f"the stage {number} {called}"
            yield at(flag, message, object=stage.object, fix=_use_name(flag, source, name))


def _use_name(flag: Flag, number: str, name: str) -> Fix | None:
    start, end = flag.location.span
    if not name or end - start != len("--from=") + len(number):
        return None
    return Fix("use its name", (Edit(Span(end - len(number), end), name),))


@rule("DF5703", Dockerfile, Severity.INFO, default="off", aliases=("buildkit:StageNameCasing",))
def stage_name_case(dockerfile: Dockerfile) -> Findings:
    """The name of a stage has capital letters.

    Docker compares the names without their case. One spelling is easier to search for.
    https://docs.docker.com/reference/build-checks/stage-name-casing/

    Bad:
        FROM golang:1.25 AS BuildApp
    Good:
        FROM golang:1.25 AS build-app
    """
    for stage in dockerfile.stages:
        name = stage.base.name
        if name is not None and name.text != name.text.lower():
            message = f'the name "{name.text}" has capital letters'
            yield at(name, message, object=stage.object)


@rule("DF5704", Dockerfile, Severity.ERROR)
def stage_name_collision(dockerfile: Dockerfile) -> Findings:
    """Two stages have names that differ in nothing but capital letters.

    Docker compares the names without their case and refuses the second one, or an older
    version takes files from the wrong stage.
    https://docs.docker.com/reference/build-checks/duplicate-stage-name/

    Bad:
        FROM golang:1.25 AS build
        FROM node:22 AS Build
    Good:
        FROM golang:1.25 AS build
        FROM node:22 AS build-web
    """
    first: dict[str, Stage] = {}
    for stage in dockerfile.stages:
        name = stage.base.name
        if name is None:
            continue
        other = first.setdefault(stage.name.lower(), stage)
        # Names that are equal throughout are what duplicate-stage-name reports.
        if other is not stage and other.name != stage.name:
            yield at(
                name,
                f'"{stage.name}" is the same name as "{other.name}"',
                object=stage.object,
                related=[_name_place(other)],
            )


def _name_place(stage: Stage) -> Location:
    name = stage.base.name
    return name.location if name is not None else stage.location


@rule("DF5706", Dockerfile, Severity.ERROR)
def forward_reference(dockerfile: Dockerfile) -> Findings:
    """Files come from a stage that begins later, or a stage is built on one.

    Stages are made in their order, and a name that is not known yet is looked up as an image of
    a registry: the build fails, or takes a stranger's image.
    https://docs.docker.com/build/building/multi-stage/

    Bad:
        FROM debian:12
        COPY --from=build /app /app
        FROM golang:1.25 AS build
    Bad:
        FROM base
        FROM debian:12 AS base
    Good:
        FROM golang:1.25 AS build
        FROM debian:12
        COPY --from=build /app /app
    Good: an image that has the name of the stage made from it
        FROM nginx AS nginx
    """
    places: dict[str, int] = {}
    for stage in dockerfile.stages:
        if stage.name:
            places.setdefault(stage.name.lower(), stage.index)
    for one, flag, source, stage in _references(dockerfile):
        index = places.get(source.lower(), -1)
        if index > stage.index:
            later = dockerfile.stages[index]
            message = f'the stage "{source}" begins later'
            yield at(flag, message, object=one.object, related=[_name_place(later)])
    for stage in dockerfile.stages:
        index = places.get(stage.image.text.lower(), -1)
        if index > stage.index and stage.parent is None:
            later = dockerfile.stages[index]
            message = f'the stage "{stage.image.text}" begins later'
            yield at(stage.image, message, object=stage.object, related=[_name_place(later)])
