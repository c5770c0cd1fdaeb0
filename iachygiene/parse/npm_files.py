"""The files that `npm pack` puts into a package, without npm.

Follows npm 11 (packlist 10) or npm 12 (packlist 11), see
https://docs.npmjs.com/cli/commands/npm-pack and https://github.com/npm/npm-packlist. There
is one walk; each directory has lists of rules, a rule excludes or, negated, includes again,
and the last rule that changes the verdict wins. Lifecycle scripts are not run.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from iachygiene.files import Tree
from iachygiene.lazy import regex
from iachygiene.model import Broken, Location, SourceFile, Span, Trouble
from iachygiene.parse.json import Json, parse
from iachygiene.parse.npm_glob import (
    BadPattern,
    Glob,
    TooManyPatterns,
    find,
    fold,
    rule_lines,
    utf16,
)

MAX_RULES = 10_000
"""Rules, and expanded patterns, that one package may have."""

_DEFAULTS = (
    *(".npmignore", ".gitignore"),
    *("**/.git", "**/.svn", "**/.hg", "**/CVS"),
    *("**/.git/**", "**/.svn/**", "**/.hg/**", "**/CVS/**"),
    *("/.lock-wscript", "/.wafpickle-*", "/build/config.gypi"),
    *("npm-debug.log", "**/.npmrc", ".*.swp", ".DS_Store", "**/.DS_Store/**"),
    *("._*", "**/._*/**", "*.orig", "/archived-packages/**"),
)
DEFAULT_EXCLUSIONS = regex(
    r"\.npmignore|\.gitignore|\.git|\.svn|\.hg|\.lock-wscript|\.wafpickle-.*|\.npmrc"
    r"|\..*\.swp|\.ds_store|\._.*|.*\.orig"
)
"""Names, in small letters, that npm leaves out by itself wherever they stand."""
ALWAYS = (
    *("!/package.json", "!/readme{,.*[^~$]}", "!/copying{,.*[^~$]}"),
    *("!/license{,.*[^~$]}", "!/licence{,.*[^~$]}"),
)
NEVER = (
    *("/.git", "/node_modules", ".npmrc"),
    *("/package-lock.json", "/yarn.lock", "/pnpm-lock.yaml", "/bun.lockb"),
)
_NEVER_12 = ("/npm-shrinkwrap.json", "/bun.lock", "/.npm-extension.mjs", "/.npm-extension.cjs")

UNNEEDED_ESCAPE = regex(r"\\([^*?\[\]{}()!+@|\\])")
"""A backslash before what means itself anyway; among wildcards it confuses npm, and npm alone."""
IGNORE_FILES = (".npmignore", ".gitignore")


class Refused(Exception):
    """npm would not pack the directory; the text says why.

    `trouble` is set where the reason is one that a scan reports: `package.json` is no JSON,
    or a limit of ours is reached.
    """

    def __init__(self, reason: str, trouble: Trouble | None = None) -> None:
        super().__init__(reason)
        self.trouble = trouble


class Rule:
    """One rule of a list: where it stands, and what it matches.

    `what` says where it comes from ("built-in", "files", "main", ".gitignore", ...); `location`
    is None for what no file says.
    """

    __slots__ = ("_names", "_needed", "glob", "location", "negated", "text", "what")

    def __init__(
        self, text: str, glob: Glob | Paths, negated: bool, what: str, location: Location | None
    ) -> None:
        self.text = text
        self.glob = glob
        self.negated = negated
        self.what = what
        self.location = location
        self._names: dict[str, bool] = {}
        self._needed = glob.needed

    def hits(self, path: list[str], base: list[str] | None, partial: bool) -> bool:
        """Whether the rule speaks of the path, given as folded segments.

        `base` is the path from a directory further down, `partial` is set where the question
        is whether something below the path may be meant.
        """
        glob = self.glob
        if glob.base_only and isinstance(glob, Glob):
            name = path[-1] or (path[-2] if len(path) > 1 else "")
            known = self._names.get(name)
            if known is None:
                known = self._names[name] = glob.matches_name(name)
            return known
        if self._needed is not None and self._needed not in path and not (partial and self.negated):
            return False
        if _either(glob, path):
            return True
        return partial and (
            self._may_hold(path) or (base is not None and glob.is_short and self._may_hold(base))
        )

    def _may_hold(self, path: list[str]) -> bool:
        as_directory = [*path, ""]
        return (
            _either(self.glob, path)
            or _either(self.glob, as_directory)
            or (self.negated and _either(self.glob, path, partial=True))
        )


def _either(glob: Glob | Paths, path: list[str], partial: bool = False) -> bool:
    return glob.matches(["", *path], partial) or glob.matches(path, partial)


class Paths:
    """What the rules `/path`, and `/path/**` for directories, match: npm 12's `files`."""

    __slots__ = ("base_only", "directories", "is_short", "needed", "parents", "paths")

    def __init__(self, paths: Iterable[tuple[str, bool]]) -> None:
        self.base_only = self.is_short = False
        self.needed = None
        self.paths: set[str] = set()
        self.directories: set[str] = set()
        self.parents: set[str] = {""}
        for path, is_directory in paths:
            name = fold(path)
            self.paths.add(name)
            if is_directory:
                self.directories.add(name)
            while name := posixpath.dirname(name):
                self.parents.add(name)

    def matches(self, path: Sequence[str], partial: bool = False) -> bool:
        """Whether the path, with an empty first segment, is meant."""
        if path[0] != "":
            return False
        name = "/".join(path[1:])
        if partial and name in self.parents:
            return True
        name = name.rstrip("/")
        if name in self.paths:
            return True
        while name := posixpath.dirname(name):
            if name in self.directories:
                return True
        return False


