"""How Image Updater writes back what it chose."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import basename, dirname

from iachygiene.distance import nearest
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.argo import Application, ArgoSet, WriteBack, updater_annotations
from iachygiene.parse.kubernetes import is_unknown
from iachygiene.rule import rule

_NO_BRANCH = regex(r"v?[0-9]+(?:\.[0-9]+)+(?:[-+].*)?|[0-9a-f]{7,64}|refs/tags/.*")


@rule("ARG203", ArgoSet, Severity.ERROR)
def image_updater_git_needs_branch(argo: ArgoSet) -> Findings:
    """Image Updater is to commit, and the Application follows no branch.

    A commit goes to a branch. Where `targetRevision` is a tag, a commit or the version of a
    chart, `git-branch` has to name one, and Argo CD will not see the change unless it follows
    that branch. `HEAD` is a warning: Image Updater then takes the default branch as it is at
    that moment.

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
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad: severity warning
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
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: HEAD, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
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
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
            argocd-image-updater.argoproj.io/git-branch: main
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: HEAD, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for back in argo.write_backs:
        application = back.application
        if not back.method.startswith("git") or back.branch or application is None:
            continue
        sources = [
            one for one in application.sources if back.repository in ("", one.repository)
        ] or application.sources
        if len(sources) != 1:
            continue
        source = sources[0]
        if is_unknown(source.revision) or (source.is_chart and back.repository):
            continue
        node = source.node.scalar("targetRevision")
        place = node.location if node else source.location
        if source.is_chart or _NO_BRANCH.fullmatch(source.revision):
            shown = "the version of a chart" if source.is_chart else f'"{source.revision}"'
            message = f"Image Updater commits to a branch, the revision is {shown}"
            yield at(place, message, object=application.object, related=[back.location])
        elif source.revision in ("", "HEAD"):
            message = "Image Updater commits to a branch, the revision is HEAD"
            related = [back.location]
            warning = Severity.WARNING
            yield at(place, message, object=application.object, related=related, severity=warning)


@rule("ARG210", ArgoSet, Severity.WARNING)
def image_updater_imperative_write_back(argo: ArgoSet) -> Findings:
    """Image Updater changes an Application in the cluster that itself comes from Git.

    With the method `argocd`, which is the default, the new version is written into the
    Application and nowhere else: whoever applies the file again takes it back, and Git never
    says what runs. The method `git` commits it. It is an error where a parent Application with
    `selfHeal` undoes the change at once, an info where `ignoreDifferences` shows that somebody
    thought of it.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
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
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for back in argo.write_backs:
        application = back.application
        if application is None or back.method not in ("", "argocd") or application.owner.partial:
            continue
        severity, related = None, []
        parent = _parent(argo, application)
        if back.explicit and application.spec.get("ignoreDifferences") is not None:
            severity = Severity.INFO
        elif parent is not None:
            severity = Severity.ERROR
            related = [parent.location.labelled("this Application sets it back")]
        message = "updates are written into the cluster, and this Application comes from Git"
        yield at(back.location, message, object=back.object, severity=severity, related=related)


def _parent(argo: ArgoSet, application: Application) -> Application | None:
    """The Application of this tree that deploys another one and undoes changes."""
    directory = dirname(application.location.path)
    for other in argo.applications:
        for source in other.sources:
            path = source.node.text("path").strip("/")
            heals = other.automated and other.is_true("syncPolicy", "automated", "selfHeal")
            if other is not application and heals and path == directory and path:
                return other
    return None


_TARGETS = ("kustomization", "helmvalues")


@rule("ARG211", ArgoSet, Severity.ERROR)
def image_updater_invalid_write_back_target(argo: ArgoSet) -> Findings:
    """The place that Image Updater is to write to does not fit.

    `kustomization` changes the images of a kustomization, `helmvalues` a values file (with the
    names of the values in `helm.image-name` and `helm.image-tag`); both may have a path behind
    a colon. Any other text is the path of a file of its own: a `kustomization.yaml` there
    would be overwritten, so Image Updater refuses it.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
            argocd-image-updater.argoproj.io/write-back-target: overlays/kustomization.yaml
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad: values of a chart in a kustomization
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
            argocd-image-updater.argoproj.io/write-back-target: helmvalues:values.yaml
        spec:
          project: shop
          source:
            repoURL: https://git.example.com/shop.git
            targetRevision: main
            path: web
            kustomize: {namePrefix: a-}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad: which value holds the tag?
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
            argocd-image-updater.argoproj.io/write-back-target: helmvalues:values.yaml
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
            argocd-image-updater.argoproj.io/write-back-method: git
            argocd-image-updater.argoproj.io/write-back-target: kustomization:../overlays/live
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
            argocd-image-updater.argoproj.io/write-back-method: git
            argocd-image-updater.argoproj.io/write-back-target: helmvalues:values.yaml
            argocd-image-updater.argoproj.io/web.helm.image-name: image.name
            argocd-image-updater.argoproj.io/web.helm.image-tag: image.tag
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for back in argo.write_backs:
        if back.target is None or not back.method.startswith("git"):
            continue
        for place, message in _target_mistakes(back):
            yield at(place, message, object=back.object)


