"""Names of hosts in manifests: Services are found by their names."""

from __future__ import annotations

import re
from collections import defaultdict

from iachygiene.distance import within
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.project import HostFact, NameFact, Project, side_tree
from iachygiene.rule import rule

_PUBLIC = frozenset(("local", "localdomain", "internal", "com", "org", "net", "io", "dev", "cloud"))


@rule("PRJ105", Project, Severity.WARNING)
def unknown_service_host(project: Project) -> Findings:
    """A workload calls a Service by a name that no Service has, and one has nearly that name.

    In the cluster the name of a Service is its DNS name, with the namespace behind a dot where
    that is another one. A misspelled name ends in "no such host". Reported are only names
    that differ by a letter or two, or by the namespace, from a Service of the project, where
    other such names do resolve.

    Bad:
        -- services.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: catalog, namespace: shop}
        spec: {selector: {app: catalog}, ports: [{port: 8000}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: orders, namespace: shop}
        spec: {selector: {app: orders}, ports: [{port: 8000}]}
        -- web.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop}
        spec:
          containers:
            - name: web
              image: registry.example.com/shop/web:3.0.1
              env:
                - {name: ORDERS_URL, value: "http://orders:8000"}
                - {name: CATALOG_URL, value: "http://catalogue:8000"}
    Bad: another namespace
        -- services.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: catalog, namespace: shop}
        spec: {selector: {app: catalog}, ports: [{port: 8000}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: mail, namespace: tools}
        spec: {selector: {app: mail}, ports: [{port: 25}]}
        -- web.yaml --
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, namespace: shop}
        data:
          CATALOG_URL: http://catalog.shop.svc.cluster.local:8000
          MAIL: mail.shop.svc:25
    Good:
        -- services.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: catalog, namespace: shop}
        spec: {selector: {app: catalog}, ports: [{port: 8000}]}
        -- web.yaml --
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, namespace: shop}
        data:
          CATALOG_URL: http://catalog.shop:8000
          SAME: http://catalog:8000
          SEARCH: http://search.example.com:9200
          CACHE: redis:6379
    """
    names: dict[str, list[NameFact]] = defaultdict(list)
    hosts: dict[str, list[HostFact]] = defaultdict(list)
    for name in project.of(NameFact):
        names[side_tree(name.path)].append(name)
    for host in project.of(HostFact):
        hosts[side_tree(host.location.path)].append(host)
    for tree, some in hosts.items():
        if project.is_whole(tree):
            yield from _unknown(some, names[tree])


def _unknown(named: list[HostFact], names: list[NameFact]) -> Findings:
    """The hosts of one tree that nothing in it goes by."""
    known = {one.name for one in names}
    services: dict[str, set[str]] = defaultdict(set)
    for name in names:
        if name.service:
            services[name.name].update(name.namespaces)
    spaces = {space for there in services.values() for space in there}
    hosts = [one for one in named if _is_inside(one.host, spaces)]
    resolving = {one.host for one in hosts if _split(one.host)[0] in services}
    for one in hosts:
        wanted, space = _split(one.host)
        if wanted in services:
            there = services[wanted]
            if space and "" not in there and space not in there and _others(resolving, one.host):
                shown = ", ".join(f'"{text}"' for text in sorted(there))
                message = f'"{one.host}": the Service "{wanted}" is in {shown}'
                yield at(one.location, message, object=one.object)
        elif wanted not in known and resolving:
            near = [other for other in services if _is_misspelled(wanted, other)]
            if len(near) == 1:
                message = f'no Service is called "{wanted}", perhaps "{near[0]}"'
                yield at(one.location, message, object=one.object)


def _others(resolving: set[str], host: str) -> bool:
    return any(other != host for other in resolving)


def _is_inside(host: str, spaces: set[str]) -> bool:
    """Whether a host can only be a Service: a bare name, or one with a namespace behind it."""
    labels = host.split(".")
    if host in ("localhost", "") or labels[-1].isdigit() or "_" in host:
        return False
    if len(labels) == 1:
        return True
    if len(labels) == 2:
        return labels[1] in spaces and labels[1] not in _PUBLIC
    return labels[2] == "svc" and labels[3:] in ([], ["cluster", "local"], ["cluster"])


def _split(host: str) -> tuple[str, str]:
    """Name and namespace, "" for the workload's own."""
    labels = host.split(".")
    return labels[0], labels[1] if len(labels) > 1 else ""


def _is_misspelled(host: str, name: str) -> bool:
    if min(len(host), len(name)) < 4 or re.sub("[0-9]", "", host) == re.sub("[0-9]", "", name):
        return False
    return within(host, name, 1 if min(len(host), len(name)) < 6 else 2)
