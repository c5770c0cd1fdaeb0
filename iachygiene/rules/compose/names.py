"""Names of Compose services and containers."""

from __future__ import annotations

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile
from iachygiene.parse.compose_variables import expand, is_unknown
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule


@rule(
    "CO504",
    ComposeFile,
    Severity.ERROR,
    aliases=("dclint:no-duplicate-container-names",),
)
def compose_duplicate_container_name(compose: ComposeFile) -> Findings:
    """Two containers would get the same name.

    Names of containers are unique on a host: Compose refuses a project in which two services
    share a `container_name`, and one where such a service shall run more than once.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            container_name: shop
          api:
            image: registry.example.com/shop/api:3.0.1
            container_name: shop
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            container_name: shop-web
            deploy: {replicas: 2}
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            container_name: shop-web
            deploy: {replicas: 1}
          api:
            image: registry.example.com/shop/api:3.0.1
            deploy: {replicas: 2}
    """
    first: dict[str, Scalar] = {}
    nodes = (
        (service, node)
        for service in compose.services.values()
        if (node := service.node.scalar("container_name")) is not None
    )
    for service, node in compose.own(nodes):
        name = expand(node.text)
        if is_unknown(name):
            continue
        other = first.setdefault(name, node)
        if other is not node:
            message = f'two services name their container "{name}"'
            yield at(node.location, message, related=[other.location], object=service.object)
        elif service.replicas > 1:
            message = f'{service.replicas} containers would be named "{name}"'
            yield at(node.location, message, object=service.object, aliases=())


_SERVICE = regex(r"[a-zA-Z0-9._-]+")
_CONTAINER = regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


@rule(
    "CO505",
    ComposeFile,
    Severity.ERROR,
    aliases=("dclint:service-container-name-regex",),
)
def compose_invalid_name(compose: ComposeFile) -> Findings:
    """The name of a service or of its container has characters that are not allowed.

    Compose takes letters, digits, dots, dashes and underscores in the names of services. The
    engine takes the same in names of containers, which begin with a letter or digit and have
    two characters at least.

    Bad:
        services:
          shop web:
            image: registry.example.com/shop/web:3.0.1
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            container_name: shop/web
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            container_name: shop_web.1
          b:
            image: registry.example.com/shop/b:3.0.1
            container_name: ${PREFIX}-b
    """
    for service in compose.services.values():
        name = service.key
        if name.file.path in compose.paths and not _SERVICE.fullmatch(name.text):
            yield at(service, f'"{name.text}" cannot be the name of a service', aliases=())
    nodes = (
        (service, node)
        for service in compose.services.values()
        if (node := service.node.scalar("container_name")) is not None
    )
    for service, node in compose.own(nodes):
        text = expand(node.text)
        if not is_unknown(text) and not _CONTAINER.fullmatch(text):
            message = f'"{node.text}" cannot be the name of a container'
            yield at(node.location, message, object=service.object)
