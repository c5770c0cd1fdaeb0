"""`init`: what a repository needs to use iachygiene, written after it was shown."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click

from iachygiene import __version__
from iachygiene.precommit import FILE, Refused, has_hook, upgraded, with_hook

PARTS = ("config", "pre-commit", "workflow", "baseline")
CONFIGURATION = ".iachygiene.toml"
WORKFLOW = ".github/workflows/iachygiene.yml"
MAX_SIZE = 1024 * 1024
"""Bytes of a file that is read or edited."""
_PEERS = (
    ("hadolint", (".hadolint.yaml", ".hadolint.yml")),
    ("tflint", (".tflint.hcl",)),
    ("kube_linter", (".kube-linter.yaml", ".kube-linter.yml")),
)


class Step(NamedTuple):
    """One file that is to be made or changed, with what is to be said of it."""

    path: str
    before: str | None
    after: str
    notes: tuple[str, ...] = ()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Show the changes and write nothing.")
@click.option("--only", metavar="PARTS", help="Some of: " + ", ".join(PARTS) + ".")
@click.option("--baseline", is_flag=True, help="Also write the findings of today into a baseline.")
@click.option("--upgrade", is_flag=True, help="Set the release of a hook that is there.")
@click.option("--repo", "address", metavar="URL", help="Where the hook and the workflow come from.")
@click.option("--rev", default=f"v{__version__}", show_default=True, help="Its release.")
def command(
    yes: bool,
    dry_run: bool,
    only: str | None,
    baseline: bool,
    upgrade: bool,
    address: str | None,
    rev: str,
) -> int:
    """Set this repository up: configuration, pre-commit hook, workflow, baseline.

    Shows every change and asks. Without a terminal and without --yes nothing is written and
    the exit code is 1. What is there stays as it is; a second run changes nothing.
    """
    from iachygiene.git import toplevel

    root = toplevel(".") or os.path.realpath(".")
    parts = _parts(only)
    address = address or own_address()
    try:
        steps = list(_steps(root, parts, address, rev, upgrade=upgrade))
    except Refused as reason:
        raise click.UsageError(str(reason)) from None
    changes = [step for step in steps if step.after != step.before]
    for step in changes:
        click.echo(_difference(step), nl=False)
        for note in step.notes:
            click.echo(f"note: {note}", err=True)
    wants_baseline = baseline or only == "baseline"
    if not changes and not wants_baseline:
        click.echo("everything is set up already, nothing to do")
        return 0
    if dry_run:
        return 0
    if changes and not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            click.echo("hint: nothing was written, --yes writes it", err=True)
            return 1
        names = ", ".join(step.path for step in changes)
        if not click.confirm(f"Write {names}?", default=True):
            return 1
    for step in changes:
        _write(root, step)
        click.echo(f"wrote {step.path}")
    for line in _hidden(root, changes):
        click.echo(f"note: {line}", err=True)
    if any(step.path == FILE for step in changes):
        click.echo("`pre-commit install` starts the hook with every commit")
    if wants_baseline or (changes and only is None and _sets_aside(root, yes=yes)):
        return _baseline(root)
    return 0


def _hidden(root: str, changes: Sequence[Step]) -> Iterator[str]:
    """Which of the files that were written git ignores, so that nobody else will have them."""
    from iachygiene.git import Refusal, list_files

    listing = list_files(root)
    if not isinstance(listing, Refusal):
        for step in changes:
            if step.path not in listing.paths:
                yield f"git ignores {step.path}, so it stays on this machine"


def _sets_aside(root: str, *, yes: bool) -> bool:
    """Whether the findings of today are to go into a baseline; they are counted and told."""
    from iachygiene.baseline import FILE as NAME
    from iachygiene.config import ConfigError
    from iachygiene.engine import scan
    from iachygiene.report.findings import counted

    if os.path.lexists(os.path.join(root, NAME)):
        return False
    try:
        result = scan(root)
    except ConfigError:
        return False  # a scan says what is wrong with it
    if result.exit_code != 1:
        return False
    number = counted(len(result.findings), "finding")
    if not yes:
        return click.confirm(f"{number} today. Set them aside in a baseline?", default=False)
    click.echo(
        f"{number} today: `iachygiene scan` shows them; to start without them, set them aside"
        " with `iachygiene baseline create`"
    )
    return False


def _parts(only: str | None) -> frozenset[str]:
    if only is None:
        return frozenset(PARTS)
    found = frozenset(part.strip() for part in only.split(",") if part.strip())
    for part in found.difference(PARTS):
        raise click.UsageError(f"--only {part}: expected some of {', '.join(PARTS)}")
    return found


def _steps(
    root: str, parts: frozenset[str], address: str, rev: str, *, upgrade: bool
) -> Iterator[Step]:
    if "config" in parts:
        yield from _configuration(root)
    if "pre-commit" in parts:
        yield _hook(root, address, rev, upgrade=upgrade)
    if "workflow" in parts:
        yield from _workflow(root, address, rev)


def _hook(root: str, address: str, rev: str, *, upgrade: bool) -> Step:
    before = _read(root, FILE)
    try:
        if upgrade and before and has_hook(before):
            return Step(FILE, before, upgraded(before, rev))
        return Step(FILE, before, with_hook(before or "", address, rev))
    except Refused as reason:
        raise Refused(f"{FILE}: {reason}") from None


def _configuration(root: str) -> Iterator[Step]:
    """A configuration where there is none; it holds what peers' configurations say."""
    from iachygiene.config import ConfigError, load
    from iachygiene.toml import written

    try:
        if load(root).file is not None:
            return
    except ConfigError:
        return  # a scan says what is wrong with it
    settings, notes = _carried(root)
    counts = _counts(root)
    found = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "none yet"
    lines = [
        "# Configuration of iachygiene; only what differs from the defaults has to stand here.",
        f"# Files found when this was written: {found}.",
        "# Rules with their options: `iachygiene rules`, `iachygiene explain CODE`.",
    ]
    if settings:
        lines += ["", written(settings).rstrip("\n")]
    yield Step(CONFIGURATION, None, "\n".join(lines) + "\n", tuple(notes))


