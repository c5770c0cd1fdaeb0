"""The users and groups that containers run as."""

from __future__ import annotations

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, is_unknown
from iachygiene.parse.workloads import integer, open_value, texts
from iachygiene.parse.yaml import Mapping, Node, Scalar, ScalarValue
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known, known_of


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
    "K8S202",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=("kube-linter:run-as-non-root", "trivy:KSV116"),
)
def root_group(manifest: Manifest) -> Findings:
    """A container runs with the group of root.

    Group 0 owns much of what an image contains, and on the node it owns devices and logs. A
    process that is not root but of its group may often read and write there all the same.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsUser: 101, runAsGroup: 0}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {fsGroup: 2000, supplementalGroups: [0]}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsUser: 101, runAsGroup: 101, fsGroup: 101}
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        group = container.effective("runAsGroup")
        if group is None or integer(group) != 0 or container.windows or group.location in seen:
            continue
        seen.add(group.location)
        aliases = known_of(container, ("kube-linter:run-as-non-root", "trivy:KSV116"))
        message = "the container runs with the group of root"
        yield at(group.location, message, object=container.object, aliases=aliases)
    for pod in manifest.pods:
        context = pod.spec.mapping("securityContext") if pod.spec else None
        for node in _groups(context) if context else ():
            if integer(node) == 0 and node.location not in seen:
                seen.add(node.location)
                message = "the group of root is given to all containers"
                aliases = known(pod.owner, ("trivy:KSV116",))
                yield at(node.location, message, object=pod.object, aliases=aliases)


def _groups(context: Mapping) -> list[Scalar]:
    group = context.scalar("fsGroup")
    return [*([group] if group else []), *texts(context, "supplementalGroups")]


@rule(
    "K8S204",
    Manifest,
    Severity.INFO,
    default="off",
    security=True,
    aliases=(
        "kube-score:container-security-context-user-group-id",
        "checkov:CKV_K8S_40",
        "trivy:KSV020",
        "trivy:KSV021",
    ),
)
def low_uid_or_gid(manifest: Manifest) -> Findings:
    """A container's user or group may be one that the node has, too.

    Numbers below 10000 are what distributions give to their own users. Who breaks out of
    such a container is that user on the node. Without a number, the image decides.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {runAsUser: 101, runAsGroup: 10101}
          containers: [{name: web, image: "nginx:1.27.3"}]
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
          securityContext: {runAsUser: 10101, runAsGroup: 10101}
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        if container.windows:
            continue
        for field, peers in _LOW_IDS.items():
            node = container.effective(field)
            if node is None and not container.owner.partial:
                yield at(container, f"{field} is not set", aliases=known_of(container, peers))
            elif node is None or open_value(node) or node.location in seen:
                continue
            elif (integer(node) or 0) < 10000:
                seen.add(node.location)
                message = f'"{field}: {_text(node)}" may be one of the node, too'
                aliases = known_of(container, peers)
                yield at(node.location, message, object=container.object, aliases=aliases)


_LOW_IDS = {
    "runAsUser": (
        "kube-score:container-security-context-user-group-id",
        "checkov:CKV_K8S_40",
        "trivy:KSV020",
    ),
    "runAsGroup": ("kube-score:container-security-context-user-group-id", "trivy:KSV021"),
}


@rule(
    "K8S219",
    Manifest,
    Severity.INFO,
    default="off",
    security=True,
    aliases=("checkov:CKV_K8S_29", "checkov:CKV_K8S_30", "trivy:KSV118"),
)
def security_context_missing(manifest: Manifest) -> Findings:
    """Neither a container nor its pod has a security context.

    Nobody has yet said what the container needs to do on its node, so that it may do what a
    container may by default: be root, gain privileges, write to its file system.

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
          securityContext: {runAsNonRoot: true}
          containers: [{name: web, image: "nginxinc/nginx-unprivileged:1.27.3"}]
    """
    for container in manifest.containers:
        pod = container.pod_security
        own = container.node.get("securityContext")
        if own is None and (pod is None or not len(pod)) and not container.owner.partial:
            aliases = ("checkov:CKV_K8S_29", "checkov:CKV_K8S_30", "trivy:KSV118")
            message = "neither the container nor its pod has a security context"
            yield at(container, message, aliases=known_of(container, aliases))
