from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import SourceFile
from iachygiene.parse.javascript import as_json, properties, tokens
from iachygiene.parse.json import parse
from iachygiene.parse.npm_files import read_manifest
from iachygiene.parse.npm_settings import Setting, map_settings


def settings(root: Path, build: str, files: Mapping[str, str] | None = None) -> list[Setting]:
    """The settings of a package whose `build` script is given."""
    manifest = json.dumps({"name": "x", "version": "1.0.0", "scripts": {"build": build}})
    for name, text in {"package.json": manifest, **(files or {})}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    tree = Tree(str(root))
    return map_settings(tree, "", read_manifest(tree, ""))


def told(found: list[Setting]) -> list[tuple[str, tuple[str, ...], bool, bool]]:
    return [(one.tool, one.outputs, one.embeds, one.inline) for one in found]


@pytest.mark.parametrize(
    ("build", "found"),
    [
        ("tsc --sourceMap --outDir lib a.ts", [("tsc", ("lib",), False, False)]),
        ("tsc --sourceMap --inlineSources --outDir lib a.ts", [("tsc", ("lib",), True, False)]),
        ("tsc --inlineSourceMap --outDir lib a.ts", [("tsc", ("lib",), False, True)]),
        ("esbuild a.ts --sourcemap --outdir=out", [("esbuild", ("out",), True, False)]),
        ("esbuild a.ts --sourcemap --outfile=out/a.js", [("esbuild", ("out",), True, False)]),
        ("esbuild a.ts --sourcemap=inline --outdir=out", [("esbuild", ("out",), True, True)]),
        (
            "esbuild a.ts --sourcemap --sources-content=false --outdir=out",
            [("esbuild", ("out",), False, False)],
        ),
        ("esbuild a.ts --outdir=out", []),
        ("vite build --sourcemap", [("vite", ("dist",), True, False)]),
        ("vite --sourcemap", []),
        ("rollup a.js -m -d out", [("rollup", ("out",), True, False)]),
        ("rollup a.js -d out", []),
        ("webpack --devtool source-map", [("webpack", ("dist",), True, False)]),
        ("webpack --devtool nosources-source-map", [("webpack", ("dist",), False, False)]),
        ("webpack --devtool eval-source-map", []),
        ("tsup a.ts --sourcemap -d out", [("tsup", ("out",), True, False)]),
        ("bun build a.ts --outdir out --sourcemap", [("bun", ("out",), True, False)]),
        ("bun build a.ts --outdir out --sourcemap=none", []),
        ("parcel build a.html", [("parcel", ("dist",), True, False)]),
        ("parcel build a.html --no-source-maps", []),
        ("microbundle", [("microbundle", ("dist",), True, False)]),
        ("microbundle --no-sourcemap", []),
        ("sass scss:out", [("sass", ("out",), False, False)]),
        ("sass a.scss out/a.css --embed-sources", [("sass", ("out",), True, False)]),
        ("sass --no-source-map scss:out", []),
        ("postcss a.css -o out/a.css", [("postcss", ("out",), True, True)]),
        ("postcss a.css -o out/a.css --no-map", []),
        ("swc src -d out -s", [("swc", ("out",), True, False)]),
        ("babel src --out-dir out --source-maps inline", [("babel", ("out",), True, True)]),
        ("babel src --out-dir out", []),
        ("lessc a.less out/a.css --source-map", [("less", ("out",), False, False)]),
        (
            "lessc --source-map=a.map --source-map-include-source a.less out/a.css",
            [("less", ("out",), True, False)],
        ),
        ("lessc --source-map-inline a.less out/a.css", [("less", ("out",), False, True)]),
        ("lessc a.less out/a.css", []),
        ("nuxt build", [("nuxt", (".output",), True, False)]),
        ("nuxi generate", [("nuxt", (".output",), True, False)]),
        ("nuxt dev", []),
        ("react-scripts build", [("create-react-app", ("build",), True, False)]),
        ("GENERATE_SOURCEMAP=false react-scripts build", []),
        ("cross-env GENERATE_SOURCEMAP=false react-scripts build", []),
        (
            "rm -rf dist && npx esbuild a.ts --sourcemap --outdir=out",
            [("esbuild", ("out",), True, False)],
        ),
    ],
)
def test_flags_of_a_build_script(
    build: str, found: list[tuple[str, tuple[str, ...], bool, bool]], tmp_path: Path
) -> None:
    assert told(settings(tmp_path, build)) == found


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("vite.config.ts", "export default { build: { sourcemap: true } }", ("vite", ("dist",))),
        (
            "vite.config.js",
            "export default f(() => ({ build: { sourcemap: 'hidden', outDir: 'out' } }))",
            ("vite", ("out",)),
        ),
        (
            "webpack.config.js",
            "module.exports = { devtool: 'source-map',"
            " output: { path: path.resolve(__dirname, 'out') } }",
            ("webpack", ("out",)),
        ),
        (
            "rollup.config.mjs",
            "export default { output: [{ file: 'out/a.js', sourcemap: true }] }",
            ("rollup", ("out",)),
        ),
        ("tsup.config.ts", "export default defineConfig({ sourcemap: true })", ("tsup", ("dist",))),
        ("tsdown.config.ts", "export default { sourcemap: true }", ("tsdown", ("dist",))),
        (
            "rolldown.config.ts",
            "export default { sourcemap: true, dir: 'o' }",
            ("rolldown", ("o",)),
        ),
        (
            "next.config.js",
            "module.exports = { productionBrowserSourceMaps: true }",
            ("next", (".next",)),
        ),
        ("vue.config.js", "module.exports = { productionSourceMap: true }", ("vue-cli", ("dist",))),
    ],
)
def test_a_configuration_that_switches_maps_on(
    name: str, text: str, found: tuple[str, tuple[str, ...]], tmp_path: Path
) -> None:
    (one,) = settings(tmp_path, "run", {name: text})
    assert (one.tool, one.outputs) == found
    assert one.location.path == name
    assert text[one.location.span.start : one.location.span.end].partition(":")[0] in one.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vite.config.ts", "export default { build: { sourcemap: false } }"),
        ("vite.config.ts", "// build: { sourcemap: true }\nexport default {}"),
        ("vite.config.ts", "export default { css: { devSourcemap: true } }"),
        ("webpack.config.js", "module.exports = { devtool: false }"),
        ("webpack.config.js", "module.exports = { devtool: 'eval-cheap-module-source-map' }"),
        ("tsup.config.ts", "const text = '{ sourcemap: true }'"),
        ("tsup.config.ts", "const text = `{ sourcemap: true }`"),
        ("rollup.config.js", "const r = /{sourcemap: true}/"),
    ],
)
def test_a_configuration_without_maps_says_nothing(name: str, text: str, tmp_path: Path) -> None:
    assert settings(tmp_path, "run", {name: text}) == []


