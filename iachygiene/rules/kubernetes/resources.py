"""What containers ask of their node."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, ManifestSet, is_zero, quantity
from iachygiene.parse.workloads import same_namespace
from iachygiene.parse.yaml import Mapping, Node, Scalar
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
    for container in _judged(manifests, peer_forms):
        if not _asks(container):
            message = "neither requests nor limits for CPU and memory"
            yield at(container, message, aliases=known(container.owner, _ALIASES))


_ALIASES = (
    "kube-linter:unset-cpu-requirements",
    "kube-linter:unset-memory-requirements",
    "kube-score:container-resources",
    *(f"checkov:CKV_K8S_{number}" for number in (10, 11, 12, 13)),
    *(f"trivy:KSV0{number}" for number in (11, 15, 16, 18)),
)


def _judged(manifests: ManifestSet, filled_in: bool = False) -> Iterator[Container]:
    """The regular and init containers that have to ask for themselves, once each.

    Where the pod asks for all of them they need not, nor where a LimitRange of the namespace
    fills in what is missing, unless `filled_in`.
    """
    ranges = list(manifests.of("LimitRange"))
    seen: set[int] = set()
    for pod in manifests.pods:
        if pod.partial or pod.spec is None or pod.spec.get("resources"):
            continue
        if not filled_in and any(same_namespace(pod.owner, one) for one in ranges):
            continue
        for container in pod.of("container", "init"):
            if id(container.node) not in seen:
                seen.add(id(container.node))
                yield container


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


def _amount(container: Container, part: str, name: str) -> Node | None:
    """What a container writes for a resource, None for nothing and for zero."""
    amount = container.node.get("resources", part, name)
    return None if type(amount) is Scalar and is_zero(amount.text) else amount


def _lacking(
    manifests: ManifestSet, part: str, name: str, filled_in: bool
) -> Iterator[tuple[Container, str]]:
    """The containers that ask for something but not for this, with what a report says."""
    word = "CPU" if name == "cpu" else name
    for container in _judged(manifests, filled_in):
        if not _asks(container) or _amount(container, part, name) is not None:
            continue
        limit = _amount(container, "limits", name)
        message = f"no {word} {part[:-1]}"
        if part == "requests" and type(limit) is Scalar:
            message += f'; the limit "{limit.text}" counts as one'
        yield container, message


_CPU_REQUEST = (
    "kube-linter:unset-cpu-requirements",
    "kube-score:container-resources",
    "checkov:CKV_K8S_10",
    "trivy:KSV015",
)


@rule("K8S501", ManifestSet, Severity.INFO, default="strict", aliases=_CPU_REQUEST)
def cpu_request_missing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A container does not say how much CPU it needs.

    The scheduler takes it for nothing, and when the node is busy the container gets what
    others leave. A limit counts as the request where there is none.

    Options:
        peer_forms: report also where a LimitRange of the namespace fills in the value.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {memory: 64Mi}, limits: {memory: 128Mi}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
    """
    for container, message in _lacking(manifests, "requests", "cpu", peer_forms):
        yield at(container, message, aliases=known(container.owner, _CPU_REQUEST))


_MEMORY_REQUEST = ("kube-score:container-resources", "checkov:CKV_K8S_12", "trivy:KSV016")


@rule("K8S502", ManifestSet, Severity.INFO, default="strict", aliases=_MEMORY_REQUEST)
def memory_request_missing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A container does not say how much memory it needs.

    The scheduler takes it for nothing, so that a node fills up until somebody runs out of
    memory. A limit counts as the request where there is none.

    Options:
        peer_forms: report also where a LimitRange of the namespace fills in the value.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {cpu: 50m}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
    """
    for container, message in _lacking(manifests, "requests", "memory", peer_forms):
        yield at(container, message, aliases=known(container.owner, _MEMORY_REQUEST))


_MEMORY_LIMIT = (
    "kube-linter:unset-memory-requirements",
    "kube-score:container-resources",
    "checkov:CKV_K8S_13",
    "trivy:KSV018",
)


@rule("K8S503", ManifestSet, Severity.WARNING, default="strict", aliases=_MEMORY_LIMIT)
def memory_limit_missing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A container may take all the memory of its node.

    When it leaks, the kernel ends whatever process it finds, often another pod's. With a
    limit it is the container itself that is restarted.

    Options:
        peer_forms: report also where a LimitRange of the namespace fills in the value.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {cpu: 50m, memory: 64Mi}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
    """
    for container, message in _lacking(manifests, "limits", "memory", peer_forms):
        yield at(container, message, aliases=known(container.owner, _MEMORY_LIMIT))


