"""What `files` and the ignore files of a package leave out, and what they only seem to."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.npm import NpmPackage
from iachygiene.parse.npm_files import DEFAULT_EXCLUSIONS
from iachygiene.parse.npm_variants import (
    lost,
    other_version,
    overruled,
    reopened,
    without_effect,
    without_match,
)
from iachygiene.rule import rule
from iachygiene.rules.npm.wording import counted


def _named(names: list[str]) -> str:
    """How many files, and the first three."""
    first = ", ".join(f'"{name}"' for name in names[:3])
    return f"{counted(len(names), 'file')} ({first}{', ...' if len(names) > 3 else ''})"


_PRIVATE = (".map", ".env", ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk")
_SOURCES = (".ts", ".tsx", ".mts", ".cts", ".jsx", ".vue", ".svelte", ".coffee", ".scss", ".less")
_DECLARATIONS = (".d.ts", ".d.mts", ".d.cts")


def _is_leak(name: str) -> bool:
    """Whether a file is a map, a file of variables, a key, or a source."""
    base = name.lower().rpartition("/")[2]
    if base.endswith(_DECLARATIONS):
        return False
    known = base.startswith((".env", "id_rsa", "id_ed25519")) or base == ".npmrc"
    return known or base.endswith((*_PRIVATE, *_SOURCES))


@rule("NPM401", NpmPackage, Severity.WARNING)
def allow_list_missing(package: NpmPackage) -> Findings:
    """Nothing says what the package publishes: neither `files` nor an `.npmignore`.

    Then npm takes everything in the directory but a few names of its own and what `.gitignore`
    lists: tests, configuration, maps, and whatever somebody leaves there tomorrow. A list of
    what belongs in (`"files": ["dist"]`) fails the safe way: what is forgotten stays at home.

    Bad:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0"
        }
    Bad: a .gitignore was written for another purpose
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .gitignore --
        node_modules
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
    Good: npm would not publish it
        -- package.json --
        {"name": "shop", "version": "1.0.0", "private": true}
    Good: nobody would
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- examples/counter/package.json --
        {"name": "counter", "version": "1.0.0"}
    Good: a part of the package around it
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "react"]}
        -- react/package.json --
        {"name": "widget-react", "version": "1.0.0", "main": "../dist/react.js"}
    Bad: a member of a workspace
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"], "workspaces": ["packages/*"]}
        -- packages/react/package.json --
        {"name": "widget-react", "version": "1.0.0"}
    Good: an extension of Visual Studio Code, which no npm packs
        -- package.json --
        {"name": "widget", "version": "1.0.0", "engines": {"vscode": "^1.90.0"}}
    Good: nothing to leave out beside the default
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .npmignore --
        # everything here is meant to be published
    """
    if _needs_no_list(package):
        return
    number = counted(len(package.files), "file")
    message = f"neither `files` nor an .npmignore says what is published: {number} would be"
    yield at(package, message)


def _needs_no_list(package: NpmPackage) -> bool:
    is_extension = package.manifest.get("engines", "vscode") is not None
    never_published = package.is_private or package.is_sample or is_extension
    return package.is_packed or never_published or _has_list(package) or package.is_part


def _has_list(package: NpmPackage) -> bool:
    field = package.manifest.get("files")
    return (field is not None and field.truthy) or _exists(package, ".npmignore")


def _exists(package: NpmPackage, name: str) -> bool:
    top = package.listing.directory
    return package.tree is not None and package.tree.exists(f"{top}/{name}" if top else name)


@rule("NPM402", NpmPackage, Severity.INFO)
def gitignore_fallback(package: NpmPackage) -> Findings:
    """The `.gitignore` of the package decides what is published.

    npm falls back to it where there is neither `files` nor an `.npmignore`. The two have
    different purposes: git ignores what is built, npm is to publish it; git keeps tests and
    configuration, npm should not. A change for the one silently changes the other.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .gitignore --
        node_modules
        coverage
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- .gitignore --
        dist
    """
    if not _needs_no_list(package) and _exists(package, ".gitignore"):
        yield at(package, "the .gitignore decides what is published")


@rule("NPM403", NpmPackage, Severity.WARNING)
def reopened_directory(package: NpmPackage) -> Findings:
    r"""An ignored directory is published whole, for something in it is included again.

    For npm a rule `dist` matches the entry of the directory alone. A negation such as
    `!dist/index.js`, or a `main` or `bin` that points into the directory, makes npm walk it,
    and then nothing within is excluded any more: maps and sources go public. Write `dist/**`;
    then only what is included again ships. Better still, list what belongs in with `files`.

    An error where a map, a file of variables, a key or a source appears that way.

    Bad: main points into what git ignores
        -- package.json --
        {"name": "widget", "version": "1.0.0", "main": "dist/index.js"}
        -- .gitignore --
        dist
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Bad: one file included again brings all of them
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .npmignore --
        src
        !src/index.js
        -- src/index.js --
        console.log(1)
        -- src/internal.js --
        console.log(2)
    Good: the rule speaks of the contents
        -- package.json --
        {"name": "widget", "version": "1.0.0", "main": "dist/index.js"}
        -- .npmignore --
        dist/**
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good: nothing in the directory is included again
        -- package.json --
        {"name": "widget", "version": "1.0.0", "main": "index.js"}
        -- .npmignore --
        src
        -- index.js --
        console.log(1)
        -- src/index.ts --
        console.log(1)
    """
    for variant in reopened(package):
        leaks = [name for name in variant.files if _is_leak(name)]
        level = package.level(Severity.ERROR if leaks else Severity.WARNING)
        yield at(
            variant.location,
            f"`{variant.text}` does not keep {_named(leaks or variant.files)} out;"
            f" `{variant.better}` would",
            object=package.object,
            related=[package.because(variant.files[0])],
            severity=level,
        )


@rule("NPM404", NpmPackage, Severity.WARNING)
def nested_reinclude(package: NpmPackage) -> Findings:
    """An ignore file below the root publishes what npm leaves out by itself.

    npm never packs `.npmrc`, `.git`, backup files of editors and the like, unless an ignore
    file in a directory says the opposite. Such a negation is mostly left over from another
    tool.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"]}
        -- lib/.npmignore --
        !.npmrc
        -- lib/.npmrc --
        registry=https://npm.acme.example/
    Good: the ignore file of the root cannot do that
        -- package.json --
        {"name": "widget", "version": "1.0.0"}
        -- .npmignore --
        !.npmrc
        -- .npmrc --
        registry=https://npm.acme.example/
    """
    for name in package.files:
        base = name.rpartition("/")[2].lower()
        odd = base.startswith(".") or base.endswith(".orig")
        if not odd or "/" not in name or base in (".gitignore", ".npmignore"):
            continue
        decider = package.listing.steps(name)[-1].rule if not package.is_packed else None
        place = decider.location if decider else None
        if decider is None or place is None or not decider.what.startswith("."):
            continue
        nested = "/" in place.path[len(package.listing.directory) :].strip("/")
        if decider.negated and nested and DEFAULT_EXCLUSIONS.fullmatch(base):
            message = f'`{decider.text}` publishes "{name}", which npm would leave out'
            yield at(place, message, object=package.object)


@rule("NPM405", NpmPackage, Severity.WARNING)
def overruled_files_negation(package: NpmPackage) -> Findings:
    """A negated entry of `files` has no effect, for a later entry includes the files again.

    npm goes through `files` from the first entry to the last, and the last one that speaks of
    a file wins. Put the entries with `!` at the end.

    Bad:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["!**/*.map", "dist"]
        }
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist", "!**/*.map"]
        }
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    """
    for variant, later in overruled(package):
        yield at(
            variant.location,
            f'a later entry overrules "{variant.text}": {_named(variant.files)} would be published',
            object=package.object,
            related=[later.labelled("the last entry that includes files")],
        )


@rule("NPM406", NpmPackage, Severity.WARNING)
def files_negation_ignored(package: NpmPackage) -> Findings:
    """A negated entry of `files` removes nothing, though it looks as if it did.

    npm 11 ignores a negation that begins with `./`, and one of a file that is listed by its
    exact name as well; npm 12 takes `!*.map` for the root directory alone. The form that works
    everywhere is `!**/*.map`.

    An error where a map is published because of it.

    Bad: for npm 11, `./` matches nothing
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist", "!./dist/index.js.map"]
        }
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Bad: for npm 12, no `/` means the root
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "!*.map"]}
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
        -- .iachygiene.toml --
        [npm]
        version = "12"
    Good:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist", "!**/*.map"]
        }
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good: there is nothing that it could remove
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "!*.map"]}
        -- dist/index.js --
        console.log(1)
    """
    for variant in without_effect(package):
        maps = any(name.lower().endswith(".map") for name in variant.files)
        yield at(
            variant.location,
            f'"{variant.text}" removes nothing; "{variant.better}" would leave out'
            f" {_named(variant.files)}",
            object=package.object,
            severity=package.level(Severity.ERROR if maps else Severity.WARNING),
        )


@rule("NPM407", NpmPackage, Severity.INFO, default="off")
def files_entry_missing(package: NpmPackage) -> Findings:
    """An entry of `files` names nothing.

    A directory that was renamed, a typing error, or a build that has not run. Off by default,
    for a directory that the build makes is not there before it.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "typings"]}
        -- dist/index.js --
        console.log(1)
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "*.md"]}
        -- dist/index.js --
        console.log(1)
        -- README.md --
        A widget.
    """
    for entry in without_match(package):
        message = f'"{entry.text}" in `files` matches nothing'
        yield at(entry.node.location, message, object=package.object)


@rule("NPM408", NpmPackage, Severity.WARNING)
def npm_version_differs(package: NpmPackage) -> Findings:
    """The package of npm 11 is another than that of npm 12.

    npm 12 reads `files` anew: entries are looked up on disk, and `!*.map` only speaks of the
    root directory. Which of the two packs the release depends on the machine. Only maps, files
    of variables, keys and sources are told. `"!**/*.map"` as the last entry works with both.

    Bad:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist", "!*.map"]
        }
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    Good:
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist", "!**/*.map"]
        }
        -- dist/index.js --
        console.log(1)
        -- dist/index.js.map --
        {"version": 3, "sources": ["../src/index.ts"], "mappings": "AAAA"}
    """
    other = other_version(package) if not package.is_packed else None
    if other is None:
        return
    here = package.listing.version
    only_here = [name for name in lost(package, other) if _is_leak(name)]
    only_there = [name for name in other.files if name not in package.files and _is_leak(name)]
    for version, names in ((here, only_here), (other.version, only_there)):
        if names:
            rest = 23 - version
            message = f"npm {version} publishes {_named(names)}, npm {rest} does not"
            yield at(package, message)


@rule("NPM409", NpmPackage, Severity.WARNING)
def workspace_swept(package: NpmPackage) -> Findings:
    """The root of a workspace would be published with the files of its members.

    `npm pack` at the root packs the root alone, and takes what lies below it, the members
    included. A root is mostly not meant to be published at all: `"private": true` makes npm
    refuse.

    Bad:
        -- package.json --
        {
          "name": "acme",
          "version": "1.0.0",
          "workspaces": ["packages/*"]
        }
        -- packages/widget/package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
    Good:
        -- package.json --
        {"name": "acme", "version": "1.0.0", "private": true, "workspaces": ["packages/*"]}
        -- packages/widget/package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
    Good: the members are left out
        -- package.json --
        {"name": "acme", "version": "1.0.0", "workspaces": ["packages/*"], "files": ["bin"]}
        -- packages/widget/package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
    """
    if package.is_private or package.is_packed:
        return
    below = tuple(f"{member}/" for member in package.listing.members)
    swept = [name for name, path in package.files.items() if below and path.startswith(below)]
    if swept:
        key = package.manifest.key("workspaces") or package.manifest
        yield at(
            key.location,
            f"the package of the workspace root holds {_named(swept)} of its members",
            object=package.object,
        )
