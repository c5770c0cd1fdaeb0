"""The syntax check: a pushdown automaton over kinds of tokens, without a tree.

It refuses what Terraform refuses. Grammar:
https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md, with the limits of the
reference implementation where that page leaves them open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from iachygiene.hcl import scan
from iachygiene.hcl.scan import Tokens

MAX_NESTING = 200
"""Brackets, blocks, sequences, strings with sequences and pending `?` inside each other."""


class HclError(Exception):
    """Text that is not HCL: what is wrong and where, in code points."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end


class HclTooDeep(HclError):
    """Text nested deeper than `MAX_NESTING`: not judged."""


# What encloses the place: the stack's symbols. Newlines count in those of TIGHT.
ROOT, BLOCK, LINE_BLOCK = "0", "b", "l"
PAREN, CALL, TUPLE, INDEX, KEY, VALUE = "(", "f", "[", "i", "{", "v"
PENDING, LOOSE_PENDING = "?", "q"  # a conditional before its colon
TUPLE_OF, TUPLE_ITEM, TUPLE_IF = "c", "r", "d"  # [for x in TUPLE_OF : TUPLE_ITEM if TUPLE_IF]
OBJECT_OF, OBJECT_KEY, OBJECT_ITEM, OBJECT_IF = "C", "K", "V", "E"
QUOTED, HEREDOC, SEQUENCE = '"', "h", "$"
IF_HEAD, IF_BODY, ELSE_BODY, FOR_HEAD, FOR_BODY = "I", "T", "L", "F", "G"  # of directives

TIGHT = frozenset(ROOT + BLOCK + LINE_BLOCK + KEY + VALUE + PENDING)
_TEMPLATES = QUOTED + HEREDOC + IF_BODY + ELSE_BODY + FOR_BODY
_BODIES = ROOT + BLOCK
_EXPRESSIONS = (
    ROOT + BLOCK + LINE_BLOCK + PAREN + CALL + TUPLE + INDEX + KEY + VALUE + PENDING
    + LOOSE_PENDING + TUPLE_OF + TUPLE_ITEM + TUPLE_IF + OBJECT_OF + OBJECT_KEY + OBJECT_ITEM
    + OBJECT_IF + SEQUENCE + IF_HEAD + FOR_HEAD
)  # fmt: skip

# What is expected next: the states.
ITEM, ITEM_NAME, LABEL, LABEL_TEXT, BODY, LINE_NAME, ITEM_END = "ABCDEFG"
TERM, NAMED, NAMESPACED, CALL_OPEN, TERMED, DOT, SPLAT, SPLAT_DOT = "HIJKLMNO"
INDEX_START, STAR_END, ARGUMENT, SPREAD, FIRST_ELEMENT, ELEMENT = "PQRSTU"
FIRST_KEY, NEXT_KEY, GROUPED = "VWX"
FOR_NAME, FOR_COMMA, FOR_SECOND, FOR_IN = "YZab"
TEMPLATE, DIRECTIVE, DIRECTIVE_END, DONE = "cdef"

# What the layout and the tree want to know: events, each with the index of its token.
STARTS = "i"  # the name that starts an attribute or block
ASSIGNS = "="  # the value starts behind this token
ASSIGNED = "/"  # the value ended before this token
OPENS = "{"  # of a block
CLOSES = "}"  # of a block
CLOSES_LINE = ")"  # of a block in one line: the value, too, ended before this token


class Move(NamedTuple):
    """What a token does: leave an enclosing symbol, enter one, expect a state."""

    state: str
    enter: str = ""
    leave: bool = False
    event: str = ""


Row = dict[str, Move]


def _each(kinds: Iterable[str], move: Move) -> Row:
    return dict.fromkeys(kinds, move)


def _terms() -> Row:
    return {
        **_each(scan.NAMES, Move(NAMED)),
        **_each(scan.INTEGER + scan.DECIMAL + scan.STRING, Move(TERMED)),
        **_each(scan.MINUS + "!", Move(TERM)),
        scan.OPEN_QUOTE: Move(TEMPLATE, enter=QUOTED),
        scan.HEREDOC: Move(TEMPLATE, enter=HEREDOC),
        "(": Move(TERM, enter=PAREN),
        "[": Move(FIRST_ELEMENT, enter=TUPLE),
        "{": Move(FIRST_KEY, enter=KEY),
    }


