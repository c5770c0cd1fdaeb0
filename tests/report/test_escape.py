"""Cleaning: what each kind of report makes of text that nobody vouches for."""

from __future__ import annotations

import html
import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.report.escape import (
    clean,
    clean_path,
    command_property,
    command_value,
    markdown,
    plain,
    sarif_message,
    uri,
)
from iachygiene.report.mask import described, masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b", "\\x9b"),
        ("a\nb\rc", "a\\nb\\rc"),
        ("a\tb", "a b"),
        ("‮evil", "\\u{202e}evil"),
        ("a​b", "a\\u{200b}b"),
        ("\udc80", "\\x80"),
        ("\ud800", "\\u{d800}"),
        ("\U000e0141", "\\u{e0141}"),
        ("ㅤ", "\\u{3164}"),
        ("Größe 名前", "Größe 名前"),
    ],
)
def test_cleaned_text_is_one_line_that_shows_everything(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_ascii_only_writes_the_rest_as_escapes() -> None:
    assert clean("é名", ascii_only=True) == "\\xe9\\u{540d}"


@given(st.text(st.characters()))
def test_cleaned_text_is_printable(text: str) -> None:
    assert clean(text).isprintable()
    assert clean_path(text).isprintable()
    assert clean(text, ascii_only=True).isascii()


@given(st.text(st.characters()))
def test_cleaned_text_can_be_encoded(text: str) -> None:
    clean(text).encode()
    plain(text).encode()


def test_text_for_json_is_cut_at_a_limit() -> None:
    assert plain("x" * 1001, 1000) == "x" * 997 + "..."


def test_brackets_make_no_links_in_sarif() -> None:
    assert sarif_message("[a](https://x.example)") == "\\[a\\](https://x.example)"


def test_a_uri_is_encoded_from_the_bytes_of_the_name() -> None:
    assert uri("a b/ü\udcff.tf") == "a%20b/%C3%BC%FF.tf"


def test_a_colon_in_a_name_makes_no_scheme() -> None:
    assert uri("x:y/z") == "x%3Ay/z"


@given(st.binary(max_size=30))
def test_a_uri_leads_back_to_the_name(name: bytes) -> None:
    path = name.decode("utf-8", "surrogateescape")
    assert unquote_to_bytes(uri(path)) == name


def test_commands_are_escaped() -> None:
    assert command_value("50% a\nb") == "50%25 a\\nb"
    assert command_property("a:b,c%") == "a%3Ab%2Cc%25"


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_markdown_reads_back_as_the_cleaned_text(text: str) -> None:
    assert html.unescape(re.sub("<!-- -->", "", markdown(text))) == clean(text)


@given(st.text(st.characters()))
def test_markdown_holds_no_markup(text: str) -> None:
    rest = markdown(text).replace("<!-- -->", "")
    assert not set("<>`|*_[]@\\!~\"'").intersection(rest)
    assert "www." not in rest.lower()
    assert "://" not in rest


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key AKIAIOSFODNN7EXAMPLE.", "key AKIA...<20 characters>."),
        ("ghp_" + "a" * 36, "ghp_...<40 characters>"),
        ("npm_" + "a" * 36, "npm_...<40 characters>"),
        ("https://user:pa55word@host/x", "https://user:***@host/x"),
        ("https://user:${PASSWORD}@host/x", "https://user:${PASSWORD}@host/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabcdef", "-----BEGIN RSA PRIVATE KEY----- ***"),
        ("image node@sha256:" + "a" * 64, "image node@sha256:" + "a" * 64),
        ("arn:aws:iam::123456789012:role/deployment-role", None),
    ],
)
def test_secrets_are_known_by_their_form(text: str, shown: str | None) -> None:
    assert masked(text) == (text if shown is None else shown)


def test_a_flagged_secret_is_described_by_its_length() -> None:
    assert described("hunter2") == "<7 characters>"
    assert described("AKIAIOSFODNN7EXAMPLE") == "<AKIA..., 20 characters>"


@pytest.mark.parametrize("part", ["ghp_", "eyJ", "a.", "://a:", "-----BEGIN ", "AKIA", "sk-", "A"])
def test_masking_takes_time_in_proportion_to_the_text(part: str) -> None:
    from time import perf_counter

    def seconds(size: int) -> float:
        text = (part * size)[:size] + "@"
        started = perf_counter()
        masked(text)
        return perf_counter() - started

    seconds(1000)
    assert min(seconds(64_000) for _ in range(3)) < 0.25
