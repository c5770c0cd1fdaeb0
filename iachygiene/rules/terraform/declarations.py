"""What variables and outputs say of themselves."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.terraform import Block, TerraformModule
from iachygiene.rule import rule


@rule("TF203", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_typed_variables",))
def untyped_variable(module: TerraformModule) -> Findings:
    """A variable has no `type`.

    Any value is then accepted, and a mistake in it shows far away from its cause. `any` is
    a type: who writes it says that every value will do.

    Bad:
        variable "name" {
          description = "Name of the bucket"
        }
    Bad: in JSON
        -- main.tf.json --
        {"variable": {"name": {"default": "a"}}}
    Bad: a type of a nested block is none of the variable
        variable "name" {
          default = "a"
          validation {
            condition     = var.name != ""
            error_message = "A name is needed."
          }
        }
    Good:
        variable "name" {
          type = string
        }
    Good:
        variable "name" {
          type = any
        }
    Good: in JSON
        -- main.tf.json --
        {"variable": {"name": {"type": "string"}}}
    Good: the type comes from an override file
        -- main.tf --
        variable "name" {
        }
        -- main_override.tf --
        variable "name" {
          type = string
        }
    """
    for block in module.of("variable"):
        if "type" not in block.attributes:
            yield at(block, f'variable "{_name(block)}" has no type')


@rule(
    "TF204",
    TerraformModule,
    Severity.INFO,
    default="off",
    aliases=("tflint:terraform_documented_variables",),
)
def undocumented_variable(module: TerraformModule) -> Findings:
    """A variable has no description, or an empty one.

    The description is what `terraform plan`, registries and generated documentation show to
    who has to give the value.

    Bad:
        variable "name" {
          type = string
        }
    Bad: nothing said
        variable "name" {
          description = ""
        }
    Bad: in JSON
        -- main.tf.json --
        {"variable": {"name": {"type": "string"}}}
    Good:
        variable "name" {
          description = "Name of the bucket"
        }
    Good: over several lines
        variable "name" {
          description = <<-EOT
            Name of the bucket
          EOT
        }
    """
    yield from _undocumented(module, "variable")


@rule(
    "TF205",
    TerraformModule,
    Severity.INFO,
    default="off",
    aliases=("tflint:terraform_documented_outputs",),
)
def undocumented_output(module: TerraformModule) -> Findings:
    """An output has no description, or an empty one.

    The description tells who uses the module what the value is.

    Bad:
        output "name" {
          value = aws_s3_bucket.logs.id
        }
    Bad: nothing said
        output "name" {
          description = ""
          value       = aws_s3_bucket.logs.id
        }
    Good:
        output "name" {
          description = "Name of the bucket"
          value       = aws_s3_bucket.logs.id
        }
    Good: the description comes from an override file
        -- main.tf --
        output "name" {
          value = aws_s3_bucket.logs.id
        }
        -- override.tf --
        output "name" {
          description = "Name of the bucket"
        }
    """
    yield from _undocumented(module, "output")


def _undocumented(module: TerraformModule, type: str) -> Iterator[Finding]:
    for block in module.of(type):
        description = block.attributes.get("description")
        said = None if description is None else description.constant
        if said is None:
            yield at(block, f'{type} "{_name(block)}" has no description')
        elif isinstance(said, str) and not said.strip():
            yield at(block, f'{type} "{_name(block)}" has an empty description')


def _name(block: Block) -> str:
    return block.labels[0] if block.labels else ""
