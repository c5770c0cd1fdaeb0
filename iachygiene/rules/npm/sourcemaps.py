"""Source maps in what a package publishes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.npm import NpmPackage, ShippedMap
from iachygiene.rule import rule
from iachygiene.rules.npm.wording import APART, counted, gathered, shown


@rule("NPM101", NpmPackage, Severity.ERROR, sensitive=True, security=True)
def map_embeds_source(package: NpmPackage) -> Findings:
    r"""A published source map holds the package's own original files.

    A map with `sourcesContent` carries the text of the files it was made from: comments,
    names and code that the build left out. Whoever downloads the package can write them back
    to disk with one command; whole applications became public that way, by one forgotten
    line in `files`. Leave the maps out (`"!**/*.map"` as the last entry of `files`), or let
    the bundler make maps without contents.

    Maps of an open-source package are advice only, where each original ships or is in the
    repository. `maps` and `allow-maps` in the table `[npm]` say otherwise.

    Bad:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist"]
        }
        -- dist/index.js --
        console.log(1)
        //# sourceMappingURL=index.js.map
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"],
         "sourcesContent": ["console.log(1)\n"], "mappings": "AAAA"}
    Fixed:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist", "!**/*.map"]
        }
    Bad: an ignored directory comes back whole, for `main` re-includes it
        -- package.json --
        {"name": "widget", "version": "1.0.0", "main": "dist/index.js"}
        -- .gitignore --
        dist
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"],
         "sourcesContent": ["console.log(1)\n"], "mappings": "AAAA"}
    Good: the maps stay out
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist", "!**/*.map"]
        }
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"],
         "sourcesContent": ["console.log(1)\n"], "mappings": "AAAA"}
    Good: only a dependency's files are embedded
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/vendor.js.map --
        {"version": 3, "sources": ["../node_modules/left/index.js"],
         "sourcesContent": ["left()\n"], "mappings": "AAAA"}
    Good: a file of another kind with the same ending
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["levels"]}
        -- levels/first.map --
        {"tiles": [1, 2, 3], "width": 3}
    """
    found = [one for one in package.maps if one.own and not package.allows(one)]

    def tell(shipped: ShippedMap) -> Finding:
        return at(
            shipped,
            f'source map "{shipped.name}" embeds {_embedded(shipped)}{_notes(shipped)}',
            related=[package.because(shipped.name)],
            severity=package.level(Severity.ERROR, shipped),
            fix=package.map_fix,
        )

    def many(some: list[ShippedMap]) -> str:
        originals = [one for shipped in some if shipped.contents for one in shipped.contents.own]
        lines = sum(original.lines for original in originals)
        return f"source maps embed {len(originals):,} own files, {lines:,} lines"

    yield from _all(package, found, tell, many, Severity.ERROR)


@rule("NPM102", NpmPackage, Severity.INFO)
def map_embeds_third_party(package: NpmPackage) -> Findings:
    r"""A published source map holds originals of dependencies alone.

    Those are public anyway. The map still makes the package larger, and the next build may put
    files of your own into it.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/vendor.js --
        left()
        -- dist/vendor.js.map --
        {"version": 3, "sources": ["../node_modules/left/index.js"],
         "sourcesContent": ["left()\n"], "mappings": "AAAA"}
    Good: with a file of the package it is an error of its own
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../node_modules/left/index.js", "../src/index.ts"],
         "sourcesContent": ["left()\n", "right()\n"], "mappings": "AAAA"}
    """
    found = [
        one
        for one in package.maps
        if one.contents and one.contents.embedded and not one.own and not package.allows(one)
    ]

    def tell(shipped: ShippedMap) -> Finding:
        embedded = len(shipped.contents.embedded) if shipped.contents else 0
        files = counted(embedded, "third-party file")
        return at(shipped, f'source map "{shipped.name}" embeds {files} and none of its own')

    files = sum(len(one.contents.embedded) for one in found if one.contents)
    yield from gathered(package, found, tell, f"source maps embed {files:,} third-party files")


@rule("NPM103", NpmPackage, Severity.WARNING, sensitive=True, security=True)
def map_inline(package: NpmPackage) -> Findings:
    r"""A published file ends in a source map written into it.

    The comment at the end of the file holds the whole map as a `data:` URL, mostly with the
    text of all originals. Leaving `*.map` files out does not help, and the file grows several
    times over. Switch the bundler from inline maps to files, or off.

    An error where the package's own files are embedded.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        //# sourceMappingURL=data:;base64,eyJzb3VyY2VzIjpbXSwibWFwcGluZ3MiOiIifQ==
    Bad: percent-encoded, with the original
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.css --
        a { color: red }
        /*# sourceMappingURL=data:,%7B%22sourcesContent%22:[%22a%22],%22mappings%22:%22%22%7D */
    Good: a library that writes such comments
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        const end = "//# sourceMappingURL=data:application/json;base64," + encode(map)
    """
    found = [one for one in package.inline_maps if not package.consents(one)]

    def tell(shipped: ShippedMap) -> Finding:
        what = f"embeds {_embedded(shipped)}" if shipped.own else "embeds no own file"
        level = Severity.ERROR if shipped.own else Severity.WARNING
        return at(
            shipped,
            f'source map inside "{shipped.name}" {what}',
            related=[package.because(shipped.name)],
            severity=package.level(level, shipped),
        )

    worst = Severity.ERROR if any(one.own for one in found) else Severity.WARNING
    levels = [package.level(worst, one) for one in found]
    many = "files hold a source map"
    yield from gathered(package, found, tell, many, max(levels, default=worst))


@rule("NPM104", NpmPackage, Severity.WARNING)
def map_shipped(package: NpmPackage) -> Findings:
    r"""A published source map holds no originals, and still tells of them.

    Without `sourcesContent` a map lists the paths of all files it was made from, and maps
    minified names back. It helps nobody who cannot see the originals. Maps of type
    declarations are another matter and not meant here.

    Maps of an open-source package are advice only, where each original ships or is in the
    repository. `maps` and `allow-maps` in the table `[npm]` say otherwise.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Bad: a map that is cut short still leaked
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .npmignore --
        src
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/ind
    Fixed:
        -- .npmignore --
        src
        **/*.map
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist/**/*.js"]}
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good: a map of declarations
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.d.ts.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good: allowed by the configuration
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
        -- .iachygiene.toml --
        [npm]
        maps = "allow"
    """
    found = [
        one
        for one in package.maps
        if not (one.contents and one.contents.embedded)
        and not one.is_declaration
        and not package.allows(one)
    ]

    def tell(shipped: ShippedMap) -> Finding:
        contents = shipped.contents
        what = "contents not readable"
        if contents is not None:
            what = f"{counted(len(contents.sources), 'source')} named, none embedded"
        return at(
            shipped,
            f'source map "{shipped.name}" would be published: {what}{_notes(shipped)}',
            related=[package.because(shipped.name)],
            severity=package.level(Severity.WARNING, shipped),
            fix=package.map_fix,
        )

    many = "source maps would be published"
    yield from _all(package, found, tell, lambda _: many, Severity.WARNING)


@rule("NPM105", NpmPackage, Severity.INFO)
def map_declaration(package: NpmPackage) -> Findings:
    r"""A published map of type declarations holds no originals.

    `*.d.ts.map` files let an editor jump from a declaration to the source it was made from.
    That works where the sources are published as well; else the maps only tell their names.
    Publish both, or switch `declarationMap` off.

    A warning where the sources have absolute paths.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.d.ts --
        export declare const one: number;
        -- dist/index.d.ts.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Bad: a warning, for the path of a machine shows
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.d.mts.map --
        {"version": 3, "sources": ["/builds/acme/widget/src/index.mts"], "mappings": "AAAA"}
    Good: an embedded original is another matter, an error of its own
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.d.ts.map --
        {"version": 3, "sources": ["../src/index.ts"],
         "sourcesContent": ["export const one = 1\n"], "mappings": "AAAA"}
    """
    found = [
        one
        for one in package.maps
        if one.is_declaration
        and not package.allows(one)
        and not (one.contents and one.contents.embedded)
    ]

    def level(shipped: ShippedMap) -> Severity:
        sources = shipped.contents.sources if shipped.contents else ()
        absolute = any(source.startswith("/") for source in sources)
        return Severity.WARNING if absolute else Severity.INFO

    def tell(shipped: ShippedMap) -> Finding:
        sources = shipped.contents.sources if shipped.contents else ()
        names = ", ".join(f'"{shown(source)}"' for source in sources[:3])
        message = f'map of declarations "{shipped.name}" names {names or "no source"}'
        return at(shipped, message, severity=package.level(level(shipped)))

    worst = max(map(level, found), default=Severity.INFO)
    many = "maps of declarations would be published"
    yield from gathered(package, found, tell, many, package.level(worst))


@rule("NPM113", NpmPackage, Severity.INFO)
def map_unparsable(package: NpmPackage) -> Findings:
    """A large file is called a map and is none that can be read.

    Over 1 MB of something that is called `.map` and is no JSON: the map of a linker, the level
    of a game, or a source map that a tool has damaged or compressed. Have a look before it is
    public.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        -- dist/linker.map (1100000 bytes) --
        0x0000000000000000 _start
    Good: a small one
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["levels"]}
        -- levels/first.map --
        0 1 1 0 2
    """
    for mark in package.marks.get("no-map", ()):
        size = package.sizes[mark.name]
        yield at(mark, f'"{mark.name}" is called a map and is none: {size:,} bytes, no JSON')


def _embedded(shipped: ShippedMap) -> str:
    """How much of the own originals a map embeds, the three largest by name."""
    own = shipped.contents.own if shipped.contents else []
    lines = sum(original.lines for original in own)
    characters = sum(original.characters for original in own)
    largest = ", ".join(f'"{shown(original.source)}"' for original in own[:3])
    others = len(shipped.contents.embedded) - len(own) if shipped.contents else 0
    beside = f", and {counted(others, 'third-party file')}" if others else ""
    size = f"{counted(lines, 'line')}, {counted(characters, 'character')}"
    name = "largest " if len(own) > 1 else ""
    return f"{counted(len(own), 'own file')}, {size} ({name}{largest}){beside}"


def _notes(shipped: ShippedMap) -> str:
    hidden = "" if shipped.referred else "; no published file refers to it"
    maker = shipped.contents.maker if shipped.contents else ""
    return hidden + (f"; probably made by {maker}" if maker else "")


def _all(
    package: NpmPackage,
    found: list[ShippedMap],
    tell: Callable[[ShippedMap], Finding],
    many: Callable[[list[ShippedMap]], str],
    severity: Severity,
) -> Findings:
    """The findings, those of one severity together; many carry the same fix as each."""
    by_level: dict[Severity, list[ShippedMap]] = defaultdict(list)
    for shipped in found:
        by_level[package.level(severity, shipped)].append(shipped)
    for level, some in by_level.items():
        for finding in gathered(package, some, tell, many(some), level):
            yield finding if len(some) <= APART else finding._replace(fix=package.map_fix)
