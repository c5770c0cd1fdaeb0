"""Paths to files, files to kinds, kinds to jobs."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.files import Tree, refuse_pointer
from iachygiene.git import Refusal, is_bare, start_listing, toplevel
from iachygiene.gitignore import Patterns
from iachygiene.interrupt import NotPossible
from iachygiene.lazy import regex
from iachygiene.model import Broken, Job, Location, Trouble, Unchecked

if TYPE_CHECKING:
    from iachygiene.cache import Cache


MAX_FILES = 1_000_000
"""Files of a run."""


class Kind(NamedTuple):
    """One row of the table of what is looked at.

    `pattern` is searched in the path. `part` is "main" for what is parsed by name, "look"
    for what is parsed when its contents say so, "beside" for what rules look at without
    parsing it as this kind. `grouping` is "file", "directory" or "own": one job each, or
    what `group` of the kind's parser makes.
    """

    name: str
    pattern: str
    grouping: str = ""
    part: str = "main"


KINDS: Sequence[Kind] = (
    Kind(
        "terraform",
        r"\.(tf|tofu|tfvars)$|\.tf(test|mock|query)\.hcl$|\.tofutest\.hcl$",
        "directory",
    ),
    Kind("terraform", r"\.(tf|tofu)\.json$", "directory", "json"),
    Kind("terraform", r"(^|/)\.terraform\.lock\.hcl$", "", "beside"),
    Kind(
        "dockerfile",
        r"(^|/)([Dd]ocker|[Cc]ontainer)file([._-][^/]*)?$|\.([Dd]ocker|[Cc]ontainer)file$",
        "file",
    ),
    Kind("dockerfile", r"\.dockerignore$", "", "beside"),
    Kind("compose", r"(^|/)(docker-)?compose[^/]*\.ya?ml$", "own"),
    Kind("kubernetes", r"\.ya?ml$|(^|/)Kustomization$", "own", "look"),
    Kind("kubernetes", r"(^|/)templates/.*\.tpl$", "", "beside"),
    Kind("npm", r"(^|/)package\.json$", "own"),
    Kind(
        "npm",
        r"(^|/)\.(npm|git)ignore$|\.[cm]?[jt]s\.map$|\.css\.map$"
        r"|\.([cm]?js|css|html?|svelte|vue)$"
        # What tells bundlers and compilers whether to make maps; those in JavaScript are above.
        r"|\.config\.([\w-]+\.)?[cm]?ts$|(^|/)((web|rs)pack\.prod(uction)?|esbuild|build|bundle)\.[cm]?ts$"
        r"|(^|/)[jt]sconfig[^/]*\.json$|(^|/)(angular|babel\.config|tsup\.config)\.json$"
        r"|(^|/)\.(babelrc(\.json)?|swcrc|env(\.production)?(\.local)?)$",
        "",
        "beside",
    ),
)

NOT_DOCKERFILES = (
    r"\.(dockerignore|md|rst|txt|html?|ya?ml|json|toml|py|rb|go|js|ts|sh|bats|png|svg|tar|gz"
    r"|j2|jinja2?|tmpl|erb|tpl|in|template|mustache|swp|orig|rej|bak)$|~$"
)
"""Endings that make a file called after Dockerfile something else, templates included."""

SKIPPED_DIRECTORIES = frozenset(
    (
        *(".git", ".hg", ".svn", ".terraform", ".terragrunt-cache"),
        *("node_modules", "bower_components", "vendor"),
        *(".venv", "venv", ".tox", ".nox", "site-packages", "__pycache__"),
    )
)
"""Directories that hold other people's files or a tool's own: never looked into by default."""

_EXCLUDED_BY_HOOKS = r"(^|/)(\.terraform|\.terragrunt-cache|node_modules)/"


def hook_pattern(kinds: Collection[str], parts: Collection[str] = ()) -> str:
    """The `files` pattern of a pre-commit hook for these kinds, all parts unless named."""
    rows = [kind for kind in KINDS if kind.name in kinds and (not parts or kind.part in parts)]
    return "|".join(dict.fromkeys(kind.pattern for kind in rows))


def hook_exclude() -> str:
    """The `exclude` pattern of every pre-commit hook."""
    return _EXCLUDED_BY_HOOKS


class Listing(NamedTuple):
    """The candidate files of a root, and what is to be said of how they were listed.

    `beyond` are those that a sparse checkout leaves out: git holds them, the disk does not.
    """

    paths: Sequence[str]
    from_git: bool
    notes: Sequence[Unchecked] = ()
    refused: Sequence[Trouble] = ()
    beyond: frozenset[str] = frozenset()


class Focus(NamedTuple):
    """What the findings may be about: files and directories, relative to the root.

    Both empty means everything; `without` are files that it is never about.
    """

    files: frozenset[str] = frozenset()
    directories: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether all that is on disk is in focus."""
        return not (self.files or self.directories)

    def holds(self, path: str) -> bool:
        """Whether a path is in focus."""
        if path in self.without:
            return False
        if path in self.files or not (self.files or self.directories):
            return True
        return any(not top or path.startswith(top + "/") for top in self.directories)