class Step(NamedTuple):
    """The verdict on one path on the way to a file, and the rule that decided, if any.

    `why` replaces the rule where no rule decides: "link", "missing", "special", "name".
    """

    path: str
    included: bool
    rule: Rule | None
    why: str = ""


class Directory:
    """A directory being walked: its rule lists, and whether it was entered by its own name.

    `first` and `last` exclude what npm never packs, `lists` are the ones between them.
    """

    __slots__ = ("exact", "first", "last", "lists")

    def __init__(
        self, first: list[Rule], lists: list[list[Rule]], last: list[Rule], exact: bool
    ) -> None:
        self.first = first
        self.lists = lists
        self.last = last
        self.exact = exact


_ODD_NAMES = frozenset(("cvs", "archived-packages", "config.gypi", "npm-debug.log"))


def _is_odd(name: str) -> bool:
    """Whether a built-in exclusion may speak of a folded name."""
    return name.startswith(".") or name.endswith(".orig") or name in _ODD_NAMES


def _verdict(
    chain: Sequence[Directory], path: list[str], partial: bool = False
) -> tuple[bool, Rule | None]:
    """Whether a path is included, and by which rule; `path` is folded, from the first of `chain`.

    `chain` are the directories from the package root to the one that holds the last name.
    """
    included, decider = True, None
    base = path[len(chain) - 1 :]
    last = len(chain) - 1
    odd = any(map(_is_odd, path))
    for depth, directory in enumerate(chain):
        if not included and not directory.exact:
            return False, decider
        lists = directory.lists
        if odd:
            lists = [directory.first, *lists, directory.last]
        if not lists:
            continue
        here = path[depth:]
        for rules in lists:
            for rule in rules:
                if rule.negated != included and rule.hits(
                    here, None if depth == last else base, partial
                ):
                    included, decider = rule.negated, rule
    return included, decider