def _target_mistakes(back: WriteBack) -> Iterator[tuple[Location, str]]:
    target = back.target
    if target is None or is_unknown(target.text):
        return
    kind = target.text.partition(":")[0]
    name = basename(target.text)
    if kind not in _TARGETS and name in (
        "kustomization.yaml",
        "kustomization.yml",
        "Kustomization",
    ):
        yield target.location, f'"{target.text}" would be overwritten, it needs "kustomization:"'
    elif kind not in _TARGETS and "/" not in kind and not kind.endswith((".yaml", ".yml")):
        near = nearest(kind, _TARGETS, 6)
        hint = f', perhaps "{near}"' if near else ""
        yield target.location, f'"{target.text}" is no place to write to{hint}'
    elif kind in _TARGETS and back.application is not None:
        sources = back.application.sources
        helm = any(one.is_chart or one.node.get("helm") is not None for one in sources)
        kustomize = any(one.node.get("kustomize") is not None for one in sources)
        if kind == "kustomization" and helm and not kustomize and len(sources) == 1:
            yield target.location, "a kustomization is to be changed, the source is a chart"
        elif kind == "helmvalues" and kustomize and not helm and len(sources) == 1:
            yield target.location, "values are to be changed, the source is a kustomization"
        elif kind == "helmvalues":
            yield from _unnamed_values(back, target.location)


def _unnamed_values(back: WriteBack, place: Location) -> Iterator[tuple[Location, str]]:
    known = updater_annotations(back.application) if back.application else {}
    for update in back.updates:
        if update.targets is not None:
            named = update.targets.mapping("helm") is not None
        else:
            prefix = update.alias.replace("/", "_") + ".helm.image-"
            named = bool(update.alias) and any(key.startswith(prefix) for key in known)
        if not named:
            yield place, f'no name of a value is given for "{update.name}"'
            return


@rule("ARG221", ArgoSet, Severity.ERROR)
def image_updater_invalid_pull_request(argo: ArgoSet) -> Findings:
    """Image Updater is to open a pull request, and what it is told does not fit.

    It takes the method `git`, exactly one of `github` and `gitlab`, and in `branch` the base
    alone: the branch of the pull request gets its name by itself.

    Bad:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          writeBackConfig:
            method: git
            gitConfig:
              branch: "main:updates"
              pullRequest: {github: {}}
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
    Bad:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          writeBackConfig:
            method: argocd
            gitConfig:
              pullRequest: {github: {}}
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
          writeBackConfig:
            method: git
            gitConfig:
              branch: main
              pullRequest: {github: {}}
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
    """
    told = set()
    for back in argo.write_backs:
        node = back.pull_request
        if node is None:
            continue
        providers = [key for key in ("github", "gitlab") if key in node]
        mistakes: list[tuple[Location, str]] = []
        if len(providers) != 1:
            message = "neither github nor gitlab" if not providers else "both github and gitlab"
            mistakes.append((node.location, f"the pull request names {message}"))
        if not back.method.startswith("git"):
            message = f'the method "{back.method}" opens no pull request'
            mistakes.append((back.location, message))
        if back.branch and ":" in back.branch.text:
            message = f'"{back.branch.text}" names two branches, a pull request needs the base'
            mistakes.append((back.branch.location, message))
        for place, message in mistakes:
            if place not in told:
                told.add(place)
                yield at(place, message, object=back.object)
