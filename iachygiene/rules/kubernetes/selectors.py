"""Workloads and the selectors by which they know their pods."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Manifest, Object, Pod, is_unknown
from iachygiene.parse.workloads import items, may_match, place
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_ALIASES = (
    "kube-linter:mismatching-selector",
    "kube-score:deployment-pod-selector-labels-match-template-metadata-labels",
    "kube-score:statefulset-pod-selector-labels-match-template-metadata-labels",
)
_SELECTING = frozenset(
    (
        *(("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")),
        *(("extensions", kind) for kind in ("Deployment", "DaemonSet", "ReplicaSet")),
        ("argoproj.io", "Rollout"),
    )
)
_PLAIN = frozenset((("", "ReplicationController"), ("apps.openshift.io", "DeploymentConfig")))


@rule("K8S603", Manifest, Severity.ERROR, aliases=_ALIASES)
def selector_template_mismatch(manifest: Manifest) -> Findings:
    """A workload does not select the pods that it makes.

    It would make pods for ever without seeing one of them: the API server refuses it. The
    labels of the template have to be those of the selector, and may be more.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: wbe}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
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
            metadata: {labels: {app: web, tier: front}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        owner = pod.owner
        key = (owner.group, owner.kind)
        if owner.partial or (key not in _SELECTING and key not in _PLAIN):
            continue
        selector = owner.root.mapping("spec", "selector")
        if selector is None or not len(selector):
            if key in _SELECTING and owner.version not in ("v1beta1",):
                where = place(owner, "spec", "selector").location
                message = "the selector is missing" if selector is None else "the selector is empty"
                peers = _peers(owner, missing=True, empty=selector is not None)
                yield at(where, message, object=owner.object, aliases=peers)
        elif not _selects(selector, pod, plain=key in _PLAIN):
            peers = () if key in _PLAIN else _peers(owner)
            yield at(
                selector.location,
                "the selector does not match the labels of the template",
                related=[pod.labels_location.labelled("the labels")],
                object=owner.object,
                aliases=peers,
            )


def _selects(selector: Mapping, pod: Pod, plain: bool) -> bool:
    if not plain:
        empty = not selector.mapping("matchLabels") and not any(
            True for _ in items(selector, "matchExpressions")
        )
        return empty or may_match(selector, pod)
    labels = {**dict(pod.owner.overlay.labels), **pod.labels}
    return all(
        labels.get(name) == value or is_unknown(value) or is_unknown(labels.get(name, ""))
        for name, value in selector.text_map().items()
    )


def _peers(owner: Object, missing: bool = False, empty: bool = False) -> tuple[str, ...]:
    aliases = ["kube-linter:mismatching-selector"]
    # To kube-score an empty selector matches everything.
    judged = owner.version == "v1" and owner.kind in ("Deployment", "StatefulSet")
    if judged and not (missing and empty):
        kind = owner.kind.lower()
        aliases.append(f"kube-score:{kind}-pod-selector-labels-match-template-metadata-labels")
    return known(owner, aliases)
