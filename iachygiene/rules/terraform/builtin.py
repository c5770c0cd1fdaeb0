"""The resources that are part of the program itself."""

from __future__ import annotations

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, Span, at
from iachygiene.parse.terraform import TerraformModule
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import file_blocks, near

_EVERY = frozenset(("count", "for_each", "provider", "depends_on"))
_BLOCKS = frozenset(("lifecycle", "_", "dynamic"))
_ARGUMENTS = {
    ("resource", "terraform_data"): frozenset(("input", "triggers_replace")),
    ("data", "terraform_remote_state"): frozenset(("backend", "config", "defaults", "workspace")),
}
_NEEDED = {("data", "terraform_remote_state"): ("backend",)}


@rule("TF431", TerraformModule, Severity.ERROR)
def invalid_builtin_resource(module: TerraformModule) -> Findings:
    """A resource that is part of Terraform itself has an argument that it does not take.

    `terraform_data` takes `input` and `triggers_replace`, `terraform_remote_state` takes
    `backend`, which it needs, `config`, `defaults` and `workspace`.

    Bad:
        resource "terraform_data" "one" {
          triggers = { always = timestamp() }
        }
    Bad: a block
        resource "terraform_data" "one" {
          input {
            name = "web"
          }
        }
    Bad: without a backend
        data "terraform_remote_state" "network" {
          config = { path = "state" }
        }
    Good:
        resource "terraform_data" "one" {
          for_each         = toset(["a"])
          input            = "web"
          triggers_replace = timestamp()
          provisioner "local-exec" {
            command = "true"
          }
          lifecycle {
            create_before_destroy = true
          }
        }
        data "terraform_remote_state" "network" {
          backend  = "local"
          config   = { path = "state" }
          defaults = {}
        }
    """
    for source, block in file_blocks(module):
        kind = (block.type, block.labels[0] if block.labels else "")
        if kind not in _ARGUMENTS:
            continue
        known = _ARGUMENTS[kind]
        about = f"{block.type} {'.'.join(block.labels)}"
        for name, attribute in block.body.attributes.items():
            if name not in known and name not in _EVERY:
                place = Location(source.path, Span(attribute.start, attribute.name_end))
                message = f'"{kind[1]}" takes no argument "{name}"{near(name, known)}'
                yield at(place, message, object=about)
        for name in _NEEDED.get(kind, ()):
            if name not in block.body.attributes and not _may_be_overridden(source.path):
                place = Location(source.path, Span(block.start, block.header_end))
                yield at(place, f'"{kind[1]}" needs "{name}"', object=about)
        for inner in block.body.blocks:
            allowed = _BLOCKS | {"provisioner", "connection"}
            if inner.type not in (allowed if block.type == "resource" else _BLOCKS):
                yield at(_header(source.path, inner), f'"{kind[1]}" has no blocks', object=about)


def _may_be_overridden(path: str) -> bool:
    return "override" in path


def _header(path: str, block: hcl.Block) -> Location:
    return Location(path, Span(block.start, block.header_end))
