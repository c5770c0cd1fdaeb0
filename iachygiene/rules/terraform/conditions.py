"""Conditions of variables, resources and outputs."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import TerraformModule
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import RESOURCES, file_blocks

_INNER = ("precondition", "postcondition")


@rule("TF414", TerraformModule, Severity.ERROR)
def invalid_validation_condition(module: TerraformModule) -> Findings:
    """A condition does not depend on what it judges.

    The validation of a variable refers to that variable, since Terraform 1.9 also to
    others. A precondition or postcondition that refers to nothing always says the same, and
    a resource speaks of itself as `self`, and in a precondition not at all.

    Bad:
        variable "size" {
          type = number
          validation {
            condition     = 1 > 0
            error_message = "It is too small."
          }
        }
    Bad: another variable alone
        variable "name" {
          type = string
        }
        variable "size" {
          type = number
          validation {
            condition     = length(var.name) > 0
            error_message = "It is too small."
          }
        }
    Bad: always true
        resource "aws_instance" "web" {
          lifecycle {
            precondition {
              condition     = true
              error_message = "It is too small."
            }
          }
        }
    Bad: a resource by its own name
        resource "aws_instance" "web" {
          lifecycle {
            postcondition {
              condition     = aws_instance.web.state == "running"
              error_message = "It does not run."
            }
          }
        }
    Good:
        variable "size" {
          type = number
          validation {
            condition     = alltrue([for one in [1, 2] : var.size > one])
            error_message = "It is too small."
          }
        }
        resource "aws_instance" "web" {
          lifecycle {
            precondition {
              condition     = var.size > 1
              error_message = "It is too small."
            }
            postcondition {
              condition     = self.state == "running"
              error_message = "It does not run."
            }
          }
        }
    """
    for source, block, inner in _conditions(module):
        condition = inner.body.attributes.get("condition")
        if condition is None:
            continue
        about = f"{block.type} {'.'.join(block.labels)}"
        references = [node for node in hcl.walk(condition.expr) if isinstance(node, hcl.Reference)]
        whole = Location(source.path, Span(condition.expr.start, condition.end))
        if not references:
            yield at(whole, "the condition depends on nothing", object=about)
        elif inner.type == "validation":
            own = ("var", *block.labels)
            if not any(node.path[:2] == own for node in references):
                message = f'the condition does not refer to "{".".join(own)}"'
                yield at(whole, message, object=about)
    for source, block, inner in _conditions(module):
        if inner.type in _INNER and block.type in RESOURCES:
            own = tuple(block.labels)
            own = own if block.type == "resource" else (block.type, *own)
            for attribute in inner.body.attributes.values():
                for node in hcl.walk(attribute.expr):
                    if isinstance(node, hcl.Reference) and node.path[: len(own)] == own:
                        place = Location(source.path, Span(node.start, node.end))
                        message = f'the {inner.type} of "{".".join(own)}" refers to it by name'
                        about = f"{block.type} {'.'.join(block.labels)}"
                        yield at(place, message, object=about)


def _conditions(
    module: TerraformModule,
) -> Iterator[tuple[SourceFile, hcl.Block, hcl.Block]]:
    for source, block in file_blocks(module):
        for inner in block.body.blocks:
            if (block.type == "variable" and inner.type == "validation") or (
                block.type == "output" and inner.type in _INNER
            ):
                yield source, block, inner
            elif block.type in RESOURCES and inner.type == "lifecycle":
                for deeper in inner.body.blocks:
                    if deeper.type in _INNER:
                        yield source, block, deeper
