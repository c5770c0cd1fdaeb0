"""What a container may do on its node: users and privileges."""

from __future__ import annotations

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, is_unknown
from iachygiene.parse.yaml import Node, Scalar, ScalarValue
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known_of


@rule(
    "K8S201",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=("kube-linter:run-as-non-root", "checkov:CKV_K8S_23", "trivy:KSV012"),
)
def run_as_root_allowed(manifest: Manifest) -> Findings:
    """Nothing keeps a container from running as root.

    Without `runAsNonRoot: true` or a `runAsUser` above 0 the image decides, and most images
    run as root unless somebody changed them. Root in a container is the node's root with
    fewer rights: one mistake in the kernel, the runtime or a volume, and whoever took over
    the process owns the node. With `runAsNonRoot: true` such an image does not start. Either
    field may stand at the pod for all containers, or at a container, which then wins.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
    Bad: the container takes back what the pod demands
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsNonRoot: true}
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {runAsNonRoot: false}
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsUser: 0}
          containers:
            - name: web
              image: nginx:1.27.3
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsNonRoot: true}
          containers:
            - name: web
              image: nginxinc/nginx-unprivileged:1.27.3
    Good: a user of its own is enough
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {runAsUser: 101}
    Good: Windows has no root
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          os: {name: windows}
          containers:
            - name: web
              image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
    Good: a patch is not the whole object
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          template:
            spec:
              containers:
                - name: web
                  resources: {limits: {memory: 128Mi}}
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        if container.owner.partial or container.windows:
            continue
        user, non_root = container.effective("runAsUser"), container.effective("runAsNonRoot")
        if _is_user(user) or _value(non_root) is True or _unknown(user) or _unknown(non_root):
            continue
        bad = user if type(_value(user)) is int else non_root
        if bad is None:
            message = "neither runAsNonRoot nor runAsUser keeps the container from running as root"
            yield at(container, message, aliases=_root_aliases(container))
        elif bad.location not in seen:
            seen.add(bad.location)
            field = "runAsUser" if bad is user else "runAsNonRoot"
            message = f'"{field}: {_text(bad)}" lets the container run as root'
            aliases = _root_aliases(container)
            yield at(bad.location, message, object=container.object, aliases=aliases)


def _root_aliases(container: Container) -> tuple[str, ...]:
    aliases = ["kube-linter:run-as-non-root", "trivy:KSV012"]
    if container.kind == "container":
        aliases.append("checkov:CKV_K8S_23")
    return known_of(container, aliases)


def _value(node: Node | None) -> ScalarValue:
    return node.value if type(node) is Scalar else None


def _text(node: Node) -> str:
    return node.text if type(node) is Scalar else "…"


def _is_user(node: Node | None) -> bool:
    value = _value(node)
    return type(value) is int and value > 0


def _unknown(node: Node | None) -> bool:
    return node is not None and (type(node) is not Scalar or is_unknown(node.text))


@rule(
    "K8S203",
    Manifest,
    Severity.ERROR,
    aliases=("kube-linter:run-as-non-root", "trivy:KSV105"),
)
def non_root_contradiction(manifest: Manifest) -> Findings:
    """A container must not run as root and is told to run as root.

    With `runAsNonRoot: true` the kubelet refuses to start a container whose user is 0, so
    `runAsUser: 0` beside it means that this container never starts: the pod stays in
    `CreateContainerConfigError`.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext:
            runAsNonRoot: true
            runAsUser: 0
          containers:
            - name: web
              image: nginx:1.27.3
    Bad: the pod says one thing, its container the other
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsNonRoot: true}
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {runAsUser: 0}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsNonRoot: true, runAsUser: 101}
          containers:
            - name: web
              image: nginx:1.27.3
    Good: the container takes back both
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsNonRoot: true, runAsUser: 101}
          containers:
            - name: web
              image: nginx:1.27.3
            - name: chown
              image: busybox:1.37.0
              securityContext: {runAsNonRoot: false, runAsUser: 0}
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        user, non_root = container.effective("runAsUser"), container.effective("runAsNonRoot")
        value = _value(user)
        if user is None or non_root is None or type(value) is not int or value != 0:
            continue
        if _value(non_root) is True and not container.windows and user.location not in seen:
            seen.add(user.location)
            message = f'"runAsUser: {_text(user)}" is refused because of "runAsNonRoot: true"'
            related = [non_root.location.labelled("root is forbidden here")]
            aliases = known_of(container, ("kube-linter:run-as-non-root", "trivy:KSV105"))
            yield at(
                user.location, message, related=related, object=container.object, aliases=aliases
            )


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
