"""The settings by which bundlers and compilers make source maps, and where they put them.

Read without running anything: what is not a literal is unknown. Defaults were measured with
the versions current in 2026, see the documentation of each tool.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from iachygiene.files import Tree
from iachygiene.lazy import regex
from iachygiene.model import Broken, Location, SourceFile
from iachygiene.parse.javascript import Property, as_json, properties, tokens
from iachygiene.parse.json import Json, parse
from iachygiene.parse.npm_scripts import Command, commands

MAX_EXTENDS = 20
"""tsconfig files that extend one another."""


class Setting(NamedTuple):
    """One setting that decides about maps.

    `text` is the setting as written or implied, `off` how to switch it off. `outputs` are
    directories relative to the package, empty where they are unknown. `embeds` says that the
    originals are in the map, `inline` that the map is in the built file, `declaration` that it
    maps declarations alone. `known` is false where the value would have to be run.
    """

    tool: str
    location: Location
    text: str
    off: str
    outputs: tuple[str, ...] = ()
    embeds: bool = True
    inline: bool = False
    declaration: bool = False
    style: bool = False
    known: bool = True


def map_settings(tree: Tree, directory: str, manifest: Json) -> list[Setting]:
    """The settings of a package that make maps in a release, or may do so."""
    ran = commands(manifest)
    names = [name for name, kind in tree.listdir(directory) if kind == "file"]
    found = [setting for command in ran for setting in _of_command(command)]
    if any(setting.tool == "create-react-app" for setting in found):
        found = [*_unless_the_environment_says_no(tree, directory, names, found)]
    found += _of_parcel(ran, manifest)
    found += _of_nuxt(tree, directory, ran, names)
    found += _of_manifest(tree, manifest, ran)
    for name in names:
        for pattern, read in _CONFIGS:
            if pattern.fullmatch(name):
                found += _of_config(tree, posixpath.join(directory, name), read, ran)
                break
    found += _of_typescript(tree, directory, ran, names, manifest)
    return found


# Configuration files in JavaScript or JSON.

_Read = Callable[[Sequence[Property], Sequence[Command], str], Iterator[Setting]]


def _of_config(tree: Tree, path: str, read: _Read, ran: Sequence[Command]) -> list[Setting]:
    try:
        text = SourceFile(path, tree.raw(path)).text
    except Broken:
        return []
    if "ource" not in text and "devtool" not in text and "map" not in text:
        return []
    return list(read(list(properties(tokens(text))), ran, path))


_ON = frozenset(("true", "inline", "linked", "external", "both", "hidden"))
_OFF = frozenset(("false", "none", "null", "undefined", "0", ""))


def _made(
    one: Property,
    path: str,
    tool: str,
    *,
    outputs: tuple[str, ...],
    off: str = "",
    embeds: bool = True,
) -> Iterator[Setting]:
    """The setting of a property, unless it says no."""
    place = Location(path, one.span)
    off = off or f"`{one.name}: false`"
    if one.value is None:
        text = f"`{one.name}`"
        yield Setting(tool, place, text, off, outputs, known=False)
    elif one.value not in _OFF:
        text = f"`{one.name}: {one.value}`"
        inline = one.value in ("inline", "both")
        yield Setting(tool, place, text, off, outputs, embeds=embeds, inline=inline)


def _value(found: Sequence[Property], *names: str) -> str | None:
    return next((one.value for one in found if one.name in names and one.value), None)


def _clean(path: str) -> str:
    return posixpath.normpath(path.removeprefix("./") or ".")


def _outputs(found: Sequence[Property], default: str) -> tuple[str, ...]:
    """The output directories that properties name, else the tool's own; () where unknown."""
    folders: dict[str, None] = {}
    unknown = False
    for one in found:
        if one.name in ("outDir", "outdir", "distDir", "dir"):
            unknown = unknown or one.value is None
            if one.value:
                folders[_clean(one.value)] = None
        elif one.name in ("file", "outfile") and ("output" in one.path or one.name == "outfile"):
            if one.value:
                folders[posixpath.dirname(_clean(one.value)) or "."] = None
            unknown = unknown or one.value is None
    if folders:
        return tuple(folders)
    return () if unknown or not default else (default,)


