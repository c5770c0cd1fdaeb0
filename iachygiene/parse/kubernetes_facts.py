"""What manifests say to the project as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath
from typing import TYPE_CHECKING

from iachygiene.endpoints import endpoints
from iachygiene.image import ImageRef, parse_image
from iachygiene.parse import yaml
from iachygiene.parse.project import (
    ContainerFact,
    Fact,
    HostFact,
    ImageFact,
    NameFact,
    PortFact,
    UpdateFact,
)

if TYPE_CHECKING:
    from iachygiene.parse.argo import ArgoSet
    from iachygiene.parse.kubernetes import Container, Manifest, ManifestSet, Object, Pod

_MAX_LINE = 300
"""Code points of a value of a ConfigMap that may be a single host; more is a whole file."""


def facts_of(manifest: Manifest) -> Iterator[Fact]:
    """The facts of one file of objects."""
    for owner in manifest.objects:
        if owner.name and not owner.partial:
            service = (owner.group, owner.kind) == ("", "Service")
            yield NameFact(manifest.file.path, owner.name, tuple(sorted(owner.namespaces)), service)
        if owner.kind == "ConfigMap" and owner.group == "":
            yield from _config_hosts(owner)
    for pod in manifest.pods:
        for container in pod.of("container", "init"):
            yield from _env_hosts(container, pod)
            image = _known_image(container)
            if image is None:
                continue
            yield _container(container, image, pod)
            if not container.image_pinned_elsewhere:
                part = image.tag or image.digest
                version = "" if part is None else "$" if part.unknown else part.text
                yield ImageFact(image.location, container.object, image.name, version, "kubernetes")
            yield from _ports(container, image, pod)


def facts_of_set(manifests: ManifestSet) -> Iterator[Fact]:
    """The ports that Services call by number, where one container is behind them."""
    for service in manifests.of("Service"):
        selector = service.root.mapping("spec", "selector")
        wanted = selector.text_map() if selector else {}
        ports = service.root.sequence("spec", "ports")
        if not wanted or ports is None:
            continue
        for pod in manifests.selected_by(service, wanted):
            containers = [one for one in pod.containers if one.kind == "container"]
            image = _known_image(containers[0]) if len(containers) == 1 else None
            if image is None or pod.partial or _is_told(containers[0]):
                continue
            for port in ports.mappings():
                node = port.scalar("targetPort") or port.scalar("port")
                number = node.value if node is not None else None
                if node is not None and type(number) is int and _is_tcp(port):
                    yield PortFact(
                        node.location, service.object, image.name, "", "", number, number, "called"
                    )


def facts_of_argo(argo: ArgoSet) -> Iterator[Fact]:
    """The images that Image Updater changes in directories of this tree."""
    for update in argo.updates:
        image = parse_image(update.name, update.location)
        for source in update.application.sources if update.application else ():
            path = normpath(source.node.text("path").strip("/") or ".")
            if path != "." and not image.unknown and argo.tracks_itself(source):
                yield UpdateFact(update.location, image.name, path)


def _known_image(container: Container) -> ImageRef | None:
    image = container.image
    if image is None or image.repository.unknown or not image.repository.text:
        return None
    return None if image.registry is not None and image.registry.unknown else image


def _container(container: Container, image: ImageRef, pod: Pod) -> ContainerFact:
    user = container.effective("runAsUser")
    value = user.value if type(user) is yaml.Scalar else None
    non_root = container.effective("runAsNonRoot")
    demanded = type(non_root) is yaml.Scalar and non_root.value is True
    # A user that is not known yet may be any: then nothing is demanded of the image.
    known = user is None or type(value) is int
    return ContainerFact(
        container.location,
        container.object,
        image.name,
        non_root.location if non_root and demanded and known else None,
        value if type(value) is int else None,
        bool(container.probes),
        pod.long_running and (container.kind == "container" or container.sidecar),
        pod.partial,
    )


def _ports(container: Container, image: ImageRef, pod: Pod) -> Iterator[PortFact]:
    ports = container.node.sequence("ports")
    if pod.partial or container.kind != "container" or ports is None or _is_told(container):
        return
    for port in ports.mappings():
        node = port.scalar("containerPort")
        number = node.value if node is not None else None
        if node is not None and type(number) is int and _is_tcp(port):
            yield PortFact(
                node.location, container.object, image.name, "", "", number, number, "declared"
            )


def _is_told(container: Container) -> bool:
    """Whether it runs something else than its image says, which may listen elsewhere."""
    return "command" in container.node or "args" in container.node


def _is_tcp(port: yaml.Mapping) -> bool:
    return port.text("protocol") in ("", "TCP")


def _env_hosts(container: Container, pod: Pod) -> Iterator[HostFact]:
    variables = container.node.sequence("env")
    for variable in variables.mappings() if variables else ():
        value = variable.scalar("value")
        if value is not None and ":" in value.text and "$(" not in value.text:
            for one in endpoints(value.text):
                yield HostFact(value.location, container.object, one.host, pod.owner.namespace)


def _config_hosts(owner: Object) -> Iterator[HostFact]:
    data = owner.root.mapping("data")
    for _, value in data.entries.values() if data else ():
        if type(value) is not yaml.Scalar or len(value.text) > _MAX_LINE:
            continue
        if "\n" not in value.text.strip() and "{{" not in value.text:
            for one in endpoints(value.text):
                yield HostFact(value.location, owner.object, one.host, owner.namespace)
