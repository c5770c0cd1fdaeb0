"""What Compose projects refer to: names that nothing defines, files that are not there."""

from __future__ import annotations

from posixpath import dirname

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile
from iachygiene.parse.compose_references import Reference, references
from iachygiene.parse.compose_variables import is_unknown
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule


@rule("CO501", ComposeFile, Severity.ERROR)
def compose_undefined_reference(compose: ComposeFile) -> Findings:
    """A service names a service, network, volume, secret or config that nothing defines.

    Compose refuses the whole project: "depends on undefined service", "refers to undefined
    volume". The name may come from an included or extended file; where one of those cannot be
    read, and in files of overrides, nothing is reported.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [database]
          db:
            image: postgres:17.2
    Bad:
        services:
          db:
            image: postgres:17.2
            volumes: ["data:/var/lib/postgresql/data"]
            networks: [back]
            secrets: [db_password]
    Bad:
        services:
          web:
            extends: base
    Good:
        services:
          db:
            image: postgres:17.2
            volumes: ["data:/var/lib/postgresql/data", "./conf:/conf", "/var/cache"]
            networks: [back, default]
            secrets: [db_password]
        volumes:
          data:
        networks:
          back:
        secrets:
          db_password: {file: db_password.txt}
    Good: a dependency that may be absent
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              tracing: {condition: service_started, required: false}
    Good: an included file defines it
        -- compose.yaml --
        include: [db/compose.yaml]
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [db]
        -- db/compose.yaml --
        services:
          db:
            image: postgres:17.2
    """
    if not compose.complete and not compose.lost_services:
        return
    for name in compose.lost_services:
        if name.file.path in compose.paths and not compose.partial and not is_unknown(name.text):
            yield at(name.location, f'"{name.text}" in "extends" is no service')
    if compose.partial or not compose.complete:
        return
    named = (
        (service, reference)
        for service in compose.services.values()
        for reference in references(service)
        if not _is_defined(compose, reference)
    )
    for service, reference in compose.own(named):
        kind = reference.kind.removesuffix("s")
        message = f'"{reference.name}" in "{reference.how}" is no {kind} of the project'
        yield at(reference.location, message, object=service.object)


def _is_defined(compose: ComposeFile, reference: Reference) -> bool:
    if reference.kind == "services":
        return reference.name in compose.services
    if (reference.kind, reference.name) == ("networks", "default"):
        return True
    return reference.name in compose.defined(reference.kind)


@rule("CO502", ComposeFile, Severity.INFO)
def compose_unused_definition(compose: ComposeFile) -> Findings:
    """A volume, network, secret or config is defined and no service uses it.

    It may be a leftover, or a misspelled name in the service that was meant to use it: the
    data then goes into an anonymous volume, say, and is gone with the container. Compose does
    not create what nobody uses.

    Bad:
        services:
          db:
            image: postgres:17.2
        volumes:
          data:
    Good:
        services:
          db:
            image: postgres:17.2
            volumes: ["data:/var/lib/postgresql/data"]
        volumes:
          data:
    Good: what others made is there for others, too
        services:
          db:
            image: postgres:17.2
        networks:
          proxy: {external: true}
          default: {driver: bridge}
    """
    if compose.partial or not compose.complete or any("include" in one for one in compose.roots):
        return
    used = {
        (one.kind, one.name) for service in compose.services.values() for one in references(service)
    }
    unknown = any(
        is_unknown(volume.source)
        for service in compose.services.values()
        for volume in service.volumes
    )
    for kind in ("volumes", "networks", "secrets", "configs"):
        for name, (key, value) in compose.defined(kind).items():
            external = type(value) is Mapping and value.get("external") is not None
            if external or (kind, name) in used or name == "default" or is_unknown(name):
                continue
            elsewhere = any(name in text for text in compose.mentioned)
            if (
                key.file.path in compose.paths
                and not elsewhere
                and not (unknown and kind[0] == "v")
            ):
                what = kind.removesuffix("s")
                yield at(
                    key.location, f'no service uses the {what} "{name}"', object=f"{what} {name}"
                )


@rule("CO503", ComposeFile, Severity.WARNING)
def compose_missing_file(compose: ComposeFile) -> Findings:
    """A project asks for a file that is not in the repository.

    Whoever clones the repository cannot start it: Compose ends with "no such file". Looked
    at are `env_file` (not with `required: false`), the `file` of secrets and configs, build
    contexts and Dockerfiles, extended and included files. A file that `.gitignore` leaves out
    on purpose is an info: everybody has to make it first.

    Bad:
        services:
          web:
            build: ./website
            env_file: web.env
    Bad: severity info
        -- compose.yaml --
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            env_file: .env
        -- .gitignore --
        .env
    Good:
        -- compose.yaml --
        services:
          web:
            build: ./web
            env_file:
              - web.env
              - path: local.env
                required: false
              - ${ENV_FILE}
        -- web.env --
        LEVEL=info
        -- web/Dockerfile --
        FROM nginx:1.27.3
    Good: it says what to make of it
        -- compose.yaml --
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            env_file: .env
        -- .env.example --
        LEVEL=info
        -- .gitignore --
        .env
    """
    missing = {one.path for one in compose.named_files if not one.present}
    for one in compose.named_files:
        in_clone = one.present and not one.ignored
        if in_clone or not one.required or one.location.path not in compose.paths:
            continue
        # Of a missing context there is no Dockerfile either; it is named once.
        if one.what == "Dockerfile" and dirname(one.path) in missing:
            continue
        if one.has_example:
            continue
        tail = "is left out by .gitignore" if one.ignored else "is not in the repository"
        yield at(
            one.location,
            f'{one.what}: "{one.text}" {tail}',
            severity=Severity.INFO if one.ignored else None,
        )
