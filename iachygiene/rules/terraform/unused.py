"""Declarations that nothing in their module uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from iachygiene import hcl
from iachygiene.lazy import regex
from iachygiene.model import Edit, Finding, Findings, Fix, Location, Severity, SourceFile, Span, at
from iachygiene.parse.json import Json
from iachygiene.parse.terraform import Block, TerraformFile, TerraformModule, read_module
from iachygiene.parse.terraform_calls import directory_of, source_of
from iachygiene.rule import rule
from iachygiene.rules.terraform.nodes import is_blank, nodes
from iachygiene.rules.terraform.providers import required_providers, used_providers

_TOKEN = regex(r"[\w-]+|[^\s\w-]")
_DOTTED = regex(r"(?<![\w-])[A-Za-z_][\w-]*+(?:\.[\w-]++)+")
_Path: TypeAlias = tuple[str, ...]
_MOST_MODULES = 100
_SELF_CHECKS = ("precondition", "postcondition")


@rule(
    "TF201",
    TerraformModule,
    Severity.WARNING,
    aliases=("tflint:terraform_unused_declarations",),
)
def unused_declaration(module: TerraformModule) -> Findings:
    """A variable, local value, data source or provider alias is never referred to.

    It is mostly what is left of something that was removed, and who reads the module looks
    for its use. A variable that only its own validation reads does nothing, either. A data
    source with conditions of its own does: it checks something. A module with a file that
    does not parse is not judged. Fixes are not safe: who calls the module may set the
    variable, and reading a data source may have effects; they leave JSON files alone.

    Bad:
        variable "name" {
          type = string
        }
    Bad: only its own validation reads it
        variable "name" {
          type = string

          validation {
            condition     = length(var.name) > 3
            error_message = "The name is too short."
          }
        }
    Bad:
        locals {
          used   = 1
          unused = 2
        }

        output "used" {
          value = local.used
        }
    Fixed:
        locals {
          used   = 1
        }

        output "used" {
          value = local.used
        }
    Bad: a comment and a text are no references
        # var.name
        variable "name" {
          type = string
        }

        output "name" {
          value = "var.name"
        }
    Fixed:
        # var.name

        output "name" {
          value = "var.name"
        }
    Bad:
        data "aws_region" "here" {
        }
    Bad: also within a check
        check "health" {
          data "http" "one" {
            url = "https://example.com"
          }
          data "http" "two" {
            url = "https://example.com"
          }
          assert {
            condition     = data.http.one.status_code == 200
            error_message = "It is down."
          }
        }
    Bad: the other of two providers
        provider "aws" {
        }

        provider "aws" {
          alias = "west"
        }
    Fixed:
        provider "aws" {
        }
    Bad: in JSON
        -- main.tf.json --
        {"variable": {"name": {"type": "string"}}}
    Bad: what is declared in one file is not used in another
        -- main.tf --
        output "one" {
          value = var.one
        }
        -- variables.tf --
        variable "one" {
          type = string
        }
        variable "two" {
          type = string
        }
    Fixed:
        -- variables.tf --
        variable "one" {
          type = string
        }
    Good: at any depth
        variable "name" {
          type = string
        }
        resource "aws_s3_bucket" "logs" {
          dynamic "rule" {
            for_each = [for one in ["a"] : { (one) = "x-${upper("y-${var.name}")}" }]
            content {
            }
          }
        }
    Good: in a heredoc
        variable "names" {
          type = list(string)
        }
        output "text" {
          value = <<-EOT
            %{for name in var.names}${name}%{endfor}
          EOT
        }
    Good: in the validation of another variable
        variable "one" {
          type = string
        }
        variable "two" {
          type = string
          validation {
            condition     = var.two != var.one
            error_message = "They are the same."
          }
        }
        output "two" {
          value = var.two
        }
    Good: as a whole or by steps
        data "aws_subnets" "all" {
        }
        data "aws_subnet" "each" {
          for_each = toset(data.aws_subnets.all.ids)
        }
        output "each" {
          value = values(data.aws_subnet.each)[*].id
        }
    Good: in meta-arguments, also in quotes as of old
        data "aws_region" "one" {
        }
        data "aws_region" "two" {
        }
        resource "terraform_data" "one" {
          depends_on = [data.aws_region.one, "data.aws_region.two"]
        }
    Good: a data source that checks something
        data "aws_ami" "this" {
          lifecycle {
            postcondition {
              condition     = self.architecture == "arm64"
              error_message = "The image is for another processor."
            }
          }
        }
    Good: providers
        provider "aws" {
          alias = "west"
        }
        provider "aws" {
          alias = "east"
        }
        provider "aws" {
          alias = "south"
        }
        resource "aws_s3_bucket" "logs" {
          provider = aws.west
        }
        data "aws_region" "here" {
          provider = "aws.south"
        }
        output "here" {
          value = data.aws_region.here.name
        }
        module "logs" {
          source = "./logs"
          providers = {
            aws = aws.east
          }
        }
    Good: in a test
        -- main.tf --
        locals {
          name = "web"
        }
        -- main.tftest.hcl --
        run "name" {
          assert {
            condition     = local.name == "web"
            error_message = "The name is another one."
          }
        }
    Good: in JSON
        -- main.tf.json --
        {
          "variable": {"name": {}, "size": {}},
          "locals": {"long": "${var.name}-x", "short": "%{if var.size > 1}s%{endif}"},
          "output": {"a": {"value": "${local.long}"}, "b": {"value": "${local.short}"}}
        }
    """
    if not module.complete:
        return
    uses = _uses(module)
    blocks = {(file.path, node.start): (file, node) for file, node in nodes(module, hcl.Block)}
    for block in module.of("variable"):
        if len(block.labels) == 1 and ("var", *block.labels) not in uses:
            yield _unused(blocks, block, f'variable "{block.labels[0]}"')
    checked = [data for check in module.of("check") for data in check.of("data")]
    for block in [*module.of("data"), *checked]:
        if len(block.labels) == 2 and ("data", *block.labels) not in uses and not _checks(block):
            yield _unused(blocks, block, f'data source "{".".join(block.labels)}"')
    yield from _unused_locals(module, uses)
    for block in module.of("provider"):
        given = block.attributes.get("alias")
        alias = given.constant if given else None
        if isinstance(alias, str) and (*block.labels, alias) not in uses:
            yield _unused(blocks, block, f'provider "{".".join(block.labels)}.{alias}"')


_Blocks: TypeAlias = dict[tuple[str, int], tuple[SourceFile, hcl.Block]]


def _unused(blocks: _Blocks, block: Block, what: str) -> Finding:
    path, span = block.location.path, block.location.span
    file, node = blocks.get((path, span.start), (None, None))
    fix = None
    if file and node and not block.overrides:
        fix = _removed(file, Span(node.start, node.end))
    return at(block, f"{what} is not used", fix=fix)


def _unused_locals(module: TerraformModule, uses: set[_Path]) -> Iterator[Finding]:
    sources = {file.source.path: file.source for file in module.files}
    for block in module.of("locals"):
        for name, attribute in block.attributes.items():
            if name == "//" or ("local", name) in uses:
                continue
            where, source = attribute.whole, sources[attribute.whole.path]
            fix = None if isinstance(attribute.node, Json) else _removed(source, where.span)
            yield at(where, f'local value "{name}" is not used', object=f"local {name}", fix=fix)


def _removed(file: SourceFile, span: Span) -> Fix | None:
    """A fix that takes whole lines away, with one of two blank lines around them."""
    text = file.text
    start = text.rfind("\n", 0, span.start) + 1
    feed = text.find("\n", span.end)
    end = len(text) if feed == -1 else feed + 1
    if not is_blank(text[start : span.start]) or not is_blank(text[span.end : end]):
        return None
    if start == 0 or text.endswith(("\n\n", "\n\r\n"), 0, start):
        if text.startswith(("\n", "\r\n"), end):
            end = text.index("\n", end) + 1
        elif end == len(text) and start:
            start = text.rfind("\n", 0, start - 1) + 1
    return Fix("remove what is not used", (Edit(Span(start, end), ""),), safe=False)


def _checks(block: Block) -> bool:
    """Whether a data source has conditions, so that reading it is what it is for."""
    return any(inner.of(condition) for inner in block.of("lifecycle") for condition in _SELF_CHECKS)


def _uses(module: TerraformModule) -> set[_Path]:
    """The first two and the first three names of whatever the module refers to."""
    found: set[_Path] = set()
    own = _variables(module)
    for file, reference in nodes(module, hcl.Reference):
        path = reference.path
        if path[0] == "var":
            start, end = own.get((file.path, *path[1:2]), (0, 0))
            if start <= reference.start < end:
                continue
        found.add(path[:2])
        found.add(path[:3])
    for _, template in nodes(module, hcl.Template):
        # What has to be a reference today was a text before Terraform 0.12.
        if template.text and "." in template.text and template.text[:4] != "var.":
            path = tuple(template.text.split(".", 3))
            found |= {path[:2], path[:3]}
    for other in module.files:
        if isinstance(other.root, Json):
            found.update(_json_uses(other.root))
    for test in module.tests:
        for word in _DOTTED.findall(test.text):
            path = tuple(word.split(".", 3))
            found |= {path[:2], path[:3]}
    return found


def _variables(module: TerraformModule) -> dict[_Path, tuple[int, int]]:
    """File and name of each variable to where its block reaches."""
    return {
        (file.source.path, *block.labels): (block.start, block.end)
        for file in module.files
        if isinstance(file, TerraformFile)
        for block in file.root.blocks
        if block.type == "variable"
    }


def _json_uses(root: Json) -> Iterator[_Path]:
    """Whatever looks like a reference in the texts of a file, be it one or not."""
    for node in root.walk():
        for text in (node.text, *(key.text for key, _ in node.members)):
            if text is None or "." not in text:
                continue
            # A name may hold a minus, but not begin with it or with a digit.
            tokens = [token.lstrip("-0123456789") or token for token in _TOKEN.findall(text)]
            for index in range(len(tokens) - 2):
                if tokens[index + 1] == ".":
                    yield tokens[index], tokens[index + 2]
                    if tokens[index + 3 : index + 4] == ["."] and len(tokens) > index + 4:
                        yield tokens[index], tokens[index + 2], tokens[index + 4]


@rule(
    "TF202",
    TerraformModule,
    Severity.WARNING,
    default="off",
    aliases=("tflint:terraform_unused_required_providers",),
)
def unused_provider_requirement(module: TerraformModule) -> Findings:
    """`required_providers` has an entry that nothing in the module uses.

    `init` downloads it nevertheless. Modules that are called take the providers of their
    caller without a word about it, so that what local modules use counts; a module that
    calls others is not judged.

    Bad:
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
    Bad: another one is used
        terraform {
          required_providers {
            aws    = "~> 5.0"
            random = "~> 3.0"
          }
        }
        resource "random_id" "one" {
        }
    Bad: nor does a local module use it
        -- main.tf --
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
        module "one" {
          source = "./one"
        }
        -- one/main.tf --
        resource "terraform_data" "one" {
        }
    Bad: in JSON
        -- main.tf.json --
        {"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}}}
    Good:
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
        data "aws_region" "here" {
        }
    Good: by its local name
        terraform {
          required_providers {
            amazon = {
              source = "hashicorp/aws"
            }
          }
        }
        resource "aws_s3_bucket" "logs" {
          provider = amazon
        }
    Good: a function
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
        output "account" {
          value = provider::aws::arn_parse("arn:aws:iam::444455556666:role/x").account_id
        }
    Good: the module that is called may need it
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
        module "logs" {
          source = "example/logs/aws"
        }
    Good: the local module that is called needs it
        -- main.tf --
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
        module "logs" {
          source = "./logs"
        }
        -- logs/main.tf --
        module "inner" {
          source = "../inner"
        }
        -- inner/main.tf --
        resource "aws_s3_bucket" "logs" {
        }
    """
    if not any(block.of("required_providers") for block in module.of("terraform")):
        return
    below = _with_those_below(module)
    if below is None:
        return
    used = {name for each in below for name in used_providers(each)}
    for name, entry in required_providers(module).items():
        if name not in used and name != "terraform":
            start = entry.whole.span.start
            where = Location(entry.whole.path, Span(start, start + len(name)))
            yield at(where, f'provider "{name}" is not used', object=f"provider {name}")


def _with_those_below(module: TerraformModule) -> list[TerraformModule] | None:
    """The module and all local ones that it calls; None where not all of them are known."""
    found = {module.directory: module}
    waiting = [module]
    while waiting:
        caller = waiting.pop()
        if not caller.complete:
            return None
        for call in caller.of("module"):
            source = source_of(caller, call)
            directory = directory_of(caller, source) if source else None
            if directory is None or module.tree is None:
                return None
            if directory not in found:
                called = read_module(module.tree, directory)
                if called is None or len(found) >= _MOST_MODULES:
                    return None
                found[directory] = called
                waiting.append(called)
    return list(found.values())
