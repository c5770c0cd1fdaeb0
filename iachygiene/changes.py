"""What changed: since a commit, in the index, on which lines."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from iachygiene import git, stored
from iachygiene.discover import Focus, Listing, kind_by_name, lies_beside
from iachygiene.model import Broken, SourceFile, Span, Unchecked

if TYPE_CHECKING:
    from iachygiene.baseline import Baseline
    from iachygiene.config import Config
    from iachygiene.discover import Place
    from iachygiene.engine import Options
    from iachygiene.files import Tree

_CONFIGURATION = (".iachygiene.toml", "pyproject.toml", ".gitignore")
_MAX_LINES = 20_000
"""Lines of a file that are compared one by one; of a longer one everything counts as new."""
NOTHING = Focus(frozenset(("",)))
"""A focus that holds no file."""


class NoHistory(Exception):
    """Raised where git cannot say what changed; the message says why and what to do."""


class Changes(NamedTuple):
    """The files that differ from a commit, `base`, and those of it that are gone.

    `everything` is why the whole tree counts as changed, "" where it does not.
    """

    base: str
    files: frozenset[str]
    deleted: frozenset[str]
    old: stored.Stored
    everything: str = ""


def revision(root: str, said: str) -> tuple[str, str]:
    """The commit to compare with, and what it is called, for `REF`, `A..B`, `A...B`, `auto`.

    `REF` and `A...` are the merge base with what is checked out, `A..` is A itself. Raises
    `NoHistory`.
    """
    if git.toplevel(root) is None:
        raise NoHistory("not a git repository: there is nothing to compare with")
    name = _automatic(root) if said == "auto" else said
    head = git.commit(root, "HEAD")
    if head is None:
        raise NoHistory("there is no commit yet to compare with")
    first, dots, second = name.partition("..")
    at_base = not dots or second.startswith(".")
    second = second.removeprefix(".")
    if second and git.commit(root, second) != head:
        raise NoHistory(f"{second} is not what is checked out")
    other = git.commit(root, first or "HEAD")
    if other is None:
        raise NoHistory(f"no such commit: {first}{_shallow(root)}")
    if not at_base:
        return other, first
    base = git.merge_base(root, other, head)
    if base is None:
        raise NoHistory(
            f"{first} and HEAD have no common commit here; in a shallow clone fetch more"
            " (`fetch-depth: 0`)"
        )
    return base, first


def _shallow(root: str) -> str:
    """What to do where a clone lacks the history that is asked for."""
    answer = git.ask(root, "rev-parse", "--is-shallow-repository")
    if answer != b"true\n":
        return ""
    return "; this clone is shallow\nhint: fetch more (`fetch-depth: 0`, `git fetch --unshallow`)"


def _automatic(root: str) -> str:
    """The target of the pull or merge request that runs, else the upstream's default branch."""
    environment = os.environ
    if environment.get("GITHUB_BASE_REF"):
        return f"origin/{environment['GITHUB_BASE_REF']}"
    if environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"):
        return environment["CI_MERGE_REQUEST_DIFF_BASE_SHA"]
    if environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        return f"origin/{environment['CI_MERGE_REQUEST_TARGET_BRANCH_NAME']}"
    found = git.default_branch(root)
    if found is None:
        raise NoHistory("no target branch is known here: name one with --since")
    return found


def since(root: str, base: str, listing: Listing, config: Config, tree: Tree) -> Changes:
    """What differs in the working tree from a commit; raises `NoHistory`.

    Only files that a scan looks at are compared, by their contents. A file whose times and
    size are those that the index noted holds what the index does, and is not read.
    """
    blobs = stored.tree_at(root, base)
    if isinstance(blobs, git.Refusal):
        raise NoHistory(blobs.detail)
    entries = stored.entries_of(root)
    changed, here = set(), set()
    for path in listing.paths:
        if not _matters(path, config):
            continue
        blob, entry = blobs.get(path), entries.get(path)
        try:
            state = stored.state_of(os.lstat(tree.absolute(path)))
        except OSError:
            continue
        here.add(path)
        if blob and entry and entry.state == state:
            same = entry.name == blob.name
        else:
            same = blob is not None and _is(blob, path, tree)
        if not same:
            changed.add(path)
    deleted = {path for path in blobs.keys() - here if _matters(path, config)}
    reasons = [path for path in (*changed, *deleted) if _decides_all(path, config)]
    why = f"{min(reasons)} changed" if reasons else ""
    return Changes(base, frozenset(changed), frozenset(deleted), stored.Stored(root, blobs), why)


def _matters(path: str, config: Config) -> bool:
    return bool(
        kind_by_name(path)
        or lies_beside(path)
        or _decides_all(path, config)
        or config.kind_of(path)
    )


