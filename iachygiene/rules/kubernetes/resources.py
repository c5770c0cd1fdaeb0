"""What containers ask of their node."""

from __future__ import annotations

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Container, ManifestSet, Object, is_zero
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known


@rule(
    "K8S500",
    ManifestSet,
    Severity.INFO,
    aliases=(
        "kube-linter:unset-cpu-requirements",
        "kube-linter:unset-memory-requirements",
        "kube-score:container-resources",
        "checkov:CKV_K8S_10",
        "checkov:CKV_K8S_11",
        "checkov:CKV_K8S_12",
        "checkov:CKV_K8S_13",
        "trivy:KSV011",
        "trivy:KSV015",
        "trivy:KSV016",
        "trivy:KSV018",
    ),
)
def missing_resources(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A container says neither what CPU and memory it needs nor how much it may take.

    The scheduler places it as if it needed nothing, so a node fills up until somebody runs
    out of memory; and when a node is short of memory, pods without requests go first.

    Options:
        peer_forms: report also where a LimitRange of the namespace fills in the values.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
    Bad: storage alone is neither
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {limits: {ephemeral-storage: 1Gi}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources:
                requests: {cpu: 50m, memory: 64Mi}
                limits: {memory: 128Mi}
    Good: the pod asks for all its containers together
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          resources:
            requests: {cpu: 50m, memory: 64Mi}
          containers:
            - name: web
              image: nginx:1.27.3
    Good: a LimitRange fills in what is missing
        apiVersion: v1
        kind: LimitRange
        metadata: {name: defaults}
        spec:
          limits:
            - type: Container
              defaultRequest: {cpu: 50m, memory: 64Mi}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
    """
    ranges = list(manifests.of("LimitRange"))
    seen: set[Location] = set()
    for pod in manifests.pods:
        filled_in = not peer_forms and _any_covers(ranges, pod.owner)
        if pod.partial or filled_in or pod.spec is None or pod.spec.get("resources"):
            continue
        for container in pod.of("container", "init"):
            if not _asks(container) and container.location not in seen:
                seen.add(container.location)
                message = "neither requests nor limits for CPU and memory"
                yield at(container, message, aliases=known(pod.owner, _ALIASES))


_ALIASES = (
    "kube-linter:unset-cpu-requirements",
    "kube-linter:unset-memory-requirements",
    "kube-score:container-resources",
    *(f"checkov:CKV_K8S_{number}" for number in (10, 11, 12, 13)),
    *(f"trivy:KSV0{number}" for number in (11, 15, 16, 18)),
)


def _any_covers(ranges: list[Object], owner: Object) -> bool:
    return any(not owner.namespaces.isdisjoint(one.namespaces) for one in ranges)


def _asks(container: Container) -> bool:
    resources = container.node.get("resources")
    if type(resources) is not Mapping:
        return resources is not None
    for part in ("requests", "limits"):
        amounts = resources.get(part)
        if amounts is not None and type(amounts) is not Mapping:
            return True
        for name in ("cpu", "memory"):
            amount = resources.get(part, name)
            if amount is not None and not (type(amount) is Scalar and is_zero(amount.text)):
                return True
    return False
