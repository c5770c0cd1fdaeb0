"""How Image Updater chooses among the tags of an image."""

from __future__ import annotations

from iachygiene.distance import nearest
from iachygiene.image import parse_image
from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, at
from iachygiene.parse.argo import STRATEGIES, ArgoSet, updater_annotations
from iachygiene.parse.kubernetes import is_unknown
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule

_DEPRECATED = {"latest": "newest-build", "name": "alphabetical"}


@rule("ARG201", ArgoSet, Severity.WARNING)
def image_updater_unconstrained(argo: ArgoSet) -> Findings:
    """Image Updater may take any version of an image, also the next major one.

    With the strategy `semver`, which is the default, the highest version of all wins. Without
    a constraint behind the image, or a filter of tags, a release that breaks what runs here is
    deployed within minutes. `~1.4` allows new patches, `1.x` new features.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web
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
    Good: the tags are filtered
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web
                  commonUpdateSettings:
                    allowTags: regexp:^1[.]4[.][0-9]+$
    """
    for update in argo.updates:
        if update.strategy != "semver" or update.constraint or is_unknown(update.image):
            continue
        if update.setting("allow-tags") in ("", "any"):
            message = f'any new version of "{update.name}" is taken, also a major one'
            yield at(update.location, message, object=update.object)


@rule("ARG202", ArgoSet, Severity.WARNING)
def image_updater_build_order_without_filter(argo: ArgoSet) -> Findings:
    """Image Updater takes whichever tag was built last, or comes last in the alphabet.

    These strategies look at every tag of the repository: a build of a branch, a nightly one or
    `latest` wins as soon as it is newer. `allow-tags` says which ones count.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: newest-build
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: newest-build
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-[0-9a-f]{7}$
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for update in argo.updates:
        if update.strategy not in ("newest-build", "alphabetical"):
            continue
        if update.setting("allow-tags") in ("", "any") and not update.setting("ignore-tags"):
            message = f'of "{update.name}" every tag counts for the strategy "{update.strategy}"'
            place = update.settings.get("update-strategy")
            yield at(place.location if place else update.location, message, object=update.object)


@rule("ARG204", ArgoSet, Severity.WARNING)
def image_updater_constraint_ignored(argo: ArgoSet) -> Findings:
    """A version is written behind an image, and the strategy does not look at it.

    Only `semver` (as a range) and `digest` (as the tag to follow) read what stands behind the
    colon. With `newest-build` and `alphabetical` every tag counts; `allow-tags` filters them.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.update-strategy: newest-build
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: newest-build
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for update in argo.updates:
        if update.strategy in ("newest-build", "alphabetical") and update.constraint:
            message = f'":{update.constraint}" has no effect with "{update.strategy}"'
            yield at(update.location, message, object=update.object)


_IMMUTABLE = regex(r"v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+].*)?|[0-9a-f]{7,40}")
_RANGE = regex(r"[~^<>=]|(?:^|[.])[xX*](?:[.]|$)")


@rule("ARG205", ArgoSet, Severity.WARNING)
def image_updater_digest_on_pinned_tag(argo: ArgoSet) -> Findings:
    """The strategy "digest" follows a tag that does not move, or no tag at all.

    `digest` waits until a tag such as `main` points to another image. A release or a commit
    never does, so nothing is ever updated. Without a tag, or with a range in its place, Image
    Updater reports an error.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:1.4.2
            argocd-image-updater.argoproj.io/web.update-strategy: digest
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad: severity error
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: digest
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:main
            argocd-image-updater.argoproj.io/web.update-strategy: digest
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for update in argo.updates:
        if update.strategy != "digest" or is_unknown(update.image):
            continue
        tag = update.constraint
        if not tag or _RANGE.search(tag):
            why = f'"{tag}" is a range' if tag else "there is none"
            message = f'the strategy "digest" follows one tag, {why}'
            yield at(update.location, message, object=update.object, severity=Severity.ERROR)
        elif _IMMUTABLE.fullmatch(tag):
            message = f'the strategy "digest" follows the tag "{tag}", which does not move'
            yield at(update.location, message, object=update.object)


def _strategies(argo: ArgoSet) -> list[tuple[str, Location, str, Scalar]]:
    """Every strategy as written: text, place, object and node."""
    found = []
    for application in argo.applications:
        for name, (_, value) in updater_annotations(application).items():
            if name.rpartition(".")[2] == "update-strategy" and type(value) is Scalar:
                found.append((value.text.strip(), value.location, application.object, value))
    for owner in argo.updaters:
        spec = owner.root.mapping("spec")
        holders = [spec] if spec else []
        for reference in argo.references:
            if reference.owner is owner:
                images = reference.node.sequence("images")
                holders += [reference.node, *(images.mappings() if images else ())]
        for holder in holders:
            node = holder.scalar("commonUpdateSettings", "updateStrategy")
            if node is not None:
                found.append((node.text.strip(), node.location, owner.object, node))
    return found


@rule("ARG206", ArgoSet, Severity.ERROR)
def image_updater_unknown_strategy(argo: ArgoSet) -> Findings:
    """An update strategy that Image Updater does not know.

    It then takes `semver` without a word, and the newest version of all is deployed where, say,
    the newest build of a branch was meant.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.update-strategy: newest
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.update-strategy: semver
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for text, place, owner, _ in _strategies(argo):
        if text and text not in STRATEGIES and text not in _DEPRECATED and not is_unknown(text):
            longer = [one for one in STRATEGIES if one.startswith(text)]
            near = longer[0] if longer else nearest(text, STRATEGIES)
            hint = f', perhaps "{near}"' if near else ""
            message = f'"{text}" is no strategy and counts as "semver"{hint}'
            yield at(place, message, object=owner)


