"""Kubernetes manifests: objects, pods and containers, and what kustomizations make of them.

Field names and meanings are those of https://kubernetes.io/docs/reference/kubernetes-api/,
of kustomizations those of https://kubectl.docs.kubernetes.io/references/kustomize/.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from posixpath import basename, dirname
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from iachygiene.image import ImageRef, parse_image
from iachygiene.lazy import regex
from iachygiene.model import Broken, Comment, Job, Location, SourceFile, Trouble, Unchecked
from iachygiene.parse import alike, kustomize, yaml
from iachygiene.parse.charts import chart_of
from iachygiene.parse.contexts import group as group
from iachygiene.parse.kustomize import (
    KUSTOMIZATIONS,
    NO_OVERLAY,
    Kustomization,
    Overlay,
    is_image_of,
)
from iachygiene.peers import is_annotation

if TYPE_CHECKING:
    from fractions import Fraction

    from iachygiene.files import Tree
    from iachygiene.parse.argo import ArgoSet
    from iachygiene.parse.project import Fact
    from iachygiene.schemas.catalog import Catalog
    from iachygiene.schemas.check import Violation


class Carrier(NamedTuple):
    """How a kind carries pods: where the template is, and whether its pods run for good."""

    template: tuple[str, ...]
    long_running: bool = True


_TEMPLATE = Carrier(("spec", "template"))

CARRIERS: Mapping[tuple[str, str], Carrier] = {
    ("", "Pod"): Carrier(()),
    ("", "PodTemplate"): Carrier(("template",), False),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("extensions", "Deployment"): _TEMPLATE,
    ("extensions", "DaemonSet"): _TEMPLATE,
    ("extensions", "ReplicaSet"): _TEMPLATE,
    ("batch", "Job"): Carrier(("spec", "template"), False),
    ("batch", "CronJob"): Carrier(("spec", "jobTemplate", "spec", "template"), False),
    ("apps.openshift.io", "DeploymentConfig"): _TEMPLATE,
    ("argoproj.io", "Rollout"): _TEMPLATE,
    ("serving.knative.dev", "Service"): _TEMPLATE,
    ("serving.knative.dev", "Configuration"): _TEMPLATE,
    ("serving.knative.dev", "Revision"): Carrier(()),
    ("keda.sh", "ScaledJob"): Carrier(("spec", "jobTargetRef", "template"), False),
}
"""What carries a pod specification, by group and kind."""

ADDED_LABELS = frozenset(
    (
        *("statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"),
        *("controller-revision-hash", "pod-template-hash", "rollouts-pod-template-hash"),
        *("batch.kubernetes.io/job-name", "job-name", "batch.kubernetes.io/controller-uid"),
        *("controller-uid", "batch.kubernetes.io/job-completion-index"),
    )
)
"""Labels that controllers give to the pods they make."""

_NEEDS_SELECTOR = frozenset(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"))
_CONFIGURATION_GROUPS = frozenset(
    (
        *("apiserver.config.k8s.io", "audit.k8s.io", "backstage.io", "eksctl.io", "k3d.io"),
        *("client.authentication.k8s.io", "kind.x-k8s.io", "kubeadm.k8s.io", "tilt.dev"),
        *("kubelet.config.k8s.io", "kubeproxy.config.k8s.io", "kustomize.config.k8s.io"),
        "skaffold",
    )
)
"""Groups of files that configure tools: they look like objects and are none."""

_UNKNOWN = regex(
    r"\{\{|\$[({A-Za-z_]|<%|\[\[|@[A-Za-z_]+@|__[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*__", re.ASCII
)
_JINJA_LINE = regex(r"^[ \t]*\{%", re.MULTILINE)
_BRACED_NAME = regex(r"\{[A-Z][A-Z0-9_]*\}", re.ASCII)
_ASSERTION = regex(r"(?:^|/)[0-9]+-(?:assert|errors)\.ya?ml$")
"""Files of kuttl's tests: the parts of objects that have to be there, or must not be."""


_COMMENTED = (b"iachygiene", b"checkov:skip", b"trivy:ignore")
MARKERS = (*_COMMENTED, b"kube-linter.io/", b"kube-score/ignore", b".io/skip")
"""What stands in a file with a comment or annotation that sets findings aside."""