def _swap(top: str, state: str = TERM) -> Move:
    return Move(state, enter=top, leave=True)


def _ends() -> dict[str, Row]:
    """By enclosing symbol, the tokens that end an expression there."""
    newlines = scan.NEWLINE + scan.LINE_COMMENT
    closed = Move(TERMED, leave=True)
    next_item = _each(newlines, Move(ITEM, event=ASSIGNED))
    return {
        ROOT: {**next_item, scan.END: Move(DONE, event=ASSIGNED)},
        BLOCK: next_item,
        LINE_BLOCK: {"}": Move(ITEM_END, leave=True, event=CLOSES_LINE)},
        PAREN: {")": closed},
        CALL: {")": closed, ",": Move(ARGUMENT), scan.ELLIPSIS: Move(SPREAD)},
        TUPLE: {"]": closed, ",": Move(ELEMENT)},
        INDEX: {"]": closed},
        KEY: _each("=:", _swap(VALUE)),
        VALUE: {**_each("," + newlines, _swap(KEY, NEXT_KEY)), "}": closed},
        PENDING: {":": Move(TERM, leave=True)},
        LOOSE_PENDING: {":": Move(TERM, leave=True)},
        TUPLE_OF: {":": _swap(TUPLE_ITEM)},
        TUPLE_ITEM: {"]": closed, scan.IF: _swap(TUPLE_IF)},
        TUPLE_IF: {"]": closed},
        OBJECT_OF: {":": _swap(OBJECT_KEY)},
        OBJECT_KEY: {scan.ARROW: _swap(OBJECT_ITEM)},
        OBJECT_ITEM: {"}": closed, scan.IF: _swap(OBJECT_IF), scan.ELLIPSIS: Move(GROUPED)},
        OBJECT_IF: {"}": closed},
        SEQUENCE: {scan.SEQUENCE_END: Move(TEMPLATE, leave=True)},
        IF_HEAD: {scan.SEQUENCE_END: _swap(IF_BODY, TEMPLATE)},
        FOR_HEAD: {scan.SEQUENCE_END: _swap(FOR_BODY, TEMPLATE)},
    }


def _expression_rows() -> Iterator[tuple[str, str, Row]]:
    terms = _terms()
    newlines = scan.NEWLINE + scan.LINE_COMMENT
    for top, ends in _ends().items():
        after = {
            **_each(scan.OPERATOR + scan.MINUS + scan.STAR, Move(TERM)),
            "?": Move(TERM, enter=PENDING if top in TIGHT else LOOSE_PENDING),
            ".": Move(DOT),
            "[": Move(INDEX_START),
            **ends,
        }
        index_terms = {kind: Move(move.state, INDEX + move.enter) for kind, move in terms.items()}
        if top in TIGHT:
            index_terms.update(_each(newlines, Move(TERM, enter=INDEX)))
        yield TERM, top, terms
        yield TERMED, top, after
        yield (
            NAMED,
            top,
            {**after, "(": Move(ARGUMENT, enter=CALL), scan.NAMESPACE: Move(NAMESPACED)},
        )
        yield NAMESPACED, top, _each(scan.NAMES, Move(CALL_OPEN))
        yield CALL_OPEN, top, {"(": Move(ARGUMENT, enter=CALL), scan.NAMESPACE: Move(NAMESPACED)}
        yield DOT, top, {**_each([*scan.NAMES, scan.INTEGER], Move(TERMED)), "*": Move(SPLAT)}
        yield SPLAT, top, {**after, ".": Move(SPLAT_DOT)}
        yield SPLAT_DOT, top, _each([*scan.NAMES, scan.INTEGER], Move(SPLAT))
        yield INDEX_START, top, {**index_terms, "*": Move(STAR_END)}
        yield STAR_END, top, {"]": Move(TERMED)}
    closed = Move(TERMED, leave=True)
    yield ARGUMENT, CALL, {**terms, ")": closed}
    yield SPREAD, CALL, {")": closed}
    yield ELEMENT, TUPLE, {**terms, "]": closed}
    yield FIRST_ELEMENT, TUPLE, {**terms, "]": closed, scan.FOR: _swap(TUPLE_OF, FOR_NAME)}
    keys = {**terms, "}": closed, **_each(newlines, Move(NEXT_KEY))}
    yield NEXT_KEY, KEY, keys
    first = {**_each(newlines, Move(FIRST_KEY)), scan.FOR: _swap(OBJECT_OF, FOR_NAME)}
    yield FIRST_KEY, KEY, {**keys, **first}
    yield GROUPED, OBJECT_ITEM, {"}": closed, scan.IF: _swap(OBJECT_IF)}
    for top in TUPLE_OF + OBJECT_OF + FOR_HEAD:
        yield FOR_NAME, top, _each(scan.NAMES, Move(FOR_COMMA))
        yield FOR_COMMA, top, {",": Move(FOR_SECOND), scan.IN: Move(TERM)}
        yield FOR_SECOND, top, _each(scan.NAMES, Move(FOR_IN))
        yield FOR_IN, top, {scan.IN: Move(TERM)}


