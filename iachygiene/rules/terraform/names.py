"""Names of what a module declares: given once, and valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from iachygiene import hcl
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, Span, at
from iachygiene.parse.json import Json
from iachygiene.parse.terraform import Block, TerraformModule, is_override
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import RESOURCES, file_blocks

_IDENTIFIER = regex(r"[^\W\d][\w-]*")
_PROVIDER = regex(r"[^\W_]+(?:-[^\W_]+)*")
_RESERVED = frozenset(
    ("source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals")
)
_NAMED = ("variable", "output", "module", "check", "resource", "data", "ephemeral", "action")
_Declaration: TypeAlias = tuple[str, Location, Block | None]


@rule("TF404", TerraformModule, Severity.ERROR)
def duplicate_declaration(module: TerraformModule) -> Findings:
    """Something is declared twice in one module.

    A module is all files of its directory; two files of it cannot both declare a name. What
    an override file says again is no duplicate.

    Bad: in two files
        -- main.tf --
        variable "name" {
          type = string
        }
        -- variables.tf --
        variable "name" {
          type = string
        }
    Bad: two resources, two data sources
        resource "aws_instance" "web" {
        }
        resource "aws_instance" "web" {
        }
        data "aws_ami" "this" {
        }
        data "aws_ami" "this" {
        }
    Bad: a local value in two blocks
        locals {
          name = "a"
        }
        locals {
          name = "b"
        }
    Bad: two providers without an alias, two with the same
        provider "aws" {
        }
        provider "aws" {
          region = "eu-west-1"
        }
        provider "google" {
          alias = "west"
        }
        provider "google" {
          alias = "west"
        }
    Bad: there is one place for the state, and one for the required providers
        terraform {
          backend "s3" {
          }
          backend "gcs" {
          }
          required_providers {
            aws = "~> 5.0"
          }
        }
        terraform {
          required_providers {
            google = "~> 6.0"
          }
        }
    Bad: in JSON
        -- main.tf.json --
        {"output": {"name": [{"value": 1}, {"value": 2}]}}
    Good:
        variable "name" {
          type = string
        }
        output "name" {
          value = var.name
        }
        resource "aws_instance" "name" {
        }
        data "aws_instance" "name" {
        }
        provider "aws" {
        }
        provider "aws" {
          alias = "west"
        }
    Good: an override file
        -- main.tf --
        variable "name" {
          type = string
        }
        -- name_override.tf --
        variable "name" {
          default = "web"
        }
    """
    seen: dict[str, Location] = {}
    for what, place, block in _declarations(module):
        first = seen.get(what)
        if first is None:
            seen[what] = place
            continue
        about = block.object if block else ""
        related = [first.labelled("first")] if first != place else []
        yield at(place, f"{what} is declared twice", related=related, object=about)


def _declarations(module: TerraformModule) -> Iterator[_Declaration]:
    """What may be declared once, with the words for it."""
    for kind in _NAMED:
        for block in module.of(kind):
            if block.labels and not is_override(block.location.path):
                yield f'{kind} "{".".join(block.labels)}"', block.location, block
            if kind == "check":
                for data in block.of("data"):
                    yield f'data "{".".join(data.labels)}"', data.location, data
    for block in module.of("locals"):
        for name, attribute in block.attributes.items():
            path = attribute.whole.path
            if name != "//" and not is_override(path):
                start = attribute.whole.span.start
                place = Location(path, Span(start, start + len(name)))
                if isinstance(attribute.node, Json):
                    place = attribute.whole
                yield f'local value "{name}"', place, None
    for block in module.of("provider"):
        if not is_override(block.location.path):
            alias = block.attributes.get("alias")
            name = ".".join(block.labels)
            if alias is None:
                yield f'provider "{name}" without an alias', block.location, block
            elif isinstance(alias.constant, str):
                yield f'provider "{name}.{alias.constant}"', block.location, block
    for block in module.of("terraform"):
        if not is_override(block.location.path):
            for kind in ("backend", "cloud", "state_store"):
                for inner in block.of(kind):
                    if not is_override(inner.location.path):
                        yield "the place of the state", inner.location, inner
            for inner in block.of("required_providers"):
                if not is_override(inner.location.path):
                    yield 'block "required_providers"', inner.location, inner
    yield from _imports(module)
    yield from _single_blocks(module)


def _imports(module: TerraformModule) -> Iterator[_Declaration]:
    for source, block in file_blocks(module):
        to = block.body.attributes.get("to") if block.type == "import" else None
        if to is not None and "for_each" not in block.body.attributes:
            place = Location(source.path, Span(to.expr.start, to.end))
            text = source.text[to.expr.start : to.end]
            if "count" not in text and "each" not in text:
                yield f'an import to "{text}"', place, None


def _single_blocks(module: TerraformModule) -> Iterator[_Declaration]:
    """The blocks of which a resource has at most one."""
    for source, block in file_blocks(module):
        if block.type in RESOURCES:
            for inner in block.body.blocks:
                if inner.type == "lifecycle" or (
                    inner.type == "connection" and block.type == "resource"
                ):
                    place = Location(source.path, Span(inner.start, inner.header_end))
                    name = ".".join(block.labels)
                    yield f'block "{inner.type}" of {block.type} "{name}"', place, None


@rule("TF405", TerraformModule, Severity.ERROR)
def invalid_declaration_name(module: TerraformModule) -> Findings:
    """A name is none that Terraform takes.

    Names begin with a letter or an underscore and hold letters, digits, underscores and
    minus signs. Providers have names in lower case of letters, digits and minus signs. The
    arguments that every module call has cannot be names of variables.

    Bad:
        resource "aws_instance" "1st" {
        }
    Bad: a dot, an empty name
        output "web.name" {
          value = 1
        }
        module "" {
          source = "example/web/local"
        }
    Bad: names that module calls need for themselves
        variable "source" {
          type = string
        }
    Bad: a provider
        provider "my_cloud" {
        }
        terraform {
          required_providers {
            AWS = {
              source = "hashicorp/aws"
            }
          }
        }
    Good:
        resource "aws_instance" "_first-2" {
        }
        variable "größe" {
          type = number
        }
        provider "google-beta" {
        }
    """
    for kind in _NAMED:
        for block in module.of(kind):
            if is_override(block.location.path):
                continue
            for name in block.labels:
                if not _IDENTIFIER.fullmatch(name):
                    words = f'{kind} name "{name}" is not valid'
                    if kind in RESOURCES and len(block.labels) > 1 and name is block.labels[0]:
                        words = f'{kind} type "{name}" is not valid'
                    yield at(block, words)
            if kind == "variable" and block.labels and block.labels[0] in _RESERVED:
                yield at(block, f'variable name "{block.labels[0]}" is reserved')
            elif (
                kind in RESOURCES and len(block.labels) == 2 and "provider" not in block.attributes
            ):
                implied = block.labels[0].partition("_")[0].lower()
                if _IDENTIFIER.fullmatch(block.labels[0]) and _bad_provider(implied):
                    yield at(block, f'the implied provider name "{implied}" is not valid')
    for block in module.of("provider"):
        if block.labels and (why := _bad_provider(block.labels[0])):
            yield at(block, f'provider name "{block.labels[0]}" is not valid{why}')
    for terraform in module.of("terraform"):
        for block in terraform.of("required_providers"):
            for name, attribute in block.attributes.items():
                if name != "//" and (why := _bad_provider(name)):
                    start = attribute.whole.span.start
                    place = Location(attribute.whole.path, Span(start, start + len(name)))
                    yield at(place, f'provider name "{name}" is not valid{why}')
    for block in _referring(module):
        given = block.attributes.get("provider")
        name = _provider_of(given.node) if given else ""
        if given and name and _bad_provider(name):
            yield at(given, f'provider name "{name}" is not valid', object=block.object)


def _referring(module: TerraformModule) -> Iterator[Block]:
    for kind in ("resource", "data", "ephemeral"):
        yield from module.of(kind)


def _provider_of(node: Any) -> str:
    return node.name if isinstance(node, hcl.Reference) else ""


def _bad_provider(name: str) -> str:
    """Why a local name of a provider is not valid, empty where it is."""
    if not name or not _PROVIDER.fullmatch(name):
        return ": it has letters, digits and single minus signs alone"
    if name != name.lower():
        return f': it is "{name.lower()}" in lower case'
    return ""
