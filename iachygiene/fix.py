"""Applying the edits that findings carry: in memory first, to disk whole or not at all."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from iachygiene.files import Tree
from iachygiene.model import Broken, Crash, Finding, Fix, Result, SourceFile

MAX_PASSES = 10
"""Passes of fixing; a fix can uncover the next."""

_UNREADABLE = frozenset(("HYG001", "HYG004", "HYG006"))
_NEVER_WRITTEN = frozenset((".git", ".terraform", "node_modules"))


class NotWritten(Exception):
    """A file that was left as it was; the message says why."""


def repair(
    result: Result,
    tree: Tree,
    judge_again: Callable[[frozenset[str]], Result],
    in_focus: Callable[[str], bool],
    *,
    unsafe: bool = False,
) -> Result:
    """Apply fixes in `tree.overlay` and judge again, until nothing changes.

    Only files in focus are changed. One that does not parse after a pass is put back, and
    its rules have a defect: the result says so, with exit code 4.
    """
    for _ in range(MAX_PASSES):
        before = dict(tree.overlay)
        bad = {one.location.path for one in result.findings if one.rule in _UNREADABLE}
        fixing = [
            one
            for one in result.findings
            if in_focus(one.location.path) and one.location.path not in bad
            if not (one.fix and one.fix.path) or in_focus(one.fix.path)
        ]
        changed = apply(fixing, tree, unsafe=unsafe)
        if not changed:
            break
        result = judge_again(changed)
        unparsed = {one.location.path for one in result.findings if one.rule == "HYG001"}
        broken = changed & unparsed
        if broken:
            for path in broken:
                _put_back(path, before, tree)
            crashes = [_broken_fix(path, fixing) for path in sorted(broken)]
            result = judge_again(broken)
            return result._replace(crashes=[*result.crashes, *crashes], exit_code=4)
    return result


def _put_back(path: str, before: Mapping[str, bytes], tree: Tree) -> None:
    if path in before:
        tree.overlay[path] = before[path]
    else:
        del tree.overlay[path], tree.originals[path]


def _broken_fix(path: str, findings: Iterable[Finding]) -> Crash:
    rules = sorted(
        {one.rule for one in findings if one.fix and (one.fix.path or one.location.path) == path}
    )
    return Crash(", ".join(rules), path, "the fix made a file that does not parse", "")


def apply(findings: Iterable[Finding], tree: Tree, *, unsafe: bool = False) -> frozenset[str]:
    """Put the fixed contents of files into `tree.overlay`; gives the paths that changed.

    A fix is applied whole or not at all. One that overlaps another waits for the next pass.
    """
    by_path: dict[str, list[Fix]] = defaultdict(list)
    for finding in findings:
        fix = finding.fix
        path = (fix and fix.path) or finding.location.path
        if fix is not None and (fix.safe or unsafe) and may_be_written(path, tree):
            by_path[path].append(fix)
    changed = set()
    for path, fixes in by_path.items():
        try:
            file = SourceFile(path, tree.judged(path))
            if _is_generated(file):
                continue
            after = fixed(file, fixes)
        except Broken:
            continue
        if after != file.data:
            tree.originals.setdefault(path, file.data)
            tree.overlay[path] = after
            changed.add(path)
    return frozenset(changed)


def fixed(file: SourceFile, fixes: Iterable[Fix]) -> bytes:
    """The bytes of a file after those fixes that do not overlap an earlier one."""
    text = file.text
    taken: list[tuple[int, int, str]] = []
    keep_mark = file.bom
    for fix in sorted(fixes, key=lambda one: one.edits):
        edits = [(edit.span.start, edit.span.end, edit.text) for edit in fix.edits]
        if any(_overlap(edit, other) for edit in edits for other in taken):
            continue
        taken += edits
        keep_mark = keep_mark and fix.keep_mark
    for start, end, replacement in sorted(taken, reverse=True):
        text = text[:start] + replacement + text[end:]
    return (b"\xef\xbb\xbf" if keep_mark else b"") + text.encode()


def _overlap(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    if one[0] == other[0]:
        return True
    return one[0] < other[1] and other[0] < one[1]


def may_be_written(path: str, tree: Tree) -> bool:
    """Whether fixes may change a file: not what git ignores, links lead to, or tools own."""
    if path not in tree.listed and path not in tree.explicit:
        return False
    if not _NEVER_WRITTEN.isdisjoint(path.split("/")):
        return False
    return not os.path.islink(tree.absolute(path))


def _is_generated(file: SourceFile) -> bool:
    """Whether a program says at the top of a file that the file is its own."""
    top = file.text[:2000].splitlines()[:10]
    return any(
        "@generated" in line or ("Code generated " in line and "DO NOT EDIT" in line)
        for line in top
        if line.lstrip().startswith(("#", "//", "/*", "*"))
    )


def unified_diff(tree: Tree) -> Iterator[str]:
    """The pending changes of a tree as lines of a unified diff."""
    from difflib import unified_diff as lines_of

    for path in sorted(tree.overlay):
        before = _lines(tree.originals[path])
        after = _lines(tree.overlay[path])
        for line in lines_of(before, after, _quoted(f"a/{path}"), _quoted(f"b/{path}")):
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[str]:
    """Lines as diff and git know them: a line feed ends one, and nothing else does."""
    *whole, last = data.decode(errors="replace").split("\n")
    return [line + "\n" for line in whole] + ([last] if last else [])


def _quoted(name: str) -> str:
    """A name as git writes it into a patch: in quotes with escapes unless it is printable."""
    if name.isprintable() and not set('"\\').intersection(name):
        return name
    escaped = name.encode(errors="surrogateescape").decode("latin-1")
    return (
        '"'
        + "".join(
            f"\\{ord(one):03o}" if not " " <= one <= "~" or one in '"\\' else one for one in escaped
        )
        + '"'
    )


def write_all(tree: Tree) -> Iterator[tuple[str, str]]:
    """Write the pending changes; gives each path with why it was not written, "" if it was."""
    for path in sorted(tree.overlay):
        try:
            write(tree.root, path, tree.originals[path], tree.overlay[path])
            yield path, ""
        except NotWritten as reason:
            yield path, str(reason)


def write(root: str, path: str, before: bytes, after: bytes) -> None:
    """Replace the contents of one file by way of a temporary file beside it.

    Raises `NotWritten` where the file is no longer what was judged, is no regular file
    below the root, or cannot be replaced; it is untouched then.
    """
    target = os.path.join(root, path)
    real = os.path.realpath(target)
    if not real.startswith(os.path.realpath(root) + os.sep):
        raise NotWritten("it lies outside the root")
    temporary = ""
    try:
        found = os.lstat(target)
        if not stat.S_ISREG(found.st_mode):
            raise NotWritten("it is not a regular file")
        with open(target, "rb") as file:
            if file.read(len(before) + 1) != before:
                raise NotWritten("it changed meanwhile")
        if found.st_nlink > 1:
            _write_in_place(target, before, after)
            return
        descriptor, temporary = _beside(target, stat.S_IMODE(found.st_mode))
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        _keep_owner(temporary, found)
        _keep_attributes(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise NotWritten((error.strerror or "cannot be written").lower()) from None
    finally:
        remove(temporary)


def replace_or_make(path: str, after: bytes) -> None:
    """Write a file of ours whole, by way of a temporary one beside it; raises OSError."""
    directory, name = os.path.split(os.path.abspath(path))
    if os.path.lexists(path):
        with open(path, "rb") as file:
            before = file.read()
        try:
            write(directory, name, before, after)
        except NotWritten as reason:
            raise OSError(f"{path}: {reason}") from None
        return
    temporary = ""
    try:
        descriptor, temporary = _beside(path, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        remove(temporary)


def remove(temporary: str) -> None:
    """Remove a temporary file of ours, if it is there and the system lets us."""
    if temporary and os.path.lexists(temporary):
        with suppress(OSError):
            os.unlink(temporary)


def _beside(target: str, mode: int) -> tuple[int, str]:
    directory, name = os.path.split(target)
    path = os.path.join(directory, f".{name[:100]}.{os.urandom(8).hex()}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, mode)
    except BaseException:
        os.close(descriptor)
        remove(path)
        raise
    return descriptor, path


def _keep_owner(path: str, found: os.stat_result) -> None:
    here = os.stat(path)
    if (here.st_uid, here.st_gid) != (found.st_uid, found.st_gid):
        try:
            os.chown(path, found.st_uid, found.st_gid)
        except OSError:
            return


def _keep_attributes(source: str, path: str) -> None:
    """Extended attributes, where the system has them and allows it."""
    try:
        for name in os.listxattr(source):
            os.setxattr(path, name, os.getxattr(source, name))
    except (OSError, AttributeError):
        return


def _write_in_place(target: str, before: bytes, after: bytes) -> None:
    """A file with several names keeps them all; a copy lies beside it until it is done."""
    descriptor, copy = _beside(target, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(before)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        remove(copy)
        raise
    try:
        _overwrite(target, after)
    except BaseException:
        _overwrite(target, before)  # where that fails too, the copy is still there
        remove(copy)
        raise
    remove(copy)


def _overwrite(target: str, data: bytes) -> None:
    with open(target, "r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
