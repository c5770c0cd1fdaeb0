"""What a configuration file may hold: every key, what its value has to be, and why it is there.

The check of a file and the JSON Schema that editors read are made from the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Schema = dict[str, Any]


class Value(NamedTuple):
    """A kind of value. `expects` completes "expected …"; `each` checks the items of a list."""

    expects: str
    schema: Schema
    holds: Callable[[Any], bool]
    each: Value | None = None
    choices: tuple[str, ...] = ()


class Key(NamedTuple):
    """One key with its default and the sentence that editors show beside it."""

    value: Value
    default: Any
    help: str


def _text(value: object) -> bool:
    return isinstance(value, str)


def choice(*words: str) -> Value:
    """One of some words."""
    quoted = ", ".join(f'"{word}"' for word in words)
    return Value(
        f"one of {quoted}", {"enum": list(words)}, lambda value: value in words, None, words
    )


def _list_of(each: Value, what: str) -> Value:
    schema = {"type": "array", "items": each.schema}
    return Value(f"a list of {what}", schema, lambda value: isinstance(value, list), each)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


_UNITS = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}


def size(value: object) -> int | None:
    """Bytes of `10 MiB` or of a plain number; None where it is neither or not above zero."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value > 0 else None
    if not isinstance(value, str):
        return None
    number, _, unit = value.strip().partition(" ")
    whole, _, part = number.partition(".")
    digits = whole + (part or "0")
    if (
        unit.strip() not in _UNITS
        or not (digits.isascii() and digits.isdigit())
        or len(digits) > 15
    ):
        return None
    return int(float(number) * _UNITS[unit.strip()]) or None


def version_holds(installed: str, specifier: str) -> bool | None:
    """Whether a version meets `>=1.2,<2`; None where the specifier is not understood."""
    have = _release(installed)
    for part in specifier.split(","):
        part = part.strip()
        operator = part[:2] if part[:2] in (">=", "<=", "==", "!=", "~=") else part[:1]
        want = _release(part[len(operator) :].strip())
        if want is None or have is None or operator not in _COMPARE:
            return None
        length = max(len(have), len(want))
        a = have + (0,) * (length - len(have))
        b = want + (0,) * (length - len(want))
        if not _COMPARE[operator](a, b):
            return False
        if operator == "~=" and have[: max(len(want) - 1, 1)] != want[: max(len(want) - 1, 1)]:
            return False
    return True


