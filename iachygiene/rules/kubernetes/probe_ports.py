"""The ports that probes ask at."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, is_unknown
from iachygiene.parse.workloads import Probe, integer, is_slip, mentions, ports, probes
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_ALIASES = (
    "kube-linter:liveness-port",
    "kube-linter:readiness-port",
    "kube-linter:startup-port",
)


def _asked(manifest: Manifest) -> Iterator[tuple[Container, Probe, Scalar, bool, bool]]:
    """The ports that probes ask at and containers do not declare.

    With each comes whether Kubernetes takes it for a name, and whether the container
    declares any TCP port.
    """
    for container in manifest.containers:
        if container.kind == "ephemeral" or (container.kind == "init" and not container.sidecar):
            continue
        found = [probe for probe in probes(container) if probe.port is not None]
        if not found:
            continue
        declared = [port for port in ports(container) if port.protocol == "TCP"]
        names = {port.name.text for port in declared if port.name is not None}
        numbers = {integer(port.number) for port in declared}
        open_names = any(map(is_unknown, names))
        for probe in found:
            port = probe.port
            if port is None or is_unknown(port.text) or open_names:
                continue
            number = integer(port)
            if number in numbers if number is not None else port.text in names:
                continue
            yield container, probe, port, number is None, bool(declared)


def _aliases(container: Container, probe: Probe) -> tuple[str, ...]:
    aliases = (f"kube-linter:{probe.kind}-port",) if container.kind == "container" else ()
    return known(container.owner, aliases)


@rule("K8S406", Manifest, Severity.ERROR, aliases=_ALIASES)
def probe_port_name_undeclared(manifest: Manifest) -> Findings:
    """A probe asks at a port by a name that its container does not declare.

    Such a probe never succeeds: the pod never becomes ready, or is restarted for ever. A
    number in quotes is a name, too.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{name: http, containerPort: 8080}]
              readinessProbe: {httpGet: {path: /healthz, port: web}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{name: http, containerPort: 8080}]
              readinessProbe: {httpGet: {path: /healthz, port: http}}
    """
    for container, probe, port, is_name, _declares in _asked(manifest):
        if is_name and not container.owner.partial:
            message = f'the container declares no TCP port of the name "{port.text}"'
            aliases = _aliases(container, probe)
            yield at(port.location, message, object=container.object, aliases=aliases)


@rule("K8S407", Manifest, Severity.WARNING, aliases=_ALIASES)
def probe_port_undeclared(manifest: Manifest, *, peer_forms: bool = False) -> Findings:
    """A probe asks at a port that looks like a misspelling of one its container declares.

    Kubernetes asks there all the same, and many programs answer such requests at a port of
    its own that nobody declares. But two digits that changed places, or one too many or too
    few, are a slip: the probe never succeeds.

    Options:
        peer_forms: report also, with severity info, every other port that is not declared.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{containerPort: 8080}]
              readinessProbe: {httpGet: {path: /healthz, port: 8008}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{containerPort: 8080}]
              readinessProbe: {httpGet: {path: /healthz, port: 8080}}
    Good: a port for such requests alone
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{containerPort: 8080}]
              readinessProbe: {httpGet: {path: /healthz, port: 10254}}
    """
    for container, probe, port, is_name, declares in _asked(manifest):
        if is_name or not declares:
            continue
        meant = next((text for text in _declared(container) if is_slip(port.text, text)), None)
        if meant and mentions(container, port.text):
            meant = None
        if meant or peer_forms:
            what = f"{meant}, not" if meant else "other ports than"
            yield at(
                port.location,
                f"the container declares {what} {port.text}",
                object=container.object,
                severity=None if meant else Severity.INFO,
                aliases=_aliases(container, probe),
            )


def _declared(container: Container) -> Iterator[str]:
    for port in ports(container):
        if port.number is not None:
            yield port.number.text


@rule("K8S408", Manifest, Severity.INFO, default="off", aliases=_ALIASES)
def probe_port_no_ports(manifest: Manifest) -> Findings:
    """A probe asks at a port, and its container declares none.

    That works. A declared port tells readers, Services and network policies what the
    container listens to, and can be called by its name.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {httpGet: {path: /healthz, port: 8080}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{containerPort: 8080}]
              readinessProbe: {httpGet: {path: /healthz, port: 8080}}
    """
    for container, probe, port, is_name, declares in _asked(manifest):
        if not is_name and not declares and not container.owner.partial:
            message = "the container declares no TCP port"
            aliases = _aliases(container, probe)
            yield at(port.location, message, object=container.object, aliases=aliases)
