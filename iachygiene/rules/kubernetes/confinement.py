"""What the kernel holds against a container: seccomp, AppArmor, SELinux, /proc and sysctls."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Located, Location, Severity, at
from iachygiene.parse.kubernetes import Manifest, Pod
from iachygiene.parse.workloads import falsehood, items, truth
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known, known_of

_SECCOMP_ANNOTATIONS = (
    "seccomp.security.alpha.kubernetes.io/defaultProfileName",
    "seccomp.security.alpha.kubernetes.io/pod",
)
_SECCOMP_ALIASES = ("kube-score:container-seccomp-profile", "checkov:CKV_K8S_31", "trivy:KSV030")
_SAFE_SYSCTLS = frozenset(
    (
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range"),
        *("net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start"),
        *("net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_syncookies"),
        *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"),
        *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    )
)
"""https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/"""
_SELINUX_TYPES = frozenset(
    ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
)


@rule(
    "K8S213",
    Manifest,
    Severity.INFO,
    default="strict",
    security=True,
    aliases=_SECCOMP_ALIASES,
)
def seccomp_profile_missing(manifest: Manifest) -> Findings:
    """A container may make every call to the kernel.

    Without a seccomp profile none of the kernel's 400 calls is refused, among them those
    that most break-outs needed. `seccompProfile: {type: RuntimeDefault}` refuses what
    ordinary programs never do; at the pod it holds for all containers.

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
          securityContext: {seccompProfile: {type: RuntimeDefault}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good: the old form
        apiVersion: v1
        kind: Pod
        metadata:
          name: web
          annotations: {seccomp.security.alpha.kubernetes.io/pod: runtime/default}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        annotations = pod.annotations
        if pod.partial or (
            annotations and any(name in annotations for name in _SECCOMP_ANNOTATIONS)
        ):
            continue
        for container in pod.of("container"):
            if container.effective("seccompProfile") is None and not container.windows:
                aliases = known_of(container, _SECCOMP_ALIASES)
                yield at(container, "no seccomp profile", aliases=aliases)


def _profiles(manifest: Manifest, field: str) -> Iterator[tuple[Pod, Scalar, str]]:
    """The types of profile that pods and containers name, once each, with the object."""
    seen: set[int] = set()
    for pod in manifest.pods:
        holders = [(pod.spec, pod.object)] if pod.spec else []
        holders += [(container.node, container.object) for container in pod.containers]
        for node, owner in holders:
            kind = node.scalar("securityContext", field, "type")
            if kind is not None and id(kind) not in seen:
                seen.add(id(kind))
                yield pod, kind, owner


def _annotated(manifest: Manifest, *prefixes: str) -> Iterator[tuple[Pod, Scalar]]:
    """The annotations of pods whose names begin so, as nodes of their values."""
    for pod in manifest.pods:
        for name, entry in (pod.annotations.entries if pod.annotations else {}).items():
            if name.startswith(prefixes) and type(entry.value) is Scalar:
                yield pod, entry.value


@rule("K8S214", Manifest, Severity.WARNING, security=True, aliases=("trivy:KSV104",))
def seccomp_unconfined(manifest: Manifest) -> Findings:
    """A pod or container switches seccomp off.

    With the profile `Unconfined` no call to the kernel is refused, even where the cluster
    would set a profile by default.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {seccompProfile: {type: Unconfined}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {seccompProfile: {type: RuntimeDefault}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod, kind, owner in _profiles(manifest, "seccompProfile"):
        if kind.text == "Unconfined":
            aliases = known(pod.owner, ("trivy:KSV104",))
            yield at(kind.location, "seccomp is switched off", object=owner, aliases=aliases)
    prefixes = (
        "seccomp.security.alpha.kubernetes.io/",
        "container.seccomp.security.alpha.kubernetes.io/",
    )
    for pod, node in _annotated(manifest, *prefixes):
        if node.text == "unconfined":
            yield at(node.location, "seccomp is switched off", object=pod.object, aliases=())


@rule("K8S215", Manifest, Severity.WARNING, security=True, aliases=("trivy:KSV002",))
def apparmor_unconfined(manifest: Manifest) -> Findings:
    """A pod or container switches AppArmor off.

    Nodes that have AppArmor hold every container with a profile that forbids to mount, to
    trace other processes and to write to `/proc` and `/sys`. `Unconfined` lifts it.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              securityContext: {appArmorProfile: {type: Unconfined}}
    Bad: the old form
        apiVersion: v1
        kind: Pod
        metadata:
          name: web
          annotations: {container.apparmor.security.beta.kubernetes.io/web: unconfined}
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
              securityContext: {appArmorProfile: {type: RuntimeDefault}}
    """
    for pod, kind, owner in _profiles(manifest, "appArmorProfile"):
        if kind.text == "Unconfined":
            aliases = known(pod.owner, ("trivy:KSV002",))
            yield at(kind.location, "AppArmor is switched off", object=owner, aliases=aliases)
    for pod, node in _annotated(manifest, "container.apparmor.security.beta.kubernetes.io/"):
        if node.text == "unconfined":
            aliases = known(pod.owner, ("trivy:KSV002",))
            message = "AppArmor is switched off"
            yield at(node.location, message, object=pod.object, aliases=aliases)


@rule(
    "K8S216",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=("kube-linter:unsafe-proc-mount", "trivy:KSV027"),
)
def unmasked_proc(manifest: Manifest) -> Findings:
    """A container sees the whole of the node's `/proc`.

    The runtime hides those parts of `/proc` that tell about the node or change it.
    `procMount: Unmasked` shows them. It is made for containers in containers, with users of
    their own (`hostUsers: false`), and then this is only said for information.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: build}
        spec:
          containers:
            - name: build
              image: registry.example.com/build:1.4.2
              securityContext: {procMount: Unmasked}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: build}
        spec:
          containers:
            - name: build
              image: registry.example.com/build:1.4.2
              securityContext: {procMount: Default}
    """
    seen: set[Location] = set()
    for pod in manifest.pods:
        own_users = pod.spec is not None and falsehood(pod.spec.get("hostUsers"))
        for container in pod.containers:
            node = container.security("procMount")
            if type(node) is not Scalar or node.text.lower() != "unmasked" or container.windows:
                continue
            if node.location not in seen:
                seen.add(node.location)
                yield at(
                    node.location,
                    "the whole of /proc is shown",
                    object=container.object,
                    severity=Severity.INFO if own_users else None,
                    aliases=known_of(container, ("kube-linter:unsafe-proc-mount", "trivy:KSV027")),
                )


def _sysctls(manifest: Manifest) -> Iterator[tuple[Pod, Scalar, tuple[str, ...]]]:
    """The names of sysctls that pods set, with kube-linter's alias where it reports one."""
    seen: set[int] = set()
    for pod in manifest.pods:
        context = pod.spec.mapping("securityContext") if pod.spec else None
        for setting in items(context, "sysctls"):
            name = setting.scalar("name")
            if name is not None and id(name) not in seen:
                seen.add(id(name))
                prefixes = ("kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.", "net.")
                listed = name.text.startswith(prefixes)
                yield pod, name, ("kube-linter:unsafe-sysctls",) if listed else ()