def is_unknown(text: str) -> bool:
    """Whether a text holds a template expression or variable that is filled in elsewhere."""
    return _UNKNOWN.search(text) is not None


_STAND_IN = regex(r"[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)*", re.ASCII)


def stands_in(text: str) -> bool:
    """Whether a text is a word like `PROJECT_ID`, for which a reader is to put his own."""
    return len(text) > 2 and _STAND_IN.fullmatch(text) is not None


class Container:
    """A container of a pod. `kind` is "container", "init" or "ephemeral".

    A sidecar is an init container that keeps running (`restartPolicy: Always`).
    """

    __slots__ = ("kind", "name", "node", "object", "owner", "pod_security", "sidecar", "windows")

    def __init__(
        self, node: yaml.Mapping, kind: str, owner: Object, pod: yaml.Mapping, windows: bool
    ) -> None:
        self.node = node
        self.kind = kind
        self.owner = owner
        self.name = node.text("name")
        self.object = f"{owner.object}, container {self.name}" if self.name else owner.object
        self.sidecar = kind == "init" and node.text("restartPolicy") == "Always"
        self.windows = windows
        self.pod_security = pod.mapping("securityContext")

    @property
    def location(self) -> Location:
        """The container's name, or the first thing written in it."""
        name = self.node.scalar("name")
        if name is not None:
            return name.location
        return self.node.children[0].location if self.node.children else self.node.location

    @property
    def image(self) -> ImageRef | None:
        """The image as written, None where there is none."""
        node = self.node.scalar("image")
        return None if node is None else parse_image(node.text, node.location)

    @property
    def image_pinned_elsewhere(self) -> bool:
        """Whether a kustomization that includes the file sets a tag or digest for the image."""
        text = self.node.text("image")
        return any(is_image_of(text, name) for name in self.owner.overlay.pinned_images)

    @property
    def is_injected(self) -> bool:
        """Whether Istio fills in the image, and more, when the pod is made.

        https://istio.io/latest/docs/setup/additional-setup/gateway/
        """
        return self.node.text("image") == "auto"

    def security(self, field: str) -> yaml.Node | None:
        """The container's own security setting; see `effective` for those it may inherit."""
        return self.node.get("securityContext", field)

    def effective(self, field: str) -> yaml.Node | None:
        """A security setting that the container may inherit from its pod."""
        own = self.security(field)
        if own is not None or self.pod_security is None:
            return own
        return self.pod_security.get(field)

    def is_true(self, field: str) -> yaml.Scalar | None:
        """The container's own security setting where it is true."""
        node = self.security(field)
        return node if type(node) is yaml.Scalar and node.value is True else None

    @property
    def probes(self) -> list[str]:
        """The kinds of probe it has."""
        kinds = ("startupProbe", "readinessProbe", "livenessProbe")
        return [kind for kind in kinds if self.node.get(kind) is not None]

    def declares_port(self, target: yaml.Node | None) -> bool:
        """Whether it declares the port that a Service calls by number or by name."""
        ports = self.node.sequence("ports")
        if ports is None or type(target) is not yaml.Scalar:
            return False
        return any(
            target.text in (p.text("containerPort"), p.text("name")) for p in ports.mappings()
        )


