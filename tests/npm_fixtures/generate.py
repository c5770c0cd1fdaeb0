"""Write the fixtures of this directory anew with the real bundlers.

    python tests/npm_fixtures/generate.py DIRECTORY_WITH_NODE_MODULES

DIRECTORY has esbuild, rollup, vite, webpack, webpack-cli, typescript, parcel, tsup, sass,
postcss-cli, @swc/cli, @swc/core, @babel/cli, @babel/core, rolldown, tsdown and bun installed.
The tests themselves need none of them: they read what is stored here. All sources are below.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

SOURCES = {
    "src/price.ts": "/** Cents that a partner pays. */\n"
    "export function price(cents: number): number {\n"
    "  const rebate = 15;\n"
    "  return Math.round((cents * (100 - rebate)) / 100);\n"
    "}\n",
    "src/index.ts": 'import { price } from "./price";\n\n'
    "export const offer = (cents: number): string => `${price(cents)} cents`;\n",
    "src/plain.js": "// Plain JavaScript, for tools that read no types.\n"
    "export const twice = (n) => n * 2;\n",
    "src/style.scss": "$accent: #b00;\n.offer {\n  a { color: $accent; }\n}\n",
    "src/style.css": "/* the offer */\n.offer { color: #b00 }\n",
    "package.json": json.dumps({"name": "widget", "version": "1.0.0"}),
    "tsconfig.json": json.dumps(
        {
            "compilerOptions": {
                "target": "ES2022",
                "module": "ES2022",
                "moduleResolution": "bundler",
                "outDir": "dist",
                "rootDir": "src",
                "declaration": True,
            },
            "include": ["src/**/*.ts"],
        }
    ),
    "webpack.config.js": "module.exports = {\n"
    '  entry: "./src/plain.js",\n'
    '  output: { path: __dirname + "/dist", filename: "index.js", library: { type: "umd" } },\n'
    "};\n",
    "vite.config.js": "export default {\n"
    '  build: { lib: { entry: "src/index.ts", formats: ["es"], fileName: "index" } },\n'
    "};\n",
}

FORMS = {
    "esbuild-linked": "esbuild src/index.ts --bundle --format=esm --outdir=dist --sourcemap",
    "esbuild-inline": "esbuild src/index.ts --bundle --outdir=dist --sourcemap=inline",
    "esbuild-external": "esbuild src/index.ts --bundle --outdir=dist --sourcemap=external",
    "esbuild-without-sources": (
        "esbuild src/index.ts --bundle --outdir=dist --sourcemap --sources-content=false"
    ),
    "esbuild-css": "esbuild src/style.css --outdir=dist --sourcemap",
    "rollup": "rollup src/plain.js --format es --file dist/index.js --sourcemap",
    "rollup-inline": "rollup src/plain.js --format es --file dist/index.js --sourcemap inline",
    "rolldown": "rolldown src/index.ts --format esm --dir dist --sourcemap",
    "vite": "vite build --sourcemap",
    "vite-hidden": "vite build --sourcemap hidden",
    "webpack": "webpack --mode production --devtool source-map",
    "webpack-inline": "webpack --mode production --devtool inline-source-map",
    "webpack-without-sources": "webpack --mode production --devtool nosources-source-map",
    "webpack-development": "webpack --mode development",
    "tsc": "tsc --sourceMap --declarationMap",
    "tsc-inline-sources": "tsc --sourceMap --inlineSources",
    "tsc-inline": "tsc --inlineSourceMap --inlineSources",
    "parcel": "parcel build src/plain.js --no-cache --dist-dir dist",
    "tsup": "tsup src/index.ts --format esm --sourcemap",
    "tsdown": "tsdown src/index.ts --format esm --sourcemap --no-config",
    "swc": "swc src/plain.js -d dist --source-maps --strip-leading-paths",
    "babel": "babel src/plain.js -d dist --source-maps",
    "bun": "bun build src/index.ts --outdir dist --sourcemap=external",
    "sass": "sass src/style.scss dist/style.css",
    "sass-embedded": "sass --embed-sources src/style.scss dist/style.css",
    "postcss": "postcss src/style.css -o dist/style.css",
    # What must stay silent: the same tools without maps.
    "esbuild-none": "esbuild src/index.ts --bundle --outdir=dist",
    "tsc-none": "tsc",
    "sass-none": "sass --no-source-map src/style.scss dist/style.css",
    "webpack-none": "webpack --mode production",
}
"""Each form of a leak, with the command that makes it."""


def generate(name: str, command: list[str], modules: Path) -> None:
    """Build one form in a temporary directory and store its `dist`."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "widget"
        for path, text in SOURCES.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        (root / "node_modules").symlink_to(modules)
        program = modules / ".bin" / command[0]
        done = subprocess.run(
            [str(program), *command[1:]],
            cwd=root,
            env={**os.environ, "CI": "1", "NO_COLOR": "1", "NODE_ENV": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if not (root / "dist").is_dir():
            raise SystemExit(f"{name}: {done.stdout}{done.stderr}")
        target = HERE / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(root / "dist", target)


def main() -> None:
    """Write all forms, or those that are named."""
    modules = (Path(sys.argv[1]) / "node_modules").resolve()
    for name in sys.argv[2:] or FORMS:
        try:
            generate(name, FORMS[name].split(), modules)
        except (SystemExit, OSError) as error:
            print(f"not written: {name}: {str(error)[:400]}", file=sys.stderr)


if __name__ == "__main__":
    main()
