"""What pods need by name: service accounts, ConfigMaps, Secrets and claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from posixpath import basename

from iachygiene.model import Findings, Severity, at
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import ManifestSet, Pod, is_unknown
from iachygiene.parse.kustomize import KUSTOMIZATIONS
from iachygiene.parse.workloads import items, same_namespace, service_account, together, truth
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_ACCOUNT = ("kube-linter:non-existent-service-account",)


@rule("K8S610", ManifestSet, Severity.WARNING, aliases=_ACCOUNT)
def service_account_missing(
    manifests: ManifestSet, *, ignored: tuple[str, ...] = (), peer_forms: bool = False
) -> Findings:
    """A pod runs under a service account that is not there.

    The pods are never made: the workload only records that it is forbidden. Looked at are
    the manifests of one directory and of those that a kustomization joins to it; where no
    service account is in the namespace, it may be elsewhere.

    Options:
        ignored: names of service accounts that something else makes.
        peer_forms: report also, with severity info, where it may be elsewhere.

    Bad:
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: web}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccountName: webb
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: web}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccountName: web
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good: service accounts are elsewhere
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccountName: web
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    accounts = manifests.of("ServiceAccount")
    for pod in manifests.pods:
        node = service_account(pod)
        if node is None or node.text in ("", "default", *ignored) or is_unknown(node.text):
            continue
        here = [one for one in accounts if same_namespace(one, pod.owner)]
        if any(one.name == node.text for one in here):
            continue
        likely = manifests.complete and not pod.partial
        likely = likely and any(together(pod.owner, one) for one in here)
        if likely or peer_forms:
            yield at(
                node.location,
                f'no service account "{node.text}" is here',
                object=pod.object,
                severity=None if likely else Severity.INFO,
                aliases=known(pod.owner, _ACCOUNT),
            )


# The rules of a set run one after the other, so that only the last set is asked for.
@lru_cache(maxsize=1)
def _keys(manifests: ManifestSet) -> Mapping[tuple[str, str], set[str] | None]:
    """The keys of ConfigMaps and Secrets by kind and name; None where they are not known."""
    found: dict[tuple[str, str], set[str] | None] = {}
    for kind in ("ConfigMap", "Secret"):
        for one in manifests.of(kind):
            keys = found.setdefault((kind, one.name), set())
            if keys is None:
                continue
            for field in ("data", "stringData", "binaryData"):
                part = one.root.mapping(field)
                keys.update(part.entries if part else ())
    for kind, group, path in (
        ("SealedSecret", "bitnami.com", ()),
        ("ExternalSecret", "external-secrets.io", ("spec", "target", "name")),
    ):
        for one in manifests.of(kind, group):
            found["Secret", (one.root.text(*path) if path else "") or one.name] = None
    for kind, name in _generated(manifests):
        found[kind, name] = None
    return found


def _generated(manifests: ManifestSet) -> Iterator[tuple[str, str]]:
    """Kind and name of what kustomizations generate."""
    for manifest in manifests.manifests:
        if basename(manifest.file.path) not in KUSTOMIZATIONS:
            continue
        for document in manifest.documents:
            root = document.root if type(document.root) is yaml.Mapping else None
            for kind in ("ConfigMap", "Secret"):
                for one in items(root, f"{kind[0].lower()}{kind[1:]}Generator"):
                    yield kind, one.text("name")


_ENV = ("kube-linter:env-value-from",)
_KINDS = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}


@rule("K8S611", ManifestSet, Severity.INFO, default="off", aliases=_ENV)
def env_reference_missing(
    manifests: ManifestSet,
    *,
    ignored_secrets: tuple[str, ...] = (),
    ignored_configmaps: tuple[str, ...] = (),
) -> Findings:
    """An environment variable comes from a ConfigMap or Secret that is not here.

    The container does not start until it is there. Secrets are rightly kept out of a
    repository, so that this is for those who know what has to be in it. Sealed and external
    Secrets count, and what a kustomization generates.

    Options:
        ignored_secrets: names of Secrets that something else makes.
        ignored_configmaps: names of ConfigMaps that something else makes.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env: [{name: LEVEL, valueFrom: {configMapKeyRef: {name: web, key: level}}}]
    Good:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        data: {level: info}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env: [{name: LEVEL, valueFrom: {configMapKeyRef: {name: web, key: level}}}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              envFrom: [{secretRef: {name: web, optional: true}}]
    """
    ignored = {"Secret": set(ignored_secrets), "ConfigMap": set(ignored_configmaps)}
    seen: set[int] = set()
    for pod in manifests.pods:
        for container in pod.containers:
            for kind, reference, in_env in _references(container.node):
                name = reference.scalar("name")
                if name is None or id(reference) in seen or is_unknown(name.text):
                    continue
                seen.add(id(reference))
                if name.text in ignored[kind]:
                    continue
                present = _keys(manifests)
                key = reference.scalar("key")
                keys = present.get((kind, name.text), set())
                if (kind, name.text) not in present:
                    where, message = name, f'no {kind} "{name.text}" is here'
                elif key is not None and keys is not None and key.text not in keys:
                    where, message = key, f'{kind} "{name.text}" has no key "{key.text}"'
                else:
                    continue
                aliases = known(pod.owner, _ENV if in_env else ())
                yield at(where.location, message, object=container.object, aliases=aliases)


def _references(container: yaml.Mapping) -> Iterator[tuple[str, yaml.Mapping, bool]]:
    """What environment variables come from: kind, reference, and whether of one variable."""
    for variable in items(container, "env"):
        for field, kind in _KINDS.items():
            found = variable.mapping("valueFrom", field)
            if found is not None and not truth(found.get("optional")):
                yield kind, found, True
    for source in items(container, "envFrom"):
        for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            found = source.mapping(field)
            if found is not None and not truth(found.get("optional")):
                yield kind, found, False


@rule("K8S615", ManifestSet, Severity.INFO, default="off")
def volume_reference_missing(manifests: ManifestSet) -> Findings:
    """A volume is a ConfigMap, a Secret or a claim that is not here.

    The pod does not start until it is there. Like `env-reference-missing`, this is for those
    who know what has to be in the repository.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
          volumes: [{name: pages, configMap: {name: pages}}]
    Good:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: pages}
        data: {index.html: hello}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
          volumes: [{name: pages, configMap: {name: pages}}]
    """
    present = set(_keys(manifests))
    claims: dict[str, bool] = defaultdict(bool)
    for claim in manifests.of("PersistentVolumeClaim"):
        claims[claim.name] = True
    seen: set[int] = set()
    for pod in manifests.pods:
        for kind, name in _volume_names(pod):
            there = claims[name.text] if kind == "claim" else (kind, name.text) in present
            if not there and id(name) not in seen and not is_unknown(name.text):
                seen.add(id(name))
                yield at(name.location, f'no {kind} "{name.text}" is here', object=pod.object)


def _volume_names(pod: Pod) -> Iterator[tuple[str, yaml.Scalar]]:
    for volume in items(pod.spec, "volumes"):
        sources = [volume, *items(volume, "projected", "sources")]
        for source in sources:
            for kind, field, key in (
                ("ConfigMap", "configMap", "name"),
                ("Secret", "secret", "secretName" if source is volume else "name"),
                ("claim", "persistentVolumeClaim", "claimName"),
            ):
                found = source.mapping(field)
                name = found.scalar(key) if found is not None else None
                if found is not None and name is not None and not truth(found.get("optional")):
                    yield kind, name