class Walk:
    """The walk of one package: the root, or a dependency that it bundles."""

    def __init__(self, packer: Packer, directory: str, prefix: str) -> None:
        self.packer = packer
        self.directory = directory
        self.prefix = prefix
        self.directories: dict[str, Directory] = {}
        self.required: dict[str, list[str]] = {}
        self.files: list[str] = []

    def disk(self, path: str) -> str:
        return posixpath.join(self.directory, path) if path else self.directory

    def run(self) -> None:
        todo = [""]
        while todo:
            path = todo.pop()
            chain = self.chain(path)
            above = [self.packer.folded(name) for name in path.split("/")] if path else []
            disk = self.disk(path)
            for name, kind in self.packer.tree.listdir(disk):
                kind = self.packer.kind_of(disk, name, kind)
                if kind not in ("file", "dir"):
                    continue
                inner = f"{path}/{name}" if path else name
                folded = [*above, self.packer.folded(name)]
                included, _ = _verdict(chain, folded)
                if kind == "file" and included:
                    self.packer.refuse_name(inner)
                    self.files.append(inner)
                elif kind == "dir" and _verdict(chain, folded, partial=True)[0]:
                    self.packer.refuse_name(inner)
                    exact = included or _verdict(chain, [*folded, ""])[0]
                    self.directories[inner] = self._inner_directory(inner, exact)
                    todo.append(inner)

    def chain(self, path: str) -> list[Directory]:
        """The directories from the root of the package to the given one."""
        names = path.split("/") if path else []
        return [self.directories["/".join(names[:depth])] for depth in range(len(names) + 1)]

    def _inner_directory(self, path: str, exact: bool) -> Directory:
        packer = self.packer
        disk = self.disk(path)
        present = dict(packer.tree.listdir(disk))
        lists = []
        if packer.reads_nested_manifests and self.prefix == "" and "package.json" in present:
            lists.append(packer.ignore_file(posixpath.join(disk, "package.json")))
        else:
            own = next((name for name in IGNORE_FILES if name in present), None)
            if own is not None:
                lists.append(packer.ignore_file(posixpath.join(disk, own)))
            if own == ".npmignore" and present.get(".gitignore") == "dir":
                raise Refused(f"{posixpath.join(disk, '.gitignore')} is a directory")
        last = packer.directory_rules
        if path in self.required:
            # These are not among what only odd names meet, so they are a list of their own.
            lists += [last, packer.rules([f"!{name}" for name in self.required[path]], "files")]
        return Directory(packer.defaults, lists, last, exact)

    def steps(self, path: str) -> Iterator[Step]:
        """The verdicts on the path and on the directories that lead to it."""
        names = path.split("/")
        for depth, name in enumerate(names):
            above, here = "/".join(names[:depth]), "/".join(names[: depth + 1])
            kind = dict(self.packer.tree.listdir(self.disk(above))).get(name, "missing")
            kind = self.packer.kind_of(self.disk(above), name, kind)
            folded = [self.packer.folded(one) for one in names[: depth + 1]]
            chain = self.chain(above)
            included, rule = _verdict(chain, folded, partial=kind == "dir")
            if kind not in ("dir", "file"):
                yield Step(here, False, rule if kind == "missing" else None, kind)
                return
            yield Step(here, included, rule)
            if here not in self.directories:
                return


class AnyWalk(Protocol):
    """What is asked of the walk of a package, whoever packs it."""

    directory: str
    prefix: str
    files: list[str]

    def disk(self, path: str) -> str:
        """The path in the tree of a path in the package."""

    def steps(self, path: str) -> Iterator[Step]:
        """The verdicts on the path and on the directories that lead to it."""


