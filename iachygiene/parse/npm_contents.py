"""What the files of a package hold: maps, references to them, secrets, leftovers of builds.

Each file is looked at once, whether it comes from a directory or out of an archive.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Location, Span, Trouble
from iachygiene.parse.archive import Budget, Reader, Stopped
from iachygiene.parse.binaries import debug_size, is_core_dump, wasm_sections
from iachygiene.parse.npm_maps import (
    MapTooLarge,
    SourceMap,
    find_reference,
    inline_data,
    is_third_party,
    looks_like_map,
    read_map,
    wasm_reference,
)
from iachygiene.parse.secrets import find_secrets

MAX_SIZE = 64 * 1024 * 1024
"""Bytes of a map or of a file that may hold one; the default of `max-map-size`."""
MAX_SOURCES = 200_000
"""Sources in a map; the default of `max-map-sources`."""
SNIFFED = 4096
"""Bytes at the beginning of a file by which it is known."""
LARGE_MAP = 1024 * 1024
"""Bytes from which a `.map` file that is no JSON is worth a word."""
LARGE_SYMBOLS = 1024 * 1024

_REFERRING = (
    *(".js", ".mjs", ".cjs", ".jsx", ".ts", ".css"),
    *(".html", ".htm", ".svelte", ".vue", ".wasm"),
)
_SCRIPTS = (".js", ".mjs", ".cjs")
_ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip", ".7z", ".vsix", ".crx")
_CREDENTIAL_FILES = frozenset(
    (
        *(".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml", ".pypirc", ".netrc"),
        *(".git-credentials", ".dockercfg"),
    )
)
_ENV = regex(r"\.env(?:\..+)?|.+\.env")


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


class Candidate(NamedTuple):
    """A map before it is known who refers to it; `inline` is one within another file."""

    name: str
    location: Location
    contents: SourceMap | None
    inline: bool


class Mark(NamedTuple):
    """Something that a file holds, beside maps. What `text` and `number` are depends on `kind`:

    - "secret": what it is and how it begins; `number` is 1 within a map
    - "archive-url": the URL
    - "dev-build": `number` modules in development form
    - "map-header": the name of the header
    - "no-map": a large `.map` file that is none
    - "env": `number` variables with a value
    - "credential", "reference": the setting that holds one, or a `${VAR}`
    - "build-info": what wrote it
    - "core-dump", "symbols": what kind
    - "archive": `number` embedded originals within
    - "stub": a file that only stands for another (a link within an archive)
    """

    kind: str
    name: str
    location: Location
    object: str
    text: str
    number: int = 1


class Contents:
    """Everything that was seen in the files of one package."""

    def __init__(self, subject: str, settings: Mapping[str, Any]) -> None:
        self.object = subject
        self.max_size = int(settings.get("max-map-size") or MAX_SIZE)
        self.max_sources = int(settings.get("max-map-sources") or MAX_SOURCES)
        self.sizes: dict[str, int] = {}
        self.references: list[Reference] = []
        self.candidates: list[Candidate] = []
        self.marks: dict[str, list[Mark]] = defaultdict(list)
        self.troubles: list[Trouble] = []
        self.budget: Budget | None = None

    def forget(self, name: str) -> None:
        """Drop what was seen of a file that another one of its name replaces."""
        self.references = [one for one in self.references if one.name != name]
        self.candidates = [one for one in self.candidates if one.name != name]
        for kind, marks in self.marks.items():
            self.marks[kind] = [one for one in marks if one.name != name]

    def repeat(self, target: str, name: str, path: str) -> None:
        """Say of a second name of a file what was seen of the first."""
        place = Location(path)
        self.candidates += [
            one._replace(name=name, location=place) for one in self.candidates if one.name == target
        ]
        for marks in self.marks.values():
            marks += [
                one._replace(name=name, location=place) for one in marks if one.name == target
            ]

    def unread(self) -> Iterable[str]:
        """What references name and is not known to be a map: worth a second look."""
        known = {one.name for one in self.candidates if not one.inline}
        named = {one.target for one in self.references if one.target}
        return sorted(name for name in named if name in self.sizes and name not in known)

    def look(self, name: str, path: str, data: bytes) -> None:
        """See what a whole file holds; `path` is its place in the tree."""
        lower = name.lower()
        base = lower.rpartition("/")[2]
        is_map = lower.endswith(".map")
        if b"sourceMappingURL" in data and (lower.endswith(_REFERRING) or _is_script(base, data)):
            self._read_reference(name, path, data)
        if is_map or ".map." in base or (base.endswith(".json") and lower != "package.json"):
            self._read_map(name, path, data, by_name=is_map)
        self._read_text(name, path, data, lower.endswith(".map"))
        if lower.endswith(_SCRIPTS) and b"# sourceURL=webpack" in data:
            self._read_modules(name, path, data)
        self._read_by_name(name, path, data, base)

    def look_at_binary(self, name: str, path: str, data: bytes) -> None:
        """See what a file that is no text holds."""
        lower = name.lower()
        if lower.endswith(".wasm"):
            self._read_reference(name, path, data)
            if any(
                one[0].startswith(b".debug_") or one[0] == b"name" for one in wasm_sections(data)
            ):
                self._mark("symbols", name, path, "names and symbols for debuggers")
        elif is_core_dump(data):
            self._mark("core-dump", name, path, "a core dump")
        elif lower.endswith(_ARCHIVES):
            self._read_archive(name, path, data)
        elif debug_size(data) > LARGE_SYMBOLS:
            self._mark("symbols", name, path, "symbols for debuggers")
        elif lower.endswith(".map") and len(data) > LARGE_MAP:
            self._mark("no-map", name, path, "")

    def look_again(self, name: str, path: str, data: bytes) -> None:
        """See whether a file that a reference names is a map; it counts as one in any case."""
        contents = self._parsed(data, path)
        self.candidates.append(Candidate(name, Location(path), contents, False))

    def unreadable(self, name: str, path: str) -> None:
        """Note a file that could not be read: what is called a map counts as one."""
        if name.lower().endswith(".map"):
            self.candidates.append(Candidate(name, Location(path), None, False))

    def _mark(
        self,
        kind: str,
        name: str,
        path: str,
        text: str,
        *,
        number: int = 1,
        span: Span | None = None,
    ) -> None:
        place = Location(path) if span is None else Location(path, span)
        self.marks[kind].append(Mark(kind, name, place, self.object, text, number))

    def _parsed(self, data: bytes, path: str) -> SourceMap | None:
        try:
            return read_map(data, self.max_sources)
        except MapTooLarge as error:
            self.troubles.append(Trouble("over-limit", Location(path), str(error)))
            return None

    def _read_reference(self, name: str, path: str, data: bytes) -> None:
        place = Location(path)
        url: bytes | None
        if name.lower().endswith(".wasm"):
            url = wasm_reference(data)
        else:
            comment = find_reference(data)
            url = comment.url if comment else None
            if comment is not None:
                # The payload of a `data:` URL is no part of the place.
                end = comment.end if len(comment.url) < 500 else comment.start + 40
                place = Location(path, span_of(data, comment.start, end))
        if not url:
            return
        dependency = is_third_party(name)
        if url[:5].lower() == b"data:":
            decoded = inline_data(url) or b""
            contents = self._parsed(decoded, path)
            if contents is None:
                return
            self.references.append(Reference(name, place, self.object, "", None, dependency))
            self.candidates.append(Candidate(name, place, contents, True))
            for secret in find_secrets(decoded):
                text = secret.told
                self.marks["secret"].append(Mark("secret", name, place, self.object, text))
            return
        text = url.decode("utf-8", "replace")
        target = None
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", text):
            from urllib.parse import unquote

            to = unquote(re.split("[?#]", text, maxsplit=1)[0])
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), to))
        self.references.append(Reference(name, place, self.object, text, target, dependency))

    def _read_map(self, name: str, path: str, data: bytes, *, by_name: bool) -> None:
        begins = looks_like_map(data)
        if not begins and not by_name:
            return
        contents = self._parsed(data, path)
        # Only what is cut short counts by how it begins: other JSON has a version as well.
        cut = begins and by_name and not data.rstrip().endswith(b"}")
        over = self.troubles and self.troubles[-1].location.path == path
        if contents is None and not (cut or over):
            if by_name and not begins and len(data) > LARGE_MAP:
                self._mark("no-map", name, path, "")
            return
        self.candidates.append(Candidate(name, Location(path), contents, False))

    def _read_text(self, name: str, path: str, data: bytes, in_map: bool) -> None:
        for secret in find_secrets(data):
            span = None if in_map else span_of(data, secret.start, secret.end)
            text = secret.told
            self._mark("secret", name, path, text, number=int(in_map), span=span)
        if not name.lower().endswith((".md", ".mdx", ".markdown", ".rst")):
            for url, start in _archive_urls(data):
                span = None if in_map else span_of(data, start, start + len(url))
                self._mark("archive-url", name, path, url.decode("utf-8", "replace"), span=span)

    def _read_modules(self, name: str, path: str, data: bytes) -> None:
        count = 0
        at = data.find(b"# sourceURL=webpack")
        while at != -1:
            start = data.rfind(b"\n", 0, at) + 1
            count += _EVALUATED.match(data, start, start + 200) is not None
            at = data.find(b"# sourceURL=webpack", at + 1)
        if count:
            self._mark("dev-build", name, path, "", number=count)

    def _read_by_name(self, name: str, path: str, data: bytes, base: str) -> None:
        if base in (".htaccess", "_headers") or base.endswith(".conf"):
            header = re.search(rb"(?im)\b(?:X-)?SourceMap\b[\"']?\s*[: ]", data[:MAX_SIZE])
            if header:
                span = span_of(data, *header.span())
                self._mark("map-header", name, path, "SourceMap", span=span)
        elif _ENV.fullmatch(base):
            count = len(re.findall(rb"(?m)^[ \t]*(?:export[ \t]+)?[A-Za-z_]\w*=[^\s#]", data))
            if count:
                self._mark("env", name, path, "", number=count)
        elif base in _CREDENTIAL_FILES or name.lower().endswith(".docker/config.json"):
            self._read_credentials(name, path, data)
        elif _STATISTICS.fullmatch(base):
            head = data[:1_000_000]
            if b'"inputs"' in head and b'"outputs"' in head:
                self._mark("build-info", name, path, "the file list of a bundler")
            elif b'"modules"' in head and b'"chunks"' in head:
                self._mark("build-info", name, path, "the statistics of a bundler")
        elif _NODE_REPORT.fullmatch(base):
            if b'"javascriptStack"' in data or b'"nodejsVersion"' in data:
                self._mark("core-dump", name, path, "a diagnostic report of node")
        elif base.endswith(_ARCHIVES):
            self._read_archive(name, path, data)

    def _read_archive(self, name: str, path: str, data: bytes) -> None:
        if self.budget is None:
            self.budget = Budget()
        count = 0
        try:
            count = _embedded_within(data, self.max_sources, self.budget)
        except Stopped as stopped:
            self.troubles.append(stopped.trouble(path))
        self._mark("archive", name, path, "", number=count)

    def _read_credentials(self, name: str, path: str, data: bytes) -> None:
        for found in _CREDENTIAL.finditer(data):
            word, value = (one for one in found.groups() if one is not None)
            value = value.strip().strip(b"\"'")
            if not value or value.startswith((b"#", b";", b"<")):
                continue
            kind = "reference" if b"${" in value or value.startswith(b"$") else "credential"
            setting = word.decode("utf-8", "replace").rpartition(":")[2]
            start = data.index(word, found.start())
            span = span_of(data, start, start + len(word))
            self._mark(kind, name, path, setting, span=span)


_EVALUATED = regex(rb"[ \t]*(?:/\*\*\*/ ?)?eval\((?:__webpack_require__\.ts\()?[\"']")
_STATISTICS = regex(r"(?:[\w.-]*[._-])?(?:stats|meta|metafile)(?:[._-][\w.-]*)?\.json")
_NODE_REPORT = regex(r"report\.[0-9.]+\.json")
_CREDENTIAL = regex(
    rb"(?m)(?:^|[{,])[ \t]*[\"']?((?://[^\s=]{1,300}:)?(?:_authToken|_auth|_password|npmAuthToken"
    rb"|npmAuthIdent|password|token|auth|identitytoken))[\"']?[ \t]*[=:][ \t]*([^\r\n]{1,4000})"
    rb"|^[ \t]*machine[ \t]+\S{1,300}[ \t]+login[ \t]+\S{1,300}[ \t]+(password)[ \t]+(\S{1,300})"
    rb"|^(https?)://[^\s:@/]{1,300}:([^\s@]{1,300})@"
)
_STORE = regex(
    rb"(?:[\w-]{1,63}\.){0,6}(?:s3[.-](?:[\w-]{1,63}\.)?amazonaws\.com|storage\.googleapis\.com"
    rb"|blob\.core\.windows\.net|r2\.dev|r2\.cloudflarestorage\.com|digitaloceanspaces\.com"
    rb"|backblazeb2\.com)/"
)
_STORED_ARCHIVE = regex(rb"[\w./%~+=@,-]{1,700}\.(?:zip|tar|tgz|tar\.gz|7z)(?![\w-])")
_SAMPLE_BUCKET = regex(
    rb"(?:^|[./])(?:(?:my|your|some|the|sample)[-_])?bucket(?:[-_]?name)?[./]|example",
    re.IGNORECASE,
)
"""A bucket that stands for one, as documentation names it."""


def _is_script(base: str, data: bytes) -> bool:
    return "." not in base and data.startswith(b"#!")


def _archive_urls(data: bytes) -> Iterable[tuple[bytes, int]]:
    """The URLs of archives in object storage, with where they stand; at most twenty."""
    found: list[tuple[bytes, int]] = []
    at = data.find(b"://")
    while at != -1 and len(found) < 20:
        scheme = data[max(0, at - 5) : at]
        bucket = scheme.endswith((b"s3", b"gs"))
        if bucket or (scheme.endswith((b"http", b"https")) and _STORE.match(data, at + 3)):
            start = at - (2 if bucket else 5 if scheme == b"https" else 4)
            url = _STORED_ARCHIVE.match(data, at + 3)
            if url and not _SAMPLE_BUCKET.search(url[0]):
                found.append((data[start : url.end()], start))
        at = data.find(b"://", at + 3)
    return found


def _embedded_within(data: bytes, max_sources: int, budget: Budget) -> int:
    """How many own originals the maps in an archive embed; 0 where it is of no known form."""
    if data.startswith(b"PK"):
        return _embedded_in_zip(data, max_sources, budget)
    found = 0
    try:
        reader = Reader(BytesIO(data), budget)
        for member in reader.members():
            if member.kind == "file" and member.path.endswith(".map"):
                found += _own_in(reader.contents(), max_sources)
    except Stopped as stopped:
        if stopped.kind == "over-limit":
            raise
    return found


def _embedded_in_zip(data: bytes, max_sources: int, budget: Budget) -> int:
    from zipfile import BadZipFile, ZipFile

    found = 0
    try:
        with ZipFile(BytesIO(data)) as archive:
            for member in archive.infolist():
                budget.enter()
                if member.filename.endswith(".map"):
                    with archive.open(member) as file:
                        contents = file.read(MAX_SIZE + 1)
                    budget.take(len(contents))
                    found += _own_in(contents, max_sources)
    except (BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, ValueError):
        return found
    return found


def _own_in(data: bytes | None, max_sources: int) -> int:
    try:
        contents = read_map(data, max_sources) if data and len(data) <= MAX_SIZE else None
    except MapTooLarge:
        return 0
    return len(contents.own) if contents else 0


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file look like text."""
    return b"\0" not in head


def wants_whole(name: str, head: bytes) -> bool:
    """Whether a binary file is to be read whole, and not only its beginning."""
    lower = name.lower()
    executable = head.startswith((b"\x7fELF", b"\xcf\xfa\xed\xfe"))
    return executable or lower.endswith((".wasm", *_ARCHIVES))


def span_of(data: bytes, start: int, end: int) -> Span:
    """Bytes to code points, the byte order mark not counted."""
    mark = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    first = len(data[mark:start].decode(errors="replace"))
    return Span(first, first + len(data[start:end].decode(errors="replace")))