class Place:
    """Where a scan happens. `explicit` are the files that were named one by one.

    Git starts to list the files when the place is found, and is waited for when they are
    asked for: imports fit in between.
    """

    __slots__ = ("_gitignore", "_listing", "_pending", "_submodules", "explicit", "focus", "root")

    def __init__(
        self,
        root: str,
        focus: Focus,
        explicit: frozenset[str],
        gitignore: bool,
        submodules: bool = False,
    ) -> None:
        self.root = root
        self._submodules = submodules
        self.focus = focus
        self.explicit = explicit
        self._gitignore = gitignore
        self._listing: Listing | None = None
        in_git = gitignore and toplevel(root) is not None
        self._pending = start_listing(root) if in_git else None

    @property
    def listing(self) -> Listing:
        """The files of the root as git lists them, or as the walk does where git does not tell."""
        if self._listing is None:
            listing = self._listed()
            if len(listing.paths) > MAX_FILES:
                raise NotPossible(f"over {MAX_FILES:,} files", "name a directory of it", 2)
            self._listing = _with_ignored(listing, self.root, self.focus)
        return self._listing

    def _listed(self) -> Listing:
        notes: tuple[Unchecked, ...] = ()
        if self._pending is not None:
            found = self._pending.result()
            if not isinstance(found, Refusal):
                closed = [_refusal(path, "permission denied") for path in found.unreadable]
                beyond = frozenset(
                    path
                    for path in found.sparse
                    if not os.path.lexists(os.path.join(self.root, path))
                )
                listing = Listing(found.paths, True, notes, closed, beyond)
                return self._entered(listing, found.submodules)
            detail = f"{found.detail}; the files were listed without it"
            notes = (Unchecked("git", "git", detail),)
        refused: list[Trouble] = []
        walked = walk(self.root, gitignore=self._gitignore, refused=refused)
        paths = list(islice(walked, MAX_FILES + 1))
        return Listing(paths, from_git=False, notes=notes, refused=refused)

    def _entered(self, listing: Listing, submodules: Sequence[str]) -> Listing:
        """The listing with the files of submodules where they are asked for, else a note."""
        left = list(submodules)
        if self._submodules:
            left = []
            paths, refused = list(listing.paths), list(listing.refused)
            for directory in submodules:
                inside = _listing_of_submodule(self.root, directory)
                if inside is None:
                    left.append(directory)
                else:
                    paths += inside.paths
                    refused += inside.refused
                    left += [note.what for note in inside.notes]
            listing = listing._replace(paths=sorted(paths), refused=refused)
        if not left:
            return listing
        detail = f"{len(left)} not {'checked out' if self._submodules else 'entered'}"
        hint = "" if self._submodules else "--recurse-submodules enters them"
        return listing._replace(notes=(Unchecked("submodules", "submodule", detail, hint),))


