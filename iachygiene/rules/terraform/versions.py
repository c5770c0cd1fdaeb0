"""Which versions of the program a module is for."""

from __future__ import annotations

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.terraform import Attribute, TerraformModule
from iachygiene.rule import rule
from iachygiene.rules.terraform.nodes import json_references, nodes, place
from iachygiene.versions import Comparison, Version, allows, has_lower_bound, parse_constraint

_CLOUDLESS = tuple(Version((1, 0, patch)) for patch in range(12))
"""The releases in which the remote backend gave every run the workspace `default`."""


@rule("TF101", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_required_version",))
def missing_required_version(module: TerraformModule) -> Findings:
    """A module does not say which versions of Terraform it is for.

    With `required_version`, a program that is too old says so at once instead of failing
    somewhere in the middle with a message about something else. See
    [required version](https://developer.hashicorp.com/terraform/language/terraform#terraform-required_version).
    Any constraint will do, in any file of the directory.

    Bad:
        resource "terraform_data" "one" {
        }
    Bad: a terraform block that says something else
        terraform {
          backend "local" {
          }
        }
    Bad: in JSON
        -- main.tf.json --
        {"terraform": {"backend": {"local": {}}}}
    Good:
        terraform {
          required_version = ">= 1.5"
        }
    Good: in another file
        -- main.tf --
        terraform {
          backend "local" {
          }
        }
        -- versions.tf --
        terraform {
          required_version = ">= 1.5"
        }
    Good: in JSON
        -- versions.tf.json --
        {"terraform": {"required_version": ">= 1.5"}}
    Good: for OpenTofu
        -- versions.tofu --
        terraform {
          required_version = ">= 1.8"
        }
    """
    if not module.complete:
        return
    blocks = module.of("terraform")
    if not any("required_version" in block.attributes for block in blocks):
        where = blocks[0].location if blocks else _beginning(module)
        yield at(where, "no terraform block sets required_version", object="terraform")


def _beginning(module: TerraformModule) -> Location:
    """The file where a reader looks for the block first."""
    names = {file.source.path.rpartition("/")[2]: file.source.path for file in module.files}
    return Location(names["terraform.tf"]) if "terraform.tf" in names else module.location


@rule("TF102", TerraformModule, Severity.INFO, default="off")
def unbounded_required_version(module: TerraformModule) -> Findings:
    """`required_version` admits every old version, or a module for reuse only a single one.

    Without a lower bound the constraint does not say what the module needs, which is what it
    is for. And who calls a module that wants exactly one version can use no other for
    anything else; a whole configuration may well want it. A module counts as made for reuse
    when it has variables or outputs, but no backend and no configuration of a provider.

    Bad: no lower bound
        terraform {
          required_version = "< 2.0"
        }
    Bad:
        terraform {
          required_version = "!= 1.6.0"
        }
    Bad: one version for all callers
        terraform {
          required_version = "1.9.4"
        }
        variable "name" {
          type = string
        }
    Good:
        terraform {
          required_version = ">= 1.5, < 2.0"
        }
        variable "name" {
          type = string
        }
    Good:
        terraform {
          required_version = "~> 1.9.0"
        }
    Good: two constraints count together
        -- main.tf --
        terraform {
          required_version = "< 2.0"
        }
        -- versions.tf --
        terraform {
          required_version = ">= 1.5"
        }
    Good: a configuration that nobody calls
        terraform {
          required_version = "= 1.9.4"
          backend "s3" {
          }
        }
        variable "name" {
          type = string
        }
    """
    given = [block.attributes.get("required_version") for block in module.of("terraform")]
    found = [(one, _constraint(module, one)) for one in given if one is not None]
    together = [comparison for _, constraint in found for comparison in constraint]
    if not module.complete or not all(constraint for _, constraint in found):
        return
    if found and not has_lower_bound(tuple(together)):
        yield at(found[0][0], f"{found[0][0].text} has no lower bound", object="terraform")
    for one, constraint in found:
        if any(each.operator == "=" for each in constraint) and _is_for_reuse(module):
            message = f"{one.text} admits a single version in a module for reuse"
            yield at(one, message, object="terraform")


def _constraint(module: TerraformModule, attribute: Attribute) -> tuple[Comparison, ...]:
    """The comparisons of an argument; none where they are not known."""
    text = module.constant(attribute)
    return (parse_constraint(text) if isinstance(text, str) else None) or ()


def _is_for_reuse(module: TerraformModule) -> bool:
    if module.of("provider") or not (module.of("variable") or module.of("output")):
        return False
    return not any(
        block.of(kind) for block in module.of("terraform") for kind in ("backend", "cloud")
    )


@rule("TF306", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_workspace_remote",))
def workspace_with_remote_backend(module: TerraformModule) -> Findings:
    """`terraform.workspace` is used with the remote backend by Terraform 1.0.

    Runs in Terraform Cloud then take place in a workspace that is always called `default`,
    whatever it is called outside. Later versions give the name. Judged where the module has
    a backend `remote` and `required_version` admits a version 1.0.

    Bad:
        terraform {
          required_version = "~> 1.0.0"
          backend "remote" {
          }
        }
        locals {
          name = "logs-${terraform.workspace}"
        }
    Bad: in JSON
        -- main.tf.json --
        {
          "terraform": {"required_version": "~> 1.0.0", "backend": {"remote": {}}},
          "locals": {"name": "logs-${terraform.workspace}"}
        }
    Good: later versions
        terraform {
          required_version = ">= 1.1"
          backend "remote" {
          }
        }
        locals {
          name = "logs-${terraform.workspace}"
        }
    Good: constraints count together
        -- main.tf --
        terraform {
          required_version = ">= 1.0"
          backend "remote" {
          }
        }
        locals {
          name = "logs-${terraform.workspace}"
        }
        -- versions.tf --
        terraform {
          required_version = "> 1.2"
        }
    Good: no constraint, no judgement
        terraform {
          backend "remote" {
          }
        }
        locals {
          name = "logs-${terraform.workspace}"
        }
    Good: another backend
        terraform {
          required_version = "~> 1.0.0"
          backend "s3" {
          }
        }
        locals {
          name = "logs-${terraform.workspace}"
        }
    """
    if not module.mentions("workspace") or not module.complete:
        return
    blocks = module.of("terraform")
    backends = [backend for block in blocks for backend in block.of("backend")]
    if not any(backend.labels == ("remote",) for backend in backends):
        return
    given = [block.attributes.get("required_version") for block in blocks]
    texts = [module.constant(one) for one in given if one is not None]
    parsed = [parse_constraint(text) if isinstance(text, str) else None for text in texts]
    constraints = [one for one in parsed if one is not None]
    if not constraints or len(constraints) < len(texts):
        return
    if not any(all(allows(one, version) for one in constraints) for version in _CLOUDLESS):
        return
    message = "terraform.workspace is always default in Terraform 1.0"
    for file, reference in nodes(module, hcl.Reference):
        if reference.path[:2] == ("terraform", "workspace"):
            yield at(place(file, reference), message)
    for value, reference, _ in json_references(module):
        if reference.path[:2] == ("terraform", "workspace"):
            yield at(value, message)
