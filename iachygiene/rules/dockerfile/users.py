"""As whom an image is built and run."""

from __future__ import annotations

import re

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Stage, Variables
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.known_images import family, is_service, starts_as_root

_DEVELOPMENT = frozenset(("dev", "development", "test", "tests"))
_BUILDING = frozenset(("build", "builder", "ci"))
_VARIABLE = regex(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_SHIPPED_USERS = {
    "node": 'the image has a user "node"',
    "dotnet": 'the image has a user "app" ($APP_UID)',
    "distroless": 'a tag with "nonroot" starts as 65532',
}


@rule(
    "DF3002",
    Dockerfile,
    Severity.WARNING,
    aliases=("hadolint:DL3002", "checkov:CKV_DOCKER_8"),
    security=True,
)
def root_user(dockerfile: Dockerfile) -> Findings:
    """The last USER of a stage is root.

    A process that is broken into then owns the container, and with a mount or a kernel flaw
    the host. https://docs.docker.com/build/building/best-practices/#user

    Bad:
        FROM debian:12
        USER root
        CMD ["/app"]
    Bad:
        FROM debian:12
        USER 0:0
    Bad: in every stage
        FROM debian:12 AS build
        USER root
        FROM debian:12
        USER app
    Good: root only for a while
        FROM debian:12
        USER root
        RUN apt-get update
        USER app
    Good: a user called so by somebody
        FROM debian:12
        USER rooted
    Good: no USER at all is another rule's matter
        FROM debian:12
    """
    for stage in dockerfile.stages:
        users = [one for one in stage.instructions if one.keyword == "USER"]
        if not users:
            continue
        user = users[-1].argument
        if user.raw in ("root", "0") or user.raw.startswith(("root:", "0:")):
            # With a blank behind the name, hadolint takes the blank for a part of it.
            line = users[-1].text.string
            aliases = None if line == line.rstrip() else ("checkov:CKV_DOCKER_8",)
            message = f'the last user of the stage is "{user.raw}"'
            yield at(user, message, object=stage.object, aliases=aliases)


@rule(
    "DF5303",
    Dockerfile,
    Severity.WARNING,
    aliases=(
        "checkov:CKV_DOCKER_3",
        "trivy:DS-0002",
        "dockle:CIS-DI-0001",
        "kics:missing_user_instruction",
    ),
    security=True,
)
def user_not_set(dockerfile: Dockerfile, *, unknown_bases: bool = False) -> Findings:
    """The final stage runs as root because nothing sets another user.

    Neither the stage nor a stage it builds on has a USER, and the base image is known to
    start as root. It is a warning for a service, told by EXPOSE or by its base image, and an
    info for everything else. Images that are not known to start as root are left alone.
    https://docs.docker.com/build/building/best-practices/#user

    Options:
        unknown_bases: also report base images of which it is not known, as infos.

    Bad: a service
        FROM node:20
        EXPOSE 3000
        CMD ["node", "server.js"]
    Bad: nginx starts as root
        FROM nginx:1.27
    Bad: only an info, since nothing listens
        FROM alpine:3.20
        ENTRYPOINT ["/usr/bin/tool"]
    Bad:
        -- .iachygiene.toml --
        [rules.user-not-set]
        unknown-bases = true
        -- Dockerfile --
        FROM registry.example.com/base:1
        CMD ["/app"]
    Good:
        FROM node:20
        USER node
        EXPOSE 3000
        CMD ["node", "server.js"]
    Good: the user is inherited
        FROM node:20 AS base
        USER node
        FROM base
        EXPOSE 3000
        CMD ["node", "server.js"]
    Good: the base image does not start as root
        FROM gcr.io/distroless/static-debian12:nonroot
        EXPOSE 8080
        ENTRYPOINT ["/app"]
    Good: nobody knows
        FROM registry.example.com/base:1
        EXPOSE 8080
        CMD ["/app"]
    Good: an image to build in
        FROM golang:1.23 AS builder
        RUN make
    Good: the last stage is for development
        FROM node:20 AS dev-envs
        EXPOSE 3000
        CMD ["npm", "run", "dev"]
    """
    stage = dockerfile.final_stage
    if stage is None or stage.effective_user is not None or _is_side_stage(stage):
        return
    image = stage.chain[-1].resolved
    as_root = starts_as_root(image)
    if as_root or (as_root is None and unknown_bases):
        service = as_root and is_service(stage)
        base = image.text.partition("@")[0]
        remark = _SHIPPED_USERS.get(family(image), "")
        message = f'no USER is set, and "{base}" starts as root'
        if not as_root:
            message = f'no USER is set, and nobody knows as whom "{base}" starts'
        message += f"; {remark}" if remark else ""
        yield at(stage, message, severity=Severity.WARNING if service else Severity.INFO)


def _is_side_stage(stage: Stage) -> bool:
    words = re.split(r"[^a-z]+", stage.name.lower())
    if not _DEVELOPMENT.isdisjoint(words):
        return True
    return not _BUILDING.isdisjoint(words) and not stage.has_command


@rule("DF3066", Dockerfile, Severity.INFO, default="off", aliases=("hadolint:DL3066",))
def named_user(dockerfile: Dockerfile) -> Findings:
    """USER names a user instead of giving a number.

    Kubernetes cannot tell that a named user is not root, and refuses such an image where
    `runAsNonRoot` is set without `runAsUser`. Every USER is judged, root included.
    https://kubernetes.io/docs/tasks/configure-pod-container/security-context/

    Bad:
        FROM debian:12
        USER app
    Bad: the group does not matter
        FROM debian:12
        USER app:1000
    Bad: a variable that is no argument of the build
        FROM debian:12
        ENV APP_USER=1000
        USER $APP_USER
    Good:
        FROM debian:12
        USER 1000
    Good:
        FROM debian:12
        USER 1000:app
    Good: the caller decides
        FROM debian:12
        ARG APP_USER=1000
        USER ${APP_USER}
    """
    arguments: set[str] = set()
    lengths: set[int] = set()
    for instruction in dockerfile.of("ARG", "USER"):
        if isinstance(instruction, Variables):
            # hadolint sees only the first one of an ARG.
            name = instruction.pairs[0].name.text
            arguments.add(name)
            lengths.add(len(name))
            continue
        user = instruction.argument
        is_number = all("0" <= letter <= "9" for letter in user.raw.partition(":")[0])
        if not is_number and not _uses_any(user.raw, arguments, lengths):
            message = f'the user "{user.text}" is not given as a number'
            yield at(user, message, object=instruction.object)


def _uses_any(text: str, names: set[str], lengths: set[int]) -> bool:
    """Whether `${NAME}` or, as hadolint reads it, anything that begins with `$NAME` is there."""
    return any(
        found[2] in names or any((found[1] or "")[:length] in names for length in lengths)
        for found in _VARIABLE.finditer(text)
    )
