"""What a build sends to the builder and copies from there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Word
from iachygiene.parse.dockerignore import BuildContext, IgnoreFile, clean
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.credentials import is_secret_file


class _Unwanted(NamedTuple):
    """Something that no image should hold.

    `pattern` is its line of an ignore file. `beside` are files of which one has to lie in the
    same directory. `typical` says that it will be there once somebody works there.
    """

    pattern: str
    names: tuple[str, ...]
    beside: tuple[str, ...] = ()
    directory: bool = True
    typical: bool = False
    severity: Severity = Severity.INFO


_NODE = ("package.json",)
_PYTHON = ("requirements.txt", "pyproject.toml", "setup.py", "Pipfile")
_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
_KEYS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore")
_PUBLISHED = ("example", "sample", "template", "dist", "defaults", "test")
_WARNING = Severity.WARNING

_UNWANTED = (
    _Unwanted(".git", (".git",), severity=_WARNING),
    _Unwanted("**/node_modules", ("node_modules",), typical=True, severity=_WARNING),
    _Unwanted("**/.venv", (".venv",), severity=_WARNING),
    _Unwanted("**/venv", ("venv",), _PYTHON, severity=_WARNING),
    _Unwanted("**/__pycache__", ("__pycache__",)),
    _Unwanted("**/.pytest_cache", (".pytest_cache",)),
    _Unwanted("**/.mypy_cache", (".mypy_cache",)),
    _Unwanted("**/.tox", (".tox",)),
    _Unwanted("**/target", ("target",), ("Cargo.toml", "pom.xml"), severity=_WARNING),
    _Unwanted("**/build", ("build",), _GRADLE),
    _Unwanted("**/.gradle", (".gradle",), _GRADLE),
    _Unwanted("**/bin", ("bin",), (".csproj", ".sln")),
    _Unwanted("**/obj", ("obj",), (".csproj", ".sln")),
    _Unwanted("**/dist", ("dist",), _NODE),
    _Unwanted("**/.next", (".next",), _NODE),
    _Unwanted("**/coverage", ("coverage",), _NODE),
    _Unwanted("**/.terraform", (".terraform",), severity=_WARNING),
    _Unwanted("**/.idea", (".idea",)),
    _Unwanted("**/.vscode", (".vscode",)),
    _Unwanted("**/.DS_Store", (".DS_Store",), directory=False),
)
_CODE_NAMES = frozenset(name for unwanted in _UNWANTED for name in unwanted.names)


@rule("DF5101", Dockerfile, Severity.WARNING)
def dockerignore_missing(dockerfile: Dockerfile) -> Findings:
    """A whole directory is copied and no .dockerignore leaves anything out.

    The history of the repository, dependencies of the machine that builds, logs and local
    settings with secrets then go to the builder and into the image, and every change in them
    makes the cache useless. https://docs.docker.com/build/concepts/context/#dockerignore-files

    The directory is the nearest one, upward from the Dockerfile, that holds everything the
    file copies by name. Nothing is said of one that holds nothing to leave out.

    Bad: there will be a node_modules as soon as somebody works here
        -- Dockerfile --
        FROM node:20
        COPY . .
        -- package.json --
        {"name": "web", "private": true}
    Bad: an environment file
        -- api/Dockerfile --
        FROM debian:12
        COPY . /app
        -- api/.env --
        DB_HOST=localhost
    Good:
        -- Dockerfile --
        FROM node:20
        COPY . .
        -- package.json --
        {"name": "web", "private": true}
        -- .dockerignore --
        .git
        node_modules
    Good: files by name
        -- Dockerfile --
        FROM node:20
        COPY package.json ./
        -- package.json --
        {"name": "web", "private": true}
    Good: there is nothing to leave out
        -- api/Dockerfile --
        FROM debian:12
        COPY . /app
        -- api/main.sh --
        echo hello
    """
    context = dockerfile.context
    if context is None or context.ignore_path is not None:
        return
    for source, _ in _copied_directories(dockerfile, context):
        names = list(dict.fromkeys(_name(path) for path, _ in _present(dockerfile, context)))
        if not names:
            return
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        message = f'"{source.text}" is copied whole, and no .dockerignore leaves out {listed}'
        yield at(source, message, object=_stage_of(dockerfile, source))
        return


@rule("DF5102", Dockerfile, Severity.WARNING)
def dockerignore_incomplete(dockerfile: Dockerfile, *, allow: tuple[str, ...] = ()) -> Findings:
    """A .dockerignore lets through what no image should hold.

    Something is there now, in a directory that the Dockerfile copies, that belongs to the
    machine or the repository and not to the program: history, dependencies, caches, build
    results, local settings, keys. It is an info where only space is lost.
    https://docs.docker.com/build/concepts/context/#dockerignore-files

    Patterns are not git's: `node_modules` is only the one at the root of the context, the
    others need `**/node_modules`.

    Options:
        allow: paths, relative to the context, that are copied on purpose.

    Bad: what git keeps
        -- Dockerfile --
        FROM debian:12
        COPY . /app
        -- .dockerignore --
        *.md
    Fixed:
        -- .dockerignore --
        *.md
        .git
    Bad: only the directory at the root is left out
        -- Dockerfile --
        FROM node:20
        COPY . /app
        COPY web /web
        -- .dockerignore --
        .git
        node_modules
        -- web/node_modules/left-pad/index.js --
        module.exports = 1
    Fixed:
        -- .dockerignore --
        .git
        node_modules
        **/node_modules
    Good:
        -- Dockerfile --
        FROM debian:12
        COPY . /app
        -- .dockerignore --
        .git
        .env
        -- .env --
        DB_HOST=localhost
    Good: everything but what is named
        -- Dockerfile --
        FROM debian:12
        COPY . /app
        -- .dockerignore --
        *
        !src
        -- .env --
        DB_HOST=localhost
    Good: an example is meant to be shared
        -- Dockerfile --
        FROM debian:12
        COPY . /app
        -- .dockerignore --
        .git*
        -- .env.example --
        DB_HOST=localhost
    """
    context = dockerfile.context
    ignore = context.ignore if context else None
    if context is None or ignore is None:
        return
    missing: dict[str, _Unwanted] = {}
    paths: list[str] = []
    for path, unwanted in _present(dockerfile, context, typical=False):
        probe = f"{path}/probe" if unwanted.directory else path
        # Credentials are for secret-file-in-context to report.
        is_secret = not unwanted.directory and is_secret_file(path, context)
        if path not in allow and not is_secret and not ignore.ignores(probe):
            missing[unwanted.pattern] = unwanted
            paths.append(path)
    if missing:
        # What only takes space may be wanted after all.
        safe = all(unwanted.severity is _WARNING for unwanted in missing.values())
        worst = max(unwanted.severity for unwanted in missing.values())
        listed = ", ".join(paths[:5]) + (", ..." if len(paths) > 5 else "")
        copies = [word.location for word, _ in _copied_directories(dockerfile, context)]
        yield at(
            ignore,
            f"what it lets through is copied into an image: {listed}",
            severity=worst,
            related=[place.labelled("copied here") for place in copies[:3]],
            fix=append_patterns(ignore, missing, safe=safe),
        )


def append_patterns(ignore: IgnoreFile, patterns: Iterable[str], *, safe: bool) -> Fix:
    """The fix that adds patterns at the end of an ignore file."""
    text = ignore.file.text
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = "".join(pattern + ending for pattern in patterns)
    if text and not text.endswith("\n"):
        lines = ending + lines
    return Fix("leave them out", (Edit(Span(len(text), len(text)), lines),), safe)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stage_of(dockerfile: Dockerfile, word: Word) -> str:
    place: Location = word.location
    stages = [stage for stage in dockerfile.stages if stage.location.span < place.span]
    return stages[-1].object if stages else ""


def _copied_directories(
    dockerfile: Dockerfile, context: BuildContext
) -> Iterator[tuple[Word, str]]:
    """Sources that are directories of the context, "" for all of it."""
    for copy in dockerfile.instructions:
        if isinstance(copy, Copy):
            for source in copy.context_sources:
                path = clean(source.text)
                if path in (".", "*"):
                    yield source, ""
                elif "$" not in path and not path.startswith("..") and context.is_directory(path):
                    yield source, path


def _present(
    dockerfile: Dockerfile, context: BuildContext, typical: bool = True
) -> Iterator[tuple[str, _Unwanted]]:
    """What lies in the copied directories and should not be in an image, and its kind.

    `typical` adds what is not there but will be once somebody works there.
    """
    directories = dict.fromkeys(path for _, path in _copied_directories(dockerfile, context))
    copied = _named_sources(dockerfile)
    for directory in directories:
        prefix = f"{directory}/" if directory else ""
        entries = dict(context.listdir(directory))
        if directory == "" and context.directory == "" and ".git" not in entries:
            # The history belongs to every repository, whatever this checkout looks like.
            yield ".git", _UNWANTED[0]
        if typical and "package.json" in entries and "node_modules" not in entries:
            yield prefix + "node_modules", _UNWANTED[1]
        for name, kind in entries.items():
            unwanted = _unwanted(name, kind, entries)
            if unwanted is not None and not _is_named(prefix + name, copied):
                yield prefix + name, unwanted


def _named_sources(dockerfile: Dockerfile) -> list[str]:
    return [
        clean(source.text)
        for copy in dockerfile.instructions
        if isinstance(copy, Copy)
        for source in copy.context_sources
    ]


def _is_named(path: str, sources: list[str]) -> bool:
    """Whether a COPY names the path or something below it, so that it is wanted."""
    return any(source == path or source.startswith(path + "/") for source in sources)


def _unwanted(name: str, kind: str, entries: dict[str, str]) -> _Unwanted | None:
    if name in _CODE_NAMES:
        for unwanted in _UNWANTED:
            if name in unwanted.names and unwanted.directory == (kind == "dir"):
                beside = unwanted.beside
                return unwanted if not beside or any(e.endswith(beside) for e in entries) else None
    if kind != "file":
        return None
    if name == ".env" or (name.startswith(".env.") and not name.endswith(_PUBLISHED)):
        return _Unwanted(name, (name,), directory=False)
    if name.endswith(".log"):
        return _Unwanted("**/*.log", (name,), directory=False)
    if ".tfstate" in name:
        return _Unwanted("**/*.tfstate*", (name,), directory=False, severity=_WARNING)
    if name.endswith(_KEYS) or name in ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"):
        is_public = name.startswith("ca") or "cert" in name
        severity = Severity.INFO if is_public else _WARNING
        return _Unwanted(name, (name,), directory=False, severity=severity)
    return None
