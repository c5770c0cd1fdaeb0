"""The canonical layout of HCL text, as `terraform fmt` writes it.

Newlines are never added, removed or moved: only blanks change, and three kinds of content
(block labels, `"${...}"` as a whole value, old type names). The reference is Terraform
1.11.4, https://developer.hashicorp.com/terraform/cli/commands/fmt. Where its output loses
code or does not parse, `layout` says so with a guard.

Most lines of a repository occur many times, so lines are remembered by their text and the
syntax state they start in; a text with anything unusual is laid out as a whole instead.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from iachygiene.hcl import scan, syntax
from iachygiene.hcl.scan import Tokens
from iachygiene.lazy import regex


class Guard(NamedTuple):
    """A place where the reference's output would be broken: Q3, Q4, Q6, Q7 or Q8."""

    quirk: str
    start: int
    end: int
    explanation: str


class _Loss(NamedTuple):
    """A guard whose place is given in tokens, the last one included."""

    quirk: str
    first: int
    last: int
    explanation: str


class Layout(NamedTuple):
    """The canonical text, or with guards the text as it was."""

    text: str
    guards: tuple[Guard, ...] = ()


class Line(NamedTuple):
    """A line in three cells, inside of which the spacing is done.

    The assign cell begins with `=`, the comment cell is the last token; `net` are the
    brackets that the line opens more than it closes.
    """

    lead: str
    assign: str | None
    comment: str | None
    lead_width: int
    assign_width: int
    net: int


def format(text: str) -> str:
    """The text in canonical layout, exactly as the reference writes it, its faults included.

    Raises `HclError` where the text does not parse.
    """
    return layout(text, strict=True).text


