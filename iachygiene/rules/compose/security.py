"""What Compose services may do on their host."""

from __future__ import annotations

from posixpath import normpath

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.parse.compose_variables import expand
from iachygiene.parse.yaml import Mapping
from iachygiene.rule import rule


@rule(
    "CO201",
    ComposeFile,
    Severity.ERROR,
    security=True,
    aliases=("kics:privileged_containers_enabled",),
)
def compose_privileged(compose: ComposeFile) -> Findings:
    """A service is privileged.

    A privileged container has all capabilities and all devices of the host, and neither
    seccomp nor AppArmor holds it: whoever takes over its process has the host. What a
    program really needs is nearly always one capability (`cap_add`) or one device
    (`devices`).

    Bad:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            privileged: true
    Good:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            devices: ["/dev/ttyUSB0:/dev/ttyUSB0"]
            cap_add: [NET_ADMIN]
    """
    flags = (
        (service, flag)
        for service in compose.services.values()
        if (flag := service.flag("privileged")) is not None
    )
    for service, flag in compose.own(flags):
        yield at(flag.location, "the service is privileged", object=service.object)


_SOCKET = regex(r"(?:^|/)(?:docker|containerd|podman|crio|cri-dockerd)\.sock$")
_PROXY = regex(r"(?:socket|docker)[-_]?proxy")


@rule(
    "CO202",
    ComposeFile,
    Severity.ERROR,
    security=True,
    aliases=("kics:docker_socket_mounted_in_container",),
)
def compose_docker_socket(compose: ComposeFile) -> Findings:
    """A service mounts the socket of the container runtime.

    Whoever may talk to that socket may start a privileged container with the host's root
    directory in it: the mount is root on the host, and `:ro` changes nothing, because it
    protects the file and not what is said through it. A proxy that lets only some requests
    through is reported as a warning.

    Bad:
        services:
          dashboard:
            image: registry.example.com/dashboard:1.4.2
            volumes:
              - /var/run/docker.sock:/var/run/docker.sock:ro
    Bad:
        services:
          dashboard:
            image: registry.example.com/dashboard:1.4.2
            volumes:
              - type: bind
                source: ${DOCKER_SOCKET:-/var/run/docker.sock}
                target: /docker.sock
    Bad: severity warning
        services:
          proxy:
            image: tecnativa/docker-socket-proxy:0.3.0
            volumes:
              - /var/run/docker.sock:/var/run/docker.sock
    Good:
        services:
          dashboard:
            image: registry.example.com/dashboard:1.4.2
            environment:
              DOCKER_HOST: tcp://proxy:2375
            volumes:
              - data:/var/lib/dashboard
        volumes:
          data:
    """
    volumes = (
        (service, volume)
        for service in compose.services.values()
        for volume in service.volumes
        if _SOCKET.search(volume.source)
    )
    for service, volume in compose.own(volumes):
        message = f'"{volume.source}" gives the service the whole host'
        severity = Severity.WARNING if _is_proxy(service) else None
        yield at(volume.location, message, object=service.object, severity=severity)


def _is_proxy(service: Service) -> bool:
    return service.image is not None and _PROXY.search(service.image.repository.text) is not None


_SENSITIVE = frozenset(
    (
        *("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/var", "/var/run"),
        *("/run", "/root", "/home", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers"),
        *("/var/lib/docker", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib"),
    )
)
_SENSITIVE_BELOW = (
    *("/boot/", "/proc/", "/sys/", "/root/", "/etc/ssh/", "/etc/sudoers.d/", "/etc/kubernetes/"),
    *("/var/lib/docker/", "/var/lib/kubelet/", "/var/lib/containerd/"),
)


@rule(
    "CO206",
    ComposeFile,
    Severity.ERROR,
    security=True,
    aliases=("kics:volume_has_sensitive_host_directory",),
)
def compose_sensitive_host_path(compose: ComposeFile) -> Findings:
    """A service mounts a directory that the host itself lives in.

    With the host's `/`, `/etc` or the engine's own directory a container reads the host's
    secrets, and where the mount is not read-only it changes who may log in and what is
    started: it is root on the host. A read-only mount is reported as a warning. Single files
    that tell nothing, such as `/etc/localtime`, are silent.

    Bad:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            volumes:
              - /:/host
    Bad: severity warning
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            volumes:
              - /sys:/host/sys:ro
    Bad: a local volume of such a directory
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            volumes:
              - host:/host
        volumes:
          host:
            driver: local
            driver_opts:
              type: none
              o: bind
              device: /etc
    Good:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            volumes:
              - /etc/localtime:/etc/localtime:ro
              - ./etc:/etc/agent:ro
    """
    volumes = (
        (service, volume)
        for service in compose.services.values()
        for volume in service.volumes
        if volume.kind == "bind"
    )
    for service, volume in compose.own(volumes):
        path = _sensitive(volume.source)
        if path:
            severity = Severity.WARNING if volume.read_only else None
            message = f'"{volume.source}" is a directory of the host itself'
            yield at(volume.location, message, object=service.object, severity=severity)
    for name, entry in compose.defined("volumes").items():
        device = (
            entry.value.scalar("driver_opts", "device") if type(entry.value) is Mapping else None
        )
        ours = device is not None and device.file.path in compose.paths
        if device is not None and ours and _sensitive(expand(device.text)):
            message = f'"{device.text}" is a directory of the host itself'
            yield at(device.location, message, object=f"volume {name}")


def _sensitive(source: str) -> bool:
    """Whether a path is one of the host's own; its sockets have a rule of theirs."""
    if not source.startswith("/") or "$" in source or _SOCKET.search(source):
        return False
    path = normpath("/" + source.lstrip("/"))
    return path in _SENSITIVE or path.startswith(_SENSITIVE_BELOW)
