"""Network policies and the pods they speak of."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import ManifestSet, Object, Pod
from iachygiene.parse.workloads import (
    CLUSTERS_OWN,
    items,
    made_by_operator,
    may_match,
    patched,
    place,
    same_namespace,
    selected_pods,
    texts,
    together,
)
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known, looks_at

_SELECTS = ("kube-linter:dangling-networkpolicy", "kube-score:networkpolicy-targets-pod")


def _policies(manifests: ManifestSet) -> Iterator[Object]:
    for policy in manifests.of("NetworkPolicy", "networking.k8s.io"):
        if policy.get("spec") is not None:
            yield policy


def _is_known(manifests: ManifestSet) -> bool:
    """Whether the pods of the set are all there is, and as they are written."""
    return manifests.complete and not patched(manifests)


def _any_here(manifests: ManifestSet, policy: Object) -> bool:
    return policy.namespace != CLUSTERS_OWN and any(
        same_namespace(pod.owner, policy) and together(policy, pod.owner) for pod in manifests.pods
    )


def _seen_by(tool: str, manifests: ManifestSet, policy: Object, selector: Mapping | None) -> bool:
    """Whether a peer finds a pod that the selector matches; no selector is an empty one."""
    return any(
        looks_at(tool, pod.owner)
        and pod.owner.namespace == policy.namespace
        and (selector is None or may_match(selector, pod))
        for pod in manifests.pods
    )


@rule("K8S605", ManifestSet, Severity.WARNING, aliases=_SELECTS)
def networkpolicy_selects_nothing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A network policy selects no pods.

    It protects nobody, and says nothing: the pods it was meant for take traffic from
    everywhere. Looked at are the pods of one directory and of those that a kustomization
    joins to it; where none is in the namespace, they may be elsewhere.

    Options:
        peer_forms: report also, with severity info, where the pods may be elsewhere.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: db, labels: {app: db}}
        spec:
          containers: [{name: db, image: "postgres:17.2"}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: db}
        spec: {podSelector: {matchLabels: {app: bd}}, policyTypes: [Ingress]}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: db, labels: {app: db}}
        spec:
          containers: [{name: db, image: "postgres:17.2"}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: db}
        spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}
    """
    for policy in _policies(manifests):
        selector = policy.root.mapping("spec", "podSelector")
        found = selected_pods(manifests, policy, selector) if selector else None
        likely = found == [] and _is_known(manifests) and _any_here(manifests, policy)
        labels = selector.mapping("matchLabels") if selector else None
        if likely and labels is not None:
            likely = not made_by_operator(manifests, labels.text_map())
        aliases = tuple(
            alias
            for alias in _SELECTS
            if not _seen_by(alias.partition(":")[0], manifests, policy, selector)
        )
        if likely or (peer_forms and aliases and not found):
            where = selector.location if selector else place(policy, "spec", "podSelector").location
            yield at(
                where,
                "no pod here is selected",
                object=policy.object,
                severity=None if likely else Severity.INFO,
                aliases=aliases,
            )


_PEER = ("kube-linter:dangling-networkpolicypeer-podselector",)


@rule("K8S606", ManifestSet, Severity.INFO, default="off", aliases=_PEER)
def networkpolicy_peer_selects_nothing(manifests: ManifestSet) -> Findings:
    """A rule of a network policy lets traffic pass for pods that are not there.

    The label may be misspelled, and then those that were meant are shut out. Or the pods
    are in other manifests.

    Bad:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: db}
        spec:
          podSelector: {matchLabels: {app: db}}
          ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: db}
        spec:
          podSelector: {matchLabels: {app: db}}
          ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
    """
    for policy in _policies(manifests):
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for one in items(policy.root, "spec", direction):
                for peer in items(one, side):
                    selector = peer.mapping("podSelector")
                    if selector is None or peer.get("namespaceSelector") is not None:
                        continue
                    if not _seen_by("kube-linter", manifests, policy, selector):
                        ours = selected_pods(manifests, policy, selector)
                        if not ours:
                            message = "no pod here is let through"
                            yield at(selector.location, message, object=policy.object)


_ISOLATED = (
    "kube-linter:non-isolated-pod",
    "kube-score:pod-networkpolicy",
    "checkov:CKV2_K8S_6",
)


@rule("K8S607", ManifestSet, Severity.INFO, default="off", security=True, aliases=_ISOLATED)
def pod_without_networkpolicy(manifests: ManifestSet) -> Findings:
    """No network policy holds for a pod, or only one for one direction.

    Every pod of the cluster may then speak to it, and it to every other and to the world.
    Who gets into one pod goes on from there.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: web}
        spec:
          podSelector: {}
          policyTypes: [Ingress, Egress]
    """
    policies = list(_policies(manifests))
    for pod in manifests.pods:
        if pod.partial:
            continue
        covered = _directions(pod, policies)
        if covered >= {"Ingress", "Egress"}:
            continue
        missing = "no network policy" if not covered else f"no policy but for {min(covered)}"
        aliases = known(pod.owner, _ISOLATED if not covered else _ISOLATED[1:2])
        yield at(pod.owner, missing, aliases=aliases)


def _directions(pod: Pod, policies: list[Object]) -> set[str]:
    """The directions in which policies hold for a pod."""
    covered: set[str] = set()
    for policy in policies:
        selector = policy.root.mapping("spec", "podSelector")
        if same_namespace(policy, pod.owner) and (selector is None or may_match(selector, pod)):
            kinds = {node.text for node in texts(policy.root, "spec", "policyTypes")}
            egress = policy.root.sequence("spec", "egress")
            covered |= kinds or {"Ingress", *(("Egress",) * bool(egress))}
    return covered
