"""Source maps in what a package publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.npm import NpmPackage, ShippedMap
from iachygiene.rule import rule

APART = 10
"""Findings of one rule about maps; of more, one finding tells."""


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
    findings = [
        at(
            shipped,
            f'source map "{shipped.name}" embeds {_embedded(shipped)}{_notes(shipped)}',
            related=[shipped.because],
            severity=package.level(Severity.ERROR, shipped),
        )
        for shipped in found
    ]
    originals = [one for shipped in found if shipped.contents for one in shipped.contents.own]
    lines = sum(original.lines for original in originals)
    many = f"source maps embed {len(originals):,} own files, {lines:,} lines"
    yield from _gathered(package, findings, many)


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
    findings = []
    for shipped in package.inline_maps:
        own = shipped.own
        what = f"embeds {_embedded(shipped)}" if own else "embeds no own file"
        finding = at(
            shipped,
            f'source map inside "{shipped.name}" {what}',
            related=[shipped.because],
            severity=package.level(Severity.ERROR if own else Severity.WARNING, shipped),
        )
        if not package.consents(shipped):
            findings.append(finding)
    yield from _gathered(package, findings, "files hold a source map")


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
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/ind
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
    findings = []
    for shipped in package.maps:
        contents = shipped.contents
        if (contents and contents.embedded) or shipped.is_declaration or package.allows(shipped):
            continue
        what = "contents not readable"
        if contents is not None:
            what = f"{_count(len(contents.sources), 'source')} named, none embedded"
        findings.append(
            at(
                shipped,
                f'source map "{shipped.name}" would be published: {what}{_notes(shipped)}',
                related=[shipped.because],
                severity=package.level(Severity.WARNING, shipped),
            )
        )
    yield from _gathered(package, findings, "source maps would be published")


@rule("NPM110", NpmPackage, Severity.WARNING)
def map_dangling_reference(package: NpmPackage) -> Findings:
    """A published file refers to a source map that is not published with it.

    Debuggers and bundlers look for the map and warn that it is missing. It also shows that
    the build makes maps: one change of `files` and they ship. Let the bundler make "hidden"
    maps, which leave the comment out, or none.

    Advice where the file belongs to a bundled dependency.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist/*.js"]}
        -- dist/index.js --
        console.log(1)
        //# sourceMappingURL=index.js.map
    Good: the map is there
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        //# sourceMappingURL=index.js.map
        -- dist/index.js.map --
        {"version": 3, "sources": [], "mappings": ""}
    Good: text in the middle of a file is no reference
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        //# sourceMappingURL=index.js.map
        console.log(1)
    """
    findings = [
        at(
            reference,
            f'refers to the source map "{_shown(reference.url)}", which is not published',
            severity=package.level(Severity.INFO if reference.dependency else Severity.WARNING),
        )
        for reference in package.references
        if reference.target is not None and reference.target not in package.files
    ]
    yield from _gathered(package, findings, "files refer to a source map that is not published")


@rule("NPM111", NpmPackage, Severity.WARNING, security=True)
def map_remote_reference(package: NpmPackage) -> Findings:
    """A published file or source map points to originals on another host.

    Whoever has the package has the address. If it can be read, the originals are public
    without being in the package; if not, it still tells where to look. An error for object
    storage and private hosts. The repository that `package.json` names is fine.

    Bad: object storage
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        //# sourceMappingURL=https://acme-builds.s3.eu-west-1.amazonaws.com/index.js.map
    Bad: a root of sources on a private host
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js.map --
        {"version": 3, "sourceRoot": "http://git.acme.internal/",
         "sources": ["a.ts"], "mappings": ""}
    Good: the repository of the package itself
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist"],
          "repository": "github:acme/widget"
        }
        -- dist/index.js.map --
        {"version": 3, "mappings": "",
         "sources": ["https://raw.githubusercontent.com/acme/widget/v1/a.ts"]}
    """
    findings = []
    for reference in package.references:
        if (level := _remote_level(package, reference.url)) is not None:
            message = f'refers to a source map on another host: "{_shown(reference.url)}"'
            findings.append(at(reference, message, severity=package.level(level)))
    for shipped in (*package.maps, *package.inline_maps):
        remote = sorted(set(_remote(package, shipped)), key=lambda one: (-one[0], one[1]))
        if remote:
            level, url = remote[0]
            more = f" and {len(remote) - 1:,} more" if len(remote) > 1 else ""
            message = f'source map of "{shipped.name}" points to "{_shown(url)}"{more}'
            related = [shipped.because]
            findings.append(at(shipped, message, related=related, severity=package.level(level)))
    yield from _gathered(package, findings, "files and maps point to originals on other hosts")


def _remote(package: NpmPackage, shipped: ShippedMap) -> Iterator[tuple[Severity, str]]:
    """The URLs in a map that lead elsewhere, with their severity."""
    if shipped.contents is None:
        return
    for url in (*shipped.contents.roots, *shipped.contents.urls, *shipped.contents.sources):
        level = _remote_level(package, url)
        # Bundled code of others names its own sites; only hosts of ours are news.
        if level is not None and not (shipped.dependency and level < Severity.ERROR):
            yield level, url


_STORAGE = re.compile(
    r"(?:[\w.-]+\.)?s3[.-](?:[\w-]+\.)*amazonaws\.com(?:\.cn)?|s3\.amazonaws\.com"
    r"|storage\.googleapis\.com|[\w-]+\.storage\.googleapis\.com"
    r"|(?:[\w-]+\.)+(?:blob\.core\.windows\.net|r2\.dev|r2\.cloudflarestorage\.com"
    r"|digitaloceanspaces\.com|backblazeb2\.com)"
)
_PRIVATE = re.compile(
    r"[^.]*|(?:10|127)\..*|192\.168\..*|172\.(?:1[6-9]|2[0-9]|3[01])\..*"
    r"|.*\.(?:local|internal|corp|lan|localhost)"
)
_URL = re.compile(r"(https?:|s3:|gs:)?//([^/?#]*)([^?#]*)", re.IGNORECASE)


def _remote_level(package: NpmPackage, url: str) -> Severity | None:
    """How bad it is to name a URL, None where it is none or the package's repository."""
    parts = _URL.match(url)
    if parts is None or not parts[2]:
        return None
    host = parts[2].rpartition("@")[2].lower()
    host = re.sub(r":[0-9]+\Z", "", host)[:253]
    if (parts[1] or "").lower() in ("s3:", "gs:") or _STORAGE.fullmatch(host):
        return Severity.ERROR
    if _PRIVATE.fullmatch(host):
        return Severity.ERROR
    return None if _is_own_repository(package, host, parts[3]) else Severity.WARNING


_RAW_HOSTS = {"raw.githubusercontent.com": "github.com"}


def _is_own_repository(package: NpmPackage, host: str, path: str) -> bool:
    forge = package.forge
    host = _RAW_HOSTS.get(host, host).removeprefix("www.")
    if forge is None or host != forge[0]:
        return False
    return (path.lstrip("/") + "/").lower().startswith(forge[1].lower() + "/")


def _shown(url: str) -> str:
    """The URL without user, query and fragment."""
    plain = re.split("[?#]", url, maxsplit=1)[0]
    plain = re.sub("//[^/@]*@", "//", plain, count=1)
    return plain if len(plain) <= 200 else plain[:197] + "..."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _embedded(shipped: ShippedMap) -> str:
    """How much of the own originals a map embeds, the three largest by name."""
    own = shipped.contents.own if shipped.contents else []
    lines = sum(original.lines for original in own)
    characters = sum(original.characters for original in own)
    largest = ", ".join(f'"{_shown(original.source)}"' for original in own[:3])
    others = len(shipped.contents.embedded) - len(own) if shipped.contents else 0
    beside = f", and {_count(others, 'third-party file')}" if others else ""
    size = f"{_count(lines, 'line')}, {_count(characters, 'character')}"
    name = "largest " if len(own) > 1 else ""
    return f"{_count(len(own), 'own file')}, {size} ({name}{largest}){beside}"


def _notes(shipped: ShippedMap) -> str:
    hidden = "" if shipped.referred else "; no published file refers to it"
    maker = shipped.contents.maker if shipped.contents else ""
    return hidden + (f"; probably made by {maker}" if maker else "")


def _gathered(package: NpmPackage, findings: list[Finding], many: str) -> Findings:
    """The findings; where there are many, one that counts them and names the first."""
    if len(findings) <= APART:
        yield from findings
        return
    top = package.listing.directory
    start = len(top) + 1 if top else 0
    first = ", ".join(f'"{finding.location.path[start:]}"' for finding in findings[:APART])
    places = [place for one in findings[:APART] for place in (one.location, *one.related)]
    yield at(
        package,
        f"{len(findings):,} {many}; first ten: {first}",
        related=dict.fromkeys(places),
        severity=max(finding.severity or Severity.INFO for finding in findings),
    )
