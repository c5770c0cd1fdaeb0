"""Checks of certificates and signatures that a build switches off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Variables, Word
from iachygiene.rule import rule

_Finder = Callable[[Command], Word | None]


def _flag(*names: str) -> _Finder:
    def find(command: Command) -> Word | None:
        flags = command.flags
        return next((flags[name] for name in names if name in flags), None)

    return find


def _match(pattern: str) -> _Finder:
    """The first word that makes, with the one before it, the pattern."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def find(command: Command) -> Word | None:
        before = ""
        for word in command.arguments:
            if compiled.search(f"{before} {word.text}"):
                return word
            before = word.text
        return None

    return find


def _insecure_curl(command: Command) -> Word | None:
    for word in command.arguments:
        text = word.text
        # In a cluster, what follows an option with a value is that value.
        if text == "--insecure" or re.match(r"-[#0-9afgijklnpqsvBGIJLMNORSVZ]*k", text):
            return word
    return None


_STRICT_SSL = _match(r"strict-ssl[ =](?:false|0|no)$")
_GPG = _match(r"(?:^| )--(?:nogpgcheck|no-gpg-checks?)$|sslverify=(?:false|0)$")
_FINDERS: Mapping[str, _Finder] = {
    "curl": _insecure_curl,
    "wget": _flag("no-check-certificate"),
    **dict.fromkeys(("pip", "pip3", "python", "python3"), _flag("trusted-host")),
    **dict.fromkeys(("npm", "yarn", "pnpm"), _STRICT_SSL),
    "git": _match(r"http\.(?:\S{1,300}\.)?sslverify[ =](?:false|0|no)$"),
    **dict.fromkeys(("yum", "dnf", "tdnf", "microdnf", "yum-config-manager"), _GPG),
    "apk": _flag("allow-untrusted"),
    **dict.fromkeys(("apt-get", "apt"), _flag("allow-unauthenticated", "force-yes")),
    "rpm": _flag("nodigest", "nosignature", "noverify", "nofiledigest"),
    "go": _match(r"GOINSECURE=."),
    "conda": _match(r"ssl_verify (?:false|no|0)$"),
}
_CHECKOV = (
    (regex(r"(?:npm|yarn|pnpm) "), 13),
    (regex(r"curl "), 2),
    (regex(r"wget "), 3),
    (regex(r"(?:pip|python)[\d.]* "), 4),
    (regex(r"apk "), 7),
    (regex(r"apt(?:-get)? --allow-unauthenticated"), 8),
    (regex(r"apt(?:-get)? --force-yes"), 11),
    (regex(r"rpm "), 10),
    (regex(r"(?:yum|dnf|tdnf|microdnf) --no"), 9),
    (regex(r"(?:yum|dnf|tdnf|microdnf|yum-config-manager) .*sslverify"), 15),
)
_BACK_ON = regex(r"strict-ssl[ =]true|sslverify[ =]true|--unset\b.{0,40}sslverify", re.I)
_VARIABLES: Mapping[str, re.Pattern[str]] = {
    "NODE_TLS_REJECT_UNAUTHORIZED": regex(r"0|false"),
    "PYTHONHTTPSVERIFY": regex(r"0"),
    "GIT_SSL_NO_VERIFY": regex(r".+"),
    "NPM_CONFIG_STRICT_SSL": regex(r"false|0"),
    "npm_config_strict_ssl": regex(r"false|0"),
    "YARN_STRICT_SSL": regex(r"false|0"),
    "PIP_TRUSTED_HOST": regex(r".+"),
    "CURL_INSECURE": regex(r".+"),
    "GOINSECURE": regex(r".+"),
    "GONOSUMCHECK": regex(r".+"),
}
_ALIASES = {
    "NODE_TLS_REJECT_UNAUTHORIZED": "checkov:CKV2_DOCKER_6",
    "PYTHONHTTPSVERIFY": "checkov:CKV2_DOCKER_5",
    "GIT_SSL_NO_VERIFY": "checkov:CKV2_DOCKER_14",
    "NPM_CONFIG_STRICT_SSL": "checkov:CKV2_DOCKER_12",
    "PIP_TRUSTED_HOST": "checkov:CKV2_DOCKER_16",
}
_SOURCE = regex(r"\[([^\[\]\n]*)\](?:[ \t]*(\S+))?")
"""The options of a source of packages, and its address."""
_TRUSTED = regex(r"\btrusted=yes\b")


