"""What Terraform or OpenTofu say of the scanned files, as units for the rules.

Nothing is written into the scanned tree: files are formatted as copies in a temporary
directory, and modules are validated in place with their data directory elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from iachygiene.interrupt import wait_for
from iachygiene.lazy import regex
from iachygiene.model import (
    Broken,
    Job,
    Location,
    SourceFile,
    Span,
    ToolStatus,
    Trouble,
    Unchecked,
)
from iachygiene.parse.terraform import (
    Formatting,
    Validation,
    checked,
    formatted,
    is_formatted,
)
from iachygiene.tools import TERRAFORM, Program, ToolRun, first_line, scratch
from iachygiene.wrap.memory import Memory

if TYPE_CHECKING:
    from iachygiene.cache import Cache
    from iachygiene.files import Tree

Unit: TypeAlias = Formatting | Validation | Trouble | ToolStatus | Unchecked
Given = TypeVar("Given")
Got = TypeVar("Got")

FORMAT_TIMEOUT = 60.0
"""Seconds for formatting one batch."""
BATCH = 4 * 1024 * 1024
"""Bytes of files that one process formats."""

_FORMAT_CODES = frozenset((0, 2))
_CANARY = ("canary.tf", b"a=1\n", b"a = 1\n")
_PLACE = regex(r"[ │|]*on (?:.*/)?(f[0-9]{6}\.tf) line ([0-9]{1,9})")
_SUMMARY = regex(r"[ │|]*Error: (.*)")
# From the worst: what a status of many runs says.
_ORDER = ("crashed", "timed-out", "garbage", "too-old", "missing", "findings", "ok")


def units(
    jobs: Sequence[Job],
    tree: Tree,
    wanted: Collection[str],
    settings: Mapping[str, Any],
    cache: Cache | None = None,
) -> Iterator[Unit]:
    """Run what the wanted rules need, and give what it said.

    `settings` may hold "policy" ("auto", "always", "never"), "engine" ("auto", "terraform",
    "tofu", "builtin"), "path" of the program, "timeout" in seconds, "required" where
    validation was asked for by name, "trust_providers", and "install", the folder for what
    `init` may install. `cache` holds what was said in earlier runs.
    """
    engine = settings.get("engine") or "auto"
    name = engine if engine in ("terraform", "tofu") else ""
    program = TERRAFORM.find(tree.root, name=name, path=settings.get("path") or "")
    if not {"TF001", "TF002"}.isdisjoint(wanted):
        known = Memory.of(cache, tree, TERRAFORM, program)
        timeout = settings.get("timeout") or FORMAT_TIMEOUT
        yield from _format(jobs, tree, program, name, timeout, known)
    if not {"TF501", "TF502"}.isdisjoint(wanted):
        from iachygiene.wrap.validate import validate

        yield from validate(jobs, tree, program, settings, cache)


def _formattable(jobs: Sequence[Job], tree: Tree, known: Memory | None) -> Iterator[SourceFile]:
    """The files to format, each once; what cannot be read is reported where it is parsed."""
    seen = set()
    for path in sorted(path for job in jobs for path in job.paths if is_formatted(path)):
        if known:
            if known.says(f"fmt {path}") is not None:
                continue
            known.look(f"fmt {path}")
        try:
            source = tree.read(path)
            _ = source.text
        except Broken:
            continue
        if source.path not in seen:
            seen.add(source.path)
            yield source


def _format(
    jobs: Sequence[Job],
    tree: Tree,
    program: Program | None,
    name: str,
    timeout: float,
    known: Memory | None,
) -> Iterator[Unit]:
    files = list(_formattable(jobs, tree, known))
    if program is None:
        missing = TERRAFORM.missing(tree.root, name)
        yield from _built_in(files)
        # Nobody gets here but by naming the program: without one there is the built-in engine.
        yield status_of("terraform fmt", [missing], len(files), required=True)
        return
    batches = list(_batches(files))

    def run(batch: Sequence[SourceFile]) -> Batch:
        return _format_batch(batch, program, tree.root, timeout)

    done = in_threads(run, batches, os.cpu_count() or 1)
    changes = False
    for batch in done:
        for unit in batch.units:
            if isinstance(unit, Formatting):
                changes = changes or unit.changes
                if known and batch.run.answered and not (unit.changes or unit.quirks):
                    known.keep(f"fmt {unit.source.path}", "")
            yield unit
    runs = [batch.run for batch in done]
    if not runs and known and known.version:
        runs = [ToolRun("ok", program.name, 0, version=known.version)]
    count = sum(is_formatted(path) for job in jobs for path in job.paths)
    yield status_of("terraform fmt", runs, count, findings=changes)


def _batches(files: Sequence[SourceFile]) -> Iterator[list[SourceFile]]:
    batch: list[SourceFile] = []
    weight = 0
    for file in files:
        batch.append(file)
        weight += len(file.data)
        if weight >= BATCH:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


class Batch(NamedTuple):
    """What one formatting process gave."""

    run: ToolRun
    units: Sequence[Unit]


def _format_batch(
    files: Sequence[SourceFile], program: Program, root: str, timeout: float
) -> Batch:
    """Format copies of files, under names of ours, in write mode.

    One broken file then hides no other, as it does with `fmt -check`, and no name, link or
    option of the tree reaches the program.
    """
    with scratch() as directory:
        names = {f"f{number:06d}.tf": file for number, file in enumerate(files)}
        _write(directory, _CANARY[0], _CANARY[1])
        for name, file in names.items():
            _write(directory, name, file.data)
        run = TERRAFORM.run(
            *("fmt", "-list=false", "-write=true", "-no-color", directory),
            program=program,
            root=root,
            cwd=root,  # where managers of versions look for the one to start
            known=_FORMAT_CODES,
            timeout=timeout,
        )
        if run.answered and _read(directory, _CANARY[0]) != _CANARY[2]:
            run = _unusable(run, "it does not format")
        refused = _refusals(run.stderr)
        if run.answered and run.code == 2 and not refused.keys() & names.keys():
            run = _unusable(run, first_line(run.stderr) or "it failed without a reason")
        if not run.answered:
            return Batch(run, list(_built_in(files)))
        engine = f"{run.name} {run.version}"
        found: list[Unit] = []
        for name, file in names.items():
            if name in refused:
                found += _refused(file, run.name, *refused[name])
                continue
            unit = _judged(file, _read(directory, name), engine)
            if unit is None:
                run = _unusable(run, f"it made {file.path} unreadable")
            else:
                found.append(unit)
        return Batch(run, found)


def _unusable(run: ToolRun, why: str) -> ToolRun:
    return run._replace(
        status="garbage", detail=f"{run.name}: {why}", hint=f"run {run.name} fmt by hand"
    )


def _write(directory: str, name: str, data: bytes) -> None:
    with open(os.path.join(directory, name), "xb") as file:
        file.write(data)


def _read(directory: str, name: str) -> bytes:
    try:
        with open(os.path.join(directory, name), "rb") as file:
            return file.read()
    except OSError:
        return b"\xff"


def _refusals(stderr: str) -> dict[str, tuple[str, int]]:
    """Name of a copy to the first error in it and its line."""
    found: dict[str, tuple[str, int]] = {}
    summary = ""
    for line in stderr.splitlines():
        place = _PLACE.match(line)
        if place:
            found.setdefault(place[1], (summary, int(place[2])))
        else:
            error = _SUMMARY.match(line)
            summary = error[1].strip() if error else summary
    return found


def _refused(file: SourceFile, name: str, summary: str, line: int) -> Iterator[Trouble]:
    """A syntax error, unless our own reading of the file reports one anyway."""
    try:
        checked(file)
    except Broken:
        return
    starts = file.line_starts
    start = starts[line - 1] if 0 < line <= len(starts) else 0
    span = Span(start, start + len(file.line(line)))
    yield Trouble("syntax", Location(file.path, span), f"{name} refuses this line: {summary}")


def _judged(file: SourceFile, data: bytes, engine: str) -> Unit | None:
    """The format of a file by what became of its copy, None where that is not to be used."""
    if data == file.data:
        return Formatting(file, file.text, (), engine)
    try:
        text = data.decode()
        ours = formatted(file)
    except UnicodeDecodeError:
        return None
    except Broken:
        return Formatting(file, file.text, (), engine)
    quirks = [quirk for quirk in ours.quirks if quirk.name != "safety"]
    if not quirks and text != ours.formatted:
        try:
            checked(SourceFile(file.path, data))
        except Broken:
            return None
    return Formatting(file, text, quirks, engine)


def _built_in(files: Sequence[SourceFile]) -> Iterator[Unit]:
    for file in files:
        try:
            yield formatted(file)
        except Broken:
            continue


def status_of(
    check: str,
    runs: Sequence[ToolRun],
    count: int,
    *,
    findings: bool = False,
    required: bool = False,
) -> ToolStatus:
    """One status for all runs of a check: that of the worst of them."""
    worst = min(runs, key=lambda run: _ORDER.index(_word(run)), default=None)
    if worst is None:
        return ToolStatus(TERRAFORM.name, check, "not-needed", required=required)
    word = _word(worst)
    bad = [run for run in runs if _word(run) == word]
    detail = worst.detail
    if word not in ("ok", "findings") and len(bad) > 1:
        detail = f"{detail} (and {len(bad) - 1} more)"
    return ToolStatus(
        worst.name,
        check,
        "findings" if word == "ok" and findings else word,
        next((run.version for run in runs if run.version), None),
        sum(run.seconds for run in runs),
        count,
        detail,
        worst.hint,
        required,
    )


def _word(run: ToolRun) -> str:
    return "ok" if run.status == "failed" else run.status


def in_threads(work: Callable[[Given], Got], items: Sequence[Given], count: int) -> list[Got]:
    """The results of `work` on each item, in their order, with some at a time.

    The threads are daemons: an executor's would hold up an interrupted run to their end.
    """
    if len(items) < 2 or count < 2:
        return [work(item) for item in items]
    from threading import Thread

    results: dict[int, Got] = {}
    failures: list[BaseException] = []
    waiting = list(range(len(items)))[::-1]

    def tend() -> None:
        while waiting and not failures:
            try:
                index = waiting.pop()
            except IndexError:  # another thread was faster
                return
            try:
                results[index] = work(items[index])
            except BaseException as error:
                failures.append(error)

    threads = [Thread(target=tend, daemon=True) for _ in range(min(count, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        wait_for(thread)
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(items))]
