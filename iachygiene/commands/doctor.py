"""`doctor`: what a run finds here: programs, configuration, terminal, repository, hooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

from iachygiene import __version__
from iachygiene.commands import Common

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.tools import Tool

_NAMED = ("name", "found", "state", "detail")


class Row(NamedTuple):
    """One line of the table. `state` is "ok", "note" or "missing": the last makes exit 3."""

    name: str
    found: str
    state: str = "ok"
    detail: str = ""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.pass_context
def command(context: click.Context, /, format_: str) -> int:
    """Show what a run finds here, fit for a bug report.

    Exit code 3 says that something is missing which the files of this repository need.
    """
    rows = list(_rows(context.obj or Common()))
    if format_ == "json":
        import json

        click.echo(json.dumps([dict(zip(_NAMED, row, strict=True)) for row in rows], indent=2))
    else:
        click.echo("\n".join(_table(rows)))
    return 3 if any(row.state == "missing" for row in rows) else 0


def _table(rows: list[Row]) -> Iterator[str]:
    from iachygiene.report.escape import clean

    widest = max(len(row.name) for row in rows)
    for row in rows:
        mark = {"ok": " ", "note": "-", "missing": "!"}[row.state]
        detail = f" ({row.detail})" if row.detail else ""
        yield clean(f"{mark} {row.name:<{widest}}  {row.found}{detail}")


def _rows(common: Common) -> Iterator[Row]:
    from iachygiene.commands.version import details
    from iachygiene.git import toplevel

    root = toplevel(".") or os.path.realpath(".")
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    yield Row("iachygiene", __version__, "ok", _without_home(here))
    for name, value in details():
        state = "missing" if value == "not installed" else "ok"
        where = _without_home(sys.executable) if name == "Python" else ""
        yield Row(name, value, state, where)
    config, row = _configuration(root, common)
    yield row
    kinds = _kinds(root, config)
    yield from _programs(root, kinds, config)
    yield _cache()
    yield from _terminal(common)
    yield from _repository(root, kinds)


def _without_home(path: str) -> str:
    """A path in which nobody's name stands."""
    home = os.path.expanduser("~")
    if home not in ("", "/", "~") and (path == home or path.startswith(home + os.sep)):
        return "~" + path[len(home) :]
    return path


def _configuration(root: str, common: Common) -> tuple[Config, Row]:
    from iachygiene.config import Config, ConfigError, load

    try:
        config = load(root, file=common.config, isolated=common.isolated)
    except ConfigError as error:
        number = len(error.problems)
        found = f"{number} mistake{'' if number == 1 else 's'}"
        return Config(), Row("configuration", found, "missing", error.problems[0].message)
    found = config.file or "none, defaults hold"
    state = "note" if config.warnings else "ok"
    return config, Row("configuration", found, state, "; ".join(config.warnings))


def _kinds(root: str, config: Config) -> Mapping[str, int]:
    """Kinds and their number of files; "chart" counts what only helm can render."""
    from iachygiene.discover import discover, locate
    from iachygiene.files import Tree

    listing = locate([root], gitignore=config.respect_gitignore).listing
    tree = Tree(root, listed=frozenset(listing.paths), max_size=config.max_file_size)
    found = discover(tree, listing, excluded=config.excluded, kind_override=config.kind_of)
    counts: dict[str, int] = {}
    for kind in found.kinds.values():
        counts[kind] = counts.get(kind, 0) + 1
    charts = sum(path.rpartition("/")[2] == "Chart.yaml" for path in listing.paths)
    return dict(sorted(counts.items())) | ({"chart": charts} if charts else {})


def _programs(root: str, kinds: Mapping[str, int], config: Config) -> Iterator[Row]:
    from iachygiene.tools import SHELLCHECK, TERRAFORM

    git = _tool("git", "Git", ("version",))
    yield _program(git, root, "listing files", needed=os.path.lexists(f"{root}/.git"))
    for tool, use, kind in (
        (TERRAFORM, "terraform validate", "terraform"),
        (SHELLCHECK, "scripts in RUN", "dockerfile"),
        (_tool("helm", "Helm", ("version", "--short")), "rendering charts", "chart"),
    ):
        policy = config.tool(tool.name)["policy"]
        needed = kind in kinds and policy != "never" and not tool.packaged
        yield _program(tool, root, use, needed=needed, path=config.tool(tool.name)["path"])
    for name, title in (("docker", "Docker"), ("node", "Node.js")):
        yield _program(_tool(name, title, ("--version",)), root, "information only")


