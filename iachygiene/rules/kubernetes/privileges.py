"""What a container's processes may become."""

from __future__ import annotations

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Manifest
from iachygiene.parse.workloads import open_value, truth
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known_of


@rule(
    "K8S205",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=(
        "kube-linter:privileged-container",
        "kube-linter:privilege-escalation-container",
        "kube-score:container-security-context-privileged",
        "checkov:CKV_K8S_16",
        "trivy:KSV017",
    ),
)
def privileged_container(manifest: Manifest) -> Findings:
    """A container is privileged.

    A privileged container has all capabilities and all devices of the node, and no seccomp
    or AppArmor profile holds it: whoever takes over its process has the node. What a
    program really needs is nearly always one capability (`capabilities.add`) or one device.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: agent}
        spec:
          containers:
            - name: agent
              image: registry.example.com/agent:2.1.0
              securityContext:
                privileged: true
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: agent}
        spec:
          containers:
            - name: agent
              image: registry.example.com/agent:2.1.0
              securityContext:
                privileged: false
                capabilities:
                  drop: [ALL]
                  add: [NET_BIND_SERVICE]
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        privileged = container.is_true("privileged")
        if privileged is None or container.windows or privileged.location in seen:
            continue
        seen.add(privileged.location)
        aliases = [
            "kube-linter:privileged-container",
            "kube-score:container-security-context-privileged",
            "checkov:CKV_K8S_16",
            "trivy:KSV017",
        ]
        if not container.is_true("allowPrivilegeEscalation"):
            aliases.append("kube-linter:privilege-escalation-container")
        message = "the container is privileged"
        aliases_here = known_of(container, aliases)
        yield at(privileged.location, message, object=container.object, aliases=aliases_here)


@rule(
    "K8S206",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=(
        "kube-linter:privilege-escalation-container",
        "checkov:CKV_K8S_20",
        "trivy:KSV001",
    ),
)
def privilege_escalation_allowed(manifest: Manifest) -> Findings:
    """A container lets its processes gain more privileges than they started with.

    With `allowPrivilegeEscalation: true` a program that is set-uid root, such as `sudo` or
    `ping`, makes an ordinary user root again. It is what an attacker looks for first.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {allowPrivilegeEscalation: true}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {allowPrivilegeEscalation: false}
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        node = container.is_true("allowPrivilegeEscalation")
        if node is not None and not container.windows and node.location not in seen:
            seen.add(node.location)
            aliases = known_of(
                container,
                (
                    "kube-linter:privilege-escalation-container",
                    "checkov:CKV_K8S_20",
                    "trivy:KSV001",
                ),
            )
            message = "processes may gain more privileges"
            yield at(node.location, message, object=container.object, aliases=aliases)


@rule(
    "K8S207",
    Manifest,
    Severity.INFO,
    default="strict",
    security=True,
    aliases=("checkov:CKV_K8S_20", "trivy:KSV001"),
)
def privilege_escalation_not_disabled(manifest: Manifest) -> Findings:
    """A container does not forbid that its processes gain privileges.

    Where `allowPrivilegeEscalation` is not set it is allowed: a set-uid program in the image
    can make an ordinary user root. Hardly any program needs that.

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
              securityContext: {allowPrivilegeEscalation: false}
    """
    for container in manifest.containers:
        if container.owner.partial or container.windows:
            continue
        absent = container.security("allowPrivilegeEscalation") is None
        if absent and not truth(container.security("privileged")):
            aliases = known_of(container, ("checkov:CKV_K8S_20", "trivy:KSV001"))
            message = "allowPrivilegeEscalation is not set to false"
            yield at(container, message, aliases=aliases)


_READ_ONLY_ALIASES = (
    "kube-linter:no-read-only-root-fs",
    "kube-score:container-security-context-readonlyrootfilesystem",
    "checkov:CKV_K8S_22",
    "trivy:KSV014",
)


@rule(
    "K8S208",
    Manifest,
    Severity.INFO,
    default="strict",
    security=True,
    aliases=_READ_ONLY_ALIASES,
)
def writable_root_filesystem(manifest: Manifest) -> Findings:
    """A container may change its own file system.

    Who gets into it can replace the program or leave tools behind. With
    `readOnlyRootFilesystem: true` only volumes can be written; an `emptyDir` serves for
    what a program has to write down for a while.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {readOnlyRootFilesystem: false}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {readOnlyRootFilesystem: true}
              volumeMounts: [{name: cache, mountPath: /var/cache/nginx}]
          volumes: [{name: cache, emptyDir: {}}]
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        node = container.security("readOnlyRootFilesystem")
        if container.windows or truth(node) or open_value(node):
            continue
        aliases = known_of(container, _READ_ONLY_ALIASES)
        message = "the root file system can be written"
        if node is None and not container.owner.partial:
            yield at(container, message, aliases=aliases)
        elif node is not None and node.location not in seen:
            seen.add(node.location)
            yield at(node.location, message, object=container.object, aliases=aliases)
