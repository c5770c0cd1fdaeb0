"""Forms of expressions that older versions of the language asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from iachygiene import hcl
from iachygiene.lazy import regex
from iachygiene.model import Edit, Finding, Findings, Fix, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import Attribute, Block, TerraformModule
from iachygiene.rule import rule
from iachygiene.rules.terraform.nodes import (
    is_blank,
    json_references,
    may_move,
    nodes,
    place,
    short,
)

_Step: TypeAlias = hcl.Attr | hcl.Index | hcl.Splat
_TIGHT = (hcl.Call, hcl.Parens, hcl.Tuple, hcl.Object, hcl.For)
"""What may span lines anywhere, and stands behind an operator as it is."""


@rule("TF301", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_deprecated_index",))
def legacy_index_syntax(module: TerraformModule) -> Findings:
    """An index is written `.0` or a splat `.*`, as before Terraform 0.12.

    Today's forms `[0]` and `[*]` read as what they are. The two splats differ in one thing:
    an index in brackets behind `.*` takes one of the results, and behind `[*]` it goes into
    each of them. Such a splat is reported without a fix. In files in JSON syntax, indexes alone
    are judged.
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
    Bad: in JSON
        -- main.tf.json --
        {"output": {"id": {"value": "${aws_instance.web.0.id}"}}}
    Fixed:
        -- main.tf.json --
        {"output": {"id": {"value": "${aws_instance.web[0].id}"}}}
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
    yield from _indexes_in_json(module)


def _indexes_in_json(module: TerraformModule) -> Iterator[Finding]:
    for value, reference, shift in json_references(module):
        steps = reference.steps
        for number, step in enumerate(steps):
            if not isinstance(step, hcl.Index) or not step.legacy:
                continue
            where, fix = value.location, None
            key = hcl.literal(step.key)
            if shift is not None:
                span = Span(step.start + shift, step.end + shift)
                where = where._replace(span=span)
                if _is_movable(step, steps[:number], steps[number + 1 :]):
                    fix = Fix(f"write [{key}]", (Edit(span, f"[{key}]"),))
            yield at(where, f'index ".{key}" is in the legacy syntax', fix=fix)


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
        yield at(place(file, template), f'text "${{{short(text)}}}" is one interpolation', fix=fix)


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
    if not is_blank(gaps, '"${}~') or not may_move(text):
        return None
    opened, closed = ("(", ")") if parens else ("", "")
    return Fix("take the expression itself", (Edit(before, opened), Edit(behind, closed)))


_REFERENCE = regex(r"[A-Za-z_][\w-]*(?:\.[A-Za-z0-9_][\w-]*|\[[\w\"-]*\])*", re.ASCII)
_RESOURCES = ("resource", "data", "ephemeral")


@rule("TF307", TerraformModule, Severity.WARNING)
def quoted_reference(module: TerraformModule) -> Findings:
    r"""A reference that has to be written as one stands in quotes.

    `depends_on`, `ignore_changes`, `provider` and `providers` name resources, arguments and
    providers. Before Terraform 0.12 the names were texts; today `terraform validate` warns of
    every one: "Quoted references are deprecated". In JSON syntax they are texts, and are not
    judged. See
    [depends_on](https://developer.hashicorp.com/terraform/language/meta-arguments/depends_on).

    Bad:
        resource "aws_instance" "web" {
          depends_on = ["aws_s3_bucket.logs", aws_s3_bucket.data]
        }
    Fixed:
        resource "aws_instance" "web" {
          depends_on = [aws_s3_bucket.logs, aws_s3_bucket.data]
        }
    Bad:
        resource "aws_instance" "web" {
          provider = "aws.west"
          lifecycle {
            ignore_changes = ["ami", "tags[\"Name\"]"]
          }
        }
    Fixed:
        resource "aws_instance" "web" {
          provider = aws.west
          lifecycle {
            ignore_changes = [ami, tags["Name"]]
          }
        }
    Bad: what a module is given
        module "logs" {
          source     = "./logs"
          depends_on = ["aws_s3_bucket.logs"]
          providers = {
            "aws" = "aws.west"
          }
        }
    Fixed:
        module "logs" {
          source     = "./logs"
          depends_on = [aws_s3_bucket.logs]
          providers = {
            aws = aws.west
          }
        }
    Good:
        resource "aws_instance" "web" {
          provider   = aws.west
          depends_on = [aws_s3_bucket.logs]
          lifecycle {
            ignore_changes = all
          }
        }
    Good: texts that are no references
        resource "aws_instance" "web" {
          ami        = "ami"
          depends_on = ["${aws_s3_bucket.logs}"]
          lifecycle {
            ignore_changes = ["*"]
          }
        }
        module "logs" {
          source = "./logs"
        }
    Good: JSON has no other form
        -- main.tf.json --
        {"resource": {"aws_instance": {"web": {"depends_on": ["aws_s3_bucket.logs"]}}}}
    """
    for block, name, attribute in _referring(module):
        for text in _texts(attribute.node, name):
            inner = text.text or ""
            if not _REFERENCE.fullmatch(inner):
                continue
            span = Span(text.start, text.end)
            yield at(
                Location(attribute.location.path, span),
                f'"{short(inner)}" in {name} is a reference in quotes',
                object=block.object,
                fix=Fix("take the quotes away", (Edit(span, inner),)),
            )


def _referring(module: TerraformModule) -> Iterator[tuple[Block, str, Attribute]]:
    """Blocks with the names and values of their arguments that hold nothing but references."""
    checked = [data for check in module.of("check") for data in check.of("data")]
    for block in [*chain.from_iterable(map(module.of, _RESOURCES)), *checked]:
        yield from _given(block, block, "depends_on", "provider")
        for lifecycle in block.of("lifecycle"):
            yield from _given(block, lifecycle, "ignore_changes")
    for block in module.of("module"):
        yield from _given(block, block, "depends_on", "providers")
    for block in module.of("output"):
        yield from _given(block, block, "depends_on")


def _given(owner: Block, block: Block, *names: str) -> Iterator[tuple[Block, str, Attribute]]:
    for name in names:
        if name in block.attributes:
            yield owner, name, block.attributes[name]


def _texts(node: object, name: str) -> Iterator[hcl.Template]:
    """The texts of an argument: of a list its elements, of `providers` keys and values."""
    found: list[hcl.Expression] = []
    if name == "provider" and isinstance(node, hcl.Template):
        found = [node]
    elif name == "providers" and isinstance(node, hcl.Object):
        found = [one for item in node.items for one in (item.key, item.value)]
    elif isinstance(node, hcl.Tuple):
        found = node.items
    return (one for one in found if type(one) is hcl.Template)