_Release = tuple[int, ...]
_COMPARE: Mapping[str, Callable[[_Release, _Release], bool]] = {
    ">=": lambda a, b: a >= b,
    "~=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def _release(text: str) -> _Release | None:
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        return None
    return tuple(int(part) for part in parts)


def _inside(value: object) -> bool:
    if not isinstance(value, str) or not value or value.startswith(("/", "\\", "~")):
        return False
    return ".." not in value.replace("\\", "/").split("/") and ":" not in value[:2]


PEERS = (
    *("hadolint", "buildkit", "shellcheck", "tflint", "trivy", "checkov"),
    *("kube-linter", "kube-score", "dclint"),
)
"""The tools whose suppressions are known, by the first part of an alias."""
FORMATS = (
    *("text", "concise", "json", "github", "sarif"),
    *("markdown", "gitlab", "junit", "html"),
)
"""The report formats there are."""
KINDS = ("dockerfile", "kubernetes", "compose", "terraform", "npm")
KUBERNETES_VERSIONS = tuple(f"1.{minor}" for minor in range(25, 38))
"""The versions of Kubernetes whose schemas are bundled, oldest first."""
LEVELS = ("info", "warning", "error")


def _is_report(value: object) -> bool:
    form, _, path = value.partition("=") if isinstance(value, str) else ("", "", "")
    return form in FORMATS and path != "-" and (_inside(path) or path == "@summary")


FLAG = Value("true or false", {"type": "boolean"}, lambda value: isinstance(value, bool))
WORD = Value("the code, name or prefix of a rule", {"type": "string"}, _text)
WORDS = _list_of(WORD, "codes, names or prefixes of rules")
GLOB = Value(
    "a pattern of at most 1,000 characters",
    {"type": "string", "maxLength": 1000},
    lambda value: isinstance(value, str) and 0 < len(value) <= 1000,
)
GLOBS = _list_of(GLOB, "patterns")
LEVEL = choice(*LEVELS)
LEVEL_OR_OFF = choice(*LEVELS, "off")
SECONDS = Value(
    "a number of seconds above 0", {"type": "number", "exclusiveMinimum": 0}, _is_number
)
COUNT = Value(
    "a whole number above 0",
    {"type": "integer", "minimum": 1},
    lambda value: _is_number(value) and isinstance(value, int),
)
SIZE = Value(
    'a size such as "10 MiB"',
    {"type": ["string", "integer"], "pattern": r"^[0-9]+(\.[0-9]+)? *(B|[kMG]B|[KMG]iB)$"},
    lambda value: size(value) is not None,
)
TEXT = Value("a text", {"type": "string"}, _text)
TEXTS = _list_of(TEXT, "texts")
TEXT_TABLE = Value(
    "a table of texts",
    {"type": "object", "additionalProperties": {"type": "string"}},
    lambda value: isinstance(value, dict) and all(map(_text, value.values())),
)
NAME_FORMATS = ("snake_case", "mixed_snake_case", "none")
"""The patterns of names that have a name."""


def _is_name_pattern(value: object) -> bool:
    if not isinstance(value, str) or value in NAME_FORMATS or not value:
        return isinstance(value, str)
    from iachygiene.patterns import is_usable

    return value.startswith("^") and is_usable(value)


NAME_PATTERN = Value(
    f"{', '.join(NAME_FORMATS)}, or a regular expression of at most 1,000 characters that begins"
    ' with "^"',
    {
        "type": "string",
        "maxLength": 1000,
        "anyOf": [{"enum": ["", *NAME_FORMATS]}, {"pattern": "^\\^"}],
    },
    _is_name_pattern,
)
WHOLE = Value(
    "a whole number",
    {"type": "integer"},
    lambda value: isinstance(value, int) and not isinstance(value, bool),
)
NUMBER = Value(
    "a number",
    {"type": "number"},
    lambda value: isinstance(value, int | float) and not isinstance(value, bool),
)
SPECIFIER = Value(
    'versions such as ">=1.2,<2"',
    {"type": "string"},
    lambda value: isinstance(value, str) and version_holds("0", value) is not None,
)
REPORT = Value(
    '"format=path" with a path inside the repository, format one of ' + ", ".join(FORMATS),
    {"type": "string", "pattern": f"^({'|'.join(FORMATS)})=.+"},
    _is_report,
)
PEER_LIST = Value(
    "true, false, or a list of " + ", ".join(PEERS),
    {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"enum": list(PEERS)}}]},
    lambda value: (
        isinstance(value, bool) or (isinstance(value, list) and all(one in PEERS for one in value))
    ),
)
INSIDE = Value("a path inside the repository", {"type": "string"}, _inside)
LABEL_TYPES = ("text", "url", "semver", "hash", "rfc3339", "spdx", "email")
"""What the value of a label can have to be."""
LABELS = Value(
    "a table from labels to one of " + ", ".join(LABEL_TYPES),
    {"type": "object", "additionalProperties": {"enum": list(LABEL_TYPES)}},
    lambda value: isinstance(value, dict) and all(one in LABEL_TYPES for one in value.values()),
)
KEYS: Mapping[str, Key] = {
    "required-version": Key(SPECIFIER, "", "versions of iachygiene that may read this file"),
    "select": Key(WORDS, ["DEFAULT"], "rules to run: DEFAULT, ALL, prefixes, codes, names"),
    "extend-select": Key(WORDS, [], "rules to run besides"),
    "ignore": Key(WORDS, [], "rules not to run"),
    "extend-ignore": Key(WORDS, [], "more rules not to run"),
    "exclude": Key(GLOBS, [], "files not to look at, in gitignore syntax"),
    "extend-exclude": Key(GLOBS, [], "more files not to look at"),
    "respect-gitignore": Key(FLAG, True, "leave out what git ignores"),
    "fail-on": Key(choice(*LEVELS, "never"), "warning", "lowest severity that fails the run"),
    "min-severity": Key(LEVEL, "info", "lowest severity that is reported"),
    "baseline": Key(
        INSIDE, "", "known findings; .iachygiene-baseline.json where that file is there"
    ),
    "require-reason": Key(FLAG, False, "a suppression must give a reason"),
    "report-unused-suppressions": Key(LEVEL_OR_OFF, "warning", "severity of HYG002"),
    "peer-suppressions": Key(
        PEER_LIST, True, "honour the comments of other tools: all of them, none, or a list"
    ),
    "max-file-size": Key(SIZE, "10 MiB", "larger files are not read"),
    "unit-timeout": Key(SECONDS, 10, "seconds for all rules on one unit"),
}
"""The keys at the top that hold plain values."""

OVERRIDE_KEYS: Mapping[str, Key] = {
    "paths": Key(GLOBS, [], "the files this part is for"),
    "select": Key(WORDS, [], "instead of the file's own"),
    "extend-select": Key(WORDS, [], "rules to run besides"),
    "ignore": Key(WORDS, [], "instead of the file's own"),
    "extend-ignore": Key(WORDS, [], "more rules not to run"),
}
"""The plain keys of an `[[overrides]]`; `severity` and `rules` are tables as at the top."""