class Object:
    """An object of a manifest, also an item of a List.

    `namespace` is as written, "" without one. `partial` says that it is no whole object: a
    patch, or a workload that something else has to complete.
    """

    __slots__ = ("group", "kind", "name", "namespace", "overlay", "partial", "root", "version")

    def __init__(
        self, root: yaml.Mapping, api_version: str, kind: str, overlay: Overlay, patches: bool
    ) -> None:
        self.root = root
        self.kind = kind
        self.group, _, self.version = api_version.rpartition("/")
        self.name = root.text("metadata", "name") or root.text("metadata", "generateName")
        self.namespace = root.text("metadata", "namespace")
        self.overlay = overlay
        self.partial = overlay.is_patch or (patches and _has_patch_directive(root))

    @property
    def api_version(self) -> str:
        """Group and version as an object spells them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def object(self) -> str:
        """Kind, namespace and name, as reports show it."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {name}" if name else self.kind

    @property
    def location(self) -> Location:
        """The object's name, or its kind."""
        node = self.root.scalar("metadata", "name") or self.root.scalar("kind")
        return node.location if node else self.root.location

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces it may end up in: as written, "" for none, and by kustomizations.

        What names none mostly ends up beside what names `default`.
        """
        written = ("", "default") if self.namespace == "default" else (self.namespace,)
        return self.overlay.namespaces.union(written)

    def get(self, *keys: str) -> yaml.Node | None:
        """The node at a path of keys, None where there is none."""
        return self.root.get(*keys)


class Pod:
    """A pod, or the template that a workload makes pods of."""

    __slots__ = ("_root", "containers", "labels", "long_running", "metadata", "owner", "spec")

    def __init__(self, owner: Object, root: yaml.Mapping, carrier: Carrier) -> None:
        self.owner = owner
        self._root = root
        self.long_running = carrier.long_running
        self.metadata = root.mapping("metadata")
        labels = self.metadata.mapping("labels") if self.metadata else None
        self.labels = labels.text_map() if labels else {}
        spec = root.mapping("spec")
        self.spec = spec
        self.containers = list(_containers(owner, spec)) if spec else []

    @property
    def location(self) -> Location:
        """The key that the specification stands at."""
        key = self._root.key("spec")
        return key.location if key else self.owner.location

    @property
    def object(self) -> str:
        """What the pod belongs to, as reports show it."""
        return self.owner.object

    @property
    def annotations(self) -> yaml.Mapping | None:
        """The annotations of the pod."""
        return self.metadata.mapping("annotations") if self.metadata else None

    @property
    def labels_location(self) -> Location:
        """The labels, or the owner's name where there are none."""
        labels = self.metadata.mapping("labels") if self.metadata else None
        return labels.location if labels else self.owner.location

    @property
    def partial(self) -> bool:
        """Whether the owner is not whole."""
        return self.owner.partial

    def of(self, *kinds: str) -> Iterator[Container]:
        """The containers of some kinds; "sidecar" is one besides those of `Container`."""
        for container in self.containers:
            if container.kind in kinds or (container.sidecar and "sidecar" in kinds):
                yield container


def _containers(owner: Object, spec: yaml.Mapping) -> Iterator[Container]:
    windows = _on_windows(spec)
    for field, kind in (
        ("initContainers", "init"),
        ("containers", "container"),
        ("ephemeralContainers", "ephemeral"),
    ):
        nodes = spec.sequence(field)
        for node in nodes.mappings() if nodes else ():
            yield Container(node, kind, owner, spec, windows)


def _on_windows(spec: yaml.Mapping) -> bool:
    labels = ("kubernetes.io/os", "beta.kubernetes.io/os")
    if spec.text("os", "name") == "windows":
        return True
    if any(spec.text("nodeSelector", label) == "windows" for label in labels):
        return True
    terms = spec.sequence(
        *("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"),
        "nodeSelectorTerms",
    )
    for term in terms.mappings() if terms else ():
        expressions = term.sequence("matchExpressions")
        for expression in expressions.mappings() if expressions else ():
            values = expression.sequence("values")
            if expression.text("key") in labels and expression.text("operator") == "In" and values:
                return [value.text for value in values.scalars()] == ["windows"]
    return False


def _has_patch_directive(root: yaml.Mapping) -> bool:
    return any(
        type(node) is yaml.Mapping and node.text("$patch") in ("delete", "replace", "merge")
        for node in yaml.walk(root)
    )


def _empty_template(file: SourceFile) -> yaml.Mapping:
    template = yaml.Mapping(file, 0, None)
    template.children = [yaml.Scalar(file, 0, 0, "spec", "", None), yaml.Mapping(file, 0, None)]
    return template


def _is_incomplete(owner: Object, pod: Pod) -> bool:
    """Whether a workload lacks what no whole one can: something has to add it."""
    if owner.kind == "Rollout" and owner.get("spec", "workloadRef") is not None:
        return False
    regular = [container for container in pod.containers if container.kind == "container"]
    if not regular or any(container.node.get("image") is None for container in regular):
        return True
    needs_selector = owner.group == "apps" and owner.kind in _NEEDS_SELECTOR
    return needs_selector and owner.get("spec", "selector") is None and not pod.labels


