"""References between objects."""

from __future__ import annotations

from collections.abc import Mapping

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import ManifestSet, Object, Pod, is_unknown
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known


@rule(
    "K8S601",
    ManifestSet,
    Severity.WARNING,
    aliases=("kube-linter:dangling-service", "kube-score:service-targets-pod"),
)
def service_selects_nothing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """A Service selects no pods: its labels match no pod template of its namespace.

    A Service finds its pods by their labels alone. When one label is spelled differently,
    nothing fails to apply; the Service just has no endpoints, and its clients get
    "connection refused". Looked at are the manifests of one directory and of those that a
    kustomization joins to it. Where none of them makes pods, or one could not be read, the
    pods may be elsewhere and nothing is said.

    Options:
        peer_forms: report also where the pods may be elsewhere, with severity info.

    Bad: the Service asks for another spelling
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web, tier: front}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: wbe}
          ports: [{port: 80}]
    Bad: the pods are in another namespace
        -- deployment.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: shop}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
        -- service.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports: [{port: 80}]
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web, tier: front}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports: [{port: 80}]
    Good: the pods come from elsewhere
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports: [{port: 80}]
    Good: a Service that is only a name for another host
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: payments}
        spec:
          type: ExternalName
          externalName: payments.example.com
          selector: {app: payments}
    """
    pods = [pod for pod in manifests.pods if not pod.partial]
    known_here = bool(pods) and manifests.complete
    for service in manifests.of("Service") if known_here or peer_forms else ():
        selector = service.root.mapping("spec", "selector")
        wanted = selector.text_map() if selector else {}
        if selector is None or not wanted or any(map(is_unknown, wanted.values())):
            continue
        if service.root.text("spec", "type") == "ExternalName":
            continue
        if not manifests.selected_by(service, wanted):
            nearest = _nearest(service, wanted, pods)
            yield at(
                selector,
                f'"{_shown(wanted)}" matches no pod template here',
                related=[nearest.labels_location.labelled("the nearest labels")] if nearest else (),
                object=service.object,
                severity=None if known_here else Severity.INFO,
                aliases=_gates(service, wanted, pods),
            )


def _shown(labels: Mapping[str, str]) -> str:
    shown = ",".join(f"{name}={value}" for name, value in labels.items())
    return shown if len(shown) <= 120 else shown[:119] + "…"


def _nearest(service: Object, wanted: Mapping[str, str], pods: list[Pod]) -> Pod | None:
    """The pod template whose labels look most like what is wanted; the own namespace first."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(_shown(dict(sorted(wanted.items()))))

    def likeness(pod: Pod) -> tuple[float, bool]:
        own = {name: value for name, value in pod.labels.items() if name in wanted}
        matcher.set_seq1(_shown(dict(sorted(own.items()))))
        return matcher.ratio(), not service.namespaces.isdisjoint(pod.owner.namespaces)

    nearest = max(pods[:200], key=likeness, default=None)
    return nearest if nearest is not None and likeness(nearest)[0] >= 0.6 else None


def _gates(service: Object, wanted: Mapping[str, str], pods: list[Pod]) -> tuple[str, ...]:
    """The peers that find no pod either; they compare namespaces as they are written."""
    found: set[str] = set()
    for pod in pods:
        if pod.owner.namespace == service.namespace and wanted.items() <= pod.labels.items():
            found.update(known(pod.owner, _PEERS))
    return tuple(alias for alias in _PEERS if alias not in found)


_PEERS = ("kube-linter:dangling-service", "kube-score:service-targets-pod")