def _read_webpack(
    found: Sequence[Property], ran: Sequence[Command], path: str
) -> Iterator[Setting]:
    del ran
    folders: tuple[str, ...] = ("dist",)
    for one in found:
        if one.name == "path" and "output" in one.path:
            folders = (_clean(one.strings[-1]),) if one.strings else ()
    for one in found:
        if one.name != "devtool" or (one.value or "").startswith(("eval", "cheap-module-eval")):
            continue
        for setting in _made(one, path, "webpack", outputs=folders, off="`devtool: false`"):
            value = one.value or ""
            if not setting.known or value.endswith("source-map"):
                yield setting._replace(embeds="nosources" not in value, inline="inline" in value)


def _reader(tool: str, keys: tuple[str, ...], default: str, excluded: str = "") -> _Read:
    def read(found: Sequence[Property], ran: Sequence[Command], path: str) -> Iterator[Setting]:
        del ran
        embeds = not any(
            (one.name == "sourcemapExcludeSources" and one.value == "true")
            or (one.name in ("sourcesContent", "inlineSourcesContent") and one.value == "false")
            for one in found
        )
        outputs = _outputs(found, default)
        for one in found:
            if one.name in keys and not (excluded and excluded in one.path):
                yield from _made(one, path, tool, outputs=outputs, embeds=embeds)

    return read


def _read_vite(found: Sequence[Property], ran: Sequence[Command], path: str) -> Iterator[Setting]:
    del ran
    outputs = _outputs([one for one in found if one.name == "outDir"], "dist")
    for one in found:
        if one.name == "sourcemap" and ("build" in one.path or "output" in one.path):
            yield from _made(one, path, "vite", outputs=outputs)


def _read_compiled(tool: str, program: tuple[str, ...]) -> _Read:
    """For tools that are told the output directory on the command line."""

    def read(found: Sequence[Property], ran: Sequence[Command], path: str) -> Iterator[Setting]:
        used = [one for one in ran if one.program in program]
        outputs = tuple(_clean(value) for one in used if (value := one.option("-d", "--out-dir")))
        embeds = not any(
            one.name == "inlineSourcesContent" and one.value == "false" for one in found
        )
        for one in found:
            if one.name == "sourceMaps" and used:
                yield from _made(one, path, tool, outputs=outputs, embeds=embeds)

    return read


def _read_next(found: Sequence[Property], ran: Sequence[Command], path: str) -> Iterator[Setting]:
    del ran
    outputs = tuple(_clean(one.value) for one in found if one.name == "distDir" and one.value)
    for one in found:
        if one.name in ("productionBrowserSourceMaps", "serverSourceMaps"):
            yield from _made(one, path, "next", outputs=outputs or (".next",))


def _read_angular(
    found: Sequence[Property], ran: Sequence[Command], path: str
) -> Iterator[Setting]:
    del ran
    outputs = tuple(_clean(one.value) for one in found if one.name == "outputPath" and one.value)
    for one in found:
        production = "build" in one.path and "production" in one.path
        if one.name == "sourceMap" and production and one.value is not None:
            yield from _made(one, path, "angular", outputs=outputs)


def _read_postcss(
    found: Sequence[Property], ran: Sequence[Command], path: str
) -> Iterator[Setting]:
    used = [one for one in ran if one.program == "postcss"]
    for one in found:
        if one.name == "map" and not one.path and used and one.value is not None:
            for setting in _made(one, path, "postcss", outputs=_styles(used[0])):
                yield setting._replace(style=True, inline=True)


_JS = r"\.[cm]?[jt]s"
_BUNDLED = regex(rf"(?:esbuild|build|bundle)(?:\.config)?{_JS}")


def _read_script(found: Sequence[Property], ran: Sequence[Command], path: str) -> Iterator[Setting]:
    """A script of one's own that calls esbuild or `Bun.build`."""
    name = posixpath.basename(path)
    if not any(name in argument for one in ran for argument in one.arguments):
        return
    tool = "bun" if any(one.program == "bun" for one in ran) else "esbuild"
    outputs = _outputs(found, "")
    embeds = not any(one.name == "sourcesContent" and one.value == "false" for one in found)
    for one in found:
        if one.name == "sourcemap":
            yield from _made(one, path, tool, outputs=outputs, embeds=embeds)


