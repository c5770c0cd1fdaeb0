"""Versions that a project declares, and the ones that it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from posixpath import dirname, normpath

from iachygiene.image import ImageRef, parse_image
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.project import (
    ModuleFact,
    Project,
    ProviderFact,
    StageFact,
    ToolFact,
    VersionFact,
    is_below,
    side_tree,
)
from iachygiene.ranges import (
    Range,
    at_least,
    beginning_with,
    npm_range,
    overlap,
    python_range,
    terraform_range,
    within_all,
)
from iachygiene.rule import rule
from iachygiene.versions import allows, parse_constraint, parse_version

_OFFICIAL = {
    "node": "node",
    "python": "python",
    "golang": "go",
    "rust": "rust",
    "ruby": "ruby",
    "mcr.microsoft.com/dotnet/sdk": "dotnet",
}


@rule("PRJ106", Project, Severity.WARNING)
def diverging_runtime_version(project: Project) -> Findings:
    """The image has another version of the runtime than the project says it needs.

    `.nvmrc`, `engines`, `requires-python`, `go.mod` and their like say which version the sources
    are written for and tested with. A Dockerfile that starts from another one ships something
    that nobody tested. Judged are official images, and files that the Dockerfile copies.

    Bad:
        -- Dockerfile --
        FROM node:18-slim
        COPY . .
        RUN npm ci
        -- package.json --
        {"name": "shop", "engines": {"node": ">=20"}}
    Bad:
        -- Dockerfile --
        FROM golang:1.22 AS build
        COPY go.mod go.sum ./
        RUN go mod download
        -- go.mod --
        module example.com/shop

        go 1.24.1
        -- go.sum --
    Good: the image's tag holds the version
        -- Dockerfile --
        FROM node:22-slim
        COPY . .
        -- .nvmrc --
        v22.11.0
    Good: another directory
        -- api/Dockerfile --
        FROM python:3.11-slim
        COPY . .
        -- api/main.py --
        -- pyproject.toml --
        [project]
        name = "tools"
        requires-python = ">=3.13"
    Good: nobody says which
        -- Dockerfile --
        FROM node:lts-slim
        COPY . .
        -- package.json --
        {"name": "shop", "engines": {"node": ">=20"}}
    """
    versions = [(one, found) for one in project.of(VersionFact) if (found := _range(one))]
    for stage in project.stages:
        image = parse_image(stage.base, stage.base_location)
        runtime = _OFFICIAL.get(image.name)
        taken = _of_tag(image, runtime) if runtime else None
        if runtime is None or taken is None:
            continue
        for one, wanted in versions:
            if one.runtime != runtime or overlap(taken, wanted):
                continue
            if side_tree(one.location.path) != side_tree(stage.dockerfile):
                continue
            if _is_copied(project, stage, one.location.path):
                message = f'"{stage.base}", but the project declares {one.runtime} {one.text}'
                related = [one.location.labelled("declared here")]
                yield at(stage.base_location, message, related=related)
                break


def _of_tag(image: ImageRef, runtime: str) -> Range | None:
    if image.tag is None or image.tag.unknown:
        return None
    text = image.tag.text
    if runtime == "dotnet":
        # Patches of the SDK have numbers of their own.
        text = ".".join(text.partition("-")[0].split(".")[:2])
    return beginning_with(text)


def _range(one: VersionFact) -> Range | None:
    read = {
        "exact": beginning_with,
        "least": at_least,
        "npm": npm_range,
        "python": python_range,
    }
    return read[one.notation](one.text)


def _is_copied(project: Project, stage: StageFact, path: str) -> bool:
    """Whether a file lies in the build context and is among what the stage copies."""
    for context in project.contexts_of(stage.dockerfile):
        if not is_below(path, context):
            continue
        for source in stage.copied:
            whole = normpath(f"{context}/{source}" if context else source)
            whole = "" if whole == "." else whole
            if path == whole or dirname(path) == whole:
                return True
            if "*" in source and _matches(path, whole):
                return True
    return False


def _matches(path: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    same_depth = path.count("/") == pattern.count("/")
    return same_depth and len(pattern) < 200 and fnmatchcase(path, pattern)


@rule("PRJ107", Project, Severity.WARNING)
def diverging_terraform_version(project: Project) -> Findings:
    """A version file or a CI step takes a Terraform that a configuration refuses.

    `required_version` of the configuration leaves out the version that `.terraform-version`, or
    the step that sets Terraform up, names for its directory: `terraform init` ends with
    "Unsupported Terraform Core version".

    Bad:
        -- .terraform-version --
        1.5.7
        -- infra/main.tf --
        terraform {
          required_version = ">= 1.9"
        }
    Bad:
        -- .github/workflows/plan.yml --
        jobs:
          plan:
            defaults: {run: {working-directory: infra}}
            steps:
              - uses: actions/checkout@v4
              - uses: hashicorp/setup-terraform@v3
                with: {terraform_version: 1.5.7}
              - run: terraform plan
        -- infra/main.tf --
        terraform {
          required_version = ">= 1.9"
        }
    Good:
        -- .terraform-version --
        1.11.4
        -- infra/main.tf --
        terraform {
          required_version = "~> 1.9"
        }
    Good: the nearest file counts
        -- .terraform-version --
        1.5.7
        -- infra/.terraform-version --
        1.11.4
        -- infra/main.tf --
        terraform {
          required_version = ">= 1.9"
        }
    """
    tools = project.of(ToolFact)
    for module in project.of(ModuleFact):
        constraint = parse_constraint(module.required) if module.required else None
        if constraint is None:
            continue
        for tool in _tools_for(module, tools):
            version = parse_version(tool.version)
            if version is None or len(version.release) != 3 or allows(constraint, version):
                continue
            message = f'{tool.version} is not within required_version "{module.required}"'
            related = [module.location.labelled("required here")]
            yield at(tool.location, message, related=related)


def _tools_for(module: ModuleFact, tools: list[ToolFact]) -> Iterator[ToolFact]:
    """The version file nearest to a module, and the CI steps for its directory."""
    side = side_tree(f"{module.directory}/x")
    files = [
        one
        for one in tools
        if not one.location.path.startswith(".github/")
        and is_below(f"{module.directory}/x" if module.directory else "x", one.directory)
        and side_tree(one.location.path) == side
    ]
    if files:
        yield max(files, key=lambda one: len(one.directory))
    for one in tools:
        if one.location.path.startswith(".github/") and one.directory == module.directory:
            yield one


@rule("PRJ108", Project, Severity.INFO, default="off")
def diverging_provider_constraint(project: Project) -> Findings:
    """Two configurations of the repository constrain a provider so that no version fits both.

    Each works alone. But one cannot move a resource from one to the other, share a lock file or
    a module, and reads two versions of the documentation. Modules that others call are left
    out: they meet the constraints of their callers anyway.

    Bad:
        -- network/main.tf --
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "~> 4.0"
            }
          }
        }
        -- shop/main.tf --
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "~> 5.0"
            }
          }
        }
    Good:
        -- network/main.tf --
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = ">= 4.67"
            }
          }
        }
        -- shop/main.tf --
        terraform {
          required_providers {
            aws = {
              source  = "hashicorp/aws"
              version = "~> 5.0"
            }
          }
        }
    """
    called = {path for module in project.of(ModuleFact) for path in module.called}
    by_source: dict[str, list[tuple[ProviderFact, Range]]] = defaultdict(list)
    for one in project.of(ProviderFact):
        constraint = parse_constraint(one.constraint)
        if constraint is None or one.directory in called or side_tree(one.location.path):
            continue
        by_source[one.source.lower()].append((one, terraform_range(constraint)))
    for source, constraints in by_source.items():
        for number, (one, range_) in enumerate(constraints):
            other = next(
                (two for two, before in constraints[:number] if not within_all((range_, before))),
                None,
            )
            if other is not None and other.directory != one.directory:
                message = (
                    f'no version of "{source}" is both {one.constraint} and {other.constraint}'
                )
                related = [other.location.labelled("constrained otherwise")]
                yield at(one.location, message, related=related)
