"""Constants with a form of their own: version constraints, provider sources, addresses."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene import hcl
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import Attribute, TerraformModule
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import file_blocks
from iachygiene.versions import parse_constraint

_PART = r"[^\W_]+(?:-[^\W_]+)*"
_HOST = (
    r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W_](?:[\w-]*[^\W_])?(?::[0-9]{1,5})?|localhost(?::[0-9]+)?"
)
_SOURCE = regex(rf"(?:(?:(?P<host>{_HOST})/)?(?P<space>{_PART}(?:_{_PART})*)/)?(?P<type>{_PART})")
_PREFIXES = ("terraform-provider-", "terraform-")


@rule("TF409", TerraformModule, Severity.ERROR)
def invalid_version_constraint(module: TerraformModule) -> Findings:
    """A version constraint is none.

    It is a list of comparisons with commas between: `>= 1.5.0, < 2.0.0`, `~> 5.1`. See
    [version constraints](https://developer.hashicorp.com/terraform/language/expressions/version-constraints).

    Bad:
        terraform {
          required_version = ">= 1.x"
        }
    Bad: of a provider
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "=> 5.0"
            }
            google = "latest"
          }
        }
    Bad: of a module
        module "network" {
          source  = "terraform-aws-modules/vpc/aws"
          version = "^5.0.0"
        }
    Good:
        terraform {
          required_version = ">= 1.5.0, < 2.0.0"
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "~> 5.1"
            }
          }
        }
        module "network" {
          source  = "terraform-aws-modules/vpc/aws"
          version = "5.0.0-beta1"
        }
    """
    for what, attribute in _constraints(module):
        value = attribute.constant
        if isinstance(value, str) and parse_constraint(value) is None:
            yield at(attribute, f'"{value}" is no version constraint', object=what)
    for source, block in file_blocks(module):
        for name, member in _required(block):
            value = hcl.literal(member["version"]) if "version" in member else None
            if isinstance(value, str) and parse_constraint(value) is None:
                place = _place(source, member["version"])
                yield at(place, f'"{value}" is no version constraint', object=f"provider {name}")


def _constraints(module: TerraformModule) -> Iterator[tuple[str, Attribute]]:
    for block in module.of("terraform"):
        if "required_version" in block.attributes:
            yield "terraform", block.attributes["required_version"]
        for inner in block.of("required_providers"):
            for name, attribute in inner.attributes.items():
                if isinstance(attribute.constant, str):
                    yield f"provider {name}", attribute
    for kind in ("provider", "module"):
        for block in module.of(kind):
            if "version" in block.attributes:
                yield block.object, block.attributes["version"]


def _place(source: SourceFile, node: hcl.Node) -> Location:
    return Location(source.path, Span(node.start, node.end))


def _required(block: hcl.Block) -> Iterator[tuple[str, dict[str, hcl.Expression]]]:
    """The entries of `required_providers` that are objects."""
    if block.type != "terraform":
        return
    for inner in block.body.blocks:
        if inner.type == "required_providers":
            for name, attribute in inner.body.attributes.items():
                if isinstance(attribute.expr, hcl.Object):
                    yield (
                        name,
                        {
                            item.name: item.value
                            for item in attribute.expr.items
                            if item.name is not None
                        },
                    )


@rule("TF410", TerraformModule, Severity.ERROR)
def invalid_provider_source(module: TerraformModule) -> Findings:
    """The source of a provider is none, or its entry holds something else.

    A source is `TYPE`, `NAMESPACE/TYPE` or `HOST/NAMESPACE/TYPE`. An entry of
    `required_providers` has `source`, `version` and `configuration_aliases`.

    Bad: a repository is none
        terraform {
          required_providers {
            example = {
              source = "https://github.com/example/terraform-provider-example"
            }
          }
        }
    Bad: the type has no prefix
        terraform {
          required_providers {
            example = {
              source = "example/terraform-provider-example"
            }
          }
        }
    Bad: something else
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              region  = "eu-west-1"
            }
          }
        }
    Good:
        terraform {
          required_providers {
            aws = {
              source                = "hashicorp/aws"
              version               = "~> 5.0"
              configuration_aliases = [aws.west]
            }
            example = {
              source = "registry.example.com/example/example"
            }
            builtin = {
              source = "terraform.io/builtin/terraform"
            }
          }
        }
    """
    known = ("source", "version", "configuration_aliases")
    for source, block in file_blocks(module):
        for name, members in _required(block):
            about = f"provider {name}"
            for member, node in members.items():
                if member not in known:
                    message = f'an entry of required_providers has no "{member}"'
                    yield at(_place(source, node), message, object=about)
            if "source" in members:
                value = hcl.literal(members["source"])
                if isinstance(value, str) and (why := _wrong_source(value)):
                    yield at(_place(source, members["source"]), why, object=about)


def _wrong_source(text: str) -> str:
    found = _SOURCE.fullmatch(text)
    if found is None:
        return f'"{text}" is no provider source'
    for prefix in _PREFIXES:
        if found["type"].lower().startswith(prefix):
            return f'the provider type "{found["type"]}" begins with "{prefix}"'
    return ""


_KINDS = {1: "module", 2: "resource"}


@rule("TF411", TerraformModule, Severity.ERROR)
def mismatched_moved_addresses(module: TerraformModule) -> Findings:
    """The two addresses of a `moved` block are of different kinds, or are no addresses.

    A resource moves to a resource and a module to a module. What is removed or imported has
    an address as well, and it is that of a resource.

    Bad:
        moved {
          from = module.network
          to   = aws_vpc.this
        }
    Bad: no address
        moved {
          from = aws_vpc
          to   = aws_vpc.this
        }
    Bad: a data source
        removed {
          from = data.aws_vpc.this
        }
    Good:
        moved {
          from = aws_vpc.that
          to   = module.network.aws_vpc.this[0]
        }
        moved {
          from = module.net
          to   = module.network["main"]
        }
        removed {
          from = module.old.aws_vpc.this
        }
    """
    for source, block in file_blocks(module):
        if block.type not in ("moved", "removed", "import"):
            continue
        kinds = {}
        for name in ("from", "to"):
            attribute = block.body.attributes.get(name)
            if attribute is None or isinstance(attribute.expr, hcl.Template):
                continue
            kind = _kind(attribute.expr, block.type)
            if isinstance(kind, int):
                kinds[name] = kind
                if block.type != "import" or kind == 2:
                    continue
                kind = "only a resource can be imported"
            yield at(_place(source, attribute.expr), f'"{name}": {kind}', object=block.type)
        if len(kinds) == 2 and kinds["from"] != kinds["to"]:
            what = f"a {_KINDS[kinds['from']]} cannot become a {_KINDS[kinds['to']]}"
            place = Location(source.path, Span(block.start, block.header_end))
            yield at(place, what, object=block.type)


def _kind(node: hcl.Expression, block: str) -> int | str:
    """1 for the address of a module, 2 for that of a resource, else what is wrong with it."""
    if not isinstance(node, hcl.Reference):
        return "it is no address"
    names = [node.name]
    for step in node.steps:
        if isinstance(step, hcl.Attr):
            names.append(step.name)
        elif isinstance(step, hcl.Splat):
            return "an address has no splat"
    while len(names) > 1 and names[0] == "module":
        names = names[2:]
        if not names:
            return 1
    if names[0] == "data" and block != "moved":
        return "a data source has nothing in the state"
    if names[0] in ("resource", "data", "ephemeral"):
        names = names[1:]
    if len(names) != 2:
        return "an address is TYPE.NAME or module.NAME"
    return 2
