"""As whom the shipped image runs, in whatever way that is said."""

from __future__ import annotations

import re

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Instruction, Run, Stage
from iachygiene.rule import rule

_ROOT = regex(r"\+?0+|root")
_NUMBER = regex(r"\+?\d+", re.ASCII)
_DROPPING = regex(r"\b(?:gosu|su-exec|setpriv|runuser|s6-setuidgid|chpst|fixuid)\b")
_MANAGERS = frozenset(("apt-get", "apt", "apk", "yum", "dnf", "microdnf", "zypper", "dpkg"))
_ADMINISTRATION = frozenset(
    ("useradd", "groupadd", "usermod", "update-ca-certificates", "ldconfig")
)
_MANAGING = ("install", "add", "update", "upgrade", "remove", "del", "purge")


@rule("DF5304", Dockerfile, Severity.WARNING, security=True)
def user_root_final(dockerfile: Dockerfile) -> Findings:
    """The final stage runs as root, by a USER that does not look like it.

    What counts is the user at the end: a number of zeros, a quoted name, a variable whose value
    is root, or a USER of the stage that this one builds on. A plain `USER root` in the stage
    itself is reported by root-user. https://docs.docker.com/reference/dockerfile/#user

    It is an info where something in the file drops the rights at the start (gosu, su-exec,
    setpriv, runuser), for that needs root.

    Bad:
        FROM debian:12
        ARG RUN_AS=root
        USER ${RUN_AS}
        CMD ["/app"]
    Bad:
        FROM debian:12
        USER "0"
        CMD ["/app"]
    Bad: set by a stage that this one builds on
        FROM debian:12 AS base
        USER root
        FROM base
        CMD ["/app"]
    Good:
        FROM debian:12
        ARG RUN_AS=1000
        USER ${RUN_AS}
        CMD ["/app"]
    Good: only in between
        FROM debian:12
        USER "0"
        RUN make install
        USER 1000
    Good: nobody knows
        FROM debian:12
        ARG RUN_AS
        USER $RUN_AS
    """
    stage = dockerfile.final_stage
    user = stage.effective_user if stage else None
    text = stage.effective_user_text if stage else None
    if stage is None or user is None or text is None:
        return
    if not _ROOT.fullmatch(text.partition(":")[0].strip().lower()):
        return
    plain = re.match(r"(?:root|0)(?:$|[\s:])", user.text.string[user.rest :])
    if plain and user in stage.instructions:
        return
    drops = any(
        _DROPPING.search(one.text.string)
        for own in stage.chain
        for one in own.instructions
        if one.keyword in ("RUN", "ENTRYPOINT", "CMD")
    )
    yield at(
        user.argument,
        f'the final stage runs as root, by "{user.argument.text}"',
        object=stage.object,
        severity=Severity.INFO if drops else None,
    )


@rule("DF5305", Dockerfile, Severity.INFO, default="off")
def user_not_numeric(dockerfile: Dockerfile) -> Findings:
    """The final stage runs as a user who is named and not numbered.

    Kubernetes cannot tell that a name is not root, and does not start such an image where
    `runAsNonRoot` is set without `runAsUser`.
    https://kubernetes.io/docs/tasks/configure-pod-container/security-context/

    The fix is offered where the file gives the user a number.

    Bad:
        FROM debian:12
        USER app
        CMD ["/app"]
    Bad:
        FROM debian:12
        RUN useradd --uid 1000 app
        USER app
        CMD ["/app"]
    Fixed:
        FROM debian:12
        RUN useradd --uid 1000 app
        USER 1000
        CMD ["/app"]
    Good:
        FROM debian:12
        USER 1000:1000
        CMD ["/app"]
    Good: only in between
        FROM debian:12
        USER app
        RUN make
        USER 1000
    """
    stage = dockerfile.final_stage
    user = stage.effective_user if stage else None
    text = stage.effective_user_text if stage else None
    if stage is None or user is None or text is None or "$" in text:
        return
    name, _, group = text.partition(":")
    if name in ("", "root") or _NUMBER.fullmatch(name):
        return
    fix = None
    number = _number_of(name, stage)
    if number and not group and user.argument.raw == name:
        fix = Fix("give the number", (Edit(user.argument.location.span, number),))
    message = f'the user "{name}" is not given as a number'
    yield at(user.argument, message, object=stage.object, fix=fix)


def _number_of(name: str, stage: Stage) -> str:
    """The number that a command of the stage gives a user, "" where none does."""
    for own in stage.chain:
        for run in own.runs:
            for command in run.script.named("useradd", "adduser"):
                if command.plain and command.plain[-1].text == name:
                    words = [word.text for word in command.arguments]
                    for word, following in zip(words, [*words[1:], ""], strict=True):
                        option, _, value = word.partition("=")
                        if option in ("-u", "--uid"):
                            value = value or following
                            return value if _NUMBER.fullmatch(value) else ""
    return ""


@rule("DF5306", Dockerfile, Severity.INFO)
def user_before_chown(dockerfile: Dockerfile) -> Findings:
    """A RUN needs root, and an earlier USER has given that up.

    Package managers, programs that manage users and changes of owners are refused to everybody
    else, so the build fails. USER belongs behind them.
    https://docs.docker.com/reference/dockerfile/#user

    Bad:
        FROM node:22
        USER node
        RUN apt-get update && apt-get install -y git
    Bad:
        FROM debian:12
        USER 1000
        RUN chown -R 1001 /srv
    Good:
        FROM node:22
        RUN apt-get update && apt-get install -y git
        USER node
    Good: root for a while
        FROM node:22
        USER node
        USER root
        RUN apt-get update && apt-get install -y git
        USER node
    Good: one's own files
        FROM debian:12
        USER app
        RUN mkdir -p ~/cache && chown -R app ~/cache
    Good: by other means
        FROM node:22
        USER node
        RUN sudo apt-get update
    """
    managers = (*_MANAGERS, *_ADMINISTRATION, "chown")
    if not dockerfile.of("USER") or not dockerfile.ran(*managers):
        return
    for stage in dockerfile.stages:
        parent = stage.parent
        user = parent.effective_user if parent else None
        is_root = user is None or _may_be_root(user, stage)
        for one in stage.instructions:
            if one.keyword == "USER":
                user, is_root = one, _may_be_root(one, stage)
            elif isinstance(one, Run) and user is not None and not is_root:
                own = user.argument.text.partition(":")[0]
                for command in one.script.commands:
                    if _needs_root(command, own):
                        text = " ".join(word.text for word in command.words[:2])
                        message = f'"{text}" needs root and runs as "{user.argument.text}"'
                        related = [user.location.labelled("set here")]
                        yield at(command, message, object=stage.object, related=related)
                        break


def _may_be_root(user: Instruction, stage: Stage) -> bool:
    text = user.argument.text.partition(":")[0].strip().lower()
    return "$" in text or text == "" or _ROOT.fullmatch(text) is not None or _is_windows(text)


def _is_windows(text: str) -> bool:
    return "container" in text or "\\" in text


def _needs_root(command: Command, user: str) -> bool:
    if command.nesting or command.operator == "||":
        return False
    if command.name in _MANAGERS:
        return command.has(*_MANAGING)
    if command.name == "chown":
        # To change the owner takes root, save for what is one's own already.
        owner = command.plain[0].text.partition(":")[0] if command.plain else ""
        return owner not in ("", user) and not owner.startswith("$")
    return command.name in _ADMINISTRATION