_CONFIGS: Sequence[tuple[re.Pattern[str], _Read]] = (
    (regex(rf"webpack\.(?:config|prod(?:uction)?)(?:\.[\w-]+)?{_JS}"), _read_webpack),
    (regex(rf"rspack\.config{_JS}"), _read_webpack),
    (regex(rf"vite\.config{_JS}"), _read_vite),
    (regex(rf"rollup\.config(?:\.[\w-]+)?{_JS}"), _reader("rollup", ("sourcemap",), "")),
    (regex(rf"rolldown\.config{_JS}"), _reader("rolldown", ("sourcemap",), "")),
    (regex(rf"tsup\.config{_JS}(?:on)?"), _reader("tsup", ("sourcemap",), "dist")),
    (regex(rf"tsdown\.config{_JS}"), _reader("tsdown", ("sourcemap",), "dist")),
    (regex(rf"next\.config{_JS}"), _read_next),
    (regex(rf"vue\.config{_JS}"), _reader("vue-cli", ("productionSourceMap",), "dist")),
    (regex(r"angular\.json"), _read_angular),
    (
        regex(rf"babel\.config(?:{_JS}|\.json)|\.babelrc(?:\.json|{_JS})?"),
        _read_compiled("babel", ("babel",)),
    ),
    (regex(r"\.swcrc"), _read_compiled("swc", ("swc",))),
    (regex(rf"postcss\.config{_JS}"), _read_postcss),
    (_BUNDLED, _read_script),
)


# Tools that read keys of package.json.


def _of_manifest(tree: Tree, manifest: Json, ran: Sequence[Command]) -> Iterator[Setting]:
    """What `package.json` says to a tool under the tool's name."""
    if all(manifest.get(key) is None for key in _KEYS):
        return
    text = SourceFile(manifest.path, tree.raw(manifest.path)).text
    within: dict[str, list[Property]] = {}
    for one in properties(tokens(text)):
        if one.path:
            inner = one._replace(path=one.path[1:])
            within.setdefault(one.path[0], []).append(inner)
    for key, read in _KEYS.items():
        yield from read(within.get(key, ()), ran, manifest.path)


_KEYS: Mapping[str, _Read] = {
    "tsup": _reader("tsup", ("sourcemap",), "dist"),
    "tsdown": _reader("tsdown", ("sourcemap",), "dist"),
    "babel": _read_compiled("babel", ("babel",)),
    "postcss": _read_postcss,
}


def _of_parcel(ran: Sequence[Command], manifest: Json) -> Iterator[Setting]:
    """Parcel makes maps unless told not to, for each target that `package.json` names."""
    for command in ran:
        if (
            command.program != "parcel"
            or command.arguments[:1] != ("build",)
            or command.has("--no-source-maps")
        ):
            continue
        made = Setting("parcel", command.location, "`parcel build`", "`--no-source-maps`")
        named = command.option("--dist-dir")
        targets = manifest.get("targets")
        own = {key.value: value for key, value in targets.members} if targets is not None else {}
        if named or not (own or manifest.get("main") or manifest.get("module")):
            yield made._replace(outputs=(_clean(named or "dist"),))
            continue
        for name in dict.fromkeys((*own, *_ENTRIES)):
            options, file = own.get(name), manifest.get(name)
            told = options.get("sourceMap") if options is not None else None
            folder = options.get("distDir") if options is not None else None
            is_off = options is not None and options.kind == "false"
            if is_off or (told is not None and told.kind == "false"):
                continue
            if folder is not None and folder.text:
                output = _clean(folder.text)
            elif file is not None and file.text:
                output = posixpath.dirname(_clean(file.text)) or "."
            elif options is not None and name not in _ENTRIES:
                output = "dist"
            else:
                continue
            inner = told.get("inlineSources") if told is not None else None
            is_inline = told.get("inline") if told is not None else None
            yield made._replace(
                outputs=(output,),
                off=f"`--no-source-maps`, or `sourceMap: false` of the target `{name}`",
                embeds=inner is None or inner.kind != "false",
                inline=is_inline is not None and is_inline.kind == "true",
            )


_ENTRIES = ("main", "module", "browser")
"""Fields of package.json that Parcel builds a library for."""