def _listing_of_submodule(root: str, directory: str) -> Listing | None:
    """The files of a submodule and of those in it, by paths from the root; None without any.

    The notes name submodules in it that are not checked out.
    """
    path = os.path.join(root, directory)
    # Git would list the repository around one that is not checked out.
    if os.path.islink(path) or toplevel(path) != os.path.realpath(path):
        return None
    found = start_listing(path).result()
    if isinstance(found, Refusal):
        return None
    paths = [f"{directory}/{name}" for name in found.paths]
    refused = [_refusal(f"{directory}/{name}", "permission denied") for name in found.unreadable]
    notes: list[Unchecked] = []
    for name in found.submodules:
        inside = _listing_of_submodule(root, f"{directory}/{name}")
        if inside is None:
            notes.append(Unchecked(f"{directory}/{name}", "submodule"))
        else:
            paths += inside.paths
            refused += inside.refused
            notes += inside.notes
    return Listing(paths, from_git=True, notes=notes, refused=refused)


class Discovered(NamedTuple):
    """What a scan works on. `kinds` maps each file to its kind, in the order of the listing."""

    jobs: Sequence[Job]
    kinds: Mapping[str, str]
    troubles: Sequence[Trouble]


def locate(
    paths: Sequence[str], start: str = ".", *, gitignore: bool = True, submodules: bool = False
) -> Place:
    """The root that holds all paths, and what is in focus there.

    Paths are relative to `start`. The root is the repository around them; where there is
    none it is a directory that is named alone, else `start` if that holds them all, else the
    directory that does. With `submodules` those that are checked out belong to it. Raises
    FileNotFoundError with the name of a path that is not there, and `NotPossible` for a
    repository without a working tree.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise FileNotFoundError("the working directory") from None
    named = [os.path.normpath(os.path.join(start, path)) for path in paths]
    for given, path in zip(paths, named, strict=True):
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(given) from None
        except OSError:
            continue  # it is there, and reading it will say what is wrong with it
    # A link keeps its own name; only the directory it stands in is made real.
    real = [
        os.path.realpath(path)
        if os.path.isdir(path)
        else os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        for path in named
    ]
    start = os.path.realpath(start)
    tops = [path if os.path.isdir(path) else os.path.dirname(path) for path in real]
    around = os.path.commonpath(tops) if tops else start
    root = toplevel(around)
    if root is None:
        alone = len(real) == 1 and os.path.isdir(around) and real[0] == around
        root = around if alone or _relative(around, start) is None else start
        if is_bare(root):
            raise NotPossible("bare repository: it has no files", "check a clone of it", 2)
    files: list[str] = []
    directories: list[str] = []
    for path in real:
        inside = _relative(path, root) or ""
        (directories if os.path.isdir(path) else files).append(inside)
        if is_archive(inside) and inside in files:
            directories.append(inside)  # what its members are called begins with its name
    # What a link leads to is reported under its own path.
    targets = [_relative(os.path.realpath(path), root) for path in real if os.path.islink(path)]
    in_focus = frozenset((*files, *filter(None, targets)))
    focus = Focus() if "" in directories else Focus(in_focus, tuple(sorted(directories)))
    return Place(root, focus, frozenset(files), gitignore, submodules)


def _relative(path: str, root: str) -> str | None:
    if path == root:
        return ""
    prefix = root if root.endswith(os.sep) else root + os.sep
    return path[len(prefix) :].replace(os.sep, "/") if path.startswith(prefix) else None


def _with_ignored(listing: Listing, root: str, focus: Focus) -> Listing:
    """The listing with directories that a person named though git ignores them."""
    paths = list(listing.paths)
    for top in focus.directories:
        if top not in focus.files and not any(path.startswith(top + "/") for path in listing.paths):
            paths += walk(root, top, gitignore=False)
    return listing._replace(paths=paths)


def walk(
    root: str,
    directory: str = "",
    *,
    gitignore: bool = True,
    refused: list[Trouble] | None = None,
) -> Iterator[str]:
    """Files below a directory, links included, in the order of their names.

    Used where there is no git. With `gitignore` the files of that name are honoured.
    Directories that cannot be listed are put into `refused`.
    """
    lists = _gitignores_above(root, directory) if gitignore else ()
    yield from _walk(root, directory, lists, gitignore, [] if refused is None else refused)


def _walk(
    root: str,
    directory: str,
    lists: tuple[tuple[str, Patterns], ...],
    gitignore: bool,
    refused: list[Trouble],
) -> Iterator[str]:
    try:
        with os.scandir(os.path.join(root, directory)) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        refused.append(_refusal(directory, (error.strerror or "cannot be listed").lower()))
        return
    prefix = f"{directory}/" if directory else ""
    if gitignore and any(entry.name == ".gitignore" for entry in found):
        lists = (*lists, (prefix, _gitignore(root, prefix + ".gitignore")))
    for entry in found:
        path = prefix + entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        if lists and _ignored(path, is_directory, lists):
            continue
        if not is_directory:
            yield path
        elif entry.name not in SKIPPED_DIRECTORIES:
            yield from _walk(root, path, lists, gitignore, refused)


def _refusal(directory: str, why: str) -> Trouble:
    return Trouble("unreadable", Location(directory or "."), f"the directory is not listed: {why}")


def _gitignores_above(root: str, directory: str) -> tuple[tuple[str, Patterns], ...]:
    found = []
    prefix = ""
    for name in directory.split("/") if directory else ():
        if os.path.isfile(os.path.join(root, prefix, ".gitignore")):
            found.append((prefix, _gitignore(root, prefix + ".gitignore")))
        prefix += name + "/"
    return tuple(found)


def _gitignore(root: str, path: str) -> Patterns:
    try:
        with open(os.path.join(root, path), encoding="utf-8-sig", errors="surrogateescape") as file:
            return Patterns(file)
    except OSError:
        return Patterns(())


def _ignored(path: str, directory: bool, lists: Iterable[tuple[str, Patterns]]) -> bool:
    verdict = False
    for prefix, patterns in lists:
        found = patterns.verdict(path[len(prefix) :], directory=directory)
        if found is not None:
            verdict = found
    return verdict


_ENDINGS = frozenset(("tf", "tofu", "tfvars", "hcl", "json", "yaml", "yml"))
"""What follows the last dot of all names in `_NAMED` but those of Dockerfiles."""
_NAMED = {
    (kind.name, kind.part): regex(kind.pattern) for kind in KINDS if kind.part in ("main", "json")
}
_BESIDE = {kind.name: kind.pattern for kind in KINDS if kind.part == "beside"}
_KUSTOMIZATIONS = frozenset(("kustomization.yaml", "kustomization.yml", "Kustomization"))
_NOT_DOCKERFILE = regex(NOT_DOCKERFILES, re.IGNORECASE)
_GROUP = regex(rb"""group['"]?: ?['"]?([a-z0-9][a-z0-9.-]*)""")
_KIND = regex(rb"""kind['"]?: ?['"]?([A-Z][A-Za-z0-9]*)""")
_SERVICES = regex(rb"^['\"]?services['\"]?[ \t]*:", re.MULTILINE)