def _carried(root: str) -> tuple[dict[str, Any], list[str]]:
    """What the configurations of peers say, in our keys, and what has no counterpart."""
    from importlib import import_module

    settings: dict[str, Any] = {}
    notes: list[str] = []
    for module, names in _PEERS:
        for name in names:
            text = _read(root, name)
            if text is None:
                continue
            read: Callable[[str], Any] = import_module(f"iachygiene.carryover.{module}").settings
            carried = read(text)
            _merge(settings, carried.settings)
            notes += [f"{name}: {note}" for note in carried.notes]
            break
    return settings, notes


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        known = into.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            _merge(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            into[key] = [*known, *(one for one in value if one not in known)]
        else:
            into[key] = value


def _counts(root: str) -> dict[str, int]:
    from iachygiene.discover import discover, locate
    from iachygiene.files import Tree

    listing = locate([root]).listing
    tree = Tree(root, listed=frozenset(listing.paths))
    counts: dict[str, int] = {}
    for kind in discover(tree, listing).kinds.values():
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))


def _workflow(root: str, address: str, rev: str) -> Iterator[Step]:
    """The workflow, where the repository is at home on GitHub; for GitLab a snippet is told."""
    from iachygiene.repository import remotes

    hosts = remotes(root)
    pipeline = _read(root, ".gitlab-ci.yml")
    at_home = any("gitlab" in host for host in hosts) or pipeline is not None
    if at_home and "iachygiene" not in (pipeline or ""):
        click.echo("for .gitlab-ci.yml:\n\n" + _gitlab(address, rev))
    if not (os.path.isdir(os.path.join(root, ".github")) or "github.com" in hosts):
        return
    before = _read(root, WORKFLOW)
    yield Step(WORKFLOW, before, before if before is not None else _github(root, address, rev))