def _decides_all(path: str, config: Config) -> bool:
    name = path.rpartition("/")[2]
    if name == "pyproject.toml" and path != config.file:
        return False
    return name in _CONFIGURATION or path in (config.file, config.baseline)


def _is(blob: stored.Blob, path: str, tree: Tree) -> bool:
    try:
        return stored.holds(blob, tree.raw(path))
    except Broken:
        return False


def focus_on(changes: Changes, focus: Focus) -> Focus:
    """The part of a focus that changed."""
    if changes.everything:
        return focus
    return Focus(frozenset(filter(focus.holds, changes.files))) if changes.files else NOTHING


def added_lines(changes: Changes, tree: Tree) -> Mapping[str, Sequence[Span]]:
    """The lines of the changed files that the commit does not have, as spans."""
    changes.old.fetch(path for path in changes.files if path in changes.old)
    found = {}
    for path in changes.files:
        try:
            new = tree.source(path)
        except Broken:
            continue
        old = changes.old.read(path) if path in changes.old else None
        text = "" if old is None else SourceFile(path, old).shown_text
        found[path] = _added(text, new.shown_text)
    return found


def added_since(
    base: str, place: Place, config: Config, tree: Tree
) -> Mapping[str, Sequence[Span]]:
    """The lines that a commit does not have, by path; none where git cannot say."""
    try:
        return added_lines(since(place.root, base, place.listing, config, tree), tree)
    except NoHistory:
        return {}


def _added(old: str, new: str) -> list[Span]:
    lines = new.split("\n")
    before, after = ([line.removesuffix("\r") for line in text.split("\n")] for text in (old, new))
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    end = len(after) - last
    old_part, new_part = before[first : len(before) - last], after[first:end]
    if len(old_part) + len(new_part) > _MAX_LINES:
        return [Span(starts[first], starts[end])]
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(None, old_part, new_part, autojunk=True).get_opcodes()
    return [
        Span(starts[first + start], starts[first + stop])
        for tag, _, _, start, stop in blocks
        if tag in ("insert", "replace")
    ]


def index(root: str, listing: Listing, config: Config, tree: Tree) -> tuple[Listing, Changes]:
    """The index in place of the working tree, and what differs in it from the last commit.

    The result's `old` holds what the index has and the working tree has not. Paths that are
    not merged are said to be not checked. Raises `NoHistory`.
    """
    if git.toplevel(root) is None:
        raise NoHistory("not a git repository: there is no index")
    answer = stored.index_of(root)
    if isinstance(answer, git.Refusal):
        raise NoHistory(answer.detail)
    blobs, unmerged = answer
    head = git.commit(root, "HEAD")
    before: Mapping[str, stored.Blob] = {}
    if head is not None:
        committed = stored.tree_at(root, head)
        if isinstance(committed, git.Refusal):
            raise NoHistory(committed.detail)
        before = committed
    changed = {path for path, blob in blobs.items() if before.get(path) != blob}
    deleted = before.keys() - blobs.keys() - unmerged
    changed |= unmerged
    seen = {path: blob for path, blob in blobs.items() if _matters(path, config)}
    other = {path: blob for path, blob in seen.items() if not _is(blob, path, tree)}
    contents = stored.Stored(root, other)
    refusal = contents.fetch(other)
    if refusal is not None:
        raise NoHistory(refusal.detail)
    notes = [*listing.notes]
    notes += [
        Unchecked(path, "unmerged", "not merged yet")
        for path in sorted(unmerged)
        if _matters(path, config)
    ]
    paths = sorted(blobs)
    why = next((f"{path} changed" for path in sorted(changed) if _decides_all(path, config)), "")
    held = listing._replace(paths=paths, notes=notes)
    return held, Changes(head or "", frozenset(changed), frozenset(deleted), contents, why)


def findings_at(changes: Changes, root: str, config: Config, options: Options) -> Baseline:
    """What was to be found at the commit, as a baseline that the findings of today are held to."""
    from iachygiene.baseline import Baseline
    from iachygiene.engine import run

    paths = sorted(changes.old.blobs)
    changes.old.fetch(path for path in paths if _matters(path, config))
    listing = Listing(paths, from_git=True)
    before = options._replace(
        focus=Focus(),
        explicit=frozenset(),
        engine="builtin",
        fix=False,
        unsafe_fixes=False,
        baselines=(Baseline(""),),
        added=None,
        deleted=frozenset(),
        stored=changes.old,
        closed=True,
    )
    matched = run(root, listing, config, before).matched
    note = f"already in {changes.base[:12]}"
    found = matched.found if matched else ()
    return Baseline("", tuple(one._replace(note=note) for one in found))
