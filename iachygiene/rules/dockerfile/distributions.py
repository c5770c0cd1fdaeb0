"""What public images are made of: their package manager and C library.

Taken from the images' own Dockerfiles and documentation
(https://github.com/docker-library/official-images/tree/master/library). An image that is not
listed is not known, and nothing is said of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from iachygiene.image import ImageRef
from iachygiene.lazy import regex
from iachygiene.rules.dockerfile.known_images import official_name


class Distribution(NamedTuple):
    """`manager` is "apt", "apk", "dnf", "yum", "microdnf", "tdnf", "zypper", "pacman" or "".

    Without a manager there is none in the image. `libc` is "glibc", "musl" or "" where it has
    none. `shell` says whether /bin/sh is there.
    """

    manager: str
    libc: str = "glibc"
    shell: bool = True


_APT = Distribution("apt")
_APK = Distribution("apk", "musl")
_WOLFI = Distribution("apk")
_DNF = Distribution("dnf")
_YUM = Distribution("yum")
_MICRODNF = Distribution("microdnf")
_TDNF = Distribution("tdnf")
_NOTHING = Distribution("", "", shell=False)
_BARE = Distribution("", "glibc", shell=False)

_DEBIAN = frozenset(
    (
        *("debian", "ubuntu", "buildpack-deps", "node", "python", "golang", "ruby", "php"),
        *("nginx", "redis", "postgres", "httpd", "rust", "perl", "gcc", "haskell", "elixir"),
        *("erlang", "tomcat", "mongo", "mariadb", "rabbitmq", "haproxy", "memcached", "pypy"),
        *("swift", "julia", "r-base", "wordpress", "jetty", "maven", "gradle"),
        *("eclipse-temurin", "ghost", "drupal", "joomla", "nextcloud", "cassandra", "neo4j"),
    )
)
_ALPINE = frozenset(("alpine", "composer", "docker", "traefik", "eclipse-mosquitto"))
_CODENAMES = regex(
    r"(?:^|[-_])(?:trixie|bookworm|bullseye|buster|stretch|jessie|noble|jammy|focal|bionic|xenial)"
    r"(?![a-z])"
)
_UBI = regex(r"(?:registry\.(?:access\.redhat\.com|redhat\.io)/|redhat/)(ubi\d+)(?:/(.+)|-(.+))?")
_OTHERS_IN_TAGS = regex(
    r"windows|nanoserver|servercore|corretto|oracle|graal|centos|fedora|ubi|ibm|mariner|azurelinux"
    r"|al20|chiseled|distroless|amzn|amazonlinux|ltsc"
)
_LEADING = regex(r"\d+")


def distribution(image: ImageRef) -> Distribution | None:
    """What an image is made of, None where that is not known."""
    if image.repository.unknown or (image.registry is not None and image.registry.unknown):
        return None
    name = image.name
    tag = image.tag.text if image.tag else ""
    if name == "scratch":
        return _NOTHING
    if name.startswith("gcr.io/distroless/"):
        return _distroless(image.short_name, tag)
    if name.startswith("mcr.microsoft.com/"):
        return _microsoft(name, tag)
    if name.startswith("cgr.dev/chainguard/"):
        return _WOLFI if image.short_name == "wolfi-base" or tag.endswith("-dev") else None
    if found := _UBI.fullmatch(name):
        return _red_hat(found[1], found[2] or found[3] or "", tag)
    official = official_name(image)
    if official:
        return _official(official, tag, image.tag is not None and image.tag.unknown)
    if name.startswith("amazonlinux/") or name == "public.ecr.aws/amazonlinux/amazonlinux":
        return _official("amazonlinux", tag, False)
    if name.startswith("opensuse/"):
        return Distribution("zypper")
    return _by_tag(tag)


def _by_tag(tag: str) -> Distribution | None:
    if re.search(r"(?:^|-)alpine", tag):
        return _APK
    return _APT if _CODENAMES.search(tag) else None


def _distroless(name: str, tag: str) -> Distribution:
    has_shell = "debug" in tag
    libc = "" if name.startswith("static") else "glibc"
    return Distribution("", libc, has_shell)


def _microsoft(name: str, tag: str) -> Distribution | None:
    if re.search(r"windows|nanoserver|ltsc", name + tag):
        return None
    if "distroless" in name + tag or "chiseled" in tag:
        return _BARE
    if "/azurelinux/" in name or "/cbl-mariner/" in name or re.search("azurelinux|mariner", tag):
        return _TDNF
    if name.startswith("mcr.microsoft.com/dotnet/"):
        if "alpine" in tag:
            return _APK
        known = tag[:1].isdigit() or _CODENAMES.search(tag) or tag in ("", "latest")
        return _APT if known else None
    return None


def _red_hat(ubi: str, variant: str, tag: str) -> Distribution | None:
    variant = variant.rpartition("/")[2].removeprefix(f"{ubi}-").removeprefix("ubi-")
    if variant in ("micro", "ubi-micro"):
        return Distribution("", "glibc")
    if variant.endswith("minimal"):
        return _MICRODNF
    if variant in ("", "ubi", "init", "ubi-init", ubi):
        return _YUM if ubi == "ubi7" else _DNF
    return None


def _official(name: str, tag: str, tag_unknown: bool) -> Distribution | None:
    if name in _ALPINE:
        return None if re.search("windows|nanoserver", tag) else _APK
    if name == "busybox":
        return Distribution("", "")
    if name == "archlinux":
        return Distribution("pacman")
    if name == "photon":
        return _TDNF
    if name in ("fedora", "rockylinux", "almalinux", "centos", "amazonlinux", "oraclelinux"):
        return _rpm(name, tag, tag_unknown)
    if name == "openjdk":
        return None if tag_unknown else _openjdk(tag)
    if name not in _DEBIAN:
        return None
    if "alpine" in tag:
        return _APK
    if tag_unknown or _OTHERS_IN_TAGS.search(tag):
        return None
    if name in ("maven", "gradle") and "openjdk" in tag and not _CODENAMES.search(tag):
        return None
    return _APT


def _rpm(name: str, tag: str, tag_unknown: bool) -> Distribution | None:
    if "minimal" in tag:
        return _MICRODNF
    if name in ("fedora", "rockylinux", "almalinux"):
        return _DNF
    major = _LEADING.search(tag)
    number = int(major[0]) if major else 0
    if tag_unknown:
        return None
    if name == "centos":
        return _YUM if number and number < 8 else _DNF
    if name == "amazonlinux":
        return _YUM if number and number < 2022 else _DNF
    if "slim" in tag:
        return _MICRODNF if number >= 8 else _YUM
    return _DNF if number >= 8 else _YUM


def _openjdk(tag: str) -> Distribution | None:
    if "alpine" in tag:
        return _APK
    if _CODENAMES.search(tag) or "slim" in tag:
        return _APT
    if _OTHERS_IN_TAGS.search(tag):
        return None
    major = _LEADING.match(tag)
    if major is None:
        return None
    # Since 12 they are made from Oracle Linux where nothing else is said.
    return _APT if int(major[0]) < 12 else _MICRODNF
