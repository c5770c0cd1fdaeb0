"""The line that a terminal shows while a scan is under way."""

from __future__ import annotations

import io
from time import sleep

import pytest

from iachygiene import progress
from iachygiene.progress import Progress


def test_line_says_phase_count_and_seconds() -> None:
    shown = Progress()
    shown.say("checking", 9)
    shown.done += 2
    assert shown.line() == "checking 2 of 9, 0 s"
    shown.say("waiting for terraform")
    assert shown.line() == "waiting for terraform, 0 s"


def test_scan_that_is_over_at_once_shows_nothing() -> None:
    stream = io.StringIO()
    Progress(stream).end()
    assert stream.getvalue() == ""


def test_line_is_taken_away_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.0)
    stream = io.StringIO()
    shown = Progress(stream)
    shown.say("checking", 1)
    while "checking" not in stream.getvalue():
        sleep(0.01)
    shown.end()
    assert stream.getvalue().endswith("\r\x1b[K")
