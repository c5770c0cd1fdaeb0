"""npm packages: what would be published, and the source maps in it."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.files import Tree
from iachygiene.lazy import regex
from iachygiene.model import Broken, Fix, Job, Location, Severity, Trouble
from iachygiene.parse.archive import ENDINGS, Archive
from iachygiene.parse.gitignores import is_ignored
from iachygiene.parse.json import Json
from iachygiene.parse.npm_contents import (
    SNIFFED,
    Candidate,
    Contents,
    Mark,
    Reference,
    is_text,
    wants_whole,
)
from iachygiene.parse.npm_files import Listing, Refused, read_manifest
from iachygiene.parse.npm_glob import BadPattern, Glob, TooManyPatterns, fold
from iachygiene.parse.npm_managers import packed_files
from iachygiene.parse.npm_maps import SourceMap, is_third_party, without_scheme
from iachygiene.parse.npm_policy import forge_of, has_open_licence, private_registry

if TYPE_CHECKING:
    from iachygiene.parse.npm_settings import Setting

_AMONG_SAMPLES = regex(
    r"(?:^|/)(?:tests?|__tests__|e2e|fixtures?|__fixtures__|examples?|samples?|demos?"
    r"|playgrounds?|benchmarks?)/"
)
_DECLARATION_MAPS = (".d.ts.map", ".d.mts.map", ".d.cts.map")


class ShippedMap(NamedTuple):
    """A map that the package holds: a file, or the `data:` URL at the end of one.

    `name` is the path in the package, `contents` None where the map cannot be read. `public`
    says that every own original is shipped or under version control, `dependency` that it
    belongs to a bundled package.
    """

    name: str
    location: Location
    object: str
    contents: SourceMap | None
    referred: bool
    public: bool
    dependency: bool

    @property
    def is_declaration(self) -> bool:
        """Whether it maps type declarations."""
        return self.name.lower().endswith(_DECLARATION_MAPS)

    @property
    def own(self) -> int:
        """How many embedded originals are the package's own."""
        contents = self.contents
        return len(contents.own) if contents and not self.dependency else 0


class PackageJson:
    """A `package.json` by itself, whether npm would pack it or not."""

    __slots__ = ("object", "root")

    def __init__(self, root: Json) -> None:
        self.root = root
        name = root.get("name")
        self.object = f"package {name.text}" if name is not None and name.text else ""

    @property
    def location(self) -> Location:
        """The whole value."""
        return self.root.location


