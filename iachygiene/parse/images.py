"""Images that are named where no container is: in the values of charts and in Terraform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from iachygiene.image import ImageRef, parse_image
from iachygiene.model import Location, SourceFile
from iachygiene.parse import yaml
from iachygiene.parse.project import ImageFact

if TYPE_CHECKING:
    from iachygiene.hcl import Expression
    from iachygiene.parse.terraform import Attribute, Block, TerraformModule


def in_values(file: SourceFile) -> Iterator[ImageFact]:
    """The images of a chart's values whose version is written there.

    By the convention of `helm create` (https://helm.sh/docs/chart_best_practices/values/) the
    repository and the tag of an image stand beside one another.
    """
    for document in yaml.parse(file).documents:
        for node in yaml.walk(document.root):
            if type(node) is not yaml.Mapping:
                continue
            tag = node.scalar("tag")
            if tag is not None and tag.text:
                parts = node.text("registry"), node.text("repository")
                text = f"{'/'.join(filter(None, parts))}:{tag.text}" if parts[1] else ""
                yield from _fact(text, tag.location, "helm")
            image = node.scalar("image")
            if image is not None and tag is None:
                yield from _fact(image.text, image.location, "helm")


_WRAPPING = ("spec", "template", "job_template")
_CONTAINERS = ("container", "containers", "init_container")
_NAMING = {"docker_image": "name", "docker_container": "image"}


def in_module(module: TerraformModule) -> Iterator[ImageFact]:
    """The images that the containers of a module's resources run, where they are literal."""
    if not any("image" in file.source.text for file in module.files):
        return
    for resource in module.of("resource"):
        kind = resource.labels[0] if resource.labels else ""
        argument = resource.attributes.get(_NAMING.get(kind, ""))
        if argument is not None:
            yield from _of_argument(argument, resource.object)
        definitions = resource.attributes.get("container_definitions")
        if definitions is not None:
            yield from _of_definitions(definitions, resource.object)
        yield from _of_blocks(resource, resource.object)


def _of_blocks(block: Block, object: str) -> Iterator[ImageFact]:
    for type in _CONTAINERS:
        for container in block.of(type):
            if "image" in container.attributes:
                yield from _of_argument(container.attributes["image"], object)
    for type in _WRAPPING:
        for inner in block.of(type):
            yield from _of_blocks(inner, object)


def _of_argument(argument: Attribute, object: str) -> Iterator[ImageFact]:
    text = argument.constant
    if isinstance(text, str):
        yield from _fact(text, argument.location, "terraform", object)


def _of_definitions(argument: Attribute, object: str) -> Iterator[ImageFact]:
    """The images in `jsonencode([{image = ...}])`."""
    from iachygiene.hcl import Call, Object, Tuple

    node = argument.node
    if not isinstance(node, Call) or node.name != "jsonencode" or len(node.args) != 1:
        return
    items: list[Expression] = node.args[0].items if isinstance(node.args[0], Tuple) else []
    for item in items:
        for member in item.items if isinstance(item, Object) else ():
            if member.name == "image":
                yield from _of_expression(member.value, argument.location.path, object)


def _of_expression(value: Expression, path: str, object: str) -> Iterator[ImageFact]:
    from iachygiene.hcl import literal
    from iachygiene.model import Span

    text = literal(value)
    if isinstance(text, str):
        yield from _fact(text, Location(path, Span(value.start, value.end)), "terraform", object)


def _fact(text: str, place: Location, where: str, object: str = "") -> Iterator[ImageFact]:
    image = parse_image(text, place)
    if image.repository.text and not image.unknown:
        yield ImageFact(place, object or f"image {image.name}", image.name, _version(image), where)


def _version(image: ImageRef) -> str:
    part = image.tag or image.digest
    return part.text if part is not None else ""
