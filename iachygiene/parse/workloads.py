"""What rules ask of workloads over and over: values, ports, volumes, replicas, selectors."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from posixpath import basename
from typing import NamedTuple

from iachygiene.distance import within
from iachygiene.endpoints import Endpoint, endpoints
from iachygiene.lazy import regex
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import (
    CARRIERS,
    Container,
    ManifestSet,
    Object,
    Pod,
    is_unknown,
)
from iachygiene.parse.kustomize import KUSTOMIZATIONS, NO_OVERLAY

REPLICATED = frozenset(
    (
        *(("", "ReplicationController"), ("apps.openshift.io", "DeploymentConfig")),
        *(("apps", kind) for kind in ("Deployment", "StatefulSet", "ReplicaSet")),
        *(("extensions", kind) for kind in ("Deployment", "ReplicaSet")),
        ("argoproj.io", "Rollout"),
    )
)
"""Group and kind of what has a number of replicas."""


def truth(node: yaml.Node | None) -> bool:
    """Whether a node is the value true."""
    return type(node) is yaml.Scalar and node.value is True


def falsehood(node: yaml.Node | None) -> bool:
    """Whether a node is the value false."""
    return type(node) is yaml.Scalar and node.value is False


def integer(node: yaml.Node | None) -> int | None:
    """The value of a node that is a whole number."""
    value = node.value if type(node) is yaml.Scalar else None
    return value if type(value) is int else None


def known_text(node: yaml.Node | None) -> str:
    """The text of a scalar that nothing else fills in, "" for anything else."""
    return node.text if type(node) is yaml.Scalar and not is_unknown(node.text) else ""


def open_value(node: yaml.Node | None) -> bool:
    """Whether a node is there whose value cannot be judged here."""
    return node is not None and (type(node) is not yaml.Scalar or is_unknown(node.text))


def items(node: yaml.Mapping | None, *keys: str) -> Iterator[yaml.Mapping]:
    """The mappings of the list at a path of keys; none where there is no such list."""
    found = node.sequence(*keys) if node is not None else None
    return found.mappings() if found is not None else iter(())


def texts(node: yaml.Mapping | None, *keys: str) -> Iterator[yaml.Scalar]:
    """The scalars of the list at a path of keys; none where there is no such list."""
    found = node.sequence(*keys) if node is not None else None
    return found.scalars() if found is not None else iter(())


class Port(NamedTuple):
    """A port that a container declares. `protocol` is TCP where none is written."""

    node: yaml.Mapping
    name: yaml.Scalar | None
    number: yaml.Scalar | None
    protocol: str


def ports(container: Container) -> list[Port]:
    """The ports that a container declares."""
    return [
        Port(
            node,
            node.scalar("name"),
            node.scalar("containerPort"),
            node.text("protocol") or "TCP",
        )
        for node in items(container.node, "ports")
    ]


class HostMount(NamedTuple):
    """A volume of the node's file system. `mount` is None where no container mounts it."""

    path: yaml.Scalar
    mount: yaml.Mapping | None
    container: Container | None


def host_mounts(pod: Pod) -> list[HostMount]:
    """The hostPath volumes of a pod, once for each mount."""
    found: list[HostMount] = []
    for volume in items(pod.spec, "volumes"):
        path = volume.scalar("hostPath", "path")
        if path is None:
            continue
        name = volume.text("name")
        mounts = [
            HostMount(path, mount, container)
            for container in pod.containers
            for mount in items(container.node, "volumeMounts")
            if mount.text("name") == name
        ]
        found += mounts or [HostMount(path, None, None)]
    return found


def service_account(pod: Pod) -> yaml.Scalar | None:
    """The service account that a pod names."""
    if pod.spec is None:
        return None
    named = pod.spec.scalar("serviceAccountName")
    return named if named is not None and named.text else pod.spec.scalar("serviceAccount")


def replicas(owner: Object) -> int | None:
    """How many pods an object asks for, 1 where it does not say; None if that is not known."""
    node = owner.get("spec", "replicas")
    return 1 if node is None else integer(node)


def place(owner: Object, *keys: str) -> yaml.Node | Object:
    """The key at the deepest part of a path that is there, else the object itself.

    Where something is absent, a finding stands at what it is missing from.
    """
    node: yaml.Mapping = owner.root
    found: yaml.Node | Object = owner
    for key in keys:
        entry = node.entries.get(key)
        if entry is None:
            break
        found = entry.key
        if type(entry.value) is not yaml.Mapping:
            break
        node = entry.value
    return found


