"""The tree: what it holds, and where."""

from __future__ import annotations

import hcl2
import pytest

from iachygiene import hcl
from iachygiene.hcl import UNKNOWN, Expression, literal, parse, walk
from tests.hcl.recorded import LAYOUTS
from tests.hcl.test_syntax import decoded


def value(text: str) -> Expression:
    return parse(f"a = {text}\n").attributes["a"].expr


def test_a_block_has_its_header_and_its_body() -> None:
    text = 'resource "aws_s3_bucket" logs { # c\n  acl = "x"\n  a {}\n}\n'
    body = parse(text)
    (block,) = body.blocks
    assert (block.type, block.labels) == ("resource", ["aws_s3_bucket", "logs"])
    assert text[block.start : block.header_end] == 'resource "aws_s3_bucket" logs'
    assert [text[label.start : label.end] for label in block.label_nodes] == [
        '"aws_s3_bucket"',
        "logs",
    ]
    assert text[block.body.start : block.body.end].startswith(" # c")
    acl = block.body.attributes["acl"]
    assert text[acl.start : acl.end] == 'acl = "x"'
    assert text[acl.name_start : acl.name_end] == "acl"
    assert [inner.type for inner in block.body.blocks] == ["a"]
    assert text[block.end - 1] == "}"


def test_labels_are_decoded() -> None:
    assert parse('b "\\u00e9\\n$${x" {}\n').blocks[0].labels == ["é\n${x"]


def test_the_steps_of_a_reference_keep_their_form_and_place() -> None:
    text = 'a = var.x.0["k"][*].y.*.z\n'
    node = parse(text).attributes["a"].expr
    assert isinstance(node, hcl.Reference)
    assert (node.name, node.path) == ("var", ("var", "x"))
    shown = [
        (type(step).__name__, getattr(step, "legacy", None), text[step.start : step.end])
        for step in node.steps
    ]
    assert shown == [
        ("Attr", None, ".x"),
        ("Index", True, ".0"),
        ("Index", False, '["k"]'),
        ("Splat", False, "[*]"),
        ("Attr", None, ".y"),
        ("Splat", True, ".*"),
        ("Attr", None, ".z"),
    ]


def test_steps_behind_a_call_have_it_as_their_source() -> None:
    node = value("provider::x::f(1, y...)[0].z")
    assert isinstance(node, hcl.Access)
    assert isinstance(node.source, hcl.Call)
    assert (node.source.name, len(node.source.args), node.source.expand) == (
        "provider::x::f",
        2,
        True,
    )


def test_a_newline_may_stand_inside_an_index() -> None:
    node = value("x[\n0\n]")
    assert isinstance(node, hcl.Reference)
    assert isinstance(node.steps[0], hcl.Index)


def test_a_for_expression_has_its_variables_and_parts() -> None:
    node = value('{\nfor k, v in m : k => v... if k != "x"}')
    assert isinstance(node, hcl.For)
    assert [variable.name for variable in node.variables] == ["k", "v"]
    assert node.grouped
    assert isinstance(node.key, hcl.Reference)
    assert isinstance(node.condition, hcl.Binary)


def test_keywords_are_names_where_nothing_else_fits() -> None:
    node = value("[for in in in : in if in]")
    assert isinstance(node, hcl.For)
    assert [variable.name for variable in node.variables] == ["in"]


def test_operators_bind_as_in_arithmetic_and_group_from_the_left() -> None:
    def shown(node: Expression) -> str:
        if isinstance(node, hcl.Binary):
            return f"({shown(node.left)}{node.op}{shown(node.right)})"
        if isinstance(node, hcl.Unary):
            return f"{node.op}{shown(node.operand)}"
        if isinstance(node, hcl.Conditional):
            return f"[{shown(node.condition)}?{shown(node.yes)}:{shown(node.no)}]"
        assert isinstance(node, hcl.Reference)
        return node.name

    assert shown(value("a - b - c * -d")) == "((a-b)-(c*-d))"
    assert shown(value("a || b && c == d + e")) == "(a||(b&&(c==(d+e))))"
    assert shown(value("!a ? b : c ? d : e")) == "[!a?b:[c?d:e]]"