def format_bytes(data: bytes) -> bytes:
    """`format` for the bytes of a file: a byte order mark goes, other bytes than UTF-8 stay."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    if len(body) < len(data) and not body.strip(b" \t"):
        return b" " * len(data)  # without a token, the mark is taken for blanks
    return format(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def layout(text: str, *, strict: bool = False) -> Layout:
    """The canonical layout of a text, or the reasons why it is better left alone.

    With `strict` the reference's output is given even where it is broken. Raises `HclError`
    where the text does not parse. A layout that would lose or change a token for no known
    reason is refused: the text stays, and a guard says so.
    """
    records = _remembered_lines(text)
    if records is None:
        return _layout_whole(text, strict=strict)
    result = _assemble([record.line for record in records if record.line])
    if "\r" in text:
        result = result.replace("\n", "\r\n")
    if result != text and "".join(result.split()) != "".join(text.split()):
        return _unsafe(text)
    return Layout(result)


def _unsafe(text: str) -> Layout:
    guard = Guard("safety", 0, len(text), "the layout would change more than blanks")
    return Layout(text, (guard,))


def _layout_whole(text: str, *, strict: bool) -> Layout:
    tokens = scan.scan(text)
    run = syntax.check_tokens(tokens)
    losses, edits = _rewrites(tokens, run.events)
    if _KEYWORD_INDEX.search(tokens.kinds):
        _lose_indexes(text, tokens, losses, edits)
    if losses and not strict:
        places = [
            Guard(loss.quirk, tokens.start(loss.first), tokens.ends[loss.last], loss.explanation)
            for loss in losses
        ]
        return Layout(text, tuple(sorted(places, key=lambda guard: guard.start)))
    kinds, texts = _edited(tokens, edits)
    blanks = len(text) - (tokens.ends[-2] if len(tokens.ends) > 1 else 0)
    result = _assemble(list(_split(kinds, texts))) + " " * blanks
    # With losses the reference's output is wanted although its tokens may be others.
    if result != text and not losses and scan.scan(result).texts[:-1] != texts:
        return _unsafe(text)
    return Layout(result)


# Content ---------------------------------------------------------------------------------

_Edits = dict[int, list[tuple[str, str]]]  # a token's index, the kinds and texts instead of it

_KEYWORD_INDEX = regex(r"(?:^|[ifINKlmg09\])}])[cn#]*\[[cn#]*K[cn#]*\]")
_CONTAINERS = frozenset(("list", "map", "set"))
_TYPES = {'"string"': "string", '"list"': "list", '"map"': "map"}


def _rewrites(
    tokens: Tokens, events: list[tuple[str, int]], *, fragment: bool = False
) -> tuple[list[_Loss], _Edits]:
    """What changes beside blanks.

    In a fragment, whose enclosing blocks are not known, what might change counts as changed.
    """
    losses: list[_Loss] = []
    edits: _Edits = {}
    blocks: list[str] = []  # the types of the enclosing ones
    name = assigned = -1
    for event, index in events:
        if event == syntax.STARTS:
            name = index
        elif event == syntax.ASSIGNS:
            assigned = index
        elif event == syntax.OPENS:
            _rewrite_labels(tokens, name, index, losses, edits)
            blocks.append(tokens.texts[name])
        elif event == syntax.CLOSES:
            del blocks[-1:]
        elif assigned >= 0:
            first, last = _trimmed(tokens.kinds, assigned + 1, index, scan.COMMENTS)
            typed = tokens.texts[name] == "type" and (fragment or blocks == ["variable"])
            if typed and last - first == 1:
                _rewrite_type(tokens, first, edits)
            if (fragment or not typed) and _is_wrapped(tokens.kinds, first, last):
                _unwrap(tokens, first, last, losses, edits)
            assigned = -1
        if event == syntax.CLOSES_LINE:
            del blocks[-1:]
    return losses, edits


def _trimmed(kinds: str, first: int, last: int, what: frozenset[str]) -> tuple[int, int]:
    """The range without tokens of some kinds at its ends."""
    while first < last and kinds[first] in what:
        first += 1
    while first < last and kinds[last - 1] in what:
        last -= 1
    return first, last


_WORD = regex(r"\w")
_PLAIN_LABEL = regex(r'"[A-Za-z0-9_. /:-]*"')


def _rewrite_labels(
    tokens: Tokens, name: int, brace: int, losses: list[_Loss], edits: _Edits
) -> None:
    """All labels become quoted strings; comments before the last of them are lost."""
    _, brace = _trimmed(tokens.kinds, name, brace, scan.COMMENTS)
    index = name + 1
    while index < brace:
        kind, text = tokens.kinds[index], tokens.texts[index]
        end = index + 1
        if kind == scan.COMMENT:
            edits[index] = []
            if _WORD.search(text):
                explanation = "a comment between a block's type and its labels would be deleted"
                losses.append(_Loss("Q8", index, index, explanation))
        elif kind in scan.NAMES:
            edits[index] = [(scan.STRING, _quoted(text))]
        elif kind == scan.OPEN_QUOTE or not _PLAIN_LABEL.fullmatch(text):
            if kind == scan.OPEN_QUOTE:
                end = tokens.kinds.index(scan.CLOSE_QUOTE, index) + 1
            inner = "".join(tokens.texts[index:end])[1:-1]
            if len(scan.text_pieces(inner)) > 1:
                edits[index] = []
                explanation = "a label with $ or % would be deleted"
                losses.append(_Loss("Q3", index, end - 1, explanation))
            else:
                from iachygiene.hcl.parse import unquote

                quoted = _quoted(unquote(inner))
                if quoted != text or kind == scan.OPEN_QUOTE:
                    edits[index] = [(scan.STRING, quoted)]
            edits.update({more: [] for more in range(index + 1, end)})
        index = end


_ESCAPED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def _quoted(label: str) -> str:
    """A label as a quoted string."""
    from unicodedata import category, normalize

    def shown(character: str) -> str:
        if character in _ESCAPED:
            return _ESCAPED[character]
        if character == " " or category(character)[0] in "LMNPS":
            return character
        code = ord(character)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    text = "".join(map(shown, normalize("NFC", label)))
    return '"' + text.replace("${", "$${").replace("%{", "%%{") + '"'


def _rewrite_type(tokens: Tokens, first: int, edits: _Edits) -> None:
    """The value of `type` in a variable, one token: names from before Terraform 0.12."""
    text = tokens.texts[first]
    name = _TYPES.get(text, text)
    if name not in _CONTAINERS and name == text:
        return
    edits[first] = [(scan.NAME, name)]
    if name in _CONTAINERS:
        element = "any" if name == text else "string"
        edits[first] += [("(", "("), (scan.NAME, element), (")", ")")]


def _is_wrapped(kinds: str, first: int, last: int) -> bool:
    """Whether a value is one `"${...}"`, as the reference sees it: heredocs count as outside."""
    if kinds[first : first + 2] != '"$' or kinds[last - 2 : last] != "~'":
        return False
    quotes = 0
    for kind in kinds[first + 2 : last - 2]:
        if kind == scan.OPEN_QUOTE:
            quotes += 1
        elif kind == scan.CLOSE_QUOTE:
            quotes -= 1
        elif quotes == 0 and kind in "$~":
            return False
    return True


def _unwrap(tokens: Tokens, first: int, last: int, losses: list[_Loss], edits: _Edits) -> None:
    """Take the quotes and the sequence from around an expression."""
    kinds = tokens.kinds
    start, end = _trimmed(kinds, first + 2, last - 2, frozenset(scan.NEWLINE))
    for index in (*range(first, start), *range(end, last)):
        edits[index] = []
    inner = kinds[start:end]
    if scan.NEWLINE in inner and not (inner[0] == "(" and inner[-1] == ")"):
        edits[first] = [("(", "(")]
        edits[last - 1] = [(")", ")")]
        return
    what = ""
    if inner[-1] == scan.HEREDOC_END and kinds[last] != scan.NEWLINE:
        quirk, what = "Q6", "the end of its heredoc does not end the line"
    elif syntax.Run(syntax.TERM).feed(inner + scan.NEWLINE + scan.END) >= 0:
        if scan.LINE_COMMENT in inner:
            quirk, what = "Q6", "a comment in it ends the line"
        else:
            quirk, what = "Q7", "parentheses at both ends hide that it spans lines"
    if what:
        explanation = f'without its "${{...}}" the expression would not parse: {what}'
        losses.append(_Loss(quirk, first, last - 1, explanation))


def _lose_indexes(text: str, tokens: Tokens, losses: list[_Loss], edits: _Edits) -> None:
    """Indexes that are a bare keyword are emptied by the reference."""
    for start, end in _lost_indexes(text):
        first = bisect_right(tokens.ends, start)
        last = bisect_right(tokens.ends, end - 1)
        edits.update({index: [] for index in range(first + 1, last)})
        explanation = "an index that is true, false or null would be deleted"
        losses.append(_Loss("Q4", first, last, explanation))


def _lost_indexes(text: str) -> Iterator[tuple[int, int]]:
    """Places of `[true]` and the like behind names and constant steps."""
    from iachygiene.hcl.parse import parse
    from iachygiene.hcl.tree import (
        For,
        ForDirective,
        Index,
        Literal,
        Node,
        Reference,
        Splat,
        Template,
    )

    waiting: list[tuple[Node, frozenset[str]]] = [(parse(text), frozenset())]
    while waiting:
        node, bound = waiting.pop()
        within = bound
        if isinstance(node, For | ForDirective):
            within = bound | {variable.name for variable in node.variables}
            waiting.append((node.collection, bound))
            waiting.extend((c, within) for c in node.children() if c is not node.collection)
            continue
        waiting.extend((child, bound) for child in node.children())
        if not isinstance(node, Reference) or node.name in bound:
            continue
        for step in node.steps:
            if isinstance(step, Splat):
                break
            if isinstance(step, Index):
                key = step.key
                if isinstance(key, Literal):
                    if key.value is None or isinstance(key.value, bool):
                        yield step.start, step.end
                elif not isinstance(key, Template) or key.text is None:
                    break


def _edited(tokens: Tokens, edits: _Edits) -> tuple[str, list[str]]:
    """Kinds and texts after the edits, without the end of the file."""
    if not edits:
        return tokens.kinds[:-1], tokens.texts[:-1]
    kinds: list[str] = []
    texts: list[str] = []
    before = 0
    for index in sorted(edits):
        kinds.append(tokens.kinds[before:index])
        texts += tokens.texts[before:index]
        for kind, text in edits[index]:
            kinds.append(kind)
            texts.append(text)
        before = index + 1
    kinds.append(tokens.kinds[before:-1])
    texts += tokens.texts[before:-1]
    return "".join(kinds), texts


# Lines -----------------------------------------------------------------------------------

_LINE_ENDS = regex(r"[^n#]*[n#]|[^n#]+")
_OPENERS = "{[($D"
_CLOSERS = "}])~"


class _Plan(NamedTuple):
    """How a line with certain kinds of tokens is laid out: cells as % formats."""

    lead_end: int
    assign_end: int
    lead: str
    assign: str | None
    net: int


_plans: dict[str, _Plan] = {}


def _split(kinds: str, texts: list[str]) -> Iterator[Line]:
    """The lines of the tokens: a newline or a line comment ends one."""
    for match in _LINE_ENDS.finditer(kinds):
        yield _line(match[0], texts[match.start() : match.end()])


def _line(shape: str, texts: list[str]) -> Line:
    plan = _plans.get(shape) or _planned(shape)
    lead_texts = texts[: plan.lead_end]
    lead = plan.lead % tuple(lead_texts)
    assign = None
    lead_width = assign_width = 0
    comment = texts[-1] if plan.assign_end < len(texts) else None
    if plan.assign is not None:
        assign_texts = texts[plan.lead_end : plan.assign_end]
        assign = plan.assign % tuple(assign_texts)
        if comment is not None:
            assign_width = _width(assign, assign_texts)
        lead_width = _width(lead, lead_texts)
    elif comment is not None:
        lead_width = _width(lead, lead_texts)
    return Line(lead, assign, comment, lead_width, assign_width, plan.net)


def _width(cell: str, texts: list[str]) -> int:
    """The columns of a cell: grapheme clusters, counted token by token."""
    if cell.isascii() and "\r" not in cell:
        return len(cell)
    from iachygiene.hcl.unicode import width

    columns = len(cell) - sum(map(len, texts))
    for text in texts:
        if text[0] == '"' and not text.isascii():
            columns += 2 + sum(map(width, scan.text_pieces(text[1:-1])))
        else:
            columns += width(text)
    return columns


def _balance(shape: str) -> int:
    return sum(map(shape.count, _OPENERS)) - sum(map(shape.count, _CLOSERS))


def _planned(shape: str) -> _Plan:
    assign_end = len(shape) - (len(shape) > 1 and shape[-1] in scan.COMMENTS)
    lead_end = shape.find("=", 1, assign_end)
    if lead_end < 0 or _balance(shape[lead_end:assign_end]):
        lead_end = assign_end
    lead = shape[:lead_end]
    assign = _spaced(shape[lead_end:assign_end]) if lead_end < assign_end else None
    net = _balance(lead[: lead.find(scan.HEREDOC) + 1] if scan.HEREDOC in lead else lead)
    plan = _Plan(lead_end, assign_end, _spaced(lead), assign, net)
    if len(shape) <= 100:
        if len(_plans) >= 20_000:
            _plans.clear()
        _plans[shape] = plan
    return plan


def _spaced(cell: str) -> str:
    """A % format for the tokens of a cell."""
    parts = ["%s"]
    for index in range(1, len(cell)):
        before = cell[index - 2] if index > 1 else ""
        parts.append(" %s" if _is_space_between(before, cell[index - 1], cell[index]) else "%s")
    return "".join(parts)


_NAMED = frozenset((*scan.NAMES, scan.INTEGER, scan.DECIMAL, ")", "]", "}"))
_BEFORE_SIGN = frozenset(("", *"({[=:,?!", scan.OPERATOR, scan.STAR, scan.MINUS))
_TEXT_LEFT = frozenset((scan.TEXT, scan.OPEN_QUOTE, scan.HEREDOC))
_TEXT_RIGHT = frozenset((scan.TEXT, scan.CLOSE_QUOTE, scan.HEREDOC_END))
_SEQUENCES = frozenset((scan.INTERPOLATION, scan.DIRECTIVE))


@cache
def _is_space_between(before: str, left: str, right: str) -> bool:
    """Whether a space goes between two tokens; `before` is the one before them, or empty."""
    if right == scan.NEWLINE:
        return False
    if left in scan.NAMES and right in "(" + scan.NAMESPACE:
        return False
    if left == scan.NAMESPACE and right in scan.NAMES:
        return False
    if left == "." or right in (".", ",", scan.ELLIPSIS):
        return False
    if left == ",":
        return True
    if left in _TEXT_LEFT or right in _TEXT_RIGHT:
        return False
    if left == scan.IN and before in scan.NAMES:
        return True
    if right == "[" and left in _NAMED:
        return False
    if left == "!":
        return False
    if left == scan.MINUS:
        return before not in _BEFORE_SIGN
    if left == "{" or right == "}":
        return not (left == "{" and right == "}")
    if (left in _SEQUENCES and right == "{") or (left == "}" and right == scan.SEQUENCE_END):
        return True
    if left == scan.SEQUENCE_END and right in _SEQUENCES:
        return False
    return not (left in "[(" or left in _SEQUENCES or right in "])" or right == scan.SEQUENCE_END)


# Columns ---------------------------------------------------------------------------------


def _assemble(lines: list[Line]) -> str:
    """The text of lines: indented, with `=` and trailing comments aligned."""
    indents = _indents(lines)
    gaps = _equals_gaps(lines, indents)
    out: list[str] = []
    first = -1  # of a run of lines with comments
    for index, line in enumerate(lines):
        if line.comment is None:
            if first >= 0:
                _add_commented(lines, indents, gaps, first, index, out)
                first = -1
            lead, assign = line.lead, line.assign
            if indents[index]:
                out.append(" " * indents[index])
            out.append(lead)
            if assign is not None:
                out.append(" " * gaps[index])
                out.append(assign)
        elif first < 0:
            first = index
    if first >= 0:
        _add_commented(lines, indents, gaps, first, len(lines), out)
    return "".join(out)


def _indents(lines: list[Line]) -> list[int]:
    """The spaces before each line. A line opens one level however many brackets it opens."""
    indents = []
    levels: list[int] = []
    for line in lines:
        if line.lead == "\n" or line.lead == "\r\n":
            indents.append(0)
            continue
        net = line.net
        if net > 0:
            indents.append(2 * len(levels))
            levels.append(net)
            continue
        while net < 0 and levels:
            net += levels.pop()
            if net > 0:
                levels.append(net)
        indents.append(2 * len(levels))
    return indents


def _equals_gaps(lines: list[Line], indents: list[int]) -> list[int]:
    """The spaces before each line's `=`, aligned in runs of lines that have one."""
    gaps = [0] * len(lines)
    first = -1
    widest = 0
    for index, line in enumerate(lines):
        if line.assign is not None:
            if first < 0:
                first, widest = index, 0
            gaps[index] = columns = indents[index] + line.lead_width
            if columns > widest:
                widest = columns
        elif first >= 0:
            for run in range(first, index):
                gaps[run] = widest - gaps[run] + 1
            first = -1
    if first >= 0:
        for run in range(first, len(lines)):
            gaps[run] = widest - gaps[run] + 1
    return gaps


