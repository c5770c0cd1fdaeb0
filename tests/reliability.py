"""What the tests of reliability share: a scan in this process, and a neighbour it must judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from iachygiene.commands import run

NEIGHBOUR = "near/Dockerfile"
FINDING = (NEIGHBOUR, "DF3006")


class Said(NamedTuple):
    """What one run said: its exit code, its report as JSON, and standard error."""

    code: int
    report: dict[str, Any]
    stderr: str

    @property
    def found(self) -> set[tuple[str, str]]:
        """Paths and codes of the findings."""
        return {(one["path"], one["rule"]) for one in self.report["findings"]}

    def of(self, path: str, *codes: str) -> list[dict[str, Any]]:
        """The findings in a file, of some rules if they are named."""
        findings: list[dict[str, Any]] = self.report["findings"]
        return [
            one for one in findings if one["path"] == path and (not codes or one["rule"] in codes)
        ]

    def only(self, path: str, code: str) -> dict[str, Any]:
        """The one finding of a rule in a file."""
        (finding,) = self.of(path, code)
        return finding


class Scanner:
    """A root with a neighbour whose finding no trouble elsewhere may hide."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capture = capture
        self.write(NEIGHBOUR, "FROM debian\n")

    def write(self, path: str, contents: str | bytes) -> Path:
        """Make a file and the directories above it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return file

    def plain(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command; never a traceback."""
        self._capture.readouterr()
        code = run(words)
        out, err = self._capture.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    def scan(self, *words: str) -> Said:
        """Scan with the built-in engine unless told otherwise; no rule may crash."""
        engine = () if "--engine" in words else ("--engine", "builtin")
        code, out, err = self.plain("scan", "--no-cache", "--format", "json", *engine, *words)
        assert out, err
        report = json.loads(out)
        assert report["crashes"] == []
        return Said(code, report, err)

    def judged(self, *words: str) -> Said:
        """A scan that finds what is wrong with the neighbour, whatever else is there."""
        said = self.scan(*words)
        assert FINDING in said.found
        assert said.code in (1, 3)
        return said