def test_an_object_keeps_its_items_with_their_keys() -> None:
    node = value('{ a = 1, "b" : 2, (c) = 3, 5 = 4, "${d}" = 5\n e.f = 6 }')
    assert isinstance(node, hcl.Object)
    assert [(item.name, item.colon) for item in node.items] == [
        ("a", False),
        ("b", True),
        (None, False),
        ("5", False),
        (None, False),
        (None, False),
    ]


def test_a_parenthesis_on_a_new_line_of_an_object_is_no_call() -> None:
    node = value("{ a = f\n(b) = c }")
    assert isinstance(node, hcl.Object)
    assert len(node.items) == 2


def test_a_string_of_one_sequence_tells_what_it_wraps() -> None:
    node = value('"${~ x.y }"')
    assert isinstance(node, hcl.Template)
    assert isinstance(node.wrapped, hcl.Reference)
    part = node.parts[0]
    assert isinstance(part, hcl.Interpolation)
    assert (part.strip_before, part.strip_after) == (True, False)


def test_directives_hold_their_branches() -> None:
    node = value('"%{ if a }x%{ else }${b}%{ endif }%{ for k, v in c }${v}%{ endfor }"')
    assert isinstance(node, hcl.Template)
    choice, loop = node.parts
    assert isinstance(choice, hcl.IfDirective)
    assert (len(choice.yes), len(choice.no)) == (1, 1)
    assert isinstance(loop, hcl.ForDirective)
    assert [variable.name for variable in loop.variables] == ["k", "v"]
    names = [n.name for n in walk(node) if isinstance(n, hcl.Reference)]
    assert names == ["a", "b", "c", "v"]


def test_a_flush_heredoc_loses_its_common_indentation() -> None:
    node = value("<<-EOT\n    a\n      b\n\n    c\n  EOT")
    assert isinstance(node, hcl.Heredoc)
    assert (node.name, node.flush) == ("EOT", True)
    assert value("<<EOT\n  a\n EOT")
    assert literal(value("<<EOT\n  a$${b\n EOT")) == "  a${b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a\\tb\\u00e9$${x}"', "a\tbé${x}"),
        ('""', ""),
        ("(12)", 12),
        ("-1.5", -1.5),
        ("1e2", 100.0),
        ("true", True),
        ("null", None),
        ('"${x}"', UNKNOWN),
        ('-"x"', UNKNOWN),
        ("x", UNKNOWN),
        ("[1]", UNKNOWN),
        ("1 + 1", UNKNOWN),
    ],
)
def test_a_constant_has_its_value_and_nothing_else_has_one(text: str, expected: object) -> None:
    found = literal(value(text))
    assert found is expected if expected in (True, None, UNKNOWN) else found == expected


def test_a_number_of_ten_thousand_digits_is_no_trouble() -> None:
    assert literal(value("9" * 10_000)) == float("inf")


def test_nodes_know_nothing_of_their_parents() -> None:
    body = parse('b "c" {\n  d = f(x.y, [1], { e = "${g}" })\n}\n')
    for node in walk(body):
        for kind in type(node).__mro__:
            for slot in getattr(kind, "__slots__", ()):
                held = getattr(node, slot)
                assert not (isinstance(held, hcl.Node) and held.start < node.start)


def read_by_hcl2(data: bytes) -> dict[str, object] | None:
    """The values that python-hcl2 sees, None where it refuses the text."""
    try:
        return hcl2.loads(decoded(data))
    except Exception:
        return None


def test_values_agree_with_another_reader() -> None:
    compared = 0
    for before, after in LAYOUTS:
        theirs = read_by_hcl2(after)
        if theirs is None or hcl.layout(decoded(before)).guards:
            continue
        text = decoded(after)
        for name, attribute in parse(text).attributes.items():
            found = literal(attribute.expr)
            shown = text[attribute.expr.start : attribute.expr.end]
            if found is UNKNOWN or shown.startswith(("(", "-")) or "\\" in shown or "{" in shown:
                continue  # the other reader leaves these as they are written
            if isinstance(attribute.expr, hcl.Heredoc):
                continue
            other = theirs[name]
            if isinstance(found, str):
                assert str(other).strip('"') == found, text
            else:
                assert other == found, text
            compared += 1
        if b"".join(before.split()) == b"".join(after.split()):
            others = read_by_hcl2(before)  # expressions come as text, with their blanks
            assert others is None or "".join(str(others).split()) == "".join(str(theirs).split())
    assert compared > 40