@rule(
    "DF5504",
    Dockerfile,
    Severity.ERROR,
    aliases=tuple(f"checkov:CKV2_DOCKER_{n}" for n in (2, 3, 4, 7, 8, 9, 10, 11, 13, 15)),
    security=True,
)
def tls_off_command(dockerfile: Dockerfile) -> Findings:
    """A command is told not to check certificates or signatures.

    Whoever is on the way can then give it something else, which becomes part of the image. If
    the server has a certificate of one's own authority, add that authority:
    `update-ca-certificates`, `NODE_EXTRA_CA_CERTS`, `PIP_CERT`, `curl --cacert`.

    It is an info for a package of Alpine that lies in the image as a file.

    Bad:
        FROM debian:12
        RUN curl -fsSLk https://example.com/tool -o /usr/local/bin/tool
    Bad:
        FROM python:3.13
        RUN pip install --trusted-host example.com flask==3.1
    Bad:
        FROM node:22
        RUN npm config set strict-ssl false && npm ci
    Bad: packages without signatures
        FROM rockylinux:9
        RUN dnf install -y --nogpgcheck nginx
    Bad: only an info
        FROM alpine:3.22
        RUN apk add --allow-untrusted ./tool.apk
    Good:
        FROM debian:12
        RUN curl -fsSL --cacert /ca.pem https://example.com/tool -o /usr/local/bin/tool
    Good: switched on again
        FROM node:22
        RUN npm config set strict-ssl false && npm ci && npm config set strict-ssl true
    Good: another program's -k
        FROM debian:12
        RUN sort -k 2 /list
    """
    for ran in dockerfile.ran(*_FINDERS):
        word = _FINDERS[ran.command.name](ran.command)
        if word is None or _BACK_ON.search(ran.run.script.text.string):
            continue
        if ran.command.name.startswith("python") and not ran.command.has("pip"):
            continue
        severity = Severity.INFO if _is_local_package(ran.command) else None
        yield at(
            word,
            f'"{_shown(ran.command, word)}" switches off a check of "{ran.command.name}"',
            object=ran.stage.object,
            severity=severity,
            aliases=_twins(f"{ran.command.name} {word.text}"),
        )


def _shown(command: Command, word: Word) -> str:
    """The word, and the one before it where that is the name of the setting."""
    if word.text.lower() not in ("false", "0", "no"):
        return word.text
    words = command.words
    return f"{words[words.index(word) - 1].text} {word.text}"


def _twins(text: str) -> tuple[str, ...]:
    """The rule of checkov that sees the same."""
    found = next((number for pattern, number in _CHECKOV if pattern.match(text)), None)
    return (f"checkov:CKV2_DOCKER_{found}",) if found else ()


def _is_local_package(command: Command) -> bool:
    files = [word.text for word in command.plain if word.text.endswith(".apk")]
    return command.name == "apk" and bool(files) and not any("://" in file for file in files)


