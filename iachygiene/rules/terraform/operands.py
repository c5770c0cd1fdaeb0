"""Operations on constants that cannot work."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene import hcl
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.terraform import TerraformModule
from iachygiene.parse.terraform_types import Type, Wrong, mismatch
from iachygiene.rule import rule
from iachygiene.rules.terraform.references import label
from iachygiene.rules.terraform.scopes import scope

_NUMBER, _BOOL = Type("number"), Type("bool")
_OPERANDS = {
    **dict.fromkeys(("+", "-", "*", "/", "%", "<", "<=", ">", ">="), _NUMBER),
    **dict.fromkeys(("&&", "||"), _BOOL),
}
_SIGNS = {"-": _NUMBER, "!": _BOOL}


@rule("TF426", TerraformModule, Severity.ERROR)
def invalid_operand(module: TerraformModule) -> Findings:
    """A constant stands where an operator takes no such value.

    Arithmetic and comparison by size take numbers, logic takes booleans, and a condition is
    a boolean. Texts are joined in templates, not by `+`.

    Bad: texts are no numbers
        variable "name" {
          type = string
        }
        output "name" {
          value = "web-" + var.name
        }
    Bad: a list is no boolean
        output "any" {
          value = true && []
        }
    Bad: null is no number
        output "size" {
          value = 1 + null
        }
    Bad: a condition
        output "size" {
          value = "large" ? 1 : 2
        }
    Bad: division by zero
        output "size" {
          value = 1 / 0
        }
    Good:
        variable "size" {
          type = number
        }
        output "size" {
          value = "1" + var.size > 2 && !false ? "true" == "x" : -1
        }
        output "perhaps" {
          value = try("a" + 1, 2)
        }
    """
    for site in scope(module).sites:
        for node, sure in site.operations:
            if sure:
                for wrong in _wrong(node):
                    yield at(
                        site.place(wrong.node),
                        wrong.message,
                        object=label(site.owner),
                        severity=site.severity,
                    )


def _wrong(node: hcl.Expression) -> Iterator[Wrong]:
    if isinstance(node, hcl.Conditional):
        yield from _operand(node.condition, _BOOL, "a condition")
    elif isinstance(node, hcl.Unary) and not isinstance(node.operand, hcl.Literal):
        yield from _operand(node.operand, _SIGNS[node.op], f'"{node.op}"')
    elif isinstance(node, hcl.Binary) and node.op in _OPERANDS:
        for operand in (node.left, node.right):
            yield from _operand(operand, _OPERANDS[node.op], f'"{node.op}"')
        divisor = hcl.literal(node.right) if node.op in "/%" else None
        if divisor == 0 and not isinstance(divisor, bool):
            yield Wrong(node.right, "division by zero")


def _operand(node: hcl.Expression, type: Type, what: str) -> Iterator[Wrong]:
    wrong = mismatch(node, type)
    if wrong:
        yield Wrong(node, f"{what}: {wrong.message}")
    elif hcl.literal(node) is None:
        yield Wrong(node, f"{what}: {type.name} is required, not null")
