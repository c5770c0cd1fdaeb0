"""Modes of files and passwords that a build sets."""

from __future__ import annotations

import re

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Copy, Dockerfile, Ran, Word
from iachygiene.rule import rule

_OCTAL = regex(r"[0-7]{3,5}", re.ASCII)
_FOR_ALL = regex(r"(?:^|,)(?:a|ugo|o|uo|go|)[+=][rxX]*w[rwxXst]*(?:,|$)")
_SPECIAL = regex(r"(?:^|,)(?:[ugoa]*)[+=][rwxX]*s")
_PASSWORD_FLAGS = ("p", "password")


@rule("DF5322", Dockerfile, Severity.WARNING, security=True)
def world_writable_mode(dockerfile: Dockerfile) -> Findings:
    """Files or directories become writable for everybody.

    Any process in the container, whoever it runs as, may then replace programs and settings of
    the others. Give the files to the user who needs them, with `chown` or `COPY --chown`. A
    directory with the sticky bit (1777), like /tmp, is not reported.

    Bad:
        FROM debian:12
        RUN chmod -R 777 /app
    Bad:
        FROM debian:12
        RUN chmod a+rwx /app
    Bad:
        FROM debian:12
        COPY --chmod=777 start.sh /start.sh
    Good:
        FROM debian:12
        RUN chmod 755 /app && chmod +x /start.sh && chmod 1777 /scratch
    Good:
        FROM debian:12
        COPY --chmod=755 start.sh /start.sh
    """
    for ran in dockerfile.ran("chmod"):
        mode = _mode(ran.command)
        if mode is not None and _writable_for_all(mode.text):
            paths = [word.text for word in ran.command.plain if word is not mode]
            if all(path.rstrip("/") in ("/tmp", "/var/tmp", "/dev/null") for path in paths):
                continue
            message = f'the mode "{mode.text}" lets everybody write'
            yield at(mode, message, object=ran.stage.object)
    for one in dockerfile.of("COPY", "ADD"):
        flag = one.flag("chmod") if isinstance(one, Copy) else None
        if flag is not None and _writable_for_all(flag.value):
            yield at(flag, f'the mode "{flag.value}" lets everybody write', object=one.object)


def _mode(command: Command) -> Word | None:
    return next(
        (word for word in command.arguments if not re.match(r"-[RvcfhH]|--", word.text)), None
    )


def _writable_for_all(mode: str) -> bool:
    if _OCTAL.fullmatch(mode):
        sticky = len(mode) > 3 and int(mode[-4]) & 1
        return bool(int(mode[-1]) & 2) and not sticky
    # Without a class the umask leaves out the others.
    return _FOR_ALL.search(mode) is not None and not re.match(r"[+=]", mode) and "t" not in mode


@rule(
    "DF5321",
    Dockerfile,
    Severity.INFO,
    default="off",
    aliases=("dockle:CIS-DI-0008",),
    security=True,
)
def setuid_bit(dockerfile: Dockerfile) -> Findings:
    """A program gets the setuid or setgid bit.

    It then runs with the rights of its owner, mostly root, whoever starts it: a mistake in it
    gives these rights away. https://www.cisecurity.org/benchmark/docker

    Bad:
        FROM debian:12
        RUN chmod u+s /usr/local/bin/tool
    Bad:
        FROM debian:12
        RUN chmod 4755 /usr/local/bin/tool
    Good:
        FROM debian:12
        RUN chmod 755 /usr/local/bin/tool && chmod u-s /bin/su && chmod 1777 /scratch
    """
    for ran in dockerfile.ran("chmod"):
        mode = _mode(ran.command)
        if mode is not None and _is_special(mode.text):
            message = f'the mode "{mode.text}" gives away the rights of the owner'
            yield at(mode, message, object=ran.stage.object)


def _is_special(mode: str) -> bool:
    if _OCTAL.fullmatch(mode):
        return len(mode) > 3 and bool(int(mode[-4]) & 6)
    return _SPECIAL.search(mode) is not None


@rule("DF5323", Dockerfile, Severity.WARNING, aliases=("checkov:CKV2_DOCKER_17",), security=True)
def password_set(dockerfile: Dockerfile) -> Findings:
    """A build gives a user a password, or takes it away.

    The password, or its hash, stands in the history and in the file system of the image, the
    same in every container. A container needs none: USER and `docker exec -u` ask for nothing.

    Bad:
        FROM debian:12
        RUN echo "root:root" | chpasswd
    Bad: nothing to type is worse
        FROM debian:12
        RUN passwd -d root
    Bad:
        FROM debian:12
        RUN useradd -m -p secret app
    Good:
        FROM debian:12
        RUN useradd --create-home app
    Good: locked
        FROM alpine:3.22
        RUN adduser -D app && passwd -l root
    Good: not in the image
        FROM debian:12
        RUN --mount=type=secret,id=passwords chpasswd < /run/secrets/passwords
    """
    for ran in dockerfile.ran("chpasswd", "passwd", "useradd", "usermod"):
        if _sets_password(ran):
            text = ran.command.name
            if text == "passwd":
                text = " ".join(word.text for word in ran.command.words[:3])
            yield at(ran.command, f'"{text}" sets or removes a password', object=ran.stage.object)


def _sets_password(ran: Ran) -> bool:
    command = ran.command
    if command.name == "chpasswd":
        return not any(mount.options.get("type") == "secret" for mount in ran.run.mounts)
    if command.name == "passwd":
        return command.has_flag("d", "delete", "stdin") or command.operator in ("|", "|&")
    if not command.has_flag(*_PASSWORD_FLAGS):
        return False
    words = command.arguments
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word.text in ("-p", "--password"):
            # "!" and "*" are no passwords, but lock the account.
            return following is not None and following.text not in ("!", "*", "x", "!!")
    return True
