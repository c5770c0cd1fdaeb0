"""Which rules are meant, and what is said of them: words of a selection against rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.rule import LANGUAGES

if TYPE_CHECKING:
    from iachygiene.rule import Brief, Rule

ALWAYS_ON = frozenset(("HYG001", "HYG003", "HYG004", "HYG005", "HYG006"))
"""Files that cannot be judged are reported whatever is selected or ignored."""

UNSELECTED = frozenset(("HYG002",))
"""What is reported whatever is selected, but can be ignored."""

EXACT = 100
_COMMAND_LINE = 1_000_000


class Term(NamedTuple):
    """A word of a selection: which rules it names, how exactly, and how late it was said.

    `text` is DEFAULT, ALL, a prefix, or (`rank` `EXACT`) a code.
    """

    text: str
    rank: int
    layer: int = 0

    def names(self, rule: Rule | Brief) -> bool:
        """Whether the rule is meant."""
        if self.rank == EXACT:
            return rule.code == self.text
        if self.text == "DEFAULT":
            return rule.default == "on"
        return self.text == "ALL" or rule.code.startswith(self.text)

    def beats(self, chosen: Term) -> bool:
        """Whether this word of an ignore list stands against one of a select list.

        What is said later wins; of two said in one place the more exact one does, and the
        ignore where they are equal.
        """
        if self.layer == chosen.layer:
            return self.rank >= chosen.rank
        return self.layer > chosen.layer or self.rank > chosen.rank


def terms(word: str, layer: int = 0) -> list[Term] | None:
    """What a word stands for: DEFAULT, ALL, a prefix, a code, a name, an alias; None if nothing."""
    if word in ("DEFAULT", "ALL"):
        return [Term(word, 0, layer)]
    if word in LANGUAGES:
        return [Term(word, len(word), layer)]
    language = LANGUAGES.get(word.rstrip("0123456789"))
    if language is not None:
        from iachygiene.rule import briefs

        codes = [rule.code for rule in briefs().values() if rule.language == language]
        if word in codes:
            return [Term(word, EXACT, layer)]
        known = any(code.startswith(word) for code in codes)
        return [Term(word, len(word), layer)] if known else None
    from iachygiene.rule import find

    return [Term(rule.code, EXACT, layer) for rule in find(word)] or None


def nearest(word: str, among: Iterable[str]) -> str:
    """The advice that names the nearest of some words, empty where none is near."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(among), 1)
    return f"did you mean `{close[0]}`?" if close else ""


def nearest_rule(word: str) -> str:
    """The advice that names the nearest code, name or alias of a rule."""
    from iachygiene.rule import briefs

    known = ["DEFAULT", "ALL", *LANGUAGES]
    for rule in briefs().values():
        known += [rule.code, rule.name, *rule.aliases]
    return nearest(word, known) or nearest(word.upper(), known) or nearest(word.lower(), known)


class View:
    """What the configuration says of rules where a given set of overrides applies."""

    def __init__(
        self, read: Mapping[str, Any], given: Mapping[str, Any], parts: tuple[int, ...]
    ) -> None:
        overrides = read.get("overrides", ())
        layers = [(0, read), *((number + 1, overrides[number]) for number in parts)]
        layers.append((_COMMAND_LINE, given))
        self.selected = _merged(layers, "select", ["DEFAULT"])
        self.ignored = _merged(layers, "ignore", [])
        self._severities = [
            (term, said)
            for layer, table in layers
            for word, said in table.get("severity", {}).items()
            for term in all_terms([word], layer)
        ]
        self._tables = [table.get("rules", {}) for _, table in layers if table.get("rules")]
        self._enabled: dict[str, bool] = {}
        self._options: dict[str, Mapping[str, Any]] = {}

    def enabled(self, rule: Rule | Brief) -> bool:
        known = self._enabled.get(rule.code)
        if known is None:
            against = [term for term in self.ignored if term.names(rule)]
            loudest = self._loudest(rule)
            if loudest is not None and loudest[1] == "off":
                against.append(loudest[0])
            known = self._enabled[rule.code] = any(
                term.names(rule) and not any(other.beats(term) for other in against)
                for term in self._selecting(rule)
            )
        return known

    def _selecting(self, rule: Rule | Brief) -> Sequence[Term]:
        if rule.code in UNSELECTED:
            return [*self.selected, Term(rule.code, 0)]
        return self.selected

    def severity(self, rule: Rule) -> str | None:
        loudest = self._loudest(rule) if self._severities else None
        return None if loudest is None else loudest[1]

    def _loudest(self, rule: Rule | Brief) -> tuple[Term, str] | None:
        named = [(term, said) for term, said in self._severities if term.names(rule)]
        return max(named, key=lambda pair: (pair[0].layer, pair[0].rank), default=None)

    def options(self, rule: Rule) -> Mapping[str, Any]:
        """The options set for a rule, by the names of its parameters."""
        if not self._tables:
            return {}
        known = self._options.get(rule.code)
        if known is None:
            known = {}
            for table in self._tables:
                for name in (rule.code, rule.name, *rule.aliases):
                    for option, value in table.get(name, {}).items():
                        known[option.replace("-", "_")] = _like(rule.options[option], value)
            self._options[rule.code] = known
        return known


def _merged(
    layers: Sequence[tuple[int, Mapping[str, Any]]], name: str, default: list[str]
) -> list[Term]:
    found = all_terms(default, 0)
    for layer, table in layers:
        if name in table:
            found = all_terms(table[name], layer)
        found += all_terms(table.get("extend-" + name, ()), layer)
    return found


def all_terms(words: Iterable[str], layer: int) -> list[Term]:
    return [term for word in words for term in terms(word, layer) or ()]


def _like(default: object, value: Any) -> Any:
    if isinstance(value, list):
        return frozenset(value) if isinstance(default, frozenset | set) else tuple(value)
    return value
