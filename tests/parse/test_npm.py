from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from iachygiene.files import Tree
from iachygiene.model import Job, Trouble
from iachygiene.parse.npm import NpmPackage, group, load


def units(
    root: Path, files: Mapping[str, str | bytes], settings: Mapping[str, Any] | None = None
) -> list[NpmPackage | Trouble]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    tree = Tree(str(root), listed=frozenset(files))
    found = load(Job("npm", "", ("package.json",), settings or {}), tree)
    return [unit for unit in found if isinstance(unit, NpmPackage | Trouble)]


def package(root: Path, manifest: Mapping[str, Any], **settings: Any) -> NpmPackage:
    whole = {"name": "x", "version": "1.0.0", **manifest}
    (unit,) = units(root, {"package.json": json.dumps(whole)}, settings)
    assert isinstance(unit, NpmPackage)
    return unit


def test_each_manifest_is_a_job_and_ignore_files_are_none(tmp_path: Path) -> None:
    paths = ["package.json", ".npmignore", "packages/a/package.json"]
    jobs = group(paths, Tree(str(tmp_path)), {})
    assert [job[:3] for job in jobs] == [
        ("npm", "", ("package.json",)),
        ("npm", "packages/a", ("packages/a/package.json",)),
    ]


def test_a_manifest_that_is_no_json_is_a_syntax_error_at_its_place(tmp_path: Path) -> None:
    (trouble,) = units(tmp_path, {"package.json": '{"name": "x",,}'})
    assert isinstance(trouble, Trouble)
    assert (trouble.kind, trouble.location.span.start) == ("syntax", 13)


@pytest.mark.parametrize("manifest", ['{"private": true}', "[]", '{"name": "x"}'])
def test_a_package_that_npm_refuses_is_passed_over(tmp_path: Path, manifest: str) -> None:
    assert units(tmp_path, {"package.json": manifest}) == []


OPEN = {"license": "MIT", "repository": "github:acme/x"}


@pytest.mark.parametrize(
    ("manifest", "policy"),
    [
        ({}, "forbid"),
        (OPEN, "allow-open-source"),
        ({**OPEN, "name": "@acme/x"}, "forbid"),
        ({**OPEN, "private": True}, "forbid"),
        ({**OPEN, "license": "UNLICENSED"}, "forbid"),
        ({**OPEN, "license": "SEE LICENSE IN LICENSE"}, "forbid"),
        ({**OPEN, "license": "(MIT OR BUSL-1.1)"}, "allow-open-source"),
        ({**OPEN, "license": "MIT AND BUSL-1.1"}, "forbid"),
        ({**OPEN, "license": "GPL-2.0-only WITH Classpath-exception-2.0"}, "allow-open-source"),
        ({**OPEN, "repository": "https://git.acme.corp/x/y"}, "forbid"),
        ({**OPEN, "repository": {"url": "git+https://gitlab.com/a/b.git"}}, "allow-open-source"),
        ({**OPEN, "repository": "git+ssh://git@github.com/a/b.git"}, "forbid"),
    ],
)
def test_open_source_may_publish_maps_by_default(
    tmp_path: Path, manifest: dict[str, Any], policy: str
) -> None:
    assert package(tmp_path, manifest).policy == policy


def test_the_configuration_says_whether_maps_may_be_published(tmp_path: Path) -> None:
    assert package(tmp_path, OPEN, maps="forbid").policy == "forbid"


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("acme/x", ("github.com", "acme/x")),
        ("gitlab:acme/x", ("gitlab.com", "acme/x")),
        ("git+https://github.com/acme/x.git#main", ("github.com", "acme/x")),
        ("https://www.github.com/acme/x/tree/main/y", ("github.com", "acme/x")),
        ("git://codeberg.org/acme/x", ("codeberg.org", "acme/x")),
        ("https://github.com.evil.example/acme/x", None),
        ("", None),
    ],
)
def test_the_forge_is_read_from_the_repository(
    tmp_path: Path, url: str, forge: tuple[str, str] | None
) -> None:
    assert package(tmp_path, {"repository": url}).forge == forge


@pytest.mark.parametrize(
    ("publish", "private"),
    [
        ({"registry": "https://npm.acme.corp/"}, True),
        ({"registry": "https://registry.npmjs.org/"}, False),
        ({"registry": "https://npm.acme.corp/", "access": "public"}, False),
        ({}, False),
    ],
)
def test_a_registry_of_its_own_keeps_a_package_private(
    tmp_path: Path, publish: dict[str, str], private: bool
) -> None:
    assert package(tmp_path, {"publishConfig": publish}).stays_private is private


