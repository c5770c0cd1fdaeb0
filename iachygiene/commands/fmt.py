"""`fmt`: Terraform files in canonical format."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from iachygiene.files import Tree
from iachygiene.model import Broken, Job, Location, SourceFile, ToolStatus, Trouble

if TYPE_CHECKING:
    from iachygiene.parse.terraform import Formatting

_WORTHWHILE = 1_000_000
"""Bytes above which a second process pays."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 when a file would change.")
@click.option("--diff", is_flag=True, help="Print the change instead of writing it, likewise.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "builtin", "terraform", "tofu"]),
    default="auto",
    show_default=True,
    help="What formats: a program, or the built-in engine. auto takes a program if it is there.",
)
@click.option(
    "--parity",
    is_flag=True,
    help="Built-in engine: write also what the reference writes where it loses code.",
)
def command(paths: tuple[str, ...], check: bool, diff: bool, engine: str, parity: bool) -> int:
    """Put Terraform files into canonical format; - formats stdin to stdout.

    A directory stands for all files below it, but for those whose names begin with a dot.
    The names of files that change are printed. Exit code 1: a file would change (with
    --check or --diff), does not parse, or was left alone because formatting would lose code.
    """
    if "-" in paths:
        return _stdin(paths, check, engine, parity)
    root, files = _named(paths or (".",))
    tree = Tree(root, explicit=files)
    engine = _chosen(engine, root)
    changed = failed = incomplete = 0
    for unit in _units(files, tree, engine, parity):
        if isinstance(unit, Trouble):
            _say_trouble(unit, tree)
            failed += 1
        elif isinstance(unit, ToolStatus):
            incomplete += _say_status(unit)
        elif unit.quirks:
            _say_quirks(unit)
            failed += 1
        elif unit.changes:
            given = _give(unit, tree, check=check, diff=diff)
            changed += given
            failed += not given
    total = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    would = "would change" if check or diff else "changed"
    click.echo(f"terraform fmt ({engine}): {total}, {changed} {would}", err=True)
    if failed or (changed and (check or diff)):
        return 1
    return 3 if incomplete else 0


def _named(paths: Sequence[str]) -> tuple[str, list[str]]:
    """A root that holds all paths, and the files they stand for, relative to it."""
    from iachygiene.parse.terraform import is_formatted

    for path in paths:
        if not os.path.lexists(path):
            raise click.UsageError(f"no such file or directory: {path}")
        if not os.path.isdir(path) and not is_formatted(path):
            raise click.UsageError(f"{path} is not a Terraform file that has a format")
    real = [
        os.path.realpath(path)
        if os.path.isdir(path)
        else os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        for path in paths
    ]
    here = os.path.realpath(".")
    tops = [path if os.path.isdir(path) else os.path.dirname(path) for path in real]
    inside = all(os.path.commonpath([here, top]) == here for top in tops)
    root = here if inside else os.path.commonpath(tops)
    found: dict[str, None] = {}
    for path in real:
        below = os.path.relpath(path, root).replace(os.sep, "/")
        below = "" if below == "." else below
        names = _below(root, below) if os.path.isdir(path) else [below]
        found.update(dict.fromkeys(names))
    return root, list(found)


def _below(root: str, directory: str) -> Iterator[str]:
    """Files with a format below a directory, as the reference lists them."""
    from iachygiene.parse.terraform import is_formatted

    try:
        with os.scandir(os.path.join(root, directory)) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        reason = (error.strerror or "cannot be listed").lower()
        raise click.UsageError(f"{directory or root}: {reason}") from None
    prefix = f"{directory}/" if directory else ""
    for entry in found:
        name = entry.name
        if name.startswith(".") or name.endswith("~") or (name[0] == name[-1] == "#"):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(root, prefix + name)
        elif is_formatted(name):
            yield prefix + name


def _chosen(engine: str, root: str) -> str:
    if engine == "auto":
        from iachygiene.tools import TERRAFORM

        found = TERRAFORM.find(root)
        return found.name if found else "builtin"
    return engine


def _units(files: Sequence[str], tree: Tree, engine: str, parity: bool) -> Iterator[Any]:
    if engine == "builtin":
        here = _share(files, tree)
        there = None
        try:
            there = _Helper(files[here:], tree) if here < len(files) else None
        except OSError:  # no process to be had
            here = len(files)
        for path in files[:here]:
            yield from _format(path, tree, parity)
        for path, (known, text) in there.texts() if there else ():
            if not known:
                yield from _format(path, tree, parity)
            elif text is not None:
                from iachygiene.parse.terraform import Formatting

                yield Formatting(tree.read(path), text, (), "built-in")
        return
    from iachygiene.parse.terraform import checked
    from iachygiene.wrap.terraform import units

    good = []
    for path in files:
        try:
            checked(tree.read(path))
            good.append(path)
        except Broken as broken:
            if broken.trouble.kind != "outside":
                yield broken.trouble
    job = Job("terraform", "", tuple(good), {"engine": engine})
    asked = {
        "policy": "always",
        "timeout": None,
        "path": "",
        "engine": engine,
        "required": True,
        "trust_providers": False,
    }
    if good:
        yield from units([job], tree, frozenset(("TF001", "TF002")), asked)


def _format(path: str, tree: Tree, parity: bool) -> Iterator[Formatting | Trouble]:
    try:
        yield _built_in(tree.read(path), parity)
    except Broken as broken:
        if broken.trouble.kind != "outside":
            yield broken.trouble


