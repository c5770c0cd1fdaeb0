"""Images of Node programs: their environment and their command."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Ran, Stage, Variables
from iachygiene.parse.dockerignore import BuildContext
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.installs import dependency_step
from iachygiene.rules.dockerfile.known_images import family

_MANAGERS = ("npm", "yarn", "pnpm")
_TOOLS = {
    "tsc": "typescript",
    "vite": "vite",
    "webpack": "webpack",
    "ng": "@angular/cli",
    "next": "next",
    "nuxt": "nuxt",
    "rollup": "rollup",
    "parcel": "parcel",
    "gulp": "gulp",
    "esbuild": "esbuild",
    "tsup": "tsup",
    "astro": "astro",
    "nest": "@nestjs/cli",
    "react-scripts": "react-scripts",
    "vue-cli-service": "@vue/cli-service",
    "grunt": "grunt",
    "turbo": "turbo",
    "nx": "nx",
    "swc": "@swc/cli",
    "babel": "@babel/cli",
}
_SCRIPTS = ("build", "compile", "bundle", "generate")
_SIDE = frozenset(("dev", "development", "test", "tests", "ci"))
_FOR_DEVELOPERS = regex(r"\b(?:dev|develop|test|watch|storybook)\b")
_INITS = regex(r"\b(?:tini|dumb-init|s6-svscan|catatonit|docker-init)\b")


@rule("DF5313", Dockerfile, Severity.WARNING)
def node_env_too_early(dockerfile: Dockerfile) -> Findings:
    """NODE_ENV=production is set before the dependencies that a build needs are installed.

    npm, yarn 1 and pnpm then leave out devDependencies, where compilers and bundlers stand, and
    the build fails or, worse, takes something else. Set it behind the build, or install with
    `--include=dev`. https://docs.npmjs.com/cli/commands/npm-ci#omit

    It is an info where no package.json tells what the build needs.

    Bad:
        -- Dockerfile --
        FROM node:22 AS build
        ENV NODE_ENV=production
        COPY package.json package-lock.json ./
        RUN npm ci
        COPY . .
        RUN npm run build
        -- package.json --
        {"scripts": {"build": "vite build"}, "devDependencies": {"vite": "^6"}}
    Bad: only an info
        FROM node:22 AS build
        ENV NODE_ENV=production
        COPY package.json yarn.lock ./
        RUN yarn install --frozen-lockfile && yarn build
    Good: set behind the build
        FROM node:22 AS build
        COPY . .
        RUN npm ci && npm run build
        ENV NODE_ENV=production
    Good: told to install them
        FROM node:22 AS build
        ENV NODE_ENV=production
        RUN npm ci --include=dev && npm run build
    Good: what the build needs is a dependency
        -- Dockerfile --
        FROM node:22 AS build
        ENV NODE_ENV=production
        COPY . .
        RUN npm ci && npm run build
        -- package.json --
        {"scripts": {"build": "next build"}, "dependencies": {"next": "^15"}}
    Good: nothing is built
        FROM node:22
        ENV NODE_ENV=production
        RUN npm ci
    """
    found = dockerfile.ran(*_MANAGERS, *_TOOLS, "npx")
    installs: dict[int, Ran] = {}
    settings: dict[int, list[tuple[int, str]]] = {}
    for ran in found:
        index = ran.stage.index
        if runs_build(ran.command):
            install = installs.pop(index, None)
            severity = _certainty(dockerfile.context, ran.command) if install else None
            if install is not None and severity is not None:
                text = " ".join(word.text for word in install.command.words[:4])
                needs = " ".join(word.text for word in ran.command.words[:3])
                yield at(
                    install.command.extent,
                    f'"{text}" leaves out devDependencies, and "{needs}" may need them',
                    object=ran.stage.object,
                    severity=severity,
                    related=[ran.command.location.labelled("the build")],
                )
        elif index not in installs and _leaves_out_development(ran):
            if index not in settings:
                settings[index] = list(_settings(ran.stage))
            before = [value for place, value in settings[index] if place < ran.run.extent.start]
            if before[-1:] == ["production"]:
                installs[index] = ran


def runs_build(command: Command) -> bool:
    """Whether a command compiles or bundles, by a tool or by a script of the package."""
    words = [word.text for word in command.plain]
    if command.name in _TOOLS:
        return not command.has_flag("version", "help")
    if command.name == "npx":
        return bool(words) and words[0] in _TOOLS
    script = words[1] if words[:1] in (["run"], ["run-script"]) and len(words) > 1 else ""
    if command.name != "npm" and words:
        script = script or words[0]
    return script.partition(":")[0] in _SCRIPTS


def _leaves_out_development(ran: Ran) -> bool:
    """Whether the command leaves it to NODE_ENV whether devDependencies are installed."""
    step = dependency_step(ran.command)
    if step is None or step.ecosystem not in _MANAGERS:
        return False
    if any(one.name == "NODE_ENV" for one in ran.command.assignments):
        return False
    for word in ran.command.arguments:
        name, _, value = word.text.lstrip("-").partition("=")
        if name in ("include", "production", "prod", "omit", "only", "dev", "D", "P"):
            return False
        if value == "dev":
            return False
    return True


def _settings(stage: Stage) -> Iterator[tuple[int, str]]:
    """Where a stage, or one that it builds on, sets NODE_ENV, and to what."""
    for own in reversed(stage.chain):
        for one in own.instructions:
            if isinstance(one, Variables) and one.keyword != "LABEL":
                for pair in one.pairs:
                    if pair.name.text == "NODE_ENV" and pair.value is not None:
                        yield one.extent.start, pair.value.text


def _certainty(context: BuildContext | None, command: Command) -> Severity | None:
    """How sure it is that the build needs devDependencies; None where it does not."""
    manifest = _manifest(context)
    if manifest is None:
        return Severity.INFO
    if str(manifest.get("packageManager", "")).startswith(("yarn@2", "yarn@3", "yarn@4")):
        return None
    development = _names(manifest, "devDependencies")
    others = _names(manifest, "dependencies")
    scripts = manifest.get("scripts")
    words = [command.name, *(word.text for word in command.plain)]
    for word in words:
        text = scripts.get(word) if isinstance(scripts, dict) else None
        words = words + re.split(r"[\s&;|]+", text) if isinstance(text, str) else words
    needed = {_TOOLS[word] for word in words if word in _TOOLS}
    if needed & development:
        return Severity.WARNING
    if not development or (needed and needed <= others):
        return None
    return Severity.INFO


def _manifest(context: BuildContext | None) -> dict[str, Any] | None:
    file = context.file("package.json") if context else None
    try:
        value = json.loads(file.data) if file else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _names(manifest: dict[str, Any], key: str) -> set[str]:
    value = manifest.get(key)
    return set(value) if isinstance(value, dict) else set()


@rule("DF5312", Dockerfile, Severity.INFO, default="off")
def node_env_missing(dockerfile: Dockerfile) -> Findings:
    """A Node image for production does not say that it is one.

    Without `NODE_ENV=production` Express and others run slower and print errors to users, and
    npm installs devDependencies. https://expressjs.com/en/advanced/best-practice-performance.html

    Bad:
        FROM node:22
        COPY package.json package-lock.json ./
        RUN npm ci
        CMD ["node", "server.js"]
    Good:
        FROM node:22
        ENV NODE_ENV=production
        RUN npm ci
        CMD ["node", "server.js"]
    Good:
        FROM node:22
        RUN npm ci --omit=dev
        CMD ["node", "server.js"]
    Good: for development
        FROM node:22 AS dev
        RUN npm ci
        CMD ["npm", "run", "dev"]
    Good: what was built is served by another image
        FROM node:22 AS build
        RUN npm ci && npm run build
        FROM nginx:1.27
        COPY --from=build /dist /usr/share/nginx/html
    """
    stage = dockerfile.final_stage
    if stage is None or family(stage.chain[-1].resolved) != "node" or _is_side(stage):
        return
    if "NODE_ENV" in stage.variables or not stage.has_command:
        return
    for ran in dockerfile.ran(*_MANAGERS):
        step = dependency_step(ran.command) if ran.stage in stage.chain else None
        if step is None or ran.command.has_flag("omit", "production", "prod", "P", "only"):
            continue
        if not any(one.name == "NODE_ENV" for one in ran.command.assignments):
            text = " ".join(word.text for word in ran.command.words[:3])
            message = f'"{text}" installs devDependencies, and NODE_ENV is not set'
            yield at(ran.command.extent, message, object=ran.stage.object)
            return


def _is_side(stage: Stage) -> bool:
    return not _SIDE.isdisjoint(re.split(r"[^a-z]+", stage.name.lower()))


@rule("DF5315", Dockerfile, Severity.INFO)
def npm_as_command(dockerfile: Dockerfile) -> Findings:
    """The image starts its program through npm, yarn or pnpm.

    The package manager is then the first process and the program its child. It passes the
    signal to stop on late or not at all, so the container is killed in the middle of its work,
    and it takes memory of its own. Start `node` itself.
    https://github.com/nodejs/docker-node/blob/main/docs/BestPractices.md#cmd

    Bad:
        FROM node:22
        CMD ["npm", "start"]
    Bad:
        FROM node:22
        CMD yarn run serve
    Good:
        FROM node:22
        CMD ["node", "server.js"]
    Good: something passes the signals on
        FROM node:22
        ENTRYPOINT ["tini", "--"]
        CMD ["npm", "start"]
    Good: for development
        FROM node:22 AS dev
        CMD ["npm", "run", "dev"]
    """
    stage = dockerfile.final_stage
    if stage is None or _is_side(stage):
        return
    command, entry = stage.last("CMD"), stage.last("ENTRYPOINT")
    for one in (command, entry):
        if one is None or (entry is not None and _INITS.search(entry.text.string)):
            continue
        words = one.words
        name = posixpath.basename(words[0].text) if words else ""
        if name in _MANAGERS and len(words) > 1 and (one is entry or entry is None):
            text = " ".join(word.text for word in words[:3])
            if _is_development(text):
                continue
            yield at(words[0], f'"{text}" stands between Docker and the program')


def _is_development(text: str) -> bool:
    return (
        re.search(r"\b(?:dev|develop|test|watch|serve:dev|storybook|start:dev)\b", text) is not None
    )