class Listing:
    """What a package would hold.

    `files` maps each name in the package to the path on disk, sorted by name. `manifest` is the
    root of `package.json`, `workspace` the directory of the workspace root above, if any,
    `members` those of the members where the package is such a root. `manager` is "npm", "pnpm"
    or "yarn": whose rules were followed, those of npm being of its `version`.
    """

    __slots__ = (
        "_walks",
        "directory",
        "files",
        "manager",
        "manifest",
        "members",
        "version",
        "workspace",
    )

    def __init__(
        self,
        directory: str,
        version: int,
        manifest: Json,
        workspace: str | None,
        members: tuple[str, ...],
        walks: Sequence[AnyWalk],
        manager: str = "npm",
    ) -> None:
        self.directory = directory
        self.version = version
        self.manifest = manifest
        self.workspace = workspace
        self.members = members
        self._walks = walks
        self.manager = manager
        packed = _packed_name if manager == "npm" else str
        files = {
            packed(walk.prefix + path): walk.disk(path) for walk in walks for path in walk.files
        }
        self.files = dict(sorted(files.items()))

    def steps(self, path: str) -> list[Step]:
        """Why a path, relative to the package, ships or not: outermost directory first."""
        path = posixpath.normpath(path)
        walk = max(
            (walk for walk in self._walks if path.startswith(walk.prefix)),
            key=lambda walk: len(walk.prefix),
        )
        return [
            step._replace(path=walk.prefix + step.path)
            for step in walk.steps(path[len(walk.prefix) :])
        ]

    def decider(self, path: str) -> Rule | None:
        """The rule that made a file ship: its own, else that of a directory on the way."""
        for step in reversed(self.steps(path)):
            if step.rule is not None and step.rule.location is not None:
                return step.rule
        return None


def _packed_name(path: str) -> str:
    """The name in the archive: what looks like a drive letter is dropped."""
    while drive := re.match("[A-Za-z]:/*|/+", path):
        path = path[drive.end() :]
    return path


def npm_files(tree: Tree, directory: str, version: int = 11) -> Listing:
    """List a package by the rules of npm 11 or 12; raises `Refused` where npm stops."""
    return Packer(tree, directory, version).listing()


def read_manifest(tree: Tree, directory: str) -> Json:
    """The `package.json` of a directory; raises `Broken` where there is none to read."""
    return parse(tree.read(posixpath.join(directory, "package.json")))


def read_root_manifest(tree: Tree, directory: str, complete: bool = True) -> Json:
    """The manifest of a package that is packed; raises `Refused` where it cannot be."""
    path = posixpath.join(directory, "package.json")
    try:
        manifest = read_manifest(tree, directory)
    except Broken as broken:
        trouble = broken.trouble
        if trouble.kind == "vanished":
            raise Refused(f"no such file: {path}") from None
        raise Refused(f"{path}: {trouble.message}", trouble) from None
    if manifest.kind != "object":
        raise Refused(f"{path} holds no object")
    if not complete:
        return manifest
    name, version = manifest.get("name"), manifest.get("version")
    if name is None or not name.text:
        raise Refused(f"{path} has no name")
    if version is None or not version.truthy:
        raise Refused(f"{path} has no version")
    return manifest


