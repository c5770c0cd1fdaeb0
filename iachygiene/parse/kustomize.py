"""Kustomization files: what they include, what they change of it, and whether it is there.

Fields are those of https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename, dirname, normpath
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.model import Broken, Location
from iachygiene.parse import yaml

if TYPE_CHECKING:
    from iachygiene.files import Tree

KUSTOMIZATIONS = frozenset(("kustomization.yaml", "kustomization.yml", "Kustomization"))

_HOSTS = ("github.com", "gitlab.com", "bitbucket.org", "git@", "git::", "gh:")


class Overlay(NamedTuple):
    """What the kustomizations that include a file make of the objects in it.

    `namespaces` are those they move them to, `labels` the pairs they may add, `pinned_images`
    the names of images they give a tag or digest, `replicas` the names of the workloads
    whose replicas they set. `is_patch` says that the file is no resource but changes others.
    """

    namespaces: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    pinned_images: frozenset[str] = frozenset()
    is_patch: bool = False
    replicas: frozenset[str] = frozenset()


NO_OVERLAY = Overlay()


class Reference(NamedTuple):
    """A file, directory or address that a field of a kustomization names.

    `path` is resolved, "" for the root of the scan, and None for what lies elsewhere.
    """

    field: str
    node: yaml.Scalar
    text: str
    path: str | None
    remote: bool

    @property
    def location(self) -> Location:
        """The text that names it."""
        return self.node.location


class Kustomization:
    """A kustomization file. Paths are resolved; what leads out of the tree is left out.

    `resources` and `components` may be files or directories. `complete` says that nothing
    comes from a remote base or a chart. `missing` are the references to local paths where
    nothing is, `unlisted` the manifests beside it that no kustomization lists, `images` the
    images of the containers that it includes: all three are empty until the files around
    are known.
    """

    __slots__ = (
        *("_references", "complete", "components", "directory", "file", "images", "missing"),
        *("patches", "resources", "root", "unlisted"),
    )

    def __init__(self, path: str, root: yaml.Mapping) -> None:
        self.file = root.file
        self.root = root
        self.directory = dirname(path)
        self._references = list(_references(root, self.directory))
        self.complete = "helmCharts" not in root and "helmChartInflationGenerator" not in root
        if any(one.path is None for one in self._references):
            self.complete = False
        self.resources = self._paths("resources", "bases")
        self.components = self._paths("components")
        self.patches = self._paths(
            *("patches", "patchesStrategicMerge", "patchesJson6902", "replacements"),
            *("transformers", "generators", "configurations"),
        )
        self.missing: list[Reference] = []
        self.unlisted: list[Location] = []
        self.images: list[str] = []

    @property
    def location(self) -> Location:
        """The file."""
        return Location(self.file.path)

    @property
    def object(self) -> str:
        """The kind, as reports show it."""
        return self.root.text("kind") or "Kustomization"

    @property
    def references(self) -> list[Reference]:
        """Everything that it names by path or address, in the order of the fields."""
        return self._references

    def _paths(self, *fields: str) -> list[str]:
        return [
            one.path
            for field in fields
            for one in self._references
            if one.field == field and one.path is not None
        ]

    @property
    def pinned_images(self) -> Iterator[str]:
        """The names of images that it gives a fixed tag or a digest."""
        for image in self.mappings("images"):
            if image.text("digest") or image.text("newTag") not in ("", "latest"):
                yield image.text("name")

    @property
    def labels(self) -> Iterator[tuple[str, str]]:
        """The labels it adds."""
        common = self.root.mapping("commonLabels")
        yield from common.text_map().items() if common else ()
        for entry in self.mappings("labels"):
            pairs = entry.mapping("pairs")
            yield from pairs.text_map().items() if pairs else ()

    @property
    def generated(self) -> Iterator[tuple[str, str]]:
        """Kind and name, without its hash, of the ConfigMaps and Secrets it generates."""
        for field, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            for entry in self.mappings(field):
                yield kind, entry.text("name")

    @property
    def replicas(self) -> Iterator[str]:
        """The names of the workloads whose replicas it sets."""
        for entry in self.mappings("replicas"):
            yield entry.text("name")

    def mappings(self, field: str) -> Iterator[yaml.Mapping]:
        """The items of a list that are mappings."""
        items = self.root.sequence(field)
        return items.mappings() if items else iter(())

    def look(self, tree: Tree) -> None:
        """Find the references that lead to nothing; what git is to ignore is made elsewhere."""
        self.missing = [
            one
            for one in self._references
            if one.path and not tree.is_listed(one.path) and not _is_there(one.path, tree)
        ]
        if self.missing:
            from iachygiene.parse.gitignores import is_ignored

            self.missing = [one for one in self.missing if not is_ignored(tree, one.path or "")]


def _is_there(path: str, tree: Tree) -> bool:
    return tree.exists(path) or tree.is_directory(path)


def _references(root: yaml.Mapping, directory: str) -> Iterator[Reference]:
    for field, key in (
        *((name, "") for name in ("resources", "bases", "components", "crds")),
        *(("patches", "path"), ("patchesStrategicMerge", ""), ("patchesJson6902", "path")),
        *(("replacements", "path"), ("transformers", ""), ("generators", "")),
        *(("configurations", ""), ("validators", "")),
    ):
        for item in root.sequence(field) or ():
            node = item.scalar(key) if key and type(item) is yaml.Mapping else item
            if type(node) is yaml.Scalar:
                yield from _reference(field, node, node.text, directory)
    for field in ("configMapGenerator", "secretGenerator"):
        generators = root.sequence(field)
        for generator in generators.mappings() if generators else ():
            yield from _generated(field, generator, directory)


def _generated(field: str, generator: yaml.Mapping, directory: str) -> Iterator[Reference]:
    for key in ("files", "envs"):
        for item in generator.sequence(key) or ():
            if type(item) is yaml.Scalar:
                # A file may be given another name in the ConfigMap: `name=path`.
                text = item.text.rpartition("=")[2] if key == "files" else item.text
                yield from _reference(field, item, text, directory)
    env = generator.scalar("env")
    if env is not None:
        yield from _reference(field, env, env.text, directory)


def _reference(field: str, node: yaml.Scalar, text: str, directory: str) -> Iterator[Reference]:
    if not text or "\n" in text:  # what stands here itself instead of a path to it
        return
    remote = _is_remote(text)
    path: str | None = normpath(f"{directory}/{text}" if directory else text)
    if remote or (path or "").startswith(("..", "/")):
        path = None
    yield Reference(field, node, text, "" if path == "." else path, remote)


def _is_remote(text: str) -> bool:
    return "://" in text or text.startswith(_HOSTS) or "?ref=" in text or "//" in text


def is_image_of(text: str, name: str) -> bool:
    """Whether an image, with whatever tag, is the one that a kustomization calls `name`."""
    return bool(name) and (text == name or text.startswith((f"{name}:", f"{name}@")))


def overlays(found: Mapping[str, Kustomization]) -> dict[str, Overlay]:
    """What the kustomizations, by directory, make of the files they include."""
    patches: set[str] = set()
    users: dict[str, list[Kustomization]] = defaultdict(list)
    for kustomization in found.values():
        patches.update(kustomization.patches)
        parts = closure(kustomization, found, components_only=True)
        for part in closure(kustomization, found):
            for path in part.resources:
                users[path] += parts
    return {
        path: Overlay(
            frozenset(text for one in users.get(path, ()) if (text := one.root.text("namespace"))),
            frozenset(pair for one in users.get(path, ()) for pair in one.labels),
            frozenset(name for one in users.get(path, ()) for name in one.pinned_images),
            path in patches,
            frozenset(name for one in users.get(path, ()) for name in one.replicas),
        )
        for path in {*users, *patches}
    }


def closure(
    start: Kustomization, found: Mapping[str, Kustomization], components_only: bool = False
) -> list[Kustomization]:
    """A kustomization and all it includes, each once."""
    closed = {start.directory: start}
    pending = [start]
    while pending:
        one = pending.pop()
        for path in one.components if components_only else one.resources + one.components:
            if path in found and path not in closed:
                closed[path] = found[path]
                pending.append(found[path])
    return list(closed.values())


def buildable(found: Mapping[str, Kustomization]) -> list[str]:
    """The directories, of all that were found, of kustomizations that no other one includes.

    Those that take something from elsewhere are left out: building them needs the network.
    """
    included = {path for one in found.values() for path in one.resources + one.components}
    return sorted(
        directory
        for directory, one in found.items()
        if directory not in included
        and one.object == "Kustomization"
        and all(part.complete for part in closure(one, found))
    )


def included(found: Mapping[str, Kustomization], built: Iterable[str]) -> frozenset[str]:
    """The files that go into kustomizations, by directory, when they are built."""
    parts = [part for one in built if one in found for part in closure(found[one], found)]
    return frozenset(path for part in parts for path in (*part.resources, *part.patches))


def read(path: str, tree: Tree) -> Kustomization | None:
    """The kustomization in a file, None where it is no such file or cannot be read."""
    if basename(path) not in KUSTOMIZATIONS:
        return None
    try:
        return of_stream(path, yaml.parse(tree.read(path)))
    except Broken:
        return None


def of_stream(path: str, stream: yaml.Stream) -> Kustomization | None:
    """The kustomization in a file that was parsed, None where it holds no mapping."""
    root = stream.documents[0].root if stream.documents else None
    return Kustomization(path, root) if type(root) is yaml.Mapping else None


def know_surroundings(
    found: Mapping[str, Kustomization],
    images: Mapping[str, Iterable[str]],
    listed: Iterable[str],
) -> None:
    """Tell kustomizations what they include and what stands beside them.

    `images` are the images of containers by the path of their manifest, `listed` the paths
    that some kustomization names.
    """
    known = frozenset(listed)
    for kustomization in found.values():
        for part in closure(kustomization, found):
            for path in part.resources:
                kustomization.images += images.get(path, ())
    for path in images:
        beside = found.get(dirname(path))
        if beside is not None and path not in known and basename(path) not in KUSTOMIZATIONS:
            beside.unlisted.append(Location(path))
