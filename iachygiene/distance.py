"""How far two words are apart: the edits (one letter more, less, another) between them."""

from __future__ import annotations

from collections.abc import Iterable


def within(one: str, other: str, limit: int) -> bool:
    """Whether at most `limit` edits, or swaps of neighbours, lead from one to the other."""
    return distance(one, other, limit) <= limit


def distance(one: str, other: str, limit: int) -> int:
    """The number of edits, or some number above `limit`; a swap of neighbours is one edit."""
    if abs(len(one) - len(other)) > limit or max(len(one), len(other)) > 200:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, candidate in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != candidate))
            swapped = i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], candidate)
            row.append(min(cost, earlier[j - 2] + 1) if swapped else cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def nearest(word: str, known: Iterable[str], limit: int = 2) -> str | None:
    """The known word with the fewest edits, where that is at most `limit` and alone so near."""
    ranked = sorted((distance(word, one, limit), one) for one in known if one != word)
    ranked = [pair for pair in ranked if pair[0] <= limit]
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]