def _of_nuxt(
    tree: Tree, directory: str, ran: Sequence[Command], names: Sequence[str]
) -> Iterator[Setting]:
    """Nuxt makes maps of what runs on the server; of what browsers load when told to."""
    builds = [
        one
        for one in ran
        if one.program in ("nuxt", "nuxi") and one.arguments[:1] in (("build",), ("generate",))
    ]
    if not builds:
        return
    told: list[Property] = []
    for name in filter(_NUXT.fullmatch, names):
        path = posixpath.join(directory, name)
        try:
            found = list(properties(tokens(SourceFile(path, tree.raw(path)).text)))
        except Broken:
            continue
        sides = [one for one in found if one.path == ("sourcemap",)]
        whole = [one for one in found if one.name == "sourcemap" and not one.path]
        told = sides or whole
        for one in told:
            yield from _made(one, path, "nuxt", outputs=(".output",))
    if not any(one.name in ("sourcemap", "server") for one in told):
        text = f"`{builds[0].program} {builds[0].arguments[0]}`"
        off = "`sourcemap: false` in nuxt.config"
        yield Setting("nuxt", builds[0].location, text, off, (".output",))


_NUXT = regex(rf"nuxt\.config{_JS}")


_ENVIRONMENTS = (".env.production.local", ".env.local", ".env.production", ".env")
_GENERATES = regex(r"(?m)^[ \t]*(?:export[ \t]+)?GENERATE_SOURCEMAP[ \t]*=[ \t]*(.*?)[ \t\r]*$")


def _unless_the_environment_says_no(
    tree: Tree, directory: str, names: Sequence[str], found: Sequence[Setting]
) -> Iterator[Setting]:
    """The settings without create-react-app's where a file of variables switches its maps off."""
    value = "true"
    for name in _ENVIRONMENTS:
        if name in names:
            try:
                raw = tree.raw(posixpath.join(directory, name))
            except Broken:
                continue
            given = _GENERATES.findall(raw.decode("utf-8", "replace"))
            if given:
                value = given[-1].strip().strip("\"'")
                break
    for setting in found:
        if setting.tool != "create-react-app" or value != "false":
            yield setting


# Commands in scripts.


def _of_command(command: Command) -> Iterator[Setting]:
    read = _PROGRAMS.get(command.program)
    if read is not None:
        yield from read(command)


def _flag(
    command: Command,
    tool: str,
    names: tuple[str, ...],
    outputs: tuple[str, ...],
    *,
    embeds: bool = True,
) -> Iterator[Setting]:
    value = command.option(*names)
    if value is None or value in _OFF - {""}:
        return
    name = next(one.partition("=")[0] for one in command.arguments if one.split("=")[0] in names)
    inline = value in ("inline", "both")
    text = f"`{command.program} {name}`"
    yield Setting(tool, command.location, text, f"no `{name}`", outputs, embeds, inline)


def _folders(command: Command, *names: str, default: str = "") -> tuple[str, ...]:
    for name in names:
        value = command.option(name)
        if value:
            is_file = name in ("--outfile", "-o", "--file", "--output")
            folder = posixpath.dirname(_clean(value)) or "." if is_file else _clean(value)
            return (folder,)
    return (default,) if default else ()


def _esbuild(command: Command) -> Iterator[Setting]:
    outputs = _folders(command, "--outdir", "--outfile")
    embeds = command.option("--sources-content") != "false"
    yield from _flag(command, "esbuild", ("--sourcemap",), outputs, embeds=embeds)


def _vite(command: Command) -> Iterator[Setting]:
    if "build" in command.arguments[:1]:
        outputs = _folders(command, "--outDir", default="dist")
        yield from _flag(command, "vite", ("--sourcemap",), outputs)


def _rollup(command: Command) -> Iterator[Setting]:
    outputs = _folders(command, "--dir", "-d", "--file", "-o")
    yield from _flag(command, "rollup", ("--sourcemap", "-m"), outputs)


def _webpack(command: Command) -> Iterator[Setting]:
    value = command.option("--devtool", "-d") or ""
    if value.endswith("source-map") and not value.startswith("eval"):
        outputs = _folders(command, "--output-path", default="dist")
        for setting in _flag(command, "webpack", ("--devtool", "-d"), outputs):
            yield setting._replace(embeds="nosources" not in value, inline="inline" in value)


def _tsup(command: Command) -> Iterator[Setting]:
    outputs = _folders(command, "--out-dir", "-d", default="dist")
    yield from _flag(command, command.program, ("--sourcemap",), outputs)


def _bun(command: Command) -> Iterator[Setting]:
    if "build" in command.arguments[:1]:
        outputs = _folders(command, "--outdir", "--outfile")
        yield from _flag(command, "bun", ("--sourcemap",), outputs)


