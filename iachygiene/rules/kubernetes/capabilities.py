"""The capabilities that containers add and drop."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest
from iachygiene.parse.workloads import texts
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known_of

_ERRORS = frozenset(
    (
        *("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "NET_ADMIN"),
        *("BPF", "DAC_READ_SEARCH", "PERFMON", "SYSLOG", "MAC_ADMIN"),
    )
)
_BASELINE = frozenset(
    (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    )
)
"""What the baseline of the Pod Security Standards lets a container add."""


def _added(manifest: Manifest) -> Iterator[tuple[Container, Scalar, str]]:
    """The capabilities that containers add, each as written and by its plain name."""
    seen: set[Location] = set()
    for container in manifest.containers:
        if container.windows:
            continue
        for node in texts(container.node, "securityContext", "capabilities", "add"):
            if node.location not in seen:
                seen.add(node.location)
                yield container, node, node.text.upper().removeprefix("CAP_")


def _dropped(container: Container) -> set[str]:
    drop = texts(container.node, "securityContext", "capabilities", "drop")
    return {node.text.upper().removeprefix("CAP_") for node in drop}


_DROP_ALIASES = ("checkov:CKV_K8S_37", "trivy:KSV003", "trivy:KSV106")


@rule("K8S209", Manifest, Severity.INFO, default="strict", security=True, aliases=_DROP_ALIASES)
def capabilities_not_dropped(manifest: Manifest) -> Findings:
    """A container keeps the capabilities that every container gets.

    Fourteen privileges of root are left to a container by default, among them to change the
    owner of files and to forge network packets. Nearly every program runs with
    `drop: [ALL]`, and what one needs it can add back by name.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}
    """
    for container in manifest.containers:
        if container.owner.partial or container.windows or "ALL" in _dropped(container):
            continue
        aliases = known_of(container, _DROP_ALIASES)
        yield at(container, "the capabilities are not dropped", aliases=aliases)


@rule(
    "K8S210",
    Manifest,
    Severity.INFO,
    default="strict",
    security=True,
    aliases=("kube-linter:drop-net-raw-capability", "checkov:CKV_K8S_28"),
)
def net_raw_not_dropped(manifest: Manifest) -> Findings:
    """A container may make raw network packets.

    With the capability `NET_RAW`, which every container gets, a process can send packets
    under the address of another pod, and answer for the cluster's name server.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {drop: [MKNOD]}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {drop: [NET_RAW]}}
    """
    for container in manifest.containers:
        if container.owner.partial or container.windows:
            continue
        if _dropped(container).isdisjoint(("ALL", "NET_RAW")):
            security = container.node.mapping("securityContext")
            block = security.key("capabilities") if security else None
            present = security is not None and security.get("capabilities") is not None
            aliases = ("kube-linter:drop-net-raw-capability", "checkov:CKV_K8S_28")
            where = block.location if block and present else container.location
            yield at(
                where,
                "the capability NET_RAW is not dropped",
                object=container.object,
                aliases=known_of(container, aliases if present else aliases[1:]),
            )


@rule(
    "K8S211",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=(
        "kube-linter:privilege-escalation-container",
        "kube-linter:drop-net-raw-capability",
        "checkov:CKV_K8S_39",
        "trivy:KSV005",
        "trivy:KSV119",
        "trivy:KSV120",
    ),
)
def dangerous_capability_added(manifest: Manifest) -> Findings:
    """A container is given a capability that amounts to power over its node.

    With `SYS_ADMIN` or `SYS_MODULE` a process in the container can take over the node; with
    `SYS_PTRACE`, `BPF` or `PERFMON` it reads the memory of others, with `NET_ADMIN` it
    changes their network, with `DAC_READ_SEARCH` it opens files of the node. `ALL` is all of
    them. `NET_RAW`, which forges packets, is a warning.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {add: [SYS_ADMIN]}}
    Bad: the long spelling
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {add: [CAP_NET_ADMIN]}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}
    """
    for container, node, name in _added(manifest):
        if name in _ERRORS or name == "NET_RAW":
            yield at(
                node.location,
                f"the capability {name} is added",
                object=container.object,
                severity=Severity.WARNING if name == "NET_RAW" else None,
                aliases=known_of(container, _dangers(container, node.text, name)),
            )


def _dangers(container: Container, text: str, name: str) -> list[str]:
    aliases: list[str] = []
    escalates = ("privileged", "allowPrivilegeEscalation")
    if text == "SYS_ADMIN" and not any(container.is_true(field) for field in escalates):
        aliases.append("kube-linter:privilege-escalation-container")
    if "NET_RAW" in text or text.upper() == "ALL":
        aliases.append("kube-linter:drop-net-raw-capability")
    if name == "SYS_ADMIN":
        aliases += ["checkov:CKV_K8S_39", "trivy:KSV005"]
    if name == "NET_RAW":
        aliases.append("trivy:KSV119")
    if name == "SYS_MODULE":
        aliases.append("trivy:KSV120")
    return aliases


@rule(
    "K8S212",
    Manifest,
    Severity.INFO,
    default="off",
    security=True,
    aliases=("checkov:CKV_K8S_25", "trivy:KSV022"),
)
def capability_added(manifest: Manifest) -> Findings:
    """A container adds a capability that the baseline of Kubernetes does not allow.

    A namespace that enforces the Pod Security Standard `baseline` refuses such a pod:
    https://kubernetes.io/docs/concepts/security/pod-security-standards/

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {add: [SYS_TIME]}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}
    """
    for container, node, name in _added(manifest):
        if name not in _BASELINE:
            message = f"the capability {name} is beyond the baseline"
            aliases = known_of(container, ("checkov:CKV_K8S_25", "trivy:KSV022"))
            yield at(node.location, message, object=container.object, aliases=aliases)
