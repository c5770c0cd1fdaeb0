"""Where the parts of a module stand, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.terraform import TerraformFile, TerraformModule
from iachygiene.patterns import Pattern, search
from iachygiene.rule import rule


@rule(
    "TF207",
    TerraformModule,
    Severity.WARNING,
    default="off",
    aliases=("tflint:terraform_standard_module_structure",),
)
def nonstandard_module_structure(module: TerraformModule) -> Findings:
    """A module does not have the files of the standard structure.

    Who opens a module looks for its inputs in `variables.tf`, for its results in
    `outputs.tf` and for the rest from `main.tf` on. See
    [standard module structure](https://developer.hashicorp.com/terraform/language/modules/develop/structure).
    A file `.tofu` is as good as one `.tf`. Modules in JSON syntax alone are not judged, nor
    are blocks in JSON files.

    Bad: no main.tf
        -- variables.tf --
        variable "name" {
          type = string
        }
        -- outputs.tf --
        output "name" {
          value = var.name
        }
    Bad: no outputs.tf and no outputs
        -- main.tf --
        -- variables.tf --
        variable "name" {
          type = string
        }
    Bad: a variable and an output elsewhere
        variable "name" {
          type = string
        }
        output "name" {
          value = var.name
        }
    Good:
        -- main.tf --
        resource "terraform_data" "one" {
          input = var.name
        }
        -- variables.tf --
        variable "name" {
          type = string
        }
        -- outputs.tf --
        output "name" {
          value = var.name
        }
    Good: for OpenTofu
        -- main.tofu --
        -- variables.tofu --
        -- outputs.tofu --
    Good: all in JSON
        -- anything.tf.json --
        {"variable": {"name": {}}}
    Good: blocks in JSON stand where they like
        -- main.tf --
        -- made.tf.json --
        {"variable": {"name": {}}, "output": {"name": {"value": "${var.name}"}}}
    """
    natives = [file for file in module.files if isinstance(file, TerraformFile)]
    if not natives or not module.complete:
        return
    names = {_file_name(file.path) for file in natives}
    first = Location(natives[0].path)
    if "main.tf" not in names:
        yield at(first, "the module has no main.tf")
    for kind, home in (("variable", "variables.tf"), ("output", "outputs.tf")):
        blocks = module.of(kind)
        if home not in names and not blocks:
            yield at(module.location, f"the module has no {home}")
        for block in blocks:
            path = block.location.path
            if not path.endswith(".json") and _file_name(path) != home:
                yield at(block, f'{kind} "{"".join(block.labels)}" stands outside of {home}')


def _file_name(path: str) -> str:
    return re.sub(r"\.tofu$", ".tf", path.rpartition("/")[2])


_FORMATS = {
    "snake_case": regex(r"\A[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z"),
    "mixed_snake_case": regex(r"\A[a-zA-Z][a-zA-Z0-9]*(?:_[a-zA-Z0-9]+)*\Z"),
    "none": regex(""),
}


@rule(
    "TF206",
    TerraformModule,
    Severity.INFO,
    default="off",
    aliases=("tflint:terraform_naming_convention",),
)
def unconventional_name(
    configuration: TerraformModule,
    *,
    format: Pattern = "snake_case",
    check: Pattern = "",
    data: Pattern = "",
    locals: Pattern = "",
    module: Pattern = "",
    output: Pattern = "",
    resource: Pattern = "",
    variable: Pattern = "",
) -> Findings:
    """A name is not written the way names are to be written.

    One way of writing names saves guessing, and `a-b` looks like a difference. In
    `snake_case`, words of small letters and digits are joined by single underscores, and the
    first begins with a letter; `mixed_snake_case` admits capital letters. Names of
    resources, data sources, modules, variables, outputs, checks and local values are
    judged, and the aliases of providers.

    Options:
        format: `snake_case`, `mixed_snake_case`, `none` for anything, or a regular expression
            that begins with `^`.
        check: another format for the names of checks.
        data: another format for the names of data sources.
        locals: another format for the names of local values.
        module: another format for the names of module calls.
        output: another format for the names of outputs.
        resource: another format for the names of resources, ephemeral ones included.
        variable: another format for the names of variables.

    Bad:
        resource "aws_s3_bucket" "access-logs" {
        }
    Bad:
        variable "bucketName" {
          type = string
        }
    Bad: two underscores, and one at an end
        locals {
          access__logs = 1
          _logs        = 2
        }
    Bad: within a check
        check "health" {
          data "http" "the-page" {
            url = "https://example.com"
          }
        }
    Bad: no underscore at the end in mixed case, either
        -- .iachygiene.toml --
        [rules.unconventional-name]
        format = "mixed_snake_case"
        -- main.tf --
        output "Logs_" {
          value = 1
        }
    Bad: stricter for one kind
        -- .iachygiene.toml --
        [rules.unconventional-name]
        format = "none"
        module = "snake_case"
        -- main.tf --
        module "Logs" {
          source = "./logs"
        }
    Bad:
        provider "aws" {
          alias = "US-east"
        }
    Bad: an expression of one's own
        -- .iachygiene.toml --
        [rules.unconventional-name]
        variable = "^[a-z]+(-[a-z]+)*$"
        -- main.tf --
        variable "bucket_name" {
          type = string
        }
    Good:
        resource "aws_s3_bucket" "access_logs_2" {
        }
        variable "name" {
          type = string
        }
    Good: types of resources are not named by the module
        data "Some_Thing" "one" {
        }
    Good: capital letters
        -- .iachygiene.toml --
        [rules.unconventional-name]
        format = "mixed_snake_case"
        -- main.tf --
        output "Logs_Bucket" {
          value = 1
        }
    Good: an expression of one's own, which says all there is to say
        -- .iachygiene.toml --
        [rules.unconventional-name]
        variable = "^app-"
        -- main.tf --
        variable "app-Name" {
          type = string
        }
    Good: anything for one kind
        -- .iachygiene.toml --
        [rules.unconventional-name]
        locals = "none"
        -- main.tf --
        locals {
          access-logs = 1
        }
    """
    formats = {"check": check, "data": data, "locals": locals, "module": module}
    formats |= {"output": output, "resource": resource, "variable": variable}
    formats |= {"ephemeral": resource, "": format}
    patterns = {kind: _pattern(wanted or format) for kind, wanted in formats.items()}
    for kind, name, place in _names(configuration):
        of = formats.get(kind) and ("resource" if kind == "ephemeral" else kind)
        pattern = patterns.get(kind, patterns[""])
        if not search(pattern, name, f"{of or 'format'} of TF206"):
            what = _KINDS.get(kind, kind)
            wanted = formats.get(kind) or format
            how = f"does not match {wanted}" if wanted[0] == "^" else f"is not in {wanted}"
            peers = () if kind in ("provider", "ephemeral") else None
            about = f"{what} {name}"
            yield at(place, f'{what} "{name}" {how}', object=about, aliases=peers)


@lru_cache(maxsize=32)
def _pattern(format: str) -> re.Pattern[str]:
    """The pattern of a format, or the one that it is."""
    return _FORMATS.get(format) or re.compile(format)


_KINDS = {"data": "data source", "locals": "local value", "provider": "provider alias"}


def _names(module: TerraformModule) -> Iterator[tuple[str, str, Location]]:
    """Kind, name and place of whatever a module gives a name to."""
    for kind in ("resource", "data", "ephemeral", "module", "variable", "output", "check"):
        for block in module.of(kind):
            if block.labels:
                yield kind, block.labels[-1], block.location
    for check in module.of("check"):
        for block in check.of("data"):
            if block.labels:
                yield "data", block.labels[-1], block.location
    for block in module.of("locals"):
        for name, attribute in block.attributes.items():
            if name != "//":
                yield "locals", name, attribute.whole
    for block in module.of("provider"):
        alias = block.attributes.get("alias")
        if alias is not None and isinstance(alias.constant, str):
            yield "provider", alias.constant, alias.location
