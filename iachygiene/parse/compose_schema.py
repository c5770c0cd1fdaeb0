"""The keys of Compose files and the kinds of their values.

From https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json
"""

from __future__ import annotations

from collections.abc import Mapping

ROOT = frozenset(
    (
        *("version", "name", "include", "services", "models", "networks", "volumes", "secrets"),
        "configs",
    )
)

_SCALAR, _FLAG, _LIST, _MAPPING = "text", "flag", "list", "mapping"

SERVICE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            *("cgroup", "cgroup_parent", "container_name", "cpu_count", "cpu_percent"),
            *("cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus"),
            *("cpuset", "domainname", "hostname", "image", "ipc", "isolation", "mac_address"),
            *("mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "network_mode"),
            *("oom_score_adj", "pid", "pids_limit", "platform", "pull_policy"),
            *("pull_refresh_after", "restart", "runtime", "scale", "shm_size", "stop_grace_period"),
            *("stop_signal", "user", "userns_mode", "uts", "working_dir"),
        ),
        frozenset((_SCALAR,)),
    ),
    **dict.fromkeys(
        (
            *("attach", "init", "oom_kill_disable", "privileged", "read_only", "stdin_open", "tty"),
            "use_api_socket",
        ),
        frozenset((_FLAG,)),
    ),
    **dict.fromkeys(
        (
            *("cap_add", "cap_drop", "configs", "device_cgroup_rules", "devices", "dns_opt"),
            *(
                "expose",
                "external_links",
                "group_add",
                "links",
                "ports",
                "post_start",
                "pre_start",
                "pre_stop",
            ),
            *("profiles", "secrets", "security_opt", "volumes", "volumes_from"),
        ),
        frozenset((_LIST,)),
    ),
    **dict.fromkeys(
        (
            *("blkio_config", "credential_spec", "deploy", "develop", "healthcheck", "logging"),
            *("provider", "storage_opt", "ulimits"),
        ),
        frozenset((_MAPPING,)),
    ),
    **dict.fromkeys(
        (
            *("annotations", "depends_on", "environment", "extra_hosts", "labels", "models"),
            *("networks", "sysctls"),
        ),
        frozenset((_LIST, _MAPPING)),
    ),
    **dict.fromkeys(("build", "extends"), frozenset((_SCALAR, _MAPPING))),
    **dict.fromkeys(
        ("command", "dns", "dns_search", "entrypoint", "env_file", "label_file", "tmpfs", "gpus"),
        frozenset((_SCALAR, _LIST)),
    ),
}
"""What a service may hold, and how each may be written."""

OLDER = frozenset(
    (
        *("volume_driver", "net", "log_driver", "log_opt", "dockerfile", "cgroup_permissions"),
        *("memory", "memswap", "extra_host"),
    )
)
"""Keys of the first version of the format, which Compose refuses now."""

PARTS: Mapping[str, frozenset[str]] = {
    "networks": frozenset(
        (
            *("name", "driver", "driver_opts", "ipam", "external", "internal", "enable_ipv4"),
            *("enable_ipv6", "attachable", "labels"),
        )
    ),
    "volumes": frozenset(("name", "driver", "driver_opts", "external", "labels")),
    "secrets": frozenset(
        (
            *("name", "environment", "file", "external", "labels", "driver", "driver_opts"),
            "template_driver",
        )
    ),
    "configs": frozenset(
        ("name", "content", "environment", "file", "external", "labels", "template_driver")
    ),
    "healthcheck": frozenset(
        (
            *("disable", "interval", "retries", "test", "timeout", "start_period"),
            "start_interval",
        )
    ),
    "deploy": frozenset(
        (
            *("mode", "endpoint_mode", "replicas", "labels", "rollback_config", "update_config"),
            *("resources", "restart_policy", "placement"),
        )
    ),
}
"""What the other parts of a project, and two of a service, may hold."""
