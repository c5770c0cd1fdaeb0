"""What git says of the scanned tree: the only place that asks it.

A repository's own configuration can name programs (a file monitor, hooks, filters, a pager,
an external diff), so every call goes through `start`: options that switch them off, a short
list of commands that start none of what is left, and no network.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from iachygiene.tools import Ended, Running

TIMEOUT = 30.0
"""Seconds for one question."""
LISTING_LIMIT = 512 * 1024 * 1024

_GUARD = (
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", f"core.attributesFile={os.devnull}"),
    *("-c", "core.pager=cat"),
    *("-c", "diff.external="),
    *("-c", "core.sshCommand=false"),
    *("-c", "protocol.allow=never"),
    *("-c", "submodule.recurse=false"),
    *("-c", "credential.helper="),
    *("-c", "core.quotePath=false"),
    "--no-pager",
    "--no-optional-locks",
)
_VARIABLES: Mapping[str, str] = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
}
_USER_VARIABLES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")

# Comparing files with the index (status, diff, ls-files -m) runs clean filters whatever the
# options (git 2.39), so these commands and options are all there is.
_COMMANDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ls-files": ((), ("-m", "--modified", "--recurse-submodules", "--eol")),
    "ls-tree": ((), ()),
    "rev-parse": ((), ()),
    "merge-base": ((), ()),
    "diff-tree": ((), ("--ext-diff", "--textconv", "-p", "--patch")),
    "diff-index": (("--cached",), ("--ext-diff", "--textconv", "-p", "--patch")),
    "cat-file": ((), ("--filters", "--textconv")),
    "config": (("--get",), ()),
    "version": ((), ()),
}


class Refusal(NamedTuple):
    """Why git gave no answer.

    `why` is "no-git", "not-a-repository", "unsafe" (git does not trust the owner of the
    directory), "timed-out", "garbage" or "failed"; `detail` is one line for people.
    """

    why: str
    detail: str


class GitListing(NamedTuple):
    """The files of a tree as git sees them, by paths relative to the root that was asked about.

    `paths` are the files, tracked or not, without what git ignores, sorted. `untracked`,
    `links` (symbolic links), `unmerged` and `sparse` (tracked, but left out of a sparse
    checkout) are parts of it. `submodules` are directories that are repositories of their
    own and not part of `paths`. `unreadable` are directories that could not be opened.
    """

    paths: Sequence[str]
    untracked: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    unmerged: frozenset[str] = frozenset()
    sparse: frozenset[str] = frozenset()
    submodules: Sequence[str] = ()
    unreadable: Sequence[str] = ()


class Pending:
    """A listing that git is at work on."""

    __slots__ = ("_running",)

    def __init__(self, running: Running | Refusal) -> None:
        self._running = running

    def result(self) -> GitListing | Refusal:
        """Wait for the listing; asked for once."""
        if isinstance(self._running, Refusal):
            return self._running
        ended = self._running.wait()
        listing = refusal_of(ended) or _read_listing(ended.stdout)
        if isinstance(listing, GitListing) and ended.stderr:
            listing = listing._replace(unreadable=_unreadable(ended.stderr))
        return listing


def start_listing(root: str) -> Pending:
    """Begin to list the files below a directory; returns at once."""
    return Pending(
        start(
            root,
            *("ls-files", "--cached", "--others", "--exclude-standard", "--stage", "-t", "-z"),
            limit=LISTING_LIMIT,
        )
    )


def list_files(root: str) -> GitListing | Refusal:
    """The files below a directory, or why git does not tell."""
    return start_listing(root).result()


def tracked_below(root: str, directories: Iterable[str]) -> frozenset[str] | Refusal:
    """The tracked files below some directories; all paths are relative to the root."""
    paths = [f":(literal){directory}" for directory in directories]
    if not paths:
        return frozenset()
    answer = ask(root, "ls-files", "--cached", "-z", "--", *paths)
    if isinstance(answer, Refusal):
        return answer
    return frozenset(map(os.fsdecode, answer.split(b"\0")[:-1]))


def commit(root: str, revision: str) -> str | None:
    """The commit that a revision means, None where it means none."""
    answer = ask(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^0")
    if isinstance(answer, Refusal):
        return None
    name = answer.decode("ascii", "replace").strip()
    return name if len(name) in (40, 64) and name.isalnum() else None


def merge_base(root: str, one: str, other: str) -> str | None:
    """The nearest commit that two have in common, None where there is none here."""
    answer = ask(root, "merge-base", one, other)
    if isinstance(answer, Refusal):
        return None
    return answer.decode("ascii", "replace").strip() or None


def default_branch(root: str) -> str | None:
    """The branch that a clone of the upstream would check out, such as `origin/main`."""
    answer = ask(root, "rev-parse", "--abbrev-ref", "--quiet", "--verify", "origin/HEAD")
    if isinstance(answer, Refusal):
        return None
    return answer.decode(errors="replace").strip() or None


def head(root: str) -> str | None:
    """The commit that is checked out, None where there is none or git does not tell."""
    return commit(root, "HEAD")


def origin(root: str) -> str | None:
    """The URL that the working tree was cloned from, None where git knows none."""
    answer = ask(root, "config", "--get", "remote.origin.url")
    return None if isinstance(answer, Refusal) else answer.decode(errors="replace").strip() or None


def toplevel(path: str) -> str | None:
    """The top directory of the working tree around a directory, None outside of one.

    Decided by the `.git` entry alone, as git would without its environment; a repository
    whose place git's own variables give counts too.
    """
    path = os.path.realpath(path)
    here = path
    while True:
        if _git_directory(here):
            return here
        parent = os.path.dirname(here)
        if parent == here:
            break
        here = parent
    work_tree = os.environ.get("GIT_WORK_TREE")
    if work_tree and os.environ.get("GIT_DIR"):
        top = os.path.realpath(work_tree)
        if path == top or path.startswith(top.rstrip(os.sep) + os.sep):
            return top
    return None


def is_bare(directory: str) -> bool:
    """Whether a directory is a repository itself and no working tree."""
    return os.path.isfile(os.path.join(directory, "HEAD")) and all(
        os.path.isdir(os.path.join(directory, name)) for name in ("objects", "refs")
    )


def _git_directory(top: str) -> str | None:
    """The repository that belongs to a working tree with this top directory."""
    entry = os.path.join(top, ".git")
    if os.path.isdir(entry):
        return entry if os.path.isfile(os.path.join(entry, "HEAD")) else None
    try:
        with open(entry, "rb") as file:
            said = file.read(4096)
    except OSError:
        return None
    if not said.startswith(b"gitdir:"):
        return None
    return os.path.join(top, os.fsdecode(said.partition(b":")[2].strip()))


def _place_variables(root: str) -> dict[str, str]:
    """Git's variables that say where the repository is, as far as they are about this one.

    A hook is started with them; a scan of another directory must not follow them.
    """
    top = toplevel(root)
    if top is None:
        return {}
    found = {}
    directory = _git_directory(top)
    if directory is None:
        directory = os.environ["GIT_DIR"]
        found = {"GIT_DIR": os.path.abspath(directory), "GIT_WORK_TREE": top}
    index = os.environ.get("GIT_INDEX_FILE")
    if index:
        # Git gives it relative to the top directory, where it starts hooks.
        index = os.path.realpath(os.path.join(top, index))
        if index.startswith(os.path.realpath(directory) + os.sep):
            found["GIT_INDEX_FILE"] = index
    return found


def start(
    root: str, command: str, *arguments: str, limit: int = 0, input: bytes | None = None
) -> Running | Refusal:
    from iachygiene.tools import STDERR_LIMIT, STDOUT_LIMIT, Running, environment, find, search_path

    required, forbidden = _COMMANDS[command]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if not set(required) <= set(options) or not set(forbidden).isdisjoint(options):
        raise ValueError(f"git {command} is not asked with {' '.join(options)}")
    program = find("git", root)
    if program is None:
        return Refusal("no-git", "git not found")
    user = {name: os.environ[name] for name in _USER_VARIABLES if name in os.environ}
    variables = {**_VARIABLES, **user, **_place_variables(root)}
    return Running(
        [program, *_GUARD, command, *arguments],
        cwd=root,
        env=environment(search_path(root)[0], variables),
        timeout=TIMEOUT,
        input=input,
        limits=(limit or STDOUT_LIMIT, STDERR_LIMIT),
    )


def ask(root: str, command: str, *arguments: str, limit: int = 0) -> bytes | Refusal:
    running = start(root, command, *arguments, limit=limit)
    if isinstance(running, Refusal):
        return running
    ended = running.wait()
    return refusal_of(ended) or ended.stdout


def refusal_of(ended: Ended) -> Refusal | None:
    from iachygiene.tools import clean, first_line

    if ended.failure:
        return Refusal("failed", f"git cannot be started: {ended.failure.lower()}")
    if ended.timed_out:
        return Refusal("timed-out", f"git took over {TIMEOUT:g} s")
    if ended.cut:
        return Refusal("garbage", "git printed more than is kept")
    if ended.code == 0:
        return None
    said = clean(ended.stderr.decode(errors="replace"))
    for words, why in (("not a git repository", "not-a-repository"), ("dubious", "unsafe")):
        if words in said:
            return Refusal(why, first_line(said).removeprefix("fatal: "))
    return Refusal("failed", first_line(said) or f"git ended with code {ended.code}")


def _read_listing(output: bytes) -> GitListing | Refusal:
    """The listing in what `ls-files -t --stage -z` prints.

    A record is `? path`, or `T mode object stage<TAB>path` with a letter T for the state.
    """
    records = os.fsdecode(output).split("\0")
    if records.pop():
        return Refusal("garbage", "the listing of git ends in the middle of a name")
    found: dict[str, str] = {}
    parts: dict[str, list[str]] = {name: [] for name in ("?", "120000", "160000", "M", "S")}
    for record in records:
        tag, _, rest = record.partition(" ")
        if tag == "?":
            path, mode = rest, "160000" if rest.endswith("/") else ""
        else:
            fields, tab, path = rest.partition("\t")
            mode = fields[:6]
            if len(tag) != 1 or not tab or not mode.isdigit():
                return Refusal("garbage", "git printed what is not a listing")
        found[path.rstrip("/")] = mode
        for name in (tag, mode):
            if name in parts:
                parts[name].append(path.rstrip("/"))
    untracked, links, nested, unmerged, sparse = parts.values()
    return GitListing(
        sorted(path for path, mode in found.items() if mode != "160000"),
        _files(untracked, nested),
        frozenset(links),
        frozenset(unmerged),
        frozenset(sparse),
        sorted(set(nested)),
    )


def _unreadable(stderr: bytes) -> list[str]:
    """The directories that git warns it could not open; the listing goes on without them."""
    found = []
    for line in os.fsdecode(stderr).splitlines():
        _, told, rest = line.partition("could not open directory '")
        if told:
            found.append(rest.rpartition("'")[0].rstrip("/"))
    return found


def _files(paths: Collection[str], nested: Collection[str]) -> frozenset[str]:
    return frozenset(paths).difference(nested)
