"""Provider configurations that are named, passed on, or wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, Span, at
from iachygiene.parse.terraform import Block, TerraformModule
from iachygiene.parse.terraform_calls import Interface, aliases_of, interface
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import near


@rule("TF430", TerraformModule, Severity.ERROR)
def missing_provider_configuration(module: TerraformModule) -> Findings:
    """A provider configuration with an alias is named that the module does not have.

    It has those of its `provider` blocks, and those that `configuration_aliases` say a
    caller passes. A local module that wants such a configuration has to be given it.

    Bad:
        provider "aws" {
          alias = "west"
        }
        resource "aws_instance" "web" {
          provider = aws.wset
        }
    Bad: passed to a module
        module "network" {
          source    = "example/network/aws"
          providers = { aws = aws.west }
        }
    Bad: not passed to a module
        -- main.tf --
        module "network" {
          source = "./network"
        }
        -- network/main.tf --
        terraform {
          required_providers {
            aws = {
              source                = "hashicorp/aws"
              configuration_aliases = [aws.west]
            }
          }
        }
    Good:
        -- main.tf --
        terraform {
          required_providers {
            google = {
              source                = "hashicorp/google"
              configuration_aliases = [google.west]
            }
          }
        }
        provider "aws" {
          alias = "west"
        }
        resource "aws_instance" "web" {
          provider = aws.west
        }
        data "google_project" "this" {
          provider = google.west
        }
        resource "aws_instance" "db" {
          provider = aws
        }
        module "network" {
          source = "./network"
          providers = {
            aws.west = aws.west
          }
        }
        -- network/main.tf --
        terraform {
          required_providers {
            aws = {
              source                = "hashicorp/aws"
              configuration_aliases = [aws.west]
            }
          }
        }
    """
    if not module.complete:
        return
    known = _known(module)
    for block in _users(module):
        given = block.attributes.get("provider")
        name = _alias(given.node) if given else ""
        if given and name and name not in known:
            message = f'provider configuration "{name}" is not declared{near(name, known)}'
            yield at(given, message, object=block.object)
    for call in module.of("module"):
        providers = call.attributes.get("providers")
        passed = set()
        node = providers.node if providers else None
        path = providers.location.path if providers else ""
        found = interface(module, call)
        for item in node.items if isinstance(node, hcl.Object) else ():
            passed.add(_name(item.key))
            if found is not None and _name(item.key) in found.configured:
                place = Location(path, Span(item.start, item.end))
                message = f'the module configures the provider "{_name(item.key)}" itself'
                yield at(place, message, object=call.object)
            name = _alias(item.value)
            if name and name not in known:
                place = Location(path, Span(item.value.start, item.value.end))
                message = f'provider configuration "{name}" is not declared{near(name, known)}'
                yield at(place, message, object=call.object)
        if found is not None and (providers is None or isinstance(node, hcl.Object)):
            for name in sorted(found.aliases - passed):
                message = f'the module wants the provider configuration "{name}"'
                yield at(call, message)
            yield from _repeated(call, found)


def _repeated(call: Block, found: Interface) -> Findings:
    """A module that configures providers cannot be there more than once."""
    for name in ("count", "for_each", "depends_on"):
        if found.configured and name in call.attributes:
            place = call.attributes[name]
            message = f'the module configures providers of its own, which excludes "{name}"'
            yield at(place, message, object=call.object)
            return


def _known(module: TerraformModule) -> set[str]:
    known = set()
    for block in module.of("provider"):
        alias = block.attributes.get("alias")
        if alias is not None and isinstance(alias.constant, str):
            known.add(f"{'.'.join(block.labels)}.{alias.constant}")
    for terraform in module.of("terraform"):
        for block in terraform.of("required_providers"):
            for attribute in block.attributes.values():
                known.update(aliases_of(attribute.node))
    return known


def _users(module: TerraformModule) -> Iterator[Block]:
    for kind in ("resource", "data", "ephemeral"):
        yield from module.of(kind)
    for check in module.of("check"):
        yield from check.of("data")


def _name(node: Any) -> str:
    if isinstance(node, hcl.Reference):
        return ".".join(node.path)
    return str(node.text) if isinstance(node, hcl.Template) and node.text else ""


def _alias(node: Any) -> str:
    """The name of a configuration with an alias, empty for anything else.

    OpenTofu knows several configurations under one alias, with a key behind it.
    """
    name = _name(node)
    return name if name.count(".") == 1 else ""