def _template_rows() -> Iterator[tuple[str, str, Row]]:
    for top in _TEMPLATES:
        row = {
            scan.TEXT: Move(TEMPLATE),
            scan.INTERPOLATION: Move(TERM, enter=SEQUENCE),
            scan.DIRECTIVE: Move(DIRECTIVE),
        }
        if top == QUOTED:
            row[scan.CLOSE_QUOTE] = Move(TERMED, leave=True)
        elif top == HEREDOC:
            row[scan.HEREDOC_END] = Move(TERMED, leave=True)
        directives = {
            scan.IF: Move(TERM, enter=IF_HEAD),
            scan.FOR: Move(FOR_NAME, enter=FOR_HEAD),
        }
        if top == IF_BODY:
            directives[scan.ELSE] = _swap(ELSE_BODY, DIRECTIVE_END)
        if top in IF_BODY + ELSE_BODY:
            directives[scan.ENDIF] = Move(DIRECTIVE_END, leave=True)
        elif top == FOR_BODY:
            directives[scan.ENDFOR] = Move(DIRECTIVE_END, leave=True)
        yield TEMPLATE, top, row
        yield DIRECTIVE, top, directives
        yield DIRECTIVE_END, top, {scan.SEQUENCE_END: Move(TEMPLATE)}


def _body_rows() -> Iterator[tuple[str, str, Row]]:
    newlines = scan.NEWLINE + scan.LINE_COMMENT
    for top in _BODIES:
        items = {
            **_each(newlines, Move(ITEM)),
            **_each(scan.NAMES, Move(ITEM_NAME, event=STARTS)),
        }
        after: Row = _each(newlines, Move(ITEM))
        if top == ROOT:
            items[scan.END] = after[scan.END] = Move(DONE)
        else:
            items["}"] = Move(ITEM_END, leave=True, event=CLOSES)
        labels = {
            **_each([*scan.NAMES, scan.STRING], Move(LABEL)),
            scan.OPEN_QUOTE: Move(LABEL_TEXT),
            "{": Move(BODY, enter=BLOCK, event=OPENS),
        }
        yield ITEM, top, items
        yield ITEM_NAME, top, {**labels, "=": Move(TERM, event=ASSIGNS)}
        yield LABEL, top, labels
        yield LABEL_TEXT, top, {scan.TEXT: Move(LABEL_TEXT), scan.CLOSE_QUOTE: Move(LABEL)}
        yield ITEM_END, top, after
    yield (
        BODY,
        BLOCK,
        {
            **_each(newlines, Move(ITEM)),
            **_each(scan.NAMES, Move(LINE_NAME, enter=LINE_BLOCK, leave=True, event=STARTS)),
            "}": Move(ITEM_END, leave=True, event=CLOSES),
        },
    )
    yield LINE_NAME, LINE_BLOCK, {"=": Move(TERM, event=ASSIGNS)}


_NO_MOVES: Row = {}
_ROWS: dict[str, Row] = {
    state + top: row
    for rows in (_body_rows(), _expression_rows(), _template_rows())
    for state, top, row in rows
}


