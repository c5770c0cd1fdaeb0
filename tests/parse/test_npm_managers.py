"""The file list as pnpm and Yarn have it; each answer was given by pnpm 12.21.0, yarn 4.18.1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from iachygiene.commands import run
from iachygiene.files import Tree
from iachygiene.parse.npm_files import Refused
from iachygiene.parse.npm_managers import package_manager, packed_files

PNPM, YARN = "pnpm@12.21.0", "yarn@4.18.1"


def write(root: Path, manifest: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """A package `x` with these fields and files; a text that begins with -> makes a link."""
    whole = {"name": "x", "version": "1.0.0", **manifest}
    for name, text in {"package.json": json.dumps(whole), **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text.removeprefix("->"))
        else:
            path.write_text(text, newline="")


def shipped(root: Path, manager: str, manifest: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """The names besides package.json, separated by blanks."""
    write(root, {"packageManager": manager, **manifest}, files)
    names = packed_files(Tree(str(root)), "").files
    return " ".join(name for name in names if name != "package.json")


def empty(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), "")


@pytest.mark.parametrize(
    ("named", "manager"),
    [
        ("pnpm@9.1.0", "pnpm"),
        (PNPM + "+sha512.abc", "pnpm"),
        ("yarn@4.18.1", "yarn"),
        ("yarn@3.2.1", "yarn"),
        ("yarn@1.22.22", "npm"),
        ("npm@11.0.0", "npm"),
        ("bun@1.4.5", "npm"),
        ("pnpm", "npm"),
        ("", "npm"),
    ],
)
def test_package_manager_decides_who_packs(tmp_path: Path, named: str, manager: str) -> None:
    write(tmp_path, {"packageManager": named}, {})
    assert package_manager(Tree(str(tmp_path)), "") == manager


def test_the_nearest_package_manager_counts(tmp_path: Path) -> None:
    inner = '{"name": "y", "version": "1.0.0"}'
    nearer = '{"packageManager": "yarn@4.0.0"}'
    files = {"a/b/package.json": inner, "c/package.json": nearer, "c/d/package.json": inner}
    write(tmp_path, {"packageManager": PNPM}, files)
    tree = Tree(str(tmp_path))
    assert [package_manager(tree, one) for one in ("a/b", "c", "c/d")] == ["pnpm", "yarn", "yarn"]


@pytest.mark.parametrize(
    ("manifest", "files", "answer"),
    [
        pytest.param({"main": "./out/m.js"}, "out/m.js", "out/m.js", id="main with a dot"),
        pytest.param({"browser": "./out/m.js"}, "out/m.js", "out/m.js", id="browser with a dot"),
        pytest.param({"bin": "./c.js"}, "c.js", "c.js", id="a program"),
        pytest.param({"bin": ["c.js"]}, "c.js", "", id="a list of programs"),
        pytest.param({"bin": {"c": "../c.js", "d": "/d.js"}}, "c.js d.js", "d.js", id="outside"),
        pytest.param({"directories": {"bin": "b"}}, "b/c.js", "", id="a directory of programs"),
        pytest.param({"main": "out/*.js"}, "out/a.js", "", id="a glob"),
        pytest.param({"main": "OUT/m.js"}, "out/m.js", "", id="main in another case"),
        pytest.param({"browser": {"./a": "./b"}}, "a b", "", id="browser as an object"),
    ],
)
def test_pnpm_forces(tmp_path: Path, manifest: dict[str, Any], files: str, answer: str) -> None:
    assert shipped(tmp_path, PNPM, {"files": [], **manifest}, empty(files)) == answer


@pytest.mark.parametrize(
    ("listed", "files", "answer"),
    [
        ("dist", "dist/a d i s t", "d dist/a i s t"),
        ({"0": "dist"}, "dist/a b", "b dist/a"),
        (["dist", 3], "dist/a b", "dist/a"),
        (["a/b/c.orig"], "a/b/c.orig", "a/b/c.orig"),
        (["dist/*\\.map"], "dist/a.map dist/a.js", "dist/a.map"),
        (["dist/../lib"], "lib/a", ""),
        (["link"], "a", "link"),
    ],
)
def test_pnpm_reads_files(tmp_path: Path, listed: object, files: str, answer: str) -> None:
    tree = {**empty(files), **({"link": "->a"} if listed == ["link"] else {})}
    assert shipped(tmp_path, PNPM, {"files": listed}, tree) == answer


def test_an_exact_file_beats_ignore_files_at_any_depth_in_pnpm(tmp_path: Path) -> None:
    files = {"a/b/c.js": "", "a/b/.npmignore": "*", "a/.npmignore": "*.js"}
    assert shipped(tmp_path, PNPM, {"files": ["a/b/c.js"]}, files) == "a/b/c.js"


def test_links_and_odd_names_ship_with_pnpm(tmp_path: Path) -> None:
    files = {"a*b": "", "a\\b": "", "c:d": "", "l": "->a*b", "loop": "->.", "gone": "->nope"}
    assert shipped(tmp_path, PNPM, {}, files) == "a*b a\\b c:d gone l loop"


def test_a_link_that_leads_out_of_the_package_stays_with_pnpm(tmp_path: Path) -> None:
    manifest = {"name": "y", "version": "1.0.0", "packageManager": PNPM}
    files = {"y/package.json": json.dumps(manifest), "out/a": "", "y/b": "", "y/d": "->../out/a"}
    more = {"y/e": "->d", "y/f": "->../out", "y/g": "->../nope", "y/h": "->/etc/hostname"}
    write(tmp_path, {}, {**files, **more, "y/i": "->b", "y/j": "->nope", "y/k": "->../y/b"})
    found = packed_files(Tree(str(tmp_path)), "y")
    assert list(found.files) == ["b", "i", "j", "k", "package.json"]
    assert found.steps("d")[-1].why == "outside"


def test_built_in_names_mind_letter_case_in_pnpm(tmp_path: Path) -> None:
    names = "CVS/a cvs/a .git/a .GIT/a Yarn.lock yarn.lock A.ORIG .NPMRC .npmrc lib/.npmrc"
    answer = ".GIT/a .NPMRC Yarn.lock cvs/a"
    files = {**empty(names), "lib/.npmignore": "!.npmrc"}
    assert shipped(tmp_path, PNPM, {}, files) == answer


def test_ignore_files_in_pnpm(tmp_path: Path) -> None:
    files = {".npmignore": "*\\.map\nlib/../b\n", "a.map": "", "b": "", "c/.npmignore/d": ""}
    assert shipped(tmp_path, PNPM, {}, files) == "b"


BUNDLED = {
    "node_modules/a/package.json": '{"name": "a", "version": "1.0.0", "dependencies": {"b": "1"}}',
    "node_modules/a/.npmignore": "no.js",
    "node_modules/a/no.js": "",
    "node_modules/a/x.orig": "",
    "node_modules/a/yes.js": "",
    "node_modules/b/package.json": '{"name": "b", "version": "1.0.0"}',
    "node_modules/w/i.js": "",
}


@pytest.mark.parametrize("field", ["dependencies", "devDependencies", "peerDependencies", "x"])
def test_pnpm_bundles_what_is_listed_and_obeys_its_ignore_files(tmp_path: Path, field: str) -> None:
    manifest = {field: {"a": "1"}, "bundleDependencies": ["a", "w"]}
    answer = "node_modules/a/package.json node_modules/a/yes.js node_modules/b/package.json"
    assert shipped(tmp_path, PNPM, manifest, BUNDLED) == answer


def test_pnpm_bundles_nothing_for_an_object_of_names(tmp_path: Path) -> None:
    manifest = {"dependencies": {"a": "1"}, "bundleDependencies": {"a": "1"}}
    assert shipped(tmp_path, PNPM, manifest, BUNDLED) == ""


def test_pnpm_packs_the_directory_that_is_published(tmp_path: Path) -> None:
    files = {"dist/package.json": '{"name": "y", "version": "1.0.0"}', "dist/a.js": "", "b.js": ""}
    manifest = {"publishConfig": {"directory": "dist"}}
    assert shipped(tmp_path, PNPM, manifest, files) == "a.js"
    found = packed_files(Tree(str(tmp_path)), "").files
    assert found == {"a.js": "dist/a.js", "package.json": "dist/package.json"}


def test_pnpm_refuses_where_the_published_directory_holds_no_package(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no such file: dist/package\.json"):
        shipped(tmp_path, PNPM, {"publishConfig": {"directory": "dist"}}, {"dist/a.js": ""})


MEMBER = {
    "packages/y/package.json": '{"name": "y", "version": "1.0.0"}',
    "packages/y/dist/a.js": "",
    "packages/y/lib/b.js": "",
    "packages/y/c.js": "",
    "x/package.json": "c.js",
    "x/c.js": "",
}
ALL = "c.js dist/a.js lib/b.js"


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        ({".gitignore": "dist\n/lib\n"}, "c.js"),
        ({".gitignore": "dist\n", ".npmignore": "c.js\n"}, "dist/a.js lib/b.js"),
        ({".gitignore": "dist\n", "packages/.npmignore": "c.js\n"}, "lib/b.js"),
        ({".gitignore": "dist\n", "packages/y/.gitignore": "c.js\n"}, "lib/b.js"),
        ({".gitignore": "dist\n", "packages/y/.npmignore": "*.map\n"}, ALL),
        ({".npmignore": "dist\n", "packages/y/.npmignore": "*.map\n"}, ALL),
    ],
)
def test_ignore_files_above_reach_members_of_a_pnpm_workspace(
    tmp_path: Path, files: dict[str, str], answer: str
) -> None:
    workspace = {"pnpm-workspace.yaml": "packages:\n  - 'packages/*'\n"}
    write(tmp_path, {"packageManager": PNPM}, {**MEMBER, **workspace, **files})
    found = packed_files(Tree(str(tmp_path)), "packages/y")
    assert " ".join(name for name in found.files if name != "package.json") == answer
    assert found.workspace == ""


@pytest.mark.parametrize(
    ("own", "answer"),
    [
        ("", "LICENSE licence.md"),
        ("LICENSE-MIT", "LICENSE LICENSE-MIT licence.md"),
        ("License.txt", "License.txt"),
        ("src/license.js", "src/license.js"),
    ],
)
def test_a_member_without_licence_gets_that_of_its_pnpm_workspace(
    tmp_path: Path, own: str, answer: str
) -> None:
    manifest = {"name": "y", "version": "1.0.0"}
    files = {
        "pnpm-workspace.yaml": "packages: ['packages/*']\n",
        "packages/y/package.json": json.dumps(manifest),
        "other/package.json": json.dumps(manifest),
        **empty(f"LICENSE licence.md LICENSE-MIT packages/y/{own or 'package.json'}"),
    }
    files["packages/y/package.json"] = json.dumps(manifest)
    write(tmp_path, {"packageManager": PNPM}, files)
    found = packed_files(Tree(str(tmp_path)), "packages/y").files
    assert " ".join(name for name in found if name != "package.json") == answer
    assert not own or own not in found or found[own] == f"packages/y/{own}"
    other = packed_files(Tree(str(tmp_path)), "other").files
    assert list(other) == ["package.json"]


def test_a_pnpm_pattern_with_two_stars_takes_in_the_directory_before_them(tmp_path: Path) -> None:
    manifest = '{"name": "y", "version": "1.0.0"}'
    files = {f"{name}/package.json": manifest for name in ("a", "a/b/c", "d")}
    workspace = {"pnpm-workspace.yaml": "packages:\n  - a/**\n", "LICENSE": ""}
    write(tmp_path, {"packageManager": PNPM}, {**files, **workspace})
    tree = Tree(str(tmp_path))
    found = {name: packed_files(tree, name).workspace for name in ("a", "a/b/c", "d")}
    assert found == {"a": "", "a/b/c": "", "d": None}


def test_members_without_a_pnpm_workspace_file_get_no_rules_from_above(tmp_path: Path) -> None:
    manifest = {"packageManager": PNPM, "workspaces": ["packages/*"]}
    write(tmp_path, manifest, {**MEMBER, ".gitignore": "dist\n"})
    found = packed_files(Tree(str(tmp_path)), "packages/y").files
    assert list(found) == ["c.js", "dist/a.js", "lib/b.js", "package.json"]


def test_a_nested_manifest_is_no_ignore_file_in_pnpm(tmp_path: Path) -> None:
    manifest = {"workspaces": ["packages/*"], "files": ["x"]}
    assert shipped(tmp_path, PNPM, manifest, MEMBER) == "x/c.js x/package.json"


# Yarn.


def test_what_yarn_leaves_out_by_itself(tmp_path: Path) -> None:
    names = (
        ".npmrc lib/._a lib/.svn/b lib/.a.swp .lock-wscript package-lock.json x.orig .github/w.yml"
        " .git/c lib/node_modules/d/e .yarnrc.yml .yarn/install-state.gz .pnp.cjs .npmignore"
        " lib/.gitignore package.tgz yarn.lock lib/yarn.lock .DS_Store .#f"
    )
    answer = (
        ".lock-wscript .npmrc lib/._a lib/.a.swp lib/.svn/b lib/yarn.lock package-lock.json x.orig"
    )
    assert shipped(tmp_path, YARN, {}, empty(names)) == answer


def test_what_always_ships_with_yarn(tmp_path: Path) -> None:
    names = "CHANGELOG.md changelog COPYING readme.txt LICENSE/a README/b licence docs/README"
    answer = "CHANGELOG.md LICENSE/a README/b changelog licence readme.txt"
    assert shipped(tmp_path, YARN, {"files": []}, empty(names)) == answer


@pytest.mark.parametrize(
    "manifest",
    [
        {"main": "./out/m.js"},
        {"module": "out/m.js"},
        {"browser": "./out/m.js"},
        {"browser": {"x": "./out/m.js"}},
        {"bin": {"a": "out/m.js"}},
        {"bin": ["out/m.js"]},
        {"main": "n.js", "publishConfig": {"main": "out/m.js"}},
    ],
)
def test_yarn_forces(tmp_path: Path, manifest: dict[str, Any]) -> None:
    files = {**empty("out/m.js n.js"), "out/.npmignore": "*"}
    assert shipped(tmp_path, YARN, {"files": [], **manifest}, files) == "out/m.js"


@pytest.mark.parametrize(
    ("listed", "answer"),
    [
        (["dist"], "dist/a.js dist/a.map dist/sub/c.js"),
        (["dist/*"], "dist/a.js dist/a.map"),
        (["dist/*.js"], "dist/a.js"),
        (["!**/*.map", "dist"], "dist/a.js dist/sub/c.js"),
        (["dist", "!./dist/a.map"], "dist/a.js dist/sub/c.js"),
        (["dist/*\\.map"], "dist/a.map"),
        (["dist/[!a].*"], "dist/a.js dist/a.map"),
        (["**/*"], "dist/a.js dist/a.map dist/sub/c.js"),
        (["**/dist/**"], ""),
        (["!!dist"], ""),
        ([""], ""),
        (["./"], ""),
        (["/"], ""),
        (["sub"], ""),
        (["d[1]"], "d1 d[1]"),
    ],
)
def test_yarn_reads_files(tmp_path: Path, listed: list[str], answer: str) -> None:
    names = "dist/a.js dist/a.map dist/sub/c.js index.js"
    names += " d1 d[1]" if listed == ["d[1]"] else ""
    assert shipped(tmp_path, YARN, {"files": listed}, empty(names)) == answer


def test_an_ignored_directory_stays_ignored_below_a_negation_in_yarn(tmp_path: Path) -> None:
    files = {".npmignore": "src\n!src/index.ts\n", "src/index.ts": "", "src/secret.ts": ""}
    assert shipped(tmp_path, YARN, {}, files) == "src/index.ts"


def test_a_slash_at_the_start_means_the_package_in_any_ignore_file_of_yarn(tmp_path: Path) -> None:
    files = {"lib/.npmignore": "/a.js\nsub/b.js\n", **empty("a.js lib/a.js lib/sub/b.js")}
    assert shipped(tmp_path, YARN, {}, files) == "a.js lib/a.js"


def test_npmrc_ships_with_yarn_when_a_rule_takes_it_back(tmp_path: Path) -> None:
    files = {".npmignore": ".npmrc\n!.npmrc\n", ".npmrc": "", "lib/.npmrc": ""}
    assert shipped(tmp_path, YARN, {}, files) == ".npmrc lib/.npmrc"


def test_links_ship_with_yarn_and_nothing_is_bundled(tmp_path: Path) -> None:
    manifest = {"dependencies": {"a": "1"}, "bundleDependencies": ["a"]}
    files = {**BUNDLED, "i.js": "", "l": "->i.js", "loop": "->."}
    assert shipped(tmp_path, YARN, manifest, files) == "i.js l loop"


def test_members_of_a_yarn_workspace_stand_alone(tmp_path: Path) -> None:
    manifest = {"workspaces": ["packages/*"]}
    files = {**MEMBER, ".gitignore": "dist\n"}
    assert shipped(tmp_path, YARN, manifest, files) == "x/c.js x/package.json"
    found = packed_files(Tree(str(tmp_path)), "packages/y").files
    assert list(found) == ["c.js", "dist/a.js", "lib/b.js", "package.json"]


def test_yarn_stops_at_a_directory_for_an_ignore_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"\.npmignore is a directory"):
        shipped(tmp_path, YARN, {}, {".npmignore/a": ""})


# The program.


@pytest.mark.parametrize(("manager", "rule"), [(PNPM, "!dist"), (YARN, "dist")])
def test_the_command_names_the_manager_and_the_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], manager: str, rule: str
) -> None:
    write(tmp_path, {"packageManager": manager, "files": ["dist"]}, {"dist/a.js": "f()\n"})
    name = manager.partition("@")[0]
    assert run(["npm-files", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"bytes, as {name} packs them\n")
    assert run(["npm-files", str(tmp_path), "--why", "dist/a.js"]) == 0
    assert f"dist: included by `{rule}` in files (package.json:1)" in capsys.readouterr().out


def test_a_version_of_npm_on_the_command_line_goes_before_package_manager(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"packageManager": YARN, "files": []}, {"CHANGELOG.md": ""})
    names = []
    for more in ([], ["--npm-version", "11"]):
        assert run(["npm-files", str(tmp_path), "--format", "json", *more]) == 0
        names.append(json.loads(capsys.readouterr().out)["files"])
    assert names == [["CHANGELOG.md", "package.json"], ["package.json"]]


OWN = '{"version": 3, "sources": ["a.ts"], "sourcesContent": ["a"], "mappings": ""}'


@pytest.mark.parametrize(("manager", "leaks"), [(PNPM, True), (YARN, False), ("", True)])
def test_a_scan_judges_what_the_manager_packs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], manager: str, leaks: bool
) -> None:
    manifest = {"packageManager": manager, "files": ["!**/*.map", "dist"]}
    write(tmp_path, manifest, {"dist/a.js": "f()\n", "dist/a.js.map": OWN, "dist/loop": "->.."})
    assert run(["scan", str(tmp_path), "--isolated", "--select", "NPM101"]) == (1 if leaks else 0)
    assert ("NPM101" in capsys.readouterr().out) is leaks
