"""Packages by apk and zypper."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.runs import insertion, uncleaned, unpinned

_ASKING = ("install", "in", "remove", "rm", "source-install", "si", "patch")
_UPGRADES = ("dist-upgrade", "dup")


@rule("DF3018", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3018",))
def unpinned_apk_package(dockerfile: Dockerfile) -> Findings:
    """A package is installed by apk in whatever version there is.

    Two builds of one commit can then hold different software.
    https://docs.docker.com/build/building/best-practices/#version-pinning

    Bad:
        FROM alpine:3.20
        RUN apk add --no-cache curl=8.12.1-r0 git
    Bad: a repository is no version
        FROM alpine:3.20
        RUN apk add --no-cache curl@edge
    Bad: in the build of a derived image
        FROM alpine:3.20
        ONBUILD RUN apk add --no-cache $PACKAGES
    Good:
        FROM alpine:3.20
        RUN apk add --no-cache curl=8.12.1-r0 git~2.45 "jq>1.7"
    Good: a file
        FROM alpine:3.20
        RUN apk add --no-cache /tmp/tool.apk
    Good: the name of a group is no package
        FROM alpine:3.20
        RUN apk add --no-cache --virtual .build gcc=13.2.1_git20240309-r0
    """
    for use in dockerfile.uses("apk"):
        if use.command.has("add"):
            packages = use.command.plain_without(("t", "virtual", "repository", "X"))
            loose = [
                word
                for word in packages
                if word.text != "add"
                and not any(letter in word.text for letter in "=~<>")
                and not word.text.endswith(".apk")
            ]
            yield from unpinned(use, loose)


@rule("DF3019", Dockerfile, Severity.INFO, aliases=("hadolint:DL3019", "trivy:DS-0025"))
def apk_cache_kept(dockerfile: Dockerfile) -> Findings:
    """The package index that apk fetched may stay in the layer.

    With --no-cache apk fetches it for this one command and keeps nothing.
    https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper

    Bad:
        FROM alpine:3.20
        RUN apk add curl=8.12.1-r0
    Fixed:
        FROM alpine:3.20
        RUN apk add --no-cache curl=8.12.1-r0
    Bad: removed by hand, which is easily forgotten
        FROM alpine:3.20
        RUN apk update && apk add curl=8.12.1-r0 && rm -rf /var/cache/apk/*
    Good:
        FROM alpine:3.20
        RUN apk --no-cache add curl=8.12.1-r0
    Good: the cache is no part of the layer
        FROM alpine:3.20
        RUN --mount=type=cache,target=/var/cache/apk apk add curl=8.12.1-r0
    """
    for use in dockerfile.uses("apk"):
        command = use.command
        kept = command.has("add") and not command.has_flag("no-cache")
        if kept and not use.run.caches("/var/cache/apk"):
            fix = insertion(use, "add", "--no-cache")
            yield at(command, '"apk add" keeps its cache', object=use.object, fix=fix)


@rule("DF3034", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3034",))
def interactive_zypper(dockerfile: Dockerfile) -> Findings:
    """A zypper command asks whether to go on.

    Nobody answers in a build, which then stops or takes the default.
    https://doc.opensuse.org/documentation/leap/reference/html/book-reference/cha-sw-cl.html

    Bad:
        FROM opensuse/leap:15.6
        RUN zypper install httpd=2.4.58
    Fixed:
        FROM opensuse/leap:15.6
        RUN zypper install -y httpd=2.4.58
    Bad:
        FROM opensuse/leap:15.6
        RUN zypper rm httpd
    Good:
        FROM opensuse/leap:15.6
        RUN zypper --non-interactive install httpd=2.4.58
    Good:
        FROM opensuse/leap:15.6
        RUN zypper -n in httpd=2.4.58
    Good: nothing to ask
        FROM opensuse/leap:15.6
        RUN zypper refresh
    """
    for use in dockerfile.uses("zypper"):
        answered = use.command.has_flag("non-interactive", "n", "no-confirm", "y")
        if use.command.has(*_ASKING) and not answered:
            fix = insertion(use, "install", "-y") or insertion(use, "in", "-y")
            why = '"zypper" waits for an answer'
            yield at(use.command, why, object=use.object, fix=fix)


@rule("DF3035", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3035",))
def zypper_dist_upgrade(dockerfile: Dockerfile) -> Findings:
    """A build upgrades the whole distribution with zypper.

    What comes out depends on the day of the build, and every package that changes is in the
    image twice. Newer packages come with a newer base image.
    https://docs.docker.com/build/building/best-practices/#rebuild-your-images-often

    Bad:
        FROM opensuse/leap:15.6
        RUN zypper -n dist-upgrade
    Bad:
        FROM opensuse/leap:15.6
        RUN zypper -n dup
    Good:
        FROM opensuse/leap:15.6
        RUN zypper -n install httpd=2.4.58
    """
    for use in dockerfile.uses("zypper"):
        word = next((one for one in use.command.arguments if one.text in _UPGRADES), None)
        if word is not None:
            why = f'"zypper {word.text}" upgrades the distribution'
            yield at(word, why, object=use.object)


@rule("DF3036", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3036", "trivy:DS-0020"))
def zypper_cache_kept(dockerfile: Dockerfile) -> Findings:
    """The cache of zypper stays in the layer.

    What a later RUN removes is in the image all the same.
    https://docs.docker.com/build/building/best-practices/#run

    Bad:
        FROM opensuse/leap:15.6
        RUN zypper -n install httpd=2.4.58
    Bad: in the wrong order
        FROM opensuse/leap:15.6
        RUN zypper clean && zypper -n in httpd=2.4.58
    Good:
        FROM opensuse/leap:15.6
        RUN zypper -n install httpd=2.4.58 && zypper clean
    Good:
        FROM opensuse/leap:15.6
        RUN zypper -n in httpd=2.4.58; zypper cc -a
    Good: the cache is no part of the layer
        FROM opensuse/leap:15.6
        RUN --mount=type=cache,target=/var/cache/zypp zypper -n install httpd=2.4.58
    """
    for run, where in dockerfile.runs:
        commands = run.script.commands
        install = uncleaned(
            commands,
            [one.name == "zypper" and one.has("install", "in") for one in commands],
            [one.name == "zypper" and one.has("clean", "cc") for one in commands],
        )
        if install is not None and not run.caches("/var/cache/zypp"):
            yield at(install, "the cache of zypper stays in the layer", object=where)


@rule("DF3037", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3037",))
def unpinned_zypper_package(dockerfile: Dockerfile) -> Findings:
    """A package is installed by zypper in whatever version there is.

    Two builds of one commit can then hold different software.
    https://docs.docker.com/build/building/best-practices/#version-pinning

    Bad:
        FROM opensuse/leap:15.6
        RUN zypper -n install httpd && zypper clean
    Good:
        FROM opensuse/leap:15.6
        RUN zypper -n install httpd=2.4.58 "curl>=8" && zypper clean
    Good: a file
        FROM opensuse/leap:15.6
        RUN zypper -n in /tmp/tool.rpm && zypper clean
    """
    for use in dockerfile.uses("zypper"):
        if use.command.has("install", "in"):
            loose = [
                word
                for word in use.command.plain
                if word.text not in ("install", "in")
                and not any(letter in word.text for letter in "=<>")
                and not word.text.endswith(".rpm")
            ]
            yield from unpinned(use, loose)