def _add_commented(
    lines: list[Line], indents: list[int], gaps: list[int], first: int, last: int, out: list[str]
) -> None:
    """Add a run of lines that end in comments, the comments aligned."""
    ends = [
        indents[index] + lines[index].lead_width + gaps[index] + lines[index].assign_width
        for index in range(first, last)
    ]
    widest = max(ends)
    for index, end in zip(range(first, last), ends, strict=True):
        line = lines[index]
        out.append(" " * indents[index] + line.lead)
        if line.assign is not None:
            out.append(" " * gaps[index] + line.assign)
        out.append(" " * (widest - end + 1))
        out.append(line.comment or "")


# Remembered lines ------------------------------------------------------------------------


class _Record(NamedTuple):
    """What a line of text is, and does, in a syntax state.

    `after` is None where the line alone is no whole line of the layout: `until` is then
    the name of the heredoc or the `*/` to read on to, or empty for something unusual.
    """

    line: Line | None
    after: _State | None
    name: str = ""  # of an attribute that the line sets in the body around it
    scope: int = 0  # 1 where it opens a block, -1 where it closes one
    until: str = ""
    tokens: LineTokens | None = None


class LineTokens:
    """The tokens of a remembered line, comments and line end included.

    `length` is that of the line; `kept` is for whoever works out more of it.
    """

    __slots__ = ("kept", "kinds", "length", "skipped", "texts")

    def __init__(self, text: str, tokens: Tokens, skipped: list[int]) -> None:
        self.length = len(text)
        self.kinds = tokens.kinds[:-1]
        self.texts = tokens.texts[:-1]
        self.skipped = skipped
        self.kept: Kept | None = None


