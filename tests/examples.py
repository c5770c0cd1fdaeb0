"""Every example of every rule, written to disk and scanned for real."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from iachygiene.baseline import in_force
from iachygiene.config import load
from iachygiene.discover import locate
from iachygiene.engine import Options, Scan, run
from iachygiene.model import Finding
from iachygiene.rule import Example, Rule, all_rules
from iachygiene.tools import SHELLCHECK, TERRAFORM

PROGRAMS = {tool.name: tool for tool in (SHELLCHECK, TERRAFORM)}


class Case(NamedTuple):
    rule: Rule
    number: int
    example: Example

    @property
    def id(self) -> str:
        return f"{self.rule.code}-{self.example.kind.lower()}-{self.number}"


def cases() -> Iterator[Case]:
    for rule in all_rules():
        for number, example in enumerate(rule.examples, 1):
            yield Case(rule, number, example)


IN_ARCHIVE = re.compile(r"(?P<archive>[^/]+\.tgz)/(?P<member>.+)")
REMARK = re.compile(
    r"(?P<name>.+) \((?:(?P<size>\d+) bytes|mode (?P<mode>[0-7]+)|(?P<pipe>pipe))\)"
)


def write(files: Mapping[str, str], links: Mapping[str, str], root: Path) -> None:
    """Put the files of an example on disk.

    `x.tgz/package/a.js` is a member of an archive. `a.js (1000 bytes)` is filled up with blanks,
    `(mode 4755)` and `(pipe)` say what a member is.
    """
    archived = {name: text for name, text in files.items() if IN_ARCHIVE.fullmatch(name)}
    for archive in {name.partition("/")[0] for name in (*archived, *_archived(links))}:
        write_archive(root / archive, archived, {name: links[name] for name in _archived(links)})
    for name, text in files.items():
        if name in archived:
            continue
        name, text = _filled_up(name, text)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    for name, target in links.items():
        if IN_ARCHIVE.fullmatch(name):
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)


def _archived(links: Mapping[str, str]) -> list[str]:
    return [name for name in links if IN_ARCHIVE.fullmatch(name)]


def _filled_up(name: str, text: str) -> tuple[str, str]:
    remark = REMARK.fullmatch(name)
    if remark is None or remark["size"] is None:
        return name, text
    return remark["name"], text.ljust(int(remark["size"]))


def write_archive(path: Path, files: Mapping[str, str], links: Mapping[str, str]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member, remark = name.partition("/")[2], REMARK.fullmatch(name.partition("/")[2])
            entry = tarfile.TarInfo(remark["name"] if remark else member)
            entry.mode = int(remark["mode"], 8) if remark and remark["mode"] else 0o644
            entry.size = len(text.encode())
            if remark and remark["pipe"]:
                entry.type, entry.size = tarfile.FIFOTYPE, 0
            archive.addfile(entry, io.BytesIO(text.encode()))
        for name, target in links.items():
            entry = tarfile.TarInfo(name.partition("/")[2])
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)


def scan_example(case: Case, root: Path, *, fix: bool = False) -> Scan:
    """Scan an example with its rule selected; the toolkit's own judge a default selection."""
    write(case.example.files, case.example.links, root)
    archives = sorted(path.name for path in root.glob("*.tgz"))
    place = locate(archives if case.rule.unit.__name__ == "Archive" else [], str(root))
    config = load(place.root)
    if case.rule.language == "toolkit":
        config = config.with_command_line({"extend-select": [case.rule.code]})
    else:
        config = config.with_command_line({"select": [case.rule.code]})
    engine = "auto" if case.rule.needs else "builtin"
    explicit = place.explicit
    options = Options(
        focus=place.focus,
        explicit=explicit,
        engine=engine,
        fix=fix,
        unsafe_fixes=fix,
        workers=1,
        today="2026-01-01",
    )
    options = options._replace(baselines=in_force(place.root, config))
    return run(place.root, place.listing, config, options)


def require_program(rule: Rule) -> None:
    """Skip where the program that a rule needs is absent, fail where it has to be there."""
    if rule.needs and PROGRAMS[rule.needs].find(os.devnull) is None:
        if os.environ.get(f"IACHYGIENE_REQUIRE_{rule.needs.upper()}"):
            pytest.fail(f"{rule.needs} is required here and not found")
        pytest.skip(f"{rule.needs} is not installed")


def of_rule(scan: Scan, rule: Rule) -> list[Finding]:
    return [finding for finding in scan.result.findings if finding.rule == rule.code]