class Run:
    """The automaton at work: where it stands, and what it has noted so far.

    `events` are the places of items in the token list, `skipped` the indices of comments
    and of newlines that mean nothing, `opened` the token of each enclosing symbol.
    """

    __slots__ = ("events", "opened", "skipped", "stack", "state")

    def __init__(self, state: str = ITEM, stack: str = ROOT) -> None:
        self.state = state
        self.stack = list(stack)
        self.opened = [0] * len(stack)
        self.events: list[tuple[str, int]] = []
        self.skipped: list[int] = []

    def feed(self, kinds: str) -> int:
        """Take tokens; the index of the first that may not stand there, -1 if all may.

        Nesting over `MAX_NESTING` stops at the token that exceeds it.
        """
        rows, stack, opened = _ROWS, self.stack, self.opened
        state = self.state
        row = rows.get(state + stack[-1], _NO_MOVES)
        for index, kind in enumerate(kinds):
            move = row.get(kind)
            if move is None:
                if kind == scan.COMMENT or (
                    (kind == scan.NEWLINE or kind == scan.LINE_COMMENT) and stack[-1] not in TIGHT
                ):
                    self.skipped.append(index)
                    continue
                self.state = state
                return index
            state, enter, leave, event = move
            if leave:
                if enter:
                    stack[-1] = enter
                else:
                    stack.pop()
                    opened.pop()
            elif enter:
                stack += enter
                opened += [index] * len(enter)
                if len(stack) > MAX_NESTING + 1:
                    self.state = state
                    return index
            if event:
                self.events.append((event, index))
            row = rows[state + stack[-1]] if state != DONE else _NO_MOVES
        self.state = state
        return -1


def check_tokens(tokens: Tokens) -> Run:
    """Check the syntax of a whole file; raises `HclError` at the first mistake."""
    run = Run()
    refused = run.feed(tokens.kinds)
    repeated = _repeated_attribute(tokens, run.events)
    if repeated >= 0:
        name = tokens.texts[repeated]
        raise _error(tokens, repeated, f'attribute "{name}" is set twice in this body')
    if refused < 0:
        return run
    if len(run.stack) > MAX_NESTING + 1:
        start = tokens.start(refused)
        message = f"nested deeper than {MAX_NESTING} levels"
        raise HclTooDeep(message, start, max(tokens.ends[refused], start + 1))
    raise _explain(tokens, run, refused)


def check(text: str) -> None:
    """Check the syntax of a text; raises `HclError`, over the nesting limit `HclTooDeep`."""
    check_tokens(scan.scan(text))


def _repeated_attribute(tokens: Tokens, events: list[tuple[str, int]]) -> int:
    """The index of the first attribute name that its body already has, -1 if none."""
    bodies: list[set[str]] = [set()]
    name = 0
    for event, index in events:
        if event == STARTS:
            name = index
        elif event == ASSIGNS:
            if tokens.texts[name] in bodies[-1]:
                return name
            bodies[-1].add(tokens.texts[name])
        elif event == OPENS:
            bodies.append(set())
        elif event in CLOSES + CLOSES_LINE:
            bodies.pop()
    return -1


def _error(tokens: Tokens, index: int, message: str) -> HclError:
    return HclError(message, tokens.start(index), tokens.ends[index])


def _explain(tokens: Tokens, run: Run, index: int) -> HclError:
    """The error for a token that the automaton refused."""
    kind, text = tokens.kinds[index], tokens.texts[index]
    state, top, opening = run.state, run.stack[-1], run.opened[-1]
    if kind == scan.INVALID and (state not in _ITEM_STATES or text[0] in '"/'):
        in_text = state in (TEMPLATE, LABEL_TEXT)
        if in_text and text in ("\n", "\r"):
            return _error(
                tokens, _quote(tokens, run, index), "the string is not closed on its line"
            )
        return _explain_invalid(tokens, index, in_text=in_text)
    if kind == scan.END:
        return _explain_end(tokens, run, index)
    if state != TEMPLATE and _is_unbalanced(tokens, run, index):
        shown = _shown(kind, text)
        if top == INDEX:  # which is entered at the token behind its bracket
            opening = tokens.kinds.rfind("[", 0, opening + 1)
        return _error(tokens, opening, f"the {_OPEN[top]} has no end before {shown}")
    if state in _EXPECTED:
        return _error(tokens, index, f"{_EXPECTED[state]}, not {_shown(kind, text)}")
    if state in (DIRECTIVE, DIRECTIVE_END):
        return _error(tokens, index, _explain_directive(kind, text, state, top))
    if state == LABEL_TEXT:
        return _error(tokens, index, "a block label holds no template sequence")
    if state == TEMPLATE:
        return _error(tokens, opening, "the template ends before this directive has its end")
    if state in _TERM_STATES:
        return _error(tokens, index, f"an expression is expected, not {_shown(kind, text)}")
    return _error(tokens, index, _explain_after(tokens, opening, kind, text, state, top))


