"""What the source maps of a package tell of its originals: their paths, names and places."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.npm import NpmPackage, ShippedMap, original_of
from iachygiene.parse.npm_contents import MAX_SOURCES
from iachygiene.parse.npm_maps import is_third_party
from iachygiene.rule import rule
from iachygiene.rules.npm.wording import counted, gathered, shown

_ABSOLUTE = regex(r"file:|/|[A-Za-z]:[\\/]|\\\\")
_HOME = regex(r"(?:^|[/\\])(?:Users|home)[/\\][^/\\]+[/\\]|^(?:file://)?/root/")
_ON_RUNNER = regex(r"(?:file://)?/home/runner/work/([^/]+)/([^/]+)/")
_SCHEME = regex(r"([a-z][a-z0-9+.-]{1,30}):(?://([^/]*)/?)?")


@rule("NPM106", NpmPackage, Severity.WARNING)
def map_source_paths(package: NpmPackage) -> Findings:
    r"""A published source map holds paths of the machine that built it.

    An absolute path tells the user's name and the layout of a disk, one that climbs out of the
    package tells what lies beside it in a private repository. Let the bundler write paths
    relative to the map, or build where the path says nothing.

    Bad: the home directory of a person
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["/Users/jo/acme/src/index.ts"], "mappings": "AAAA"}
    Bad: a source outside of the package
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../../billing/src/index.ts"], "mappings": "AAAA"}
    Bad: the root of all sources is a drive
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sourceRoot": "C:\\work\\", "sources": ["index.ts"], "mappings": "AAAA"}
    Good: within the package, and in a dependency
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts", "../../node_modules/left/a.js",
         "webpack://widget/./src/a.ts"], "mappings": "AAAA"}
    Good: a dependency beside the package
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"], "dependencies": {"left": "1"}}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../../left/src/a.ts"], "mappings": "AAAA"}
    Good: the runner of the repository that the package names
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist"],
          "repository": "acme/widget"
        }
        -- dist/index.js.map --
        {"version": 3, "sources": ["/home/runner/work/widget/widget/src/index.ts"],
         "mappings": "AAAA"}
    """
    found = {}
    for shipped in _all_maps(package):
        told = list(_telling_paths(package, shipped))
        if told:
            found[shipped] = told

    def tell(shipped: ShippedMap) -> Finding:
        told = found[shipped]
        more = f" and {len(told) - 1:,} more" if len(told) > 1 else ""
        message = f'source map of "{shipped.name}" holds the path "{shown(told[0])}"{more}'
        because = package.because(shipped.name)
        return at(shipped, message, related=[because], severity=package.level(Severity.WARNING))

    yield from gathered(package, list(found), tell, "source maps hold paths of the build machine")


def _all_maps(package: NpmPackage) -> Iterator[ShippedMap]:
    for shipped in (*package.maps, *package.inline_maps):
        if shipped.contents is not None and not shipped.dependency:
            yield shipped


def _telling_paths(package: NpmPackage, shipped: ShippedMap) -> Iterator[str]:
    """The paths in a map that tell of a machine, or of what lies beside the package."""
    contents = shipped.contents
    if contents is None:
        return
    for text in (*contents.roots, *contents.files, *contents.sources[:MAX_SOURCES]):
        if "node_modules" in text or is_third_party(text):
            continue
        if _ABSOLUTE.match(text) and len(text) > 1 and not text.startswith("//"):
            runner = _ON_RUNNER.match(text)
            known = package.forge is not None and package.forge[1].rpartition("/")[2]
            # `/src/a.ts` is how some tools write the root of the project itself.
            if not (runner and runner[1] == known) and _is_of_a_machine(text):
                yield text
        elif _HOME.search(text):
            yield text
    root = contents.roots[0] if contents.roots else ""
    if not root:
        names = _known_names(package)
        for text in contents.sources:
            if _climbs_out(shipped.name, text, names):
                yield text


_PROJECT_FOLDERS = frozenset(
    (
        *("src", "lib", "libs", "source", "sources", "packages", "package", "app", "apps"),
        *("test", "tests", "dist", "build", "components", "js", "ts", "webpack", "modules"),
    )
)


def _is_of_a_machine(text: str) -> bool:
    """Whether an absolute path is one of a disk: `/src/a.ts` is how some write a project's root."""
    if not text.startswith("/"):
        return True
    names = text.strip("/").split("/")
    return len(names) > 2 and names[0] not in _PROJECT_FOLDERS


def _climbs_out(name: str, source: str, known: frozenset[str]) -> bool:
    """Whether a relative source lies outside of the package, and in no dependency.

    A dependency lies beside the package, both where it is installed and in most workspaces.
    """
    if not source.startswith("..") or "node_modules" in source or ":" in source[:12]:
        return False
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), source))
    names = path.split("/")
    ups = names.count("..")
    beside = names[ups : ups + 2]
    return ups > 0 and not known.intersection((*beside[:1], "/".join(beside)))


