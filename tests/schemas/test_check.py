"""Objects held against schemas: what is allowed, and where what is not stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import SourceFile
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import Manifest, group, load
from iachygiene.schemas.check import ANYTHING, Checker, Violation, compiled, nearest


def violations(source: dict[str, Any], text: str, *, partial: bool = False) -> list[Violation]:
    file = SourceFile("a.yaml", text.encode())
    (document,) = yaml.parse(file).documents
    checker = Checker(lambda _: ANYTHING, partial)
    schema = compiled(source, lambda _: ANYTHING)
    checker.check(document.root, schema, "root", document.root.location)
    return checker.found


def flagged(source: dict[str, Any], text: str, *, partial: bool = False) -> list[str]:
    found = violations(source, text, partial=partial)
    return [text[slice(*one.location.span)] for one in found]


def of(value: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A mapping with one field, called a."""
    return {"type": "object", "properties": {"a": value}, **more}


STRING = of({"type": "string"})
INTEGER = of({"type": "integer"})
LIST = of({"type": "array", "items": {"type": "string"}})


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (STRING, "a: text"),
        (STRING, "a: '1'"),
        (STRING, 'a: "yes"'),
        (STRING, "a: |\n  1\n"),
        (STRING, "a: 2024-01-01"),
        (STRING, "a: 1:30"),
        (STRING, "a: !!str 1"),
        (STRING, "a:"),
        (STRING, "a: null"),
        (STRING, "a: ${X}"),
        (INTEGER, "a: 1"),
        (INTEGER, "a: 0644"),
        (INTEGER, "a: 1.0"),
        (INTEGER, "a: 1e3"),
        (INTEGER, "a: -1"),
        (INTEGER, "a: ${X}"),
        (INTEGER, "a: SERVER_PORT"),
        (of({"type": "quantity"}), "a: DISK_SIZE"),
        (INTEGER, 'a: "{{ x }}"'),
        (of({"type": "number"}), "a: 1.5"),
        (of({"type": "number"}), "a: 1"),
        (of({"type": "boolean"}), "a: yes"),
        (of({"type": "quantity"}), "a: 1.5Gi"),
        (of({"type": "quantity"}), "a: 100m"),
        (of({"type": "quantity"}), "a: 2"),
        (of({"type": "quantity"}), 'a: "1e3"'),
        (of({"x-kubernetes-int-or-string": True}), "a: 80"),
        (of({"x-kubernetes-int-or-string": True}), "a: http"),
        (of({}), "a: {b: [1, x, null]}"),
        (of({"type": "object"}), "a: {b: {c: 1}}"),
        (of({"type": "object", "additionalProperties": True}), "a: {b: 1}"),
        (of({"type": "object", "additionalProperties": {"type": "string"}}), "a: {b: c, d: }"),
        (LIST, "a: [b, c]"),
        (LIST, "a: []"),
        (LIST, "a:"),
        (of({"type": "string", "enum": ["x", "z"]}), "a: z"),
        (of({"type": "string", "pattern": "^[a-z]+$"}), "a: abc"),
        (of({"type": "string", "pattern": "(?P<not valid"}), "a: abc"),
        (of({"type": "string", "maxLength": 3, "minLength": 1}), "a: abc"),
        (of({"type": "integer", "minimum": 1, "maximum": 3}), "a: 3"),
        (of({"type": "array", "minItems": 1, "items": {}}), "a: [1]"),
        (of({"type": "string"}, **{"x-kubernetes-preserve-unknown-fields": True}), "b: 1"),
    ],
)
def test_value_that_fits(schema: dict[str, Any], text: str) -> None:
    assert violations(schema, text) == []


