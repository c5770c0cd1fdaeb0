"""Commands that install what a manifest asks for, by ecosystem."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from iachygiene.parse.dockerfile import Command


class Step(NamedTuple):
    """A dependency step. `manifests` are the files it reads, patterns included.

    `separable` is false where separating it from the build takes restructuring.
    """

    ecosystem: str
    manifests: tuple[str, ...]
    separable: bool = True


_VALUED = (
    *("prefix", "C", "dir", "cwd", "filter", "F", "loglevel", "registry", "cache", "omit"),
    *("include", "only", "workspace", "w", "network-timeout", "mutex", "jobs", "without"),
)
_NPM = ("package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc")
_YARN = ("package.json", "yarn.lock", ".yarnrc.yml", ".yarn/")
_PNPM = ("package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml")
_BUN = ("package.json", "bun.lock", "bun.lockb")
_POETRY = ("pyproject.toml", "poetry.lock")
_UV = ("pyproject.toml", "uv.lock")
_PIPENV = ("Pipfile", "Pipfile.lock")
_CONDA = ("environment.yml", "environment.yaml")
_BUNDLER = ("Gemfile", "Gemfile.lock", "*.gemspec")
_GO = ("go.mod", "go.sum")
_CARGO = ("Cargo.toml", "Cargo.lock")
_MAVEN = ("pom.xml", ".mvn/", "mvnw")
_GRADLE = (
    *("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"),
    *("gradle/", "gradlew"),
)
_COMPOSER = ("composer.json", "composer.lock")
_DOTNET = ("*.csproj", "*.fsproj", "*.sln", "packages.lock.json", "nuget.config")


def dependency_step(command: Command) -> Step | None:
    """The dependency step that a command is, None for every other command."""
    name = command.name.rpartition("/")[2]
    if re.match(r"pip(?!env|x)[0-9.]*$|python[0-9.]*$", name):
        return _pip(command, name)
    read = _STEPS.get(name)
    return read(command, [word.text for word in command.plain_without(_VALUED)]) if read else None


def is_npm_install(command: Command) -> bool:
    """Whether the command is `npm install` without packages and not a global one."""
    words = [word.text for word in command.plain_without(_VALUED)]
    return (
        command.name == "npm"
        and words in (["install"], ["i"])
        and not command.has_flag("g", "global", "package-lock-only", "h", "help")
    )


def _npm(command: Command, words: list[str]) -> Step | None:
    clean = words in (["ci"], ["clean-install"]) and not command.has_flag("g", "global")
    return Step("npm", _NPM) if clean or is_npm_install(command) else None


def _yarn(command: Command, words: list[str]) -> Step | None:
    if command.has_flag("version", "v", "help", "h"):
        return None
    return Step("yarn", _YARN) if words in ([], ["install"]) else None


def _pnpm(command: Command, words: list[str]) -> Step | None:
    wanted = words in (["install"], ["i"]) and not command.has_flag("g", "global")
    return Step("pnpm", _PNPM) if wanted else None


def _bun(command: Command, words: list[str]) -> Step | None:
    return Step("bun", _BUN) if words in (["install"], ["i"]) else None


def _pip(command: Command, name: str) -> Step | None:
    words = [word.text for word in command.arguments]
    if name.startswith("python"):
        if words[:2] != ["-m", "pip"]:
            return None
        words = words[2:]
    return _pip_install(words)


def _pip_install(words: list[str]) -> Step | None:
    if "install" not in words[:3]:
        return None
    files = [
        following if word in ("-r", "--requirement") else _attached(word)
        for word, following in zip(words, [*words[1:], ""], strict=True)
    ]
    named = tuple(file.rpartition("/")[2] for file in files if file and "$" not in file)
    if named:
        return Step("pip", named)
    local = any(word in (".", "./") or word.startswith(".[") for word in words)
    return Step("pip", ("pyproject.toml", "setup.py"), separable=False) if local else None


def _attached(word: str) -> str:
    if word.startswith("--requirement="):
        return word.partition("=")[2]
    return word[2:] if word.startswith("-r") and len(word) > 2 else ""


def _poetry(command: Command, words: list[str]) -> Step | None:
    return Step("poetry", _POETRY) if words[:1] in (["install"], ["export"]) else None


def _uv(command: Command, words: list[str]) -> Step | None:
    if words[:1] == ["sync"]:
        return Step("uv", _UV)
    if words[:2] == ["pip", "sync"]:
        return Step("uv", tuple(words[2:3]))
    if words[:2] == ["pip", "install"]:
        step = _pip_install([word.text for word in command.arguments[1:]])
        return step._replace(ecosystem="uv") if step else None
    return None


def _pipenv(command: Command, words: list[str]) -> Step | None:
    return Step("pipenv", _PIPENV) if words in (["install"], ["sync"]) else None


def _conda(command: Command, words: list[str]) -> Step | None:
    wanted = words[:2] in (["env", "create"], ["env", "update"])
    return Step("conda", _CONDA) if wanted else None


def _bundler(command: Command, words: list[str]) -> Step | None:
    if command.has_flag("version", "v", "help", "h"):
        return None
    return Step("bundler", _BUNDLER) if words[:1] in ([], ["install"]) else None


def _go(command: Command, words: list[str]) -> Step | None:
    if words[:2] == ["mod", "download"]:
        return Step("go", _GO)
    if words[:1] not in (["build"], ["install"]):
        return None
    elsewhere = any("@" in word for word in words) or command.has("-mod=vendor")
    return None if elsewhere else Step("go", _GO, separable=False)


def _cargo(command: Command, words: list[str]) -> Step | None:
    if words[:1] == ["fetch"]:
        return Step("cargo", _CARGO)
    if words[:2] == ["chef", "cook"]:
        return Step("cargo", ("recipe.json",))
    builds = words[:1] == ["build"] or (words[:1] == ["install"] and command.has_flag("path"))
    return Step("cargo", _CARGO, separable=False) if builds else None


def _maven(command: Command, words: list[str]) -> Step | None:
    if any(word.startswith("dependency:") for word in words):
        return Step("maven", _MAVEN)
    builds = not {"package", "install", "verify", "compile", "deploy"}.isdisjoint(words)
    return Step("maven", _MAVEN, separable=False) if builds else None


def _gradle(command: Command, words: list[str]) -> Step | None:
    tasks = {word.rpartition(":")[2] for word in words}
    if not {"dependencies", "downloadRepos"}.isdisjoint(tasks):
        return Step("gradle", _GRADLE)
    builds = not {"build", "assemble", "bootJar", "installDist"}.isdisjoint(tasks)
    return Step("gradle", _GRADLE, separable=False) if builds else None


def _composer(command: Command, words: list[str]) -> Step | None:
    return Step("composer", _COMPOSER) if words[:1] == ["install"] else None


def _dotnet(command: Command, words: list[str]) -> Step | None:
    if words[:1] == ["restore"]:
        return Step("dotnet", _DOTNET)
    builds = words[:1] in (["build"], ["publish"]) and not command.has_flag("no-restore")
    return Step("dotnet", _DOTNET, separable=False) if builds else None


_STEPS: Mapping[str, Callable[[Command, list[str]], Step | None]] = {
    "npm": _npm,
    "yarn": _yarn,
    "pnpm": _pnpm,
    "bun": _bun,
    "poetry": _poetry,
    "uv": _uv,
    "pipenv": _pipenv,
    "conda": _conda,
    "mamba": _conda,
    "bundle": _bundler,
    "go": _go,
    "cargo": _cargo,
    "mvn": _maven,
    "mvnw": _maven,
    "gradle": _gradle,
    "gradlew": _gradle,
    "composer": _composer,
    "dotnet": _dotnet,
}