@pytest.mark.parametrize("value", ["!isProd", "process.env.CI ? false : true", "maps()", "flag"])
def test_a_value_that_has_to_be_run_is_unknown(value: str, tmp_path: Path) -> None:
    text = f"export default {{ sourcemap: {value}, dts: true }}"
    (one,) = settings(tmp_path, "tsup", {"tsup.config.ts": text})
    assert not one.known


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("export default defineNuxtConfig({ sourcemap: false })", []),
        ("export default defineNuxtConfig({ sourcemap: true })", ["`sourcemap: true`"]),
        ("export default { sourcemap: { server: false, client: false } }", []),
        ("export default { sourcemap: { server: false, client: 'hidden' } }", ["`client: hidden`"]),
        ("export default { sourcemap: { client: false } }", ["`nuxt build`"]),
        ("export default { ssr: true }", ["`nuxt build`"]),
    ],
)
def test_nuxt_maps_its_server_unless_told_not_to(
    text: str, written: list[str], tmp_path: Path
) -> None:
    found = settings(tmp_path, "nuxt build", {"nuxt.config.ts": text})
    assert [one.text for one in found] == written
    assert all(one.known for one in found)


@pytest.mark.parametrize(
    ("files", "maps"),
    [
        ({".env": "GENERATE_SOURCEMAP=false\n"}, False),
        ({".env": "# GENERATE_SOURCEMAP=false\n"}, True),
        ({".env.production": 'A=1\nexport GENERATE_SOURCEMAP = "false"\n'}, False),
        (
            {".env": "GENERATE_SOURCEMAP=false\n", ".env.production": "GENERATE_SOURCEMAP=true\n"},
            True,
        ),
        ({".env.development": "GENERATE_SOURCEMAP=false\n"}, True),
    ],
)
def test_files_of_variables_switch_the_maps_of_create_react_app_off(
    files: dict[str, str], maps: bool, tmp_path: Path
) -> None:
    assert bool(settings(tmp_path, "react-scripts build", files)) is maps


def of_manifest(root: Path, **fields: object) -> list[Setting]:
    manifest = {"name": "x", "version": "1.0.0", **fields}
    (root / "package.json").write_text(json.dumps(manifest))
    tree = Tree(str(root))
    return map_settings(tree, "", read_manifest(tree, ""))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"tsup": {"sourcemap": True}}, [("tsup", ("dist",), True, False)]),
        ({"tsup": {"sourcemap": "inline", "outDir": "o"}}, [("tsup", ("o",), True, True)]),
        ({"tsup": {"sourcemap": False}}, []),
        ({"jest": {"sourcemap": True}}, []),
        ({"sourcemap": True}, []),
        (
            {"babel": {"sourceMaps": True}, "scripts": {"build": "babel src -d lib"}},
            [("babel", ("lib",), True, False)],
        ),
        ({"babel": {"sourceMaps": True}}, []),
        (
            {"postcss": {"map": True}, "scripts": {"build": "postcss a.css -d o"}},
            [("postcss", ("o",), True, True)] * 2,
        ),
    ],
)
def test_tools_read_keys_of_the_manifest(
    fields: dict[str, object], found: list[object], tmp_path: Path
) -> None:
    assert told(of_manifest(tmp_path, **fields)) == found


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"main": "lib/a.js"}, [(("lib",), True)]),
        ({"main": "lib/a.js", "module": "esm/a.js"}, [(("lib",), True), (("esm",), True)]),
        ({"main": "lib/a.js", "targets": {"main": {"sourceMap": False}}}, []),
        ({"main": "lib/a.js", "targets": {"main": False}}, []),
        (
            {"main": "lib/a.js", "targets": {"main": {"sourceMap": {"inlineSources": False}}}},
            [(("lib",), False)],
        ),
        ({"targets": {"web": {"distDir": "./www"}}}, [(("www",), True)]),
        ({"targets": {"web": {}}}, [(("dist",), True)]),
    ],
)
def test_parcel_maps_each_target_that_does_not_say_no(
    fields: dict[str, object], found: list[object], tmp_path: Path
) -> None:
    settings = of_manifest(tmp_path, scripts={"build": "parcel build"}, **fields)
    assert [(one.outputs, one.embeds) for one in settings] == found


