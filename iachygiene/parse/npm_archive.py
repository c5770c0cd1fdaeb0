"""A packed npm package: its archive as a stream, and the package that comes out of it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from iachygiene.files import Tree
from iachygiene.model import Broken, SourceFile, Trouble
from iachygiene.parse.archive import (
    Archive,
    Budget,
    Member,
    Problem,
    Reader,
    Stopped,
    link_leads_out,
    path_problem,
    same_name,
)
from iachygiene.parse.json import Json, parse
from iachygiene.parse.npm import NpmPackage, PackageJson, fill
from iachygiene.parse.npm_contents import SNIFFED, Contents, is_text, wants_whole
from iachygiene.parse.npm_files import Listing, Refused, Rule, read_manifest
from iachygiene.parse.npm_managers import packed_files


class Packed(Listing):
    """The files of an archive; nothing is known of why they are there."""

    __slots__ = ()

    def __init__(self, path: str, manifest: Json, names: Mapping[str, str]) -> None:
        super().__init__(path, 0, manifest, None, (), [])
        self.files = dict(sorted(names.items()))

    def decider(self, path: str) -> Rule | None:
        """No rule: they are simply there."""
        del path
        return None


def load_archive(
    path: str, tree: Tree, settings: Mapping[str, Any]
) -> Iterator[NpmPackage | PackageJson | Archive | Trouble]:
    """The archive, and the package in it as far as it could be read.

    It is compared with the package in the directory that `compare` names in the settings, by
    default the one that lies beside it if its name and version are the same.
    """
    look = _Look(path, tree, settings)
    try:
        with tree.stream(path) as file:
            yield from look.all(file)
    except Broken as broken:
        yield broken.trouble
        return
    if look.manifest is not None:
        _compare(look, tree, settings)
    yield look.archive
    yield from look.contents.troubles
    if look.manifest is None or look.manifest.kind != "object":
        return
    yield PackageJson(look.manifest)
    names = {name: f"{path}/{member}" for name, member in look.members.items()}
    listing = Packed(path, look.manifest, names)
    package = NpmPackage(listing, f"{path}/{look.members['package.json']}", settings)
    fill(package, look.contents)
    yield package


class _Look:
    """One pass over an archive, and a second one where references name odd files."""

    def __init__(self, path: str, tree: Tree, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.tree = tree
        self.archive = Archive(path)
        self.contents = Contents(self.archive.object, settings)
        self.budget = Budget()
        self.contents.budget = self.budget
        self.members = self.archive.members
        self.same: dict[str, str] = {}
        self.manifest: Json | None = None

    def all(self, file: BinaryIO) -> Iterator[Trouble]:
        """Look at every member; what stops that is a trouble."""
        try:
            reader = Reader(file, self.budget)
            for member in reader.members():
                name = self._judged(member)
                if name is not None:
                    self._take(name, member, reader)
            wanted = frozenset(self.contents.unread())
            if wanted:
                file.seek(0)
                self._again(wanted, Reader(file, self.budget))
        except Stopped as stopped:
            yield stopped.trouble(self.path)

    def _judged(self, member: Member) -> str | None:
        """The name of a file in the package, None for what is not to be looked into."""
        path, problems = member.path, self.archive.problems
        why = path_problem(path.rstrip("/"))
        if why:
            problems.append(Problem("path", path, why))
            return None
        top, _, name = path.rstrip("/").partition("/")
        if member.kind == "special":
            problems.append(Problem("special", path, member.detail))
        elif member.kind == "symbolic link":
            leads = link_leads_out(member, name, ())
            kind = "outer link" if leads else "link"
            out = ", out of the package" if leads else ""
            problems.append(Problem(kind, path, f'a symbolic link to "{member.target}"{out}'))
        if member.mode & 0o6002 and member.kind == "file":
            problems.append(Problem("mode", path, f"mode {member.mode & 0o7777:04o}"))
        self.archive.tops.setdefault(top if name or member.kind == "dir" else "")
        return name if name and member.kind in ("file", "hard link") else None

    def _take(self, name: str, member: Member, reader: Reader) -> None:
        problems = self.archive.problems
        folded = same_name(name)
        if folded in self.same:
            other = self.same[folded]
            what = "it is there twice" if other == name else f'it is "{other}" on some systems'
            problems.append(Problem("duplicate", member.path, what))
        self.same[folded] = name
        if name in self.members:
            self.contents.forget(name)
        if member.kind == "hard link":
            self._take_link(name, member)
            return
        self.members[name] = member.path
        self.archive.names[name] = self.contents.sizes[name] = member.size
        self._look(name, reader, member)

    def _take_link(self, name: str, member: Member) -> None:
        """A second name of an earlier file: what was seen there holds here."""
        if link_leads_out(member, name, self.members):
            detail = f'a hard link to "{member.target}", no earlier file of the package'
            self.archive.problems.append(Problem("outer link", member.path, detail))
            return
        target = member.target.partition("/")[2]
        self.members[name] = member.path
        self.archive.names[name] = self.contents.sizes[name] = self.archive.names[target]
        self.contents.repeat(target, name, f"{self.path}/{member.path}")

    def _look(self, name: str, reader: Reader, member: Member) -> None:
        place = f"{self.path}/{member.path}"
        contents = self.contents
        size = reader.left
        head = reader.head(SNIFFED)
        text = is_text(head)
        if not text and (size > contents.max_size or not wants_whole(name, head)):
            contents.look_at_binary(name, place, head)
            return
        rest = reader.contents() if size <= contents.max_size else None
        if rest is None:
            limit = contents.max_size >> 20
            message = f"{member.path}: over {limit} MiB, not inspected (file-too-large)"
            contents.troubles.append(Stopped("over-limit", message).trouble(self.path))
            contents.unreadable(name, place)
            return
        data = head + rest
        if name == "package.json":
            self._read_manifest(place, data)
        (contents.look if text else contents.look_at_binary)(name, place, data)

    def _read_manifest(self, place: str, data: bytes) -> None:
        try:
            self.manifest = parse(SourceFile(place, data))
        except Broken as broken:
            self.contents.troubles.append(broken.trouble)

    def _again(self, wanted: frozenset[str], reader: Reader) -> None:
        for member in reader.members():
            name = member.path.rstrip("/").partition("/")[2]
            if name in wanted and member.kind == "file" and self.members[name] == member.path:
                data = reader.contents(self.contents.max_size)
                if data is not None:
                    self.contents.look_again(name, f"{self.path}/{member.path}", data)


def _compare(look: _Look, tree: Tree, settings: Mapping[str, Any]) -> None:
    """Put the differences from the directory into the archive."""
    given = "compare" in settings
    directory = str(settings.get("compare", posixpath.dirname(look.path)))
    version = 12 if str(settings.get("version", "11")) == "12" else 11
    try:
        if not given and not _is_same(look.manifest, read_manifest(tree, directory)):
            return
        files = packed_files(tree, directory, version).files
    except (Broken, Refused):
        return
    # npm puts the archive into the directory that it was made from.
    beside = posixpath.relpath(look.path, directory or ".")
    look.archive.extra = sorted(name for name in look.archive.names if name not in files)
    look.archive.missing = sorted(
        name for name in files if name not in look.archive.names and name != beside
    )


def _is_same(one: Json | None, other: Json) -> bool:
    fields = ("name", "version")
    if one is None:
        return False
    said = [(one.get(field), other.get(field)) for field in fields]
    return all(a is not None and b is not None and a.text == b.text for a, b in said)
