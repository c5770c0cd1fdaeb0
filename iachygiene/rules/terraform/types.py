"""Types of variables, and defaults that cannot be of them."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene import hcl
from iachygiene.model import Finding, Findings, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import TerraformModule
from iachygiene.parse.terraform_types import ANY, Reading, Wrong, mismatch, read_type, reading
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import file_blocks


@rule("TF412", TerraformModule, Severity.ERROR)
def invalid_type_constraint(module: TerraformModule) -> Findings:
    """The type of a variable is no type constraint.

    Types are `string`, `number`, `bool` and `any`, collections of one type like
    `list(string)`, and `object({...})` and `tuple([...])` with a type for each part. They
    stand without quotes.

    Bad:
        variable "name" {
          type = text
        }
    Bad: in quotes
        variable "name" {
          type = "string"
        }
    Bad: a collection of what
        variable "names" {
          type = set
        }
    Bad: two types of elements
        variable "names" {
          type = map(string, number)
        }
    Bad: an object without its attributes
        variable "name" {
          type = list(object(string))
        }
    Bad: an optional attribute outside of an object
        variable "name" {
          type = list(optional(string))
        }
    Good:
        variable "name" {
          type = string
        }
        variable "names" {
          type = list(object({
            name = string
            size = optional(number, 1)
            rest = optional(map(any), {})
            pair = tuple([string, bool])
          }))
        }
        variable "old" {
          type = list
        }
    """
    for source, block, node in _types(module):
        for wrong in reading(node).problems:
            place = Location(source.path, Span(wrong.node.start, wrong.node.end))
            yield at(place, wrong.message, object=_object(block))


@rule("TF413", TerraformModule, Severity.ERROR)
def mistyped_default(module: TerraformModule) -> Findings:
    """A default cannot become the type of its variable.

    Texts, numbers and booleans become each other where that makes sense; a list becomes a
    set, a map an object. An object needs all attributes that are not optional.

    Bad:
        variable "size" {
          type    = number
          default = "large"
        }
    Bad: a text is no list
        variable "names" {
          type    = list(string)
          default = ""
        }
    Bad: an attribute is missing
        variable "web" {
          type    = object({ name = string, size = number })
          default = { name = "web" }
        }
    Bad: deep inside
        variable "ports" {
          type    = map(list(number))
          default = { http = [80, "https"] }
        }
    Bad: the default of an attribute
        variable "web" {
          type = object({ tags = optional(map(string), "") })
        }
    Bad: null, where that is excluded
        variable "name" {
          type     = string
          default  = null
          nullable = false
        }
    Good:
        variable "size" {
          type    = number
          default = "10"
        }
        variable "on" {
          type    = bool
          default = "true"
        }
        variable "names" {
          type    = set(string)
          default = ["a", 1, true]
        }
        variable "web" {
          type    = object({ name = string, size = optional(number) })
          default = { name = null, more = [] }
        }
        variable "anything" {
          type    = map(any)
          default = {}
        }
    """
    for source, block in file_blocks(module):
        about = _object(block)
        given = block.body.attributes
        if block.type == "output" and "type" in given and "value" in given:
            found = reading(given["type"].expr)
            wrong = mismatch(given["value"].expr, found.type)
            if wrong and not found.problems:
                yield _mistyped(source, given["value"].expr, wrong, about)
        if block.type != "variable":
            continue
        found = reading(given["type"].expr) if "type" in given else Reading(ANY, (), ())
        if not found.problems and "default" in given:
            default = given["default"].expr
            wrong = mismatch(default, found.type)
            if wrong:
                yield _mistyped(source, default, wrong, about)
            nullable = hcl.literal(given["nullable"].expr) if "nullable" in given else None
            if hcl.literal(default) is None and nullable is False:
                message = "the default is null, but the variable is not nullable"
                yield at(_place(source, default), message, object=about)
        for name, default, inner in found.defaults:
            wrong = mismatch(default, inner)
            if wrong:
                message = f'default of attribute "{name}": {wrong.message}'
                yield _mistyped(source, default, wrong._replace(message=message), about)
    yield from _overridden(module)


def _overridden(module: TerraformModule) -> Findings:
    """Types and values that do not fit since an override file changed one of them."""
    for kind, argument in (("variable", "default"), ("output", "value")):
        for block in module.of(kind):
            type, value = (block.attributes.get(name) for name in ("type", argument))
            if not block.overrides or type is None or value is None:
                continue
            if isinstance(type.node, hcl.Expression) and isinstance(value.node, hcl.Expression):
                wrong = mismatch(value.node, read_type(type.node))
                if wrong:
                    place = block.overrides[-1] if kind == "variable" else value
                    message = f"since it is overridden, {wrong.message}"
                    yield at(place, message, object=block.object)


def _mistyped(source: SourceFile, value: hcl.Expression, wrong: Wrong, about: str) -> Finding:
    """A finding at a whole value, as the program has it, with the part that is wrong."""
    inner = [] if wrong.node is value else [_place(source, wrong.node).labelled("here")]
    return at(_place(source, value), wrong.message, related=inner, object=about)


def _types(module: TerraformModule) -> Iterator[tuple[SourceFile, hcl.Block, hcl.Expression]]:
    for source, block in file_blocks(module):
        given = block.body.attributes.get("type")
        if block.type in ("variable", "output") and given is not None:
            yield source, block, given.expr


def _place(source: SourceFile, node: hcl.Node) -> Location:
    return Location(source.path, Span(node.start, node.end))


def _object(block: hcl.Block) -> str:
    return f"{block.type} {'.'.join(block.labels)}"
