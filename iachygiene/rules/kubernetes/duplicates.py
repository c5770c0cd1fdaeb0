"""Names that are given twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from posixpath import basename, dirname, normpath

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Manifest, ManifestSet, Object, is_unknown
from iachygiene.parse.kustomize import KUSTOMIZATIONS
from iachygiene.parse.workloads import texts
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule


@rule("K8S614", ManifestSet, Severity.ERROR)
def duplicate_object(manifests: ManifestSet) -> Findings:
    """Two objects of one kind have the same name.

    Applied one after the other, the second replaces the first without a word; kustomize
    refuses both. Compared are the objects of one file, and those of the files that one
    kustomization lists.

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        data: {level: info}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        data: {level: debug}
    Bad:
        -- kustomization.yaml --
        resources: [one.yaml, two.yaml]
        -- one.yaml --
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        -- two.yaml --
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
    Good: files that nothing joins may be alternatives
        -- one.yaml --
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        -- two.yaml --
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
    """
    listed = dict(_listed(manifests))
    found: dict[tuple[str, ...], Object] = {}
    for manifest in manifests.manifests:
        scope = listed.get(manifest.file.path, manifest.file.path)
        for one in manifest.objects:
            name = one.root.text("metadata", "name")
            if one.partial or not name or is_unknown(name) or is_unknown(one.namespace):
                continue
            key = (scope, one.group, one.kind, one.namespace, name)
            first = found.setdefault(key, one)
            if first is not one and first.root is not one.root:
                message = f'a {one.kind} "{name}" is there already'
                yield at(one, message, related=[first.location.labelled("the other one")])


def _listed(manifests: ManifestSet) -> Iterator[tuple[str, str]]:
    """The files that kustomizations list as resources, each with the kustomization's own."""
    for manifest in manifests.manifests:
        path = manifest.file.path
        if basename(path) in KUSTOMIZATIONS:
            for document in manifest.documents:
                root = document.root if type(document.root) is Mapping else None
                for resource in texts(root, "resources"):
                    yield normpath(f"{dirname(path) or '.'}/{resource.text}"), path


@rule("K8S617", Manifest, Severity.ERROR)
def duplicate_container_name(manifest: Manifest) -> Findings:
    """Two containers of a pod have the same name.

    The API server refuses the pod: its init containers, its containers and its ephemeral
    containers share one set of names.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          initContainers: [{name: web, image: "busybox:1.37.0"}]
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          initContainers: [{name: prepare, image: "busybox:1.37.0"}]
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        named: dict[str, list[Scalar]] = defaultdict(list)
        for container in pod.containers:
            name = container.node.scalar("name")
            if name is not None and name.text and not is_unknown(name.text):
                named[name.text].append(name)
        for text, nodes in named.items():
            for node in nodes[1:]:
                if node is not nodes[0]:
                    message = f'a container "{text}" is there already'
                    related = [nodes[0].location.labelled("the other one")]
                    yield at(node.location, message, related=related, object=pod.object)
