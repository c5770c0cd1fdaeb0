"""Instructions in an order that lets the builder use its cache."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.dockerfile import Command, Copy, Dockerfile, Run, Stage, Word
from iachygiene.parse.dockerignore import BuildContext, clean
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.installs import Step, dependency_step, is_npm_install

_SOURCES = (".py", ".js", ".ts", ".go", ".rs", ".java", ".rb", ".php", ".cs", ".c", ".cpp")
_LOCKFILES = ("package-lock.json", "npm-shrinkwrap.json")
_LOCAL = {
    "npm": regex(r'"(?:file|workspace|link|portal):|"workspaces"\s*:'),
    "pip": regex(r"^\s*(?:-e\s*|--editable[= ])?(?:\.|file:)", re.MULTILINE),
    "go": regex(r"=>\s*\.{1,2}/"),
    "poetry": regex(r"\bpath\s*="),
    "uv": regex(r"\b(?:path|workspace|members)\s*="),
    "cargo": regex(r"^\[workspace\]|\bpath\s*=", re.MULTILINE),
}
_CI_KNOWS = frozenset(
    (
        *("omit", "include", "production", "only", "audit", "no-audit", "fund", "no-fund"),
        *("ignore-scripts", "legacy-peer-deps", "loglevel", "silent", "s", "quiet", "q"),
        *("prefer-offline", "no-progress", "progress", "verbose", "cache", "registry", "prefix"),
        *("strict-peer-deps", "foreground-scripts", "no-bin-links", "no-optional", "unsafe-perm"),
    )
)


class _Install(NamedTuple):
    step: Step
    command: Command
    run: Run
    copy: Word | None


@rule("DF5001", Dockerfile, Severity.WARNING)
def copy_before_deps(dockerfile: Dockerfile) -> Findings:
    """Sources are copied before the dependencies are installed.

    The builder reuses a layer as long as nothing before it has changed. Where the whole
    context is copied first, every changed line of code installs all dependencies anew;
    copied after them, only what follows is built again.
    https://docs.docker.com/build/cache/optimize/#order-your-layers

    It is an info where separating the two takes restructuring (a compiler that fetches
    what it needs) or where a cache mount keeps what was downloaded.

    Bad:
        FROM node:20
        WORKDIR /app
        COPY . .
        RUN npm ci
        CMD ["node", "server.js"]
    Bad: copied by a stage that this one builds on
        FROM python:3.12-slim AS base
        COPY . /app
        FROM base
        RUN pip install -r /app/requirements.txt
    Bad: a directory that holds the manifest
        -- Dockerfile --
        FROM ruby:3.3
        COPY web /web
        RUN bundle install
        -- web/Gemfile --
        source "https://rubygems.org"
        -- web/app.rb --
        puts 1
    Bad: only an info
        FROM golang:1.23
        COPY . .
        RUN go build -o /app ./cmd/app
    Good:
        FROM node:20
        WORKDIR /app
        COPY package.json package-lock.json ./
        RUN npm ci
        COPY . .
        CMD ["node", "server.js"]
    Good: the dependencies are there by then
        FROM golang:1.23
        COPY go.mod go.sum ./
        RUN go mod download
        COPY . .
        RUN go build -o /app ./cmd/app
    Good: a single package, no manifest
        FROM node:20
        COPY . .
        RUN npm install --global pm2@5
    Good: the manifest refers to other parts of the sources
        -- Dockerfile --
        FROM node:20
        COPY . .
        RUN npm ci
        -- package.json --
        {"name": "web", "workspaces": ["packages/*"]}
    Good: words that only look like it
        FROM gradle:8
        COPY . .
        RUN chmod +x gradlew
    """
    for stage, install in _first_installs(dockerfile):
        if install.copy is None or _needs_sources(install, dockerfile.context):
            continue
        certain = install.step.separable and not _has_cache(install.run)
        text = " ".join(word.text for word in install.command.words[:5])
        needed = ", ".join(_manifests(install, dockerfile.context))
        yield at(
            install.command.extent,
            f'"{text}" needs {needed} and runs after "{install.copy.raw}" is copied',
            object=stage.object,
            severity=None if certain else Severity.INFO,
            related=[install.copy.location.labelled("every change of these files")],
        )


def _is_for_developers(stage: Stage) -> bool:
    words = re.split(r"[^a-z]+", stage.name.lower())
    return not {"dev", "development", "test", "tests"}.isdisjoint(words)


def _first_installs(dockerfile: Dockerfile) -> Iterator[tuple[Stage, _Install]]:
    """The first dependency step of each ecosystem in each stage and what it builds on."""
    states: list[tuple[set[str], list[Word]]] = []
    for stage in dockerfile.stages:
        before = states[stage.parent.index] if stage.parent else (set(), [])
        seen, wide = set(before[0]), list(before[1])
        states.append((seen, wide))
        for instruction in stage.instructions:
            if isinstance(instruction, Copy):
                wide += _wide_sources(instruction)
            elif isinstance(instruction, Run):
                for step, command in _steps(instruction):
                    if step.ecosystem not in seen:
                        seen.add(step.ecosystem)
                        copy = _bringing(step, wide, dockerfile.context)
                        if not _is_for_developers(stage):
                            yield stage, _Install(step, command, instruction, copy)


def _steps(run: Run) -> Iterator[tuple[Step, Command]]:
    for command in run.script.commands:
        if command.name == "git" and command.has("clone"):
            return
        step = dependency_step(command)
        if step is not None:
            yield step, command


def _wide_sources(copy: Copy) -> list[Word]:
    """The sources that may hold more than manifests: directories and globs of sources."""
    if any(flag.name == "exclude" and flag.value in ("*", "**", "**/*") for flag in copy.flags):
        return []
    return copy.context_sources


def _bringing(step: Step, words: list[Word], context: BuildContext | None) -> Word | None:
    """The first source that brings more than the manifests of a step."""
    for word in words:
        path = clean(word.text)
        if path in (".", "*") or (path.endswith(_SOURCES) and "*" in path):
            if path != "." or not _holds_only_manifests(step, context):
                return word
        elif context is not None and context.is_directory(path):
            entries = [name for name, _ in context.listdir(path)]
            found = [name for name in entries if _is_manifest(name, step)]
            if found and len(found) < len(entries):
                return word
    return None


def _is_manifest(name: str, step: Step) -> bool:
    return any(fnmatchcase(name, manifest.rstrip("/")) for manifest in step.manifests)


def _holds_only_manifests(step: Step, context: BuildContext | None) -> bool:
    if context is None:
        return False
    others = [
        name
        for name, _ in context.listdir()
        if not _is_manifest(name, step) and not context.ignores(name)
    ]
    own = (posixpath.basename(context.dockerfile), ".dockerignore")
    manifests = any(_is_manifest(name, step) for name, _ in context.listdir())
    return manifests and all(name in own for name in others)


def _manifest_paths(step: Step, context: BuildContext) -> list[str]:
    """The manifests in the context or one level below."""
    entries = context.listdir()
    found = [name for name, _ in entries if _is_manifest(name, step)]
    if not found:
        below = [name for name, kind in entries if kind == "dir" and not name.startswith(".")]
        for directory in below[:100]:
            names = [name for name, _ in context.listdir(directory)]
            found += [f"{directory}/{name}" for name in names if _is_manifest(name, step)]
    return found


def _manifests(install: _Install, context: BuildContext | None) -> list[str]:
    """The manifests that are there, or those there could be."""
    here = _manifest_paths(install.step, context) if context else []
    names = dict.fromkeys(posixpath.basename(path) for path in here)
    return list(names)[:4] or list(install.step.manifests)[:2]


def _needs_sources(install: _Install, context: BuildContext | None) -> bool:
    """Whether the step cannot come first: a bind mount, a vendor tree, local references."""
    if any(mount.options.get("type", "bind") == "bind" for mount in install.run.mounts):
        return True
    if context is None:
        return False
    step = install.step
    if not step.separable and not _manifest_paths(step, context) and context.listdir():
        # A context that holds other things and no manifest is built without one.
        return len(context.listdir()) > 1
    if step.ecosystem == "go" and context.is_directory("vendor"):
        return True
    if step.ecosystem == "pnpm" and context.is_file("pnpm-workspace.yaml"):
        return True
    family = "npm" if step.ecosystem in ("yarn", "pnpm", "bun") else step.ecosystem
    local = _LOCAL.get(family)
    for path in _manifest_paths(step, context)[:20] if local else ():
        file = context.file(path)
        if (
            local
            and file
            and not path.endswith((".lock", "-lock.json"))
            and local.search(file.text)
        ):
            return True
    return False


def _has_cache(run: Run) -> bool:
    return any(mount.options.get("type") == "cache" for mount in run.mounts)


@rule("DF5002", Dockerfile, Severity.WARNING)
def npm_install_not_ci(dockerfile: Dockerfile) -> Findings:
    """An image is built with "npm install" instead of "npm ci".

    `npm install` may take other versions than the lockfile names and change the lockfile,
    without a word; `npm ci` installs exactly what it names and fails where it does not fit.
    https://docs.npmjs.com/cli/commands/npm-ci

    It is an info without a lockfile, which should be committed first, and in stages for
    development and tests. The fix is offered where the lockfile is copied and `npm ci`
    knows every option.

    Bad:
        -- Dockerfile --
        FROM node:20
        COPY package*.json ./
        RUN npm install --omit=dev
        -- package.json --
        {"name": "web", "private": true}
        -- package-lock.json --
        {"name": "web", "lockfileVersion": 3, "packages": {}}
    Fixed:
        -- Dockerfile --
        FROM node:20
        COPY package*.json ./
        RUN npm ci --omit=dev
    Bad: only an info, there is no lockfile
        -- Dockerfile --
        FROM node:20
        COPY package.json ./
        RUN npm i
        -- package.json --
        {"name": "web", "private": true}
    Good:
        FROM node:20
        COPY package.json package-lock.json ./
        RUN npm ci
    Good: a project from elsewhere
        FROM node:20
        RUN git clone https://git.example.com/web . && npm install
    Good: a package by name
        FROM node:20
        RUN npm install express@4
    Good: a tool for the image
        FROM node:20
        RUN npm install --global
    """
    if not dockerfile.ran("npm"):
        return
    states: list[tuple[bool, bool]] = []
    for stage in dockerfile.stages:
        known, locked = states[stage.parent.index] if stage.parent else (False, False)
        for instruction in stage.instructions:
            if isinstance(instruction, Copy):
                sources = instruction.context_sources
                known = known or _copies(sources, ("package.json",), dockerfile.context)
                locked = locked or _copies(sources, _LOCKFILES, dockerfile.context)
            elif isinstance(instruction, Run) and known:
                for command in filter(is_npm_install, instruction.script.commands):
                    info = not locked or _is_for_developers(stage)
                    yield at(
                        command.extent,
                        _npm_message(command, locked),
                        object=stage.object,
                        severity=Severity.INFO if info else None,
                        fix=_use_ci(command) if locked else None,
                    )
        states.append((known, locked))


def _npm_message(command: Command, locked: bool) -> str:
    text = " ".join(word.text for word in command.words)
    if locked:
        return f'"{text}" may take other versions than the lockfile names'
    return f'"{text}" without a lockfile takes the newest versions allowed'


def _copies(sources: list[Word], names: tuple[str, ...], context: BuildContext | None) -> bool:
    """Whether the sources bring one of the files into the image."""
    for source in sources:
        path = clean(source.text)
        directory, name = posixpath.split(path)
        if path in (".", "*") or (context is not None and context.is_directory(path)):
            directory, name = "" if path in (".", "*") else path, "*"
        for wanted in names:
            full = posixpath.join(directory, wanted)
            there = context is None or (context.is_file(full) and not context.ignores(full))
            if there and fnmatchcase(wanted, name):
                return True
    return False


def _use_ci(command: Command) -> Fix | None:
    if not all(flag in _CI_KNOWS for flag in command.flags):
        return None
    word = next(word for word in command.arguments if word.text in ("install", "i"))
    return Fix("use npm ci", (Edit(word.location.span, "ci"),))
