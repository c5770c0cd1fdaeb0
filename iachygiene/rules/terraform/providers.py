"""What a module says of the providers it uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iachygiene.model import Edit, Finding, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.terraform import Attribute, TerraformModule
from iachygiene.rule import rule

_BUILT_IN = "terraform.io/builtin/"


@rule("TF103", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_required_providers",))
def incomplete_provider_requirement(
    module: TerraformModule, *, source: bool = True, version: bool = True
) -> Findings:
    """A provider is used without its source and version in `required_providers`.

    `init` then takes the newest release of whatever provider the name stands for, so the
    same configuration can do something else tomorrow; and a module does not say what it was
    written for. See
    [provider requirements](https://developer.hashicorp.com/terraform/language/providers/requirements).
    The built-in provider `terraform` needs no entry.

    Options:
        source: whether an entry needs a `source`.
        version: whether an entry needs a `version`.

    Bad: no entry for aws
        resource "aws_s3_bucket" "logs" {
        }
    Bad: a name and nothing else
        terraform {
          required_providers {
            aws = {}
          }
        }
        provider "aws" {
        }
    Bad: the form of old versions has no source
        terraform {
          required_providers {
            aws = "~> 5.0"
          }
        }
        provider "aws" {
        }
    Fixed:
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "~> 5.0"
            }
          }
        }
        provider "aws" {
        }
    Bad: an entry without a source
        terraform {
          required_providers {
            aws = {
              version = "~> 5.0"
            }
          }
        }
        data "aws_region" "here" {
        }
    Fixed:
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
              version = "~> 5.0"
            }
          }
        }
        data "aws_region" "here" {
        }
    Bad: an entry without a version
        terraform {
          required_providers {
            aws = {
              source = "hashicorp/aws"
            }
          }
        }
        data "aws_region" "here" {
        }
    Bad: a version in the provider's configuration
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "~> 5.0"
            }
          }
        }
        provider "aws" {
          version = "~> 4.0"
        }
    Bad: a function of a provider is a use of it
        output "arn" {
          value = provider::aws::arn_parse("arn:aws:iam::444455556666:role/x")
        }
    Good:
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "~> 5.0"
            }
          }
        }
        resource "aws_s3_bucket" "logs" {
        }
    Good: the requirement may stand in another file of the module
        -- main.tf --
        resource "aws_s3_bucket" "logs" {
          provider = aws.west
        }
        -- versions.tf --
        terraform {
          required_providers {
            aws = {
              source                = "hashicorp/aws"
              version               = ">= 5.0"
              configuration_aliases = [aws.west]
            }
          }
        }
    Good: built in
        resource "terraform_data" "one" {
        }
    Good: only the version is wanted
        -- .iachygiene.toml --
        [rules.incomplete-provider-requirement]
        source = false
        -- main.tf --
        terraform {
          required_providers {
            aws = "~> 5.0"
          }
        }
        provider "aws" {
        }
    """
    for block in module.of("provider"):
        if "version" in block.attributes:
            name = block.labels[0] if block.labels else ""
            yield at(block, f'provider "{name}" sets a version in its configuration')
    if not module.complete:
        return
    entries = required_providers(module)
    for name, place in used_providers(module).items():
        entry = entries.get(name)
        if entry is not None:
            yield from _judged(name, entry, source, version)
        elif source or version:
            missing = f'provider "{name}" has no entry in required_providers'
            yield at(place, missing, object=f"provider {name}")


def required_providers(module: TerraformModule) -> dict[str, Attribute]:
    return {
        name: attribute
        for terraform in module.of("terraform")
        for block in terraform.of("required_providers")
        for name, attribute in block.attributes.items()
    }


def _judged(name: str, entry: Attribute, source: bool, version: bool) -> Iterator[Finding]:
    """Findings about one entry; what is neither a string nor an object is not known."""
    about = f"provider {name}"
    members = _members(entry)
    if members is None:
        constraint = entry.constant
        if isinstance(constraint, str) and source:
            fix = _as_object(name, entry)
            yield at(entry, f'provider "{name}" has no source', object=about, fix=fix)
        return
    if str(members.get("source")).startswith(_BUILT_IN):
        return
    place = Location(entry.location.path, Span(entry.whole.span.start, entry.location.span.start))
    place = place._replace(span=Span(place.span.start, place.span.start + len(entry.name)))
    if source and members.get("source") is None:
        fix = _with_source(name, entry)
        yield at(place, f'provider "{name}" has no source', object=about, fix=fix)
    if version and members.get("version") is None:
        yield at(place, f'provider "{name}" has no version constraint', object=about)


def _members(entry: Attribute) -> dict[str, Any] | None:
    """Keys of an object to their constants, None for another value."""
    from iachygiene.hcl import Object, literal
    from iachygiene.parse.json import Json

    if isinstance(entry.node, Json):
        if entry.node.kind != "object":
            return None
        return {key.value: value.text for key, value in entry.node.members}
    if not isinstance(entry.node, Object):
        return None
    return {item.name: literal(item.value) for item in entry.node.items if item.name}


def _as_object(name: str, entry: Attribute) -> Fix | None:
    if not entry.text.startswith('"'):
        return None
    text = f'{{\n      source  = "hashicorp/{name}"\n      version = {entry.text}\n    }}'
    if entry.location.path.endswith(".json"):
        text = f'{{"source": "hashicorp/{name}", "version": {entry.text}}}'
    return Fix("name the source", (Edit(entry.location.span, text),))


def _with_source(name: str, entry: Attribute) -> Fix | None:
    """A fix that names the source HashiCorp's providers have, which is what a bare name means."""
    start = entry.location.span.start + 1
    rest = entry.text[1:]
    if entry.location.path.endswith(".json"):
        comma = "" if not rest[:-1].strip() else ", "
        return Fix(
            "name the source", (Edit(Span(start, start), f'"source": "hashicorp/{name}"{comma}'),)
        )
    source = f'source = "hashicorp/{name}"'
    if rest.lstrip(" \t\r").startswith("\n"):
        line, _, below = rest.partition("\n")
        indent = below[: len(below) - len(below.lstrip(" \t"))]
        start += len(line) + 1
        text = f"{indent}{source}\n"
    else:
        alone = rest.strip() == "}"
        text = f" {source}{'' if rest[0] == ' ' else ' '}" if alone else f" {source},"
    return Fix("name the source", (Edit(Span(start, start), text),))


