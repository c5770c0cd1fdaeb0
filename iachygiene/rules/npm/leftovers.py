"""Published files that are no part of a package: sources, tests, tools, backups, dumps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Finding, Findings, Location, Severity, at
from iachygiene.parse.json import Json
from iachygiene.parse.npm import NpmPackage
from iachygiene.parse.npm_maps import is_third_party
from iachygiene.rule import rule
from iachygiene.rules.npm.wording import gathered


class ShippedFile:
    """A shipped file as something that a finding can stand at."""

    __slots__ = ("location", "name", "object")

    def __init__(self, name: str, location: Location, subject: str) -> None:
        self.name = name
        self.location = location
        self.object = subject


def named(package: NpmPackage, pattern: re.Pattern[str]) -> list[ShippedFile]:
    """The shipped files whose path, in small letters, holds a name of a pattern.

    Files of bundled dependencies are not the package's to leave out.
    """
    return [
        ShippedFile(name, package.place(name), package.object)
        for name in package.sizes
        if pattern.search("/" + name.lower()) and not is_third_party(name)
    ]


def _told(
    package: NpmPackage,
    found: list[ShippedFile],
    what: str,
    many: str,
    severity: Severity,
) -> Findings:
    severity = package.level(severity)

    def tell(file: ShippedFile) -> Finding:
        because = package.because(file.name)
        return at(file, f'"{file.name}" is {what}', related=[because], severity=severity)

    yield from gathered(package, found, tell, many, severity)


def _listed(package: NpmPackage, name: str) -> bool:
    """Whether `files` names the file, or a directory that holds it."""
    listed = package.is_listed_by_name
    while name:
        if name in listed:
            return True
        name = name.rpartition("/")[0]
    return False


_SOURCE = regex(r"\.(?:tsx?|mts|cts|jsx|vue|svelte|coffee|scss|less)\Z")
_DECLARATION = regex(r"\.d\.(?:[mc]?ts|[\w-]+\.ts)\Z")
_BUILD = regex(r"\A(?:dist|lib|build|out|es|esm|cjs)/")


@rule("NPM201", NpmPackage, Severity.INFO, default="off")
def source_next_to_build(package: NpmPackage) -> Findings:
    """The sources are published beside what was built from them.

    TypeScript, JSX or Sass files ship together with a built directory. Some packages do so on
    purpose, for debuggers; others by an oversight, with all that was not meant for the public.
    What `exports`, `main`, `types`, `bin`, `source`, `svelte` or `style` names belongs in.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "src"]}
        -- dist/index.js --
        console.log(1)
        -- src/index.ts --
        console.log(1)
    Good: nothing is built, the sources are the package
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["src"], "main": "src/index.ts"}
        -- src/index.ts --
        console.log(1)
    Good: an entry of the package, and declarations
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "src"],
         "exports": {".": {"svelte": "./src/Widget.svelte"}}}
        -- dist/index.js --
        console.log(1)
        -- dist/index.d.ts --
        export {}
        -- src/Widget.svelte --
        <p>1</p>
    """
    if not any(_BUILD.match(name) for name in package.sizes):
        return
    entries = frozenset(_entries(package.manifest))
    found = [
        file
        for file in named(package, _SOURCE)
        if not _DECLARATION.search(file.name.lower()) and file.name not in entries
    ]
    many = "sources are published beside what was built from them"
    yield from _told(package, found, "a source beside what was built", many, Severity.INFO)


def _entries(manifest: Json) -> Iterator[str]:
    for field in ("exports", "main", "types", "typings", "bin", "source", "svelte", "style"):
        node = manifest.get(field)
        for value in node.walk() if node is not None else ():
            if value.text:
                yield value.text.removeprefix("./")


_TEST = regex(
    r"/(?:tests?|__tests__|__mocks__|fixtures|__fixtures__)/|[^/]\.(?:test|spec)\.[^/]+\Z"
)


@rule("NPM202", NpmPackage, Severity.INFO, default="off")
def tests_shipped(package: NpmPackage) -> Findings:
    """Tests and their data are published.

    They make each installation larger, and hold what nobody thought of as public: recorded
    answers of servers, names of hosts, samples of data. Leave them out of `files`.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"]}
        -- lib/index.js --
        console.log(1)
        -- lib/index.test.js --
        check()
        -- lib/__tests__/answers.json --
        {}
    Good: listed by name, so meant
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib", "test"]}
        -- lib/index.js --
        console.log(1)
        -- test/suite.js --
        check()
    """
    found = [one for one in named(package, _TEST) if not _listed_deeper(package, one.name)]
    yield from _told(package, found, "part of a test", "files of tests ship", Severity.INFO)


def _listed_deeper(package: NpmPackage, name: str) -> bool:
    """Whether `files` names the file or its folder of tests, and not only what is around it."""
    listed = package.is_listed_by_name
    while name and _TEST.search(f"/{name}/"):
        if name in listed:
            return True
        name = name.rpartition("/")[0]
    return False


_CI = regex(
    r"/\.(?:github|circleci|buildkite)/|/\.gitlab-ci\.ya?ml\Z|/\.travis\.ya?ml\Z"
    r"|/azure-pipelines\.ya?ml\Z|/jenkinsfile\Z|/dockerfile(?:\.[^/]*)?\Z"
    r"|/(?:docker-)?compose[^/]*\.ya?ml\Z|\.tf\Z"
)


@rule("NPM203", NpmPackage, Severity.INFO, default="off")
def ci_config(package: NpmPackage) -> Findings:
    """The configuration of a pipeline or of a deployment is published.

    It tells how a project is built and where it runs, and is of no use to who installs it.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .github/workflows/release.yml --
        on: push
        -- Dockerfile --
        FROM node:22
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- Dockerfile --
        FROM node:22
        -- dist/compose.js --
        console.log(1)
    """
    found = named(package, _CI)
    many = "files configure pipelines or deployments"
    yield from _told(package, found, "configuration of a pipeline", many, Severity.INFO)


_EDITOR = regex(r"/\.(?:vscode|idea)/|\.iml\Z|\.code-workspace\Z|/\.ds_store\Z|/thumbs\.db\Z")


@rule("NPM204", NpmPackage, Severity.INFO, default="off")
def editor_config(package: NpmPackage) -> Findings:
    """Settings of an editor or of a file manager are published.

    They are personal, hold paths of a machine now and then, and are of no use to others.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .vscode/settings.json --
        {}
    Good: the one that a whole project shares
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .editorconfig --
        root = true
    """
    found = named(package, _EDITOR)
    yield from _told(package, found, "settings of an editor", "settings of editors", Severity.INFO)


_BUILD_INFO = regex(
    r"\.tsbuildinfo\Z|/\.eslintcache\Z|/\.(?:webpack-cache|parcel-cache|turbo)/|/\.nx/cache/"
)


@rule("NPM205", NpmPackage, Severity.WARNING)
def build_info(package: NpmPackage) -> Findings:
    """A file that a build keeps for its next run is published.

    `*.tsbuildinfo`, caches and the statistics of bundlers list all files of the project, often
    with absolute paths, and parts of their contents.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/tsconfig.tsbuildinfo --
        {"root": ["../src/index.ts"]}
    Bad: told by what it holds
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/meta.json --
        {"inputs": {"src/index.ts": {"bytes": 10}}, "outputs": {}}
    Good: another file of that name
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/meta.json --
        {"title": "widget"}
    """
    found = named(package, _BUILD_INFO)
    many = "files are kept by builds for their next run"
    yield from _told(package, found, "kept by a build for its next run", many, Severity.WARNING)
    for mark in package.marks.get("build-info", ()):
        yield at(mark, f'"{mark.name}" holds {mark.text}', related=[package.because(mark.name)])


_COVERAGE = regex(
    r"/(?:coverage|\.nyc_output)/(?:.*/)?[^/]*\.(?:html|json|xml|info|lcov|css|png)\Z|/\.nyc_output/"
    r"|/lcov\.info\Z|/clover\.xml\Z|\.lcov\Z|/coverage-(?:final|summary)\.json\Z"
)


@rule("NPM206", NpmPackage, Severity.WARNING)
def coverage_shipped(package: NpmPackage) -> Findings:
    """The report of a test run on coverage is published.

    Such reports hold the sources line by line, or the paths of the machine they ran on.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- coverage/lcov.info --
        SF:/home/jo/widget/src/index.js
    Good: code that is about coverage
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"]}
        -- lib/coverage/index.js --
        console.log(1)
    """
    found = named(package, _COVERAGE)
    many = "files of reports on coverage"
    yield from _told(package, found, "a report on coverage", many, Severity.WARNING)


@rule("NPM207", NpmPackage, Severity.WARNING, security=True)
def nested_archive(package: NpmPackage) -> Findings:
    """An archive is published within the package.

    Nobody sees at a glance what is in it; an old package that `npm pack` left behind, or a
    copy of the whole source, hides well there. Archives are looked into one level deep: with
    a source map that embeds originals it is an error.

    Advice where `files` lists the archive by its name.

    Bad: what npm pack left behind
        -- package.json --
        {"name": "widget", "version": "1.0.1"}
        -- widget-1.0.0.tgz --
        not really one
    Bad: advice
        -- package.json --
        {"name": "widget", "version": "1.0.1", "files": ["data.zip"]}
        -- data.zip --
        not really one
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.1", "files": ["dist"]}
        -- widget-1.0.0.tgz --
        not really one
    """
    listed = package.is_listed_by_name
    for mark in package.marks.get("archive", ()):
        if is_third_party(mark.name):
            continue
        message = f'"{mark.name}" is an archive within the package'
        level = Severity.INFO if mark.name in listed else Severity.WARNING
        if mark.number:
            message += f"; source maps in it embed {mark.number:,} originals"
            level = Severity.ERROR
        because = package.because(mark.name)
        yield at(mark, message, related=[because], severity=package.level(level))


_SYMBOLS = regex(r"\.pdb\Z|\.dsym/|\.debug\Z")


@rule("NPM208", NpmPackage, Severity.WARNING, default="off")
def debug_symbols(package: NpmPackage) -> Findings:
    """Symbols for debuggers are published.

    They hold the names and paths of all sources of a binary, and are often larger than the
    binary itself. Strip binaries for a release; keep the symbols where crashes are analysed.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["bin"]}
        -- bin/widget.pdb --
        symbols
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["bin"]}
        -- bin/widget.node --
        stripped
    """
    found = named(package, _SYMBOLS)
    many = "files hold symbols for debuggers"
    yield from _told(package, found, "for debuggers alone", many, Severity.WARNING)
    for mark in package.marks.get("symbols", ()):
        yield at(mark, f'"{mark.name}" holds {mark.text}', related=[package.because(mark.name)])


_DUMP = regex(r"\.(?:dmp|hprof|heapsnapshot|cpuprofile)\Z")


@rule("NPM209", NpmPackage, Severity.ERROR, security=True)
def core_dump(package: NpmPackage) -> Findings:
    """A dump of a program's memory, or a profile of its run, is published.

    A dump holds what the program had in memory: keys, tokens, data of users, sources. Profiles
    and reports of node hold paths and the environment with its secrets.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- Heap.20260101.heapsnapshot --
        {"snapshot": {}}
    Bad: a report that node wrote when it crashed
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- report.20260101.120000.1.0.001.json --
        {"header": {"nodejsVersion": "v22.0.0"}, "environmentVariables": {}}
    Good: a directory of that name
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["core"]}
        -- core/index.js --
        console.log(1)
    """
    for file in named(package, _DUMP):
        because = package.because(file.name)
        level = package.level(Severity.ERROR)
        message = f'"{file.name}" is a dump or a profile of a running program'
        yield at(file, message, related=[because], severity=level)
    for mark in package.marks.get("core-dump", ()):
        because = package.because(mark.name)
        level = package.level(Severity.ERROR)
        yield at(mark, f'"{mark.name}" is {mark.text}', related=[because], severity=level)


_BACKUP = regex(
    r"/[^/]+~\Z|/#[^/]*#\Z|\.(?:swp|swo|bak|old|orig|rej|tmp)\Z|/[^/]+ copy(?: \d+)?\.[^/]+\Z"
)


@rule("NPM210", NpmPackage, Severity.WARNING)
def editor_backup(package: NpmPackage) -> Findings:
    """A backup or leftover of an editor is published.

    It holds an earlier state of a file: code that was removed, or a password that was moved
    elsewhere since.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"]}
        -- lib/index.js --
        console.log(1)
        -- lib/index.js~ --
        console.log(0)
        -- lib/config.js.bak --
        console.log(0)
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"]}
        -- lib/copy.js --
        console.log(1)
    """
    found = named(package, _BACKUP)
    many = "backups and leftovers of editors"
    yield from _told(package, found, "a backup or leftover of an editor", many, Severity.WARNING)


_LOG = regex(r"\.log\Z|/npm-debug\.log[^/]*\Z")


@rule("NPM211", NpmPackage, Severity.INFO)
def log_file(package: NpmPackage) -> Findings:
    """A log is published.

    Logs hold paths, names of hosts, and now and then what should not have been logged.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- yarn-error.log --
        Arguments: /usr/bin/node /usr/bin/yarn
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"]}
        -- lib/log.js --
        console.log(1)
    """
    yield from _told(package, named(package, _LOG), "a log", "logs", Severity.INFO)


_DATABASE = regex(r"\.(?:sqlite[0-9]?|sqlite3?-(?:wal|journal)|db|sql|dump)\Z")
LARGE_SQL = 100_000
"""Bytes from which a file of SQL is more likely data than a schema."""


@rule("NPM212", NpmPackage, Severity.WARNING)
def database_dump(package: NpmPackage) -> Findings:
    """A database, or the dump of one, is published.

    It may hold data of users. Where the package needs it, list it in `files` by its name. A
    file of SQL counts from 100 kB; smaller ones are mostly a schema.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- data/users.sqlite --
        SQLite format 3
    Bad: only advice, in a private package among tests
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- test/fixtures/shop/package.json --
        {"name": "shop", "version": "1.0.0", "private": true}
        -- test/fixtures/shop/state.sqlite --
        SQLite format 3
    Good: listed by name, and a schema
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["data/words.db", "schema.sql"]}
        -- data/words.db --
        SQLite format 3
        -- schema.sql --
        create table words (word text);
    """
    found = [
        file
        for file in named(package, _DATABASE)
        if file.name not in package.is_listed_by_name
        and not (file.name.lower().endswith(".sql") and package.sizes[file.name] < LARGE_SQL)
        and not file.name.lower().endswith("thumbs.db")
    ]
    many = "databases or dumps of databases"
    yield from _told(package, found, "a database or the dump of one", many, Severity.WARNING)