def kind_by_name(path: str) -> str | None:
    """The kind that a name alone decides, "yaml" where the contents have to be seen."""
    name = path[path.rfind("/") + 1 :]
    ending = name[name.rfind(".") + 1 :]
    if ending not in _ENDINGS and "ockerfile" not in name and "ontainerfile" not in name:
        return "kubernetes" if name in _KUSTOMIZATIONS else _yaml(name)
    for (kind, _), pattern in _NAMED.items():
        if pattern.search(name) and not (kind == "dockerfile" and _NOT_DOCKERFILE.search(name)):
            return kind
    if name in _KUSTOMIZATIONS:
        return "kubernetes"
    return _yaml(name)


def _yaml(name: str) -> str | None:
    return "yaml" if name.lower().endswith((".yaml", ".yml")) else None


def lies_beside(path: str) -> bool:
    """Whether rules of some kind look at a file of that name without parsing it as theirs."""
    return any(re.search(pattern, path) for pattern in _BESIDE.values())


def kind_by_contents(data: bytes) -> str | None:
    """Whether a YAML or JSON file may hold Kubernetes objects or a Compose project."""
    if b"apiVersion" in data and b"kind" in data:
        return "kubernetes"
    if _SERVICES.search(data) and (b"image" in data or b"build" in data or b"extends" in data):
        return "compose"
    return None


