"""Sources of COPY and ADD, against what the build context holds."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Word
from iachygiene.parse.dockerignore import clean
from iachygiene.rule import rule

_PATTERN = regex(r"[*?\[$\\]")
_MADE = frozenset(
    (
        *("dist", "build", "target", "out", "bin", "obj", "node_modules", "vendor", "publish"),
        *("coverage", "release", "artifacts", ".next", "output", "_output", "tmp", "linux"),
    )
)
_MADE_ENDINGS = (".jar", ".war", ".ear", ".whl", ".deb", ".rpm", ".tgz", ".tar.gz", ".zip", ".exe")
_DEVELOPMENT = frozenset(("dev", "development", "debug", "local"))


@rule("DF5103", Dockerfile, Severity.ERROR, aliases=("buildkit:CopyIgnoredFile",))
def copy_ignored(dockerfile: Dockerfile) -> Findings:
    """A file is copied by name that the ignore file leaves out.

    The builder never gets it, so the build stops: "not found", although the file is there.
    https://docs.docker.com/reference/build-checks/copy-ignored-file/

    Bad:
        -- Dockerfile --
        FROM debian:12
        COPY app.conf /etc/app/
        -- app.conf --
        port = 80
        -- .dockerignore --
        *.conf
    Good:
        -- Dockerfile --
        FROM debian:12
        COPY app.conf /etc/app/
        -- app.conf --
        port = 80
        -- .dockerignore --
        *.conf
        !app.conf
    Good: a directory of which some is let through
        -- Dockerfile --
        FROM debian:12
        COPY conf /etc/app/
        -- conf/app.conf --
        port = 80
        -- .dockerignore --
        conf
        !conf/app.conf
    Good: a pattern may match nothing
        -- Dockerfile --
        FROM debian:12
        COPY README.md *.conf /etc/app/
        -- README.md --
        # App
        -- app.conf --
        port = 80
        -- .dockerignore --
        *.conf
    """
    context = dockerfile.context
    ignore = context.ignore if context else None
    if context is None or ignore is None:
        return
    for copy, word, path in _literal_sources(dockerfile):
        if path == "." or not context.exists(path) or not ignore.ignores(path):
            continue
        if context.is_directory(path):
            prefix = path + "/"
            if any(one.exception and one.text.startswith(prefix) for one in ignore.patterns):
                continue
            if any(one.exception and "*" in one.text for one in ignore.patterns):
                continue
        by = [one for one in ignore.patterns if not one.exception and one.matches(path)]
        yield at(
            word,
            f'"{word.text}" is left out of the build by "{posixpath.basename(ignore.path)}"',
            object=copy.object,
            related=[by[-1].location.labelled("by this line")] if by else (),
        )


def _literal_sources(dockerfile: Dockerfile) -> Iterator[tuple[Copy, Word, str]]:
    for one in dockerfile.of("COPY", "ADD"):
        if not isinstance(one, Copy):
            continue
        for word in one.context_sources:
            path = clean(word.text)
            if not _PATTERN.search(word.text) and not path.startswith(".."):
                yield one, word, path


@rule("DF5104", Dockerfile, Severity.WARNING)
def copy_missing(dockerfile: Dockerfile) -> Findings:
    """A file is copied by name that the build context does not hold.

    The build stops there. The context is the one that a Compose file names, else the nearest
    directory, upward from the Dockerfile, that holds what is copied; where none holds all of it,
    the Dockerfile's own is judged, if it holds at least half. It is an info for what a build is
    likely to make (`dist`, `*.jar`).

    Bad:
        -- Dockerfile --
        FROM node:22
        COPY package.json server.js setings.json ./
        -- package.json --
        {"name": "web", "private": true}
        -- server.js --
        console.log(1)
        -- settings.json --
        {}
    Bad: it lies in another directory than the one that is sent
        -- web/Dockerfile --
        FROM nginx:1.27
        COPY nginx.conf /etc/nginx/
        -- web/nginx.conf --
        events {}
        -- compose.yaml --
        services: {web: {build: {context: ., dockerfile: web/Dockerfile}}}
    Bad: only an info
        -- Dockerfile --
        FROM nginx:1.27
        COPY dist /usr/share/nginx/html
        COPY nginx.conf /etc/nginx/
        -- nginx.conf --
        events {}
    Bad: an info, for the name has no ending
        -- Dockerfile --
        FROM nginx:1.27
        COPY .site nginx.conf /etc/nginx/
        -- nginx.conf --
        events {}
    Good:
        -- Dockerfile --
        FROM node:22
        COPY package.json ./
        -- package.json --
        {"name": "web", "private": true}
    Good: it is not clear what the context is
        -- Dockerfile --
        FROM node:22
        COPY a.js b.js c.js ./
        -- a.js --
        console.log(1)
    Good: a pattern
        -- Dockerfile --
        FROM node:22
        COPY package.json package-lock.jso[n] ./
        -- package.json --
        {"name": "web", "private": true}
    """
    # A context that no Compose file names is one that holds everything.
    context = dockerfile.context or dockerfile.own_directory
    sources = [
        (copy, word, path)
        for copy, word, path in _literal_sources(dockerfile)
        if path != "." and copy.flag("parents") is None
    ]
    missing = [one for one in sources if not context.exists(one[2])]
    if not dockerfile.builds and len(missing) * 2 > len(sources):
        return
    for copy, word, path in missing:
        made = _is_made(path)
        yield at(
            word,
            f'"{word.text}" is not there',
            object=copy.object,
            severity=Severity.INFO if made else None,
        )


def _is_made(path: str) -> bool:
    parts = path.split("/")
    has_ending = "." in parts[-1][1:]
    return not _MADE.isdisjoint(parts) or path.endswith(_MADE_ENDINGS) or not has_ending


@rule("DF5107", Dockerfile, Severity.INFO, default="off")
def whole_context_final(dockerfile: Dockerfile) -> Findings:
    """The last of several stages copies the whole context.

    It is meant to hold what the stages before have made; sources, tests and whatever the ignore
    file forgot come along. https://docs.docker.com/build/building/multi-stage/

    Bad:
        FROM node:22 AS build
        RUN make
        FROM node:22-slim
        COPY . .
    Good:
        FROM node:22 AS build
        COPY . .
        RUN make
        FROM node:22-slim
        COPY --from=build /app /app
    Good: a single stage
        FROM node:22
        COPY . .
    Good: for development
        FROM node:22 AS build
        FROM node:22 AS dev
        COPY . .
    """
    stage = dockerfile.final_stage
    if stage is None or len(dockerfile.stages) < 2:
        return
    if not _DEVELOPMENT.isdisjoint(re.split(r"[^a-z]+", stage.name.lower())):
        return
    for one in stage.instructions:
        for word in one.context_sources if isinstance(one, Copy) else ():
            if clean(word.text) in (".", "*"):
                message = f'the final stage copies the whole context with "{word.text}"'
                yield at(word, message, object=stage.object)


@rule("DF5108", Dockerfile, Severity.ERROR)
def copy_parent(dockerfile: Dockerfile) -> Findings:
    """A file is copied from outside of the build context.

    The builder gets the context and nothing else; `..` leads nowhere, or back to its top, so
    that another file is meant. Build from a directory further up, and name the Dockerfile with
    `--file`. https://docs.docker.com/reference/dockerfile/#copy

    Bad:
        FROM debian:12
        COPY ../shared /app/shared
    Bad: after going down
        FROM debian:12
        COPY conf/../../shared /app/shared
    Good:
        FROM debian:12
        COPY shared /app/shared
    Good: still inside
        FROM debian:12
        COPY conf/../shared /app/shared
    Good: in an image
        FROM debian:12
        COPY --from=nginx:1.27 ../etc/nginx /etc/nginx
    """
    for one in dockerfile.of("COPY", "ADD"):
        for word in one.context_sources if isinstance(one, Copy) else ():
            if "$" not in word.text and posixpath.normpath(word.text).startswith(".."):
                message = f'"{word.text}" is outside of the build context'
                yield at(word, message, object=one.object)
