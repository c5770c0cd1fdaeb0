"""Which providers a module uses, and what it says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.fix import fixed
from iachygiene.model import Finding, Job, SourceFile
from iachygiene.parse.terraform import TerraformModule, load
from iachygiene.rule import get


def findings(root: Path, text: str, name: str = "main.tf", **options: object) -> list[Finding]:
    (root / name).write_text(text)
    names = sorted(path.name for path in root.iterdir())
    tree = Tree(str(root), listed=frozenset(names))
    units = load(Job("terraform", "", tuple(names), {}), tree)
    (module,) = (unit for unit in units if isinstance(unit, TerraformModule))
    return list(get("TF103").check(module, **options))


def providers(root: Path, text: str) -> list[str]:
    return [finding.object for finding in findings(root, text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('resource "aws_x" "a" {}', ["provider aws"]),
        ('data "external" "a" {}', ["provider external"]),
        ('ephemeral "aws_x" "a" {}', ["provider aws"]),
        ('check "c" {\n  data "http_x" "a" {}\n}', ["provider http"]),
        ('resource "google_x" "a" {\n  provider = google-beta\n}', ["provider google-beta"]),
        ('resource "aws_x" "a" {\n  provider = other.west\n}', ["provider other"]),
        ('resource "aws_x" "a" {\n  provider = other.west["x"]\n}', ["provider other"]),
        ('resource "aws_x" "a" {\n  provider = "other.west"\n}', ["provider other"]),
        ('provider "aws" {}', ["provider aws"]),
        (
            'module "a" {\n  source = "./a"\n  providers = {\n    x = aws.b\n    y = "gcp"\n  }\n}',
            ["provider aws", "provider gcp"],
        ),
        ("locals {\n  a = [provider::time::rfc3339_parse(x)]\n}", ["provider time"]),
        ('resource "aws_x" "a" {}\nresource "aws_y" "b" {}', ["provider aws"]),
        ('resource "terraform_data" "a" {}\ndata "terraform_remote_state" "b" {}', []),
        ('locals {\n  a = "provider::time::x"\n}', []),
        ("", []),
    ],
)
def test_used_providers_without_an_entry(text: str, expected: list[str], tmp_path: Path) -> None:
    assert providers(tmp_path, text + "\n") == expected


ENTRY = 'terraform {\n  required_providers {\n    aws = %s\n  }\n}\nprovider "aws" {}\n'


@pytest.mark.parametrize(
    ("entry", "options", "expected"),
    [
        ('{ source = "hashicorp/aws", version = "5" }', {}, []),
        ('{ source = "hashicorp/aws" }', {}, ["version constraint"]),
        ('{ version = "5" }', {}, ["source"]),
        ("{}", {}, ["source", "version constraint"]),
        ("{ source = null, version = null }", {}, ["source", "version constraint"]),
        ('{ source = "terraform.io/builtin/terraform" }', {}, []),
        ('"~> 5"', {}, ["source"]),
        ('"~> 5"', {"source": False}, []),
        ("{}", {"source": False}, ["version constraint"]),
        ("{}", {"source": False, "version": False}, []),
        ("local.aws", {}, []),
        ('{ source = "hashicorp/aws", version = local.v }', {}, []),
    ],
)
def test_entries_are_judged_by_what_they_lack(
    entry: str, options: dict[str, bool], expected: list[str], tmp_path: Path
) -> None:
    found = findings(tmp_path, ENTRY % entry, **options)
    assert [finding.message for finding in found] == [
        f'provider "aws" has no {what}' for what in expected
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{ source = "hashicorp/aws" }'),
        ("{ }", '{ source = "hashicorp/aws" }'),
        ('{ version = "5" }', '{ source = "hashicorp/aws", version = "5" }'),
        (
            '{\n      version = "5"\n    }',
            '{\n      source = "hashicorp/aws"\n      version = "5"\n    }',
        ),
        (
            '"~> 5"',
            '{\n      source  = "hashicorp/aws"\n      version = "~> 5"\n    }',
        ),
    ],
)
def test_the_fix_names_the_source_that_a_bare_name_means(
    before: str, after: str, tmp_path: Path
) -> None:
    text = ENTRY % before
    fixes = [one.fix for one in findings(tmp_path, text) if one.fix]
    assert fixed(SourceFile("main.tf", text.encode()), fixes).decode() == ENTRY % after


def test_the_fix_keeps_json_valid(tmp_path: Path) -> None:
    text = (
        '{"terraform": {"required_providers": {"aws": {"version": "5"}, "gcp": "1", "x": {}}},'
        ' "provider": {"aws": {}, "gcp": {}, "x": {}}}'
    )
    fixes = [one.fix for one in findings(tmp_path, text, "main.tf.json") if one.fix]
    assert fixed(SourceFile("main.tf.json", text.encode()), fixes).decode() == (
        '{"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "5"},'
        ' "gcp": {"source": "hashicorp/gcp", "version": "1"}, "x": {"source": "hashicorp/x"}}},'
        ' "provider": {"aws": {}, "gcp": {}, "x": {}}}'
    )


def test_a_missing_entry_stands_at_the_first_use(tmp_path: Path) -> None:
    text = 'provider "aws" {}\nresource "aws_x" "a" {}\n'
    (finding,) = findings(tmp_path, text)
    assert text[slice(*finding.location.span)] == 'resource "aws_x" "a"'


def test_a_missing_part_stands_at_the_name_of_the_entry(tmp_path: Path) -> None:
    text = ENTRY % '{ source = "hashicorp/aws" }'
    (finding,) = findings(tmp_path, text)
    assert text[slice(*finding.location.span)] == "aws"


def test_a_version_of_a_provider_block_stands_at_its_header(tmp_path: Path) -> None:
    text = ENTRY.replace("{}", '{\n  version = "5"\n}')
    text %= '{ source = "hashicorp/aws", version = "5" }'
    (finding,) = findings(tmp_path, text)
    assert text[slice(*finding.location.span)] == 'provider "aws"'


def test_nothing_is_missing_where_a_file_does_not_parse(tmp_path: Path) -> None:
    (tmp_path / "versions.tf").write_text("terraform {\n")
    assert findings(tmp_path, 'provider "aws" {}\n') == []


def test_requirements_of_an_override_file_count(tmp_path: Path) -> None:
    (tmp_path / "override.tf").write_text(
        (ENTRY % '{ source = "hashicorp/aws", version = "5" }').replace('provider "aws" {}\n', "")
    )
    text = 'terraform {\n  required_version = ">= 1"\n}\nprovider "aws" {}\n'
    assert findings(tmp_path, text) == []


def test_resources_without_labels_are_passed_over(tmp_path: Path) -> None:
    text = "resource {}\nprovider {}\nmodule {}\ndata {}\nterraform {}\n"
    assert findings(tmp_path, text) == []