def may_match(selector: yaml.Mapping | None, pod: Pod) -> bool:
    """Whether a label selector matches a pod template, with what kustomizations may add.

    No selector matches nothing, an empty one everything; a label whose value is not known
    counts as the one that is looked for.
    """
    if selector is None:
        return False
    labels = {**dict(pod.owner.overlay.labels), **pod.labels}
    wanted = selector.mapping("matchLabels")
    for name, value in wanted.text_map().items() if wanted else ():
        own = labels.get(name)
        if own is None or (own != value and not is_unknown(own) and not is_unknown(value)):
            return False
    return all(_meets(one, labels) for one in items(selector, "matchExpressions"))


def _meets(expression: yaml.Mapping, labels: Mapping[str, str]) -> bool:
    own = labels.get(expression.text("key"))
    if own is not None and is_unknown(own):
        return True
    listed = {value.text for value in texts(expression, "values")}
    return {
        "In": own in listed,
        "NotIn": own not in listed,
        "Exists": own is not None,
        "DoesNotExist": own is None,
    }.get(expression.text("operator"), False)


def same_namespace(one: Object, other: Object) -> bool:
    """Whether two objects may end up in one namespace."""
    return not one.namespaces.isdisjoint(other.namespaces)


def is_slip(written: str, meant: str) -> bool:
    """Whether a number is another one with a digit more or less, or two that changed places."""
    if not within(written, meant, 1):
        return False
    return len(written) != len(meant) or sorted(written) == sorted(meant)


def mentions(container: Container, number: str) -> bool:
    """Whether the command, an argument or a variable of a container names a number of its own."""
    told = (container.node.get(key) for key in ("command", "args", "env"))
    return any(
        number in re.findall("[0-9]+", scalar.text)
        and not any(
            _is_elsewhere(one) and one.port == int(number) for one in endpoints(scalar.text)
        )
        for node in told
        if node is not None
        for scalar in yaml.walk(node)
        if type(scalar) is yaml.Scalar and number in scalar.text
    )


def _is_elsewhere(one: Endpoint) -> bool:
    return one.host not in ("localhost", "127.0.0.1", "0.0.0.0")


CLUSTERS_OWN = "kube-system"
"""The namespace of which most comes with the cluster and not from manifests."""
_CASES = regex(r"(?:^|/)(?:testdata|test-fixtures|fixtures?|tests?|e2e|snippets|docs?)/")


def together(one: Object, other: Object) -> bool:
    """Whether two objects in different files are meant for one cluster.

    In a tree of tests or of documentation each file is a case of its own, unless a
    kustomization joins it to others.
    """
    file = one.root.file
    return file is other.root.file or one.overlay is not NO_OVERLAY or not _is_case(file.path)


@lru_cache(maxsize=64)
def _is_case(path: str) -> bool:
    return _CASES.search(path) is not None


