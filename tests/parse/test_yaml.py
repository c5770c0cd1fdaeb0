"""YAML nodes: values, places, limits, comments."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.model import Broken, SourceFile
from iachygiene.parse import yaml
from iachygiene.parse.yaml import (
    Alias,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Stream,
    comments,
    parse,
    resolve,
    walk,
)


def read(text: str | bytes) -> Stream:
    return parse(SourceFile("a.yaml", text if isinstance(text, bytes) else text.encode()))


def root(text: str) -> Mapping:
    stream = read(text)
    assert stream.trouble is None
    found = stream.documents[0].root
    assert type(found) is Mapping
    return found


def shown(node: Any) -> str:
    """The text under a node's location."""
    span = node.location.span
    return str(node.file.text[span.start : span.end])


def plain(node: Node) -> Any:
    """The tree with texts for scalars, as PyYAML's base loader makes it."""
    if type(node) is Mapping:
        return {plain(key): plain(value) for key, value in node.pairs()}
    if type(node) is Sequence:
        return [plain(item) for item in node]
    assert type(node) is Scalar
    return node.text


# --- places


def test_location_of_a_scalar_is_its_text_with_the_quotes() -> None:
    found = root("a: plain # note\nb: 'single'\nc: \"dou\\tble\"\n")
    assert [shown(entry.value) for entry in found.entries.values()] == [
        "plain",
        "'single'",
        '"dou\\tble"',
    ]


def test_location_leaves_out_anchor_and_tag() -> None:
    found = root("a: &x !!str plain\nb: &y 'quoted'\nc: !local |\n  block\n\n")
    assert [shown(entry.value) for entry in found.entries.values()] == [
        "plain",
        "'quoted'",
        "|\n  block",
    ]


def test_location_of_a_collection_leaves_out_anchor_and_comment() -> None:
    found = root("a: &x # note\n  b: 1\nc: &y\n- 2\n")
    assert [shown(entry.value) for entry in found.entries.values()] == ["b: 1", "- 2"]


def test_location_counts_code_points_and_not_bytes() -> None:
    found = root("ключ: 😀😀\nb: x\n")
    assert [shown(entry.value) for entry in found.entries.values()] == ["😀😀", "x"]


