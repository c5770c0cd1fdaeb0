"""Installations that do not hold to their lockfile."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Copy, Dockerfile, Ran, Stage
from iachygiene.parse.dockerignore import BuildContext, clean
from iachygiene.rule import rule

_DEVELOPMENT = frozenset(("dev", "development", "test", "tests"))
_TRUE = ("1", "true", "yes", "on")


class _Tool(NamedTuple):
    """`frozen` are options, `variables` settings that hold a command to `lockfile`."""

    lockfile: str
    is_install: Callable[[Command, list[str]], bool]
    frozen: tuple[str, ...]
    variables: tuple[str, ...] = ()
    by_default: bool = True


def _bare(*names: str) -> Callable[[Command, list[str]], bool]:
    return lambda command, words: words in [[name] if name else [] for name in names]


_TOOLS: Mapping[str, _Tool] = {
    "yarn": _Tool(
        "yarn.lock",
        _bare("", "install"),
        ("frozen-lockfile", "immutable", "pure-lockfile", "version", "v", "help", "h"),
        ("CI",),
    ),
    "pnpm": _Tool(
        "pnpm-lock.yaml",
        lambda command, words: (
            words in (["install"], ["i"]) and not command.has_flag("g", "global")
        ),
        ("frozen-lockfile", "offline"),
        ("CI",),
    ),
    "bundle": _Tool(
        "Gemfile.lock",
        lambda command, words: words[:1] in ([], ["install"]),
        ("deployment", "frozen", "version", "v", "help"),
        ("BUNDLE_DEPLOYMENT", "BUNDLE_FROZEN"),
    ),
    "uv": _Tool(
        "uv.lock",
        lambda command, words: words[:1] == ["sync"],
        ("frozen", "locked"),
        ("UV_FROZEN", "UV_LOCKED"),
    ),
    "composer": _Tool(
        "composer.lock", lambda command, words: words[:1] == ["update"], ("lock", "nothing")
    ),
    "cargo": _Tool(
        "Cargo.lock",
        lambda command, words: words[:1] == ["build"],
        ("locked", "frozen", "offline"),
        by_default=False,
    ),
    "dotnet": _Tool(
        "packages.lock.json",
        lambda command, words: words[:1] == ["restore"],
        ("locked-mode",),
        by_default=False,
    ),
}
_VALUED = ("C", "cwd", "dir", "jobs", "without", "retry", "filter", "F", "network-timeout", "path")
_BUNDLE_SET = regex(r"(?:frozen|deployment)[ \t]+['\"]?(?:true|1)\b")


@rule("DF5003", Dockerfile, Severity.WARNING)
def lockfile_not_frozen(dockerfile: Dockerfile, *, compiled: bool = False) -> Findings:
    """A lockfile is there, and the installation may take other versions than it names.

    Without an option such as `--frozen-lockfile` these tools quietly resolve anew what does
    not fit the manifest: the image then holds versions that nobody has tested.
    https://classic.yarnpkg.com/en/docs/cli/install https://pnpm.io/cli/install
    https://bundler.io/guides/deploying.html https://docs.astral.sh/uv/concepts/projects/sync/

    Judged are yarn, pnpm, bundle, uv, composer and poetry, where the Dockerfile copies the
    lockfile, or a whole directory with it. It is an info in stages for development and tests.

    Options:
        compiled: also judge `cargo build` and `dotnet restore`.

    Bad:
        FROM node:22
        COPY package.json yarn.lock ./
        RUN yarn install
    Bad:
        FROM ruby:3.4
        COPY Gemfile Gemfile.lock ./
        RUN bundle install
    Bad:
        FROM python:3.13
        COPY pyproject.toml uv.lock ./
        RUN uv sync
    Bad: "update" takes new versions by its nature
        FROM php:8.4-fpm
        COPY composer.json composer.lock ./
        RUN composer update --no-dev
    Bad: the lockfile is left behind
        -- Dockerfile --
        FROM python:3.13
        COPY pyproject.toml ./
        RUN poetry install
        -- pyproject.toml --
        [tool.poetry]
        -- poetry.lock --
        package = []
    Bad:
        -- .iachygiene.toml --
        [rules.lockfile-not-frozen]
        compiled = true
        -- Dockerfile --
        FROM rust:1.90
        COPY Cargo.toml Cargo.lock ./
        RUN cargo build --release
    Good:
        FROM node:22
        COPY package.json yarn.lock ./
        RUN yarn install --frozen-lockfile
    Good: a setting that holds for all that follows
        FROM ruby:3.4
        ENV BUNDLE_DEPLOYMENT=1
        COPY Gemfile Gemfile.lock ./
        RUN bundle install
    Good: set by a command
        FROM ruby:3.4
        COPY Gemfile Gemfile.lock ./
        RUN bundle config set --local deployment true && bundle install
    Good: pnpm takes the lockfile for frozen in continuous integration
        FROM node:22
        ENV CI=true
        COPY package.json pnpm-lock.yaml ./
        RUN pnpm install
    Good: there is no lockfile
        FROM node:22
        COPY package.json ./
        RUN yarn install
    """
    wanted = [name for name, tool in _TOOLS.items() if tool.by_default or compiled]
    found = dockerfile.ran("poetry", *wanted)
    if not found:
        return
    known = _Known(dockerfile)
    for ran in found:
        if ran.command.name == "poetry":
            message = _left_behind(known, ran)
        else:
            message = _not_frozen(known, ran)
        if message:
            developing = not _DEVELOPMENT.isdisjoint(re.split(r"[^a-z]+", ran.stage.name.lower()))
            yield at(
                ran.command.extent,
                message,
                object=ran.stage.object,
                severity=Severity.INFO if developing else None,
            )


class _Known:
    """What is asked of the stages again and again; a lockfile may have a directory."""

    def __init__(self, dockerfile: Dockerfile) -> None:
        self.context = dockerfile.context
        self._places: dict[tuple[int, str], int | None] = {}
        self._settings: dict[int, bool] = {}

    def has_lockfile(self, ran: Ran, lockfile: str) -> bool:
        """Whether the file is there when the command runs: by name, mount or whole copy."""
        if any(mount.options.get("source", "").endswith(lockfile) for mount in ran.run.mounts):
            return True
        place = self.first_copy(ran.stage, posixpath.join(_directory(ran), lockfile))
        return place is not None and place < ran.run.extent.start

    def first_copy(self, stage: Stage, lockfile: str) -> int | None:
        """Where the file gets into the stage."""
        key = (stage.index, lockfile)
        if key not in self._places:
            self._places[key] = next(
                (
                    one.extent.start
                    for own in reversed(stage.chain)
                    for one in own.instructions
                    if isinstance(one, Copy)
                    for source in one.context_sources
                    if _brings(clean(source.text), lockfile, self.context)
                ),
                None,
            )
        return self._places[key]

    def bundle_is_set(self, stage: Stage) -> bool:
        """Whether a command tells bundle to hold to its lockfile."""
        if stage.index not in self._settings:
            texts = (run.script.text.string for own in stage.chain for run in own.runs)
            self._settings[stage.index] = any(
                "bundle" in text and "config" in text and _BUNDLE_SET.search(text) for text in texts
            )
        return self._settings[stage.index]


def _not_frozen(known: _Known, ran: Ran) -> str:
    tool = _TOOLS[ran.command.name]
    words = [word.text for word in ran.command.plain_without(_VALUED)]
    if not tool.is_install(ran.command, words) or ran.command.has_flag(*tool.frozen):
        return ""
    if _is_set(ran, tool.variables):
        return ""
    if ran.command.name == "bundle" and known.bundle_is_set(ran.stage):
        return ""
    if not known.has_lockfile(ran, tool.lockfile):
        return ""
    text = " ".join(word.text for word in ran.command.words)
    return f'"{text}" may take other versions than "{tool.lockfile}" names'


def _left_behind(known: _Known, ran: Ran) -> str:
    """Poetry follows a lockfile by itself; it only has to be there."""
    words = [word.text for word in ran.command.plain_without(_VALUED)]
    context = known.context
    if words[:1] != ["install"] or context is None or not context.is_file("poetry.lock"):
        return ""
    if known.first_copy(ran.stage, "pyproject.toml") is None:
        return ""
    if known.has_lockfile(ran, "poetry.lock"):
        return ""
    return '"poetry install" without a lockfile, as "poetry.lock" is not copied'


def _directory(ran: Ran) -> str:
    """The directory that a `cd` before the command leads to, "" where there is none."""
    place = ran.command.location.span.start
    words = [
        command.plain[0].text
        for command in ran.run.script.named("cd")
        if command.plain and command.location.span.start < place
    ]
    path = words[-1] if words else ""
    return "" if path.startswith(("/", "~", "$", "..")) else posixpath.normpath(path or ".")


def _is_set(ran: Ran, variables: tuple[str, ...]) -> bool:
    for assignment in (*ran.command.assignments, *ran.run.script.assignments):
        if assignment.name in variables and assignment.value:
            return True
    for stage in ran.stage.chain:
        known = stage.variables
        for name in variables:
            if (known.get(name) or "").lower() in _TRUE:
                return True
    return any(
        word.text.partition("=")[0] in variables
        for one in ran.run.script.named("export")
        for word in one.arguments
    )


def _brings(path: str, lockfile: str, context: BuildContext | None) -> bool:
    lockfile = posixpath.normpath(lockfile)
    directory, name = posixpath.split(path)
    if path in (".", "*") or (context is not None and context.is_directory(path)):
        full = posixpath.join("" if path in (".", "*") else path, lockfile)
        return context is not None and context.is_file(full) and not context.ignores(full)
    if not fnmatchcase(posixpath.basename(lockfile), name):
        return False
    if "*" in name or "?" in name:
        full = posixpath.join(directory, posixpath.basename(lockfile))
        return context is not None and context.is_file(full) and not context.ignores(full)
    return True
