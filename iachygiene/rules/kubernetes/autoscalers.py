"""Autoscalers and what they scale."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import CARRIERS, Manifest, ManifestSet, Object, is_unknown
from iachygiene.parse.workloads import (
    REPLICATED,
    by_name,
    integer,
    items,
    place,
    same_namespace,
    scaled_by,
    texts,
    together,
)
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import looks_at

_PEERS_READ = frozenset(("v1", "v2beta1", "v2beta2", "v2"))


def _autoscalers(unit: Manifest | ManifestSet) -> Iterator[Object]:
    for one in unit.objects:
        is_scaler = (one.group, one.kind) == ("autoscaling", "HorizontalPodAutoscaler")
        if is_scaler and not one.partial and one.get("spec", "scaleTargetRef") is not None:
            yield one


_FEW = (
    "kube-linter:hpa-minimum-three-replicas",
    "kube-score:horizontalpodautoscaler-replicas",
)


@rule("K8S519", Manifest, Severity.INFO, default="off", aliases=_FEW)
def autoscaler_few_replicas(manifest: Manifest, *, min_replicas: int = 3) -> Findings:
    """An autoscaler may go below three pods.

    With two, one is left while the other is replaced; with one there is an outage. An
    autoscaler that names no least number goes down to one.

    Options:
        min_replicas: how many pods there should be at least.

    Bad:
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          maxReplicas: 10
    Good:
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          minReplicas: 3
          maxReplicas: 10
    """
    for scaler in _autoscalers(manifest):
        node = scaler.get("spec", "minReplicas")
        count = 1 if node is None else integer(node)
        if count is not None and count < min_replicas:
            where = node.location if node else scaler.location
            aliases = _FEW if count < 2 else _FEW[:1]
            message = f"as few as {count} pod{'s' * (count != 1)}"
            yield at(where, message, object=scaler.object, aliases=aliases)


@rule("K8S520", Manifest, Severity.ERROR)
def invalid_autoscaler_bounds(manifest: Manifest) -> Findings:
    """An autoscaler has no upper bound, or one below its lower bound.

    The API server refuses it.

    Bad:
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          minReplicas: 5
          maxReplicas: 3
    Good:
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          minReplicas: 3
          maxReplicas: 5
    """
    for scaler in _autoscalers(manifest):
        most = scaler.get("spec", "maxReplicas")
        least = integer(scaler.get("spec", "minReplicas"))
        if most is None:
            yield at(place(scaler, "spec").location, "maxReplicas is missing", object=scaler.object)
            continue
        count = integer(most)
        if count is not None and count < (1 if least is None else least):
            message = f"maxReplicas {count} is below minReplicas {1 if least is None else least}"
            yield at(most.location, message, object=scaler.object)


_FIXED = ("kube-score:deployment-targeted-by-hpa-does-not-have-replicas-configured",)


@rule("K8S521", ManifestSet, Severity.WARNING, aliases=_FIXED)
def replicas_set_with_autoscaler(manifests: ManifestSet) -> Findings:
    """A workload says how many pods it has, and an autoscaler decides the same.

    Whenever the manifest is applied the number falls back to what is written, under full
    load too; and under GitOps the two change it in turn. Where an autoscaler is, `replicas`
    is left out. Where an Argo CD Application ignores the field it is for information only.

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
        ---
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          minReplicas: 3
          maxReplicas: 10
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
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          minReplicas: 3
          maxReplicas: 10
    """
    ignored = any(map(_ignores_replicas, manifests.of("Application", "argoproj.io")))
    for owner in manifests.objects:
        node = owner.get("spec", "replicas")
        if node is None or owner.partial or (owner.group, owner.kind) not in REPLICATED:
            continue
        found = scaled_by(manifests, owner)
        if found:
            is_v1 = (owner.group, owner.version, owner.kind) == ("apps", "v1", "Deployment")
            hpa = any(scaler.kind == "HorizontalPodAutoscaler" for scaler in found)
            yield at(
                node.location,
                f'{found[0].kind} "{found[0].name}" decides the number of pods',
                related=[found[0].location.labelled("this autoscaler")],
                object=owner.object,
                severity=Severity.INFO if ignored else None,
                aliases=_FIXED if is_v1 and hpa else (),
            )


def _ignores_replicas(application: Object) -> bool:
    return any(
        pointer.text == "/spec/replicas"
        for entry in items(application.root, "spec", "ignoreDifferences")
        for pointer in texts(entry, "jsonPointers")
    )


_TARGET = (
    "kube-linter:dangling-horizontalpodautoscaler",
    "kube-score:horizontalpodautoscaler-has-target",
)


@rule("K8S608", ManifestSet, Severity.WARNING, aliases=_TARGET)
def autoscaler_target_missing(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """An autoscaler scales what is not there.

    It reports an error for ever, and the workload it was meant for stays as it is. Looked at
    are the manifests of one directory and of those that a kustomization joins to it; where
    none of them is of the kind that is looked for, it may be elsewhere.

    Options:
        peer_forms: report also, with severity info, where it may be elsewhere or has another
            version, which other tools report.

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
        ---
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: webb}
          maxReplicas: 10
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
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          maxReplicas: 10
    Good: Deployments are elsewhere
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          maxReplicas: 10
    """
    for scaler in _autoscalers(manifests):
        target = scaler.root.mapping("spec", "scaleTargetRef")
        name = target.scalar("name") if target else None
        if target is None or name is None or is_unknown(name.text):
            continue
        group, _, _version = target.text("apiVersion").rpartition("/")
        kind = target.text("kind")
        alike = by_name(manifests).get((group, kind, name.text), ())
        missing = not any(same_namespace(one, scaler) for one in alike)
        likely = manifests.complete and _would_be_here(manifests, scaler, group, kind)
        aliases = _target_aliases(manifests, scaler, target)
        if (missing and likely) or (peer_forms and aliases):
            yield at(
                name.location,
                f'no {kind} "{name.text}" is here',
                object=scaler.object,
                severity=None if missing and likely else Severity.INFO,
                aliases=aliases,
            )


def _would_be_here(manifests: ManifestSet, scaler: Object, group: str, kind: str) -> bool:
    if (group, kind) not in CARRIERS:
        return False
    return any(
        same_namespace(one, scaler) and together(scaler, one) for one in manifests.of(kind, group)
    )


def _target_aliases(manifests: ManifestSet, scaler: Object, target: Mapping) -> tuple[str, ...]:
    """The peers that find no target: they compare versions, kube-linter no namespaces."""
    if scaler.version not in _PEERS_READ:
        return ()
    name, kind, api_version = (target.text(key) for key in ("name", "kind", "apiVersion"))
    alike = [
        one
        for one in manifests.objects
        if (one.kind, one.name) == (kind, name) and one.api_version == api_version
    ]
    found = {
        # It takes the version of what has no group for "/v1".
        _TARGET[0]: any(looks_at("kube-linter", one) and one.group for one in alike),
        _TARGET[1]: any(
            looks_at("kube-score", one) and one.namespace == scaler.namespace for one in alike
        ),
    }
    return tuple(alias for alias, there in found.items() if not there)
