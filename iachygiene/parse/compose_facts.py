"""What Compose projects say to the project as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from iachygiene.image import ImageRef
from iachygiene.parse.compose_references import references
from iachygiene.parse.project import BuildFact, Fact, ImageFact, NameFact, PortFact, SecretFact

if TYPE_CHECKING:
    from iachygiene.parse.compose import ComposeFile, Service


def facts_of(compose: ComposeFile) -> Iterator[Fact]:
    """The facts of a Compose project."""
    for service in compose.services.values():
        yield NameFact(service.location.path, service.name, (), False)
        image = known_image(service)
        yield from _build(service, image)
        if service.complete and "provider" not in service.node:
            yield from _ports(compose, service, image)
        if image and service.build is None and _is_own(compose, image):
            version = version_of(image)
            yield ImageFact(image.location, service.object, image.name, version, "compose")
    yield from _secrets(compose)


def _is_own(compose: ComposeFile, image: ImageRef) -> bool:
    return not compose.partial and image.location.path in compose.paths


def known_image(service: Service) -> ImageRef | None:
    """The image of a service where its name is known."""
    image = service.image
    if image is None or image.repository.unknown or not image.repository.text:
        return None
    return None if image.registry is not None and image.registry.unknown else image


def version_of(image: ImageRef) -> str:
    """The tag of an image, or its digest; "" without both, "$" where it is not known."""
    part = image.tag or image.digest
    return "" if part is None else "$" if part.unknown else part.text


def _build(service: Service, image: ImageRef | None) -> Iterator[BuildFact]:
    build = service.build
    if build is None or build.dockerfile is None or "$" in build.target:
        return
    name = image.name if image else ""
    yield BuildFact(
        build.location,
        service.object,
        name,
        build.dockerfile,
        build.target,
        build.context,
        "compose",
    )


def _ports(compose: ComposeFile, service: Service, image: ImageRef | None) -> Iterator[PortFact]:
    build = service.build
    dockerfile = build.dockerfile if build else None
    target = build.target if build else ""
    if build is not None and (dockerfile is None or "$" in target):
        return
    if "command" in service.node or "entrypoint" in service.node:
        return  # another program than the Dockerfile's may listen elsewhere
    name = image.name if image and build is None else ""
    for port in service.ports if name or dockerfile else ():
        if port.target and port.location.path in compose.paths and port.protocol == "tcp":
            first, last = port.target
            yield PortFact(
                port.location,
                service.object,
                name,
                dockerfile or "",
                target,
                first,
                last,
                "published",
            )


def _secrets(compose: ComposeFile) -> Iterator[SecretFact]:
    files = {
        one.location: one.path
        for one in compose.named_files
        if one.what == "secret" and one.present
    }
    by_name = {}
    for name, (_, value) in compose.defined("secrets").items():
        node = getattr(value, "scalar", None)
        file = node("file") if callable(node) else None
        if file is not None and file.location in files:
            by_name[name] = (file.location, files[file.location])
    for service in compose.services.values():
        build = service.build
        if build is None or build.dockerfile is None or "$" in build.target:
            continue
        for one in references(service):
            if one.kind == "secrets" and one.how == "secrets" and one.name in by_name:
                place, path = by_name[one.name]
                yield SecretFact(
                    place, service.object, path, build.dockerfile, build.target, build.context
                )