class Packer:
    """One packing: the rules that all its directories share."""

    def __init__(self, tree: Tree, directory: str, version: int) -> None:
        self.tree = tree
        self.directory = directory
        self.version = version
        self.count = 0
        self.types: dict[str, dict[str, str]] = {}
        self.reads_nested_manifests = False
        self.defaults = self.rules(_DEFAULTS, "built-in")
        self.directory_rules = self.rules(["/.git"], "built-in")
        self.walks: list[Walk] = []

    def listing(self) -> Listing:
        manifest = read_root_manifest(self.tree, self.directory)
        workspace = workspace_root(self.tree, self.directory)
        members = workspace_members(self.tree, self.directory, manifest)
        self.reads_nested_manifests = bool(members)
        above = self.rules_from_above(workspace) if workspace is not None else []
        walk = Walk(self, self.directory, "")
        lists = [above, *self.package_lists(walk, manifest, True)]
        walk.directories[""] = Directory(self.defaults, lists, [], exact=False)
        walk.run()
        self.walks.append(walk)
        self.bundle(manifest, members)
        places = tuple(members.values())
        return Listing(self.directory, self.version, manifest, workspace, places, self.walks)

    # What other package managers do otherwise, see npm_pnpm.py.

    def kind_of(self, directory: str, name: str, kind: str) -> str:
        """What an entry of a directory counts as: only "file" and "dir" can ship."""
        del directory
        return "name" if "*" in name else kind

    def folded(self, name: str) -> str:
        """A name in the form in which rules look at it."""
        return fold(name)

    def refuse_name(self, path: str) -> None:
        """Stop at names that npm cannot open: it takes a backslash for a slash, and only UTF-8."""
        if "\\" in path:
            raise Refused(f"a name holds a backslash: {path}")
        if not path.isascii() and any("\ud800" <= letter <= "\udfff" for letter in path):
            raise Refused(f"a name is not UTF-8: {path}")

    # Rules.

    def rules(
        self, lines: Iterable[str], what: str, location: Location | None = None
    ) -> list[Rule]:
        """The rules of some lines that all stand at one place."""
        return [
            self.rule(rule, what, location) for line in lines for _, _, rule in rule_lines(line)
        ]

    def ignore_file(self, path: str) -> list[Rule]:
        """The rules of an ignore file; bytes that are not UTF-8 count as U+FFFD."""
        if self.tree.is_directory(path):
            raise Refused(f"{path} is a directory")
        try:
            text = SourceFile(path, self.tree.raw(path)).shown_text
        except Broken as broken:
            raise Refused(f"{path}: {broken.trouble.message}", broken.trouble) from None
        return [
            self.rule(rule, posixpath.basename(path), Location(path, Span(start, end)))
            for start, end, rule in rule_lines(text)
        ]

    def rule(self, text: str, what: str, location: Location | None) -> Rule:
        pattern = text.lstrip("!")
        self.count += 1
        try:
            glob = Glob(pattern)
            self.count += len(glob.alternatives) - 1
            if self.count > MAX_RULES:
                raise TooManyPatterns
        except BadPattern as bad:
            raise Refused(str(bad)) from None
        except TooManyPatterns:
            place = location or Location(posixpath.join(self.directory, "package.json"))
            message = f"more than {MAX_RULES:,} rules decide what is packed"
            raise Refused(message, Trouble("over-limit", place, message)) from None
        return Rule(text, glob, (len(text) - len(pattern)) % 2 == 1, what, location)

    def rules_from_above(self, workspace: str) -> list[Rule]:
        """The ignore files of the workspace root and down to the directory above the package.

        Their rules are not moved: `/lib` at the root anchors at the package.
        """
        below = posixpath.relpath(self.directory or ".", workspace or ".").split("/")
        found: list[Rule] = []
        for depth in range(len(below)):
            above = posixpath.join(workspace, *below[:depth])
            present = {name for name, _ in self.tree.listdir(above)}
            own = next((name for name in IGNORE_FILES if name in present), None)
            if own is not None:
                found += self.ignore_file(posixpath.join(above, own))
        return found

    def package_lists(
        self, walk: Walk, manifest: Json | None, own_ignores: bool
    ) -> list[list[Rule]]:
        """The lists of a package's root; `own_ignores` says whether its ignore files count."""
        lists: list[list[Rule]] = []
        present = {name for name, _ in self.tree.listdir(walk.directory)}
        for name in IGNORE_FILES:
            ignore = posixpath.join(walk.directory, name)
            if own_ignores and name in present and self.tree.is_directory(ignore):
                raise Refused(f"{ignore} is a directory")
        if manifest is None:
            return lists
        listed, exact = self.files_rules(walk, manifest.get("files"))
        if listed is not None:
            lists.append(listed)
        elif own_ignores:
            own = next((name for name in IGNORE_FILES if name in present), None)
            if own is not None:
                lists.append(self.ignore_file(posixpath.join(walk.directory, own)))
        never: tuple[str, ...] = NEVER
        if self.version >= 12:
            patched = manifest.get("patchedDependencies")
            named = [value.text for _, value in patched.members] if patched else []
            never = (*NEVER, *_NEVER_12, *(f"/{clean_target(name)}" for name in named if name))
        strict = exact + self.rules(["/.git", *ALWAYS, *never], "built-in")
        for field in ("browser", "main"):
            node = manifest.get(field)
            if node is not None and node.truthy:
                strict += self.rules([f"!/{_as_text(node)}"], field, node.location)
        for target, node in _bins(self.tree, walk.directory, manifest):
            strict += self.rules([f"!/{target}"], "bin", node.location)
        lists.append(strict)
        return lists

    def files_rules(self, walk: Walk, files: Json | None) -> tuple[list[Rule] | None, list[Rule]]:
        """The rules of the `files` field, None without one, and those of exact files."""
        if files is None or not files.truthy:
            return None, []
        if files.kind == "string":
            entries = [(letter, files.location) for letter in utf16(files.value)]
        elif files.kind == "array":
            entries = [(item.text or "", item.location) for item in files.items]
            if any(item.kind != "string" for item in files.items):
                raise Refused("an entry of `files` is not a string")
        else:
            raise Refused("`files` is no list")
        listed = self.rules(["*"], "files", files.location)
        exact: list[Rule] = []
        for entry, place in entries:
            if self.version >= 12:
                listed += self._found_rules(walk, entry, place)
            else:
                ahead, rest = self.entry_rules(walk, entry, place)
                exact = ahead + exact
                listed += rest
        return listed, exact

    def entry_rules(self, walk: Walk, entry: str, place: Location) -> tuple[list[Rule], list[Rule]]:
        """As npm 11 has it: an existing file is a strict rule, a directory two, a pattern one."""
        if entry.startswith("./"):
            entry = entry[1:]
        if entry.endswith("/*"):
            entry += "*"
        kind = self.type_of(walk.directory, entry.lstrip("!").replace("\\", "/"))
        if kind == "file":
            name = posixpath.normpath(entry.removeprefix("/"))
            walk.required.setdefault(posixpath.dirname(name), []).append(posixpath.basename(name))
            if name.count("/") != 1:
                walk.required.pop(posixpath.dirname(name), None)
            return self.rules([f"!{entry}"], "files", place), []
        if kind == "dir":
            return [], self.rules([f"!{entry}", f"!{entry}/**"], "files", place)
        return [], self.rules([f"!{entry}"], "files", place) if kind == "missing" else []

    def type_of(self, directory: str, path: str) -> str:
        """The type of a path of the package, or "missing"; only the last name is not followed."""
        whole = posixpath.normpath(posixpath.join("/", directory, path.lstrip("/")))[1:]
        if not (whole + "/").startswith(directory + "/" if directory else ""):
            return "missing"
        if whole == directory or not whole:
            return "dir"
        parent, name = posixpath.split(whole)
        types = self.types.get(parent)
        if types is None:
            inside = self.tree.real_path(parent) is not None
            types = self.types[parent] = dict(self.tree.listdir(parent)) if inside else {}
        kind = types.get(name, "missing")
        return "missing" if path.endswith("/") and kind == "file" else kind

    def _found_rules(self, walk: Walk, entry: str, place: Location) -> list[Rule]:
        """As npm 12 has it: an entry is expanded on disk, what it finds becomes anchored rules."""
        pattern = entry.lstrip("!")
        negated = pattern != entry
        names = re.sub(r"\A\.?/", "", pattern).rstrip("/").split("/")
        names = [name for name in names if name not in ("", ".")]
        if not names:
            return []
        try:
            glob = Glob("/".join(names), sensitive=True, base=False)
        except BadPattern as bad:
            raise Refused(str(bad)) from None
        except TooManyPatterns:
            message = "an entry of `files` stands for too many patterns"
            raise Refused(message, Trouble("over-limit", place, message)) from None
        # What is installed at the root never ships, so it need not be looked through.
        found = find(self.tree, walk.directory, glob, "node_modules".__eq__)
        paths = Paths(found)
        return [Rule(entry, paths, not negated, "files", place)]

    # Bundled dependencies.

    def bundle(self, manifest: Json, members: dict[str, str]) -> None:
        seen: set[str] = set()
        kinds = dependency_kinds(manifest)
        todo = [
            (name, self.directory)
            for name in bundled_names(manifest)
            if kinds.get(name.lower(), "") in ("prod", "optional") or name in members
        ]
        while todo:
            name, origin = todo.pop(0)
            found = self.installed(name, origin)
            if found is None:
                continue
            path, is_link = found
            real = self.tree.real_path(path) if is_link else path
            if real is None or real in seen or real == self.directory:
                continue
            seen.add(real)
            todo += [(other, real) for other in self.walk_bundled(path, is_link)]

    def walk_bundled(self, path: str, is_link: bool) -> list[str]:
        """Walk an installed package; gives the names of what it depends on itself."""
        prefix = posixpath.relpath(path, self.directory or ".") + "/"
        try:
            manifest: Json | None = read_manifest(self.tree, path)
        except Broken:
            manifest = None
        if manifest is not None and manifest.kind != "object":
            manifest = None
        walk = Walk(self, path, prefix)
        lists = self.package_lists(walk, manifest, is_link)
        walk.directories[""] = Directory(self.defaults if is_link else [], lists, [], exact=False)
        walk.run()
        self.walks.append(walk)
        if manifest is None:
            return []
        kinds = dependency_kinds(manifest, development=is_link)
        wanted = [*keys(manifest, "dependencies"), *keys(manifest, "optionalDependencies")]
        return [name for name in wanted if kinds[name.lower()] in ("prod", "optional")]

    def installed(self, name: str, origin: str) -> tuple[str, bool] | None:
        """Where a package is installed for one at `origin`, and whether that is a link."""
        at = origin
        while True:
            if posixpath.basename(at) != "node_modules":
                modules = posixpath.join(at, "node_modules")
                scope, _, short = name.rpartition("/")
                holder = posixpath.join(modules, scope) if scope else modules
                for entry, kind in self.tree.listdir(holder):
                    if entry.lower() == short.lower() and kind in ("dir", "link"):
                        return posixpath.join(holder, entry), kind == "link"
            if at == self.directory or not at:
                return None
            at = posixpath.dirname(at)
            below = not self.directory or at == self.directory
            if not below and not at.startswith(self.directory + "/"):
                return None


