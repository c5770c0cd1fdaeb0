"""Services, what they send traffic to, and what looks for them."""

from __future__ import annotations

from collections.abc import Sequence

from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.kubernetes import ManifestSet, Object, Pod, is_unknown, matches
from iachygiene.parse.workloads import (
    integer,
    is_slip,
    items,
    mentions,
    patched,
    place,
    ports,
    same_namespace,
    service_selector,
    services_of_pods,
    texts,
    together,
    truth,
)
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import looks_at

_SELECTS = ("kube-linter:dangling-service", "kube-score:service-targets-pod")


@rule("K8S602", ManifestSet, Severity.INFO, default="off", aliases=_SELECTS)
def service_without_selector(manifests: ManifestSet) -> Findings:
    """A Service has no selector, and nothing else says where its traffic goes.

    Endpoints or EndpointSlices of its name may stand beside it, or some program makes them.
    Without either, its clients get "connection refused".

    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: db}
        spec: {ports: [{port: 5432}]}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: db}
        spec: {ports: [{port: 5432}]}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
        addressType: IPv4
        ports: [{port: 5432}]
        endpoints: [{addresses: [192.0.2.7]}]
    Good: a name for another host
        apiVersion: v1
        kind: Service
        metadata: {name: db}
        spec: {type: ExternalName, externalName: db.example.com}
    """
    named = {(one.namespace, one.name) for one in manifests.of("Endpoints")}
    for one in manifests.of("EndpointSlice", "discovery.k8s.io"):
        named.add(
            (one.namespace, one.root.text("metadata", "labels", "kubernetes.io/service-name"))
        )
    for service in manifests.of("Service"):
        selector = service.root.mapping("spec", "selector")
        if selector or service.root.text("spec", "type") == "ExternalName":
            continue
        if service.get("spec") is None or (service.namespace, service.name) in named:
            continue
        has_pods = any(
            looks_at("kube-score", pod.owner) and pod.owner.namespace == service.namespace
            for pod in manifests.pods
        )
        where = place(service, "spec", "selector")
        aliases = _SELECTS[:1] if has_pods else _SELECTS
        message = "the Service has no selector"
        yield at(where.location, message, object=service.object, aliases=aliases)