TOOL_KEYS: Mapping[str, Key] = {
    "policy": Key(choice("auto", "always", "never"), "auto", "when to start the program"),
    "timeout": Key(SECONDS, 60, "seconds for one run"),
    "path": Key(TEXT, "", "the program; only from a file given by --config"),
}
TOOLS = ("terraform", "helm", "shellcheck")
_INIT = Key(
    FLAG, False, "let validate install what modules need; only from a file given by --config"
)


def tool_keys(name: str) -> Mapping[str, Key]:
    """What can be said of a program."""
    return {**TOOL_KEYS, "init": _INIT} if name == "terraform" else TOOL_KEYS


SETTINGS: Mapping[str, Mapping[str, Key]] = {
    "kubernetes": {
        "version": Key(
            choice(*KUBERNETES_VERSIONS),
            KUBERNETES_VERSIONS[-1],
            "the version of Kubernetes that manifests are for",
        ),
        "context": Key(
            choice("directory", "tree", "all"),
            "directory",
            "which manifests are seen together",
        ),
        "kustomize": Key(
            choice("static", "render"),
            "static",
            "judge kustomizations by their files, or by what kustomize or kubectl build of them",
        ),
        "partial-objects": Key(
            choice("partial", "whole"),
            "partial",
            "take what lacks parts for a part of an object, or judge it as other tools do",
        ),
        "helm-values": Key(GLOBS, [], "more files of values for charts, relative to the chart"),
        "crd-paths": Key(GLOBS, [], "files with definitions of custom resources"),
    },
    "npm": {
        "maps": Key(
            choice("forbid", "allow-open-source", "allow"),
            "",
            "whether source maps may be published",
        ),
        "allow-maps": Key(GLOBS, [], "source maps that may be published"),
        "version": Key(choice("11", "12"), "11", "the npm whose rules decide what is packed"),
        "max-map-size": Key(SIZE, "64 MiB", "larger source maps are not read"),
        "max-map-sources": Key(COUNT, 200_000, "sources read in one map"),
    },
    "dockerfile": {
        "label-schema": Key(LABELS, {}, "labels that images have, each with what it holds"),
        "strict-labels": Key(FLAG, False, "the schema holds all labels there are"),
    },
    "compose": {},
    "terraform": {},
    "project": {
        "images": Key(
            TEXT_TABLE, {}, "names of images and the Dockerfiles that they are built from"
        ),
    },
}
"""The tables that the rules of a kind share, and those across kinds."""

OUTPUT_KEYS: Mapping[str, Key] = {
    "format": Key(choice(*FORMATS), "text", "what standard output gets"),
    "reports": Key(_list_of(REPORT, "reports"), [], "reports to write besides"),
}

TABLES = (
    "severity",
    "per-file-ignores",
    "overrides",
    "rules",
    "tools",
    "kinds",
    "output",
    *SETTINGS,
)
"""The keys at the top that hold tables."""

KIND_CHOICE = choice(*KINDS, "skip")


def defaults(keys: Mapping[str, Key]) -> dict[str, Any]:
    """The default of every key."""
    return {name: key.default for name, key in keys.items()}


def schema(option_tables: Mapping[str, Schema] | None = None) -> Schema:
    """The JSON Schema (2020-12) of `.iachygiene.toml`.

    `option_tables` maps the name of a rule to the schema of its options.
    """
    severity = {"type": "object", "additionalProperties": LEVEL_OR_OFF.schema}
    rules: Schema = {"type": "object"}
    if option_tables is not None:
        rules = {"type": "object", "properties": dict(option_tables)}
    override = _object(OVERRIDE_KEYS, {"severity": severity, "rules": rules}, required=["paths"])
    tables: dict[str, Schema] = {
        "severity": severity,
        "per-file-ignores": {"type": "object", "additionalProperties": WORDS.schema},
        "overrides": {"type": "array", "items": override},
        "rules": rules,
        "tools": _object({}, {name: _object(tool_keys(name)) for name in TOOLS}),
        "kinds": {"type": "object", "additionalProperties": KIND_CHOICE.schema},
        "output": _object(OUTPUT_KEYS),
        **{name: _object(keys) for name, keys in SETTINGS.items()},
    }
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of iachygiene",
    }
    return head | _object(KEYS, tables)


def _object(
    keys: Mapping[str, Key],
    tables: Mapping[str, Schema] | None = None,
    required: Iterable[str] = (),
) -> Schema:
    properties = {name: _described(key) for name, key in keys.items()} | dict(tables or {})
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": list(required)} if required else {})


def _described(key: Key) -> Schema:
    shown = key.default not in ("", [], {})
    return (
        key.value.schema | {"description": key.help} | ({"default": key.default} if shown else {})
    )
