"""Static validation of Terraform modules: what neither examples nor one module can show."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.hcl import parse
from iachygiene.model import Finding, Job, Location, Severity, Span
from iachygiene.parse.terraform import TerraformModule, load
from iachygiene.parse.terraform_types import Reader, mismatch, read_type
from iachygiene.rule import get
from iachygiene.rules.terraform.signatures import names, signature
from iachygiene.wrap.known import without_known


def findings(root: Path, code: str, files: dict[str, str], directory: str = "") -> list[Finding]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    tree = Tree(str(root), listed=frozenset(files))
    paths = tuple(name for name in files if name.rpartition("/")[0] == directory)
    units = load(Job("terraform", directory, paths, {"engine": "none"}), tree)
    modules = [unit for unit in units if isinstance(unit, TerraformModule)]
    return [finding for module in modules for finding in get(code).check(module)]


def messages(root: Path, code: str, files: dict[str, str]) -> list[str]:
    return [finding.message for finding in findings(root, code, files)]


@pytest.mark.parametrize("code", ["TF421", "TF424", "TF427", "TF430", "TF432"])
def test_a_module_with_a_broken_file_is_not_judged(code: str, tmp_path: Path) -> None:
    text = """
        resource "aws_instance" "web" {
          count    = 2
          provider = aws.west
          ami      = var.ami
          tags     = local.tags
        }
        output "id" {
          value = aws_instance.web.id
        }
        locals {
          one = local.two
          two = local.one
        }
    """
    files = {"main.tf": text, "broken.tf": "variable {{", "terraform.tfvars": "name = 1\n"}
    assert messages(tmp_path, code, files) == []


def test_a_called_module_with_a_broken_file_is_not_judged(tmp_path: Path) -> None:
    files = {
        "main.tf": 'module "a" {\n  source = "./a"\n  name = 1\n}\n',
        "use.tf": 'output "b" {\n  value = module.a.b\n}\n',
        "a/broken.tf": "variable {{",
        "a/outputs.tf": 'output "c" {\n  value = 1\n}\n',
    }
    assert messages(tmp_path, "TF428", files) == []


def test_a_module_outside_of_the_tree_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    files = {"main.tf": 'module "a" {\n  source = "../a"\n}\n'}
    assert messages(tmp_path / "root", "TF428", files) == []
    assert messages(tmp_path / "root", "TF429", files) == []


def test_a_circle_leads_through_two_modules_within_each_other(tmp_path: Path) -> None:
    inner = 'variable "in" {}\noutput "out" {\n  value = var.in\n}\n'
    outer = (
        'variable "in" {}\nmodule "inner" {\n  source = "../inner"\n  in = var.in\n}\n'
        'output "out" {\n  value = module.inner.out\n}\noutput "other" {\n  value = 1\n}\n'
    )
    main = 'module "m" {\n  source = "./outer"\n  in = module.m.OUTPUT\n}\n'
    files = {"main.tf": main.replace("OUTPUT", "out"), "outer/o.tf": outer, "inner/i.tf": inner}
    (message,) = messages(tmp_path, "TF427", files)
    assert {"module.m.in", "module.m.out"} < set(message.split())
    files["main.tf"] = main.replace("OUTPUT", "other")
    assert messages(tmp_path, "TF427", files) == []


def test_what_try_swallows_is_no_call_of_an_output_that_is_missing(tmp_path: Path) -> None:
    main = 'module "a" {\n  source = "./a"\n}\noutput "b" {\n  value = try(module.a.b, null)\n}\n'
    files = {"main.tf": main, "a/main.tf": ""}
    assert messages(tmp_path, "TF428", files) == []


def test_what_shows_only_when_a_dynamic_block_is_made_is_a_warning(tmp_path: Path) -> None:
    text = """
        variable "all" {}
        resource "aws_instance" "web" {
          dynamic "disk" {
            for_each = var.all
            content {
              name = each.value
            }
          }
        }
    """
    (finding,) = findings(tmp_path, "TF423", {"main.tf": text})
    assert finding.severity is Severity.WARNING


def test_a_changed_module_is_read_anew(tmp_path: Path) -> None:
    main = 'module "a" {\n  source = "./a"\n  name = 1\n}\n'
    tree = Tree(str(tmp_path), listed=frozenset(["main.tf", "a/main.tf"]))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "main.tf").write_text('variable "nme" {\n  default = 1\n}\n')
    (tmp_path / "main.tf").write_text(main)

    def judged() -> list[str]:
        units = load(Job("terraform", "", ("main.tf",), {"engine": "none"}), tree)
        (module,) = (unit for unit in units if isinstance(unit, TerraformModule))
        return [finding.message for finding in get("TF428").check(module)]

    assert judged() == ['the module has no variable "name"; did you mean "nme"?']
    tree.overlay["a/main.tf"] = b'variable "name" {}\n'
    assert judged() == []


def test_a_long_chain_of_references_needs_no_recursion(tmp_path: Path) -> None:
    lines = "".join(f"  a{number} = local.a{number + 1}\n" for number in range(5000))
    files = {"main.tf": f"locals {{\n{lines}  a5000 = 1\n}}\n"}
    assert messages(tmp_path, "TF427", files) == []
    files = {"main.tf": f"locals {{\n{lines}  a5000 = local.a0\n}}\n"}
    (message,) = messages(tmp_path, "TF427", files)
    assert message.endswith("-> local.a5000 -> local.a0")


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("bool", '"yes"'),
        ("bool", "1"),
        ("number", "true"),
        ("number", '"0x10"'),
        ("string", "[]"),
        ("string", "{}"),
        ("list(string)", "{}"),
        ("set(number)", '["a"]'),
        ("map(string)", "[]"),
        ("map(number)", '{ a = "b" }'),
        ("tuple([string, number])", '["a"]'),
        ("object({ a = string })", "{}"),
        ("object({ a = object({ b = bool }) })", '{ a = { b = "no" } }'),
        ("list", '"a"'),
        ("string", "[for one in var.x : one]"),
    ],
)
def test_a_value_that_cannot_become_a_type(type: str, value: str) -> None:
    assert mismatch(expression(value), read_type(expression(type))) is not None


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("bool", '"1"'),
        ("number", '"1e3"'),
        ("number", "var.x"),
        ("string", "true"),
        ("string", "null"),
        ("any", "[1, {}]"),
        ("set(string)", "[1, true]"),
        ("list(any)", '["a", 1]'),
        ("object({ a = optional(string) })", "{ b = 1 }"),
        ("object({ a = string })", "{ (var.x) = 1 }"),
        ("map(number)", "{ for one in var.x : one => 1 }"),
        ("number", 'var.x ? "1" : "a"'),
        ("tuple([string, bool])", '[1, "true"]'),
    ],
)
def test_a_value_that_can_become_a_type(type: str, value: str) -> None:
    assert mismatch(expression(value), read_type(expression(type))) is None


def expression(text: str):  # type: ignore[no-untyped-def]
    return parse(f"x = {text}\n").attributes["x"].expr


def test_a_wrong_type_tells_each_mistake() -> None:
    reader = Reader()
    reader.constraint(expression("object({ a = text, b = list(), c = tuple(string) })"))
    assert [one.message for one in reader.problems] == [
        '"text" is not a type',
        '"list" takes one argument, not none',
        '"tuple" takes a list of types',
    ]


def test_every_signature_can_be_read() -> None:
    for name in names():
        found = signature(name)
        assert found is not None
        assert found.most is None or found.least <= found.most


def said(path: str, start: int, end: int, message: str, rule: str = "TF501") -> Finding:
    return Finding(rule, Severity.ERROR, message, Location(path, Span(start, end)))


def test_one_defect_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('output "a" {\n  value = var.a + uper("b")\n}\nlocals {}\n')
    tree = Tree(str(tmp_path), listed=frozenset(["main.tf"]))
    static = [
        said("main.tf", 23, 28, 'variable "a" is not declared', "TF421"),
        said("main.tf", 0, 10, 'block "output" has no "x"', "TF403"),
    ]
    again = [
        said("main.tf", 23, 28, "Reference to undeclared input variable: x"),
        said("main.tf", 11, 12, "Missing required argument: x"),
    ]
    new = [
        said("main.tf", 31, 35, "Call to unknown function: x"),
        said("main.tf", 43, 49, "Something else: x"),
    ]
    assert without_known([*static, *again, *new], tree) == [*static, *new]


def test_a_cycle_without_a_place_is_the_one_that_is_found(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text("locals {\n  a = local.b\n  b = local.a\n}\n")
    tree = Tree(str(tmp_path), listed=frozenset(["main.tf"]))
    static = said("main.tf", 15, 22, "the references lead in a circle", "TF427")
    cycle = said("main.tf", 0, 0, "Cycle: local.a (expand), local.b (expand)")
    other = said("main.tf", 0, 0, "Something else")
    assert without_known([static, cycle, other], tree) == [static, other]
    assert without_known([cycle], tree) == [cycle]