@rule("NPM107", NpmPackage, Severity.INFO)
def map_internal_names(package: NpmPackage) -> Findings:
    """A published source map tells internal names: another project, a scope, a host.

    Bundlers put the name of the project before each source (`webpack://name/`), and paths hold
    the scopes of packages. Where that is not the name of the package itself or of one of its
    dependencies, it is one that nobody outside was meant to read.

    Bad: the name of another project
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["webpack://acme-monolith/./src/index.ts"], "mappings": "AAAA"}
    Bad: a scope that is no dependency
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../../@acme-private/billing/index.ts"], "mappings": "AAAA"}
    Good: its own name, and what it depends on
        -- package.json --
        {"name": "@acme/widget", "version": "1.0.0", "files": ["dist"],
         "dependencies": {"@left/pad": "1"}}
        -- dist/index.js.map --
        {"version": 3, "sources": ["webpack://@acme/widget/./src/a.ts",
         "webpack:///./src/b.ts", "../node_modules/@left/pad/index.js"], "mappings": "AAAA"}
    """
    known = _known_names(package)
    found = {}
    for shipped in _all_maps(package):
        names = sorted(set(_internal(shipped, known)))
        if names:
            found[shipped] = names

    def tell(shipped: ShippedMap) -> Finding:
        names = ", ".join(f'"{shown(name)}"' for name in found[shipped][:3])
        return at(shipped, f'source map of "{shipped.name}" tells the names {names}')

    yield from gathered(package, list(found), tell, "source maps tell internal names")


def _known_names(package: NpmPackage) -> frozenset[str]:
    """The package's own name, its scope, and those of its dependencies."""
    names = {package.name, package.name.partition("/")[2] or package.name}
    names.add(package.name.replace("/", "-").removeprefix("@"))
    for field in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"):
        node = package.manifest.get(field)
        names.update(key.value for key, _ in node.members) if node else None
    forge = package.forge
    if forge is not None:
        names.update(forge[1].split("/"))
        names.add("@" + forge[1].partition("/")[0])
    scopes = {name.partition("/")[0] for name in names if name.startswith("@")}
    return frozenset((*names, *scopes))


_BUNDLERS = frozenset(("webpack", "turbopack", "rollup", "ng", "vite", "rspack", "parcel"))


def _internal(shipped: ShippedMap, known: frozenset[str]) -> Iterator[str]:
    for source in shipped.contents.sources if shipped.contents else ():
        if is_third_party(source):
            continue
        scheme = _SCHEME.match(source)
        if scheme and scheme[1] in _BUNDLERS:
            name = scheme[2] or ""
            if name.startswith("@"):
                rest = source[scheme.end() :].partition("/")[0]
                name = f"{name}/{rest}" if rest not in ("", ".") else name
            if name not in ("", ".", "_N_E", "[project]", "[turbopack]", "[externals]", "[root]"):
                plain = name.partition("/")[0]
                if not known.intersection((name, plain, name.partition("/")[2])):
                    yield name
        elif not scheme:
            for part in source.split("/")[:-1]:
                if part.startswith("@") and len(part) > 1 and part not in known:
                    yield part


@rule("NPM108", NpmPackage, Severity.INFO, default="off")
def map_sources_shipped(package: NpmPackage) -> Findings:
    """A source map and all its originals are published together.

    That is how a package lets its users debug, and mostly intended. Off by default; switch it
    on where no original may leave the house.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "src"]}
        -- src/index.ts --
        export const one = 1
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- src/index.ts --
        export const one = 1
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    """
    shipped_files = frozenset(package.files.values())
    found = []
    for shipped in _all_maps(package):
        sources = _relative_sources(package, shipped)
        if sources and all(path in shipped_files for _, path in sources):
            found.append(shipped)

    def tell(shipped: ShippedMap) -> Finding:
        return at(shipped, f'source map of "{shipped.name}" ships with all its sources')

    yield from gathered(package, found, tell, "source maps ship with all their sources")


@rule("NPM109", NpmPackage, Severity.WARNING)
def map_sources_missing(package: NpmPackage) -> Findings:
    """A source map is published, and neither holds its sources nor comes with them.

    It is of no use: a debugger finds nothing to show, and warns. It still tells the names of
    all files. Leave the map out, or publish the sources with it.

    Maps of an open-source package are advice only, where each original is in the repository.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good: the sources ship
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "src"]}
        -- src/index.ts --
        export const one = 1
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good: the map holds them
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"],
         "sourcesContent": ["export const one = 1"], "mappings": "AAAA"}
    """
    shipped_files = frozenset(package.files.values())
    found = {}
    for shipped in _all_maps(package):
        contents = shipped.contents
        if contents is None or contents.embedded or package.consents(shipped):
            continue
        sources = _relative_sources(package, shipped)
        missing = [source for source, path in sources if path not in shipped_files]
        if missing:
            found[shipped] = missing

    def tell(shipped: ShippedMap) -> Finding:
        missing = found[shipped]
        number = counted(len(missing), "source")
        message = f'source map of "{shipped.name}" names {number} that do not ship'
        if len(missing) == 1:
            message = f'source map of "{shipped.name}" names a source that does not ship'
        message += f': "{shown(missing[0])}"'
        return at(shipped, message, severity=package.level(Severity.WARNING, shipped))

    for level in (Severity.WARNING, Severity.INFO):
        some = [one for one in found if package.level(Severity.WARNING, one) == level]
        yield from gathered(package, some, tell, "source maps lack their sources", level)


def _relative_sources(package: NpmPackage, shipped: ShippedMap) -> list[tuple[str, str]]:
    """The relative sources of a map, with their paths in the tree."""
    contents = shipped.contents
    if contents is None:
        return []
    root = contents.roots[0] if contents.roots else ""
    return [
        (source, original_of(package, shipped.name, root, source))
        for source in contents.sources
        if source and not is_third_party(source)
        if not _SCHEME.match(root + source) and not _ABSOLUTE.match(root + source)
    ]