def _share(files: Sequence[str], tree: Tree) -> int:
    """How many of the files this process formats; the rest is worth another one."""
    if not hasattr(os, "fork") or (os.cpu_count() or 1) < 2:
        return len(files)
    sizes = [tree.size(path) for path in files]
    left = sum(sizes)
    if left < _WORTHWHILE:
        return len(files)
    half = left / 2
    for number, size in enumerate(sizes):
        left -= size
        if left <= half:
            return number + 1
    return len(files)


class _Helper:
    """A copy of this process that formats some files, from before the engine is loaded."""

    def __init__(self, files: Sequence[str], tree: Tree) -> None:
        self._files = files
        self._reader, writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            self._process = os.fork()
        except OSError:
            os.close(self._reader)
            os.close(writer)
            raise
        if self._process == 0:
            try:
                with os.fdopen(writer, "wb") as pipe:
                    self._work(tree, pipe)
            finally:
                os._exit(0)
        os.close(writer)

    def _work(self, tree: Tree, pipe: IO[bytes]) -> None:
        import marshal

        found: list[tuple[bool, str | None]] = []
        for path in self._files:
            try:
                formatting = _built_in(tree.read(path), parity=False)
            except Broken:
                found.append((False, None))
                continue
            text = formatting.formatted if formatting.changes else None
            found.append((not formatting.quirks, text))
        pipe.write(marshal.dumps(found))

    def texts(self) -> Iterator[tuple[str, tuple[bool, str | None]]]:
        """Each file with whether more is not to be said of it, and its text if that changes."""
        import marshal

        with os.fdopen(self._reader, "rb") as pipe:
            said = pipe.read()
        os.waitpid(self._process, 0)
        try:
            found = marshal.loads(said)
        except (EOFError, ValueError, TypeError):  # it ended before its time
            found = [(False, None)] * len(self._files)
        return zip(self._files, found, strict=True)


def _built_in(source: SourceFile, parity: bool) -> Formatting:
    from iachygiene.parse.terraform import Formatting, formatted

    formatting = formatted(source)
    if parity and formatting.quirks:
        from iachygiene.hcl.format import layout

        return Formatting(source, layout(source.text, strict=True).text, (), "built-in")
    return formatting


def _give(unit: Formatting, tree: Tree, *, check: bool, diff: bool) -> bool:
    """Print or write one file that changes; false where it could not be written."""
    from iachygiene.report.escape import clean

    path = unit.source.path
    if diff:
        from iachygiene.fix import unified_diff

        tree.originals[path] = unit.source.data
        tree.overlay[path] = unit.formatted.encode()
        click.echo("".join(unified_diff(tree)), nl=False)
        tree.overlay.clear()
    if not (check or diff):
        from iachygiene.fix import NotWritten, write

        try:
            write(tree.root, path, unit.source.data, unit.formatted.encode())
        except NotWritten as reason:
            click.echo(f"error: not formatted: {clean(path)}: {reason}", err=True)
            return False
    if not diff:
        click.echo(clean(path))
    return True


def _say_trouble(trouble: Trouble, tree: Tree) -> None:
    path = trouble.location.path
    try:
        source = SourceFile(path, tree.raw(path))
    except Broken:
        from iachygiene.report.escape import clean

        click.echo(f"error: {clean(path)}: {clean(trouble.message)}", err=True)
    else:
        _say_at(source, trouble.location, trouble.message)


def _say_at(source: SourceFile, place: Location, message: str) -> None:
    """Print what is wrong at a place, with its line and a mark below."""
    from iachygiene.report.escape import clean
    from iachygiene.report.frame import Style, frame

    line, column = source.position(place.span.start)
    click.echo(f"error: {clean(source.path)}:{line}:{column}: {clean(message)}", err=True)
    if source.data:
        gutter = len(str(line + 8)) + 2
        unicode = "utf" in (sys.stderr.encoding or "").lower()
        shown, _ = frame(source, place, (), Style(gutter, unicode=unicode))
        click.echo("\n".join(shown), err=True)


def _say_status(status: ToolStatus) -> bool:
    """Tell of a program that gave no answer; true where that is so."""
    if status.status in ("ok", "findings", "not-needed"):
        return False
    click.echo(f"error: {status.check}: {status.status}: {status.detail}", err=True)
    if status.hint:
        click.echo(f"hint: {status.hint}", err=True)
    return True


def _say_quirks(unit: Formatting) -> None:
    for quirk in unit.quirks:
        message = f"left alone, {quirk.explanation} ({quirk.name})"
        _say_at(unit.source, quirk.location, message)


def _stdin(paths: Sequence[str], check: bool, engine: str, parity: bool) -> int:
    if len(paths) > 1:
        raise click.UsageError("- stands for stdin and goes with no other path")
    if engine not in ("auto", "builtin"):
        raise click.UsageError("stdin is formatted by the built-in engine")
    source = SourceFile("<stdin>", sys.stdin.buffer.read())
    try:
        formatting = _built_in(source, parity)
    except Broken as broken:
        _say_at(source, broken.trouble.location, broken.trouble.message)
        return 1
    if formatting.quirks:
        _say_quirks(formatting)
        return 1
    if check:
        return int(formatting.changes)
    sys.stdout.buffer.write(formatting.formatted.encode())
    return 0
