"""What COPY and ADD bring into an image, and where to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, Span, at
from iachygiene.parse.dockerfile import Command, Copy, Dockerfile, Instruction, Run, Word
from iachygiene.rule import rule

_ABSOLUTE = regex(r"[/$]|[A-Za-z]:")
_ARCHIVES = (
    *(".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz"),
    *(".tlz", ".tpz", ".txz", ".xz"),
)
_EXTRACTORS = (
    *("unzip", "gunzip", "bunzip2", "unlzma", "unxz", "zgz", "uncompress", "zcat", "gzcat"),
)
_FLAGS_OF_BOTH = frozenset(("chown", "chmod", "link", "exclude"))
# Docker may unpack or fetch what any of these stands in; only of other sources is it known
# that COPY does the same.
_UNSURE = regex(r"[$*?\[\\]|://|git@|\.(?:zip|zst|tar|jar|7z|rar|img)", re.IGNORECASE)


def _copies(instructions: list[Instruction], keyword: str = "COPY") -> Iterator[Copy]:
    for instruction in instructions:
        if isinstance(instruction, Copy) and instruction.keyword == keyword:
            yield instruction


def _bare(word: Word) -> str:
    return word.raw.strip("\"'")


@rule("DF3010", Dockerfile, Severity.INFO, aliases=("hadolint:DL3010",))
def archive_copied_then_extracted(dockerfile: Dockerfile) -> Findings:
    """An archive is copied, and extracted by a later RUN.

    The archive stays in its layer beside what was in it. ADD extracts a local archive on the
    way in. Only the final stage is judged.
    https://docs.docker.com/reference/dockerfile/#adding-local-tar-archives

    Bad:
        FROM debian:12
        COPY app.tar.gz /tmp/
        RUN tar -xzf /tmp/app.tar.gz -C /opt
    Bad: under another name
        FROM debian:12
        COPY app.tar.gz /tmp/app.tar
        RUN tar --extract -f /tmp/app.tar
    Bad:
        FROM debian:12
        COPY app.gz /tmp/
        RUN gunzip /tmp/app.gz
    Good:
        FROM debian:12
        ADD app.tar.gz /opt/
    Good: it is not extracted
        FROM debian:12
        COPY app.tar.gz /srv/downloads/
        RUN tar -tf /srv/downloads/app.tar.gz
    Good: another archive
        FROM debian:12
        COPY app.tar.gz /srv/downloads/
        RUN tar -xzf /opt/other.tar.gz
    Good: from another stage, which ADD cannot do
        FROM debian:12 AS build
        FROM debian:12
        COPY --from=build /app.tar.gz /tmp/
        RUN tar -xzf /tmp/app.tar.gz -C /opt
    """
    final = dockerfile.final_stage
    instructions = final.instructions if final else dockerfile.preamble
    unpacked: set[str] = set()
    places: dict[str, Run] = {}
    found: list[tuple[Copy, Word, str]] = []
    for instruction in reversed(instructions):
        if isinstance(instruction, Run):
            for name in _extracted(instruction):
                unpacked.add(name)
                places[name] = instruction
        elif isinstance(instruction, Copy) and instruction.keyword == "COPY":
            archive = _archive(instruction, unpacked)
            if archive is not None:
                found.append((instruction, *archive))
    for copy, word, name in reversed(found):
        related = [places[name].location.labelled("extracted here")]
        message = f'the archive "{name}" is copied, and extracted later'
        yield at(word, message, object=copy.object, related=related)


def _archive(copy: Copy, unpacked: set[str]) -> tuple[Word, str] | None:
    """The first archive of a COPY from the context that is among those unpacked."""
    if copy.from_flag is not None:
        return None
    words = copy.sources
    if _bare(copy.target).endswith(_ARCHIVES):
        words = [copy.target]
    for word in words:
        name = _base_name(_bare(word))
        if name.endswith(_ARCHIVES) and name in unpacked:
            return word, name
    return None


def _extracted(run: Run) -> Iterator[str]:
    for command in run.script.commands:
        if command.name in _EXTRACTORS or _is_tar_extraction(command):
            for word in command.plain:
                yield _base_name(word.text)


def _is_tar_extraction(command: Command) -> bool:
    if command.name != "tar":
        return False
    words = [word.text for word in command.arguments]
    # hadolint is content with an x anywhere in an option.
    return command.has_flag("get") or any(text[:1] == "-" and "x" in text for text in words)


def _base_name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


@rule(
    "DF3020",
    Dockerfile,
    Severity.ERROR,
    aliases=("hadolint:DL3020", "trivy:DS-0005", "checkov:CKV_DOCKER_4"),
)
def add_instead_of_copy(dockerfile: Dockerfile) -> Findings:
    """ADD takes files that are neither archives nor fetched from a URL.

    ADD extracts what turns out to be an archive and fetches what looks like a URL; COPY does
    what is written. https://docs.docker.com/build/building/best-practices/#add-or-copy

    Bad:
        FROM debian:12
        ADD app /app
    Fixed:
        FROM debian:12
        COPY app /app
    Bad: a file beside an archive
        FROM debian:12
        ADD app.tar.gz config.yaml /app/
    Bad: Docker does not extract this one
        FROM debian:12
        ADD app.zip /app/
    Bad: nobody knows
        FROM debian:12
        ARG SOURCE
        ADD $SOURCE /app/
    Bad: a repository, unless it is told by its URL
        FROM debian:12
        ADD git@github.com:team/app.git /app
    Good:
        FROM debian:12
        COPY app /app
    Good: archives
        FROM debian:12
        ADD app.tar.gz "data.tar" /app/
    Good: URLs
        FROM debian:12
        ADD https://example.com/app /app
        ADD https://github.com/team/app.git /app
    """
    for add in _copies(dockerfile.instructions, "ADD"):
        for word in add.sources:
            text = _bare(word)
            if word.raw.startswith("<<") or text.endswith(_ARCHIVES):
                continue
            if not text.startswith(("http://", "https://")):
                message = f'ADD takes "{text}", which is neither an archive nor a URL'
                yield at(word, message, object=add.object, fix=_as_copy(add))
                break


def _as_copy(add: Copy) -> Fix | None:
    if any(flag.name not in _FLAGS_OF_BOTH for flag in add.flags):
        return None
    for word in add.sources:
        text = _bare(word)
        if word.raw.startswith("<<") or text.endswith(_ARCHIVES) or _UNSURE.search(text):
            return None
    start = add.extent.start
    return Fix("use COPY", (Edit(Span(start, start + len("ADD")), "COPY"),))


@rule("DF3021", Dockerfile, Severity.ERROR, aliases=("hadolint:DL3021", "trivy:DS-0011"))
def copy_target_not_directory(dockerfile: Dockerfile) -> Findings:
    """COPY takes several sources, and its target does not end in a slash.

    Only the slash says that the target is a directory; Docker refuses several sources
    without it. https://docs.docker.com/reference/dockerfile/#destination

    Bad:
        FROM debian:12
        COPY package.json package-lock.json /app
    Fixed:
        FROM debian:12
        COPY package.json package-lock.json /app/
    Bad: the working directory is no exception
        FROM debian:12
        WORKDIR /app
        COPY package.json package-lock.json .
    Fixed:
        FROM debian:12
        WORKDIR /app
        COPY package.json package-lock.json ./
    Bad: the JSON form
        FROM debian:12
        COPY ["package.json", "package-lock.json", "/app"]
    Fixed:
        FROM debian:12
        COPY ["package.json", "package-lock.json", "/app/"]
    Bad: a variable, for which there is no fix
        FROM debian:12
        ARG DIRECTORY=/app/
        COPY package.json package-lock.json $DIRECTORY
    Good:
        FROM debian:12
        COPY package.json package-lock.json /app/
    Good: one source
        FROM debian:12
        COPY app /app
    """
    for copy in _copies(dockerfile.instructions):
        target = _bare(copy.target)
        if len(copy.sources) > 1 and not target.endswith("/"):
            message = f'several sources are copied to "{target}", which does not end in "/"'
            yield at(copy.target, message, object=copy.object, fix=_with_slash(copy.target))


def _with_slash(target: Word) -> Fix | None:
    raw = target.raw
    if "$" in raw or "\\" in raw or "`" in raw:
        return None
    end = target.location.span.end - (raw[-1] in "\"'")
    return Fix("end the target in a slash", (Edit(Span(end, end), "/"),))


@rule("DF3045", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3045",))
def copy_to_relative_target(dockerfile: Dockerfile) -> Findings:
    """COPY has a relative target in a stage that sets no WORKDIR.

    Where the files land is up to the base image, and can change with its next release.
    https://docs.docker.com/reference/dockerfile/#destination

    Bad:
        FROM node:20
        COPY package.json .
    Bad: WORKDIR comes too late
        FROM node:20
        COPY package.json ./
        WORKDIR /app
    Bad: another stage has one
        FROM node:20 AS build
        WORKDIR /app
        FROM nginx:1.27
        COPY --from=build /app/dist html
    Good:
        FROM node:20
        WORKDIR /app
        COPY package.json .
    Good: inherited
        FROM node:20 AS base
        WORKDIR /app
        FROM base
        COPY package.json .
    Good: absolute targets
        FROM node:20
        COPY package.json /app/
        COPY package.json $HOME/
        COPY package.json "c:/app/"
    Good: hadolint takes two stages from one image without names for one
        FROM node:20
        WORKDIR /app
        FROM node:20
        COPY package.json .
    """
    copies, _ = _relative_targets(dockerfile.preamble, False)
    known: dict[str, bool] = {}
    for stage in dockerfile.stages:
        inherited = known.get(stage.image_name, False)
        found, is_set = _relative_targets(stage.instructions, inherited)
        known[stage.name or stage.image_name] = is_set
        copies += found
    for copy in copies:
        message = f'the target "{_bare(copy.target)}" is relative, and no WORKDIR is set'
        yield at(copy.target, message, object=copy.object)


def _relative_targets(instructions: list[Instruction], is_set: bool) -> tuple[list[Copy], bool]:
    """The copies to a relative target before any WORKDIR, and whether there is one at the end."""
    found: list[Copy] = []
    for instruction in instructions:
        if instruction.keyword == "WORKDIR":
            is_set = True
        elif not is_set:
            found += [
                copy for copy in _copies([instruction]) if not _ABSOLUTE.match(_bare(copy.target))
            ]
    return found, is_set


@rule("DF3067", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3067",))
def whole_filesystem_copied(dockerfile: Dockerfile) -> Findings:
    """COPY takes everything of another stage or image.

    What the other stage was there to leave behind, tools, caches and perhaps secrets, is in
    this image as well. https://docs.docker.com/build/building/multi-stage/

    Bad:
        FROM golang:1.23 AS build
        FROM debian:12
        COPY --from=build / /
    Good:
        FROM golang:1.23 AS build
        FROM debian:12
        COPY --from=build /app /app
    Good: into a directory
        FROM golang:1.23 AS build
        FROM debian:12
        COPY --from=build / /sysroot/
    Good: the files of the build
        FROM debian:12
        COPY / /
    """
    for copy in _copies(dockerfile.instructions):
        if copy.from_flag is None or copy.target.text != "/":
            continue
        for word in copy.sources:
            if word.text == "/":
                message = f'everything of "{copy.from_flag.value}" is copied'
                yield at(word, message, object=copy.object)
                break
