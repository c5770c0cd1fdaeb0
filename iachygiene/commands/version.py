"""`version`: what is installed, and the schemas of what it reads and writes."""

from __future__ import annotations

from typing import Any

import click

from iachygiene import __version__
from iachygiene.commands import Common

DEPENDENCIES = ("click", "GitPython", "python-hcl2", "PyYAML")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Python, platform, dependencies, schemas.")
@click.option("--config-schema", is_flag=True, help="The JSON Schema of .iachygiene.toml.")
@click.option("--report-schema", is_flag=True, help="The JSON Schema of the json report.")
@click.pass_context
def command(
    context: click.Context, /, verbose: bool, config_schema: bool, report_schema: bool
) -> int:
    """Print the version, or a JSON Schema."""
    import json

    if config_schema or report_schema:
        schema = config_schema_with_rules() if config_schema else _report_schema()
        click.echo(json.dumps(schema, indent=2))
        return 0
    click.echo(f"iachygiene {__version__}")
    common: Common = context.obj or Common()
    if verbose or common.verbose:
        for name, value in details():
            click.echo(f"{name:<12} {value}")
    return 0


def _report_schema() -> dict[str, Any]:
    from iachygiene.report.schema import REPORT

    return REPORT


def config_schema_with_rules() -> dict[str, Any]:
    """The schema of the configuration with the options of every rule."""
    from iachygiene.keys import schema
    from iachygiene.mistakes import option_value
    from iachygiene.rule import all_rules

    tables: dict[str, dict[str, Any]] = {}
    for rule in all_rules():
        properties = {
            name: option_value(rule, name).schema | {"description": rule.option_help.get(name, "")}
            for name in rule.options
        }
        if properties:
            table = {
                "type": "object",
                "description": rule.summary,
                "properties": properties,
                "additionalProperties": False,
            }
            tables[rule.name] = tables[rule.code] = table
    return schema(tables)


def details() -> list[tuple[str, str]]:
    """Names and versions of what a run depends on; fit for a bug report."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    from iachygiene.report.json import SCHEMA

    found = [
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("platform", f"{platform.system()} {platform.release()} {platform.machine()}"),
    ]
    for name in DEPENDENCIES:
        try:
            found.append((name, version_of(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return [*found, ("report", SCHEMA)]
