"""Packages by apt."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Onbuild, Run, Stage
from iachygiene.rule import rule

_LISTS = "/var/lib/apt/lists"


@rule("DF3009", Dockerfile, Severity.INFO, aliases=("hadolint:DL3009",))
def apt_lists_kept(dockerfile: Dockerfile) -> Findings:
    """Package lists are fetched and stay in the layer.

    They are some 20 to 50 MB that nothing uses once the packages are there; removing them in
    a later instruction does not make the image smaller. Only stages that become part of the
    image, or that others build on, are judged.
    https://docs.docker.com/build/building/best-practices/#apt-get

    Bad:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl=7.88.1-10
    Bad: the removal comes too late
        FROM debian:12
        RUN apt-get update && apt-get install -y curl=7.88.1-10
        RUN rm -rf /var/lib/apt/lists/*
    Bad: a stage that others build on
        FROM debian:12 AS base
        RUN apt-get update
        FROM base
        CMD ["/app"]
    Bad: images that are built on this one
        FROM debian:12
        ONBUILD RUN apt-get update
    Good:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl=7.88.1-10 && rm -rf /var/lib/apt/lists/*
    Good: the lists lie in a cache mount
        FROM debian:12
        RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update
    Good: nothing of this stage but the program is in the image
        FROM debian:12 AS build
        RUN apt-get update && apt-get install -y gcc=4:12.2.0-3
        FROM debian:12
        COPY --from=build /app /app
    """
    for run, where in _runs_that_matter(dockerfile):
        update = _update_without_cleanup(run)
        if update is not None:
            yield at(update, "the package lists stay in the layer", object=where)


def _runs_that_matter(dockerfile: Dockerfile) -> Iterator[tuple[Run, str]]:
    """RUNs of the final stage, of stages built on, and in every ONBUILD.

    A stage that equals the final one word for word counts as that, as with hadolint.
    """
    images = {stage.image_name for stage in dockerfile.stages}
    final = dockerfile.final_stage
    for stage in dockerfile.stages:
        same = final is not None and _written(stage) == _written(final)
        matters = same or stage.name in images
        for instruction in stage.instructions:
            if isinstance(instruction, Run) and matters:
                yield instruction, stage.object
    for instruction in dockerfile.of("ONBUILD"):
        if isinstance(instruction, Onbuild) and isinstance(instruction.trigger, Run):
            yield instruction.trigger, instruction.object


def _written(stage: Stage) -> tuple[str, str, str]:
    flag = stage.base.flag("platform")
    return stage.image.text, stage.name, flag.value if flag else ""


def _update_without_cleanup(run: Run) -> Command | None:
    update = None
    for command in run.script.commands:
        if command.name in ("apt-get", "apt", "aptitude") and command.has("update"):
            update = update or command
        elif command.name == "rm" and command.has("-rf", f"{_LISTS}/*"):
            return None
    if run.caches(_LISTS) or (run.caches("/var/lib/apt") and run.caches("/var/cache/apt")):
        return None
    return update
