"""Roles and who is bound to them."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Manifest, ManifestSet, Object
from iachygiene.parse.workloads import items, texts
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule

_GROUP = "rbac.authorization.k8s.io"


def _roles(manifest: Manifest) -> Iterator[tuple[Object, Mapping]]:
    """The rules of roles; those of an aggregated role are filled in by the cluster."""
    for one in manifest.objects:
        is_role = one.group == _GROUP and one.kind in ("Role", "ClusterRole")
        if is_role and one.get("aggregationRule") is None:
            for entry in items(one.root, "rules"):
                yield one, entry


def _bindings(unit: Manifest | ManifestSet) -> Iterator[Object]:
    for one in unit.objects:
        if one.group == _GROUP and one.kind in ("RoleBinding", "ClusterRoleBinding"):
            yield one


_WILDCARD = (
    "kube-linter:wildcard-in-rules",
    "checkov:CKV_K8S_49",
    "trivy:KSV044",
    "trivy:KSV045",
    "trivy:KSV046",
)


@rule("K8S801", Manifest, Severity.WARNING, security=True, aliases=_WILDCARD)
def wildcard_rbac(manifest: Manifest, *, peer_forms: bool = False) -> Findings:
    """A role allows everything on everything: all verbs on all resources.

    It also holds for what is not there yet: a new resource, a new verb such as `escalate`.
    Naming what is needed is longer and says what the program does.

    Options:
        peer_forms: report every wildcard, also of resources, verbs or groups alone.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [""], resources: ["*"], verbs: ["*"]}]
    Bad: the verbs alone, where every wildcard is to be reported
        -- .iachygiene.toml --
        [rules.wildcard-rbac]
        peer-forms = true
        -- role.yaml --
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [""], resources: [configmaps], verbs: ["*"]}]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [""], resources: [configmaps], verbs: ["*"]}]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}]
    """
    for role, entry in _roles(manifest):
        stars = {
            field: [node for node in texts(entry, field) if node.text == "*"]
            for field in ("apiGroups", "resources", "verbs")
        }
        groups = [node.text for node in texts(entry, "apiGroups")]
        everything = stars["resources"] and stars["verbs"] and ("*" in groups or "" in groups)
        for field, nodes in stars.items():
            for node in nodes if peer_forms or (everything and field == "verbs") else ():
                peers = _WILDCARD[role.version != "v1" :] if field != "apiGroups" else ()
                message = f"all {field} are allowed"
                if everything and field == "verbs":
                    message = "all verbs on all resources are allowed"
                yield at(node.location, message, object=role.object, aliases=peers)


@rule(
    "K8S802",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=("kube-linter:cluster-admin-role-binding", "trivy:KSV111"),
)
def cluster_admin_binding(manifest: Manifest) -> Findings:
    """Somebody is bound to `cluster-admin`, who may do everything.

    Whoever gets into a pod with such a service account has the cluster. In a RoleBinding it
    is everything in one namespace.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
    """
    for binding in _bindings(manifest):
        name = binding.root.scalar("roleRef", "name")
        kind = binding.root.text("roleRef", "kind")
        if name is not None and name.text == "cluster-admin" and kind == "ClusterRole":
            aliases: tuple[str, ...] = ()
            if binding.kind == "ClusterRoleBinding":
                aliases = ("kube-linter:cluster-admin-role-binding", "trivy:KSV111")
                aliases = aliases if binding.version == "v1" else aliases[1:]
            message = "cluster-admin may do everything"
            yield at(name.location, message, object=binding.object, aliases=aliases)


_WORKLOADS = frozenset(
    ("pods", "deployments", "statefulsets", "replicasets", "cronjob", "jobs", "daemonsets", "*")
)


def _reaching(
    manifests: ManifestSet, resources: frozenset[str], verbs: frozenset[str] | None
) -> Iterator[tuple[Object, Scalar, Object]]:
    """The bindings to a role here that allows a verb on a resource, and that role.

    A RoleBinding is taken to name a Role, and what aggregates roles is followed by labels.
    `verbs` is None for any verb.
    """
    roles = [one for one in manifests.of("Role", _GROUP) if one.version == "v1"]
    cluster_roles = [one for one in manifests.of("ClusterRole", _GROUP) if one.version == "v1"]
    allowing = {id(one) for one in (*roles, *cluster_roles) if _allows(one, resources, verbs)}
    for binding in _bindings(manifests):
        name = binding.root.scalar("roleRef", "name")
        if name is None or binding.version != "v1" or binding.partial:
            continue
        for role in roles if binding.kind == "RoleBinding" else cluster_roles:
            if role.name != name.text:
                continue
            if binding.kind == "RoleBinding":
                if (role.namespace or "default") != (binding.namespace or "default"):
                    continue
                found = id(role) in allowing
            else:
                parts = (one for one in cluster_roles if _aggregates(role, one))
                found = id(role) in allowing or any(id(one) in allowing for one in parts)
            if found:
                yield binding, name, role
                break


def _allows(role: Object, resources: frozenset[str], verbs: frozenset[str] | None) -> bool:
    for entry in items(role.root, "rules"):
        if any(node.text in resources for node in texts(entry, "resources")):
            allowed = [node.text for node in texts(entry, "verbs")]
            if any(verb == "*" or verbs is None or verb in verbs for verb in allowed):
                return True
    return False


def _aggregates(role: Object, other: Object) -> bool:
    labels = other.root.mapping("metadata", "labels")
    own = labels.text_map() if labels else {}
    for selector in items(role.root, "aggregationRule", "clusterRoleSelectors"):
        wanted = selector.mapping("matchLabels")
        if (wanted.text_map() if wanted else {}).items() <= own.items():
            return True
    return False


@rule(
    "K8S803",
    ManifestSet,
    Severity.INFO,
    default="off",
    security=True,
    aliases=(
        "kube-linter:access-to-secrets",
        "checkov:CKV2_K8S_5",
        "trivy:KSV041",
        "trivy:KSV113",
    ),
)
def access_to_secrets(manifests: ManifestSet) -> Findings:
    """Somebody is bound to a role that may use Secrets.

    Among the Secrets of a namespace are the tokens of its service accounts: who reads them
    all may do what all of them may. `resourceNames` narrows a role to those it needs.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list]}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list]}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
    """
    for binding, name, role in _reaching(manifests, frozenset(("secrets", "*")), None):
        related = [role.location.labelled("this role")]
        message = f'{role.kind} "{role.name}" may use Secrets'
        yield at(name.location, message, related=related, object=binding.object)


@rule(
    "K8S804",
    ManifestSet,
    Severity.INFO,
    default="off",
    security=True,
    aliases=("kube-linter:access-to-create-pods", "trivy:KSV048"),
)
def access_to_create_pods(manifests: ManifestSet) -> Findings:
    """Somebody is bound to a role that may make pods, or what makes pods.

    A pod may run under any service account of its namespace and mount any of its Secrets:
    who makes pods may do all that.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [batch], resources: [jobs], verbs: [create]}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: web}
        rules: [{apiGroups: [batch], resources: [jobs], verbs: [get, list]}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
    """
    for binding, name, role in _reaching(manifests, _WORKLOADS, frozenset(("create",))):
        related = [role.location.labelled("this role")]
        message = f'{role.kind} "{role.name}" may make pods'
        yield at(name.location, message, related=related, object=binding.object)


_ESCALATION = {
    "bind": (("roles", "clusterroles"), ("checkov:CKV_K8S_157", "trivy:KSV050")),
    "escalate": (("roles", "clusterroles"), ("checkov:CKV_K8S_158", "trivy:KSV050")),
    "impersonate": (
        ("users", "groups", "serviceaccounts"),
        ("checkov:CKV2_K8S_3", "trivy:KSV043"),
    ),
    "create": (("nodes/proxy", "pods/exec"), ()),
}


@rule(
    "K8S805",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=(
        "checkov:CKV_K8S_157",
        "checkov:CKV_K8S_158",
        "checkov:CKV2_K8S_3",
        "trivy:KSV043",
        "trivy:KSV050",
    ),
)
def escalation_verbs(manifest: Manifest) -> Findings:
    """A role lets its holder become somebody with more rights.

    `bind` and `escalate` on roles give any right away, `impersonate` acts as any user, and
    who may `create` in `pods/exec` or `nodes/proxy` runs commands in others' pods.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: web}
        rules:
          - apiGroups: [rbac.authorization.k8s.io]
            resources: [clusterroles]
            verbs: [get, escalate]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: web}
        rules:
          - apiGroups: [rbac.authorization.k8s.io]
            resources: [clusterroles]
            verbs: [get, list]
    """
    for role, entry in _roles(manifest):
        resources = {node.text for node in texts(entry, "resources")}
        for verb in texts(entry, "verbs"):
            targets, aliases = _ESCALATION.get(verb.text, ((), ()))
            reached = [target for target in targets if target in resources]
            if reached:
                message = f'"{verb.text}" on {" and ".join(reached)} gives more rights'
                yield at(verb.location, message, object=role.object, aliases=aliases)


_ANYBODY = {
    "system:anonymous": ("trivy:KSV122",),
    "system:unauthenticated": ("trivy:KSV123",),
    "system:masters": ("trivy:KSV01011",),
    "system:authenticated": (),
}


@rule(
    "K8S806",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=("trivy:KSV122", "trivy:KSV123", "trivy:KSV01011"),
)
def anonymous_binding(manifest: Manifest) -> Findings:
    """A role is given to everybody.

    `system:anonymous` and `system:unauthenticated` are those who did not log in, also from
    the internet where the API can be reached. `system:masters` cannot be taken back. All
    who did log in, `system:authenticated`, are a warning.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
        subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:anonymous"}]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
        subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}]
    """
    for binding in _bindings(manifest):
        for subject in items(binding.root, "subjects"):
            name = subject.scalar("name")
            if name is None or name.text not in _ANYBODY:
                continue
            if subject.text("kind") in ("User", "Group"):
                mild = name.text == "system:authenticated"
                yield at(
                    name.location,
                    f'"{name.text}" is bound to a role',
                    object=binding.object,
                    severity=Severity.WARNING if mild else None,
                    aliases=_ANYBODY[name.text],
                )


@rule("K8S807", Manifest, Severity.ERROR)
def subject_namespace_missing(manifest: Manifest) -> Findings:
    """A ClusterRoleBinding names a service account without its namespace.

    The API server refuses it: it cannot tell which of the accounts of that name is meant. In
    a RoleBinding its own namespace is taken. Where a kustomization sets the namespace it is
    for information only.

    Bad:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
        subjects: [{kind: ServiceAccount, name: web}]
    Good:
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
    Good: the binding has a namespace of its own
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: web, namespace: shop}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
        subjects: [{kind: ServiceAccount, name: web}]
    """
    for binding in _bindings(manifest):
        if binding.kind != "ClusterRoleBinding":
            continue
        for subject in items(binding.root, "subjects"):
            name = subject.scalar("name")
            if subject.text("kind") != "ServiceAccount" or subject.text("namespace"):
                continue
            if name is not None and not binding.partial:
                yield at(
                    name.location,
                    f'the namespace of the service account "{name.text}" is missing',
                    object=binding.object,
                    severity=Severity.INFO if binding.overlay.namespaces else None,
                )
