"""`rules`, `explain`, `new-rule` and `version`: what can be read about the rules."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import jsonschema
import pytest

from iachygiene import __version__
from iachygiene.commands import run
from iachygiene.commands.version import config_schema_with_rules
from iachygiene.report.schema import REPORT
from iachygiene.rule import all_rules


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


# rules


def test_rules_lists_every_rule_that_is_on(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "rules").splitlines()
    codes = [line.split()[0] for line in lines[:-1]]
    assert codes == [rule.code for rule in all_rules() if rule.default == "on"]


def test_rules_all_lists_also_those_that_are_off(
    capsys: pytest.CaptureFixture[str], directory: Path
) -> None:
    (directory / ".iachygiene.toml").write_text('ignore = ["HYG002"]\n')
    assert "HYG002" not in said(capsys, "rules", "--kind", "toolkit")
    listed = said(capsys, "rules", "--kind", "toolkit", "--all")
    assert "warning  [*] off, A suppression mutes nothing." in listed


def test_rules_as_json_holds_the_severity_in_force(
    capsys: pytest.CaptureFixture[str], directory: Path
) -> None:
    (directory / ".iachygiene.toml").write_text('[severity]\nHYG002 = "error"\n')
    rows = json.loads(said(capsys, "rules", "--kind", "toolkit", "--format", "json"))
    (row,) = [row for row in rows if row["code"] == "HYG002"]
    assert row["severity"] == "error"
    assert row["name"] == "unused-suppression"
    assert row["enabled"] is row["fixable"] is True


def test_rules_as_markdown_is_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "rules", "--format", "markdown", "--all").splitlines()
    assert len(lines) == 2 + len(all_rules())
    assert all(line.startswith(("| ", "|-")) for line in lines)


def test_rules_with_a_broken_configuration_is_an_error(
    capsys: pytest.CaptureFixture[str], directory: Path
) -> None:
    (directory / ".iachygiene.toml").write_text("selct = []\n")
    assert "did you mean `select`?" in said(capsys, "rules", code=2)
    assert said(capsys, "--isolated", "rules")


# explain


def test_explain_tells_what_why_how_and_how_not(capsys: pytest.CaptureFixture[str]) -> None:
    page = said(capsys, "explain", "HYG002")
    assert page.startswith("HYG002 unused-suppression (warning, on here)\n\nA suppression mutes")
    assert "\nBad:" in page
    assert "\nFixed with --fix:" in page
    assert "\nGood:" in page
    assert '"examples/**" = ["HYG002"]' in page


@pytest.mark.parametrize("word", ["HYG002", "hyg002", "unused-suppression"])
def test_a_rule_is_explained_by_its_code_and_its_name(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert said(capsys, "explain", word).startswith("HYG002")


def test_a_rule_is_explained_by_what_others_call_it(capsys: pytest.CaptureFixture[str]) -> None:
    with_alias = [rule for rule in all_rules() if rule.aliases]
    for rule in with_alias[:20]:
        full = rule.aliases[0]
        for word in (full, full.lower(), full.partition(":")[2]):
            assert f"{rule.code} {rule.name} (" in said(capsys, "explain", word)


def test_every_rule_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    codes = [rule.code for rule in all_rules()]
    page = said(capsys, "explain", *codes)
    assert all(f"{code} " in page for code in codes)


def test_an_unknown_rule_is_an_error_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "explain", "unused-supression", code=2) == (
        "error: unknown rule `unused-supression`\nhint: did you mean `unused-suppression`?\n"
    )


def test_what_is_always_on_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    page = said(capsys, "explain", "HYG001")
    assert "Cannot be switched off" in page
    assert "per-file-ignores" not in page


# new-rule


def test_new_rule_prints_a_function_and_its_module(capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, "new-rule", "TF999", "backwards-block")
    first, _, code = printed.partition("\n")
    assert first.startswith("# iachygiene/rules/terraform/")
    (function,) = ast.parse(code).body
    assert isinstance(function, ast.FunctionDef)
    assert function.name == "backwards_block"
    assert (ast.get_docstring(function) or "").count("Bad:") == 1


def test_new_rule_finds_the_module_of_its_theme(capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, "new-rule", "HYG011", "odd-file")
    assert "rules/toolkit/" in printed.splitlines()[0]


@pytest.mark.parametrize(
    ("code", "name", "why"),
    [
        ("XY100", "some-thing", "no code"),
        ("DF999", "some-thing", "no code"),
        ("TF9999", "some-thing", "no code"),
        ("TF999", "check-image", "does not name what the rule finds"),
        ("TF999", "no_latest", "does not name what the rule finds"),
        ("TF999", "Bad Name", "does not name what the rule finds"),
        ("HYG002", "some-thing", "HYG002 unused-suppression is there already"),
        ("HYG099", "unused-suppression", "HYG002 unused-suppression is there already"),
    ],
)
def test_new_rule_refuses_what_the_registry_would(
    capsys: pytest.CaptureFixture[str], code: str, name: str, why: str
) -> None:
    assert why in said(capsys, "new-rule", code, name, code=2)


# version


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "version") == f"iachygiene {__version__}\n"


@pytest.mark.parametrize("arguments", [("version", "-v"), ("-v", "version")])
def test_version_with_what_it_depends_on(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    lines = said(capsys, *arguments).splitlines()
    names = [line.split()[0] for line in lines]
    assert names[:3] == ["iachygiene", "Python", "platform"]
    assert "python-hcl2" in names


def test_the_schema_of_the_report_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(said(capsys, "version", "--report-schema")) == REPORT


def test_the_schema_of_the_configuration_knows_the_options_of_every_rule(
    capsys: pytest.CaptureFixture[str],
) -> None:
    schema = json.loads(said(capsys, "version", "--config-schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == json.loads(json.dumps(config_schema_with_rules()))
    known = schema["properties"]["rules"]["properties"]
    for rule in all_rules():
        assert set(known.get(rule.name, {"properties": {}})["properties"]) == set(rule.options)
