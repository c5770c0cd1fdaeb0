"""What pods share with their node: namespaces, ports, names of hosts."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, Pod
from iachygiene.parse.workloads import Port, integer, ports, truth
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known, known_of


def _shares(manifest: Manifest, field: str) -> Iterator[tuple[Pod, Scalar]]:
    """The pods in whose specification a field is true, with its value."""
    seen: set[int] = set()
    for pod in manifest.pods:
        node = pod.spec.scalar(field) if pod.spec else None
        if node is not None and truth(node) and id(node) not in seen:
            seen.add(id(node))
            yield pod, node


@rule(
    "K8S301",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=("kube-linter:host-network", "checkov:CKV_K8S_19", "trivy:KSV009"),
)
def host_network(manifest: Manifest) -> Findings:
    """A pod uses the network of its node.

    Its containers can listen to the traffic of the node, reach what listens there on
    localhost only, and no network policy holds for them. Network plugins and node agents
    need it; a server hardly ever does.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          hostNetwork: true
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", ports: [{containerPort: 8080}]}]
    """
    for pod, node in _shares(manifest, "hostNetwork"):
        aliases = ("kube-linter:host-network", "checkov:CKV_K8S_19", "trivy:KSV009")
        message = "the pod uses the network of its node"
        yield at(node.location, message, object=pod.object, aliases=known(pod.owner, aliases))


@rule(
    "K8S302",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=("kube-linter:host-pid", "checkov:CKV_K8S_17", "trivy:KSV010"),
)
def host_pid(manifest: Manifest) -> Findings:
    """A pod sees the processes of its node.

    Its containers see what runs there with its environment, where secrets often stand, and
    with the user of a process may end or trace it.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          hostPID: true
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          shareProcessNamespace: true
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod, node in _shares(manifest, "hostPID"):
        aliases = ("kube-linter:host-pid", "checkov:CKV_K8S_17", "trivy:KSV010")
        message = "the pod sees the processes of its node"
        yield at(node.location, message, object=pod.object, aliases=known(pod.owner, aliases))


@rule(
    "K8S303",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=("kube-linter:host-ipc", "checkov:CKV_K8S_18", "trivy:KSV008"),
)
def host_ipc(manifest: Manifest) -> Findings:
    """A pod shares memory with the processes of its node.

    Its containers may read and change the shared memory and the message queues of programs
    that run on the node.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          hostIPC: true
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          hostIPC: false
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod, node in _shares(manifest, "hostIPC"):
        aliases = ("kube-linter:host-ipc", "checkov:CKV_K8S_18", "trivy:KSV008")
        message = "the pod shares memory with its node"
        yield at(node.location, message, object=pod.object, aliases=known(pod.owner, aliases))


_HOST_PORT_ALIASES = ("checkov:CKV_K8S_26", "trivy:KSV024")


@rule(
    "K8S308",
    Manifest,
    Severity.INFO,
    default="strict",
    security=True,
    aliases=_HOST_PORT_ALIASES,
)
def host_port(manifest: Manifest) -> Findings:
    """A container takes a port of its node.

    Only one such pod fits on a node, so the next one waits; and the port is open to whoever
    reaches the node. A Service gives a pod an address without either. With `hostNetwork`
    every port is one of the node, and nothing is said.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{containerPort: 8080, hostPort: 8080}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", ports: [{containerPort: 8080}]}]
    """
    seen: set[Location] = set()
    for pod in manifest.pods:
        if pod.spec is None or truth(pod.spec.get("hostNetwork")):
            continue
        for container in pod.containers:
            for port in ports(container):
                node = port.node.scalar("hostPort")
                if node is not None and integer(node) and node.location not in seen:
                    seen.add(node.location)
                    aliases = known_of(container, _HOST_PORT_ALIASES)
                    message = f"port {node.text} of the node is taken"
                    yield at(node.location, message, object=container.object, aliases=aliases)


def _numbered(manifest: Manifest) -> Iterator[tuple[Container, Port, Scalar, int]]:
    """The container ports that have a number."""
    for container in manifest.containers:
        for port in ports(container):
            number = integer(port.number)
            if port.number is not None and number is not None:
                yield container, port, port.number, number


@rule(
    "K8S309",
    Manifest,
    Severity.INFO,
    default="off",
    aliases=("kube-linter:privileged-ports", "trivy:KSV117"),
)
def privileged_container_port(manifest: Manifest) -> Findings:
    """A container listens on a port below 1024.

    There, a process has to be root or to have the capability `NET_BIND_SERVICE`. In a pod
    the number does not matter: a Service may show port 80 and send to 8080.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", ports: [{containerPort: 80}]}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", ports: [{containerPort: 8080}]}]
    """
    for container, _port, node, number in _numbered(manifest):
        if 0 < number < 1024:
            aliases = known_of(container, ("kube-linter:privileged-ports", "trivy:KSV117"))
            message = f"port {number} is one of the privileged ports"
            yield at(node.location, message, object=container.object, aliases=aliases)


@rule("K8S310", Manifest, Severity.WARNING, security=True, aliases=("kube-linter:ssh-port",))
def ssh_port(manifest: Manifest, *, port: int = 22, protocol: str = "TCP") -> Findings:
    """A container offers SSH.

    It is a second way in beside `kubectl exec`, with users, keys and a log of its own that
    nobody looks after.

    Options:
        port: the port that is reported.
        protocol: the protocol of that port.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", ports: [{containerPort: 22}]}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", ports: [{containerPort: 8080}]}]
    """
    for container, declared, node, number in _numbered(manifest):
        if number == port and declared.protocol == protocol:
            aliases = known_of(container, ("kube-linter:ssh-port",))
            message = f"port {number} is that of SSH" if port == 22 else f"port {number} is open"
            yield at(node.location, message, object=container.object, aliases=aliases)


@rule("K8S311", Manifest, Severity.INFO, default="off", security=True, aliases=("trivy:KSV007",))
def host_aliases(manifest: Manifest) -> Findings:
    """A pod has names of hosts of its own.

    `hostAliases` writes lines into `/etc/hosts` that the name server knows nothing of. The
    addresses go stale in silence, and a wrong one sends traffic to somebody else.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          hostAliases: [{ip: 10.0.0.7, hostnames: [db.example.com]}]
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: db}
        spec: {type: ExternalName, externalName: db.example.com}
    """
    for pod in manifest.pods:
        key = pod.spec.key("hostAliases") if pod.spec else None
        if pod.spec is not None and key is not None and pod.spec.sequence("hostAliases"):
            message = "the pod has names of hosts of its own"
            aliases = known(pod.owner, ("trivy:KSV007",))
            yield at(key.location, message, object=pod.object, aliases=aliases)
