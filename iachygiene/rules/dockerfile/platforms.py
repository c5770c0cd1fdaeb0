"""The platforms that stages are built for."""

from __future__ import annotations

from iachygiene.model import Edit, Findings, Fix, Severity, Span, at
from iachygiene.parse.dockerfile import Dockerfile
from iachygiene.rule import rule

_TARGET = ("$TARGETPLATFORM", "${TARGETPLATFORM}")


@rule(
    "DF3029",
    Dockerfile,
    Severity.WARNING,
    aliases=("hadolint:DL3029", "buildkit:FromPlatformFlagConstDisallowed"),
)
def fixed_platform(dockerfile: Dockerfile) -> Findings:
    """A stage is bound to a platform.

    The image is then built for that platform whatever the caller asks for, so `--platform` of
    the build has no effect, and elsewhere the image runs emulated or not at all.
    https://docs.docker.com/reference/build-checks/from-platform-flag-const-disallowed/

    Bad:
        FROM --platform=linux/amd64 debian:12
    Bad: a variable that is not one of the build's own
        ARG PLATFORM=linux/amd64
        FROM --platform=$PLATFORM debian:12
    Good:
        FROM debian:12
    Good: a stage that cross-compiles
        FROM --platform=$BUILDPLATFORM golang:1.23
    Good: with a default
        FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:1.23
    """
    for stage in dockerfile.stages:
        flag = stage.base.flag("platform")
        if flag and "BUILDPLATFORM" not in flag.value and "TARGETPLATFORM" not in flag.value:
            message = f'the stage is bound to the platform "{flag.value}"'
            # Docker's own check leaves variables alone.
            aliases = ("hadolint:DL3029",) if "$" in flag.value else None
            yield at(flag, message, object=stage.object, aliases=aliases)


@rule(
    "DF3065",
    Dockerfile,
    Severity.WARNING,
    aliases=("hadolint:DL3065", "buildkit:RedundantTargetPlatform"),
)
def redundant_target_platform(dockerfile: Dockerfile) -> Findings:
    """A stage asks for the target platform, which is what it gets anyway.

    https://docs.docker.com/reference/build-checks/redundant-target-platform/

    Bad:
        FROM --platform=$TARGETPLATFORM debian:12
    Fixed:
        FROM debian:12
    Bad:
        FROM --platform=${TARGETPLATFORM} debian:12 AS app
    Fixed:
        FROM debian:12 AS app
    Bad: hadolint does not see it in quotes
        FROM --platform="$TARGETPLATFORM" debian:12
    Good: the platform of the machine that builds
        FROM --platform=$BUILDPLATFORM golang:1.23
    Good: a build without BuildKit sets no platform
        FROM --platform=${TARGETPLATFORM:-linux/amd64} debian:12
    """
    for stage in dockerfile.stages:
        flag = stage.base.flag("platform")
        if flag is None or flag.value not in _TARGET:
            continue
        start, end = flag.location.span
        text = dockerfile.file.text
        quoted = text[end - 1] in "\"'"
        while text[end] in " \t":
            end += 1
        fix = Fix("remove the flag", (Edit(Span(start, end), ""),))
        yield at(
            flag,
            f'the platform "{flag.value}" is the default',
            object=stage.object,
            aliases=("buildkit:RedundantTargetPlatform",) if quoted else None,
            fix=fix,
        )
