"""Calls of local modules: what they are given, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene import hcl
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, Span, at
from iachygiene.parse.json import Json
from iachygiene.parse.terraform import Attribute, Block, TerraformModule, is_override
from iachygiene.parse.terraform_calls import Interface, directory_of, interface, source_of
from iachygiene.parse.terraform_types import Type, mismatch, read_type, words
from iachygiene.rule import rule
from iachygiene.rules.terraform.references import label
from iachygiene.rules.terraform.scopes import META_ARGUMENTS, near, scope

_META = META_ARGUMENTS | {"lifecycle", "ignore_nested_deprecations", "//", "_"}


@rule("TF428", TerraformModule, Severity.ERROR)
def invalid_module_call(module: TerraformModule) -> Findings:
    """A call of a local module does not fit the variables and outputs of that module.

    Judged are modules with a source like `./network` in the same repository: arguments
    without a variable, variables without an argument, constants of another type, and
    references to outputs that do not exist.

    Bad: an argument is missing
        -- main.tf --
        module "network" {
          source = "./network"
        }
        -- network/main.tf --
        variable "cidr" {
          type = string
        }
    Bad: an argument that the module does not take
        -- main.tf --
        module "network" {
          source = "./network"
          cdir   = "10.0.0.0/16"
        }
        -- network/main.tf --
        variable "cidr" {
          default = "10.0.0.0/8"
        }
    Bad: of another type
        -- main.tf --
        module "network" {
          source = "./network"
          zones  = "a"
        }
        -- network/main.tf --
        variable "zones" {
          type = list(string)
        }
    Bad: a variable of another type
        -- main.tf --
        variable "zone" {
          type = string
        }
        module "network" {
          source = "./network"
          zones  = var.zone
        }
        -- network/main.tf --
        variable "zones" {
          type = list(string)
        }
    Bad: no such output
        -- main.tf --
        module "network" {
          source = "./network"
        }
        output "ids" {
          value = module.network.ids
        }
        -- network/main.tf --
        output "id" {
          value = 1
        }
    Bad: of each of several
        -- main.tf --
        module "network" {
          source   = "./network"
          for_each = toset(["a"])
        }
        output "ids" {
          value = [module.network["a"].ids, values(module.network)[*].id]
        }
        -- network/main.tf --
        output "id" {
          value = 1
        }
    Good:
        -- main.tf --
        module "network" {
          source = "./network"
          count  = 2
          cidr   = "10.0.0.0/16"
        }
        output "ids" {
          value = [module.network[0].id, module.network[*].id, module.network]
        }
        -- network/main.tf --
        variable "cidr" {
          type = string
        }
        variable "zones" {
          type    = list(string)
          default = []
        }
        output "id" {
          value = var.cidr
        }
    """
    known: dict[str, Interface] = {}
    for call in module.of("module"):
        if not call.labels or is_override(call.location.path):
            continue
        found = interface(module, call)
        if found is not None and found.complete:
            known[call.labels[0]] = found
            yield from _arguments(module, call, found)
    yield from _outputs(module, known)


def _arguments(module: TerraformModule, call: Block, found: Interface) -> Findings:
    given = call.attributes
    for name, attribute in given.items():
        if name in _META:
            continue
        place = _name_place(attribute)
        known = found.inputs.get(name)
        if known is None:
            message = f'the module has no variable "{name}"{near(name, found.inputs)}'
            yield at(place, message, object=call.object)
        elif isinstance(attribute.node, hcl.Expression):
            wrong = mismatch(attribute.node, known.type)
            message = wrong.message if wrong else _other_shape(module, attribute.node, known.type)
            is_null = hcl.literal(attribute.node) is None
            if is_null and known.required and not known.nullable:
                message = f"{words(known.type)} is required, not null"
            if message:
                yield at(
                    attribute,
                    f'variable "{name}": {message}',
                    related=[known.location.labelled("declared here")],
                    object=call.object,
                )
    for name, wanted in found.inputs.items():
        if wanted.required and name not in given:
            yield at(
                call,
                f'the module needs a value for its variable "{name}"',
                related=[wanted.location.labelled("declared here")],
            )


_SHAPES = {
    **dict.fromkeys(("string", "number", "bool"), "single value"),
    **dict.fromkeys(("list", "set", "tuple"), "list"),
    **dict.fromkeys(("map", "object"), "map"),
}


def _other_shape(module: TerraformModule, node: hcl.Expression, wanted: Type) -> str:
    """What is wrong where a variable of quite another type is passed on, empty where it fits."""
    if not isinstance(node, hcl.Reference) or node.name != "var" or len(node.steps) != 1:
        return ""
    declared = scope(module).declared.get(("var", *node.path[1:]))
    given = declared.attributes.get("type") if declared is not None else None
    if given is None or not isinstance(given.node, hcl.Expression):
        return ""
    type = read_type(given.node)
    if type.name == "any" or wanted.name == "any" or _SHAPES[type.name] == _SHAPES[wanted.name]:
        return ""
    return f"{words(wanted)} is required, not {words(type)}"


def _name_place(attribute: Attribute) -> Location:
    if isinstance(attribute.node, Json):
        return attribute.whole
    start = attribute.whole.span.start
    return Location(attribute.whole.path, Span(start, start + len(attribute.name)))


def _outputs(module: TerraformModule, known: dict[str, Interface]) -> Findings:
    instances = scope(module).instances
    for site in scope(module).sites if known else ():
        for reference in site.references:
            if reference.name != "module" or len(reference.path) < 2:
                continue
            found = known.get(reference.path[1])
            if found is None or reference in site.tried:
                continue
            step = _output_step(reference, ("module", reference.path[1]) in instances)
            if step is not None and step.name not in found.outputs:
                name = reference.path[1]
                message = f'module "{name}" has no output "{step.name}"'
                message += near(step.name, found.outputs)
                yield at(
                    site.place(reference, step.end),
                    message,
                    object=label(site.owner),
                    severity=site.severity,
                )


def _output_step(reference: hcl.Reference, repeated: bool) -> hcl.Attr | None:
    """The step that names an output: behind the name, and behind a key where there are several."""
    steps = reference.steps[1:]
    if repeated:
        if not steps or isinstance(steps[0], hcl.Attr):
            return None
        steps = steps[1:]
    elif steps and isinstance(steps[0], hcl.Splat):
        steps = steps[1:]
    return steps[0] if steps and isinstance(steps[0], hcl.Attr) else None


@rule("TF429", TerraformModule, Severity.ERROR)
def missing_module_directory(module: TerraformModule) -> Findings:
    """The directory of a local module does not exist, or is not written as one.

    A directory begins with `./` or `../`; one or two names alone are neither that nor an
    address of a registry. What leads out of the scanned tree is not judged.

    Bad: without a dot
        -- main.tf --
        module "network" {
          source = "network"
        }
        -- network/main.tf --
    Bad:
        module "network" {
          source = "./network"
        }
    Good:
        -- main.tf --
        module "network" {
          source = "./network"
        }
        module "other" {
          source = "../other"
        }
        -- network/main.tf --
    """
    for call in module.of("module"):
        source = source_of(module, call)
        directory = directory_of(module, source) if source is not None else None
        if source is not None and _is_bare(source):
            message = f'"{source}" is no module source; a directory begins with "./" or "../"'
            yield at(call.attributes["source"], message)
        if directory is None or module.tree is None:
            continue
        if not module.tree.is_directory(directory) and not _is_overlaid(module, directory):
            yield at(call.attributes["source"], f'there is no directory "{source}"')


_BARE = regex(r"[^\s/:@?=.]+(?:/[^\s/:@?=]+)?|\.\.?")


def _is_bare(source: str) -> bool:
    """Whether a source is one or two names: too few for a registry, and no directory."""
    return _BARE.fullmatch(source) is not None


def _is_overlaid(module: TerraformModule, directory: str) -> bool:
    paths: Iterator[str] = iter(module.tree.overlay if module.tree else ())
    return any(path.startswith(directory + "/") for path in paths)