class Manifest:
    """One YAML file of Kubernetes objects. `catalog` knows the schemas of their kinds."""

    __slots__ = (
        "_catalog",
        "_containers",
        "_doubtful",
        "_violations",
        "documents",
        "file",
        "objects",
        "pods",
    )

    def __init__(
        self,
        stream: yaml.Stream,
        overlay: Overlay = NO_OVERLAY,
        catalog: Catalog | None = None,
        all_whole: bool = False,
    ) -> None:
        self._catalog = catalog
        self._violations: list[tuple[Object, Violation]] | None = None
        self._doubtful: list[tuple[str, yaml.Mapping]] | None = None
        if _ASSERTION.search(stream.file.path):
            overlay = overlay._replace(is_patch=True)
        self.file = stream.file
        self.documents = stream.documents
        self.objects: list[Object] = []
        self.pods: list[Pod] = []
        self._containers: list[Container] | None = None
        patches = "$patch" in stream.file.text
        for document in stream.documents:
            for root, api_version, kind in _objects(document.root, "", ""):
                owner = Object(root, api_version, kind, overlay, patches)
                self.objects.append(owner)
                carrier = CARRIERS.get((owner.group, kind))
                template = root.mapping(*carrier.template) if carrier else None
                if carrier and template is None and all_whole and kind != "DeploymentConfig":
                    template = _empty_template(stream.file)
                if carrier and template:
                    pod = Pod(owner, template, carrier)
                    owner.partial = owner.partial or _is_incomplete(owner, pod)
                    self.pods.append(pod)
                elif carrier and owner.get("spec", "workloadRef") is None:
                    owner.partial = True
                owner.partial = owner.partial and not all_whole

    @property
    def location(self) -> Location:
        """The file."""
        return self.file.location

    @property
    def stand_in(self) -> object:
        """What a manifest without pods may be judged by, as far as rules look at pods alone."""
        return None if self.pods else _PODLESS

    @property
    def catalog(self) -> Catalog:
        """The schemas of the Kubernetes version that the objects are for."""
        if self._catalog is None:
            from iachygiene.schemas.catalog import Catalog

            self._catalog = Catalog()
        return self._catalog

    @property
    def doubtful_mappings(self) -> list[tuple[str, yaml.Mapping]]:
        """The mappings with a key that is there twice or reads as a boolean.

        Each comes with the object it is in, "" for none, and once however often aliases
        repeat it.
        """
        if self._doubtful is None:
            self._doubtful = list(self.mappings_that(_is_doubtful))
        return self._doubtful

    def mappings_that(
        self, are_sought: Callable[[yaml.Mapping], bool]
    ) -> Iterator[tuple[str, yaml.Mapping]]:
        """The mappings of a sort, each with the object it is in, "" for none."""
        found = [one for each in self.documents for one in each.mappings_that(are_sought)]
        objects = sorted(self.objects, key=lambda one: one.root.start) if found else []
        starts = [one.root.start for one in objects]
        for mapping in found:
            index = bisect_right(starts, mapping.start) - 1
            inside = index >= 0 and mapping.start < objects[index].root.end
            yield objects[index].object if inside else "", mapping

    @property
    def violations(self) -> list[tuple[Object, Violation]]:
        """What the objects have that their schemas do not allow."""
        if self._violations is None:
            self._violations = list(_violations(self))
        return self._violations

    @property
    def containers(self) -> Sequence[Container]:
        """The containers of all pods; one that aliases repeat comes once."""
        if self._containers is None:
            every: dict[int, Container] = {}
            for pod in self.pods:
                for container in pod.containers:
                    every.setdefault(id(container.node), container)
            self._containers = list(every.values())
        return self._containers


class _Podless:
    """All manifests without pods, to a rule that looks at nothing else."""

    pods = ()
    containers = ()


_PODLESS = _Podless()


def _violations(manifest: Manifest) -> Iterator[tuple[Object, Violation]]:
    catalog = manifest.catalog
    documents = {id(document.root): document for document in manifest.documents}
    for one in manifest.objects:
        document = documents.get(id(one.root))
        sought = (catalog.release, catalog.schema(one.api_version, one.kind), one.partial)
        if document is not None and sought in document.absent:
            continue
        found = catalog.violations(one)
        if document is not None and not found:
            document.absent.add(sought)
        for violation in found:
            yield one, violation


