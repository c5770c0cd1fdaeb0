"""PodDisruptionBudgets: how many pods may be away at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Manifest, ManifestSet, Object, Pod, is_unknown, matches
from iachygiene.parse.workloads import (
    REPLICATED,
    integer,
    items,
    may_match,
    replicas,
    same_namespace,
    scaled_by,
)
from iachygiene.parse.yaml import Node, Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import looks_at

_MISSING = (
    "kube-score:deployment-has-poddisruptionbudget",
    "kube-score:statefulset-has-poddisruptionbudget",
)


def _budgets(unit: Manifest | ManifestSet) -> Iterator[Object]:
    for one in unit.objects:
        if one.kind == "PodDisruptionBudget" and one.group == "policy" and not one.partial:
            yield one


@rule("K8S515", ManifestSet, Severity.INFO, default="strict", aliases=_MISSING)
def missing_disruption_budget(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A workload of several pods has no PodDisruptionBudget.

    When nodes are drained, for an upgrade say, all its pods may be ended at once. A budget
    makes the drain wait until enough of them run elsewhere.

    Options:
        peer_forms: report also where the workload does not say how many pods it has.

    Bad:
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
        ---
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          maxUnavailable: 1
          selector: {matchLabels: {app: web}}
    """
    budgets = list(_budgets(manifests))
    for pod in manifests.pods:
        owner = pod.owner
        if owner.kind not in ("Deployment", "StatefulSet", "Rollout") or pod.partial:
            continue
        node = owner.get("spec", "replicas")
        if (owner.group, owner.kind) not in REPLICATED or (node is None and not peer_forms):
            continue
        count = integer(node)
        if (node is not None and (count is None or count < 2)) or _has_budget(pod, budgets):
            continue
        is_v1 = (owner.group, owner.version) == ("apps", "v1")
        aliases = (f"kube-score:{owner.kind.lower()}-has-poddisruptionbudget",) if is_v1 else ()
        where = node.location if node else owner.location
        message = "no PodDisruptionBudget covers these pods"
        yield at(where, message, object=owner.object, aliases=aliases)


def _has_budget(pod: Pod, budgets: list[Object]) -> bool:
    return any(
        same_namespace(pod.owner, budget)
        and may_match(budget.root.mapping("spec", "selector"), pod)
        for budget in budgets
    )


