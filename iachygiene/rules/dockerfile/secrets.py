"""Secrets that end up in an image."""

from __future__ import annotations

import re

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Pair, Variables
from iachygiene.rule import rule

_SECRET = frozenset(
    (
        *("apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd"),
        *("pwd", "secret", "token"),
    )
)
_HARMLESS = frozenset(
    (
        *("public", "file", "path", "version", "dir", "url", "name", "id", "type", "length"),
        *("expiry", "ttl", "enabled", "algorithm"),
    )
)
_HARMLESS_VALUE = re.compile(r"(?:true|false|\d+|\.{0,2}/.*)", re.IGNORECASE)


@rule(
    "DF5401",
    Dockerfile,
    Severity.WARNING,
    aliases=("buildkit:SecretsUsedInArgOrEnv", "trivy:DS-0031"),
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
        ENV DB_PASSWORD_FILE=/run/secrets/db
        ENV DB_PASSWORD=/run/secrets/db
    Good: a mount leaves nothing behind
        FROM node:20
        RUN --mount=type=secret,id=npm_token,env=NPM_TOKEN npm ci
    Good: words of which "key" or "token" are only a part
        FROM debian:12
        ENV TOKENIZERS_PARALLELISM=false KEYBOARD=de PUBLIC_KEY=abc
    Good: a number, or a switch
        FROM debian:12
        ENV TOKEN_LIFETIME=3600 AUTH=true
    """
    reaching = _final_arguments(dockerfile)
    for instruction in dockerfile.of("ENV", "ARG"):
        if not isinstance(instruction, Variables):
            continue
        for pair in instruction.pairs:
            if _says_secret(pair.name.text) and not _is_harmless(pair):
                harmless = _stays_outside(instruction, pair, reaching)
                yield at(
                    pair.name,
                    f'the name of "{pair.name.text}" says that it holds a secret',
                    object=instruction.object,
                    severity=Severity.INFO if harmless else None,
                )


def _says_secret(name: str) -> bool:
    words = name.lower().split("_")
    if "access_key_id" in name.lower():
        return True
    return not _SECRET.isdisjoint(words) and _HARMLESS.isdisjoint(words)


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
