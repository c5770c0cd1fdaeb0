"""Source maps that images take along, and servers that hand them out."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Instruction, Stage, Word
from iachygiene.parse.dockerignore import BuildContext, clean
from iachygiene.parse.npm_maps import MapTooLarge, read_map
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.node import runs_build

_OUTPUTS = frozenset(("dist", "build", "out", "public", "static", "html", "www", ".output"))
_STATIC_ROOTS = (
    *("/usr/share/nginx/html", "/var/www", "/srv", "/usr/local/apache2/htdocs"),
    *("/app/public", "/usr/share/caddy"),
)
_OFF = regex(
    r"GENERATE_SOURCEMAP(?:\s*+=\s*+|\s++)[\"']?false|--no-source-?maps?\b|--source-?maps?[= ]false"
    r"|\.map\b[^\n]{0,300}-delete|\brm\b[^\n;&|]{0,300}\.map\b",
    re.IGNORECASE,
)
_ON = regex(r"--source-?maps?\b(?![= ]false)|--devtool[= ]\S*source-map", re.IGNORECASE)
_BY_DEFAULT = regex(r"\b(?:react-scripts|vue-cli-service|parcel|gatsby) build\b")
_VUE_OFF = regex(r"productionSourceMap\s*:\s*false")


class _Setting(NamedTuple):
    """The files that configure a tool, and what in them makes it write maps."""

    tool: re.Pattern[str]
    files: tuple[str, ...]
    on: re.Pattern[str]


_SETTINGS = (
    _Setting(
        regex(r"\btsc\b"),
        ("tsconfig.json", "tsconfig.build.json"),
        regex(r'"(?:inlineSourceMap|sourceMap)"\s*:\s*true'),
    ),
    _Setting(
        regex(r"\bvite\b"),
        ("vite.config.ts", "vite.config.js", "vite.config.mjs", "vite.config.mts"),
        regex(r"\bsourcemap\s*:\s*(?!false)"),
    ),
    _Setting(
        regex(r"\bwebpack\b"),
        ("webpack.config.js", "webpack.prod.js", "webpack.config.prod.js", "webpack.config.ts"),
        regex(r"\bdevtool\s*:\s*[\"'](?!eval)[\w-]*source-map"),
    ),
    _Setting(
        regex(r"\bnext\b"),
        ("next.config.js", "next.config.mjs", "next.config.ts"),
        regex(r"productionBrowserSourceMaps\s*:\s*true"),
    ),
    _Setting(
        regex(r"\brollup\b"),
        ("rollup.config.js", "rollup.config.mjs", "rollup.config.ts"),
        regex(r"\bsourcemap\s*:\s*(?!false)"),
    ),
)
_NODE = regex(r"\b(?:node|npm|yarn|pnpm|bun|deno|tsx|ts-node)\b")
_READ_AT_MOST = 20


class _Shipped(NamedTuple):
    """Maps that a COPY brings into the final image."""

    copy: Copy
    source: Word
    message: str
    severity: Severity


@rule("DF5408", Dockerfile, Severity.WARNING, security=True)
def source_maps_in_image(dockerfile: Dockerfile) -> Findings:
    """Source maps get into the image.

    A map holds the original sources or leads to them, comments included, and whoever opens the
    tools of a browser can read them as soon as a server hands the file out. Programs need no
    maps; upload them to where errors are collected, and leave them out of the image.

    Reported are maps that the final stage copies by name or by pattern, those that lie in a
    directory of the context that it copies (an error where they embed the sources), and, as an
    info, what a build makes whose settings switch maps on. For programs that run in Node
    everything is an info, since nobody fetches their files.

    Bad:
        FROM nginx:1.27
        COPY dist/app.js dist/app.js.map /usr/share/nginx/html/
    Bad: they embed the sources
        -- Dockerfile --
        FROM nginx:1.27
        COPY dist /usr/share/nginx/html
        -- dist/app.js --
        console.log(1)
        -- dist/app.js.map --
        {"version": 3, "sources": ["app.ts"], "sourcesContent": ["let a"], "mappings": "AAAA"}
    Bad: only an info
        -- Dockerfile --
        FROM node:22 AS build
        COPY . .
        RUN npm run build
        FROM nginx:1.27
        COPY --from=build /dist /usr/share/nginx/html
        -- package.json --
        {"scripts": {"build": "react-scripts build"}}
    Good: switched off
        -- Dockerfile --
        FROM node:22 AS build
        ENV GENERATE_SOURCEMAP=false
        COPY . .
        RUN npm run build
        FROM nginx:1.27
        COPY --from=build /dist /usr/share/nginx/html
        -- package.json --
        {"scripts": {"build": "react-scripts build"}}
    Good: removed
        -- Dockerfile --
        FROM node:22 AS build
        COPY . .
        RUN npm run build && find dist -name '*.map' -delete
        FROM nginx:1.27
        COPY --from=build /dist /usr/share/nginx/html
        -- package.json --
        {"scripts": {"build": "react-scripts build"}}
    Good: left out of the context
        -- Dockerfile --
        FROM nginx:1.27
        COPY dist /usr/share/nginx/html
        -- dist/app.js.map --
        {"version": 3, "sources": ["app.ts"], "mappings": "AAAA"}
        -- .dockerignore --
        **/*.map
    """
    for shipped in _shipped(dockerfile):
        yield at(
            shipped.source, shipped.message, object=shipped.copy.object, severity=shipped.severity
        )


@rule("DF5409", Dockerfile, Severity.WARNING, default="off", security=True)
def web_root_serves_maps(dockerfile: Dockerfile) -> Findings:
    r"""Source maps lie in the web root, and no configuration of the server keeps them back.

    Everybody who knows the address of a script can then fetch its map.
    https://developer.mozilla.org/en-US/docs/Glossary/Source_map

    Bad:
        FROM nginx:1.27
        COPY dist/app.js dist/app.js.map /usr/share/nginx/html/
    Good: the server denies them
        -- Dockerfile --
        FROM nginx:1.27
        COPY nginx.conf /etc/nginx/conf.d/default.conf
        COPY dist/app.js.map /usr/share/nginx/html/
        -- nginx.conf --
        server { location ~ \.map$ { deny all; } }
        -- dist/app.js.map --
        {"version": 3, "sources": ["app.ts"], "mappings": "AAAA"}
    Good: not in a web root
        FROM debian:12
        COPY dist/app.js.map /opt/maps/
    """
    if _denies_maps(dockerfile):
        return
    for shipped in _shipped(dockerfile):
        target = posixpath.normpath(shipped.copy.target.text)
        if any(target == root or target.startswith(f"{root}/") for root in _STATIC_ROOTS):
            message = f'the server hands out what is in "{target}", source maps included'
            yield at(shipped.source, message, object=shipped.copy.object)


def _shipped(dockerfile: Dockerfile) -> Iterator[_Shipped]:
    final = dockerfile.final_stage
    if final is None:
        return
    context = dockerfile.context
    serves = not _runs_in_node(final)
    for stage in final.chain:
        for one in stage.instructions:
            if not isinstance(one, Copy):
                continue
            for source in one.sources:
                found = _maps_of(dockerfile, one, source, context)
                if found is not None:
                    message, severity = found
                    yield _Shipped(one, source, message, severity if serves else Severity.INFO)


def _runs_in_node(stage: Stage) -> bool:
    command = stage.last("ENTRYPOINT") or stage.last("CMD")
    return command is not None and _NODE.search(command.text.string) is not None


def _maps_of(
    dockerfile: Dockerfile, copy: Copy, source: Word, context: BuildContext | None
) -> tuple[str, Severity] | None:
    path = clean(source.text)
    if path.endswith(".map") and not path.startswith("<<"):
        return f'"{source.text}" is a source map', Severity.WARNING
    if copy.from_flag is not None:
        stage = _stage_of(dockerfile, copy.from_flag.value)
        if stage is not None and posixpath.basename(path) in _OUTPUTS:
            tool = _writes_maps(stage, context)
            if tool:
                return f'"{source.text}" may hold source maps, as {tool}', Severity.INFO
        return None
    if context is None or "$" in path or path.startswith("..") or not _is_directory(path, context):
        return None
    maps = [
        file
        for file in context.files(path)
        if file.endswith((".js.map", ".css.map", ".mjs.map", ".cjs.map"))
        and not context.ignores(file)
    ]
    if not maps:
        return None
    embedded = any(_embeds(context, file) for file in maps[:_READ_AT_MOST])
    count = f"{len(maps)} source maps" if len(maps) > 1 else "a source map"
    what = "with the sources in them, " if embedded else ""
    message = f'"{source.text}" holds {count}, {what}such as {maps[0]}'
    return message, Severity.ERROR if embedded else Severity.WARNING


def _is_directory(path: str, context: BuildContext) -> bool:
    return path == "." or context.is_directory(path)


def _embeds(context: BuildContext, path: str) -> bool:
    file = context.file(path)
    try:
        found = read_map(file.data, 10_000) if file is not None else None
    except MapTooLarge:
        return True
    return found is not None and bool(found.embedded)


def _stage_of(dockerfile: Dockerfile, name: str) -> Stage | None:
    return next(
        (
            stage
            for stage in dockerfile.stages
            if name.lower() == stage.name.lower() or name == str(stage.index)
        ),
        None,
    )


def _writes_maps(stage: Stage, context: BuildContext | None) -> str:
    """Why a stage makes source maps, "" where nothing says that it does."""
    own = [one for part in stage.chain for one in part.instructions]
    builds = [
        command for part in stage.chain for run in part.runs for command in run.script.commands
    ]
    texts = [one.text.string for one in own if one.keyword in ("RUN", "ENV", "ARG")]
    if not any(map(runs_build, builds)) or any(map(_OFF.search, texts)):
        return ""
    directory = _project(own, context)
    scripts = _scripts(directory, context)
    if _OFF.search(scripts):
        return ""
    commands = "\n".join([*texts, scripts])
    if found := _ON.search(commands):
        return f'"{found[0].strip()}" asks for them'
    if found := _BY_DEFAULT.search(commands):
        return "" if _is_switched_off(directory, context) else f'"{found[0]}" makes them'
    for setting in _SETTINGS:
        if setting.tool.search(commands):
            for name in setting.files:
                if setting.on.search(_text(posixpath.join(directory, name), context)):
                    return f'"{name}" asks for them'
    return ""


def _project(instructions: list[Instruction], context: BuildContext | None) -> str:
    """The directory of the context whose package.json the stage copies."""
    if context is None or context.is_file("package.json"):
        return ""
    for one in instructions:
        for word in one.context_sources if isinstance(one, Copy) else ():
            path = clean(word.text)
            directory = path if context.is_directory(path) else posixpath.dirname(path)
            if context.is_file(posixpath.join(directory, "package.json")):
                return directory
    return ""


def _text(path: str, context: BuildContext | None) -> str:
    file = context.file(path) if context is not None else None
    return file.shown_text if file is not None else ""


def _scripts(directory: str, context: BuildContext | None) -> str:
    try:
        manifest = json.loads(_text(posixpath.join(directory, "package.json"), context) or "{}")
    except (ValueError, RecursionError):
        return ""
    scripts = manifest.get("scripts") if isinstance(manifest, dict) else None
    if not isinstance(scripts, dict):
        return ""
    wanted = ("build", "prebuild", "postbuild")
    return "\n".join(
        str(text) for name, text in scripts.items() if name.partition(":")[0] in wanted
    )


def _is_switched_off(directory: str, context: BuildContext | None) -> bool:
    settings = ("vue.config.js", ".env", ".env.production")
    texts = [_text(posixpath.join(directory, name), context) for name in settings]
    return any(_OFF.search(text) or _VUE_OFF.search(text) for text in texts)


def _denies_maps(dockerfile: Dockerfile) -> bool:
    """Whether a configuration that the image gets speaks of maps."""
    context = dockerfile.context
    for one in dockerfile.instructions:
        if "\\.map" in one.text.string or "*.map" in one.text.string:
            return True
        for heredoc in one.heredocs:
            if ".map" in heredoc.body.string:
                return True
        for word in one.context_sources if isinstance(one, Copy) else ():
            path = clean(word.text)
            if path.endswith((".conf", "Caddyfile", ".template", ".htaccess")):
                text = _text(path, context)
                if "\\.map" in text or "*.map" in text:
                    return True
    return False
