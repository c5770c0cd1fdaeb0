"""As whom Compose services run, and what they may write to or become."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.parse.compose_variables import expand
from iachygiene.rule import rule


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


_NON_ROOT = ("nginx-unprivileged", "distroless", "nonroot", "rootless", "bitnami/", "chainguard")


@rule("CO208", ComposeFile, Severity.INFO, default="off", security=True)
def compose_user_not_set(compose: ComposeFile) -> Findings:
    """A service says nothing about its user, and nothing tells that its image does.

    Most images run as root unless somebody says otherwise. An image that is built here with
    a `USER` in its Dockerfile is fine, and so are images that are known to run as somebody
    else.

    Bad:
        services:
          db:
            image: postgres:17.2
    Good:
        services:
          db:
            image: postgres:17.2
            user: "999"
    Good: the Dockerfile says who runs it
        -- compose.yaml --
        services:
          web:
            build: .
        -- Dockerfile --
        FROM node:22.11-slim
        USER node
    """
    for service in compose.services.values():
        if "user" in service.node or not service.has_substance or not service.complete:
            continue
        unknown = service.build is not None and not service.dockerfile_is_known
        if compose.partial or unknown or service.dockerfile_has_user:
            continue
        image = service.image
        known = image is not None and any(word in image.text for word in _NON_ROOT)
        if not known and "provider" not in service.node:
            yield at(service, "no user is set, and the image is not known to have one")


def _security_options(service: Service) -> list[tuple[str, str]]:
    """Kind and value of each; both `=` and the older `:` are in use."""
    pairs = []
    for node in service.scalars("security_opt"):
        kind, _, value = expand(node.text).replace("=", ":", 1).partition(":")
        pairs.append((kind, value))
    return pairs


@rule(
    "CO210",
    ComposeFile,
    Severity.INFO,
    default="off",
    security=True,
    aliases=("kics:no_new_privileges_not_set", "kics:security_opt_not_set"),
)
def compose_new_privileges_possible(compose: ComposeFile) -> Findings:
    """Programs of a service may gain rights that it was not started with.

    A setuid program such as `su` runs as root whoever starts it. With
    `no-new-privileges:true` it does not: a process keeps the rights that it has.

    Bad:
        services:
          web:
            image: registry.example.com/web:2.1.0
    Good:
        services:
          web:
            image: registry.example.com/web:2.1.0
            security_opt:
              - no-new-privileges:true
    """
    for service in compose.services.values():
        options = _security_options(service)
        safe = any(kind == "no-new-privileges" and value != "false" for kind, value in options)
        if service.has_substance and service.complete and not compose.partial and not safe:
            which = "security_opt_not_set" if not options else "no_new_privileges_not_set"
            yield at(service, '"no-new-privileges:true" is not set', aliases=(f"kics:{which}",))


@rule("CO211", ComposeFile, Severity.INFO, default="off", security=True)
def compose_writable_root(compose: ComposeFile) -> Findings:
    """A service can write into its own image's files.

    Whoever gets to run code in it can change its programs and leave tools behind. With
    `read_only: true`, and volumes or `tmpfs` for the few directories that the program writes
    to, that is not possible.

    Bad:
        services:
          web:
            image: registry.example.com/web:2.1.0
    Good:
        services:
          web:
            image: registry.example.com/web:2.1.0
            read_only: true
            tmpfs: [/tmp]
    """
    for service in compose.services.values():
        known = service.has_substance and service.complete and not compose.partial
        if known and service.flag("read_only") is None and "$" not in service.text("read_only"):
            yield at(service, '"read_only: true" is not set')
