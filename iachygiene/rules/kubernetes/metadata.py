"""Names, labels, annotations and namespaces of objects."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, Span, at
from iachygiene.parse.kubernetes import CARRIERS, Manifest, Object, Pod, is_unknown, stands_in
from iachygiene.parse.workloads import place
from iachygiene.parse.yaml import Entry, Mapping, Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known, looks_at

_LABEL = regex(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN = regex(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_QUALIFIED = regex(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_CLUSTER_SCOPED = frozenset(
    (
        *(("", kind) for kind in ("Namespace", "Node", "PersistentVolume")),
        *(("rbac.authorization.k8s.io", kind) for kind in ("ClusterRole", "ClusterRoleBinding")),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        *(("storage.k8s.io", kind) for kind in ("StorageClass", "CSIDriver", "CSINode")),
        ("storage.k8s.io", "VolumeAttachment"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("networking.k8s.io", "IngressClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("certificates.k8s.io", "CertificateSigningRequest"),
        ("policy", "PodSecurityPolicy"),
        ("extensions", "PodSecurityPolicy"),
        *(
            ("admissionregistration.k8s.io", f"{kind}{what}")
            for kind in ("Mutating", "Validating")
            for what in ("WebhookConfiguration", "AdmissionPolicy", "AdmissionPolicyBinding")
        ),
        *(
            ("flowcontrol.apiserver.k8s.io", kind)
            for kind in ("FlowSchema", "PriorityLevelConfiguration")
        ),
    )
)
_BUILT_IN = frozenset(
    (
        *(
            "",
            "apps",
            "autoscaling",
            "batch",
            "extensions",
            "policy",
            "admissionregistration.k8s.io",
        ),
        *("apiextensions.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io"),
        *("coordination.k8s.io", "discovery.k8s.io", "networking.k8s.io", "node.k8s.io"),
        *("rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io"),
    )
)


@rule("K8S912", Manifest, Severity.ERROR)
def invalid_name(manifest: Manifest) -> Findings:
    """An object or its namespace has a name that the API server refuses.

    Names are made of lower-case letters, digits, dashes and, for most kinds, dots, and begin
    and end with a letter or digit. Those of Services and namespaces have at most 63
    characters and no dots. The names of roles and bindings are freer.

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web_config}
    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: 2nd-web}
        spec: {selector: {app: web}, ports: [{port: 80}]}
    Good:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web-config.v2}
    Good: roles may hold colons
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: "example:web"}
        rules: []
    """
    for one in manifest.objects:
        if one.group not in _BUILT_IN:
            continue
        name = one.root.scalar("metadata", "name")
        why = _why_no_name(one, name.text) if name is not None and name.text else None
        # A kustomization that sets a namespace renames what makes namespaces.
        renamed = one.kind == "Namespace" and bool(one.overlay.namespaces)
        open_name = name is not None and (is_unknown(name.text) or _is_stand_in(name.text))
        if name is not None and why and not open_name and not renamed:
            yield at(name.location, f'"{name.text}" {why}', object=one.object)
        space = one.root.scalar("metadata", "namespace")
        if space is None or not space.text or is_unknown(space.text) or _is_stand_in(space.text):
            continue
        if len(space.text) > 63 or not _LABEL.fullmatch(space.text):
            message = f'"{space.text}" is no name of a namespace'
            yield at(space.location, message, object=one.object)


def _is_stand_in(text: str) -> bool:
    return stands_in(text) or not text.strip("_")


def _why_no_name(one: Object, text: str) -> str | None:
    if one.group == "rbac.authorization.k8s.io":
        return None if "/" not in text and "%" not in text else "holds a slash or a percent sign"
    if (one.group, one.kind) in (("", "Service"), ("", "Namespace")):
        if len(text) > 63:
            return "is longer than 63 characters"
        if not _LABEL.fullmatch(text):
            return "holds more than lower-case letters, digits and dashes"
        if one.kind == "Service" and text[0].isdigit():
            return "does not begin with a letter"
        return None
    if len(text) > 253:
        return "is longer than 253 characters"
    if not _SUBDOMAIN.fullmatch(text):
        return "holds more than lower-case letters, digits, dashes and dots"
    return None


@rule("K8S913", Manifest, Severity.ERROR, aliases=("kube-score:label-values",))
def invalid_label(manifest: Manifest) -> Findings:
    """A label has a name or value that the API server refuses.

    Both have at most 63 letters, digits, dashes, underscores and dots, and begin and end
    with a letter or digit; a value may be empty. A name may have a domain and a slash before
    it. Labels of pod templates and selectors count.

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, labels: {owner: shop@example.com}}
    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, labels: {-team: shop}}
    Good:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, labels: {example.com/owner: shop, empty: ""}}
    """
    seen: set[int] = set()
    for one in manifest.objects:
        own = one.root.mapping("metadata", "labels")
        if own is not None:
            yield from _label_faults(own, one, seen, _SCORED)
        if one.group not in _BUILT_IN:
            continue
        carrier = CARRIERS.get((one.group, one.kind))
        template = (*carrier.template, "metadata", "labels") if carrier else ()
        for path in (template, ("spec", "selector", "matchLabels"), ("spec", "selector")):
            labels = one.root.mapping(*path) if path else None
            plain = path != ("spec", "selector") or one.kind in ("Service", "ReplicationController")
            if labels is not None and plain and labels is not own:
                yield from _label_faults(labels, one, seen, ())


_SCORED = ("kube-score:label-values",)


def _label_faults(
    labels: Mapping, owner: Object, seen: set[int], aliases: tuple[str, ...]
) -> Findings:
    for entry in labels.entries.values():
        if id(entry.key) in seen or is_unknown(entry.key.text):
            continue
        seen.add(id(entry.key))
        if not _is_label_name(entry.key.text):
            message = f'"{entry.key.text}" is no name of a label'
            yield at(entry.key.location, message, object=owner.object, aliases=())
        value = entry.value
        if type(value) is not Scalar or value.is_null or is_unknown(value.text):
            continue
        strange = bool(value.text) and not _QUALIFIED.fullmatch(value.text)
        if strange or len(value.text) > 63:
            why = "is no value of a label" if strange else "is longer than 63 characters"
            peers = aliases if strange and _is_scored(owner) else ()
            yield at(value.location, f'"{value.text}" {why}', object=owner.object, aliases=peers)


def _is_label_name(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(name) <= 63 and _QUALIFIED.fullmatch(name) is not None


def _is_scored(owner: Object) -> bool:
    """Whether kube-score knows the kind."""
    return looks_at("kube-score", owner) or (owner.group, owner.kind) in _KNOWN_TO_KUBE_SCORE


_KNOWN_TO_KUBE_SCORE = frozenset(
    (
        *(("", "Service"), ("policy", "PodDisruptionBudget"), ("networking.k8s.io", "Ingress")),
        *(("extensions", "Ingress"), ("networking.k8s.io", "NetworkPolicy")),
        ("autoscaling", "HorizontalPodAutoscaler"),
    )
)


def _whole_pods(manifest: Manifest) -> Iterator[Pod]:
    for pod in manifest.pods:
        if not pod.partial:
            yield pod


_NAMESPACE = ("kube-linter:use-namespace", "checkov:CKV_K8S_21", "trivy:KSV110")


@rule("K8S914", Manifest, Severity.INFO, default="off", aliases=_NAMESPACE)
def namespace_not_set(manifest: Manifest) -> Findings:
    """A workload or Service names no namespace, or `default`.

    It lands wherever whoever applies it happens to be. Where a kustomization sets the
    namespace nothing is said; often Helm or Argo CD does, and then this says nothing new.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    carried = {id(pod.owner) for pod in manifest.pods}
    for one in manifest.objects:
        is_service = (one.group, one.kind) == ("", "Service")
        if one.partial or one.overlay.namespaces or not (is_service or id(one) in carried):
            continue
        node = one.root.scalar("metadata", "namespace")
        if node is None or node.text.lower() in ("", "default"):
            aliases = _NAMESPACE if is_service else known(one, _NAMESPACE)
            where = node.location if node is not None and node.text else one.location
            message = "the namespace is default" if node is not None else "no namespace is named"
            yield at(where, message, object=one.object, aliases=aliases)


