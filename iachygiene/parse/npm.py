"""npm packages: what would be published, and the source maps in it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from iachygiene.files import Tree
from iachygiene.model import Broken, Job, Location, Severity, Span, Trouble
from iachygiene.parse.json import Json
from iachygiene.parse.npm_files import Listing, Refused, npm_files
from iachygiene.parse.npm_glob import BadPattern, Glob, TooManyPatterns, fold
from iachygiene.parse.npm_maps import (
    MapTooLarge,
    SourceMap,
    find_reference,
    inline_data,
    is_third_party,
    looks_like_map,
    read_map,
    wasm_reference,
    without_scheme,
)

MAX_MAP_SIZE = 64 * 1024 * 1024
"""Bytes of a map or of a file that may hold one; the default of `max-map-size`."""
MAX_MAP_SOURCES = 200_000
"""Sources in a map; the default of `max-map-sources`."""
SNIFFED = 4096
"""Bytes of a JSON file that are looked at for the beginning of a map."""

_REFERRING = (
    *(".js", ".mjs", ".cjs", ".jsx", ".ts", ".css"),
    *(".html", ".htm", ".svelte", ".vue", ".wasm"),
)
_DECLARATION_MAPS = (".d.ts.map", ".d.mts.map", ".d.cts.map")


class ShippedMap(NamedTuple):
    """A map that the package holds: a file, or the `data:` URL at the end of one.

    `name` is the path in the package, `contents` None where the map cannot be read. `because`
    is the place of the setting that lets it ship. `public` says that every own original is
    shipped or under version control, `dependency` that it belongs to a bundled package.
    """

    name: str
    location: Location
    object: str
    contents: SourceMap | None
    referred: bool
    because: Location
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


class Reference(NamedTuple):
    """The comment by which a shipped file refers to its map.

    `url` is "" for a `data:` URL. `target` is the path in the package of a relative one, None
    for others; it begins with `..` where that leads out.
    """

    name: str
    location: Location
    object: str
    url: str
    target: str | None
    dependency: bool


class NpmPackage:
    """A package as `npm publish` would send it.

    `maps` are shipped map files, `inline_maps` those within other files. `files` are the names
    in the package, mapped to paths in the tree.
    """

    __slots__ = (
        "allowed",
        "files",
        "inline_maps",
        "is_private",
        "listing",
        "manifest",
        "maps",
        "name",
        "object",
        "path",
        "policy",
        "references",
    )

    def __init__(self, listing: Listing, path: str, settings: Mapping[str, Any]) -> None:
        self.listing = listing
        self.manifest = listing.manifest
        self.path = path
        self.files = listing.files
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

    @property
    def location(self) -> Location:
        """The `files` field, else the package's name."""
        key = self.manifest.key("files") or self.manifest.get("name") or self.manifest
        return key.location

    def consents(self, shipped: ShippedMap) -> bool:
        """Whether `allow-maps` names the file that is, or holds, the map."""
        path = [fold(name) for name in shipped.name.split("/")]
        return any(glob.matches(path) for glob in self.allowed)

    def allows(self, shipped: ShippedMap) -> bool:
        """Whether the configuration allows to publish a map as a file."""
        return self.policy == "allow" or self.consents(shipped)

    def level(self, severity: Severity, shipped: ShippedMap | None = None) -> Severity:
        """The severity of a leak here.

        Advice for a map that is published on purpose; never an error where nothing goes to
        the public registry.
        """
        if shipped is not None and shipped.public and self.is_open_source:
            return Severity.INFO
        return min(severity, Severity.WARNING) if self.stays_private else severity

    @property
    def stays_private(self) -> bool:
        """Whether npm refuses to publish it, or publishes it to a registry of its own."""
        if self.is_private:
            return True
        registry = self.manifest.get("publishConfig", "registry")
        access = self.manifest.get("publishConfig", "access")
        if registry is None or not registry.text or (access and access.text == "public"):
            return False
        return not re.match(
            r"(?:https?:)?//registry\.(?:npmjs\.org|yarnpkg\.com)/?\Z", registry.text
        )

    @property
    def is_open_source(self) -> bool:
        """Whether it names an open licence and a repository on a public forge."""
        return (
            not self.is_private
            and _is_open_licence(self.manifest.get("license"))
            and self.forge is not None
        )

    @property
    def forge(self) -> tuple[str, str] | None:
        """Host and `owner/name` of the repository, None where it is on no public forge."""
        node = self.manifest.get("repository")
        if node is not None and node.kind == "object":
            node = node.get("url")
        return _forge((node.text if node else None) or "")


