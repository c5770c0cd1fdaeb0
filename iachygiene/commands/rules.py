"""`rules`: list the rules as the configuration here has them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from iachygiene.commands import Common

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.rule import Rule

KINDS = ("dockerfile", "kubernetes", "compose", "terraform", "npm", "project", "toolkit")


def configuration(common: Common) -> Config:
    """The configuration of the repository around the working directory."""
    from iachygiene.config import load
    from iachygiene.git import toplevel

    root = toplevel(".") or os.path.realpath(".")
    return load(root, file=common.config, isolated=common.isolated)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this kind.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How to print them.",
)
@click.option("--all", "every", is_flag=True, help="List rules that are off here as well.")
@click.pass_context
def command(context: click.Context, /, kinds: tuple[str, ...], format_: str, every: bool) -> int:
    """List rules: code, name, severity, whether they can be fixed, and what they find.

    The configuration of the repository around the working directory is applied.
    """
    from iachygiene.config import ConfigError
    from iachygiene.rule import all_rules

    try:
        config = configuration(context.obj or Common())
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 2
    chosen = [
        rule
        for rule in all_rules()
        if (not kinds or rule.language in kinds) and (every or config.enabled(rule))
    ]
    writers = {"text": _text, "json": _json, "markdown": _markdown}
    click.echo("\n".join(writers[format_](chosen, config)))
    return 0


def _row(rule: Rule, config: Config) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "kind": rule.language,
        "severity": config.severity_of(rule, "").word,
        "default": rule.default,
        "enabled": config.enabled(rule),
        "fixable": rule.fixable,
        "summary": rule.summary,
        "aliases": list(rule.aliases),
    }


def _text(rules: Sequence[Rule], config: Config) -> Iterator[str]:
    widest = max((len(rule.name) for rule in rules), default=0)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for rule in rules:
        row = _row(rule, config)
        off = "off (strict), " if rule.default == "strict" else "off, "
        state = "" if row["enabled"] else off
        fix = "[*] " if row["fixable"] else ""
        line = f"{rule.code:<7} {rule.name:<{widest}}  {row['severity']:<7}  "
        line += f"{fix}{state}{rule.summary}"
        yield line if columns is None or len(line) <= columns else line[: columns - 3] + "..."
    on = sum(config.enabled(rule) for rule in rules)
    yield f"{len(rules)} rules, {on} on here, [*] with fixes; `iachygiene explain CODE` tells more"


def _json(rules: Sequence[Rule], config: Config) -> Iterator[str]:
    import json

    rows = ",\n".join("  " + json.dumps(_row(rule, config)) for rule in rules)
    yield f"[\n{rows}\n]" if rows else "[]"


def _markdown(rules: Sequence[Rule], config: Config) -> Iterator[str]:
    yield "| code | name | severity | on | fix | finds |"
    yield "|---|---|---|---|---|---|"
    for rule in rules:
        row = _row(rule, config)
        on = "yes" if row["enabled"] else rule.default if rule.default == "strict" else "no"
        fix = "yes" if row["fixable"] else ""
        summary = rule.summary.replace("|", "\\|")
        yield f"| {rule.code} | {rule.name} | {row['severity']} | {on} | {fix} | {summary} |"
