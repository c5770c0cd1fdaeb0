"""Documents that files have in common are what they are when each is read alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.model import Broken, SourceFile
from iachygiene.parse import alike, yaml
from iachygiene.parse.yaml import Mapping, Node, Scalar, Sequence, Stream


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    with patch.object(alike, "_kept", alike._Kept()), patch.object(alike, "_LONG", 4):
        yield


def shape(node: Node) -> Any:
    """All that a node says, and all below it."""
    own = (type(node), node.file.path, node.start, node.end, node.location)
    if type(node) is Scalar:
        return (*own, node.text, node.style, node.tag)
    if type(node) is Mapping or type(node) is Sequence:
        return (*own, node.tag, [shape(child) for child in node.children])
    return own


def facts(stream: Stream) -> Any:
    documents = [
        (one.nodes, shape(one.root), [each.start for each in one.mappings])
        for one in stream.documents
    ]
    return documents, stream.trouble


BODIES = (
    "kind: A\nspec:\n  - {a: 1, b: [x, y]}\n",
    "# a comment\nkind: B\ntext: |\n  a\n  ---\n",
    'kind: C\nquoted: "a\n  b"\n',
    "kind: D\nfirst: &a {x: 1}\nsecond: *a\n",
    "kind: E\nsecond: *a\n",
    "kind: [F\n",
    'open: "\n',
    "merged:\n  <<: {a: 1}\n  b: 2\n",
    "merged:\n  <<: 1\n",
    "tagged: !!str 1\n",
    "a plain text\n",
    "--- # marked\nkind: G\n",
    "kind: H\n...\n",
    "...\nkind: I\n",
    "kind: J\n--- two\n",
    "%TAG ! tag:x,2000:\n",
    "kind: !one M\n",
    "kind: N\n...\n%TAG ! tag:x,2000:\n",
    "kind: K\r\nmore: true\r\n",
    "\ufeffkind: L\n",
    "# only a comment\n",
    "long: text\n\n\n",
    "~\n",
    "",
    "\n",
    "- 1\n- 2",
)
TEXTS = st.builds(
    lambda mark, bodies: mark + "---\n".join(bodies),
    st.sampled_from(["", "---\n", "\ufeff", "# head\n"]),
    st.lists(st.sampled_from(BODIES), max_size=5),
)


@pytest.mark.parametrize("body", BODIES)
def test_a_copy_is_what_reading_gives_wherever_it_stands(body: str) -> None:
    around = (
        "{}",
        "---\n{}",
        "x: 1\n---\n{}",
        "{}---\n{}",
        "{}\n---\n{}",
        "%TAG ! tag:x,2000:\n---\n{}",
        "x: 1\n...\n%TAG ! tag:x,2000:\n---\n{}",
    )
    for number, form in enumerate((*around, *reversed(around))):
        file = SourceFile(f"{number}.yaml", form.replace("{}", body).encode())
        assert facts(alike.parse(file)) == facts(yaml.parse(file))


@settings(max_examples=500, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_copy_is_what_reading_gives(texts: list[str]) -> None:
    with patch.object(alike, "_kept", alike._Kept()):
        for number, text in enumerate(texts):
            file = SourceFile(f"{number}.yaml", text.encode())
            assert facts(alike.parse(file)) == facts(yaml.parse(file))


def read(text: str) -> Stream:
    return alike.parse(SourceFile("a.yaml", text.encode()))


def test_what_was_not_found_in_a_document_is_not_looked_for_in_its_copy() -> None:
    asked: list[int] = []

    def is_sought(mapping: Mapping) -> bool:
        asked.append(mapping.start)
        return "name" in mapping

    first, second = read("kind: A\n"), read("kind: B\n---\nkind: A\n---\nname: C\n")
    assert first.documents[0].mappings_that(is_sought) == []
    found = [len(one.mappings_that(is_sought)) for one in second.documents]
    assert found == [0, 0, 1]
    assert asked == [0, 0, 24]


def test_the_nodes_of_copies_count() -> None:
    text = "kind: A\nlist: [1, 2, 3]\n"
    assert read(text).trouble is None
    with patch.object(yaml, "MAX_NODES", 12):
        trouble = read(f"{text}---\n{text}").trouble
    assert trouble is not None
    assert trouble.kind == "over-limit"


def test_what_is_kept_is_bounded() -> None:
    with patch.object(alike, "_KEPT", 100):
        for number in range(50):
            read(f"kind: A{number}\n")
    kept = alike._kept.documents
    assert "kind: A49\n" in kept
    assert sum(map(len, kept)) <= 100


def test_a_file_is_not_kept_for_a_small_part_of_it() -> None:
    read("kind: A\n---\n" + "x: &x [1]\ny: *x\n" + "z: 1\n" * 50)
    assert not alike._kept.documents


def test_a_file_that_is_no_text_is_broken_as_it_is_alone() -> None:
    with pytest.raises(Broken):
        alike.parse(SourceFile("a.yaml", b"kind: A\n\xff\n"))


def test_children_are_made_once() -> None:
    read("kind: {a: [b]}\n")
    (copy,) = read("kind: {a: [b]}\n").documents
    assert type(copy.root) is Mapping
    assert copy.root.children[1] is copy.root.children[1]
    with pytest.raises(AttributeError):
        copy.root.nothing  # type: ignore[attr-defined]  # noqa: B018
