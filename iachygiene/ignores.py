"""Suppression comments in bulk: one above each finding that is left, and no other change."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from iachygiene.files import Tree
from iachygiene.model import WHOLE_FILE, Broken, Finding, Job, SourceFile
from iachygiene.selection import ALWAYS_ON
from iachygiene.suppress import NEVER_MUTED

_PASSES = 3
_NO_COMMENTS = (".json", ".tgz", ".map")


class Added(NamedTuple):
    """New contents by path, how many findings they mute, and those that take no comment."""

    contents: Mapping[str, bytes]
    muted: int
    left: Sequence[Finding]


def add(
    findings: Sequence[Finding],
    tree: Tree,
    reason: str,
    judge: Callable[[Mapping[str, bytes]], Sequence[Finding]],
) -> Added:
    """Comments for the findings; `judge` gives what is found with new contents of files.

    A comment that does not mute its finding, because it would stand inside a text or a
    here-document, is taken back: the file is judged with it before anything is written.
    """
    refused: set[tuple[str, int, str]] = set()
    contents: dict[str, bytes] = {}
    for _ in range(_PASSES):
        wanted = [one for one in findings if _key(one) not in refused and _takes(one, tree)]
        contents = _with_comments(wanted, tree, reason)
        after = judge(contents)
        broken = {one.location.path for one in after if one.rule in ALWAYS_ON}
        again = {(one.rule, one.location.path, one.message) for one in after}
        failed = {
            _key(one)
            for one in wanted
            if one.location.path in broken or (one.rule, one.location.path, one.message) in again
        }
        if not failed:
            break
        refused |= failed
    else:
        contents = {path: data for path, data in contents.items() if path not in broken}
    done = [one for one in findings if _key(one) not in refused and one.location.path in contents]
    kept = {id(one) for one in done}
    left = [one for one in findings if id(one) not in kept]
    return Added(contents, len(done), left)


def _key(finding: Finding) -> tuple[str, int, str]:
    return (finding.location.path, finding.location.span.start, finding.rule)


def _takes(finding: Finding, tree: Tree) -> bool:
    from iachygiene.fix import may_be_written

    path = finding.location.path
    if finding.rule in NEVER_MUTED or path.endswith(_NO_COMMENTS):
        return False
    return may_be_written(path, tree)


def _with_comments(findings: Iterable[Finding], tree: Tree, reason: str) -> dict[str, bytes]:
    by_path: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_path[finding.location.path].append(finding)
    contents = {}
    for path, group in by_path.items():
        try:
            file = SourceFile(path, tree.judged(path))
            text = _commented(file, group, tree, reason)
        except Broken:
            continue
        contents[path] = (b"\xef\xbb\xbf" if file.bom else b"") + text.encode()
    return contents


def _commented(file: SourceFile, findings: Sequence[Finding], tree: Tree, reason: str) -> str:
    text = file.text
    line_end = "\r\n" if "\r\n" in text else "\n"
    tail = f" {reason}" if reason else ""
    starts = _instructions(file, tree)
    at: dict[int, list[str]] = defaultdict(list)
    whole: list[str] = []
    for finding in findings:
        if finding.location.span == WHOLE_FILE:
            whole.append(finding.rule)
            continue
        offset = finding.location.span.start
        if starts:
            offset = starts[max(bisect_right(starts, offset) - 1, 0)]
        at[text.rfind("\n", 0, offset) + 1].append(finding.rule)
    parts = []
    last = 0
    if whole:
        codes = ", ".join(sorted(set(whole)))
        last = _head(text)
        parts.append(f"{text[:last]}# iachygiene: ignore-file[{codes}]{tail}{line_end}")
    for start, rules in sorted(at.items()):
        indent = text[start : start + len(text[start:]) - len(text[start:].lstrip(" \t"))]
        codes = ", ".join(sorted(set(rules)))
        comment = f"{indent}# iachygiene: ignore[{codes}]{tail}{line_end}"
        parts.append(text[last:start] + comment)
        last = max(last, start)
    return "".join([*parts, text[last:]])


def _head(text: str) -> int:
    """Where a comment about the whole file goes: below the directives of a Dockerfile."""
    position = 0
    for line in text.splitlines(keepends=True):
        name = line.lstrip("# \t").partition("=")[0].strip().lower()
        if not (line.startswith("#") and name in ("syntax", "escape", "check")):
            break
        position += len(line)
    return position


def _instructions(file: SourceFile, tree: Tree) -> list[int]:
    """Where the instructions of a Dockerfile start; of other files nothing."""
    from iachygiene.discover import kind_by_name

    if kind_by_name(file.path) != "dockerfile":
        return []
    from iachygiene.parse.dockerfile import Dockerfile, load

    job = Job("dockerfile", file.path.rpartition("/")[0], (file.path,))
    return [
        instruction.extent.start
        for unit in load(job, tree)
        if isinstance(unit, Dockerfile)
        for instruction in unit.instructions
    ]


class Replaced:
    """Files with other contents than those on disk, for a tree to read."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = contents

    def __contains__(self, path: object) -> bool:
        return path in self.contents

    def read(self, path: str) -> bytes | None:
        """The contents of a file."""
        return self.contents.get(path)

    def listdir(self, directory: str) -> list[tuple[str, str]]:
        """Nothing: directories are those on disk."""
        del directory
        return []


def named(findings: Sequence[Finding]) -> Iterator[str]:
    """Lines that name findings which take no comment."""
    for finding in findings:
        yield f"{finding.location.path}: {finding.rule}: takes no comment"
