"""Secrets written into instructions."""

from __future__ import annotations

import re

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Pair, Variables
from iachygiene.report.mask import described, token_in
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.credentials import is_random, private_key_in, says_secret

_URL = regex(
    r"[A-Za-z][A-Za-z0-9+.-]{0,30}://([^\s/@:'\"]{0,300}):([^\s/@'\"]{1,1000})@([^\s/:'\"?#]+)"
)
_REGISTRY_TOKEN = regex(r"//\S{1,300}:_authToken=(?!\s*[\"']?\$)[\"']?([^\s\"'$]{8,})")
_HARMLESS_HOSTS = regex(r"(?:.*\.)?example\.(?:com|org|net)|localhost|127\..*")
_VARIABLE = regex(r"\$\{?\w+.*|<.*>|\{.*|\*+|x+|%.*", re.IGNORECASE)


@rule("DF5402", Dockerfile, Severity.ERROR, sensitive=True, security=True)
def secret_in_instruction(dockerfile: Dockerfile) -> Findings:
    """A secret is written into the Dockerfile.

    It is in the repository, in the history of the image and in every container, and has to be
    replaced by its owner. Give it at run time, or to a build as a mount.
    https://docs.docker.com/build/building/secrets/

    Found are tokens by the form their issuers give them, private keys, tokens of npm
    registries, and, where the name of a variable says that it holds a secret, values that look
    drawn by a program. What only holds the place of a secret is not reported.

    Bad:
        FROM debian:12
        ENV PAYMENT_API_KEY=hk7Qz9Lw2Xe8Rt4V
    Bad: by its form
        FROM debian:12
        RUN git clone https://x:ghp_0a1b2c3d4e5f6g7h8i9j0a1b2c3d4e5f6g7h@github.com/example/a
    Bad:
        FROM node:22
        RUN echo "//registry.npmjs.org/:_authToken=0a1b2c3d-4e5f" > .npmrc
    Good:
        FROM debian:12
        ENV PAYMENT_API_KEY=changeme DB_PASSWORD=${PASSWORD} SECRET_FILE=/run/secrets/a
    Good: the caller gives it
        FROM node:22
        RUN --mount=type=secret,id=token,env=NPM_TOKEN npm ci
    Good: no secret by its name
        FROM debian:12
        ENV BUILD_ID=hk7Qz9Lw2Xe8Rt4V
    """
    for one in dockerfile.instructions:
        reported = False
        for text in (one.text, *(heredoc.body for heredoc in one.heredocs)):
            string = text.string
            if len(string) < 16:
                continue
            found = token_in(string)
            place = found.span() if found else None
            auth = _REGISTRY_TOKEN.search(string) if "_authToken" in string else None
            if place is None and auth:
                place = auth.span(1)
            if place is None and (key := private_key_in(string)):
                place = key.span()
            if place is not None:
                reported = True
                what = described(string[slice(*place)])
                yield at(text.location(*place), f"{what} is a secret", object=one.object)
        if isinstance(one, Variables) and one.keyword != "LABEL" and not reported:
            for pair in one.pairs:
                if _is_secret(pair) and pair.value is not None:
                    what = described(pair.value.text)
                    message = f'the value {what} of "{pair.name.text}" looks like a secret'
                    yield at(pair.value, message, object=one.object)


def _is_secret(pair: Pair) -> bool:
    value = pair.value
    if value is None or "$" in value.text or not says_secret(pair.name.text):
        return False
    return is_random(value.text)


@rule("DF5406", Dockerfile, Severity.ERROR, sensitive=True, security=True)
def url_credentials(dockerfile: Dockerfile) -> Findings:
    """An address holds a user and a password.

    They stand in the history of the image for everybody who can pull it.
    https://docs.docker.com/build/building/secrets/

    It is a warning where the password is a variable: in a RUN its value still lands in the
    history. Addresses of this machine and of example.com are not reported.

    Bad:
        FROM debian:12
        RUN git clone https://bot:s3cr3t@git.shop.test/a
    Bad: only a warning
        FROM debian:12
        ARG TOKEN
        RUN git clone https://bot:${TOKEN}@git.shop.test/a
    Good:
        FROM debian:12
        RUN --mount=type=ssh git clone git@git.shop.test:a
    Good: no password
        FROM debian:12
        RUN git clone https://bot@git.shop.test/a
    Good: this machine
        FROM debian:12
        ENV DATABASE_URL=postgres://app:app@localhost/app
    """
    text = dockerfile.file.text
    if "://" not in text or "@" not in text:
        return
    for one in dockerfile.instructions:
        for part in (one.text, *(heredoc.body for heredoc in one.heredocs)):
            if "@" not in part.string:
                continue
            for found in _URL.finditer(part.string):
                user, password, host = found[1], found[2], found[3]
                if _HARMLESS_HOSTS.fullmatch(host) or password.startswith(("$(", "`")):
                    continue
                is_variable = _VARIABLE.fullmatch(password) is not None
                if is_variable and not password.startswith("$"):
                    continue
                yield at(
                    part.location(found.start(2), found.end(2)),
                    f'an address of "{host}" holds the password of "{user}"',
                    object=one.object,
                    severity=Severity.WARNING if is_variable else None,
                )
