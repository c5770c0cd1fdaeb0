"""Kustomization files themselves."""

from __future__ import annotations

from iachygiene.image import parse_image, pin_problem
from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.kubernetes import is_unknown
from iachygiene.parse.kustomize import Kustomization, is_image_of
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule

_DEPRECATED = {
    "bases": "resources",
    "patchesStrategicMerge": "patches",
    "patchesJson6902": "patches",
    "commonLabels": "labels",
    "vars": "replacements",
    "imageTags": "images",
}
_MOVING = frozenset(("main", "master", "HEAD", "latest", "develop", "trunk"))
_REF = regex(r"[?&](?:ref|version)=([^&]*)")
_FILE = regex(r"\.(?:ya?ml|json)(?:\?|$)")


@rule("KST501", Kustomization, Severity.WARNING)
def kustomize_deprecated_field(kustomization: Kustomization) -> Findings:
    """A kustomization uses a field that a newer one has replaced.

    Kustomize warns of it in every build, and a later version will not read it any more.

    Bad:
        bases:
          - ../base
        namespace: shop
    Fixed:
        resources:
          - ../base
        namespace: shop
    Bad: these need to be rewritten
        resources: [web.yaml]
        patchesStrategicMerge: [replicas.yaml]
        commonLabels: {app: web}
    Good:
        resources:
          - ../base
        patches:
          - path: replicas.yaml
        labels:
          - pairs: {app: web}
            includeSelectors: true
    """
    root = kustomization.root
    for name, instead in _DEPRECATED.items():
        key = root.key(name)
        if key is None:
            continue
        fix = None
        if name == "bases" and "resources" not in root:
            fix = Fix("rename to resources", (Edit(key.location.span, instead),))
        message = f'"{name}" is deprecated for "{instead}"'
        yield at(key, message, object=kustomization.object, fix=fix)


@rule("KST502", Kustomization, Severity.WARNING)
def kustomize_mutable_remote(kustomization: Kustomization) -> Findings:
    """A kustomization takes a resource from a repository without saying which state of it.

    Without a ref it is what the default branch holds when somebody builds: two builds of one
    commit can differ, and whoever can push there can change what is deployed here. A tag or
    a commit stays.

    Bad:
        resources:
          - https://github.com/example/deploy//base
          - https://github.com/example/deploy//monitoring?ref=main
          - https://raw.githubusercontent.com/example/deploy/master/crds.yaml
    Good:
        resources:
          - https://github.com/example/deploy//base?ref=v1.4.2
          - git@github.com:example/deploy.git?ref=4f1c7b0a8e6d5c3b2a190f8e7d6c5b4a39281706
          - https://raw.githubusercontent.com/example/deploy/v1.4.2/crds.yaml
          - https://example.com/manifests/crds.yaml
    """
    for one in kustomization.references:
        why = _mutable(one.text) if one.remote and not is_unknown(one.text) else ""
        if why:
            yield at(one, why, object=kustomization.object)


def _mutable(text: str) -> str:
    named = _REF.search(text)
    if named is not None:
        ref = named[1].removeprefix("refs/heads/")
        return f'"{ref}" is a branch, and moves' if ref in _MOVING or not ref else ""
    address = text.partition("?")[0]
    if "://" in address and _FILE.search(text):
        # A file is fetched as it is; the state is a part of its path, if anything says it.
        moving = _MOVING.intersection(address.partition("://")[2].split("/")[1:])
        return f'"{min(moving)}" in the address moves' if moving else ""
    return "no ref: whatever the default branch holds"


@rule("KST503", Kustomization, Severity.ERROR)
def kustomize_missing_path(kustomization: Kustomization) -> Findings:
    """A kustomization names a file or directory that is not there.

    The build stops with "no such file or directory". What a `.gitignore` leaves out is made
    before the build.

    Bad:
        -- kustomization.yaml --
        resources:
          - deployment.yaml
          - servce.yaml
        configMapGenerator:
          - name: web
            files: [web.conf=config/web.conf]
        -- deployment.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        -- service.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: web}
    Good:
        -- kustomization.yaml --
        resources:
          - base
          - https://github.com/example/deploy//base?ref=v1.4.2
        patches:
          - patch: |-
              - op: remove
                path: /spec/replicas
            target: {kind: Deployment}
        -- base/kustomization.yaml --
        resources: [pod.yaml]
        -- base/pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
    Good: the file is made before the build
        -- .gitignore --
        *.env
        -- kustomization.yaml --
        configMapGenerator:
          - name: web
            envs: [params.env]
    """
    for one in kustomization.missing:
        if not is_unknown(one.text):
            yield at(one, f'there is no "{one.path}"', object=kustomization.object)


@rule("KST504", Kustomization, Severity.WARNING)
def kustomize_mutable_image(kustomization: Kustomization) -> Findings:
    """A kustomization gives an image the tag `latest`, or a new name and no tag at all.

    What the manifests pin is undone here: the registry may move such a reference at any
    time, so that two pods of one Deployment can run different programs.

    Bad:
        -- kustomization.yaml --
        resources: [pod.yaml]
        images:
          - name: nginx
            newTag: latest
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Bad: another name for an image that is not pinned
        -- kustomization.yaml --
        resources: [pod.yaml]
        images:
          - name: nginx
            newName: registry.example.com/nginx
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: nginx}]
    Good:
        -- kustomization.yaml --
        resources: [pod.yaml]
        images:
          - name: nginx
            newName: registry.example.com/nginx
          - name: sidecar
            newTag: 1.4.2
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - {name: web, image: "nginx:1.27.3"}
            - {name: sidecar, image: sidecar}
    """
    for image in kustomization.mappings("images"):
        name = image.text("name")
        if image.text("digest"):
            continue
        tag = image.scalar("newTag")
        if tag is not None and tag.text == "latest":
            message = f'"{name}" gets the tag "latest"'
            yield at(tag, message, object=kustomization.object)
        elif tag is None and image.scalar("newName") is not None:
            unpinned = _unpinned(kustomization, image, name)
            if unpinned:
                message = f'"{unpinned}" gets another name and no tag'
                yield at(image.entries["newName"].value, message, object=kustomization.object)


def _unpinned(kustomization: Kustomization, image: Mapping, name: str) -> str:
    """An included image that an entry renames and that has no tag of its own."""
    node = image.scalar("newName")
    for text in kustomization.images:
        if type(node) is Scalar and is_image_of(text, name):
            parsed = parse_image(text, node.location)
            if parsed is not None and pin_problem(parsed, require_digest=False):
                return text
    return ""


@rule("KST505", Kustomization, Severity.INFO, default="off")
def kustomize_unlisted_file(kustomization: Kustomization) -> Findings:
    """A manifest stands beside a kustomization and none lists it.

    Kustomize does not look at files by itself: what is not listed is not deployed.

    Bad:
        -- kustomization.yaml --
        resources: [pod.yaml]
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        -- service.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: web}
    Good:
        -- kustomization.yaml --
        resources: [pod.yaml]
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
    """
    for place in kustomization.unlisted:
        listing = kustomization.location.labelled("the kustomization beside it")
        yield at(place, "no kustomization lists this manifest", related=[listing])
