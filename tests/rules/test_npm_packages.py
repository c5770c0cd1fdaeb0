"""Rules and fixes about whole packages, where the examples of the rules do not suffice."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from iachygiene.config import load
from iachygiene.discover import locate
from iachygiene.engine import Options, Scan, run
from iachygiene.files import Tree
from iachygiene.parse.npm_files import npm_files

MAP = json.dumps(
    {"version": 3, "sources": ["../src/a.ts"], "sourcesContent": ["hidden()\n"], "mappings": ""}
)
TOKEN = "ghp_9aB3dE5fG7hJ2kL4mN6pQ8rS1tU3vW5xY7zA"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")


def scan(root: Path, *select: str, fix: bool = False) -> Scan:
    place = locate([], str(root))
    config = load(place.root)
    if select:
        config = config.with_command_line({"select": list(select)})
    return run(place.root, place.listing, config, Options(engine="builtin", workers=1, fix=fix))


def fixed(root: Path, files: dict[str, str], name: str) -> str | None:
    """What `--fix` makes of a file, None where it is left alone."""
    write(root, files)
    overlay = scan(root, "NPM101", "NPM104", fix=True).tree.overlay
    return overlay[name].decode() if name in overlay else None


def shipped(root: Path, version: int) -> set[str]:
    return set(npm_files(Tree(str(root)), "", version).files)


BUILT = {"dist/a.js": "a()", "dist/a.js.map": MAP}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('["dist"]', '["dist", "!**/*.map"]'),
        ('[\n    "dist"\n  ]', '[\n    "dist",\n    "!**/*.map"\n  ]'),
        ('[\r\n\t"dist"\r\n]', '[\r\n\t"dist",\r\n\t"!**/*.map"\r\n]'),
        ('["dist", "!*.map"]', '["dist", "!*.map", "!**/*.map"]'),
        ('["!**/*.map", "dist"]', '["!**/*.map", "dist", "!**/*.map"]'),
    ],
)
@pytest.mark.parametrize("version", ["11", "12"])
def test_the_fix_appends_what_works_under_both_versions(
    before: str, after: str, version: str, tmp_path: Path
) -> None:
    manifest = '{"name": "x", "version": "1.0.0", "files": %s}'
    files = {"package.json": manifest % before, **BUILT}
    files[".iachygiene.toml"] = f'[npm]\nversion = "{version}"\n'
    result = fixed(tmp_path, files, "package.json")
    if result is None:
        assert "dist/a.js.map" not in shipped(tmp_path, int(version))
        return
    assert result == manifest % after
    write(tmp_path, {"package.json": result})
    for number in (11, 12):
        assert shipped(tmp_path, number) == {"dist/a.js", "package.json"}


def test_the_fix_leaves_other_files_of_that_ending_alone(tmp_path: Path) -> None:
    files = {"package.json": '{"name": "x", "version": "1.0.0", "files": ["dist", "levels"]}'}
    files |= {**BUILT, "levels/one.map": '{"tiles": []}'}
    assert fixed(tmp_path, files, "package.json") == (
        '{"name": "x", "version": "1.0.0", "files": ["dist", "levels", "!dist/**/*.map"]}'
    )


def test_the_fix_adds_a_line_to_an_ignore_file(tmp_path: Path) -> None:
    files = {"package.json": '{"name": "x", "version": "1.0.0"}', ".npmignore": "src\r\ntest"}
    assert fixed(tmp_path, {**files, **BUILT}, ".npmignore") == "src\r\ntest\r\n**/*.map\r\n"


def test_there_is_no_fix_for_a_map_that_is_listed_by_its_name(tmp_path: Path) -> None:
    manifest = '{"name": "x", "version": "1.0.0", "files": ["dist/a.js.map"]}'
    assert fixed(tmp_path, {"package.json": manifest, **BUILT}, "package.json") is None


def test_there_is_no_fix_without_anything_to_add_it_to(tmp_path: Path) -> None:
    manifest = '{"name": "x", "version": "1.0.0"}'
    write(tmp_path, {"package.json": manifest, **BUILT})
    assert scan(tmp_path, "NPM101", fix=True).tree.overlay == {}


def test_many_maps_are_one_finding_with_the_fix(tmp_path: Path) -> None:
    manifest = '{"name": "x", "version": "1.0.0", "files": ["dist"]}'
    write(tmp_path, {"package.json": manifest})
    write(tmp_path, {f"dist/{number}.js.map": MAP for number in range(12)})
    (one,) = scan(tmp_path, "NPM101").result.findings
    assert one.message.startswith("12 source maps embed 12 own files, 12 lines; first ten: ")
    assert one.fix is not None


def test_a_rule_from_above_that_does_not_keep_a_member_s_build_in_is_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "package.json": '{"name": "r", "version": "1.0.0", "private": true,'
            ' "workspaces": ["packages/*"]}',
            ".gitignore": "dist\n",
            "packages/a/package.json": '{"name": "a", "version": "1.0.0", "main": "dist/a.js"}',
            "packages/a/dist/a.js": "a()",
            "packages/a/dist/a.js.map": MAP,
        },
    )
    (one,) = scan(tmp_path, "NPM403").result.findings
    assert (one.location.path, one.object) == (".gitignore", "package a")


def test_packages_below_a_private_one_are_judged_on_their_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "package.json": '{"name": "r", "version": "1.0.0", "private": true}',
            "a/package.json": '{"name": "a", "version": "1.0.0", "files": ["dist"]}',
            "a/dist/a.js.map": MAP,
        },
    )
    assert [one.object for one in scan(tmp_path, "NPM101").result.findings] == ["package a"]


FORMATS = ("text", "concise", "json", "sarif", "github", "markdown")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("target", [".", "x.tgz"])
def test_no_report_prints_a_secret_or_a_text_of_an_original(
    form: str, target: str, tmp_path: Path
) -> None:
    embedded = MAP.replace("hidden()", f"hidden('{TOKEN}')")
    files = {
        "package.json": '{"name": "x", "version": "1.0.0"}',
        ".npmignore": "x.tgz\n",
        "dist/a.js": f"const a = '{TOKEN}'\n",
        "dist/a.js.map": embedded,
        "dist/.npmignore": "!.npmrc\n",
        "dist/.npmrc": f"//registry.npmjs.org/:_authToken={TOKEN[4:]}\n",
        ".env": f"A={TOKEN[4:]}\n",
        "a.key": "-----BEGIN PRIVATE KEY-----\n" + TOKEN[4:] * 3 + "\n",
        "b.js": f"connect('https://shop:{TOKEN[4:]}@db.harbour.io/')\n",
    }
    write(tmp_path, files)
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", target, "--format", form]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    for code in ("NPM101", "NPM301", "NPM302", "NPM304", "NPM305"):
        assert code in done.stdout
    assert TOKEN[4:] not in done.stdout + done.stderr
    assert "hidden(" not in done.stdout + done.stderr


def test_a_tarball_is_listed_and_checked_by_npm_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        for name, text in (("package.json", '{"name": "x", "version": "1.0.0"}'), ("a.map", MAP)):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    command = [sys.executable, "-I", "-m", "iachygiene", "npm-files", "--tarball", "x.tgz"]
    done = subprocess.run(
        [*command, "--check"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "[error NPM101:" in done.stdout
    listed = subprocess.run(
        [*command, "--format", "json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert json.loads(listed.stdout) == {"files": ["a.map", "package.json"]}
