"""`init`: put our hook into `.pre-commit-config.yaml` and leave all else in it as it is."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, NamedTuple

import click

from iachygiene import __version__

FILE = ".pre-commit-config.yaml"
HOOK = "iachygiene"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.:/@_-]*[A-Za-z0-9/_-]")
MAX_SIZE = 1024 * 1024
"""Bytes of the file that is edited."""


class Refused(Exception):
    """Raised where the file cannot be edited; the message says why."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Show the change and write nothing.")
@click.option("--repo", "address", metavar="URL", help="Where pre-commit gets the hook from.")
@click.option("--rev", default=f"v{__version__}", show_default=True, help="Its release.")
def command(yes: bool, dry_run: bool, address: str | None, rev: str) -> int:
    """Add the hook to .pre-commit-config.yaml of this repository.

    Shows the change and asks. Without a terminal and without --yes nothing is written and
    the exit code is 1.
    """
    from iachygiene.git import toplevel

    root = toplevel(".") or os.path.realpath(".")
    address = address or own_address()
    try:
        before = _read(root)
        after = with_hook(before or "", address, rev)
    except Refused as reason:
        raise click.UsageError(f"{FILE}: {reason}") from None
    if after == before:
        click.echo(f"{FILE} has the hook already, nothing to do")
        return 0
    click.echo(_difference(before, after), nl=False)
    if dry_run:
        return 0
    if not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            click.echo("hint: nothing was written, --yes writes it", err=True)
            return 1
        if not click.confirm(f"Write {FILE}?", default=True):
            return 1
    _write(root, before, after)
    click.echo(f"wrote {FILE}; `pre-commit install` starts the hook with every commit")
    return 0


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


def _read(root: str) -> str | None:
    from iachygiene.files import Tree
    from iachygiene.model import Broken, SourceFile

    tree = Tree(root)
    if not os.path.lexists(tree.absolute(FILE)):
        return None
    if os.path.islink(tree.absolute(FILE)):
        raise Refused("it is a link")
    try:
        return SourceFile(FILE, tree.raw(FILE, MAX_SIZE)).text
    except Broken as broken:
        raise Refused(broken.trouble.message) from None


def _difference(before: str | None, after: str) -> str:
    from difflib import unified_diff

    from iachygiene.report.escape import clean

    lines = unified_diff(
        (before or "").splitlines(),
        after.splitlines(),
        FILE if before is not None else os.devnull,
        FILE,
        lineterm="",
    )
    return "".join(clean(line) + "\n" for line in lines)


def _write(root: str, before: str | None, after: str) -> None:
    from iachygiene.fix import NotWritten, write

    path = os.path.join(root, FILE)
    try:
        if before is None:
            with open(path, "x", encoding="utf-8", newline="") as file:
                file.write(after)
        else:
            with open(path, "rb") as file:
                mark = b"\xef\xbb\xbf" if file.read(3) == b"\xef\xbb\xbf" else b""
            write(root, FILE, mark + before.encode(), mark + after.encode())
    except (NotWritten, OSError) as error:
        reason = str(error) if isinstance(error, NotWritten) else (error.strerror or "").lower()
        raise click.ClickException(f"{FILE} was not written: {reason}") from None


def has_hook(root: str) -> bool:
    """Whether a repository has our hook; raises `Refused` where its file cannot be read."""
    text = _read(root)
    top = _composed(text) if text else None
    repos = None if top is None else _value_of(top, "repos")
    return repos is not None and _has_hook(repos)


class _Layout(NamedTuple):
    """How the entries of a file are indented: columns of `-` and of the keys below it."""

    dash: int = 2
    keys: int = 4
    hooks_dash: int = 6
    hooks_keys: int = 8


def with_hook(text: str, address: str, rev: str) -> str:
    """The text of a configuration of pre-commit with our entry; as it is where it has one.

    Nothing else of it changes. Raises `Refused` where the text is no such configuration.
    """
    root = _composed(text)
    line_end = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        start = text if not text or text.endswith("\n") else text + line_end
        after = f"{start}repos:{line_end}" + _entry(address, rev, _Layout(), line_end)
    else:
        repos = _value_of(root, "repos")
        if repos is None:
            start = text if text.endswith("\n") else text + line_end
            after = f"{start}repos:{line_end}" + _entry(address, rev, _Layout(), line_end)
        elif _has_hook(repos):
            return text
        else:
            after = _inserted(text, repos, address, rev, line_end)
    _same_but_for_entry(text, after, {"repo": address, "rev": rev, "hooks": [{"id": HOOK}]})
    return after