def defined_kinds(data: bytes) -> list[str]:
    """The custom kinds, as "group/kind", that a file may define; no parsing yet."""
    if b"CustomResourceDefinition" not in data:
        return []
    found: set[str] = set()
    for document in data.split(b"\n---"):
        if b"CustomResourceDefinition" in document:
            groups = set(_GROUP.findall(document))
            for kind in set(_KIND.findall(document)):
                found.update(f"{group.decode()}/{kind.decode()}" for group in groups)
    return sorted(found)


def is_touched(job: Job, focus: Focus) -> bool:
    """Whether a job may have something to say of what is in focus.

    That is a file of its own, or one beside them that its rules look at: a source map for
    the package around it, a .dockerignore for the Dockerfiles at its side and below.
    """
    if any(map(focus.holds, job.paths)):
        return True
    if job.kind not in _BESIDE:
        return False
    named = [path for path in focus.files if re.search(_BESIDE[job.kind], path)]
    if any(_is_below(path, job.directory) for path in (*named, *focus.directories)):
        return True
    # The build context of a Dockerfile may begin above it.
    in_context = job.kind == "dockerfile"
    return in_context and any(_is_below(job.directory, _directory(path)) for path in named)


def beside(focus: Focus, jobs: Sequence[Job]) -> dict[str, str]:
    """The named files that are judged with a job though they are none of its own, by path.

    Each comes with the kind of the job: a build's configuration is judged with its package.
    """
    if not focus.files:
        return {}
    own = {path for job in jobs for path in job.paths}
    places: dict[str, set[str]] = defaultdict(set)
    for job in jobs:
        places[job.kind].add(job.directory)
    found = {}
    for path in sorted(focus.files - own):
        tops = _directories_above(path)
        for kind, pattern in _BESIDE.items():
            around = kind in places and not places[kind].isdisjoint(tops)
            below = kind == "dockerfile" and any(_is_below(top, tops[-1]) for top in places[kind])
            if (around or below) and re.search(pattern, path):
                found[path] = kind
    return found