def _swc(command: Command) -> Iterator[Setting]:
    outputs = _folders(command, "--out-dir", "-d")
    yield from _flag(command, command.program, ("--source-maps", "-s"), outputs)


def _microbundle(command: Command) -> Iterator[Setting]:
    watches = command.arguments[:1] == ("watch",)
    if (
        not watches
        and not command.has("--no-sourcemap")
        and (command.option("--sourcemap") not in ("false", "none"))
    ):
        outputs = _folders(command, "--output", "-o", default="dist")
        text = "`microbundle`"
        yield Setting("microbundle", command.location, text, "`--no-sourcemap`", outputs)


def _sass(command: Command) -> Iterator[Setting]:
    if command.has("--no-source-map", "--stdin") or not command.operands:
        return
    embeds = command.has("--embed-sources")
    inline = command.has("--embed-source-map")
    if ":" in command.operands[0]:
        targets = [one.partition(":")[2] for one in command.operands]
    else:
        targets = command.operands[1:2]
    outputs = tuple(
        posixpath.dirname(_clean(one)) or "." if one.endswith(".css") else _clean(one)
        for one in targets
    )
    if outputs:
        yield Setting(
            *("sass", command.location, "`sass`", "`--no-source-map`", outputs),
            embeds=embeds,
            inline=inline,
            style=True,
        )


def _less(command: Command) -> Iterator[Setting]:
    inline = command.has("--source-map-inline")
    if inline or command.has("--source-map"):
        built = [one for one in command.operands if one.endswith(".css")]
        outputs = tuple(posixpath.dirname(_clean(one)) or "." for one in built[:1])
        name = next(one for one in command.arguments if one.startswith("--source-map"))
        yield Setting(
            *("less", command.location, f"`lessc {name.partition('=')[0]}`", "no `--source-map`"),
            outputs=outputs,
            embeds=command.has("--source-map-include-source"),
            inline=inline,
            style=True,
        )


def _styles(command: Command) -> tuple[str, ...]:
    return _folders(command, "--dir", "-d", "--output", "-o")


def _postcss(command: Command) -> Iterator[Setting]:
    if not command.has("--no-map"):
        inline = not command.has("--map", "-m")
        yield Setting(
            *("postcss", command.location, "`postcss`", "`--no-map`", _styles(command)),
            inline=inline,
            style=True,
        )


def _react_scripts(command: Command) -> Iterator[Setting]:
    off = any(one.replace(" ", "") == "GENERATE_SOURCEMAP=false" for one in command.variables)
    if "build" in command.arguments[:1] and not off:
        text, how = "`react-scripts build`", "`GENERATE_SOURCEMAP=false`"
        yield Setting("create-react-app", command.location, text, how, ("build",))


def _minifier(command: Command) -> Iterator[Setting]:
    outputs = _folders(
        command, "--output", "-o", default="dist" if command.program == "ncc" else ""
    )
    yield from _flag(command, command.program, ("--source-map", "-s"), outputs, embeds=False)


_PROGRAMS: Mapping[str, Callable[[Command], Iterator[Setting]]] = {
    "esbuild": _esbuild,
    "vite": _vite,
    "rollup": _rollup,
    "rolldown": _rollup,
    "webpack": _webpack,
    "tsup": _tsup,
    "tsdown": _tsup,
    "bun": _bun,
    "swc": _swc,
    "babel": _swc,
    "microbundle": _microbundle,
    "sass": _sass,
    "postcss": _postcss,
    "lessc": _less,
    "react-scripts": _react_scripts,
    "ncc": _minifier,
    "terser": _minifier,
    "uglifyjs": _minifier,
}


# TypeScript.


class _Option(NamedTuple):
    node: Json
    key: Json
    directory: str


def _of_typescript(
    tree: Tree, directory: str, ran: Sequence[Command], names: Sequence[str], manifest: Json
) -> Iterator[Setting]:
    compilers = [one for one in ran if one.program in ("tsc", "ttsc", "tspc", "vue-tsc")]
    projects: dict[str, None] = {}
    for command in compilers:
        yield from _tsc_flags(command)
        named = command.option("-p", "--project", "-b", "--build")
        if command.operands and not named and "-p" not in command.arguments:
            continue  # files by name: no project is read
        path = named or "tsconfig.json"
        path = path if path.endswith(".json") else posixpath.join(path, "tsconfig.json")
        projects[posixpath.normpath(posixpath.join(directory, path))] = None
    if not compilers and manifest.get("scripts") is None and "tsconfig.json" in names:
        projects[posixpath.join(directory, "tsconfig.json")] = None
    seen: set[str] = set()
    todo = list(projects)
    while todo and len(seen) < MAX_EXTENDS:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            options: dict[str, _Option] = {}
            todo += _read_project(tree, path, options, [])
            yield from _compiler_settings(options, directory)


