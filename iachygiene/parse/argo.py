"""Argo CD's Applications and projects, and what Image Updater is told about them.

Fields are those of https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/
and https://argocd-image-updater.readthedocs.io/en/stable/install/reference/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from posixpath import normpath
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Broken, Location
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import Manifest, Object, is_unknown

if TYPE_CHECKING:
    from iachygiene.files import Tree

GROUP = "argoproj.io"
UPDATER_GROUP = "argocd-image-updater.argoproj.io"
_PREFIX = UPDATER_GROUP + "/"
_STANDS_IN = regex(r"[{<\[]")
"""What is in a URL where a reader is to put his own repository."""
_MAX_FILES = 300
"""Files that are read of one directory that an Application deploys."""


@lru_cache(maxsize=1)
def _origin(tree: Tree) -> str | None:
    """The URL that the scanned tree was cloned from: git is asked once for all of its jobs."""
    from iachygiene.git import origin

    return origin(tree.root)


class Source(NamedTuple):
    """Where an Application takes manifests from. `node` holds the rest, `key` leads to it."""

    node: yaml.Mapping
    key: yaml.Scalar

    @property
    def location(self) -> Location:
        """Its repository, or the key that leads to it."""
        return (self.node.scalar("repoURL") or self.key).location

    @property
    def repository(self) -> str:
        """The URL of its repository, "" without one."""
        return self.node.text("repoURL")

    @property
    def revision(self) -> str:
        """The revision as written, "" without one."""
        return self.node.text("targetRevision")

    @property
    def is_chart(self) -> bool:
        """Whether it is a chart of a Helm repository."""
        return self.node.get("chart") is not None


class Application:
    """An Application, or the template that an ApplicationSet makes them of."""

    __slots__ = ("from_set", "object", "owner", "sources", "spec")

    def __init__(self, owner: Object, root: yaml.Mapping, *, from_set: bool) -> None:
        self.owner = owner
        self.object = owner.object
        self.from_set = from_set
        self.spec = root.mapping("spec") or yaml.Mapping(root.file, root.start, None)
        self.sources = list(_sources(self.spec))

    @property
    def location(self) -> Location:
        """The name of the object."""
        return self.owner.location

    @property
    def key(self) -> Location:
        """The key of the specification."""
        root = self.owner.root
        key = root.key("spec")
        return key.location if key else self.owner.location

    @property
    def whole(self) -> bool:
        """Whether what it does not say is said nowhere else: it is no patch, and no expectation."""
        if self.owner.partial or self.owner.get("spec", "templatePatch") is not None:
            return False
        # Tests write down what they expect of an object; nobody deploys its status.
        return self.owner.get("status") is None and "destination" in self.spec

    def text(self, *keys: str) -> str:
        """The text at a path of keys below the specification, "" without one."""
        return self.spec.text(*keys)

    def is_true(self, *keys: str) -> bool:
        """Whether a field of the specification is true."""
        node = self.spec.scalar(*keys)
        return node is not None and node.value is True

    @property
    def automated(self) -> yaml.Scalar | None:
        """The key of automated synchronisation that is not switched off."""
        policy = self.spec.mapping("syncPolicy")
        if policy is None or "automated" not in policy:
            return None
        # `automated:` with nothing below it is null, and null is off.
        if policy.get("automated") is None or policy.text("automated", "enabled") == "false":
            return None
        return policy.key("automated")

    @property
    def annotations(self) -> yaml.Mapping | None:
        """The annotations of the Application itself."""
        metadata = ("spec", "template", "metadata") if self.from_set else ("metadata",)
        return self.owner.root.mapping(*metadata, "annotations")


def _sources(spec: yaml.Mapping) -> Iterator[Source]:
    for path in (("source",), ("sourceHydrator", "drySource")):
        node, above = spec.mapping(*path), spec.mapping(*path[:-1]) if path[:-1] else spec
        key = above.key(path[-1]) if above else None
        if node is not None and key is not None:
            yield Source(node, key)
    several, key = spec.sequence("sources"), spec.key("sources")
    for node in several.mappings() if several else ():
        if key is not None:
            yield Source(node, key)


class Setting(NamedTuple):
    """A setting of Image Updater as it holds in the end, and where it is written."""

    text: str
    location: Location


class Update(NamedTuple):
    """An image that Image Updater is to keep up to date, with the settings that hold for it.

    `image` is the reference as written, `settings` are by their name in annotations.
    `application` is None where it is not in the scan. `namespace` is that of the ImageUpdater,
    "" where there is none.
    """

    alias: str
    image: str
    location: Location
    object: str
    settings: Mapping[str, Setting]
    targets: yaml.Mapping | None
    application: Application | None
    namespace: str

    @property
    def name(self) -> str:
        """The image without constraint."""
        name, _ = _split_image(self.image)
        return name

    @property
    def constraint(self) -> str:
        """What stands behind the name, "" without it."""
        return _split_image(self.image)[1]

    @property
    def strategy(self) -> str:
        """The strategy in effect; what is not known to Image Updater is `semver` to it."""
        written = self.settings.get("update-strategy")
        text = written.text if written else "semver"
        text = {"latest": "newest-build", "name": "alphabetical"}.get(text, text)
        return text if text in STRATEGIES or is_unknown(text) else "semver"

    def setting(self, name: str) -> str:
        """The text of a setting, "" without one."""
        found = self.settings.get(name)
        return found.text if found else ""


STRATEGIES = ("semver", "newest-build", "alphabetical", "digest")

SETTINGS: Mapping[str, str] = {
    "updateStrategy": "update-strategy",
    "forceUpdate": "force-update",
    "allowTags": "allow-tags",
    "ignoreTags": "ignore-tags",
    "pullSecret": "pull-secret",
    "platforms": "platforms",
}
"""The settings of the resource, and what annotations call them."""


def _split_image(text: str) -> tuple[str, str]:
    slash = text.rfind("/")
    colon = text.find(":", slash + 1)
    at_sign = text.find("@", slash + 1)
    end = min((one for one in (colon, at_sign) if one != -1), default=len(text))
    return text[:end], text[end + 1 :]


class WriteBack(NamedTuple):
    """How changes are written back. `location` is where that is said, or the list of images.

    `target` and `branch` are None where nothing is said. `application` is as in `Update`.
    """

    method: str
    location: Location
    target: Setting | None
    branch: Setting | None
    repository: str
    pull_request: yaml.Mapping | None
    updates: tuple[Update, ...]
    application: Application | None
    object: str
    explicit: bool


class Reference(NamedTuple):
    """One of the `applicationRefs` of an ImageUpdater."""

    node: yaml.Mapping
    owner: Object

    @property
    def object(self) -> str:
        """The ImageUpdater."""
        return self.owner.object

    @property
    def location(self) -> Location:
        """The pattern of names, or the first thing written."""
        return (self.node.scalar("namePattern") or self.node).location

    @property
    def uses_annotations(self) -> bool:
        """Whether the annotations of the Applications decide."""
        node = self.node.scalar("useAnnotations")
        return node is not None and node.value is True

    def matches(self, name: str) -> bool:
        """Whether its pattern matches the name of an Application."""
        from fnmatch import fnmatchcase

        pattern = self.node.text("namePattern")
        return len(pattern) < 300 and fnmatchcase(name, pattern)


class ArgoSet:
    """The objects of Argo CD and Image Updater in manifests that belong together."""

    __slots__ = (
        *("_tree", "_updates", "_write_backs", "applications", "projects", "references"),
        "updaters",
    )

    def __init__(self, manifests: Iterable[Manifest], tree: Tree) -> None:
        self._tree = tree
        self._updates: list[Update] | None = None
        self._write_backs: list[WriteBack] | None = None
        self.applications: list[Application] = []
        self.projects: list[Object] = []
        self.updaters: list[Object] = []
        for owner in (one for manifest in manifests for one in manifest.objects):
            if (owner.group, owner.kind) == (GROUP, "Application"):
                self.applications.append(Application(owner, owner.root, from_set=False))
            elif (owner.group, owner.kind) == (GROUP, "ApplicationSet"):
                template = owner.root.mapping("spec", "template")
                if template is not None:
                    self.applications.append(Application(owner, template, from_set=True))
            elif (owner.group, owner.kind) == (GROUP, "AppProject"):
                self.projects.append(owner)
            elif (owner.group, owner.kind) == (UPDATER_GROUP, "ImageUpdater"):
                self.updaters.append(owner)
        self.references = [
            Reference(node, owner)
            for owner in self.updaters
            for node in _mappings(owner.root, "spec", "applicationRefs")
        ]

    @property
    def location(self) -> Location:
        """The first object."""
        if self.applications:
            return self.applications[0].location
        return (self.projects or self.updaters)[0].location

    def is_own(self, repository: str) -> bool:
        """Whether a URL is that of the scanned repository."""
        own = _origin(self._tree)
        return own is not None and _repository(own) == _repository(repository)

    def holds(self, path: str) -> bool:
        """Whether a path from the top of the repository is there."""
        path = normpath(path.strip("/") or ".")
        return path == "." or self._tree.exists(path) or self._tree.is_directory(path)

    def tracks_itself(self, source: Source) -> bool:
        """Whether a source is the scanned repository: by its URL, or by a path that is here."""
        if self.is_own(source.repository) or _STANDS_IN.search(source.repository):
            return True
        path = source.node.text("path").strip("/").removeprefix("./")
        unknown = path.find("{{")
        path = path[:unknown].rpartition("/")[0] if unknown != -1 else path
        return path not in ("", ".") and self.holds(path)

    def deployed(self, source: Source) -> tuple[list[Manifest], list[str]] | None:
        """The manifests, and all texts, of the directory that a source of this tree names.

        None where the directory is elsewhere, or takes from other places.
        """
        path = normpath(source.node.text("path").strip("/") or ".")
        if path in (".", "") or is_unknown(path) or not self._tree.is_directory(path):
            return None
        names = [name for name, kind in self._tree.listdir(path) if kind in ("file", "link")]
        texts: list[str] = []
        manifests: list[Manifest] = []
        for name in names[:_MAX_FILES]:
            if not name.lower().endswith((".yaml", ".yml", ".json")) and name != "Kustomization":
                continue
            try:
                file = self._tree.read(f"{path}/{name}")
                texts.append(file.text)
                if "apiVersion" in file.text:
                    manifests.append(Manifest(yaml.parse(file)))
            except Broken:
                return None
        if any(re.search(r"^\s*-\s+(?:\.\./|https?:)", text, re.MULTILINE) for text in texts):
            return None
        return manifests, texts

    @property
    def updates(self) -> list[Update]:
        """The images to update, from annotations and from ImageUpdaters."""
        if self._updates is None:
            self._updates = list(self._find_updates())
        return self._updates

    def _find_updates(self) -> Iterator[Update]:
        for application in self.applications:
            yield from annotated_updates(application)
        for reference in self.references:
            if not reference.uses_annotations:
                yield from self._updates_of(reference)

    def applications_of(self, reference: Reference) -> list[Application]:
        """The Applications of the scan that a reference is about."""
        if reference.node.get("labelSelectors") is not None:
            return []
        return [
            one
            for one in self.applications
            if not one.from_set and reference.matches(one.owner.name)
        ]

    def _updates_of(self, reference: Reference) -> Iterator[Update]:
        found = self.applications_of(reference)
        for node in _mappings(reference.node, "images"):
            image = node.scalar("imageName")
            if image is None:
                continue
            settings: dict[str, Setting] = {}
            for holder in (reference.owner.root.mapping("spec"), reference.node, node):
                common = holder.mapping("commonUpdateSettings") if holder else None
                settings.update(_settings(common) if common else ())
            yield Update(
                node.text("alias"),
                image.text,
                image.location,
                reference.object,
                settings,
                node.mapping("manifestTargets"),
                found[0] if len(found) == 1 else None,
                reference.owner.namespace,
            )

    @property
    def write_backs(self) -> list[WriteBack]:
        """How each Application with images to update, or reference to some, is written back."""
        if self._write_backs is None:
            self._write_backs = list(self._find_write_backs())
        return self._write_backs

    def _find_write_backs(self) -> Iterator[WriteBack]:
        for application in self.applications:
            updates = tuple(annotated_updates(application))
            annotations = updater_annotations(application)
            if updates and "image-list" in annotations:
                yield _annotated_write_back(application, annotations, updates)
        for reference in self.references:
            if not reference.uses_annotations:
                yield from self._write_backs_of(reference)

    def _write_backs_of(self, reference: Reference) -> Iterator[WriteBack]:
        spec = reference.owner.root.mapping("spec")
        holders = [reference.node, *((spec,) if spec else ())]

        def find(*keys: str) -> yaml.Scalar | None:
            found = (one.scalar("writeBackConfig", *keys) for one in holders)
            return next((one for one in found if one is not None), None)

        method = find("method")
        target, branch = find("gitConfig", "writeBackTarget"), find("gitConfig", "branch")
        repository = find("gitConfig", "repository")
        pulls = (one.mapping("writeBackConfig", "gitConfig", "pullRequest") for one in holders)
        pull_request = next((one for one in pulls if one is not None), None)
        updates = tuple(self._updates_of(reference))
        for application in self.applications_of(reference) or (None,):
            yield WriteBack(
                method.text if method else "argocd",
                method.location if method else reference.location,
                Setting(target.text, target.location) if target else None,
                Setting(branch.text, branch.location) if branch else None,
                repository.text if repository else "",
                pull_request,
                updates,
                application,
                reference.object,
                method is not None,
            )


def _repository(url: str) -> str:
    """A URL of a repository in one form, whatever the protocol."""
    url = url.strip().lower().removesuffix("/").removesuffix(".git")
    url = url.partition("://")[2] or url.replace(":", "/", 1)
    return url.rpartition("@")[2] if "@" in url.partition("/")[0] else url


def _mappings(node: yaml.Mapping, *keys: str) -> Iterator[yaml.Mapping]:
    items = node.sequence(*keys)
    return items.mappings() if items else iter(())


def _settings(common: yaml.Mapping) -> Iterator[tuple[str, Setting]]:
    for field, name in SETTINGS.items():
        node = common.get(field)
        if type(node) is yaml.Scalar:
            yield name, Setting(node.text.strip(), node.location)
        elif type(node) is yaml.Sequence:
            text = ",".join(item.text for item in node.scalars())
            yield name, Setting(text, node.location)


def updater_annotations(application: Application) -> dict[str, yaml.Entry]:
    """The annotations for Image Updater, without their prefix."""
    annotations = application.annotations
    return {
        key.removeprefix(_PREFIX): entry
        for key, entry in (annotations.entries.items() if annotations else ())
        if key.startswith(_PREFIX)
    }


def annotated_updates(application: Application) -> Iterator[Update]:
    """The images of the annotation `image-list`."""
    annotations = updater_annotations(application)
    listed = annotations.get("image-list")
    if listed is None or type(listed.value) is not yaml.Scalar:
        return
    for entry in listed.value.text.split(","):
        first, equals, rest = entry.strip().partition("=")
        alias, image = (first.strip(), rest.strip()) if equals else ("", first)
        if not image:
            continue
        settings = {}
        prefixes = ("",) if not alias else ("", alias.replace("/", "_") + ".")
        for prefix in prefixes:
            for name in SETTINGS.values():
                found = annotations.get(prefix + name)
                if found and type(found.value) is yaml.Scalar and found.value.text.strip():
                    value = found.value
                    settings[name] = Setting(value.text.strip(), value.location)
        yield Update(
            alias,
            image,
            listed.value.location,
            application.object,
            settings,
            None,
            application,
            "",
        )


def _annotated_write_back(
    application: Application, annotations: Mapping[str, yaml.Entry], updates: Sequence[Update]
) -> WriteBack:
    def setting(name: str) -> Setting | None:
        entry = annotations.get(name)
        if entry is None or type(entry.value) is not yaml.Scalar or not entry.value.text.strip():
            return None
        return Setting(entry.value.text.strip(), entry.value.location)

    method = setting("write-back-method")
    repository = setting("git-repository")
    listed = annotations["image-list"].key.location
    return WriteBack(
        method.text if method else "argocd",
        method.location if method else listed,
        setting("write-back-target"),
        setting("git-branch"),
        repository.text if repository else "",
        None,
        tuple(updates),
        application,
        application.object,
        method is not None,
    )


def load(manifests: Sequence[Manifest], tree: Tree) -> Iterator[ArgoSet]:
    """The set, where the manifests hold any object of Argo CD or Image Updater."""
    found = any(
        one.group in (GROUP, UPDATER_GROUP) for manifest in manifests for one in manifest.objects
    )
    argo = ArgoSet(manifests, tree) if found else None
    if argo and (argo.applications or argo.projects or argo.updaters):
        yield argo