# package.json as npm normalises it.


def _as_text(node: Json) -> str:
    """The value as JavaScript writes it into a string."""
    if node.kind == "object":
        return "[object Object]"
    if node.kind == "array":
        return ",".join("" if item.kind == "null" else _as_text(item) for item in node.items)
    return str(node.value) if node.value is not None else node.kind


def clean_target(target: str) -> str:
    """A path as if rooted at the package, without a leading slash."""
    target = "/" + target.replace("\\", "/").replace(":", "/")
    cleaned = posixpath.normpath(target).lstrip("/")
    return cleaned + "/" if cleaned and target.endswith("/") else cleaned


def _bins(tree: Tree, directory: str, manifest: Json) -> Iterator[tuple[str, Json]]:
    """The programs of the package with the nodes that name them."""
    node = manifest.get("bin")
    if node is None or not node.truthy:
        node = manifest.get("directories", "bin")
        if node is not None and node.text:
            base = clean_target(node.text).rstrip("/")
            place = posixpath.join(directory, base) if base else directory
            # Programs of one name replace each other, as they are kept by name.
            found = {posixpath.basename(path): path for path in sorted(_below(tree, place))}
            for path in found.values():
                yield (f"{base}/{path}" if base else path), node
        return
    if any(item.kind != "string" for item in node.items):
        raise Refused("an entry of `bin` is not a string")
    named = [node, *node.items, *(value for _, value in node.members)]
    for one in named:
        if one.text and (target := clean_target(one.text)):
            yield target, one


