"""Every form in which a real bundler leaks: see npm_fixtures/generate.py."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from iachygiene.config import load
from iachygiene.discover import locate
from iachygiene.engine import Options, run
from tests.npm_fixtures.generate import FORMS, SOURCES

FIXTURES = Path(__file__).parent.parent / "npm_fixtures"
MAPS = ("NPM101", "NPM103", "NPM104", "NPM105", "NPM110", "NPM115")

FOUND = {
    "esbuild-linked": {"NPM101 index.js.map"},
    "esbuild-inline": {"NPM103 index.js"},
    "esbuild-external": {"NPM101 index.js.map"},
    "esbuild-without-sources": {"NPM104 index.js.map"},
    "esbuild-css": {"NPM101 style.css.map"},
    "rollup": {"NPM101 index.js.map"},
    "rollup-inline": {"NPM103 index.js"},
    "rolldown": {"NPM101 index.js.map"},
    "vite": {"NPM101 index.mjs.map"},
    "vite-hidden": {"NPM101 index.mjs.map"},
    "webpack": {"NPM101 index.js.map"},
    "webpack-inline": {"NPM103 index.js"},
    "webpack-without-sources": {"NPM104 index.js.map"},
    "webpack-development": {"NPM115 index.js"},
    "tsc": {
        "NPM104 index.js.map",
        "NPM104 price.js.map",
        "NPM105 index.d.ts.map",
        "NPM105 price.d.ts.map",
    },
    "tsc-inline-sources": {"NPM101 index.js.map", "NPM101 price.js.map"},
    "tsc-inline": {"NPM103 index.js", "NPM103 price.js"},
    "parcel": {"NPM101 plain.js.map"},
    "tsup": {"NPM101 index.mjs.map"},
    "tsdown": {"NPM101 index.mjs.map"},
    "swc": {"NPM101 plain.js.map"},
    "babel": {"NPM101 plain.js.map"},
    "bun": {"NPM101 index.js.map"},
    "sass": {"NPM104 style.css.map"},
    "sass-embedded": {"NPM101 style.css.map"},
    "postcss": {"NPM103 style.css"},
    "esbuild-none": set(),
    "tsc-none": set(),
    "sass-none": set(),
    "webpack-none": set(),
}
"""What is found in each form: rule and file."""

MAKERS = {
    "esbuild-linked": "esbuild or tsup",
    "rollup": "rollup or microbundle",
    "rolldown": "vite, rolldown or tsdown",
    "vite": "vite, rolldown or tsdown",
    "webpack": "webpack or rspack",
    "tsc": "tsc",
    "tsc-inline-sources": "tsc",
    "parcel": "parcel",
    "tsup": "esbuild or tsup",
    "tsdown": "vite, rolldown or tsdown",
    "swc": "swc",
    "babel": "babel",
    "bun": "bun",
    "sass": "sass",
}


def messages(form: str, root: Path) -> dict[str, str]:
    """Rule and file of each finding in a package that ships what a bundler made."""
    shutil.copytree(FIXTURES / form, root / "dist")
    manifest = {"name": "widget", "version": "1.0.0", "files": ["dist"]}
    (root / "package.json").write_text(json.dumps(manifest))
    place = locate([], str(root))
    config = load(place.root, isolated=True).with_command_line({"select": list(MAPS)})
    result = run(place.root, place.listing, config, Options(engine="builtin", workers=1)).result
    assert not result.crashes
    return {
        f"{one.rule} {one.location.path.removeprefix('dist/')}": one.message
        for one in result.findings
    }


def test_every_form_is_stored_and_judged() -> None:
    stored = {path.name for path in FIXTURES.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert stored == FORMS.keys() == FOUND.keys()


@pytest.mark.parametrize("form", FOUND)
def test_what_a_bundler_leaks_is_found(form: str, tmp_path: Path) -> None:
    assert messages(form, tmp_path).keys() == FOUND[form]


@pytest.mark.parametrize("form", FOUND)
def test_no_text_of_an_original_is_told(form: str, tmp_path: Path) -> None:
    told = " ".join(messages(form, tmp_path).values())
    lines = [line.strip() for text in SOURCES.values() for line in text.splitlines()]
    assert [line for line in lines if len(line) > 8 and line in told] == []


@pytest.mark.parametrize("form", MAKERS)
def test_the_maker_of_a_map_is_told(form: str, tmp_path: Path) -> None:
    told = [text for text in messages(form, tmp_path).values() if "probably made by" in text]
    assert told
    assert {text.partition("probably made by ")[2] for text in told} == {MAKERS[form]}