@pytest.mark.parametrize("marks", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"])
def test_byte_order_marks_do_not_move_places(marks: bytes) -> None:
    stream = read(marks + "é: [x, y]\n".encode())
    scalars = [node for node in walk(stream.documents[0].root) if type(node) is Scalar]
    assert [shown(node) for node in scalars] == ["é", "x", "y"]


def test_line_ends_of_windows_count_as_two() -> None:
    found = root("a: 1\r\nb: 2\r\n")
    assert shown(found.entries["b"].key) == "b"
    assert found.entries["b"].key.start == 6


def test_block_collections_end_with_their_last_value() -> None:
    found = root("a:\n  b: 1\n  c:\n  - x\n  - y # z\n\n# end\nd: 2\n")
    inner = found.get("a")
    assert shown(inner) == "b: 1\n  c:\n  - x\n  - y"
    assert shown(found) == "a:\n  b: 1\n  c:\n  - x\n  - y # z\n\n# end\nd: 2"


def test_flow_collections_end_with_their_bracket() -> None:
    found = root("a: { b: [1, 2 ] , c: 3 } # d\n")
    assert shown(found.get("a")) == "{ b: [1, 2 ] , c: 3 }"
    assert shown(found.get("a", "b")) == "[1, 2 ]"


def test_collection_that_ends_with_an_alias_ends_there() -> None:
    found = root("x: &x {k: 1}\na:\n  b: *x\nc: 1\n")
    assert shown(found.get("a")) == "b: *x"
    assert shown(found.get("a", "b")) == "{k: 1}"


# --- values: Kubernetes' reading


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("y", True),
        ("On", True),
        ("TRUE", True),
        ("n", False),
        ("off", False),
        ("yEs", "yEs"),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("1_000", 1000),
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0b11", -3),
        ("089", 89.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5E-2", -0.015),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1:30", "1:30"),
        ("=", "="),
        ("<<", "<<"),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("\u0661", "\u0661"),
        ("12abc", "12abc"),
        ("18446744073709551616", 18446744073709551616.0),
        ("9" * 5000, "9" * 5000),
        ("9" * 400, "9" * 400),
        ("9" * 300, float("9" * 300)),
        ("1e999", "1e999"),
        ("0X1f", 31),
        ("0x1FFFFFFFFFFFFFFFF", "0x1FFFFFFFFFFFFFFFF"),
        ("07777777777777777777777777", 7.777777777777778e24),
        ("._5", "._5"),
        ("1_0.5", 10.5),
    ],
)
def test_plain_scalar_means_what_kubernetes_takes_it_for(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_not_a_number_is_a_number() -> None:
    found = resolve(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


def test_quoted_and_tagged_scalars_are_text() -> None:
    found = root("a: '1'\nb: \"yes\"\nc: !!str 0644\nd: |\n  1\ne: !Ref x\n")
    values = [entry.value.value for entry in found.entries.values() if type(entry.value) is Scalar]
    assert values == ["1", "yes", "0644", "1\n", "x"]


def test_tagged_numbers_are_numbers_though_quoted() -> None:
    found = root("a: !!int '12'\nb: ! 12\n")
    assert [e.value.value for e in found.entries.values() if type(e.value) is Scalar] == [12, "12"]


def test_objects_of_python_are_never_made() -> None:
    found = root("a: !!python/object/apply:os.system ['exit 1']\n")
    assert type(found.get("a")) is Sequence


# --- mappings


def test_missing_and_null_are_both_nothing() -> None:
    found = root("a: {b: null, c: {}}\n")
    assert found.get("a", "b") is None
    assert found.get("a", "x", "y") is None
    assert found.get("a", "c") is not None
    assert "b" in (found.mapping("a") or {})


def test_last_of_equal_keys_holds_and_the_others_are_told() -> None:
    found = root("a: 1\nb: 2\na: 3\n'a': 4\n")
    assert found.text("a") == "4"
    assert [(shown(first), second.start) for first, second in found.duplicates()] == [
        ("a", 10),
        ("a", 15),
    ]


def test_two_merges_in_one_mapping_are_a_duplicate_and_both_count() -> None:
    found = root("x: &x {p: 1}\ny: &y {p: 2, q: 3}\na:\n  <<: *x\n  <<: *y\n")
    inner = found.mapping("a")
    assert inner is not None
    assert inner.text_map() == {"p": "1", "q": "3"}
    assert len(list(inner.duplicates())) == 1


def test_written_keys_win_over_merged_and_earlier_merges_over_later() -> None:
    found = root("x: &x {p: 1, q: 1}\ny: &y {q: 2, r: 2}\na:\n  p: 0\n  <<: [*x, *y]\n  s: 3\n")
    inner = found.mapping("a")
    assert inner is not None
    assert inner.text_map() == {"p": "0", "q": "1", "r": "2", "s": "3"}


def test_merges_of_merges_count_and_keep_their_places() -> None:
    found = root("x: &x\n  p: deep\ny: &y\n  <<: *x\na:\n  <<: *y\n")
    value = found.get("a", "p")
    assert type(value) is Scalar
    assert value.start == found.file.text.index("deep")


@pytest.mark.parametrize("value", ["1", "", "[1]", "[{a: 1}, x]", "*x"])
def test_merge_of_what_is_no_mapping_is_a_syntax_error(value: str) -> None:
    trouble = read(f"x: &x text\na:\n  <<: {value}\n").trouble
    assert trouble is not None
    assert trouble.kind == "syntax"


def test_quoted_merge_key_is_a_key() -> None:
    assert root("'<<': 1\n").text_map() == {"<<": "1"}


# --- anchors


def test_alias_is_followed_as_a_reference() -> None:
    found = root("a: &x {k: [1]}\nb: *x\n")
    assert found.get("a") is found.get("b")


def test_anchor_may_be_defined_again() -> None:
    found = root("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")
    assert found.text_map() == {"a": "1", "b": "1", "c": "2", "d": "2"}


def test_anchor_that_is_defined_again_inside_itself_counts_from_there() -> None:
    assert root("a: &x {b: &x 1, c: *x}\nd: *x\n").text("a", "c") == "1"


def test_anchors_live_in_one_document() -> None:
    stream = read("a: &x 1\n---\nb: *x\n")
    assert len(stream.documents) == 1
    assert stream.trouble is not None
    assert stream.trouble.location.span == (15, 17)
    assert stream.trouble.message.startswith('"*x" refers to no anchor before it')


def test_alias_inside_of_what_it_stands_for_is_a_leaf() -> None:
    found = root("a: &x {b: [*x, 1]}\n")
    nodes = [type(node) for node in walk(found)]
    assert nodes.count(Alias) == 1
    assert len(nodes) == 7


def test_bomb_of_aliases_is_over_the_limit() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]")
    trouble = read("\n".join(lines)).trouble
    assert trouble is not None
    assert trouble.kind == "over-limit"


def test_many_aliases_of_a_small_node_are_fine() -> None:
    stream = read("a: &a 1\nb: [" + ", ".join(["*a"] * 50_000) + "]\n")
    assert stream.trouble is None


def test_chain_of_merges_ends_at_the_limit_and_not_in_the_stack() -> None:
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n}\n  <<: *a{n - 1}" for n in range(1, 5_000)]
    stream = read("\n".join(lines))
    assert stream.trouble is not None
    assert stream.trouble.kind == "over-limit"
    allowed = read("\n".join(lines[:200])).documents[0].root
    assert type(allowed) is Mapping
    assert allowed.text("a199", "k") == "1"