def _below(tree: Tree, directory: str, inner: str = "") -> Iterator[str]:
    """Everything below a directory whose path has no segment with a leading dot."""
    todo = [inner]
    while todo:
        here = todo.pop()
        for name, kind in tree.listdir(posixpath.join(directory, here) if here else directory):
            if not name.startswith("."):
                path = f"{here}/{name}" if here else name
                yield path
                if kind == "dir":
                    todo.append(path)


def keys(manifest: Json, field: str) -> list[str]:
    node = manifest.get(field)
    return list(dict.fromkeys(key.value for key, _ in node.members)) if node else []


def bundled_names(manifest: Json) -> list[str]:
    node = manifest.get("bundleDependencies")
    if node is None:
        node = manifest.get("bundledDependencies")
    if node is None:
        return []
    if node.kind == "true":
        return keys(manifest, "dependencies")
    names = [item.text for item in node.items] + [key.text for key, _ in node.members]
    return list(dict.fromkeys(name for name in names if name))


def dependency_kinds(manifest: Json, development: bool = True) -> dict[str, str]:
    """By lower-case name, what kind of dependency it is; the last of these that lists it."""
    kinds: dict[str, str] = {}
    fields = {
        "peerDependencies": "peer",
        "dependencies": "prod",
        "optionalDependencies": "optional",
        "devDependencies": "dev",
    }
    for field, kind in fields.items():
        if kind != "dev" or development:
            kinds.update((name.lower(), kind) for name in keys(manifest, field))
    return kinds


