"""Ingresses and the Services they send to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Manifest, ManifestSet, Object, is_unknown
from iachygiene.parse.workloads import CLUSTERS_OWN, integer, items, same_namespace, together
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule

_ALIASES = ("kube-linter:dangling-ingress", "kube-score:ingress-targets-service")
_GROUPS = ("networking.k8s.io", "extensions")


class _Backend(NamedTuple):
    """A backend of an Ingress. `service` is None where none is named in this API's form."""

    node: Mapping
    is_path: bool
    service: Scalar | None
    port: Scalar | None
    by_name: bool

    @property
    def location(self) -> Location:
        """The name of the Service, or the first thing written in the backend."""
        if self.service is not None:
            return self.service.location
        return self.node.children[0].location if self.node.children else self.node.location


def _backends(ingress: Object) -> Iterator[_Backend]:
    is_v1 = ingress.version == "v1"
    default = ingress.root.mapping("spec", "defaultBackend" if is_v1 else "backend")
    nodes = [(default, False)] if default else []
    for one in items(ingress.root, "spec", "rules"):
        for path in items(one, "http", "paths"):
            backend = path.mapping("backend")
            if backend is not None:
                nodes.append((backend, True))
    for node, is_path in nodes:
        if is_v1:
            service = node.scalar("service", "name")
            named = node.scalar("service", "port", "name")
            port = named or node.scalar("service", "port", "number")
            yield _Backend(node, is_path, service, port, named is not None)
        else:
            port = node.scalar("servicePort")
            by_name = port is not None and integer(port) is None
            yield _Backend(node, is_path, node.scalar("serviceName"), port, by_name)


def _offers(service: Object, backend: _Backend) -> bool:
    text = backend.port.text if backend.port is not None else ""
    field = "name" if backend.by_name else "port"
    return any(port.text(field) == text for port in items(service.root, "spec", "ports"))


def _found_by_kube_score(services: list[Object], ingress: Object, backend: _Backend) -> bool:
    """Whether kube-score is content: to it, ports without a name have the same name."""
    number = integer(backend.port) if not backend.by_name else None
    name = backend.port.text if backend.port is not None and backend.by_name else ""
    for service in services:
        if backend.service is None or service.name != backend.service.text:
            continue
        if service.namespace == ingress.namespace:
            for port in items(service.root, "spec", "ports"):
                if (number and integer(port.get("port")) == number) or port.text("name") == name:
                    return True
    return False


def _aliases(services: list[Object], ingress: Object, backend: _Backend) -> tuple[str, ...]:
    found: list[str] = []
    if ingress.group == "networking.k8s.io" and ingress.version == "v1" and backend.service:
        same = (one for one in services if one.namespace == ingress.namespace)
        if not any(one.name == backend.service.text and _offers(one, backend) for one in same):
            found.append(_ALIASES[0])
    if backend.is_path and not _found_by_kube_score(services, ingress, backend):
        found.append(_ALIASES[1])
    return tuple(found)


def _ingresses(unit: Manifest | ManifestSet) -> Iterator[Object]:
    for one in unit.objects:
        if one.kind == "Ingress" and one.group in _GROUPS and not one.partial:
            yield one


