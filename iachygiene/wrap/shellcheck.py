"""What ShellCheck says of the scripts in RUN, as units for the rules.

Each script is written to a file of its own in a temporary directory, below a first line that
names its shell and one `export` for each variable that the build sets. Equal scripts are
written once. A few processes read them all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from iachygiene.model import Broken, Job, Location, Severity, Span, ToolStatus, Unchecked
from iachygiene.parse.dockerfile import Dockerfile, load
from iachygiene.parse.runs import CheckedScripts, Remark, Replacement, RunScript, run_scripts
from iachygiene.parse.script import Text
from iachygiene.tools import SHELLCHECK, Program, ToolRun, scratch
from iachygiene.wrap.memory import Memory
from iachygiene.wrap.terraform import in_threads, status_of

if TYPE_CHECKING:
    from iachygiene.cache import Cache
    from iachygiene.files import Tree

Unit: TypeAlias = CheckedScripts | ToolStatus | Unchecked

CHECK = "shellcheck"
TIMEOUT = 60.0
"""Seconds for one batch."""
BATCH = 2_000
"""Scripts that one process reads at most."""
MAX_SCRIPTS = 2_000
"""Scripts of one Dockerfile; reading so many takes seconds."""
WORTHWHILE = 100
"""Scripts above which a second process pays."""

_CODES = frozenset((0, 1))
_ARGUMENTS = (
    *("--norc", "--color=never", "--format=json1", "--severity=style"),
    # Names of shells, and files to source: both are out of sight here.
    "--exclude=SC2187,SC1090,SC1091",
)
_PREDEFINED = tuple(
    name
    for proxy in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
    for name in (proxy, proxy.upper())
)
_LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING}


class Origin(NamedTuple):
    """Where a script stands. `path` is the Dockerfile's."""

    path: str
    script: RunScript


class Batch(NamedTuple):
    """What one process gave: remarks by the number of the script's file."""

    run: ToolRun
    remarks: Mapping[int, Sequence[Mapping[str, Any]]]


def units(
    jobs: Sequence[Job], tree: Tree, settings: Mapping[str, Any], cache: Cache | None = None
) -> Iterator[Unit]:
    """What ShellCheck says of the Dockerfiles of the jobs, and how its runs ended.

    `settings` may hold "path" of the program, "timeout" in seconds, and "required" where it
    was asked for by name. `cache` holds what was said in earlier runs.
    """
    required = bool(settings.get("required"))
    program = SHELLCHECK.find(tree.root, path=settings.get("path") or "")
    if program is None:
        missing = SHELLCHECK.missing(tree.root)
        yield status_of(CHECK, [missing], 0, required=required)
        return
    known = Memory.of(cache, tree, SHELLCHECK, program)
    origins: dict[str, list[Origin]] = {}
    found: dict[str, list[Remark]] = {}
    asked: dict[str, int] = {}
    count = 0
    for job in jobs:
        what = f"shellcheck {job.paths[0]}"
        if known:
            said_before = known.says(what)
            if said_before is not None:
                scripts_before, remarks = json.loads(said_before)
                count += scripts_before
                if remarks:
                    found[job.paths[0]] = [_remembered(row) for row in remarks]
                continue
            known.look(what)
        scripts = list(_scripts(job, tree))
        if len(scripts) > MAX_SCRIPTS:
            detail = f"{len(scripts):,} scripts, over {MAX_SCRIPTS:,} are not given to shellcheck"
            yield Unchecked(job.paths[0], "size", detail)
            continue
        count += len(scripts)
        asked[job.paths[0]] = len(scripts)
        if known and any(path != job.paths[0] for path, _ in scripts):
            known.forget(what)  # a link, whose target is what the remarks are about
        for path, script in scripts:
            origins.setdefault(_source(script), []).append(Origin(path, script))
    sources = list(origins)
    said, runs = _check(sources, program, tree.root, settings.get("timeout") or TIMEOUT)
    for number, source in enumerate(sources):
        for path, script in origins[source] if number in said else ():
            lines = source.count("\n") - script.text.string.count("\n") - 1
            places = _Places(script.text, lines)
            found.setdefault(path, []).extend(_remarks(said[number], script, places))
    if known and all(run.answered for run in runs):
        for path, scripts_of in asked.items():
            known.keep(f"shellcheck {path}", json.dumps([scripts_of, found.get(path, [])]))
    if not runs and known and known.version and count:
        runs = [ToolRun("ok", program.name, 0, version=known.version)]
    for path in sorted(found):
        yield CheckedScripts(path, sorted(found[path], key=lambda one: one.location.span))
    status = status_of(CHECK, runs, count, findings=bool(found), required=required)
    yield status._replace(name=SHELLCHECK.name)


def _remembered(row: Sequence[Any]) -> Remark:
    location, code, severity, message, thing, replacements = row
    parts = tuple(Replacement(_location(place), text) for place, text in replacements)
    return Remark(_location(location), code, Severity(severity), message, thing, parts)


