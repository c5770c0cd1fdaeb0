"""Packages by the tools of programming languages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Run, Use, Variables, Word
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.runs import (
    StageNames,
    first_index,
    insertion,
    own_and_onbuild,
    runs_that_matter,
    unpinned,
)

_PIP_VALUED = (
    *("abi", "b", "build", "e", "editable", "extra-index-url", "f", "find-links", "i"),
    *("index-url", "implementation", "no-binary", "only-binary", "platform", "prefix"),
    *("progress-bar", "proxy", "python", "python-version", "root", "root-user-action", "src"),
    *("t", "target", "trusted-host", "upgrade-strategy"),
)
_COMPARISONS = ("==", ">=", "<=", ">", "<", "!=", "~=")
_REPOSITORY = regex(r"git|svn|hg\+(?:file|http|ssh|static-http)|bzr\+(?:ftp|http|lp|sftp|ssh)")
_TRUE = ("1", "true", "True", "TRUE", "on", "On", "ON", "yes", "Yes", "YES")
_CACHE_OFF = "PIP_NO_CACHE_DIR"
_NPM_REPOSITORIES = ("git://", "git+ssh://", "git+http://", "git+https://")
_NPM_FILES = (".tar", ".tar.gz", ".tgz")
_NPM_PATHS = ("/", "./", "../", "~/")


@rule("DF3013", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3013",))
def unpinned_pip_package(dockerfile: Dockerfile) -> Findings:
    """A package is installed by pip in whatever version there is.

    Two builds of one commit can then hold different software, and a broken release of a
    package breaks the build of an unchanged file.
    https://pip.pypa.io/en/stable/topics/repeatable-installs/

    Bad:
        FROM python:3.13
        RUN pip install --no-cache-dir django
    Bad:
        FROM python:3.13
        RUN python3 -m pip install --no-cache-dir --upgrade pip
    Bad: the shell takes the rest for a file to write to
        FROM python:3.13
        RUN pip install --no-cache-dir django>=5
    Bad: the project may ask for anything
        FROM python:3.13
        RUN pip install --no-cache-dir .[dev]
    Bad: a repository without a revision
        FROM python:3.13
        RUN pip install --no-cache-dir git+https://example.com/tool
    Good:
        FROM python:3.13
        RUN pip install --no-cache-dir django==5.1.4 "flask>=3"
    Good: the file names the versions
        FROM python:3.13
        RUN pip install --no-cache-dir -r requirements.txt
    Good:
        FROM python:3.13
        RUN pip install --no-cache-dir -c constraints.txt django
    Good:
        FROM python:3.13
        RUN pip install --no-cache-dir git+https://example.com/tool@v1 ./lib tool.whl
    Good: the addresses of indexes are no packages
        FROM python:3.13
        RUN pip install --no-cache-dir --index-url https://example.com/simple django==5.1.4
    """
    for run, where in dockerfile.runs:
        for command in run.script.commands:
            given = command.has("-r", "--requirement", ".") or command.has_flag("c", "constraint")
            if _is_pip_install(command) and not given:
                words = _behind(command.plain_without(_PIP_VALUED), "install")
                words = list(dropwhile(lambda word: word.text == "install", words))
                loose = [word for word in words if not _is_pinned_for_pip(word.text)]
                yield from unpinned(Use(command, run, where), loose)


def _is_pip_install(command: Command) -> bool:
    name = command.name
    if name.startswith("python"):
        texts = [word.text for word in command.arguments]
        wanted = ["-m", "pip", "install"]
        return any(texts[i : i + 3] == wanted for i in range(len(texts) - 2))
    return name.startswith("pip") and not name.startswith("pipenv") and command.has("install")


def _behind(words: list[Word], text: str) -> list[Word]:
    """The words behind the first one of that text."""
    place = first_index(word.text == text for word in words)
    return [] if place is None else words[place + 1 :]


def _is_pinned_for_pip(text: str) -> bool:
    if any(sign in text for sign in _COMPARISONS) or text.endswith((".whl", ".tar.gz")):
        return True
    return "@" in text if _REPOSITORY.match(text) else "/" in text


@rule("DF3042", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3042",))
def pip_cache_kept(dockerfile: Dockerfile) -> Findings:
    """The cache of pip stays in the layer.

    It holds every package a second time, and no later build looks at it.
    https://pip.pypa.io/en/stable/topics/caching/

    Bad:
        FROM python:3.13
        RUN pip install django==5.1.4
    Fixed:
        FROM python:3.13
        RUN pip install --no-cache-dir django==5.1.4
    Bad: a directory that is not the one of pip
        FROM python:3.13
        RUN --mount=type=cache,target=/cache python -m pip install -r requirements.txt
    Bad: an argument is no setting of pip
        FROM python:3.13
        ARG PIP_NO_CACHE_DIR=1
        RUN pip install -r requirements.txt
    Good:
        FROM python:3.13
        RUN pip install --no-cache-dir -r requirements.txt
    Good: also in a stage that builds on this one
        FROM python:3.13 AS base
        ENV PIP_NO_CACHE_DIR=1
        FROM base
        RUN pip install -r requirements.txt
    Good:
        FROM python:3.13
        RUN PIP_NO_CACHE_DIR=on pip install -r requirements.txt
    Good: the cache is no part of the layer
        FROM python:3.13
        RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
    Good: another program
        FROM python:3.13
        RUN pipx install black==24.10.0
    """
    for use in _uses_without_setting(dockerfile):
        command = use.command
        other = "pipx" in command.name or "pipenv" in command.name
        if _is_pip_install(command) and not other and not command.has("--no-cache-dir"):
            fix = insertion(use, "install", "--no-cache-dir")
            yield at(command, '"pip install" keeps its cache', object=use.object, fix=fix)


def _uses_without_setting(dockerfile: Dockerfile) -> Iterator[Use]:
    """All commands where neither ENV, the RUN nor a mount keeps the cache out of the layer."""
    for sequence in own_and_onbuild(dockerfile):
        off: set[str] = set()
        names = StageNames(dockerfile)
        for one, where in sequence:
            inherited = names.enter(one)
            if inherited is not None:
                (off.add if inherited in off else off.discard)(names.current)
            elif isinstance(one, Variables) and one.keyword == "ENV":
                if any(name.text == _CACHE_OFF and _is_on(value) for name, value in one.pairs):
                    off.add(names.current)
            elif isinstance(one, Run) and names.current not in off and not _avoids_cache(one):
                for command in one.script.commands:
                    yield Use(command, one, where)


def _is_on(value: Word | None) -> bool:
    return value is not None and value.text in _TRUE


def _avoids_cache(run: Run) -> bool:
    setting = run.script.text.string.partition(f"{_CACHE_OFF}=")[2]
    return setting.startswith(_TRUE) or run.caches(".cache/pip")


@rule("DF3016", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3016",))
def unpinned_npm_package(dockerfile: Dockerfile) -> Findings:
    """A package is installed by npm in whatever version there is.

    Two builds of one commit can then hold different software.
    https://docs.npmjs.com/cli/commands/npm-install

    Bad:
        FROM node:22
        RUN npm install --global typescript
    Bad: the scope is no version
        FROM node:22
        RUN npm install @angular/cli
    Bad: a repository without a revision
        FROM node:22
        RUN npm install git+https://example.com/tool.git
    Good:
        FROM node:22
        RUN npm install --global typescript@5.7.2 @angular/cli@19
    Good: what package.json asks for
        FROM node:22
        RUN npm install
    Good: files, directories, a revision
        FROM node:22
        RUN npm install ./tool lib.tgz git+https://example.com/tool.git#v1
    Good: the address of the registry is no package
        FROM node:22
        RUN npm install --registry https://example.com typescript@5.7.2
    """
    for use in dockerfile.uses("npm"):
        words = use.command.plain_without(("loglevel", "registry"))
        if words and words[0].text == "install":
            words = list(dropwhile(lambda word: word.text == "install", words))
            loose = [word for word in words if not _is_pinned_for_npm(word.text)]
            yield from unpinned(use, loose)


def _is_pinned_for_npm(text: str) -> bool:
    if text.startswith(_NPM_REPOSITORIES):
        return "#" in text
    if text.endswith(_NPM_FILES) or text.startswith(_NPM_PATHS):
        return True
    name = text.partition("/")[2] if text.startswith("@") else text
    return "@" in name


@rule("DF3028", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3028",))
def unpinned_gem(dockerfile: Dockerfile) -> Findings:
    """A gem is installed in whatever version there is.

    Two builds of one commit can then hold different software.
    https://guides.rubygems.org/command-reference/#gem-install

    Bad:
        FROM ruby:3.3
        RUN gem install bundler
    Bad:
        FROM ruby:3.3
        RUN gem i bundler:2.5.23 rake -- --with-foo
    Good:
        FROM ruby:3.3
        RUN gem install bundler:2.5.23
    Good:
        FROM ruby:3.3
        RUN gem install bundler -v 2.5.23
    Good:
        FROM ruby:3.3
        RUN gem install bundler --version=2.5.23
    """
    for use in dockerfile.uses("gem"):
        words = use.command.arguments
        pinned = any(word.text.startswith("--version=") for word in words)
        if use.command.has("install", "i") and not (pinned or use.command.has("-v", "--version")):
            loose = [word for word in _gems(words) if ":" not in word.text]
            yield from unpinned(use, loose)


def _gems(words: list[Word]) -> Iterator[Word]:
    """The gems; every option is taken for one with a value, as hadolint does."""
    is_value = False
    for word in words:
        if word.text == "--":
            return
        is_option = word.text.startswith("-")
        if not is_option and not is_value and word.text not in ("install", "i"):
            yield word
        is_value = is_option and not is_value


@rule("DF3060", Dockerfile, Severity.INFO, aliases=("hadolint:DL3060",))
def yarn_cache_kept(dockerfile: Dockerfile) -> Findings:
    """The cache of yarn stays in the layer.

    It holds every package a second time, and no later build looks at it. Only stages that
    become part of the image, or that others build on, are judged.
    https://classic.yarnpkg.com/en/docs/cli/cache

    Bad:
        FROM node:22
        RUN yarn install
    Bad: in the wrong order
        FROM node:22
        RUN yarn cache clean && yarn install
    Bad: images that are built on this one
        FROM node:22
        ONBUILD RUN yarn install
    Good:
        FROM node:22
        RUN yarn install && yarn cache clean
    Good: the cache is no part of the layer
        FROM node:22
        RUN --mount=type=cache,target=/root/.cache/yarn yarn install
    Good: nothing of this stage but its result is in the image
        FROM node:22 AS build
        RUN yarn install
        FROM nginx:1.27
        COPY --from=build /app/dist /usr/share/nginx/html
    """
    for run, where in runs_that_matter(dockerfile):
        commands = run.script.named("yarn")
        install = first_index(command.has("install") for command in commands)
        clean = first_index(command.has("cache", "clean") for command in commands)
        if install is None or (clean is None and run.caches(".cache/yarn")):
            continue
        if clean is None or clean < install:
            yield at(commands[install], "the cache of yarn stays in the layer", object=where)


@rule("DF3062", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3062",))
def unpinned_go_package(dockerfile: Dockerfile) -> Findings:
    """A program is installed or run by go in whatever version there is.

    Two builds of one commit can then hold different software.
    https://go.dev/ref/mod#go-install

    Bad:
        FROM golang:1.23
        RUN go install example.com/tool
    Bad:
        FROM golang:1.23
        RUN go install example.com/tool@latest
    Bad: only the first argument of "run" is a package
        FROM golang:1.23
        RUN go run example.com/tool input@v1
    Good:
        FROM golang:1.23
        RUN go install example.com/tool@v1.2.3
    Good: a directory
        FROM golang:1.23
        RUN go install ./... && go run ./cmd/tool generate
    Good:
        FROM golang:1.23
        RUN go build example.com/tool
    """
    for run, where in dockerfile.runs:
        commands = run.script.named("go")
        runs = [command for command in commands if command.has("run")]
        for command in runs or commands:
            if runs:
                words = [word for word in command.plain[:2] if word.text != "run"]
            elif command.has("install", "get"):
                words = [one for one in command.plain if one.text not in ("install", "get", "tool")]
            else:
                continue
            loose = [word for word in words if not _is_pinned_for_go(word.text)]
            yield from unpinned(Use(command, run, where), loose, "has no fixed version")


def _is_pinned_for_go(text: str) -> bool:
    if text.startswith((".", "/")):
        return True
    return "@" in text and not text.endswith(("@latest", "@none"))