# --- limits


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000, "[[" * 500_000]
)
def test_deep_nesting_is_over_the_limit_at_its_place(text: str) -> None:
    started = time.process_time()
    trouble = read(text).trouble
    assert trouble is not None
    assert trouble.kind == "over-limit"
    assert trouble.location.span.start <= 1000
    assert time.process_time() - started < 2


def test_nesting_up_to_the_limit_is_fine() -> None:
    assert read("[" * 200 + "]" * 200).trouble is None
    assert read("[" * 201 + "]" * 201).trouble is not None


def test_number_of_nodes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MAX_NODES", 100)
    assert read("[" + "a, " * 99 + "]").trouble is None
    trouble = read("[" + "a, " * 100 + "]").trouble
    assert trouble is not None
    assert (trouble.kind, trouble.message) == ("over-limit", "more than 100 nodes")


def test_number_of_documents_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MAX_DOCUMENTS", 10)
    assert read("--- a\n" * 10).trouble is None
    stream = read("--- a\n" * 11)
    assert stream.trouble is not None
    assert (stream.trouble.kind, len(stream.documents)) == ("over-limit", 10)


# --- errors


def test_documents_before_an_error_are_kept() -> None:
    stream = read("a: 1\n---\nb: 2\n---\nc: [1\n---\nd: 3\n")
    assert [plain(document.root) for document in stream.documents] == [{"a": "1"}, {"b": "2"}]
    assert stream.trouble is not None
    assert stream.trouble.message.endswith("; only the documents before are checked")


def test_error_at_the_end_stands_behind_the_last_character() -> None:
    trouble = read("a: {b: c\n\n\n").trouble
    assert trouble is not None
    assert trouble.location.span == (8, 8)


def test_control_character_is_reported_where_it_stands() -> None:
    trouble = read("é: 1\nb: \x07\n").trouble
    assert trouble is not None
    assert trouble.location.span == (8, 9)
    assert trouble.message == "control characters are not allowed: U+0007"


def test_empty_documents_are_null() -> None:
    stream = read("---\n---\n# nothing\n---\na: 1\n")
    assert [type(document.root) for document in stream.documents] == [Scalar, Scalar, Mapping]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "   "])
def test_file_of_nothing_has_no_documents(text: str) -> None:
    assert read(text)[1:] == ((), None)


# --- comments


