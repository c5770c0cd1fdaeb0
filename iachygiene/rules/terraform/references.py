"""References: to what nobody declares, in forms or places that cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene import hcl
from iachygiene.hcl.tree import Step
from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.terraform import TerraformModule, is_override
from iachygiene.rule import rule
from iachygiene.rules.terraform.scopes import RESOURCES, Address, Scope, Site, near, scope

_NAMED = {"var": "variable", "local": "local value", "module": "module"}
_FIXED = {
    "path": ("module", "root", "cwd"),
    "terraform": ("workspace", "applying"),
    "tofu": ("workspace", "applying"),
    "count": ("index",),
    "each": ("key", "value"),
}
_RESERVED = frozenset(("template", "lazy", "arg"))
_AT_THE_END = frozenset(("self", "count", "each", "path", "terraform", "tofu"))
_ELSEWHERE = frozenset(("action", "list", "run", "output", "check"))
"""First names that other versions or other files know: not judged."""


def target(reference: hcl.Reference) -> Address | None:
    """The address that a reference names first, None where it names none of the module."""
    path = reference.path
    first = path[0]
    if first in _NAMED:
        return path[:2] if len(path) > 1 else None
    if first in RESOURCES:
        return path[:3] if len(path) > 2 else None
    if first in _FIXED or first in _RESERVED or first in _ELSEWHERE or first == "self":
        return None
    return ("resource", *path[:2]) if len(path) > 1 else None


@rule("TF421", TerraformModule, Severity.ERROR)
def undeclared_reference(module: TerraformModule) -> Findings:
    """An expression refers to something that the module does not declare.

    Terraform refuses such a module, but only once all its providers are installed. Here no
    program is needed. A module with a file that does not parse is not judged: what is
    missing may be declared there.

    Bad:
        variable "region" {
          type = string
        }
        output "region" {
          value = var.regoin
        }
    Bad: in a template and in the keys of a map
        output "name" {
          value = { (local.key) = "x-${local.name}" }
        }
    Bad: a resource, a data source, a module
        resource "aws_instance" "web" {
          ami       = data.aws_ami.this.id
          subnet_id = aws_subnet.this.id
          user_data = module.script.text
        }
    Bad: with depends_on, too
        resource "terraform_data" "one" {
          depends_on = [terraform_data.two]
        }
    Bad: in JSON
        -- main.tf.json --
        {"output": {"name": {"value": "${var.name}"}}}
    Bad: nothing to override
        -- override.tf --
        variable "name" {
          default = "web"
        }
    Good:
        variable "region" {
          type = string
        }
        locals {
          name = "x-${var.region}"
        }
        data "aws_ami" "this" {
        }
        module "script" {
          source = "example/script/local"
        }
        resource "aws_instance" "web" {
          ami       = data.aws_ami.this.id
          user_data = module.script.text
          tags      = { Name = local.name }
        }
    Good: names that for and dynamic give
        variable "rules" {
          type = list(number)
        }
        resource "aws_security_group" "web" {
          description = join(",", [for port in var.rules : port if port > 0])
          dynamic "ingress" {
            for_each = var.rules
            content {
              from_port = ingress.value
            }
          }
          dynamic "egress" {
            for_each = var.rules
            iterator = port
            content {
              from_port = port.value
            }
          }
        }
    Good: what a check reads for itself
        check "health" {
          data "http" "this" {
            url = "https://example.com"
          }
          assert {
            condition     = data.http.this.status_code == 200
            error_message = "It is down."
          }
        }
    """
    if not module.complete:
        return
    known = scope(module)
    for site in known.sites:
        for reference in site.references:
            address = target(reference)
            if address is not None and not known.has(address):
                yield _undeclared(known, site, reference, address)
    for kind in ("variable", "output", "module", *RESOURCES):
        for block in module.of(kind):
            if is_override(block.location.path) and block.labels:
                yield at(
                    block, f'what this overrides, {kind} "{".".join(block.labels)}", is missing'
                )


def _undeclared(known: Scope, site: Site, reference: hcl.Reference, address: Address) -> Finding:
    kind = _NAMED.get(address[0], f"{address[0]} resource")
    kind = {"data resource": "data source", "resource resource": "resource"}.get(kind, kind)
    name = ".".join(address[1:])
    names = known.locals if address[0] == "local" else _declared(known, address[0])
    question = near(name, names)
    if not question and address[0] in ("resource", "data"):
        other = "data" if address[0] == "resource" else "resource"
        if known.has((other, *address[1:])):
            question = f"; did you mean the {'data source' if other == 'data' else other}?"
    steps = reference.steps[: len(reference.path) - 1]
    wanted = len(address) - (1 if reference.name in RESOURCES or reference.name in _NAMED else 2)
    end = steps[wanted - 1].end
    message = f'{kind} "{name}" is not declared in this module{question}'
    return at(site.place(reference, end), message, object=label(site.owner), severity=site.severity)


def _declared(known: Scope, kind: str) -> list[str]:
    return [".".join(address[1:]) for address in known.declared if address[0] == kind]


def label(owner: Address) -> str:
    """An owner in the words that blocks are called by in reports."""
    kind = {"var": "variable"}.get(owner[0], owner[0])
    return f"{kind} {'.'.join(owner[1:])}" if len(owner) > 1 else kind


@rule("TF422", TerraformModule, Severity.ERROR)
def invalid_reference(module: TerraformModule) -> Findings:
    """A reference has a form that means nothing.

    A single name is none: texts stand in quotes, and variables of a `for` are known only
    within it. `var`, `local`, `module` and `data` need the name of what is meant, and
    `path`, `terraform`, `count` and `each` have a few attributes and no more.

    Bad: a text without quotes
        output "size" {
          value = large
        }
    Bad: a variable outside of its expression
        output "sizes" {
          value = concat([for size in [1, 2] : size], [size])
        }
    Bad: no name, or half of one
        output "all" {
          value = [var, local, module, data.aws_ami]
        }
    Bad: an attribute that does not exist
        output "here" {
          value = "${path.here}/${terraform.env}"
        }
    Good:
        output "size" {
          value = [for size in ["large"] : size]
        }
        output "here" {
          value = "${path.module} ${path.root} ${path.cwd} ${terraform.workspace}"
        }
    Good: bare words as keys, in types and where the language has words of its own
        variable "size" {
          type = object({ large = bool })
        }
        resource "aws_instance" "web" {
          tags = { Size = var.size.large }
          lifecycle {
            ignore_changes = [tags]
          }
          provisioner "local-exec" {
            when       = destroy
            on_failure = continue
            command    = "true"
          }
        }
        resource "aws_instance" "all" {
          lifecycle {
            ignore_changes = all
          }
        }
    """
    for site in scope(module).sites:
        for reference in site.references:
            wrong = _invalid_form(reference)
            if wrong:
                yield at(
                    site.place(reference), wrong, object=label(site.owner), severity=site.severity
                )


def _invalid_form(reference: hcl.Reference) -> str:
    path = reference.path
    first = path[0]
    if first in _FIXED:
        known = _FIXED[first]
        if len(path) == 1:
            return f'"{first}" alone is no value; it has {_listed(known)}'
        if path[1] not in known and (first, path[1]) != ("terraform", "env"):
            return f'"{first}" has no attribute "{path[1]}"; it has {_listed(known)}'
        if path[:2] == ("terraform", "env"):
            return '"terraform.env" is "terraform.workspace" by now'
    elif first in _NAMED:
        if len(path) == 1:
            return f'"{first}" needs a name behind it: {first}.NAME'
    elif first in RESOURCES:
        if len(path) < 3:
            return f'"{".".join(path)}" needs a type and a name: {first}.TYPE.NAME'
    elif first in _RESERVED:
        return f'the name "{first}" is reserved'
    elif first != "self" and first not in ("run", "output") and len(path) == 1:
        return f'"{first}" is no reference: a text stands in quotes, a resource is TYPE.NAME'
    return ""


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"


@rule("TF423", TerraformModule, Severity.ERROR)
def out_of_context_reference(module: TerraformModule) -> Findings:
    """`each`, `count` or `self` is used where there is none.

    `each` needs a `for_each` in the same block, `count.index` a `count`. `self` is the
    resource that a provisioner, a connection or a postcondition belongs to; elsewhere a
    resource is called by its name. A provisioner that runs when its resource is destroyed
    knows nothing else but these.

    Bad: without for_each
        resource "aws_instance" "web" {
          ami = each.value
        }
    Bad: without count
        resource "aws_instance" "web" {
          for_each = toset(["a"])
          ami      = count.index
        }
    Bad: neither has an output
        output "one" {
          value = each.key
        }
    Bad: a resource that speaks of itself
        resource "aws_instance" "web" {
          ami  = "ami-1"
          tags = { Name = self.ami }
        }
    Bad: when there may be nothing else any more
        locals {
          name = "web"
        }
        resource "aws_instance" "web" {
          provisioner "local-exec" {
            when    = destroy
            command = "echo ${local.name}"
          }
        }
    Bad: in for_each itself
        resource "aws_instance" "web" {
          for_each = each.value
        }
    Good:
        resource "aws_instance" "web" {
          for_each = toset(["a"])
          ami      = each.value
          provisioner "local-exec" {
            command = "echo ${self.id} ${each.key}"
          }
          lifecycle {
            postcondition {
              condition     = self.ami == each.value
              error_message = "It is another image."
            }
          }
        }
        resource "aws_instance" "more" {
          count = 2
          ami   = count.index
          connection {
            host = self.public_ip
          }
        }
        module "web" {
          source   = "example/web/local"
          for_each = toset(["a"])
          name     = each.key
        }
    """
    needs = {"each": "for_each", "count": "count"}
    for site in scope(module).sites:
        for reference in site.references:
            name = reference.name
            if name in site.keys or name not in ("each", "count", "self"):
                continue
            place = site.place(reference)
            if name == "self":
                message = '"self" has a meaning in provisioners, connections and postconditions'
            elif site.argument in needs.values() and not site.within:
                message = f'"{name}" has no meaning in "{site.argument}" itself'
            else:
                message = f'"{name}" is used in a block without "{needs[name]}"'
            yield at(place, message, object=label(site.owner), severity=site.severity)
        if site.destroys:
            for reference in site.references:
                if reference.name not in _AT_THE_END:
                    message = f'"{".".join(reference.path)}" is used when its block is destroyed'
                    yield at(
                        site.place(reference),
                        message,
                        object=label(site.owner),
                        severity=site.severity,
                    )


@rule("TF424", TerraformModule, Severity.ERROR)
def instance_key_mismatch(module: TerraformModule) -> Findings:
    """A reference has an instance key where there are no instances, or none where it needs one.

    With `count` a resource is a list and with `for_each` a map; without both it is a single
    object. Adding `count` to a resource thus changes every reference to it.

    Bad: a key too many
        resource "aws_instance" "web" {
        }
        output "id" {
          value = aws_instance.web[0].id
        }
    Bad: a key is missing
        resource "aws_instance" "web" {
          count = 2
        }
        resource "aws_instance" "db" {
          for_each = toset(["a"])
        }
        output "ids" {
          value = [aws_instance.web.id, aws_instance.db.id]
        }
    Bad: of a data source
        data "aws_ami" "this" {
          count = 1
        }
        output "id" {
          value = data.aws_ami.this.id
        }
    Good:
        resource "aws_instance" "web" {
          count = 2
        }
        resource "aws_instance" "db" {
          for_each = toset(["a"])
        }
        resource "aws_instance" "one" {
          depends_on = [aws_instance.web]
        }
        output "ids" {
          value = [
            aws_instance.web[0].id,
            aws_instance.web[*].id,
            aws_instance.web.*.id,
            aws_instance.db["a"].id,
            [for key, one in aws_instance.db : one.id],
            aws_instance.one.id,
            aws_instance.one[*].id,
          ]
        }
    """
    if not module.complete:
        return
    known = scope(module)
    for site in known.sites:
        if site.argument in ("depends_on", "replace_triggered_by"):
            continue
        for reference in site.references:
            address = target(reference)
            if address is None or address[0] not in RESOURCES or not known.has(address):
                continue
            steps = reference.steps[2 if reference.name in RESOURCES else 1 :]
            wrong = _key_mismatch(known.instances.get(address, ""), steps)
            if wrong:
                name = ".".join(reference.path[: 3 if reference.name in RESOURCES else 2])
                yield at(
                    site.place(reference),
                    f'"{name}" {wrong}',
                    object=label(site.owner),
                    severity=site.severity,
                )


def _key_mismatch(repeated: str, steps: list[Step]) -> str:
    if not steps:
        return ""
    if repeated:
        if not isinstance(steps[0], hcl.Attr):
            return ""
        example = "[0]" if repeated == "count" else '["KEY"]'
        return f'has "{repeated}", so its attributes need an instance key: {example}'
    if isinstance(steps[0], hcl.Index) and _is_constant(steps[0].key):
        return 'has neither "count" nor "for_each", so there is nothing to index'
    return ""


def _is_constant(key: hcl.Expression) -> bool:
    if isinstance(key, hcl.Template):
        return key.text is not None
    return isinstance(key, hcl.Literal)


def free_references(site: Site) -> Iterator[tuple[hcl.Reference, Address]]:
    """The references of a site that name something of the module."""
    for reference in site.references:
        address = target(reference)
        if address is not None:
            yield reference, address