@pytest.mark.parametrize(
    ("schema", "text", "kind", "where"),
    [
        (STRING, "a: 1", "string", "1"),
        (STRING, "a: yes", "string", "yes"),
        (STRING, "a: .5", "string", ".5"),
        (STRING, "a: {b: c}", "invalid", "{b: c}"),
        (STRING, "a: [b]", "invalid", "[b]"),
        (INTEGER, 'a: "1"', "invalid", '"1"'),
        (INTEGER, "a: Port", "invalid", "Port"),
        (INTEGER, "a: true", "invalid", "true"),
        (INTEGER, "a: 1.5", "invalid", "1.5"),
        (INTEGER, "a: .inf", "invalid", ".inf"),
        (INTEGER, "a: .nan", "invalid", ".nan"),
        (STRING, "a: -.inf", "string", "-.inf"),
        (of({"type": "integer", "format": "int32"}), "a: 2147483648", "value", "2147483648"),
        (of({"type": "boolean"}), 'a: "true"', "invalid", '"true"'),
        (of({"type": "boolean"}), "a: 1", "invalid", "1"),
        (of({"type": "quantity"}), "a: 10GB", "value", "10GB"),
        (of({"type": "quantity"}), "a: true", "invalid", "true"),
        (of({"x-kubernetes-int-or-string": True}), "a: 1.5", "invalid", "1.5"),
        (of({"type": "object"}), "a: b", "invalid", "b"),
        (LIST, "a: b", "invalid", "b"),
        (LIST, "a: {b: c}", "invalid", "{b: c}"),
        (LIST, "a:\n- b\n- 3\n", "string", "3"),
        (STRING, "a: b\nc: d", "unknown", "c"),
        (of({"type": "string", "enum": ["x", "z"]}), "a: w", "invalid", "w"),
        (of({"type": "string", "pattern": "^[a-z]+$"}), "a: AB", "invalid", "AB"),
        (of({"type": "string", "maxLength": 3}), "a: abcd", "invalid", "abcd"),
        (of({"type": "integer", "minimum": 1}), "a: 0", "invalid", "0"),
        (of({"type": "integer", "maximum": 1}), "a: 2", "invalid", "2"),
        (of({"type": "array", "maxItems": 1, "items": {}}), "a: [1, 2]", "invalid", "[1, 2]"),
    ],
)
def test_value_that_does_not_fit(schema: dict[str, Any], text: str, kind: str, where: str) -> None:
    (found,) = violations(schema, text)
    assert (found.kind, text[slice(*found.location.span)]) == (kind, where)


NEEDS = {"type": "object", "properties": {"o": of({"type": "string"}, required=["a"])}}


def test_what_is_missing_is_told_at_the_key_above() -> None:
    assert flagged(NEEDS, "o: {}") == ["o"]


def test_what_is_missing_of_an_item_is_told_at_its_name_or_its_first_key() -> None:
    item = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "b": {}, "a": {}},
        "required": ["a"],
    }
    schema = of({"type": "array", "items": item})
    assert flagged(schema, "a:\n- b: 1\n  name: web\n- b: 2\n") == ["web", "b"]


def test_null_is_as_good_as_missing_where_something_is_required() -> None:
    (found,) = violations(NEEDS, "o: {a: }")
    assert found.message == '"a" is required, and is null'


def test_null_is_enough_where_it_is_allowed() -> None:
    nullable = of({"type": "string", "nullable": True}, required=["a"])
    assert flagged({"type": "object", "properties": {"o": nullable}}, "o: {a: }") == []


def test_a_pattern_is_shown_as_it_was_written() -> None:
    (found,) = violations(of({"type": "string", "pattern": "^[a-z]+$"}), "a: AB")
    assert found.message == '"AB" does not match ^[a-z]+$'


def test_partial_objects_need_nothing() -> None:
    assert flagged(NEEDS, "o: {}", partial=True) == []


def test_what_has_a_default_is_never_missing() -> None:
    schema = {"properties": {"o": of({"type": "string", "default": "x"}, required=["a"])}}
    assert flagged(schema, "o: {}") == []


def test_merged_keys_count_and_are_checked_where_they_stand() -> None:
    text = "x: &x {a: 1}\no: {<<: *x}\n"
    schema = {"properties": {"x": {}, "o": of({"type": "string"}, required=["a"])}}
    (found,) = violations(schema, text)
    assert (found.kind, found.location.span) == ("string", (10, 11))


def test_aliased_values_are_told_where_they_are_defined() -> None:
    text = "x: &x 1\na: *x\n"
    schema = of({"type": "string"})
    schema["properties"]["x"] = {}
    (found,) = violations(schema, text)
    assert found.location.span == (6, 7)


def test_templated_keys_are_not_unknown() -> None:
    assert flagged(STRING, "${KEY}: b\n") == []


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("livenessprobe", "livenessProbe"),
        ("liveness-probe", "livenessProbe"),
        ("imagePulPolicy", "imagePullPolicy"),
        ("x", ""),
        ("entirelyDifferent", ""),
    ],
)
def test_nearest_name(name: str, near: str) -> None:
    known = {"livenessProbe": 1, "readinessProbe": 1, "imagePullPolicy": 1, "image": 1}
    assert nearest(name, known) == near


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text("abc:{}[]&*!|>%@`'\"#\\ \n-?", max_size=8)
)
TREES = st.recursive(
    SCALARS,
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(("spec", "containers", "name", "ports", "metadata", "labels", "x")),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(TREES)
@settings(max_examples=150, deadline=None)
def test_any_tree_is_judged_and_places_lie_in_the_file(tree: Any) -> None:
    import json

    text = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": tree})
    files = Tree("/nowhere", listed={"a.yaml"})
    files.overlay["a.yaml"] = text.encode()
    (job,) = group(["a.yaml"], files, {})
    for unit in load(job, files):
        if isinstance(unit, Manifest):
            for _, violation in unit.violations:
                start, end = violation.location.span
                assert 0 <= start <= end <= len(text)
                assert violation.message
