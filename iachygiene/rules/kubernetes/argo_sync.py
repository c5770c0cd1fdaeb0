"""How Argo CD keeps the cluster as it is in Git."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.argo import Application, ArgoSet, Source
from iachygiene.parse.kubernetes import Object
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule


@rule("ARG103", ArgoSet, Severity.INFO)
def argo_automated_without_self_heal(argo: ArgoSet) -> Findings:
    """An Application is synchronised by itself, but not after changes in the cluster.

    Argo CD then acts on new commits alone. What somebody changes with `kubectl` stays as it
    is, shown as "OutOfSync", until the next commit undoes it by surprise.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {prune: true}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {prune: true, selfHeal: true}
    Good: switched off
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {enabled: false}
    """
    for application, key in _automated(argo):
        if not application.is_true("syncPolicy", "automated", "selfHeal"):
            message = "automated, but changes in the cluster stay: selfHeal is not true"
            yield at(key.location, message, object=application.object)


def _automated(argo: ArgoSet) -> Iterator[tuple[Application, Scalar]]:
    for application in argo.applications:
        key = application.automated
        if key is not None and application.whole:
            yield application, key


@rule("ARG104", ArgoSet, Severity.INFO)
def argo_automated_without_prune(argo: ArgoSet) -> Findings:
    """An Application is synchronised by itself, but keeps what is removed from Git.

    Objects that no commit names any more go on running, with their rights and their open
    ports, and nobody looks after them. Objects that must never go, such as volumes, can say so
    themselves with `argocd.argoproj.io/sync-options: Prune=false`.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {selfHeal: true}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {prune: true, selfHeal: true}
    Good: the Application says that nothing is to be removed
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {selfHeal: true}
            syncOptions: [Prune=false]
    """
    for application, key in _automated(argo):
        options = {node.text for node in _options(application)}
        annotated = application.annotations
        texts = annotated.text_map() if annotated else {}
        kept = "Prune=false" in texts.get("argocd.argoproj.io/sync-options", "")
        if kept or "Prune=false" in options or "Prune=confirm" in options:
            continue
        if not application.is_true("syncPolicy", "automated", "prune"):
            message = "automated, but what Git no longer holds stays: prune is not true"
            yield at(key.location, message, object=application.object)


def _options(application: Application) -> Iterator[Scalar]:
    options = application.spec.sequence("syncPolicy", "syncOptions")
    yield from options.scalars() if options else ()


@rule("ARG105", ArgoSet, Severity.WARNING)
def argo_automated_allow_empty(argo: ArgoSet) -> Findings:
    """An Application may remove everything when its source is empty.

    A wrong path, a renamed directory or a generator that fails once gives no manifests at
    all. Argo CD stops there by default; with `allowEmpty` and `prune` it deletes every object
    of the Application.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {prune: true, selfHeal: true, allowEmpty: true}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {prune: true, selfHeal: true}
    """
    for application, _ in _automated(argo):
        node = application.spec.scalar("syncPolicy", "automated", "allowEmpty")
        prune = application.is_true("syncPolicy", "automated", "prune")
        if node is not None and node.value is True and prune:
            message = "prune with allowEmpty removes everything where the source is empty"
            yield at(node.location, message, object=application.object)


@rule("ARG106", ArgoSet, Severity.INFO, default="off")
def argo_missing_sync_policy(argo: ArgoSet) -> Findings:
    """An Application waits until somebody synchronises it by hand.

    Git then says what should run, and the cluster what somebody deployed last. Where a person
    has to decide on each deployment that is right, so the rule is off by default.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
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
          syncPolicy:
            automated: {prune: true, selfHeal: true}
    """
    for application in argo.applications:
        if application.whole and application.automated is None:
            yield at(application, "the Application is not synchronised by itself")


@rule("ARG111", ArgoSet, Severity.INFO, default="off")
def argo_cascade_finalizer(argo: ArgoSet) -> Findings:
    """What an Application deployed stays when the Application is deleted.

    With the finalizer `resources-finalizer.argocd.argoproj.io` Argo CD first removes what the
    Application deployed. Without it those objects go on running and belong to nobody. Both can
    be wanted.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          finalizers: [resources-finalizer.argocd.argoproj.io]
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application in argo.applications:
        above = ("spec", "template", "metadata") if application.from_set else ("metadata",)
        names = application.owner.root.sequence(*above, "finalizers")
        texts = [node.text for node in names.scalars()] if names else []
        if application.whole and not any(
            text.startswith("resources-finalizer.argocd.argoproj.io") for text in texts
        ):
            yield at(application, "no finalizer removes what the Application deployed")