def _is_doubtful(mapping: yaml.Mapping) -> bool:
    children = mapping.children
    if len(children) == 2:
        key = children[0]
        return type(key) is yaml.Scalar and key.text in yaml.BOOLEANS
    keys = [key.text for key in children[::2] if type(key) is yaml.Scalar]
    distinct = set(keys)
    return len(distinct) < len(keys) or not distinct.isdisjoint(yaml.BOOLEANS)


def _objects(
    root: yaml.Node, api_version: str, kind: str
) -> Iterator[tuple[yaml.Mapping, str, str]]:
    """The objects of a document with their apiVersion and kind; those of a List one by one."""
    if type(root) is not yaml.Mapping:
        return
    api_version = _string(root, "apiVersion") or api_version
    kind = _string(root, "kind") or kind
    if not api_version or not kind or _is_configuration(root, api_version, kind):
        return
    items = root.entries.get("items") if kind.endswith("List") else None
    if items is None or type(items.value) is yaml.Mapping:
        yield root, api_version, kind
        return
    typed = ("", "") if kind == "List" else (api_version, kind[: -len("List")])
    for item in items.value if type(items.value) is yaml.Sequence else ():
        yield from _objects(item, *typed)


def _string(root: yaml.Mapping, key: str) -> str:
    node = root.scalar(key)
    value = node.value if node else None
    return value if isinstance(value, str) else ""


def _is_configuration(root: yaml.Mapping, api_version: str, kind: str) -> bool:
    if api_version.rpartition("/")[0] in _CONFIGURATION_GROUPS:
        return True
    return (api_version, kind) == ("v1", "Config") and ("clusters" in root or "contexts" in root)


