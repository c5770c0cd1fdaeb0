"""Settings of bundlers and compilers that make source maps which would be published."""

from __future__ import annotations

import posixpath

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.npm import NpmPackage
from iachygiene.parse.npm_settings import Setting
from iachygiene.rule import rule


@rule("NPM501", NpmPackage, Severity.WARNING)
def map_will_ship(package: NpmPackage) -> Findings:
    """A build setting makes source maps where the package publishes them.

    The maps may not be there yet: the next build puts them into a directory that `files` lets
    ship. Switch the setting off for the release, or leave `**/*.map` out. Read are the scripts
    that build (`build`, `prepack`, ...) and the configuration of tsc, webpack, vite, rollup,
    esbuild, tsup, bun, parcel, swc, babel, next, nuxt, sass, less, postcss and others, as files
    of their own or keys of `package.json`, without running them.

    An error where the maps hold the originals. Advice where it is not known what is written
    to, for maps of declarations, and for an open-source package; nothing where npm refuses to
    publish.

    Bad: the maps of tsc name the originals
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist"],
          "scripts": {"build": "tsc"}
        }
        -- tsconfig.json --
        {
          "compilerOptions": {
            "outDir": "dist",
            "sourceMap": true, // for debugging
          }
        }
    Bad: those of bundlers hold them
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"],
         "scripts": {"build": "vite build"}}
        -- vite.config.ts --
        export default defineConfig({
          build: { sourcemap: "hidden" },
        })
    Bad: a flag of a script
        -- package.json --
        {
          "name": "widget",
          "version": "1.0.0",
          "files": ["dist"],
          "scripts": {
            "build": "esbuild src/index.ts --bundle --sourcemap=inline --outdir=dist"
          }
        }
    Bad: a key of the manifest
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"],
         "scripts": {"build": "tsup src/index.ts"},
         "tsup": {"sourcemap": true}}
    Bad: Parcel maps each target unless told otherwise
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"], "main": "lib/index.js",
         "scripts": {"build": "parcel build"},
         "targets": {"main": {"sourceMap": {"inlineSources": false}}}}
    Bad: Nuxt maps its server unless told otherwise
        -- package.json --
        {"name": "shop", "version": "1.0.0", "files": [".output"],
         "scripts": {"build": "nuxt build"}}
        -- nuxt.config.ts --
        export default defineNuxtConfig({ ssr: true })
    Bad: the maps of Less
        -- package.json --
        {"name": "theme", "version": "1.0.0", "files": ["css"],
         "scripts": {"build": "lessc --source-map theme.less css/theme.css"}}
    Good: a target without maps
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["lib"], "main": "lib/index.js",
         "scripts": {"build": "parcel build"}, "targets": {"main": {"sourceMap": false}}}
    Good: a file of variables switches them off
        -- package.json --
        {"name": "shop", "version": "1.0.0", "files": ["build"],
         "scripts": {"build": "react-scripts build"}}
        -- .env.production --
        GENERATE_SOURCEMAP=false
    Good: the maps are left out
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist", "!**/*.map"],
         "scripts": {"build": "tsc"}}
        -- tsconfig.json --
        {"compilerOptions": {"outDir": "dist", "sourceMap": true}}
    Good: switched off by what extends
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"],
         "scripts": {"build": "tsc -p tsconfig.build.json"}}
        -- tsconfig.json --
        {"compilerOptions": {"outDir": "dist", "sourceMap": true}}
        -- tsconfig.build.json --
        {"extends": "./tsconfig.json", "compilerOptions": {"sourceMap": false}}
    Good: npm does not publish it
        -- package.json --
        {"name": "shop", "version": "1.0.0", "private": true, "scripts": {"build": "vite build"}}
        -- vite.config.js --
        export default { build: { sourcemap: true } }
    Good: only for development
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"],
         "scripts": {"dev": "esbuild src/index.ts --sourcemap --outdir=dist"}}
    """
    if package.policy == "allow" or package.is_private:
        return
    for setting in package.map_settings:
        if not setting.known:
            continue
        ships = [name for name in _built(setting) if package.would_ship(name)]
        if not ships and (setting.outputs or setting.declaration):
            continue
        kind = "a source map in the built file" if setting.inline else "source maps"
        where = f'into "{posixpath.dirname(ships[0])}", which ships' if ships else "somewhere"
        embeds = ", with the originals in them" if setting.embeds else ""
        yield at(
            setting,
            f"{setting.text} makes {setting.tool} write {kind} {where}{embeds};"
            f" off with {setting.off}",
            object=package.object,
            severity=_level(package, setting, bool(ships)),
        )


def _built(setting: Setting) -> list[str]:
    """A file that the setting leads to, in each output directory."""
    ending = ".d.ts" if setting.declaration else ".css" if setting.style else ".js"
    name = f"index{ending}" if setting.inline else f"index{ending}.map"
    return [posixpath.normpath(posixpath.join(folder, name)) for folder in setting.outputs]


def _level(package: NpmPackage, setting: Setting, ships: bool) -> Severity:
    open_source = package.policy == "allow-open-source" and package.is_open_source
    if not ships or setting.declaration or open_source:
        return Severity.INFO
    return package.level(Severity.ERROR if setting.embeds else Severity.WARNING)


@rule("NPM502", NpmPackage, Severity.INFO, default="off")
def map_setting_unknown(package: NpmPackage) -> Findings:
    """Whether a build makes source maps depends on what only a run would tell.

    The value of the setting is a variable, a condition or a call. Look what it is when the
    release is built.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"], "scripts": {"build": "tsup"}}
        -- tsup.config.ts --
        export default { sourcemap: process.env.CI ? false : true }
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"], "scripts": {"build": "tsup"}}
        -- tsup.config.ts --
        export default { sourcemap: false }
    """
    for setting in package.map_settings:
        if not setting.known:
            message = f"{setting.text} decides about source maps of {setting.tool} at build time"
            yield at(setting, message, object=package.object)