_CPU_LIMIT = ("kube-score:container-resources", "checkov:CKV_K8S_11", "trivy:KSV011")


@rule("K8S504", ManifestSet, Severity.INFO, default="off", aliases=_CPU_LIMIT)
def cpu_limit_missing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A container may take all the CPU that others leave.

    Many leave it so on purpose: a limit slows a container down even when the node is idle,
    and requests alone share a busy node fairly.

    Options:
        peer_forms: report also where a LimitRange of the namespace fills in the value.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {cpu: "1", memory: 128Mi}}
    """
    for container, message in _lacking(manifests, "limits", "cpu", peer_forms):
        yield at(container, message, aliases=known(container.owner, _CPU_LIMIT))


_STORAGE = ("kube-score:container-ephemeral-storage-request-and-limit",)


@rule("K8S505", ManifestSet, Severity.INFO, default="off", aliases=_STORAGE)
def ephemeral_storage_unset(manifests: ManifestSet) -> Findings:
    """A container does not say how much of its node's disk it needs, or may fill.

    Logs, the container's own files and `emptyDir` volumes lie there. A full disk makes the
    kubelet evict pods, first those that use more than they asked for.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {ephemeral-storage: 1Gi}, limits: {ephemeral-storage: 2Gi}}
    """
    for container in _judged(manifests, filled_in=True):
        parts = ("requests", "limits")
        missing = [part for part in parts if not _amount(container, part, "ephemeral-storage")]
        if missing:
            message = f"no {' and '.join(missing)} for ephemeral storage"
            yield at(container, message, aliases=known(container.owner, _STORAGE))


@rule("K8S506", Manifest, Severity.ERROR)
def request_exceeds_limit(manifest: Manifest) -> Findings:
    """A container asks for more than it may take.

    The API server refuses the whole object.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {memory: 1Gi}, limits: {memory: 512Mi}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {memory: 1Gi}, limits: {memory: 1024Mi}}
    """
    for container in manifest.containers:
        resources = container.node.mapping("resources")
        requests = resources.mapping("requests") if resources else None
        limits = resources.mapping("limits") if resources else None
        for name, entry in requests.entries.items() if requests and limits else ():
            limit = limits.scalar(name) if limits else None
            if limit is None or type(entry.value) is not Scalar:
                continue
            asked, allowed = quantity(entry.value.text), quantity(limit.text)
            if asked is not None and allowed is not None and asked > allowed:
                message = f'"{entry.value.text}" exceeds the limit "{limit.text}"'
                related = [limit.location.labelled("the limit")]
                yield at(entry.value.location, message, related=related, object=container.object)


_EQUAL = {
    "cpu": (
        "kube-score:container-resource-requests-equal-limits",
        "kube-score:container-cpu-requests-equal-limits",
    ),
    "memory": (
        "kube-score:container-resource-requests-equal-limits",
        "kube-score:container-memory-requests-equal-limits",
    ),
    "ephemeral-storage": ("kube-score:container-ephemeral-storage-request-equals-limit",),
}


@rule(
    "K8S507",
    Manifest,
    Severity.INFO,
    default="off",
    aliases=tuple(dict.fromkeys(alias for aliases in _EQUAL.values() for alias in aliases)),
)
def requests_differ_from_limits(manifest: Manifest) -> Findings:
    """A container may take more than it asked for.

    Only a pod whose requests equal its limits, for CPU and memory of all containers, is of
    the class `Guaranteed`, the last to be evicted. For most programs that costs more than it
    gains.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {memory: 64Mi}, limits: {memory: 128Mi}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              resources: {requests: {memory: 128Mi}, limits: {memory: 128Mi}}
    """
    for container in manifest.containers:
        if container.kind == "ephemeral" or container.owner.partial:
            continue
        for name, aliases in _EQUAL.items():
            request = container.node.get("resources", "requests", name)
            limit = container.node.get("resources", "limits", name)
            either = limit or request
            if either is None or _value(request) == _value(limit):
                continue
            if name != "ephemeral-storage" or (request is not None and limit is not None):
                message = f"request and limit of {name} differ"
                peers = known(container.owner, aliases)
                yield at(either.location, message, object=container.object, aliases=peers)


def _value(node: Node | None) -> object:
    """The amount that a node says, 0 for none; the node itself where it says no amount."""
    if node is None:
        return 0
    amount = quantity(node.text) if type(node) is Scalar else None
    return node if amount is None else amount
