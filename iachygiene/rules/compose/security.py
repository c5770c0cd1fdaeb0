"""What Compose services may do on their host."""

from __future__ import annotations

import re

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service, expand
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


_SOCKET = re.compile(r"(?:^|/)(?:docker|containerd|podman|crio|cri-dockerd)\.sock$")
_PROXY = re.compile(r"(?:socket|docker)[-_]?proxy")


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


@rule("CO207", ComposeFile, Severity.WARNING, security=True)
def compose_runs_as_root(compose: ComposeFile) -> Findings:
    """A service is told to run as root.

    `user: root` undoes what the image did to run as somebody else. Root in a container is
    the host's root with fewer rights: one mistake in the kernel, the runtime or a mounted
    directory, and whoever took over the process owns the host.

    Bad:
        services:
          web:
            image: nginxinc/nginx-unprivileged:1.27.3
            user: root
    Bad: the user counts, whatever the group
        services:
          web:
            image: nginxinc/nginx-unprivileged:1.27.3
            user: "0:101"
    Good:
        services:
          web:
            image: nginxinc/nginx-unprivileged:1.27.3
            user: "101:101"
    Good: somebody decides elsewhere
        services:
          web:
            image: nginxinc/nginx-unprivileged:1.27.3
            user: ${WEB_USER}
    """
    users = (
        (service, user)
        for service in compose.services.values()
        if (user := service.node.scalar("user")) is not None
    )
    for service, user in compose.own(users):
        name = expand(user.text).partition(":")[0]
        if name == "root" or (name and not name.strip("0")):
            message = f'"user: {user.text}" runs the service as root'
            yield at(user.location, message, object=service.object)
