"""Finding, reading and checking the configuration, and asking it about rules and paths."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from iachygiene import keys
from iachygiene.gitignore import Patterns
from iachygiene.mistakes import Checker, ConfigError, Problem, unknown_word
from iachygiene.model import Severity, SourceFile, Span
from iachygiene.rule import GUESTS, LANGUAGES
from iachygiene.selection import (
    ALWAYS_ON,
    Term,
    View,
    all_terms,
    terms,
)

if TYPE_CHECKING:
    from iachygiene.rule import Brief, Rule

__all__ = ["Config", "ConfigError", "load"]

OWN_FILE = ".iachygiene.toml"
SHARED_FILE = "pyproject.toml"
MAX_SIZE = 1024 * 1024
"""Bytes of a configuration file."""
_SEVERITIES = {severity.word: severity for severity in Severity}


class Config:
    """The settings of one run. Nothing in it changes once it is made.

    `file` is where it was read, relative to the root where it lies below, else as given, or
    None. `trusted` says that a person named the file, so that it may name programs.
    Paths asked about are relative to the root of the scan; patterns are relative to the
    directory of the file. `source` is its text, None where there is none at hand.
    """

    def __init__(
        self,
        values: Mapping[str, Any] = MappingProxyType({}),
        given: Mapping[str, Any] = MappingProxyType({}),
        *,
        file: str | None = None,
        prefix: str = "",
        trusted: bool = False,
        warnings: Sequence[str] = (),
        source: SourceFile | None = None,
    ) -> None:
        self.file = file
        self.source = source
        self.prefix = prefix
        self.trusted = trusted
        self.warnings = tuple(warnings)
        self._read = values
        self._given = given
        self._views: dict[tuple[int, ...], View] = {}
        self._parts: dict[str, tuple[int, ...]] = {}

    def with_command_line(self, given: Mapping[str, Any]) -> Config:
        """The same with values that a person gave, by the keys of the file.

        `select` and `ignore` replace what the file says, `extend-…` adds to it; a table is
        merged entry by entry. Raises `ConfigError` on unknown words and wrong values.
        """
        from iachygiene.report.escape import clean

        problems = []
        for name, value in given.items():
            if name not in keys.KEYS:
                continue
            kind = keys.KEYS[name].value
            if not kind.holds(value):
                shown = clean(str(value))
                problems.append(
                    Problem(f"`{shown}` is no value of `{name}`: expected {kind.expects}")
                )
            elif kind is keys.WORDS:
                unknown = [word for word in value if terms(word) is None]
                problems += [unknown_word(word) for word in unknown]
        if problems:
            raise ConfigError(problems)
        return Config(
            self._read,
            {**self._given, **given},
            file=self.file,
            prefix=self.prefix,
            trusted=self.trusted,
            warnings=self.warnings,
            source=self.source,
        )

    def dump(self) -> dict[str, Any]:
        """Everything as plain JSON values; `restore` makes it a configuration again."""
        return {
            "values": dict(self._read),
            "given": dict(self._given),
            "file": self.file,
            "prefix": self.prefix,
            "trusted": self.trusted,
        }

    @staticmethod
    def restore(dumped: Mapping[str, Any]) -> Config:
        """The configuration that `dump` was asked of, without its warnings."""
        return Config(
            dumped["values"],
            dumped["given"],
            file=dumped["file"],
            prefix=dumped["prefix"],
            trusted=dumped["trusted"],
        )

    @cached_property
    def digest(self) -> str:
        """A hash of every setting, "sha256:…"."""
        import json
        from hashlib import sha256

        whole = [self._read, self._given, self.prefix]
        text = json.dumps(whole, sort_keys=True, default=str)
        return "sha256:" + sha256(text.encode(errors="replace")).hexdigest()

    def value(self, name: str) -> Any:
        """The value of a plain key of the file, by precedence."""
        for source in (self._given, self._read):
            if name in source:
                return source[name]
        return keys.KEYS[name].default

    def table(self, name: str) -> Mapping[str, Any]:
        """A table of the file with what the command line says besides."""
        return {**self._read.get(name, {}), **self._given.get(name, {})}

    def is_given(self, name: str) -> bool:
        """Whether the command line says a value."""
        return name in self._given

    def layers(self, path: str) -> list[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
        """The tables that speak for a path, the later winning, each with where it stands.

        That is () for the file itself, ("overrides", N) for a part of it, and ("given",) for
        the command line. For the empty path no override speaks.
        """
        parts = self._parts_at(path) if path and self._overriding else ()
        found: list[tuple[tuple[str | int, ...], Mapping[str, Any]]] = [((), self._read)]
        found += [(("overrides", part), self._read["overrides"][part]) for part in parts]
        return [*found, (("given",), self._given)]

    @property
    def fail_on(self) -> Severity | None:
        """The lowest severity that fails a run, None for "never"."""
        return _SEVERITIES.get(self.value("fail-on"))

    @property
    def min_severity(self) -> Severity:
        """The lowest severity that is reported."""
        return _SEVERITIES[self.value("min-severity")]

    @property
    def unused_suppressions(self) -> Severity | None:
        """The severity of HYG002, None for "off"."""
        return _SEVERITIES.get(self.value("report-unused-suppressions"))

    @property
    def require_reason(self) -> bool:
        """Whether a suppression has to give a reason."""
        return bool(self.value("require-reason"))

    @property
    def peers(self) -> Collection[str] | None:
        """The tools whose comments are honoured, empty for all of them, None for none."""
        said = self.value("peer-suppressions")
        if isinstance(said, list):
            return said or None
        return () if said else None

    @property
    def respect_gitignore(self) -> bool:
        """Whether ignored files are left out."""
        return bool(self.value("respect-gitignore"))

    @cached_property
    def max_file_size(self) -> int:
        """In bytes."""
        return keys.size(self.value("max-file-size")) or 0

    @cached_property
    def unit_timeout(self) -> float:
        """In seconds."""
        return float(self.value("unit-timeout"))

    @property
    def output_format(self) -> str:
        """The format of standard output."""
        return str(self.table("output").get("format", "text"))

    @property
    def reports(self) -> tuple[tuple[str, str], ...]:
        """Formats and paths of further reports; those of the file are relative to the root."""
        found = []
        for report in self._read.get("output", {}).get("reports", ()):
            form, _, path = report.partition("=")
            found.append((form, path if path.startswith("@") else self._from_root(path)))
        return tuple(found)

    @property
    def baseline(self) -> str | None:
        """The baseline that a file or the command line names, relative to the root."""
        said = self._given.get("baseline") or self._from_root(self._read.get("baseline", ""))
        return said or None

    def settings(self, kind: str) -> Mapping[str, Any]:
        """The table that the rules of a kind share, with sizes in bytes; only what was said."""
        known = keys.SETTINGS.get(kind, {})
        return {
            name: keys.size(value) if known[name].value is keys.SIZE else value
            for name, value in self.table(kind).items()
        }

    def tool(self, name: str) -> Mapping[str, Any]:
        """`policy`, `timeout`, `path` and `init` of a program; a timeout is None where not set.

        A file that was found, not named, may lower a timeout but not raise it.
        """
        read = self._read.get("tools", {}).get(name, {})
        given = self._given.get("tools", {}).get(name, {})
        table = {**keys.defaults(keys.tool_keys(name)), "timeout": None, **read, **given}
        if table["timeout"] is not None and not self.trusted and "timeout" not in given:
            table["timeout"] = min(table["timeout"], keys.TOOL_KEYS["timeout"].default)
        return table

    @property
    def is_default_selection(self) -> bool:
        """Whether the rules that run are just those that are on by default, everywhere."""
        said = [self._given, self._read, *self._read.get("overrides", ())]
        if any("off" in table.get("severity", {}).values() for table in said):
            return False
        words = ("select", "extend-select", "ignore", "extend-ignore")
        usual: tuple[object, ...] = (None, [], ["DEFAULT"])
        return all(table.get(word) in usual for table in said for word in words)

    @property
    def is_narrowed(self) -> bool:
        """Whether the command line chose among the rules, so that a run may miss some."""
        return any(word in self._given for word in ("select", "ignore", "extend-ignore"))

    def excluded(self, path: str) -> bool:
        """Whether `exclude` leaves a path out."""
        return self._excluding is not None and self._excluding.match(self.prefix + path)

    def kind_of(self, path: str) -> str | None:
        """The kind that `[kinds]` gives a path, "skip" for none, None where it is silent."""
        found = None
        for patterns, kind in self._kinds:
            if patterns.match(self.prefix + path):
                found = kind
        return found

    def matches_any(self, glob: str, paths: Iterable[str]) -> bool:
        """Whether a pattern of the file is about one of some paths."""
        patterns = Patterns([glob])
        return any(patterns.match(self.prefix + path) for path in paths)

    def ignored(self, rule: Rule | Brief, path: str) -> str:
        """The pattern of `[per-file-ignores]` that mutes a rule at a path, else empty."""
        for patterns, glob, words in self._per_file:
            if any(term.names(rule) for term in words) and patterns.match(self.prefix + path):
                return glob
        return ""

    def wants_language(self, language: str) -> bool:
        """Whether any rule in a folder of rules can be on; imports no rule of another one."""
        prefixes = [code for code, folder in LANGUAGES.items() if folder == language]
        guests = [code for code, folder in GUESTS.items() if folder == language]
        return language == "toolkit" or any(
            term.rank == 0
            or term.text.rstrip("0123456789") in prefixes
            or any(code.startswith(term.text) for code in guests)
            for view in self._all_views
            for term in view.selected
        )

    def enabled(self, rule: Rule | Brief, path: str = "") -> bool:
        """Whether a rule runs on a path; for the empty path, whether it runs anywhere."""
        if rule.code in ALWAYS_ON:
            return True
        if not path:
            return any(view.enabled(rule) for view in self._all_views)
        return self.view(path).enabled(rule)

    def severity_of(self, rule: Rule, path: str, own: Severity | None = None) -> Severity:
        """The severity of a finding at a path; `own` is what the finding said of itself."""
        said = self.view(path).severity(rule)
        if said is None or said == "off":
            return rule.severity if own is None else own
        return _SEVERITIES[said]

    def options_of(self, rule: Rule, path: str) -> Mapping[str, Any]:
        """The options set for a rule at a path, by the names of its parameters."""
        return self.view(path).options(rule)

    def _from_root(self, path: str) -> str:
        if not path or not self.prefix:
            return path
        return os.path.relpath("/" + path, "/" + self.prefix)

    def view(self, path: str) -> View:
        """What holds of rules at a path."""
        parts = self._parts_at(path) if self._overriding else ()
        view = self._views.get(parts)
        if view is None:
            view = self._views[parts] = View(self._read, self._given, parts)
        return view

    def _parts_at(self, path: str) -> tuple[int, ...]:
        parts = self._parts.get(path)
        if parts is None:
            full = self.prefix + path
            found = (number for number, patterns in self._overriding if patterns.match(full))
            parts = self._parts[path] = tuple(found)
        return parts

    @cached_property
    def _all_views(self) -> list[View]:
        numbers = [number for number, _ in self._overriding]
        parts = [(), *((number,) for number in numbers), tuple(numbers)]
        return [View(self._read, self._given, part) for part in dict.fromkeys(parts)]

    @cached_property
    def _overriding(self) -> list[tuple[int, Patterns]]:
        overrides = enumerate(self._read.get("overrides", ()))
        return [(number, Patterns(override["paths"])) for number, override in overrides]

    @cached_property
    def _excluding(self) -> Patterns | None:
        patterns = [*self.value("exclude"), *self.value("extend-exclude")]
        if "exclude" in self._given and "extend-exclude" not in self._given:
            patterns = self._given["exclude"]
        elif "extend-exclude" in self._given and "exclude" not in self._given:
            patterns += self._read.get("extend-exclude", [])
        return Patterns(patterns) if patterns else None

    @cached_property
    def _kinds(self) -> list[tuple[Patterns, str]]:
        return [(Patterns([glob]), kind) for glob, kind in self._read.get("kinds", {}).items()]

    @cached_property
    def _per_file(self) -> list[tuple[Patterns, str, list[Term]]]:
        table = self._read.get("per-file-ignores", {})
        return [(Patterns([glob]), glob, all_terms(words, 0)) for glob, words in table.items()]


def load(root: str, *, file: str | None = None, isolated: bool = False) -> Config:
    """The configuration that holds for a root; raises `ConfigError` with all that is wrong.

    `file` is one that a person named: no other is looked for, and it may name programs.
    `isolated` looks for none.
    """
    if isolated:
        return Config()
    if file is not None:
        return _load_named(root, file)
    return _load_found(root)


def _load_named(root: str, file: str) -> Config:
    directory, _, name = os.path.abspath(file).rpartition(os.sep)
    source = _source(directory or os.sep, name, file)
    table = _table(source, shared=name == SHARED_FILE)
    if table is None:
        message = f"no table [tool.iachygiene] in {file}"
        raise ConfigError([Problem(message, advice=f"add it, or name a {OWN_FILE}")])
    inside = os.path.relpath(file, root).replace(os.sep, "/")
    shown = name if inside.startswith("..") else inside
    prefix = _prefix(root, directory or os.sep)
    return _checked(
        table, source, shared=name == SHARED_FILE, file=shown, prefix=prefix, trusted=True
    )


def _load_found(root: str) -> Config:
    top = os.path.realpath(root)
    for directory in _upward(top):
        names = [name for name in (OWN_FILE, SHARED_FILE) if _is_there(directory, name)]
        sources = {name: _source(directory, name, name) for name in names}
        tables = {}
        for name, source in sources.items():
            if name == OWN_FILE or "iachygiene" in source.shown_text:
                table = _table(source, shared=name == SHARED_FILE)
                if table is not None:
                    tables[name] = table
        if tables:
            name = next(iter(tables))
            shared = name == SHARED_FILE
            file = os.path.relpath(f"{directory}/{name}", top).replace(os.sep, "/")
            warnings = []
            if len(tables) > 1:
                warnings.append(
                    f"{SHARED_FILE}: [tool.iachygiene] is not read, {OWN_FILE} is beside it"
                )
            return _checked(
                tables[name],
                sources[name],
                shared=shared,
                file=file,
                prefix=_prefix(top, directory),
                trusted=False,
                warnings=warnings,
            )
    return Config()


def _upward(top: str) -> list[str]:
    """The directories from a root to that of its repository; the root alone without one."""
    found = []
    directory = top
    while True:
        found.append(directory)
        if os.path.lexists(directory + "/.git"):
            return found
        parent = os.path.dirname(directory)
        if parent == directory:
            return [top]
        directory = parent


def _prefix(root: str, directory: str) -> str:
    below = os.path.relpath(os.path.realpath(root), os.path.realpath(directory))
    inside = below != os.curdir and not below.startswith(os.pardir)
    return below.replace(os.sep, "/") + "/" if inside else ""


def _is_there(directory: str, name: str) -> bool:
    return os.path.lexists(f"{directory}/{name}")


def _source(directory: str, name: str, shown: str) -> SourceFile:
    from iachygiene.files import Tree
    from iachygiene.model import Broken

    try:
        source = SourceFile(shown, Tree(directory).raw(name, MAX_SIZE))
        source.text  # noqa: B018 - decodes, or says why it cannot
    except Broken as broken:
        message = f"cannot read the configuration {shown}: {broken.trouble.message}"
        raise ConfigError([Problem(message)]) from None
    return source


def _table(source: SourceFile, *, shared: bool) -> dict[str, Any] | None:
    import tomllib

    try:
        document = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        span = _span_of_message(source, message)
        what = message.partition(" (at ")[0]
        raise ConfigError(
            [Problem("invalid TOML", source, span, what[:1].lower() + what[1:])]
        ) from None
    except RecursionError:
        raise ConfigError([Problem(f"{source.path} is nested too deeply")]) from None
    if not shared:
        return document
    tool = document.get("tool")
    table = tool.get("iachygiene") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _span_of_message(source: SourceFile, message: str) -> Span:
    """The place that `tomllib` of Python 3.11 to 3.13 gives only in words."""
    _, found, where = message.rpartition("(at line ")
    line, _, column = where.rstrip(")").partition(", column ")
    if found and line.isdigit() and column.isdigit() and int(line) <= len(source.line_starts):
        start = source.line_starts[int(line) - 1] + int(column) - 1
        return Span(start, start + 1)
    return Span(len(source.text), len(source.text))


def _checked(
    table: dict[str, Any],
    source: SourceFile,
    *,
    shared: bool,
    file: str,
    prefix: str,
    trusted: bool,
    warnings: Sequence[str] = (),
) -> Config:
    checker = Checker(source, ("tool", "iachygiene") if shared else ())
    checker.check(table, trusted)
    if checker.problems:
        raise ConfigError(sorted(checker.problems, key=lambda problem: problem.span))
    return Config(
        table,
        file=file,
        prefix=prefix,
        trusted=trusted,
        warnings=[*warnings, *checker.warnings],
        source=source,
    )
