"""Ports that Compose services publish on their host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.parse.compose_ports import Port
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule

_STORES = {
    **dict.fromkeys((1433, 3306, 5432, 1521, 26257), "a database"),
    **dict.fromkeys((27017, 5984, 8529, 9042, 7687, 28015, 8086), "a database"),
    **dict.fromkeys((6379, 11211), "a cache"),
    **dict.fromkeys((9200, 9300), "a search engine"),
    **dict.fromkeys((5672, 9092, 4222, 61616), "a message broker"),
    **dict.fromkeys((2379, 2380, 2181, 8500), "a configuration store"),
    **dict.fromkeys((2375, 2376), "the container engine"),
    **dict.fromkeys((5601, 15672), "an administration page"),
}
_KICS = ("kics:container_traffic_not_bound_to_host_interface",)
_OFTEN_ADMIN = frozenset((8081, 9090))
"""Ports of administration pages in images from elsewhere; whoever builds picks them too."""


@rule(
    "CO401",
    ComposeFile,
    Severity.WARNING,
    security=True,
    aliases=(
        "dclint:no-unbound-port-interfaces",
        *_KICS,
    ),
)
def compose_port_on_all_interfaces(compose: ComposeFile, *, every_port: bool = False) -> Findings:
    """The port of a data store or of an administration page is open to the host's network.

    Without an address `ports` listens on all interfaces of the host, and the engine's own
    firewall rules come before those of the host: a database that was published for one's own
    shell answers everybody in the same network. With `127.0.0.1:` before it, only the host
    itself gets through. Other services need no published port at all, they use the service's
    name.

    Options:
        every_port: report every published port without an address.

    Bad:
        services:
          db:
            image: postgres:17.2
            ports:
              - "5432:5432"
    Bad: the port of the container tells what it is
        services:
          cache:
            image: redis:7.4.1
            ports:
              - target: 6379
                published: 16379
    Good:
        services:
          db:
            image: postgres:17.2
            ports:
              - "127.0.0.1:5432:5432"
          cache:
            image: redis:7.4.1
            expose: ["6379"]
    Good: whoever visits a shop comes from elsewhere
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            ports:
              - "443:8443"
    """
    for service, port in compose.own(_ports(compose)):
        what = _store(service, port)
        if port.on_all_interfaces and (what or every_port):
            shown = f"port {port.target[0]}" if port.target else "the port"
            tail = f", usually that of {what}," if what else ""
            message = f"{shown}{tail} is published on all interfaces"
            # dclint asks for an address, whichever.
            aliases = _KICS if port.host_ip else None
            yield at(port.location, message, object=service.object, aliases=aliases)


def _ports(compose: ComposeFile) -> Iterator[tuple[Service, Port]]:
    for service in compose.services.values():
        for port in service.ports:
            yield service, port


def _store(service: Service, port: Port) -> str:
    if port.target is None or port.target[0] != port.target[1]:
        return ""
    number = port.target[0]
    if number in _OFTEN_ADMIN and service.build is None:
        return "an administration page"
    return _STORES.get(number, "")


@rule(
    "CO402",
    ComposeFile,
    Severity.ERROR,
    aliases=("dclint:no-duplicate-exported-ports",),
)
def compose_duplicate_published_port(compose: ComposeFile) -> Findings:
    """Two containers of a project want the same port of the host.

    The second one that starts is refused: "port is already allocated". The same happens to
    the second replica of a service with a fixed port. It is a warning where the two services
    are in different profiles, which may never be up together.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            ports: ["8080:80"]
          admin:
            image: registry.example.com/shop/admin:3.0.1
            ports: ["8080:8000"]
    Bad: one of a range
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            ports: ["8080-8082:80-82", "127.0.0.1:8081:8000"]
    Bad: there is one port 8080 and three containers
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            ports: ["8080:80"]
            deploy: {replicas: 3}
    Bad: severity warning
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            profiles: [production]
            ports: ["8080:80"]
          web-dev:
            image: registry.example.com/shop/web:3.0.1
            profiles: [development]
            ports: ["8080:80"]
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            ports: ["127.0.0.1:8080:80", "8080:80/udp"]
          admin:
            image: registry.example.com/shop/admin:3.0.1
            ports: ["127.0.0.2:8080:80"]
    Good: the engine chooses a port of the range for each
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            ports: ["8080-8082:80"]
            deploy: {replicas: 3}
    """
    taken: dict[tuple[int, str], list[tuple[Service, Port, int | None]]] = defaultdict(list)
    told: set[Location] = set()
    for service, port in _ports(compose):
        for number, target in port.fixed:
            others = taken[number, port.protocol]
            other = next((one for one in others if _collide(service, port, target, one)), None)
            others.append((service, port, target))
            if other is not None and port.location not in told and _is_own(compose, port):
                told.add(port.location)
                apart = _never_together(service, other[0])
                yield at(
                    port.location,
                    f"port {number} of the host is published twice",
                    related=[other[1].location.labelled("here, too")],
                    object=service.object,
                    severity=Severity.WARNING if apart else None,
                )
    # A swarm publishes a port once for all containers of a service.
    for service, port in () if compose.for_swarm else compose.own(_ports(compose)):
        if service.replicas > 1 and port.location not in told and any(port.fixed):
            message = f"{service.replicas} containers of the service want the same port of the host"
            yield at(port.location, message, object=service.object, aliases=())


def _is_own(compose: ComposeFile, port: Port) -> bool:
    return port.location.path in compose.paths


def _collide(
    service: Service, port: Port, target: int | None, other: tuple[Service, Port, int | None]
) -> bool:
    if not (port.host_ip == other[1].host_ip or _any(port) or _any(other[1])):
        return False
    # What says the same twice in one service is one port to Compose.
    same = (port.host_ip, target) == (other[1].host_ip, other[2])
    return service is not other[0] or not same


def _any(port: Port) -> bool:
    return port.on_all_interfaces


def _never_together(one: Service, other: Service) -> bool:
    return bool(one.profiles and other.profiles) and one.profiles.isdisjoint(other.profiles)


_BASE_60 = regex(r"[1-9][0-9]*(?::[0-5]?[0-9])+")


@rule(
    "CO403",
    ComposeFile,
    Severity.WARNING,
    aliases=("dclint:require-quotes-in-ports",),
)
def compose_unquoted_port(compose: ComposeFile, *, every_port: bool = False) -> Findings:
    """A pair of ports without quotes can be read as one number.

    To YAML 1.1 `22:22` is a number in base 60, 1342, where the last part is below 60. Newer
    programs read a text, older ones and many libraries do not. In quotes it is a text for all
    of them.

    Options:
        every_port: report every port without quotes, with severity info where it is safe.

    Bad:
        services:
          git:
            image: registry.example.com/git:2.1.0
            ports:
              - 2222:22
    Fixed:
        services:
          git:
            image: registry.example.com/git:2.1.0
            ports:
              - "2222:22"
    Good:
        services:
          git:
            image: registry.example.com/git:2.1.0
            ports:
              - "2222:22"
              - 8080:80
              - 3000
    """
    for service, port in compose.own(_ports(compose)):
        node = port.node
        if type(node) is not Scalar or node.style or '"' in node.text:
            continue
        if "$" in node.file.text[node.start : node.end]:
            continue  # Compose fills variables in when YAML has been read
        trap = _BASE_60.fullmatch(node.text) is not None
        if trap or every_port:
            message = f"{node.text} without quotes"
            if trap:
                message += " is a number in base 60 to YAML 1.1"
            edit = Edit(node.location.span, f'"{node.text}"')
            yield at(
                port.location,
                message,
                object=service.object,
                severity=None if trap else Severity.INFO,
                fix=Fix("quote the ports", (edit,)),
            )


@rule(
    "CO404",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=("kics:privileged_ports_mapped_in_container",),
)
def compose_privileged_host_port(compose: ComposeFile) -> Findings:
    """A service takes a port below 1024, on the host or in the container.

    Such ports belong to the host's own services, and where the engine runs without root it
    cannot have them. In a container a program needs root, or a capability, to listen there.
    80 and 443 are left out.

    Bad:
        services:
          mail:
            image: registry.example.com/mail:2.1.0
            ports: ["25:2525"]
    Good:
        services:
          web:
            image: registry.example.com/web:2.1.0
            ports: ["443:8443", "80:8080", "8025:8025"]
    """
    for service, port in compose.own(_ports(compose)):
        numbers = [one[0] for one in (port.published, port.target) if one is not None]
        low = [number for number in numbers if number < 1024 and number not in (80, 443)]
        if low:
            yield at(port.location, f"port {low[0]} is below 1024", object=service.object)


_BY_SSH = regex(r"git|gogs|forgejo|sftp|ssh|bastion|backup")
"""Images that serve over SSH what they are there for."""


@rule("CO405", ComposeFile, Severity.WARNING, security=True)
def compose_ssh_port(compose: ComposeFile) -> Findings:
    """A service publishes the port of SSH.

    A login into a container is one more door with keys and users of its own, and what is
    done through it is gone with the next image. `docker compose exec` opens a shell without
    a port. Servers of repositories and files, whose users come that way, are silent.

    Bad:
        services:
          web:
            image: registry.example.com/web:2.1.0
            ports: ["2222:22"]
    Good:
        services:
          web:
            image: registry.example.com/web:2.1.0
            ports: ["8080:80"]
          git:
            image: gitea/gitea:1.22.4
            ports: ["127.0.0.1:2222:22"]
    """
    for service, port in compose.own(_ports(compose)):
        login = port.target == (22, 22) and port.protocol == "tcp"
        if login and not (service.image and _BY_SSH.search(service.image.repository.text)):
            yield at(port.location, "port 22, that of SSH, is published", object=service.object)
