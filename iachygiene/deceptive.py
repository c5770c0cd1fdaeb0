"""Characters that make a text show something else than what programs read in it.

The directional controls are those of https://www.unicode.org/reports/tr9/, misused as in
https://trojansource.codes; the others have no width, or move a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Location, SourceFile, Span, Trouble

_CONTROLS = bytes((*range(1, 9), 11, *range(14, 32), 127))
"""Of ASCII; NUL makes a file no text, a form feed does no harm."""
_WIDE = (
    "[\x01-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]+"
)
_JOINERS = frozenset("\u200c\u200d")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def deceptive(file: SourceFile) -> Iterator[Trouble]:
    """The places of a decoded file at which such characters stand, a run of them once."""
    data = file.data
    if data.isascii() and len(data.translate(None, _CONTROLS)) == len(data):
        return
    import re

    text = file.text
    for found in re.finditer(_WIDE, text):
        start, end = found.span()
        if not (_joins(text, start, end) or _tags_a_flag(text, start)):
            place = Location(file.path, Span(start, end))
            yield Trouble("deceptive", place, _message(text[start:end]))


def _joins(text: str, start: int, end: int) -> bool:
    """Whether a joiner stands inside a script or an emoji that has a use for it."""
    if end - start > 1 or text[start] not in _JOINERS:
        return False
    return not (text[start - 1 : start].isascii() or text[end : end + 1].isascii())


def _tags_a_flag(text: str, start: int) -> bool:
    return text[start] >= "\U000e0000" and text[start - 1 : start] == "\U0001f3f4"


def _message(run: str) -> str:
    first = run[0]
    name = f"U+{ord(first):04X}"
    if not _BIDI.isdisjoint(run):
        return f"a directional control, {name}, makes the text show in another order"
    if ord(first) < 32 or 127 <= ord(first) < 160:
        return f"a control character, {name}, that a terminal acts on"
    return f"an invisible character, {name}"
