"""Files that cannot be judged, or only in part."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, Trouble, at
from iachygiene.rule import rule


@rule(
    "HYG001",
    Trouble,
    Severity.ERROR,
    aliases=("hadolint:DL1000", "iachygiene:DF1000", "iachygiene:DF5809", "iachygiene:K8S901"),
)
def invalid_syntax(trouble: Trouble) -> Findings:
    """A file does not parse.

    The program that reads the file would refuse it as well. What cannot be read is not
    judged, so the file's other findings are missing until this one is gone.

    Bad:
        -- main.tf --
        resource "null_resource" "web" {
          count = 1 +
        }
    Bad:
        FROM debian:12
        RNU apt-get update
    Bad:
        -- pod.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: web
    Good:
        -- main.tf --
        locals {
          count = 1 + 1
        }
    """
    if trouble.kind == "syntax":
        yield at(trouble, trouble.message, aliases=trouble.aliases)


@rule("HYG003", Trouble, Severity.ERROR)
def unreadable_file(trouble: Trouble) -> Findings:
    """A file of a known kind cannot be read.

    Permissions, an input/output error, a link to itself, or a name that is not a regular
    file: nothing is known of the contents, so the run is not clean.

    Bad:
        -- Dockerfile -> Dockerfile --
    """
    if trouble.kind in ("unreadable", "vanished"):
        yield at(trouble, trouble.message)


@rule("HYG004", Trouble, Severity.ERROR)
def undecodable_text(trouble: Trouble) -> Findings:
    """A file of a known kind is not UTF-8 text, or holds NUL bytes.

    The encoding is never guessed: a wrong guess would move every place and could make an
    edit destroy the file.

    Bad:
        FROM debian:12 \0
    Good:
        # Grüße
        FROM debian:12
    """  # noqa: D301 - a NUL byte cannot stand in a raw docstring
    if trouble.kind == "undecodable":
        yield at(trouble, trouble.message)


@rule("HYG005", Trouble, Severity.ERROR)
def over_limit(trouble: Trouble) -> Findings:
    """A file goes over one of the limits that keep a run bounded, and is not checked further.

    The limits are on file size (`max-file-size`), the length of a line, nesting, the
    number of nodes, documents, aliases and instructions, and the time for one file.

    Bad:
        -- .iachygiene.toml --
        max-file-size = "100 B"
        -- Dockerfile --
        FROM debian:12
        LABEL org.opencontainers.image.description="a text that makes this file long enough to be over it"
    Good:
        -- .iachygiene.toml --
        max-file-size = "1 KiB"
        -- Dockerfile --
        FROM debian:12
    """  # noqa: E501 - the example has to be over its limit
    if trouble.kind == "over-limit":
        yield at(trouble, trouble.message)


@rule("HYG006", Trouble, Severity.ERROR)
def merge_conflict(trouble: Trouble) -> Findings:
    """A file holds the markers of an unresolved merge.

    It is reported instead of the syntax errors that the markers cause; nothing else in the
    file is judged.

    Bad:
        FROM debian:12
        <<<<<<< HEAD
        CMD ["/app"]
        =======
        CMD ["/srv"]
        >>>>>>> topic
    Good:
        # =======
        FROM debian:12
    """
    if trouble.kind == "conflict":
        yield at(trouble, trouble.message)


@rule("HYG010", Trouble, Severity.WARNING, security=True)
def deceptive_text(trouble: Trouble) -> Findings:
    """A file holds characters that make it show something else than what is read in it.

    Directional controls reorder the text on the screen, so that what looks like a comment
    runs; characters without width make two names look alike; control characters move the
    cursor of the terminal that prints the file. Letters of other scripts, emoji and accents
    are none of this.

    Bad: what follows the mark is shown from right to left
        FROM debian:12
        RUN echo "\u202e" && id
    Bad: a blank without width
        FROM debian:12
        RUN useradd adm\u200bin
    Good:
        # Grüße, 你好, 👩‍🚀
        FROM debian:12
    """
    if trouble.kind == "deceptive":
        yield at(trouble, trouble.message)