MANIFEST = '{"name": "x", "version": "1.0.0"}'
MAP = '{"version": 3, "sources": ["a.ts"], "mappings": ""}'


def maps(root: Path, files: Mapping[str, str | bytes]) -> list[str]:
    (unit,) = units(root, {"package.json": MANIFEST, **files})
    assert isinstance(unit, NpmPackage)
    return [one.name for one in unit.maps]


def test_maps_are_found_by_name_by_reference_and_by_the_beginning_of_json(tmp_path: Path) -> None:
    files = {
        "a.js.map": MAP,
        "b.js": "f()\n//# sourceMappingURL=hidden.txt",
        "hidden.txt": MAP,
        "map.json": MAP,
        "other.json": '{"a": 1}',
        "level.map": '{"tiles": []}',
        "linker.map": "0x000 main",
        "cut.js.map": '{"version":3,"sour',
        "unread.txt": MAP,
    }
    assert maps(tmp_path, files) == ["a.js.map", "cut.js.map", "hidden.txt", "map.json"]


def test_a_file_that_a_reference_names_counts_as_a_map_whatever_it_holds(tmp_path: Path) -> None:
    files = {"b.js": "f()\n//# sourceMappingURL=b.js.map", "b.js.map": "<!doctype html>"}
    assert maps(tmp_path, files) == ["b.js.map"]


def test_the_reference_of_a_script_without_ending_is_found(tmp_path: Path) -> None:
    cli = "#!/usr/bin/env node\nf()\n//# sourceMappingURL=./%61.map?v=1#x"
    (unit,) = units(tmp_path, {"package.json": MANIFEST, "bin/cli": cli, "bin/a.map": MAP})
    assert isinstance(unit, NpmPackage)
    assert [one.target for one in unit.references] == ["bin/a.map"]
    assert unit.maps[0].referred


def test_places_of_references_count_code_points(tmp_path: Path) -> None:
    text = "é😀\n//# sourceMappingURL=a.map"
    (unit,) = units(tmp_path, {"package.json": MANIFEST, "a.js": text})
    assert isinstance(unit, NpmPackage)
    start, end = unit.references[0].location.span
    assert text[start:end] == "//# sourceMappingURL=a.map"


def test_a_map_over_the_limit_is_a_trouble_and_still_a_map_when_referred_to(tmp_path: Path) -> None:
    files = {"package.json": MANIFEST, "a.js": "//# sourceMappingURL=a.js.map", "a.js.map": MAP}
    trouble, unit = units(tmp_path, files, {"max-map-size": 40})
    assert isinstance(trouble, Trouble) and isinstance(unit, NpmPackage)
    assert (trouble.kind, trouble.location.path) == ("over-limit", "a.js.map")
    assert [one.contents for one in unit.maps] == [None]


def test_originals_that_ship_or_are_tracked_are_public(tmp_path: Path) -> None:
    manifest = json.dumps({"name": "x", "version": "1.0.0", "files": ["dist"], **OPEN})
    files = {
        "package.json": manifest,
        "src/a.ts": "",
        "dist/a.js.map": MAP.replace("a.ts", "../src/a.ts"),
    }
    (unit,) = units(tmp_path, files)
    assert isinstance(unit, NpmPackage)
    assert unit.maps[0].public
    (tmp_path / "dist/a.js.map").write_text(MAP.replace("a.ts", "../src/gone.ts"))
    (unit,) = units(tmp_path, {"package.json": manifest})
    assert isinstance(unit, NpmPackage)
    assert not unit.maps[0].public


@pytest.mark.parametrize(("private", "found"), [(True, []), (False, ["packages/a/a.js.map"])])
def test_maps_of_members_are_no_matter_of_a_private_workspace_root(
    tmp_path: Path, private: bool, found: list[str]
) -> None:
    root = {"name": "w", "version": "1.0.0", "private": private, "workspaces": ["packages/*"]}
    member = {"packages/a/package.json": MANIFEST, "packages/a/a.js.map": MAP}
    (unit,) = units(tmp_path, {"package.json": json.dumps(root), **member})
    assert isinstance(unit, NpmPackage)
    assert [one.name for one in unit.maps] == found
