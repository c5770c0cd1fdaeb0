"""Container images in manifests."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.image import ImageRef, pin_problem, reference_problem
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, is_unknown, stands_in
from iachygiene.parse.workloads import known_text
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known_of


@rule(
    "K8S101",
    Manifest,
    Severity.WARNING,
    aliases=(
        "kube-linter:latest-tag",
        "kube-score:container-image-tag",
        "checkov:CKV_K8S_14",
        "trivy:KSV013",
    ),
)
def unpinned_image_tag(manifest: Manifest, *, require_digest: bool = False) -> Findings:
    """A container runs an image without a tag or digest, or with the tag `latest`.

    The registry may move such a reference at any time. Two pods of one Deployment can then
    run different programs, a restart can bring a release nobody asked for, and there is
    nothing to roll back to: the manifest of yesterday names the same image as today's.
    A tag or digest that a kustomization sets (`images:`) counts.

    Options:
        require_digest: report every image that is not pinned by its digest.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx
    Bad: a registry's port is no tag
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: registry.example.com:5000/web
    Bad: init containers count, here in a CronJob
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
                  initContainers:
                    - name: wait
                      image: busybox:latest
                  containers:
                    - name: backup
                      image: registry.example.com/backup:1.4.2
    Bad: a tag alone, where digests are demanded
        -- .iachygiene.toml --
        [rules.unpinned-image-tag]
        require-digest = true
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
    Good: a digest pins, whatever the tag says
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:latest@sha256:0d17b565c37bcbd895e9d92315a05c1c3c9a29f762b011a10c54a66cd53c9b31
    Good: what is filled in elsewhere cannot be judged here
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: "{{ .Values.image }}"
            - name: proxy
              image: ${PROXY_IMAGE}
    Good: the kustomization sets the tag
        -- kustomization.yaml --
        resources: [pod.yaml]
        images:
          - name: nginx
            newTag: 1.27.3
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx
    """  # noqa: E501 - a digest is that long
    for container in manifest.containers:
        image = container.image
        if image is None:
            if not container.owner.partial and not container.node.get("image"):
                yield at(container, "the container names no image", aliases=_gates(container, None))
        elif not (
            container.image_pinned_elsewhere or container.is_injected or _is_placeholder(image)
        ):
            why = pin_problem(image, require_digest=require_digest)
            if why:
                tagged = image.tag is not None and image.tag.text not in ("", "latest")
                aliases = () if tagged else _gates(container, image)
                yield at(image.location, why, object=container.object, aliases=aliases)


def _is_placeholder(image: ImageRef) -> bool:
    """Whether something else fills in the image: `@IMAGE@`, `{IMAGE}`, a path that ko builds."""
    braces = image.text.startswith("{") and image.text.endswith("}")
    return braces or "://" in image.text or (is_unknown(image.text) and not image.unknown)


def _gates(container: Container, image: ImageRef | None) -> tuple[str, ...]:
    aliases = ["kube-linter:latest-tag", "checkov:CKV_K8S_14"]
    text = image.text if image else ""
    if text.endswith(":"):
        aliases.remove("kube-linter:latest-tag")
    # These two take what follows the last colon for a tag, the port of a registry too.
    if image is None or image.tag is not None or ":" not in text:
        aliases += ["kube-score:container-image-tag", "trivy:KSV013"]
    return known_of(container, aliases)


def _images(manifest: Manifest) -> Iterator[tuple[Container, ImageRef]]:
    """The containers whose image is known, each with it."""
    for container in manifest.containers:
        image = container.image
        if image is not None and image.text and not image.unknown and not _is_placeholder(image):
            yield container, image


@rule("K8S102", Manifest, Severity.INFO, default="off", aliases=("checkov:CKV_K8S_43",))
def image_without_digest(manifest: Manifest) -> Findings:
    """A container's image is not pinned by a digest.

    Whoever may push to the registry can move a tag, also one that looks like a release. A
    digest is the checksum of the image: what was tested is what runs, or nothing does.

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
              image: nginx@sha256:0d17b565c37bcbd895e9d92315a05c1c3c9a29f762b011a10c54a66cd53c9b31
    """
    for container, image in _images(manifest):
        if image.digest is None and not container.image_pinned_elsewhere:
            message = f'"{image.text}" has no digest'
            aliases = known_of(container, ("checkov:CKV_K8S_43",))
            yield at(image.location, message, object=container.object, aliases=aliases)


_POLICY_ALIASES = ("kube-score:container-image-pull-policy", "checkov:CKV_K8S_15")


@rule("K8S103", Manifest, Severity.INFO, default="off", aliases=_POLICY_ALIASES)
def image_pull_policy_not_always(manifest: Manifest) -> Findings:
    """A container may run a copy of its image that the node already has.

    Any pod on a node can use an image that lies there, also one whose registry would not
    let it: with `imagePullPolicy: Always` the registry is asked for every start, by the
    pod's own credentials. Where the image has no tag or the tag `latest`, that is the
    default.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", imagePullPolicy: IfNotPresent}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", imagePullPolicy: Always}]
    """
    for container in manifest.containers:
        policy, image = container.node.get("imagePullPolicy"), container.node.text("image")
        aliases = known_of(container, _POLICY_ALIASES[: 1 if "@" in image else 2])
        if policy is None and not container.owner.partial and not is_unknown(image):
            # kube-score takes what follows the last colon for the tag.
            if ":" in image and image.rpartition(":")[2] not in ("", "latest"):
                yield at(container, "the container sets no pull policy", aliases=aliases)
        elif known_text(policy) not in ("", "Always"):
            message = f"the pull policy is {known_text(policy)}"
            where = policy.location if policy else container.location
            yield at(where, message, object=container.object, aliases=aliases)


_MUTABLE = ("latest",)


@rule("K8S104", Manifest, Severity.WARNING)
def mutable_tag_cached(manifest: Manifest, *, mutable_tags: tuple[str, ...] = _MUTABLE) -> Findings:
    """A tag that moves is combined with a pull policy that does not look for moves.

    With `IfNotPresent` or `Never` a node goes on using the image that it once pulled under
    this tag. Nodes that pulled at different times then run different programs, and which of
    them answers a request is chance.

    Options:
        mutable_tags: the tags that are taken to move, beside no tag at all.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:latest", imagePullPolicy: IfNotPresent}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3", imagePullPolicy: IfNotPresent}]
    Good: a kustomization sets the tag
        -- kustomization.yaml --
        resources: [pod.yaml]
        images: [{name: nginx, newTag: 1.27.3}]
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: nginx, imagePullPolicy: IfNotPresent}]
    """
    for container, image in _images(manifest):
        policy = container.node.scalar("imagePullPolicy")
        if policy is None or policy.text not in ("IfNotPresent", "Never"):
            continue
        tag = image.tag.text if image.tag is not None else ""
        if image.digest is None and (not tag or tag in mutable_tags):
            if container.image_pinned_elsewhere:
                continue
            message = f'{policy.text} keeps an old image of "{image.text}"'
            yield at(policy.location, message, object=container.object)


@rule("K8S105", Manifest, Severity.WARNING, default="off", aliases=("trivy:KSV0125",))
def untrusted_registry(manifest: Manifest, *, registries: tuple[str, ...] = ()) -> Findings:
    """A container's image comes from a registry that is not on the list.

    Whoever controls the registry controls what runs. The list is the rule's option; without
    one nothing is reported. An entry may name a part of a registry: `ghcr.io/example`.

    Options:
        registries: the registries that images may come from; Docker Hub is `docker.io`.

    Bad:
        -- .iachygiene.toml --
        [rules.untrusted-registry]
        registries = ["registry.example.com"]
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        -- .iachygiene.toml --
        [rules.untrusted-registry]
        registries = ["registry.example.com"]
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "registry.example.com/nginx:1.27.3"}]
    """
    trusted = tuple(registry.rstrip("/") + "/" for registry in registries)
    for container, image in _images(manifest) if trusted else ():
        registry = image.registry.text if image.registry else "docker.io"
        if not f"{registry}/{image.repository.text}".startswith(trusted):
            message = f'"{image.text}" comes from {registry}'
            aliases = known_of(container, ("trivy:KSV0125",))
            yield at(image.location, message, object=container.object, aliases=aliases)


@rule("K8S106", Manifest, Severity.ERROR)
def invalid_image_reference(manifest: Manifest) -> Findings:
    """A container's image is not written as any registry could name one.

    The pod is created and stays in `InvalidImageName`. Repositories are in lower case, a tag
    follows a colon, a digest is 64 hexadecimal digits after `@sha256:`, and there is no
    `https://` before the registry.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "registry.example.com/Shop/web:1.4"}]
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "https://registry.example.com/web:1.4"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "registry.example.com/shop/web:1.4"}]
    """
    for container in manifest.containers:
        image = container.image
        # Only these schemes: `ko://` is a path that another program builds.
        if image is None or not image.text:
            continue
        scheme = image.text.startswith(("http://", "https://", "docker://"))
        if scheme or not (_is_placeholder(image) or is_unknown(image.text)):
            why = reference_problem(image)
            empty = image.tag is not None and image.tag.text == ""
            if why and not empty and not any(map(stands_in, image.repository.text.split("/"))):
                yield at(image.location, why, object=container.object)


_MOVING = (
    *("beta", "canary", "dev", "edge", "lts", "main", "master", "nightly", "release", "stable"),
    "test",
)


@rule("K8S107", Manifest, Severity.INFO, default="strict")
def mutable_tag(manifest: Manifest, *, tags: tuple[str, ...] = _MOVING) -> Findings:
    """A container's image has a tag that is made to move, such as `stable`.

    It names whatever was built last under it. Two pods of one Deployment can run different
    programs, and a restart can bring a release that nobody asked for.

    Options:
        tags: the tags that are taken to move.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:stable"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for container, image in _images(manifest):
        if image.digest is not None or container.image_pinned_elsewhere:
            continue
        if image.tag is not None and image.tag.text in tags:
            place = image.location._replace(span=image.tag.span)
            yield at(place, f'the tag "{image.tag.text}" moves', object=container.object)
