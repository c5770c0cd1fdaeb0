"""Fixes of expressions keep their meaning, whatever the expressions are made of."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene import hcl
from iachygiene.files import Tree
from iachygiene.fix import fixed
from iachygiene.model import Finding, Job, SourceFile
from iachygiene.parse.terraform import TerraformModule, load
from iachygiene.rule import get


def findings(code: str, text: str, **options: object) -> list[Finding]:
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "main.tf").write_bytes(text.encode())
        tree = Tree(root, listed=frozenset(["main.tf"]))
        units = list(load(Job("terraform", "", ("main.tf",), {}), tree))
        (module,) = (unit for unit in units if isinstance(unit, TerraformModule))
        return list(get(code).check(module, **options))


def repaired(code: str, text: str) -> str:
    for _ in range(20):
        fixes = [one.fix for one in findings(code, text) if one.fix]
        if not fixes:
            return text
        text = fixed(SourceFile("main.tf", text.encode()), fixes).decode()
    raise AssertionError("the fixes do not come to an end")


def meaning(node: hcl.Node) -> Any:
    """A tree without parentheses, wrapped texts and the age of its steps."""
    while isinstance(node, hcl.Parens) or (isinstance(node, hcl.Template) and node.wrapped):
        inner = node.inner if isinstance(node, hcl.Parens) else node.wrapped
        assert inner is not None
        node = inner
    if isinstance(node, hcl.Access | hcl.Reference):
        below = (meaning(node.source) if isinstance(node, hcl.Access) else node.name, ())
        source, steps = below[0], tuple(meaning(step) for step in node.steps)
        if isinstance(source, tuple) and source[0] == "steps" and "Splat" not in str(source):
            return ("steps", source[1], source[2] + steps)
        return ("steps", source, steps)
    if isinstance(node, hcl.ObjectItem):
        bare = isinstance(node.key, hcl.Reference) and not node.key.steps
        return ("item", bare, meaning(node.key), meaning(node.value))
    own = [getattr(node, name, None) for name in ("name", "op", "value", "text")]
    plain = [value for value in own if not isinstance(value, hcl.Node)]
    return (type(node).__name__, *plain, *(meaning(child) for child in node.children()))


AROUND_ONE = [
    *('"${%s}"', '"${~ %s }"', "(%s)", "-%s", "!%s", "f(%s)", "[%s]", '"a${%s}"'),
    *("(%s)[0]", '"${%s}"[0]', '"${%s}".c', "{ k = %s }", '{ "${%s}" = 1 }'),
    *('"${f(\n%s)}"', '"${%s /* c */}"', "lookup(%s, 1)", "lookup(\n%s,\n2)"),
]
AROUND_TWO = [
    *("%s + %s", "%s == %s", "%s && %s", "%s ? %s : 0", "lookup(%s, %s)"),
    *('"${%s\n- %s}"', "[for v in %s : %s]", "(%s)[%s]", '"${%s}" * %s'),
]


def expressions() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(["a", "var.b", "1", '"t"', "x.*.y", "x[*].y", "z.0", "true", "[]"])

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        one = st.builds(lambda form, x: form % x, st.sampled_from(AROUND_ONE), inner)
        two = st.builds(lambda form, *x: form % x, st.sampled_from(AROUND_TWO), inner, inner)
        return one | two

    return st.recursive(atoms, grown, max_leaves=6)


def parsed(text: str) -> hcl.Body | None:
    try:
        return hcl.parse(text)
    except hcl.HclError:
        return None


@given(expressions())
def test_unwrapped_interpolation_means_the_same(expression: str) -> None:
    text = f"locals {{\n  a = [{expression}]\n  b = {expression}\n}}\n"
    before = parsed(text)
    if before is not None:
        assert meaning(hcl.parse(repaired("TF302", text))) == meaning(before)


@pytest.mark.parametrize("code", ["TF301", "TF303", "TF304"])
@given(expression=expressions())
def test_fixed_file_parses(code: str, expression: str) -> None:
    text = f"locals {{\n  a = [{expression}]\n  b = {expression}\n}}\n"
    if parsed(text) is not None:
        assert parsed(repaired(code, text)) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a.*.b.0.c", "a[*].b[0].c"),
        ("a.*.b[0]", "a.*.b[0]"),
        ("a.*.b.0[1]", "a.*.b.0[1]"),
        ("a.*[0].1", "a.*[0][1]"),
        ("a[*].b.0", "a[*].b[0]"),
        ("a.0.b[1]", "a[0].b[1]"),
        ("f(x).0", "f(x)[0]"),
    ],
)
def test_steps_are_rewritten_only_where_they_mean_the_same(before: str, after: str) -> None:
    text = "locals {\n  a = %s\n}\n"
    assert repaired("TF301", text % before) == text % after


def test_numbers_that_are_equal_are_one_key() -> None:
    text = "locals {\n  a = { 1 = 1, 1.0 = 2, true = 3, (true) = 4, null_ = 5 }\n}\n"
    assert [one.message for one in findings("TF305", text)] == [
        'key "1" is given twice',
        'key "true" is given twice',
    ]


def in_json(root: Path, value: str) -> tuple[str, list[Finding]]:
    text = f'{{"output": {{"a": {{"value": "{value}"}}}}}}\n'
    (root / "main.tf.json").write_text(text)
    tree = Tree(str(root), listed=frozenset(["main.tf.json"]))
    units = load(Job("terraform", "", ("main.tf.json",), {}), tree)
    (module,) = (unit for unit in units if isinstance(unit, TerraformModule))
    return text, list(get("TF301").check(module))


@pytest.mark.parametrize(
    ("value", "places", "fixable"),
    [
        ("${a.b.0}", [".0"], [True]),
        ("x ${a.b.0.c.12} y", [".0", ".12"], [True, True]),
        ("%{if a.0}b%{endif}", [".0"], [True]),
        (r"${a[\"b\"].0}", [r'"${a[\"b\"].0}"'], [False]),
        ("é ${a.0}", [".0"], [True]),
        ("${a.*.0}", [".0"], [False]),
        ("a.0", [], []),
        ("$${a.0}", [], []),
        ("${a.*.b}", [], []),
        ("${a[0]} ${1.5}", [], []),
        ("${a.0", [], []),
        ("EOT ${a.0}", [".0"], [True]),
    ],
)
def test_legacy_indexes_are_found_in_json(
    value: str, places: list[str], fixable: list[bool], tmp_path: Path
) -> None:
    text, findings = in_json(tmp_path, value)
    assert [text[slice(*one.location.span)] for one in findings] == places
    assert [one.fix is not None for one in findings] == fixable
