from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from iachygiene.commands import run

MANIFEST = '{"name": "x", "version": "1.0.0",\n "files": ["dist"]}\n'
OWN = '{"version": 3, "sources": ["a.ts"], "sourcesContent": ["a"], "mappings": ""}'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships a script, in the working directory."""
    write(tmp_path, {"package.json": MANIFEST, "dist/a.js": "f()\n", "src/a.ts": "f()\n"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, newline="")


def test_the_list_is_printed_with_sizes(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["npm-files"]) == 0
    assert capsys.readouterr().out == (
        " 4  dist/a.js\n54  package.json\n2 files, 58 bytes, as npm 11 packs them\n"
    )


def test_json_holds_the_sorted_names(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["npm-files", "--format", "json", str(package)]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": ["dist/a.js", "package.json"]}


def test_names_can_be_ended_by_nul_bytes(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["npm-files", "--format", "null"]) == 0
    assert capsys.readouterr().out == "dist/a.js\0package.json\0"


def test_maps_are_marked_and_fail_the_check(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(package, {"dist/a.js.map": OWN})
    assert run(["npm-files"]) == 0
    assert "dist/a.js.map  [error NPM101: source map" in capsys.readouterr().out
    assert run(["npm-files", "--check", "--format", "json"]) == 1


def test_a_clean_package_passes_the_check(package: Path) -> None:
    assert run(["npm-files", "--check"]) == 0


def test_the_check_obeys_the_configuration(package: Path) -> None:
    write(package, {"dist/a.js.map": OWN, ".iachygiene.toml": '[npm]\nmaps = "allow"\n'})
    assert run(["npm-files", "--check"]) == 0
    assert run(["--isolated", "npm-files", "--check"]) == 1


def test_the_rule_that_decides_about_a_path_is_told(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(package, {"dist/.npmignore": "*.map\n", "dist/a.js.map": OWN})
    assert run(["npm-files", "--why", "dist/a.js.map"]) == 0
    assert capsys.readouterr().out == (
        "dist/a.js.map: does not ship\n"
        "  dist: included by `!dist` in files (package.json:2)\n"
        "  dist/a.js.map: left out by `*.map` in .npmignore (dist/.npmignore:1)\n"
    )


def test_why_tells_of_a_file_that_is_not_there_what_would_take_it(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["npm-files", "--why", "dist/later.js"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert (
        last == "  dist/later.js: not there, else included by `!dist/**` in files (package.json:2)"
    )


def test_npm_12_may_decide_otherwise(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(package, {"package.json": MANIFEST.replace('"dist"', '"dist", "!*.map"')})
    write(package, {"dist/a.js.map": OWN})
    run(["npm-files", "--format", "json"])
    run(["npm-files", "--format", "json", "--npm-version", "12"])
    eleven, twelve = map(json.loads, capsys.readouterr().out.splitlines())
    assert set(twelve["files"]) - set(eleven["files"]) == {"dist/a.js.map"}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ('{"name": "x",,}', "package.json: expected a key in double quotes, found ','"),
        ('{"name": "x"}', "package.json has no version"),
    ],
)
def test_what_npm_refuses_ends_with_two(
    package: Path, capsys: pytest.CaptureFixture[str], manifest: str, message: str
) -> None:
    write(package, {"package.json": manifest})
    assert run(["npm-files"]) == 2
    assert capsys.readouterr().err == f"error: npm would refuse to pack .: {message}\n"


def test_a_directory_without_package_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["npm-files", str(tmp_path)]) == 2
    assert "no such file: package.json" in capsys.readouterr().err


def test_no_such_directory_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["npm-files", "no/such/place"]) == 2
    assert capsys.readouterr().err.startswith("error: no such directory: no/such/place\nhint: ")


def test_a_member_is_listed_with_the_rules_of_its_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = '{"name": "w", "version": "1.0.0", "workspaces": ["packages/*"]}'
    member = '{"name": "a", "version": "1.0.0"}'
    write(tmp_path, {"package.json": root, ".gitignore": "dist\n"})
    write(tmp_path, {"packages/a/package.json": member, "packages/a/dist/i.js": ""})
    assert run(["npm-files", "--format", "json", str(tmp_path / "packages/a")]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": ["package.json"]}
