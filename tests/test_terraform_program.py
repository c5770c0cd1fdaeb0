"""What Terraform says of a tree becomes units; what it does not say becomes a status."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene import tools
from iachygiene.discover import group, kind_by_name
from iachygiene.files import Tree
from iachygiene.model import Location, ToolStatus, Trouble, Unchecked
from iachygiene.parse.terraform import Diagnostic, Formatting, Validation
from iachygiene.wrap import terraform as wrapped
from iachygiene.wrap.validate import read_output, roots_of

STANDINS = Path(__file__).parent / "standins"
FORMAT = {"TF001", "TF002"}
VALIDATE = {"TF501", "TF502"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "_VERSIONS", {})
    for name in [name for name in os.environ if name.startswith(("TF_", "GIT_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    (tmp_path / "root").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def terraform() -> str:
    """The real program; IACHYGIENE_REQUIRE_TERRAFORM=1 turns its absence into a failure."""
    path = shutil.which("terraform")
    if path is None:
        if os.environ.get("IACHYGIENE_REQUIRE_TERRAFORM") == "1":
            pytest.fail("terraform is required and not on PATH")
        pytest.skip("terraform is not on PATH")
    return path


def write(root: Path, **files: str) -> None:
    """Files by name, with `__` for a slash and `_tf` for the ending."""
    for name, text in files.items():
        path = root / (name.replace("__", "/").removesuffix("_tf") + ".tf")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def said(root: Path, wanted: set[str], program: str | Path, **settings: Any) -> list[Any]:
    listed = [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".terraform" not in path.parts and ".git" not in path.parts
    ]
    kinds = {path: "terraform" for path in listed if kind_by_name(path) == "terraform"}
    tree = Tree(str(root), listed=frozenset(listed))
    jobs = group(kinds, tree, {"terraform": {"engine": "terraform"}})
    return list(wrapped.units(jobs, tree, wanted, {"path": str(program), **settings}))


def standin(behaviour: str, tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "terraform"
    path.parent.mkdir()
    shutil.copy(STANDINS / behaviour, path)
    return path


def statuses(units: list[Any]) -> list[ToolStatus]:
    return [unit for unit in units if isinstance(unit, ToolStatus)]


def only_status(units: list[Any]) -> ToolStatus:
    (status,) = statuses(units)
    return status


def formattings(units: list[Any]) -> dict[str, Formatting]:
    return {unit.source.path: unit for unit in units if isinstance(unit, Formatting)}


def diagnostics(units: list[Any]) -> list[Diagnostic]:
    return [one for unit in units if isinstance(unit, Validation) for one in unit.diagnostics]


def snapshot(root: Path) -> Iterator[tuple[str, bytes, int]]:
    for path in sorted(root.rglob("*")):
        contents = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        yield str(path.relative_to(root)), contents, path.lstat().st_mtime_ns


# Programs that misbehave, section by section of the table of events -------------------------


@pytest.mark.parametrize(
    ("behaviour", "status", "detail"),
    [
        ("old", "too-old", "terraform 0.12.31 found, 1.0 needed"),
        ("unversioned", "too-old", "terraform of unknown version found, 1.0 needed"),
        ("hanging", "timed-out", "terraform took over 0.5 s"),
        ("crashing", "crashed", "terraform ended with signal SIGSEGV: about to fall"),
        ("panicking", "crashed", "terraform ended with exit code 2: panic: runtime error: index"),
        ("stranger", "crashed", "terraform ended with exit code 42: no such thing"),
        ("colourful", "crashed", "terraform ended with exit code 7: Error: it broke"),
        ("garbage", "garbage", "terraform: it does not format"),
        ("silent", "garbage", "terraform: it does not format"),
        ("flooding", "garbage", "terraform printed more than is kept"),
        ("unstartable", "crashed", "terraform cannot be started: no such file or directory"),
    ],
)
def test_formatting_with_a_bad_program_is_a_status_and_the_built_in_format(
    behaviour: str, status: str, detail: str, root: Path, tmp_path: Path
) -> None:
    write(root, main="a=1\n", good="a = 1\n")
    timeout = 0.5 if behaviour == "hanging" else 30
    units = said(root, FORMAT, standin(behaviour, tmp_path), timeout=timeout)
    found = only_status(units)
    assert (found.check, found.status) == ("terraform fmt", status)
    assert found.detail.startswith(detail)
    assert found.hint
    files = formattings(units)
    assert {path: unit.changes for path, unit in files.items()} == {
        "good.tf": False,
        "main.tf": True,
    }
    assert files["main.tf"].engine == "built-in"


@pytest.mark.parametrize(
    ("behaviour", "status", "detail"),
    [
        ("old", "too-old", "terraform 0.12.31 found, 1.0 needed"),
        ("unversioned", "too-old", "terraform of unknown version found, 1.0 needed"),
        ("hanging", "timed-out", "terraform took over 0.5 s"),
        ("crashing", "crashed", "terraform ended with signal SIGSEGV: about to fall"),
        ("panicking", "crashed", "terraform ended with exit code 2: panic: runtime error"),
        ("stranger", "crashed", "terraform ended with exit code 42: no such thing"),
        ("garbage", "garbage", "terraform validate gave no answer in its JSON format"),
        ("silent", "garbage", "terraform validate gave no answer in its JSON format"),
        ("halfjson", "garbage", "terraform validate gave no answer in its JSON format"),
        ("futuristic", "garbage", "terraform validate gave no answer in its JSON format"),
        ("flooding", "garbage", "terraform printed more than is kept"),
    ],
)
def test_validation_with_a_bad_program_is_a_status_and_nothing_else(
    behaviour: str, status: str, detail: str, root: Path, tmp_path: Path
) -> None:
    write(root, main="a = 1\n")
    timeout = 0.5 if behaviour == "hanging" else 30
    units = said(root, VALIDATE, standin(behaviour, tmp_path), timeout=timeout)
    (found,) = units
    assert (found.check, found.status) == ("terraform validate", status)
    assert found.detail.startswith(detail)
    assert found.hint


def test_a_program_that_ignores_term_is_a_status(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "GRACE", 0.2)
    write(root, main="a = 1\n")
    units = said(root, VALIDATE, standin("stubborn", tmp_path), timeout=0.3)
    assert only_status(units).status == "timed-out"


def test_an_interrupted_run_ends_at_once_and_so_do_its_programs(root: Path, tmp_path: Path) -> None:
    write(root, **{f"m{number}__main": "locals {}\n" for number in range(9)})
    path = f"{standin('hanging', tmp_path).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", "--select", "TF501"]
    env = {**os.environ, "PATH": path}
    scan = subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.DEVNULL)
    started = tmp_path / "home" / "started"
    deadline = time.monotonic() + 20
    while not (started.exists() and len(started.read_text().split()) >= 4):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    interrupted = time.monotonic()
    while scan.poll() is None:  # as a person would, again and again
        assert time.monotonic() - interrupted < 10
        scan.send_signal(signal.SIGINT)
        time.sleep(1)
    assert scan.returncode != 0
    while any(map(_runs, started.read_text().split())):
        assert time.monotonic() - interrupted < 10
        time.sleep(0.02)


def _runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] not in "ZX"
    except OSError:
        return False


def test_a_failure_in_a_thread_is_not_lost() -> None:
    with pytest.raises(ZeroDivisionError):
        wrapped.in_threads(lambda number: 1 // number, [1, 0, 2], 2)
    assert wrapped.in_threads(lambda number: -number, [1, 2, 3], 2) == [-1, -2, -3]


def test_text_around_the_answer_is_passed_over(root: Path, tmp_path: Path) -> None:
    write(root, main="locals {}\n")
    units = said(root, VALIDATE, standin("talkative", tmp_path))
    assert only_status(units).status == "ok"


def test_places_that_do_not_exist_are_not_pointed_at(root: Path, tmp_path: Path) -> None:
    write(root, main="locals {}\n")
    units = said(root, VALIDATE, standin("wandering", tmp_path))
    places = {one.summary: one.location for one in diagnostics(units)}
    assert places == {"Beyond the end": Location("main.tf"), "Nowhere": Location("main.tf")}
    dropped = [unit.detail for unit in units if isinstance(unit, Unchecked)]
    assert dropped == [
        "terraform names a place outside the tree: Elsewhere",
        "terraform names a place outside the tree: Unknown file",
    ]


def test_a_program_that_is_not_there_is_a_status(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    write(root, main="a=1\n")
    units = said(root, FORMAT | VALIDATE, "", engine="terraform", required=True)
    assert [(one.check, one.status, one.required) for one in statuses(units)] == [
        ("terraform fmt", "missing", True),
        ("terraform validate", "missing", True),
    ]
    assert formattings(units)["main.tf"].changes


def test_a_missing_program_that_nobody_named_is_not_required(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    write(root, main="a = 1\n")
    status = only_status(said(root, VALIDATE, "", engine="builtin"))
    assert (status.status, status.required) == ("missing", False)


def test_a_policy_of_never_starts_nothing(root: Path, tmp_path: Path) -> None:
    write(root, main="a = 1\n")
    units = said(root, VALIDATE, standin("nosy", tmp_path), policy="never")
    assert only_status(units).status == "disabled"
    assert not (tmp_path / "home" / "arguments").exists()


def test_files_of_values_alone_need_no_validation(root: Path, tmp_path: Path) -> None:
    (root / "prod.tfvars").write_text("a = 1\n")
    assert only_status(said(root, VALIDATE, standin("nosy", tmp_path))).status == "not-needed"


def test_no_name_of_the_tree_reaches_the_formatting_program(root: Path, tmp_path: Path) -> None:
    write(root, **{"-write=false": "a = 1\n", "new\nline": "a = 1\n"})
    said(root, FORMAT, standin("nosy", tmp_path))
    *options, directory = (tmp_path / "home" / "arguments").read_text().splitlines()
    assert options == ["fmt", "-list=false", "-write=true", "-no-color"]
    assert Path(directory).name.startswith("iachygiene-")
    assert root not in Path(directory).parents
    assert not Path(directory).exists()


def test_many_files_are_formatted_by_few_processes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapped, "BATCH", 20)
    write(root, **{f"f{number}": "long_name=1\n" for number in range(7)})
    units = said(root, FORMAT, standin("answering", tmp_path))
    assert {unit.formatted for unit in formattings(units).values()} == {"long_name = 1\n"}
    assert only_status(units).units == 7


# The answer of validate ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"{}",
        b"[]",
        b'{"format_version": "1.0"}',
        b'{"format_version": "1.0", "valid": "yes"}',
        b'{"format_version": "1.0", "valid": false, "diagnostics": []}',
        b'{"format_version": "1.0", "valid": true, "diagnostics": {}}',
        b'{"format_version": "1.0", "valid": true, "diagnostics": [1]}',
        b'{"format_version": 1, "valid": true, "diagnostics": []}',
        b'{"a":' * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_answer_is_none(output: bytes) -> None:
    assert read_output(output) is None


@given(st.binary() | st.text().map(lambda text: f'{{"format_version": "1.0", {text}'.encode()))
def test_any_output_is_an_answer_or_none(output: bytes) -> None:
    answer = read_output(output)
    assert answer is None or all(isinstance(one, dict) for one in answer)


def test_roots_are_validated_rather_than_what_they_call() -> None:
    calls = {"prod": {"net"}, "dev": {"net"}, "net": {"net/subnet"}}
    assert roots_of(["net/subnet"], calls) == ["dev", "prod"]
    assert roots_of(["alone", "prod"], calls) == ["alone", "prod"]


def test_modules_that_call_each_other_are_validated_themselves() -> None:
    calls = {"a": {"b"}, "b": {"a"}}
    assert roots_of(["a"], calls) == ["a"]


# The real program ---------------------------------------------------------------------------


@pytest.mark.needs_terraform
def test_the_format_is_that_of_the_program(root: Path, terraform: str) -> None:
    write(root, main="locals {\na=1\nlong_name=2\n}\n", good="a = 1\n")
    units = said(root, FORMAT, terraform)
    files = formattings(units)
    assert files["main.tf"].formatted == "locals {\n  a         = 1\n  long_name = 2\n}\n"
    assert files["main.tf"].engine.startswith("terraform 1.")
    assert not files["good.tf"].changes
    assert only_status(units).status == "findings"


@pytest.mark.needs_terraform
def test_all_kinds_of_files_are_formatted(root: Path, terraform: str) -> None:
    names = [
        *("a.tf", "a.tofu", "a.tfvars", "a.auto.tfvars", "a.tftest.hcl"),
        *("a.tofutest.hcl", "a.tfmock.hcl", "a.tfquery.hcl"),
    ]
    for name in [*names, "a.tf.json", ".terraform.lock.hcl"]:
        (root / name).write_text("a=1\n")
    files = formattings(said(root, FORMAT, terraform))
    assert sorted(files) == sorted(names)
    assert {unit.formatted for unit in files.values()} == {"a = 1\n"}


@pytest.mark.needs_terraform
def test_a_broken_file_does_not_hide_the_others(root: Path, terraform: str) -> None:
    write(root, a="a=1\n", b="b = {\n", c="c=1\n")
    units = said(root, FORMAT, terraform)
    assert sorted(formattings(units)) == ["a.tf", "c.tf"]
    assert all(unit.changes for unit in formattings(units).values())
    assert only_status(units).status == "findings"
    assert not [unit for unit in units if isinstance(unit, Trouble)], "our reading reports it"


@pytest.mark.needs_terraform
def test_what_only_the_program_refuses_is_a_syntax_error_at_its_line(
    root: Path, terraform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapped, "checked", lambda source: None)
    write(root, a="a = 1\nb = = 2\n")
    (trouble,) = (unit for unit in said(root, FORMAT, terraform) if isinstance(unit, Trouble))
    assert trouble.kind == "syntax"
    assert trouble.location.span == (6, 13)
    assert trouble.message == "terraform refuses this line: Invalid expression"


@pytest.mark.needs_terraform
@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa = 1\n",
        "\ufeff",
        "\ufeff \t",
        "\ufeff\n",
        "a=1\r\nbb=2\r\n",
        "a=1",
        "",
        '# é\na="é"\nbé=1\n',
        'a = "${b}"\n',
        'variable x {\n type="map"\n}\n',
        "a = <<E\n x\nE\nb=1\n",
    ],
)
def test_both_engines_give_the_same_format(text: str, root: Path, terraform: str) -> None:
    write(root, main=text)
    theirs = formattings(said(root, FORMAT, terraform))["main.tf"]
    (ours,) = wrapped._built_in([theirs.source])
    assert isinstance(ours, Formatting)
    assert (theirs.formatted, theirs.changes) == (ours.formatted, ours.changes)


@pytest.mark.needs_terraform
def test_a_file_that_would_lose_code_is_named_and_not_formatted(root: Path, terraform: str) -> None:
    write(root, main='resource "null_resource" "100%" {\n}\n')
    unit = formattings(said(root, FORMAT, terraform))["main.tf"]
    assert [quirk.name for quirk in unit.quirks] == ["Q3"]


@pytest.mark.needs_terraform
def test_links_and_odd_names_are_formatted(root: Path, terraform: str) -> None:
    write(root, **{"a b": "a=1\n", "-x": "a=1\n", "\x1b[31m": "a=1\n", "\udc80": "a=1\n"})
    (root / "link.tf").symlink_to("a b.tf")
    files = formattings(said(root, FORMAT, terraform))
    assert sorted(files) == sorted(["a b.tf", "-x.tf", "\x1b[31m.tf", "\udc80.tf"])


@pytest.mark.needs_terraform
def test_diagnostics_have_their_places_in_code_points(root: Path, terraform: str) -> None:
    text = 'locals {\n  a = "é${var.y}"\n}\n'
    write(root, main="\ufeff" + text)
    units = said(root, VALIDATE, terraform)
    (diagnostic,) = diagnostics(units)
    assert diagnostic.summary == "Reference to undeclared input variable"
    assert text[slice(*diagnostic.location.span)] == "var.y"
    assert only_status(units).status == "findings"


@pytest.mark.needs_terraform
@pytest.mark.parametrize(
    ("text", "about"),
    [
        ('resource "terraform_data" "a" {\n  input = var.x\n}\n', "resource terraform_data.a"),
        ('output "a" {\n  value = var.x\n}\n', "output a"),
        ("locals {\n  a = var.x\n}\n", "locals"),
        ("nonsense = 1\n", ""),
    ],
)
def test_diagnostics_name_the_block_they_are_about(
    text: str, about: str, root: Path, terraform: str
) -> None:
    write(root, main=text)
    assert [one.object for one in diagnostics(said(root, VALIDATE, terraform))] == [about]


@pytest.mark.needs_terraform
def test_local_modules_are_validated_without_init(root: Path, terraform: str) -> None:
    write(
        root,
        main='module "net" {\n  source = "./net"\n}\n',
        net__main='module "deep" {\n  source = "../deep"\n}\n',
        deep__main='output "x" {\n  value = var.gone\n}\n',
    )
    units = said(root, VALIDATE, terraform)
    assert [unit.directory for unit in units if isinstance(unit, Validation)] == [""]
    assert [(one.location.path, one.summary) for one in diagnostics(units)] == [
        ("deep/main.tf", "Reference to undeclared input variable"),
    ]


@pytest.mark.needs_terraform
def test_a_called_module_reports_at_its_own_file(root: Path, terraform: str) -> None:
    write(
        root,
        prod__main='module "net" {\n  source = "../net"\n}\n',
        net__main='output "x" {\n  value = var.gone\n}\n',
    )
    units = said(root, VALIDATE, terraform)
    assert [one.location.path for one in diagnostics(units)] == ["net/main.tf"]


@pytest.mark.needs_terraform
def test_a_module_that_calls_itself_comes_to_an_end(root: Path, terraform: str) -> None:
    write(root, a__main='module "b" {\n  source = "../a"\n}\n')
    assert only_status(said(root, VALIDATE, terraform)).status in ("missing", "findings")


@pytest.mark.needs_terraform
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('resource "aws_s3_bucket" "x" {}\n', "needs init: .: missing required provider"),
        ('module "x" {\n  source = "a/b/c"\n}\n', "needs init: .: module not installed"),
    ],
)
def test_what_needs_init_is_a_status_and_no_finding(
    text: str, why: str, root: Path, terraform: str
) -> None:
    write(root, main=text)
    units = said(root, VALIDATE, terraform, required=True)
    status = only_status(units)
    assert (status.status, status.detail, status.required) == ("missing", why, True)
    assert not diagnostics(units)


@pytest.mark.needs_terraform
def test_a_provider_of_the_lock_file_that_is_not_installed_is_a_status(
    root: Path, terraform: str
) -> None:
    write(root, main='resource "aws_s3_bucket" "x" {}\n')
    (root / ".terraform.lock.hcl").write_text(
        'provider "registry.terraform.io/hashicorp/aws" {\n  version = "5.0.0"\n}\n'
    )
    units = said(root, VALIDATE, terraform, trust_providers=True)
    assert only_status(units).detail == "needs init: .: a provider is not installed"
    assert not diagnostics(units)


@pytest.mark.parametrize(
    "text",
    [
        'resource "aws_s3_bucket" "x" {}\n',
        'check "a" {\n  data "http" "b" {}\n}\n',
        'provider "aws" {}\n',
        'terraform {\n  required_providers {\n    aws = "~> 6.0"\n  }\n}\n',
    ],
)
def test_a_program_that_can_only_ask_for_init_is_not_started(
    root: Path, tmp_path: Path, text: str
) -> None:
    write(root, below__main=text)
    status = only_status(said(root, VALIDATE, standin("crashing", tmp_path)))
    assert status.status == "missing"
    assert status.detail == "needs init: below: missing required provider"


@pytest.mark.needs_terraform
def test_only_so_many_modules_are_validated_where_nobody_asked(
    root: Path, terraform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iachygiene.wrap.validate.UNASKED", 2)
    write(root, **{f"{name}__main": "locals {}\n" for name in "abcd"})
    units = said(root, VALIDATE, terraform)
    assert only_status(units).detail == "modules: 2 valid"
    (left,) = (unit for unit in units if isinstance(unit, Unchecked))
    assert (left.what, left.why) == ("c", "size")
    assert "this module and 1 more" in left.detail
    asked = said(root, VALIDATE, terraform, required=True, trust_providers=True)
    assert only_status(asked).detail == "modules: 4 valid"
    assert not [unit for unit in asked if isinstance(unit, Unchecked)]


def test_a_module_that_calls_a_remote_one_needs_init(root: Path, tmp_path: Path) -> None:
    write(root, main='module "x" {\n  source = "terraform-aws-modules/vpc/aws"\n}\n')
    status = only_status(said(root, VALIDATE, standin("crashing", tmp_path)))
    assert status.detail == "needs init: .: module not installed"


@pytest.mark.needs_terraform
def test_aliases_that_a_caller_has_to_give_are_no_finding(root: Path, terraform: str) -> None:
    write(
        root,
        main="""terraform {
  required_providers {
    tf = {
      source                = "terraform.io/builtin/terraform"
      configuration_aliases = [tf.x]
    }
  }
}
resource "terraform_data" "a" {
  provider = tf.x
}
""",
    )
    before = list(snapshot(root))
    units = said(root, VALIDATE, terraform)
    assert not diagnostics(units)
    assert (only_status(units).status, only_status(units).detail) == ("ok", "modules: 1 valid")
    assert list(snapshot(root)) == before


ALIASED = """terraform {
  required_providers {
    tf = {
      source                = "terraform.io/builtin/terraform"
      configuration_aliases = [tf.x, tf.y]
    }
  }
}
locals {
  text = file("../texts/a.txt")
  more = file("${path.module}/b.txt")
}
module "beside" {
  source = "../beside"
  text   = local.text
}
resource "terraform_data" "a" {
  provider = tf.x
  input    = var.gone
}
"""


@pytest.mark.needs_terraform
def test_a_module_with_foreign_aliases_is_validated_with_all_that_is_around_it(
    root: Path, terraform: str
) -> None:
    write(root, deep__own__main=ALIASED, deep__beside__main='variable "text" {}\n')
    write(root, deep__beside__out='output "x" {\n  value = var.lost\n}\n')
    (root / "deep" / "texts").mkdir()
    (root / "deep" / "texts" / "a.txt").write_text("a")
    (root / "deep" / "own" / "b.txt").write_text("b")
    before = list(snapshot(root))
    units = said(root, VALIDATE, terraform)
    found = {one.location.path: one.summary for one in diagnostics(units)}
    assert found == {
        "deep/own/main.tf": "Reference to undeclared input variable",
        "deep/beside/out.tf": "Reference to undeclared input variable",
    }
    assert only_status(units).status == "findings"
    assert list(snapshot(root)) == before


@pytest.mark.needs_terraform
def test_a_module_for_another_version_is_unchecked_and_no_finding(
    root: Path, terraform: str
) -> None:
    write(root, main='terraform {\n  required_version = ">= 99.0"\n}\n', good__main="locals {}\n")
    units = said(root, VALIDATE, terraform)
    assert not diagnostics(units)
    (unchecked,) = (unit for unit in units if isinstance(unit, Unchecked))
    why = 'terraform validate is for another version: required_version ">= 99.0"'
    assert (unchecked.what, unchecked.detail) == (".", why)
    assert only_status(units).detail == "modules: 1 not validated, 1 valid"


@pytest.mark.needs_terraform
def test_a_file_that_does_not_parse_is_left_to_its_syntax_error(root: Path, terraform: str) -> None:
    write(root, main="locals {\n  a = = 1\n}\n", other='output "x" {\n  value = 1\n  b = 1\n}\n')
    assert {one.location.path for one in diagnostics(said(root, VALIDATE, terraform))} <= {
        "other.tf"
    }


@pytest.mark.needs_terraform
def test_one_defect_that_is_reported_twice_is_one_diagnostic(root: Path, terraform: str) -> None:
    write(root, main='variable "x" {}\nmodule "a" {\n  source = "./${var.x}"\n}\n')
    found = diagnostics(said(root, VALIDATE, terraform))
    assert [one.summary for one in found] == ["Variables not allowed"]


@pytest.mark.needs_terraform
def test_warnings_are_told_from_errors(root: Path, terraform: str) -> None:
    write(root, main='resource "terraform_data" "a" {\n  depends_on = ["terraform_data.a"]\n}\n')
    assert "warning" in {one.severity for one in diagnostics(said(root, VALIDATE, terraform))}


@pytest.mark.needs_terraform
def test_nothing_is_written_into_the_tree(root: Path, terraform: str) -> None:
    write(
        root,
        main='module "net" {\n  source = "./net"\n}\n',
        net__main="locals {\na=1\n}\n",
        broken__main="a = {\n",
        aws__main='resource "aws_s3_bucket" "x" {}\n',
    )
    before = list(snapshot(root))
    said(root, FORMAT | VALIDATE, terraform)
    assert list(snapshot(root)) == before


MODULES = '{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"x","Source":"a/b/c","Dir":"x"}]}'


@pytest.fixture
def installed(root: Path) -> Path:
    """A module whose own `.terraform` knows a registry module."""
    write(root, main='module "x" {\n  source = "a/b/c"\n  nope   = 1\n}\n', x__main="locals {}\n")
    (root / ".terraform" / "modules").mkdir(parents=True)
    (root / ".terraform" / "modules" / "modules.json").write_text(MODULES)
    return root


@pytest.mark.needs_terraform
def test_an_installation_of_the_user_is_read_where_providers_are_trusted(
    installed: Path, terraform: str
) -> None:
    before = list(snapshot(installed))
    trusting = said(installed, VALIDATE, terraform, trust_providers=True)
    assert [one.summary for one in diagnostics(trusting)] == ["Unsupported argument"]
    assert list(snapshot(installed)) == before


@pytest.mark.needs_terraform
def test_an_installation_of_the_user_is_not_read_by_default(
    installed: Path, terraform: str
) -> None:
    units = said(installed, VALIDATE, terraform)
    assert only_status(units).detail == "needs init: .: module not installed"


@pytest.mark.needs_terraform
def test_a_tracked_installation_is_never_used(installed: Path, terraform: str) -> None:
    for arguments in (["init", "-q"], ["add", "-f", "."]):
        subprocess.run(["git", *arguments], cwd=installed, check=True)
    units = said(installed, VALIDATE, terraform, trust_providers=True)
    assert only_status(units).detail == (
        "needs init: .: module not installed; its .terraform is tracked by git, and is not used"
    )


@pytest.mark.needs_terraform
def test_an_installation_is_not_used_where_git_does_not_say_whether_it_is_tracked(
    installed: Path, terraform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=installed, check=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    units = said(installed, VALIDATE, terraform, trust_providers=True)
    assert only_status(units).detail == (
        "needs init: .: module not installed; its .terraform is not used: git not found"
    )


@pytest.mark.needs_terraform
def test_an_installation_that_is_a_link_is_never_used(
    installed: Path, tmp_path: Path, terraform: str
) -> None:
    (installed / ".terraform").rename(tmp_path / "elsewhere")
    (installed / ".terraform").symlink_to(tmp_path / "elsewhere")
    units = said(installed, VALIDATE, terraform, trust_providers=True)
    assert only_status(units).detail == (
        "needs init: .: module not installed; its .terraform is reached by a link, and is not used"
    )


# What init installs ------------------------------------------------------------------------


def steps(tmp_path: Path) -> list[str]:
    return (tmp_path / "home" / "steps").read_text().splitlines()


def write_lock(root: Path, text: str) -> None:
    (root / ".terraform.lock.hcl").write_text(text)


def test_init_runs_where_it_is_needed_and_only_once(root: Path, tmp_path: Path) -> None:
    write(root, main='resource "aws_s3_bucket" "x" {}\n', sub__main="locals {}\n")
    program, folder = standin("installing", tmp_path), str(tmp_path / "cache")
    before = list(snapshot(root))
    for _ in range(2):
        status = only_status(said(root, VALIDATE, program, install=folder))
        assert (status.status, status.detail) == ("ok", "modules: 2 valid")
    assert list(snapshot(root)) == before
    assert [step for step in steps(tmp_path) if step.startswith("init")] == [
        "init -backend=false -input=false -no-color"
    ]
    assert (tmp_path / "cache" / "terraform" / "plugins").is_dir()


def test_init_runs_again_when_what_is_required_changes(root: Path, tmp_path: Path) -> None:
    program, folder = standin("installing", tmp_path), str(tmp_path / "cache")
    texts = [
        'resource "aws_s3_bucket" "x" {}\n',
        'resource "aws_s3_bucket" "x" {}\nresource "google_project" "y" {}\n',
        'module "a" {\n  source = "a/b/c"\n}\n',
        'module "a" {\n  source  = "a/b/c"\n  version = "2"\n}\n',
        'module "a" {\n  source  = "a/b/c"\n  version = "2"\n  other   = 1\n}\n',
    ]
    for text in texts:
        write(root, main=text)
        said(root, VALIDATE, program, install=folder)
    assert sum(step.startswith("init") for step in steps(tmp_path)) == 4


def test_a_lock_file_is_kept_to_and_never_written(root: Path, tmp_path: Path) -> None:
    write(root, main='resource "aws_s3_bucket" "x" {}\n')
    write_lock(root, "# locked\n")
    said(root, VALIDATE, standin("installing", tmp_path), install=str(tmp_path / "cache"))
    assert "init -backend=false -input=false -no-color -lockfile=readonly" in steps(tmp_path)
    assert (root / ".terraform.lock.hcl").read_text() == "# locked\n"


def test_an_init_that_fails_is_tried_twice_and_is_no_finding(root: Path, tmp_path: Path) -> None:
    write(root, main='resource "broken_thing" "x" {}\n')
    (tmp_path / "home" / "offline").touch()
    units = said(root, VALIDATE, standin("installing", tmp_path), install=str(tmp_path / "cache"))
    status = only_status(units)
    assert (status.status, status.detail) == (
        "missing",
        "needs init: .: init failed: Failed to query available provider packages",
    )
    assert not diagnostics(units)
    assert sum(step.startswith("init") for step in steps(tmp_path)) == 2


def test_credentials_reach_init_and_nothing_else(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_TOKEN_app_terraform_io", "secret")
    monkeypatch.setenv("TF_CLI_ARGS", "-help")
    write(root, main='resource "aws_s3_bucket" "x" {}\n')
    said(root, VALIDATE, standin("installing", tmp_path), install=str(tmp_path / "cache"))
    given = (tmp_path / "home" / "variables").read_text().splitlines()
    assert [line for line in given if "secret" in line] == ["init TF_TOKEN_app_terraform_io=secret"]
    assert not any("TF_CLI_ARGS" in line for line in given)


def test_inits_do_not_run_at_once(root: Path, tmp_path: Path) -> None:
    write(root, **{f"m{n}__main": f'resource "p{n}_x" "x" {{}}\n' for n in range(4)})
    said(root, VALIDATE, standin("installing", tmp_path), install=str(tmp_path / "cache"))
    assert sum(step.startswith("init") for step in steps(tmp_path)) == 4
    assert not (tmp_path / "home" / "clash").exists()


@pytest.mark.needs_terraform
def test_the_real_init_needs_no_network_for_local_modules(
    root: Path, tmp_path: Path, terraform: str
) -> None:
    write(root, main=LOCAL_CALL, inner__main='variable "name" {}\n')
    from iachygiene.tools import Program
    from iachygiene.wrap.install import Installer

    installer = Installer(Program("terraform", terraform), str(root), str(tmp_path / "cache"))
    data = installer.data("a")
    assert installer.install(str(root), data) == ""
    assert (Path(data) / "modules" / "modules.json").is_file()
    assert not (root / ".terraform").exists()


LOCAL_CALL = 'module "inner" {\n  source = "./inner"\n  name   = "a"\n}\n'


@pytest.mark.parametrize(("name", "expected"), [("a.tofu", "tofu"), ("a.tf", "terraform")])
def test_files_for_opentofu_are_given_to_it(
    name: str, expected: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iachygiene.config import Config
    from iachygiene.engine import Options
    from iachygiene.programs import Programs

    for program in ("terraform", "tofu"):
        path = tmp_path / "bin" / program
        path.parent.mkdir(exist_ok=True)
        shutil.copy(STANDINS / "answering", path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tree = Tree(str(root), listed=frozenset([name]))
    assert Programs(tree, Config(), Options()).engine == expected


TWICE = """output "x" {
  value = var.gone
}
resource "terraform_data" "a" {
  depends_on = ["terraform_data.b"]
}
resource "terraform_data" "b" {
  input = path.nope
}
"""


@pytest.mark.needs_terraform
def test_what_a_rule_finds_without_the_program_is_said_once(root: Path, terraform: str) -> None:
    from iachygiene import scan
    from iachygiene.config import Config

    write(root, main=TWICE)
    found = {}
    for chosen in (["TF501", "TF502"], ["TF4", "TF501", "TF502", "TF307"]):
        config = Config().with_command_line({"select": chosen})
        findings = scan(str(root), config=config).findings
        found[chosen[0]] = sorted((one.rule, one.location.span.start) for one in findings)
    starts = [start for _, start in found["TF501"]]
    assert [rule for rule, _ in found["TF501"]] == ["TF501", "TF501", "TF502"]
    assert sorted(start for _, start in found["TF4"]) == sorted(starts)
    assert {rule for rule, _ in found["TF4"]} == {"TF421", "TF422", "TF307"}
    muted = TWICE.replace("var.gone", "var.gone # iachygiene: ignore[TF421] it comes later")
    write(root, main=muted)
    assert "TF501" not in {one.rule for one in scan(str(root), config=config).findings}
