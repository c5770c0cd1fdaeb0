"""What keeps a Compose service apart from its host, and what takes that away."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.parse.compose_variables import expand
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule


@rule(
    "CO203",
    ComposeFile,
    Severity.WARNING,
    security=True,
    aliases=("kics:shared_host_network_namespace",),
)
def compose_host_network(compose: ComposeFile) -> Findings:
    """A service uses the network of the host.

    Its program then listens on every interface of the host without a `ports` entry, reaches
    what listens on the host's loopback only, and cannot be found by its service name. Publish
    the ports that are needed instead.

    Bad:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            network_mode: host
    Good:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            ports: ["127.0.0.1:9100:9100"]
    """
    for service, node in _with_value(compose, ("network_mode",), "host"):
        yield at(node.location, "the service uses the host's network", object=service.object)


@rule(
    "CO204",
    ComposeFile,
    Severity.ERROR,
    security=True,
    aliases=(
        "kics:host_namespace_is_shared",
        "kics:shared_host_ipc_namespace",
        "kics:shared_host_user_namespace",
    ),
)
def compose_host_pid_ipc_userns(compose: ComposeFile) -> Findings:
    """A service shares the processes, the shared memory or the users of the host.

    With `pid: host` it sees every process of the host, with their arguments and, as root,
    their memory; with `ipc: host` it reads and writes their shared memory; with
    `userns_mode: host` its root is the host's root although the engine maps users.

    Bad:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            pid: host
    Bad:
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            ipc: host
            userns_mode: "host"
    Good: it shares with another service, not with the host
        services:
          agent:
            image: registry.example.com/agent:2.1.0
            pid: service:web
          web:
            image: registry.example.com/web:2.1.0
    """
    peers = {
        "pid": "kics:host_namespace_is_shared",
        "ipc": "kics:shared_host_ipc_namespace",
        "userns_mode": "kics:shared_host_user_namespace",
    }
    for key, alias in peers.items():
        for service, node in _with_value(compose, (key,), "host"):
            message = f'"{key}: host" shares a namespace with the host'
            yield at(node.location, message, object=service.object, aliases=(alias,))


def _with_value(
    compose: ComposeFile, keys: tuple[str, ...], value: str
) -> Iterator[tuple[Service, Scalar]]:
    nodes = (
        (service, node)
        for service in compose.services.values()
        if (node := service.node.scalar(*keys)) is not None and expand(node.text) == value
    )
    return compose.own(nodes)


_DANGEROUS = frozenset(
    (
        *("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "NET_ADMIN"),
        *("BPF", "DAC_READ_SEARCH", "PERFMON", "SYSLOG", "MAC_ADMIN"),
    )
)


@rule(
    "CO205",
    ComposeFile,
    Severity.ERROR,
    security=True,
    aliases=("kics:container_capabilities_unrestricted",),
)
def compose_dangerous_capability(compose: ComposeFile) -> Findings:
    """A service gets a capability that reaches beyond its container.

    Capabilities are root's rights in slices. Some of the slices are nearly the whole: with
    SYS_ADMIN or SYS_MODULE a process takes over the host's kernel, with SYS_PTRACE other
    processes, with NET_ADMIN the network of whatever namespace it is in. `NET_RAW` is a
    warning: it lets a container forge packets on its network.

    Bad:
        services:
          vpn:
            image: registry.example.com/vpn:2.1.0
            cap_add: [NET_ADMIN]
    Bad: severity warning
        services:
          ping:
            image: registry.example.com/ping:2.1.0
            cap_add:
              - CAP_NET_RAW
    Good:
        services:
          web:
            image: registry.example.com/web:2.1.0
            cap_drop: [ALL]
            cap_add: [NET_BIND_SERVICE]
    """
    nodes = (
        (service, node)
        for service in compose.services.values()
        for node in service.scalars("cap_add")
    )
    for service, node in compose.own(nodes):
        name = expand(node.text).upper().removeprefix("CAP_")
        if name in _DANGEROUS or name == "NET_RAW":
            message = f'the capability "{node.text}" reaches beyond the container'
            severity = Severity.WARNING if name == "NET_RAW" else None
            yield at(node.location, message, object=service.object, severity=severity)


@rule(
    "CO209",
    ComposeFile,
    Severity.WARNING,
    security=True,
    aliases=("kics:default_seccomp_profile_disabled",),
)
def compose_security_opt_unconfined(compose: ComposeFile) -> Findings:
    """A service switches off seccomp, AppArmor or SELinux.

    The engine's default profiles forbid what hardly any program needs and many exploits do:
    loading kernel modules, mounting, tracing others. A program that needs one of these calls
    needs a profile that allows this one.

    Bad:
        services:
          debugger:
            image: registry.example.com/debugger:2.1.0
            security_opt:
              - seccomp:unconfined
    Bad:
        services:
          debugger:
            image: registry.example.com/debugger:2.1.0
            security_opt: ["label=disable"]
    Good:
        services:
          debugger:
            image: registry.example.com/debugger:2.1.0
            security_opt:
              - seccomp:./profiles/debugger.json
              - no-new-privileges:true
    """
    for service, node in compose.own(_security_options(compose)):
        kind, _, value = _option(node)
        if (kind in ("seccomp", "apparmor") and value == "unconfined") or (
            (kind, value) == ("label", "disable")
        ):
            yield at(
                node.location,
                f'"{node.text}" switches a protection off',
                object=service.object,
                aliases=None if kind == "seccomp" else (),
            )


def _security_options(compose: ComposeFile) -> Iterator[tuple[Service, Scalar]]:
    for service in compose.services.values():
        for node in service.scalars("security_opt"):
            yield service, node


def _option(node: Scalar) -> tuple[str, str, str]:
    """Kind, separator and value; both `=` and the older `:` are in use."""
    text = expand(node.text).replace("=", ":", 1)
    return text.partition(":")


_SHARED = frozenset(("shared", "rshared", "slave", "rslave"))


@rule(
    "CO212",
    ComposeFile,
    Severity.WARNING,
    security=True,
    aliases=("kics:volume_mounted_in_multiple_containers",),
)
def compose_shared_propagation(compose: ComposeFile) -> Findings:
    """A bind mount passes mounts on between the host and the service.

    With `shared` what the container mounts appears on the host, and with `slave` what the
    host mounts later appears in the container: a disk that somebody plugs in, another
    container's files. Only programs that manage mounts need that.

    Bad:
        services:
          storage:
            image: registry.example.com/storage:2.1.0
            volumes:
              - /mnt/data:/data:rshared
    Bad:
        services:
          storage:
            image: registry.example.com/storage:2.1.0
            volumes:
              - type: bind
                source: /mnt/data
                target: /data
                bind:
                  propagation: slave
    Good:
        services:
          storage:
            image: registry.example.com/storage:2.1.0
            volumes:
              - /mnt/data:/data:ro
    """
    volumes = (
        (service, volume) for service in compose.services.values() for volume in service.volumes
    )
    for service, volume in compose.own(volumes):
        mode = next((option for option in volume.options if option in _SHARED), "")
        if type(volume.node) is Mapping:
            mode = expand(volume.node.text("bind", "propagation"))
        if mode in _SHARED:
            message = f'the mount of "{volume.source}" is "{mode}"'
            yield at(volume.location, message, object=service.object)


@rule(
    "CO213",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=("kics:cgroup_not_default",),
)
def compose_cgroup_parent(compose: ComposeFile) -> Findings:
    """A service is put below a control group of the host by name.

    The limits of that group hold for it, whatever they are: the same file behaves
    differently on another host, and a group that others use shares their budget.

    Bad:
        services:
          web:
            image: registry.example.com/web:2.1.0
            cgroup_parent: m-executor-abcd
    Good:
        services:
          web:
            image: registry.example.com/web:2.1.0
            deploy:
              resources:
                limits: {memory: 256M}
    """
    nodes = (
        (service, node)
        for service in compose.services.values()
        if (node := service.node.scalar("cgroup_parent")) is not None
    )
    for service, node in compose.own(nodes):
        yield at(node.location, f'the service is below "{node.text}"', object=service.object)
