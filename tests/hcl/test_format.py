"""The canonical layout against recorded output of the reference, and its promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import iachygiene.hcl
from iachygiene.hcl import HclError, comments, format, format_bytes, layout, parse, scan
from tests.hcl.recorded import LAYOUTS, REFUSED
from tests.hcl.test_syntax import decoded, texts

module = sys.modules["iachygiene.hcl.format"]  # the package's `format` is the function
parsing = sys.modules["iachygiene.hcl.parse"]
VALID = [decoded(before) for before, _ in LAYOUTS]


@pytest.mark.parametrize(("before", "after"), LAYOUTS)
def test_the_layout_is_the_recorded_one(before: bytes, after: bytes) -> None:
    assert format_bytes(before) == after


@pytest.mark.parametrize("data", REFUSED)
def test_what_does_not_parse_has_no_layout(data: bytes) -> None:
    with pytest.raises(HclError):
        format_bytes(data)


def test_a_comment_without_a_word_is_no_loss() -> None:
    result = layout('resource /**/ "a" /* -- */ "b" {}\n')
    assert result == ('resource "a" "b" {}\n', ())


@pytest.mark.parametrize(
    ("text", "quirks", "place"),
    [
        ('resource "a$b" "c" {}\n', ["Q3"], '"a$b"'),
        ("a = foo[true]\n", ["Q4"], "[true]"),
        ("a = x[true][null]\n", ["Q4", "Q4"], "[true]"),
        ('a = "${ # c\nb\n}"\n', ["Q6"], '"${ # c\nb\n}"'),
        ('a = "${<<E\nx\nE\n}" # c\n', ["Q6"], '"${<<E\nx\nE\n}"'),
        ('a = "${(a)\n+ (b)}"\n', ["Q7"], '"${(a)\n+ (b)}"'),
        ('resource /* c */ "a" {}\n', ["Q8"], "/* c */"),
        ("a = f(b\n[false]\n)\n", ["Q4"], "[false]"),
    ],
)
def test_a_lossy_layout_is_guarded_and_nothing_changes(
    text: str, quirks: list[str], place: str
) -> None:
    result = layout(text)
    assert [guard.quirk for guard in result.guards] == quirks
    assert text[result.guards[0].start : result.guards[0].end] == place
    assert result.text == text
    assert layout(text, strict=True).guards == ()


@pytest.mark.parametrize(
    "text",
    [
        'b "$" {}\n',
        "a = true\n",
        "a = [true]\n",
        "a = [for x in y : x[true]]\n",
        "a = f(x)[true]\n",
        'a = "${f( # c\nb)}"\n',
        'b "a" /* c */ {}\n',
    ],
)
def test_what_only_looks_lossy_is_not_guarded(text: str) -> None:
    assert layout(text).guards == ()


def test_a_layout_that_would_lose_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a=1\nbb=2"
    monkeypatch.setattr(module, "_assemble", lambda lines: "a = 1\nb = 2")
    result = layout(text, strict=True)
    assert (result.text, result.guards[0].quirk) == (text, "safety")


# Old wrappers need several runs (Q5), guarded ones are not laid out at all.
snippets = st.lists(st.sampled_from(VALID), min_size=1, max_size=4).map("\n".join)
blanks = st.sampled_from(["", " ", "\t", "\n", "# c\n", "/* c */", "é", "()", "x", '"'])


@st.composite
def disturbed(draw: st.DrawFn) -> str:
    text = draw(snippets)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(blanks) + text[at:]
    return text


@given(disturbed() | texts)
def test_a_second_run_changes_nothing(text: str) -> None:
    try:
        first = layout(text)
    except HclError:
        return
    if first.guards or '"${' in text.replace(" ", ""):
        return
    assert layout(first.text) == first


@given(disturbed() | texts)
def test_only_blanks_change_where_nothing_is_rewritten(text: str) -> None:
    try:
        result = layout(text)
    except HclError:
        return
    assert result.text.count("\n") == text.count("\n") or '"${' in text
    if not result.guards:
        parse(result.text)


@given(disturbed() | texts)
def test_remembered_lines_and_the_whole_text_give_the_same(text: str) -> None:
    lines = module._remembered_lines(text)
    try:
        whole = module._layout_whole(text, strict=True).text
    except HclError:
        assert lines is None
        return
    assert format(text) == whole


def without_empty_lines(
    kinds: str, texts: list[str], starts: list[int], ends: list[int]
) -> list[list[object]]:
    return [
        row
        for before, *row in zip("n" + kinds, kinds, texts, starts, ends, strict=False)
        if before not in "n#" or row[0] not in "n#"
    ]


@given(disturbed() | texts)
def test_a_tree_from_remembered_lines_has_the_tokens_of_the_whole_text(text: str) -> None:
    lines = module.remembered_tokens(text)
    if lines is not None:
        joined, kept = parsing._joined(text, lines), parsing._kept(text)
        assert without_empty_lines(*joined) == without_empty_lines(*kept)
    assert comments(text) == scan.comments(text)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 100)
    format("".join(f"a{number} = {number}\n" for number in range(1_000)))
    assert sum(len(state.records) for state in module._memory.states.values()) <= 100


def test_importing_the_language_loads_no_heavy_module() -> None:
    code = "import sys, iachygiene.hcl; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    loaded = set(output.decode().split())
    assert not loaded & {"dataclasses", "hcl2", "unicodedata", "iachygiene.hcl.unicode_tables"}


@pytest.mark.needs_terraform
def test_the_recorded_layouts_are_those_of_the_program(tmp_path: Path) -> None:
    program = shutil.which("terraform")
    if program is None:
        if os.environ.get("IACHYGIENE_REQUIRE_TERRAFORM") == "1":
            pytest.fail("no terraform")
        pytest.skip("no terraform")
    for number, (before, _) in enumerate(LAYOUTS):
        (tmp_path / f"f{number}.tf").write_bytes(before)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TF_")}
    subprocess.run([program, "fmt", "-list=false"], cwd=tmp_path, env=environment, check=True)
    for number, (before, after) in enumerate(LAYOUTS):
        assert (tmp_path / f"f{number}.tf").read_bytes() == after, before


assert iachygiene.hcl.format is format
