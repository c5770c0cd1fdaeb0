"""What a report is asked for besides its result."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

if TYPE_CHECKING:
    from iachygiene.commands import Common
    from iachygiene.model import Span

SUMMARY_LIMIT = 900 * 1024
"""Bytes of a step summary of GitHub, which drops one of over 1,024 KiB altogether."""


class ReportOptions(NamedTuple):
    """How a report looks. A report depends on the result, the files and this alone.

    `width` is that of the terminal in columns, None where there is none. `limit` is the
    number of findings that text prints, None for all. `unicode` is false where the stream
    cannot print it. `link` is a template with `{path}` and `{line}`, empty for no links.
    `room` is in bytes, for Markdown. `changed` counts the files that fixes were written to.
    `added` are the lines of the change that is looked at, by path, where there is one.
    """

    color: bool = False
    width: int | None = None
    unicode: bool = True
    quiet: int = 0
    verbose: int = 0
    hook: bool = False
    limit: int | None = None
    statistics: bool = False
    reproducible: bool = False
    started: str | None = None
    command: str = "scan"
    args: tuple[str, ...] = ()
    git: Mapping[str, Any] | None = None
    category: str = ""
    link: str = ""
    room: int = SUMMARY_LIMIT
    changed: int = 0
    new_only: bool = False
    suppressed: bool = False
    added: Mapping[str, Sequence[Span]] = {}

    @classmethod
    def of(
        cls, given: Mapping[str, Any], common: Common, stream: TextIO, **more: Any
    ) -> ReportOptions:
        """For what `scan` was given and what all commands share, on a stream."""
        words = sys.argv[1:]
        return cls(
            color=wants_color(common.color, stream, os.environ),
            width=_width(stream),
            unicode=speaks_unicode(stream, os.environ),
            quiet=common.quiet,
            verbose=common.verbose,
            hook=bool(given.get("hook")),
            limit=given.get("max_findings"),
            statistics=bool(given.get("statistics")),
            reproducible=bool(given.get("reproducible")),
            started=_now(),
            args=tuple(words[1:] if words[:1] == ["scan"] else words),
            link=given.get("report_link") or link_template(os.environ),
            category=given.get("sarif_category") or "",
            suppressed=bool(given.get("sarif_suppressed")),
            **more,
        )

    def for_file(self) -> ReportOptions:
        """The same for a report that goes to a file."""
        return self._replace(color=False, width=None, unicode=True, limit=None)


def wants_color(when: str, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to colour a stream: `when` is "auto", "always" or "never"."""
    if when != "auto":
        return when == "always"
    forced = environment.get("FORCE_COLOR", "")
    if forced and forced != "0":
        return True
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream.isatty() and environment.get("GITHUB_ACTIONS") != "true"


def speaks_unicode(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether characters beyond ASCII can be printed on a stream."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    return encoding in ("utf8", "utf8sig") and environment.get("TERM") != "linux"


def link_template(environment: Mapping[str, str]) -> str:
    """The template of links to lines of this commit in a GitHub job, empty elsewhere."""
    server = environment.get("GITHUB_SERVER_URL", "")
    if not server:
        return ""
    import re

    repository = environment.get("GITHUB_REPOSITORY", "")
    commit = environment.get("GITHUB_SHA", "")
    known = (
        re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]+)?", server)
        and re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", repository)
        and re.fullmatch(r"[0-9a-f]{40,64}", commit)
    )
    return f"{server}/{repository}/blob/{commit}/{{path}}#L{{line}}" if known else ""


def _width(stream: TextIO) -> int | None:
    if not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _now() -> str:
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