class NpmPackage:
    """A package as `npm publish` would send it, or as an archive holds it.

    `maps` are shipped map files, `inline_maps` those within other files. `files` are the names
    in the package, mapped to paths in the tree; `sizes` are theirs in bytes, and `marks` what
    they hold beside maps, by kind. `version` is the npm whose rules were followed. `tree` is
    where variants of the package are listed, None for one in an archive.
    """

    __slots__ = (
        "allowed",
        "files",
        "inline_maps",
        "is_private",
        "listing",
        "manifest",
        "maps",
        "marks",
        "name",
        "object",
        "path",
        "policy",
        "references",
        "settings",
        "sizes",
        "tree",
        "variants",
    )

    def __init__(
        self, listing: Listing, path: str, settings: Mapping[str, Any], tree: Tree | None = None
    ) -> None:
        self.listing = listing
        self.manifest = listing.manifest
        self.path = path
        self.files = listing.files
        self.settings = settings
        self.tree = tree
        name = self.manifest.get("name")
        self.name = (name.text if name else None) or ""
        self.object = f"package {self.name}"
        private = self.manifest.get("private")
        self.is_private = private is not None and private.truthy
        self.policy: str = settings.get("maps") or _default_policy(self)
        self.allowed = tuple(_allowed(settings.get("allow-maps") or ()))
        self.maps: list[ShippedMap] = []
        self.inline_maps: list[ShippedMap] = []
        self.references: list[Reference] = []
        self.marks: Mapping[str, list[Mark]] = {}
        self.sizes: Mapping[str, int] = {}
        self.variants: dict[str, Any] = {}

    @property
    def location(self) -> Location:
        """The `files` field, else the package's name."""
        key = self.manifest.key("files") or self.manifest.get("name") or self.manifest
        return key.location

    @property
    def is_packed(self) -> bool:
        """Whether it came out of an archive, so that settings have had their effect."""
        return self.tree is None

    def consents(self, shipped: ShippedMap) -> bool:
        """Whether `allow-maps` names the file that is, or holds, the map."""
        return self.consents_to(shipped.name)

    def consents_to(self, name: str) -> bool:
        """Whether `allow-maps` names a file."""
        path = [fold(part) for part in name.split("/")]
        return any(glob.matches(path) for glob in self.allowed)

    def allows(self, shipped: ShippedMap) -> bool:
        """Whether the configuration allows to publish a map as a file."""
        return self.policy == "allow" or self.consents(shipped)

    def level(self, severity: Severity, shipped: ShippedMap | None = None) -> Severity:
        """The severity of a leak here.

        Advice for a map that is published on purpose; never an error where nothing goes to the
        public registry, and advice where that is so of a sample.
        """
        if shipped is not None and shipped.public and self.is_open_source:
            return Severity.INFO
        if not self.stays_private:
            return severity
        return Severity.INFO if self.is_sample else min(severity, Severity.WARNING)

    @property
    def is_sample(self) -> bool:
        """Whether it lies among tests or examples, so that hardly anybody means to publish it."""
        return not self.is_packed and _AMONG_SAMPLES.search(self.listing.directory) is not None

    @property
    def stays_private(self) -> bool:
        """Whether npm refuses to publish it, or publishes it to a registry of its own."""
        return self.is_private or private_registry(self.manifest) is not None

    @property
    def is_part(self) -> bool:
        """Whether the nearest package around it is published, and it no member of a workspace."""
        tree, directory = self.tree, self.listing.directory
        while tree is not None and directory and self.listing.workspace is None:
            directory = posixpath.dirname(directory)
            if tree.exists(posixpath.join(directory, "package.json")):
                try:
                    private = read_manifest(tree, directory).get("private")
                except Broken:
                    return False
                return private is None or not private.truthy
        return False

    @property
    def is_open_source(self) -> bool:
        """Whether it names an open licence and a repository on a public forge."""
        return not self.is_private and has_open_licence(self.manifest) and self.forge is not None

    @property
    def forge(self) -> tuple[str, str] | None:
        """Host and `owner/name` of the repository, None where it is on no public forge."""
        return forge_of(self.manifest)

    def place(self, name: str) -> Location:
        """A shipped file as a whole."""
        return Location(self.files[name])

    def will_ship(self, name: str, beside: str) -> bool:
        """Whether a missing file ships once it is made: git leaves it out, and not the other."""
        if (
            self.tree is None
            or name.startswith("../")
            or not self.tree.is_listed(self.files[beside])
        ):
            return False
        last = self.listing.steps(name)[-1]
        included = last.rule is None or last.rule.negated
        path = posixpath.join(self.listing.directory, name)
        return last.why == "missing" and included and is_ignored(self.tree, path)

    def because(self, name: str) -> Location:
        """The place of the setting that lets a file ship."""
        decider = self.listing.decider(name)
        place = decider.location if decider is not None else None
        if decider is None or place is None:
            return self.location.labelled("nothing in the package leaves it out")
        ours = decider.text if decider.what.startswith(".") else decider.what
        return place.labelled(f"`{ours}` lets it ship")

    @property
    def map_fix(self) -> Fix | None:
        """An edit that leaves out the map files of the package and nothing else."""
        if "map-fix" not in self.variants:
            from iachygiene.parse.npm_variants import map_fix

            maps = frozenset(one.name for one in self.maps if not self.allows(one))
            self.variants["map-fix"] = map_fix(self, maps)
        fix: Fix | None = self.variants["map-fix"]
        return fix

    @property
    def map_settings(self) -> list[Setting]:
        """The settings of bundlers that make maps in a release; none for an archive."""
        if "settings" not in self.variants:
            from iachygiene.parse.npm_settings import map_settings

            tree, top = self.tree, posixpath.dirname(self.path)
            if tree is None:
                self.variants["settings"] = []
            else:
                built_by = self.manifest
                if top != self.listing.directory:
                    built_by = read_manifest(tree, top)
                self.variants["settings"] = map_settings(tree, top, built_by)
        found: list[Setting] = self.variants["settings"]
        return found

    def would_ship(self, name: str) -> bool:
        """Whether a file of that path, from `package.json` on, would ship if a build made it."""
        path = posixpath.join(posixpath.dirname(self.path), name)
        if self.files.get(name) == path:
            return True
        if name.startswith(".."):
            return False
        known: dict[str, bool] = self.variants.setdefault("would-ship", {})
        if name not in known:
            from iachygiene.parse.npm_variants import listing_with

            listing = listing_with(self, files=[path])
            known[name] = listing is not None and path in listing.files.values()
        return known[name]

    @property
    def is_listed_by_name(self) -> frozenset[str]:
        """The entries of `files`, without slashes at their ends."""
        entries = self.manifest.get("files")
        items = entries.items if entries is not None else []
        return frozenset((item.text or "").removeprefix("./").strip("/") for item in items)


def group(paths: Iterable[str], tree: Tree, settings: Mapping[str, Any]) -> list[Job]:
    """One job for each package and each archive."""
    return [
        Job("npm", posixpath.dirname(path), (path,), settings)
        for path in paths
        if posixpath.basename(path) == "package.json" or path.lower().endswith(ENDINGS)
    ]


