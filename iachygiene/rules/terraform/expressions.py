"""Expressions that say something in a roundabout or a mistaken way."""

from __future__ import annotations

from iachygiene import hcl
from iachygiene.model import Edit, Findings, Fix, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import Attribute, TerraformModule
from iachygiene.rule import rule
from iachygiene.rules.terraform.nodes import is_blank, may_move, nodes, place, short


@rule("TF303", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_deprecated_lookup",))
def two_argument_lookup(module: TerraformModule) -> Findings:
    """`lookup` is called without a default.

    It then does what an index does, in more words; with two arguments it is
    [deprecated](https://developer.hashicorp.com/terraform/language/functions/lookup).

    Bad:
        output "size" {
          value = lookup(var.sizes, "web")
        }
    Fixed:
        output "size" {
          value = var.sizes["web"]
        }
    Bad: one in the other
        output "size" {
          value = lookup(lookup(var.sizes, "web"), var.zone)
        }
    Fixed:
        output "size" {
          value = var.sizes["web"][var.zone]
        }
    Bad: parentheses where the index would bind elsewhere
        output "size" {
          value = lookup(var.on ? var.a : var.b, "web")
        }
    Fixed:
        output "size" {
          value = (var.on ? var.a : var.b)["web"]
        }
    Bad: over several lines
        output "size" {
          value = lookup(
            { web = 1 },
            var.kind,
          )
        }
    Fixed:
        output "size" {
          value = { web = 1 }[var.kind]
        }
    Bad: a comment that would be lost; there is no fix
        output "size" {
          value = lookup(var.sizes /* of all */, "web")
        }
    Good: with a default
        output "size" {
          value = lookup(var.sizes, "web", "small")
        }
    Good:
        output "size" {
          value = var.sizes["web"]
        }
    Good: arguments that are not known
        output "size" {
          value = lookup(var.sizes, var.arguments...)
        }
    """
    for file, call in nodes(module, hcl.Call):
        if call.name == "lookup" and len(call.args) == 2 and not call.expand:
            key = short(file.text[call.args[1].start : call.args[1].end])
            message = f"lookup of {key} has no default"
            yield at(place(file, call), message, fix=_indexed(file, call))


def _indexed(file: SourceFile, call: hcl.Call) -> Fix | None:
    source, key = call.args
    gaps = Span(call.start, source.start), Span(source.end, key.start), Span(key.end, call.end)
    name, comma, end = (file.text[slice(*gap)] for gap in gaps)
    whole = file.text[call.start : call.end]
    if not is_blank(name[len("lookup") :] + comma + end, "(,)") or not may_move(whole):
        return None
    text = file.text[source.start : source.end]
    simple = isinstance(source, hcl.Call | hcl.Parens | hcl.Object) or (
        isinstance(source, hcl.Reference | hcl.Access) and "\n" not in text and not _splats(source)
    )
    opened, closed = ("", "[") if simple else ("(", ")[")
    texts = (opened, closed, "]")
    return Fix("take an index", tuple(Edit(*pair) for pair in zip(gaps, texts, strict=True)))


def _splats(node: hcl.Reference | hcl.Access) -> bool:
    return any(isinstance(step, hcl.Splat) for step in node.steps)


@rule(
    "TF304",
    TerraformModule,
    Severity.WARNING,
    aliases=("tflint:terraform_empty_list_equality",),
)
def empty_list_comparison(module: TerraformModule, *, maps: bool = False) -> Findings:
    """A value is compared to `[]`.

    Values of different types are never equal, and `[]` is a tuple of no elements: a list
    that is empty is not equal to it. The length tells. The fix is not a safe one, because
    the condition then gives another answer, and `length` refuses null.

    Options:
        maps: whether comparisons to `{}`, which have the same defect, are reported, too.

    Bad:
        locals {
          none = var.names == []
        }
    Fixed:
        locals {
          none = length(var.names) == 0
        }
    Bad: on the left side
        locals {
          some = [] != var.names && var.on
        }
    Fixed:
        locals {
          some = length(var.names) != 0 && var.on
        }
    Bad: an empty map
        -- .iachygiene.toml --
        [rules.empty-list-comparison]
        maps = true
        -- main.tf --
        locals {
          none = var.tags == {}
        }
    Fixed:
        -- main.tf --
        locals {
          none = length(var.tags) == 0
        }
    Good:
        locals {
          none = length(var.names) == 0
        }
    Good: not empty
        locals {
          same = var.names == ["a"]
        }
    Good: maps are left alone
        locals {
          none = var.tags == {}
        }
    """
    for file, node in nodes(module, hcl.Binary):
        if node.op not in ("==", "!="):
            continue
        sides = (node.left, node.right)
        empty = next((side for side in sides if _is_empty(side, maps)), None)
        if empty is None:
            continue
        other = node.right if empty is node.left else node.left
        text = file.text[other.start : other.end]
        gap = file.text[node.left.end : node.right.start]
        fix = None
        if is_blank(gap, "=!") and is_blank(file.text[empty.start : empty.end], "[]{}"):
            edit = Edit(Span(node.start, node.end), f"length({text}) {node.op} 0")
            fix = Fix("compare the length", (edit,), safe=False)
        shown, peers = ("{}", ()) if isinstance(empty, hcl.Object) else ("[]", None)
        message = f'"{short(text)}" is compared to {shown}'
        yield at(place(file, node), message, fix=fix, aliases=peers)


def _is_empty(node: hcl.Expression, maps: bool) -> bool:
    if isinstance(node, hcl.Tuple):
        return not node.items
    return maps and isinstance(node, hcl.Object) and not node.items


@rule(
    "TF305",
    TerraformModule,
    Severity.WARNING,
    aliases=("tflint:terraform_map_duplicate_keys",),
)
def duplicate_map_key(module: TerraformModule) -> Findings:
    """A map has the same key twice.

    The last value counts and the others are dropped without a word. Keys are compared by
    their values as far as they are known: texts, variables by their defaults, locals.

    Bad:
        locals {
          ports = {
            web   = 80
            admin = 8080
            web   = 443
          }
        }
    Bad: quotes make no difference, nor do numbers
        locals {
          a = { one = 1, "one" = 2 }
          b = { 1 = "one", "1" = "two" }
        }
    Bad: a key by its value
        variable "key" {
          default = "web"
        }
        locals {
          ports = { (var.key) = 80, "${var.key}" = 443 }
        }
    Good:
        locals {
          ports = {
            web   = 80
            admin = 8080
          }
        }
    Good: two maps
        locals {
          ports = { web = 80, other = { web = 443 } }
        }
    Good: keys that are not known
        variable "one" {
        }
        locals {
          ports = { (var.one) = 80, (random_id.two.hex) = 443, (random_id.three.hex) = 8080 }
        }
    Good: a name in parentheses is no text
        locals {
          ports = [for web in var.names : { (web) = 80, web = 443 }]
        }
    """
    for file, node in nodes(module, hcl.Object):
        first: dict[str, Location] = {}
        if len(node.items) < 2:
            continue
        for item in node.items:
            key = _key(module, file, item.key)
            if key is None:
                continue
            if key not in first:
                first[key] = place(file, item.key)
                continue
            related = [first[key].labelled("the first one")]
            yield at(place(file, item.key), f'key "{key}" is given twice', related=related)


def _key(module: TerraformModule, file: SourceFile, key: hcl.Expression) -> str | None:
    """A key as text, None where it is not known."""
    if isinstance(key, hcl.Reference) and not key.steps:
        return key.name
    while isinstance(key, hcl.Parens) or type(key) is hcl.Template:
        inner = key.inner if isinstance(key, hcl.Parens) else key.wrapped
        if inner is None:
            break
        key = inner
    value = module.constant(Attribute("", key.start, key, file))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, str | int) else None
