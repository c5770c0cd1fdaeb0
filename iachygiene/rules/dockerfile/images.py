"""The images that stages start from."""

from __future__ import annotations

from iachygiene.image import ImageRef, pin_problem
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Stage
from iachygiene.rule import rule

_OTHER_PEERS = ("trivy:DS-0001", "checkov:CKV_DOCKER_7")
_ALL_PEERS = ("hadolint:DL3006", *_OTHER_PEERS)


@rule("DF3006", Dockerfile, Severity.WARNING, aliases=_ALL_PEERS)
def unpinned_base_image(dockerfile: Dockerfile, *, require_digest: bool = False) -> Findings:
    """A stage starts from an image reference without a tag or digest.

    The registry may move such a reference at any time: two builds of one commit can differ,
    and nobody can say afterwards which base an image was made from.
    https://docs.docker.com/build/building/best-practices/#pin-base-image-versions

    Options:
        require_digest: also report references with a tag that have no digest.

    Bad:
        FROM alpine
    Bad: a port of the registry is no tag
        FROM localhost:5000/alpine
    Bad: what stands behind the name may be anything
        FROM debian${SUFFIX}
    Bad: a name in other letters is not the stage's
        FROM golang:1.23 AS build
        FROM Build AS test
    Bad:
        -- .iachygiene.toml --
        [rules.unpinned-base-image]
        require-digest = true
        -- Dockerfile --
        FROM alpine:3.20
    Good:
        FROM alpine:3.20
    Good:
        FROM alpine@sha256:beefdbd8a1da6d2915566fde36db9db0b524eb737fc57cd1367effd16dc0d06d
    Good: a stage may build on an earlier one
        FROM golang:1.23 AS build
        FROM build AS test
    Good: the empty image has no versions
        FROM scratch
    Good: the reference is chosen by the caller
        ARG BASE=debian:12
        FROM ${BASE}
    """
    earlier: set[str] = set()
    for stage in dockerfile.stages:
        image = stage.image
        if image.text not in earlier and image.text != "scratch":
            why = pin_problem(image, require_digest=require_digest)
            if why is None and _has_open_end(image):
                why = f'"{image.text}" has neither tag nor digest of its own'
            if why and (image.tag is None or image.tag.text != "latest"):
                aliases = _peers(stage, earlier)
                yield at(image, why, object=stage.object, aliases=aliases)
        earlier.add(stage.name)


def _has_open_end(image: ImageRef) -> bool:
    """Whether a literal name is followed by a variable, which may or may not bring a tag."""
    begins_open = image.text.startswith("$") or image.repository.text.startswith("$")
    return image.tag is None and image.digest is None and not begins_open


def _peers(stage: Stage, earlier: set[str]) -> tuple[str, ...]:
    """The peers that see this reference without a tag as well.

    hadolint takes a port of a registry without a dot for a tag, and compares the names of
    stages with the reference less its registry.
    """
    image = stage.image
    if image.tag is not None:
        return ()
    has_port = image.registry is not None and ":" in image.registry.text
    silent = has_port and "." not in (image.registry.text if image.registry else "")
    if silent or stage.image_name in earlier or stage.image_name == "scratch":
        return _OTHER_PEERS
    return _ALL_PEERS


@rule(
    "DF3007",
    Dockerfile,
    Severity.WARNING,
    aliases=("hadolint:DL3007", *_OTHER_PEERS),
)
def latest_base_image(dockerfile: Dockerfile) -> Findings:
    """A stage starts from an image with the tag "latest".

    "latest" is a tag like any other that its owner moves with each release, so two builds of
    one commit can start from different major versions.
    https://docs.docker.com/build/building/best-practices/#pin-base-image-versions

    Bad:
        FROM node:latest
    Bad:
        ARG BASE=node
        FROM ${BASE}:latest
    Bad: a tag makes it an image, whatever the stages are called
        FROM node:20 AS build
        FROM build:latest
    Good:
        FROM node:20-alpine
    Good: the digest decides
        FROM node:latest@sha256:beefdbd8a1da6d2915566fde36db9db0b524eb737fc57cd1367effd16dc0d06d
    Good: another tag, as letters count
        FROM node:LATEST
    """
    for stage in dockerfile.stages:
        image = stage.image
        if image.digest is None and image.tag is not None and image.tag.text == "latest":
            registry = image.registry.text if image.registry else ""
            peers = _OTHER_PEERS if ":" in registry and "." not in registry else None
            why = f'"{image.text}" has the tag "latest"'
            yield at(image, why, object=stage.object, aliases=peers)