def used_providers(module: TerraformModule) -> dict[str, Location]:
    """Local names of providers to the first place that uses each; not the built-in one."""
    found: dict[str, Location] = {}
    resources = [
        *(block for kind in ("resource", "data", "ephemeral") for block in module.of(kind)),
        *(block for check in module.of("check") for block in check.of("data")),
    ]
    for block in resources:
        given = block.attributes.get("provider")
        name = _provider_named(given) if given else "".join(block.labels[:1]).partition("_")[0]
        found.setdefault(name, block.location)
    for block in module.of("provider"):
        found.setdefault("".join(block.labels[:1]), block.location)
    for call in module.of("module"):
        for name, place in _passed_providers(call.attributes.get("providers")):
            found.setdefault(name, place)
    if module.mentions("provider::"):
        for name, place in _called_providers(module):
            found.setdefault(name, place)
    return {name: place for name, place in found.items() if name and name != "terraform"}


def _provider_named(attribute: Attribute) -> str:
    """The first word of `aws.west` or of the older `"aws.west"`."""
    return attribute.text.strip('"').strip().partition(".")[0].partition("[")[0]


def _passed_providers(providers: Attribute | None) -> Iterator[tuple[str, Location]]:
    from iachygiene.hcl import Object, Reference, Template
    from iachygiene.parse.json import Json

    if providers is None:
        return
    path = providers.location.path
    if isinstance(providers.node, Json):
        for _, value in providers.node.members:
            yield (value.text or "").partition(".")[0], value.location
    elif isinstance(providers.node, Object):
        for item in providers.node.items:
            place = Location(path, Span(item.value.start, item.value.end))
            if isinstance(item.value, Reference):
                yield item.value.name, place
            elif isinstance(item.value, Template) and item.value.text:
                yield item.value.text.partition(".")[0], place


def _called_providers(module: TerraformModule) -> Iterator[tuple[str, Location]]:
    from iachygiene.hcl import Call, walk
    from iachygiene.parse.json import Json

    for file in module.files:
        if isinstance(file.root, Json) or "provider::" not in file.source.text:
            continue
        for node in walk(file.root):
            if isinstance(node, Call) and node.name.startswith("provider::"):
                place = Location(file.source.path, Span(node.start, node.name_end))
                yield node.name.split("::")[1], place
