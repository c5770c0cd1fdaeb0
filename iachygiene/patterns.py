"""Regular expressions that a person wrote into a configuration.

They may be ones that take for ever. So they are short, see little text, and are searched under
the time limit of a unit: Python's engine lets the timer interrupt it. What was searched for
then is known here.
"""

from __future__ import annotations

import re

MAX_PATTERN = 1000
"""Characters of a pattern."""
MAX_TEXT = 4096
"""Characters of a text that it is searched in."""

Pattern = str
"""The annotation of an option that holds a name of some patterns, or one that begins with ^."""

_searching = ""


def is_usable(text: str) -> bool:
    """Whether a text is a regular expression that may be searched for."""
    if len(text) > MAX_PATTERN:
        return False
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def search(pattern: re.Pattern[str], text: str, option: str) -> bool:
    """Whether a pattern is found at the beginning of a text; `option` says where it is from."""
    global _searching
    _searching = option
    found = pattern.search(text[:MAX_TEXT]) is not None
    _searching = ""
    return found


def interrupted() -> str:
    """The option whose pattern was searched for when the time was up, "" for none."""
    global _searching
    option, _searching = _searching, ""
    return option
