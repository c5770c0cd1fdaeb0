"""Instructions of which only the last one of a stage counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile
from iachygiene.rule import rule


@rule(
    "DF3012",
    Dockerfile,
    Severity.ERROR,
    aliases=(
        "hadolint:DL3012",
        "trivy:DS-0023",
        "buildkit:MultipleInstructionsDisallowed",
    ),
)
def repeated_healthcheck(dockerfile: Dockerfile) -> Findings:
    """A stage has a second HEALTHCHECK.

    Only the last one has an effect, so an earlier one is a check that never runs.
    https://docs.docker.com/reference/dockerfile/#healthcheck

    Bad:
        FROM debian:12
        HEALTHCHECK CMD ["/check"]
        HEALTHCHECK CMD ["/other-check"]
    Bad: NONE is one as well
        FROM debian:12
        HEALTHCHECK NONE
        HEALTHCHECK CMD ["/check"]
    Good: one in each stage
        FROM debian:12 AS base
        HEALTHCHECK CMD ["/check"]
        FROM base
        HEALTHCHECK NONE
    Good: one of the two is for derived images
        FROM debian:12
        HEALTHCHECK CMD ["/check"]
        ONBUILD HEALTHCHECK NONE
    """
    return _repeated(dockerfile, "HEALTHCHECK")


@rule(
    "DF4003",
    Dockerfile,
    Severity.WARNING,
    aliases=(
        "hadolint:DL4003",
        "trivy:DS-0016",
        "buildkit:MultipleInstructionsDisallowed",
    ),
)
def repeated_cmd(dockerfile: Dockerfile) -> Findings:
    """A stage has a second CMD.

    Only the last one has an effect, so an earlier one is a command that never runs.
    https://docs.docker.com/reference/build-checks/multiple-instructions-disallowed/

    Bad:
        FROM debian:12
        CMD ["/migrate"]
        CMD ["/app"]
    Good: one in each stage
        FROM debian:12 AS base
        CMD ["/app", "--debug"]
        FROM base
        CMD ["/app"]
    Good: one of the two is for derived images
        FROM debian:12
        CMD ["/app"]
        ONBUILD CMD ["/derived"]
    Good: the CMD of a HEALTHCHECK is another thing
        FROM debian:12
        HEALTHCHECK CMD ["/check"]
        CMD ["/app"]
    """
    return _repeated(dockerfile, "CMD")


@rule(
    "DF4004",
    Dockerfile,
    Severity.ERROR,
    aliases=(
        "hadolint:DL4004",
        "trivy:DS-0007",
        "buildkit:MultipleInstructionsDisallowed",
    ),
)
def repeated_entrypoint(dockerfile: Dockerfile) -> Findings:
    """A stage has a second ENTRYPOINT.

    Only the last one has an effect, so an earlier one is a program that never runs.
    https://docs.docker.com/reference/build-checks/multiple-instructions-disallowed/

    Bad:
        FROM debian:12
        ENTRYPOINT ["/init"]
        ENTRYPOINT ["/app"]
    Good: one in each stage
        FROM debian:12 AS base
        ENTRYPOINT ["/app", "--debug"]
        FROM base
        ENTRYPOINT ["/app"]
    Good: one of the two is for derived images
        FROM debian:12
        ENTRYPOINT ["/app"]
        ONBUILD ENTRYPOINT ["/derived"]
    """
    return _repeated(dockerfile, "ENTRYPOINT")


def _repeated(dockerfile: Dockerfile, keyword: str) -> Iterator[Finding]:
    groups = [dockerfile.preamble, *(stage.instructions for stage in dockerfile.stages)]
    for instructions in groups:
        same = [one for one in instructions if one.keyword == keyword]
        for earlier, instruction in pairwise(same):
            related = [earlier.location.labelled("has no effect")]
            yield at(instruction, f"{keyword} is repeated in its stage", related=related)
