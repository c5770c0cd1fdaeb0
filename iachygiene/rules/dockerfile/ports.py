"""Ports that an image says it listens on."""

from __future__ import annotations

import re

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, Span, at
from iachygiene.parse.dockerfile import Dockerfile, Word
from iachygiene.rule import rule

_PORT = regex(r"(\d{1,5})(?:-(\d{1,5}))?(?:/([A-Za-z]+))?", re.ASCII)


@rule(
    "DF5307",
    Dockerfile,
    Severity.WARNING,
    aliases=("checkov:CKV_DOCKER_1", "trivy:DS-0004"),
    security=True,
)
def expose_ssh(dockerfile: Dockerfile) -> Findings:
    """The image exposes the port of SSH.

    A container needs no SSH server: `docker exec` and `kubectl exec` open a shell with the
    rights of the platform, while the server adds passwords or keys to manage and a second
    process to watch. https://docs.docker.com/reference/dockerfile/#expose

    Bad:
        FROM debian:12
        EXPOSE 22
    Bad: within a range
        FROM debian:12
        EXPOSE 20-25/tcp
    Good:
        FROM debian:12
        EXPOSE 8022
    Good: another protocol
        FROM debian:12
        EXPOSE 22/udp
    """
    for one in dockerfile.of("EXPOSE"):
        for word in one.words:
            found = _PORT.fullmatch(word.text)
            if found and (found[3] or "tcp").lower() == "tcp":
                first, last = int(found[1]), int(found[2] or found[1])
                if first <= 22 <= last:
                    yield at(word, f'"{word.text}" is the port of SSH', object=one.object)


@rule(
    "DF5308",
    Dockerfile,
    Severity.WARNING,
    aliases=("buildkit:ExposeProtoCasing", "buildkit:ExposeInvalidFormat"),
)
def expose_invalid(dockerfile: Dockerfile) -> Findings:
    """EXPOSE names something that is no port, or spells its protocol in capitals.

    It takes a number, a range, and a protocol in small letters. Which address and port of the
    host lead there is for `docker run -p` to say.
    https://docs.docker.com/reference/build-checks/expose-invalid-format/

    Bad: a port of the host
        FROM debian:12
        EXPOSE 80:8080
    Bad:
        FROM debian:12
        EXPOSE 8080/TCP
    Fixed:
        FROM debian:12
        EXPOSE 8080/tcp
    Bad:
        FROM debian:12
        EXPOSE http
    Good:
        FROM debian:12
        EXPOSE 8080 9000-9010/udp "8443"
    Good: a variable
        FROM debian:12
        EXPOSE ${PORT:-8080}/tcp
    """
    for one in dockerfile.of("EXPOSE"):
        for word in one.words:
            if "$" in word.text or word.text.startswith("#"):
                if word.text.startswith("#"):
                    # A remark that Docker takes for ports is what comment-in-argument reports.
                    break
                continue
            found = _PORT.fullmatch(word.text)
            if found is None:
                what = "a mapping to a port of the host" if ":" in word.text else "no port"
                kind = ("buildkit:ExposeInvalidFormat",)
                yield at(word, f'"{word.text}" is {what}', object=one.object, aliases=kind)
            elif found[3] and not found[3].islower():
                message = f'the protocol of "{word.text}" is not in small letters'
                yield at(
                    word,
                    message,
                    object=one.object,
                    aliases=("buildkit:ExposeProtoCasing",),
                    fix=_lower(word, found[3]),
                )


def _lower(word: Word, protocol: str) -> Fix | None:
    if not word.raw.endswith(protocol):
        return None
    end = word.location.span.end
    edit = Edit(Span(end - len(protocol), end), protocol.lower())
    return Fix("use small letters", (edit,))