def _location(row: Sequence[Any]) -> Location:
    return Location(row[0], Span(*row[1]), row[2])


def _scripts(job: Job, tree: Tree) -> Iterator[tuple[str, RunScript]]:
    try:
        for unit in load(job, tree):
            if isinstance(unit, Dockerfile):
                for script in run_scripts(unit):
                    yield unit.path, script
    except Broken:
        return  # reported where it is judged


def _source(script: RunScript) -> str:
    text = script.text.string
    # One that does not occur costs time and changes nothing.
    names = [name for name in sorted(script.variables.union(_PREDEFINED)) if name in text]
    head = "".join(f"export {name}=1\n" for name in names)
    return f"#!{script.shell}\n{head}{text}\n".replace("\r\n", "\n")


def _check(
    sources: Sequence[str], program: Program, root: str, timeout: float
) -> tuple[Mapping[int, Sequence[Mapping[str, Any]]], list[ToolRun]]:
    processes = min(os.cpu_count() or 1, -(-len(sources) // WORTHWHILE))
    size = min(BATCH, -(-len(sources) // max(processes, 1)))
    numbers = range(len(sources))
    batches = [numbers[start : start + size] for start in range(0, len(sources), max(size, 1))]

    def run(batch: Sequence[int]) -> Batch:
        return _check_batch(batch, sources, program, root, timeout)

    done = in_threads(run, batches, processes)
    said = {number: remarks for batch in done for number, remarks in batch.remarks.items()}
    return said, [batch.run for batch in done]


def _check_batch(
    numbers: Sequence[int], sources: Sequence[str], program: Program, root: str, timeout: float
) -> Batch:
    with scratch() as directory:
        for number in numbers:
            path = os.path.join(directory, str(number))
            with open(path, "x", encoding="utf-8", errors="replace", newline="") as file:
                file.write(sources[number])
        run = SHELLCHECK.run(
            *(*_ARGUMENTS, "--", *map(str, numbers)),
            program=program,
            root=root,
            cwd=directory,
            known=_CODES,
            timeout=timeout,
        )
    if not run.answered:
        return Batch(run, {})
    said: dict[int, list[Mapping[str, Any]]] = {}
    try:
        for one in json.loads(run.stdout)["comments"]:
            said.setdefault(int(one["file"]), []).append(one)
            _ = one["line"] + one["column"] + one["endLine"] + one["endColumn"] + one["code"]
            _ = one["level"] + one["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        why = "shellcheck printed something that is not its JSON"
        hint = "run shellcheck --format=json1 by hand"
        return Batch(run._replace(status="garbage", detail=why, hint=hint), {})
    return Batch(run, said)


class _Places:
    """Lines and columns of a script file to places in the Dockerfile."""

    def __init__(self, text: Text, skipped: int) -> None:
        self.text = text
        self.skipped = skipped
        self.starts = [0, *accumulate(len(line) + 1 for line in text.string.split("\n"))]
        self.last = max(len(text.string.rstrip()), 1)

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column, both from 1; the nearest there is beyond the text."""
        line = min(max(line - self.skipped, 1), len(self.starts) - 1)
        return min(self.starts[line - 1] + max(column, 1) - 1, self.starts[line] - 1)

    def of(self, said: Mapping[str, Any]) -> Location:
        """The place of a comment, at least one character."""
        start = self.offset(said["line"], said["column"])
        end = self.offset(said["endLine"], said["endColumn"])
        end = min(max(end, start + 1), self.last)
        return self.text.location(min(start, end - 1), end)

    def replacement(self, said: Mapping[str, Any], closing: bool) -> Replacement | None:
        """A part of a fix; None where it runs over the end of a line of the Dockerfile.

        A `closing` insertion belongs to what stands before it, on the same line.
        """
        if said["line"] <= self.skipped:
            return None
        start = self.offset(said["line"], said["column"])
        end = self.offset(said["endLine"], said["endColumn"])
        place = self.text.location(start, end)
        if start == end and closing and start > 0:
            before = self.text.origin(start - 1) + 1
            place = place._replace(span=Span(before, before))
        if place.span.end - place.span.start != end - start:
            return None
        return Replacement(place, str(said["replacement"]))


def _remarks(said: Sequence[Mapping[str, Any]], script: RunScript, places: _Places) -> list[Remark]:
    return [
        Remark(
            places.of(one),
            f"SC{one['code']}",
            _LEVELS.get(one["level"], Severity.INFO),
            one["message"],
            script.object,
            _replacements(one, places),
        )
        for one in said
    ]


def _replacements(said: Mapping[str, Any], places: _Places) -> tuple[Replacement, ...]:
    """The parts of a fix; none at all where one of them has no place."""
    begin = (said["line"], said["column"])
    try:
        found = [
            places.replacement(one, (one["line"], one["column"]) > begin)
            for one in (said.get("fix") or {"replacements": ()})["replacements"]
        ]
    except (KeyError, TypeError, AttributeError):
        return ()
    return tuple(one for one in found if one) if all(found) else ()
