"""Names, order and networks in Compose files: what one can agree on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule


@rule(
    "CO703",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=("dclint:require-project-name-field",),
)
def compose_project_name_missing(compose: ComposeFile) -> Findings:
    """A project has no name of its own.

    Compose then takes the name of the directory: two clones of a repository share their
    containers and volumes or do not, by where somebody put them.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
    Good:
        name: shop
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
    """
    if not compose.partial and "name" not in compose.root:
        first = next(iter(compose.roots[0].entries.values()), None)
        place = first.key.location if first else compose.location
        yield at(place, 'the project has no "name"')


_TOP = ("x-", "version", "name", "include", "services", "networks", "volumes", "secrets", "configs")
_SERVICE: tuple[Sequence[str], ...] = (
    ("image", "build", "container_name"),
    ("depends_on",),
    ("volumes", "volumes_from", "configs", "secrets"),
    ("environment", "env_file"),
    ("ports", "networks", "network_mode", "extra_hosts"),
    ("command", "entrypoint", "working_dir", "restart", "healthcheck"),
    ("logging", "labels"),
    ("user", "isolation"),
)
_ORDER = {key: number for number, key in enumerate(key for group in _SERVICE for key in group)}


@rule(
    "CO704",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=(
        "dclint:service-keys-order",
        "dclint:top-level-properties-order",
        "dclint:services-alphabetical-order",
        "dclint:service-dependencies-alphabetical-order",
        "dclint:service-ports-alphabetical-order",
        "dclint:no-quotes-in-volumes",
    ),
)
def compose_unordered_keys(compose: ComposeFile) -> Findings:
    """Keys, services or lists are not in the order that was agreed on.

    In files of one order everything stands where one looks for it, and two branches that add
    the same service meet in the same line. The order: at the top extensions, `name`,
    `include`, services, networks, volumes, secrets, configs; services, their dependencies and
    their ports by the alphabet; in a service what it runs before what it waits for, mounts,
    is told, publishes and does. Mounts need no quotes.

    Bad:
        volumes:
          data:
        services:
          db:
            image: postgres:17.2
            volumes: [data:/var/lib/postgresql/data]
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
          db:
            image: postgres:17.2
    Bad:
        services:
          web:
            environment: {LEVEL: info}
            image: registry.example.com/shop/web:3.0.1
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            volumes:
              - "./conf:/conf"
            ports: ["8081:81", "8080:80"]
    Good:
        services:
          db:
            image: postgres:17.2
            volumes:
              - data:/var/lib/postgresql/data
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [db]
            environment: {LEVEL: info}
            ports: ["8080:80", "8081:81"]
        volumes:
          data:
    """
    for root in compose.roots:
        top = [(_rank(key), key) for key in _keys(root)]
        yield from _misplaced(top, "top-level-properties-order")
        services = root.mapping("services")
        if services is None:
            continue
        yield from _misplaced(
            [(key.text, key) for key in _keys(services)], "services-alphabetical-order"
        )
        for key, value in services.pairs():
            if type(value) is Mapping and type(key) is Scalar:
                yield from _in_service(value, f"service {key.text}")


def _in_service(service: Mapping, object: str) -> Findings:
    ranks = [(f"{_ORDER.get(key.text, len(_ORDER)):02}", key) for key in _keys(service)]
    yield from _misplaced(ranks, "service-keys-order", object)
    depends = service.sequence("depends_on")
    names = service.mapping("depends_on")
    dependencies = depends.scalars() if depends else _keys(names) if names else ()
    yield from _misplaced(
        [(one.text, one) for one in dependencies],
        "service-dependencies-alphabetical-order",
        object,
    )
    ports = service.sequence("ports")
    yield from _misplaced(
        [(one.text, one) for one in ports.scalars()] if ports else [],
        "service-ports-alphabetical-order",
        object,
    )
    volumes = service.sequence("volumes")
    for volume in volumes.scalars() if volumes else ():
        if volume.style in ("'", '"'):
            message = f'the mount "{volume.text}" stands in quotes'
            yield at(volume, message, object=object, aliases=("dclint:no-quotes-in-volumes",))


def _keys(node: Mapping) -> Iterator[Scalar]:
    """The keys as written here; what is merged in has its own order."""
    for key in node.children[::2]:
        if type(key) is Scalar and key.text != "<<":
            yield key


def _rank(key: Scalar) -> str:
    text = "x-" if key.text.startswith("x-") else key.text
    return f"{_TOP.index(text) if text in _TOP else len(_TOP):02}"


def _misplaced(ranked: Sequence[tuple[str, Scalar]], peer: str, object: str = "") -> Findings:
    """The first entry that should stand before the one above it."""
    for (rank, before), (next_rank, one) in pairwise(ranked):
        if rank > next_rank:
            message = f'"{one.text}" stands below "{before.text}"'
            yield at(one, message, object=object, aliases=(f"dclint:{peer}",))
            return


@rule(
    "CO706",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=("kics:networks_not_set",),
)
def compose_missing_networks(compose: ComposeFile) -> Findings:
    """A service names no network and is in the project's default one.

    All services without `networks` reach one another there. Networks of one's own say who has
    to talk to whom: a database that only the backend's network knows cannot be reached from
    the proxy. The default network is cut off from other projects already, so the rule is off
    by default.

    Bad:
        services:
          db:
            image: postgres:17.2
    Good:
        services:
          db:
            image: postgres:17.2
            networks: [back]
          agent:
            image: registry.example.com/agent:2.1.0
            network_mode: host
        networks:
          back:
    """
    for service in compose.services.values():
        known = service.has_substance and service.complete and not compose.partial
        named = "networks" in service.node or "network_mode" in service.node
        if known and not named and "provider" not in service.node:
            yield at(service, "the service names no network")
