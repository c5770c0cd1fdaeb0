"""How much Compose services may take, and what happens when they end."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.parse.compose_variables import expand
from iachygiene.rule import rule


@rule(
    "CO305",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=("kics:restart_policy_on_failure_not_set_to_5",),
)
def compose_restart_not_set(compose: ComposeFile) -> Findings:
    """Nothing says whether a service is started again when it ends.

    Without `restart` a crash, or a reboot of the host, ends the service for good. On a
    developer's machine that may be wanted; `restart: "no"` says so.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            restart: on-failure:5
          migrate:
            image: registry.example.com/shop/web:3.0.1
            restart: "no"
          worker:
            image: registry.example.com/shop/worker:3.0.1
            deploy:
              restart_policy: {condition: on-failure, max_attempts: 5}
    """
    for service in compose.services.values():
        known = service.has_substance and service.complete and not compose.partial
        policy = service.node.get("restart") or service.node.get("deploy", "restart_policy")
        if known and policy is None and "provider" not in service.node:
            yield at(service, "nothing says whether the service is restarted")


_LIMITS = (("deploy", "resources", "limits"), ("mem_limit",), ("cpus",), ("pids_limit",))


@rule(
    "CO306",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=("kics:memory_not_limited", "kics:cpus_not_limited", "kics:pids_limit_not_set"),
)
def compose_missing_resource_limits(compose: ComposeFile) -> Findings:
    """A service may take all memory and processor time of its host.

    One leak then takes everything else on the host down with it, and the kernel ends whatever
    it finds first. A limit makes the service that leaks the one that is ended.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            deploy:
              resources:
                limits: {cpus: "0.5", memory: 256M, pids: 100}
          worker:
            image: registry.example.com/shop/worker:3.0.1
            mem_limit: 512m
    """
    for service in compose.services.values():
        known = service.has_substance and service.complete and not compose.partial
        if known and "provider" not in service.node and not _is_limited(service):
            yield at(service, "the service has no limit of memory, processors or processes")


def _is_limited(service: Service) -> bool:
    for keys in _LIMITS:
        node = service.node.get(*keys)
        text = expand(getattr(node, "text", "x")) if len(keys) == 1 else "x"
        if node is not None and text not in ("0", "-1", ""):
            return True
    return False
