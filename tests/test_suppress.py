"""Suppression comments."""

from __future__ import annotations

import pytest

from iachygiene.model import Comment, Finding, Location, Severity, Span
from iachygiene.suppress import Suppression, read, suppress
from tests.reliability import Scanner

FILE = Span(0, 1000)


def comment(text: str, reach: Span = FILE, *, leading: bool = False) -> Comment:
    return Comment(Location("Dockerfile", Span(0, 10)), text, reach, leading)


def found(text: str, *, leading: bool = False) -> Suppression:
    suppression = read(comment(text, leading=leading))
    assert suppression is not None
    return suppression


def finding(code: str, start: int, end: int) -> Finding:
    place = Location("Dockerfile", Span(start, end))
    return Finding(code, Severity.WARNING, "message", place)


def test_codes_names_and_reason_are_read() -> None:
    suppression = found(" iachygiene: ignore[DF3007, unpinned-base-image] built here")
    assert suppression.words == ("DF3007", "unpinned-base-image")
    assert suppression.reason == "built here"
    assert suppression.problem == ""


def test_other_comments_are_no_suppressions() -> None:
    assert read(comment(" see iachygiene: ignore[DF3007]")) is None
    assert read(comment(" hadolint ignore=DL3006")) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" iachygiene: ignore", "`ignore` names no rule"),
        (" iachygiene: ignore DF3007", "`ignore` names no rule"),
        (" iachygiene: ignore[]", "the list of rules is empty"),
        (" iachygiene: ignore[DF3007", "the list of rules is not closed"),
        (" iachygiene: ignore[*]", "a suppression of everything gives no reason"),
        (" iachygiene: ignore[DF3007] until=soon", '"soon" is no date'),
        (
            " iachygiene: ignore-file[DF3007]",
            "`ignore-file` stands below the first line that is no comment",
        ),
    ],
)
def test_malformed_suppression_says_what_is_wrong(text: str, problem: str) -> None:
    assert found(text).problem == problem


def test_everything_may_be_muted_with_a_reason() -> None:
    assert found(" iachygiene: ignore[*] generated").problem == ""


def test_date_is_taken_off_the_reason() -> None:
    suppression = found(" iachygiene: ignore[DF3007] until=2027-01-31 waiting")
    assert (suppression.until, suppression.reason) == ("2027-01-31", "waiting")


def test_finding_inside_the_reach_is_muted_and_one_outside_is_kept() -> None:
    inside, outside = finding("DF3007", 20, 25), finding("DF3007", 40, 45)
    kept, muted, _ = suppress(
        [inside, outside], [comment(" iachygiene: ignore[DF3007]", Span(10, 30))]
    )
    assert kept == [outside]
    assert [one.finding for one in muted] == [inside]


def test_prefix_of_codes_mutes_every_code_that_begins_with_it() -> None:
    kept, _, _ = suppress(
        [finding("DF3007", 20, 25), finding("DF5303", 20, 25)],
        [comment(" iachygiene: ignore[DF3]")],
    )
    assert [one.rule for one in kept] == ["DF5303"]


def test_expired_suppression_mutes_nothing() -> None:
    text = " iachygiene: ignore[DF3007] until=2027-01-31"
    for today, count in (("2027-01-31", 0), ("2027-02-01", 1)):
        kept, _, _ = suppress([finding("DF3007", 1, 2)], [comment(text)], today=today)
        assert len(kept) == count


def test_broken_files_cannot_be_muted() -> None:
    kept, _, _ = suppress([finding("HYG001", 1, 2)], [comment(" iachygiene: ignore[*] generated")])
    assert [one.rule for one in kept] == ["HYG001"]


def test_word_that_mutes_nothing_is_unused() -> None:
    _, _, (suppression,) = suppress(
        [finding("DF3007", 1, 2)], [comment(" iachygiene: ignore[DF3007, DF3006]")]
    )
    assert suppression.unused == ("DF3006",)


def test_reason_can_be_demanded() -> None:
    _, _, (suppression,) = suppress(
        [], [comment(" iachygiene: ignore[DF3007]")], require_reason=True
    )
    assert suppression.problem == "a reason is required here"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("iachygiene ignore[DF3006] no colon", "not understood"),
        ("iachygiene: ignored[DF3006]", "not understood"),
        ("Iachygiene: ignore[DF3006]", "not understood"),
        ("iachygiene: ignore [DF3006]", "`ignore` names no rule"),
        ("iachygiene: ignore[DF3006] until=2030-13-01", "is no date"),
        ("iachygiene: ignore[DF3006] until=2030-02-29 x", "is no date"),
    ],
)
def test_what_can_only_be_meant_as_a_suppression_is_malformed(text: str, problem: str) -> None:
    suppression = read(Comment(Location("a", Span(0, 9)), text, Span(0, 9)))
    assert suppression is not None
    assert problem in suppression.problem


@pytest.mark.parametrize("text", ["iachygiene ignores this file", "see iachygiene: ignore", "x"])
def test_prose_is_no_suppression(text: str) -> None:
    assert read(Comment(Location("a", Span(0, 9)), text, Span(0, 9))) is None


def test_a_comment_for_a_finding_about_the_whole_file_says_what_would_mute_it(
    scanner: Scanner,
) -> None:
    scanner.write("main.tf", "# iachygiene: ignore[TF101] why\nlocals {\n  a = 1\n}\n")
    said = scanner.scan("--select", "TF101")
    assert ("main.tf", "TF101") in said.found
    assert "`ignore-file[TF101]` mutes" in said.only("main.tf", "HYG002")["message"]
    scanner.write("main.tf", "# iachygiene: ignore-file[TF101] why\nlocals {\n  a = 1\n}\n")
    assert not scanner.scan("--select", "TF101").of("main.tf")
