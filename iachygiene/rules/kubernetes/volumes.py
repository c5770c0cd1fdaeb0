"""Volumes: paths of the node, and mounts of what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Manifest, Pod, is_unknown
from iachygiene.parse.workloads import HostMount, host_mounts, items, open_value, truth
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "podman.sock", "cri-dockerd.sock")
_SENSITIVE = frozenset(("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr"))
_SENSITIVE_TREES = (
    *("/etc/kubernetes/", "/var/lib/kubelet/", "/var/lib/docker/", "/var/lib/etcd/", "/root/"),
)


def _paths(manifest: Manifest) -> Iterator[tuple[Pod, HostMount, str]]:
    """The paths of nodes that pods take, once each: as written, and in their plain form."""
    seen: set[int] = set()
    for pod in manifest.pods:
        for found in host_mounts(pod):
            if id(found.path) not in seen and not is_unknown(found.path.text):
                seen.add(id(found.path))
                text = found.path.text
                # Two slashes at the beginning are kept by POSIX, and one to Linux.
                yield pod, found, normpath(text.replace("//", "/")) if text else ""


@rule(
    "K8S304",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=("kube-linter:docker-sock", "checkov:CKV_K8S_27", "trivy:KSV006"),
)
def container_runtime_socket(manifest: Manifest) -> Findings:
    """A pod takes the socket of its node's container runtime.

    Who can speak to the runtime can start a privileged container: the socket is the node.
    Also reported, as warnings, are `/run` and `/var/run` as a whole, where it lies, and a
    volume that no container mounts.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: build}
        spec:
          containers:
            - name: build
              image: docker:27.4.1
              volumeMounts: [{name: docker, mountPath: /var/run/docker.sock}]
          volumes: [{name: docker, hostPath: {path: /var/run/docker.sock}}]
    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: build}
        spec:
          containers:
            - name: build
              image: docker:27.4.1
              volumeMounts: [{name: run, mountPath: /host/run}]
          volumes: [{name: run, hostPath: {path: /var/run}}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: build}
        spec:
          containers: [{name: build, image: "gcr.io/kaniko-project/executor:v1.23.2"}]
    """
    for pod, found, path in _paths(manifest):
        is_socket = path.endswith(_SOCKETS)
        if not is_socket and path not in ("/run", "/var/run"):
            continue
        aliases: tuple[str, ...] = ()
        if path.endswith("docker.sock"):
            aliases = ("kube-linter:docker-sock", "checkov:CKV_K8S_27", "trivy:KSV006")
            aliases = known(pod.owner, aliases if found.mount else aliases[1:])
        yield at(
            found.path.location,
            f'"{found.path.text}" gives power over the container runtime',
            object=pod.object,
            severity=None if is_socket and found.mount else Severity.WARNING,
            aliases=aliases,
        )


@rule(
    "K8S305",
    Manifest,
    Severity.ERROR,
    security=True,
    aliases=("kube-linter:sensitive-host-mounts", "trivy:KSV121"),
)
def sensitive_host_path(manifest: Manifest) -> Findings:
    """A pod takes a directory of its node that the node's own safety rests on.

    Under `/etc`, `/usr` or `/dev` lies what the node is made of, under `/var/lib/kubelet`
    and `/etc/kubernetes` lie the keys of the cluster and the secrets of all pods on the
    node.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: agent}
        spec:
          containers:
            - name: agent
              image: registry.example.com/agent:2.1.0
              volumeMounts: [{name: etc, mountPath: /host/etc, readOnly: true}]
          volumes: [{name: etc, hostPath: {path: /etc}}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: agent}
        spec:
          containers:
            - name: agent
              image: registry.example.com/agent:2.1.0
              volumeMounts: [{name: zone, mountPath: /etc/localtime, readOnly: true}]
          volumes: [{name: zone, hostPath: {path: /usr/share/zoneinfo/UTC}}]
    """
    for pod, found, path in _paths(manifest):
        if path in _SENSITIVE or f"{path}/".startswith(_SENSITIVE_TREES):
            listed = found.path.text in _SENSITIVE and found.mount is not None
            aliases = ("trivy:KSV121", *(("kube-linter:sensitive-host-mounts",) * listed))
            message = f'"{found.path.text}" of the node is sensitive'
            aliases = known(pod.owner, aliases)
            yield at(found.path.location, message, object=pod.object, aliases=aliases)


@rule("K8S306", Manifest, Severity.INFO, default="off", security=True, aliases=("trivy:KSV023",))
def host_path_volume(manifest: Manifest) -> Findings:
    """A pod takes a path of its node as a volume.

    Its data is on one node: elsewhere the pod finds other files or none. And what it may
    write there, it writes on the node.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
          volumes: [{name: data, hostPath: {path: /srv/data}}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
          volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
    """
    for pod, found, _path in _paths(manifest):
        message = f'"{found.path.text}" is a path of the node'
        aliases = known(pod.owner, ("trivy:KSV023",))
        yield at(found.path.location, message, object=pod.object, aliases=aliases)


@rule(
    "K8S307",
    Manifest,
    Severity.WARNING,
    security=True,
    aliases=("kube-linter:writable-host-mount",),
)
def writable_host_path(manifest: Manifest) -> Findings:
    """A container may write to a path of its node.

    What it writes there outlives it and is read by other programs of the node, with their
    rights. Most containers only read: `readOnly: true` at the mount says so.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: logs}
        spec:
          containers:
            - name: logs
              image: fluent/fluent-bit:3.2.2
              volumeMounts: [{name: logs, mountPath: /var/log}]
          volumes: [{name: logs, hostPath: {path: /var/log}}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: logs}
        spec:
          containers:
            - name: logs
              image: fluent/fluent-bit:3.2.2
              volumeMounts: [{name: logs, mountPath: /var/log, readOnly: true}]
          volumes: [{name: logs, hostPath: {path: /var/log}}]
    """
    seen: set[int] = set()
    for pod in manifest.pods:
        for found in host_mounts(pod):
            mount, container = found.mount, found.container
            if mount is None or container is None or id(mount) in seen:
                continue
            seen.add(id(mount))
            read_only = mount.get("readOnly")
            only = mount.text("recursiveReadOnly") in ("Enabled", "IfPossible")
            if truth(read_only) or open_value(read_only) or only:
                continue
            where = read_only or mount.get("name") or mount
            message = f'"{found.path.text}" of the node can be written'
            aliases = known(pod.owner, ("kube-linter:writable-host-mount",))
            yield at(where.location, message, object=container.object, aliases=aliases)


@rule("K8S616", Manifest, Severity.ERROR)
def volume_mount_undeclared(manifest: Manifest) -> Findings:
    """A container mounts a volume that its pod does not have.

    The API server refuses the whole object.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              volumeMounts: [{name: cache, mountPath: /var/cache/nginx}]
          volumes: [{name: caches, emptyDir: {}}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              volumeMounts: [{name: cache, mountPath: /var/cache/nginx}]
          volumes: [{name: cache, emptyDir: {}}]
    Good: a claim of the StatefulSet
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: db}
        spec:
          serviceName: db
          selector: {matchLabels: {app: db}}
          template:
            metadata: {labels: {app: db}}
            spec:
              containers:
                - name: db
                  image: postgres:17.2
                  volumeMounts: [{name: data, mountPath: /var/lib/postgresql/data}]
          volumeClaimTemplates: [{metadata: {name: data}}]
    """
    seen: set[int] = set()
    for pod in manifest.pods:
        declared = _declared(pod)
        if pod.spec is None or pod.partial or any(map(is_unknown, declared)):
            continue
        for container in pod.containers:
            for field in ("volumeMounts", "volumeDevices"):
                for mount in items(container.node, field):
                    name = mount.scalar("name")
                    if name is None or name.text in declared or is_unknown(name.text):
                        continue
                    if id(name) not in seen:
                        seen.add(id(name))
                        message = f'the pod has no volume "{name.text}"'
                        yield at(name.location, message, object=container.object)


def _declared(pod: Pod) -> set[str]:
    claims: Iterator[Mapping] = items(pod.owner.root, "spec", "volumeClaimTemplates")
    return {
        *(volume.text("name") for volume in items(pod.spec, "volumes")),
        *(claim.text("metadata", "name") for claim in claims),
    }