def group(paths: Iterable[str], tree: Tree, settings: Mapping[str, Any]) -> list[Job]:
    """One job for each package."""
    return [
        Job("npm", posixpath.dirname(path), (path,), settings)
        for path in paths
        if posixpath.basename(path) == "package.json"
    ]


def load(job: Job, tree: Tree) -> Iterator[NpmPackage | Trouble]:
    """The package of a job; nothing where npm would refuse to pack it.

    A `package.json` that is no JSON, and files over a limit, are troubles.
    """
    version = 12 if str(job.settings.get("version", "11")) == "12" else 11
    try:
        listing = npm_files(tree, job.directory, version)
    except Refused as refused:
        if refused.trouble is not None:
            yield refused.trouble
        return
    package = NpmPackage(listing, posixpath.join(job.directory, "package.json"), job.settings)
    yield from _Reader(tree, package, job.settings).read()
    yield package


class _Reader:
    """Finds the maps and references of a package. Each file is read at most once."""

    def __init__(self, tree: Tree, package: NpmPackage, settings: Mapping[str, Any]) -> None:
        self.tree = tree
        self.package = package
        self.max_size = int(settings.get("max-map-size") or MAX_MAP_SIZE)
        self.max_sources = int(settings.get("max-map-sources") or MAX_MAP_SOURCES)
        self.troubles: list[Trouble] = []

    def read(self) -> Iterator[Trouble]:
        package = self.package
        # A private workspace root is never published; its members are packages of their own.
        members = package.listing.members if package.is_private else ()
        below = tuple(f"{member}/" for member in members)
        names = [name for name, path in package.files.items() if not path.startswith(below)]
        for name in names:
            if self._may_refer(name):
                self._read_references(name)
        referred = {one.target for one in package.references}
        for name in names:
            if self._may_be_map(name, referred):
                self._read_map_file(name, name in referred)
        yield from self.troubles

    def _may_refer(self, name: str) -> bool:
        base = posixpath.basename(name).lower()
        if base.endswith(_REFERRING):
            return True
        return "." not in base and self._head(name).startswith(b"#!")

    def _may_be_map(self, name: str, referred: set[str | None]) -> bool:
        lower = name.lower()
        if lower.endswith(".map") or name in referred:
            return True
        if ".map." in lower or lower.endswith(".json"):
            return lower != "package.json" and looks_like_map(self._head(name))
        return False

    def _head(self, name: str) -> bytes:
        """The first bytes of a file, none where it cannot be read."""
        try:
            return self.tree.raw(self.package.files[name], self.max_size)[:SNIFFED]
        except Broken:
            return b""

    def _whole(self, name: str) -> bytes | None:
        try:
            return self.tree.raw(self.package.files[name], self.max_size)
        except Broken as broken:
            if broken.trouble.kind != "vanished":
                self.troubles.append(broken.trouble)
            return None

    def _read_references(self, name: str) -> None:
        data = self._whole(name)
        if data is None or b"sourceMappingURL" not in data:
            return
        disk = self.package.files[name]
        place = Location(disk)
        if name.lower().endswith(".wasm"):
            url = wasm_reference(data)
        else:
            comment = find_reference(data)
            url = comment.url if comment else None
            if comment is not None:
                # The payload of a `data:` URL is no part of the place.
                end = comment.end if len(comment.url) < 500 else comment.start + 40
                place = Location(disk, _span(data, comment.start, end))
        if not url:
            return
        dependency = is_third_party(name)
        if url[:5].lower() == b"data:":
            contents = self._parse(inline_data(url) or b"", disk)
            if contents is None:
                return
            self.package.references.append(
                Reference(name, place, self.package.object, "", None, dependency)
            )
            self.package.inline_maps.append(self._shipped(name, place, contents, True))
            return
        text = url.decode("utf-8", "replace")
        target = None
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", text):
            from urllib.parse import unquote

            path = unquote(re.split("[?#]", text, maxsplit=1)[0])
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        self.package.references.append(
            Reference(name, place, self.package.object, text, target, dependency)
        )

    def _read_map_file(self, name: str, referred: bool) -> None:
        data = self._whole(name)
        disk = self.package.files[name]
        contents = self._parse(data, disk) if data is not None else None
        # What cannot be read, and is said to be so, counts by its name.
        if contents is None and not referred and data is not None and not looks_like_map(data):
            return
        self.package.maps.append(self._shipped(name, Location(disk), contents, referred))

    def _parse(self, data: bytes, disk: str) -> SourceMap | None:
        try:
            return read_map(data, self.max_sources)
        except MapTooLarge as error:
            self.troubles.append(Trouble("over-limit", Location(disk), str(error)))
            return None

    def _shipped(
        self, name: str, place: Location, contents: SourceMap | None, referred: bool
    ) -> ShippedMap:
        package = self.package
        decider = package.listing.decider(name)
        because = decider.location if decider is not None else None
        if because is None:
            because = package.location.labelled("nothing in the package leaves it out")
        elif decider is not None:
            ours = decider.text if decider.what.startswith(".") else decider.what
            because = because.labelled(f"`{ours}` lets it ship")
        dependency = is_third_party(name)
        public = package.policy == "allow-open-source" and self._all_public(name, contents)
        return ShippedMap(
            name, place, package.object, contents, referred, because, public, dependency
        )

    def _all_public(self, name: str, contents: SourceMap | None) -> bool:
        """Whether every own original is shipped, or tracked below the package or workspace."""
        if contents is None:
            return False
        listing = self.package.listing
        top = listing.directory if listing.workspace is None else listing.workspace
        shipped = set(listing.files.values())
        root = contents.roots[0] if contents.roots else ""
        for source in contents.sources:
            if is_third_party(source):
                continue
            path = self._original(name, root, source)
            tracked = self.tree.is_listed(path) and (not top or path.startswith(top + "/"))
            if path not in shipped and not tracked:
                return False
        return True

    def _original(self, name: str, root: str, source: str) -> str:
        """The path in the tree of an original; "" where it is not in the tree."""
        whole = posixpath.join(root, source) if root else source
        path = without_scheme(whole)
        if path.startswith("/") or (path != whole and not whole.startswith("webpack:")):
            return ""
        base = self.package.listing.directory
        if path == whole:
            base = posixpath.dirname(self.package.files[name])
        found = posixpath.normpath(posixpath.join(base, path))
        return "" if found.startswith("..") else found