def _composed(text: str) -> Any:
    """The mapping at the top as PyYAML's nodes, None for an empty document."""
    import yaml

    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place else ""
        raise Refused(f"it is not valid YAML{where}; repair it first") from None
    except RecursionError:
        raise Refused("it is nested too deeply") from None
    if len(documents) > 1:
        raise Refused("it holds more than one document")
    root = documents[0] if documents else None
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value in ("", "null", "~")):
        if root is not None and root.value:
            raise Refused("it is not a mapping with `repos`")
        return None
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise Refused("it is not a mapping with `repos` in block style")
    return root


def _value_of(mapping: Any, key: str) -> Any:
    return next((value for name, value in mapping.value if name.value == key), None)


def _has_hook(repos: Any) -> bool:
    for item in repos.value if repos.id == "sequence" else ():
        if item.id != "mapping":
            continue
        address = _value_of(item, "repo")
        if address is not None and str(address.value).removesuffix(".git").endswith("/iachygiene"):
            return True
        hooks = _value_of(item, "hooks")
        for hook in hooks.value if hooks is not None and hooks.id == "sequence" else ():
            name = _value_of(hook, "id") if hook.id == "mapping" else None
            if name is not None and name.value in (HOOK, HOOK + "-fix", HOOK + "-all"):
                return True
    return False


def _inserted(text: str, repos: Any, address: str, rev: str, line_end: str) -> str:
    import yaml

    if isinstance(repos, yaml.ScalarNode) and repos.tag == "tag:yaml.org,2002:null":
        end = _line_end_after(text, repos.start_mark.index)
        head = text[: repos.start_mark.index] + text[repos.end_mark.index : end]
        return _joined(head, _entry(address, rev, _Layout(), line_end), text[end:], line_end)
    if not isinstance(repos, yaml.SequenceNode):
        raise Refused("`repos` is not a list")
    if repos.flow_style:
        return _inserted_in_flow(text, repos, address, rev)
    layout = _layout_of(repos)
    end = _line_end_after(text, _last_index(text, repos.value[-1]))
    return _joined(text[:end], _entry(address, rev, layout, line_end), text[end:], line_end)


def _joined(head: str, entry: str, tail: str, line_end: str) -> str:
    return head + ("" if head.endswith("\n") else line_end) + entry + tail


def _inserted_in_flow(text: str, repos: Any, address: str, rev: str) -> str:
    entry = f"{{repo: {_quoted(address)}, rev: {_quoted(rev)}, hooks: [{{id: {HOOK}}}]}}"
    close = repos.end_mark.index - 1
    if not repos.value:
        return text[:close] + entry + text[close:]
    last = repos.value[-1].end_mark.index
    return f"{text[:last]}, {entry}{text[last:]}"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _layout_of(repos: Any) -> _Layout:
    """The columns that the last entry with hooks keeps to."""
    dash = repos.start_mark.column
    layout = _Layout(dash, dash + 2, dash + 4, dash + 6)
    for item in repos.value:
        if not isinstance(item.value, list) or item.flow_style or not item.value:
            continue
        keys = item.value[0][0].start_mark.column
        hooks = _value_of(item, "hooks")
        layout = _Layout(dash, keys, keys + 2, keys + 4)
        if isinstance(getattr(hooks, "value", None), list) and hooks.value:
            column = hooks.value[0].start_mark.column
            if not hooks.flow_style and column > hooks.start_mark.column:
                layout = _Layout(dash, keys, hooks.start_mark.column, column)
    return layout


def _entry(address: str, rev: str, layout: _Layout, line_end: str) -> str:
    dash = " " * layout.dash + "-" + " " * (layout.keys - layout.dash - 1)
    keys = " " * layout.keys
    hook = " " * layout.hooks_dash + "-" + " " * (layout.hooks_keys - layout.hooks_dash - 1)
    lines = [
        f"{dash}repo: {_scalar(address)}",
        f"{keys}rev: {_scalar(rev)}",
        f"{keys}hooks:",
        f"{hook}id: {HOOK}",
    ]
    return "".join(line + line_end for line in lines)


def _last_index(text: str, node: Any) -> int:
    """The offset after the last character of a node; PyYAML's own lies beyond the blanks."""
    while isinstance(node.value, list) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return len(text[: node.end_mark.index].rstrip())


def _line_end_after(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end == -1 else end + 1


def _same_but_for_entry(before: str, after: str, entry: dict[str, Any]) -> None:
    """Read both and compare: the last guard against an edit that changed something else."""
    import yaml

    try:
        old = yaml.safe_load(before) or {}
        new = yaml.safe_load(after)
        old_repos, new_repos = old.pop("repos", None) or [], new.pop("repos")
        kept = old == new and new_repos == [*old_repos, entry]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        kept = False
    if not kept:
        raise Refused("its layout leaves no place for an entry; add the hook by hand")
