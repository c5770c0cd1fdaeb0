"""Where called modules come from, and in which version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Edit, Finding, Findings, Fix, Severity, Span, at
from iachygiene.parse.terraform import Attribute, Block, TerraformModule
from iachygiene.rule import rule
from iachygiene.versions import is_exact, parse_constraint, parse_version

_DEFAULT_BRANCHES = ("master", "main", "default", "develop")


class GitSource(NamedTuple):
    """A module source that is a repository. `ref` is empty where none is named."""

    host: str
    ref: str


_SHORT_HOSTS = ("github.com/", "bitbucket.org/")
_REMOTE = regex(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)(?:[^@/]*@)?([^/:?]*)")
_SCP = regex(r"[A-Za-z0-9_.-]+@([^:/?]+):")


def git_source(source: str) -> GitSource | None:
    """The repository that a module source names, None for every other kind of source.

    https://developer.hashicorp.com/terraform/language/modules/sources
    """
    address, _, query = source.partition("?")
    forced = address.startswith(("git::", "hg::"))
    if forced:
        address = address.partition("::")[2]
    remote = _REMOTE.match(address) or _SCP.match(address)
    if address.startswith(_SHORT_HOSTS):
        host = address.partition("/")[0]
    elif forced or _SCP.match(address) or address.startswith(("git://", "hg://")):
        host = remote[1] if remote else ""
    else:
        return None
    values = dict(part.partition("=")[::2] for part in reversed(query.split("&")))
    ref = values.get("ref") or values.get("rev") or ""
    return GitSource(host, ref.partition("//")[0])


@rule(
    "TF104",
    TerraformModule,
    Severity.WARNING,
    aliases=("tflint:terraform_module_pinned_source",),
)
def unpinned_module_source(
    module: TerraformModule,
    *,
    style: Literal["flexible", "semver"] = "flexible",
    default_branches: Sequence[str] = (),
) -> Findings:
    """A module comes from a repository without a fixed revision.

    What `init` fetches then changes with every commit to that repository. A tag or a commit
    in `?ref=` keeps it. Sources that are not Git or Mercurial repositories are not judged.

    Options:
        style: `flexible` accepts every ref but a default branch, `semver` only versions.
        default_branches: names of branches besides master, main, default and develop.

    Bad:
        module "vpc" {
          source = "git::https://example.com/vpc.git"
        }
    Bad: a default branch moves, too
        module "vpc" {
          source = "github.com/example/vpc?ref=main"
        }
    Bad:
        module "vpc" {
          source = "git@github.com:example/vpc.git//modules/subnet"
        }
    Bad: a branch of this organisation
        -- .iachygiene.toml --
        [rules.unpinned-module-source]
        default-branches = ["trunk"]
        -- main.tf --
        module "vpc" {
          source = "git::ssh://git@example.com/vpc.git?ref=trunk"
        }
    Bad: not a version
        -- .iachygiene.toml --
        [rules.unpinned-module-source]
        style = "semver"
        -- main.tf --
        module "vpc" {
          source = "git::https://example.com/vpc.git?ref=feature-1"
        }
    Bad: the default of a variable
        variable "source" {
          default = "hg::https://example.com/vpc"
        }
        module "vpc" {
          source = var.source
        }
    Good:
        module "vpc" {
          source = "git::https://example.com/vpc.git?ref=v1.2.0"
        }
    Good: a commit
        module "vpc" {
          source = "github.com/example/vpc//modules/subnet?ref=0d8d1b3"
        }
    Good: Mercurial has revisions
        module "vpc" {
          source = "hg::https://example.com/vpc?rev=1.2.0"
        }
    Good: a local module
        module "vpc" {
          source = "./vpc"
        }
    Good: an archive
        module "vpc" {
          source = "https://example.com/vpc.zip"
        }
    Good: a source that is not known
        variable "source" {
        }
        module "vpc" {
          source = "git::${var.source}"
        }
    """
    for call in module.of("module"):
        source = call.attributes.get("source")
        value = module.constant(source) if source else None
        repository = git_source(value.strip()) if isinstance(value, str) else None
        if source is None or repository is None:
            continue
        if not repository.host:
            yield _about(call, source, f'source "{value}" is not a valid URL')
        elif not repository.ref:
            yield _about(call, source, f'source "{value}" names no revision')
        elif style == "semver":
            if not _is_semantic(repository.ref):
                yield _about(call, source, f'revision "{repository.ref}" is not a version')
        elif repository.ref in (*_DEFAULT_BRANCHES, *default_branches):
            yield _about(call, source, f'revision "{repository.ref}" is a default branch')


def _is_semantic(ref: str) -> bool:
    version = parse_version(ref)
    return version is not None and len(version.release) <= 3


def _about(call: Block, attribute: Attribute, message: str) -> Finding:
    return at(attribute, message, object=call.object)


_COMMIT = regex(r"[0-9a-f]{4,64}")


@rule(
    "TF106",
    TerraformModule,
    Severity.WARNING,
    default="off",
    aliases=("tflint:terraform_module_shallow_clone",),
)
def full_depth_module_clone(module: TerraformModule) -> Findings:
    """A module comes from a Git repository with all of its history.

    `init` needs one revision; with `depth=1` it fetches no more than that. A commit cannot
    be fetched in this way, only a branch or a tag, so that a `ref` that looks like a commit
    is not judged.

    Bad:
        module "vpc" {
          source = "git::https://example.com/vpc.git?ref=v1.2.0"
        }
    Fixed:
        module "vpc" {
          source = "git::https://example.com/vpc.git?depth=1&ref=v1.2.0"
        }
    Bad: more than one revision
        module "vpc" {
          source = "github.com/example/vpc//modules/subnet?ref=v1.2.0&depth=2"
        }
    Bad: the fix leaves variables alone
        variable "ref" {
          default = "v1.2.0"
        }
        module "vpc" {
          source = "git::https://example.com/vpc.git?ref=${var.ref}"
        }
    Good:
        module "vpc" {
          source = "git::https://example.com/vpc.git?depth=1&ref=v1.2.0"
        }
    Good: in any order
        module "vpc" {
          source = "git@github.com:example/vpc.git?ref=v1.2.0&depth=1"
        }
    Good: a commit
        module "vpc" {
          source = "github.com/example/vpc?ref=0d8d1b3"
        }
    Good: no revision at all is another rule's matter
        module "vpc" {
          source = "github.com/example/vpc"
        }
    Good: Mercurial has no such thing
        module "vpc" {
          source = "hg::https://example.com/vpc?ref=v1.2.0"
        }
    """
    for call in module.of("module"):
        source = call.attributes.get("source")
        value = module.constant(source) if source else None
        repository = git_source(value.strip()) if isinstance(value, str) else None
        if source is None or not isinstance(value, str) or repository is None:
            continue
        if not repository.ref or _COMMIT.fullmatch(repository.ref) or "hg" in _scheme(value):
            continue
        query = value.partition("?")[2].partition("//")[0].split("&")
        if "depth=1" not in query:
            message = f'source "{value}" is fetched with its history'
            given = any(part.startswith("depth=") for part in query)
            fix = None if given else _shallow(source)
            yield at(source, message, object=call.object, fix=fix)


def _scheme(source: str) -> Sequence[str]:
    """What forces a way of fetching, and the scheme of the URL."""
    forced, _, rest = source.strip().rpartition("::")
    return forced, rest.partition("://")[0]


def _shallow(source: Attribute) -> Fix | None:
    place = re.search(r"[?&](?=ref=)", source.text)
    if place is None or not source.text.startswith('"') or "${" in source.text:
        return None
    start = source.location.span.start + place.end()
    return Fix("fetch one revision", (Edit(Span(start, start), "depth=1&"),))


_PART = r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}[0-9A-Za-z])?"
_REGISTRY = regex(
    rf"(?:([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+(?::[0-9]+)?|localhost(?::[0-9]+)?)/)?"
    rf"{_PART}/{_PART}/[0-9a-z]{{1,64}}(?://[^?]*)?"
)


def is_registry_address(source: str) -> bool:
    """Whether a module source is an address in a registry.

    https://developer.hashicorp.com/terraform/language/modules/sources#terraform-registry
    """
    found = _REGISTRY.fullmatch(source) if len(source) <= 1000 else None
    return found is not None and found[1] not in ("github.com", "bitbucket.org")


@rule("TF105", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_module_version",))
def unpinned_registry_module(module: TerraformModule, *, exact: bool = False) -> Findings:
    """A registry module is called without a `version`.

    `init` then takes the newest release, so a plan can change while the configuration does
    not.

    Options:
        exact: whether the version has to be a single one, not a range.

    Bad:
        module "vpc" {
          source = "terraform-aws-modules/vpc/aws"
        }
    Bad: a registry of one's own
        module "vpc" {
          source  = "registry.example.com/network/vpc/aws//modules/subnet"
          version = null
        }
    Bad: a range where one version is wanted
        -- .iachygiene.toml --
        [rules.unpinned-registry-module]
        exact = true
        -- main.tf --
        module "vpc" {
          source  = "terraform-aws-modules/vpc/aws"
          version = "~> 5.8"
        }
    Good:
        module "vpc" {
          source  = "terraform-aws-modules/vpc/aws"
          version = "~> 5.8"
        }
    Good: a local path has no version of its own
        module "vpc" {
          source = "./vpc"
        }
    Good: nor has a repository
        module "vpc" {
          source = "github.com/example/vpc"
        }
    Good: one version
        -- .iachygiene.toml --
        [rules.unpinned-registry-module]
        exact = true
        -- main.tf --
        module "vpc" {
          source  = "terraform-aws-modules/vpc/aws"
          version = "= 5.8.1"
        }
    """
    for call in module.of("module"):
        source, version = call.attributes.get("source"), call.attributes.get("version")
        address = module.constant(source) if source else None
        if not isinstance(address, str) or not is_registry_address(address.strip()):
            continue
        wanted = module.constant(version) if version else None
        if version is None or wanted is None:
            name = call.labels[0] if call.labels else ""
            yield at(call, f'module "{name}" takes the newest release of its source')
        elif exact and isinstance(wanted, str):
            constraint = parse_constraint(wanted)
            if constraint is None or not is_exact(constraint):
                yield _about(call, version, f'version "{wanted}" is not a single version')
