"""The files that pnpm puts into a package.

Measured with pnpm 12.21: the walk is that of npm 11, and where it decides otherwise this says
so. See https://pnpm.io/cli/pack.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from iachygiene.files import Tree
from iachygiene.lazy import regex
from iachygiene.model import Broken, Location, SourceFile
from iachygiene.parse.json import Json
from iachygiene.parse.npm_files import (
    ALWAYS,
    IGNORE_FILES,
    NEVER,
    UNNEEDED_ESCAPE,
    Directory,
    Listing,
    Packer,
    Paths,
    Rule,
    Walk,
    bundled_names,
    clean_target,
    found_members,
    is_member,
    keys,
    member_globs,
    read_manifest,
    read_root_manifest,
)
from iachygiene.parse.npm_glob import fold

_EXACT = regex(
    r"\.git|\.svn|\.hg|cvs|node_modules|\.npmrc"
    r"|package-lock\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb"
)
"""Names left out only where letter case is the usual one, here in small letters."""


def pnpm_files(tree: Tree, directory: str) -> Listing:
    """List a package by the rules of pnpm; raises `Refused` where pnpm stops.

    With `publishConfig.directory` it is that directory which is packed.
    """
    packer = _Packer(tree, directory, 11)
    published = read_root_manifest(tree, directory).get("publishConfig", "directory")
    if published is not None and published.text and (inner := clean_target(published.text)):
        packer = _Packer(tree, posixpath.join(directory, inner.rstrip("/")), 11)
    return packer.listing()


class _Packer(Packer):
    """Packing as pnpm does it."""

    def listing(self) -> Listing:
        manifest = read_root_manifest(self.tree, self.directory)
        above = workspace_above(self.tree, self.directory)
        walk = Walk(self, self.directory, "")
        lists = self.package_lists(walk, manifest, True)
        if above is not None and not self._stands_alone(manifest):
            lists.insert(0, self.rules_from_above(above))
        walk.directories[""] = Directory(self.defaults, lists, [], exact=False)
        walk.run()
        self.walks.append(walk)
        self.bundle(manifest, {})
        members = tuple(_members(self.tree, self.directory))
        listing = Listing(self.directory, 11, manifest, above, members, self.walks, "pnpm")
        if above is not None and not any(map(_is_licence, listing.files)):
            # A member without a licence gets that of its workspace.
            found = {
                name: posixpath.join(above, name)
                for name, kind in self.tree.listdir(above)
                if kind == "file" and _is_licence(name)
            }
            listing.files = dict(sorted({**listing.files, **found}.items()))
        return listing

    def _stands_alone(self, manifest: Json) -> bool:
        """Whether the ignore files above do not reach the package."""
        own = {name for name, kind in self.tree.listdir(self.directory) if kind != "dir"}
        files = manifest.get("files")
        return ".npmignore" in own or (files is not None and files.kind == "array")

    def kind_of(self, directory: str, name: str, kind: str) -> str:
        # Links ship that stay within the package, and names with a star; `.npmrc` never does.
        if name == ".npmrc":
            return "never"
        if kind != "link":
            return kind
        real = self.tree.real_path(posixpath.join(directory, name))
        inside = real is not None and (real + "/").startswith(self.directory + "/")
        return "file" if inside or (real is not None and not self.directory) else "outside"

    def folded(self, name: str) -> str:
        # What is built in minds letter case: a name that differs in case alone is none of it.
        small = fold(name)
        usual = "CVS" if small == "cvs" else small
        return small.upper() if name != usual and _EXACT.fullmatch(small) else small

    def refuse_name(self, path: str) -> None:
        return

    def ignore_file(self, path: str) -> list[Rule]:
        if self.tree.is_directory(path):
            return []
        return super().ignore_file(path)

    def rule(self, text: str, what: str, location: Location | None) -> Rule:
        pattern = text.lstrip("!")
        if what != "built-in" and (len(pattern) > 65_536 or ".." in pattern.split("/")):
            return Rule(text, Paths(()), False, what, location)
        marks = text[: len(text) - len(pattern)]
        return super().rule(marks + UNNEEDED_ESCAPE.sub(r"\1", pattern), what, location)

    def package_lists(
        self, walk: Walk, manifest: Json | None, own_ignores: bool
    ) -> list[list[Rule]]:
        if manifest is None:
            return []
        present = {name for name, _ in self.tree.listdir(walk.directory)}
        lists: list[list[Rule]] = []
        listed, exact = self.files_rules(walk, manifest.get("files"))
        own = next((name for name in IGNORE_FILES if name in present), None)
        if listed is not None:
            lists.append(listed)
        elif own is not None:
            lists.append(self.ignore_file(posixpath.join(walk.directory, own)))
        strict = exact + self.rules(ALWAYS, "built-in")
        for field, target, node in _entries(manifest):
            if self.type_of(walk.directory, target) == "file":
                paths = Paths([(target.rstrip("/"), False)])
                strict.append(Rule(f"!/{target}", paths, True, field, node.location))
        lists.append(strict + self.rules(["/.git", *NEVER], "built-in"))
        return lists

    def files_rules(self, walk: Walk, files: Json | None) -> tuple[list[Rule] | None, list[Rule]]:
        if files is None or files.kind != "array":
            return None, []
        listed = self.rules(["*"], "files", files.location)
        exact: list[Rule] = []
        for item in files.items:
            if item.text is not None:
                ahead, rest = self.entry_rules(walk, item.text, item.location)
                exact = ahead + exact
                listed += rest
        # No ignore file on the way takes a file away that is listed by its path.
        walk.required.clear()
        for number, rule in enumerate(exact, 1):
            names = posixpath.normpath(rule.text.lstrip("!/")).split("/")
            folded = list(map(fold, names))
            taken = any(one.hits(folded, None, False) for one in exact[number:] if not one.negated)
            for depth in range(1, len(names) if rule.negated and not taken else 0):
                inner = walk.required.setdefault("/".join(names[:depth]), [])
                inner.append("/".join(names[depth:]))
        return listed, exact

    def type_of(self, directory: str, path: str) -> str:
        kind = super().type_of(directory, path)
        return "file" if kind == "link" else kind

    def bundle(self, manifest: Json, members: dict[str, str]) -> None:
        todo = [(name, self.directory) for name in _bundled(manifest)]
        seen: set[str] = set()
        while todo:
            name, origin = todo.pop(0)
            found = self.installed(name, origin)
            real = self.tree.real_path(found[0]) if found is not None else None
            if found is None or real is None or real in seen or real == self.directory:
                continue
            seen.add(real)
            todo += [(other, real) for other in self.walk_bundled(*found)]

    def walk_bundled(self, path: str, is_link: bool) -> list[str]:
        del is_link
        try:
            manifest = read_manifest(self.tree, path)
        except Broken:
            return []
        walk = Walk(self, path, posixpath.relpath(path, self.directory or ".") + "/")
        lists = self.package_lists(walk, manifest, True)
        walk.directories[""] = Directory(self.defaults, lists, [], exact=False)
        walk.run()
        self.walks.append(walk)
        return [*keys(manifest, "dependencies"), *keys(manifest, "optionalDependencies")]


def _is_licence(path: str) -> bool:
    return _LICENCE.fullmatch(posixpath.basename(path)) is not None


_LICENCE = regex(r"licen[sc]e(?:\..+)?", re.IGNORECASE)


def _entries(manifest: Json) -> Iterator[tuple[str, str, Json]]:
    """The files that ship because a field names them: the field, the path, the node."""
    for field in ("browser", "main"):
        node = manifest.get(field)
        if node is not None and node.text:
            yield field, clean_target(node.text), node
    node = manifest.get("bin")
    if node is None:
        return
    for one in (node, *(value for _, value in node.members)):
        if one.text and not posixpath.normpath(one.text.lstrip("/")).startswith(".."):
            yield "bin", clean_target(one.text), one


def _bundled(manifest: Json) -> list[str]:
    node = manifest.get("bundleDependencies") or manifest.get("bundledDependencies")
    return [] if node is None or node.kind == "object" else bundled_names(manifest)


# Workspaces.

_FILE = "pnpm-workspace.yaml"


def workspace_above(tree: Tree, directory: str) -> str | None:
    """The directory of the workspace file whose patterns take a directory in."""
    at = directory
    while at:
        at = posixpath.dirname(at)
        if tree.exists(posixpath.join(at, _FILE)):
            wanted, unwanted = member_globs(_patterns(tree, posixpath.join(at, _FILE)))
            below = (directory[len(at) + 1 :] if at else directory).split("/")
            return at if is_member(wanted, unwanted, below) else None
    return None


def _members(tree: Tree, directory: str) -> Iterator[str]:
    path = posixpath.join(directory, _FILE)
    if tree.exists(path):
        wanted, unwanted = member_globs(_patterns(tree, path))
        yield from found_members(tree, directory, wanted, unwanted)


def _patterns(tree: Tree, path: str) -> list[str]:
    """The `packages` of a workspace file."""
    from iachygiene.parse import yaml

    try:
        documents = yaml.parse(SourceFile(path, tree.raw(path))).documents
    except Broken:
        return []
    root = documents[0].root if documents else None
    listed = root.sequence("packages") if isinstance(root, yaml.Mapping) else None
    texts = [item.text for item in listed.scalars()] if listed is not None else []
    # `x/**` means x as well.
    return [one for text in texts for one in (text, text.removesuffix("/**")) if one]
