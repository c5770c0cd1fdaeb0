"""Compilers and C libraries: what a shipped image should not hold, and what does not mix."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from iachygiene.image import ImageRef
from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Copy, Dockerfile, Run, Stage, Word
from iachygiene.parse.dockerignore import BuildContext
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.distributions import distribution
from iachygiene.rules.dockerfile.installs import dependency_step
from iachygiene.rules.dockerfile.known_images import family

_TOOLCHAINS = frozenset(("golang", "rust", "maven", "gradle", "gcc", "haskell", "swift"))
_SIDE = frozenset(("dev", "development", "test", "tests", "ci", "build", "builder", "tools"))
_BUILD_PACKAGES = frozenset(
    (
        *("build-essential", "gcc", "g++", "make", "cmake", "build-base", "clang", "git"),
        *("python3-dev", "python-dev", "autoconf", "automake", "gcc-c++", "musl-dev"),
    )
)
_INSTALLERS = ("apt-get", "apt", "apk", "dnf", "yum", "microdnf", "zypper")
_COMPILES = {
    "go": ("build", "install"),
    "cargo": ("build", "install"),
    "mvn": ("package", "install", "verify"),
    "gradle": ("build", "assemble", "bootJar"),
    "gradlew": ("build", "assemble", "bootJar"),
    "dotnet": ("publish", "build"),
    "npm": ("build",),
    "yarn": ("build",),
    "pnpm": ("build",),
}
_STATIC = regex(r"\.(?:html?|css|js|json|jar|war|dll|md|txt|ya?ml|conf|sh|pem|crt)$")
_C_IN_GO = regex(r'"(?:net|os/user|C|plugin)(?:/[\w/]+)?"')
_READ_AT_MOST = 200
_STATIC_DIRECTORIES = frozenset(("dist", "build", "public", "html", "static", "assets", "www"))


@rule("DF5210", Dockerfile, Severity.INFO, default="off")
def fat_runtime(dockerfile: Dockerfile) -> Findings:
    """The shipped image is one that is made to compile in.

    Compilers, headers and package managers make it several times larger and give whoever
    breaks in tools to work with. A second stage takes over the result alone.
    https://docs.docker.com/build/building/multi-stage/

    Bad:
        FROM golang:1.25
        COPY . .
        RUN go build -o /app .
        CMD ["/app"]
    Good:
        FROM golang:1.25 AS build
        COPY . .
        RUN go build -o /app .
        FROM gcr.io/distroless/static-debian12
        COPY --from=build /app /app
    Good: nothing is compiled
        FROM golang:1.25
        CMD ["go", "version"]
    Good: it is there to build
        FROM golang:1.25 AS builder
        RUN go build -o /app .
    """
    stage = dockerfile.final_stage
    if stage is None or not _SIDE.isdisjoint(_words(stage)):
        return
    image = stage.chain[-1].resolved
    if _is_toolchain(image) and any(map(_compiles, _commands(dockerfile))):
        name = image.text.partition("@")[0]
        yield at(stage, f'the final stage starts from "{name}", which is made to compile in')


def _words(stage: Stage) -> list[str]:
    return re.split(r"[^a-z]+", stage.name.lower())


def _is_toolchain(image: ImageRef) -> bool:
    name, tag = family(image), image.tag.text if image.tag else ""
    if name == "node":
        return not re.search("slim|alpine", tag)
    if name == "dotnet":
        return image.short_name == "sdk"
    return name in _TOOLCHAINS or image.short_name.endswith(("-sdk", "-devel")) or "devel" in tag


def _commands(dockerfile: Dockerfile) -> Iterator[Command]:
    for ran in dockerfile.ran(*_COMPILES, "./gradlew", "./mvnw", "gcc", "make"):
        yield ran.command


def _compiles(command: Command) -> bool:
    name = command.name.rpartition("/")[2]
    if name in ("gcc", "make"):
        return True
    wanted = _COMPILES.get("mvn" if name == "mvnw" else name, ())
    return any(word.text.rpartition(":")[2] in wanted for word in command.plain)


@rule("DF5705", Dockerfile, Severity.INFO, default="off")
def build_tools_in_final(dockerfile: Dockerfile) -> Findings:
    """The final stage installs compilers and leaves them in the image.

    They are needed to build and not to run. Build in a stage of its own and copy the result,
    or remove them in the same RUN. https://docs.docker.com/build/building/multi-stage/

    Bad:
        FROM python:3.13-slim
        COPY requirements.txt .
        RUN apt-get update && apt-get install -y gcc libpq-dev
        RUN pip install -r requirements.txt
    Good:
        FROM python:3.13 AS build
        COPY requirements.txt .
        RUN apt-get update && apt-get install -y gcc && pip wheel -r requirements.txt -w /wheels
        FROM python:3.13-slim
        COPY --from=build /wheels /wheels
    Good: removed in the same RUN
        FROM python:3.13-alpine
        COPY requirements.txt .
        RUN apk add --virtual .build gcc && pip install -r requirements.txt && apk del .build
    Good: an image of tools
        FROM debian:12
        RUN apt-get update && apt-get install -y gcc make
    """
    final = dockerfile.final_stage
    if final is None or not dockerfile.ran(*_INSTALLERS):
        return
    own = [one for stage in final.chain for one in stage.instructions]
    copies = any(isinstance(one, Copy) and one.context_sources for one in own)
    runs = [one for one in own if isinstance(one, Run)]
    steps = any(
        dependency_step(command) or _compiles(command)
        for run in runs
        for command in run.script.commands
    )
    for run in runs if copies and steps else ():
        for command in run.script.named(*_INSTALLERS):
            words = _build_packages(command)
            if words and not _removed(run, command, words):
                listed = ", ".join(word.text for word in words[:4])
                yield at(words[0], f"the image keeps {listed}", object=run.object)


def _build_packages(command: Command) -> list[Word]:
    if not command.has("install", "add"):
        return []
    return [
        word
        for word in command.plain
        if re.split("[=~<>]", word.text)[0] in _BUILD_PACKAGES
        or re.split("[=~<>]", word.text)[0].endswith(("-dev", "-devel"))
    ]


def _removed(run: Run, command: Command, words: list[Word]) -> bool:
    names = {word.text for word in command.arguments}
    for other in run.script.named(*_INSTALLERS):
        removes = other.has("del", "purge", "remove", "autoremove", "erase")
        same = other.has("autoremove") or any(word.text in names for word in other.plain)
        if removes and same:
            return True
    return False


@rule("DF5207", Dockerfile, Severity.WARNING, default="off")
def musl_glibc_mix(dockerfile: Dockerfile) -> Findings:
    """A program built for one C library is copied into an image with another.

    Alpine has musl, nearly all others glibc. A program that is linked to one of them does not
    start with the other: "no such file or directory", though the file is there.
    https://wiki.alpinelinux.org/wiki/Running_glibc_programs

    Judged are Go programs without CGO_ENABLED=0, Rust programs without a musl target, virtual
    environments of Python and modules of Node with native parts. It is an info for a Go
    program in an image without any C library.

    Bad:
        FROM golang:1.25 AS build
        RUN go build -o /app .
        FROM alpine:3.22
        COPY --from=build /app /app
    Bad:
        FROM python:3.13 AS build
        RUN python -m venv /venv && /venv/bin/pip install numpy==2.2
        FROM python:3.13-alpine
        COPY --from=build /venv /venv
    Bad: only an info
        FROM golang:1.25 AS build
        RUN go build -o /app .
        FROM scratch
        COPY --from=build /app /app
    Good:
        FROM golang:1.25 AS build
        RUN CGO_ENABLED=0 go build -o /app .
        FROM alpine:3.22
        COPY --from=build /app /app
    Good: nothing in it calls the C library
        -- Dockerfile --
        FROM golang:1.25 AS build
        COPY main.go .
        RUN go build -o /app main.go
        FROM alpine:3.22
        COPY --from=build /app /app
        -- main.go --
        package main
        import "fmt"
        func main() { fmt.Println("hello") }
    Good: both have musl
        FROM rust:1.90-alpine AS build
        RUN cargo build --release
        FROM alpine:3.22
        COPY --from=build /target/release/app /app
    Good: nothing that is linked
        FROM node:22 AS build
        RUN npm ci && npm run build
        FROM nginx:1.27-alpine
        COPY --from=build /app/dist /usr/share/nginx/html
    """
    final = dockerfile.final_stage
    target = distribution(final.chain[-1].resolved) if final else None
    if final is None or target is None:
        return
    stages = {stage.name.lower(): stage for stage in dockerfile.stages if stage.name}
    stages |= {str(stage.index): stage for stage in dockerfile.stages}
    for one in final.instructions:
        flag = one.from_flag if isinstance(one, Copy) else None
        builder = stages.get(flag.value.lower()) if flag else None
        source = distribution(builder.chain[-1].resolved) if builder else None
        if builder is None or source is None or not source.libc or not isinstance(one, Copy):
            continue
        if source.libc == target.libc:
            continue
        made = _linked(builder, one)
        if made == "a Go program" and not _may_need_c(dockerfile.context):
            continue
        if made and (target.libc or made == "a Go program"):
            where = target.libc or "no C library"
            yield at(
                one.sources[0],
                f"{made} is built with {source.libc} and copied to an image with {where}",
                object=final.object,
                severity=None if target.libc else Severity.INFO,
                related=[builder.location.labelled("built here")],
            )


def _may_need_c(context: BuildContext | None) -> bool:
    """Whether Go sources, or what they require, may call the C library, as names of hosts do."""
    if context is None:
        return True
    module = context.file("go.mod")
    if module is not None and "require" in module.shown_text:
        return True
    sources = [path for path in context.files() if path.endswith(".go")][:_READ_AT_MOST]
    texts = [file.shown_text for file in map(context.file, sources) if file is not None]
    return not texts or any(map(_C_IN_GO.search, texts))


def _linked(builder: Stage, copy: Copy) -> str:
    """What of a stage is linked to its C library, "" where nothing seems to be."""
    paths = [word.text for word in copy.sources]
    if all(
        _STATIC.search(path) or posixpath.basename(path) in _STATIC_DIRECTORIES for path in paths
    ):
        return ""
    whole = " ".join(paths)
    runs = [run for stage in builder.chain for run in stage.runs]
    text = "\n".join(run.script.text.string for run in runs)
    names = {command.name.rpartition("/")[2] for run in runs for command in run.script.commands}
    if (
        re.search(r"venv|site-packages|/\.local\b", whole)
        and {"pip", "pip3", "uv", "poetry"} & names
    ):
        return "a Python environment"
    if whole.rstrip("/").endswith("node_modules") and {"npm", "yarn", "pnpm"} & names:
        return "a tree of Node modules, which may have native parts,"
    if re.search(r"\bgo (?:build|install)\b", text):
        is_static = builder.variables.get("CGO_ENABLED") == "0" or "CGO_ENABLED=0" in text
        # Without a C compiler, as in the images on Alpine, nothing is linked.
        bare = "alpine" in builder.chain[-1].resolved.text
        is_static = is_static or (bare and "gcc" not in text and "build-base" not in text)
        return "" if is_static or "-static" in text else "a Go program"
    if re.search(r"\bcargo (?:build|install)\b", text):
        return "" if "musl" in text else "a Rust program"
    return "a C program" if {"gcc", "g++", "cc"} & names else ""
