"""What a package would hold if one of its rules were otherwise: computed, never guessed."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.files import Tree
from iachygiene.model import Broken, Edit, Fix, Location, SourceFile, Span
from iachygiene.parse.json import Json
from iachygiene.parse.npm_files import Listing, Refused
from iachygiene.parse.npm_glob import BadPattern, Glob, TooManyPatterns, fold, rule_lines
from iachygiene.parse.npm_managers import packed_files

if TYPE_CHECKING:
    from iachygiene.parse.npm import NpmPackage


MAX_COST = 200_000
"""Files of a package times the listings that one question about it may take."""


def _affordable(package: NpmPackage, listings: int) -> bool:
    return len(package.files) * listings <= MAX_COST


class Imagined(Tree):
    """A tree with other contents of some files, and with files that are not there yet."""

    def __init__(self, tree: Tree, texts: Mapping[str, bytes], files: Iterable[str] = ()) -> None:
        super().__init__(
            tree.root, listed=tree.listed, explicit=tree.explicit, max_size=tree.max_size
        )
        self.tree = tree
        self.overlay = {**tree.overlay, **texts}
        self.added: dict[str, dict[str, str]] = defaultdict(dict)
        for path in files:
            kind = "file"
            while path:
                above, _, name = path.rpartition("/")
                self.added[above].setdefault(name, kind)
                path, kind = above, "dir"

    def listdir(self, directory: str) -> list[tuple[str, str]]:
        """Names and types, what is imagined included."""
        there = self.tree.listdir(directory)
        added = self.added.get(directory)
        return there if added is None else sorted({**added, **dict(there)}.items())


def listing_with(
    package: NpmPackage,
    texts: Mapping[str, str] | None = None,
    files: Iterable[str] = (),
    version: int | None = None,
) -> Listing | None:
    """The package with other texts, more files, or another npm; None where npm would refuse."""
    if package.tree is None:
        return None
    encoded = {path: text.encode(errors="surrogateescape") for path, text in (texts or {}).items()}
    tree = Imagined(package.tree, encoded, files) if encoded or files else package.tree
    try:
        known = package.listing
        top = posixpath.dirname(package.path)
        return packed_files(tree, top, version or known.version, known.manager)
    except Refused:
        return None


def other_version(package: NpmPackage) -> Listing | None:
    """The package as the other npm, 11 or 12, packs it; None where npm does not."""
    known = package.variants
    if package.listing.manager != "npm":
        return None
    if "other" not in known:
        number = 11 if package.listing.version == 12 else 12
        known["other"] = listing_with(package, version=number)
    found: Listing | None = known["other"]
    return found


def lost(package: NpmPackage, other: Listing | None) -> list[str]:
    """The files of a package that another listing of it does not have."""
    return [] if other is None else [name for name in package.files if name not in other.files]


class Variant(NamedTuple):
    """A rule as it stands, what it would have to be, and the files that would go then."""

    location: Location
    text: str
    better: str
    files: list[str]


# Ignored directories that come back.


def reopened(package: NpmPackage) -> list[Variant]:
    """Rules that ignore a directory whose contents ship all the same.

    The rule matches the entry of the directory alone; once something makes npm walk it, nothing
    within is excluded. With `/**` behind it, the rule speaks of the contents as well.
    """
    found: list[Variant] = []
    for path, text in _ignore_files(package):
        for start, end, rule in rule_lines(text):
            directory = rule.strip("/")
            if rule.startswith("!") or not _is_plain(directory):
                continue
            # A rule from above is not moved: it names a directory of the package.
            top = f"{directory}/"
            if not any(name.startswith(top) for name in package.files):
                continue
            better = ("/" if rule.startswith("/") else "") + f"{directory}/**"
            changed = {path: text[:start] + better + text[end:]}
            if not _affordable(package, len(found) + 1):
                return found
            files = lost(package, listing_with(package, changed))
            if files:
                place = Location(path, Span(start, end))
                found.append(Variant(place, rule, better, files))
    return found


def _is_plain(directory: str) -> bool:
    return bool(directory) and not set(directory).intersection("*?[]{}()!\\+@")


def _ignore_files(package: NpmPackage) -> Iterator[tuple[str, str]]:
    """The ignore files that hold for the package's root, with their texts."""
    tree, listing = package.tree, package.listing
    if tree is None:
        return
    directories = []
    if listing.workspace is not None:
        below = posixpath.relpath(listing.directory or ".", listing.workspace or ".").split("/")
        directories = [
            posixpath.join(listing.workspace, *below[:depth]) for depth in range(len(below))
        ]
    entries = package.manifest.get("files")
    if entries is None or not entries.truthy:
        directories.append(listing.directory)
    for directory in directories:
        for name in (".npmignore", ".gitignore"):
            path = posixpath.join(directory, name)
            if tree.exists(path):
                with suppress(Broken):
                    yield path, SourceFile(path, tree.raw(path)).shown_text
                break


# Entries of `files`.


class Entry(NamedTuple):
    """An entry of `files`: its node and where it stands in the list."""

    node: Json
    number: int

    @property
    def text(self) -> str:
        return self.node.text or ""


def entries_of(package: NpmPackage) -> list[Entry]:
    """The entries of the `files` field; none where it is no list."""
    field = package.manifest.get("files")
    items = field.items if field is not None else []
    return [Entry(node, number) for number, node in enumerate(items)]


