"""Ports of containers and Services."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Finding, Findings, Fix, Location, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, Object, is_unknown, stands_in
from iachygiene.parse.workloads import Port, integer, items, ports, texts
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known_of

_NAME = regex(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LETTER = regex(r"[a-z]")
_INVALID = ("kube-linter:invalid-target-ports", "kube-score:container-ports-check")


def _container_ports(manifest: Manifest) -> Iterator[tuple[Container, Port]]:
    for container in manifest.containers:
        for port in ports(container):
            yield container, port


def _services(manifest: Manifest) -> Iterator[Object]:
    for one in manifest.objects:
        if (one.group, one.kind) == ("", "Service"):
            yield one


def _why_no_name(text: str) -> str | None:
    """Why no port can have such a name; None if one can."""
    if is_unknown(text):
        return None
    if len(text) > 15:
        return f'the port name "{text}" is longer than 15 characters'
    if not _NAME.fullmatch(text):
        return f'"{text}" is no port name: lower-case letters, digits and single dashes'
    return None if _LETTER.search(text) else f'the port name "{text}" has no letter'


def _is_number(number: int) -> bool:
    return 1 <= number <= 65535


@rule("K8S701", Manifest, Severity.ERROR, aliases=_INVALID)
def invalid_port_name(manifest: Manifest) -> Findings:
    """A port has a name or number that no port can have.

    The API server refuses the object. A name has at most 15 lower-case letters, digits and
    dashes, a letter among them; a number is between 1 and 65535. In a Service a number in
    quotes is taken for a name.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{name: prometheus-metrics, containerPort: 9090}]
    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: "8080"}]}
    Fixed:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
    """
    seen: set[Location] = set()
    for container, port in _container_ports(manifest):
        for finding in _faults(container, port):
            if finding.location not in seen:
                seen.add(finding.location)
                yield finding
    for service in _services(manifest):
        for node in items(service.root, "spec", "ports"):
            target = node.scalar("targetPort")
            number = integer(target)
            if target is None or (number is None and is_unknown(target.text)):
                continue
            if number is not None and number != 0 and not _is_number(number):
                message = f"{number} is no port"
                yield at(target.location, message, object=service.object, aliases=_INVALID[:1])
            elif number is None and (why := _why_no_name(target.text)):
                if _is_stand_in(target.text):
                    continue
                yield at(
                    target.location,
                    why,
                    object=service.object,
                    aliases=_INVALID[:1],
                    fix=_unquoted(target),
                )


def _faults(container: Container, port: Port) -> Iterator[Finding]:
    name = port.name if port.name is not None and port.name.text else None
    if name is not None and not _is_stand_in(name.text) and (why := _why_no_name(name.text)):
        aliases = _INVALID if len(name.text) > 15 else _INVALID[:1]
        peers = known_of(container, aliases)
        yield at(name.location, why, object=container.object, aliases=peers)
    number = integer(port.number)
    if number is not None and port.number is not None and not _is_number(number):
        peers = known_of(container, _INVALID[1:] if number == 0 else ())
        message = f"{number} is no port"
        yield at(port.number.location, message, object=container.object, aliases=peers)
    elif port.number is None and port.node.children and not container.owner.partial:
        peers = known_of(container, _INVALID[1:])
        where = port.node.children[0].location
        yield at(where, "containerPort is missing", object=container.object, aliases=peers)


def _is_stand_in(text: str) -> bool:
    return stands_in(text) and "PORT" in text


def _unquoted(target: Scalar) -> Fix | None:
    text = target.text
    quoted = target.style in ("'", '"') and target.tag is None
    if quoted and text.isdecimal() and text[0] != "0" and _is_number(int(text)):
        return Fix("write a number", (Edit(target.location.span, text),))
    return None


@rule("K8S702", Manifest, Severity.ERROR, aliases=("kube-score:container-ports-check",))
def duplicate_container_port(manifest: Manifest) -> Findings:
    """A container declares a port twice.

    Two ports of one name are refused by the API server. One number twice is a warning:
    either is redundant, or one of the two is a slip.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{name: http, containerPort: 8080}, {name: http, containerPort: 8443}]
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 8080}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]
    """
    for container in manifest.containers:
        names: set[str] = set()
        numbers: set[tuple[str, ...]] = set()
        for port in ports(container):
            name = port.name.text if port.name is not None else ""
            host = (port.node.text("hostIP"), port.node.text("hostPort"))
            number = (port.number.text if port.number else "", port.protocol, *host)
            if port.name is not None and name and name in names:
                aliases = known_of(container, ("kube-score:container-ports-check",))
                message = f'a port "{name}" is there already'
                yield at(port.name.location, message, object=container.object, aliases=aliases)
            elif port.number is not None and number in numbers and not is_unknown(number[0]):
                yield at(
                    port.number.location,
                    f"port {number[0]} is there already",
                    object=container.object,
                    severity=Severity.WARNING,
                    aliases=(),
                )
            names.add(name)
            numbers.add(number)


def _typed(manifest: Manifest, kind: str) -> Iterator[tuple[Object, Scalar]]:
    for service in _services(manifest):
        node = service.root.scalar("spec", "type")
        if node is not None and node.text.lower() == kind.lower():
            yield service, node


@rule(
    "K8S703",
    Manifest,
    Severity.INFO,
    default="strict",
    aliases=("kube-score:service-type", "kube-linter:exposed-services"),
)
def node_port_service(manifest: Manifest) -> Findings:
    """A Service opens a port on every node.

    Whoever reaches a node reaches the Service, past the load balancer and its encryption. An
    Ingress or a Gateway is one door for all.

    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    """
    for service, node in _typed(manifest, "NodePort"):
        aliases = ["kube-linter:exposed-services"]
        aliases += ["kube-score:service-type"] * (node.text == "NodePort")
        message = "the Service opens a port on every node"
        yield at(node.location, message, object=service.object, aliases=aliases)


@rule("K8S704", Manifest, Severity.INFO, default="off", aliases=("kube-linter:exposed-services",))
def load_balancer_service(manifest: Manifest) -> Findings:
    """A Service has a load balancer of its own.

    It may be open to the world, and costs its price. An Ingress or a Gateway shares one.

    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    """
    for service, node in _typed(manifest, "LoadBalancer"):
        yield at(node.location, "the Service has a load balancer", object=service.object)


@rule("K8S705", Manifest, Severity.WARNING, security=True, aliases=("trivy:KSV108",))
def external_ips(manifest: Manifest) -> Findings:
    """A Service takes traffic for addresses that it names itself.

    The cluster does not check whose addresses they are: a Service with `externalIPs` can
    take over the traffic of others (CVE-2020-8554). Many clusters refuse it.

    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}], externalIPs: [192.0.2.7]}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    """
    for service in _services(manifest):
        for node in texts(service.root, "spec", "externalIPs"):
            yield at(node.location, f'traffic for "{node.text}" is taken', object=service.object)


@rule("K8S706", Manifest, Severity.ERROR)
def service_ports_ambiguous(manifest: Manifest) -> Findings:
    """The ports of a Service cannot be told apart.

    The API server refuses it: where there are several, each has a name of its own, and no
    number comes twice for one protocol.

    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}, {name: https, port: 443}]}
    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{name: web, port: 80}, {name: http, port: 80}]}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: dns}
        spec:
          selector: {app: dns}
          ports: [{name: tcp, port: 53}, {name: udp, port: 53, protocol: UDP}]
    """
    for service in _services(manifest):
        nodes = list(items(service.root, "spec", "ports"))
        if len(nodes) < 2:
            continue
        names: set[str] = set()
        numbers: set[tuple[str, str]] = set()
        for node in nodes:
            name, port = node.scalar("name"), node.scalar("port")
            number = (node.text("port"), node.text("protocol") or "TCP")
            where = name or port
            if where is None or is_unknown(where.text) or is_unknown(number[0]):
                continue
            why = _why_ambiguous(node, names, numbers, number, service.partial)
            if why:
                yield at(where.location, why, object=service.object)
            names.add(node.text("name"))
            numbers.add(number)


def _why_ambiguous(
    node: Mapping,
    names: set[str],
    numbers: set[tuple[str, str]],
    number: tuple[str, str],
    partial: bool,
) -> str | None:
    name = node.text("name")
    if not name:
        return None if partial else "one of several ports has no name"
    if name in names:
        return f'a port "{name}" is there already'
    return f"port {number[0]} is there already" if number in numbers else None