# Workspaces.


def workspace_root(tree: Tree, directory: str) -> str | None:
    """The nearest directory above whose workspaces include this one, None without any."""
    at = directory
    while at:
        at = posixpath.dirname(at)
        if not tree.exists(posixpath.join(at, "package.json")):
            continue
        try:
            manifest = read_manifest(tree, at)
        except Broken:
            continue
        below = directory[len(at) + 1 :] if at else directory
        wanted, unwanted = _workspace_globs(manifest)
        path = below.split("/")
        if "node_modules" not in path and is_member(wanted, unwanted, path):
            return at
    return None


def workspace_members(tree: Tree, directory: str, manifest: Json) -> dict[str, str]:
    """The members of a workspace root by name, with their paths."""
    wanted, unwanted = _workspace_globs(manifest)
    members: dict[str, str] = {}
    for place in found_members(tree, directory, wanted, unwanted):
        try:
            name = read_manifest(tree, place).get("name")
        except Broken:
            name = None
        members[(name.text if name else None) or posixpath.basename(place)] = place
    return members


def found_members(
    tree: Tree, directory: str, wanted: list[Glob], unwanted: list[Glob]
) -> Iterator[str]:
    """The directories below one that hold a package and are members of its workspace."""
    for glob in wanted:
        for path, is_directory in find(tree, directory, glob, _in_modules):
            place = posixpath.join(directory, path)
            if not is_directory or not tree.exists(posixpath.join(place, "package.json")):
                continue
            if is_member([glob], unwanted, path.split("/")):
                yield place


def _workspace_globs(manifest: Json) -> tuple[list[Glob], list[Glob]]:
    node = manifest.get("workspaces")
    if node is not None and node.kind == "object":
        node = node.get("packages")
    elif node is None:
        return [], []
    if node is None or node.kind != "array" or any(item.text is None for item in node.items):
        raise Refused(f"`workspaces` of {manifest.path} is no list of texts")
    return member_globs(item.text or "" for item in node.items)


def member_globs(texts: Iterable[str]) -> tuple[list[Glob], list[Glob]]:
    """What the patterns of a workspace take in, and what they leave out again."""
    wanted: list[Glob] = []
    unwanted: list[Glob] = []
    for text in texts:
        pattern = text.lstrip("!")
        marks = len(text) - len(pattern)
        pattern = re.sub(r"\A\.?/+", "", pattern).rstrip("/")
        try:
            glob = Glob(pattern, sensitive=True, dots=False, base=False)
        except (BadPattern, TooManyPatterns):
            continue
        if marks % 2:
            unwanted.append(glob)
        elif pattern:
            path = pattern.split("/")
            unwanted = [other for other in unwanted if not other.matches(path)]
            wanted.append(glob)
    return wanted, unwanted


def _in_modules(path: str) -> bool:
    return posixpath.basename(path) == "node_modules"


def is_member(wanted: list[Glob], unwanted: list[Glob], path: list[str]) -> bool:
    """Whether a directory is a member of a workspace."""
    return any(glob.matches(path) for glob in wanted) and not any(
        glob.matches(path) for glob in unwanted
    )
