"""Files with credentials that get into layers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Run, Stage, Word
from iachygiene.parse.dockerignore import BuildContext, clean
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.context import append_patterns
from iachygiene.rules.dockerfile.credentials import (
    holds_secret,
    is_certificate,
    is_credentials_file,
    is_environment_file,
    is_secret_file,
)

_SHOWN = 5


@rule("DF5403", Dockerfile, Severity.ERROR, security=True)
def secret_file_copied(dockerfile: Dockerfile) -> Findings:
    """A file with credentials is copied into the image.

    Everybody who can pull the image can read it, also if a later instruction removes it. A
    build gets it by a mount of type secret, a container at run time.
    https://docs.docker.com/build/building/secrets/

    Files are known by their names: private keys, `.netrc`, `.pypirc`, credentials of clouds
    and clusters, states of Terraform. Environment files and `.npmrc` are reported where they
    are there and hold a secret, `.npmrc` as an info otherwise. Certificates are an info.

    Bad:
        FROM debian:12
        COPY id_rsa /root/.ssh/id_rsa
    Bad:
        -- Dockerfile --
        FROM node:22
        COPY package.json .env ./
        -- package.json --
        {"name": "web", "private": true}
        -- .env --
        SESSION_SECRET=hk7Qz9Lw2Xe8Rt4V
    Bad: only an info
        FROM node:22
        COPY package.json .npmrc ./
    Good: what is meant to be shared
        FROM debian:12
        COPY .env.example id_ed25519.pub /app/
    Good: mounted
        FROM node:22
        RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci
    Good: nothing secret in it
        -- Dockerfile --
        FROM node:22
        COPY .env ./
        -- .env --
        PORT=8080
    """
    for one in dockerfile.instructions:
        for word in one.context_sources if isinstance(one, Copy) else ():
            path = clean(word.text)
            severity = _severity(path, dockerfile.context) if _may_be_secret(path) else None
            if severity is not None:
                what = "may hold" if severity is Severity.INFO else "is a file with"
                message = f'"{word.text}" {what} credentials'
                yield at(word, message, object=one.object, severity=severity)


def _may_be_secret(path: str) -> bool:
    name = posixpath.basename(path)
    return (
        name == ".npmrc"
        or name.endswith(".pem")
        or is_environment_file(name)
        or is_credentials_file(path)
    )


def _severity(path: str, context: BuildContext | None) -> Severity | None:
    """How bad it is to copy a file, None where nothing is wrong with it."""
    name = posixpath.basename(path)
    if name == ".npmrc" or is_environment_file(name):
        file = context.file(path) if context else None
        if holds_secret(file, name):
            return Severity.ERROR
        # An environment file that is there and harmless is a setting like any other.
        return Severity.INFO if file is None or name == ".npmrc" else None
    if is_credentials_file(path):
        return Severity.ERROR
    return Severity.INFO if name.endswith(".pem") and is_certificate(name) else None


@rule("DF5404", Dockerfile, Severity.WARNING, security=True)
def secret_file_in_context(dockerfile: Dockerfile) -> Findings:
    """A whole directory is copied, and a file with credentials is in it.

    It lies there now and no ignore file leaves it out, so it becomes part of the image.
    https://docs.docker.com/build/concepts/context/#dockerignore-files

    Environment files and `.npmrc` are reported where they hold a secret.

    Bad:
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .env --
        DB_PASSWORD=hk7Qz9Lw2Xe8Rt4V
        -- .dockerignore --
        node_modules
    Fixed:
        -- .dockerignore --
        node_modules
        .env
    Bad: below a directory
        -- Dockerfile --
        FROM debian:12
        COPY conf /etc/app
        -- conf/tls/server.key --
        -----BEGIN PRIVATE KEY-----
    Good:
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .env --
        DB_PASSWORD=hk7Qz9Lw2Xe8Rt4V
        -- .dockerignore --
        **/.env
    Good: no secret
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .env --
        PORT=8080
    """
    context = dockerfile.context
    if context is None:
        return
    found: dict[str, Word] = {}
    for source, _ in _copied_directories(dockerfile, context):
        for path in context.files(clean(source.text)):
            if path not in found and is_secret_file(path, context) and not context.ignores(path):
                found[path] = source
    if not found:
        return
    paths = list(found)
    listed = ", ".join(paths[:_SHOWN]) + (", ..." if len(paths) > _SHOWN else "")
    sources = list({id(word): word for word in found.values()}.values())
    if context.ignore is None:
        message = f'"{sources[0].text}" is copied whole, with credentials: {listed}'
        yield at(sources[0], message)
        return
    yield at(
        context.ignore,
        f"it lets credentials into an image: {listed}",
        related=[word.location.labelled("copied here") for word in sources[:3]],
        fix=append_patterns(context.ignore, paths, safe=True),
    )


def _copied_directories(
    dockerfile: Dockerfile, context: BuildContext
) -> Iterator[tuple[Word, Stage]]:
    for stage in dockerfile.stages:
        for one in stage.instructions:
            for word in one.context_sources if isinstance(one, Copy) else ():
                path = clean(word.text)
                inside = "$" not in path and not path.startswith("..")
                if path == "." or (inside and context.is_directory(path)):
                    yield word, stage


@rule("DF5405", Dockerfile, Severity.WARNING, security=True)
def secret_removed_later(dockerfile: Dockerfile) -> Findings:
    """A file with credentials is removed by a later instruction.

    It stays in the layer that brought it, and whoever has the image can take it out of there.
    https://docs.docker.com/build/building/secrets/

    It is an info in a stage of which only files are taken over: its layers are in the cache of
    the builder alone.

    Bad:
        FROM node:22
        COPY .npmrc package.json ./
        RUN npm ci
        RUN rm .npmrc
    Bad: written by a RUN
        FROM debian:12
        RUN echo "$KEY" > /root/.ssh/id_rsa
        RUN git clone git@example.com:a && rm /root/.ssh/id_rsa
    Good: in one RUN
        FROM node:22
        RUN --mount=type=secret,id=npmrc cp /run/secrets/npmrc .npmrc && npm ci && rm .npmrc
    Good: no credentials
        FROM node:22
        COPY notes.txt ./
        RUN rm notes.txt
    """
    final = dockerfile.final_stage
    shipped = final.chain if final else []
    for stage in dockerfile.stages:
        brought: dict[str, Word | Run] = {}
        for one in stage.instructions:
            if isinstance(one, Copy):
                for word in one.context_sources:
                    name = posixpath.basename(clean(word.text))
                    if _may_be_secret(clean(word.text)):
                        brought[name] = word
            elif isinstance(one, Run):
                removed = list(_removed(one))
                for word, name in removed:
                    if name in brought:
                        yield at(
                            word,
                            f'"{word.text}" stays in the layer that brought it',
                            object=stage.object,
                            severity=None if stage in shipped else Severity.INFO,
                            related=[brought.pop(name).location.labelled("it stays here")],
                        )
                gone = {name for _, name in removed}
                brought |= {name: one for name in _written(one) if name not in gone}


def _removed(run: Run) -> Iterator[tuple[Word, str]]:
    for command in run.script.named("rm", "shred", "unlink"):
        for word in command.plain:
            yield word, posixpath.basename(word.text)


def _written(run: Run) -> Iterator[str]:
    """Names of credentials that the redirections of a RUN write."""
    string = run.script.text.string
    for piece in string.split(">")[1:] if ">" in string else ():
        words = piece.lstrip("> \t").split(None, 1)
        path = words[0].strip("\"';&|)") if words else ""
        if path and _may_be_secret(path):
            yield posixpath.basename(path)
