"""Suppression comments that do not do what they seem to."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.rule import rule
from iachygiene.suppress import Suppression


@rule("HYG002", Suppression, Severity.WARNING)
def unused_suppression(suppression: Suppression) -> Findings:
    """A suppression mutes nothing.

    What it was written for is gone, or it never stood where it reaches. Left in place it
    would hide the next finding of that rule. It is judged only in runs in which every rule
    that it names has run.

    Bad:
        # iachygiene: ignore[DF3007] the base is built in this repository
        FROM debian:12
    Fixed:
        FROM debian:12
    Good:
        # iachygiene: ignore[DF3007] the base is built in this repository
        FROM debian:latest
    """
    if suppression.unused and not suppression.problem and not suppression.expired:
        words = ", ".join(suppression.unused)
        message = f"the suppression of {words} mutes nothing"
        if suppression.about_file:
            whole = ", ".join(suppression.about_file)
            message += f"; `ignore-file[{whole}]` mutes what is said of the whole file"
        yield at(suppression, message, fix=suppression.fix, severity=suppression.severity)


@rule("HYG007", Suppression, Severity.WARNING)
def malformed_suppression(suppression: Suppression) -> Findings:
    """A suppression names no rule, or one that does not exist, or lacks its reason.

    It mutes nothing. A list is required because blanket muting hides what comes later;
    `ignore[*]` is possible, with a reason.

    Bad:
        # iachygiene: ignore
        FROM debian:12
    Bad: a typing error
        # iachygiene: ignore[latest-bass-image] built here
        FROM debian:latest
    Good:
        # iachygiene: ignore[latest-base-image] built here
        FROM debian:latest
    """
    if suppression.problem:
        yield at(suppression, suppression.problem)


@rule("HYG008", Suppression, Severity.WARNING)
def expired_suppression(suppression: Suppression) -> Findings:
    """A suppression's date is past, so it mutes nothing any more.

    Either what it waited for has come, and the comment can go, or it has not, and somebody
    decides anew.

    Bad:
        # iachygiene: ignore[DF3007] until=2020-01-31 until the base is published
        FROM debian:latest
    Good:
        # iachygiene: ignore[DF3007] until=9999-12-31 until the base is published
        FROM debian:latest
    """
    if suppression.expired:
        yield at(suppression, f"the suppression expired on {suppression.until}")
