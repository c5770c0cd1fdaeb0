"""Blocks and arguments of the language itself: which there are, and what they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import TerraformModule, is_override
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import RESOURCES, file_blocks, near
from iachygiene.rules.terraform.shapes import (
    BACKENDS,
    CONNECTION,
    GONE_PROVISIONERS,
    LIFECYCLES,
    PROVISIONERS,
    RESERVED_ARGUMENTS,
    RESERVED_BLOCKS,
    ROOT,
    Shape,
)


@rule("TF401", TerraformModule, Severity.ERROR)
def wrong_label_count(module: TerraformModule) -> Findings:
    """A block has too many labels or too few.

    A resource and a data source have a type and a name, most other blocks a name only.

    Bad: the name is missing
        resource "aws_instance" {
        }
    Bad: one too many
        output "name" "other" {
          value = 1
        }
    Bad: where there are none
        locals "names" {
          name = "web"
        }
    Bad: an inner block
        terraform {
          backend {
          }
        }
    Good:
        terraform {
          backend "s3" {
          }
        }
        locals {
          name = "web"
        }
        resource "aws_instance" "web" {
        }
        output "name" {
          value = local.name
        }
    """
    for source, block, shape, _ in _shaped(module):
        if shape is None or len(block.labels) == len(shape.labels):
            continue
        if len(block.labels) < len(shape.labels):
            missing = " and ".join(shape.labels[len(block.labels) :])
            place = Location(source.path, Span(block.start, block.header_end))
            yield at(place, f'block "{block.type}" has no {missing}', object=_object(block))
        else:
            extra = block.label_nodes[len(shape.labels)]
            place = Location(source.path, Span(extra.start, extra.end))
            takes = " and ".join(shape.labels) or "no label"
            message = f'block "{block.type}" takes {takes}, label "{extra.text}" is too many'
            yield at(place, message, object=_object(block))


@rule("TF402", TerraformModule, Severity.ERROR)
def unsupported_block_or_argument(module: TerraformModule) -> Findings:
    """A block or an argument is none that the language knows at that place.

    Judged are the blocks of the language itself, not what providers and modules take.
    What some version of Terraform or OpenTofu knows is right here. An unknown backend is a
    warning: `terraform validate` has let it pass up to 1.14, and `terraform init` refuses it.

    Bad: no such block
        resorce "aws_instance" "web" {
        }
    Bad: no such argument
        output "name" {
          values = 1
          value  = 1
        }
    Bad: arguments stand in blocks
        region = "eu-west-1"
    Bad: an argument that is a block
        variable "name" {
          type {
          }
        }
    Bad: data sources have a shorter lifecycle
        data "aws_ami" "this" {
          lifecycle {
            prevent_destroy = true
          }
        }
    Bad: providers are passed to a module by an argument
        module "web" {
          source = "example/web/local"
          providers {
            aws = aws.west
          }
        }
    Bad: a backend
        terraform {
          backend "gcp" {
          }
        }
    Bad: what is to be required stands in `terraform`
        required_providers {
          aws = "~> 5.0"
        }
    Good:
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
        variable "name" {
          type      = string
          ephemeral = true
          validation {
            condition     = var.name != ""
            error_message = "It is empty."
          }
        }
        resource "aws_instance" "web" {
          whatever = var.name
          anything {
          }
          lifecycle {
            prevent_destroy = true
          }
          provisioner "local-exec" {
            command = "true"
          }
        }
        module "web" {
          source    = "example/web/local"
          anything  = 1
          providers = { aws = aws }
        }
    """
    for file in module.files:
        root = file.root
        if isinstance(root, hcl.Body):
            for name, attribute in root.attributes.items():
                place = Location(file.source.path, Span(attribute.start, attribute.name_end))
                yield at(place, f'argument "{name}" stands outside of any block')
    for source, block, shape, siblings in _shaped(module):
        if shape is None:
            question = near(block.type, siblings)
            if block.type == "required_providers":
                question = '; it belongs into a "terraform" block'
            place = Location(source.path, Span(block.start, block.header_end))
            yield at(place, f'there is no block "{block.type}" here{question}', object="")
        elif shape.arguments is not None:
            for name, attribute in block.body.attributes.items():
                if name in shape.arguments:
                    continue
                question = near(name, shape.arguments)
                if shape.blocks and name in shape.blocks:
                    question = "; it is a block"
                place = Location(source.path, Span(attribute.start, attribute.name_end))
                message = f'block "{block.type}" has no argument "{name}"{question}'
                yield at(place, message, object=_object(block))
    for source, block in file_blocks(module):
        yield from _reserved(source, block)


def _reserved(source: SourceFile, block: hcl.Block) -> Findings:
    """What the blocks of providers cannot have, whatever the provider."""
    for name, attribute in block.body.attributes.items():
        if name in RESERVED_ARGUMENTS.get(block.type, ()):
            place = Location(source.path, Span(attribute.start, attribute.name_end))
            message = f'argument "{name}" of block "{block.type}" is reserved'
            yield at(place, message, object=_object(block))
    for inner in block.body.blocks:
        place = Location(source.path, Span(inner.start, inner.header_end))
        if block.type == "terraform" and inner.type == "backend" and inner.labels:
            backend = inner.labels[0]
            if backend not in BACKENDS:
                message = f'there is no backend "{backend}"{near(backend, BACKENDS)}'
                yield at(place, message, object=_object(block), severity=Severity.WARNING)
        if inner.type in RESERVED_BLOCKS.get(block.type, ()):
            message = f'block "{inner.type}" in block "{block.type}" is reserved'
            yield at(place, message, object=_object(block))
        elif inner.type == "provisioner" and GONE_PROVISIONERS.intersection(inner.labels):
            message = f'the provisioner "{inner.labels[0]}" is gone'
            yield at(place, message, object=_object(block))


@rule("TF403", TerraformModule, Severity.ERROR)
def missing_argument(module: TerraformModule) -> Findings:
    """A block lacks what it cannot do without.

    An output needs a value, a module a source, a condition an error message. A `check`
    needs something to assert, and what it asserts has to depend on something.

    Bad:
        output "name" {
        }
    Bad: a module without a source
        module "network" {
          version = "1.0.0"
        }
    Bad: half a condition
        variable "name" {
          validation {
            condition = var.name != ""
          }
        }
    Bad: nothing to check
        check "health" {
        }
    Bad: this never fails
        check "health" {
          assert {
            condition     = 1 < 2
            error_message = "Counting does not work."
          }
        }
    Bad: an import needs an address and what to find it by
        import {
          to = aws_instance.web
        }
        resource "aws_instance" "web" {
        }
    Good:
        output "name" {
          value = 1
        }
        resource "aws_instance" "web" {
        }
        import {
          to = aws_instance.web
          id = "i-1"
        }
        check "health" {
          assert {
            condition     = aws_instance.web.state == "running"
            error_message = "It does not run."
          }
        }
    Good: an override file changes some of it
        -- main.tf --
        output "name" {
          value = 1
        }
        -- override.tf --
        output "name" {
          description = "A name."
        }
    """
    for source, block, shape, _ in _shaped(module):
        if shape is None:
            continue
        place = Location(source.path, Span(block.start, block.header_end))
        for name in shape.required:
            if name not in block.body.attributes and not (
                is_override(source.path) and block.type in ("output", "module")
            ):
                yield at(place, f'block "{block.type}" has no "{name}"', object=_object(block))
        if block.type == "import" and not {"id", "identity"} & block.body.attributes.keys():
            yield at(place, 'block "import" has neither "id" nor "identity"')
        if block.type == "check":
            asserts = [one for one in block.body.blocks if one.type == "assert"]
            if not asserts:
                yield at(place, 'block "check" asserts nothing', object=_object(block))
            for one in asserts:
                condition = one.body.attributes.get("condition")
                if condition and not any(
                    isinstance(node, hcl.Reference) for node in hcl.walk(condition.expr)
                ):
                    where = Location(source.path, Span(condition.expr.start, condition.end))
                    yield at(where, "the condition depends on nothing", object=_object(block))


def _object(block: hcl.Block) -> str:
    return f"{block.type} {'.'.join(block.labels)}" if block.labels else block.type


def _shaped(
    module: TerraformModule,
) -> Iterator[tuple[SourceFile, hcl.Block, Shape | None, Mapping[str, Shape]]]:
    """The blocks with a shape, and those that have no place, with what else may stand there."""
    for source, block in file_blocks(module):
        shape = ROOT.get(block.type)
        yield source, block, shape, ROOT
        if shape is not None:
            for inner, known, siblings in _inner(block, shape):
                yield source, inner, known, siblings


def _inner(
    block: hcl.Block, shape: Shape
) -> Iterator[tuple[hcl.Block, Shape | None, Mapping[str, Shape]]]:
    waiting = [(block, shape, block.type)]
    while waiting:
        outer, shape, kind = waiting.pop()
        for inner in outer.body.blocks:
            known: Shape | None
            if shape.blocks is not None:
                known = shape.blocks.get(inner.type)
                yield inner, known, shape.blocks
            elif kind in RESOURCES:
                known = LIFECYCLES[kind] if inner.type == "lifecycle" else None
                if kind == "resource" and inner.type == "connection":
                    known = CONNECTION
                elif kind == "resource" and inner.type == "provisioner":
                    known = PROVISIONERS.get(inner.labels[0]) if inner.labels else None
                    known = known and known._replace(blocks={"connection": CONNECTION})
                if known is None:
                    continue
                yield inner, known, {}
            else:
                continue
            if known is not None:
                deeper = inner.type if inner.type in RESOURCES else ""
                waiting.append((inner, known, deeper))