def compiled(root: Path, **projects: object) -> list[tuple[str, str, tuple[str, ...]]]:
    files = {f"{name}.json": json.dumps(value) for name, value in projects.items()}
    found = settings(root, "tsc -p app.json", files)
    return [(one.location.path, one.text, one.outputs) for one in found]


def test_an_option_of_an_extended_project_stands_where_it_is_written(tmp_path: Path) -> None:
    found = compiled(
        tmp_path,
        base={"compilerOptions": {"sourceMap": True, "outDir": "wrong"}},
        app={"extends": "./base.json", "compilerOptions": {"outDir": "dist"}},
    )
    assert found == [("base.json", "`sourceMap: true`", ("dist",))]


def test_later_projects_of_a_list_win(tmp_path: Path) -> None:
    on, off = {"compilerOptions": {"sourceMap": True}}, {"compilerOptions": {"sourceMap": False}}
    assert compiled(tmp_path, a=on, b=off, app={"extends": ["./a", "./b"]}) == []


def test_a_project_of_an_installed_package_is_found(tmp_path: Path) -> None:
    base = tmp_path / "node_modules/@tsconfig/node20/tsconfig.json"
    base.parent.mkdir(parents=True)
    base.write_text('{"compilerOptions": {"sourceMap": true, "outDir": "${configDir}/lib"}}')
    found = compiled(tmp_path, app={"extends": "@tsconfig/node20/tsconfig.json"})
    assert found == [("node_modules/@tsconfig/node20/tsconfig.json", "`sourceMap: true`", ("lib",))]


def test_projects_that_extend_each_other_end(tmp_path: Path) -> None:
    found = compiled(
        tmp_path, a={"extends": "./app.json"}, app={"extends": "./a.json", "references": [{}]}
    )
    assert found == []


def test_references_are_visited(tmp_path: Path) -> None:
    found = compiled(
        tmp_path,
        part={"compilerOptions": {"declaration": True, "declarationMap": True, "outDir": "t"}},
        app={"references": [{"path": "./part.json"}]},
    )
    assert found == [("part.json", "`declarationMap: true`", ("t",))]


@pytest.mark.parametrize("option", ["noEmit", "emitDeclarationOnly"])
def test_a_project_that_writes_no_scripts_makes_no_maps_of_them(
    option: str, tmp_path: Path
) -> None:
    options = {"sourceMap": True, "outDir": "dist", option: True}
    assert compiled(tmp_path, app={"compilerOptions": options}) == []


def test_scripts_that_a_build_runs_count_and_those_for_development_do_not(tmp_path: Path) -> None:
    scripts = {
        "build": "npm run bundle:js && npm run copy",
        "bundle:js": "esbuild a.ts --sourcemap --outdir=out",
        "dev": "esbuild a.ts --sourcemap=inline --outdir=out",
        "build:watch": "esbuild a.ts --sourcemap=inline --outdir=out",
    }
    manifest = {"name": "x", "version": "1.0.0", "scripts": scripts}
    (tmp_path / "package.json").write_text(json.dumps(manifest))
    tree = Tree(str(tmp_path))
    assert told(map_settings(tree, "", read_manifest(tree, ""))) == [
        ("esbuild", ("out",), True, False)
    ]


def test_comments_and_last_commas_of_json_go_and_places_stay() -> None:
    text = '{\n  // one\n  "a": [1, 2,], /* "x": 1, */\n  "b": "// no",\n}'
    plain = as_json(text)
    assert parse(SourceFile("t.json", plain.encode())).plain() == {"a": ["1", "2"], "b": "// no"}
    assert len(plain) == len(text)
    assert plain.index('"b"') == text.index('"b"')


@given(st.text(alphabet="{}[](),:'\"`$/\\*\n ab.sourcemap:true", max_size=300))
def test_any_text_gives_tokens_in_order_and_properties_within(text: str) -> None:
    found = tokens(text)
    assert all(one.end > one.start for one in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    for one in properties(found):
        assert 0 <= one.span.start <= one.span.end <= len(text)
    assert len(as_json(text)) == len(text)
