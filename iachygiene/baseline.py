"""The baseline: findings that were there before, by fingerprint, in a file made for review."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.fingerprint import SCHEME, fingerprints, flagged_text
from iachygiene.mistakes import ConfigError, Problem
from iachygiene.model import Finding, Location, Muted, SourceFile, Span
from iachygiene.selection import ALWAYS_ON

if TYPE_CHECKING:
    from iachygiene.config import Config

FILE = ".iachygiene-baseline.json"
SCHEMA = "iachygiene-baseline/1"
MAX_SIZE = 64 * 1024 * 1024
"""Bytes of a baseline."""
_FIELDS = ("fingerprint", "rule", "path", "object", "text", "note")


class Entry(NamedTuple):
    """One finding that was there. `note` is free text, kept by every command."""

    fingerprint: str
    rule: str
    path: str
    object: str
    text: str
    note: str = ""


class Baseline(NamedTuple):
    """A baseline as read. `path` is relative to the root where it lies below, else as given."""

    path: str
    entries: tuple[Entry, ...] = ()


class Matched(NamedTuple):
    """What became of findings and entries.

    `moved` pairs an entry with its finding's new entry; `stale` are entries that nothing
    matched; `found` are the entries that the findings would make, muted ones left out.
    """

    kept: list[Finding]
    muted: list[Muted]
    moved: list[tuple[Entry, Entry]]
    stale: list[Entry]
    found: list[Entry]


class StaleEntry(NamedTuple):
    """An entry that matched nothing in a complete run, at its place in the baseline."""

    location: Location
    entry: Entry


def read(path: str, shown: str) -> Baseline:
    """The baseline in a file; raises `ConfigError` where it is none."""
    import json

    def broken(message: str, advice: str) -> ConfigError:
        return ConfigError([Problem(f"{shown}: {message}", advice=advice)])

    anew = "`iachygiene baseline create --force` makes it anew"
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise broken(reason, "make it with `iachygiene baseline create`") from None
    if len(data) > MAX_SIZE:
        raise broken("over the limit of 64 MiB", anew)
    if b"\n<<<<<<< " in data or b"\n>>>>>>> " in data:
        raise broken("merge conflict markers", "regenerate it with `iachygiene baseline update`")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise broken("not JSON", anew) from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise broken(f"its schema is not {SCHEMA}", anew)
    rows = value.get("findings")
    if not isinstance(rows, list):
        raise broken("it holds no list of findings", anew)
    entries = []
    for number, row in enumerate(rows, 1):
        fields = [row.get(name, "") for name in _FIELDS] if isinstance(row, dict) else []
        if not fields or not all(isinstance(field, str) for field in fields) or not fields[0]:
            raise broken(f"entry {number} is no finding", anew)
        entries.append(Entry(*fields))
    return Baseline(shown, tuple(entries))


def salvaged(path: str, shown: str) -> Baseline:
    """The entries of both sides of a merge conflict; where there is none, as `read`.

    Raises `ConfigError` as that does.
    """
    import json

    try:
        return read(path, shown)
    except ConfigError as error:
        if "merge conflict" not in str(error):
            raise
    entries: dict[str, Entry] = {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line.strip().removesuffix(","))
            except (ValueError, RecursionError):
                continue  # markers and the envelope
            fields = [row.get(name, "") for name in _FIELDS] if isinstance(row, dict) else []
            if fields and all(isinstance(field, str) for field in fields) and fields[0]:
                entry = Entry(*fields)
                known = entries.get(entry.fingerprint)
                entries[entry.fingerprint] = known if known and known.note else entry
    return Baseline(shown, tuple(entries.values()))


def place_of(root: str, config: Config) -> tuple[str, bool]:
    """The path of the baseline for the operating system, and whether somebody named it."""
    named = config.baseline
    if named is None:
        return os.path.join(root, FILE), False
    given = config.is_given("baseline")
    return named if given else os.path.join(root, named), True


def in_force(root: str, config: Config) -> tuple[Baseline, ...]:
    """The baseline that a configuration names, or that lies at the root, if there is one."""
    path, named = place_of(root, config)
    if not named and not os.path.lexists(path):
        return ()
    return (read(path, shown_path(path, root)),)


def written(entries: Sequence[Entry]) -> str:
    """The text of a baseline: sorted, one entry a line."""
    import json

    ordered = sorted(set(entries), key=lambda one: (one.path, *one[1:]))
    rows = [json.dumps(one._asdict(), ensure_ascii=True) for one in ordered]
    head = f'{{"schema": "{SCHEMA}", "findings": ['
    return head + "".join("\n" + row + "," for row in rows).removesuffix(",") + "\n]}\n"


def entries_of(
    findings: Sequence[Finding], muted: Sequence[Muted], files: Mapping[str, SourceFile]
) -> list[Entry]:
    """The entry of each finding; muted ones count for the ordinals of equal ones."""
    every = [*findings, *(one.finding for one in muted)]
    prints = fingerprints(every, files)[: len(findings)]
    return [
        Entry(mark, one.rule, one.location.path, one.object, flagged_text(one, files))
        for one, mark in zip(findings, prints, strict=True)
    ]


def match(
    baseline: Baseline,
    findings: Sequence[Finding],
    muted: Sequence[Muted],
    files: Mapping[str, SourceFile],
    exists: Callable[[str], bool],
) -> Matched:
    """Set the findings aside that the baseline holds, one for each entry.

    An entry whose file is gone also matches a finding that equals it in all but the path.
    """
    found = entries_of(findings, muted, files)
    waiting = {one.fingerprint: one for one in baseline.entries}
    pairs: dict[int, Entry] = {}
    for index, entry in enumerate(found):
        known = waiting.get(entry.fingerprint)
        if known is not None and entry.rule not in ALWAYS_ON:
            pairs[index] = waiting.pop(entry.fingerprint)
    elsewhere: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in waiting.values():
        if entry.fingerprint.startswith(SCHEME) and not exists(entry.path):
            elsewhere[entry.rule, entry.object, entry.text].append(entry)
    moved = []
    for index, entry in enumerate(found) if elsewhere else ():
        same = elsewhere.get((entry.rule, entry.object, entry.text))
        if index not in pairs and same and entry.rule not in ALWAYS_ON:
            pairs[index] = same.pop(0)
            del waiting[pairs[index].fingerprint]
            moved.append((pairs[index], entry._replace(note=pairs[index].note)))
    set_aside = []
    for index, entry in sorted(pairs.items()):
        reason = entry.note
        if entry.path != found[index].path:
            reason = f"moved from {entry.path}" + (f": {reason}" if reason else "")
        set_aside.append(Muted(findings[index], "baseline", reason))
    kept = [one for index, one in enumerate(findings) if index not in pairs]
    new = [one for index, one in enumerate(found) if index not in pairs]
    return Matched(kept, set_aside, moved, list(waiting.values()), new)


def stale_entries(
    matched: Matched, baseline: Baseline, file: SourceFile | None
) -> list[StaleEntry]:
    """The entries that matched nothing, where they stand in the file."""
    found = []
    text = file.shown_text if file else ""
    for entry in matched.stale:
        start = text.find(f'"{entry.fingerprint}"')
        span = Span(start, start + len(entry.fingerprint) + 2) if start >= 0 else Span(0, 0)
        found.append(StaleEntry(Location(baseline.path, span), entry))
    return found


def shown_path(path: str, root: str) -> str:
    """The path of a baseline as reports show it."""
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(root))
    return path if inside.startswith("..") else inside.replace(os.sep, "/")
