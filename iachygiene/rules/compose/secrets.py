"""Secrets that stand in Compose files."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.credentials import is_placeholder, may_be_secret, names_secret
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service, Variable
from iachygiene.parse.compose_variables import DEFAULTED
from iachygiene.rule import rule


@rule("CO601", ComposeFile, Severity.WARNING, sensitive=True, security=True)
def compose_plain_secret(compose: ComposeFile) -> Findings:
    """A password, token or key stands in the Compose file.

    Whoever can read the repository, now or in its history, has it, and it is the same for
    everybody. Take it from outside (`${DB_PASSWORD:?}`), or mount it as a secret: most images
    read `DB_PASSWORD_FILE=/run/secrets/db_password`. Build arguments are worse, they stay in
    the image's history. A value that only holds the place, such as `changeme`, is an info.

    Bad:
        services:
          db:
            image: postgres:17.2
            environment:
              POSTGRES_PASSWORD: hunter22
    Bad:
        services:
          web:
            build:
              context: .
              args: [NPM_TOKEN=npm_9cXjT2kQ]
    Bad: severity info
        services:
          db:
            image: postgres:17.2
            environment:
              POSTGRES_PASSWORD: changeme
    Good:
        services:
          db:
            image: postgres:17.2
            environment:
              POSTGRES_PASSWORD_FILE: /run/secrets/db_password
              API_TOKEN: ${API_TOKEN}
              ALLOW_EMPTY_PASSWORD: "yes"
              TOKEN_TTL: 3600
              SESSION_SECRET:
            secrets: [db_password]
        secrets:
          db_password: {file: db_password.txt}
    """
    for service, variable in compose.own(_variables(compose)):
        value = variable.value or ""
        if names_secret(variable.name) and may_be_secret(value):
            local = _is_local(variable.location.path) and value.strip().lower() == "password"
            yield at(
                variable.location,
                f'the value of "{variable.name}" is a secret in plain text',
                object=service.object,
                severity=Severity.INFO if local or is_placeholder(value) else None,
            )


def _variables(compose: ComposeFile) -> Iterator[tuple[Service, Variable]]:
    for service in compose.services.values():
        for keys in (("environment",), ("build", "args")):
            for variable in service.variables(*keys):
                yield service, variable


def _is_local(path: str) -> bool:
    name = path.rpartition("/")[2].replace("-", ".").replace("_", ".")
    return not {"local", "dev", "development", "test"}.isdisjoint(name.lower().split("."))


@rule("CO602", ComposeFile, Severity.INFO, default="strict", sensitive=True, security=True)
def compose_secret_default(compose: ComposeFile) -> Findings:
    """A secret that is taken from outside has a default in the Compose file.

    Where nobody sets the variable, everybody has the same password, and it stands in the
    repository. `${DB_PASSWORD:?set it in .env}` ends with that message instead.

    Bad:
        services:
          db:
            image: postgres:17.2
            environment:
              POSTGRES_PASSWORD: ${DB_PASSWORD:-hunter22}
    Good:
        services:
          db:
            image: postgres:17.2
            environment:
              POSTGRES_PASSWORD: ${DB_PASSWORD:?set it in .env}
              SESSION_SECRET: ${SESSION_SECRET:-}
    """
    for service, variable in compose.own(_variables(compose)):
        for found in DEFAULTED.finditer(variable.value or ""):
            secret = names_secret(found[1]) or names_secret(variable.name)
            if secret and may_be_secret(found[2]):
                message = f'"{found[1]}" has a default, which is a secret in plain text'
                yield at(variable.location, message, object=service.object)
