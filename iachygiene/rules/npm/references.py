"""Where shipped files point to: the comments that name a map, and addresses elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.npm import NpmPackage, ShippedMap
from iachygiene.parse.npm_contents import Mark, Reference
from iachygiene.rule import rule
from iachygiene.rules.npm.wording import counted, gathered, shown


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
    Good: git leaves out the map alone, so that a build makes it
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["types"]}
        -- .gitignore --
        *.map
        -- types/index.d.ts --
        export {}
        //# sourceMappingURL=index.d.ts.map
    """
    found = [
        one
        for one in package.references
        if one.target is not None
        and one.target not in package.files
        and not package.will_ship(one.target, beside=one.name)
    ]

    def tell(reference: Reference) -> Finding:
        return at(
            reference,
            f'refers to the source map "{shown(reference.url)}", which is not published',
            severity=package.level(Severity.INFO if reference.dependency else Severity.WARNING),
        )

    only_others = all(one.dependency for one in found)
    level = package.level(Severity.INFO if only_others else Severity.WARNING)
    many = "files refer to a source map that is not published"
    yield from gathered(package, found, tell, many, level)


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
    for reference in package.references:
        if (level := _remote_level(package, reference.url)) is not None:
            message = f'refers to a source map on another host: "{shown(reference.url)}"'
            yield at(reference, message, severity=package.level(level))
    found = {}
    for shipped in (*package.maps, *package.inline_maps):
        remote = sorted(set(_remote(package, shipped)), key=lambda one: (-one[0], one[1]))
        if remote:
            found[shipped] = remote

    def tell(shipped: ShippedMap) -> Finding:
        level, url = found[shipped][0]
        more = f" and {len(found[shipped]) - 1:,} more" if len(found[shipped]) > 1 else ""
        message = f'source map of "{shipped.name}" points to "{shown(url)}"{more}'
        because = package.because(shipped.name)
        return at(shipped, message, related=[because], severity=package.level(level))

    worst = max((remote[0][0] for remote in found.values()), default=Severity.WARNING)
    many = "source maps point to originals on other hosts"
    yield from gathered(package, list(found), tell, many, package.level(worst))


@rule("NPM112", NpmPackage, Severity.WARNING, security=True)
def archive_url(package: NpmPackage) -> Findings:
    """A published file names an archive in object storage.

    Such an address is where a build puts its sources or its results. If the bucket can be
    read by everybody, what lies there is public as well; a package whose map pointed to an
    archive of the whole source is how one company lost it. Look whether the address has to be
    in the package, and who may read the bucket. Documents (`*.md`) and buckets that only stand
    for one (`my-bucket`) are passed over.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        fetch("https://acme-builds.s3.eu-west-1.amazonaws.com/widget/source.zip")
    Bad: by the name of the bucket
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/deploy.sh --
        aws s3 cp . s3://acme-builds/widget.tar.gz
    Good: something else from there, or an archive from a release page
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        fetch("https://acme-public.s3.amazonaws.com/logo.svg")
        fetch("https://github.com/acme/widget/releases/download/v1/widget.zip")
        help("put it at s3://my-bucket/app.zip, or https://your-bucket.s3.amazonaws.com/app.zip")
    """
    found = package.marks.get("archive-url", [])

    def tell(mark: Mark) -> Finding:
        return at(mark, f'names an archive in object storage: "{shown(mark.text)}"')

    yield from gathered(package, found, tell, "addresses of archives in object storage")


@rule("NPM114", NpmPackage, Severity.INFO, default="off")
def map_header(package: NpmPackage) -> Findings:
    """A published server configuration names source maps in a header.

    The header `SourceMap` tells a browser where the map is, without a comment in the script.
    Look whether that map is public on purpose.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["public"]}
        -- public/_headers --
        /app.js
          SourceMap: /maps/app.js.map
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["public"]}
        -- public/_headers --
        /app.js
          Cache-Control: no-cache
    """
    for mark in package.marks.get("map-header", ()):
        yield at(mark, f'"{mark.name}" sets the header "{mark.text}"')


@rule("NPM115", NpmPackage, Severity.WARNING)
def dev_build_shipped(package: NpmPackage) -> Findings:
    """A published bundle was built in development mode.

    In that mode webpack wraps each module into an `eval` that names its original file. The
    bundle is large and slow, pages with a content security policy refuse it, and all names
    and comments are still there. Build with `mode: "production"`.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        (() => {
        eval("console.log(1)//# sourceURL=webpack://widget/./src/index.js?");
        })();
    Good: a tool that writes such bundles
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        const end = "//# sourceURL=webpack://" + name;
    """
    found = package.marks.get("dev-build", [])

    def tell(mark: Mark) -> Finding:
        modules = counted(mark.number, "module")
        return at(mark, f'"{mark.name}" was built in development mode: {modules} in `eval`')

    yield from gathered(package, found, tell, "files were built in development mode")


def _remote(package: NpmPackage, shipped: ShippedMap) -> Iterator[tuple[Severity, str]]:
    """The URLs in a map that lead elsewhere, with their severity."""
    if shipped.contents is None:
        return
    for url in (*shipped.contents.roots, *shipped.contents.urls, *shipped.contents.sources):
        level = _remote_level(package, url)
        # Bundled code of others names its own sites; only hosts of ours are news.
        if level is not None and not (shipped.dependency and level < Severity.ERROR):
            yield level, url


_STORAGE = regex(
    r"(?:[\w.-]+\.)?s3[.-](?:[\w-]+\.)*amazonaws\.com(?:\.cn)?|s3\.amazonaws\.com"
    r"|storage\.googleapis\.com|[\w-]+\.storage\.googleapis\.com"
    r"|(?:[\w-]+\.)+(?:blob\.core\.windows\.net|r2\.dev|r2\.cloudflarestorage\.com"
    r"|digitaloceanspaces\.com|backblazeb2\.com)"
)
_PRIVATE = regex(
    r"[^.]*|(?:10|127)\..*|192\.168\..*|172\.(?:1[6-9]|2[0-9]|3[01])\..*"
    r"|.*\.(?:local|internal|corp|lan|localhost)"
)
_URL = regex(r"(https?:|s3:|gs:)?//([^/?#]*)([^?#]*)", re.IGNORECASE)


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
