"""How many pods a workload has, where they run and how they are replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Manifest, ManifestSet, Object, Pod, is_unknown
from iachygiene.parse.workloads import (
    REPLICATED,
    integer,
    items,
    may_match,
    place,
    replicas,
    scaled_by,
    selected_by_peers,
    services_of_pods,
    texts,
)
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_ZONES = frozenset(
    (
        *("kubernetes.io/hostname", "topology.kubernetes.io/zone"),
        *("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone"),
        "failure-domain.beta.kubernetes.io/region",
    )
)


def _is_v1(owner: Object, *kinds: str) -> bool:
    return (owner.group, owner.version) == ("apps", "v1") and owner.kind in kinds


def _replicated(manifest: Manifest | ManifestSet) -> Iterator[Pod]:
    """The whole pods of which there may be several."""
    for pod in manifest.pods:
        owner = pod.owner
        if (owner.group, owner.kind) in REPLICATED and not owner.partial:
            yield pod


_FEW = ("kube-linter:minimum-three-replicas",)


@rule("K8S508", Manifest, Severity.INFO, default="off", aliases=_FEW)
def few_replicas(manifest: Manifest, *, min_replicas: int = 3) -> Findings:
    """A workload has fewer than three pods.

    With two, one is left while the other is replaced, and it has to bear the whole load.

    Options:
        min_replicas: how many pods there should be.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 3
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in _replicated(manifest):
        count = replicas(pod.owner)
        if count is not None and count < min_replicas:
            aliases = known(pod.owner, _FEW)
            node = pod.owner.get("spec", "replicas")
            message = f"{count} pod{'s' * (count != 1)} of the {min_replicas} there should be"
            where = node.location if node else pod.owner.location
            yield at(where, message, object=pod.object, aliases=aliases)


def _is_called(manifests: ManifestSet, pod: Pod, peer_forms: bool) -> bool:
    called = bool(services_of_pods(manifests).get(id(pod)))
    return called or (peer_forms and selected_by_peers(manifests, pod))


def _is_called_for_peers(manifests: ManifestSet, pod: Pod) -> bool:
    """Whether kube-score sees a Service: to it no namespace is another one than `default`."""
    services = services_of_pods(manifests).get(id(pod), ())
    same = any(service.namespace == pod.owner.namespace for service in services)
    return same or selected_by_peers(manifests, pod)


def _keeps_data(pod: Pod) -> bool:
    return any(
        volume.get("persistentVolumeClaim") is not None for volume in items(pod.spec, "volumes")
    )


