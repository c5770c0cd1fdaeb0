"""`--show-config`: what is in force and who said so."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from iachygiene import engine
from tests.reliability import Scanner

CONFIG = """\
extend-select = ["K8S207"]
exclude = ["gone/", "near/never"]
unit-timeout = 5

[severity]
DF3006 = "error"

[per-file-ignores]
"near/**" = ["DF3007"]
"far/**" = ["K8S"]

[[overrides]]
paths = ["near/*"]
extend-ignore = ["TF2"]
severity = { DF3006 = "info" }

[rules.unpinned-base-image]
require-digest = true

[tools.terraform]
timeout = 90
"""


def settings(scanner: Scanner, *words: str) -> dict[str, tuple[str, str]]:
    code, out, err = scanner.plain("scan", *words)
    assert (code, err) == (0, "")
    found = {}
    for line in out.splitlines():
        name, _, rest = line.partition(" = ")
        value, _, origin = rest.rpartition("  # ")
        found[name] = (value, origin)
    return found


def test_each_value_comes_with_its_origin(scanner: Scanner) -> None:
    scanner.write(".iachygiene.toml", CONFIG)
    said = settings(scanner, "--fail-on", "error", "--format", "json", "--show-config")
    assert said["fail-on"] == ('"error"', "command line")
    assert said["output.format"] == ('"json"', "command line")
    assert said["min-severity"] == ('"info"', "default")
    assert said["unit-timeout"] == ("5", ".iachygiene.toml:3")
    assert said["select"] == ('["DEFAULT", "K8S207"]', "default, .iachygiene.toml:1")
    assert said["ignore"] == ("[]", "default")
    assert said["severity.DF3006"] == ('"error"', ".iachygiene.toml:6")
    assert said["rules.unpinned-base-image.require-digest"] == ("true", ".iachygiene.toml:18")
    assert said["overrides[0].paths"] == ('["near/*"]', ".iachygiene.toml:13")
    assert said['per-file-ignores."far/**"'] == ('["K8S"]', ".iachygiene.toml:10")
    # What a file of the repository may not raise is shown as it holds.
    assert said["tools.terraform.timeout"] == ("60", ".iachygiene.toml:21")


def test_overrides_and_patterns_are_applied_for_a_path(scanner: Scanner) -> None:
    scanner.write(".iachygiene.toml", CONFIG)
    said = settings(scanner, "--show-config", "near/Dockerfile")
    assert said["ignore"] == ('["TF2"]', "default, .iachygiene.toml:14")
    assert said["severity.DF3006"] == ('"info"', ".iachygiene.toml:15")
    assert 'per-file-ignores."near/**"' in said
    assert 'per-file-ignores."far/**"' not in said
    assert not [name for name in said if name.startswith("overrides")]


def test_lines_are_those_of_a_shared_file(scanner: Scanner) -> None:
    scanner.write("pyproject.toml", "[project]\n\n[tool.iachygiene]\nfail-on = 'error'\n")
    assert settings(scanner, "--show-config")["fail-on"] == ('"error"', "pyproject.toml:4")


def test_a_path_outside_has_no_settings(scanner: Scanner) -> None:
    code, out, err = scanner.plain("scan", "--show-config", "/etc/passwd")
    assert (code, out) == (2, "")
    assert "outside" in err


def test_patterns_that_match_nothing_are_noted_when_asked(scanner: Scanner) -> None:
    scanner.write(".iachygiene.toml", CONFIG)
    noted = [
        f'note: .iachygiene.toml:{line}: "{glob}" matches no file'
        for line, glob in ((2, "gone/"), (2, "near/never"), (10, "far/**"))
    ]
    _, _, err = scanner.plain("-v", "scan", "--no-cache")
    assert [line for line in err.splitlines() if "matches no file" in line] == noted
    _, _, err = scanner.plain("scan", "--no-cache")
    assert "matches no file" not in err
    _, _, err = scanner.plain("-v", "scan", "--no-cache", "near")
    assert "matches no file" not in err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--report", "json=out/{format}.{commit}"], "out/json.none"),
        (["--report", "sarif={commit}/{format}", "--report", "json={format}"], "none/sarif"),
    ],
)
def test_names_of_reports_are_filled_in(words: list[str], name: str, scanner: Scanner) -> None:
    scanner.plain("scan", "--no-cache", *words)
    assert (scanner.root / name).is_file()


def test_a_report_can_go_to_standard_output(scanner: Scanner) -> None:
    code, out, _ = scanner.plain("scan", "--no-cache", "--report", "concise=-")
    assert code == 1
    assert out.splitlines()[-1].startswith("near/Dockerfile:1:6: warning DF3006")
    assert not (scanner.root / "-").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--report", "json=-", "--report", "sarif=-"],
        ["--report", "json=-", "--format", "text"],
        ["--report", "json=a", "--report", "sarif=./a"],
        ["--report", "json={format}", "--report", "sarif=json"],
    ],
)
def test_two_reports_in_one_place_are_wrong_usage(words: list[str], scanner: Scanner) -> None:
    code, out, err = scanner.plain("scan", "--no-cache", *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")


def test_a_wrong_report_is_told_before_anything_is_fixed(scanner: Scanner) -> None:
    file = scanner.write("main.tf", "locals {\na=1\n}\n")
    code, _, _ = scanner.plain("scan", "--no-cache", "--fix", "--report", "nope=x")
    assert code == 2
    assert file.read_text() == "locals {\na=1\n}\n"


def test_what_is_judged_beside_a_unit_counts_as_checked(scanner: Scanner) -> None:
    scanner.write("web/package.json", '{"name": "web", "version": "1.0.0", "files": ["dist"]}')
    scanner.write("web/vite.config.ts", "export default { build: { sourcemap: true } }\n")
    scanner.write("notes.ts", "")
    said = scanner.scan("web/vite.config.ts", "notes.ts")
    assert said.found == {("web/vite.config.ts", "NPM501")}
    assert said.report["files"]["by_kind"] == {"npm": 1}


def test_a_named_file_lets_validate_install_and_a_found_one_does_not(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = engine.run

    def spy(root: Any, listing: Any, config: Any, options: engine.Options, *more: Any) -> Any:
        seen.append(options.init)
        return original(root, listing, config, options, *more)

    monkeypatch.setattr(engine, "run", spy)
    file = scanner.write(".iachygiene.toml", "[tools.terraform]\ninit = true\n")
    scanner.plain("scan", "--no-cache")
    scanner.plain("--config", str(file), "scan", "--no-cache")
    assert seen == [False, True]


def test_files_are_listed_with_their_kind_and_what_decides_it(scanner: Scanner) -> None:
    scanner.write(".iachygiene.toml", '[kinds]\n"*.docker" = "dockerfile"\n')
    scanner.write("a.docker", "FROM debian\n")
    scanner.write("pod.yaml", "apiVersion: v1\nkind: Pod\n")
    scanner.write("values.yaml", "a: 1\n")
    code, out, err = scanner.plain("scan", "--show-files")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["dockerfile", "setting", "a.docker"],
        ["dockerfile", "name", "near/Dockerfile"],
        ["kubernetes", "contents", "pod.yaml"],
    ]


@pytest.mark.parametrize("in_git", [True, False])
def test_a_report_of_the_configuration_replaces_that_of_the_run_before_and_nothing_else(
    in_git: bool, scanner: Scanner
) -> None:
    config = scanner.write(".iachygiene.toml", '[output]\nreports = ["gitlab=out/quality.json"]\n')
    if in_git:
        subprocess.run(["git", "init", "--quiet"], check=True)
    for _ in range(2):
        assert scanner.plain("scan", "--no-cache")[0] == 1
    report = scanner.root / "out" / "quality.json"
    before = report.read_bytes()
    assert b"DF3006" in before
    if in_git:
        report.write_text("kept")
        subprocess.run(["git", "add", "--all"], check=True)
        code, _, err = scanner.plain("scan", "--no-cache")
        assert (code, report.read_text()) == (2, "kept")
        assert "may not write a report" in err
    config.write_text('[output]\nreports = ["text=near/Dockerfile"]\n')
    assert scanner.plain("scan", "--no-cache")[0] == 2
    assert (scanner.root / "near/Dockerfile").read_text() == "FROM debian\n"


@pytest.mark.parametrize(
    "command", ["rules", "explain DF3006", "doctor", "fmt", "init --dry-run", "version", "scan"]
)
def test_shared_options_stand_behind_every_command(command: str, scanner: Scanner) -> None:
    scanner.write(".iachygiene.toml", "selct = 1\n")
    code, _, err = scanner.plain(*command.split(), "--isolated", "--color", "never", "-q", "-v")
    assert code in (0, 1, 3)
    assert "selct" not in err


def test_a_configuration_named_behind_a_command_holds(scanner: Scanner) -> None:
    scanner.write("own.toml", '[severity]\nDF3006 = "error"\n')
    _, out, _ = scanner.plain("explain", "DF3006", "--config", "own.toml")
    assert "(error, on here)" in out


def test_a_configuration_below_the_root_is_noted_when_asked(scanner: Scanner) -> None:
    scanner.write("near/.iachygiene.toml", 'ignore = ["DF"]\n')
    code, _, err = scanner.plain("-v", "scan", "--no-cache")
    assert code == 1
    assert "note: near/.iachygiene.toml: not read" in err
    assert scanner.plain("scan", "--no-cache")[2] == ""
