"""Characters that make a text show something else than what is in it."""

from __future__ import annotations

import pytest

from iachygiene.deceptive import deceptive
from iachygiene.model import SourceFile, Span


def spans(text: str) -> list[Span]:
    return [one.location.span for one in deceptive(SourceFile("f", text.encode()))]


@pytest.mark.parametrize(
    "mark",
    ["\u202e", "\u2066", "\u200b", "\u200d", "\u2060", "\ufeff", "\x1b", "\x08", "\x7f", "\x9b"],
)
def test_mark_in_a_word_is_found_at_its_place(mark: str) -> None:
    assert spans(f"ab{mark}cd\n") == [Span(2, 3)]


def test_run_of_marks_is_one() -> None:
    assert spans("a\u202e\u2066b\u200b") == [Span(1, 3), Span(4, 5)]


@pytest.mark.parametrize(
    "text",
    [
        "plain\ttext\r\n\x0c",
        "\ufeffa mark at the start is none of the text",
        "Grüße 你好 здравствуйте",
        "👩\u200d🚀",
        "می\u200cخواهم",  # noqa: RUF001 - Persian writes it so
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "no\u00adbreak\u00a0here",
    ],
)
def test_scripts_and_emoji_are_left_alone(text: str) -> None:
    assert spans(text) == []
