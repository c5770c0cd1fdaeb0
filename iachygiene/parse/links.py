"""Files that tell how others belong together: what is built from what, which versions hold.

They are read for their facts alone: Skaffold, Bake and Tilt files and steps of GitHub
workflows name images and Dockerfiles; version files and manifests of languages name the
versions of runtimes, values of charts those of images. No rule judges these files themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, dirname
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.image import parse_image
from iachygiene.lazy import regex
from iachygiene.model import Broken, Job, Location, SourceFile, Span
from iachygiene.parse import yaml
from iachygiene.parse.compose_references import resolve
from iachygiene.parse.project import BuildFact, Fact, ToolFact

if TYPE_CHECKING:
    from iachygiene.files import Tree

_VALUES = ("values.yaml", "values.yml")
_MAX_SIZE = 256 * 1024


class Links(NamedTuple):
    """All facts of the files of a job."""

    facts: tuple[Fact, ...]


def load(job: Job, tree: Tree) -> Iterator[Links]:
    """The facts of the files that can be read; the others link nothing."""
    found: list[Fact] = []
    for image, dockerfile in job.settings.get("images", {}).items():
        place = Location(dockerfile)
        build = BuildFact(place, f"image {image}", image, dockerfile, "", None, "configuration")
        found.append(build)
    for path in job.paths:
        try:
            inside = path[: path.rfind("/") + 1]
            if basename(path) in _VALUES and not tree.exists(f"{inside}Chart.yaml"):
                continue
            if len(tree.raw(path)) <= _MAX_SIZE:
                found += _facts(tree.read(path))
        except Broken:
            continue
    yield Links(tuple(found))


def facts(unit: Links) -> Iterator[Fact]:
    """The facts."""
    yield from unit.facts


def _facts(file: SourceFile) -> Iterator[Fact]:
    name = basename(file.path)
    if file.path.startswith(".github/workflows/"):
        yield from _workflow(file)
    elif name.startswith("skaffold."):
        yield from _skaffold(file)
    elif name == "Tiltfile":
        yield from _tilt(file)
    elif name.startswith("docker-bake"):
        yield from _bake_json(file) if name.endswith(".json") else _bake(file)
    elif name in (".terraform-version", ".opentofu-version"):
        line = file.text.strip()
        place = _place(file, line)
        yield ToolFact(place, dirname(file.path), line.removeprefix("v"))
    elif name in _VALUES:
        from iachygiene.parse.images import in_values

        yield from in_values(file)
    else:
        from iachygiene.parse.runtimes import declared

        yield from declared(file)


def _place(file: SourceFile, text: str) -> Location:
    start = file.text.find(text) if text else 0
    return Location(file.path, Span(start, start + len(text)))


def _build(
    place: Location, image: str, context: str | None, dockerfile: str | None, target: str, by: str
) -> Iterator[BuildFact]:
    """A build whose image and Dockerfile are literal; tag and digest may be anything."""
    found = parse_image(image, place)
    unknown = found.repository.unknown or (found.registry is not None and found.registry.unknown)
    if dockerfile is None or unknown or not found.repository.text or "$" in target:
        return
    yield BuildFact(place, f"image {found.name}", found.name, dockerfile, target, context, by)


def _skaffold(file: SourceFile) -> Iterator[Fact]:
    """https://skaffold.dev/docs/references/yaml/"""
    others = ("buildpacks", "jib", "ko", "bazel", "custom")
    for document in yaml.parse(file).documents:
        root = document.root
        artifacts = root.sequence("build", "artifacts") if type(root) is yaml.Mapping else None
        for artifact in artifacts.mappings() if artifacts else ():
            node = artifact.scalar("image")
            if node is None or any(kind in artifact for kind in others):
                continue
            context = resolve(dirname(file.path), artifact.text("context") or ".")
            name = artifact.text("docker", "dockerfile") or "Dockerfile"
            dockerfile = None if context is None or "{{" in name else resolve(context, name)
            target = artifact.text("docker", "target")
            yield from _build(node.location, node.text, context, dockerfile, target, "skaffold")


_DOCKER_BUILD = regex(
    r"""^[ \t]*docker_build\(\s*(?:ref\s*=\s*)?(['"])(?P<image>[^'"\n]+)\1\s*,"""
    r"""\s*(?:context\s*=\s*)?(['"])(?P<context>[^'"\n]+)\3(?P<rest>[^()]*)\)""",
    re.MULTILINE,
)
_TILT_OPTION = regex(r"""(?P<name>dockerfile|target)\s*=\s*(['"])(?P<value>[^'"\n]+)\2""")


def _tilt(file: SourceFile) -> Iterator[Fact]:
    """https://docs.tilt.dev/api.html#api.docker_build"""
    for found in _DOCKER_BUILD.finditer(file.text):
        if "dockerfile_contents" in found["rest"]:
            continue
        options = {one["name"]: one["value"] for one in _TILT_OPTION.finditer(found["rest"])}
        context = resolve(dirname(file.path), found["context"])
        dockerfile = None if context is None else resolve(context, "Dockerfile")
        if "dockerfile" in options:  # it is taken from where the Tiltfile lies
            dockerfile = resolve(dirname(file.path), options["dockerfile"])
        place = Location(file.path, Span(*found.span("image")))
        target = options.get("target", "")
        yield from _build(place, found["image"], context, dockerfile, target, "tilt")