@rule(
    "K8S217",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=("kube-linter:unsafe-sysctls", "trivy:KSV026"),
)
def unsafe_sysctl(manifest: Manifest) -> Findings:
    """A pod sets a parameter of the kernel that is not among the safe ones.

    Such a parameter may change the node for all pods on it, and a kubelet refuses the pod
    unless its administrator has allowed the parameter.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {sysctls: [{name: net.core.somaxconn, value: "1024"}]}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}]}
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod, name, aliases in _sysctls(manifest):
        if name.text not in _SAFE_SYSCTLS:
            message = f'"{name.text}" is not among the safe sysctls'
            aliases = known(pod.owner, (*aliases, "trivy:KSV026"))
            yield at(name.location, message, object=pod.object, aliases=aliases)


@rule("K8S218", Manifest, Severity.INFO, default="off", aliases=("kube-linter:unsafe-sysctls",))
def namespaced_sysctl(manifest: Manifest) -> Findings:
    """A pod sets a parameter of the kernel, one of those that are safe.

    It holds for this pod alone. It is still a setting that nobody looks for there when two
    pods of the same image behave differently.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}]}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod, name, aliases in _sysctls(manifest):
        if name.text in _SAFE_SYSCTLS and aliases:
            message = f'the sysctl "{name.text}" is set'
            yield at(name.location, message, object=pod.object, aliases=known(pod.owner, aliases))


