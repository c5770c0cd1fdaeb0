"""Versions of the API: what is no longer served, or will not be for long."""

from __future__ import annotations

from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, at
from iachygiene.parse.kubernetes import Manifest, Object, is_unknown
from iachygiene.rule import rule


class Retired(NamedTuple):
    """A version of the API that ended. `fix` says when the version alone can be changed."""

    removed: str
    replacement: str
    fix: str = ""


_KINDS: dict[tuple[str, str], Retired] = {
    (api_version, kind): Retired(removed, replacement, fix)
    for api_version, kinds, removed, replacement, fix in (
        ("extensions/v1beta1", "Deployment DaemonSet ReplicaSet", "1.16", "apps/v1", ""),
        ("extensions/v1beta1", "NetworkPolicy", "1.16", "networking.k8s.io/v1", "always"),
        ("extensions/v1beta1", "Ingress", "1.22", "networking.k8s.io/v1", ""),
        ("extensions/v1beta1", "PodSecurityPolicy", "1.16", "", ""),
        ("apps/v1beta1", "Deployment StatefulSet ControllerRevision", "1.16", "apps/v1", ""),
        (
            "apps/v1beta2",
            "Deployment StatefulSet DaemonSet ReplicaSet",
            "1.16",
            "apps/v1",
            "selector",
        ),
        ("apps/v1beta2", "ControllerRevision", "1.16", "apps/v1", ""),
        ("auditregistration.k8s.io/v1alpha1", "AuditSink", "1.19", "", ""),
        ("settings.k8s.io/v1alpha1", "PodPreset", "1.20", "", ""),
        ("batch/v2alpha1", "CronJob", "1.21", "batch/v1", "always"),
        (
            "admissionregistration.k8s.io/v1beta1",
            "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
            "1.22",
            "admissionregistration.k8s.io/v1",
            "",
        ),
        (
            "apiextensions.k8s.io/v1beta1",
            "CustomResourceDefinition",
            "1.22",
            "apiextensions.k8s.io/v1",
            "",
        ),
        (
            "apiregistration.k8s.io/v1beta1",
            "APIService",
            "1.22",
            "apiregistration.k8s.io/v1",
            "always",
        ),
        ("authentication.k8s.io/v1beta1", "TokenReview", "1.22", "authentication.k8s.io/v1", ""),
        (
            "authorization.k8s.io/v1beta1",
            "SubjectAccessReview LocalSubjectAccessReview SelfSubjectAccessReview"
            " SelfSubjectRulesReview",
            "1.22",
            "authorization.k8s.io/v1",
            "",
        ),
        (
            "certificates.k8s.io/v1beta1",
            "CertificateSigningRequest",
            "1.22",
            "certificates.k8s.io/v1",
            "",
        ),
        ("coordination.k8s.io/v1beta1", "Lease", "1.22", "coordination.k8s.io/v1", "always"),
        ("networking.k8s.io/v1beta1", "Ingress", "1.22", "networking.k8s.io/v1", ""),
        ("networking.k8s.io/v1beta1", "IngressClass", "1.22", "networking.k8s.io/v1", "always"),
        (
            "rbac.authorization.k8s.io/v1beta1",
            "Role ClusterRole RoleBinding ClusterRoleBinding",
            "1.22",
            "rbac.authorization.k8s.io/v1",
            "always",
        ),
        (
            "rbac.authorization.k8s.io/v1alpha1",
            "Role ClusterRole RoleBinding ClusterRoleBinding",
            "1.23",
            "rbac.authorization.k8s.io/v1",
            "",
        ),
        ("scheduling.k8s.io/v1beta1", "PriorityClass", "1.22", "scheduling.k8s.io/v1", "always"),
        ("scheduling.k8s.io/v1alpha1", "PriorityClass", "1.23", "scheduling.k8s.io/v1", ""),
        (
            "storage.k8s.io/v1beta1",
            "StorageClass VolumeAttachment CSIDriver CSINode",
            "1.22",
            "storage.k8s.io/v1",
            "always",
        ),
        ("storage.k8s.io/v1alpha1", "VolumeAttachment", "1.23", "storage.k8s.io/v1", ""),
        ("storage.k8s.io/v1alpha1", "CSIStorageCapacity", "1.24", "storage.k8s.io/v1", ""),
        ("node.k8s.io/v1alpha1", "RuntimeClass", "1.24", "node.k8s.io/v1", ""),
        ("batch/v1beta1", "CronJob", "1.25", "batch/v1", "always"),
        ("discovery.k8s.io/v1beta1", "EndpointSlice", "1.25", "discovery.k8s.io/v1", ""),
        ("events.k8s.io/v1beta1", "Event", "1.25", "events.k8s.io/v1", ""),
        ("autoscaling/v2beta1", "HorizontalPodAutoscaler", "1.25", "autoscaling/v2", ""),
        ("policy/v1beta1", "PodDisruptionBudget", "1.25", "policy/v1", "filled selector"),
        ("policy/v1beta1", "PodSecurityPolicy", "1.25", "", ""),
        ("node.k8s.io/v1beta1", "RuntimeClass", "1.25", "node.k8s.io/v1", "always"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26", "autoscaling/v2", "always"),
        ("storage.k8s.io/v1beta1", "CSIStorageCapacity", "1.27", "storage.k8s.io/v1", "always"),
        (
            "admissionregistration.k8s.io/v1alpha1",
            "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
            "1.32",
            "admissionregistration.k8s.io/v1",
            "always",
        ),
        (
            "admissionregistration.k8s.io/v1beta1",
            "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
            "1.34",
            "admissionregistration.k8s.io/v1",
            "always",
        ),
    )
    for kind in kinds.split()
}
"""What ended before the oldest bundled schemas, and what can be mended.

https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

_UNSTABLE = regex(r"v[0-9]+(?:alpha|beta)[0-9]+")
_OLD_GROUPS = frozenset(("extensions", "auditregistration.k8s.io", "settings.k8s.io"))
_SUCCESSORS = {("v1", "Endpoints"): ("1.33", "discovery.k8s.io/v1 EndpointSlice")}
"""What is deprecated without a newer version of itself: since when, and what comes instead."""

_KUBE_SCORE = {
    "extensions/v1beta1": {"Deployment", "DaemonSet", "Ingress", "IngressClass"},
    "apps/v1beta1": {"Deployment", "StatefulSet"},
    "apps/v1beta2": {"Deployment", "StatefulSet", "DaemonSet"},
    "batch/v1beta1": {"CronJob"},
    "policy/v1beta1": {"PodDisruptionBudget"},
    "networking.k8s.io/v1beta1": {"Ingress", "IngressClass"},
    "autoscaling/v2beta1": {"HorizontalPodAutoscaler"},
    "autoscaling/v2beta2": {"HorizontalPodAutoscaler"},
}
_TRIVY = frozenset(
    (
        *("batch", "autoscaling", "networking.k8s.io", "rbac.authorization.k8s.io"),
        *("scheduling.k8s.io", "storage.k8s.io", "admissionregistration.k8s.io"),
        *("certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io"),
        "flowcontrol.apiserver.k8s.io",
    )
)


@rule(
    "K8S910",
    Manifest,
    Severity.ERROR,
    aliases=(
        "kube-score:stable-version",
        "kube-linter:no-extensions-v1beta",
        "trivy:KSV107",
    ),
)
def removed_api_version(manifest: Manifest) -> Findings:
    """The Kubernetes version that the manifests are for does not serve this apiVersion.

    Versions of the API end, and an object that still names one cannot be applied any more:
    "no matches for kind". Which version is meant is the setting `[kubernetes] version`, or
    `--kubernetes-version`; without either, the newest whose schemas are bundled.

    Bad:
        apiVersion: batch/v1beta1
        kind: CronJob
        metadata: {name: backup}
        spec:
          schedule: "20 3 * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers: [{name: backup, image: "registry.example.com/backup:1.4.2"}]
    Fixed:
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: backup}
        spec:
          schedule: "20 3 * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers: [{name: backup, image: "registry.example.com/backup:1.4.2"}]
    Bad: the shape changed as well, so that there is more to do
        apiVersion: extensions/v1beta1
        kind: Ingress
        metadata: {name: web}
        spec:
          backend: {serviceName: web, servicePort: 80}
    Bad: a kind of another group
        apiVersion: v1
        kind: Deployment
        metadata: {name: web}
    Bad: not yet served by an older cluster
        -- .iachygiene.toml --
        [kubernetes]
        version = "1.30"
        -- manifest.yaml --
        apiVersion: resource.k8s.io/v1
        kind: DeviceClass
        metadata: {name: gpu}
        spec: {}
    Good:
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: backup}
        spec:
          schedule: "20 3 * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers: [{name: backup, image: "registry.example.com/backup:1.4.2"}]
    Good: a kind that Kubernetes does not define
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: web}
    """
    for one in manifest.objects:
        version = manifest.catalog.version
        message = _problem(one, version)
        if message:
            api_version = one.api_version
            retired = _KINDS.get((api_version, one.kind))
            yield at(
                _place(one),
                message,
                object=one.object,
                aliases=_peers(one),
                fix=_new_version(one, retired) if retired else None,
            )


@rule(
    "K8S911",
    Manifest,
    Severity.WARNING,
    aliases=("kube-score:stable-version", "trivy:KSV107"),
)
def deprecated_api_version(manifest: Manifest) -> Findings:
    """An apiVersion is still served, though there is a stable one for the same kind.

    Versions with alpha or beta in their name end a few releases after the stable one came.
    Objects that move in time do not stop an upgrade of the cluster.

    Bad:
        -- .iachygiene.toml --
        [kubernetes]
        version = "1.25"
        -- manifest.yaml --
        apiVersion: autoscaling/v2beta2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          maxReplicas: 5
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
    Fixed:
        -- .iachygiene.toml --
        [kubernetes]
        version = "1.25"
        -- manifest.yaml --
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          maxReplicas: 5
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
    Good:
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          maxReplicas: 5
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
    Good: there is no stable version of it yet
        apiVersion: coordination.k8s.io/v1beta1
        kind: LeaseCandidate
        metadata: {name: web}
        spec: {binaryVersion: "1.37.0", leaseName: web, strategy: OldestEmulationVersion}
    """
    version = manifest.catalog.version
    for one in manifest.objects:
        api_version = one.api_version
        since, successor = _SUCCESSORS.get((api_version, one.kind), ("", ""))
        if successor and _minor(version) >= _minor(since):
            message = f'"{api_version}" {one.kind} is deprecated for {successor} since {since}'
            yield at(_place(one), message, object=one.object, severity=Severity.INFO, aliases=())
            continue
        stable = _stable(one, version)
        if stable:
            yield at(
                _place(one),
                f'Kubernetes {version} serves {one.kind} as "{stable}" too',
                object=one.object,
                aliases=tuple(peer for peer in _peers(one) if "kube-linter" not in peer),
                fix=_new_version(one, _KINDS.get((api_version, one.kind))),
            )


def _place(one: Object) -> Location:
    node = one.root.scalar("apiVersion")
    return node.location if node else one.location


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


def _problem(one: Object, version: str) -> str:
    """Why a version of Kubernetes does not serve an object, "" where it does or who knows."""
    from iachygiene.schemas.built_in import groups, homes, serving

    api_version = one.api_version
    if one.group and one.group not in groups() and one.group not in _OLD_GROUPS:
        return ""
    versions = serving(api_version, one.kind)
    if version in versions or is_unknown(api_version + one.kind):
        return ""
    shown = f'"{api_version}" {one.kind}'
    retired = _KINDS.get((api_version, one.kind))
    instead = retired.replacement if retired else ""
    instead = f'; "{instead}" is served' if instead else ""
    if versions and _minor(version) < _minor(versions[0]):
        return f"{shown} is not served before Kubernetes {versions[0]}"
    if versions:
        removed = f"1.{_minor(versions[-1]) + 1}"
        return f"{shown} is not served since Kubernetes {removed}{instead}"
    if retired:
        return f"{shown} is not served since Kubernetes {retired.removed}{instead}"
    found = homes(version).get(one.kind, ())
    if not found:
        return ""
    return f'{shown} does not exist; Kubernetes {version} serves it as "{found[0]}"'


def _stable(one: Object, version: str) -> str:
    """The stable apiVersion of an object that has an unstable one which is served as well."""
    from iachygiene.schemas.built_in import homes

    if not _UNSTABLE.fullmatch(one.version):
        return ""
    found = homes(version).get(one.kind, ())
    if one.api_version not in found:
        return ""
    stable = [
        api_version
        for api_version in found
        if api_version.rpartition("/")[0] == one.group
        and not _UNSTABLE.fullmatch(api_version.rpartition("/")[2])
    ]
    return stable[-1] if stable else ""


def _new_version(one: Object, retired: Retired | None) -> Fix | None:
    node = one.root.scalar("apiVersion")
    if retired is None or not retired.fix or node is None or one.partial:
        return None
    selector = one.root.mapping("spec", "selector")
    if retired.fix != "always" and selector is None:
        return None
    if retired.fix == "filled selector" and not (selector and len(selector)):
        return None
    place = node.location.span
    written = node.file.text[place.start : place.end]
    new = written.replace(one.api_version, retired.replacement)
    return Fix(f"change to {retired.replacement}", (Edit(place, new),))


def _peers(one: Object) -> tuple[str, ...]:
    api_version = one.api_version
    peers = []
    # It looks for the word anywhere in the group.
    if "extensions" in one.group and one.version.startswith("v1beta"):
        peers.append("kube-linter:no-extensions-v1beta")
    if one.kind in _KUBE_SCORE.get(api_version, ()):
        peers.append("kube-score:stable-version")
    of_policy = (api_version, one.kind) == ("policy/v1beta1", "PodDisruptionBudget")
    if of_policy or (one.group in _TRIVY and "beta" in one.version):
        peers.append("trivy:KSV107")
    return tuple(peers)