def overruled(package: NpmPackage) -> list[tuple[Variant, Location]]:
    """Negated entries that a later one overrules, with the place of that one."""
    entries = entries_of(package)
    found: list[tuple[Variant, Location]] = []
    if not _affordable(package, sum(entry.text.startswith("!") for entry in entries)):
        return found
    for entry in entries:
        if not entry.text.startswith("!"):
            continue
        later = [one for one in entries[entry.number + 1 :] if not one.text.startswith("!")]
        if not later:
            continue
        order = [one for one in entries if one is not entry] + [entry]
        files = lost(package, _with_entries(package, [one.text for one in order]))
        if files:
            variant = Variant(entry.node.location, entry.text, entry.text, files)
            found.append((variant, later[-1].node.location))
    return found


def without_effect(package: NpmPackage) -> list[Variant]:
    """Negated entries that remove nothing, and would in a form that npm understands."""
    entries = entries_of(package)
    texts = [one.text for one in entries]
    found: list[Variant] = []
    if not _affordable(package, 3 * sum(text.startswith("!") for text in texts)):
        return found
    for entry in entries:
        if not entry.text.startswith("!") or entry.text.startswith("!!"):
            continue
        rest = texts[: entry.number] + texts[entry.number + 1 :]
        without = _with_entries(package, rest)
        if without is None or without.files.keys() != package.files.keys():
            continue
        # In its place, and after all others, where that is what hinders it.
        for better in _better_forms(entry.text):
            changed = [*texts[: entry.number], better, *texts[entry.number + 1 :]]
            if better in rest and better != entry.text:
                continue
            files = lost(package, _with_entries(package, changed))
            if files:
                found.append(Variant(entry.node.location, entry.text, better, files))
                break
    return found


def _better_forms(entry: str) -> Iterator[str]:
    pattern = entry[1:]
    plain = pattern.removeprefix("./").removeprefix("/")
    if pattern.startswith("./"):
        yield f"!{plain}"
    if not pattern.startswith("**/"):
        yield f"!**/{plain}"


def _with_entries(package: NpmPackage, entries: list[str]) -> Listing | None:
    from json import dumps

    field = package.manifest.get("files")
    if package.tree is None or field is None:
        return None
    text = _text_of(package)
    changed = text[: field.start] + dumps(entries) + text[field.end :]
    return listing_with(package, {package.path: changed})


def _text_of(package: NpmPackage) -> str:
    assert package.tree is not None
    return SourceFile(package.path, package.tree.raw(package.path)).text


def without_match(package: NpmPackage) -> list[Entry]:
    """Positive entries of `files` that name nothing: no file, no directory, no shipped path."""
    tree, top = package.tree, package.listing.directory
    found = []
    for entry in entries_of(package):
        name = re.sub(r"\A\.?/", "", entry.text).rstrip("/")
        if tree is None or entry.text.startswith("!") or not name.strip("./"):
            continue
        path = posixpath.join(top, name)
        if tree.exists(path) or tree.is_directory(path):
            continue
        try:
            glob = Glob(name)
        except (BadPattern, TooManyPatterns):
            continue
        paths = ([fold(part) for part in one.split("/")] for one in package.files)
        if not any(
            glob.matches_name(path[-1]) if glob.base_only else glob.matches(path) for path in paths
        ):
            found.append(entry)
    return found


# Leaving maps out.


def map_fix(package: NpmPackage, maps: frozenset[str]) -> Fix | None:
    """An edit of `files` or `.npmignore` that leaves out these files and nothing else.

    It is tried under both npm versions; None where no form does that.
    """
    if package.tree is None or not maps:
        return None
    for rule in ("**/*.map", *_narrow_rules(maps)):
        for path, edit in _edits(package, rule):
            text = SourceFile(path, package.tree.raw(path)).text
            changed = text[: edit.span.start] + edit.text + text[edit.span.end :]
            if _leaves_out(package, path, changed, maps):
                title = f"leave out {rule}"
                return Fix(title, (edit,), path=path)
    return None


def _leaves_out(package: NpmPackage, path: str, changed: str, maps: frozenset[str]) -> bool:
    for version in (11, 12):
        before = listing_with(package, version=version)
        after = listing_with(package, {path: changed}, version=version)
        if before is None or after is None:
            return False
        if after.files.keys() != before.files.keys() - maps:
            return False
    return True


def _narrow_rules(maps: frozenset[str]) -> Iterator[str]:
    endings = {name.rpartition("/")[2].partition(".")[2] for name in maps}
    tops = {name.partition("/")[0] for name in maps if "/" in name}
    if len(tops) == 1:
        yield f"{next(iter(tops))}/**/*.map"
    if len(endings) == 1:
        yield f"**/*.{next(iter(endings))}"
    if len(maps) == 1:
        yield next(iter(maps))


def _edits(package: NpmPackage, rule: str) -> Iterator[tuple[str, Edit]]:
    """The edits that add a rule at the end of what decides about the package."""
    field = package.manifest.get("files")
    if field is not None and field.truthy:
        if field.kind == "array" and field.items:
            yield package.path, _appended(_text_of(package), field, f'"!{rule}"')
        return
    assert package.tree is not None
    ignore = posixpath.join(package.listing.directory, ".npmignore")
    if not package.tree.exists(ignore):
        return
    try:
        text = package.tree.read(ignore).text
    except Broken:
        return
    end = "\r\n" if "\r\n" in text else "\n"
    start = "" if not text or text.endswith("\n") else end
    yield ignore, Edit(Span(len(text), len(text)), f"{start}{rule}{end}")


def _appended(text: str, field: Json, item: str) -> Edit:
    """An item at the end of a list, on a line of its own where the last one is."""
    last = field.items[-1]
    line = text.rfind("\n", field.start, last.start)
    indent = text[line : last.start] if line != -1 else ""
    own_line = line != -1 and not indent.strip()
    if own_line and text[line - 1] == "\r":
        indent = "\r" + indent
    return Edit(Span(last.end, last.end), f",{indent if own_line else ' '}{item}")
