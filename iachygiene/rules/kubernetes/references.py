"""References between objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import ManifestSet, Object, Pod, is_unknown
from iachygiene.parse.workloads import CLUSTERS_OWN, made_by_operator, patched, together
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import looks_at


@rule(
    "K8S601",
    ManifestSet,
    Severity.WARNING,
    aliases=("kube-linter:dangling-service", "kube-score:service-targets-pod"),
)
def service_selects_nothing(
    manifests: ManifestSet, *, ignored_labels: tuple[str, ...] = (), peer_forms: bool = False
) -> Findings:
    """A Service selects no pods: its labels match no pod template of its namespace.

    A Service finds its pods by their labels alone. When one label is spelled differently,
    nothing fails to apply; the Service just has no endpoints, and its clients get
    "connection refused". Looked at are the manifests of one directory and of those that a
    kustomization joins to it. Where none of them makes pods, or none in the namespace that
    the Service names, or one could not be read, the pods may be elsewhere and nothing is said;
    so may those that an operator makes for a custom resource of a name that is asked for. In
    trees of tests and documentation each file stands for itself.

    Options:
        ignored_labels: names of labels that something else gives to the pods.
        peer_forms: report also, with severity info, where the pods may be elsewhere, and where
            other tools do not see those that are here.

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
    Good: nothing here runs in the namespace that it names
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop, labels: {app: web}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: gpu-exporter, namespace: monitoring}
        spec:
          selector: {app: gpu-exporter}
          ports: [{port: 9400}]
    Good: the StatefulSet's controller adds the name of each pod to its labels
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
        metadata: {name: db-0}
        spec:
          selector: {app: db, statefulset.kubernetes.io/pod-name: db-0}
          ports: [{port: 5432}]
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
    by_name = {pod.owner.name: pod for pod in pods}
    for service in manifests.of("Service"):
        selector = service.root.mapping("spec", "selector")
        wanted = selector.text_map() if selector else {}
        if selector is None or not wanted or any(map(is_unknown, wanted.values())):
            continue
        if service.root.text("spec", "type") == "ExternalName":
            continue
        wanted = {name: value for name, value in wanted.items() if name not in ignored_labels}
        found = manifests.selected_by(service, wanted)
        known = manifests.complete and not patched(manifests)
        here = not found and known and _would_be_here(service, wanted, pods)
        here = here and not made_by_operator(manifests, wanted)
        aliases = _missed(service, wanted, found)
        if here or (peer_forms and aliases):
            nearest = by_name.get(service.name) or _nearest(wanted, pods)
            yield at(
                selector,
                f'"{_shown(wanted)}" matches no pod template here',
                related=[_near_miss(nearest, wanted)] if nearest else (),
                object=service.object,
                severity=None if here else Severity.INFO,
                aliases=aliases,
            )


def _missed(service: Object, wanted: Mapping[str, str], found: Sequence[Pod]) -> tuple[str, ...]:
    """The peers that see no pod, for they do not know its kind or how its labels come about."""
    return tuple(
        alias
        for alias in ("kube-linter:dangling-service", "kube-score:service-targets-pod")
        if not any(
            looks_at(alias.partition(":")[0], pod.owner)
            and pod.owner.namespace == service.namespace
            and wanted.items() <= pod.labels.items()
            for pod in found
        )
    )


def _near_miss(pod: Pod, wanted: Mapping[str, str]) -> Location:
    if wanted.items() <= pod.labels.items():
        where = f'namespace "{pod.owner.namespace}"' if pod.owner.namespace else "no namespace"
        return pod.labels_location.labelled(f"these labels are in {where}")
    return pod.labels_location.labelled("the nearest labels")


def _would_be_here(service: Object, wanted: Mapping[str, str], pods: list[Pod]) -> bool:
    """Whether the pods of a Service should be among these."""
    if service.namespace == CLUSTERS_OWN:
        return False
    return any(
        not service.namespace
        or not service.namespaces.isdisjoint(pod.owner.namespaces)
        or wanted.items() <= pod.labels.items()
        for pod in pods
        if together(service, pod.owner)
    )


def _shown(labels: Mapping[str, str]) -> str:
    shown = ",".join(f"{name}={value}" for name, value in labels.items())
    return shown if len(shown) <= 120 else shown[:119] + "…"


def _nearest(wanted: Mapping[str, str], pods: list[Pod]) -> Pod | None:
    """One of the first pod templates whose label values look most like what is wanted."""
    from difflib import get_close_matches

    values = {"\n".join(pod.labels.get(name, "") for name in wanted): pod for pod in pods[:50]}
    close = get_close_matches("\n".join(wanted.values()), values, 1)
    return values[close[0]] if close else None
