"""What an ImageUpdater says that cannot be, and what it says in vain."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.argo import ArgoSet, Update, updater_annotations
from iachygiene.parse.kubernetes import is_unknown
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule


@rule("ARG213", ArgoSet, Severity.INFO)
def image_updater_annotations_unused(argo: ArgoSet) -> Findings:
    """An Application has annotations for Image Updater that no ImageUpdater reads.

    Since its first major version Image Updater reads annotations only of Applications that an
    ImageUpdater names with `useAnnotations: true`. Where a repository has ImageUpdaters and
    none of them does, the annotations are left over.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
        ---
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
        ---
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              useAnnotations: true
    """
    if not argo.updaters or any(one.partial for one in argo.updaters):
        return
    readers = [one for one in argo.references if one.uses_annotations]
    for application in argo.applications:
        annotations = updater_annotations(application)
        named = is_unknown(application.owner.name) or application.from_set
        if not annotations or named:
            continue
        if not any(reader.matches(application.owner.name) for reader in readers):
            first = next(iter(annotations.values())).key
            message = "no ImageUpdater here reads the annotations of this Application"
            yield at(first.location, message, object=application.object)


_IGNORED = ("images", "commonUpdateSettings", "writeBackConfig", "imagesVerification")


@rule("ARG214", ArgoSet, Severity.WARNING)
def image_updater_settings_ignored(argo: ArgoSet) -> Findings:
    """An ImageUpdater has settings for Applications of which it reads the annotations.

    With `useAnnotations: true` the annotations alone decide. What else stands at that reference
    has no effect, and nobody says so.

    Bad:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              useAnnotations: true
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
    Good:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              useAnnotations: true
    Good:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
    """
    for reference in argo.references:
        if reference.uses_annotations:
            for field in _IGNORED:
                key = reference.node.key(field)
                if key is not None:
                    message = f'"{field}" has no effect: annotations are used'
                    yield at(key.location, message, object=reference.object)


@rule("ARG216", ArgoSet, Severity.INFO, default="strict")
def image_updater_image_not_deployed(argo: ArgoSet) -> Findings:
    """Image Updater looks after an image that the Application does not deploy.

    It updates only images that the Application runs, so a misspelled name is never updated.
    `force-update` is for images that no Pod names. Applications whose manifests are in other
    repositories are not judged.

    Bad:
        -- apps/web.yaml --
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/wbe:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
        -- web/kustomization.yaml --
        images:
          - {name: registry.example.com/shop/web, newTag: 1.4.2}
    Good:
        -- apps/web.yaml --
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
        -- web/kustomization.yaml --
        images:
          - {name: registry.example.com/shop/web, newTag: 1.4.2}
    """
    for update in argo.updates:
        application = update.application
        if application is None or update.setting("force-update") == "true":
            continue
        if is_unknown(update.image) or len(application.sources) != 1:
            continue
        found = argo.deployed(application.sources[0])
        if found is None or not found[1] or _is_named(update, found[1]):
            continue
        message = f'"{update.name}" is not among what the Application deploys'
        yield at(update.location, message, object=update.object)


def _is_named(update: Update, texts: list[str]) -> bool:
    """Whether any text has the image, or a values file that may put it together."""
    name = update.name.rpartition("/")[2]
    return any(update.name in text or f"/{name}" in text or f" {name}" in text for text in texts)


@rule("ARG217", ArgoSet, Severity.ERROR)
def image_updater_invalid_manifest_target(argo: ArgoSet) -> Findings:
    """It is not clear where the new version of an image is to be written.

    `manifestTargets` has exactly one of `helm`, `kustomize` and `plugin`; in annotations, an
    image has names for Helm or for Kustomize, not for both. For Helm, `spec` is one value for
    the whole reference: beside it `name` and `tag` have no effect, which is a warning.

    Bad:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
                  manifestTargets:
                    helm: {name: image.name, tag: image.tag}
                    kustomize: {name: web}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
            argocd-image-updater.argoproj.io/web.helm.image-tag: image.tag
            argocd-image-updater.argoproj.io/web.kustomize.image-name: web
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad: severity warning
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
                  manifestTargets:
                    helm: {spec: image, tag: image.tag}
    Good:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
                  manifestTargets:
                    helm: {name: image.name, tag: image.tag}
    """
    for reference in argo.references:
        images = reference.node.sequence("images")
        for image in images.mappings() if images else ():
            targets = image.mapping("manifestTargets")
            key = image.key("manifestTargets")
            if targets is None or key is None:
                continue
            kinds = [kind for kind in ("helm", "kustomize", "plugin") if kind in targets]
            if len(kinds) != 1:
                shown = " and ".join(f'"{kind}"' for kind in kinds) or "none of the targets"
                message = f"exactly one target is needed, there is {shown}"
                yield at(key.location, message, object=reference.object)
            helm = targets.mapping("helm")
            if helm and "spec" in helm and ("name" in helm or "tag" in helm):
                message = '"name" and "tag" have no effect beside "spec"'
                warning = Severity.WARNING
                yield at(key.location, message, object=reference.object, severity=warning)
    for update in argo.updates:
        application = update.application
        if update.targets is None and application is not None and update.alias:
            yield from _annotated(update)


def _annotated(update: Update) -> Findings:
    known = updater_annotations(update.application) if update.application else {}
    alias = update.alias.replace("/", "_")
    spec = known.get(f"{alias}.helm.image-spec")
    parts = [known.get(f"{alias}.helm.image-{part}") for part in ("name", "tag")]
    kustomize = known.get(f"{alias}.kustomize.image-name")
    if kustomize and (spec or any(parts)) and type(kustomize.value) is Scalar:
        message = "names for both Helm and Kustomize"
        yield at(kustomize.key.location, message, object=update.object)
    if spec and any(parts):
        message = '"helm.image-name" and "helm.image-tag" have no effect beside "helm.image-spec"'
        yield at(spec.key.location, message, object=update.object, severity=Severity.WARNING)