def test_comment_at_the_end_of_a_line_speaks_for_the_line() -> None:
    text = "a: 1\nb: 2 # iachygiene: ignore[X] why\nc: 3\n"
    (found,) = comments(SourceFile("a", text.encode()))
    assert found.text == " iachygiene: ignore[X] why"
    assert text[slice(*found.location.span)] == "# iachygiene: ignore[X] why"
    assert text[slice(*found.reach)] == "b: 2 # iachygiene: ignore[X] why"


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        ("a: 1\n# iachygiene\nb:\n  c: 2\n  d: 3\ne: 4\n", "b:\n  c: 2\n  d: 3"),
        ("a:\n  # iachygiene\n  b: 1\n  c: 2\n", "  b: 1"),
        ("a:\n# iachygiene\n- b: 1\n  c: 2\n- d: 3\n", "- b: 1\n  c: 2"),
        ("a:\n  # iachygiene\n  - - b\n    - c\n  - d\n", "  - - b\n    - c"),
        ("# iachygiene\na: 1\nb: 2\n", "a: 1\nb: 2"),
        ("# iachygiene\n---\na: 1\nb: 2\n---\nc: 3\n", "---\na: 1\nb: 2"),
        ("---\n# iachygiene\na: 1\nb: 2\n---\nc: 3\n", "a: 1\nb: 2"),
        ("a: 1\n# iachygiene\n\n# more\nb: |\n  x\n  y\nc: 3\n", "b: |\n  x\n  y\n"),
        ("a: [\n  1,\n  # iachygiene\n  [2,\n   3], 4\n]\n", "  [2,\n   3]"),
        ("a: [\n  1,\n  # iachygiene\n]\nb: 2\n", "]"),
        ("a:\n  # iachygiene\n  -\n    b: 1\n    c: 2\n  - d\n", "  -\n    b: 1\n    c: 2"),
        ("x: &x 1\na:\n  # iachygiene\n  b: *x\n  c: 2\n", "  b: *x"),
        ("a: 1\n# iachygiene\n", ""),
    ],
)
def test_comment_alone_speaks_for_what_starts_below_it(text: str, reach: str) -> None:
    (found,) = comments(SourceFile("a", text.encode()))
    assert text[slice(*found.reach)] == reach


@pytest.mark.parametrize(
    "text",
    [
        "a: '# iachygiene'\n",
        'a: "x\n  # iachygiene\n  y"\n',
        "a: |\n  # iachygiene\n",
        "a: >-\n  b\n  # iachygiene\n\n  c\n",
        "a: b#iachygiene\n",
        "a: iachygiene\n",
        "a: [x#iachygiene]\n",
    ],
)
def test_text_in_a_scalar_is_no_comment(text: str) -> None:
    assert list(comments(SourceFile("a", text.encode()))) == []


def test_comment_may_follow_the_indicator_of_a_block_scalar() -> None:
    text = "a: | # iachygiene: 1\n  # iachygiene: 2\nb: 1\n"
    assert [found.text for found in comments(SourceFile("a", text.encode()))] == [" iachygiene: 1"]


def test_comment_may_follow_a_string_that_holds_its_sign() -> None:
    text = "a: '# x' # iachygiene\n"
    (found,) = comments(SourceFile("a", text.encode()))
    assert found.location.span.start == 9


def test_comments_before_anything_else_are_leading() -> None:
    text = "# iachygiene: 1\n---\n# iachygiene: 2\na: 1\n# iachygiene: 3\n"
    found = comments(SourceFile("a", text.encode()))
    assert [comment.leading for comment in found] == [True, True, False]


def test_comments_before_an_error_are_found() -> None:
    text = "# iachygiene: 1\na: 1 # iachygiene: 2\n---\nb: [\n"
    assert len(list(comments(SourceFile("a", text.encode())))) == 2


# --- agreement and growth

