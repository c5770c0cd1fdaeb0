"""Volumes and working directories."""

from __future__ import annotations

import posixpath

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Instruction, Run, Stage, Word
from iachygiene.rule import rule

_SYSTEM = frozenset(
    (
        *("/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys"),
        *("/usr", "/var/run", "/run"),
    )
)
_WRITERS = frozenset(("mkdir", "touch", "chown", "chmod", "cp", "mv", "install", "tee", "ln"))


@rule("DF5309", Dockerfile, Severity.WARNING, aliases=("dockle:DKL-DI-0002", "trivy:DS-0030"))
def volume_sensitive(dockerfile: Dockerfile) -> Findings:
    """A directory of the system is a volume or the working directory.

    A volume hides what the image has there, and what it holds outlives the container: an
    update of the image no longer reaches it. A program that works in such a directory writes
    among the files of the system. https://docs.docker.com/reference/dockerfile/#volume

    Bad:
        FROM debian:12
        VOLUME /etc
    Bad:
        FROM debian:12
        VOLUME ["/var/lib/app", "/usr/"]
    Bad:
        FROM debian:12
        WORKDIR /sys
    Good:
        FROM debian:12
        VOLUME /var/lib/app /etc/app
        WORKDIR /usr/src/app
    Good: back to the top, for what follows
        FROM debian:12
        WORKDIR /
    """
    for one in dockerfile.of("VOLUME", "WORKDIR"):
        words = one.words if one.keyword == "VOLUME" else [one.argument]
        for word in words:
            path = posixpath.normpath(word.text)
            # As a working directory the top is what there is without any.
            if path in _SYSTEM and not (one.keyword == "WORKDIR" and path == "/"):
                what = "a volume" if one.keyword == "VOLUME" else "the working directory"
                message = f'the directory "{path}" of the system is {what}'
                yield at(word, message, object=one.object)


@rule("DF5310", Dockerfile, Severity.WARNING, default="off")
def volume_then_write(dockerfile: Dockerfile) -> Findings:
    """Something is written below a directory that an earlier VOLUME names.

    The classic builder throws such changes away; BuildKit keeps them. Write first, and declare
    the volume at the end. https://docs.docker.com/reference/dockerfile/#notes-about-specifying-volumes

    It is an info for COPY and ADD, which lose nothing with BuildKit.

    Bad:
        FROM debian:12
        VOLUME /data
        RUN mkdir -p /data/db && chown -R 1000 /data/db
    Bad: only an info
        FROM debian:12
        VOLUME /data
        COPY seed.sql /data/
    Good:
        FROM debian:12
        RUN mkdir -p /data/db && chown -R 1000 /data/db
        VOLUME /data
    Good: elsewhere
        FROM debian:12
        VOLUME /data
        RUN mkdir /database
    """
    for stage in dockerfile.stages:
        volumes: list[str] = []
        for one in stage.instructions:
            if one.keyword == "VOLUME":
                volumes += [posixpath.normpath(word.text) for word in one.words]
            elif volumes:
                for word in _written(one):
                    path = posixpath.normpath(word.text)
                    inside = [v for v in volumes if path == v or path.startswith(f"{v}/")]
                    if inside:
                        yield at(
                            word,
                            f'"{word.text}" is written below the volume "{inside[0]}"',
                            object=stage.object,
                            severity=Severity.INFO if isinstance(one, Copy) else None,
                        )
                        break


def _written(one: Instruction) -> list[Word]:
    if isinstance(one, Copy):
        return [one.target]
    if isinstance(one, Run):
        return [
            word
            for command in one.script.commands
            if command.name in _WRITERS
            for word in command.plain
        ]
    return []


@rule("DF5311", Dockerfile, Severity.INFO, default="off")
def workdir_missing(dockerfile: Dockerfile) -> Findings:
    """The program lies in the top directory, as no WORKDIR is set.

    Relative targets of COPY and what RUN makes then land between the directories of the
    system, and where the program starts depends on the base image.
    https://docs.docker.com/build/building/best-practices/#workdir

    Bad:
        FROM debian:12
        COPY app.sh .
        CMD ["./app.sh"]
    Bad: moved by hand each time
        FROM debian:12
        RUN cd /app && make
        RUN cd /app && make install
        CMD ["/app/run"]
    Good:
        FROM debian:12
        WORKDIR /app
        COPY app.sh .
        CMD ["./app.sh"]
    Good: absolute targets
        FROM debian:12
        COPY app.sh /app/
        CMD ["/app/app.sh"]
    """
    stage = dockerfile.final_stage
    if stage is None or not stage.has_command or stage.last("WORKDIR") is not None:
        return
    changes = 0
    for one in _own(stage):
        if isinstance(one, Copy) and not one.target.text.startswith(("/", "$", "~")):
            message = f'"{one.target.text}" is relative, and no WORKDIR is set'
            yield at(one.target, message, object=one.object)
            return
        if isinstance(one, Run):
            changes += any(command.name == "cd" for command in one.script.commands)
            if changes == 2:
                message = "several RUN change the directory, and no WORKDIR is set"
                yield at(one, message, object=one.object)
                return


def _own(stage: Stage) -> list[Instruction]:
    return [one for own in reversed(stage.chain) for one in own.instructions]