@rule(
    "K8S609",
    ManifestSet,
    Severity.INFO,
    default="strict",
    aliases=("kube-linter:dangling-servicemonitor",),
)
def servicemonitor_selects_nothing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A ServiceMonitor selects no Service.

    Prometheus then scrapes nothing and says nothing: the panels stay empty. Looked at are
    the Services of one directory and of those that a kustomization joins to it.

    Options:
        peer_forms: report also where no Services are here, or kube-linter alone misses them.

    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web, labels: {app: web}}
        spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
        ---
        apiVersion: monitoring.coreos.com/v1
        kind: ServiceMonitor
        metadata: {name: web}
        spec: {selector: {matchLabels: {app: wbe}}, endpoints: [{port: http}]}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: web, labels: {app: web}}
        spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
        ---
        apiVersion: monitoring.coreos.com/v1
        kind: ServiceMonitor
        metadata: {name: web}
        spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: http}]}
    """
    services = manifests.of("Service")
    for monitor in manifests.of("ServiceMonitor", "monitoring.coreos.com"):
        selector = monitor.root.mapping("spec", "selector")
        found = any(_monitors(monitor, selector, service) for service in services)
        likely = manifests.complete and bool(services) and not found
        missed = monitor.version == "v1" and _missed_by_kube_linter(monitor, selector, services)
        if likely or (peer_forms and missed):
            where = selector.location if selector else monitor.location
            yield at(
                where,
                "no Service here is selected",
                object=monitor.object,
                aliases=("kube-linter:dangling-servicemonitor",) if missed else (),
            )


def _monitors(monitor: Object, selector: Mapping | None, service: Object) -> bool:
    labels = service.root.mapping("metadata", "labels")
    known_labels = {**dict(service.overlay.labels), **(labels.text_map() if labels else {})}
    if any(map(is_unknown, known_labels.values())):
        return True
    if not matches(selector, known_labels):
        return False
    if truth(monitor.get("spec", "namespaceSelector", "any")):
        return True
    names = {node.text for node in texts(monitor.root, "spec", "namespaceSelector", "matchNames")}
    if names:
        return not names.isdisjoint(service.namespaces)
    return same_namespace(monitor, service)


def _missed_by_kube_linter(
    monitor: Object, selector: Mapping | None, services: Sequence[Object]
) -> bool:
    """Whether kube-linter finds no Service: it reads matchLabels alone, and no own namespace."""
    pairs = selector.mapping("matchLabels") if selector else None
    wanted = pairs.text_map() if pairs else {}
    names = {node.text for node in texts(monitor.root, "spec", "namespaceSelector", "matchNames")}
    anywhere = truth(monitor.get("spec", "namespaceSelector", "any"))
    for service in services:
        labels = service.root.mapping("metadata", "labels")
        fits = wanted.items() <= (labels.text_map() if labels else {}).items()
        if anywhere or service.namespace in names:
            if fits:
                return False
        elif wanted and fits and not names:
            return False
    return True


_HEADLESS = ("kube-score:statefulset-has-servicename",)


@rule("K8S612", ManifestSet, Severity.WARNING, aliases=_HEADLESS)
def statefulset_without_headless_service(
    manifests: ManifestSet, *, peer_forms: bool = False
) -> Findings:
    """A StatefulSet names a Service that does not give its pods their names.

    `serviceName` has to be a headless Service (`clusterIP: None`) of the same namespace that
    selects the pods. Only then `web-0.web` is a name that can be looked up.

    Options:
        peer_forms: report also, with severity info, where the Service may be elsewhere or no
            `serviceName` is written.

    Bad:
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: db}
        spec:
          serviceName: db
          selector: {matchLabels: {app: db}}
          template:
            metadata: {labels: {app: db}}
            spec:
              containers: [{name: db, image: "postgres:17.2"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: db}
        spec: {selector: {app: db}, ports: [{port: 5432}]}
    Good:
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: db}
        spec:
          serviceName: db
          selector: {matchLabels: {app: db}}
          template:
            metadata: {labels: {app: db}}
            spec:
              containers: [{name: db, image: "postgres:17.2"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: db}
        spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
    """
    for pod in manifests.pods:
        owner = pod.owner
        if (owner.group, owner.kind) != ("apps", "StatefulSet") or owner.partial:
            continue
        name = owner.root.scalar("spec", "serviceName")
        aliases = _HEADLESS if owner.version == "v1" else ()
        if name is None or not name.text:
            if peer_forms:
                yield at(owner, "no serviceName", severity=Severity.INFO, aliases=aliases)
            continue
        here = [one for one in manifests.of("Service") if same_namespace(one, owner)]
        named = [one for one in here if one.name == name.text]
        why = _why_not_headless(manifests, pod, named, name.text)
        likely = manifests.complete and any(together(owner, one) for one in here)
        if why is not None and not is_unknown(name.text) and (likely or peer_forms):
            yield at(
                name.location,
                why,
                related=[one.location.labelled("this Service") for one in named[:1]],
                object=owner.object,
                severity=None if likely else Severity.INFO,
                aliases=aliases,
            )


def _why_not_headless(
    manifests: ManifestSet, pod: Pod, named: list[Object], name: str
) -> str | None:
    if not named:
        return f'no Service "{name}" is here'
    headless = [one for one in named if one.root.text("spec", "clusterIP") in ("None", "none")]
    if not headless:
        return f'Service "{name}" is not headless'
    callers = services_of_pods(manifests).get(id(pod), ())
    selecting = [one for one in headless if one in callers or not service_selector(one)]
    return None if selecting else f'Service "{name}" does not select these pods'


@rule("K8S613", ManifestSet, Severity.WARNING, gives_way_to=("K8S701",))
def service_target_port_unmatched(manifests: ManifestSet) -> Findings:
    """A Service sends traffic to a port that its pods do not have.

    A name that no container declares is an error: the Service has no endpoints for it. A
    number may be one that nobody declares, and works. It is reported where it looks like a
    misspelling of one that all selected pods declare, or where nothing that the Service calls
    is declared and nothing calls what is.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
                - name: web
                  image: nginx:1.27.3
                  ports: [{name: http, containerPort: 8080}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: web}]}
    Bad: the number
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", ports: [{containerPort: 8080}]}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8008}]}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              ports: [{name: http, containerPort: 8080}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
    """
    for service in manifests.of("Service"):
        wanted = service_selector(service)
        if not wanted or any(map(is_unknown, wanted.values())):
            continue
        pods = manifests.selected_by(service, wanted)
        if not pods or any(pod.partial for pod in pods) or patched(manifests):
            continue
        headless = service.root.text("spec", "clusterIP") == "None"
        names, numbers, all_declare = _declared(pods)
        for port in items(service.root, "spec", "ports"):
            target = _target(port)
            if target is None or target.text in names or target.text in numbers:
                continue
            if integer(target) is None:
                yield _unmatched(service, target, pods, by_number=False)
                continue
            judged = all_declare and not headless and _is_tcp(port)
            if judged and _is_likely(manifests, service, target.text, pods, names | numbers):
                yield _unmatched(service, target, pods, by_number=True)


def _is_likely(
    manifests: ManifestSet, service: Object, number: str, pods: Sequence[Pod], declared: set[str]
) -> bool:
    """Whether a number that no pod declares is a wrong one: most of them work all the same."""
    if any(mentions(container, number) for pod in pods for container in pod.containers):
        return False
    if any(is_slip(number, one) for one in declared):
        return True
    return not _is_aside(service) and declared.isdisjoint(_called_ports(manifests, pods[0]))


def _target(port: Mapping) -> Scalar | None:
    target = port.get("targetPort") or port.get("port")
    return target if type(target) is Scalar and not is_unknown(target.text) else None


def _called_ports(manifests: ManifestSet, pod: Pod) -> set[str]:
    """The numbers and names that Services call of a pod."""
    return {
        target.text
        for service in services_of_pods(manifests).get(id(pod), ())
        for port in items(service.root, "spec", "ports")
        if (target := _target(port)) is not None
    }


def _is_aside(service: Object) -> bool:
    """Whether a Service is for what programs serve beside their work, at ports of its own."""
    return any(word in service.name for word in ("metrics", "webhook", "health", "monitor"))


def _is_tcp(port: Mapping) -> bool:
    return port.text("protocol") in ("", "TCP")


def _declared(pods: Sequence[Pod]) -> tuple[set[str], set[str], bool]:
    """Names and numbers of the ports of pods, and whether each pod declares any."""
    names: set[str] = set()
    numbers: set[str] = set()
    all_declare = True
    for pod in pods:
        found = [port for container in pod.containers for port in ports(container)]
        # What Istio puts in the place of this image is not known here.
        all_declare &= bool(found) and not any(one.is_injected for one in pod.containers)
        names.update(port.name.text for port in found if port.name)
        numbers.update(port.number.text for port in found if port.number)
    return names, numbers, all_declare


def _unmatched(service: Object, target: Scalar, pods: Sequence[Pod], by_number: bool) -> Finding:
    where = pods[0].owner.location
    what = "number" if by_number else "name"
    return at(
        target.location,
        f'the selected pods declare no port of the {what} "{target.text}"',
        related=[where.labelled("a selected workload")],
        object=service.object,
        severity=None if by_number else Severity.ERROR,
    )