@rule("K8S223", Manifest, Severity.ERROR, security=True, aliases=("trivy:KSV103",))
def windows_host_process(manifest: Manifest) -> Findings:
    """A container runs as a process of its Windows node.

    With `hostProcess: true` it sees the files, the network and the registry of the node: it
    is what a privileged container is on Linux.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: agent}
        spec:
          os: {name: windows}
          hostNetwork: true
          securityContext: {windowsOptions: {hostProcess: true}}
          containers: [{name: agent, image: "registry.example.com/agent:2.1.0"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: agent}
        spec:
          os: {name: windows}
          securityContext: {windowsOptions: {runAsUserName: ContainerUser}}
          containers: [{name: agent, image: "registry.example.com/agent:2.1.0"}]
    """
    seen: set[Location] = set()
    for container in manifest.containers:
        options = container.effective("windowsOptions")
        node = options.get("hostProcess") if type(options) is Mapping else None
        if node is not None and truth(node) and node.location not in seen:
            seen.add(node.location)
            aliases = known_of(container, ("trivy:KSV103",))
            message = "the container is a process of its node"
            yield at(node.location, message, object=container.object, aliases=aliases)


@rule("K8S224", Manifest, Severity.INFO, default="off", security=True, aliases=("trivy:KSV025",))
def custom_selinux_options(manifest: Manifest) -> Findings:
    """A pod or container sets its own SELinux user, role or type.

    The types of containers keep them from the files of the node; another type may not. The
    Pod Security Standard `baseline` allows no user, no role and only those types.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {seLinuxOptions: {type: spc_t}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          securityContext: {seLinuxOptions: {level: "s0:c123,c456"}}
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    seen: set[int] = set()
    for pod in manifest.pods:
        holders: list[tuple[Mapping, Located]] = [(pod.spec, pod)] if pod.spec else []
        holders += [(container.node, container) for container in pod.containers]
        for node, owner in holders:
            options = node.mapping("securityContext", "seLinuxOptions")
            for field in ("user", "role", "type") if options and id(options) not in seen else ():
                value = options.scalar(field) if options else None
                if value is not None and (field != "type" or value.text not in _SELINUX_TYPES):
                    aliases = known(pod.owner, ("trivy:KSV025",))
                    message = f'the SELinux {field} "{value.text}" is set'
                    name = getattr(owner, "object", "")
                    yield at(value.location, message, object=name, aliases=aliases)
            seen.add(id(options))


@rule(
    "K8S225",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=("kube-linter:scc-deny-privileged-container",),
)
def scc_allows_privileged(manifest: Manifest) -> Findings:
    """A SecurityContextConstraints of OpenShift allows privileged containers.

    Whoever may use these constraints may take over the nodes.

    Bad:
        apiVersion: security.openshift.io/v1
        kind: SecurityContextConstraints
        metadata: {name: agents}
        allowPrivilegedContainer: true
    Good:
        apiVersion: security.openshift.io/v1
        kind: SecurityContextConstraints
        metadata: {name: agents}
        allowPrivilegedContainer: false
    """
    for one in manifest.objects:
        if one.kind == "SecurityContextConstraints" and one.group == "security.openshift.io":
            node = one.get("allowPrivilegedContainer")
            if node is not None and truth(node):
                message = "privileged containers are allowed"
                yield at(node.location, message, object=one.object)