def load(job: Job, tree: Tree) -> Iterator[NpmPackage | PackageJson | Archive | Trouble]:
    """The package of a job; nothing but its manifest where npm would refuse to pack it.

    A `package.json` that is no JSON, and files over a limit, are troubles.
    """
    if job.paths[0].lower().endswith(ENDINGS):
        from iachygiene.parse.npm_archive import load_archive

        yield from load_archive(job.paths[0], tree, job.settings)
        return
    try:
        yield PackageJson(read_manifest(tree, job.directory))
    except Broken as broken:
        yield broken.trouble
        return
    version = 12 if str(job.settings.get("version", "11")) == "12" else 11
    try:
        manager = job.settings.get("manager") or ""
        listing = packed_files(tree, job.directory, version, manager)
    except Refused as refused:
        if refused.trouble is not None:
            yield refused.trouble
        return
    package = NpmPackage(listing, job.paths[0], job.settings, tree)
    contents = Contents(package.object, job.settings)
    for name in published(package):
        # npm packs no links, so there they are not asked about.
        _look(tree, name, package.files[name], contents, links=listing.manager != "npm")
    for name in contents.unread():
        try:
            data = tree.raw(package.files[name], contents.max_size)
        except Broken:
            contents.unreadable(name + ".map", package.files[name])
            continue
        contents.look_again(name, package.files[name], data)
    yield from contents.troubles
    fill(package, contents)
    yield package


def published(package: NpmPackage) -> list[str]:
    """The files of a package; of a private one without those of packages below it.

    npm refuses to publish a private one, and what lies below is judged as a package of its own.
    """
    if not package.is_private:
        return list(package.files)
    top = package.listing.directory
    ending = "/package.json"
    below = {
        path[: -len(ending) + 1]
        for path in package.files.values()
        if path.endswith(ending) and path[: -len(ending)] != top
    }
    below.update(f"{member}/" for member in package.listing.members)
    return [name for name, path in package.files.items() if not _is_within(path, below)]


def _is_within(path: str, directories: Collection[str]) -> bool:
    """Whether one of some directories, given with a slash at their ends, holds a path."""
    at = path.find("/")
    while at != -1:
        if path[: at + 1] in directories:
            return True
        at = path.find("/", at + 1)
    return False


def _look(tree: Tree, name: str, path: str, contents: Contents, links: bool) -> None:
    """Look into one file of a directory; a link that leads to none in the tree is left alone."""
    if links and tree.is_link(path) and not _leads_to_file(tree, path):
        contents.sizes[name] = 0
        return
    try:
        with tree.stream(path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(SNIFFED)
    except Broken as broken:
        if broken.trouble.kind != "vanished":
            contents.troubles.append(broken.trouble)
            contents.unreadable(name, path)
        return
    contents.sizes[name] = size
    text = is_text(head)
    if not text and (size > contents.max_size or not wants_whole(name, head)):
        contents.look_at_binary(name, path, head)
        return
    try:
        data = (
            head if size <= min(len(head), contents.max_size) else tree.raw(path, contents.max_size)
        )
    except Broken as broken:
        contents.troubles.append(broken.trouble)
        contents.unreadable(name, path)
        return
    (contents.look if text else contents.look_at_binary)(name, path, data)


def _leads_to_file(tree: Tree, path: str) -> bool:
    real = tree.real_path(path)
    return real is not None and tree.exists(real)


def fill(package: NpmPackage, contents: Contents) -> None:
    """Put into a package what was seen of its files."""
    package.sizes = contents.sizes
    package.references = contents.references
    package.marks = contents.marks
    referred = {one.target for one in contents.references}
    files = frozenset(package.files.values())
    for one in sorted(contents.candidates, key=lambda one: one.name):
        shipped = _shipped(package, one, one.inline or one.name in referred, files)
        (package.inline_maps if one.inline else package.maps).append(shipped)


def _shipped(
    package: NpmPackage, one: Candidate, referred: bool, shipped: frozenset[str]
) -> ShippedMap:
    public = package.policy == "allow-open-source" and _all_public(package, one, shipped)
    dependency = is_third_party(one.name)
    return ShippedMap(
        one.name, one.location, package.object, one.contents, referred, public, dependency
    )


def _all_public(package: NpmPackage, one: Candidate, shipped: frozenset[str]) -> bool:
    """Whether every own original is shipped, or tracked below the package or workspace."""
    if one.contents is None:
        return False
    listing = package.listing
    top = listing.directory if listing.workspace is None else listing.workspace
    root = one.contents.roots[0] if one.contents.roots else ""
    for source in one.contents.sources:
        if is_third_party(source):
            continue
        path = original_of(package, one.name, root, source)
        tracked = package.tree is not None and package.tree.is_listed(path)
        if path not in shipped and not (tracked and (not top or path.startswith(top + "/"))):
            return False
    return True


def original_of(package: NpmPackage, name: str, root: str, source: str) -> str:
    """The path in the tree of an original; "" where it is not in the tree."""
    whole = posixpath.join(root, source) if root else source
    path = without_scheme(whole)
    if path.startswith("/") or (path != whole and not whole.startswith("webpack:")):
        return ""
    base = package.listing.directory
    if path == whole:
        base = posixpath.dirname(package.files[name])
    found = posixpath.normpath(posixpath.join(base, path))
    return "" if found.startswith("..") else found


def _allowed(patterns: Iterable[str]) -> Iterator[Glob]:
    for pattern in patterns:
        try:
            yield Glob(pattern)
        except (BadPattern, TooManyPatterns):
            continue


def _default_policy(package: NpmPackage) -> str:
    if package.name.startswith("@") or not package.is_open_source:
        return "forbid"
    return "allow-open-source"