class Kept(NamedTuple):
    """Tokens without comments and without newlines that mean nothing, with their places."""

    kinds: str
    texts: list[str]
    starts: list[int]
    ends: list[int]


class _Effect(NamedTuple):
    """What a line does by the kinds of its tokens; `after` is None where it is refused.

    `rewrites` says that its content may change whatever its texts are.
    """

    after: _State | None
    events: list[tuple[str, int]] = []  # noqa: RUF012 - never changed
    name: int = -1
    scope: int = 0
    rewrites: bool = False
    skipped: list[int] = []  # noqa: RUF012 - never changed


_UNUSUAL = _Record(None, None)
_REMEMBERED = 200_000
_LONGEST = 2_000


class _State:
    """A syntax state at the start of a line, with the lines already met in it."""

    __slots__ = ("records", "runs", "stack", "state", "unfinished")

    def __init__(self, state: str, stack: str) -> None:
        self.state = state
        self.stack = stack
        self.unfinished = _UNFINISHED.search(stack) is not None
        self.records: dict[str, _Record] = {}
        self.runs: dict[str, _Effect] = {}  # by kinds of tokens

    def read(self, text: str) -> _Record:
        """The record of a line, given without its line end."""
        record = self._examine(text + "\n")
        if len(text) <= _LONGEST:
            _memory.note()
            self.records[text] = record
        return record

    def _examine(self, text: str) -> _Record:
        tokens = scan.scan_plain(text) or scan.scan(text)
        kinds = tokens.kinds
        if kinds[-1] == scan.INVALID and tokens.texts[-1].startswith("/*"):
            return _Record(None, None, until="*/")
        effect = self.runs.get(kinds) or self._run(kinds)
        after = effect.after
        if after is None:
            return _UNUSUAL
        if after.unfinished:
            name = scan.heredoc_name(tokens.texts[-2]) if kinds[-2] == scan.HEREDOC else ""
            return _Record(None, None, until=name)
        name = tokens.texts[effect.name] if effect.name >= 0 else ""
        if effect.rewrites or name == "type":
            losses, edits = _rewrites(tokens, effect.events, fragment=True)
            if losses or edits:
                return _UNUSUAL
        texts = tokens.texts[:-1]
        line = _line(kinds[:-1], texts)
        laid = " ".join([cell for cell in line[:3] if cell])
        if laid.split() != text.split() and scan.scan(laid).texts[:-1] != texts:
            return _UNUSUAL
        known = LineTokens(text, tokens, effect.skipped)
        return _Record(line, after, name, effect.scope, "", known)

    def _run(self, kinds: str) -> _Effect:
        """What tokens of these kinds do in this state."""
        run = syntax.Run(self.state, self.stack)
        refused = kinds[-1] == scan.INVALID or run.feed(kinds[:-1]) >= 0
        if refused or _KEYWORD_INDEX.search(kinds) or not _LINE_ENDS.fullmatch(kinds[:-1]):
            return _Effect(None)
        after = _memory.state(run.state, "".join(run.stack))
        name, scope = _change(run.events)
        rewrites = '"$' in kinds or any(event == syntax.OPENS for event, _ in run.events)
        effect = _Effect(after, run.events, name, scope, rewrites, run.skipped)
        if len(kinds) <= 100:
            self.runs[kinds] = effect
        return effect


