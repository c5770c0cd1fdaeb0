"""Shells and small programs that a stage relies on and does not have."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Healthcheck, Instruction, Run, Stage, Word
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.distributions import Distribution, distribution
from iachygiene.rules.dockerfile.known_images import official_name
from iachygiene.rules.dockerfile.programs import Brought

_NO_BASH = frozenset(("alpine", "node", "python", "golang", "ruby", "nginx", "redis", "rust"))
_NO_CURL = frozenset(("debian", "ubuntu"))
_SLIM = frozenset(("python", "node", "ruby", "rust", "perl", "openjdk"))
_BASH = ("bash", "/bin/bash", "/usr/bin/bash")
_SHELL = regex(r"(?:^|/)(?:sh|bash|ash|dash|busybox\S*|bin|toybox)$")


@rule("DF5209", Dockerfile, Severity.ERROR)
def shell_missing(dockerfile: Dockerfile) -> Findings:
    """A stage relies on a shell or a small program that its base image does not have.

    An image made from scratch or from distroless has no shell: RUN, and CMD or ENTRYPOINT
    that are not in the JSON form, then fail with "/bin/sh: no such file". Alpine has no bash,
    and slim images have no curl for a HEALTHCHECK, which then always fails.
    https://docs.docker.com/reference/dockerfile/#shell-and-exec-form

    Bad:
        FROM scratch
        COPY app /app
        CMD /app --port 8080
    Bad:
        FROM gcr.io/distroless/nodejs22-debian12
        RUN npm ci
    Bad:
        FROM alpine:3.22
        COPY start.sh /
        CMD ["bash", "/start.sh"]
    Bad: the container is never healthy
        FROM python:3.13-slim
        HEALTHCHECK CMD curl -f http://localhost:8000/ || exit 1
        CMD ["python", "-m", "api"]
    Good:
        FROM scratch
        COPY app /app
        CMD ["/app", "--port", "8080"]
    Good: the tag "debug" has one
        FROM gcr.io/distroless/static-debian12:debug
        RUN ls
    Good: a root file system
        FROM scratch
        ADD rootfs.tar.xz /
        CMD /sbin/init
    Good:
        FROM alpine:3.22
        RUN apk add --no-cache bash
        CMD ["bash", "/start.sh"]
    Good: the program is there, or installed
        FROM alpine:3.22
        HEALTHCHECK CMD wget -q --spider http://localhost/
        FROM python:3.13-slim
        RUN apt-get update && apt-get install -y curl
        HEALTHCHECK CMD curl -f http://localhost:8000/
    """
    brought = Brought()
    for stage in dockerfile.stages:
        base = distribution(stage.chain[-1].resolved)
        if base is None:
            continue
        if not base.shell:
            if not _has_shell(stage):
                yield from _without_shell(stage)
            continue
        for word, names in _programs_missing(stage, base):
            if not brought.before(stage, word.location.span.start, *names):
                image = stage.chain[-1].resolved.text.partition("@")[0]
                yield at(word, f'"{image}" has no "{names[0]}"', object=stage.object)


def _has_shell(stage: Stage) -> bool:
    """Whether a shell may have been put there, or another one is set."""
    for own in stage.chain:
        for one in own.instructions:
            if one.keyword == "SHELL":
                return True
            if isinstance(one, Copy):
                target = posixpath.normpath(one.target.text)
                paths = [word.text for word in one.sources] + [one.target.text]
                if target == "/" and (one.keyword == "ADD" or not _are_files(one)):
                    return True
                if any(_SHELL.search(path.rstrip("/")) for path in paths):
                    return True
    return False


def _are_files(copy: Copy) -> bool:
    """Whether single files are copied, as far as names tell."""
    return all(
        not word.text.endswith(("/", ".", "*")) and "$" not in word.text and "/" not in word.text
        for word in copy.sources
    )


def _without_shell(stage: Stage) -> Findings:
    image = stage.chain[-1].resolved.text.partition("@")[0]
    for one in stage.instructions:
        inner: Instruction | None = one.command if isinstance(one, Healthcheck) else one
        if inner is None or one.keyword not in ("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"):
            continue
        # An empty list resets what is inherited.
        if inner.exec_form is None and not inner.text.string[inner.rest :].startswith("["):
            message = f'{one.keyword} needs a shell, and "{image}" has none'
            yield at(one, message, object=stage.object)


def _programs_missing(stage: Stage, base: Distribution) -> Iterator[tuple[Word, tuple[str, ...]]]:
    """Programs that the base image does not have, where they are used."""
    image = stage.chain[-1].resolved
    name, tag = official_name(image), image.tag.text if image.tag else ""
    of_alpine = base.manager == "apk" and base.libc == "musl" and name in _NO_BASH
    bare = name in _NO_CURL or (name in _SLIM and "slim" in tag)
    for one in stage.instructions if of_alpine or bare else ():
        if of_alpine:
            for word in _bash_uses(one):
                yield word, ("bash", "/bin/bash")
        if isinstance(one, Healthcheck) and one.command is not None:
            for word in _checking(one.command):
                if word.text == "curl" and name != "nginx":
                    yield word, ("curl",)
                elif word.text == "wget" and bare:
                    yield word, ("wget",)


def _bash_uses(one: Instruction) -> Iterator[Word]:
    if isinstance(one, Run):
        for command in one.script.commands:
            if command.name in _BASH and command.operator != "||":
                yield command.name_word
    elif one.keyword in ("CMD", "ENTRYPOINT", "SHELL"):
        yield from (word for word in one.words[:1] if word.text in _BASH)


def _checking(command: Instruction) -> Iterator[Word]:
    """The names of the commands of a health check."""
    words = command.exec_form
    if words is not None:
        yield from words[:1]
        return
    starts = True
    for word in command.blank_separated():
        if starts:
            yield word
        starts = word.text in ("||", "&&", "|", ";")
