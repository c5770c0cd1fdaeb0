"""`baseline`: known findings in a file, made, followed and paid off."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from iachygiene.commands import Common, common_of, common_options

if TYPE_CHECKING:
    from iachygiene.baseline import Baseline, Entry, Matched
    from iachygiene.config import Config


class _Run:
    """One scan of everything, against the baseline as it is."""

    def __init__(self, given: dict[str, Any], common: Common, *, anew: bool = False) -> None:
        from iachygiene.baseline import Baseline, place_of, salvaged, shown_path
        from iachygiene.discover import locate

        place = locate([])
        self.root = place.root
        self.config = _configuration(place.root, given, common)
        self.path, _ = place_of(place.root, self.config)
        shown = shown_path(self.path, place.root)
        there = os.path.lexists(self.path)
        self.before: Baseline = Baseline(shown)
        if not anew:
            self.before = salvaged(self.path, shown)
        elif there and not given.get("force"):
            raise click.UsageError(f"{shown} is there already; --force makes it anew")
        elif there:
            self.before = _notes_of(self.path, shown)
        self.matched, self.code = _matched(place.root, self.config, self.before)

    def write(self, entries: Sequence[Entry], counts: str) -> int:
        from iachygiene.baseline import written
        from iachygiene.fix import replace_or_make

        replace_or_make(self.path, written(entries).encode())
        click.echo(f"{self.before.path}: {counts}")
        return 0


def _configuration(root: str, given: dict[str, Any], common: Common) -> Config:
    from iachygiene.config import load

    config = load(root, file=common.config, isolated=common.isolated)
    changes = {"baseline": given["baseline"]} if given.get("baseline") else {}
    return config.with_command_line(changes) if changes else config


def _notes_of(path: str, shown: str) -> Baseline:
    """The entries of a baseline that is to be made anew, for their notes."""
    from iachygiene.baseline import Baseline, salvaged
    from iachygiene.mistakes import ConfigError

    try:
        return salvaged(path, shown)
    except ConfigError:
        return Baseline(shown)


def _matched(root: str, config: Config, before: Baseline) -> tuple[Matched, int]:
    from iachygiene.discover import locate
    from iachygiene.engine import Options, run
    from iachygiene.settle import exit_code

    place = locate([root])
    scan = run(place.root, place.listing, config, Options(baselines=(before,)))
    assert scan.matched is not None
    return scan.matched, exit_code(scan.result, None)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Known findings, set aside until they are paid off."""


def _shared(function: Any) -> Any:
    function = click.option("--baseline", metavar="FILE", help="The file of the baseline.")(
        function
    )
    return click.pass_context(common_options(function))


def _started(context: click.Context, given: dict[str, Any], *, anew: bool = False) -> _Run | int:
    """The run, or the exit code where it cannot count."""
    from iachygiene.config import ConfigError

    try:
        run = _Run(given, common_of(context, given), anew=anew)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 2
    if run.code == 3:
        click.echo("error: not everything could be checked; the baseline stays as it is", err=True)
        click.echo("hint: `iachygiene scan` says what and why", err=True)
        return 3
    return run


@command.command("create")
@click.option("--force", is_flag=True, help="Make it anew where there is one.")
@_shared
def create(context: click.Context, /, **given: Any) -> int:
    """Write every finding of today into the baseline."""
    run = _started(context, given, anew=True)
    if isinstance(run, int):
        return run
    kept = _kept(run)
    entries = [*kept, *_allowed(run.matched.found)]
    return run.write(entries, f"{len(entries)} added")


@command.command("update")
@click.option("--add", is_flag=True, help="Add findings that are new.")
@_shared
def update(context: click.Context, /, **given: Any) -> int:
    """Drop entries that match nothing, and follow files that moved."""
    run = _started(context, given)
    if isinstance(run, int):
        return run
    new = _allowed(run.matched.found) if given["add"] else []
    kept = _kept(run)
    moved, gone = len(run.matched.moved), len(run.matched.stale)
    counts = f"{len(new)} added, {len(kept) - moved} kept, {moved} moved, {gone} removed"
    return run.write([*kept, *new], counts)


@command.command("prune")
@_shared
def prune(context: click.Context, /, **given: Any) -> int:
    """Drop entries that match nothing; change nothing else."""
    run = _started(context, given)
    if isinstance(run, int):
        return run
    gone = set(run.matched.stale)
    left = [one for one in run.before.entries if one not in gone]
    counts = f"0 added, {len(left)} kept, 0 moved, {len(gone)} removed"
    return run.write(left, counts)


@command.command("show")
@click.option("--by", type=click.Choice(["rule", "path"]), default="rule", show_default=True)
@_shared
def show(context: click.Context, /, **given: Any) -> int:
    """Print the debt in numbers."""
    from iachygiene.baseline import in_force
    from iachygiene.config import ConfigError
    from iachygiene.discover import locate
    from iachygiene.report.escape import clean
    from iachygiene.report.findings import counted, name_of

    root = locate([]).root
    try:
        found = in_force(root, _configuration(root, given, common_of(context, given)))
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 2
    entries = [entry for baseline in found for entry in baseline.entries]
    counts = Counter(one.rule if given["by"] == "rule" else one.path for one in entries)
    for word, number in sorted(counts.items(), key=lambda row: (-row[1], row[0])):
        name = f" {name_of(word)}" if given["by"] == "rule" else ""
        click.echo(f"{number:>6,}  {clean(word)}{name}")
    click.echo(f"{counted(len(entries), 'entry').replace('entrys', 'entries')}")
    return 0


def _kept(run: _Run) -> list[Entry]:
    """The entries that matched, those of moved files by their new places."""
    gone = set(run.matched.stale)
    moved = dict(run.matched.moved)
    return [moved.get(one, one) for one in run.before.entries if one not in gone]


def _allowed(found: Sequence[Entry]) -> list[Entry]:
    """Without those of files that cannot be judged: they would hide all else there."""
    from iachygiene.selection import ALWAYS_ON

    return [one for one in found if one.rule not in ALWAYS_ON]
