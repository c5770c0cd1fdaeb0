"""Which kinds the peers look at: a finding carries the alias of a peer that would report it."""

from __future__ import annotations

from collections.abc import Iterable

from iachygiene.parse.kubernetes import Container, Object

_KUBE_LINTER = {
    "apps": frozenset(("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet")),
    "": frozenset(("Pod", "ReplicationController")),
    "batch": frozenset(("Job", "CronJob")),
    "apps.openshift.io": frozenset(("DeploymentConfig",)),
}
_KUBE_SCORE = frozenset(
    (
        *(("", "v1", "Pod"), ("batch", "v1", "Job")),
        *(("batch", "v1", "CronJob"), ("batch", "v1beta1", "CronJob")),
        *(("apps", version, "Deployment") for version in ("v1", "v1beta1", "v1beta2")),
        *(("apps", version, "StatefulSet") for version in ("v1", "v1beta1", "v1beta2")),
        *(("apps", version, "DaemonSet") for version in ("v1", "v1beta2")),
        *(("extensions", "v1beta1", kind) for kind in ("Deployment", "DaemonSet")),
    )
)
_BUILT_IN = frozenset(("", "apps", "batch", "extensions"))


def known(owner: Object, aliases: Iterable[str]) -> tuple[str, ...]:
    """Those of the aliases whose tool looks at a workload of this kind."""
    return tuple(alias for alias in aliases if looks_at(alias.partition(":")[0], owner))


def known_of(container: Container, aliases: Iterable[str]) -> tuple[str, ...]:
    """Those of the aliases whose tool looks at this container: most skip ephemeral ones."""
    found = known(container.owner, aliases)
    if container.kind == "ephemeral":
        return tuple(alias for alias in found if alias.startswith("kube-linter:"))
    return found


def looks_at(tool: str, owner: Object) -> bool:
    """Whether a tool looks at a workload of this group, version and kind."""
    if tool == "kube-linter":
        return owner.kind in _KUBE_LINTER.get(owner.group, ())
    if tool == "kube-score":
        return (owner.group, owner.version, owner.kind) in _KUBE_SCORE
    return owner.group in _BUILT_IN
