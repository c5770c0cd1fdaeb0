"""Package managers and programs for users that the base image of a stage does not have."""

from __future__ import annotations

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Ran
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.distributions import Distribution, distribution
from iachygiene.rules.dockerfile.known_images import official_name
from iachygiene.rules.dockerfile.programs import Brought

_MANAGERS = ("apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper")
_USER_TOOLS = ("adduser", "addgroup", "useradd", "groupadd", "usermod")
_PRESENT = {
    "apt": ("apt-get", "apt", "aptitude"),
    "apk": ("apk",),
    "dnf": ("dnf", "yum"),
    "yum": ("yum", "dnf"),
    "microdnf": ("microdnf",),
    "tdnf": ("tdnf", "yum", "dnf"),
    "zypper": ("zypper",),
    "pacman": ("pacman",),
}
_CONDITIONS = frozenset(("if", "then", "else", "while", "do", "case", "function"))
_TESTS = regex(r"\b(?:command[ \t]+-v|which|type|hash)\b|\[[ \t]++(?:![ \t]*+)?-[xef][ \t]")


@rule("DF5208", Dockerfile, Severity.ERROR)
def package_manager_mismatch(dockerfile: Dockerfile) -> Findings:
    """A stage runs a package manager that its base image does not have.

    Each distribution has its own: `apt-get` on Debian and Ubuntu, `apk` on Alpine, `dnf` on
    Fedora and its relatives, `microdnf` alone on their minimal images, none at all on
    distroless ones. The build stops with "not found". This is what remains when the base
    image is exchanged and the commands are not.

    The base image is judged by its name and tag; nothing is said of one that is not known, or
    where the RUN tests what there is. The options of `adduser` differ as well: `-D` and `-S`
    are those of Alpine, and `useradd` needs the package shadow there.

    Bad:
        FROM debian:12
        RUN apk add --no-cache curl
    Bad: the minimal image has microdnf alone
        FROM registry.access.redhat.com/ubi9/ubi-minimal:9.4
        RUN dnf install -y nginx
    Bad: told by the tag
        ARG BASE=node:22-alpine
        FROM $BASE
        RUN apt-get update && apt-get install -y git
    Bad: there is no package manager at all
        FROM gcr.io/distroless/base-debian12
        RUN ["apt-get", "install", "curl"]
    Bad: these are options of Alpine's adduser
        FROM debian:12
        RUN adduser -D -u 1000 app
    Bad:
        FROM alpine:3.22
        RUN useradd -u 1000 app
    Good:
        FROM node:22-alpine
        RUN apk add --no-cache git
    Good:
        FROM registry.access.redhat.com/ubi9/ubi-minimal:9.4
        RUN microdnf install -y nginx
    Good: installed before
        FROM registry.access.redhat.com/ubi9/ubi-minimal:9.4
        RUN microdnf install -y dnf && dnf install -y nginx
    Good: it tries what there is
        FROM alpine:3.22
        RUN if command -v apt-get; then apt-get install -y git; else apk add git; fi
    Good: nobody knows
        FROM registry.example.com/base:1
        RUN apk add git
    Good:
        FROM alpine:3.22
        RUN apk add --no-cache shadow && useradd -u 1000 app
    """
    bases: dict[int, Distribution | None] = {}
    brought = Brought()
    for ran in dockerfile.ran(*_MANAGERS, "pacman", *_USER_TOOLS):
        index = ran.stage.index
        if index not in bases:
            bases[index] = distribution(ran.stage.chain[-1].resolved)
        base = bases[index]
        message = _missing(ran, base) if base is not None else ""
        if message and not _is_tried(ran):
            # The programs of a package have other names than the package.
            names = (ran.command.name, "apt" if "apt" in ran.command.name else "shadow")
            if not brought.has(ran, *names):
                yield at(ran.command, message, object=ran.stage.object)


def _missing(ran: Ran, base: Distribution) -> str:
    name = ran.command.name
    image = ran.stage.chain[-1].resolved
    shown = image.text.partition("@")[0]
    if name not in _USER_TOOLS:
        if not base.manager:
            # Root file systems are unpacked onto scratch and busybox.
            return f'"{shown}" has no package manager' if base.libc else ""
        if name in _PRESENT[base.manager]:
            return ""
        return f'"{shown}" has no "{name}"; its package manager is "{base.manager}"'
    if name in ("adduser", "addgroup"):
        of_alpine = ran.command.has_flag("D", "S") and not any(
            word.text.startswith("--") for word in ran.command.arguments
        )
        if base.manager == "apt" and of_alpine:
            return f'the options of "{name}" are those of Alpine, and "{shown}" is made of Debian'
        return ""
    if base.manager == "apk" and base.libc == "musl" and official_name(image):
        return f'"{shown}" has no "{name}", which is part of the package "shadow"'
    return ""


def _is_tried(ran: Ran) -> bool:
    """Whether the RUN finds out by itself what there is."""
    command = ran.command
    if command.operator == "||" or not _CONDITIONS.isdisjoint(command.nesting):
        return True
    return _TESTS.search(ran.run.script.text.string) is not None
