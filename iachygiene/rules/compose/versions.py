"""What Compose files keep from older versions of their format."""

from __future__ import annotations

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, Span, at
from iachygiene.parse.compose import ComposeFile
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule

_BLANK_LINES = regex(r"(?:[ \t]*\r?\n)*")


@rule("CO701", ComposeFile, Severity.WARNING, aliases=("dclint:no-version-field",))
def compose_obsolete_version(compose: ComposeFile) -> Findings:
    """A Compose file says which version of the format it is written in.

    There is one format now. Compose ignores the line and prints a warning at every command
    because of it. It is an info in files for `docker stack`, which still reads it.

    Bad:
        version: "3.8"

        services:
          web:
            image: registry.example.com/shop/web:3.0.1
    Fixed:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
    Bad: severity info
        version: "3.8"
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            deploy: {replicas: 3, update_config: {order: start-first}}
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
    """
    for root in compose.roots:
        key, value = root.key("version"), root.scalar("version")
        if key is not None:
            yield at(
                key.location,
                "the version of the format is obsolete",
                severity=Severity.INFO if compose.for_swarm else None,
                fix=_without(key, value) if value is not None else None,
            )


def _without(key: Scalar, value: Scalar) -> Fix | None:
    """The file without the line; blank lines go with it where it is the first one."""
    text = key.file.text
    start = text.rfind("\n", 0, key.start) + 1
    end = text.find("\n", value.end)
    end = len(text) if end == -1 else end + 1
    tail = text[value.end : end].strip()
    if text[start : key.start].strip() or (tail and not tail.startswith("#")):
        return None
    if start == 0:
        blank = _BLANK_LINES.match(text, end)
        end = blank.end() if blank else end
    return Fix("delete the line", (Edit(Span(start, end), ""),))


@rule("CO702", ComposeFile, Severity.WARNING)
def compose_deprecated_key(compose: ComposeFile) -> Findings:
    """A service uses a key that newer ones have replaced.

    `links` was there before networks had names: services of one network find one another
    without it. `volumes_from` takes all volumes of another service; a named volume says
    which, and is reported as an info. Limits of memory and processors belong below
    `deploy.resources`: next to those, the older keys contradict them.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            links: [db]
          db:
            image: postgres:17.2
    Bad: severity info
        services:
          backup:
            image: registry.example.com/shop/backup:3.0.1
            volumes_from: [db]
          db:
            image: postgres:17.2
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            mem_limit: 512m
            deploy:
              resources:
                limits: {memory: 256M}
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            deploy:
              resources:
                limits: {memory: 256M}
          db:
            image: postgres:17.2
    Good: under another name the link says something
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            links: ["db:database"]
          db:
            image: postgres:17.2
    """
    keys = (
        (service, key)
        for service in compose.services.values()
        for key in (service.node.key(text) for text in _OLD)
        if key is not None
    )
    for service, key in compose.own(keys):
        if key.text == "links":
            names = [item.text.partition(":") for item in service.scalars("links")]
            if names and all(not alias or alias == name for name, _, alias in names):
                message = '"links" does what the network does without it'
                yield at(key.location, message, object=service.object)
        elif key.text == "volumes_from":
            message = '"volumes_from" takes all volumes of another service'
            yield at(key.location, message, object=service.object, severity=Severity.INFO)
        elif service.node.get("deploy", "resources", *_OLD[key.text]) is not None:
            message = f'"{key.text}" stands beside the limits of "deploy"'
            yield at(key.location, message, object=service.object)


_OLD = {
    "links": (),
    "volumes_from": (),
    "mem_limit": ("limits", "memory"),
    "cpus": ("limits", "cpus"),
    "pids_limit": ("limits", "pids"),
    "mem_reservation": ("reservations", "memory"),
}
"""Older keys, and below `deploy.resources` what says the same."""
