"""The file list of packages; each answer was given by npm itself (11.19.1, 12.2.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from iachygiene.files import Tree
from iachygiene.parse.npm_files import Listing, Refused, npm_files


def listing(
    root: Path, manifest: Mapping[str, Any], files: Mapping[str, str], version: int = 11
) -> Listing:
    """List a package `x` with these fields and files."""
    whole = {"name": "x", "version": "1.0.0", **manifest}
    for name, text in {"package.json": json.dumps(whole), **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return npm_files(Tree(str(root)), "", version)


def shipped(
    root: Path, manifest: Mapping[str, Any], files: Mapping[str, str], version: int = 11
) -> str:
    """The names besides package.json, separated by blanks."""
    names = listing(root, manifest, files, version).files
    return " ".join(name for name in names if name != "package.json")


TREE = dict.fromkeys(
    [
        "index.js",
        "a.txt",
        "dist/a.js",
        "dist/a.js.map",
        "dist/b.mjs",
        "dist/sub/c.js",
        "dist/sub/c.js.map",
        "dist/.dot.js",
        "dist/.d/e.js",
        "src/a.ts",
        "lib/a.js",
        "lib/dist/x.js",
        ".hid/x.js",
        "test/dist/y.js",
    ],
    "",
)
DIST = (
    "dist/.d/e.js dist/.dot.js dist/a.js dist/a.js.map dist/b.mjs dist/sub/c.js dist/sub/c.js.map"
)
EVERYTHING = " ".join(sorted(TREE))
WITHOUT_MAPS = "dist/.d/e.js dist/.dot.js dist/a.js dist/b.mjs dist/sub/c.js"
SCRIPTS = (
    ".hid/x.js dist/.d/e.js dist/.dot.js dist/a.js dist/sub/c.js index.js lib/a.js lib/dist/x.js"
    " test/dist/y.js"
)


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        *((one, DIST) for one in ("dist", "dist/", "/dist", "./dist", "dist/*", "dist/**")),
        *((one, EVERYTHING) for one in ("*", "**", "**/*", "", "./", "/")),
        *((one, "") for one in (".", "../dist", "nope", "DIST", "sub", "dist/*\\.map", "!src")),
        ("DIST/**", DIST),
        ("INDEX.JS", "index.js"),
        ("*.js", "index.js"),
        ("**/*.js", SCRIPTS),
        ("/*.js", "index.js"),
    ],
)
def test_a_files_entry_includes(tmp_path: Path, files: str, answer: str) -> None:
    assert shipped(tmp_path, {"files": [files]}, TREE) == answer


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        (["dist", "!**/*.map"], WITHOUT_MAPS),
        (["dist", "!*.map"], WITHOUT_MAPS),
        (["dist", "!dist/**/*.map"], WITHOUT_MAPS),
        (["!**/*.map", "dist"], DIST),
        (["dist", "!./dist/a.js.map"], DIST),
        (["dist", "!dist/a.js.map"], DIST.replace("dist/a.js.map ", "")),
        (["dist/a.js.map", "!**/*.map"], "dist/a.js.map"),
        (["dist", "!dist/sub"], DIST.removesuffix(" dist/sub/c.js dist/sub/c.js.map")),
    ],
)
def test_files_entries_together_include(tmp_path: Path, files: list[str], answer: str) -> None:
    assert shipped(tmp_path, {"files": files}, TREE) == answer


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        (["dist", "!*.map"], DIST),
        (["dist", "!**/*.map"], WITHOUT_MAPS),
        (["dist", "!./dist/a.js.map"], DIST.replace("dist/a.js.map ", "")),
        (["dist/a.js.map", "!**/*.map"], ""),
        ([""], ""),
        (["DIST/**"], ""),
        (["index.js/**"], "index.js"),
        (["*/**", "!dist", "!lib", "!.hid"], "src/a.ts test/dist/y.js"),
        ([".//dist/./**", "!**/*.map"], WITHOUT_MAPS),
    ],
)
def test_npm_12_expands_files_entries_on_disk(
    tmp_path: Path, files: list[str], answer: str
) -> None:
    assert shipped(tmp_path, {"files": files}, TREE, version=12) == answer


def test_files_as_a_text_is_read_letter_by_letter(tmp_path: Path) -> None:
    files = dict.fromkeys(["d", "i", "s/x.js", "t", "dist/a.js"], "")
    assert shipped(tmp_path, {"files": "dist"}, files) == "d i s/x.js t"


@pytest.mark.parametrize("absent", [None, False, 0, ""])
def test_files_of_no_value_counts_as_absent(tmp_path: Path, absent: object) -> None:
    assert shipped(tmp_path, {"files": absent}, TREE) == EVERYTHING


def test_what_is_always_in_is_at_the_root_in_any_case(tmp_path: Path) -> None:
    names = [
        "README",
        "readme.txt",
        "README.md.bak",
        "README.md~",
        "README.",
        "README-fr.md",
        "LICENSE-MIT",
        "License.md",
        "COPYING",
        "licence.x$",
        "NOTICE",
        "docs/README.md",
    ]
    answer = "COPYING License.md README README.md.bak readme.txt"
    assert shipped(tmp_path, {"files": []}, dict.fromkeys(names, "")) == answer


def test_what_is_never_in_holds_at_the_root_only(tmp_path: Path) -> None:
    names = [
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lockb",
        ".npmrc",
        "node_modules/a/i.js",
        "lib/package-lock.json",
        "lib/yarn.lock",
        "lib/node_modules/a/i.js",
        ".env",
        "npm-shrinkwrap.json",
    ]
    answer = ".env lib/node_modules/a/i.js lib/package-lock.json lib/yarn.lock npm-shrinkwrap.json"
    assert shipped(tmp_path, {}, dict.fromkeys(names, "")) == answer


def test_npm_12_leaves_out_more_lock_files_and_patches(tmp_path: Path) -> None:
    files = dict.fromkeys(["npm-shrinkwrap.json", "bun.lock", "patches/a.patch", "i.js"], "")
    manifest = {"patchedDependencies": {"a@1": "patches/a.patch"}}
    assert shipped(tmp_path, manifest, files, version=12) == "i.js"
    assert shipped(tmp_path, manifest, files) == "bun.lock i.js npm-shrinkwrap.json patches/a.patch"


def test_an_ignored_directory_comes_back_whole_by_a_negation_in_it(tmp_path: Path) -> None:
    files = {".npmignore": "src\n!src/index.ts\n", "src/index.ts": "", "src/secret.ts": ""}
    assert shipped(tmp_path, {}, files) == "src/index.ts src/secret.ts"


def test_an_ignored_directory_stays_out_with_two_stars(tmp_path: Path) -> None:
    files = {".npmignore": "src/**\n!src/index.ts\n", "src/index.ts": "", "src/secret.ts": ""}
    assert shipped(tmp_path, {}, files) == "src/index.ts"


@pytest.mark.parametrize(
    ("ignored", "main", "answer"),
    [
        ("dist", "dist/index.js", "dist/index.js dist/index.js.map"),
        ("dist/", "dist/index.js", "dist/index.js dist/index.js.map"),
        ("/dist", "dist/index.js", "dist/index.js dist/index.js.map"),
        ("dist/**", "dist/index.js", "dist/index.js"),
        ("dist", "./dist/index.js", ""),
    ],
)
def test_main_brings_an_ignored_directory_back(
    tmp_path: Path, ignored: str, main: str, answer: str
) -> None:
    files = {".gitignore": f"{ignored}\n", "dist/index.js": "", "dist/index.js.map": ""}
    assert shipped(tmp_path, {"main": main}, files) == answer


def test_an_empty_npmignore_switches_the_gitignore_off(tmp_path: Path) -> None:
    files = {".npmignore": "", ".gitignore": "*.map\n", "a.map": ""}
    assert shipped(tmp_path, {}, files) == "a.map"


def test_files_switches_root_ignore_files_off_and_nested_ones_not(tmp_path: Path) -> None:
    files = {".npmignore": "a.js", "dist/.npmignore": "*.map", "dist/a.js": "", "dist/a.js.map": ""}
    assert shipped(tmp_path, {"files": ["dist"]}, files) == "dist/a.js"


def test_a_nested_ignore_file_can_include_what_npm_leaves_out(tmp_path: Path) -> None:
    files = {"lib/.npmignore": "!.npmrc\n", "lib/.npmrc": "token", ".npmrc": "token"}
    assert shipped(tmp_path, {}, files) == "lib/.npmrc"


def test_main_beats_root_rules_at_any_depth_and_nested_rules_not(tmp_path: Path) -> None:
    files = {".npmignore": "*", "a/b/m.js": "", "c/.npmignore": "m.js", "c/m.js": ""}
    manifest = {"main": "a/b/m.js", "bin": {"c": "./c/m.js"}}
    assert shipped(tmp_path, manifest, files) == "a/b/m.js"


def test_an_exact_file_beats_ignore_files_one_level_deep(tmp_path: Path) -> None:
    names = ["a.orig", "lib/b.orig", "lib/x/c.orig"]
    assert shipped(tmp_path, {"files": names}, dict.fromkeys(names, "")) == "a.orig lib/b.orig"


def test_browser_as_an_object_becomes_a_class_of_letters(tmp_path: Path) -> None:
    files = dict.fromkeys(["a.js", "b", "j", "z"], "")
    assert shipped(tmp_path, {"browser": {"./a.js": "./b.js"}, "files": []}, files) == "b j"


def test_links_and_names_with_a_star_never_ship(tmp_path: Path) -> None:
    (tmp_path / "link.js").symlink_to("real.js")
    (tmp_path / "loop").symlink_to(".")
    assert shipped(tmp_path, {}, {"real.js": "", "a*b.js": ""}) == "real.js"


def test_a_name_like_a_drive_loses_its_letter(tmp_path: Path) -> None:
    assert shipped(tmp_path, {}, {"a:b": ""}) == "b"


WORKSPACE = {
    ".gitignore": "dist\n/lib\n",
    "packages/a/package.json": '{"name": "a", "version": "1.0.0"}',
    "packages/a/dist/i.js": "",
    "packages/a/lib/i.js": "",
    "packages/a/src/dist.js": "",
}


def test_ignore_files_of_the_workspace_root_reach_its_members(tmp_path: Path) -> None:
    listing(tmp_path, {"workspaces": ["packages/*"]}, WORKSPACE)
    found = npm_files(Tree(str(tmp_path)), "packages/a")
    assert list(found.files) == ["package.json", "src/dist.js"]
    assert found.workspace == ""


def test_a_package_that_is_no_member_has_only_its_own_rules(tmp_path: Path) -> None:
    listing(tmp_path, {"workspaces": ["packages/*", "!packages/a"]}, WORKSPACE)
    found = npm_files(Tree(str(tmp_path)), "packages/a")
    assert list(found.files) == ["dist/i.js", "lib/i.js", "package.json", "src/dist.js"]


def test_the_workspace_root_sweeps_members_in_and_reads_their_manifests_as_rules(
    tmp_path: Path,
) -> None:
    extra = {
        "packages/a/.npmignore": "src\n",
        "x/package.json": "b.js\n",
        "x/b.js": "",
        "x/c.js": "",
    }
    answer = (
        "packages/a/lib/i.js packages/a/package.json packages/a/src/dist.js x/c.js x/package.json"
    )
    assert shipped(tmp_path, {"workspaces": ["packages/*"]}, {**WORKSPACE, **extra}) == answer


def test_a_workspace_pattern_with_two_stars_finds_members_at_any_depth(tmp_path: Path) -> None:
    members = {
        f"packages/{name}/package.json": "{}" for name in ("a", "b/c", ".d", "node_modules/e")
    }
    found = listing(tmp_path, {"workspaces": ["packages/**"]}, members)
    assert sorted(found.members) == ["packages/a", "packages/b/c"]


BUNDLE = {
    "i.js": "",
    "node_modules/a/package.json": '{"dependencies": {"b": "1"}, "devDependencies": {"c": "1"}}',
    "node_modules/a/.npmignore": "x.orig",
    "node_modules/a/x.orig": "",
    "node_modules/a/yarn.lock": "",
    "node_modules/b/package.json": '{"files": ["b.js"]}',
    "node_modules/b/b.js": "",
    "node_modules/b/no.js": "",
    "node_modules/c/package.json": "{}",
}


def test_bundled_dependencies_ship_with_what_they_need(tmp_path: Path) -> None:
    manifest = {"dependencies": {"a": "1", "c": "1"}, "bundleDependencies": ["a"]}
    answer = (
        "i.js node_modules/a/.npmignore node_modules/a/package.json node_modules/a/x.orig"
        " node_modules/b/b.js node_modules/b/package.json"
    )
    assert shipped(tmp_path, manifest, BUNDLE) == answer


def test_a_dev_dependency_is_not_bundled_though_listed_as_both(tmp_path: Path) -> None:
    manifest = {
        "dependencies": {"a": "1"},
        "devDependencies": {"a": "1"},
        "bundleDependencies": ["a"],
    }
    assert shipped(tmp_path, manifest, BUNDLE) == "i.js"


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"name": ""}, "package.json has no name"),
        ({"version": None}, "package.json has no version"),
        ({"files": {"0": "dist"}}, "`files` is no list"),
        ({"files": True}, "`files` is no list"),
        ({"files": ["a", 3]}, "an entry of `files` is not a string"),
        ({"bin": ["a.js", 3]}, "an entry of `bin` is not a string"),
        ({"workspaces": "packages/*"}, "`workspaces` of package.json is no list of texts"),
    ],
)
def test_npm_refuses_a_manifest(tmp_path: Path, manifest: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        listing(tmp_path, manifest, {})
    assert str(refused.value) == reason
    assert refused.value.trouble is None


@pytest.mark.parametrize(
    "files",
    [
        {".npmignore/x": ""},
        {".npmignore": "a" * 70_000},
        {".npmignore": "[[:alpha:]]-x"},
        {"a\\b.js": ""},
        {"lib/.gitignore/x": ""},
        {"caf\udce9.js": ""},
    ],
)
def test_npm_refuses_files(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(Refused):
        listing(tmp_path, {}, files)


def test_a_directory_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        npm_files(Tree(str(tmp_path)), "")
    assert str(refused.value) == "no such file: package.json"


def test_too_many_rules_are_a_trouble_at_their_place(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        listing(tmp_path, {}, {".npmignore": "x\n{a,b}{a,b}{a,b}{a,b}" + "{a,b}" * 20})
    trouble = refused.value.trouble
    assert trouble is not None and trouble.kind == "over-limit"
    assert trouble.location.path == ".npmignore"
    assert trouble.location.span.start == 2


def test_the_rule_that_decides_is_remembered_with_its_place(tmp_path: Path) -> None:
    files = {"dist/.npmignore": "\n*.map\n", "dist/a.js": "", "dist/a.map": ""}
    found = listing(tmp_path, {"files": ["dist"]}, files)
    entered, left_out = found.steps("dist/a.map")
    assert (entered.included, left_out.included) == (True, False)
    assert entered.rule is not None and left_out.rule is not None
    assert (entered.rule.text, entered.rule.what) == ("!dist", "files")
    assert left_out.rule.location is not None
    assert tuple(left_out.rule.location[:2]) == ("dist/.npmignore", (1, 6))


def test_the_reopened_directory_names_the_negation_that_entered_it(tmp_path: Path) -> None:
    files = {".npmignore": "src\n!src/index.ts\n", "src/index.ts": "", "src/secret.ts": ""}
    rule = listing(tmp_path, {}, files).decider("src/secret.ts")
    assert rule is not None and rule.text == "!src/index.ts"


@pytest.mark.parametrize(
    ("path", "why"), [("gone.js", "missing"), ("link.js", "link"), ("a*b", "name")]
)
def test_what_no_rule_decides_says_why(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "link.js").symlink_to("real.js")
    found = listing(tmp_path, {}, {"real.js": "", "a*b": ""})
    assert found.steps(path)[-1].why == why


def test_a_package_of_ten_thousand_files_is_listed_quickly(tmp_path: Path) -> None:
    files = {f"src/d{n % 100}/e{n % 10}/file{n}.js": "" for n in range(10_000)}
    listing(tmp_path, {}, files)
    started = process_time()
    found = npm_files(Tree(str(tmp_path)), "")
    assert len(found.files) == 10_001
    assert process_time() - started < 5
