"""Secrets that end up in an image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Pair, Run, Variables
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.credentials import says_secret

_REFERENCE = regex(r"(?<!\\)\$(?:(\w+)|\{(\w++)[^}]*+\})", re.ASCII)
_HARMLESS_VALUE = regex(
    r"true|false|yes|no|on|off|\d+|\.{0,2}/.*|[\w-]+(?:/[\w.-]+)+\.[a-z]{2,5}", re.IGNORECASE
)


@rule(
    "DF5401",
    Dockerfile,
    Severity.WARNING,
    aliases=("buildkit:SecretsUsedInArgOrEnv", "trivy:DS-0031"),
    sensitive=True,
    security=True,
)
def secret_in_variable_name(dockerfile: Dockerfile) -> Findings:
    """The name of a variable says that it holds a secret.

    ENV is part of the image, and the values of ARG stand in its history and provenance:
    everybody who can pull the image can read them. A secret mount leaves nothing behind.
    https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/

    It is an info where the value cannot get into the final image: an ARG without default in
    another stage, or an empty ENV that only shows what can be set at run time.

    Bad:
        FROM debian:12
        ENV DB_PASSWORD=hunter22
    Bad: the value of an argument can be read from the history
        FROM node:20
        ARG NPM_TOKEN
        RUN npm ci
    Bad: only an info
        FROM node:20 AS build
        ARG NPM_TOKEN
        RUN npm ci
        FROM nginx:1.27
        COPY --from=build /dist /usr/share/nginx/html
    Good: where the secret lies is no secret
        FROM debian:12
        ENV DB_PASSWORD_FILE=/run/secrets/db TLS_KEY=tls/server.key
        ENV DB_PASSWORD=/run/secrets/db
    Good: a mount leaves nothing behind
        FROM node:20
        RUN --mount=type=secret,id=npm_token,env=NPM_TOKEN npm ci
    Good: words of which "key" or "token" are only a part
        FROM debian:12
        ENV TOKENIZERS_PARALLELISM=false KEYBOARD=de PUBLIC_KEY=abc
        ENV Filters__0__Key=ProcessId
    Good: what a download is signed with
        FROM debian:12
        ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D
    Good: a number, or a switch
        FROM debian:12
        ENV TOKEN_LIFETIME=3600 AUTH=true ALLOW_EMPTY_PASSWORD=yes
    """
    reaching = _final_arguments(dockerfile)
    for instruction in dockerfile.of("ENV", "ARG"):
        if not isinstance(instruction, Variables):
            continue
        for pair in instruction.pairs:
            if says_secret(pair.name.text) and not _is_harmless(pair):
                harmless = _stays_outside(instruction, pair, reaching)
                yield at(
                    pair.name,
                    f'the name of "{pair.name.text}" says that it holds a secret',
                    object=instruction.object,
                    severity=Severity.INFO if harmless else None,
                )


def _is_harmless(pair: Pair) -> bool:
    return pair.value is not None and bool(_HARMLESS_VALUE.fullmatch(pair.value.text))


def _stays_outside(instruction: Variables, pair: Pair, reaching: set[tuple[str, str]]) -> bool:
    """Whether no value of the variable gets into the final image."""
    if instruction.keyword == "ENV":
        return pair.value is not None and pair.value.text == ""
    return pair.value is None and (instruction.object, pair.name.text) not in reaching


def _final_arguments(dockerfile: Dockerfile) -> set[tuple[str, str]]:
    """Stage and name of the ARGs that the final stage knows; "" for the global ones."""
    known: set[tuple[str, str]] = set()
    final = dockerfile.final_stage
    for stage in final.chain if final else ():
        for instruction in stage.instructions:
            if isinstance(instruction, Variables) and instruction.keyword == "ARG":
                for pair in instruction.pairs:
                    known |= {(stage.object, pair.name.text), ("", pair.name.text)}
    return known


@rule("DF5407", Dockerfile, Severity.WARNING, security=True)
def secret_arg_in_run(dockerfile: Dockerfile) -> Findings:
    """A RUN uses a build argument that holds a secret.

    The history of the image shows each RUN with the values of the arguments that it used:
    `docker history` is all it takes to read them. A mount of type secret leaves nothing
    behind. https://docs.docker.com/build/building/secrets/

    It is an info in a stage of which only files are taken over, since its history is not
    shipped; it is still in the cache.

    Bad:
        FROM node:22
        ARG NPM_TOKEN
        RUN npm config set //registry.example.com/:_authToken $NPM_TOKEN && npm ci
    Bad: only an info
        FROM node:22 AS build
        ARG NPM_TOKEN
        RUN echo "${NPM_TOKEN}" > .npmrc && npm ci
        FROM nginx:1.27
        COPY --from=build /app /usr/share/nginx/html
    Good:
        FROM node:22
        RUN --mount=type=secret,id=token,env=NPM_TOKEN npm ci
    Good: no secret
        FROM node:22
        ARG KEY_FILE=/run/secrets/key
        RUN cat $KEY_FILE
    """
    final = dockerfile.final_stage
    shipped = final.chain if final else []
    for stage in dockerfile.stages:
        arguments: dict[str, Pair] = {}
        for own in reversed(stage.chain):
            for one in own.instructions:
                if isinstance(one, Variables) and one.keyword == "ARG":
                    for pair in one.pairs:
                        if says_secret(pair.name.text) and not _is_harmless(pair):
                            arguments[pair.name.text] = pair
                elif isinstance(one, Run) and arguments and own is stage:
                    for name, place in _uses(one, arguments):
                        yield at(
                            place,
                            f'the value of "{name}" stays in the history',
                            object=stage.object,
                            severity=None if stage in shipped else Severity.INFO,
                            related=[arguments[name].location.labelled("the argument")],
                        )


def _uses(run: Run, names: Mapping[str, Pair]) -> Iterator[tuple[str, Location]]:
    """The first use of each variable in a RUN."""
    string = run.text.string
    if "$" not in string:
        return
    seen: set[str] = set()
    for found in _REFERENCE.finditer(string, run.rest):
        name = found[1] or found[2]
        if name in names and name not in seen:
            seen.add(name)
            yield name, run.text.location(found.start(), found.end())