def _quote(tokens: Tokens, run: Run, index: int) -> int:
    """The token that opened the string which goes on at a token."""
    if run.state == LABEL_TEXT:
        return tokens.kinds.rfind(scan.OPEN_QUOTE, 0, index)
    last = len(run.stack) - 1 - run.stack[::-1].index(QUOTED)
    return run.opened[last]


def _is_unbalanced(tokens: Tokens, run: Run, index: int) -> bool:
    """Whether what is innermost should have ended before a token.

    So it is where the token closes something further out, and in a template where the line
    ended without anything that could follow.
    """
    top, kind = run.stack[-1], tokens.kinds[index]
    if top not in _OPEN or top in _CLOSED_BY.get(kind, ()):
        return False
    if not _CLOSED_BY.get(kind, frozenset()).isdisjoint(run.stack):
        return True
    return top in _SEQUENCES and scan.NEWLINE in tokens.kinds[run.opened[-1] : index]


_SEQUENCES = frozenset((SEQUENCE, IF_HEAD, FOR_HEAD))
_CLOSED_BY = {
    ")": frozenset((PAREN, CALL)),
    "]": frozenset((TUPLE, INDEX, TUPLE_OF, TUPLE_ITEM, TUPLE_IF)),
    "}": frozenset((BLOCK, LINE_BLOCK, KEY, VALUE, OBJECT_OF, OBJECT_KEY, OBJECT_ITEM, OBJECT_IF)),
    scan.SEQUENCE_END: _SEQUENCES,
    scan.CLOSE_QUOTE: frozenset((QUOTED,)),
    scan.HEREDOC_END: frozenset((HEREDOC,)),
}
"""The tokens that close something, with what they close."""
_ITEM_STATES = frozenset((ITEM, ITEM_NAME, LABEL, BODY, LINE_NAME))
_TERM_STATES = frozenset((TERM, INDEX_START, ARGUMENT, FIRST_ELEMENT, ELEMENT, FIRST_KEY, NEXT_KEY))
_EXPECTED = {
    ITEM: "an argument or block is expected",
    ITEM_NAME: 'an argument needs "=", a block a label or "{" after its name',
    LABEL: 'a block needs its labels and "{" on one line',
    BODY: 'a block body starts on a new line or holds one argument before "}"',
    LINE_NAME: "a block in one line holds one argument and nothing else",
    ITEM_END: "a block ends with a new line",
    NAMESPACED: 'a function name is expected after "::"',
    CALL_OPEN: 'a function name with "::" needs "("',
    DOT: 'an attribute name or an index is expected after "."',
    STAR_END: '"]" is expected after "[*"',
    SPREAD: '")" is expected after "..."',
    GROUPED: '"}" or "if" is expected after "..."',
    FOR_NAME: '"for" needs a variable name',
    FOR_COMMA: '"in" or a second variable is expected in the "for" expression',
    FOR_SECOND: '"for" needs a second variable name after ","',
    FOR_IN: '"in" is expected in the "for" expression',
}
_ENDS_EXPECTED = {
    BLOCK: "an argument ends with a new line",
    ROOT: "an argument ends with a new line",
    LINE_BLOCK: 'a block in one line holds one argument before "}"',
    PAREN: '")" is expected',
    CALL: '"," or ")" is expected between arguments of the call',
    TUPLE: '"," or "]" is expected between elements',
    INDEX: '"]" is expected after the index',
    KEY: '"=" or ":" is expected after the key',
    VALUE: '"," or a new line is expected between attributes of the object',
    PENDING: '":" and a value for "false" are expected in the conditional',
    LOOSE_PENDING: '":" and a value for "false" are expected in the conditional',
    TUPLE_OF: '":" is expected after the collection of "for"',
    TUPLE_ITEM: '"]" or "if" is expected after the item of "for"',
    TUPLE_IF: '"]" is expected after the condition of "for"',
    OBJECT_OF: '":" is expected after the collection of "for"',
    OBJECT_KEY: '"=>" and a value are expected after the key of "for"',
    OBJECT_ITEM: '"}", "..." or "if" is expected after the value of "for"',
    OBJECT_IF: '"}" is expected after the condition of "for"',
    SEQUENCE: '"}" is expected after the interpolated expression',
    IF_HEAD: '"}" is expected after the condition of the directive',
    FOR_HEAD: '"}" is expected after the collection of the directive',
}


