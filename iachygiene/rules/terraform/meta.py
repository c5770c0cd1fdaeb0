"""Meta-arguments: which exclude each other, what has to be constant, and of which type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, SourceFile, Span, at
from iachygiene.parse.terraform import TerraformModule, is_override
from iachygiene.parse.terraform_types import ANY, Type, mismatch
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import RESOURCES, file_blocks, scope

_STRING, _BOOL, _NUMBER = Type("string"), Type("bool"), Type("number")
_DECIDING = ("count", "for_each")


@rule("TF406", TerraformModule, Severity.ERROR)
def conflicting_meta_arguments(module: TerraformModule) -> Findings:
    """Two settings exclude each other.

    A resource or a module has either `count` or `for_each`. A local module has the version
    of the repository it is in. The state is either in a backend or in the cloud.

    Bad:
        resource "aws_instance" "web" {
          count    = 2
          for_each = toset(["a", "b"])
        }
    Bad: a version of a local module
        module "network" {
          source  = "./network"
          version = "1.0.0"
        }
        -- network/main.tf --
    Bad: two places for the state
        terraform {
          backend "s3" {
          }
          cloud {
            organization = "example"
          }
        }
    Good:
        resource "aws_instance" "web" {
          for_each = toset(["a", "b"])
        }
        module "network" {
          source  = "terraform-aws-modules/vpc/aws"
          version = "1.0.0"
        }
    """
    places: dict[str, Location] = {}
    for source, block in file_blocks(module):
        given = block.body.attributes
        about = f"{block.type} {'.'.join(block.labels)}"
        repeated = block.type in RESOURCES or block.type in ("module", "action")
        if repeated and "count" in given and "for_each" in given:
            later = max(given["count"], given["for_each"], key=lambda one: one.start)
            place = Location(source.path, Span(later.start, later.name_end))
            yield at(place, 'both "count" and "for_each" are given', object=about)
        if block.type == "import" and "provider" in given and "to" in given:
            to = given["to"].expr
            path = to.path if isinstance(to, hcl.Reference) else ()
            if path[:1] == ("module",) or scope(module).has(("resource", *path[:2])):
                place = Location(
                    source.path, Span(given["provider"].expr.start, given["provider"].end)
                )
                message = "the provider of an import is that of its resource"
                yield at(place, message, object="import")
        if block.type == "variable" and "const" in given:
            for name in ("sensitive", "ephemeral"):
                if name in given and hcl.literal(given[name].expr) is True:
                    place = Location(source.path, Span(block.start, block.header_end))
                    yield at(place, f'a variable is not both "const" and "{name}"', object=about)
        if block.type == "module" and "version" in given and "source" in given:
            value = hcl.literal(given["source"].expr)
            if isinstance(value, str) and value.startswith(("./", "../")):
                place = Location(source.path, Span(given["source"].expr.start, given["source"].end))
                yield at(place, f'a version is given for the local module "{value}"', object=about)
        if block.type == "terraform":
            for inner in block.body.blocks:
                if inner.type in ("backend", "cloud", "state_store"):
                    place = Location(source.path, Span(inner.start, inner.header_end))
                    if not is_override(source.path):
                        places.setdefault(inner.type, place)
    for kind in ("backend", "state_store"):
        if kind in places and "cloud" in places:
            related = [places["cloud"].labelled("the other")]
            yield at(places[kind], f'both "cloud" and "{kind}" hold the state', related=related)


class _Constant(NamedTuple):
    """An argument that has to be constant, of a type. `named` may refer to const variables."""

    source: SourceFile
    about: str
    name: str
    node: hcl.Expression
    type: Type
    named: bool


@rule("TF407", TerraformModule, Severity.ERROR)
def reference_not_allowed(module: TerraformModule) -> Findings:
    """A reference or a call stands where Terraform wants a constant.

    Sources of modules, versions and the settings of a lifecycle are read before there are
    any values. OpenTofu knows variables and local values earlier than Terraform does: a
    module with a file `.tofu` may use them there, and every module may use variables that
    are declared `const`. Backends are not judged: `validate` does not look at them.

    Bad:
        variable "path" {
          type = string
        }
        module "network" {
          source = var.path
        }
    Bad: a default
        variable "name" {
          default = "${path.module}/name"
        }
    Bad: a call
        variable "names" {
          default = tolist(["a"])
        }
    Bad: the settings of a lifecycle
        variable "keep" {
          type = bool
        }
        resource "aws_instance" "web" {
          lifecycle {
            prevent_destroy = var.keep
          }
        }
    Bad: the alias of a provider
        variable "alias" {
          type = string
        }
        provider "aws" {
          alias = var.alias
        }
    Good:
        terraform {
          backend "s3" {
            bucket = "state"
          }
        }
        variable "names" {
          default     = ["a", { b = 1 }]
          description = "Names."
        }
        resource "aws_instance" "web" {
          lifecycle {
            prevent_destroy = true
          }
        }
    Good: with a constant variable
        variable "path" {
          type  = string
          const = true
        }
        module "network" {
          source = var.path
        }
    Good: OpenTofu
        -- main.tofu --
        variable "path" {
          type = string
        }
        module "network" {
          source = "./${var.path}"
        }
    """
    is_tofu = any(".tofu" in file.source.path for file in module.files)
    const = _const_variables(module)
    for one in _constants(module):
        if one.named and (is_tofu or const is None):
            continue
        for node in hcl.walk(one.node):
            if one.named and isinstance(node, hcl.Reference) and _is_const(node, const or set()):
                continue
            what = ""
            if isinstance(node, hcl.Reference) and not _is_key(one.node, node):
                what = "refers to something"
                end = node.end
            elif isinstance(node, hcl.Call):
                what = f'calls "{node.name}"'
                end = node.name_end
            if what:
                place = Location(one.source.path, Span(node.start, end))
                message = f'"{one.name}" {what}, but has to be constant'
                yield at(place, message, object=one.about)
                break


def _const_variables(module: TerraformModule) -> set[str]:
    return {
        block.labels[0]
        for block in module.of("variable")
        if block.labels and "const" in block.attributes
    }


def _is_const(node: hcl.Reference, const: set[str]) -> bool:
    """Whether a reference is to what a version that knows `const` has before any plan."""
    if node.name == "var":
        return len(node.path) > 1 and node.path[1] in const
    return bool(const) and node.name in ("local", "path")


def _is_key(whole: hcl.Expression, node: hcl.Reference) -> bool:
    """Whether a bare name is the key of an object within the expression."""
    if node.steps:
        return False
    return any(
        item.key is node
        for outer in hcl.walk(whole)
        if isinstance(outer, hcl.Object)
        for item in outer.items
    )


_OF_VARIABLE = {
    "default": ANY,
    "description": _STRING,
    "sensitive": _BOOL,
    "nullable": _BOOL,
    "ephemeral": _BOOL,
    "const": _BOOL,
    "deprecated": _STRING,
}
_OF_OUTPUT = {
    "description": _STRING,
    "sensitive": _BOOL,
    "ephemeral": _BOOL,
    "deprecated": _STRING,
}
_OF_LIFECYCLE = {"create_before_destroy": _BOOL, "prevent_destroy": _BOOL}


def _constants(module: TerraformModule) -> Iterator[_Constant]:
    for source, block in file_blocks(module):
        about = f"{block.type} {'.'.join(block.labels)}" if block.labels else block.type
        given = block.body.attributes
        types: dict[str, Type] = {}
        if block.type == "variable":
            types = _OF_VARIABLE
        elif block.type == "output":
            types = _OF_OUTPUT
        elif block.type == "module":
            types = {"source": _STRING, "version": _STRING}
        elif block.type == "provider":
            types = {"alias": _STRING, "version": _STRING}
        elif block.type == "terraform":
            types = {"required_version": _STRING}
            for inner in block.body.blocks:
                if inner.type == "provider_meta":
                    for name, attribute in inner.body.attributes.items():
                        yield _Constant(source, about, name, attribute.expr, ANY, False)
        elif block.type == "resource":
            for inner in block.body.blocks:
                if inner.type == "lifecycle":
                    for name, attribute in inner.body.attributes.items():
                        if name in _OF_LIFECYCLE:
                            type = _OF_LIFECYCLE[name]
                            named = name == "prevent_destroy"
                            yield _Constant(source, about, name, attribute.expr, type, named)
        for name, type in types.items():
            if name in given:
                yield _Constant(source, about, name, given[name].expr, type, block.type == "module")


@rule("TF408", TerraformModule, Severity.ERROR)
def mistyped_meta_argument(module: TerraformModule) -> Findings:
    """A meta-argument has a value of a type that it cannot have.

    `count` is a number, `for_each` a map or a set, `depends_on` a list of references in
    brackets. What only a plan knows is not judged.

    Bad:
        resource "aws_instance" "web" {
          lifecycle {
            prevent_destroy = "maybe"
          }
        }
    Bad: a list is no set
        resource "aws_instance" "web" {
          for_each = ["a", "b"]
        }
    Bad: a number is needed
        resource "aws_instance" "web" {
          count = "two"
        }
    Bad: words of their own
        resource "aws_instance" "web" {
          provisioner "local-exec" {
            when    = "later"
            command = "true"
          }
        }
    Bad: a list is needed
        resource "aws_instance" "web" {
          depends_on = aws_instance.db
        }
        resource "aws_instance" "db" {
        }
    Bad: `all` stands without a star, quotes and brackets
        resource "aws_instance" "web" {
          lifecycle {
            ignore_changes = ["*"]
          }
        }
    Good:
        resource "aws_instance" "web" {
          count      = "2"
          depends_on = [aws_instance.db]
          lifecycle {
            prevent_destroy = "true"
            ignore_changes  = all
          }
          provisioner "local-exec" {
            when       = destroy
            on_failure = continue
            command    = "true"
          }
        }
        resource "aws_instance" "db" {
          for_each = { a = 1 }
          lifecycle {
            ignore_changes = [tags]
          }
        }
        resource "aws_instance" "more" {
          for_each = toset(["a"])
        }
        variable "name" {
          description = 1
        }
    """
    for one in _constants(module):
        wrong = mismatch(one.node, one.type)
        if wrong:
            place = Location(one.source.path, Span(wrong.node.start, wrong.node.end))
            yield at(place, f'"{one.name}": {wrong.message}', object=one.about)
    for source, block in file_blocks(module):
        about = f"{block.type} {'.'.join(block.labels)}"
        for name, node in _deciding(block):
            why = _unsuitable(name, node)
            if why:
                place = Location(source.path, Span(node.start, node.end))
                # Of a `for` over what is not known, validate does not know that it is a list.
                severity = Severity.WARNING if isinstance(node, hcl.For) else None
                yield at(place, f'"{name}": {why}', object=about, severity=severity)


def _deciding(block: hcl.Block) -> Iterator[tuple[str, hcl.Expression]]:
    """The arguments with rules of their own, by name."""
    given = block.body.attributes
    repeated = block.type in RESOURCES or block.type in ("module", "action")
    if repeated or block.type == "output":
        for name in ("depends_on", *(_DECIDING if repeated else ())):
            if name in given:
                yield name, given[name].expr
    if block.type == "terraform" and "language" in given:
        yield "language", given["language"].expr
    if block.type != "resource":
        return
    for inner in block.body.blocks:
        if inner.type == "lifecycle" and "ignore_changes" in inner.body.attributes:
            yield "ignore_changes", inner.body.attributes["ignore_changes"].expr
        elif inner.type == "lifecycle" and "replace_triggered_by" in inner.body.attributes:
            yield "replace_triggered_by", inner.body.attributes["replace_triggered_by"].expr
        elif inner.type == "provisioner":
            for name in ("when", "on_failure"):
                if name in inner.body.attributes:
                    yield name, inner.body.attributes[name].expr


_WORDS: dict[str, tuple[str, ...]] = {
    "when": ("create", "destroy"),
    "on_failure": ("continue", "fail"),
    "language": ("TF2021",),
}


def _unsuitable(name: str, node: hcl.Expression) -> str:
    if name in _WORDS:
        # In quotes, as of old, the words are accepted with a warning.
        word = node.name if isinstance(node, hcl.Reference) and not node.steps else None
        if isinstance(node, hcl.Template) and name != "language":
            word = node.text
        return "" if word in _WORDS[name] else f"it is {' or '.join(_WORDS[name])}"
    if name == "count":
        wrong = mismatch(node, _NUMBER)
        value = hcl.literal(node)
        if wrong:
            return wrong.message
        if value is None:
            return "null is no number"
        below = value < 0 if isinstance(value, int | float) else str(value).startswith("-")
        return "a number below 0" if below else ""
    if name == "for_each":
        if isinstance(node, hcl.Tuple):
            return "a map or a set is required, not a list"
        if isinstance(node, hcl.Literal | hcl.Template):
            return "a map or a set is required"
        is_list = isinstance(node, hcl.For) and node.key is None
        return "a map or a set is required, not a list" if is_list else ""
    if name == "ignore_changes":
        if isinstance(node, hcl.Tuple):
            stars = [one for one in node.items if isinstance(one, hcl.Template) and one.text == "*"]
            return 'to ignore all changes, write "all" without brackets' if stars else ""
        is_all = isinstance(node, hcl.Reference) and node.path == ("all",) and not node.steps
        return "" if is_all else 'a list of attribute names is required, or "all"'
    if not isinstance(node, hcl.Tuple):
        return "a list of references in brackets is required"
    for item in node.items:
        # A reference in quotes is one as of old, and another rule's matter.
        quoted = isinstance(item, hcl.Template) and item.text is not None
        if name == "depends_on" and not quoted and not isinstance(item, hcl.Reference):
            return "its items are references and nothing else"
        if name == "depends_on" and isinstance(item, hcl.Reference) and item.name == "action":
            return "nothing depends on an action"
    return ""
