"""Source lines with their numbers, and marks under what is meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from iachygiene.model import Location, SourceFile, Span
from iachygiene.report.escape import clean, clean_path
from iachygiene.report.mask import described, masked

MAX_COLUMNS = 160
"""Columns of a source line; what is longer is cut around the mark."""
MAX_LINES = 8
"""Lines of one frame, the empty one at its head included."""
_TAB = "    "
_FAR = 1000
"""Code points beyond the shown part of a long line that are searched for secrets."""


class Style(NamedTuple):
    """How frames look: columns for line numbers, room for source, characters, colour codes."""

    gutter: int
    columns: int = MAX_COLUMNS
    unicode: bool = True
    color: str = ""


class _Mark(NamedTuple):
    """Columns from 0 in one line, half-open."""

    start: int
    end: int
    sign: str
    label: str


def paint(text: str, color: str) -> str:
    """Text in a colour of the terminal, as it is where the colour is empty."""
    return f"\x1b[{color}m{text}\x1b[0m" if color else text


def frame(
    file: SourceFile,
    primary: Location,
    related: Iterable[Location],
    style: Style,
    *,
    sensitive: bool = False,
) -> tuple[list[str], list[Location]]:
    """The lines of a frame, and the related places of the same file that found no room.

    Of a sensitive rule's lines nothing is shown but how long the flagged text is.
    """
    rows: dict[int, list[_Mark]] = defaultdict(list)
    elided = _mark_primary(rows, file, primary)
    used = 1 + (elided > 0) + sum(1 + len(marks) for marks in rows.values())
    left = []
    for place in related:
        line, mark = _start_mark(file, place, "-")
        cost = 1 + (line not in rows)
        if used + cost > MAX_LINES or sensitive:
            left.append(place)
            continue
        used += cost
        rows[line].append(mark)
    lines = [_gutter("", style)]
    for number in sorted(rows):
        if sensitive:
            shown = described(file.shown_text[primary.span.start : primary.span.end])
            lines += _row(number, shown, [_Mark(0, len(shown), "^", primary.label)], style)
            break
        lines += _row(number, file.line(number), rows[number], style)
        if number == elided:
            lines.append(f"{'...':>{style.gutter}} |")
    return lines, left


def pointer(file: SourceFile, span: Span, label: str) -> list[str]:
    """An arrow to a place, then its frame: for a mistake outside of a report."""
    line, column = file.position(span.start)
    style = Style(gutter=max(len(str(line)), 2))
    arrow = f"{' ' * style.gutter}--> {clean_path(file.path)}:{line}:{column}"
    lines, _ = frame(file, Location(file.path, span, label), (), style)
    return [arrow, *lines]


def _mark_primary(rows: dict[int, list[_Mark]], file: SourceFile, primary: Location) -> int:
    """Mark the flagged lines; gives the line after which some are left out, 0 for none."""
    first, start = file.position(primary.span.start)
    last, end = file.position(primary.span.end)
    if last > first and end == 1:
        last, end = last - 1, len(file.line(last - 1)) + 1
    numbers = range(first, last + 1)
    shown = list(numbers) if len(numbers) <= 3 else [first, first + 1, last]
    for number in shown:
        text = file.line(number)
        left = start - 1 if number == first else len(text) - len(text.lstrip())
        right = end - 1 if number == last else len(text.rstrip())
        label = primary.label if number == last else ""
        if number == first or right > left:
            rows[number].append(_Mark(left, max(right, left + 1), "^", label))
        else:
            rows[number] = []
    return shown[1] if len(numbers) > 3 else 0


def _start_mark(file: SourceFile, place: Location, sign: str) -> tuple[int, _Mark]:
    line, column = file.position(place.span.start)
    end_line, end_column = file.position(place.span.end)
    end = end_column - 1 if end_line == line else len(file.line(line).rstrip())
    return line, _Mark(column - 1, max(end, column), sign, place.label)


def _gutter(number: str, style: Style) -> str:
    return f"{number:>{style.gutter}} |"


def _row(number: int, text: str, marks: Sequence[_Mark], style: Style) -> list[str]:
    if len(marks) == 1 and len(text) <= style.columns and text.isascii() and text.isprintable():
        mark = marks[0]
        if masked(text) == text:
            return _plain_row(number, text, mark, style)
    text, marks = _without_secrets(text, marks)
    left, right = _window(len(text), marks[0].start if marks else 0, style.columns)
    head = "..." if left else ""
    tail = "..." if right < len(text) else ""
    cells = _cells(text[left:right], style.unicode)
    lines = [f"{_gutter(str(number), style)} {head}{''.join(cells)}{tail}".rstrip()]
    for mark in marks:
        start = len(head) + _width(cells[: max(mark.start - left, 0)])
        length = _width(cells[max(mark.start - left, 0) : max(mark.end - left, 0)])
        signs = paint(mark.sign * max(length, 1), style.color if mark.sign == "^" else "")
        label = " " + clean(mark.label, ascii_only=not style.unicode) if mark.label else ""
        lines.append(f"{_gutter('', style)} {' ' * start}{signs}{label}")
    return lines


def _plain_row(number: int, text: str, mark: _Mark, style: Style) -> list[str]:
    """The usual row, in which every code point is one column."""
    signs = mark.sign * max(min(mark.end, len(text)) - mark.start, 1)
    if mark.sign == "^":
        signs = paint(signs, style.color)
    label = " " + clean(mark.label, ascii_only=not style.unicode) if mark.label else ""
    return [
        f"{number:>{style.gutter}} | {text}".rstrip(),
        f"{'':>{style.gutter}} | {' ' * mark.start}{signs}{label}",
    ]


def _without_secrets(text: str, marks: Sequence[_Mark]) -> tuple[str, Sequence[_Mark]]:
    """The line with secrets masked, and the marks moved to where their text went."""
    if len(text) > 4 * _FAR:  # a line can be a mebibyte: only what may be shown is looked at
        base = max((marks[0].start if marks else 0) - _FAR, 0)
        text = text[base : base + 4 * _FAR]
        marks = [
            mark._replace(start=max(mark.start - base, 0), end=max(mark.end - base, 1))
            for mark in marks
        ]
    hidden = masked(text)
    if hidden == text:
        return text, marks
    moved = []
    for mark in marks:
        start = min(len(masked(text[: mark.start])), len(hidden))
        end = min(len(masked(text[: mark.end])), len(hidden))
        moved.append(mark._replace(start=start, end=max(end, start + 1)))
    return hidden, moved


def _window(length: int, column: int, room: int) -> tuple[int, int]:
    if length <= room:
        return 0, length
    room -= 6  # for the dots at both ends
    left = max(min(column - room // 3, length - room), 0)
    return left, left + room


def _cells(text: str, unicode: bool) -> Sequence[str]:
    """What is printed for each code point."""
    if text.isascii() and text.isprintable():
        return text
    return [_TAB if one == "\t" else clean(one, ascii_only=not unicode) for one in text]


def _width(cells: Sequence[str]) -> int:
    """Columns on a terminal: two for wide characters, none for combining ones."""
    if isinstance(cells, str):
        return len(cells)
    from unicodedata import category, east_asian_width

    columns = 0
    for cell in cells:
        if len(cell) != 1 or cell.isascii():
            columns += len(cell)
        elif category(cell) not in ("Mn", "Me"):
            columns += 2 if east_asian_width(cell) in "WF" else 1
    return columns
