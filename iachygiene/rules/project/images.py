"""Images that files of one project name, and the ports that their Dockerfiles expose."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from posixpath import dirname

from iachygiene.image import parse_image
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.project import (
    BuildFact,
    ImageFact,
    PortFact,
    Project,
    StageFact,
    side_tree,
)
from iachygiene.rule import rule

_ENVIRONMENTS = frozenset(
    (
        *("overlay", "overlays", "dev", "development", "staging", "stage", "prod", "production"),
        *("test", "tests", "testing", "qa", "uat", "local", "ci", "e2e", "environments", "envs"),
        *("clusters", "examples", "example", "samples", "docs"),
    )
)


@rule("PRJ101", Project, Severity.INFO)
def diverging_image_version(project: Project) -> Findings:
    """The same image runs in one version with Compose and in another one in the cluster.

    What works with the database on one's own machine then fails, or behaves otherwise, with
    the one in production. Compared are the images of a Compose project with those of manifests
    in its directory or below, and the base images of the Dockerfiles that it builds among
    themselves. Directories of environments (`overlays`, `staging`, ...) may differ.

    Bad:
        -- compose.yaml --
        services:
          db:
            image: postgres:16.4-alpine
        -- k8s/db.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: db}
        spec:
          containers:
            - name: postgres
              image: postgres:15.8-alpine
    Bad: the values of a chart
        -- compose.yaml --
        services:
          db:
            image: postgres:16.4-alpine
        -- chart/Chart.yaml --
        apiVersion: v2
        name: shop
        version: 1.0.0
        -- chart/values.yaml --
        image:
          repository: postgres
          tag: 15.8-alpine
    Bad: a container in Terraform
        -- compose.yaml --
        services:
          db:
            image: postgres:16.4-alpine
        -- infra/main.tf --
        resource "kubernetes_pod_v1" "db" {
          metadata {
            name = "db"
          }
          spec {
            container {
              name  = "db"
              image = "postgres:15.8-alpine"
            }
          }
        }
    Bad: two services of one project, built on two versions
        -- compose.yaml --
        services:
          api: {build: ./api}
          worker: {build: ./worker}
        -- api/Dockerfile --
        FROM python:3.13-slim
        -- worker/Dockerfile --
        FROM python:3.11-slim
    Good:
        -- compose.yaml --
        services:
          db:
            image: postgres:16.4-alpine
        -- k8s/db.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: db}
        spec:
          containers:
            - name: postgres
              image: postgres:16.4-alpine
    Good: another environment
        -- compose.yaml --
        services:
          db:
            image: postgres:16.4-alpine
        -- k8s/overlays/staging/db.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: db}
        spec:
          containers:
            - name: postgres
              image: postgres:17.2-alpine
    """
    composed = [one for one in project.of(ImageFact) if one.where == "compose"]
    tops = {dirname(one.location.path) for one in composed}
    by_top: dict[tuple[str, str], ImageFact] = {}
    for one in composed:
        if not project.is_built(one.image):
            by_top.setdefault((dirname(one.location.path), one.image), one)
    told: set[Location] = set()
    for image in project.of(ImageFact):
        top = _top_of(image.location.path, tops)
        other = by_top.get((top, image.image)) if top is not None else None
        if image.where == "compose" or other is None or not _differs(image, other):
            continue
        if side_tree(image.location.path) != side_tree(other.location.path):
            continue
        words = image.location.path.removeprefix(f"{top}/").split("/")
        if _ENVIRONMENTS.isdisjoint(words[:-1]):
            if image.where == "helm":
                # No comment in the values of a chart is read, so none could mute it there.
                image, other = other, image
                if image.location in told:
                    continue
                told.add(image.location)
            message = f'"{_shown(image)}" here, "{_shown(other)}" in {other.location.path}'
            related = [other.location.labelled("another version")]
            yield at(image.location, message, object=image.object, related=related)
    yield from _diverging_bases(project)


def _top_of(path: str, tops: set[str]) -> str | None:
    """The nearest directory upward that has a Compose project."""
    directory = dirname(path)
    while True:
        if directory in tops:
            return directory
        if not directory:
            return None
        directory = dirname(directory)


def _shown(image: ImageFact) -> str:
    version = image.version
    mark = "@" if version.startswith(("sha256:", "sha512:")) else ":"
    return f"{image.image}{mark}{version}" if version else image.image


def _differs(one: ImageFact, other: ImageFact) -> bool:
    versions = (one.version, other.version)
    if "$" in one.version + other.version or any(":" in version for version in versions):
        return False
    return _contradict(one.version or "latest", other.version or "latest")


_TAG = regex(r"v?(?P<version>[0-9]+(?:\.[0-9]+)*)(?P<flavour>.*)", re.DOTALL)


def _contradict(one: str, other: str) -> bool:
    """Whether two tags name different versions: `16` and `16.4` do not."""
    if one == other:
        return False
    first, second = _TAG.fullmatch(one), _TAG.fullmatch(other)
    if first is None or second is None:
        return True
    a, b = first["version"].split("."), second["version"].split(".")
    length = min(len(a), len(b))
    return a[:length] != b[:length]


def _diverging_bases(project: Project) -> Findings:
    """Base images of the Dockerfiles that one Compose file builds."""
    by_file: dict[str, list[BuildFact]] = defaultdict(list)
    for build in project.builds:
        if build.by == "compose" and not side_tree(build.location.path):
            by_file[build.location.path].append(build)
    told: set[Location] = set()
    for builds in by_file.values():
        first: dict[tuple[str, str], StageFact] = {}
        for stage in (project.stage_of(one.dockerfile, one.target) for one in builds):
            if stage is None or "$" in stage.base:
                continue
            image = parse_image(stage.base, stage.base_location)
            found = _TAG.fullmatch(image.tag.text) if image.tag and not image.tag.unknown else None
            if found is None:
                continue
            key = (image.name, re.sub("[0-9.]", "", found["flavour"]))
            other = first.setdefault(key, stage)
            tag = parse_image(other.base, other.base_location).tag
            if tag and image.tag and _contradict(image.tag.text, tag.text):
                if stage.dockerfile == other.dockerfile or stage.base_location in told:
                    continue
                told.add(stage.base_location)
                message = f'"{stage.base}" here, "{other.base}" in {other.dockerfile}'
                related = [other.base_location.labelled("another version")]
                yield at(stage.base_location, message, related=related)


@rule("PRJ102", Project, Severity.WARNING)
def port_not_exposed(project: Project) -> Findings:
    """A manifest or Compose file counts on a port that the image's Dockerfile does not expose.

    EXPOSE says where the program listens. Where a container's `containerPort`, a Service's
    `targetPort` or a published port names another one, mostly one of the two has been changed
    and the other forgotten: connections are refused. Only images are judged whose Dockerfile
    is known and has an EXPOSE, and containers without a command of their own; ports of
    debuggers are silent.

    Bad:
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
        -- api/Dockerfile --
        FROM python:3.13-slim
        EXPOSE 8000
        -- k8s/api.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: api}
        spec:
          selector: {matchLabels: {app: api}}
          template:
            metadata: {labels: {app: api}}
            spec:
              containers:
                - name: api
                  image: registry.example.com/shop/api:1.4.2
                  ports: [{containerPort: 8080}]
    Bad: a published port
        -- compose.yaml --
        services:
          api:
            build: ./api
            ports: ["8080:8080"]
        -- api/Dockerfile --
        FROM python:3.13-slim
        EXPOSE 8000
    Good:
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
            ports: ["8080:8000"]
        -- api/Dockerfile --
        FROM python:3.13-slim
        EXPOSE 8000-8002/tcp
        -- k8s/api.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: api}
        spec:
          selector: {matchLabels: {app: api}}
          template:
            metadata: {labels: {app: api}}
            spec:
              containers:
                - name: api
                  image: registry.example.com/shop/api:1.4.2
                  ports: [{containerPort: 8000}]
    Good: nothing is exposed, so nothing is known
        -- compose.yaml --
        services:
          api:
            build: ./api
            ports: ["8080:8080"]
        -- api/Dockerfile --
        FROM python:3.13-slim
    """
    told: set[tuple[Location, str]] = set()
    for port in project.of(PortFact):
        stage, build = _stage_behind(project, port)
        exposed = list(_exposed(stage)) if stage else []
        if stage is None or not exposed or None in exposed or _BRINGS_PORTS.search(stage.base):
            continue
        ranges = [one for one in exposed if one is not None]
        if any(first <= port.first and port.last <= last for first, last in ranges):
            continue
        if (
            port.last != port.first
            or port.first in _DEBUGGERS
            or (port.location, stage.dockerfile) in told
        ):
            continue
        told.add((port.location, stage.dockerfile))
        shown = ", ".join(text.partition("/")[0] for text in stage.ports)
        message = f"port {port.first} is {port.what}, the image's Dockerfile exposes {shown}"
        related = [stage.location.labelled("built here")]
        if build is not None:
            related.append(build.location)
        yield at(port.location, message, object=port.object, related=related)


_DEBUGGERS = frozenset((9229, 5005, 5678, 40000, 2345, 9003, 35729, 24678))
_BRINGS_PORTS = regex(
    r"(?:^|/)(?:nginx|httpd|caddy|traefik|haproxy|postgres|mysql|mariadb|mongo|redis|rabbitmq"
    r"|wordpress|nextcloud|tomcat|jetty|grafana|prometheus|elasticsearch|kibana|vault|consul"
    r"|memcached|registry|solr|sonarqube|jenkins|ghost|aspnet|keycloak|envoy|kong|couchdb|influxdb)"
    r"(?![a-z])"
)
"""Base images that expose ports of their own."""


def _stage_behind(project: Project, port: PortFact) -> tuple[StageFact | None, BuildFact | None]:
    if port.dockerfile:
        return project.stage_of(port.dockerfile, port.target), None
    build = project.build_of(port.image, port.location.path)
    return (project.stage_of(build.dockerfile, build.target), build) if build else (None, None)


def _exposed(stage: StageFact) -> Iterator[tuple[int, int] | None]:
    """The TCP ports of EXPOSE as ranges; None for what is not known."""
    for text in stage.ports:
        number, _, protocol = text.partition("/")
        first, _, last = number.partition("-")
        if protocol.lower() not in ("", "tcp"):
            continue
        known = all(
            one.isascii() and one.isdigit() and len(one) < 6 for one in (first, last or "0")
        )
        yield (int(first), int(last or first)) if known else None
