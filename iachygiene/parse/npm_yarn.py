"""The files that Yarn, from version 2 on, puts into a package.

Measured with Yarn 4.18, see https://yarnpkg.com/cli/pack. Each path is asked of lists of rules
in turn, and the first that speaks of it decides: what always ships, what never does, the ignore
files from the nearest directory outwards, what `package.json` says. Within a list a negated
rule wins wherever it stands. A directory that is left out leaves out all in it that no list
takes back by its own name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from iachygiene.files import Tree
from iachygiene.lazy import regex
from iachygiene.model import Broken, Location, SourceFile, Span, Trouble
from iachygiene.parse.json import Json
from iachygiene.parse.npm_files import (
    IGNORE_FILES,
    MAX_RULES,
    UNNEEDED_ESCAPE,
    Listing,
    Paths,
    Refused,
    Rule,
    Step,
    read_manifest,
    read_root_manifest,
    workspace_members,
    workspace_root,
)
from iachygiene.parse.npm_glob import SPACE, BadPattern, Glob, TooManyPatterns, fold

_ALWAYS = (
    *("/package.json", "/readme", "/readme.*", "/license", "/license.*"),
    *("/licence", "/licence.*", "/changelog", "/changelog.*"),
)
_NEVER = (
    *("/package.tgz", ".github", ".git", ".hg", "node_modules"),
    *(".npmignore", ".gitignore", ".#*", ".DS_Store", ".yarnrc.yml"),
)
_OWN = (
    *("/yarn.lock", "/.yarn/install-state.gz", "/.yarn/__virtual__", "/.yarn/unplugged"),
    *("/.pnp.cjs", "/.pnp.data.json", "/.pnp.loader.mjs"),
)
"""What Yarn writes into the root of a project."""


def yarn_files(tree: Tree, directory: str) -> Listing:
    """List a package by the rules of Yarn; raises `Refused` where Yarn stops."""
    manifest = read_root_manifest(tree, directory, complete=False)
    workspace = workspace_root(tree, directory)
    top = directory if workspace is None else workspace
    walk = _Walk(tree, directory, manifest)
    if workspace is None:
        walk.never += walk.rules(_OWN, "built-in")
        found = workspace_members(tree, top, manifest)
    else:
        found = workspace_members(tree, top, read_manifest(tree, top))
    members = tuple(found.values())
    prefix = directory + "/" if directory else ""
    below = [place for place in members if place != directory and place.startswith(prefix)]
    walk.never += walk.rules((f"/{place[len(prefix) :]}" for place in below), "workspaces")
    walk.run()
    own = members if workspace is None else ()
    return Listing(directory, 11, manifest, workspace, own, [walk], "yarn")


_CLASS = regex(r"\[(!?)([^\[\]!/]+)\]")
_GROUP = regex(r"(?<![!?+*@\\])\(")
_SPECIAL = frozenset("-*+?.^${}(|)")


def _as_npm_has_it(pattern: str) -> str:
    """A pattern in the dialect of npm, which differs in the details."""
    if pattern.isalnum():
        return pattern
    pattern = UNNEEDED_ESCAPE.sub(r"\1", pattern)
    pattern = _CLASS.sub(_both, _GROUP.sub("@(", pattern))
    if pattern.startswith("/**/"):
        pattern = "/*" + pattern  # not what stands at the root itself
    # `x/**` means x as well.
    return pattern[:-3] + "{/**,}" if pattern.endswith("/**") and len(pattern) > 3 else pattern


def _both(match: re.Match[str]) -> str:
    """A class, in which a mark at the start is a letter like others; or its text as it stands."""
    plain = f"[{match[2]}{match[1]}]"
    if not _SPECIAL.isdisjoint(match[2]):
        return plain
    return f"{{{plain},[[]{match[1]}{match[2]}]}}"


class _List:
    """Rules that are asked together: what they take in goes before what they leave out."""

    __slots__ = ("accepts", "rejects")

    def __init__(self, accepts: Sequence[Rule], rejects: Sequence[Rule]) -> None:
        self.accepts = accepts
        self.rejects = rejects

    def verdict(self, path: list[str]) -> tuple[bool, Rule] | None:
        """Whether a path ships and the rule that says so, None where none speaks of it."""
        for rules, ships in ((self.accepts, True), (self.rejects, False)):
            for negated in (True, False):
                for rule in rules:
                    if rule.negated is negated and rule.hits(path, None, False):
                        return ships is not negated, rule
        return None


class _Walk:
    """The walk of a package; has what `Listing` asks of one."""

    prefix = ""

    def __init__(self, tree: Tree, directory: str, manifest: Json) -> None:
        self.tree = tree
        self.directory = directory
        self.count = 0
        self.always = self.rules(_ALWAYS, "built-in")
        self.never = self.rules(_NEVER, "built-in")
        self.has_files = False
        self.named = self._named(manifest)
        self.lists: dict[str, list[_List]] = {}
        self.files: list[str] = []

    def disk(self, path: str) -> str:
        """The path in the tree of a path in the package."""
        return posixpath.join(self.directory, path) if path else self.directory

    def run(self) -> None:
        """Find the files."""
        todo = [("", [self.named])]
        while todo:
            path, outer = todo.pop()
            self.lists[path] = lists = self._within(path, outer)
            for name, kind in self.tree.listdir(self.disk(path)):
                inner = f"{path}/{name}" if path else name
                if kind == "dir":
                    if self._verdict(inner, [])[0]:
                        todo.append((inner, lists))
                elif kind in ("file", "link") and self._verdict(inner, lists)[0]:
                    self.files.append(inner)

    def _within(self, path: str, outer: list[_List]) -> list[_List]:
        """The lists that are asked of what a directory holds."""
        included, rule = self._verdict(path, outer) if path else (True, None)
        if not included:
            # An ignore file in there is not read.
            return [*outer, _List([], [_everything(rule)])]
        if path or not self.has_files:
            present = {name for name, _ in self.tree.listdir(self.disk(path))}
            own = next((name for name in IGNORE_FILES if name in present), None)
            if own is not None:
                return [_List([], self._ignore_file(path, own)), *outer]
        return outer

    def _verdict(self, path: str, lists: Iterable[_List]) -> tuple[bool, Rule | None]:
        folded = [fold(name) for name in path.split("/")]
        for one in (_List(self.always, []), _List([], self.never), *lists):
            found = one.verdict(folded)
            if found is not None:
                return found
        return True, None

    def steps(self, path: str) -> Iterator[Step]:
        """The verdicts on the path and on the directories that lead to it."""
        names = path.split("/")
        for depth, name in enumerate(names):
            above, here = "/".join(names[:depth]), "/".join(names[: depth + 1])
            kind = dict(self.tree.listdir(self.disk(above))).get(name, "missing")
            included, rule = self._verdict(here, self.lists[above])
            if kind not in ("dir", "file", "link"):
                yield Step(here, False, rule if kind == "missing" else None, kind)
                return
            yield Step(here, included, rule)
            if here not in self.lists:
                return

    # Rules.

    def rules(
        self, lines: Iterable[str], what: str, location: Location | None = None, base: str = ""
    ) -> list[Rule]:
        """The rules of some lines that all stand at one place."""
        found = (self._rule(line, what, location, base) for line in lines)
        return [rule for rule in found if rule is not None]

    def _ignore_file(self, directory: str, name: str) -> list[Rule]:
        path = posixpath.join(self.disk(directory), name)
        if self.tree.is_directory(path):
            raise Refused(f"{path} is a directory")
        try:
            text = SourceFile(path, self.tree.raw(path)).shown_text
        except Broken as broken:
            raise Refused(f"{path}: {broken.trouble.message}", broken.trouble) from None
        found: list[Rule] = []
        start = 0
        for line in text.split("\n"):
            shown = line.strip(SPACE)
            at = start + line.find(shown)
            place = Location(path, Span(at, at + len(shown)))
            found += self.rules([line], name, place, directory)
            start += len(line) + 1
        return found

    def _rule(self, line: str, what: str, location: Location | None, base: str) -> Rule | None:
        text = line.strip(SPACE)
        if not text or text[0] == "#" or not text.strip("!"):
            return None
        pattern = text.removeprefix("!")
        if "/" in pattern:
            # A slash at the start means the root of the package, in any ignore file.
            pattern = posixpath.normpath(posixpath.join("/", base, pattern)).replace("//", "/")
        self.count += 1
        try:
            glob = Glob(_as_npm_has_it(pattern.lstrip("!")))
            self.count += len(glob.alternatives) - 1
            if self.count > MAX_RULES:
                raise TooManyPatterns
        except BadPattern as bad:
            raise Refused(str(bad)) from None
        except TooManyPatterns:
            place = location or Location(posixpath.join(self.directory, "package.json"))
            message = f"more than {MAX_RULES:,} rules decide what is packed"
            raise Refused(message, Trouble("over-limit", place, message)) from None
        twice = pattern.startswith("!") and not pattern.startswith("!(")
        found = _Other(glob) if twice else glob
        return Rule(text, found, text.startswith("!"), what, location)

    def _named(self, manifest: Json) -> _List:
        """What the fields of `package.json` take in, and that `files` leaves out the rest."""
        accepts: list[Rule] = []
        for field in ("main", "module", "browser", "bin"):
            node = manifest.get("publishConfig", field)
            node = manifest.get(field) if node is None else node
            if node is None:
                continue
            targets = [node.text] if node.kind == "string" else []
            if field in ("browser", "bin"):
                targets += [value.text for _, value in node.members]
                targets += [item.text for item in node.items if field == "bin"]
            if field == "browser":
                targets += [key.value for key, _ in node.members]
            for target in targets:
                if target:
                    path = posixpath.join("/", target.replace("\\", "/"))
                    accepts += self.rules([path], field, node.location)
        files = manifest.get("files")
        if files is None or files.kind != "array":
            return _List(accepts, [])
        self.has_files = True
        for item in files.items:
            accepts += self.rules([item.text or ""], "files", item.location)
        return _List(accepts, self.rules(["/*"], "files", files.location))


class _Other(Paths):
    """What a glob of one segment does not match."""

    __slots__ = ("glob",)

    def __init__(self, glob: Glob) -> None:
        super().__init__(())
        self.glob = glob

    def matches(self, path: Sequence[str], partial: bool = False) -> bool:
        del partial
        return not self.glob.matches(path)


def _everything(rule: Rule | None) -> Rule:
    """A rule that leaves out all in a directory, for the reason that the directory is."""
    if rule is None:
        return Rule("**", Glob("**"), False, "built-in", None)
    return Rule(rule.text, Glob("**"), False, rule.what, rule.location)