_OWNER = ("kube-linter:required-label-owner",)


@rule("K8S915", Manifest, Severity.INFO, default="off", aliases=_OWNER)
def required_label_missing(manifest: Manifest, *, key: str = "owner", value: str = "") -> Findings:
    """A workload has no label that says whose it is.

    Who finds it broken does not know whom to call. The option `key` names another label that
    there should be.

    Options:
        key: what the name of the label has to contain.
        value: what its value has to contain.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {owner: shop}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in _whole_pods(manifest):
        labels = pod.owner.root.mapping("metadata", "labels")
        pairs = labels.text_map() if labels else {}
        if not any(key in name and value in text for name, text in pairs.items()):
            where = place(pod.owner, "metadata", "labels")
            message = f'no label with "{key}" in its name'
            peers = known(pod.owner, _OWNER)
            yield at(where.location, message, object=pod.object, aliases=peers)


_EMAIL = ("kube-linter:required-annotation-email",)
_ADDRESS = regex(r"[a-zA-Z0-9_.+-]@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]")


@rule("K8S916", Manifest, Severity.INFO, default="off", aliases=_EMAIL)
def required_annotation_missing(manifest: Manifest, *, key: str = "email") -> Findings:
    """A workload has no annotation with the address of those who look after it.

    Who finds it broken does not know whom to write to. The option names another annotation;
    only for one whose name contains `email` the value has to be an address.

    Options:
        key: what the name of the annotation has to contain.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, annotations: {email: shop@example.com}}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in _whole_pods(manifest):
        annotations = pod.owner.root.mapping("metadata", "annotations")
        pairs = annotations.text_map() if annotations else {}
        named = [text for name, text in pairs.items() if key in name]
        if "email" in key:
            named = [text for text in named if _ADDRESS.search(text)]
        if not named:
            where = place(pod.owner, "metadata", "annotations")
            message = f'no annotation with "{key}" in its name'
            peers = known(pod.owner, _EMAIL)
            yield at(where.location, message, object=pod.object, aliases=peers)


