"""Host names in the environment of Compose services: a service's name is its DNS name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.distance import within
from iachygiene.endpoints import Endpoint, endpoints
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service, Variable
from iachygiene.parse.compose_variables import expand, is_unknown
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule

_SELF = frozenset(("localhost", "127.0.0.1"))
_OUTSIDE = frozenset(
    (
        *("public", "external", "browser", "origin", "origins", "cors", "callback", "redirect"),
        *("frontend", "client", "allowed", "advertised", "vite", "react", "next", "nuxt", "base"),
        *("site", "root", "domain", "issuer", "self", "listen", "listener", "listeners", "bind"),
        *("hosts", "whitelist", "health", "admin", "app", "web", "console", "website", "server"),
    )
)
"""Words of variables whose URLs are for somebody outside, or for the service itself."""


def _targets(variable: Variable) -> Iterator[Endpoint]:
    """The hosts that the value of a variable names."""
    return endpoints(expand(variable.value or ""))


@rule("CO506", ComposeFile, Severity.WARNING)
def compose_service_host_mismatch(compose: ComposeFile) -> Findings:
    """A service looks for another one under a name or address where it is not.

    In a Compose project the name of a service is its DNS name. `localhost` in a container is
    that container itself: what listens on the host, or in another container, is not there. And
    a name that is nearly, but not quite, that of a service ends in "could not resolve host".

    Bad: the database listens in its own container
        services:
          api:
            image: registry.example.com/shop/api:3.0.1
            environment:
              DATABASE_URL: postgresql://shop@localhost:5432/shop
          db:
            image: postgres:17.2
            expose: ["5432"]
    Bad: the service is called db-main
        services:
          api:
            image: registry.example.com/shop/api:3.0.1
            environment:
              - DB=db_main:5432
          db-main:
            image: postgres:17.2
    Bad: both listen on port 8000, but the variable is named for the other one
        services:
          orders:
            image: registry.example.com/shop/orders:3.0.1
            environment:
              CATALOG_URL: http://localhost:8000
            expose: ["8000"]
          catalog:
            image: registry.example.com/shop/catalog:3.0.1
            ports: ["8001:8000"]
    Good:
        services:
          api:
            image: registry.example.com/shop/api:3.0.1
            environment:
              DATABASE_URL: postgresql://shop@db:5432/shop
              METRICS: statsd.example.com:8125
          db:
            image: postgres:17.2
            expose: ["5432"]
    Good: a browser opens this URL, on the host's side
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            environment:
              PUBLIC_API_URL: http://localhost:8000
          api:
            image: registry.example.com/shop/api:3.0.1
            ports: ["8000:8000"]
    """
    if compose.partial or not compose.complete:
        return
    names = {service.name for service in compose.services.values()}
    known = names.union(*map(_other_names, compose.services.values()))
    variables = (
        (service, variable)
        for service in compose.services.values()
        if "network_mode" not in service.node
        for variable in service.variables("environment")
        if variable.value is not None and (":" in variable.value)
    )
    for service, variable in compose.own(variables):
        for target in _targets(variable):
            other = None
            if target.host in _SELF:
                other = _listener(compose, service, variable, target)
                message = f'"{target.host}" is the container itself, port {target.port} is not'
            elif target.host not in known and not _has_outside(compose, service):
                other = _namesake(compose, service, target.host)
                message = f'no service is called "{target.host}"'
            if other is not None:
                related = [other.location.labelled(f"{other.name} is here")]
                yield at(variable.location, message, related=related, object=service.object)


def _other_names(service: Service) -> set[str]:
    """What a service can be called besides its name."""
    found = {service.text("hostname"), service.text("container_name")}
    networks = service.node.mapping("networks")
    for _, value in networks.entries.values() if networks else ():
        aliases = value.sequence("aliases") if type(value) is Mapping else None
        found |= {expand(item.text) for item in aliases.scalars()} if aliases else set()
    for key in ("links", "external_links"):
        for item in service.scalars(key):
            found.add(expand(item.text).rpartition(":")[2])
    for name, _ in service.names("extra_hosts"):
        found.add(re.split("[:=]", name)[0])
    return found


def _has_outside(compose: ComposeFile, service: Service) -> bool:
    """Whether a service may meet others than those of the project, whose names are not known."""
    networks = compose.defined("networks")
    for name, _ in service.names("networks"):
        entry = networks.get(name)
        if entry and type(entry.value) is Mapping and entry.value.get("external") is not None:
            return True
    return False


def _listener(
    compose: ComposeFile, service: Service, variable: Variable, target: Endpoint
) -> Service | None:
    """The one other service that listens on the port, where the URL is for the container."""
    port = target.port
    web = target.scheme in ("", "http", "https", "ws", "wss")
    outside = web and not _OUTSIDE.isdisjoint(variable.name.lower().split("_"))
    if port is None or outside:
        return None
    others = [
        other
        for other in compose.services.values()
        if other is not service and "network_mode" not in other.node and port in other.exposed
    ]
    named = [other for other in others if _is_named_for(variable, other)]
    if port in service.exposed or len(others) != 1:
        others = named
    if len(others) != 1:
        return None
    published = any(port == number for one in others[0].ports for number, _ in one.fixed)
    # A published page at this URL may be for the person at the host.
    return None if published and web else others[0]


def _is_named_for(variable: Variable, other: Service) -> bool:
    """Whether the name of a variable begins with that of a service: CATALOG_URL."""
    return variable.name.lower().startswith(re.sub("[^a-z0-9]", "_", other.name.lower()) + "_")


def _namesake(compose: ComposeFile, service: Service, host: str) -> Service | None:
    """The one service whose name is written nearly so."""
    if "." in host or len(host) < 4 or is_unknown(host):
        return None
    close = [
        other
        for other in compose.services.values()
        if other is not service and len(other.name) > 3 and _is_misspelled(host, other.name)
    ]
    return close[0] if len(close) == 1 else None


def _is_misspelled(host: str, name: str) -> bool:
    """One letter or separator away; a number more or less names another instance."""
    if re.sub("[0-9]", "", host) == re.sub("[0-9]", "", name):
        return False
    return within(host, name, 1)


@rule("CO507", ComposeFile, Severity.WARNING)
def compose_unshared_network(compose: ComposeFile) -> Findings:
    """A service depends on another one, or names it, and no network joins the two.

    Services reach one another in networks that both are in. Where there is none, the name does
    not even resolve: "could not resolve host". A service with `networks` is not in the
    project's default network any more.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [api]
            networks: [front]
          api:
            image: registry.example.com/shop/api:3.0.1
            networks: [back]
        networks:
          front:
          back:
    Bad: the default network is left as soon as another one is named
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            environment:
              API: http://api:8000
            networks: [front]
          api:
            image: registry.example.com/shop/api:3.0.1
        networks:
          front:
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [api]
            networks: [front, back]
          api:
            image: registry.example.com/shop/api:3.0.1
            networks: [back]
        networks:
          front:
          back:
    Good: it waits for work to be done and talks to nobody
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              migrate: {condition: service_completed_successfully}
            networks: [front]
          migrate:
            image: registry.example.com/shop/migrate:3.0.1
            networks: [back]
        networks:
          front:
          back:
    """
    if compose.partial or not compose.complete:
        return
    told: set[tuple[str, str]] = set()
    for service in compose.services.values():
        for other, place in _partners(compose, service):
            ours, theirs = _networks(compose, service), _networks(compose, other)
            if ours is None or theirs is None or not ours.isdisjoint(theirs):
                continue
            if (service.name, other.name) not in told and place.location.path in compose.paths:
                told.add((service.name, other.name))
                message = f'no network joins the service with "{other.name}"'
                related = [other.location]
                yield at(place.location, message, related=related, object=service.object)


def _partners(compose: ComposeFile, service: Service) -> Iterator[tuple[Service, Variable]]:
    """The services that one talks to, by what it says: each with the place."""
    for dependency in service.dependencies:
        other = compose.services.get(dependency.name)
        if other and dependency.condition != "service_completed_successfully":
            yield other, Variable("", None, dependency.node)
    for variable in service.variables("environment"):
        for target in _targets(variable) if variable.value else ():
            other = compose.services.get(target.host)
            if other is not None and other is not service:
                yield other, variable


def _networks(compose: ComposeFile, service: Service) -> set[str] | None:
    """The networks a service is in, None where that is not known."""
    if "network_mode" in service.node or "provider" in service.node or not service.complete:
        return None
    names = {name for name, _ in service.names("networks")}
    if any(map(is_unknown, names)):
        return None
    defined = compose.defined("networks")
    real = set()
    for name in names or {"default"}:
        node = defined[name].value if name in defined else None
        real.add((expand(node.text("name")) if type(node) is Mapping else "") or name)
    return None if any(map(is_unknown, real)) else real
