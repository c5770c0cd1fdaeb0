"""What is known of public images: as whom they start, which of them are servers.

Taken from the documentation and configuration of the images themselves. An image that is
not listed is not known, and nothing is said of it.
"""

from __future__ import annotations

from iachygiene.image import ImageRef
from iachygiene.parse.dockerfile import Stage

_SERVERS = frozenset(
    (
        *("nginx", "httpd", "redis", "postgres", "mysql", "mariadb", "mongo"),
        *("rabbitmq", "tomcat", "traefik", "haproxy"),
    )
)
_DISTRIBUTIONS = frozenset(
    (
        *("debian", "ubuntu", "alpine", "fedora", "centos", "rockylinux", "almalinux"),
        *("amazonlinux", "archlinux", "oraclelinux", "busybox", "photon", "buildpack-deps"),
    )
)
_LANGUAGES = frozenset(
    (
        *("node", "python", "golang", "ruby", "php", "openjdk", "rust", "maven", "gradle"),
        *("eclipse-temurin", "amazoncorretto", "perl", "elixir", "erlang", "gcc", "haskell"),
        *("swift", "julia", "r-base", "composer", "pypy", "clojure", "sapmachine"),
    )
)
_ROOT_SERVERS = frozenset(("nginx", "httpd", "tomcat"))
_ROOT_NAMES = frozenset(
    (
        *("oven/bun", "public.ecr.aws/amazonlinux/amazonlinux", "nginx/nginx"),
        *("opensuse/leap", "opensuse/tumbleweed", "rockylinux/rockylinux"),
    )
)
_USERS_OF_THEIR_OWN = ("nonroot", "rootless", "unprivileged", "chiseled")
_NON_ROOT_NAMES = (
    *("cgr.dev/chainguard/", "bitnami/", "public.ecr.aws/bitnami/", "jenkins/jenkins"),
    *("grafana/grafana", "elasticsearch", "kibana", "docker.elastic.co/"),
)
_MIRRORED = (
    *("docker/library/", "library/", "amd64/", "arm64v8/", "arm32v7/", "arm32v6/", "i386/"),
    *("ppc64le/", "s390x/", "riscv64/"),
)
_NET = "mcr.microsoft.com/dotnet/"
_DISTROLESS = "gcr.io/distroless/"


def official_name(image: ImageRef) -> str:
    """The name of an official image, mirrors of Docker Hub included; "" for any other."""
    name = image.name
    if "/" not in name:
        return name
    for prefix in _MIRRORED:
        if image.repository.text.startswith(prefix):
            return image.repository.text.removeprefix(prefix)
    return ""


def family(image: ImageRef) -> str:
    """The name of an official image, "dotnet", "distroless", or "" for any other."""
    if image.name.startswith(_NET):
        return "dotnet"
    if image.name.startswith(_DISTROLESS):
        return "distroless"
    return official_name(image)


def starts_as_root(image: ImageRef) -> bool | None:
    """Whether containers of the image run as root where nothing else is said; None: unknown."""
    name, tag = image.name, image.tag.text if image.tag else ""
    if image.repository.unknown or (image.registry is not None and image.registry.unknown):
        return None
    if any(word in name or word in tag for word in _USERS_OF_THEIR_OWN):
        return False
    if name.startswith(_NET) and "distroless" in tag:
        return False
    if name.startswith(_NON_ROOT_NAMES):
        return False
    if name == "scratch" or name in _ROOT_NAMES or name.startswith((_NET, _DISTROLESS)):
        return True
    if name.startswith("registry.access.redhat.com/ubi"):
        # The plain images start as root, those with a runtime as 1001.
        return image.short_name.startswith("ubi")
    official = official_name(image)
    known = official in _DISTRIBUTIONS or official in _LANGUAGES or official in _ROOT_SERVERS
    return True if known else None


def is_server(image: ImageRef) -> bool:
    """Whether the image is that of a known server, so that its command and ports are known."""
    owner = image.name.rpartition("/")[0]
    known_owner = owner in ("", "bitnami", "nginxinc") or official_name(image) != ""
    return known_owner and image.short_name.removesuffix("-unprivileged") in _SERVERS


def is_service(stage: Stage) -> bool:
    """Whether an image of the stage listens: it says so by EXPOSE or is based on a server."""
    return bool(stage.exposed_ports) or is_server(stage.chain[-1].resolved)
