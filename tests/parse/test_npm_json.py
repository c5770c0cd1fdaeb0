from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.model import Broken, SourceFile
from iachygiene.parse.json import Json, parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def read(text: str) -> Json:
    return parse(SourceFile("package.json", text.encode("utf-8", "surrogatepass")))


def with_number_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: with_number_texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_number_texts(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return json.dumps(value)


@given(VALUES, st.sampled_from([None, 0, 2]))
def test_valid_json_reads_as_the_standard_library_reads_it(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert read(text).plain() == with_number_texts(value)


@given(VALUES)
def test_every_place_holds_the_text_of_its_value(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode(errors="replace").decode()
    for node in read(text).walk():
        assert 0 <= node.start < node.end <= len(text)
        assert read(text[node.start : node.end]).plain() == node.plain()


@given(st.text(alphabet='{}[]",:\\ \n\t0123456789.eE+-truefalsn\x00u', max_size=40))
def test_what_is_accepted_is_what_the_standard_library_accepts(text: str) -> None:
    try:
        json.loads(text)
        valid = not any(word in text for word in ("NaN", "Infinity"))
    except ValueError:
        valid = False
    try:
        read(text)
        accepted = True
    except Broken as broken:
        accepted = False
        assert broken.trouble.kind == "syntax"
        assert 0 <= broken.trouble.location.span.start <= len(text)
    assert accepted == valid


def test_of_a_key_given_twice_the_last_counts_and_both_are_kept() -> None:
    node = read('{"files": ["a"], "files": ["b"]}')
    files = node.get("files")
    assert files is not None and files.plain() == ["b"]
    assert len(node.members) == 2


def test_places_count_code_points_and_no_byte_order_mark() -> None:
    file = SourceFile("package.json", '\ufeff{"é😀": "x"}'.encode())
    value = parse(file).get("é😀")
    assert value is not None
    assert file.text[value.start : value.end] == '"x"'


def test_a_number_of_five_thousand_digits_is_kept_as_text() -> None:
    assert read("1" * 5000).value == "1" * 5000


def test_nesting_over_the_limit_is_told_and_the_process_lives() -> None:
    with pytest.raises(Broken) as stopped:
        read("[" * 100_000)
    assert stopped.value.trouble.kind == "over-limit"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "expected a key in double quotes, found '}'"),
        ('{"a" 1}', "expected ':' after the key, found '1'"),
        ("[1 2]", "expected ',' or ']', found '2'"),
        ('{"a": NaN}', "expected a value, found 'N'"),
        ('"abc', "a string is not closed"),
        ('"a\\x"', "an invalid escape in a string"),
        ("{} // no", "'/' follows the end of the document"),
        ("", "expected a value, found end of file"),
    ],
)
def test_a_syntax_error_says_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(Broken) as stopped:
        read(text)
    assert stopped.value.trouble.message == message


@pytest.mark.parametrize(
    ("text", "truthy"),
    [('""', False), ('"0"', True), ("0", False), ("-0.0e5", False), ("0.1", True), ("[]", True),
     ("{}", True), ("null", False), ("false", False), ("true", True)],
)  # fmt: skip
def test_truth_is_that_of_javascript(text: str, truthy: bool) -> None:
    assert read(text).truthy is truthy
