"""A little of what `python -m tests.endurance` does at length."""

from __future__ import annotations

from pathlib import Path

from tests.endurance import RUNS, kill_fixes, run_together


def test_killed_fixes_leave_every_file_old_or_new_and_can_be_completed(tmp_path: Path) -> None:
    assert kill_fixes(tmp_path / "root", 25, seed=1, complete=8) >= 3


def test_runs_that_share_a_tree_and_a_cache_say_the_same(tmp_path: Path) -> None:
    assert run_together(tmp_path, 0) == RUNS
