"""Build contexts: the directory a build sends, and what its ignore file leaves out.

The patterns are not git's: https://docs.docker.com/build/concepts/context/#dockerignore-files.
Every pattern is anchored at the root of the context, and the last match decides.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Broken, Location, SourceFile, Span

if TYPE_CHECKING:
    from iachygiene.files import Tree
    from iachygiene.parse.dockerfile import Dockerfile

_MAX_PATTERNS = 10_000
_MAX_DIRECTORIES = 300
_MAX_FILES = 5_000
_CLASS = regex(r"\[\^?(?:\\.|[^\]\\])+\]")


class Pattern(NamedTuple):
    """One line of an ignore file; `text` is the cleaned pattern, without `!`."""

    text: str
    exception: bool
    location: Location
    steps: tuple[_Step, ...]

    def matches(self, path: str) -> bool:
        """Whether the pattern matches the path or a directory above it."""
        return _matches(self.steps, path)


class IgnoreFile(NamedTuple):
    """An ignore file and its patterns, in their order."""

    path: str
    file: SourceFile
    patterns: tuple[Pattern, ...]

    @property
    def location(self) -> Location:
        """The first line."""
        return Location(self.path, Span(0, len(self.file.line(1))))

    def ignores(self, path: str) -> bool:
        """Whether a path, relative to the context, is left out."""
        verdict = False
        for pattern in self.patterns:
            if pattern.exception == verdict and pattern.matches(path):
                verdict = not pattern.exception
        return verdict


class BuildContext:
    """A directory that a build sends. Paths given to it are relative to that directory."""

    __slots__ = ("_directories", "_ignore", "_tree", "directory", "dockerfile")

    def __init__(self, directory: str, dockerfile: str, tree: Tree) -> None:
        self.directory = directory
        self.dockerfile = dockerfile
        self._tree = tree
        self._ignore: list[IgnoreFile | None] = []
        self._directories: dict[str, bool] = {}

    def full_path(self, path: str) -> str:
        """The path relative to the root of the scan."""
        joined = posixpath.normpath(posixpath.join(self.directory, path))
        return "" if joined == "." else joined

    def is_file(self, path: str) -> bool:
        """Whether a file is there."""
        return self._tree.exists(self.full_path(path))

    def is_directory(self, path: str) -> bool:
        """Whether a directory is there."""
        known = self._directories.get(path)
        if known is None:
            known = self._directories[path] = self._tree.is_directory(self.full_path(path))
        return known

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return self.is_file(path) or self.is_directory(path)

    def listdir(self, path: str = "") -> list[tuple[str, str]]:
        """Names and types of what a directory of the context holds."""
        return self._tree.listdir(self.full_path(path))

    def files(self, path: str = ".") -> list[str]:
        """The files below a directory, those that are left out included.

        Links are not followed, and a tree is given up after some hundred directories.
        """
        found: list[str] = []
        waiting = ["" if path == "." else path]
        for count in range(_MAX_DIRECTORIES):
            if count >= len(waiting):
                break
            for name, kind in self.listdir(waiting[count]):
                below = f"{waiting[count]}/{name}" if waiting[count] else name
                if kind == "dir":
                    if name not in (".git", "node_modules"):
                        waiting.append(below)
                elif kind == "file" and len(found) < _MAX_FILES:
                    found.append(below)
        return found

    def file(self, path: str) -> SourceFile | None:
        """A text file of the context; None where there is none that can be read."""
        return self._tree_file(self.full_path(path)) if self.is_file(path) else None

    @property
    def ignore(self) -> IgnoreFile | None:
        """The one ignore file that is in effect; None also where it cannot be read."""
        if not self._ignore:
            path = self.ignore_path
            file = self._tree_file(path) if path else None
            self._ignore.append(read_ignore_file(file) if file else None)
        return self._ignore[0]

    @property
    def ignore_path(self) -> str | None:
        """Where the ignore file in effect lies, relative to the root of the scan."""
        candidates = [self.dockerfile + ".dockerignore"]
        if "containerfile" in posixpath.basename(self.dockerfile).lower():
            candidates.append(self.full_path(".containerignore"))
        candidates.append(self.full_path(".dockerignore"))
        return next((path for path in candidates if self._tree.exists(path)), None)

    def _tree_file(self, path: str) -> SourceFile | None:
        try:
            return self._tree.read(path)
        except Broken:
            return None

    def ignores(self, path: str) -> bool:
        """Whether the ignore file leaves a path out."""
        return self.ignore is not None and self.ignore.ignores(path)


def find_context(dockerfile: Dockerfile, tree: Tree) -> BuildContext | None:
    """The context that a Compose file names, else the nearest directory that has all sources.

    That is looked for upward from the Dockerfile's own directory, by the literal sources; None
    where no directory has them.
    """
    from iachygiene.parse.dockerfile import Copy

    sources = [
        clean(word.text)
        for instruction in dockerfile.instructions
        if isinstance(instruction, Copy)
        for word in instruction.context_sources
        if not re.search(r"[*?\[$\\]", word.text)
    ]
    named = [BuildContext(build.context, dockerfile.path, tree) for build in dockerfile.builds]
    for context in named:
        if _has_all(context, sources):
            return context
    if named:
        return named[0]
    directory = posixpath.dirname(dockerfile.path)
    while True:
        context = BuildContext(directory, dockerfile.path, tree)
        if _has_all(context, sources):
            return context
        if not directory:
            return None
        directory = posixpath.dirname(directory)


def _has_all(context: BuildContext, sources: list[str]) -> bool:
    return all(source.startswith("..") or context.exists(source) for source in sources)


def clean(path: str) -> str:
    """A source as a path relative to the context, "." for the context itself."""
    return posixpath.normpath(path.lstrip("/") or ".")


def read_ignore_file(file: SourceFile) -> IgnoreFile:
    """Read the patterns of an ignore file; a lone `!` is left out."""
    patterns: list[Pattern] = []
    for start, line in zip(file.line_starts, file.text.split("\n"), strict=True):
        if line.startswith("#") or len(patterns) >= _MAX_PATTERNS:
            continue
        text = line.strip()
        exception = text.startswith("!")
        text = text[1:].strip() if exception else text
        if not text:
            continue
        text = clean(text)
        begin = start + len(line) - len(line.lstrip())
        place = Location(file.path, Span(begin, begin + len(line.strip())))
        patterns.append(Pattern(text, exception, place, _steps(text)))
    return IgnoreFile(file.path, file, tuple(patterns))


class _Step(NamedTuple):
    """A part of a pattern. `kind` is "text", "?", "*", "[", "**/" or "**"."""

    kind: str
    text: str


def _steps(pattern: str) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    here = 0
    while here < len(pattern):
        letter = pattern[here]
        if pattern.startswith("**", here):
            here += 3 if pattern.startswith("**/", here) else 2
            steps.append(_Step("**" if here >= len(pattern) else "**/", ""))
            continue
        if letter in "*?":
            steps.append(_Step(letter, ""))
        elif letter == "[" and (found := _CLASS.match(pattern, here)):
            steps.append(_Step("[", found[0]))
            here = found.end()
            continue
        else:
            here += 1 if letter == "\\" and here + 1 < len(pattern) else 0
            steps.append(_Step("text", pattern[here]))
        here += 1
    return tuple(steps)


def _matches(steps: tuple[_Step, ...], path: str) -> bool:
    """Follow all ways through the pattern at once, so that time is bounded by the product.

    A place in the pattern is the number of steps behind it, or the complement of that inside
    of directories that `**/` has begun to match. Reaching the end of the pattern where a
    component of the path ends is a match.
    """
    last = len(steps)
    places = _closure(steps, {0})
    for here, letter in enumerate(path + "/"):
        if letter == "/" and last in places:
            return True
        if not places or here == len(path):
            return False
        places = _closure(steps, _advance(steps, places, letter))
    return False


def _advance(steps: tuple[_Step, ...], places: set[int], letter: str) -> set[int]:
    following: set[int] = set()
    for place in places:
        if place == len(steps):
            continue
        inside = ~place if place < 0 else place
        kind, text = steps[inside]
        if kind == "**":
            following.add(place)
        elif kind == "**/":
            following.add(~inside)
            if letter == "/":
                following.add(inside + 1)
        elif kind == "*":
            if letter != "/":
                following.add(place)
        elif _takes(kind, text, letter):
            following.add(place + 1)
    return following


def _takes(kind: str, text: str, letter: str) -> bool:
    if kind == "text":
        return letter == text
    if letter == "/":
        return False
    return kind == "?" or _in_class(text, letter)


def _in_class(text: str, letter: str) -> bool:
    inside = text[1:-1]
    inverted = inside.startswith("^")
    found = False
    letters = [
        (piece[-1], len(piece) == 1) for piece in re.findall(r"\\.|.", inside[inverted:], re.DOTALL)
    ]
    here = 0
    while here < len(letters):
        low = high = letters[here][0]
        if here + 2 < len(letters) and letters[here + 1] == ("-", True):
            high = letters[here + 2][0]
            here += 2
        found = found or low <= letter <= high
        here += 1
    return found != inverted


def _closure(steps: tuple[_Step, ...], places: set[int]) -> set[int]:
    """The places and those that steps which may match nothing lead to."""
    waiting = list(places)
    while waiting:
        place = waiting.pop()
        if 0 <= place < len(steps) and steps[place].kind in ("*", "**", "**/"):
            following = place + 1
            if following not in places:
                places.add(following)
                waiting.append(following)
    return places
