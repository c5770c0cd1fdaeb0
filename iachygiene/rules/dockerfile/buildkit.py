"""The version of the Dockerfile format that a file is written for, and its newer features."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.image import parse_image, pin_problem
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Instruction
from iachygiene.rule import rule

_FEATURES = {
    ("RUN", "mount"): (1, 2),
    ("RUN", "network"): (1, 3),
    ("COPY", "link"): (1, 4),
    ("ADD", "link"): (1, 4),
    ("ADD", "checksum"): (1, 6),
    ("ADD", "keep-git-dir"): (1, 1),
    ("COPY", "parents"): (1, 20),
    ("COPY", "exclude"): (1, 19),
    ("ADD", "exclude"): (1, 19),
    ("ADD", "unpack"): (1, 17),
    ("RUN", "security"): (1, 20),
    ("RUN", "device"): (999, 0),
    ("HEALTHCHECK", "start-interval"): (1, 6),
}
"""Since when the stable format knows a flag; 999 stands for the experimental one (-labs)."""
_HEREDOC = (1, 4)
_VERSION = regex(r"(\d+)(?:\.(\d+))?")


@rule("DF5901", Dockerfile, Severity.INFO, default="off")
def syntax_line_needed(dockerfile: Dockerfile, *, frontend: str = "") -> Findings:
    """A feature is newer than the builder that is there, and no syntax line asks for more.

    A builder reads Dockerfiles with the version that it was shipped with. With
    `# syntax=docker/dockerfile:1` it fetches the newest one first.
    https://docs.docker.com/build/buildkit/frontend/

    Options:
        frontend: the version that the builders in use have, as "1.4"; "" for the newest.

    Bad:
        -- .iachygiene.toml --
        [rules.syntax-line-needed]
        frontend = "1.3"
        -- Dockerfile --
        FROM debian:12
        COPY --link app /app
    Bad:
        -- .iachygiene.toml --
        [rules.syntax-line-needed]
        frontend = "1.2"
        -- Dockerfile --
        FROM debian:12
        RUN <<EOF
        make
        EOF
    Bad: only in the experimental version
        FROM debian:12
        RUN --device=vendor.com/gpu make
    Good:
        # syntax=docker/dockerfile:1
        FROM debian:12
        COPY --link app /app
    Good: the newest one knows it
        FROM debian:12
        COPY --link app /app
    """
    if "syntax" in dockerfile.directives:
        return
    found = _VERSION.match(frontend)
    known = (int(found[1]), int(found[2] or 99)) if found else (99, 0)
    known = min(known, (99, 0))
    for one in dockerfile.instructions:
        for feature, version, place in _features(one):
            if version > known:
                shown = f"version {version[0]}.{version[1]} of the format"
                shown = shown if version < (99, 0) else "the experimental format (-labs)"
                message = f"{feature} needs {shown}, and no syntax line asks for it"
                yield at(place, message, object=one.object)


def _features(one: Instruction) -> Iterator[tuple[str, tuple[int, int], Location]]:
    for flag in one.flags:
        version = _FEATURES.get((one.keyword, flag.name))
        if version is not None:
            yield f"--{flag.name}", version, flag.location
    if one.heredocs:
        yield "a here-document", _HEREDOC, one.heredocs[0].location


@rule("DF5902", Dockerfile, Severity.INFO, default="off")
def syntax_unpinned(dockerfile: Dockerfile) -> Findings:
    """The syntax line takes whatever version of the format there is.

    With `docker/dockerfile:1` it stays compatible, as Docker recommends; with `latest` or
    without a tag a new major version may read the file differently.
    https://docs.docker.com/build/buildkit/frontend/#stable-channel

    Bad:
        # syntax=docker/dockerfile:latest
        FROM debian:12
    Bad:
        # syntax=docker/dockerfile
        FROM debian:12
    Good:
        # syntax=docker/dockerfile:1
        FROM debian:12
    """
    written = dockerfile.directives.get("syntax", "")
    for span in dockerfile.comments if written else ():
        text = dockerfile.file.text[slice(*span)]
        if re.match(r"#[ \t]*syntax[ \t]*=", text, re.IGNORECASE):
            place = Location(dockerfile.path, span)
            problem = pin_problem(parse_image(written.split()[0], place))
            if problem:
                yield at(place, problem)
            return


@rule(
    "DF5906",
    Dockerfile,
    Severity.WARNING,
    default="off",
    aliases=("buildkit:FromPlatformFlagConstDisallowed",),
)
def constant_platform(dockerfile: Dockerfile) -> Findings:
    """A stage is bound to a platform, and its name does not say so.

    The image is built for that platform whatever the caller asks for. A stage whose name is or
    holds the architecture means it; that is the difference to fixed-platform.
    https://docs.docker.com/reference/build-checks/from-platform-flag-const-disallowed/

    Bad:
        FROM --platform=linux/amd64 debian:12 AS base
    Good:
        FROM --platform=linux/amd64 debian:12 AS base-amd64
    Good: what the caller asks for
        FROM --platform=$BUILDPLATFORM golang:1.25 AS build
    """
    for stage in dockerfile.stages:
        flag = stage.base.flag("platform")
        if flag is None or not flag.value or "$" in flag.value:
            continue
        parts = flag.value.lower().split("/")
        if not any(part in stage.name.lower() for part in parts[1:] or parts):
            message = f'the stage is bound to the platform "{flag.value}"'
            yield at(flag, message, object=stage.object)


@rule("DF5907", Dockerfile, Severity.INFO, default="off")
def copy_link_user(dockerfile: Dockerfile) -> Findings:
    """COPY --link gives files to a user by name.

    With `--link` the files make a layer that knows nothing of those before it, /etc/passwd
    included, so a name cannot be looked up. Give the number.
    https://docs.docker.com/reference/dockerfile/#copy---link

    Bad:
        FROM node:22
        COPY --link --chown=node:node . /app
    Good:
        FROM node:22
        COPY --link --chown=1000:1000 . /app
    Good: without --link
        FROM node:22
        COPY --chown=node:node . /app
    """
    for one in dockerfile.of("COPY", "ADD"):
        link, owner = one.flag("link"), one.flag("chown")
        if link is None or owner is None or link.value == "false" or "$" in owner.value:
            continue
        if not all(part.isdigit() for part in owner.value.split(":") if part):
            message = f'with --link the name "{owner.value}" cannot be looked up'
            yield at(owner, message, object=one.object)
