"""What probes ask for, how often and how patiently."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, is_unknown
from iachygiene.parse.workloads import Probe, integer, ports, probes, texts
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known_of

_IDENTICAL = ("kube-score:pod-probes-identical",)


def _pairs(manifest: Manifest) -> Iterator[tuple[Container, Probe, Probe]]:
    """Readiness and liveness probe of the containers that run for good and have both."""
    seen: set[int] = set()
    for pod in manifest.pods:
        for container in pod.containers if pod.long_running else ():
            if id(container.node) in seen:
                continue
            seen.add(id(container.node))
            found = {probe.kind: probe for probe in probes(container)}
            if "readiness" in found and "liveness" in found:
                yield container, found["readiness"], found["liveness"]


def _target(container: Container, probe: Probe) -> tuple[str, ...] | None:
    """What a probe asks for, with the port by its number; None if that is not known."""
    handlers = probe.handlers
    if len(handlers) != 1:
        return None
    name = handlers[0]
    if name == "exec":
        return (name, *(node.text for node in texts(probe.node, "exec", "command")))
    handler = probe.node.mapping(name) or Mapping(probe.node.file, 0, None)
    fields = (
        handler.text("host"),
        handler.text("scheme") or "HTTP",
        handler.text("path") or "/",
        handler.text("service"),
    )
    if any(map(is_unknown, fields)):
        return None
    return (name, _number(container, probe), *fields)


def _number(container: Container, probe: Probe) -> str:
    text = probe.port.text if probe.port is not None else ""
    for port in ports(container):
        if port.name is not None and port.number is not None and port.name.text == text:
            return port.number.text
    return text


def _same_to_kube_score(one: Probe, other: Probe) -> bool:
    """Whether kube-score takes two probes for one: every named port is 0 to it."""
    for handler in ("httpGet", "tcpSocket"):
        first, second = one.node.mapping(handler), other.node.mapping(handler)
        if first is not None and second is not None:
            if handler == "tcpSocket":
                return first.text("port") == second.text("port")
            values = [_integer_value(node) for node in (first, second)]
            return first.text("path") == second.text("path") and values[0] == values[1]
    first, second = one.node.mapping("exec"), other.node.mapping("exec")
    if first is None or second is None:
        return False
    commands = [[node.text for node in texts(node, "command")] for node in (first, second)]
    return commands[0] == commands[1]


def _integer_value(handler: Mapping) -> int:
    text = handler.text("port")
    return int(text) if text.isdecimal() else 0


def _is_patient(readiness: Probe, liveness: Probe) -> bool:
    """Whether the liveness probe gives up later than the readiness probe."""

    def seconds(probe: Probe) -> int:
        return probe.number("failureThreshold", 3) * probe.number("periodSeconds", 10)

    return seconds(liveness) > seconds(readiness)


@rule("K8S404", Manifest, Severity.WARNING, aliases=_IDENTICAL)
def identical_probes(manifest: Manifest) -> Findings:
    """The liveness probe asks the same as the readiness probe, and gives up no later.

    A container that is merely busy is then restarted where taking it out of traffic would
    do, and the load falls on the others, which are restarted next. The liveness probe
    should ask for less, or wait longer.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {httpGet: {path: /healthz, port: 8080}}
              livenessProbe: {httpGet: {path: /healthz, port: 8080}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {httpGet: {path: /ready, port: 8080}}
              livenessProbe: {httpGet: {path: /alive, port: 8080}}
    Good: the liveness probe waits longer
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {httpGet: {path: /healthz, port: 8080}}
              livenessProbe: {httpGet: {path: /healthz, port: 8080}, failureThreshold: 30}
    """
    for container, readiness, liveness in _pairs(manifest):
        target = _target(container, liveness)
        if target is None or target != _target(container, readiness):
            continue
        if not _is_patient(readiness, liveness):
            same = _same_to_kube_score(readiness, liveness)
            yield at(
                liveness.key.location,
                "the liveness probe asks the same as the readiness probe",
                related=[readiness.key.location.labelled("the readiness probe")],
                object=container.object,
                aliases=known_of(container, _IDENTICAL if same else ()),
            )


@rule("K8S405", Manifest, Severity.INFO, default="off", aliases=_IDENTICAL)
def identical_probe_target(manifest: Manifest) -> Findings:
    """The liveness probe asks nearly the same as the readiness probe.

    It waits longer, or asks at another port that has a name as well. That may be on purpose;
    a liveness probe that asks for less is still the safer one.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {httpGet: {path: /healthz, port: 8080}}
              livenessProbe: {httpGet: {path: /healthz, port: 8080}, failureThreshold: 30}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {httpGet: {path: /ready, port: 8080}}
              livenessProbe: {httpGet: {path: /alive, port: 8080}}
    """
    for container, readiness, liveness in _pairs(manifest):
        target = _target(container, liveness)
        identical = target is not None and target == _target(container, readiness)
        same = _same_to_kube_score(readiness, liveness)
        if (identical and _is_patient(readiness, liveness)) or (same and not identical):
            yield at(
                liveness.key.location,
                "the liveness probe asks nearly the same as the readiness probe",
                related=[readiness.key.location.labelled("the readiness probe")],
                object=container.object,
                aliases=known_of(container, _IDENTICAL if same else ()),
            )


@rule("K8S409", Manifest, Severity.ERROR)
def invalid_probe(manifest: Manifest) -> Findings:
    """A probe is one that the API server refuses.

    A probe asks in exactly one way, only containers that keep running have probes, periods
    and timeouts are positive, and one success is enough for liveness and startup.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              livenessProbe: {initialDelaySeconds: 10}
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              livenessProbe: {tcpSocket: {port: 8080}, successThreshold: 2}
    Bad: an init container that ends has no probes
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          initContainers:
            - name: wait
              image: busybox:1.37.0
              readinessProbe: {tcpSocket: {port: 8080}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {tcpSocket: {port: 8080}, successThreshold: 2}
    """
    for container in manifest.containers:
        for probe in probes(container):
            handlers = probe.handlers
            plain_init = container.kind == "init" and not container.sidecar
            if (plain_init and not container.owner.partial) or container.kind == "ephemeral":
                message = f"a container of this kind has no {probe.kind} probe"
                yield at(probe.key.location, message, object=container.object)
            elif not handlers and not container.owner.partial:
                yield at(probe.key.location, "the probe asks nothing", object=container.object)
            elif len(handlers) > 1:
                message = f"the probe asks in {len(handlers)} ways: {', '.join(handlers)}"
                yield at(probe.key.location, message, object=container.object)
            for field, value in probe.node.entries.items():
                number = integer(value.value)
                if number is not None and not _is_possible(probe.kind, field, number):
                    message = f'"{field}: {number}" is not possible here'
                    yield at(value.value.location, message, object=container.object)


def _is_possible(kind: str, field: str, number: int) -> bool:
    if field == "successThreshold" and kind != "readiness":
        return number in (0, 1)
    # To the API server 0 is no value: it puts the default in its place.
    return number >= 0


@rule("K8S410", Manifest, Severity.INFO, default="strict")
def probe_timeout_exceeds_period(manifest: Manifest) -> Findings:
    """A probe waits for its answer longer than until it is asked again.

    The kubelet asks one after the other: the period that is written down does not hold, and
    a container that hangs is found later than it seems.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              livenessProbe: {tcpSocket: {port: 8080}, timeoutSeconds: 30}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              livenessProbe: {tcpSocket: {port: 8080}, timeoutSeconds: 5, periodSeconds: 10}
    """
    for container in manifest.containers:
        for probe in probes(container):
            node = probe.node.scalar("timeoutSeconds")
            timeout, period = probe.number("timeoutSeconds", 1), probe.number("periodSeconds", 10)
            if node is not None and timeout > period > 0 and not container.owner.partial:
                message = f"the timeout of {timeout} s exceeds the period of {period} s"
                yield at(node.location, message, object=container.object)