def _bake(file: SourceFile) -> Iterator[Fact]:
    """https://docs.docker.com/build/bake/reference/"""
    from iachygiene import hcl

    try:
        body = hcl.parse(file.text)
    except (hcl.HclError, hcl.HclTooDeep):
        return
    for block in body.blocks:
        if block.type != "target":
            continue
        values = {name: one.expr for name, one in block.body.attributes.items()}
        texts: dict[str, object] = {
            name: hcl.literal(values[name])
            for name in ("context", "dockerfile", "target")
            if name in values
        }
        tags = values.get("tags")
        if "inherits" in values or not isinstance(tags, hcl.Tuple):
            continue
        known = all(isinstance(text, str) for text in texts.values())
        for item in tags.items if known else ():
            place = Location(file.path, Span(item.start, item.end))
            written = file.text[item.start : item.end]
            # What a variable stands for matters in the name alone.
            if isinstance(item, hcl.Template) and written.startswith('"'):
                yield from _baked(file, place, written.strip('"'), texts)


def _baked(file: SourceFile, place: Location, tag: str, texts: dict[str, object]) -> Iterator[Fact]:
    context = resolve(dirname(file.path), str(texts.get("context", ".")))
    name = str(texts.get("dockerfile", "Dockerfile"))
    dockerfile = None if context is None else resolve(context, name)
    yield from _build(place, tag, context, dockerfile, str(texts.get("target", "")), "bake")


def _bake_json(file: SourceFile) -> Iterator[Fact]:
    from iachygiene.parse.json import parse

    targets = parse(file).get("target")
    for _, target in targets.members if targets is not None and targets.kind == "object" else ():
        tags = target.get("tags") if target.kind == "object" else None
        if tags is None or tags.kind != "array" or target.get("inherits") is not None:
            continue
        texts: dict[str, object] = {
            name: node.text
            for name in ("context", "dockerfile", "target")
            if (node := target.get(name)) is not None
        }
        for item in tags.items:
            place = Location(file.path, Span(item.start, item.end))
            if item.text is not None and None not in texts.values():
                yield from _baked(file, place, item.text, texts)


def _workflow(file: SourceFile) -> Iterator[Fact]:
    text = file.text
    if "docker/build-push-action" not in text and "terraform" not in text and "tofu" not in text:
        return
    stream = yaml.parse(file)
    root = stream.documents[0].root if stream.documents else None
    jobs = root.mapping("jobs") if type(root) is yaml.Mapping else None
    for _, job in jobs.entries.values() if jobs else ():
        steps = job.sequence("steps") if type(job) is yaml.Mapping else None
        if steps is None or type(job) is not yaml.Mapping:
            continue
        found = list(steps.mappings())
        if not any(_checks_out_elsewhere(step) for step in found):
            for step in found:
                yield from _build_push(step)
            yield from _setup_terraform(job, found)


def _checks_out_elsewhere(step: yaml.Mapping) -> bool:
    """Whether a step puts the repository, or another one, where paths are not known."""
    with_ = step.mapping("with")
    checkout = step.text("uses").startswith("actions/checkout@")
    return checkout and with_ is not None and ("path" in with_ or "repository" in with_)


def _build_push(step: yaml.Mapping) -> Iterator[Fact]:
    """https://github.com/docker/build-push-action#inputs"""
    tags = step.scalar("with", "tags")
    if not step.text("uses").startswith("docker/build-push-action@") or tags is None:
        return
    context = resolve("", step.text("with", "context") or ".")
    name = step.text("with", "file")
    # The file is named from where the step runs, not from the context.
    dockerfile = resolve("", name) if name else None
    if not name and context is not None:
        dockerfile = resolve(context, "Dockerfile")
    target = step.text("with", "target")
    for tag in re.split(r"[,\n]", tags.text):
        if tag.strip():
            yield from _build(tags.location, tag.strip(), context, dockerfile, target, "workflow")


_EXACT = regex(r"v?[0-9]+\.[0-9]+\.[0-9]+")
_SETUPS = {
    "hashicorp/setup-terraform@": "terraform_version",
    "opentofu/setup-opentofu@": "tofu_version",
}


def _setup_terraform(job: yaml.Mapping, steps: list[yaml.Mapping]) -> Iterator[Fact]:
    """The version that a job sets up, for the directory that all its steps are told to work in."""
    directories = {step.text("working-directory") for step in steps} - {""}
    default = job.text("defaults", "run", "working-directory")
    if default:
        directories.add(default)
    directory = resolve("", directories.pop()) if len(directories) == 1 else None
    for step in steps:
        for action, key in _SETUPS.items():
            node = step.scalar("with", key)
            if node is None or directory is None or not step.text("uses").startswith(action):
                continue
            if _EXACT.fullmatch(node.text):
                yield ToolFact(node.location, directory, node.text.removeprefix("v"))