def _shown(kind: str, text: str) -> str:
    if kind in (scan.NEWLINE, scan.LINE_COMMENT):
        return "the end of the line"
    if kind == scan.COMMENT:
        return "a comment"
    if kind == scan.TEXT:
        return "text"
    text = text.rstrip("\r\n")
    return f'"{text}"' if len(text) <= 40 and kind != scan.STRING else (text[:40] or "this")


def _explain_after(tokens: Tokens, opening: int, kind: str, text: str, state: str, top: str) -> str:
    """What is wrong with a token behind a complete term."""
    if state == SPLAT_DOT and kind == scan.STAR:
        return "a splat inside a splat; use [*] for the inner one"
    if kind == scan.DECIMAL:
        return f'two indexes in a row need brackets, not "{text}"'
    if top in (ROOT, BLOCK) and kind == ",":
        return 'arguments are separated by new lines, not ","'
    if state == SPLAT_DOT:
        return f'an attribute name or an index is expected after ".", not {_shown(kind, text)}'
    return f"{_ENDS_EXPECTED[top]}, not {_shown(kind, text)}"


def _explain_directive(kind: str, text: str, state: str, top: str) -> str:
    if state == DIRECTIVE_END:
        return f'"}}" is expected here, not {_shown(kind, text)}'
    if kind in (scan.ELSE, scan.ENDIF, scan.ENDFOR):
        return f'unexpected "{text}": no directive is open that it could belong to'
    if kind in scan.NAMES:
        return f'"{text}" is no template directive; they are if, else, endif, for, endfor'
    return f"a template directive is expected, not {_shown(kind, text)}"


def _explain_invalid(tokens: Tokens, index: int, *, in_text: bool) -> HclError:
    text, start, end = tokens.texts[index], tokens.start(index), tokens.ends[index]
    if text[0] == "/" and not in_text:
        return HclError("the comment has no end", start, start + 2)
    bad = scan.bad_byte(text)
    if bad >= 0:
        message = "bytes that are not UTF-8"
        return HclError(message, start + bad, start + bad + 1)
    if text[0] in "0123456789" and not in_text:
        return HclError(f'"{text[:40]}" is no number', start, end)
    if in_text or text[0] == '"':
        bad = scan.bad_escape(text)
        if bad >= 0:
            return HclError("unknown escape sequence in the string", start + bad, start + bad + 2)
        return HclError("a carriage return without a line feed", start, end)
    if text in ("'", "`"):
        return HclError('strings are written in double quotes ("), not in others', start, end)
    if text == ";":
        return HclError('arguments are separated by new lines, not ";"', start, end)
    if text in ("&", "|", "^", "~"):
        return HclError(f'"{text}" is no operator', start, end)
    shown = text if text.isprintable() else f"U+{ord(text[0]):04X}"
    return HclError(f'the character "{shown}" has no place here', start, end)


def _explain_end(tokens: Tokens, run: Run, index: int) -> HclError:
    """The end of the file came too early: the error stands at what is open."""
    end = tokens.ends[index]
    for top, opening in zip(reversed(run.stack), reversed(run.opened), strict=True):
        what = _OPEN.get(top)
        if what:
            return _error(tokens, opening, f"the {what} has no end")
    if run.state in _EXPECTED:
        return HclError(f"{_EXPECTED[run.state]}, not the end of the file", end, end)
    if run.state == LABEL_TEXT:
        return HclError("the label has no end", end, end)
    if run.state in _TERM_STATES:
        return HclError("an expression is expected, not the end of the file", end, end)
    return HclError(f"{_ENDS_EXPECTED[run.stack[-1]]}, not the end of the file", end, end)


_OPEN = {
    BLOCK: "block",
    LINE_BLOCK: "block",
    PAREN: "parenthesis",
    CALL: "argument list",
    TUPLE: "list",
    INDEX: "index",
    KEY: "object",
    VALUE: "object",
    **dict.fromkeys((TUPLE_OF, TUPLE_ITEM, TUPLE_IF), '"for" expression'),
    **dict.fromkeys((OBJECT_OF, OBJECT_KEY, OBJECT_ITEM, OBJECT_IF), '"for" expression'),
    QUOTED: "string",
    HEREDOC: "heredoc",
    SEQUENCE: "template sequence",
    **dict.fromkeys((IF_HEAD, IF_BODY, ELSE_BODY), '"if" directive'),
    **dict.fromkeys((FOR_HEAD, FOR_BODY), '"for" directive'),
}