def _tool(name: str, title: str, version: tuple[str, ...]) -> Tool:
    from iachygiene.tools import Tool

    return Tool(name, title, _first_number, version=version, at_least="0", timeout=10)


def _first_number(stdout: bytes) -> str | None:
    """The first word with a digit and a dot, such as 2.39.5 or v3.14.2."""
    for word in stdout[:1000].decode(errors="replace").replace(",", " ").split():
        word = word.removeprefix("v").partition("+")[0]
        if "." in word and word[0].isdigit():
            return word
    return None


def _program(tool: Tool, root: str, use: str, *, needed: bool = False, path: str = "") -> Row:
    least = f", {tool.at_least} or newer" if tool.at_least not in ("", "0") else ""
    program = tool.find(root, path=path)
    if program is None:
        state = "missing" if needed else "note"
        why = "needed here for" if needed else "for"
        return Row(tool.name, "not found", state, f"{why} {use}{least}")
    run = tool.run(*tool.version, program=program, root=root)
    where = _without_home(program.path)
    if run.status == "ok":
        return Row(program.name, run.version or "unknown version", "ok", f"{where}, for {use}")
    state = "missing" if needed else "note"
    return Row(program.name, run.detail or run.status, state, f"{where}, for {use}{least}")


def _terminal(common: Common) -> Iterator[Row]:
    from iachygiene.report.options import speaks_unicode, wants_color

    stream = sys.stdout
    color = "on" if wants_color(common.color, stream, os.environ) else "off"
    encoding = getattr(stream, "encoding", None) or "unknown encoding"
    frames = "" if speaks_unicode(stream, os.environ) else ", ASCII only"
    if stream.isatty():
        import shutil

        yield Row("terminal", f"{shutil.get_terminal_size().columns} columns, {encoding}{frames}")
    else:
        yield Row("terminal", f"none, {encoding}{frames}")
    yield Row("colour", color, "ok", _why_color(common, stream.isatty()))


def _why_color(common: Common, terminal: bool) -> str:
    """The first of the reasons in their order of precedence; names, no values."""
    if common.color != "auto":
        return f"--color {common.color}"
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return "FORCE_COLOR is set"
    if os.environ.get("NO_COLOR"):
        return "NO_COLOR is set"
    if os.environ.get("TERM") == "dumb":
        return "the terminal is dumb"
    return "a terminal" if terminal else "not a terminal"


def _cache() -> Row:
    """The folder of remembered verdicts: where, how large, and whether it can be used."""
    from iachygiene.cache import folder, refusal

    directory = folder(os.environ)
    if directory is None:
        return Row("cache", "none", "note", "there is no home directory")
    shown = _without_home(directory)
    why = refusal(directory)
    if why:
        return Row("cache", shown, "note", f"not used: {why}")
    with os.scandir(directory) as entries:
        size = sum(entry.stat().st_size for entry in entries if entry.is_file())
    return Row("cache", shown, "ok", f"writable, {size / 2**20:.1f} MiB")


def _repository(root: str, kinds: Mapping[str, int]) -> Iterator[Row]:
    from iachygiene.git import Refusal, list_files
    from iachygiene.report.findings import counted

    git = f"{root}/.git"
    if not os.path.lexists(git):
        yield Row("repository", "none", "note", "files are found by walking")
    else:
        facts = ["shallow clone"] if os.path.lexists(f"{git}/shallow") else []
        listing = list_files(root)
        if not isinstance(listing, Refusal) and listing.submodules:
            facts.append(f"{counted(len(listing.submodules), 'submodule')}, not entered")
        yield Row("repository", _without_home(root), "ok", ", ".join(facts))
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    yield Row("files", counts or "none of a known kind")
    yield Row("hook", *_hook(root))


def _hook(root: str) -> tuple[str, str, str]:
    """Whether the hook is configured and whether git starts it."""
    from iachygiene.commands.init import configured_hook
    from iachygiene.precommit import FILE, Refused

    try:
        if not configured_hook(root):
            return "not configured", "note", "`iachygiene init` adds it"
    except Refused as reason:
        return f"{FILE} is not usable", "note", str(reason)
    if os.path.isfile(f"{root}/.git/hooks/pre-commit"):
        return "configured and installed", "ok", ""
    return "configured, not installed here", "note", "`pre-commit install` starts it"