@rule("ARG112", ArgoSet, Severity.WARNING)
def argo_validation_disabled(argo: ArgoSet) -> Findings:
    """An Application is synchronised without checks, or by replacing every object.

    `Validate=false` sends what the API server's schema refuses, and a misspelled field is
    silently dropped. `Replace=true` and `Force=true` replace or delete and create each object
    anew, which interrupts services and loses what controllers wrote. Where one object needs
    that, the annotation `argocd.argoproj.io/sync-options` of that object says so.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            syncOptions: [CreateNamespace=true, Validate=false]
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            syncOptions:
              - Replace=true
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            syncOptions: [CreateNamespace=true, ServerSideApply=true]
    """
    meaning = {
        "Validate=false": "objects are not checked",
        "Replace=true": "every object is replaced",
        "Force=true": "objects are deleted and created anew",
    }
    for application in argo.applications:
        for node in _options(application):
            text = node.text.replace(" ", "")
            if text in meaning:
                message = f'"{text}": {meaning[text]}'
                yield at(node.location, message, object=application.object)


_TARGETS = frozenset(("Deployment", "StatefulSet", "ReplicaSet", "Rollout"))


@rule("ARG114", ArgoSet, Severity.WARNING)
def argo_replicas_drift(argo: ArgoSet) -> Findings:
    """Argo CD and an autoscaler both decide how many pods a workload has.

    The autoscaler changes `replicas`, Argo CD with `selfHeal` sets it back to what Git says,
    and the workload grows and shrinks all day. Leave `replicas` out of the manifest, or let
    the Application ignore the difference.

    Bad:
        -- apps/web.yaml --
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {prune: true, selfHeal: true}
        -- web/web.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 3
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
                - {name: web, image: "registry.example.com/shop/web:3.0.1"}
        -- web/scaler.yaml --
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          maxReplicas: 9
    Good:
        -- apps/web.yaml --
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: v1.0.0, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
          syncPolicy:
            automated: {prune: true, selfHeal: true}
          ignoreDifferences:
            - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}
        -- web/web.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 3
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
                - {name: web, image: "registry.example.com/shop/web:3.0.1"}
        -- web/scaler.yaml --
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          maxReplicas: 9
    """
    for application, _ in _automated(argo):
        if not application.is_true("syncPolicy", "automated", "selfHeal"):
            continue
        if _ignores_replicas(application):
            continue
        for source in application.sources:
            for workload, place in _scaled(argo, source):
                message = f"{workload.object} is scaled by an autoscaler, Argo CD sets it back"
                related = [place.labelled("Git says so many")]
                yield at(application, message, related=related)


def _ignores_replicas(application: Application) -> bool:
    rules = application.spec.sequence("ignoreDifferences")
    for node in rules.mappings() if rules else ():
        for key in ("jsonPointers", "jqPathExpressions", "managedFieldsManagers"):
            for item in node.sequence(key) or ():
                if type(item) is Scalar and (
                    "replicas" in item.text or key == "managedFieldsManagers"
                ):
                    return True
    return False