SCALARS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\ufeff"),
    max_size=12,
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(TREES, min_size=1, max_size=3),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.booleans(),
)
def test_values_are_those_of_the_base_loader(
    trees: list[Any], flow: bool | None, style: str | None, unicode: bool
) -> None:
    text = pyyaml.dump_all(
        trees, default_flow_style=flow, default_style=style, allow_unicode=unicode
    )
    expected = list(pyyaml.load_all(text, pyyaml.BaseLoader))
    stream = read(text)
    assert stream.trouble is None
    assert [plain(document.root) for document in stream.documents] == expected


YAML_LIKE = st.text(
    st.sampled_from("ab1 \n\n\t:-?&*!|>'\"%@`{}[],#~<.é😀\r\ufeff\x85\u2028x"), max_size=80
)


@settings(max_examples=600, deadline=None)
@given(YAML_LIKE | st.text(max_size=60))
def test_any_text_gives_nodes_and_troubles_inside_of_it(text: str) -> None:
    try:
        file = SourceFile("a.yaml", text.encode(errors="replace"))
        stream = parse(file)
    except Broken:
        return
    length = len(file.text)
    for document in stream.documents:
        for node in walk(document.root):
            start, end = node.location.span
            assert 0 <= start <= end <= length
            if type(node) is Scalar and not node.style and "\n" not in node.text and node.text:
                assert shown(node).startswith(node.text[:1])
    if stream.trouble:
        assert 0 <= stream.trouble.location.span.start <= stream.trouble.location.span.end <= length


@settings(max_examples=300, deadline=None)
@given(YAML_LIKE)
def test_plain_scalars_on_one_line_stand_where_their_location_says(text: str) -> None:
    stream = read(text)
    for document in stream.documents:
        for node in walk(document.root):
            if type(node) is Scalar and not node.style:
                odd = set(node.text + shown(node)) & set("\r\n\x85\u2028\u2029\ufeff")
                assert odd or shown(node) == node.text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["# iachygiene: x", "a: 1", "  - b", "c: |", "  '#", "'", "[", "]", "---", ""]
        )
    )
)
def test_comments_of_any_text_lie_in_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    for comment in comments(SourceFile("a", text.encode())):
        assert text[comment.location.span.start] == "#"
        assert 0 <= comment.reach.start <= comment.reach.end <= len(text)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_the_parser_without_libyaml_gives_the_same_nodes(tree: Any) -> None:
    text = pyyaml.dump(tree, allow_unicode=True)

    def outline(get_event: Callable[[], Any]) -> list[tuple[Any, ...]]:
        file = SourceFile("a", text.encode())
        return [
            (node.location.span, *((node.text, node.style) if type(node) is Scalar else ()))
            for document in yaml._documents(file, get_event)
            for node in walk(document.root)
        ]

    assert outline(yaml._pure_events(text)) == outline(yaml._events(text))


def seconds(work: Callable[[], object]) -> float:
    """The least processor time of some runs, without the collector's pauses."""
    best = math.inf
    gc.disable()
    try:
        for _ in range(4):
            started = time.process_time()
            work()
            best = min(best, time.process_time() - started)
    finally:
        gc.enable()
    return best


@pytest.mark.parametrize(
    "piece",
    [
        "k{n}: [1, 2, 'x']\n",
        "---\na: {n}\n",
        "- &a{n} x\n",
        "- {{<<: {{a: 1}}, b: {n}}}\n",
        "--- {{<<: {{a: {n}}}}}\n",
        "- | # c\n  text {n}\n",
    ],
)
def test_time_grows_with_the_size(piece: str) -> None:
    small, large = (
        SourceFile("a", "".join(piece.format(n=n) for n in range(count)).encode())
        for count in (1_500, 12_000)
    )
    # Eight times the text; a quadratic reader would take 64 times as long.
    assert seconds(lambda: parse(large)) < 24 * seconds(lambda: parse(small))


def test_comments_take_time_that_grows_with_the_size() -> None:
    line = "k{n}: '# x' # iachygiene: ignore[A] b\n"
    small, large = (
        SourceFile("a", "".join(line.format(n=n) for n in range(count)).encode())
        for count in (1_000, 8_000)
    )
    needed = seconds(lambda: list(comments(small)))
    assert seconds(lambda: list(comments(large))) < 24 * needed
