"""Layers that hold what a later one takes away or stores again."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Copy, Dockerfile, Ran, Run, Stage, Word
from iachygiene.rule import rule

_APT = ("apt-get", "apt", "aptitude")
_RPM = ("yum", "dnf", "microdnf", "tdnf")
_CACHES = {
    "/var/lib/apt": _APT,
    "/var/cache/apt": _APT,
    "/var/cache/apk": ("apk",),
    "/var/cache/yum": _RPM,
    "/var/cache/dnf": _RPM,
    "/var/cache/libdnf5": _RPM,
    "/var/cache/zypp": ("zypper",),
    "/root/.cache/pip": ("pip", "pip3", "python", "python3"),
    "/root/.npm": ("npm",),
}
_MAKERS = frozenset(tool for tools in _CACHES.values() for tool in tools)
_KEPT = ("run", "persist", "keep")
_TRIVIAL = frozenset(
    (
        *("chown", "chmod", "chgrp", "useradd", "groupadd", "adduser", "addgroup", "usermod"),
        *("set", "true", "echo", "mkdir", "install", "apt-get", "apk", "rm", "ls"),
    )
)


@rule("DF5004", Dockerfile, Severity.INFO)
def cleanup_in_later_layer(dockerfile: Dockerfile, *, squash: bool = False) -> Findings:
    """A RUN only removes what an earlier RUN has left behind.

    A layer never becomes smaller: the files are hidden, and everybody still downloads them.
    They have to go in the RUN that made them.
    https://docs.docker.com/build/building/best-practices/#apt-get

    Only the final stage and those it builds on are judged, for others are not shipped.

    Options:
        squash: the layers are made one afterwards, so that nothing is stored twice.

    Bad:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl
        RUN rm -rf /var/lib/apt/lists/*
    Bad:
        FROM rockylinux:9
        RUN dnf install -y nginx
        RUN dnf clean all
    Bad:
        FROM alpine:3.22
        RUN apk add --no-cache --virtual .build-deps gcc
        RUN make
        RUN apk del .build-deps
    Good:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
    Good: a stage of which nothing but the program is shipped
        FROM debian:12 AS build
        RUN apt-get update && apt-get install -y gcc
        RUN rm -rf /var/lib/apt/lists/*
        FROM debian:12
        COPY --from=build /app /app
    Good: it removes what is in the base image
        FROM registry.example.com/base:1
        RUN rm -rf /var/cache/apk/*
    """
    final = dockerfile.final_stage
    if final is None or squash or not dockerfile.ran("rm", "apk", "zypper", *_APT, *_RPM):
        return
    made: dict[str, Command] = {}
    for stage in reversed(final.chain):
        for run in stage.runs:
            commands = run.script.commands
            if commands and all(_removes(command) for command in commands):
                origin = _origin(commands[0], made)
                if origin is not None:
                    text = " ".join(word.text for word in commands[0].words[:4])
                    yield at(
                        commands[0].extent,
                        f'"{text}" makes the image no smaller',
                        object=stage.object,
                        related=[origin.location.labelled("what it removes stays in this layer")],
                    )
            if not any(mount.options.get("type") in ("cache", "tmpfs") for mount in run.mounts):
                for command in commands:
                    made.update(dict.fromkeys(_made_by(command), command))


def _removes(command: Command) -> bool:
    if command.name == "rm":
        return bool(command.plain) and all(_cache_of(word.text) for word in command.plain)
    if command.name == "apk":
        return command.plain[:1] != [] and command.plain[0].text == "del"
    if command.name in (*_APT, *_RPM, "zypper"):
        return any(word.text in ("clean", "autoclean") for word in command.plain)
    return False


def _cache_of(path: str) -> str:
    return next((cache for cache in _CACHES if path.startswith(cache)), "")


def _origin(command: Command, made: dict[str, Command]) -> Command | None:
    """The command of an earlier RUN that made what a command removes."""
    if command.name == "rm":
        return made.get(_cache_of(command.plain[0].text))
    if command.name == "apk":
        found = (made.get(f"apk {word.text}") for word in command.plain[1:])
        return next(filter(None, found), None)
    return made.get("/var/cache/apt" if command.name in _APT else command.name)


def _made_by(command: Command) -> Iterator[str]:
    """Names for what a command leaves behind: caches, packages of apk, caches of a tool."""
    name = command.name
    if name not in _MAKERS:
        return
    if name == "apk" and command.has("add"):
        yield from (f"apk {word.text}" for word in command.arguments)
    caching = command.has("add", "update") and not command.has_flag("no-cache")
    if name != "apk":
        caching = command.has("install", "update", "upgrade", "in", "groupinstall", "makecache")
    if caching:
        yield name
        yield from (cache for cache, tools in _CACHES.items() if name in tools)


@rule("DF5009", Dockerfile, Severity.INFO)
def apk_virtual_not_deleted(dockerfile: Dockerfile) -> Findings:
    """A group of packages that was to be taken away again stays in the layer.

    `apk add --virtual` gives packages a common name so that `apk del` can remove all of them
    once the build is done. That works only in the same RUN; otherwise the compilers are
    shipped. Groups whose name says that they are needed at run time are not reported.
    https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper#Add_a_Package

    Bad:
        FROM alpine:3.22
        RUN apk add --no-cache --virtual .build-deps gcc musl-dev && make
    Good:
        FROM alpine:3.22
        RUN apk add --no-cache --virtual .build-deps gcc && make && apk del .build-deps
    Good: a stage of which nothing but the program is shipped
        FROM alpine:3.22 AS build
        RUN apk add --no-cache -t .build-deps gcc
        FROM alpine:3.22
        COPY --from=build /app /app
    Good: needed at run time
        FROM alpine:3.22
        RUN apk add --no-cache --virtual .run-deps libpq
    """
    final = dockerfile.final_stage
    shipped = final.chain if final else []
    for ran in dockerfile.ran("apk"):
        name = _virtual_name(ran.command)
        if name is None or ran.stage not in shipped or any(word in name.text for word in _KEPT):
            continue
        if not any(one.has("del") and one.has(name.text) for one in ran.run.script.named("apk")):
            message = f'the packages of "{name.text}" stay in the layer'
            yield at(name, message, object=ran.stage.object)


def _virtual_name(command: Command) -> Word | None:
    if not command.has("add"):
        return None
    words = command.arguments
    for word, following in itertools.pairwise(words):
        if word.text in ("--virtual", "-t"):
            return following if following.literal else None
    return next((word for word in words if word.text.startswith("--virtual=")), None)


@rule("DF5011", Dockerfile, Severity.INFO)
def chmod_chown_layer(dockerfile: Dockerfile) -> Findings:
    """Files are copied, and a RUN then changes the owner or mode of all of them.

    That stores every file a second time, in a layer of its own. `COPY --chown` and `COPY
    --chmod` set both at once. https://docs.docker.com/reference/dockerfile/#copy---chown---chmod

    Bad:
        FROM node:22
        WORKDIR /app
        COPY . .
        RUN chown -R node:node /app
    Bad:
        FROM debian:12
        COPY bin /opt/tool/bin
        RUN chmod -R 755 /opt/tool/bin
    Good:
        FROM node:22
        WORKDIR /app
        COPY --chown=node:node . .
    Good: a RUN has written there too
        FROM node:22
        WORKDIR /app
        COPY . .
        RUN npm ci
        RUN chown -R node:node /app
    Good: another directory
        FROM debian:12
        COPY . /app
        RUN mkdir /data && chown -R 1000 /data
    """
    if not dockerfile.ran("chown", "chmod"):
        return
    for stage in dockerfile.stages:
        copied: dict[str, Copy] = {}
        directory, is_written = "/", stage.parent is not None
        for one in stage.instructions:
            if one.keyword == "WORKDIR":
                directory = posixpath.join(directory, one.argument.text)
            elif isinstance(one, Copy):
                if not is_written and one.flag("chown") is None:
                    copied[_directory(one.target.text, directory)] = one
            elif isinstance(one, Run):
                for ran, path in _recursive_changes(stage, one, directory):
                    if path in copied:
                        text = " ".join(word.text for word in ran.command.words)
                        yield at(
                            ran.command.extent,
                            f'"{text}" stores a second time what was copied',
                            object=stage.object,
                            related=[copied[path].location.labelled("copied here")],
                        )
                if any(command.name not in _TRIVIAL for command in one.script.commands):
                    copied, is_written = {}, True


def _recursive_changes(stage: Stage, run: Run, directory: str) -> Iterator[tuple[Ran, str]]:
    for command in run.script.commands:
        if command.name not in _TRIVIAL:
            return
        if command.name in ("chown", "chmod") and command.has_flag("R", "recursive"):
            for word in command.plain[1:]:
                yield Ran(stage, run, command), _directory(word.text, directory)


def _directory(path: str, directory: str) -> str:
    return posixpath.normpath(posixpath.join(directory, path.removesuffix("/*") or "/"))


@rule("DF5012", Dockerfile, Severity.INFO, default="off")
def consecutive_copies(dockerfile: Dockerfile) -> Findings:
    """Three or more files are copied one by one to the same directory.

    Each COPY makes a layer; one COPY takes several sources.
    https://docs.docker.com/reference/dockerfile/#copy

    Bad:
        FROM node:22
        WORKDIR /app
        COPY package.json ./
        COPY package-lock.json ./
        COPY tsconfig.json ./
    Good:
        FROM node:22
        WORKDIR /app
        COPY package.json package-lock.json tsconfig.json ./
    Good: other flags
        FROM node:22
        COPY package.json /app/
        COPY package-lock.json /app/
        COPY --chown=node start.sh /app/
    """
    for stage in dockerfile.stages:
        row: list[Copy] = []
        for one in [*stage.instructions, None]:
            same = isinstance(one, Copy) and len(one.sources) == 1 and one.target.text[-1:] in "/."
            if isinstance(one, Copy) and same and (not row or _key(one) == _key(row[0])):
                row.append(one)
                continue
            if len(row) >= 3:
                message = f'{len(row)} files are copied one by one to "{row[0].target.text}"'
                related = [copy.location.labelled("and this one") for copy in row[1:]]
                yield at(row[0], message, related=related)
            row = [one] if isinstance(one, Copy) and same else []


def _key(copy: Copy) -> tuple[object, ...]:
    flags = sorted((flag.name, flag.value) for flag in copy.flags)
    return (copy.keyword, copy.target.text, *flags)