_PODLESS = frozenset(
    (
        *("ServiceMonitor", "PodMonitor", "PrometheusRule", "Probe", "ScrapeConfig"),
        *("Certificate", "CertificateRequest", "Issuer", "ClusterIssuer"),
        *("VirtualService", "DestinationRule", "ServiceEntry", "EnvoyFilter", "Sidecar"),
        *("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Telemetry"),
        *("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "ReferenceGrant"),
        *("IngressRoute", "IngressRouteTCP", "Middleware", "Route", "ServersTransport"),
        *("ScaledObject", "TriggerAuthentication", "VerticalPodAutoscaler", "HealthCheckPolicy"),
        *("ExternalSecret", "SealedSecret", "SecretStore", "ClusterSecretStore", "BackendConfig"),
        *("ManagedCertificate", "FrontendConfig", "GCPBackendPolicy", "CiliumNetworkPolicy"),
        *("PodMonitoring", "ServiceExport", "Application", "AppProject", "ImageUpdater"),
    )
)
"""Kinds of custom resources that no operator makes pods for."""


def made_by_operator(manifests: ManifestSet, labels: Mapping[str, str]) -> bool:
    """Whether pods with these labels may be those that an operator makes for a custom resource.

    Operators give pods the name of their resource, and labels in the domain of its group.
    """
    from iachygiene.schemas.built_in import groups

    own = groups()
    names: set[str] = set()
    domains: set[str] = set()
    for one in manifests.objects:
        if one.kind == "CustomResourceDefinition":
            domains.add(one.root.text("spec", "group"))
            continue
        carries = (one.group, one.kind) in CARRIERS
        if not carries and one.group not in own and one.kind not in _PODLESS:
            names.add(one.name)
            domains.add(one.group)
    if not names.isdisjoint(labels.values()):
        return True
    prefixes = {name.partition("/")[0] for name in labels if "/" in name}
    return any(
        f".{domain}".endswith(f".{prefix}") or f".{prefix}".endswith(f".{domain}")
        for domain in domains
        for prefix in prefixes
        if domain
    )


def service_selector(service: Object) -> dict[str, str]:
    """The labels that a Service selects pods by; none for a mere name of another host."""
    if service.root.text("spec", "type") == "ExternalName":
        return {}
    selector = service.root.mapping("spec", "selector")
    return selector.text_map() if selector else {}


# The rules of a set run one after the other, so that only the last set is asked for.
@lru_cache(maxsize=1)
def services_of_pods(manifests: ManifestSet) -> Mapping[int, Sequence[Object]]:
    """The Services that select each pod by labels, by the identity of the pod."""
    found: dict[int, list[Object]] = defaultdict(list)
    for service in manifests.of("Service"):
        wanted = service_selector(service)
        if wanted and not any(map(is_unknown, wanted.values())):
            for pod in manifests.selected_by(service, wanted):
                found[id(pod)].append(service)
    return found


def selected_pods(
    manifests: ManifestSet, owner: Object, selector: yaml.Mapping | None
) -> list[Pod]:
    """The pods of the owner's namespace that a label selector may match."""
    if selector is None:
        return []
    return [
        pod
        for pod in manifests.pods
        if same_namespace(pod.owner, owner) and may_match(selector, pod)
    ]


def selected_by_peers(manifests: ManifestSet, pod: Pod) -> bool:
    """Whether the pod's namespace has a Service without a selector.

    To the cluster it selects nothing, to kube-score every pod of the namespace.
    """
    return any(
        service.namespace == pod.owner.namespace and not service.root.mapping("spec", "selector")
        for service in manifests.of("Service")
    )


@lru_cache(maxsize=1)
def patched(manifests: ManifestSet) -> bool:
    """Whether a kustomization of the set changes objects: labels may not be as written."""
    return any(
        type(document.root) is yaml.Mapping and not _CHANGES.isdisjoint(document.root.entries)
        for manifest in manifests.manifests
        if basename(manifest.file.path) in KUSTOMIZATIONS
        for document in manifest.documents
    )


_CHANGES = frozenset(("patches", "patchesJson6902", "patchesStrategicMerge", "transformers"))


@lru_cache(maxsize=1)
def by_name(manifests: ManifestSet) -> Mapping[tuple[str, str, str], Sequence[Object]]:
    """The whole objects by group, kind and name."""
    found: dict[tuple[str, str, str], list[Object]] = defaultdict(list)
    for one in manifests.objects:
        if not one.partial:
            found[one.group, one.kind, one.name].append(one)
    return found


def scaled_by(manifests: ManifestSet, owner: Object) -> Sequence[Object]:
    """The autoscalers of an object."""
    return [
        scaler
        for scaler in scalers(manifests).get((owner.kind, owner.name), ())
        if same_namespace(scaler, owner)
    ]


@lru_cache(maxsize=1)
def scalers(manifests: ManifestSet) -> Mapping[tuple[str, str], Sequence[Object]]:
    """The autoscalers by kind and name of what they scale."""
    found: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for scaler in (
        *manifests.of("HorizontalPodAutoscaler", "autoscaling"),
        *manifests.of("ScaledObject", "keda.sh"),
    ):
        target = scaler.root.mapping("spec", "scaleTargetRef")
        if target is not None:
            kind = target.text("kind") or "Deployment"
            found[kind, target.text("name")].append(scaler)
    return found


HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
"""How a probe may ask."""


class Probe(NamedTuple):
    """A probe of a container. `kind` is "startup", "readiness" or "liveness"."""

    kind: str
    key: yaml.Scalar
    node: yaml.Mapping

    @property
    def handlers(self) -> list[str]:
        """The handlers it has."""
        return [name for name in HANDLERS if self.node.get(name) is not None]

    @property
    def port(self) -> yaml.Scalar | None:
        """The port it asks at."""
        for handler in ("httpGet", "tcpSocket", "grpc"):
            if self.node.get(handler) is not None:
                return self.node.scalar(handler, "port")
        return None

    def number(self, field: str, default: int) -> int:
        """A number of its settings."""
        found = integer(self.node.get(field))
        return default if found is None else found


def probes(container: Container) -> list[Probe]:
    """The probes of a container."""
    found = []
    for kind in ("startup", "readiness", "liveness"):
        entry = container.node.entries.get(f"{kind}Probe")
        if entry is not None and type(entry.value) is yaml.Mapping:
            found.append(Probe(kind, entry.key, entry.value))
    return found