@rule("K8S917", Manifest, Severity.INFO, default="off", aliases=("trivy:KSV037",))
def system_namespace(manifest: Manifest) -> Findings:
    """A workload runs in a namespace of the cluster itself.

    Who may change pods in `kube-system` has the cluster, and upgrades replace what stands
    there.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: kube-system}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        node = pod.owner.root.scalar("metadata", "namespace")
        if node is not None and node.text in ("kube-system", "kube-public", "kube-node-lease"):
            message = f'"{node.text}" belongs to the cluster'
            aliases = known(pod.owner, ("trivy:KSV037",))
            yield at(node.location, message, object=pod.object, aliases=aliases)


@rule("K8S919", Manifest, Severity.WARNING)
def namespace_on_cluster_scoped(manifest: Manifest) -> Findings:
    """An object that belongs to no namespace names one.

    The API server ignores it or refuses it, depending on who applies it, and a reader takes
    a right that holds for the whole cluster for one of a namespace.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata:
          name: web
          namespace: shop
        rules: []
    Fixed:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata:
          name: web
        rules: []
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata:
          name: web
          namespace: shop
        rules: []
    """
    for one in manifest.objects:
        if (one.group, one.kind) not in _CLUSTER_SCOPED:
            continue
        metadata = one.root.mapping("metadata")
        entry = metadata.entries.get("namespace") if metadata else None
        if metadata is None or entry is None or metadata.scalar("namespace") is None:
            continue
        message = f"a {one.kind} belongs to no namespace"
        # What aliases bring in belongs to other objects as well.
        own = one.root.start <= metadata.start and entry.key in metadata.children
        fix = _without_line(entry, manifest.file.text) if own and len(metadata) > 1 else None
        yield at(entry.key.location, message, object=one.object, fix=fix)


def _without_line(entry: Entry, text: str) -> Fix | None:
    """The fix that takes away the line of an entry, None where more stands on it."""
    value = entry.value
    if type(value) is not Scalar or value.style in ("|", ">"):
        return None
    start = text.rfind("\n", 0, entry.key.start) + 1
    end = text.find("\n", value.end)
    if end == -1 or text[start : entry.key.start].strip() or text[value.end : end].strip():
        return None
    return Fix("take the namespace away", (Edit(Span(start, end + 1), ""),))