def _directories_above(path: str) -> list[str]:
    """The directories that a path lies in, from the root down to its own."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(len(parts) + 1)]


def units_around(gone: Collection[str], jobs: Iterable[Job]) -> frozenset[str]:
    """The files that were judged together with some that are gone."""
    if not gone:
        return frozenset()
    alone = {row.name for row in KINDS if row.grouping == "file"}
    places = {(_directory(path), kind_by_name(path)) for path in gone}
    found: set[str] = set()
    for job in jobs:
        if job.kind in alone:
            continue
        kinds = (job.kind, "yaml") if job.kind in ("kubernetes", "compose") else (job.kind,)
        if any((_directory(path), kind) in places for path in job.paths for kind in kinds):
            found.update(job.paths)
    return frozenset(found)


def _is_below(path: str, directory: str) -> bool:
    return not directory or path == directory or path.startswith(directory + "/")


def discover(
    tree: Tree,
    listing: Listing,
    *,
    kinds: Collection[str] = (),
    excluded: Callable[[str], bool] | None = None,
    kind_override: Callable[[str], str | None] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    cache: Cache | None = None,
) -> Discovered:
    """Kinds and jobs of the listed files.

    `kinds` narrows to some of them. Files that a person named (`tree.explicit`) are kept
    where `excluded` would leave them out.
    """
    found: dict[str, str] = {}
    troubles: list[Trouble] = []
    for path in _with_explicit(tree, listing):
        if path not in tree.explicit and (_in_skipped(path) or (excluded and excluded(path))):
            continue
        kind = kind_override(path) if kind_override else None
        if kind is None:
            kind = kind_by_name(path)
            if kind is None and path in tree.explicit and is_archive(path):
                kind = "npm"
            if kind == "yaml" or (kind is None and _explicit_json(tree, path)):
                kind = _look_inside(tree, path, troubles, cache)
        if kind and kind != "skip" and (not kinds or kind in kinds):
            found[path] = kind
    jobs = group(found, tree, settings or {}, cache)
    return Discovered(jobs, found, troubles)


def _with_explicit(tree: Tree, listing: Listing) -> Iterable[str]:
    unlisted = sorted(path for path in tree.explicit if path not in tree.listed)
    return [*listing.paths, *unlisted] if unlisted else listing.paths


def _in_skipped(path: str) -> bool:
    return not SKIPPED_DIRECTORIES.isdisjoint(path.split("/")[:-1])


def is_archive(path: str) -> bool:
    """Whether a name is that of a packed npm package; only what a person names is looked into."""
    return path.lower().endswith((".tgz", ".tar.gz", ".tar"))


def _explicit_json(tree: Tree, path: str) -> bool:
    is_manifest = path.endswith(".json") and not path.endswith(".schema.json")
    return is_manifest and path in tree.explicit


def _look_inside(tree: Tree, path: str, troubles: list[Trouble], cache: Cache | None) -> str | None:
    known = cache.seen(path) if cache else None
    if known is not None:
        kind, tree.defined[path] = known
        return kind or None
    try:
        data = _readable(tree, path)
        refuse_pointer(path, data)
        found = kind_by_contents(data)
        tree.defined[path] = (len(data), defined_kinds(data))
        if cache:
            cache.keep_seen(path, found or "", tree.defined[path])
        return found
    except Broken as broken:
        if broken.trouble.kind != "vanished" or path in tree.explicit:
            troubles.append(broken.trouble)
        return None


def _readable(tree: Tree, path: str) -> bytes:
    """The bytes to look into: UTF-16 is recoded, links that leave the tree are empty."""
    leads_out = tree.is_link(path) and tree.real_path(path) is None
    if leads_out and path not in tree.explicit:
        return b""
    data = tree.raw(path)
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return data.replace(b"\0", b"")
    return data


def group(
    found: Mapping[str, str],
    tree: Tree,
    settings: Mapping[str, Mapping[str, Any]],
    cache: Cache | None = None,
) -> list[Job]:
    """The jobs of a scan, in the order of kinds and directories."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for path, kind in found.items():
        by_kind[kind].append(path)
    jobs: list[Job] = []
    for row in KINDS:
        paths = by_kind.pop(row.name, None)
        if paths is None:
            continue
        table = settings.get(row.name, {})
        if row.grouping == "file":
            jobs += [Job(row.name, _directory(path), (path,), table) for path in paths]
        elif row.grouping == "directory":
            jobs += _by_directory(row.name, paths, table)
        else:
            known = cache.grouped(row.name, paths, table) if cache else None
            jobs += known or _by_parser(row.name, paths, tree, table, cache)
    return jobs


def _by_parser(
    kind: str, paths: Iterable[str], tree: Tree, table: Mapping[str, Any], cache: Cache | None
) -> list[Job]:
    """The jobs that the parser of a kind makes of its files."""
    trace = tree.traced() if cache else None
    jobs: list[Job] = import_module(f"iachygiene.parse.{kind}").group(paths, tree, table)
    tree.trace = None
    if cache and trace:
        cache.keep_grouped(kind, paths, table, trace, jobs)
    return jobs


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


def _by_directory(kind: str, paths: Iterable[str], settings: Mapping[str, Any]) -> list[Job]:
    directories: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        directories[_directory(path)].append(path)
    return [
        Job(kind, directory, tuple(members), settings) for directory, members in directories.items()
    ]
