"""What `terraform validate` says."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Finding, Findings, Severity, at
from iachygiene.parse.terraform import Validation
from iachygiene.rule import rule


@rule("TF501", Validation, Severity.ERROR, needs="terraform")
def validation_error(validation: Validation) -> Findings:
    """`terraform validate` refuses the configuration.

    The program is run on the modules that no other module of the repository calls, with its
    data directory outside of the repository. Local modules need no `init`. Where providers
    or remote modules are not installed, the program stops before it looks at references and
    resources; that is a status of the run and not a finding. Nothing is installed unless
    you say so with `--init`. What another rule finds at the same place is not said twice.

    Bad:
        output "name" {
          value = var.name
        }
    Bad: a local module is called without what it needs
        module "network" {
          source = "./network"
        }
        -- network/main.tf --
        variable "cidr" {
          type = string
        }
    Good:
        variable "name" {
          type = string
        }
        output "name" {
          value = var.name
        }
    Good: a module with everything it needs
        -- main.tf --
        module "network" {
          source = "./network"
          cidr   = "10.0.0.0/16"
        }
        -- network/main.tf --
        variable "cidr" {
          type = string
        }
    """
    yield from _said(validation, "error")


@rule("TF502", Validation, Severity.WARNING, needs="terraform")
def validation_warning(validation: Validation) -> Findings:
    """`terraform validate` accepts the configuration with a warning.

    Mostly forms that a later version will refuse.

    Bad:
        variable "name" {
          type = string
        }
        resource "terraform_data" "one" {
          input = var.name
        }
        resource "terraform_data" "two" {
          depends_on = ["terraform_data.one"]
        }
    Good:
        resource "terraform_data" "one" {
          input = "one"
        }
        resource "terraform_data" "two" {
          depends_on = [terraform_data.one]
        }
    """
    yield from _said(validation, "warning")


def _said(validation: Validation, severity: str) -> Iterator[Finding]:
    for one in validation.diagnostics:
        if one.severity == severity:
            detail = " ".join(one.detail.split())
            first = detail.partition(". ")[0].removesuffix(".")
            message = f"{one.summary}: {first}" if first else one.summary
            yield at(one.location, message[:400], object=one.object)
