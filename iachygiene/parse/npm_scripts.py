"""The commands that build a package, from the `scripts` of its `package.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Location
from iachygiene.parse.json import Json

_BUILDS = regex(
    r"(?:pre|post)?(?:build|compile|bundle|dist|release|prepack|prepare|prepublish|package|rollup)"
    r"(?:Only)?(?:[:.-].*)?|build.*"
)
_NOT_FOR_RELEASE = regex(r"(?:^|[:.-])(?:dev|watch|serve|start|test|debug|docs?|storybook|e2e)")
_SEPARATORS = regex(r"&&|\|\||[;|&\n]")
_WORD = regex(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_ASSIGNMENT = regex(r"[A-Za-z_]\w*=")
_RUNNERS = frozenset(("npx", "cross-env", "cross-env-shell", "dotenv", "time", "env", "--", "exec"))
_MANAGERS = frozenset(("npm", "pnpm", "yarn", "bun", "npm-run-all", "run-s", "run-p"))


class Command(NamedTuple):
    """A program that a script starts, with its arguments and the assignments before it."""

    program: str
    arguments: tuple[str, ...]
    variables: tuple[str, ...]
    location: Location

    def option(self, *names: str) -> str | None:
        """The value of an option, "" where it has none, None where it is not given."""
        for number, argument in enumerate(self.arguments):
            name, equals, value = argument.partition("=")
            if name in names:
                if equals:
                    return value
                after = self.arguments[number + 1 : number + 2]
                return "" if not after or after[0].startswith("-") else after[0]
        return None

    def has(self, *names: str) -> bool:
        """Whether an option is given, with a value or without."""
        return self.option(*names) is not None

    @property
    def operands(self) -> list[str]:
        """The arguments that are no options."""
        return [one for one in self.arguments if not one.startswith("-")]


def commands(manifest: Json) -> list[Command]:
    """What runs for a release: the scripts that build or pack, and those that they run."""
    scripts = manifest.get("scripts")
    known = {key.value: value for key, value in scripts.members} if scripts is not None else {}
    todo = [name for name in known if _BUILDS.fullmatch(name) and not _NOT_FOR_RELEASE.search(name)]
    seen = set(todo)
    found: list[Command] = []
    while todo:
        value = known[todo.pop(0)]
        for command in _parsed(value):
            for name in _named_scripts(command, known):
                if name not in seen:
                    seen.add(name)
                    todo.append(name)
            found.append(command)
    return found


def _parsed(script: Json) -> Iterator[Command]:
    text = script.text or ""
    if len(text) > 10_000:
        return
    for part in _SEPARATORS.split(text):
        words = [next(filter(None, match.groups()), "") for match in _WORD.finditer(part)]
        variables: list[str] = []
        while words and (words[0] in _RUNNERS or _ASSIGNMENT.match(words[0])):
            variables += [words[0]] if _ASSIGNMENT.match(words[0]) else []
            words.pop(0)
        if len(words) > 2 and words[0] in _MANAGERS and words[1] in ("exec", "dlx", "x"):
            words = words[2:]
        if words:
            program = words[0].rpartition("/")[2]
            yield Command(program, tuple(words[1:]), tuple(variables), script.location)


def _named_scripts(command: Command, known: dict[str, Json]) -> Iterator[str]:
    """The scripts that a command runs, with what npm runs before and after each."""
    if command.program not in _MANAGERS:
        return
    for word in command.arguments:
        if word in known:
            yield from (name for name in (f"pre{word}", word, f"post{word}") if name in known)
        elif word.endswith(("*", ":*")):
            start = word.rstrip("*")
            yield from (
                name
                for name in known
                if name.startswith(start) and not _NOT_FOR_RELEASE.search(name)
            )