def _scaled(argo: ArgoSet, source: Source) -> Iterator[tuple[Object, Location]]:
    """The workloads of a source with a fixed number of pods and an autoscaler."""
    found = argo.deployed(source)
    if found is None:
        return
    objects = [one for manifest in found[0] for one in manifest.objects]
    scaled = {
        (one.root.text("spec", "scaleTargetRef", "kind"), name)
        for one in objects
        if one.kind in ("HorizontalPodAutoscaler", "ScaledObject")
        and (name := one.root.text("spec", "scaleTargetRef", "name"))
    }
    for one in objects:
        replicas = one.root.scalar("spec", "replicas")
        if one.kind in _TARGETS and (one.kind, one.name) in scaled and replicas is not None:
            yield one, replicas.location


@rule("ARG117", ArgoSet, Severity.WARNING)
def argo_applicationset_unsafe(argo: ArgoSet, *, require_policy: bool = False) -> Findings:
    """An ApplicationSet goes on where its template finds no value.

    A misspelled or missing parameter becomes the text `<no value>`, and the Application that
    comes of it may point to a wrong path or cluster and prune there. With `missingkey=error`
    nothing is generated instead.

    Options:
        require_policy: report, with severity info, an ApplicationSet that does not say what
            it may do to its Applications (`syncPolicy`).

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: ApplicationSet
        metadata: {name: shops, namespace: argocd}
        spec:
          goTemplate: true
          generators:
            - list: {elements: [{city: oslo}]}
          template:
            metadata: {name: "{{ .city }}"}
            spec:
              project: shop
              source:
                repoURL: https://git.example.com/shop.git
                targetRevision: v1.0.0
                path: "{{ .city }}"
              destination: {server: https://kubernetes.default.svc, namespace: shop}
    Fixed:
        apiVersion: argoproj.io/v1alpha1
        kind: ApplicationSet
        metadata: {name: shops, namespace: argocd}
        spec:
          goTemplate: true
          goTemplateOptions: ["missingkey=error"]
          generators:
            - list: {elements: [{city: oslo}]}
          template:
            metadata: {name: "{{ .city }}"}
            spec:
              project: shop
              source:
                repoURL: https://git.example.com/shop.git
                targetRevision: v1.0.0
                path: "{{ .city }}"
              destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: ApplicationSet
        metadata: {name: shops, namespace: argocd}
        spec:
          goTemplate: true
          goTemplateOptions: [missingkey=error]
          generators:
            - list: {elements: [{city: oslo}]}
          template:
            metadata: {name: "{{ .city }}"}
            spec:
              project: shop
              source:
                repoURL: https://git.example.com/shop.git
                targetRevision: v1.0.0
                path: "{{ .city }}"
              destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application in argo.applications:
        if not application.from_set or application.owner.partial:
            continue
        root = application.owner.root
        key, node = root.mapping("spec"), root.scalar("spec", "goTemplate")
        options = root.sequence("spec", "goTemplateOptions")
        texts = {one.text for one in options.scalars()} if options else set()
        if node is not None and node.value is True and "missingkey=error" not in texts:
            message = "the template goes on where a value is missing"
            fix = _with_options(node) if options is None else None
            yield at(node.location, message, object=application.object, fix=fix)
        if require_policy and key is not None and key.get("syncPolicy") is None:
            message = "nothing says what the ApplicationSet may do to its Applications"
            yield at(application, message, severity=Severity.INFO)


def _with_options(node: Scalar) -> Fix | None:
    """A line below `goTemplate: true`, where that is a line of its own."""
    text = node.file.text
    start = text.rfind("\n", 0, node.start) + 1
    line = text[start : node.start]
    end = text.find("\n", node.end)
    if not line.strip().startswith("goTemplate:") or end == -1:
        return None
    indent = line[: len(line) - len(line.lstrip())]
    newline = "\r\n" if text[end - 1 : end] == "\r" else "\n"
    added = f'{indent}goTemplateOptions: ["missingkey=error"]{newline}'
    edit = Edit(Span(end + 1, end + 1), added)
    return Fix("stop where a value is missing", (edit,), safe=False)
