"""Packages by yum, dnf and microdnf."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from iachygiene.lazy import regex
from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Run, Use, Variables
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.runs import (
    StageNames,
    insertion,
    own_and_onbuild,
    uncleaned,
    unpinned,
)

_INSTALLS = ("install", "groupinstall", "localinstall")
_DNF = ("dnf", "microdnf")
_DNF_FETCHES = (
    *("install", "in", "upgrade", "up", "upgrade-minimal", "up-min", "reinstall", "rei"),
)
_PART = regex(r"[\w.~^+:]*", re.ASCII)


@rule("DF3030", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3030",))
def yum_install_without_yes(dockerfile: Dockerfile) -> Findings:
    """A yum command asks whether to install.

    Nobody answers in a build, which then stops.
    https://man7.org/linux/man-pages/man8/yum.8.html

    Bad:
        FROM centos:7
        RUN yum install httpd-2.4.6 && yum clean all
    Fixed:
        FROM centos:7
        RUN yum install -y httpd-2.4.6 && yum clean all
    Bad:
        FROM centos:7
        RUN yum groupinstall "Development Tools"
    Good:
        FROM centos:7
        RUN yum -y install httpd-2.4.6 && yum clean all
    Good:
        FROM centos:7
        RUN yum install --assumeyes httpd-2.4.6 && yum clean all
    """
    for use in dockerfile.uses("yum"):
        yield from _asking(use)


@rule("DF3038", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3038",))
def dnf_install_without_yes(dockerfile: Dockerfile) -> Findings:
    """A dnf or microdnf command asks whether to install.

    Nobody answers in a build, which then stops.
    https://dnf.readthedocs.io/en/latest/command_ref.html

    Bad:
        FROM fedora:41
        RUN dnf install httpd-2.4.62 && dnf clean all
    Fixed:
        FROM fedora:41
        RUN dnf install -y httpd-2.4.62 && dnf clean all
    Bad:
        FROM fedora:41
        RUN microdnf install httpd-2.4.62
    Good:
        FROM fedora:41
        RUN dnf -y install httpd-2.4.62 && dnf clean all
    Good: another program
        FROM photon:5.0
        RUN tdnf install httpd-2.4.62
    """
    for use in dockerfile.uses(*_DNF):
        yield from _asking(use)


def _asking(use: Use) -> Iterator[Finding]:
    command = use.command
    if command.has(*_INSTALLS) and not command.has_flag("y", "assumeyes"):
        fix = next(filter(None, (insertion(use, word, "-y") for word in _INSTALLS)), None)
        why = f'"{command.name}" waits for an answer'
        yield at(command, why, object=use.object, fix=fix)


@rule("DF3032", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3032", "trivy:DS-0015"))
def yum_cache_kept(dockerfile: Dockerfile) -> Findings:
    """The cache of yum stays in the layer.

    What a later RUN removes is in the image all the same.
    https://docs.docker.com/build/building/best-practices/#run

    Bad:
        FROM centos:7
        RUN yum install -y httpd-2.4.6
    Bad: in the wrong order
        FROM centos:7
        RUN yum clean all && yum install -y httpd-2.4.6
    Good:
        FROM centos:7
        RUN yum install -y httpd-2.4.6 && yum clean all
    Good:
        FROM centos:7
        RUN yum install -y httpd-2.4.6 && rm -rf /var/cache/yum/*
    """
    for run, where in dockerfile.runs:
        commands = run.script.commands
        install = uncleaned(
            commands,
            [one.name == "yum" and one.has("install") for one in commands],
            [
                (one.name == "yum" and one.has("clean", "all"))
                or (one.name == "rm" and one.has("-rf", "/var/cache/yum/*"))
                for one in commands
            ],
        )
        if install is not None:
            yield at(install, "the cache of yum stays in the layer", object=where)


@rule(
    "DF3040",
    Dockerfile,
    Severity.WARNING,
    aliases=("hadolint:DL3040", "trivy:DS-0019", "trivy:DS-0027"),
)
def dnf_cache_kept(dockerfile: Dockerfile) -> Findings:
    """The cache of dnf or microdnf stays in the layer.

    What a later RUN removes is in the image all the same.
    https://docs.docker.com/build/building/best-practices/#run

    Bad:
        FROM fedora:41
        RUN dnf install -y httpd-2.4.62
    Bad: an upgrade fills it too
        FROM fedora:41
        RUN dnf clean all && dnf -y upgrade
    Bad: of the other program
        FROM fedora:41
        RUN dnf install -y httpd-2.4.62 && microdnf clean all
    Good:
        FROM fedora:41
        RUN dnf install -y httpd-2.4.62 && dnf clean all
    Good: the cache is no part of the layer
        FROM fedora:41
        RUN --mount=type=cache,target=/var/cache/libdnf5 dnf install -y httpd-2.4.62
    """
    for run, where in dockerfile.runs:
        commands = run.script.commands
        if run.caches("/var/cache/libdnf5") or run.caches(".cache/libdnf5"):
            continue
        for tool in _DNF:
            install = uncleaned(
                commands,
                [one.name == tool and one.has(*_DNF_FETCHES) for one in commands],
                [
                    (one.name == tool and one.has("clean", "all"))
                    or (one.name == "rm" and one.has("-rf", "/var/cache/libdnf5*"))
                    for one in commands
                ],
            )
            if install is not None:
                yield at(install, f"the cache of {tool} stays in the layer", object=where)


@rule("DF3033", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3033",))
def unpinned_yum_package(dockerfile: Dockerfile) -> Findings:
    """A package is installed by yum in whatever version there is.

    Two builds of one commit can then hold different software.
    https://docs.docker.com/build/building/best-practices/#version-pinning

    Bad:
        FROM centos:7
        RUN yum install -y httpd-tools && yum clean all
    Bad: a module without its stream
        FROM centos:8
        RUN yum module install -y nodejs && yum clean all
    Bad: nothing is known of the variable
        FROM centos:7
        RUN yum install -y httpd-$VERSION && yum clean all
    Good:
        FROM centos:7
        RUN yum install -y httpd-2.4.6 java-1.8.0-openjdk && yum clean all
    Good:
        FROM centos:8
        RUN yum module install -y nodejs:20 && yum clean all
    Good:
        FROM centos:7
        ARG VERSION=2.4.6
        RUN yum install -y httpd-$VERSION && yum clean all
    Good: a file
        FROM centos:7
        RUN yum install -y https://example.com/tool-1.rpm && yum clean all
    """
    yield from _unpinned_packages(dockerfile, ("yum",))


@rule("DF3041", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3041",))
def unpinned_dnf_package(dockerfile: Dockerfile) -> Findings:
    """A package is installed by dnf or microdnf in whatever version there is.

    Two builds of one commit can then hold different software.
    https://docs.docker.com/build/building/best-practices/#version-pinning

    Bad:
        FROM fedora:41
        RUN dnf install -y httpd && dnf clean all
    Bad: the stage has no such variable
        FROM fedora:41 AS base
        ENV VERSION=2.4.62
        FROM fedora:40
        RUN dnf install -y httpd-${VERSION} && dnf clean all
    Good:
        FROM fedora:41
        RUN dnf install -y httpd-2.4.62 && dnf clean all
    Good: set in the stage that this one builds on
        FROM fedora:41 AS base
        ENV VERSION=2.4.62
        FROM base
        RUN dnf install -y httpd-${VERSION} && dnf clean all
    Good:
        FROM fedora:41
        RUN dnf module install -y nodejs:20 && dnf clean all
    """
    yield from _unpinned_packages(dockerfile, _DNF)


def _unpinned_packages(dockerfile: Dockerfile, tools: tuple[str, ...]) -> Iterator[Finding]:
    for use, known in _uses_with_variables(dockerfile, tools):
        command = use.command
        if not command.has("install"):
            continue
        words = [word for word in command.plain if word.text not in ("install", "module")]
        if command.has("module"):
            loose = [word for word in words if ":" not in word.text]
            yield from unpinned(use, loose, "has no stream")
        elif "yum" in tools or not command.has("group"):
            yield from unpinned(use, [word for word in words if not _is_pinned(word.text, known)])


def _uses_with_variables(
    dockerfile: Dockerfile, tools: tuple[str, ...]
) -> Iterator[tuple[Use, Collection[str]]]:
    """The commands, each with the names that ENV and ARG have set by then."""
    for sequence in own_and_onbuild(dockerfile):
        arguments: set[str] = set()
        own: set[str] = set()
        kept: dict[str, set[str]] = {}
        names = StageNames(dockerfile)
        for one, where in sequence:
            inherited = names.enter(one)
            if inherited is not None:
                own = set(kept.get(inherited, ()))
                kept.setdefault(names.alias, set()).update(own)
            elif isinstance(one, Variables) and one.keyword != "LABEL":
                declared = [pair.name.text for pair in one.pairs]
                if one.keyword == "ARG":
                    # hadolint sees only the first of several.
                    arguments.add(declared[0])
                else:
                    own.update(declared)
                    kept.setdefault(names.alias, set()).update(declared)
            elif isinstance(one, Run):
                for command in one.script.named(*tools):
                    yield Use(command, one, where), arguments | own


def _is_pinned(package: str, known: Collection[str]) -> bool:
    """Whether a version stands behind the name; a known variable is taken for one."""
    _, *others = package.split("-")
    if not others:
        return False
    if package.endswith(".rpm"):
        return True
    if "$" in package:
        return any(f"${{{name}}}" in package for name in known)
    return all(_PART.fullmatch(part) for part in others) and any(
        part[:1].isdigit() for part in others
    )
