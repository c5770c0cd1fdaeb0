"""Where pods run, and what of."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Manifest, Pod, is_unknown
from iachygiene.parse.workloads import integer, items
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_SPREAD = ("kube-score:pod-topology-spread-constraints",)


@rule("K8S512", Manifest, Severity.ERROR, aliases=_SPREAD)
def invalid_topology_spread(manifest: Manifest) -> Findings:
    """A constraint that spreads pods over nodes is refused, or counts no pods.

    It needs a `topologyKey`, a `maxSkew` of 1 or more and what to do when it cannot be kept.
    Without a `labelSelector`, a warning, it counts no pod and so holds always.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          topologySpreadConstraints:
            - maxSkew: 0
              topologyKey: kubernetes.io/hostname
              whenUnsatisfiable: DoNotSchedule
              labelSelector: {matchLabels: {app: web}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Bad: no pod is counted
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          topologySpreadConstraints:
            - maxSkew: 1
              topologyKey: kubernetes.io/hostname
              whenUnsatisfiable: DoNotSchedule
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          topologySpreadConstraints:
            - maxSkew: 1
              topologyKey: kubernetes.io/hostname
              whenUnsatisfiable: DoNotSchedule
              labelSelector: {matchLabels: {app: web}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        aliases = known(pod.owner, _SPREAD)
        for constraint in items(pod.spec, "topologySpreadConstraints"):
            for where, message, severity in _faults(constraint, pod.partial):
                yield at(where, message, object=pod.object, severity=severity, aliases=aliases)


def _faults(constraint: Mapping, partial: bool) -> Iterator[tuple[Location, str, Severity | None]]:
    first = constraint.children[0].location if constraint.children else constraint.location
    for field in ("maxSkew", "minDomains"):
        node, number = constraint.get(field), integer(constraint.get(field))
        if node is not None and number is not None and number < 1:
            yield node.location, f"{field} is less than 1", None
    action = constraint.scalar("whenUnsatisfiable")
    possible = ("DoNotSchedule", "ScheduleAnyway")
    if action is not None and action.text not in possible and not is_unknown(action.text):
        yield action.location, f'"{action.text}" is not possible here', None
    if not partial:
        for field in ("maxSkew", "topologyKey", "whenUnsatisfiable"):
            if constraint.get(field) is None:
                yield first, f"{field} is missing", None
        if constraint.get("labelSelector") is None:
            yield first, "without a labelSelector no pod is counted", Severity.WARNING


@rule(
    "K8S526", Manifest, Severity.INFO, default="off", aliases=("kube-linter:priority-class-name",)
)
def priority_class_not_accepted(
    manifest: Manifest,
    *,
    accepted: tuple[str, ...] = ("system-cluster-critical", "system-node-critical"),
) -> Findings:
    """A pod has a priority class that is not on the list.

    Pods of a higher class push out those of a lower one. Who may take which is worth an
    agreement, and the list is the place of it.

    Options:
        accepted: the priority classes that pods may have.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          priorityClassName: most-important
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        node = pod.spec.scalar("priorityClassName") if pod.spec else None
        if node is None or not node.text.strip() or node.text in accepted:
            continue
        if not is_unknown(node.text):
            message = f'the priority class "{node.text}" is not on the list'
            aliases = known(pod.owner, ("kube-linter:priority-class-name",))
            yield at(node.location, message, object=pod.object, aliases=aliases)


def _whole(manifest: Manifest) -> Iterator[tuple[Pod, Mapping]]:
    for pod in manifest.pods:
        if pod.spec is not None and not pod.partial:
            yield pod, pod.spec


@rule("K8S527", Manifest, Severity.INFO, default="off", aliases=("kube-linter:no-node-affinity",))
def missing_node_affinity(manifest: Manifest) -> Findings:
    """A pod does not say which nodes it should run on.

    In a cluster of unlike nodes it may land on one with the wrong processor or without the
    disk it needs. Where all nodes are alike, that is as it should be.

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
          affinity:
            nodeAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                nodeSelectorTerms:
                  - matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [amd64]}]
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod, spec in _whole(manifest):
        if spec.get("affinity", "nodeAffinity") is None:
            aliases = known(pod.owner, ("kube-linter:no-node-affinity",))
            yield at(pod, "no node affinity", aliases=aliases)


@rule("K8S528", Manifest, Severity.INFO, default="off", aliases=("kube-linter:dnsconfig-options",))
def dns_config_option_missing(
    manifest: Manifest, *, key: str = "ndots", value: str = "2"
) -> Findings:
    """A pod does not set an option for looking up names, such as `ndots`.

    By default a name with fewer than five dots is first tried in every domain of the
    cluster: `api.example.com` costs four failed look-ups before the right one. `ndots: 2`
    ends that.

    Options:
        key: the name of the option that there should be.
        value: the value it should have.

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
          dnsConfig: {options: [{name: ndots, value: "2"}]}
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod, spec in _whole(manifest):
        options = list(items(spec, "dnsConfig", "options"))
        if not any((one.text("name"), one.text("value")) == (key, value) for one in options):
            aliases = known(pod.owner, ("kube-linter:dnsconfig-options",))
            yield at(pod, f'no option "{key}" of "{value}" for look-ups', aliases=aliases)


_HOOKS = ("helm.sh/hook", "argocd.argoproj.io/hook", "kubernetes.io/config.mirror")
_TEST_FOLDERS = frozenset(("test", "tests", "testdata", "e2e", "static-pods"))


@rule("K8S529", Manifest, Severity.INFO, default="strict")
def bare_pod(manifest: Manifest) -> Findings:
    """A pod stands alone, with no workload that would make it again.

    When its node fails it is gone, and nearly every change to it means to delete it first. A
    Deployment or a Job looks after its pods. Hooks of Helm and Argo CD, the static pods of a
    node and pods in a folder for tests are not reported.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web-test, annotations: {helm.sh/hook: test}}
        spec:
          containers: [{name: test, image: "curlimages/curl:8.11.1"}]
    """
    for pod in manifest.pods:
        owner = pod.owner
        if (owner.group, owner.kind) != ("", "Pod") or pod.partial:
            continue
        annotations = pod.annotations
        if annotations is not None and any(name in annotations for name in _HOOKS):
            continue
        if _TEST_FOLDERS.isdisjoint(manifest.file.path.split("/")):
            yield at(owner.location, "no workload looks after the pod", object=owner.object)
