"""Mounts of RUN: caches, secrets, and what is written into their options."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Flag, Run, Stage
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.distributions import distribution
from iachygiene.rules.dockerfile.installs import dependency_step

_EVERYWHERE = (
    *("type", "target", "dst", "destination", "source", "src", "readonly", "ro", "readwrite"),
    *("rw", "id"),
)
_OWNERS = ("mode", "uid", "gid")
_KEYS: Mapping[str, frozenset[str]] = {
    "bind": frozenset((*_EVERYWHERE, "from")),
    "cache": frozenset((*_EVERYWHERE, *_OWNERS, "from", "sharing")),
    "tmpfs": frozenset((*_EVERYWHERE, "from", "size")),
    "secret": frozenset((*_EVERYWHERE, *_OWNERS, "required", "env")),
    "ssh": frozenset((*_EVERYWHERE, *_OWNERS, "required")),
}
_SAME = {"dst": "target", "destination": "target", "src": "source"}
_APT = ("/var/cache/apt", "/var/lib/apt")
_INSTALLING = ("apt-get", "apt", "apk", "dnf", "microdnf", "yum")
_WRITES = regex(r"\bcat[ \t]+[\"']?(\S+?)[\"']?[ \t]*>>?[ \t]*[\"']?([^\s;&|\"']+)")
_COPIES = ("cp", "mv", "install", "ln")


@rule("DF5903", Dockerfile, Severity.ERROR)
def mount_unknown_key(dockerfile: Dockerfile) -> Findings:
    """A mount has a type or an option that does not exist.

    The build stops there. It is a warning where an option stands twice, for then only the
    last one counts. https://docs.docker.com/reference/dockerfile/#run---mount

    Bad:
        FROM python:3.13
        RUN --mount=type=cache,path=/root/.cache/pip pip install flask==3.1
    Bad:
        FROM python:3.13
        RUN --mount=type=volume,target=/data make
    Bad: nothing says which secret
        FROM node:22
        RUN --mount=type=secret npm ci
    Bad: only a warning
        FROM python:3.13
        RUN --mount=type=cache,target=/a,target=/b make
    Good:
        FROM python:3.13
        RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked pip install flask==3.1
        RUN --mount=source=.,target=/src,rw make
        RUN --mount=type=secret,id=token,env=TOKEN make
        RUN --mount=type=ssh git clone git@example.com:a/b
    Good: nobody knows what a variable holds
        FROM python:3.13
        ARG KIND=cache
        RUN --mount=type=$KIND,target=/root/.cache make
    """
    for stage, run in _runs_with_mounts(dockerfile):
        for mount in run.mounts:
            found = _mistake(mount)
            if found is not None:
                message, severity = found
                yield at(mount, message, object=stage.object, severity=severity)


def _runs_with_mounts(dockerfile: Dockerfile) -> Iterator[tuple[Stage, Run]]:
    if "--mount" not in dockerfile.file.text:
        return
    for stage in dockerfile.stages:
        for one in stage.instructions:
            if isinstance(one, Run) and one.flags:
                yield stage, one


def _mistake(mount: Flag) -> tuple[str, Severity] | None:
    if "$" in mount.value or '"' in mount.value:
        return None
    options = mount.options
    kind = options.get("type", "bind").lower()
    if kind not in _KEYS:
        return f'a mount has no type "{kind}"', Severity.ERROR
    for name in options:
        if name not in _KEYS[kind]:
            return f'a mount of type "{kind}" has no option "{name}"', Severity.ERROR
    names = {_SAME.get(name, name) for name in options}
    if kind == "secret" and names.isdisjoint(("id", "source", "target")):
        return "a mount of a secret has neither id nor target", Severity.ERROR
    keys = [item.partition("=")[0].strip().lower() for item in mount.value.split(",")]
    same = [_SAME.get(key, key) for key in keys]
    twice = next((key for key in same if same.count(key) > 1), None)
    return (f'the option "{twice}" stands twice', Severity.WARNING) if twice else None


def _target(mount: Flag) -> str:
    options = mount.options
    return options.get("target") or options.get("dst") or options.get("destination") or ""


@rule("DF5904", Dockerfile, Severity.WARNING, security=True)
def mount_secret_copied(dockerfile: Dockerfile) -> Findings:
    """A secret is mounted, so that it stays out of the image, and then written into it.

    What a RUN writes outside of the mount becomes part of the layer. Most tools can be told
    where to read the file, or the mount can have the path that they expect.
    https://docs.docker.com/build/building/secrets/

    Bad:
        FROM node:22
        RUN --mount=type=secret,id=npmrc cat /run/secrets/npmrc > /root/.npmrc && npm ci
    Bad:
        FROM debian:12
        RUN --mount=type=secret,id=key,target=/key cp /key /root/.ssh/id_rsa
    Good:
        FROM node:22
        RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci
    Good: removed in the same RUN
        FROM node:22
        RUN --mount=type=secret,id=npmrc cp /run/secrets/npmrc .npmrc && npm ci && rm .npmrc
    """
    for stage, run in _runs_with_mounts(dockerfile):
        paths = {
            _target(mount) or f"/run/secrets/{mount.options.get('id', '')}"
            for mount in run.mounts
            if mount.options.get("type") == "secret" and "env" not in mount.options
        }
        if not paths:
            continue
        removed = {
            posixpath.basename(word.text)
            for command in run.script.named("rm", "shred", "unlink")
            for word in command.plain
        }
        for source, target, command in _written(run):
            name = posixpath.basename(target)
            to_image = not target.startswith(("/dev/", "/tmp/", "$", "&"))
            if source in paths and to_image and name not in removed:
                yield at(
                    command, f'the secret "{source}" is written to "{target}"', object=stage.object
                )


def _written(run: Run) -> Iterator[tuple[str, str, Command]]:
    """Source and target of what the commands of a RUN copy."""
    for found in _WRITES.finditer(run.script.text.string):
        command = next((one for one in run.script.named("cat") if one.has(found[1])), None)
        if command is not None:
            yield found[1], found[2], command
    for command in run.script.named(*_COPIES):
        plain = command.plain
        for word in plain[:-1]:
            yield word.text, plain[-1].text, command


@rule("DF5905", Dockerfile, Severity.INFO)
def apt_cache_mount_sharing(dockerfile: Dockerfile) -> Findings:
    """Builds that run at the same time share a cache of apt.

    apt wants to be alone with its directories. With `sharing=locked` one build waits for the
    other; without it one of them may fail over the lock.
    https://docs.docker.com/reference/dockerfile/#example-cache-apt-packages

    Bad:
        FROM debian:12
        RUN --mount=type=cache,target=/var/cache/apt apt-get install -y curl
    Fixed:
        FROM debian:12
        RUN --mount=type=cache,target=/var/cache/apt,sharing=locked apt-get install -y curl
    Bad:
        FROM debian:12
        RUN --mount=type=cache,target=/var/lib/apt,sharing=shared apt-get update
    Good:
        FROM debian:12
        RUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update
    """
    for stage, run in _runs_with_mounts(dockerfile):
        for mount in run.mounts:
            options = mount.options
            sharing = options.get("sharing", "shared")
            is_apt = options.get("type") == "cache" and _target(mount).startswith(_APT)
            if is_apt and sharing == "shared":
                message = f'the cache "{_target(mount)}" is not locked'
                yield at(mount, message, object=stage.object, fix=_lock(mount))


def _lock(mount: Flag) -> Fix | None:
    if "sharing" in mount.options or mount.value[-1:] in ("", '"', "'"):
        return None
    end = mount.location.span.end
    edit = Edit(mount.location.span._replace(start=end), ",sharing=locked")
    return Fix("add sharing=locked", (edit,))


@rule("DF5007", Dockerfile, Severity.INFO, default="off")
def cache_mount_unused(dockerfile: Dockerfile) -> Findings:
    """Dependencies are installed without a cache mount, in a file that could have one.

    With a cache mount, what was downloaded once is still there when one dependency changes.
    A file with a syntax line, a mount or a here-document is built by BuildKit anyway.
    https://docs.docker.com/build/cache/optimize/#use-cache-mounts

    Bad:
        # syntax=docker/dockerfile:1
        FROM node:22
        COPY package.json package-lock.json ./
        RUN npm ci
    Good:
        # syntax=docker/dockerfile:1
        FROM node:22
        COPY package.json package-lock.json ./
        RUN --mount=type=cache,target=/root/.npm npm ci
    Good: the cache is removed at once
        # syntax=docker/dockerfile:1
        FROM node:22
        COPY package.json package-lock.json ./
        RUN npm ci && npm cache clean --force
    Good: nothing says that BuildKit is there
        FROM node:22
        COPY package.json package-lock.json ./
        RUN npm ci
    """
    modern = "syntax" in dockerfile.directives or any(
        one.heredocs or one.flag("mount") for one in dockerfile.instructions
    )
    for stage in dockerfile.stages if modern else ():
        for run in stage.runs:
            if run.mounts or any(_cleans_cache(command) for command in run.script.commands):
                continue
            for command in run.script.commands:
                if dependency_step(command) is not None:
                    text = " ".join(word.text for word in command.words[:3])
                    message = f'"{text}" has no cache mount'
                    yield at(command.extent, message, object=stage.object)
                    break


def _cleans_cache(command: Command) -> bool:
    words = [word.text for word in command.arguments]
    if command.name == "rm":
        return any("cache" in word or ".npm" in word for word in words)
    return "--no-cache-dir" in words or "--no-cache" in words or words[:2] == ["cache", "clean"]


@rule("DF5008", Dockerfile, Severity.INFO)
def mount_cache_and_no_cache(dockerfile: Dockerfile) -> Findings:
    """A cache is mounted, and the command that would fill it is told not to.

    The mount then costs time and gives nothing: an option switches the cache off, the cache is
    removed at the end, or the images of Debian and Ubuntu delete the packages of apt after
    each installation (`/etc/apt/apt.conf.d/docker-clean`).
    https://docs.docker.com/reference/dockerfile/#example-cache-apt-packages

    Bad:
        FROM python:3.13
        RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir flask==3.1
    Bad:
        FROM alpine:3.22
        RUN --mount=type=cache,target=/var/cache/apk apk add --no-cache curl
    Bad: removed again
        FROM node:22
        RUN --mount=type=cache,target=/root/.npm npm ci && npm cache clean --force
    Bad: the base image deletes it
        FROM debian:12
        RUN --mount=type=cache,target=/var/cache/apt apt-get install -y curl
    Good:
        FROM python:3.13
        RUN --mount=type=cache,target=/root/.cache/pip pip install flask==3.1
    Good: another cache
        FROM python:3.13
        RUN --mount=type=cache,target=/root/.npm pip install --no-cache-dir flask==3.1
    Good:
        FROM debian:12
        RUN rm -f /etc/apt/apt.conf.d/docker-clean
        RUN --mount=type=cache,target=/var/cache/apt apt-get install -y curl
    """
    cleaned: dict[int, bool] = {}
    for stage, run in _runs_with_mounts(dockerfile):
        for mount in run.mounts:
            target = _target(mount).rstrip("/")
            if mount.options.get("type") == "cache" and target:
                command = _emptying(run, target)
                if command is None and target.startswith("/var/cache/apt"):
                    if stage.index not in cleaned:
                        cleaned[stage.index] = _is_cleaned_by_base(stage)
                    if cleaned[stage.index]:
                        command = _apt_install(run)
                if command is not None:
                    text = " ".join(word.text for word in command.words[:4])
                    message = f'"{text}" leaves nothing in the cache "{target}"'
                    yield at(mount, message, object=stage.object, related=[command.location])


def _emptying(run: Run, target: str) -> Command | None:
    """The command that leaves a cache unused or empty."""
    for command in run.script.commands:
        name = command.name
        words = [word.text for word in command.arguments]
        if name == "rm" and any(word.rstrip("/*") == target for word in words):
            return command
        unused = "--no-cache-dir" in words and (target.endswith(("/pip", "/.cache")))
        unused = unused or ("--no-cache" in words and name == "apk" and "/cache/apk" in target)
        unused = unused or ("--no-cache" in words and name == "uv" and target.endswith("/uv"))
        cleaned = words[:2] == ["cache", "clean"] and name in ("npm", "yarn")
        cleaned = cleaned and target.rpartition("/")[2].lstrip(".").startswith(name)
        cleaned = cleaned or (name in ("dnf", "yum", "microdnf") and words[:1] == ["clean"])
        cleaned = cleaned and (name in ("npm", "yarn") or "/var/cache/" in target)
        if unused or cleaned:
            return command
    return None


def _is_cleaned_by_base(stage: Stage) -> bool:
    """Whether the configuration of the base image deletes the packages of apt."""
    known = distribution(stage.chain[-1].resolved)
    if known is None or known.manager != "apt":
        return False
    for one in (one for stage in stage.chain for one in stage.instructions):
        text = one.text.string + "".join(heredoc.body.string for heredoc in one.heredocs)
        if "docker-clean" in text or "Keep-Downloaded-Packages" in text or "apt.conf" in text:
            return False
    return True


def _apt_install(run: Run) -> Command | None:
    return next((one for one in run.script.named("apt-get", "apt") if one.has("install")), None)