# Templates that go on, and an index whose content is on the next line (Q4).
_UNFINISHED = regex(r'["h$ITLFGi]')


def _change(events: list[tuple[str, int]]) -> tuple[int, int]:
    """The token that names an attribute of the body around, and how block nesting changes."""
    name, scope = -1, 0
    start = 0
    for event, index in events:
        if event == syntax.STARTS:
            start = index
        elif event == syntax.ASSIGNS:
            name = start
        elif event == syntax.OPENS:
            scope += 1
        elif event == syntax.CLOSES:
            scope -= 1
        elif event == syntax.CLOSES_LINE:
            name = -1
            scope -= 1
    return name, scope


class _Memory:
    """All states, and how many lines they remember together."""

    def __init__(self) -> None:
        self.states: dict[str, _State] = {}
        self.size = 0

    def state(self, state: str, stack: str) -> _State:
        found = self.states.get(state + stack)
        if found is None:
            found = self.states[state + stack] = _State(state, stack)
        return found

    def note(self) -> None:
        self.size += 1
        if self.size > _REMEMBERED:
            for state in self.states.values():
                state.records.clear()
                state.runs.clear()
            self.size = 0


_memory = _Memory()


# The layout of a file is asked for first, its comments and its tree a little later.
@lru_cache(maxsize=200)
def _remembered_lines(text: str) -> list[_Record] | None:
    """The records of a text's lines; None where it holds anything unusual, such as a mistake."""
    if "\r" in text:
        plain = text.replace("\r\n", "\n")
        if "\r" in plain or len(text) - len(plain) != plain.count("\n"):
            return None
        text = plain
    *pieces, last = text.split("\n")
    if last:
        return None
    state = _memory.state(syntax.ITEM, syntax.ROOT)
    names: set[str] = set()
    bodies: list[set[str]] = []
    records: list[_Record] = []
    rest = iter(pieces)
    for piece in rest:
        record = state.records.get(piece) or state.read(piece)
        if record.after is None:
            record = _extended(state, record, piece, rest)
        _, after, name, scope, _, _ = record
        if after is None:
            return None
        records.append(record)
        if scope > 0:
            bodies.append(names)
            names = set()
        elif scope < 0:
            names = bodies.pop()
        elif name:
            if name in names:
                return None
            names.add(name)
        state = after
    return records if state.stack == syntax.ROOT and state.state == syntax.ITEM else None


def remembered_tokens(text: str) -> list[LineTokens] | None:
    """The tokens of a text by line; None where they have to be looked for.

    The syntax of such a text is right.
    """
    records = None if "\r" in text else _remembered_lines(text)
    return None if records is None else [record.tokens for record in records if record.tokens]


def _extended(state: _State, record: _Record, piece: str, rest: Iterator[str]) -> _Record:
    """The record of a heredoc or a comment over several lines, which are taken from `rest`."""
    until = record.until
    if not until:
        return record
    pieces = [piece]
    for piece in rest:
        pieces.append(piece)
        if until in piece and (until == "*/" or scan.is_heredoc_end(piece, until)):
            text = "\n".join(pieces)
            return state.records.get(text) or state.read(text)
    return record
