"""Entries of the baseline that have served."""

from __future__ import annotations

from iachygiene.baseline import StaleEntry
from iachygiene.model import Findings, Severity, at
from iachygiene.rule import rule


@rule("HYG009", StaleEntry, Severity.INFO)
def stale_baseline_entry(stale: StaleEntry) -> Findings:
    """An entry of the baseline matches no finding any more.

    The debt is paid, or the finding changed so much that it is another one. Left in place,
    the entry would hide the same finding when it comes back: `iachygiene baseline prune`
    drops it. Judged only in runs over everything, in which the rule of the entry has run.

    Bad:
        -- .iachygiene-baseline.json --
        {"schema": "iachygiene-baseline/1", "findings": [
        {"fingerprint": "1:00000000000000000000000000000000", "rule": "DF3006", "path": "Dockerfile", "object": "stage 0", "text": "debian", "note": ""}
        ]}
        -- Dockerfile --
        FROM debian:12
    Good:
        -- .iachygiene-baseline.json --
        {"schema": "iachygiene-baseline/1", "findings": [
        ]}
        -- Dockerfile --
        FROM debian:12
    """  # noqa: E501 - one entry is one line
    entry = stale.entry
    what = f"{entry.rule} in {entry.path}" + (f" ({entry.object})" if entry.object else "")
    yield at(stale, f"the entry for {what} matches nothing")