class _Bound(NamedTuple):
    """A number or a share of pods."""

    value: int
    is_share: bool

    def of(self, count: int) -> int:
        """How many of so many pods that is, rounded up."""
        return -(-self.value * count // 100) if self.is_share else self.value


def _bound(node: Node | None) -> _Bound | None:
    if type(node) is not Scalar:
        return None
    number = integer(node)
    if number is not None:
        return _Bound(number, False)
    text = node.text[:-1]
    return _Bound(int(text), True) if node.text.endswith("%") and text.isdecimal() else None


_BLOCKS = ("kube-linter:pdb-max-unavailable", "kube-linter:pdb-min-available")


@rule("K8S516", ManifestSet, Severity.ERROR, aliases=_BLOCKS)
def budget_blocks_eviction(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A PodDisruptionBudget lets no pod go at all, or covers none.

    A node with such a pod can never be drained: the upgrade of the cluster hangs until
    somebody deletes the budget. The budget has to leave room for one pod at least.

    Options:
        peer_forms: report also, with severity info, what only kube-linter takes for such.

    Bad:
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          maxUnavailable: 0
          selector: {matchLabels: {app: web}}
    Bad: as many as there are
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
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          minAvailable: 2
          selector: {matchLabels: {app: web}}
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
        ---
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          minAvailable: 2
          selector: {matchLabels: {app: web}}
    """
    for budget in _budgets(manifests):
        is_v1 = budget.version == "v1"
        most = budget.get("spec", "maxUnavailable")
        bound = _bound(most)
        if most is not None and bound is not None and bound.value == 0:
            message = "no pod may ever be away"
            aliases = _BLOCKS[:1] if is_v1 else ()
            yield at(most.location, message, object=budget.object, aliases=aliases)
        least = budget.get("spec", "minAvailable")
        if least is None or (type(least) is Scalar and is_unknown(least.text)):
            continue
        peer = is_v1 and _blocks_to_kube_linter(manifests, budget, _bound(least))
        why = _why_blocked(manifests, budget, _bound(least))
        if why is not None or (peer and peer_forms):
            yield at(
                least.location,
                why[0] if why else "no pod may be away, to kube-linter",
                related=[why[1]] if why and why[1] else (),
                object=budget.object,
                severity=None if why else Severity.INFO,
                aliases=_BLOCKS[1:] if peer else (),
            )


def _why_blocked(
    manifests: ManifestSet, budget: Object, least: _Bound | None
) -> tuple[str, Location | None] | None:
    """Why a budget lets no pod go, with the place where the number of pods stands."""
    if least is None:
        return "neither a number nor a share of pods", None
    if least.is_share and least.value >= 100:
        return "no pod may ever be away", None
    selector = budget.root.mapping("spec", "selector")
    if selector is None:
        return "without a selector the budget covers no pods", None
    for pod in manifests.pods:
        owner = pod.owner
        if owner.partial or (owner.group, owner.kind) not in REPLICATED:
            continue
        if not same_namespace(budget, owner) or not may_match(selector, pod):
            continue
        count = _pod_count(manifests, owner)
        # A workload of no pods is switched off for now.
        if count and count <= least.of(count):
            node = owner.get("spec", "replicas")
            place = node.location if node else owner.location
            message = f"{least.of(count)} of {count} pods must be there"
            return message, place.labelled("so many pods there are")
    return None


def _pod_count(manifests: ManifestSet, owner: Object) -> int | None:
    count = replicas(owner)
    scalers = scaled_by(manifests, owner)
    if count == 1 and scalers:
        field = "minReplicaCount" if scalers[0].kind == "ScaledObject" else "minReplicas"
        return integer(scalers[0].get("spec", field))
    return count


def _blocks_to_kube_linter(manifests: ManifestSet, budget: Object, least: _Bound | None) -> bool:
    """What kube-linter makes of it: it compares with the selectors of workloads.

    Of a workload that has no number of replicas it takes 0, and it cannot read a selector
    with expressions of any workload of the namespace.
    """
    if least is None or (least.is_share and least.value == 100):
        return True
    selector = budget.root.mapping("spec", "selector")
    if selector is None:
        return True
    for pod in manifests.pods:
        owner = pod.owner
        if not looks_at("kube-linter", owner) or owner.namespace != budget.namespace:
            continue
        if owner.kind in ("Pod", "ReplicationController", "DeploymentConfig"):
            continue
        own = owner.root.mapping("spec", "selector")
        if any(True for _ in items(own, "matchExpressions")):
            return True
        labels = own.mapping("matchLabels") if own else None
        if matches(selector, labels.text_map() if labels else {}):
            count = 0
            if (owner.group, owner.kind) in REPLICATED:
                count = _pod_count(manifests, owner) or 0
            if count <= least.of(count):
                return True
    return False


@rule("K8S517", Manifest, Severity.ERROR, aliases=("kube-score:poddisruptionbudget-has-policy",))
def budget_without_policy(manifest: Manifest) -> Findings:
    """A PodDisruptionBudget says neither how many pods must stay nor how many may go, or both.

    Without either it does nothing; with both the API server refuses it.

    Bad:
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
    Bad:
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          minAvailable: 1
          maxUnavailable: 1
          selector: {matchLabels: {app: web}}
    Good:
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          maxUnavailable: 1
          selector: {matchLabels: {app: web}}
    """
    for budget in _budgets(manifest):
        least, most = budget.get("spec", "minAvailable"), budget.get("spec", "maxUnavailable")
        if least is not None and most is not None:
            message = "minAvailable and maxUnavailable exclude each other"
            yield at(most.location, message, object=budget.object, aliases=())
        elif least is None and most is None and budget.get("spec", "selector") is not None:
            yield at(budget, "neither minAvailable nor maxUnavailable")


@rule(
    "K8S518",
    Manifest,
    Severity.INFO,
    default="off",
    aliases=("kube-linter:pdb-unhealthy-pod-eviction-policy",),
)
def budget_unhealthy_eviction_unset(manifest: Manifest) -> Findings:
    """A PodDisruptionBudget does not say whether pods that are not ready may go.

    By default they may only while enough others are ready: a workload whose pods all fail
    then blocks the drain of its nodes. `unhealthyPodEvictionPolicy: AlwaysAllow` lets them
    go.

    Bad:
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          maxUnavailable: 1
          selector: {matchLabels: {app: web}}
    Good:
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: web}
        spec:
          maxUnavailable: 1
          unhealthyPodEvictionPolicy: AlwaysAllow
          selector: {matchLabels: {app: web}}
    """
    for budget in _budgets(manifest):
        if budget.version == "v1" and not budget.get("spec", "unhealthyPodEvictionPolicy"):
            yield at(budget, "unhealthyPodEvictionPolicy is not set")