class ManifestSet:
    """The manifests that cross-object rules see together.

    `complete` says that every file of the set could be read and no kustomization takes from
    elsewhere: otherwise, what seems to be missing may be there. `generated` are kind and name
    of what kustomizations generate.
    """

    __slots__ = (
        *("_by_kind", "_by_label", "_selected", "complete", "directory", "generated"),
        *("manifests", "objects"),
        "pods",
    )

    def __init__(
        self,
        directory: str,
        manifests: Sequence[Manifest],
        complete: bool,
        generated: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.directory = directory
        self.generated = generated
        self.manifests = manifests
        self.complete = complete
        self.objects = [one for manifest in manifests for one in manifest.objects]
        self.pods = [pod for manifest in manifests for pod in manifest.pods]
        self._by_kind: dict[tuple[str, str], list[Object]] = defaultdict(list)
        for one in self.objects:
            if not one.partial:
                self._by_kind[one.group, one.kind].append(one)
        self._by_label: dict[tuple[str, str], list[Pod]] | None = None
        self._selected: dict[tuple[Any, ...], list[Pod]] = {}

    @property
    def location(self) -> Location:
        """The directory."""
        return Location(self.directory)

    def of(self, kind: str, group: str = "") -> Sequence[Object]:
        """The whole objects of a group and kind; patches are left out."""
        return self._by_kind.get((group, kind), ())

    def selected_by(self, service: Object, selector: Mapping[str, str]) -> Sequence[Pod]:
        """The pods that a non-empty selector of a Service may match, partial ones included.

        Namespaces and labels count as the kustomizations may make them, and a label whose
        value is not known counts as the one that is looked for. Labels that controllers add
        to pods are in no template: they are not looked for.
        """
        wanted = frozenset(item for item in selector.items() if item[0] not in ADDED_LABELS)
        key = (service.namespaces, wanted)
        if key not in self._selected:
            self._selected[key] = [
                pod
                for pod in (self._candidates(wanted) if wanted else self.pods)
                if not service.namespaces.isdisjoint(pod.owner.namespaces)
                and all(_has_label(pod, *item) for item in wanted)
            ]
        return self._selected[key]

    def _candidates(self, selector: Iterable[tuple[str, str]]) -> list[Pod]:
        if self._by_label is None:
            self._by_label = defaultdict(list)
            for pod in self.pods:
                for name, value in {*pod.labels.items(), *pod.owner.overlay.labels}:
                    self._by_label[name, "" if is_unknown(value) else value].append(pod)
        index = self._by_label
        groups = [
            index.get(item, []) + (index.get((item[0], ""), []) if item[1] else [])
            for item in selector
        ]
        return min(groups, key=len)


def _has_label(pod: Pod, name: str, value: str) -> bool:
    own = pod.labels.get(name)
    return (
        own == value
        or (own is not None and is_unknown(own))
        or ((name, value) in pod.owner.overlay.labels)
    )


def matches(selector: yaml.Mapping | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches: none matches nothing, an empty one everything.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    if selector is None:
        return False
    wanted = selector.mapping("matchLabels")
    if wanted and not wanted.text_map().items() <= labels.items():
        return False
    expressions = selector.sequence("matchExpressions")
    return all(_meets(one, labels) for one in (expressions.mappings() if expressions else ()))


def _meets(expression: yaml.Mapping, labels: Mapping[str, str]) -> bool:
    own = labels.get(expression.text("key"))
    values = expression.sequence("values")
    listed = {value.text for value in values.scalars()} if values else set()
    return {
        "In": own in listed,
        "NotIn": own not in listed,
        "Exists": own is not None,
        "DoesNotExist": own is None,
    }.get(expression.text("operator"), False)


_QUANTITY = regex(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?"
)
_POWERS = {
    **{letter: (1000, power) for power, letter in enumerate("num", -3)},
    **{letter: (1000, power) for power, letter in enumerate("kMGTPE", 1)},
    **{letter + "i": (1024, power) for power, letter in enumerate("KMGTPE", 1)},
}


def quantity(text: str) -> Fraction | None:
    """The exact value of a resource quantity, None where the text is none.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    from fractions import Fraction

    found = _QUANTITY.fullmatch(text) if len(text) < 100 else None
    if found is None:
        return None
    base, power = (10, int(found[3])) if found[3] else _POWERS.get(found[2], (1, 0))
    return Fraction(found[1]) * Fraction(base) ** power


def is_zero(text: str) -> bool:
    """Whether a text is a resource quantity of nothing, such as "0" or "0Mi"."""
    found = _QUANTITY.fullmatch(text) if len(text) < 100 else None
    return found is not None and not found[1].strip("+-0.")


def _is_template(stream: yaml.Stream) -> bool:
    """Whether a file has to be rendered before it is YAML, or before it says anything."""
    text = stream.file.text
    if stream.trouble is not None and stream.trouble.kind == "syntax":
        if "{{" in text or _JINJA_LINE.search(text) is not None:
            return True
        # Of what tools without a name fill in, only the very line that does not parse tells.
        line, _ = stream.file.position(stream.trouble.location.span.start)
        broken = stream.file.line(line)
        return is_unknown(broken) or _BRACED_NAME.search(broken) is not None
    return "{{" in text and any(
        document.mappings_that(_is_template_mark) for document in stream.documents
    )


def _is_template_mark(node: yaml.Mapping) -> bool:
    """Whether a mapping is what unquoted braces look like to YAML: `{{ .Values.image }}`."""
    if len(node.children) != 2:
        return False
    key = node.children[0]
    return type(key) is yaml.Mapping or (type(key) is yaml.Scalar and key.is_null)


Unit: TypeAlias = "Manifest | Kustomization | ManifestSet | ArgoSet"
_ARGO = "argoproj.io"


def load(job: Job, tree: Tree) -> Iterator[Unit | Trouble | Unchecked]:
    """The manifests of a job, its kustomizations, then all manifests as a set.

    The templates of charts are left to helm, other ones are not checked; so are the files of
    kustomizations that are to be built (setting `built`) left to that.
    """
    streams: dict[str, yaml.Stream] = {}
    complete = True
    for path in job.paths:
        if chart_of(path, tree) is not None:
            continue
        try:
            file = tree.read(path)
            if file.path in streams:
                continue
            stream = alike.parse(file)
        except Broken as broken:
            yield broken.trouble
            complete = False
            continue
        if _is_template(stream):
            yield Unchecked(path, "template", "not YAML until it is rendered")
            complete = False
            continue
        if stream.trouble is not None:
            yield stream.trouble
            complete = False
        streams[file.path] = stream
    manifests: list[Manifest] = []
    for unit in _units(job, streams, complete, tree):
        if isinstance(unit, Manifest):
            manifests.append(unit)
        yield unit
    if any(_ARGO in one.file.text for one in manifests):
        from iachygiene.parse.argo import load as load_argo

        yield from load_argo(manifests, tree)


def _units(
    job: Job, streams: Mapping[str, yaml.Stream], complete: bool, tree: Tree
) -> Iterator[Unit]:
    kustomizations = {
        dirname(path): kustomization
        for path, stream in streams.items()
        if basename(path) in KUSTOMIZATIONS
        and (kustomization := kustomize.of_stream(path, stream)) is not None
    }
    overlays = kustomize.overlays(kustomizations)
    catalog = _catalog(job, tree, streams)
    built = kustomize.included(kustomizations, job.settings.get("built", ()))
    all_whole = job.settings.get("partial-objects") == "whole"
    manifests = {
        path: Manifest(stream, overlays.get(path, NO_OVERLAY), catalog, all_whole)
        for path, stream in streams.items()
        if path not in built
        if path in overlays
        or basename(path) in KUSTOMIZATIONS
        or any(_looks_like_manifest(document.root) for document in stream.documents)
    }
    yield from manifests.values()
    if kustomizations:
        images = {path: _image_texts(manifest) for path, manifest in manifests.items()}
        kustomize.know_surroundings(kustomizations, images, overlays)
        for kustomization in kustomizations.values():
            kustomization.look(tree)
        yield from kustomizations.values()
    if manifests:
        complete = complete and all(one.complete for one in kustomizations.values())
        generated = frozenset(pair for one in kustomizations.values() for pair in one.generated)
        yield ManifestSet(job.directory, list(manifests.values()), complete, generated)


def _catalog(job: Job, tree: Tree, streams: Mapping[str, yaml.Stream]) -> Catalog:
    from iachygiene.schemas.catalog import Catalog

    settings = job.settings
    definitions = settings.get("definitions", {})
    catalog = Catalog(settings.get("version", ""), definitions, tree, job.directory)
    paths = {path for places in definitions.values() for _, path in places}
    own = (streams[path] for path in paths if path in streams)
    catalog.roots = [one.root for stream in own for one in stream.documents]
    return catalog


def _image_texts(manifest: Manifest) -> list[str]:
    return [text for one in manifest.containers if (text := one.node.text("image"))]


def _looks_like_manifest(root: yaml.Node) -> bool:
    return type(root) is yaml.Mapping and bool(
        _string(root, "apiVersion") and _string(root, "kind")
    )


def comments(unit: Unit) -> Iterator[Comment]:
    """The comments of a manifest, and the annotations of its objects that speak as they do."""
    if not isinstance(unit, Manifest):
        return
    yield from yaml.comments(unit.file, _COMMENTED)
    for owner in unit.objects:
        yield from _annotations(owner.root.mapping("metadata"), owner)
    for pod in unit.pods:
        if pod.metadata is not pod.owner.root.mapping("metadata"):
            yield from _annotations(pod.metadata, pod.owner)


def _annotations(metadata: yaml.Mapping | None, owner: Object) -> Iterator[Comment]:
    """What the annotations of an object, or of its pod template, set aside for all of it."""
    found = metadata.mapping("annotations") if metadata else None
    for key, entry in found.entries.items() if found else ():
        text = entry.value.text if type(entry.value) is yaml.Scalar else ""
        if key == "iachygiene.dev/ignore" and found:
            reason = found.text("iachygiene.dev/reason")
            text = f"iachygiene: ignore[{text.replace(']', '')}] {reason}"
        elif not is_annotation(key):
            continue
        yield Comment(entry.key.location, text, owner.root.location.span, key=key)


def facts(unit: Unit) -> Iterator[Fact]:
    """What manifests say to the project: images, ports, users, names and hosts."""
    from iachygiene.parse.kubernetes_facts import facts_of, facts_of_argo, facts_of_set

    if isinstance(unit, Manifest):
        yield from facts_of(unit)
    elif isinstance(unit, ManifestSet):
        yield from facts_of_set(unit)
    elif not isinstance(unit, Kustomization):
        yield from facts_of_argo(unit)
