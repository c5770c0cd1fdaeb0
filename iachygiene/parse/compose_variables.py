"""Variables in the texts of Compose files.

https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
"""

from __future__ import annotations

from iachygiene.lazy import regex

_MAX_NESTED = 20
"""How deep the default of a variable may hold others."""

DEFAULTED = regex(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*):?-([^${}]*)\}")
"""A variable with a default that holds no other: its name and the default."""


def expand(text: str) -> str:
    """A text with the defaults of its variables filled in, `$$` for a dollar read as one.

    What has no default is left as written: nobody knows here what it will be.
    """
    if "$" not in text:
        return text
    # A default may hold further variables; each pass fills in the innermost ones.
    for _ in range(_MAX_NESTED):
        filled = DEFAULTED.sub(lambda found: found[2], text)
        if filled == text:
            break
        text = filled
    return text.replace("$$", "$")


def is_unknown(text: str) -> bool:
    """Whether an expanded text still holds a variable."""
    return "$" in text


def outer_colon(text: str, start: int) -> int:
    """The first colon that is not inside of `${}` or `[]`, -1 without one."""
    depth = 0
    for here in range(start, len(text)):
        if text.startswith("${", here) or text[here] == "[":
            depth += 1
        elif text[here] in "}]" and depth:
            depth -= 1
        elif text[here] == ":" and not depth:
            return here
    return -1


def outer_parts(text: str) -> list[str]:
    """A text cut at its colons, but not inside of `${}` or `[]`."""
    parts = []
    start = 0
    while (colon := outer_colon(text, start)) != -1:
        parts.append(text[start:colon])
        start = colon + 1
    return [*parts, text[start:]]
