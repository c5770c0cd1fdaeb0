"""Which module sources are repositories or registry addresses, and what pins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding, Job
from iachygiene.parse.terraform import TerraformModule, load
from iachygiene.rule import get
from iachygiene.rules.terraform.modules import GitSource, git_source, is_registry_address


def findings(
    root: Path, code: str, text: str, name: str = "main.tf", **options: object
) -> list[Finding]:
    (root / name).write_text(text)
    tree = Tree(str(root), listed=frozenset([name]))
    units = load(Job("terraform", "", (name,), {}), tree)
    (module,) = (unit for unit in units if isinstance(unit, TerraformModule))
    return list(get(code).check(module, **options))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("git::https://example.com/a.git", GitSource("example.com", "")),
        ("git::https://example.com/a.git?ref=v1", GitSource("example.com", "v1")),
        ("git::https://example.com/a.git//sub?ref=v1&depth=1", GitSource("example.com", "v1")),
        ("git::https://example.com/a.git?depth=1&ref=v1//sub", GitSource("example.com", "v1")),
        ("git::ssh://git@example.com:2222/a.git", GitSource("example.com", "")),
        ("git::https://token@example.com/a?ref=", GitSource("example.com", "")),
        ("git::git@example.com:a/b.git?ref=v1", GitSource("example.com", "v1")),
        ("git@github.com:a/b.git", GitSource("github.com", "")),
        ("github.com/a/b//sub?ref=v1", GitSource("github.com", "v1")),
        ("bitbucket.org/a/b", GitSource("bitbucket.org", "")),
        ("git://example.com/a.git", GitSource("example.com", "")),
        ("hg::http://example.com/a.hg?rev=default", GitSource("example.com", "default")),
        ("git::file:///srv/a.git", GitSource("", "")),
        ("git::./a", GitSource("", "")),
        ("./a", None),
        ("../a?ref=main", None),
        ("https://example.com/a.git", None),
        ("https://example.com/a.zip?ref=main", None),
        ("s3::https://s3-eu-west-1.amazonaws.com/a/b.zip", None),
        ("gcs::https://www.googleapis.com/storage/v1/a/b.zip", None),
        ("a/b/c", None),
        ("github.community/a/b", None),
        ("", None),
    ],
)
def test_a_source_is_a_repository_or_not(source: str, expected: GitSource | None) -> None:
    assert git_source(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("terraform-aws-modules/vpc/aws", True),
        ("terraform-aws-modules/vpc/aws//modules/x", True),
        ("registry.terraform.io/a/b/c", True),
        ("app.terraform.io:8443/a/b/c", True),
        ("localhost/a/b/c", True),
        ("gitlab.com/a/b/c", True),
        ("github.com/a/b", False),
        ("github.com/a/b/c", False),
        ("bitbucket.org/a/b/c", False),
        ("./a/b/c", False),
        ("../a/b", False),
        ("a/b", False),
        ("a/b/c/d", False),
        ("a/b/C", False),
        ("-a/b/c", False),
        ("a/b/c?ref=1", False),
        ("https://example.com/a/b", False),
        ("a" * 5000 + "/b/c", False),
    ],
)
def test_a_source_is_an_address_in_a_registry_or_not(source: str, expected: bool) -> None:
    assert is_registry_address(source) is expected


@pytest.mark.parametrize(
    ("ref", "expected"),
    [("v1.2", True), ("1.2.3-rc.1", True), ("v1", True), ("main", False), ("v1.2.3.4", False)],
)
def test_semantic_refs_are_versions(ref: str, expected: bool, tmp_path: Path) -> None:
    text = f'module "a" {{\n  source = "git::https://example.com/a?ref={ref}"\n}}\n'
    assert (not findings(tmp_path, "TF104", text, style="semver")) is expected


def test_findings_about_a_source_stand_at_its_value(tmp_path: Path) -> None:
    text = 'module "a" {\n  source = "github.com/a/b"\n}\n'
    (finding,) = findings(tmp_path, "TF104", text)
    assert text[slice(*finding.location.span)] == '"github.com/a/b"'
    assert (finding.object, finding.message) == (
        "module a",
        'source "github.com/a/b" names no revision',
    )


def test_a_missing_version_stands_at_the_header(tmp_path: Path) -> None:
    text = 'module "a" {\n  source = "a/b/c"\n}\n'
    (finding,) = findings(tmp_path, "TF105", text)
    assert text[slice(*finding.location.span)] == 'module "a"'


def test_a_version_that_is_not_known_is_not_judged(tmp_path: Path) -> None:
    text = 'module "a" {\n  source  = "a/b/c"\n  version = file("v")\n}\n'
    assert findings(tmp_path, "TF105", text, exact=True) == []


def test_json_is_judged_too(tmp_path: Path) -> None:
    text = '{"module": {"a": {"source": "a/b/c"}, "b": [{"source": "github.com/a/b"}]}}'
    (one,) = findings(tmp_path, "TF105", text, "main.tf.json")
    (other,) = findings(tmp_path, "TF104", text, "main.tf.json")
    assert text[slice(*one.location.span)] == '"a"'
    assert text[slice(*other.location.span)] == '"github.com/a/b"'
