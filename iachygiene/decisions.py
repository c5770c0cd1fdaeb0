"""What was decided before anything is judged, printed for those who ask for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from iachygiene.report.escape import clean

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.discover import Listing, Place
    from iachygiene.engine import Options


def show_files(root: str, listing: Listing, config: Config, options: Options) -> int:
    """The files that a scan would look at, each with its kind and what decides that."""
    from iachygiene.discover import kind_by_name
    from iachygiene.engine import survey, tree_of

    tree = tree_of(root, listing, config, options)
    for path, kind in survey(tree, listing, config, options).kinds.items():
        if options.focus.holds(path) and path not in listing.beyond:
            by_name = kind_by_name(path)
            why = "name" if by_name == kind else "contents"
            why = "setting" if config.kind_of(path) else why
            click.echo(f"{kind:<12}{why:<10}{clean(path)}")
    return 0


def say_decisions(config: Config, listing: Listing, options: Options) -> None:
    """The configuration, baseline and cache in force, and patterns that match nothing."""
    from iachygiene.discover import Focus
    from iachygiene.resolved import idle_patterns

    said = [f"configuration: {config.file or 'none, the defaults'}"]
    said += [f"baseline: {one.path}" for one in options.baselines if one.path]
    said.append(f"cache: {'on' if options.cache else 'off'}")
    if options.focus == Focus():
        said += idle_patterns(config, listing.paths)
    said += [
        f"{path}: not read, only one at the root of a scan or above is"
        for path in listing.paths
        if path.endswith("/.iachygiene.toml") and path != config.file
    ]
    for line in said:
        click.echo(clean(f"note: {line}"), err=True)


def show_config(place: Place, config: Config, given: Mapping[str, Any]) -> int:
    """The settings in force, for a path if one is given, each with its origin."""
    from iachygiene.resolved import lines

    path = given["show_config"] and os.path.relpath(
        os.path.realpath(given["show_config"]), place.root
    ).replace(os.sep, "/")
    if path.startswith(".."):
        raise click.UsageError(f"--show-config {given['show_config']}: outside of the repository")
    said: dict[str, Any] = {}
    if given["format_"]:
        said["format"] = given["format_"]
    if given["reports"]:
        said["reports"] = [f"{form}={path}" for form, path in given["reports"]]
    config = config.with_command_line({"output": said})
    for line in lines(config, path):
        click.echo(clean(line))
    return 0
