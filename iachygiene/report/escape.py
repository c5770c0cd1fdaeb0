"""Cleaning of untrusted text: what files, names, programs and git say, for each kind of report.

Every report passes all such text through one of these functions and through nothing else.
"""

from __future__ import annotations

import re
from functools import lru_cache

from iachygiene.lazy import regex
from iachygiene.report.mask import masked

MAX_MESSAGE = 1000
"""Code points of a message in JSON and SARIF."""
MAX_SNIPPET = 400
"""Code points of a snippet in JSON and SARIF."""

# Printable and yet not seen: fillers, the Braille blank, selectors that can carry data.
_INVISIBLE = regex("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U000e0100-\U000e01ef]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": " "}
_SURROGATE = regex("[\ud800-\udfff]")
_MARKDOWN = regex(r"[^A-Za-z0-9 ,;/%=?.-]|(?<=[wW]{3})\.")
_BRACKETS = regex(r"[\[\]\\]")


def clean(text: str, *, ascii_only: bool = False) -> str:
    r"""Text for a terminal or a log: one line, nothing that moves, hides or reorders.

    Control, format and other unprintable characters become `\x1b` or `\u{202e}`, a byte of
    a name that is not UTF-8 `\x80`, a tab one blank. With `ascii_only` all else beyond ASCII
    is written so too. Known forms of secrets are masked.
    """
    return _cleaned(text, ascii_only)


@lru_cache(maxsize=4096)  # the same names, objects and messages come again and again
def _cleaned(text: str, ascii_only: bool) -> str:
    return _without_controls(masked(text), ascii_only)


def clean_path(path: str, *, ascii_only: bool = False) -> str:
    """A path, cleaned in the same way, but never masked: it has to name its file."""
    return _without_controls(path, ascii_only)


def _without_controls(text: str, ascii_only: bool) -> str:
    if text.isprintable() and (text.isascii() or not (ascii_only or _INVISIBLE.search(text))):
        return text
    return "".join([_shown(character, ascii_only) for character in text])


def _shown(character: str, ascii_only: bool) -> str:
    if character.isascii() and character.isprintable():
        return character
    if character.isprintable() and not ascii_only and not _INVISIBLE.match(character):
        return character
    if character in _NAMED:
        return _NAMED[character]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # how Python holds bytes of names that are not UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"


@lru_cache(maxsize=4096)
def plain(text: str, limit: int | None = None) -> str:
    """Text for JSON: whole, but with secrets masked, valid Unicode, and cut at a length.

    Control characters stay, the writer escapes them.
    """
    text = masked(text)
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    if limit is not None and len(text) > limit:
        text = text[: limit - 3] + "..."
    return text


def plain_path(path: str) -> str:
    """A path for JSON; bytes that are not UTF-8 are U+FFFD there."""
    return path if path.isascii() else _SURROGATE.sub("\ufffd", path)


def sarif_message(text: str) -> str:
    """Text for a SARIF message, in which brackets would make links of its contents."""
    return _BRACKETS.sub(lambda match: "\\" + match[0], plain(clean(text), MAX_MESSAGE))


@lru_cache(maxsize=4096)
def uri(path: str) -> str:
    """A relative path as the reference of a URI, percent-encoded from the bytes of the name."""
    from urllib.parse import quote

    return quote(path.encode("utf-8", "surrogateescape" if _is_name(path) else "replace"))


def _is_name(path: str) -> bool:
    return not any(0xD800 <= ord(one) < 0xDC80 or 0xDD00 <= ord(one) < 0xE000 for one in path)


def command_value(text: str) -> str:
    """Text for the message of a GitHub workflow command."""
    return clean(text).replace("%", "%25")


def command_property(path: str) -> str:
    """A path or other words of ours for a property of a GitHub workflow command."""
    escaped = clean_path(path).replace("%", "%25")
    return escaped.replace(":", "%3A").replace(",", "%2C")


@lru_cache(maxsize=4096)
def markdown(text: str) -> str:
    """Text for Markdown: no markup, HTML, link, mention or reference can come of it."""
    return _without_markup(clean(text))


def markdown_path(path: str) -> str:
    """A path for Markdown."""
    return _without_markup(clean_path(path))


def _without_markup(text: str) -> str:
    if text.isalnum() and text.isascii():
        return text
    return _MARKDOWN.sub(_entity, text)


def _entity(match: re.Match[str]) -> str:
    character = match[0]
    if not character.isascii():
        return character
    # GitHub looks for mentions in the rendered text: the comment divides it.
    return f"&#{ord(character)};" + ("<!-- -->" if character in "@#" else "")
