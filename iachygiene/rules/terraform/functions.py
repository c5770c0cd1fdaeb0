"""Calls of functions: names, numbers of arguments, and arguments that cannot be."""

from __future__ import annotations

from iachygiene import hcl
from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.terraform import TerraformModule
from iachygiene.parse.terraform_types import mismatch
from iachygiene.rule import rule
from iachygiene.rules.terraform.references import label
from iachygiene.rules.terraform.scopes import Site, near, scope
from iachygiene.rules.terraform.signatures import GONE, Signature, names, signature

_CONVERSIONS = {"tonumber": "number", "tobool": "bool"}


@rule("TF425", TerraformModule, Severity.ERROR)
def invalid_function_call(module: TerraformModule) -> Findings:
    """A function does not exist, or cannot be called so.

    Judged are names, the number of arguments, and constant arguments of a type that the
    function does not take. A function of a provider needs that provider in
    `required_providers`. What stands in `try` and `can` may fail.

    Bad: no such function
        output "name" {
          value = uper("web")
        }
    Bad: an argument is missing
        output "name" {
          value = replace("web", "w")
        }
    Bad: an argument too many
        output "name" {
          value = "x-${upper("a", "b")}"
        }
    Bad: of another type
        output "name" {
          value = join(",", "a")
        }
    Bad: no number
        output "size" {
          value = tonumber("large")
        }
    Bad: of a provider that the module does not have
        output "account" {
          value = provider::aws::arn_parse("arn:aws:iam::444455556666:role/x").account_id
        }
    Bad: from old times
        output "names" {
          value = list("a", "b")
        }
    Good:
        variable "names" {
          type = list(string)
        }
        output "name" {
          value = lower(join(",", var.names))
        }
        output "max" {
          value = max([1, 2]...)
        }
        output "same" {
          value = core::upper("a")
        }
        output "perhaps" {
          value = try(tonumber("large"), 1)
        }
    Good: of a provider
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
    Good: functions of OpenTofu
        output "there" {
          value = cidrcontains("10.0.0.0/8", "10.1.1.1")
        }
    """
    for site in scope(module).sites:
        for call, sure in site.calls:
            name = call.name.removeprefix("core::")
            if "::" in name:
                if name.startswith("provider::"):
                    yield from _provider_function(module, site, call)
                elif sure:
                    yield _at(site, call, f'there is no function "{call.name}"')
                continue
            if not sure and site.within == "json":
                continue
            known = signature(name)
            if known is not None:
                yield from _judged(site, call, known, sure)
            elif name in GONE:
                message = f'the function "{name}" is gone; it is {GONE[name]} by now'
                yield _at(site, call, message)
            elif sure or not _within_quiet(site, call):
                yield _at(site, call, f'there is no function "{name}"{near(name, names())}')


def _within_quiet(site: Site, call: hcl.Call) -> bool:
    """Whether a call stands in a `try` or `can`, which swallow that it does not exist."""
    return any(
        outer.name in ("try", "can") and outer.start <= call.start < outer.end
        for outer, _ in site.calls
        if outer is not call
    )


def _at(site: Site, call: hcl.Call, message: str) -> Finding:
    return at(
        site.place(call, call.name_end), message, object=label(site.owner), severity=site.severity
    )


def _provider_function(module: TerraformModule, site: Site, call: hcl.Call) -> Findings:
    parts = call.name.split("::")
    required = {
        name
        for block in module.of("terraform")
        for inner in block.of("required_providers")
        for name in inner.attributes
    }
    if parts[1] not in required and parts[1] != "terraform" and module.complete:
        message = f'provider "{parts[1]}" is not in required_providers of this module'
        yield _at(site, call, message)


def _judged(site: Site, call: hcl.Call, known: Signature, sure: bool) -> Findings:
    number = len(call.args)
    if call.expand:
        if known.most is not None and number - 1 > known.most:
            yield _at(site, call, f'"{call.name}" takes {_words(known)}, not {number} or more')
        return
    if number < known.least or (known.most is not None and number > known.most):
        yield _at(site, call, f'"{call.name}" takes {_words(known)}, not {number}')
        return
    if not sure:
        return
    for index, argument in enumerate(call.args):
        type, nullable = known.parameter(index)
        wrong = mismatch(argument, type)
        is_null = wrong is None and hcl.literal(argument) is None
        if is_null and not nullable and type.name != "any":
            yield at(
                site.place(argument),
                f'"{call.name}" takes no null',
                object=label(site.owner),
                severity=site.severity,
            )
        elif wrong:
            message = f'"{call.name}": {wrong.message}'
            yield at(
                site.place(wrong.node), message, object=label(site.owner), severity=site.severity
            )
    if call.name in _CONVERSIONS:
        from iachygiene.parse.terraform_types import Type

        wrong = mismatch(call.args[0], Type(_CONVERSIONS[call.name]))
        if wrong:
            message = f'"{call.name}": {wrong.message}'
            yield at(
                site.place(wrong.node), message, object=label(site.owner), severity=site.severity
            )


def _words(known: Signature) -> str:
    least, most = known.least, known.most
    if most is None:
        return f"at least {_arguments(least)}"
    return _arguments(most) if least == most else f"{least} to {_arguments(most)}"


def _arguments(number: int) -> str:
    return f"{number or 'no'} argument{'' if number == 1 else 's'}"
