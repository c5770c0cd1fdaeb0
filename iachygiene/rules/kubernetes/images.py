"""Container images in manifests."""

from __future__ import annotations

from iachygiene.image import ImageRef, pin_problem
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, is_unknown
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
        elif not container.image_pinned_elsewhere and not _is_placeholder(image):
            why = pin_problem(image, require_digest=require_digest)
            if why:
                tagged = image.tag is not None and image.tag.text not in ("", "latest")
                aliases = () if tagged else _gates(container, image)
                yield at(image.location, why, object=container.object, aliases=aliases)


def _is_placeholder(image: ImageRef) -> bool:
    """Whether something else fills in the image: `@IMAGE@`, or a path that ko builds."""
    return "://" in image.text or (is_unknown(image.text) and not image.unknown)


def _gates(container: Container, image: ImageRef | None) -> tuple[str, ...]:
    aliases = ["kube-linter:latest-tag", "checkov:CKV_K8S_14"]
    text = image.text if image else ""
    if text.endswith(":"):
        aliases.remove("kube-linter:latest-tag")
    # These two take what follows the last colon for a tag, the port of a registry too.
    if image is None or image.tag is not None or ":" not in text:
        aliases += ["kube-score:container-image-tag", "trivy:KSV013"]
    return known_of(container, aliases)
