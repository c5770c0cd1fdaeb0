"""What is refused, with which words, where, and at which cost."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.hcl import MAX_NESTING, HclError, HclTooDeep, check, comments, parse, walk
from tests.hcl.recorded import LAYOUTS, REFUSED

# Pieces that make up texts which are HCL, or nearly.
PIECES = [
    *('"', "${", "%{", "}", "~}", "{", "(", ")", "[", "]", "\n", "\r\n", "# c\n", "/* c */"),
    *("<<E\n", "E\n", "<<-E\n", " ", "\t", "if ", "for ", " in ", "else", "endif", "endfor"),
    *("x", "y", "true", "1", "1.5", ".", "...", "*", "::", "=", "==", "=>", ",", ":", "?", "-"),
    *("!", "$", "%", "$${", "\\", "\\n", "\\u00e9", "é", "\u200d", "\ud800", "\x00", "a = "),
    *("b {", '"s"', '"${x}"', 'variable "v" {\n', "type = list\n", "[true]", "b\n", "a = 1\n"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60)


def decoded(data: bytes) -> str:
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def refusal(text: str) -> tuple[str, str]:
    """The message, and the text at its place."""
    with pytest.raises(HclError) as caught:
        check(text)
    return caught.value.message, text[caught.value.start : caught.value.end]


@pytest.mark.parametrize("data", REFUSED)
def test_what_terraform_refuses_is_refused_with_a_place(data: bytes) -> None:
    text = decoded(data)
    with pytest.raises(HclError) as caught:
        check(text)
    assert 0 <= caught.value.start <= caught.value.end <= len(text)
    assert not isinstance(caught.value, HclTooDeep)


@pytest.mark.parametrize("data", [before for before, _ in LAYOUTS])
def test_what_terraform_accepts_is_accepted(data: bytes) -> None:
    check(decoded(data))


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("foo = 1\nfoo = 2\n", 'attribute "foo" is set twice in this body', "foo"),
        ("a = 1, b = 2\n", 'arguments are separated by new lines, not ","', ","),
        ("a = 'x'\n", 'strings are written in double quotes ("), not in others', "'"),
        ("b {\n  a = 1\n", "the block has no end", "{"),
        ("a = <<EOT\nx\n", "the heredoc has no end", "<<EOT\n"),
        ("a = [1 2]\n", '"," or "]" is expected between elements, not "2"', "2"),
        ('a = "\\q"\n', "unknown escape sequence in the string", "\\q"),
        ('a = "x\n', "the string is not closed on its line", '"'),
        ('a = "%{ foo }"\n', None, "foo"),
        ("a = x.*.y.*.z\n", "a splat inside a splat; use [*] for the inner one", "*"),
        ("a = 1 | 2\n", '"|" is no operator', "|"),
        ("é = \xa01\n", 'the character "U+00A0" has no place here', "\xa0"),
        ("/* x\n", "the comment has no end", "/*"),
        ("b 'x'\n", None, "'"),
        ("a = ", "an expression is expected, not the end of the file", ""),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(text: str, message: str | None, place: str) -> None:
    said, shown = refusal(text)
    assert shown == place
    assert message is None or said == message


def test_the_second_of_two_equal_attributes_is_the_place() -> None:
    with pytest.raises(HclError) as caught:
        check("b {\n  x = 1\n}\nb {\n  x = 1\n  y = 2\n  x = 3\n}\n")
    assert caught.value.start == 36


DEEP = {
    "parentheses": ("(", ")", 1),
    "lists": ("[", "]", 1),
    "objects": ("{a = ", "}", 1),
    "calls": ("f(", ")", 1),
    "indexes": ("x[", "]", 1),
    "for expressions": ("[for x in ", " : x]", 1),
    "conditionals": ("x ? ", " : y", 1),
    "strings": ('"${', '}"', 2),
    "directives": ('"%{if true}${', '}%{endif}"', 3),
}


@pytest.mark.parametrize(("opening", "closing", "levels"), DEEP.values(), ids=DEEP)
def test_nesting_up_to_the_limit_makes_a_tree(opening: str, closing: str, levels: int) -> None:
    count = MAX_NESTING // levels
    body = parse("a = " + opening * count + "1" + closing * count + "\n")
    assert sum(1 for _ in walk(body)) >= count


@pytest.mark.parametrize(("opening", "closing", "levels"), DEEP.values(), ids=DEEP)
def test_nesting_over_the_limit_is_told_apart(opening: str, closing: str, levels: int) -> None:
    count = MAX_NESTING // levels + 1
    with pytest.raises(HclTooDeep):
        check("a = " + opening * count + "1" + closing * count + "\n")


def test_blocks_nest_up_to_the_limit() -> None:
    parse("b {\n" * MAX_NESTING + "}\n" * MAX_NESTING)
    with pytest.raises(HclTooDeep):
        parse("b {\n" * (MAX_NESTING + 1) + "}\n" * (MAX_NESTING + 1))


@pytest.mark.parametrize(
    "chain",
    ["-" * 50_000 + "1", "1" + " + 1" * 50_000, "1 ? 2 : " * 50_000 + "3", "x" + ".y[0]" * 50_000],
    ids=["signs", "sums", "conditionals", "steps"],
)
def test_long_chains_are_no_nesting(chain: str) -> None:
    assert sum(1 for _ in walk(parse(f"a = {chain}\n"))) > 50_000


GROWING = {
    "blanks": " ",
    "quotes": '"',
    "open sequences": '"${',
    "open comments": "/* ",
    "open heredocs": "a = <<E\n",
    "points": ".",
    "digits and points": "1.",
    "backslashes": '"\\',
    "dollars": '"$$$$',
    "brackets": "[",
    "heredoc sequences": "${x}",
    "names": "é",
}


@pytest.mark.parametrize("piece", GROWING.values(), ids=GROWING)
@pytest.mark.parametrize("start", ["", "a = ", 'a = "', "a = <<E\n"])
def test_time_grows_with_the_length_only(piece: str, start: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        with contextlib.suppress(HclError):
            check(start + piece * count)
        return time.process_time() - began

    seconds(100)
    assert seconds(40_000) < 20 * seconds(5_000) + 0.1


@given(texts)
def test_any_text_gives_a_tree_or_an_error_inside_it(text: str) -> None:
    try:
        body = parse(text)
    except HclError as error:
        assert 0 <= error.start <= error.end <= len(text)
        return
    for node in walk(body):
        assert body.start <= node.start < node.end <= body.end
        for child in node.children():
            assert node.start <= child.start <= child.end <= node.end


@given(texts)
def test_comments_lie_in_the_text(text: str) -> None:
    for start, end, inner in comments(text):
        assert text[start:end].startswith(("#", "//", "/*"))
        assert inner in text[start:end]


def test_comments_come_without_their_marks() -> None:
    text = 'a = "# no" # one\r\n// two\n/* three\n*/ b = <<E\n# text\nE\n#'
    assert [(text[s:e], inner) for s, e, inner in comments(text)] == [
        ("# one", " one"),
        ("// two", " two"),
        ("/* three\n*/", " three\n"),
        ("#", ""),
    ]
