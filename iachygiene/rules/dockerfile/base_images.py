"""How exactly the images that stages and copies come from are named, and from where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from iachygiene.image import ImageRef, parse_image, pin_problem
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Flag, Run
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.known_images import family

_CODENAME = regex(
    r"(?:^|-)(?:trixie|bookworm|bullseye|buster|stretch|jessie|wheezy|noble|jammy|focal|bionic"
    r"|xenial|trusty|precise|oracular|plucky|questing)(?![a-z])"
)
_RELEASED = frozenset(("debian", "ubuntu", "buildpack-deps"))
_BY_MAJOR = frozenset(("node", "python", "golang", "openjdk", "ruby", "php", "dotnet"))
_VERSION = regex(r"v?(\d+(?:\.\d+)*)(u\d+|b\d+)?(?![.\d])")
_NUMBER = regex(r"\d+", re.ASCII)


@rule("DF5201", Dockerfile, Severity.INFO)
def tag_not_specific(dockerfile: Dockerfile, *, tag_depth: int = 2) -> Findings:
    """A tag names no version, or only its first number.

    Tags such as `stable`, `lts` or `alpine` move to a new major version some day, and with
    `node:22` two builds of one commit can hold different minor versions.
    https://docs.docker.com/build/building/best-practices/#pin-base-image-versions

    The number alone is judged for node, python, golang, openjdk, ruby, php and dotnet. The
    tags of distroless images never have versions; a digest is all that pins them.

    Options:
        tag_depth: how many numbers the version of these images needs.

    Bad:
        FROM nginx:alpine
    Bad: only the first number
        FROM node:22-slim
    Bad: no version is to be had
        FROM gcr.io/distroless/static-debian12:nonroot
    Bad:
        -- .iachygiene.toml --
        [rules.tag-not-specific]
        tag-depth = 3
        -- Dockerfile --
        FROM python:3.13
    Good:
        FROM node:22.12-slim
    Good: a release of the distribution
        FROM debian:bookworm-slim
    Good: a digest
        FROM nginx:alpine@sha256:0000000000000000000000000000000000000000000000000000000000000000
    Good: decided elsewhere
        ARG TAG=lts
        FROM node:$TAG
    Good: a stage of the file
        FROM node:22.12 AS base
        FROM base
    """
    for stage in dockerfile.stages:
        image = stage.image
        tag = image.tag
        if stage.builds_on_stage or tag is None or image.digest is not None or image.unknown:
            continue
        name = family(image)
        if tag.text in ("", "latest") or (name in _RELEASED and _CODENAME.search(tag.text)):
            continue
        place = Location(dockerfile.path, tag.span)
        if not any(letter.isdigit() for letter in tag.text):
            yield at(place, f'the tag "{tag.text}" names no version', object=stage.object)
        elif name in _BY_MAJOR:
            version = _VERSION.match(tag.text)
            if version is None:
                yield at(place, f'the tag "{tag.text}" names no version', object=stage.object)
            elif version[1].count(".") + 1 + bool(version[2]) < tag_depth:
                message = f'the tag "{tag.text}" gives only "{version[1]}" of the version'
                yield at(place, message, object=stage.object)


@rule("DF5202", Dockerfile, Severity.INFO, default="off")
def base_image_without_digest(dockerfile: Dockerfile) -> Findings:
    """A stage starts from an image without a digest.

    A tag can be moved to another image; a digest is the image. It has to be kept up to date
    by a program, which is why this is a matter of policy.
    https://docs.docker.com/build/building/best-practices/#pin-base-image-versions

    Bad:
        FROM node:22.12
    Bad: files of an image
        FROM scratch
        COPY --from=nginx:1.27 /etc/nginx/nginx.conf /
    Good:
        FROM node:22@sha256:0000000000000000000000000000000000000000000000000000000000000000
    Good:
        FROM scratch
        COPY app /app
    """
    for stage in dockerfile.stages:
        if not stage.builds_on_stage and _lacks_digest(stage.resolved):
            message = f'"{stage.resolved.text}" has no digest'
            yield at(stage.image, message, object=stage.object)
    for flag, source, where in _sources(dockerfile):
        if _lacks_digest(source):
            yield at(flag, f'"{source.text}" has no digest', object=where)


def _lacks_digest(image: ImageRef) -> bool:
    return image.name != "scratch" and image.digest is None and not image.unknown


@rule("DF5203", Dockerfile, Severity.WARNING, default="off")
def base_registry_denied(
    dockerfile: Dockerfile, *, deny: tuple[str, ...] = (), allow: tuple[str, ...] = ()
) -> Findings:
    """An image comes from a registry that the policy does not want.

    What an image is built on runs with it, so many teams take bases from registries that
    they know, or from a mirror. Patterns are matched against the registry ("docker.io" where
    none is named) and against registry and repository.

    Options:
        deny: patterns of what is not wanted; they come before `allow`.
        allow: patterns of what alone is wanted; without any, all that is not denied.

    Bad:
        -- .iachygiene.toml --
        [rules.base-registry-denied]
        deny = ["docker.io"]
        -- Dockerfile --
        FROM debian:12
    Bad:
        -- .iachygiene.toml --
        [rules.base-registry-denied]
        allow = ["registry.example.com", "ghcr.io/example/*"]
        -- Dockerfile --
        FROM quay.io/team/tool:1
    Good:
        -- .iachygiene.toml --
        [rules.base-registry-denied]
        deny = ["docker.io"]
        allow = ["*.example.com"]
        -- Dockerfile --
        FROM registry.example.com/debian:12
        FROM scratch
    """
    for image, place, where in _all_images(dockerfile):
        registry = image.registry.text if image.registry else "docker.io"
        full = f"{registry}/{image.repository.text}"

        def matches(patterns: tuple[str, ...], names: tuple[str, str] = (registry, full)) -> bool:
            return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)

        unknown = image.repository.unknown if image.registry is None else image.registry.unknown
        if image.name == "scratch" or unknown:
            continue
        if matches(deny) or (allow and not matches(allow)):
            yield at(place, f'"{image.text}" comes from "{registry}"', object=where)


def _all_images(dockerfile: Dockerfile) -> Iterator[tuple[ImageRef, Location, str]]:
    for stage in dockerfile.stages:
        if not stage.builds_on_stage:
            yield stage.resolved, stage.image.location, stage.object
    for flag, image, where in _sources(dockerfile):
        yield image, flag.location, where


@rule("DF5205", Dockerfile, Severity.WARNING)
def unpinned_copy_from(dockerfile: Dockerfile, *, build_contexts: tuple[str, ...] = ()) -> Findings:
    """Files are copied or mounted from an image without a tag or digest.

    `COPY --from` takes a name that is no stage for an image, and without a tag for the latest
    one: a program in the image then changes by itself.
    https://docs.docker.com/reference/dockerfile/#copy---from

    Options:
        build_contexts: names given by `--build-context`; they are no images.

    Bad:
        FROM python:3.13
        COPY --from=ghcr.io/astral-sh/uv:latest /uv /usr/local/bin/
    Bad:
        FROM debian:12
        RUN --mount=type=bind,from=busybox,target=/tools /tools/bin/ls
    Good:
        FROM python:3.13
        COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /usr/local/bin/
    Good: a stage, by name or number
        FROM golang:1.25 AS build
        FROM debian:12
        COPY --from=build /app /app
        COPY --from=0 /app /app2
    Good:
        -- .iachygiene.toml --
        [rules.unpinned-copy-from]
        build-contexts = ["docs"]
        -- Dockerfile --
        FROM nginx:1.27
        COPY --from=docs / /usr/share/nginx/html
    """
    for flag, image, where in _sources(dockerfile):
        problem = pin_problem(image)
        if problem and image.text not in build_contexts and image.name != "scratch":
            yield at(flag, f"{problem}, and files are taken from it", object=where)


def _sources(dockerfile: Dockerfile) -> Iterator[tuple[Flag, ImageRef, str]]:
    """The images of COPY --from and of mounts, with their flags and stages."""
    if "from=" not in dockerfile.file.text:
        return
    names = {stage.name.lower() for stage in dockerfile.stages if stage.name}
    # Stages of a template may stand in what it takes in.
    is_template = "{{" in dockerfile.file.text
    for stage in dockerfile.stages:
        for one in stage.instructions:
            for flag in one.flags if isinstance(one, (Copy, Run)) else ():
                source = flag.value
                if flag.name == "mount":
                    source = flag.options.get("from", "")
                elif flag.name != "from":
                    continue
                is_stage = source.lower() in names or _NUMBER.fullmatch(source)
                unknown = "$" in source or (is_template and "/" not in source)
                if source and not is_stage and not unknown:
                    yield flag, parse_image(source, flag.location), stage.object
