"""Values for variables in the files beside a module."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import Block, TerraformFile, TerraformModule
from iachygiene.parse.terraform_types import ANY, Type, mismatch, read_type
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import near


@rule("TF432", TerraformModule, Severity.WARNING)
def undeclared_tfvars_value(module: TerraformModule, *, every_file: bool = False) -> Findings:
    """A file of values gives one to a variable that the module does not declare.

    Terraform says so in a warning when it plans, and the value goes nowhere. Judged are the
    files that are read without being asked for: `terraform.tfvars` and `*.auto.tfvars`.

    Options:
        every_file: judge all files `.tfvars` beside the module.

    Bad:
        -- main.tf --
        variable "region" {
          type = string
        }
        -- terraform.tfvars --
        regoin = "eu-west-1"
    Good:
        -- main.tf --
        variable "region" {
          type = string
        }
        -- prod.auto.tfvars --
        region = "eu-west-1"
        -- other.tfvars --
        anything = 1
    """
    if not module.complete:
        return
    declared = {block.labels[0] for block in module.of("variable") if block.labels}
    for source, attribute in _values(module, every_file):
        if attribute.name not in declared:
            place = Location(source.path, Span(attribute.start, attribute.name_end))
            question = near(attribute.name, declared)
            yield at(place, f'variable "{attribute.name}" is not declared{question}')


@rule("TF433", TerraformModule, Severity.WARNING)
def mistyped_tfvars_value(module: TerraformModule, *, every_file: bool = False) -> Findings:
    """A file of values gives one that cannot become the type of its variable.

    Judged are the files that are read without being asked for: `terraform.tfvars` and
    `*.auto.tfvars`.

    Options:
        every_file: judge all files `.tfvars` beside the module.

    Bad:
        -- main.tf --
        variable "zones" {
          type = list(string)
        }
        -- terraform.tfvars --
        zones = "a"
    Good:
        -- main.tf --
        variable "zones" {
          type = list(string)
        }
        -- terraform.tfvars --
        zones = ["a", 1]
    """
    types = {block.labels[0]: _type(block) for block in module.of("variable") if block.labels}
    for source, attribute in _values(module, every_file):
        wrong = mismatch(attribute.expr, types.get(attribute.name, ANY))
        if wrong:
            place = Location(source.path, Span(wrong.node.start, wrong.node.end))
            yield at(place, f'variable "{attribute.name}": {wrong.message}')


def _type(block: Block) -> Type:
    given = block.attributes.get("type")
    node = given.node if given else None
    return read_type(node) if isinstance(node, hcl.Expression) else ANY


def _values(
    module: TerraformModule, every_file: bool
) -> Iterator[tuple[SourceFile, hcl.Attribute]]:
    for file in module.given:
        name = file.path.rpartition("/")[2]
        if every_file or name == "terraform.tfvars" or name.endswith(".auto.tfvars"):
            yield from _attributes(file)


def _attributes(file: TerraformFile) -> Iterator[tuple[SourceFile, hcl.Attribute]]:
    for attribute in file.root.attributes.values():
        yield file.source, attribute
