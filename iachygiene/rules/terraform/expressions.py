"""Expressions that say something in an old, a roundabout or a mistaken way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from iachygiene import hcl
from iachygiene.model import Edit, Findings, Fix, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import Attribute, TerraformModule
from iachygiene.rule import rule
from iachygiene.rules.terraform.nodes import is_blank, nodes, place

_Step: TypeAlias = hcl.Attr | hcl.Index | hcl.Splat
_TIGHT = (hcl.Call, hcl.Parens, hcl.Tuple, hcl.Object, hcl.For)
"""What may span lines anywhere, and stands behind an operator as it is."""


@rule("TF301", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_deprecated_index",))
def legacy_index_syntax(module: TerraformModule) -> Findings:
    """An index is written `.0` or a splat `.*`, as before Terraform 0.12.

    Today's forms `[0]` and `[*]` read as what they are. The two splats differ in one thing:
    an index in brackets behind `.*` takes one of the results, and behind `[*]` it goes into
    each of them. Such a splat is reported without a fix. Files in JSON syntax are not judged.
    See [splat expressions](https://developer.hashicorp.com/terraform/language/expressions/splat).

    Bad:
        output "id" {
          value = aws_instance.web.0.id
        }
    Fixed:
        output "id" {
          value = aws_instance.web[0].id
        }
    Bad:
        output "ids" {
          value = aws_instance.web.*.id
        }
    Fixed:
        output "ids" {
          value = aws_instance.web[*].id
        }
    Bad: two steps
        output "names" {
          value = var.groups.*.0.name
        }
    Fixed:
        output "names" {
          value = var.groups[*][0].name
        }
    Bad: the first of all ids, not the first of each
        output "id" {
          value = aws_instance.web.*.id[0]
        }
    Bad: within a text
        output "name" {
          value = "web-${split("-", var.name).1}"
        }
    Fixed:
        output "name" {
          value = "web-${split("-", var.name)[1]}"
        }
    Bad: within a directive
        output "hosts" {
          value = <<-EOT
            %{for host in var.hosts.*.name~}
            ${host}
            %{endfor~}
          EOT
        }
    Fixed:
        output "hosts" {
          value = <<-EOT
            %{for host in var.hosts[*].name~}
            ${host}
            %{endfor~}
          EOT
        }
    Good:
        output "id" {
          value = aws_instance.web[0].id
        }
    Good:
        output "ids" {
          value = aws_instance.web[*].id
        }
    Good: numbers and texts with dots
        locals {
          ratio   = 1.5 * 0.1
          version = "1.0.0"
        }
    """
    references = ((file, node.steps) for file, node in nodes(module, hcl.Reference))
    accesses = ((file, node.steps) for file, node in nodes(module, hcl.Access))
    for file, steps in chain(references, accesses):
        for number, step in enumerate(steps):
            if isinstance(step, hcl.Attr) or not step.legacy:
                continue
            # An index in the reach of an old splat would leave it by its brackets.
            movable = _is_movable(step, steps[:number], steps[number + 1 :])
            text = "[*]" if isinstance(step, hcl.Splat) else f"[{_digits(file, step)}]"
            span = Span(step.start, step.end)
            fix = Fix(f"write {text}", (Edit(span, text),)) if movable else None
            shown = file.text[step.start : step.end]
            what = "splat" if isinstance(step, hcl.Splat) else "index"
            yield at(place(file, step), f'{what} "{shown}" is in the legacy syntax', fix=fix)


def _digits(file: SourceFile, step: hcl.Index) -> str:
    return file.text[step.key.start : step.key.end]


def _is_movable(step: _Step, before: Sequence[_Step], after: Sequence[_Step]) -> bool:
    if isinstance(step, hcl.Splat):
        for one in after:
            if isinstance(one, hcl.Splat) or (isinstance(one, hcl.Index) and not one.legacy):
                return False
        return True
    for one in reversed(before):
        if isinstance(one, hcl.Splat):
            return not one.legacy
        if isinstance(one, hcl.Index) and not one.legacy:
            return True
    return True


@rule(
    "TF302",
    TerraformModule,
    Severity.WARNING,
    aliases=("tflint:terraform_deprecated_interpolation",),
)
def redundant_interpolation(module: TerraformModule) -> Findings:
    """A text is one interpolation and nothing else.

    `"${var.name}"` is `var.name` with signs around it that mean nothing since Terraform
    0.12; the value is not even turned into a text. Files in JSON syntax need the form, and
    are not judged.

    Bad:
        output "name" {
          value = "${var.name}"
        }
    Fixed:
        output "name" {
          value = var.name
        }
    Bad: an element and an argument
        output "names" {
          value = concat(["${var.one}"], "${var.others}")
        }
    Fixed:
        output "names" {
          value = concat([var.one], var.others)
        }
    Bad: a key
        locals {
          tags = {
            "${var.key}" = 1
          }
        }
    Fixed:
        locals {
          tags = {
            (var.key) = 1
          }
        }
    Bad: one in the other
        locals {
          a = "${"${var.a}"}"
        }
    Fixed:
        locals {
          a = var.a
        }
    Bad: an operator keeps its operands
        locals {
          a = "${var.a + var.b}" * 2
        }
    Fixed:
        locals {
          a = (var.a + var.b) * 2
        }
    Bad: one in the other, before an index
        locals {
          a = "${"${var.a.*.b}"}"[0]
        }
    Fixed:
        locals {
          a = (var.a.*.b)[0]
        }
    Bad: several lines
        locals {
          a = "${var.a
            + var.b}"
        }
    Fixed:
        locals {
          a = (var.a
            + var.b)
        }
    Bad: marks that strip blanks
        locals {
          a = "${~ var.a ~}"
        }
    Fixed:
        locals {
          a = var.a
        }
    Bad: a comment that would be lost; there is no fix
        locals {
          a = "${ /* the first */ var.a}"
        }
    Good:
        output "name" {
          value = var.name
        }
    Good: more than an interpolation
        output "name" {
          value = "${var.name}-1"
        }
    Good: two of them
        output "name" {
          value = "${var.name}${var.suffix}"
        }
    Good: the heredoc holds a line end
        output "name" {
          value = <<EOT
        ${var.name}
        EOT
        }
    Good: a directive
        output "name" {
          value = "%{if var.on}yes%{endif}"
        }
    """
    keys = {id(item.key) for _, item in nodes(module, hcl.ObjectItem)}
    operands = {id(node) for node in _operands(module)}
    for file, template in nodes(module, hcl.Template):
        inner = template.wrapped
        if inner is None:
            continue
        key, operand = id(template) in keys, id(template) in operands
        text = file.text[inner.start : inner.end]
        loose = not isinstance(inner, _TIGHT) and (
            "\n" in text or (operand and not _is_simple(inner))
        )
        fix = _unwrapped(file, template, inner, key or loose)
        yield at(place(file, template), f'text "${{{_short(text)}}}" is one interpolation', fix=fix)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


def _operands(module: TerraformModule) -> Iterator[hcl.Node]:
    """Nodes whose neighbours could bind tighter than what they hold."""
    for _, binary in nodes(module, hcl.Binary):
        yield from binary.children()
    for _, unary in nodes(module, hcl.Unary):
        yield unary.operand
    for _, conditional in nodes(module, hcl.Conditional):
        yield conditional.condition
    for _, access in nodes(module, hcl.Access):
        yield access.source


def _is_simple(node: hcl.Expression) -> bool:
    """Whether steps and operators around an expression do not change what it means."""
    if isinstance(node, hcl.Reference):
        return not any(isinstance(step, hcl.Splat) for step in node.steps)
    if type(node) is hcl.Template:
        # It may be unwrapped in the same pass.
        return node.wrapped is None or _is_simple(node.wrapped)
    return isinstance(node, _TIGHT)


def _unwrapped(
    file: SourceFile, template: hcl.Template, inner: hcl.Expression, parens: bool
) -> Fix | None:
    before = Span(template.start, inner.start)
    behind = Span(inner.end, template.end)
    gaps = file.text[slice(*before)] + file.text[slice(*behind)]
    text = file.text[slice(inner.start, inner.end)]
    if not is_blank(gaps, '"${}~') or not _may_move(text):
        return None
    opened, closed = ("(", ")") if parens else ("", "")
    return Fix("take the expression itself", (Edit(before, opened), Edit(behind, closed)))


def _may_move(text: str) -> bool:
    """Whether an expression holds nothing that reaches to the end of a line."""
    return "\n" not in text or not any(mark in text for mark in ("#", "//", "<<"))


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
            key = _short(file.text[call.args[1].start : call.args[1].end])
            message = f"lookup of {key} has no default"
            yield at(place(file, call), message, fix=_indexed(file, call))


def _indexed(file: SourceFile, call: hcl.Call) -> Fix | None:
    source, key = call.args
    gaps = Span(call.start, source.start), Span(source.end, key.start), Span(key.end, call.end)
    name, comma, end = (file.text[slice(*gap)] for gap in gaps)
    whole = file.text[call.start : call.end]
    if not is_blank(name[len("lookup") :] + comma + end, "(,)") or not _may_move(whole):
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
        shown = "{}" if isinstance(empty, hcl.Object) else "[]"
        yield at(place(file, node), f'"{_short(text)}" is compared to {shown}', fix=fix)


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
    where = place(file, key)
    value = module.constant(Attribute("", "", where, where, key))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, str | int) else None
