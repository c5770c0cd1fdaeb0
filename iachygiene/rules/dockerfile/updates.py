"""Package lists and packages brought up to date in a build."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Ran, Run
from iachygiene.rule import rule

_TOOLS = {
    **dict.fromkeys(("apt-get", "apt", "aptitude"), "apt"),
    **dict.fromkeys(("yum", "dnf", "microdnf"), "dnf"),
    "apk": "apk",
    "zypper": "zypper",
}
_REFRESHES = {
    "apt": ("update",),
    "dnf": ("makecache",),
    "apk": ("update",),
    "zypper": ("refresh", "ref"),
}
_TRIVIAL = frozenset(("rm", "echo", "true", "set", "date", "ls", "cat", "printf", "export"))
_CLEANING = frozenset(("clean", "autoclean"))
_DISTRIBUTION = ("dist-upgrade", "full-upgrade", "dup")


@rule(
    "DF5005",
    Dockerfile,
    Severity.WARNING,
    aliases=("checkov:CKV_DOCKER_5", "trivy:DS-0017", "dockle:CIS-DI-0007"),
)
def update_alone(dockerfile: Dockerfile) -> Findings:
    """Package lists are fetched in a RUN of their own.

    The builder keeps that layer for months, as nothing in the line changes. What is installed
    later then comes from old lists: outdated packages, or "404 Not Found".
    https://docs.docker.com/build/building/best-practices/#apt-get

    Bad:
        FROM debian:12
        RUN apt-get update
        RUN apt-get install -y curl
    Bad:
        FROM alpine:3.22
        RUN apk update
        RUN apk add --no-cache curl
    Good:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl
    Good: the lists are kept outside of the layers
        FROM debian:12
        RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update
    Good: what installs may be a script
        FROM debian:12
        RUN apt-get update && ./install.sh
    Good: whoever installs later fetches anew
        FROM debian:12
        RUN apt-get update
        RUN apt-get update && apt-get install -y curl
    """
    anew: dict[tuple[int, str], tuple[Run, bool]] = {}
    alone: list[Ran] = []
    for ran in reversed(dockerfile.ran(*_TOOLS)):
        key = (ran.stage.index, _TOOLS[ran.command.name])
        later = anew.get(key)
        refreshes = _refreshes(ran.command)
        if refreshes and not (later and later[1] and later[0] is not ran.run) and _is_alone(ran):
            alone.append(ran)
        own = later[1] if later and later[0] is ran.run else False
        anew[key] = (ran.run, own or refreshes)
    for ran in reversed(alone):
        text = " ".join(word.text for word in ran.command.words[:2])
        message = f'"{text}" and the installation are in different layers'
        yield at(ran.command.extent, message, object=ran.stage.object)


def _refreshes(command: Command) -> bool:
    tool = _TOOLS.get(command.name)
    plain = command.plain
    return tool is not None and bool(plain) and plain[0].text in _REFRESHES[tool]


def _is_alone(ran: Ran) -> bool:
    """Whether nothing behind the command in its RUN may use the lists."""
    if any(mount.options.get("type") == "cache" for mount in ran.run.mounts):
        return False
    # From the end, as the first command of another kind decides.
    for one in reversed(ran.run.script.commands):
        if one is ran.command:
            return True
        if not (one.name in _TRIVIAL or _cleans(one) or _refreshes(one)):
            return False
    return True


def _cleans(command: Command) -> bool:
    return command.name in _TOOLS and any(word.text in _CLEANING for word in command.plain)


@rule(
    "DF5006",
    Dockerfile,
    Severity.WARNING,
    default="off",
    aliases=("trivy:DS-0024", "dockle:DKL-DI-0003"),
)
def full_upgrade_in_build(dockerfile: Dockerfile) -> Findings:
    """A build upgrades every package of its base image.

    What the image holds then depends on the day of the build, and the base image is stored a
    second time. A newer base image has the same updates, tested together.
    https://docs.docker.com/build/building/best-practices/#apt-get

    It is an info for the `upgrade` that removes and adds no packages. Updates of security
    alone are not reported.

    Bad:
        FROM debian:12
        RUN apt-get update && apt-get dist-upgrade -y
    Bad:
        FROM fedora:42
        RUN dnf -y update
    Bad: only an info
        FROM alpine:3.22
        RUN apk upgrade --no-cache
    Good: a single package
        FROM fedora:42
        RUN dnf -y upgrade openssl
    Good: security alone
        FROM fedora:42
        RUN dnf -y upgrade --security
    """
    for ran in dockerfile.ran(*_TOOLS):
        command = ran.command
        words = [
            word.text for word in command.plain_without(("t", "target-release", "o", "setopt"))
        ]
        if not words or command.has_flag("security", "sec-severity", "advisory"):
            continue
        severe = words[0] in _DISTRIBUTION
        severe = severe or (words in (["update"], ["upgrade"]) and _is_dnf(command))
        if severe or words == ["upgrade"]:
            text = " ".join(word.text for word in command.words[:3])
            yield at(
                command.extent,
                f'"{text}" upgrades every package of the base image',
                object=ran.stage.object,
                severity=None if severe else Severity.INFO,
            )


def _is_dnf(command: Command) -> bool:
    return _TOOLS[command.name] == "dnf"
