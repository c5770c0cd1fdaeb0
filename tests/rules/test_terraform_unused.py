"""What counts as a use of a declaration, and what its removal leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.fix import fixed
from iachygiene.model import Finding, Job, SourceFile
from iachygiene.parse.terraform import TerraformModule, load
from iachygiene.rule import get


def findings(root: Path, files: dict[str, str], code: str = "TF201") -> list[Finding]:
    for name, text in files.items():
        (root / name).write_bytes(text.encode())
    tree = Tree(str(root), listed=frozenset(files))
    units = load(Job("terraform", "", tuple(files), {}), tree)
    (module,) = [unit for unit in units if isinstance(unit, TerraformModule)]
    return list(get(code).check(module))


def messages(root: Path, files: dict[str, str], code: str = "TF201") -> list[str]:
    return [finding.message for finding in findings(root, files, code)]


@pytest.mark.parametrize(
    "use",
    [
        "a = var.x",
        "a = -var.x",
        "a = var . x",
        "a = var.x[0].y.*.z",
        "a = f(g([{ (var.x) = 1 }])...)",
        'a = "${"${var.x}"}"',
        'a = { "${var.x}-1" = 1 }',
        "a = [for k, v in var.x : k if v]",
        "a = { for k in b : k => var.x... }",
        "a = b[var.x]",
        "a = b ? c : !var.x",
        "a = <<-EOT\n%{if b}%{for c in d}${var.x}%{endfor}%{endif}\nEOT",
        "dynamic b {\ncontent {\na = var.x\n}\n}",
        "lifecycle {\nreplace_triggered_by = [c.d[var.x]]\n}",
        "a = provider::b::c(var.x)",
    ],
)
def test_reference_counts_wherever_it_stands(tmp_path: Path, use: str) -> None:
    files = {"main.tf": f'variable "x" {{}}\nresource "a" "b" {{\n{use}\n}}\n'}
    assert messages(tmp_path, files) == []


@pytest.mark.parametrize(
    "value",
    [
        r"\nvar.x",
        "${-var.x}",
        "${1-var.x}",
        "${ var . x }",
        r"\u0024{var.x}",
        "%{if var.x}1%{endif}",
    ],
)
def test_reference_in_json_counts(tmp_path: Path, value: str) -> None:
    text = '{"variable": {"x": {}}, "output": {"a": {"value": [{"b": "HERE"}]}}}'
    files = {"main.tf.json": text.replace("HERE", value)}
    assert messages(tmp_path, files) == []


def test_reference_in_a_key_of_json_counts(tmp_path: Path) -> None:
    files = {"a.tf.json": '{"variable": {"x": {}}, "output": {"a": {"value": {"${var.x}": 1}}}}'}
    assert messages(tmp_path, files) == []


def test_reference_across_syntaxes_counts(tmp_path: Path) -> None:
    files = {
        "a.tf": 'variable "x" {}\nlocals {\n  y = 1\n}\n',
        "b.tf.json": '{"output": {"x": {"value": "${var.x}"}, "y": {"value": "${local.y}"}}}',
    }
    assert messages(tmp_path, files) == []


def test_longer_name_is_another_name(tmp_path: Path) -> None:
    files = {"a.tf": 'variable "x" {}\noutput "x" {\n  value = var.x-y\n}\n'}
    assert messages(tmp_path, files) == ['variable "x" is not used']


@pytest.mark.parametrize("code", ["TF101", "TF201", "TF202", "TF207"])
def test_module_that_does_not_parse_completely_is_not_judged(tmp_path: Path, code: str) -> None:
    files = {
        "a.tf": 'variable "x" {}\nterraform {\nrequired_providers {\na = "1"\n}\n}\n',
        "b.tf": "a = [\n",
    }
    assert messages(tmp_path, files, code) == []


def test_own_validation_in_an_override_file_is_no_use(tmp_path: Path) -> None:
    files = {
        "a.tf": 'variable "x" {}\n',
        "a_override.tf": 'variable "x" {\n  validation {\n    condition = var.x > 1\n  }\n}\n',
    }
    assert messages(tmp_path, files) == ['variable "x" is not used']


def test_file_that_another_replaces_uses_nothing(tmp_path: Path) -> None:
    files = {
        "a.tf": 'variable "x" {}\n',
        "b.tf": 'output "x" {\n  value = var.x\n}\n',
        "b.tofu": 'output "x" {\n  value = 1\n}\n',
    }
    assert messages(tmp_path, files) == ['variable "x" is not used']


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('variable "x" {\n}\n', ""),
        ('variable "x" {\n}', ""),
        ("a {}\n\nvariable x {\n}\n\nb {}\n", "a {}\n\nb {}\n"),
        ("a {}\r\n\r\nvariable x {\r\n}\r\n\r\nb {}\r\n", "a {}\r\n\r\nb {}\r\n"),
        ("a {}\n\nvariable x {\n}\n", "a {}\n"),
        ("a {}\nvariable x {\n}\nb {}\n", "a {}\nb {}\n"),
        ("locals {\n  x = <<EOT\na\nEOT\n}\n", "locals {\n}\n"),
        ("locals { x = 1 }\n", "locals { x = 1 }\n"),
        ("variable x {} # why\n", "variable x {} # why\n"),
    ],
)
def test_removal_takes_whole_lines(tmp_path: Path, before: str, after: str) -> None:
    (finding,) = findings(tmp_path, {"a.tf": before})
    fixes = [finding.fix] if finding.fix else []
    assert fixed(SourceFile("a.tf", before.encode()), fixes).decode() == after