def _tsc_flags(command: Command) -> Iterator[Setting]:
    outputs = _folders(command, "--outDir", "--outFile")
    embeds = command.has("--inlineSources")
    for name in ("--sourceMap", "--inlineSourceMap", "--declarationMap"):
        for setting in _flag(command, "tsc", (name,), outputs, embeds=embeds):
            inline = name == "--inlineSourceMap"
            yield setting._replace(inline=inline, declaration=name == "--declarationMap")


def _read_project(
    tree: Tree, path: str, options: dict[str, _Option], below: list[str]
) -> list[str]:
    """Fill in the compiler options of a project and of those it extends; gives its references."""
    if path in below or len(below) >= MAX_EXTENDS or not tree.exists(path):
        return []
    try:
        file = SourceFile(path, tree.raw(path))
        root = parse(SourceFile(path, as_json(file.text).encode()))
    except Broken:
        return []
    directory = posixpath.dirname(path)
    extends = root.get("extends")
    for node in (extends, *extends.items) if extends is not None else ():
        above = _extended(tree, directory, node.text or "") if node is not None else ""
        if above:
            _read_project(tree, above, options, [*below, path])
    chosen = root.get("compilerOptions")
    for key, value in chosen.members if chosen is not None else ():
        options[key.value] = _Option(value, key, directory)
    found = []
    references = root.get("references")
    for node in references.items if references is not None else ():
        to = node.get("path")
        if to is not None and to.text:
            target = posixpath.normpath(posixpath.join(directory, to.text))
            is_file = target.endswith(".json")
            found.append(target if is_file else posixpath.join(target, "tsconfig.json"))
    return [one for one in found if not one.startswith("..")]


def _extended(tree: Tree, directory: str, name: str) -> str:
    """The path of an extended project: relative, or of an installed package; "" if not there."""
    if not name:
        return ""
    if name.startswith("."):
        path = posixpath.normpath(posixpath.join(directory, name))
        tries = [path, f"{path}.json", posixpath.join(path, "tsconfig.json")]
        return next((one for one in tries if not one.startswith("..") and tree.exists(one)), "")
    at = directory
    while True:
        path = posixpath.join(at, "node_modules", name)
        for one in (path, f"{path}.json", posixpath.join(path, "tsconfig.json")):
            if tree.exists(one):
                return one
        if not at:
            return ""
        at = posixpath.dirname(at)


def _compiler_settings(options: Mapping[str, _Option], directory: str) -> Iterator[Setting]:
    def on(name: str) -> bool:
        return name in options and options[name].node.kind == "true"

    if on("noEmit"):
        return
    embeds = on("inlineSources")
    declares = on("declaration") or on("composite")
    for name in ("sourceMap", "inlineSourceMap", "declarationMap"):
        declaration = name == "declarationMap"
        if not on(name) or (declaration and not declares):
            continue
        if on("emitDeclarationOnly") and not declaration:
            continue
        option = options[name]
        span = option.key.location.span._replace(end=option.node.end)
        place = Location(option.key.path, span)
        outputs = _compiled_to(options, directory, declaration)
        yield Setting(
            *("tsc", place, f"`{name}: true`", f"`{name}: false`", outputs),
            embeds=embeds and not declaration,
            inline=name == "inlineSourceMap",
            declaration=declaration,
        )


def _compiled_to(
    options: Mapping[str, _Option], directory: str, declaration: bool
) -> tuple[str, ...]:
    names = ("declarationDir", "outDir", "outFile") if declaration else ("outDir", "outFile")
    for name in names:
        option = options.get(name)
        if option is None or not option.node.text:
            continue
        text = option.node.text
        if text.startswith("${configDir}"):
            path = posixpath.join(directory, text.removeprefix("${configDir}").lstrip("/"))
        else:
            path = posixpath.join(option.directory, text)
        path = posixpath.dirname(path) if name == "outFile" else path
        inside = posixpath.relpath(posixpath.normpath(path) or ".", directory or ".")
        return () if inside.startswith("..") else (inside,)
    return ()
