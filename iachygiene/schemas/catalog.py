"""Which schema an object has: that of Kubernetes, or of a definition found in the scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from posixpath import commonpath, dirname
from typing import TYPE_CHECKING

from iachygiene.keys import KUBERNETES_VERSIONS
from iachygiene.model import Broken
from iachygiene.parse import alike, yaml
from iachygiene.schemas.built_in import release
from iachygiene.schemas.check import ANYTHING, OBJECT, Checker, Schema, Violation, compiled

if TYPE_CHECKING:
    from iachygiene.files import Tree
    from iachygiene.parse.kubernetes import Object

_READ: dict[tuple[str, int], dict[tuple[str, str], Schema]] = {}
"""By path and hash of its bytes, the kinds that a file defines: others ask for it as well."""


class Catalog:
    """The schemas for the manifests of one job.

    `definitions` are size and path of files of the scan that seem to define a custom
    resource, by group and kind; `roots` such definitions that are in the job itself.
    """

    __slots__ = ("_custom", "_definitions", "_directory", "_tree", "release", "roots")

    def __init__(
        self,
        version: str = "",
        definitions: Mapping[str, Sequence[tuple[int, str]]] | None = None,
        tree: Tree | None = None,
        directory: str = "",
    ) -> None:
        self.release = release(version or KUBERNETES_VERSIONS[-1])
        self.roots: list[yaml.Node] = []
        self._definitions = definitions or {}
        self._tree = tree
        self._directory = directory
        self._custom: dict[tuple[str, str], Schema | None] = {}

    @property
    def version(self) -> str:
        """The minor version of Kubernetes that objects are held against."""
        return self.release.version

    def schema(self, api_version: str, kind: str) -> Schema | None:
        """The schema of a kind, None where it is not known."""
        return self.release.schema(api_version, kind) or self._of_definition(api_version, kind)

    def _of_definition(self, api_version: str, kind: str) -> Schema | None:
        key = (api_version, kind)
        if key not in self._custom:
            self._custom[key] = self._look_for(api_version, kind)
        return self._custom[key]

    def _look_for(self, api_version: str, kind: str) -> Schema | None:
        found = _defined(self.roots).get((api_version, kind))
        if found is not None or self._tree is None:
            return found
        name = f"{api_version.rpartition('/')[0]}/{kind}"
        for _, path in sorted(self._definitions.get(name, ()), key=self._order):
            try:
                found = _read(path, self._tree).get((api_version, kind))
            except Broken:
                continue
            if found is not None:
                return found
        return None

    def _order(self, place: tuple[int, str]) -> tuple[int, int, str]:
        """Definitions near the job come before others, and short files before long ones."""
        size, path = place
        shared = commonpath((dirname(path), self._directory)) if self._directory else ""
        return -len(shared), size, path

    def violations(self, one: Object) -> list[Violation]:
        """What an object has that its schema does not allow."""
        api_version = one.api_version
        checker = Checker(self.release.definition, one.partial)
        above = one.location
        schema = self.release.schema(api_version, one.kind)
        if schema is not None:
            checker.check(one.root, schema, one.kind, above)
            return checker.found
        schema = self._of_definition(api_version, one.kind)
        if schema is not None:
            checker.check(one.root, schema, one.kind, above)
        metadata = one.root.entries.get("metadata")
        if metadata is not None:
            checker.check(metadata.value, self.release.metadata, "metadata", above)
        return checker.found


def _read(path: str, tree: Tree) -> dict[tuple[str, str], Schema]:
    data = tree.raw(path)
    key = (path, hash(data))
    if key not in _READ:
        stream = alike.parse(tree.read(path))
        _READ[key] = _defined(one.root for one in stream.documents)
    return _READ[key]


def _defined(roots: Iterable[yaml.Node]) -> dict[tuple[str, str], Schema]:
    """The schemas of the kinds that CustomResourceDefinitions among these define."""
    found: dict[tuple[str, str], Schema] = {}
    for root in roots:
        if type(root) is not yaml.Mapping or root.text("kind") != "CustomResourceDefinition":
            continue
        group, kind = root.text("spec", "group"), root.text("spec", "names", "kind")
        versions = root.sequence("spec", "versions")
        for version in versions.mappings() if versions else ():
            schema = version.mapping("schema", "openAPIV3Schema")
            name = version.text("name")
            if group and kind and name and schema is not None:
                found.setdefault((f"{group}/{name}", kind), _of_root(schema))
    return found


def _of_root(source: yaml.Mapping) -> Schema:
    """The schema of a custom resource, whose head needs no word in the definition."""
    schema = compiled(source, lambda _: Schema())
    schema.types = schema.types or OBJECT
    if schema.fields is not None:
        schema.fields |= dict.fromkeys(("apiVersion", "kind", "metadata"), ANYTHING)
    return schema
