"""Whether Compose takes what is written."""

from __future__ import annotations

from collections.abc import Iterable

from iachygiene.distance import nearest
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.parse.compose_schema import OLDER, PARTS, ROOT, SERVICE
from iachygiene.parse.compose_variables import expand, is_unknown
from iachygiene.parse.yaml import Mapping, Node, Scalar, Sequence
from iachygiene.rule import rule


@rule("CO705", ComposeFile, Severity.ERROR)
def compose_invalid_schema(compose: ComposeFile) -> Findings:
    """A key is unknown to Compose, a value has the wrong form, or nothing says what to run.

    Compose checks a project against its schema before it does anything, and refuses it as a
    whole. An unknown key is mostly a spelling mistake or wrong indentation; keys that begin
    with `x-` are free for one's own use. A service needs `image`, `build` or `provider`.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            enviroment:
              LEVEL: info
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            ports: "8080:80"
    Bad:
        services:
          web:
            command: [serve]
    Bad: the volume stands where a service should
        services:
          db:
            image: postgres:17.2
            volumes: ["data:/var/lib/postgresql/data"]
          volumes:
            data:
        volumes:
          data:
    Good:
        x-shared: &shared
          restart: always
          x-owner: shop
        services:
          web:
            <<: *shared
            image: registry.example.com/shop/web:3.0.1
            ports: ["8080:80"]
          api:
            <<: *shared
            build: ./api
    Good: a file of overrides says only what differs
        -- compose.prod.yaml --
        services:
          web:
            restart: always
    """
    for root in compose.roots:
        yield from _unknown(root, ROOT, "at the top of a Compose file", "", compose)
    for kind in ("networks", "volumes", "secrets", "configs"):
        for name, entry in compose.defined(kind).items():
            what = kind.removesuffix("s")
            if type(entry.value) is Mapping:
                yield from _unknown(
                    entry.value, PARTS[kind], f"in a {what}", f"{what} {name}", compose
                )
    told: set[Location] = set()
    for service in compose.services.values():
        for finding in _in_service(service, compose):
            if finding.location not in told:
                told.add(finding.location)
                yield finding
    services = compose.root.mapping("services")
    for text, (key, value) in services.entries.items() if services else ():
        ours = key.file.path in compose.paths and not text.startswith("x-")
        if ours and type(value) is not Mapping and not compose.partial:
            yield at(key, f'"{text}" is no service: it holds no keys', object=f"service {text}")


def _in_service(service: Service, compose: ComposeFile) -> Findings:
    yield from _unknown(service.node, SERVICE, "in a service", service.object, compose)
    for name in ("healthcheck", "deploy"):
        node = service.node.mapping(name)
        if node is not None:
            yield from _unknown(node, PARTS[name], f'in "{name}"', service.object, compose)
    for text, (key, value) in service.node.entries.items():
        forms = SERVICE.get(text)
        if forms is None or key.file.path not in compose.paths or _has_form(value, forms):
            continue
        shown = "true or false" if "flag" in forms else " or a ".join(("", *sorted(forms)))[4:]
        yield at(value.location, f'"{text}" has to be {shown}', object=service.object)
    known = service.complete and not compose.partial and "extends" not in service.node
    if known and not service.has_substance and compose.complete:
        yield at(service, "the service has neither image nor build")


def _unknown(
    node: Mapping, known: Iterable[str], where: str, object: str, compose: ComposeFile
) -> Findings:
    for text, (key, _) in node.entries.items():
        if text in known or text.startswith("x-") or key.file.path not in compose.paths:
            continue
        if is_unknown(text) or "{{" in text:
            continue
        near = nearest(text, known) or nearest(text.replace("-", "_"), known, 0)
        hint = f', perhaps "{near}"' if near else ""
        if where == "in a service" and text in OLDER:
            hint = ", it is one of the first version of the format"
        yield at(key.location, f'"{text}" is unknown {where}{hint}', object=object)


def _has_form(value: Node, forms: Iterable[str]) -> bool:
    if type(value) is Mapping:
        return "mapping" in forms
    if type(value) is Sequence:
        return "list" in forms
    if type(value) is not Scalar or value.is_null or value.tag in ("!reset", "!override"):
        return True
    text = expand(value.text)
    if "flag" in forms:
        return is_unknown(text) or text.lower() in ("true", "false", "yes", "no", "on", "off")
    # An empty text stands for an empty list in what many templates write.
    return "text" in forms or is_unknown(value.text)