@rule(
    "DF5505",
    Dockerfile,
    Severity.ERROR,
    aliases=tuple(f"checkov:CKV2_DOCKER_{n}" for n in (5, 6, 12, 14, 16)),
    security=True,
)
def tls_off_env(dockerfile: Dockerfile) -> Findings:
    """A variable switches off the check of certificates.

    As ENV it does so for every program in every container of the image.
    https://nodejs.org/api/cli.html#node_tls_reject_unauthorizedvalue

    Bad:
        FROM node:22
        ENV NODE_TLS_REJECT_UNAUTHORIZED=0
    Bad:
        FROM debian:12
        RUN GIT_SSL_NO_VERIFY=1 git clone https://example.com/a
    Bad:
        FROM python:3.13
        ARG PIP_TRUSTED_HOST=example.com
    Good:
        FROM node:22
        ENV NODE_TLS_REJECT_UNAUTHORIZED=1 NODE_EXTRA_CA_CERTS=/ca.pem
    Good: empty
        FROM debian:12
        ENV GIT_SSL_NO_VERIFY=
    """
    text = dockerfile.file.text
    if not any(name in text for name in _VARIABLES):
        return
    for name, value, node, where in _settings(dockerfile):
        if name in _VARIABLES and _VARIABLES[name].fullmatch(value.lower()):
            alias = _ALIASES.get(name.upper())
            yield at(
                node.location,
                f'"{name}" switches off the check of certificates',
                object=where,
                aliases=(alias,) if alias else (),
            )


def _settings(dockerfile: Dockerfile) -> Iterator[tuple[str, str, Word, str]]:
    """Name, value, place and stage of every variable that is set."""
    for one in dockerfile.of("ENV", "ARG"):
        if isinstance(one, Variables):
            for pair in one.pairs:
                if pair.value is not None:
                    yield pair.name.text, pair.value.text, pair.name, one.object
    for stage in dockerfile.stages:
        for run in stage.runs:
            assigned = [one for command in run.script.commands for one in command.assignments]
            for assignment in (*assigned, *run.script.assignments):
                yield assignment.name, assignment.value or "", assignment.word, stage.object
            for command in run.script.named("export"):
                for word in command.arguments:
                    name, _, value = word.text.partition("=")
                    yield name, value, word, stage.object


@rule("DF5507", Dockerfile, Severity.INFO, security=True)
def apt_trust_widened(dockerfile: Dockerfile) -> Findings:
    r"""A key is trusted for all sources of packages, or a source without any.

    `apt-key add` lets the owner of a key replace every package of the system, and is removed
    from newer releases. Put the key below /etc/apt/keyrings and name it in the source
    (`signed-by`). https://manpages.debian.org/bookworm/apt/apt-key.8.en.html

    It is an error where a source is trusted without any signature (`trusted=yes`).

    Bad:
        FROM debian:12
        RUN curl -fsSL https://example.com/key.asc | apt-key add -
    Bad: an error
        FROM debian:12
        RUN echo "deb [trusted=yes] https://example.com/apt /" > /etc/apt/sources.list.d/a.list
    Good:
        FROM debian:12
        RUN curl -fsSL https://example.com/key.asc -o /etc/apt/keyrings/a.asc
        RUN echo "deb [signed-by=/etc/apt/keyrings/a.asc] https://example.com/apt stable main" \
            > /etc/apt/sources.list.d/a.list
    Good: packages that were built here
        FROM debian:12
        RUN echo "deb [trusted=yes] file:///tmp/packages ./" > /etc/apt/sources.list.d/a.list
    """
    for ran in dockerfile.ran("apt-key"):
        if ran.command.has("add", "adv") and not ran.command.has_flag("keyring"):
            message = "apt trusts this key for every source"
            yield at(ran.command, message, object=ran.stage.object)
    if "trusted=yes" not in dockerfile.file.text:
        return
    for stage in dockerfile.stages:
        for one in stage.instructions:
            for text in (one.text, *(heredoc.body for heredoc in one.heredocs)):
                for found in _SOURCE.finditer(text.string):
                    trusted = _TRUSTED.search(found[1])
                    # A directory of the build is as trustworthy as the build.
                    if trusted is None or (found[2] or "").startswith(("file:", "copy:")):
                        continue
                    yield at(
                        text.location(found.start(), found.start(1) + trusted.end()),
                        "apt takes packages of this source without a signature",
                        object=stage.object,
                        severity=Severity.ERROR,
                    )
