"""`npm-files`: what an npm package would hold, and why."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from iachygiene.commands import Common
from iachygiene.model import SourceFile

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.files import Tree
    from iachygiene.judge import Verdict
    from iachygiene.model import Finding
    from iachygiene.parse.npm_files import Listing, Step


class _Place(NamedTuple):
    """A package: the root that its paths are relative to, and its directory there."""

    root: str
    directory: str


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("directory", metavar="[DIR]", default=".")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "null"]),
    default="text",
    show_default=True,
    help="null: names only, each followed by a NUL byte.",
)
@click.option("--why", metavar="PATH", help="Tell which rule decides about one path of DIR.")
@click.option(
    "--npm-version",
    type=click.Choice(["11", "12"]),
    help="List as this npm does.  [default: as packageManager packs, else as the configured npm]",
)
@click.option("--tarball", metavar="FILE", help="Read a packed archive instead of DIR.")
@click.option("--check", is_flag=True, help="Exit with 1 when a rule about leaks fires.")
@click.pass_context
def command(
    context: click.Context,
    /,
    directory: str,
    format_: str,
    why: str | None,
    npm_version: str | None,
    tarball: str | None,
    check: bool,
) -> int:
    """Print the files that the npm package in DIR would hold.

    Starts no npm and no lifecycle script: run it after the build. Where `packageManager` of
    package.json names pnpm, or Yarn from version 2 on, the list is theirs. With --tarball,
    the files of an archive, which is compared with DIR where that is given. Exit codes: 0,
    1 with --check when a leak rule fires, 2 when there is no package or it cannot be packed.
    """
    from iachygiene.config import ConfigError

    common: Common = context.obj or Common()
    if not os.path.isdir(directory):
        raise click.UsageError(f"no such directory: {directory}")
    try:
        if tarball is not None:
            if why is not None:
                raise click.UsageError("--why tells of a directory, not of an archive")
            given = context.get_parameter_source("directory")
            beside = given is not click.core.ParameterSource.DEFAULT
            compared = directory if beside else None
            return _run_on_archive(tarball, compared, format_, npm_version, check, common)
        return _run(directory, format_, why, npm_version, check, common)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 2


def _run(
    directory: str,
    format_: str,
    why: str | None,
    npm_version: str | None,
    check: bool,
    common: Common,
) -> int:
    from iachygiene.files import Tree
    from iachygiene.parse.npm_files import Refused
    from iachygiene.parse.npm_managers import package_manager, packed_files

    place = _place(directory)
    config = _configuration(place, common)
    settings = dict(config.settings("npm"))
    if npm_version is not None:
        settings.update(version=npm_version, manager="npm")
    tree = Tree(place.root, max_size=config.max_file_size)
    manager = settings.get("manager") or package_manager(tree, place.directory)
    try:
        version = int(settings.get("version") or 11)
        listing = packed_files(tree, place.directory, version, manager)
    except Refused as refused:
        text = f"error: {manager} would refuse to pack {_clean(directory)}: {refused}"
        click.echo(text, err=True)
        return 2
    if why is not None:
        click.echo("".join(_explained(tree, listing, why)), nl=False)
        return 0
    _print_names(format_, listing.files)
    if not (check or format_ == "text"):
        return 0
    verdict = _judge(place, config, settings)
    if format_ == "text":
        sizes = {
            name: _size(os.path.join(place.root, path)) for name, path in listing.files.items()
        }
        click.echo("".join(_listed(listing.files, sizes, verdict.findings)), nl=False)
        name = f"npm {listing.version}" if manager == "npm" else manager
        click.echo(_total(sizes) + f", as {name} packs them")
        named = listing.manifest.get("packageManager")
        other = re.match("(?:pnpm|yarn)@", (named.text if named else None) or "")
        if other and other[0][:-1] != manager:
            click.echo(f"note: {other[0][:-1]} may pack other files than npm", err=True)
    return _code(verdict, config) if check else 0


def _run_on_archive(
    tarball: str,
    directory: str | None,
    format_: str,
    npm_version: str | None,
    check: bool,
    common: Common,
) -> int:
    """List an archive, and judge what is in it."""
    from iachygiene.discover import is_archive
    from iachygiene.files import Tree
    from iachygiene.judge import Rules, judge
    from iachygiene.model import Job

    real = os.path.realpath(tarball)
    if not os.path.isfile(real) or not is_archive(real):
        raise click.UsageError(f"no such archive (.tgz, .tar.gz, .tar): {tarball}")
    inside = os.path.realpath(directory) if directory is not None else ""
    root = os.path.commonpath([os.path.dirname(real), inside or os.path.dirname(real)])
    path = os.path.relpath(real, root)
    config = _configuration(_Place(root, ""), common)
    settings = dict(config.settings("npm"))
    if npm_version is not None:
        settings["version"] = npm_version
    if directory is not None:
        settings["compare"] = os.path.relpath(inside, root).removeprefix(".")
    tree = Tree(root, explicit=[path], max_size=config.max_file_size)
    verdict = judge(
        Job("npm", os.path.dirname(path), (path,), settings),
        tree,
        Rules(config),
        timeout=config.unit_timeout,
    )
    sizes = _sizes_within(tree, path, settings)
    _print_names(format_, sizes)
    if format_ == "text":
        paths = {name: f"{path}/{member}" for name, (member, _) in sizes.items()}
        plain = {name: size for name, (_, size) in sizes.items()}
        click.echo("".join(_listed(paths, plain, verdict.findings)), nl=False)
        whole = [finding for finding in verdict.findings if finding.location.path == path]
        for finding in whole:
            click.echo(f"the archive{'  ' + _mark(finding)}")
        click.echo(_total(plain))
    return _code(verdict, config) if check else 0


def _sizes_within(tree: Tree, path: str, settings: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """Path in the archive and size of each file, by its name in the package."""
    from iachygiene.parse.archive import Archive
    from iachygiene.parse.npm_archive import load_archive

    for unit in load_archive(path, tree, settings):
        if isinstance(unit, Archive):
            return {name: (unit.members[name], unit.names[name]) for name in sorted(unit.names)}
    return {}


def _print_names(format_: str, names: Iterable[str]) -> None:
    if format_ == "json":
        import json

        click.echo(json.dumps({"files": list(names)}))
    elif format_ == "null":
        text = "".join(f"{name}\0" for name in names)
        click.echo(text.encode(errors="surrogateescape"), nl=False)


def _place(directory: str) -> _Place:
    """The package with the root around it: its repository, else what holds its workspace."""
    from iachygiene.discover import locate
    from iachygiene.files import Tree
    from iachygiene.parse.npm_files import workspace_root

    real = os.path.realpath(directory)
    place = locate([], real)
    root = place.root
    if not place.listing.from_git:
        above = workspace_root(Tree("/"), real.lstrip("/"))
        root = real if above is None else "/" + above
    return _Place(root, "" if real == root else os.path.relpath(real, root))


def _configuration(place: _Place, common: Common) -> Config:
    from iachygiene.config import load

    config = load(place.root, file=common.config, isolated=common.isolated)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    return config


def _judge(place: _Place, config: Config, settings: Mapping[str, Any]) -> Verdict:
    """What the rules about packages say of the one package."""
    from iachygiene.discover import locate
    from iachygiene.files import Tree
    from iachygiene.judge import Rules, judge
    from iachygiene.model import Job

    listed = frozenset(locate([], place.root).listing.paths)
    tree = Tree(place.root, listed=listed, max_size=config.max_file_size)
    manifest = f"{place.directory}/package.json" if place.directory else "package.json"
    job = Job("npm", place.directory, (manifest,), settings)
    return judge(job, tree, Rules(config), timeout=config.unit_timeout)


def _code(verdict: Verdict, config: Config) -> int:
    fail_on = config.fail_on
    for crash in verdict.crashes:
        click.echo(f"error: rule {crash.rule} crashed: {crash.cause}", err=True)
    if fail_on is not None and any((one.severity or 0) >= fail_on for one in verdict.findings):
        return 1
    return 3 if verdict.crashes or verdict.unchecked else 0


def _listed(
    files: Mapping[str, str], sizes: Mapping[str, int], findings: Iterable[Finding]
) -> Iterator[str]:
    """One line a file: its size, its name, and what the rules say of it."""
    marks: dict[str, list[Finding]] = {}
    for finding in findings:
        marks.setdefault(finding.location.path, []).append(finding)
    width = max((len(f"{size:,}") for size in sizes.values()), default=1)
    for name, path in files.items():
        told = "".join(f"  {_mark(finding)}" for finding in marks.get(path, ()))
        yield f"{sizes[name]:>{width},}  {_clean(name)}{told}\n"


def _total(sizes: Mapping[str, int]) -> str:
    plural = "" if len(sizes) == 1 else "s"
    return f"{len(sizes):,} file{plural}, {sum(sizes.values()):,} bytes"


def _mark(finding: Finding) -> str:
    severity = finding.severity.word if finding.severity else ""
    return f"[{severity} {finding.rule}: {_clean(finding.message)}]"


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


_WITHOUT_RULE: Mapping[str, str] = {
    "link": "a symbolic link never ships",
    "missing": "there is no such file",
    "other": "neither a file nor a directory",
    "name": "a name with a * never ships",
    "outside": "a link that leads out of the package never ships",
    "never": "a file of that name never ships",
}


def _explained(tree: Tree, listing: Listing, path: str) -> Iterator[str]:
    """The verdicts on the way to a path, and the rule behind each."""
    if os.path.isabs(path):
        path = os.path.relpath(path, listing.directory)
    steps = listing.steps(path)
    ships = path in listing.files or os.path.normpath(path) in listing.files
    below = any(name.startswith(os.path.normpath(path) + "/") for name in listing.files)
    word = "ships" if ships else "ships in part" if below else "does not ship"
    yield f"{_clean(path)}: {word}\n"
    for step in steps:
        yield f"  {_clean(step.path)}: {_reason(tree, step, listing.manager)}\n"


def _reason(tree: Tree, step: Step, manager: str) -> str:
    if step.why and step.rule is None:
        return _WITHOUT_RULE[step.why]
    verdict = "included" if step.included else "left out"
    rule = step.rule
    if step.why == "missing" and rule is not None and rule.negated:
        verdict = "not there, else included"
    if rule is None:
        return f"{verdict}, no rule leaves it out" if step.included else verdict
    if rule.location is None:
        return f"{verdict} by `{_clean(rule.text)}`, built into {manager}"
    path, span, _ = rule.location
    line, _ = SourceFile(path, tree.raw(path)).position(span.start)
    return f"{verdict} by `{_clean(rule.text)}` in {rule.what} ({_clean(path)}:{line})"


def _clean(text: str) -> str:
    from iachygiene.report.escape import clean

    return clean(text)
