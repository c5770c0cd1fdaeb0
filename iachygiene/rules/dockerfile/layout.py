"""Where things lie: working directories, and how the file itself is laid out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Finding, Findings, Fix, Location, Severity, SourceFile, Span, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Run
from iachygiene.parse.dockerignore import clean
from iachygiene.rule import rule

_ABSOLUTE = regex(r"[/$]|[A-Za-z]:")
_MAX_NAMES = 100
_SHELLS = frozenset(("sh", "bash", "ash", "dash", "/bin/sh", "/bin/bash", "/bin/ash"))


@rule(
    "DF3000",
    Dockerfile,
    Severity.ERROR,
    aliases=(
        "hadolint:DL3000",
        "trivy:DS-0009",
        "checkov:CKV_DOCKER_10",
        "buildkit:WorkdirRelativePath",
    ),
)
def relative_workdir(dockerfile: Dockerfile) -> Findings:
    """A WORKDIR is relative.

    It is resolved against the working directory of the base image or of an earlier
    instruction, so a change there silently moves everything that follows.
    https://docs.docker.com/reference/build-checks/workdir-relative-path/

    Bad:
        FROM debian:12
        WORKDIR app
    Bad:
        FROM debian:12
        WORKDIR "app/data"
    Good:
        FROM debian:12
        WORKDIR /app
    Good: in quotes, by a variable, on Windows
        FROM debian:12
        WORKDIR "/app"
        WORKDIR $HOME/app
        WORKDIR c:/app
    """
    for instruction in dockerfile.of("WORKDIR"):
        directory = instruction.argument
        if not _ABSOLUTE.match(directory.raw.strip("\"'")):
            message = f'the working directory "{directory.text}" is relative'
            yield at(directory, message, object=instruction.object)


@rule("DF5801", Dockerfile, Severity.WARNING)
def crlf_in_dockerfile(dockerfile: Dockerfile) -> Findings:
    """A Dockerfile, or a script that it copies and runs, has Windows line ends.

    Docker itself copes, but a here-document hands the carriage return to the shell, and a
    script whose first line ends in one asks for the interpreter "/bin/sh\\r": "not found".
    In a Dockerfile for Windows, told by its escape character, the finding is an info.

    Bad:
        FROM debian:12\r
        CMD ["/app"]\r
    Fixed:
        FROM debian:12
        CMD ["/app"]
    Bad: the shell gets the carriage returns
        FROM debian:12
        RUN <<EOF
        set -e\r
        make\r
        EOF
    Fixed:
        FROM debian:12
        RUN <<EOF
        set -e
        make
        EOF
    Bad: the container does not start
        -- Dockerfile --
        FROM debian:12
        COPY start.sh /start.sh
        ENTRYPOINT ["/start.sh"]
        -- start.sh --
        #!/bin/sh\r
        exec /app\r
    Good:
        FROM debian:12
        CMD ["/app"]
    Good: a text that is copied but not run
        -- Dockerfile --
        FROM debian:12
        COPY notes.txt /notes.txt
        CMD ["/app"]
        -- notes.txt --
        hello\r
    """  # noqa: D301 - the carriage returns have to be real
    if "\r\n" in dockerfile.file.text:
        yield _crlf(dockerfile.file, _severity(dockerfile), "the Dockerfile has Windows line ends")
    if dockerfile.escape != "`":
        for script in _scripts_run(dockerfile):
            if "\r\n" in script.text:
                message = f'the script "{posixpath.basename(script.path)}" has Windows line ends'
                yield _crlf(script, Severity.ERROR, message)


def _severity(dockerfile: Dockerfile) -> Severity:
    if dockerfile.escape == "`":
        return Severity.INFO
    text = dockerfile.file.text
    in_heredoc = any(
        "\r\n" in text[slice(*instruction.extent)]
        for instruction in dockerfile.instructions
        if instruction.heredocs
    )
    return Severity.ERROR if in_heredoc else Severity.WARNING


def _crlf(file: SourceFile, severity: Severity, message: str) -> Finding:
    ends = [found.start() for found in re.finditer(r"\r\n", file.text)]
    edits = tuple(Edit(Span(end, end + 1), "") for end in ends)
    line = file.text.rfind("\n", 0, ends[0]) + 1
    place = Location(file.path, Span(line, ends[0] + 1))
    return at(place, message, severity=severity, fix=Fix("use Unix line ends", edits))


def _scripts_run(dockerfile: Dockerfile) -> Iterator[SourceFile]:
    """The scripts of the context that the file copies by name and runs by name."""
    context = dockerfile.context
    if context is None:
        return
    names = sorted({posixpath.basename(path) for path in _programs(dockerfile)})[:_MAX_NAMES]
    seen: set[str] = set()
    for copy in dockerfile.instructions:
        if not isinstance(copy, Copy) or not names:
            continue
        for source in copy.context_sources:
            here = clean(source.text)
            inside = names if context.is_directory(here) else [""]
            for path in (clean(posixpath.join(here, name)) for name in inside):
                if posixpath.basename(path) in names and path not in seen:
                    seen.add(path)
                    script = context.file(path)
                    if script is not None:
                        yield script


def _programs(dockerfile: Dockerfile) -> Iterator[str]:
    for instruction in dockerfile.instructions:
        if instruction.keyword in ("ENTRYPOINT", "CMD"):
            words = [word.text for word in instruction.words]
            yield from words[: 2 if words[0] in _SHELLS else 1]
        elif isinstance(instruction, Run):
            for command in instruction.script.commands:
                if "/" in command.name and command.name not in _SHELLS:
                    yield command.name
                elif command.name in _SHELLS:
                    yield from (word.text for word in command.plain[:1])
