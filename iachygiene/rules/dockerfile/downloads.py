"""What a build fetches, and whether anybody checks it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Copy, Dockerfile, Ran, Run, Word
from iachygiene.rule import rule

_FETCHERS = ("curl", "wget")
_VERIFIERS = frozenset(
    (
        *("sha256sum", "sha512sum", "sha1sum", "sha384sum", "md5sum", "shasum", "gpg", "gpgv"),
        *("cosign", "minisign", "signify", "openssl", "gpg2", "b2sum", "slsa-verifier", "rpm"),
    )
)
_SHELLS = frozenset(("sh", "bash", "zsh", "ash", "dash", "ksh", "/bin/sh", "/bin/bash"))
_LANGUAGES = regex(r"(?:python|perl|node|ruby|php)[0-9.]*")
_SCRIPT = frozenset(("c", "e", "m", "E", "n", "p", "eval", "r", "ne", "pe"))
_SUBSTITUTED = regex(
    r"(?:\b(?:ba|z|a|da|k)?sh[ \t]+(?:-\w+[ \t]+){0,4}-\w*c[ \t]+[\"']?\$\([ \t]*"
    r"|\b(?:(?:ba|z)?sh|source)[ \t]+(?:-\w+[ \t]+){0,4}<\([ \t]*"
    r"|\beval[ \t]+[\"']?\$\([ \t]*)(curl|wget)\b"
)
_ARCHIVE = regex(
    r"https?://\S+?\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz|zip|deb|rpm|apk|jar|whl|gem|run|bin|exe|AppImage)"
    r"(?:\?\S*)?$"
)
_HOST = regex(r"http://(?:[^/@\s]*@)?(\[[0-9a-fA-F:]+\]|[^/:\s?#]+)")
_LOCAL = (".local", ".localhost", ".internal", ".lan", ".test", ".invalid", ".example", ".svc")
_GIT = regex(
    r"(?:git@|git://|ssh://)|https?://(?:github|gitlab|bitbucket)\.\S+\.git|\S+\.git(?:#|$)"
)


@rule("DF5501", Dockerfile, Severity.WARNING, security=True)
def add_url_no_checksum(dockerfile: Dockerfile) -> Findings:
    """ADD fetches a file without a checksum.

    Whatever the server gives that day becomes part of the image, and a change of it goes
    unnoticed. `ADD --checksum=sha256:...` fails instead.
    https://docs.docker.com/reference/dockerfile/#add---checksum

    It is an info for a git repository without a reference (`#v1.2`): its default branch moves.

    Bad:
        FROM debian:12
        ADD https://example.com/tool.tar.gz /opt/
    Bad:
        FROM debian:12
        ARG VERSION=1.2
        ADD https://example.com/tool-${VERSION}.tar.gz /opt/
    Bad: only an info
        FROM debian:12
        ADD https://github.com/example/tool.git /src
    Good:
        FROM debian:12
        ADD --checksum=sha256:0123456789abcdef https://example.com/tool.tar.gz /opt/
    Good: a tag
        FROM debian:12
        ADD https://github.com/example/tool.git#v1.2 /src
    Good: a file of the context
        FROM debian:12
        ADD rootfs.tar.xz /
    """
    for one in dockerfile.of("ADD"):
        if not isinstance(one, Copy) or one.flag("checksum") is not None:
            continue
        for word in one.sources:
            if _GIT.match(word.text):
                if "#" not in word.text:
                    message = f'"{word.text}" is the default branch of that day'
                    yield at(word, message, object=one.object, severity=Severity.INFO)
            elif word.text.lower().startswith(("http://", "https://")):
                message = f'"{word.text}" is fetched without a checksum'
                yield at(word, message, object=one.object)


@rule("DF5502", Dockerfile, Severity.WARNING, security=True)
def pipe_to_shell(dockerfile: Dockerfile) -> Findings:
    r"""What is fetched from the network runs at once as a script.

    Nobody sees what runs, the next build may run something else, and a transfer that breaks
    off runs half of it. Fetch a file of a fixed version, compare its checksum, then run it.

    Bad:
        FROM debian:12
        RUN curl -fsSL https://example.com/install.sh | sh
    Bad:
        FROM debian:12
        RUN wget -qO- https://example.com/install.sh | sudo -E bash -
    Bad:
        FROM debian:12
        RUN bash -c "$(curl -fsSL https://example.com/install.sh)"
    Bad:
        FROM debian:12
        RUN bash <(curl -fsSL https://example.com/install.sh)
    Good:
        FROM debian:12
        RUN curl -fsSLO https://example.com/install.sh && \
            echo "0123 install.sh" | sha256sum -c && sh install.sh
    Good: only read
        FROM debian:12
        RUN curl -s https://example.com/version | python3 -c "import sys; print(sys.stdin.read())"
    Good: an archive
        FROM debian:12
        RUN curl -fsSL https://example.com/tool.tar.gz | tar xz
    """
    seen: set[int] = set()
    for ran in dockerfile.ran(*_FETCHERS):
        if id(ran.run) in seen:
            continue
        seen.add(id(ran.run))
        found = list(_piped(ran.run))
        for command in found:
            yield at(
                command,
                f'"{command.name}" runs what is fetched, and nobody checks it',
                object=ran.stage.object,
            )
        text = ran.run.script.text
        for match in () if found else _SUBSTITUTED.finditer(text.string):
            place = text.location(match.start(), match.end())
            message = f'what "{match[1]}" fetches runs at once, and nobody checks it'
            yield at(place, message, object=ran.stage.object)


def _piped(run: Run) -> Iterator[Command]:
    """The shells that run what a command before them fetches."""
    for pipeline in run.script.pipelines:
        fetched = False
        for element in pipeline.elements:
            if fetched and element and _runs_input(element[0]):
                yield element[0]
            if any(command.name in _VERIFIERS for command in element):
                break
            fetched = fetched or any(command.name in _FETCHERS for command in element)


def _runs_input(command: Command) -> bool:
    name, plain = command.name, [word.text for word in command.plain]
    if name in ("sudo", "env"):
        shells = [number for number, word in enumerate(plain) if word in _SHELLS]
        return bool(shells) and len(plain) <= shells[0] + 2 and not command.has_flag("c")
    if name in _SHELLS:
        if command.has_flag("c"):
            return False
        return not plain or command.has_flag("s") or plain[0] in ("-", "--", "/dev/stdin")
    if _LANGUAGES.fullmatch(name):
        flags = command.flags
        return plain in ([], ["-"]) or (plain[0] == "-" and not flags)
    return False


@rule("DF5503", Dockerfile, Severity.INFO, default="off", security=True)
def download_no_verify(dockerfile: Dockerfile) -> Findings:
    r"""An archive or a program is fetched, and nothing compares it with a checksum.

    TLS says which server it comes from, and not that it is what was tested. Compare a
    checksum or a signature in the same RUN.

    Bad:
        FROM debian:12
        RUN curl -fsSLO https://example.com/tool-1.2.tar.gz && tar xf tool-1.2.tar.gz
    Good:
        FROM debian:12
        RUN curl -fsSLO https://example.com/tool-1.2.tar.gz && \
            echo "0123 tool-1.2.tar.gz" | sha256sum -c && tar xf tool-1.2.tar.gz
    Good: a page
        FROM debian:12
        RUN curl -fsSL https://example.com/index.html
    """
    for ran in dockerfile.ran(*_FETCHERS):
        word = next((word for word in ran.command.arguments if _ARCHIVE.match(word.text)), None)
        if word is not None and not _verifies(ran.run):
            message = f'"{word.text}" is fetched and not compared with anything'
            yield at(word, message, object=ran.stage.object)


def _verifies(run: Run) -> bool:
    return any(
        command.name in _VERIFIERS or "verify" in command.name or "checksum" in command.name
        for command in run.script.commands
    )


@rule("DF5506", Dockerfile, Severity.INFO, security=True)
def http_download(dockerfile: Dockerfile) -> Findings:
    """Something is fetched from a public server without TLS.

    Whoever is on the way can exchange it. Nothing is said where a checksum or a signature is
    compared in the same RUN, and of servers in a network of one's own.

    Bad:
        FROM debian:12
        RUN curl -fO http://example.com/tool.tar.gz
    Bad:
        FROM debian:12
        ADD http://example.com/tool.tar.gz /opt/
    Good:
        FROM debian:12
        RUN curl -fO https://example.com/tool.tar.gz
    Good: a network of one's own
        FROM debian:12
        RUN curl -f http://localhost:8080/health && wget http://10.0.0.7/a http://mirror/b
    Good: compared with a checksum
        FROM debian:12
        RUN curl -fO http://example.com/a.tgz && echo "0123 a.tgz" | sha256sum -c
    """
    if "http://" not in dockerfile.file.text:
        return
    for ran in dockerfile.ran(*_FETCHERS):
        for word in ran.command.arguments:
            if _is_public(word) and not _is_setting(ran, word) and not _verifies(ran.run):
                message = f'"{word.text}" is fetched without TLS'
                yield at(word, message, object=ran.stage.object)
    for one in dockerfile.of("ADD"):
        if isinstance(one, Copy) and one.flag("checksum") is None:
            for word in filter(_is_public, one.sources):
                yield at(word, f'"{word.text}" is fetched without TLS', object=one.object)


def _is_public(word: Word) -> bool:
    found = _HOST.match(word.text)
    if found is None or "$" in found[1]:
        return False
    host = found[1].strip("[]").lower()
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_LOCAL)


def _is_setting(ran: Ran, word: Word) -> bool:
    """Whether the address is the value of an option: a proxy, a header, a referrer."""
    words = ran.command.arguments
    before = words[words.index(word) - 1].text if words.index(word) else ""
    return before in ("-x", "--proxy", "-H", "--header", "-e", "--referer", "--preproxy")