def _span(data: bytes, start: int, end: int) -> Span:
    """Bytes to code points."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    first = len(data[:start].decode(errors="replace"))
    return Span(first, first + len(data[start:end].decode(errors="replace")))


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


_PUBLIC_REGISTRY = re.compile(r"(?:https?:)?//registry\.(?:npmjs\.org|yarnpkg\.com)/?")

# Names of open licences in the SPDX list (https://spdx.org/licenses/), by family.
_OPEN = re.compile(
    r"(?:0BSD|AFL-[0-9.]+|A?GPL-[0-9.]+|LGPL-[0-9.]+|Apache-[0-9.]+|Artistic-[0-9.]+"
    r"|BlueOak-1\.0\.0|BSD-[1-4]-Clause(?:-[A-Za-z]+)?|BSL-1\.0|CC0-1\.0|CC-BY(?:-SA)?-[0-9.]+"
    r"|CDDL-[0-9.]+|CPL-1\.0|ECL-[0-9.]+|EPL-[0-9.]+|EUPL-[0-9.]+|ISC|MIT(?:-0)?|MPL-[0-9.]+"
    r"|MS-(?:PL|RL)|MulanPSL-2\.0|NCSA|OFL-1\.1|OSL-[0-9.]+|PostgreSQL|PSF-2\.0|Python-2\.0"
    r"|Unicode-3\.0|Unlicense|UPL-1\.0|W3C|WTFPL|X11|Zlib|ZPL-[0-9.]+)(?:-only|-or-later|\+)?"
)


def _is_open_licence(node: Json | None) -> bool:
    if node is not None and node.kind == "object":
        node = node.get("type")
    text = (node.text if node else None) or ""
    if len(text) > 500:
        return False
    # `A OR B` is open when one is, `A AND B` when both are; an exception only adds rights.
    text = re.sub(r" WITH [A-Za-z0-9.-]+", "", text.strip()).replace("(", " ").replace(")", " ")
    return bool(text.strip()) and all(
        any(_OPEN.fullmatch(name.strip()) for name in part.split(" OR "))
        for part in text.split(" AND ")
    )


_FORGES = {
    "github": "github.com",
    "gitlab": "gitlab.com",
    "bitbucket": "bitbucket.org",
}
_HOSTS = frozenset((*_FORGES.values(), "codeberg.org", "git.sr.ht", "gitee.com"))


def _forge(url: str) -> tuple[str, str] | None:
    short = re.fullmatch(r"(?:(github|gitlab|bitbucket):)?([\w.~-]+/[\w.-]+)(?:#.*)?", url)
    if short:
        return _FORGES[short[1] or "github"], short[2].removesuffix(".git")
    long = re.match(r"(?:git\+)?(?:https|git)://(?:www\.)?([^/@:]+)/([^?#]+)", url)
    if long is None or long[1].lower() not in _HOSTS:
        return None
    names = long[2].strip("/").removesuffix(".git").split("/")
    return (long[1].lower(), "/".join(names[:2])) if len(names) > 1 else None
