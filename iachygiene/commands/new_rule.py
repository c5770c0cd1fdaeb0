"""`new-rule`: the function to paste for a new rule, and the module it belongs to."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from iachygiene.lazy import regex

if TYPE_CHECKING:
    from iachygiene.rule import Rule

_NAME = regex(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_ADVICE = ("no", "avoid", "check", "ensure", "require", "use", "dont", "must", "should")
_UNITS = {
    "toolkit": "Suppression",
    "terraform": "TerraformModule",
    "dockerfile": "Dockerfile",
    "kubernetes": "Manifest",
    "compose": "ComposeFile",
    "npm": "NpmPackage",
    "project": "Project",
}
_TEMPLATE = '''\
@rule("{code}", {unit}, Severity.WARNING)
def {function}({argument}: {unit}) -> Findings:
    """What it finds, in one sentence.

    Why that matters, in words that a newcomer follows, and where the rule comes from.

    Bad:
        the shortest file in which it is found
    Good:
        the same file without the mistake
    """
    for node in {argument}.{nodes}:
        if is_wrong(node):
            yield at(node, f'what is there, "{{node.text}}" quoted')
'''
_NODES = {
    "Dockerfile": "stages",
    "Manifest": "objects",
    "ComposeFile": "services",
    "TerraformModule": "blocks",
    "NpmPackage": "files",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("code")
@click.argument("name")
def command(code: str, name: str) -> int:
    """Print the function of a new rule and the module to paste it into.

    CODE is free, its leading digits belong to a theme. NAME says what the rule finds:
    unpinned-base-image, not check-image.
    """
    from iachygiene.rule import LANGUAGES, all_rules

    code = code.upper()
    prefix = code.rstrip("0123456789")
    length = 4 if prefix == "DF" else 3
    if prefix not in LANGUAGES or len(code) - len(prefix) != length:
        known = ", ".join(LANGUAGES)
        raise click.UsageError(
            f"`{code}` is no code\nhint: one of {known}, then three digits (four for DF)"
        )
    name = name.lower().replace("_", "-")
    if not _NAME.fullmatch(name) or name.partition("-")[0] in _ADVICE:
        raise click.UsageError(
            f"`{name}` does not name what the rule finds\nhint: such as unpinned-base-image"
        )
    known_rules = all_rules()
    for rule in known_rules:
        if rule.code == code or rule.name == name:
            raise click.UsageError(f"{rule.code} {rule.name} is there already")
    alike = [rule for rule in known_rules if rule.code.startswith(prefix)]
    near = _nearest(code, alike)
    language = LANGUAGES[prefix]
    module = near.check.__module__ if near else f"iachygiene.rules.{language}.<theme>"
    unit = near.unit.__name__ if near else _UNITS[language]
    argument = re.sub(r"(?<!^)(?=[A-Z])", "_", unit).lower().rpartition("_")[2]
    argument = {"file": "compose", "set": "manifests"}.get(argument, argument)
    click.echo(f"# {module.replace('.', os.sep)}.py")
    click.echo(
        _TEMPLATE.format(
            code=code,
            unit=unit,
            function=name.replace("-", "_"),
            argument=argument,
            nodes=_NODES.get(unit, "nodes"),
        ),
        nl=False,
    )
    return 0


def _nearest(code: str, rules: list[Rule]) -> Rule | None:
    """The rule whose code shares the most leading digits, of those the nearest below."""

    def likeness(rule: Rule) -> tuple[int, int]:
        pairs = enumerate(zip(rule.code, code, strict=False))
        shared = next((number for number, (a, b) in pairs if a != b), len(code))
        return shared, -abs(int(rule.code[-3:]) - int(code[-3:]))

    return max(rules, key=likeness, default=None)
