"""What Argo CD's projects allow, and what Applications carry that is secret."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.credentials import is_placeholder, may_be_secret, names_secret
from iachygiene.lazy import regex
from iachygiene.model import Broken, Findings, Severity, SourceFile, at
from iachygiene.parse import yaml
from iachygiene.parse.argo import ArgoSet, Source
from iachygiene.parse.kubernetes import Object, is_unknown
from iachygiene.rule import rule


@rule("ARG107", ArgoSet, Severity.INFO, default="strict")
def argo_default_project(argo: ArgoSet) -> Findings:
    """An Application belongs to the project "default".

    That project allows every repository, cluster and kind of object. A project of one's own
    says what a team may deploy, and where.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: default
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application in argo.applications:
        node = application.spec.scalar("project")
        if node is not None and node.text == "default":
            yield at(node.location, 'the project is "default"', object=application.object)
        elif (node is None or not node.text) and application.whole:
            yield at(application.key, "no project is named", object=application.object)


@rule("ARG113", ArgoSet, Severity.WARNING, default="strict", security=True)
def argo_project_wildcards(argo: ArgoSet) -> Findings:
    """A project allows everything.

    A project is there to say from which repositories its Applications may come, to which
    clusters and namespaces they may go, and which objects of the whole cluster they may make.
    `*` in all of them is no project.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: AppProject
        metadata: {name: shop, namespace: argocd}
        spec:
          sourceRepos: ["*"]
          destinations: [{server: "*", namespace: "*"}]
          clusterResourceWhitelist: [{group: "*", kind: "*"}]
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: AppProject
        metadata: {name: shop, namespace: argocd}
        spec:
          sourceRepos: ["https://git.example.com/shop/*"]
          destinations: [{server: https://kubernetes.default.svc, namespace: "shop-*"}]
    """
    for project in argo.projects:
        if project.name != "default" and not project.partial:
            for node, what in _wildcards(project):
                message = f"the project allows {what}"
                yield at(node.location, message, object=project.object)


def _wildcards(project: Object) -> Iterator[tuple[yaml.Node, str]]:
    spec = project.root.mapping("spec")
    if spec is None:
        return
    for node in spec.sequence("sourceRepos") or ():
        if type(node) is yaml.Scalar and node.text == "*":
            yield node, "every repository"
    for key, fields, what in (
        ("destinations", ("server", "namespace"), "every namespace of every cluster"),
        ("clusterResourceWhitelist", ("group", "kind"), "every object of the whole cluster"),
    ):
        items = spec.sequence(key)
        for item in items.mappings() if items else ():
            named = item.text("name") if key == "destinations" else ""
            if named in ("", "*") and all(item.text(field) == "*" for field in fields):
                yield item, what


@rule("ARG115", ArgoSet, Severity.WARNING, sensitive=True, security=True)
def argo_inline_helm_secret(argo: ArgoSet) -> Findings:
    """An Application hands a password, token or key to a chart in plain text.

    It then stands in Git, in the Application in the cluster, and in Argo CD's user interface.
    Charts can take nearly every secret from a Secret that exists already (`existingSecret`).
    A value that only holds the place, such as `changeme`, is an info.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source:
            repoURL: https://charts.example.com
            chart: postgresql
            targetRevision: 16.2.1
            helm:
              parameters:
                - {name: auth.postgresPassword, value: hunter22}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source:
            repoURL: https://charts.example.com
            chart: postgresql
            targetRevision: 16.2.1
            helm:
              values: |
                auth:
                  postgresPassword: hunter22
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source:
            repoURL: https://charts.example.com
            chart: postgresql
            targetRevision: 16.2.1
            helm:
              valuesObject:
                auth: {existingSecret: db, secretKeys: {adminPasswordKey: admin-password}}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application in argo.applications:
        for source in application.sources:
            for name, value, place in _helm_values(source):
                last = name.rpartition(".")[2]
                if names_secret(last) and may_be_secret(value) and not _names_object(last, value):
                    yield at(
                        place.location,
                        f'the value of "{name}" is a secret in plain text',
                        object=application.object,
                        severity=Severity.INFO if is_placeholder(value) else None,
                    )


_OBJECT = regex(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


def _names_object(name: str, value: str) -> bool:
    """Whether it is the name of a Secret: `tlsSecret: shop-tls`."""
    ends = name.lower().endswith(("secret", "secrets"))
    held = ("clientsecret", "jwtsecret", "sessionsecret", "cookiesecret", "sharedsecret")
    return ends and not name.lower().endswith(held) and bool(_OBJECT.fullmatch(value))


def _helm_values(source: Source) -> Iterator[tuple[str, str, yaml.Node]]:
    """Names and values that a source sets, and where: of a text, the whole text."""
    helm = source.node.mapping("helm")
    if helm is None:
        return
    parameters = helm.sequence("parameters")
    for item in parameters.mappings() if parameters else ():
        node = item.scalar("value")
        if node is not None and not is_unknown(node.text):
            yield item.text("name"), node.text, node
    inline = helm.mapping("valuesObject")
    if inline is not None:
        yield from ((name, node.text, node) for name, node in _leaves(inline))
    text = helm.scalar("values")
    if text is not None and not is_unknown(text.text):
        try:
            stream = yaml.parse(SourceFile(text.file.path, text.text.encode()))
        except Broken:
            return
        for document in stream.documents:
            for name, node in _leaves(document.root):
                yield name, node.text, text


def _leaves(root: yaml.Node) -> Iterator[tuple[str, yaml.Scalar]]:
    """The scalars below a mapping by their last key."""
    pending = [root]
    while pending:
        node = pending.pop()
        if type(node) is yaml.Mapping:
            for name, (_, value) in node.entries.items():
                if type(value) is yaml.Scalar:
                    yield name, value
                else:
                    pending.append(value)
        elif type(node) is yaml.Sequence:
            pending.extend(node.children)
