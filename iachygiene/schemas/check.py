"""Objects held against schemas: what is not the type it should be, not known, or missing.

A schema is compiled where it is first used; of the keywords of JSON Schema it knows those
that the API of Kubernetes and CustomResourceDefinitions use
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/).
Null is accepted for everything that is not required, as the API server does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from iachygiene.lazy import regex
from iachygiene.model import Location
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import is_unknown, quantity, stands_in

STRING, INTEGER, NUMBER, BOOLEAN, OBJECT, ARRAY, QUANTITY = 1, 2, 4, 8, 16, 32, 64
_TYPES = {
    "string": STRING,
    "integer": INTEGER,
    "number": NUMBER | INTEGER,
    "boolean": BOOLEAN,
    "object": OBJECT,
    "array": ARRAY,
    "quantity": QUANTITY | STRING | NUMBER | INTEGER,
}
_WORDS = (
    (STRING, "a text"),
    (NUMBER, "a number"),
    (INTEGER, "a whole number"),
    (BOOLEAN, "true or false"),
    (OBJECT, "a mapping"),
    (ARRAY, "a list"),
)
_RANGES = {"int32": 1 << 31, "int64": 1 << 63}
_LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern")
MAX_PATTERN = 1000
MAX_TEXT = 512
"""Characters of a pattern, and of a text that it is searched in."""
MAX_REPEATS = 2
"""Unbounded repetitions in a pattern: what they cost in time multiplies."""

_UNBOUNDED = regex(r"[*+]|\{[0-9]*,\}")
_REPEATED_GROUP = regex(r"\)(?:[*+]|\{[0-9]*,)")


class Violation(NamedTuple):
    """One thing in an object that its schema does not allow.

    `kind` is "string" for a value that is no text where one has to be, "unknown" for a
    field that the schema does not have, "value" for what a schema cannot say, else
    "invalid". `near` is the known field that is most like an unknown one.
    """

    kind: str
    location: Location
    message: str
    scalar: yaml.Scalar | None = None
    near: str = ""


class Schema:
    """A compiled schema. `fields` may still hold what has to be compiled on first use."""

    __slots__ = (
        "additional",
        "enum",
        "fields",
        "format",
        "items",
        "limits",
        "nullable",
        "open",
        "required",
        "types",
    )

    def __init__(self) -> None:
        self.types = 0
        self.fields: dict[str, Any] | None = None
        self.required: tuple[str, ...] = ()
        self.items: Any = None
        self.additional: Any = None
        self.open = False
        self.nullable = False
        self.enum: tuple[Any, ...] = ()
        self.format = ""
        self.limits: dict[str, Any] | None = None


ANYTHING = Schema()
Resolve: TypeAlias = Callable[[int], Schema]


def plain(node: Any) -> Any:
    """A part of a schema as a plain value where it is a scalar or a list of such."""
    if type(node) is yaml.Scalar:
        return node.value
    if type(node) is yaml.Sequence:
        return [plain(child) for child in node]
    return node


def table_of(source: Any) -> Mapping[str, Any]:
    """The keywords of a schema, or the fields of a keyword; none for what is no mapping."""
    if type(source) is yaml.Mapping:
        return {text: plain(entry.value) for text, entry in source.entries.items()}
    return source if type(source) is dict else {}


def compiled(source: Any, resolve: Resolve) -> Schema:
    """The schema of a source; what is below it is compiled when it is asked for."""
    if type(source) is Schema:
        return source
    keywords = table_of(source)
    reference = keywords.get("$ref")
    if type(reference) is int:
        return resolve(reference)
    schema = Schema()
    schema.types = _TYPES.get(str(keywords.get("type", "")), 0)
    if keywords.get("x-kubernetes-int-or-string"):
        schema.types = STRING | INTEGER
    schema.format = str(keywords.get("format", ""))
    schema.nullable = keywords.get("nullable") is True
    enum = keywords.get("enum")
    schema.enum = tuple(enum) if isinstance(enum, list) else ()
    schema.items = keywords.get("items")
    _compile_fields(schema, keywords)
    limits = {name: keywords[name] for name in _LIMITS if keywords.get(name) is not None}
    schema.limits = limits or None
    return schema


def _compile_fields(schema: Schema, keywords: Mapping[str, Any]) -> None:
    if "properties" in keywords:
        schema.fields = dict(table_of(keywords["properties"]))
    additional = keywords.get("additionalProperties")
    if additional is not None and not isinstance(additional, bool):
        schema.additional = additional
    schema.open = additional is True or bool(keywords.get("x-kubernetes-preserve-unknown-fields"))
    if keywords.get("x-kubernetes-embedded-resource"):
        schema.open = True
    required = keywords.get("required")
    if isinstance(required, list):
        # The API server fills in a default before it looks for what is missing.
        fields = schema.fields or {}
        schema.required = tuple(
            str(name) for name in required if "default" not in table_of(fields.get(str(name)))
        )


class Checker:
    """One object being checked. `partial` ones need not have what is required."""

    __slots__ = ("found", "partial", "resolve")

    def __init__(self, resolve: Resolve, partial: bool) -> None:
        self.resolve = resolve
        self.partial = partial
        self.found: list[Violation] = []

    def check(self, node: yaml.Node, schema: Schema, name: str, above: Location) -> None:
        """Check a node, which the field `name` holds; `above` is where that is written."""
        if type(node) is yaml.Scalar:
            self._scalar(node, schema, name)
        elif type(node) is yaml.Mapping:
            if schema.types & OBJECT or not schema.types:
                self._mapping(node, schema, above)
            else:
                self._wrong(node, schema, name, "a mapping")
        elif type(node) is yaml.Sequence:
            if schema.types & ARRAY:
                self._sequence(node, schema, name)
            elif schema.types:
                self._wrong(node, schema, name, "a list")

    def _sequence(self, node: yaml.Sequence, schema: Schema, name: str) -> None:
        if schema.limits is not None:
            self._length(node, schema.limits, name, len(node), "Items", "items")
        items = schema.items
        if items is None:
            return
        if type(items) is not Schema:
            items = schema.items = compiled(items, self.resolve)
        for item in node.children:
            above = node.location if type(item) is not yaml.Mapping else _first(item)
            self.check(item, items, name, above)

    def _mapping(self, node: yaml.Mapping, schema: Schema, above: Location) -> None:
        children = node.children
        fields = schema.fields
        merges = False
        for index in range(0, len(children), 2):
            key, value = children[index], children[index + 1]
            if type(key) is not yaml.Scalar:
                continue
            text = key.text
            one = fields.get(text) if fields is not None else None
            if one is None:
                if text == "<<" and not key.style:
                    merges = True
                    for source in yaml.merge_sources(value) or ():
                        self._merged(source, schema)
                    continue
                one = schema.additional
                if one is None:
                    if fields is not None and not schema.open and text != "$patch":
                        self._unknown(key, schema)
                    continue
                if type(one) is not Schema:
                    one = schema.additional = compiled(one, self.resolve)
            elif type(one) is not Schema:
                assert fields is not None
                one = fields[text] = compiled(one, self.resolve)
            if type(value) is yaml.Scalar:
                if one.types != STRING or not value.style or one.limits or one.enum:
                    self._scalar(value, one, text)
            elif one.types or one.fields is not None:
                self.check(value, one, text, key.location)
        if schema.required and not self.partial:
            self._required(node, schema, above, merges)

    def _merged(self, source: yaml.Mapping, schema: Schema) -> None:
        partial, self.partial = self.partial, True
        self._mapping(source, schema, source.location)
        self.partial = partial

    def _required(self, node: yaml.Mapping, schema: Schema, above: Location, merges: bool) -> None:
        if merges:
            there = {text: entry.value for text, entry in node.entries.items()}
        else:
            there = {key.text: value for key, value in node.pairs() if type(key) is yaml.Scalar}
        for name in schema.required:
            value = there.get(name)
            if value is None:
                if not any("{{" in key or is_unknown(key) for key in there):
                    self._add("invalid", above, f'"{name}" is missing')
            elif type(value) is yaml.Scalar and value.is_null and not _takes_null(schema, name):
                self._add("invalid", above, f'"{name}" is required, and is null')

    def _scalar(self, node: yaml.Scalar, schema: Schema, name: str) -> None:
        types = schema.types
        value = node.value
        if value is None or (not types and not schema.enum):
            return
        kind = type(value)
        if kind is str:
            if not types & STRING and types:
                if not _is_filled_in(node.text) and not node.text.startswith("ENC["):
                    self._wrong(node, schema, name, "a text")
                return
        elif kind is bool:
            if not types & BOOLEAN and types:
                self._wrong(node, schema, name, "a boolean")
                return
        elif kind is int or (type(value) is float and value.is_integer()):
            if not types & INTEGER and types:
                self._wrong(node, schema, name, "a number")
                return
        elif not types & NUMBER and types:
            self._wrong(node, schema, name, "a number")
            return
        self._value(node, value, schema, name)

    def _value(self, node: yaml.Scalar, value: Any, schema: Schema, name: str) -> None:
        if schema.types & QUANTITY:
            if type(value) is str and quantity(value) is None and not _is_filled_in(value):
                self._add("value", node.location, f'"{_cut(value)}" is no quantity')
            return
        if type(value) is int:
            bound = _RANGES.get(schema.format)
            if bound is not None and not -bound <= value < bound:
                size = schema.format.removeprefix("int")
                self._add("value", node.location, f"{value} is more than {size} bits hold")
        if schema.enum and value not in schema.enum and not is_unknown(node.text):
            known = ", ".join(f'"{one}"' for one in schema.enum[:12])
            self._add(
                "invalid", node.location, f'"{_cut(node.text)}" is none of the values {known}'
            )
        if schema.limits is not None and not is_unknown(node.text):
            self._limits(node, value, schema.limits, name)

    def _limits(self, node: yaml.Scalar, value: Any, limits: dict[str, Any], name: str) -> None:
        if type(value) is str:
            self._length(node, limits, name, len(value), "Length", "characters")
            written = limits.get("pattern")
            if isinstance(written, str):
                written = limits["pattern"] = (written, _pattern(written))
            text, pattern = written or ("", None)
            if pattern is not None and len(value) <= MAX_TEXT and not pattern.search(value):
                message = f'"{_cut(value)}" does not match {_cut(text)}'
                self._add("invalid", node.location, message)
        elif type(value) in (int, float):
            low, high = limits.get("minimum"), limits.get("maximum")
            if type(low) in (int, float) and value < low:
                self._add("invalid", node.location, f"{value} is less than {low}")
            if type(high) in (int, float) and value > high:
                self._add("invalid", node.location, f"{value} is more than {high}")

    def _length(
        self, node: yaml.Node, limits: dict[str, Any], name: str, size: int, what: str, unit: str
    ) -> None:
        low, high = limits.get(f"min{what}"), limits.get(f"max{what}")
        if type(low) is int and size < low:
            self._add(
                "invalid", node.location, f'"{name}" has {size} {unit}, at least {low} needed'
            )
        if type(high) is int and size > high:
            self._add(
                "invalid", node.location, f'"{name}" has {size} {unit}, at most {high} allowed'
            )

    def _wrong(self, node: yaml.Node, schema: Schema, name: str, what: str) -> None:
        wanted = [
            word
            for bit, word in _WORDS
            if schema.types & bit and not (bit == INTEGER and schema.types & NUMBER)
        ]
        if type(node) is yaml.Scalar and schema.types == STRING:
            message = f'the value of "{name}" is {what} and has to be a text'
            self.found.append(Violation("string", node.location, message, node))
            return
        message = f'the value of "{name}" is {what} and has to be {" or ".join(wanted)}'
        scalar = node if type(node) is yaml.Scalar else None
        self.found.append(Violation("invalid", node.location, message, scalar))

    def _unknown(self, key: yaml.Scalar, schema: Schema) -> None:
        if is_unknown(key.text) or schema.fields is None:
            return
        if key.text == "sops" and "apiVersion" in schema.fields:
            return  # what SOPS adds to what it encrypts, and takes away again
        near = nearest(key.text, schema.fields)
        message = f'there is no field "{_cut(key.text)}" here'
        self.found.append(Violation("unknown", key.location, message, key, near))

    def _add(self, kind: str, location: Location, message: str) -> None:
        self.found.append(Violation(kind, location, message))


def _is_filled_in(text: str) -> bool:
    """Whether something stands for a number that a tool or a person is to put there."""
    return is_unknown(text) or stands_in(text)


def _takes_null(schema: Schema, name: str) -> bool:
    field = schema.fields.get(name) if schema.fields else None
    return type(field) is Schema and field.nullable


def _first(node: yaml.Mapping) -> Location:
    """The name of an item of a list, or the first thing written in it."""
    name = node.scalar("name")
    if name is not None:
        return name.location
    return node.children[0].location if node.children else node.location


def _pattern(text: str) -> re.Pattern[str] | None:
    """The pattern, None where it is none that can be used here.

    It comes from the scanned files and is written for a machine that does not backtrack.
    """
    if len(text) > MAX_PATTERN or len(_UNBOUNDED.findall(text)) > MAX_REPEATS:
        return None
    if _REPEATED_GROUP.search(text):
        return None
    try:
        # A dollar is the very end in Go, and in Python also before a last line end.
        return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", text), re.ASCII)
    except (re.error, OverflowError, RecursionError):
        return None


def _cut(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= 60 else text[:59] + "…"


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """The known name that is most like one, "" where none is."""
    folded = name.lower().replace("-", "").replace("_", "")
    for one in known:
        if one.lower() == folded:
            return one
    from difflib import get_close_matches

    close = get_close_matches(name[:60], known, 1, 0.75)
    return close[0] if close else ""
