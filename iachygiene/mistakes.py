"""What is wrong with a configuration, all of it at once and each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene import keys
from iachygiene.model import SourceFile, Span
from iachygiene.selection import EXACT, nearest, nearest_rule, terms

if TYPE_CHECKING:
    from iachygiene.parse.toml import Path, Place
    from iachygiene.rule import Rule


class Problem(NamedTuple):
    """One mistake in a configuration. Without a `file` it is in the command line's words."""

    message: str
    file: SourceFile | None = None
    span: Span = Span(0, 0)
    advice: str = ""


class ConfigError(Exception):
    """Raised with every mistake found; its text is what is printed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(_shown(problem) for problem in self.problems)


def _shown(problem: Problem) -> str:
    from iachygiene.report.escape import clean
    from iachygiene.report.frame import pointer

    head = f"error: {clean(problem.message)}"
    if problem.file is None:
        return f"{head}\nhint: {clean(problem.advice)}" if problem.advice else head
    return "\n".join([head, *pointer(problem.file, problem.span, problem.advice)])


def unknown_word(word: str) -> Problem:
    """The problem of a word that names no rule."""
    return Problem(f"unknown rule `{word}`", advice=nearest_rule(word))


class Checker:
    """Walks one table of a file and notes everything wrong with it."""

    def __init__(self, source: SourceFile, base: Path) -> None:
        self.source = source
        self.base = base
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    @cached_property
    def places(self) -> Mapping[Path, Place]:
        from iachygiene.parse.toml import places

        return places(self.source.text)

    def say(self, path: Path, message: str, advice: str = "", *, key: bool = False) -> None:
        full = self.base + path
        while full and full not in self.places:
            full = full[:-1]
        place = self.places.get(full)
        span = Span(0, 0) if place is None else place.key if key else place.value
        self.problems.append(Problem(message, self.source, span, advice))

    def check(self, table: dict[str, Any], trusted: bool) -> None:
        if not self.version_holds(table):
            return
        known = [*keys.KEYS, *keys.TABLES]
        for name, value in table.items():
            if name in keys.KEYS:
                self.value((name,), value, keys.KEYS[name].value)
            elif name not in keys.TABLES:
                self.unknown((name,), known)
            elif name == "overrides":
                self.overrides(value)
            elif self.is_table((name,), value):
                self.named_table(name, value)
        if not trusted:
            self.disarm(table.get("tools"))

    def version_holds(self, table: Mapping[str, Any]) -> bool:
        from iachygiene import __version__

        wanted = table.get("required-version")
        if not isinstance(wanted, str) or keys.version_holds(__version__, wanted) is not False:
            return True
        message = f"this configuration wants iachygiene {wanted}"
        self.say(("required-version",), message, f"{__version__} is installed")
        return False

    def is_table(self, path: Path, value: object) -> bool:
        if not isinstance(value, dict):
            self.say(path, f"`{path[-1]}` is not a table", "expected a table")
        return isinstance(value, dict)

    def unknown(self, path: Path, known: Iterable[str]) -> None:
        name = str(path[-1])
        self.say(path, f"unknown key `{name}`", nearest(name, known), key=True)

    def value(self, path: Path, value: object, kind: keys.Value) -> None:
        if not kind.holds(value):
            advice = f"expected {kind.expects}"
            if kind.choices and isinstance(value, str):
                advice = nearest(value, kind.choices) or advice
            self.say(path, f"wrong value for `{_last_name(path)}`", advice)
        elif kind.each is not None and isinstance(value, list):
            for number, item in enumerate(value):
                self.value((*path, number), item, kind.each)
        elif kind is keys.WORD and terms(str(value)) is None:
            self.say(path, f"unknown rule `{value}`", nearest_rule(str(value)))

    def plain(self, path: Path, table: dict[str, Any], known: Mapping[str, keys.Key]) -> None:
        for name, value in table.items():
            if name in known:
                self.value((*path, name), value, known[name].value)
            else:
                self.unknown((*path, name), known)

    def named_table(self, name: str, table: dict[str, Any]) -> None:
        if name == "output":
            self.plain((name,), table, keys.OUTPUT_KEYS)
        elif name in keys.SETTINGS:
            self.plain((name,), table, keys.SETTINGS[name])
        elif name == "severity":
            self.severity((name,), table)
        elif name == "rules":
            self.rules((name,), table)
        else:
            self.entries(name, table)

    def entries(self, name: str, table: dict[str, Any]) -> None:
        for key, value in table.items():
            path = (name, key)
            if name == "tools":
                if key not in keys.TOOLS:
                    self.unknown(path, keys.TOOLS)
                elif self.is_table(path, value):
                    self.plain(path, value, keys.tool_keys(key))
                continue
            if not keys.GLOB.holds(key):
                self.say(path, "wrong pattern", f"expected {keys.GLOB.expects}", key=True)
            self.value(path, value, keys.WORDS if name == "per-file-ignores" else keys.KIND_CHOICE)

    def severity(self, path: Path, table: dict[str, Any]) -> None:
        for word, value in table.items():
            if terms(word) is None:
                self.say((*path, word), f"unknown rule `{word}`", nearest_rule(word), key=True)
            self.value((*path, word), value, keys.LEVEL_OR_OFF)

    def rules(self, path: Path, table: dict[str, Any]) -> None:
        from iachygiene.rule import get

        for word, options in table.items():
            here = (*path, word)
            found = [term.text for term in terms(word) or () if term.rank == EXACT]
            if len(found) != 1:
                self.say(here, f"unknown rule `{word}`", nearest_rule(word), key=True)
            elif self.is_table(here, options):
                self.options(here, options, get(found[0]))

    def options(self, path: Path, table: dict[str, Any], rule: Rule) -> None:
        for name, value in table.items():
            if name not in rule.options:
                advice = nearest(name, rule.options) or f"{rule.name} has " + (
                    ", ".join(f"`{option}`" for option in rule.options) or "no options"
                )
                message = f"unknown option `{name}` of {rule.code}"
                self.say((*path, name), message, advice, key=True)
                continue
            self.value((*path, name), value, option_value(rule, name))

    def overrides(self, value: object) -> None:
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.say(
                ("overrides",), "`overrides` is not a list of tables", "expected [[overrides]]"
            )
            return
        for number, table in enumerate(value):
            path = ("overrides", number)
            if "paths" not in table:
                self.say(path, "this override names no paths", 'expected `paths = ["…"]`')
            for name, inner in table.items():
                if name in keys.OVERRIDE_KEYS:
                    self.value((*path, name), inner, keys.OVERRIDE_KEYS[name].value)
                elif name not in ("severity", "rules"):
                    self.unknown((*path, name), [*keys.OVERRIDE_KEYS, "severity", "rules"])
                elif self.is_table((*path, name), inner):
                    (self.severity if name == "severity" else self.rules)((*path, name), inner)

    def disarm(self, tools: object) -> None:
        """Drop what a scanned repository must not decide."""
        for name, table in tools.items() if isinstance(tools, dict) else ():
            for key in ("path", "init") if isinstance(table, dict) else ():
                if table.pop(key, None):
                    self.warnings.append(
                        f"{self.source.path}: tools.{name}.{key} is ignored, only a file given"
                        " with --config may set it"
                    )


def _last_name(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def option_value(rule: Rule, option: str) -> keys.Value:
    """What an option of a rule has to be, from its default and its annotation."""
    default = rule.options[option]
    annotation = str(rule.check.__annotations__.get(option.replace("-", "_"), ""))
    if isinstance(default, bool):
        return keys.FLAG
    if annotation == "Pattern":
        return keys.NAME_PATTERN
    if annotation.startswith(("Literal[", "typing.Literal[")):
        words = annotation.partition("[")[2].rstrip("]").replace('"', "").replace("'", "")
        return keys.choice(*(word.strip() for word in words.split(",")))
    if isinstance(default, int) or annotation.startswith("int"):
        return keys.WHOLE
    if isinstance(default, float) or annotation.startswith("float"):
        return keys.NUMBER
    if isinstance(default, tuple | list | frozenset | set):
        return keys.TEXTS
    return keys.TEXT
