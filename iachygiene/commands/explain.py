"""`explain`: what a rule finds, why it matters, and how to live with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from iachygiene.commands import Common
from iachygiene.commands.rules import configuration

if TYPE_CHECKING:
    from iachygiene.config import Config
    from iachygiene.rule import Example, Rule

_WITHOUT_COMMENTS = ("npm", "project")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, required=True, metavar="CODE|NAME|ALIAS...")
@click.pass_context
def command(context: click.Context, /, words: tuple[str, ...]) -> int:
    """Explain rules: what they find, why, examples, options, and how to suppress them.

    Takes codes, names, and what other tools call the same: DL3006, hadolint:DL3006,
    CKV_K8S_14.
    """
    from iachygiene.config import ConfigError

    found: dict[str, Rule] = {}
    for word in words:
        rules = rules_meant(word)
        if not rules:
            raise click.UsageError(_unknown(word))
        found.update((rule.code, rule) for rule in rules)
    try:
        config = configuration(context.obj or Common())
    except ConfigError as error:
        click.echo(str(error), err=True)
        return 2
    pages = ("\n".join(page(rule, config)) for rule in found.values())
    click.echo("\n\n".join(pages))
    return 0


def rules_meant(word: str) -> list[Rule]:
    """The rules of a code, a name or an alias in whatever case.

    Of a short alias that several tools have, the rules of all of them.
    """
    from iachygiene.rule import briefs, find, get

    for form in dict.fromkeys((word, word.upper(), word.lower())):
        rules = find(form)
        if rules:
            return [get(rule.code) for rule in rules]
    lower = word.lower()
    return [
        get(rule.code)
        for rule in briefs().values()
        if any(lower in (alias.lower(), alias.partition(":")[2].lower()) for alias in rule.aliases)
    ]


def _unknown(word: str) -> str:
    from iachygiene.report.escape import clean
    from iachygiene.selection import nearest_rule

    hint = nearest_rule(word) or "`iachygiene rules --all` lists all rules"
    return f"unknown rule `{clean(word)}`\nhint: {hint}"


def page(rule: Rule, config: Config) -> Iterator[str]:
    """The lines that explain one rule."""
    severity = config.severity_of(rule, "").word
    state = "on here" if config.enabled(rule) else "off here"
    yield f"{rule.code} {rule.name} ({severity}, {state})"
    yield ""
    yield rule.summary
    if rule.explanation:
        yield ""
        yield _fitted(rule.explanation)
    for example in rule.examples:
        yield from _example(example)
    if rule.options:
        yield ""
        yield "Options"
        set_here = config.options_of(rule, "")
        for name, default in rule.options.items():
            value = set_here.get(name.replace("-", "_"), default)
            origin = f", default {_shown(default)}" if value != default else ""
            yield f"  {name} = {_shown(value)}{origin}"
            if rule.option_help.get(name):
                yield f"      {rule.option_help[name]}"
    if rule.aliases:
        yield ""
        yield "Also known as " + ", ".join(rule.aliases)
    if rule.needs:
        yield ""
        yield f"Needs {rule.needs}."
    yield ""
    yield from _suppressing(rule)


def _fitted(text: str) -> str:
    """The paragraphs of a text, filled anew where the terminal is narrower than their lines."""
    import shutil
    import sys

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    if not width or width >= max(map(len, text.splitlines())):
        return text
    from textwrap import fill

    parts = []
    for part in text.split("\n\n"):
        prose = not any(line.startswith((" ", "-", "http")) for line in part.splitlines())
        filled = fill(part, max(width, 40), break_long_words=False, break_on_hyphens=False)
        parts.append(filled if prose else part)
    return "\n\n".join(parts)


def _example(example: Example) -> Iterator[str]:
    yield ""
    yield f"{example.kind}: {example.remark}" if example.remark else f"{example.kind}:"
    alone = len(example.files) == 1 and not example.links
    yield from _files(example.files, alone)
    for name, target in example.links.items():
        yield f"    -- {name} -> {target} --"
    if example.fixed is not None:
        yield ""
        yield "Fixed with --fix:"
        yield from _files(example.fixed, alone)


def _files(files: Any, alone: bool) -> Iterator[str]:
    from iachygiene.report.escape import clean_path

    for name, text in files.items():
        if not alone:
            yield f"    -- {name} --"
        for line in text.rstrip("\n").split("\n"):
            yield "    " + "\t".join(map(clean_path, line.split("\t"))) if line else ""


def _shown(value: object) -> str:
    import json

    if isinstance(value, frozenset | set):
        value = sorted(value)
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _suppressing(rule: Rule) -> Iterator[str]:
    if rule.language == "toolkit":
        from iachygiene.selection import ALWAYS_ON

        if rule.code in ALWAYS_ON:
            yield "Cannot be switched off: a file that cannot be judged is never taken for clean."
            return
    if rule.language not in _WITHOUT_COMMENTS:
        # Docker knows no comment behind an instruction.
        where = "" if rule.language == "dockerfile" else " or at the end of its line"
        yield f"To accept one finding, above it{where}:"
        yield f"    # iachygiene: ignore[{rule.code}] the reason"
        yield "To accept it in one file, at the top:"
        yield f"    # iachygiene: ignore-file[{rule.code}] the reason"
    yield "To accept it in some files, in .iachygiene.toml:"
    yield "    [per-file-ignores]"
    yield f'    "examples/**" = ["{rule.code}"]'