def _github(root: str, address: str, rev: str) -> str:
    from iachygiene.git import default_branch

    branch = (default_branch(root) or "").partition("/")[2]
    # The usual names where the clone does not tell; quoted, as a name can be anything.
    branches = json.dumps(branch) if branch not in ("", "main", "master") else "main, master"
    return f"""\
name: iachygiene

on:
  pull_request: {{}}
  push:
    branches: [{branches}]

permissions: {{}}

concurrency:
  group: iachygiene-${{{{ github.ref }}}}
  cancel-in-progress: true

jobs:
  hygiene:
    name: Format and hygiene
    runs-on: ubuntu-latest
    permissions:
      contents: read # to check out
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0
          persist-credentials: false
      - name: Install
        run: |
          python3 -I -m venv "$RUNNER_TEMP/iachygiene"
          "$RUNNER_TEMP/iachygiene/bin/pip" install --quiet --compile \\
            "git+{address}@{rev}"
      - name: Scan
        run: |
          "$RUNNER_TEMP/iachygiene/bin/iachygiene" scan \\
            --format github --report markdown=@summary
"""


def _gitlab(address: str, rev: str) -> str:
    return f"""\
iachygiene:
  image: python:3.13-slim
  script:
    - apt-get update && apt-get install --yes --no-install-recommends git
    - pip install "git+{address}@{rev}"
    - iachygiene scan --report gitlab=code-quality.json --report junit=junit.xml
  artifacts:
    when: always
    reports:
      codequality: code-quality.json
      junit: junit.xml
"""


def _baseline(root: str) -> int:
    """Write the baseline in a run of its own, over the configuration that is there now."""
    from iachygiene.commands import run

    os.chdir(root)
    from iachygiene.baseline import FILE as NAME

    if os.path.lexists(NAME):
        click.echo(f"{NAME} is there already")
        return 0
    return run(["baseline", "create"])


def own_address() -> str:
    """The address of our repository, from the metadata of the package."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        entries = metadata("iachygiene").get_all("Project-URL") or []
    except PackageNotFoundError:
        entries = []
    for entry in entries:
        label, _, address = entry.partition(",")
        if label.strip().lower() in ("repository", "source", "source code"):
            return str(address.strip())
    raise click.UsageError("no address to get the hook from\nhint: give it with --repo URL")


def _read(root: str, path: str) -> str | None:
    from iachygiene.files import Tree
    from iachygiene.model import Broken, SourceFile

    tree = Tree(root)
    if not os.path.lexists(tree.absolute(path)):
        return None
    if os.path.islink(tree.absolute(path)):
        raise Refused(f"{path}: it is a link")
    try:
        return SourceFile(path, tree.raw(path, MAX_SIZE)).text
    except Broken as broken:
        raise Refused(f"{path}: {broken.trouble.message}") from None


def _difference(step: Step) -> str:
    from difflib import unified_diff

    from iachygiene.report.escape import clean

    lines = unified_diff(
        (step.before or "").splitlines(),
        step.after.splitlines(),
        step.path if step.before is not None else os.devnull,
        step.path,
        lineterm="",
    )
    return "".join(clean(line) + "\n" for line in lines)


def _write(root: str, step: Step) -> None:
    from iachygiene.fix import NotWritten, write

    path = os.path.join(root, step.path)
    try:
        if step.before is None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "x", encoding="utf-8", newline="") as file:
                file.write(step.after)
        else:
            with open(path, "rb") as file:
                mark = b"\xef\xbb\xbf" if file.read(3) == b"\xef\xbb\xbf" else b""
            write(root, step.path, mark + step.before.encode(), mark + step.after.encode())
    except (NotWritten, OSError) as error:
        reason = str(error) if isinstance(error, NotWritten) else (error.strerror or "").lower()
        raise click.ClickException(f"{step.path} was not written: {reason}") from None


def configured_hook(root: str) -> bool:
    """Whether a repository has our hook; raises `Refused` where its file cannot be read."""
    text = _read(root, FILE)
    return bool(text) and has_hook(text or "")
