"""Variables and labels: their names, and what they are made of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Onbuild, Pair, Variables
from iachygiene.rule import rule

_REFERENCE = regex(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_LABEL_KEY = regex(r"[a-z](?:[a-z0-9./_-]*[a-z0-9])?")
_RESERVED = ("com.docker.", "io.docker.", "org.dockerproject.")
_SECRET_NAMES = frozenset(
    (
        *("ACCESS_TOKEN", "APPLICATION_KEY", "APP_SECRET", "AUTH_TOKEN", "AWS_ACCESS_KEY_ID"),
        *("AWS_SECRET_ACCESS_KEY", "BITTREX_API_KEY", "BITTREX_API_SECRET", "CF_PASSWORD"),
        *("CF_USERNAME", "CI_DEPLOY_PASSWORD", "CI_DEPLOY_USER", "CIRCLE_TOKEN"),
        *("DOCKER_EMAIL", "DOCKER_PASSWORD", "DOCKER_USERNAME", "DOCKERHUB_PASSWORD"),
        *("FACEBOOK_ACCESS_TOKEN", "FACEBOOK_APP_ID", "FACEBOOK_APP_SECRET"),
        *("FIREBASE_API_TOKEN", "FIREBASE_TOKEN", "FOSSA_API_KEY", "GH_ENTERPRISE_TOKEN"),
        *("GH_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GITHUB_TOKEN", "HEROKU_API_KEY"),
        *("HEROKU_API_USER", "NPM_AUTH_TOKEN", "NPM_TOKEN", "OKTA_AUTHN_GROUPID"),
        *("OKTA_CLIENT_ORGURL", "OKTA_CLIENT_TOKEN", "OKTA_OAUTH2_CLIENTID"),
        *("OKTA_OAUTH2_CLIENTSECRET", "OPENAI_API_KEY", "OS_PASSWORD", "OS_USERNAME"),
        *("POSTGRES_PASSWORD", "SLACK_TOKEN", "STRIPE_API_KEY", "STRIPE_DEVICE_NAME"),
        *("TRAVIS_OS_NAME", "TRAVIS_SECURE_ENV_VARS", "TRAVIS_SUDO", "VAULT_CLIENT_KEY"),
        *("VAULT_TOKEN",),
    )
)
_SECRET_PARTS = ("api_key", "client_key", "password", "private", "secret", "token", "username")


@rule("DF3044", Dockerfile, Severity.ERROR, aliases=("hadolint:DL3044",))
def env_self_reference(dockerfile: Dockerfile) -> Findings:
    r"""A variable is used in the ENV that defines it.

    All values of one instruction are made from the variables as they are before it, so the
    one used is empty or outdated. https://docs.docker.com/reference/dockerfile/#env

    Bad:
        FROM debian:12
        ENV HOME_DIR=/app BIN_DIR=$HOME_DIR/bin
    Bad:
        FROM debian:12
        ENV HOME_DIR=/app \
            BIN_DIR="${HOME_DIR}/bin"
    Bad: the order does not matter
        FROM debian:12
        ENV BIN_DIR=$HOME_DIR/bin HOME_DIR=/app
    Good:
        FROM debian:12
        ENV HOME_DIR=/app
        ENV BIN_DIR=$HOME_DIR/bin
    Good: it has a value already
        FROM debian:12
        ARG HOME_DIR=/app
        ENV HOME_DIR=/srv BIN_DIR=$HOME_DIR/bin
    Good: a variable made longer
        FROM debian:12
        ENV PATH=$PATH:/app/bin LANG=C.UTF-8
    Good: there is a default
        FROM debian:12
        ENV HOME_DIR=/app BIN_DIR=${HOME_DIR:-/app}/bin
    Good: another name that begins alike
        FROM debian:12
        ENV HOME_DIR=/app BIN_DIR=$HOME_DIRECTORY/bin
    """
    known: set[str] = set()
    for instruction in dockerfile.of("ENV", "ARG"):
        if not isinstance(instruction, Variables):
            continue
        names = Counter(pair.name.text for pair in instruction.pairs)
        defined = names.keys() - known
        for pair in instruction.pairs if instruction.keyword == "ENV" else ():
            for name in sorted(_used(pair) & defined):
                if name != pair.name.text or names[name] > 1:
                    message = f'"{pair.name.text}" uses "{name}", defined in the same ENV'
                    yield at(pair, message, object=instruction.object)
        known |= defined


def _used(pair: Pair) -> set[str]:
    raw = pair.value.raw if pair.value else ""
    return {found[1] or found[2] for found in _REFERENCE.finditer(raw)}


@rule("DF3048", Dockerfile, Severity.INFO, aliases=("hadolint:DL3048",))
def invalid_label_key(dockerfile: Dockerfile) -> Findings:
    """The key of a label is not of the form that Docker asks for.

    Keys begin with a small letter, end with one or a digit, and hold no others than these
    and `.`, `-`, `_`, `/`, the first two not in a row. The beginnings `com.docker.`, `io.docker.`
    and `org.dockerproject.` are reserved.
    https://docs.docker.com/engine/manage-resources/labels/#key-format-recommendations

    Bad:
        FROM debian:12
        LABEL Maintainer="shop"
    Bad:
        FROM debian:12
        LABEL team..name=shop
    Bad:
        FROM debian:12
        LABEL team-=shop
    Bad:
        FROM debian:12
        LABEL com.docker.team=shop
    Bad: one of many
        FROM debian:12
        LABEL team=shop "cost center"=12
    Good:
        FROM debian:12
        LABEL org.opencontainers.image.title="shop" team_name=shop cost-center=12
    """
    for instruction in dockerfile.of("LABEL"):
        if isinstance(instruction, Variables):
            for pair in instruction.pairs:
                key = pair.name.text
                if not _is_label_key(key):
                    yield at(pair.name, f'invalid label key "{key}"', object=instruction.object)


def _is_label_key(key: str) -> bool:
    if key.startswith(_RESERVED) or ".." in key or "--" in key:
        return False
    return _LABEL_KEY.fullmatch(key) is not None


@rule(
    "DF3064",
    Dockerfile,
    Severity.WARNING,
    default="off",
    aliases=("hadolint:DL3064", "buildkit:SecretsUsedInArgOrEnv"),
    security=True,
)
def secret_like_variable_name(dockerfile: Dockerfile) -> Findings:
    """The name of a variable is on a list of names of secrets, or holds a word of such.

    ENV is part of the image, and the values of ARG stand in its history. Names are all that
    is looked at, so this finds USERNAME and TOKENIZERS_PARALLELISM too; it is there for
    agreement with hadolint, and secret-in-variable-name does better.
    https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/

    Bad:
        FROM debian:12
        ENV DB_PASSWORD=hunter22
    Bad: one of a list
        ARG DOCKER_EMAIL
        FROM debian:12
    Bad: in whatever letters
        FROM debian:12
        ENV LANG=C.UTF-8 npm_config_token=x
    Bad: images that are built on this one
        FROM debian:12
        ONBUILD ARG GITHUB_TOKEN
    Bad: hadolint sees only the first one of an ARG
        FROM debian:12
        ARG VERSION=1 NPM_TOKEN
    Good:
        FROM debian:12
        ARG VERSION=1
        ENV LANG=C.UTF-8 KEY=1
    """
    for instruction, where in _definitions(dockerfile):
        for number, pair in enumerate(instruction.pairs):
            name = pair.name.text
            listed = name.upper() in _SECRET_NAMES
            if listed or any(part in name.lower() for part in _SECRET_PARTS):
                unseen = number > 0 and instruction.keyword == "ARG"
                yield at(
                    pair.name,
                    f'"{name}" looks like the name of a secret',
                    object=where,
                    aliases=("buildkit:SecretsUsedInArgOrEnv",) if unseen else None,
                )


def _definitions(dockerfile: Dockerfile) -> Iterator[tuple[Variables, str]]:
    """ENV and ARG, those inside ONBUILD included."""
    for outer in dockerfile.instructions:
        inner = outer.trigger if isinstance(outer, Onbuild) else outer
        if isinstance(inner, Variables) and inner.keyword != "LABEL":
            yield inner, outer.object