@rule("ARG207", ArgoSet, Severity.WARNING)
def image_updater_deprecated_strategy(argo: ArgoSet) -> Findings:
    """An update strategy goes by the name that it had before.

    `latest` is called `newest-build` now, because it has nothing to do with the tag of that
    name, and `name` is called `alphabetical`. The old names will be removed.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: latest
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Fixed:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: newest-build
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: alphabetical
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for text, place, owner, node in _strategies(argo):
        new = _DEPRECATED.get(text)
        if new is not None:
            message = f'"{text}" is the old name of "{new}"'
            quote = node.style if node.style in ("'", '"') else ""
            fix = None
            if node.style in ("", "'", '"'):
                edit = Edit(node.location.span, f"{quote}{new}{quote}")
                fix = Fix(f'call it "{new}"', (edit,))
            yield at(place, message, object=owner, fix=fix)


@rule("ARG218", ArgoSet, Severity.INFO, default="off")
def image_updater_platforms_no_effect(argo: ArgoSet) -> Findings:
    """Platforms are listed, and the strategy does not look at them.

    Only `newest-build` and `digest` fetch what an image says of its platforms; `semver` and
    `alphabetical` choose by the tag alone.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.platforms: linux/arm64
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:main
            argocd-image-updater.argoproj.io/web.update-strategy: digest
            argocd-image-updater.argoproj.io/web.platforms: linux/arm64
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for update in argo.updates:
        place = update.settings.get("platforms")
        if place is not None and update.strategy in ("semver", "alphabetical"):
            message = f'platforms have no effect with "{update.strategy}"'
            yield at(place.location, message, object=update.object)


@rule("ARG219", ArgoSet, Severity.INFO, default="off")
def image_updater_dockerhub_newest_build(argo: ArgoSet) -> Findings:
    """The newest build is looked for at Docker Hub, which counts pulls.

    `newest-build` fetches the manifest of every tag that is allowed, and each fetch counts as a
    pull. Without a paid account the limit is reached soon, and then nothing can be pulled.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=example/web
            argocd-image-updater.argoproj.io/web.update-strategy: newest-build
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web
            argocd-image-updater.argoproj.io/web.update-strategy: newest-build
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^main-
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for update in argo.updates:
        registry = parse_image(update.name, update.location).registry
        hub = registry is None or registry.text in ("docker.io", "index.docker.io")
        if update.strategy == "newest-build" and hub and not is_unknown(update.image):
            message = f'each tag of "{update.name}" counts against the pulls of Docker Hub'
            yield at(update.location, message, object=update.object)


@rule("ARG220", ArgoSet, Severity.INFO, default="off", security=True)
def image_updater_unverified(argo: ArgoSet) -> Findings:
    """Image Updater takes images without looking at their signature.

    Whoever may write to the registry may then deploy. With `imagesVerification` only images
    signed with a known key are taken.

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
    Good:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          imagesVerification:
            cosignKey: {secretName: cosign, key: cosign.pub}
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
    """
    for reference in argo.references:
        images = reference.node.sequence("images")
        levels = [reference.owner.root.mapping("spec"), reference.node]
        if any(one is not None and one.get("imagesVerification") for one in levels):
            continue
        for node in images.mappings() if images else ():
            name = node.scalar("imageName")
            if node.get("imagesVerification") is None and name is not None:
                message = f'the signature of "{name.text}" is not verified'
                yield at(name.location, message, object=reference.object)
