"""Where Argo CD takes manifests from, and where it puts them."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse import yaml
from iachygiene.parse.argo import Application, ArgoSet, Source
from iachygiene.parse.kubernetes import is_unknown
from iachygiene.rule import rule

_BRANCHES = frozenset(("main", "master", "develop", "development", "dev", "trunk", "head"))
_COMMIT = regex(r"[0-9a-f]{7,64}")
_EXACT = regex(r"v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]*)?")


@rule("ARG101", ArgoSet, Severity.WARNING)
def argo_mutable_target_revision(argo: ArgoSet) -> Findings:
    """An Application follows a branch of another repository.

    Whoever may push there changes what runs here, at once and without a review in this
    repository; and nobody can say later which state was deployed. A tag or commit moves when
    somebody decides. Branches of the scanned repository itself are the usual GitOps way and
    not reported, nor is one that Image Updater writes to.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: monitoring, namespace: argocd}
        spec:
          project: platform
          source:
            repoURL: https://git.example.com/vendor/monitoring.git
            targetRevision: main
            path: deploy
          destination: {server: https://kubernetes.default.svc, namespace: monitoring}
    Bad: without a revision it is HEAD
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: monitoring, namespace: argocd}
        spec:
          project: platform
          source:
            repoURL: https://git.example.com/vendor/monitoring.git
            path: deploy
          destination: {server: https://kubernetes.default.svc, namespace: monitoring}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: monitoring, namespace: argocd}
        spec:
          project: platform
          source:
            repoURL: https://git.example.com/vendor/monitoring.git
            targetRevision: v2.4.1
            path: deploy
          destination: {server: https://kubernetes.default.svc, namespace: monitoring}
    Good: the path is in this repository
        -- apps/web.yaml --
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
        -- web/namespace.yaml --
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop}
    """
    written = {id(one.application) for one in argo.write_backs if one.method.startswith("git")}
    for application, source in _sources(argo):
        if source.is_chart or id(application) in written or application.owner.partial:
            continue
        why = _mutable(source.revision)
        known = source.repository and not source.repository.startswith("<")
        if why and known and not is_unknown(source.repository) and not argo.tracks_itself(source):
            node = source.node.scalar("targetRevision")
            place = node.location if node else source.location
            yield at(place, f"the Application follows {why}", object=application.object)


def _sources(argo: ArgoSet) -> Iterator[tuple[Application, Source]]:
    for application in argo.applications:
        for source in application.sources:
            yield application, source


def _mutable(revision: str) -> str:
    if not revision:
        return "HEAD, as no revision is named"
    if is_unknown(revision) or _COMMIT.fullmatch(revision) or _EXACT.fullmatch(revision):
        return ""
    if revision.lower() in _BRANCHES or revision.startswith("refs/heads/"):
        return "HEAD" if revision == "HEAD" else f'the branch "{revision}"'
    return ""


@rule("ARG102", ArgoSet, Severity.WARNING)
def argo_wildcard_chart_version(argo: ArgoSet) -> Findings:
    """An Application takes a chart in whatever version is the newest.

    Argo CD looks again every few minutes: a new release of the chart, with new defaults and
    new images, is then deployed without a commit. Without any `targetRevision` Argo CD refuses
    a chart. Name the version, and let a bot propose the next one.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: ingress, namespace: argocd}
        spec:
          project: platform
          source:
            repoURL: https://charts.example.com
            chart: ingress-nginx
            targetRevision: 4.*
          destination: {server: https://kubernetes.default.svc, namespace: ingress}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: ingress, namespace: argocd}
        spec:
          project: platform
          source:
            repoURL: https://charts.example.com
            chart: ingress-nginx
            targetRevision: 4.11.3
          destination: {server: https://kubernetes.default.svc, namespace: ingress}
    """
    for application, source in _sources(argo):
        revision = source.revision
        if not source.is_chart or is_unknown(revision) or _is_fixed(revision):
            continue
        if not revision and not application.whole:
            continue
        node = source.node.scalar("targetRevision") or source.node.scalar("chart")
        place = node.location if node else source.location
        message = f'"{revision}" is no single version of the chart'
        if not revision:
            message = "no version of the chart is named"
        yield at(place, message, object=application.object)


def _is_fixed(revision: str) -> bool:
    if not revision or revision.lower() in ("latest", "stable", "head"):
        return False
    return not any(letter in revision for letter in "*^~<>=| xX,") or bool(
        _EXACT.fullmatch(revision)
    )


@rule("ARG108", ArgoSet, Severity.ERROR)
def argo_source_and_sources(argo: ArgoSet) -> Findings:
    """An Application has no source, or several that exclude one another.

    Of `source` and `sources` Argo CD takes the list and never looks at the other: what stands
    there is not deployed. A source is a directory of a Git repository (`path`) or a chart of a
    Helm repository (`chart`), not both, and a chart cannot lend its values (`ref`).

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          sources:
            - {repoURL: "https://git.example.com/db.git", targetRevision: v1.0.0, path: db}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source:
            repoURL: https://charts.example.com
            chart: web
            path: charts/web
            targetRevision: 1.0.0
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          sources:
            - repoURL: https://charts.example.com
              chart: web
              targetRevision: 1.0.0
              helm: {valueFiles: [$values/web.yaml]}
            - {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, ref: values}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good: an empty list is none
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          sources: []
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application in argo.applications:
        kinds = [
            key
            for key in ("source", "sources", "sourceHydrator")
            if _is_filled(application.spec.get(key))
        ]
        place = application.spec.key(kinds[-1]) if kinds else None
        if len(kinds) > 1 and place is not None:
            names = " and ".join(f'"{kind}"' for kind in kinds)
            yield at(place.location, f"both {names}", object=application.object)
        elif not kinds and application.whole:
            yield at(application.key, "the Application has no source", object=application.object)
        for source in application.sources:
            for key in ("path", "ref"):
                # An empty text is what a template leaves where it has nothing to say.
                node = source.node.scalar(key)
                if source.is_chart and source.node.text("chart") and node and node.text:
                    message = f'both "chart" and "{key}" in one source'
                    yield at(node.location, message, object=application.object)


def _is_filled(node: yaml.Node | None) -> bool:
    """Whether something is said: Argo CD itself writes `sources: []` beside `source`."""
    return node is not None and not (type(node) is yaml.Sequence and not len(node))


@rule("ARG109", ArgoSet, Severity.ERROR)
def argo_invalid_destination(argo: ArgoSet) -> Findings:
    """An Application names its cluster twice, or not at all.

    The destination is a cluster by its address (`server`) or by the name it has in Argo CD
    (`name`). With both, or with neither, Argo CD deploys nothing: "application destination
    can't have both name and server defined".

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, name: in-cluster}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {name: in-cluster, namespace: shop}
    """
    for application in argo.applications:
        node = application.spec.mapping("destination")
        server = application.spec.scalar("destination", "server")
        name = application.spec.scalar("destination", "name")
        if server is not None and name is not None and server.text and name.text:
            message = "the destination has both server and name"
            yield at(name.location, message, object=application.object)
        elif not (server or name) and node is not None and application.whole:
            key = application.spec.key("destination")
            place = key.location if key else application.key
            message = "the destination has neither server nor name"
            yield at(place, message, object=application.object)


@rule("ARG110", ArgoSet, Severity.WARNING)
def argo_missing_path(argo: ArgoSet) -> Findings:
    """An Application deploys a directory, or values, that this repository does not have.

    Argo CD shows "app path does not exist" and deploys nothing more. Only sources are judged
    whose URL is that of the repository the files were cloned from; a values file may be absent
    where `ignoreMissingValueFiles` says so.

    Bad: the clone comes from https://git.example.com/shop.git
        -- apps/web.yaml --
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", path: manifest/web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
        -- .git/config --
        [core]
            repositoryformatversion = 0
        [remote "origin"]
            url = git@git.example.com:shop.git
        -- .git/HEAD --
        ref: refs/heads/main
        -- .git/objects/empty --
        -- .git/refs/empty --
    Good:
        -- apps/web.yaml --
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", path: manifests/web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
        -- manifests/web/namespace.yaml --
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop}
        -- .git/config --
        [core]
            repositoryformatversion = 0
        [remote "origin"]
            url = git@git.example.com:shop.git
        -- .git/HEAD --
        ref: refs/heads/main
        -- .git/objects/empty --
        -- .git/refs/empty --
    """
    for application, source in _sources(argo):
        path = source.node.scalar("path")
        if not source.repository or source.is_chart or not argo.is_own(source.repository):
            continue
        revision = source.revision
        if _EXACT.fullmatch(revision) or _COMMIT.fullmatch(revision):
            continue  # another state of the repository than the one that is here
        if path is not None and not is_unknown(path.text) and not argo.holds(path.text):
            message = f'the path "{path.text}" is not in this repository'
            yield at(path.location, message, object=application.object)
            continue
        for node, file in _value_files(application, source, argo):
            if not argo.holds(file):
                message = f'the values file "{node.text}" is not in this repository'
                yield at(node.location, message, object=application.object)


def _value_files(
    application: Application, source: Source, argo: ArgoSet
) -> Iterator[tuple[yaml.Scalar, str]]:
    """The values files of a source, with their path from the top of the repository."""
    if source.node.text("helm", "ignoreMissingValueFiles") == "true":
        return
    files = source.node.sequence("helm", "valueFiles")
    base = source.node.text("path").strip("/")
    for node in files.scalars() if files else ():
        text = node.text
        if is_unknown(text) or text.startswith("$") or "://" in text or "*" in text:
            continue
        if not is_unknown(base):
            yield node, text.lstrip("/") if text.startswith("/") else f"{base}/{text}"


_IN_CLUSTER = regex(
    r"http://(?:localhost|127\.0\.0\.1|[^./:@]+|[^/:@]+\.svc(?:\.[^/:@]+)?)(?::[0-9]+)?(?:/.*)?"
)
_CREDENTIALS = regex(r"[a-z+]+://[^/@:\s]*:(?P<password>[^/@\s]+)@")


@rule("ARG116", ArgoSet, Severity.WARNING, sensitive=True, security=True)
def argo_plain_http_repo(argo: ArgoSet) -> Findings:
    """An Application fetches manifests over plain HTTP, or with a password in the URL.

    What comes over HTTP can be changed on its way, and what is changed is then deployed with
    Argo CD's rights. A password in the URL is an error: it stands in Git, in the cluster and in
    the user interface; Argo CD keeps credentials of repositories in Secrets. Names inside the
    cluster are silent.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "http://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad: severity error
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source:
            repoURL: https://bot:hunter22@git.example.com/shop.git
            targetRevision: v1.0.0
            path: web
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          sources:
            - {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
            - {repoURL: "http://git.tools.svc.cluster.local/db", targetRevision: v1.0.0, path: db}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application, source in _sources(argo):
        url = source.repository
        found = _CREDENTIALS.match(url)
        if found and not is_unknown(found["password"]):
            message = "the URL of the repository holds a password"
            place = source.location
            yield at(place, message, object=application.object, severity=Severity.ERROR)
        elif url.startswith("http://") and not is_unknown(url) and not _IN_CLUSTER.fullmatch(url):
            message = "the repository is fetched over plain HTTP"
            yield at(source.location, message, object=application.object)
