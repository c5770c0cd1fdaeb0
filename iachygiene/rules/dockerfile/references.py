"""Names of stages and images: what they are called, and what refers to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Findings, Located, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Flag, Instruction, Run, Stage
from iachygiene.rule import rule

_NUMBER = regex(r"\d+", re.ASCII)


@rule("DF3022", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3022",))
def copy_from_unknown_stage(dockerfile: Dockerfile) -> Findings:
    """COPY --from names no stage of the file, and no image with a tag either.

    A name that no earlier stage has is looked up as an image of a registry, so a typing
    error copies files of a stranger's image. Images are told by a colon: give their tag.
    https://docs.docker.com/build/building/multi-stage/

    Bad:
        FROM golang:1.23 AS build
        FROM debian:12
        COPY --from=biuld /app /app
    Bad: a stage that comes later
        FROM debian:12
        COPY --from=build /app /app
        FROM golang:1.23 AS build
    Bad: names are compared with their case
        FROM golang:1.23 AS build
        FROM debian:12
        COPY --from=Build /app /app
    Bad: an image without a tag
        FROM debian:12
        COPY --from=nginx /etc/nginx/nginx.conf /etc/nginx/
    Bad: a number that no stage has yet
        FROM debian:12
        COPY --from=1 /app /app
    Bad: a variable
        FROM debian:12
        ARG SOURCE=nginx:1.27
        COPY --from=$SOURCE /etc/nginx/nginx.conf /etc/nginx/
    Good:
        FROM golang:1.23 AS build
        FROM debian:12
        COPY --from=build /app /app
        COPY --from=0 /app /other-app
    Good: images
        FROM debian:12
        COPY --from=nginx:1.27 /etc/nginx/nginx.conf /etc/nginx/
        COPY --from=localhost:5000/tools /bin/tool /bin/
    """
    known: set[str] = set()
    for count, instruction, stage in _with_stages(dockerfile):
        if stage is not None:
            known.add(stage.name)
        flag = _copy_source(instruction)
        if flag is not None and ":" not in flag.value and flag.value not in known:
            number = _NUMBER.match(flag.value)
            if number is None or not _is_below(number[0], count):
                message = f'"{flag.value}" is neither an earlier stage nor an image with a tag'
                yield at(flag, message, object=instruction.object)


def _is_below(digits: str, count: int) -> bool:
    digits = digits.lstrip("0")
    return len(digits) < 6 and int(digits or "0") < count


def _with_stages(dockerfile: Dockerfile) -> Iterator[tuple[int, Instruction, Stage | None]]:
    """The instructions with the number of FROMs so far, and the stage they are in."""
    for instruction in dockerfile.preamble:
        yield 0, instruction, None
    for stage in dockerfile.stages:
        yield stage.index + 1, stage.base, stage
        for instruction in stage.instructions:
            yield stage.index + 1, instruction, stage


def _copy_source(instruction: Instruction) -> Flag | None:
    if isinstance(instruction, Copy) and instruction.keyword == "COPY":
        return instruction.from_flag
    return None


@rule(
    "DF3023",
    Dockerfile,
    Severity.ERROR,
    aliases=("hadolint:DL3023", "trivy:DS-0006"),
)
def copy_from_own_stage(dockerfile: Dockerfile) -> Findings:
    """COPY --from names the stage that it stands in.

    A stage cannot copy from itself: Docker refuses it as a circular dependency.
    https://docs.docker.com/reference/dockerfile/#copy---from

    Bad:
        FROM golang:1.23 AS build
        COPY --from=build /src /app
    Good:
        FROM golang:1.23 AS build
        FROM debian:12 AS app
        COPY --from=build /app /app
    Good: within a stage, files are copied by a command
        FROM golang:1.23 AS build
        RUN cp -r /src /app
    """
    for stage in dockerfile.stages:
        for instruction in stage.instructions:
            flag = _copy_source(instruction)
            if flag is not None and stage.name and flag.value == stage.name:
                message = f'stage "{stage.name}" copies from itself'
                yield at(flag, message, object=stage.object, related=[stage.location])


@rule(
    "DF3024",
    Dockerfile,
    Severity.ERROR,
    aliases=(
        "hadolint:DL3024",
        "trivy:DS-0012",
        "checkov:CKV_DOCKER_11",
        "buildkit:DuplicateStageName",
    ),
)
def duplicate_stage_name(dockerfile: Dockerfile) -> Findings:
    """Two stages have the same name.

    A reference to the name means one of them only, and which one depends on the builder.
    https://docs.docker.com/reference/build-checks/duplicate-stage-name/

    Bad:
        FROM golang:1.23 AS build
        FROM node:20 AS build
    Good:
        FROM golang:1.23 AS build-server
        FROM node:20 AS build-client
    Good: stages without a name
        FROM golang:1.23
        FROM golang:1.23
    """
    first: dict[str, Located] = {}
    for stage in dockerfile.stages:
        name = stage.base.name
        if name is None:
            continue
        if name.text in first:
            related = [first[name.text].location.labelled("the first one")]
            message = f'the name "{name.text}" is taken by an earlier stage'
            yield at(name, message, object=stage.object, related=related)
        first.setdefault(name.text, name)


@rule(
    "DF3063",
    Dockerfile,
    Severity.WARNING,
    aliases=("hadolint:DL3063", "buildkit:ReservedStageName"),
)
def reserved_stage_name(dockerfile: Dockerfile) -> Findings:
    """A stage has a name that means something else to Docker.

    `scratch` is the empty image and `context` the files of the build.
    https://docs.docker.com/reference/build-checks/reserved-stage-name/

    Bad:
        FROM debian:12 AS scratch
    Bad:
        FROM debian:12 AS context
    Good:
        FROM debian:12 AS base
        FROM scratch
    """
    for stage in dockerfile.stages:
        name = stage.base.name
        if name is not None and name.text in ("scratch", "context"):
            yield at(name, f'the stage name "{name.text}" is reserved', object=stage.object)


@rule("DF3026", Dockerfile, Severity.ERROR, aliases=("hadolint:DL3026",), security=True)
def untrusted_base_registry(
    dockerfile: Dockerfile, *, trusted_registries: tuple[str, ...] = ()
) -> Findings:
    """An image comes from a registry that is not on the list of trusted ones.

    It says nothing as long as no registry is listed. An image without a registry is one of
    Docker Hub, `docker.io`.

    Options:
        trusted_registries: the registries that images may come from. A "*" stands for
            anything, at one end of a name or alone.

    Bad:
        -- .iachygiene.toml --
        [rules.untrusted-base-registry]
        trusted-registries = ["registry.example.com"]
        -- Dockerfile --
        FROM quay.io/team/base:1
    Bad: Docker Hub is one like any other
        -- .iachygiene.toml --
        [rules.untrusted-base-registry]
        trusted-registries = ["registry.example.com"]
        -- Dockerfile --
        FROM debian:12
    Bad: images that files are copied from
        -- .iachygiene.toml --
        [rules.untrusted-base-registry]
        trusted-registries = ["docker.io"]
        -- Dockerfile --
        FROM debian:12
        COPY --from=quay.io/team/tools:1 /bin/tool /bin/tool
    Bad: images that are mounted
        -- .iachygiene.toml --
        [rules.untrusted-base-registry]
        trusted-registries = ["docker.io"]
        -- Dockerfile --
        FROM debian:12
        RUN --mount=type=bind,from=quay.io/team/tools:1,target=/tools /tools/install
    Good: nothing is listed
        FROM quay.io/team/base:1
    Good:
        -- .iachygiene.toml --
        [rules.untrusted-base-registry]
        trusted-registries = ["*.example.com", "docker.io"]
        -- Dockerfile --
        FROM registry.example.com/base:1 AS base
        FROM debian:12 AS tools
        FROM base
        COPY --from=tools /bin/tool /bin/tool
    Good: the empty image
        -- .iachygiene.toml --
        [rules.untrusted-base-registry]
        trusted-registries = ["registry.example.com"]
        -- Dockerfile --
        FROM scratch
    """
    if not trusted_registries:
        return
    names: set[str] = set()
    for _, instruction, stage in _with_stages(dockerfile):
        for node, image in _images(instruction, stage):
            if image not in names and not _is_trusted(image, trusted_registries):
                message = f'"{image}" comes from a registry that is not trusted'
                yield at(node, message, object=instruction.object)
        if stage is not None and instruction is stage.base:
            names.add(stage.name)


def _images(instruction: Instruction, stage: Stage | None) -> Iterator[tuple[Located, str]]:
    if stage is not None and instruction is stage.base:
        yield stage.image, stage.image.text
    elif isinstance(instruction, Run):
        for mount in instruction.mounts:
            options = mount.options
            if options.get("type", "bind") in ("bind", "cache") and options.get("from"):
                yield mount, options["from"]
    else:
        flag = _copy_source(instruction)
        if flag is not None:
            yield flag, flag.value


def _is_trusted(image: str, trusted: tuple[str, ...]) -> bool:
    registry, slash, _ = image.partition("/")
    if slash and "." in registry:
        return any(_matches(registry, pattern) for pattern in trusted)
    if image == "scratch":
        return True
    hubs = ("docker.io", "hub.docker.com")
    return any(_matches(hub, pattern) for pattern in trusted for hub in hubs)


def _matches(registry: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return registry.endswith(pattern[1:])
    if pattern.endswith("*"):
        return registry.startswith(pattern[:-1])
    return registry == pattern
