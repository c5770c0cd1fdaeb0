"""Ignore files that do not say what they seem to."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.dockerfile import Copy, Dockerfile
from iachygiene.parse.dockerignore import BuildContext, IgnoreFile, Pattern
from iachygiene.rule import rule

_REMARK = regex(r"(?<!\s)\s++#.*$")
_UNCLOSED = regex(r"(?<!\\)\[(?:[^\]\\]|\\.)*$")
_MAX_DIRECTORIES = 200
_NESTED = frozenset(
    (
        *("node_modules", "__pycache__", ".venv", "venv", ".pytest_cache", ".mypy_cache"),
        *(".DS_Store", ".terraform", ".next", ".env"),
    )
)


@rule("DF5105", Dockerfile, Severity.WARNING)
def dockerignore_mistake(dockerfile: Dockerfile) -> Findings:
    """A line of an ignore file does not do what was meant.

    The patterns look like those of git and are others. A `#` is a remark only as the first
    letter of a line; what follows a pattern is part of it. Every pattern begins at the top of
    the context: `node_modules` is that one alone, those below need `**/node_modules`. An
    exception (`!`) brings back only what a line before it has left out.
    https://docs.docker.com/build/concepts/context/#dockerignore-files

    Bad: the pattern has a remark in its name
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .dockerignore --
        coverage  # reports
    Fixed:
        -- .dockerignore --
        # reports
        coverage
    Bad: a remark that is a pattern
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .dockerignore --
        .git
          # reports
        coverage
    Fixed:
        -- .dockerignore --
        .git
        # reports
        coverage
    Bad: the build stops
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .dockerignore --
        !
    Bad: nothing is left out that could come back
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .dockerignore --
        !README.md
        *.md
    Bad: those below the top are copied
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .dockerignore --
        node_modules
        -- web/node_modules/left-pad/index.js --
        module.exports = 1
    Good:
        -- Dockerfile --
        FROM node:22
        COPY . /app
        -- .dockerignore --
        # reports
        coverage
        **/node_modules
        *.md
        !README.md
        -- web/node_modules/left-pad/index.js --
        module.exports = 1
    """
    context = dockerfile.context
    ignore = context.ignore if context else None
    if context is None or ignore is None:
        return
    for start, line in zip(ignore.file.line_starts, ignore.file.text.split("\n"), strict=True):
        text = line.strip()
        place = Location(ignore.path, Span(start, start + len(line.rstrip())))
        if text == "!":
            yield at(place, 'a lone "!" stops the build')
        elif not line.startswith("#") and _UNCLOSED.search(text):
            yield at(place, f'"{text}" has a bracket without end and stops the build')
        elif text.startswith("#") and not line.startswith("#"):
            blanks = Span(start, start + len(line) - len(line.lstrip()))
            fix = Fix("begin at the start of the line", (Edit(blanks, ""),))
            yield at(place, "a remark has to begin at the start of its line", fix=fix)
        elif not text.startswith("#") and (found := _REMARK.search(text)):
            remark = found[0].strip()
            pattern = text[: found.start()]
            ending = "\r\n" if line.endswith("\r") else "\n"
            edit = Edit(place.span, f"{remark}{ending}{pattern}")
            fix = Fix("give the remark its own line", (edit,))
            yield at(place, f'"{remark}" is part of the pattern', fix=fix)
    yield from _exceptions(ignore)
    yield from _below(ignore, context)


def _exceptions(ignore: IgnoreFile) -> Findings:
    """Exceptions before which no line leaves anything out that they could bring back."""
    excluding: list[Pattern] = []
    for pattern in ignore.patterns:
        if not pattern.exception:
            excluding.append(pattern)
        elif not any(_overlap(one, pattern) for one in excluding):
            yield at(pattern, f'no line before it leaves out what "!{pattern.text}" brings back')


def _overlap(excluding: Pattern, exception: Pattern) -> bool:
    """Whether two patterns may speak of the same file; in doubt they do."""
    if _is_literal(exception.text):
        if excluding.matches(exception.text):
            return True
        if _is_literal(excluding.text):
            return excluding.text.startswith(f"{exception.text}/")
        # Something below the exception may be left out by a pattern for any depth.
        return excluding.text.startswith("**") or excluding.text.startswith(f"{exception.text}/")
    if _is_literal(excluding.text):
        first = exception.text.split("/")[0]
        return not _is_literal(first) or first == excluding.text.split("/")[0]
    return True


def _is_literal(text: str) -> bool:
    return not any(letter in text for letter in "*?[\\")


def _below(ignore: IgnoreFile, context: BuildContext) -> Findings:
    """Names that are left out at the top alone, while there are others below."""
    directories = [name for name, kind in context.listdir() if kind == "dir"]
    for pattern in ignore.patterns:
        if pattern.exception or pattern.text not in _NESTED:
            continue
        for directory in directories[:_MAX_DIRECTORIES]:
            names = {name for name, _ in context.listdir(directory)}
            path = posixpath.join(directory, pattern.text)
            if pattern.text in names and not context.ignores(f"{path}/x"):
                message = f'"{pattern.text}" is the one at the top alone, and not "{path}"'
                yield at(pattern, message)
                break


@rule("DF5106", Dockerfile, Severity.INFO)
def dockerignore_shadowed(dockerfile: Dockerfile) -> Findings:
    """The .dockerignore of the context has no effect for this Dockerfile.

    An ignore file beside the Dockerfile that has its name (`api.Dockerfile.dockerignore`)
    takes the place of the other one; the two are not joined.
    https://docs.docker.com/build/concepts/context/#filename-and-location

    Bad:
        -- Dockerfile --
        FROM debian:12
        COPY . /app
        -- Dockerfile.dockerignore --
        .git
        -- .dockerignore --
        .git
        *.log
    Good:
        -- Dockerfile --
        FROM debian:12
        COPY . /app
        -- Dockerfile.dockerignore --
        .git
    Good: alone
        -- Dockerfile --
        FROM debian:12
        COPY . /app
        -- .dockerignore --
        .git
    """
    context = dockerfile.context
    if context is None or not any(one.context_sources for one in _copies(dockerfile)):
        return
    path = context.ignore_path
    other = context.full_path(".dockerignore")
    if path is not None and path != other and context.is_file(".dockerignore"):
        name = posixpath.basename(path)
        yield at(
            Location(path), f'"{name}" takes the place of "{other}"', related=[Location(other)]
        )


def _copies(dockerfile: Dockerfile) -> Iterator[Copy]:
    for one in dockerfile.of("COPY", "ADD"):
        if isinstance(one, Copy):
            yield one