@rule(
    "K8S509",
    ManifestSet,
    Severity.INFO,
    default="strict",
    aliases=("kube-score:deployment-replicas",),
)
def single_replica_behind_service(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A Deployment that a Service sends traffic to has a single pod.

    Whenever its node is drained or the pod fails, nobody answers.

    Options:
        peer_forms: report also where the pod mounts a claim, and so cannot have a twin, or
            where only kube-score takes a Service to select the pod.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 1
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    """
    for pod in _replicated(manifests):
        count = replicas(pod.owner)
        if count is None or count > 1 or not _is_v1(pod.owner, "Deployment"):
            continue
        if scaled_by(manifests, pod.owner) or not _is_called(manifests, pod, peer_forms):
            continue
        if peer_forms or not _keeps_data(pod):
            node = pod.owner.get("spec", "replicas")
            message = "a Service sends traffic to a single pod"
            where = node.location if node else pod.owner.location
            aliases = None if _is_called_for_peers(manifests, pod) else ()
            yield at(where, message, object=pod.object, aliases=aliases)


class _Spread(NamedTuple):
    """How the pods of a workload are kept apart, as we and the peers see it."""

    apart: bool
    apart_for_kube_linter: bool
    apart_for_kube_score: bool


def _spread(pod: Pod) -> _Spread:
    good = good_for_kube_linter = good_for_kube_score = False
    affinity = pod.spec.mapping("affinity", "podAntiAffinity") if pod.spec else None
    for term in _terms(affinity):
        if not may_match(term.mapping("labelSelector"), pod):
            continue
        topology = term.text("topologyKey")
        good = True
        good_for_kube_score |= topology in _ZONES
        listed = [node.text for node in texts(term, "namespaces")]
        here = not listed or pod.owner.namespace in listed
        good_for_kube_linter |= topology == "kubernetes.io/hostname" and here
    for constraint in items(pod.spec, "topologySpreadConstraints"):
        good |= may_match(constraint.mapping("labelSelector"), pod)
    return _Spread(good, good_for_kube_linter, good_for_kube_score)


def _terms(affinity: Mapping | None) -> Iterator[Mapping]:
    for preferred in items(affinity, "preferredDuringSchedulingIgnoredDuringExecution"):
        term = preferred.mapping("podAffinityTerm")
        if term is not None:
            yield term
    yield from items(affinity, "requiredDuringSchedulingIgnoredDuringExecution")


_SPREAD_ALIASES = (
    "kube-linter:no-anti-affinity",
    "kube-score:deployment-has-host-podantiaffinity",
    "kube-score:statefulset-has-host-podantiaffinity",
)


def _spread_aliases(pod: Pod, spread: _Spread) -> tuple[str, ...]:
    aliases = []
    owner = pod.owner
    count = replicas(owner)
    if count is not None and count > 1 and not spread.apart_for_kube_linter:
        aliases.append("kube-linter:no-anti-affinity")
    unset = owner.get("spec", "replicas") is None
    several = unset or (count or 0) > 1
    if several and not spread.apart_for_kube_score and _is_v1(owner, "Deployment", "StatefulSet"):
        aliases.append(f"kube-score:{owner.kind.lower()}-has-host-podantiaffinity")
    return known(owner, aliases)


@rule("K8S510", Manifest, Severity.INFO, default="strict", aliases=_SPREAD_ALIASES)
def replicas_not_spread(manifest: Manifest) -> Findings:
    """Nothing keeps the pods of a workload off one and the same node.

    The scheduler likes to spread them, but does not have to. When all are on one node, they
    are gone together. `topologySpreadConstraints` or a `podAntiAffinity` keep them apart.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              topologySpreadConstraints:
                - maxSkew: 1
                  topologyKey: kubernetes.io/hostname
                  whenUnsatisfiable: ScheduleAnyway
                  labelSelector: {matchLabels: {app: web}}
              containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in _replicated(manifest):
        node = pod.owner.get("spec", "replicas")
        if node is None or (integer(node) or 0) < 2:
            continue
        spread = _spread(pod)
        if not spread.apart:
            aliases = _spread_aliases(pod, spread)
            message = "nothing keeps the pods off one and the same node"
            yield at(node.location, message, object=pod.object, aliases=aliases)


@rule("K8S511", Manifest, Severity.INFO, default="off", aliases=_SPREAD_ALIASES)
def spread_only_by_constraint(manifest: Manifest) -> Findings:
    """The pods of a workload have no anti-affinity to each other.

    What `replicas-not-spread` reports is left out. What is left is kept apart by
    `topologySpreadConstraints` or by zone alone, or does not say how many pods it has
    because an autoscaler does. Other tools ask for an anti-affinity here.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              affinity:
                podAntiAffinity:
                  requiredDuringSchedulingIgnoredDuringExecution:
                    - topologyKey: kubernetes.io/hostname
                      labelSelector: {matchLabels: {app: web}}
              containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in _replicated(manifest):
        node = pod.owner.get("spec", "replicas")
        spread = _spread(pod)
        if node is not None and (integer(node) or 0) > 1 and not spread.apart:
            continue
        aliases = _spread_aliases(pod, spread)
        if aliases:
            where = node.location if node else pod.location
            yield at(where, "the pods have no anti-affinity", object=pod.object, aliases=aliases)


_STRATEGIES = {
    ("apps", "Deployment"): "strategy",
    ("extensions", "Deployment"): "strategy",
    ("apps.openshift.io", "DeploymentConfig"): "strategy",
    ("apps", "DaemonSet"): "updateStrategy",
    ("extensions", "DaemonSet"): "updateStrategy",
    ("apps", "StatefulSet"): "updateStrategy",
}
_ROLLING = "kube-linter:no-rolling-update-strategy"


@rule(
    "K8S513",
    ManifestSet,
    Severity.WARNING,
    aliases=("kube-score:deployment-strategy", _ROLLING),
)
def recreate_behind_service(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A Deployment that a Service sends traffic to stops all its pods for an update.

    With the strategy `Recreate` the old pods end before the new ones start, so that every
    update is an outage. It is right for a program that must not run twice, such as one that
    mounts a claim; that is not reported.

    Options:
        peer_forms: report also where the pod mounts a claim, with severity info, and where
            only kube-score takes a Service to select the pod.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          strategy: {type: Recreate}
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    """
    for pod in _replicated(manifests):
        owner = pod.owner
        if owner.kind != "Deployment" or not _is_called(manifests, pod, peer_forms):
            continue
        strategy = owner.root.scalar("spec", "strategy", "type")
        if strategy is None or strategy.text in ("", "RollingUpdate") or is_unknown(strategy.text):
            continue
        hidden = _keeps_data(pod) or not services_of_pods(manifests).get(id(pod))
        if hidden and not peer_forms:
            continue
        peers = [_ROLLING]
        if _is_v1(owner, "Deployment") and _is_called_for_peers(manifests, pod):
            peers.append("kube-score:deployment-strategy")
        yield at(
            strategy.location,
            f"{strategy.text} ends all pods before new ones start",
            object=pod.object,
            severity=Severity.INFO if hidden else None,
            aliases=known(owner, peers),
        )


@rule("K8S514", Manifest, Severity.INFO, default="off", aliases=(_ROLLING,))
def non_rolling_update(manifest: Manifest) -> Findings:
    """A workload's pods are not replaced one after the other.

    With `Recreate` there is an outage, with `OnDelete` an update waits until somebody ends
    the pods by hand.

    Bad:
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: agent}
        spec:
          updateStrategy: {type: OnDelete}
          selector: {matchLabels: {app: agent}}
          template:
            metadata: {labels: {app: agent}}
            spec:
              containers: [{name: agent, image: "registry.example.com/agent:2.1.0"}]
    Good:
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: agent}
        spec:
          selector: {matchLabels: {app: agent}}
          template:
            metadata: {labels: {app: agent}}
            spec:
              containers: [{name: agent, image: "registry.example.com/agent:2.1.0"}]
    """
    for pod in manifest.pods:
        owner = pod.owner
        field = _STRATEGIES.get((owner.group, owner.kind))
        if field is None or owner.partial:
            continue
        strategy = owner.root.scalar("spec", field, "type")
        if strategy is not None and strategy.text not in ("", "Rolling", "RollingUpdate"):
            if not is_unknown(strategy.text):
                message = f"the strategy is {strategy.text}"
                aliases = known(owner, (_ROLLING,))
                yield at(strategy.location, message, object=pod.object, aliases=aliases)
        elif owner.version in ("v1beta1", "v1beta2") and owner.group == "apps":
            # Before apps/v1 the default was not the same for all kinds.
            message = f"{owner.group}/{owner.version} names no strategy"
            where = place(owner, "spec", field)
            yield at(where, message, object=pod.object, aliases=known(owner, (_ROLLING,)))
