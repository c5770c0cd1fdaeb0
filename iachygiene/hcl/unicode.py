"""Unicode as HCL sees it: which characters make names, and how wide a text is.

Imported only where a text is not ASCII. Grapheme clusters are those of UAX #29 in
Unicode 15.0 (https://www.unicode.org/reports/tr29/tr29-41.html), as the reference finds
them: there a joiner joins a pictograph to flags and Hangul, too, not to pictographs alone.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from iachygiene.hcl import unicode_tables as tables
from iachygiene.lazy import regex


def _codes(gaps: str) -> list[int]:
    return list(accumulate((int(gap, 36) for gap in gaps.split()), initial=0x80))[1:]


# The three bytes, each kept as a lone surrogate, are one column.
_ENCODED_SURROGATE = regex("\udced[\udca0-\udcbf][\udc80-\udcbf]")
_START = _codes(tables.NAME_START)
_CONTINUE = _codes(tables.NAME_CONTINUE)
_GRAPHEME = _codes(tables.GRAPHEME)


def may_start(character: str) -> bool:
    """Whether a non-ASCII character can begin a name (ID_Start)."""
    return bisect_right(_START, ord(character)) % 2 == 1


def may_continue(character: str) -> bool:
    """Whether a non-ASCII character can stand in a name (ID_Continue)."""
    return bisect_right(_CONTINUE, ord(character)) % 2 == 1


def _grapheme_class(character: str) -> str:
    code = ord(character)
    if code < 0x80:
        return "O" if 0x20 <= code < 0x7F else "C"
    index = bisect_right(_GRAPHEME, code)
    found = tables.GRAPHEME_CLASSES[index - 1] if index else "O"
    if found == "H":
        return "A" if (code - 0xAC00) % 28 == 0 else "B"
    return found


# Pairs of classes between which a cluster goes on, whatever stands before.
_JOINED = frozenset(
    ["LL", "LV", "LA", "LB", "AV", "AT", "VV", "VT", "BT", "TT"]
    + [before + after for before in "OEJRPSLVTABX" for after in "EJS"]
    + ["P" + after for after in "ORPLVTABX"]
)


def width(text: str) -> int:
    """The number of grapheme clusters of a text; CRLF is one."""
    text = text.replace("\r\n", "\n")
    if text.isascii():
        return len(text)
    if _ENCODED_SURROGATE.search(text):
        text = _ENCODED_SURROGATE.sub("\0", text)
    count = 0
    before = "C"
    flags = 0  # regional indicators in a row just before
    picture = ""  # "X" in a pictograph with extenders, "J" when a joiner came last
    for character in text:
        after = _grapheme_class(character)
        joined = before + after in _JOINED
        if after == "R":
            joined = joined or flags % 2 == 1
            flags += 1
        else:
            flags = 0
        if after == "X":
            joined = joined or picture == "J"
        if after in "XRLVTAB":
            picture = "X"
        elif picture:
            picture = {"E": "X", "S": "X", "J": "J"}.get(after, "")
        count += not joined
        before = after
    return count