@rule("K8S604", ManifestSet, Severity.WARNING, aliases=_ALIASES)
def ingress_backend_unresolved(manifests: ManifestSet, *, peer_forms: bool = False) -> Findings:
    """An Ingress sends traffic to a Service or a port that is not there.

    Its clients get "503 Service Unavailable". Looked at are the Services of one directory
    and of those that a kustomization joins to it; where none is in the namespace, they may
    be elsewhere.

    Options:
        peer_forms: report also, with severity info, where the Services may be elsewhere, and
            backends that are no Services, which kube-score reports.

    Bad:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
        ---
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web}
        spec:
          rules:
            - host: web.example.com
              http:
                paths:
                  - path: /
                    pathType: Prefix
                    backend: {service: {name: web, port: {number: 8080}}}
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
        ---
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web}
        spec:
          rules:
            - host: web.example.com
              http:
                paths:
                  - path: /
                    pathType: Prefix
                    backend: {service: {name: web, port: {name: http}}}
    Good: Services are elsewhere
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web}
        spec:
          defaultBackend: {service: {name: web, port: {number: 80}}}
    """
    services = list(manifests.of("Service"))
    for ingress in _ingresses(manifests):
        here = [one for one in services if same_namespace(one, ingress)]
        for backend in _backends(ingress):
            why = _why_unresolved(here, backend)
            likely = manifests.complete and why is not None and ingress.namespace != CLUSTERS_OWN
            likely = likely and any(together(ingress, one) for one in here)
            aliases = _aliases(services, ingress, backend)
            if likely or (peer_forms and aliases):
                known = any(backend.service and one.name == backend.service.text for one in here)
                yield at(
                    backend.port.location if known and backend.port else backend.location,
                    why or "the backend is no Service",
                    object=ingress.object,
                    severity=None if likely else Severity.INFO,
                    aliases=aliases,
                )


def _why_unresolved(here: list[Object], backend: _Backend) -> str | None:
    if backend.service is None or is_unknown(backend.service.text):
        return None
    text = backend.port.text if backend.port is not None else ""
    # The load balancer controller of AWS reads such a port from an annotation.
    if is_unknown(text) or text == "use-annotation":
        return None
    named = [one for one in here if one.name == backend.service.text]
    if not named:
        return f'no Service "{backend.service.text}" is here'
    if not any(_offers(one, backend) for one in named):
        return f'Service "{backend.service.text}" has no port "{text}"'
    return None


@rule("K8S707", Manifest, Severity.INFO, default="off")
def ingress_without_tls(manifest: Manifest) -> Findings:
    """An Ingress answers for a host without encryption.

    Passwords and sessions then go over the network as they are. Where a load balancer in
    front of the cluster ends the encryption, that is as it should be.

    Bad:
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web}
        spec:
          rules:
            - host: web.example.com
              http:
                paths:
                  - path: /
                    pathType: Prefix
                    backend: {service: {name: web, port: {number: 80}}}
    Good:
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web}
        spec:
          tls: [{hosts: [web.example.com], secretName: web-tls}]
          rules:
            - host: web.example.com
              http:
                paths:
                  - path: /
                    pathType: Prefix
                    backend: {service: {name: web, port: {number: 80}}}
    """
    for ingress in _ingresses(manifest):
        if ingress.root.sequence("spec", "tls"):
            continue
        hosts = [one.scalar("host") for one in items(ingress.root, "spec", "rules")]
        named = [host for host in hosts if host is not None and host.text]
        if named:
            message = f'"{named[0].text}" is answered without TLS'
            yield at(named[0].location, message, object=ingress.object)


_SNIPPETS = ("checkov:CKV_K8S_152", "checkov:CKV_K8S_153", "checkov:CKV_K8S_154")


@rule("K8S708", Manifest, Severity.WARNING, security=True, aliases=_SNIPPETS)
def ingress_snippet(manifest: Manifest) -> Findings:
    """An Ingress brings configuration for nginx with it.

    What stands in a `*-snippet` annotation is put into the configuration of the controller
    that serves everybody: whoever may write an Ingress can read its files, among them the
    keys of all hosts. Controllers refuse such annotations by default since version 1.9.

    Bad:
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata:
          name: web
          annotations:
            nginx.ingress.kubernetes.io/configuration-snippet: |
              more_set_headers "X-Frame-Options: DENY";
        spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
    Good:
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata:
          name: web
          annotations: {nginx.ingress.kubernetes.io/custom-headers: shop/headers}
        spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
    """
    for ingress in _ingresses(manifest):
        annotations = ingress.root.mapping("metadata", "annotations")
        for name, entry in annotations.entries.items() if annotations else ():
            prefix, slash, setting = name.rpartition("/")
            if slash and prefix.endswith("ingress.kubernetes.io") and setting.endswith("-snippet"):
                message = f'"{setting}" is put into the configuration of nginx'
                yield at(entry.key.location, message, object=ingress.object)
