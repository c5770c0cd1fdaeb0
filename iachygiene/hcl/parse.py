"""From HCL text to its syntax tree.

The text is checked first (`syntax.check_tokens`), so that building the tree meets no
mistakes.
"""

from __future__ import annotations

import re
import sys

from iachygiene.hcl import scan, syntax
from iachygiene.hcl.format import Kept, LineTokens, remembered_tokens
from iachygiene.hcl.tree import (
    Access,
    Attr,
    Attribute,
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expression,
    For,
    ForDirective,
    Heredoc,
    IfDirective,
    Index,
    Interpolation,
    Label,
    Literal,
    Name,
    Node,
    Object,
    ObjectItem,
    Parens,
    Reference,
    Splat,
    Step,
    Template,
    Text,
    Tuple,
    Unary,
)
from iachygiene.lazy import regex

_ESCAPE = regex(r"\\(?:u(.{4})|U(.{8})|(.))|(\$\$\{|%%\{)")
_DOUBLED = regex(r"(\$\$\{|%%\{)")
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def unquote(text: str) -> str:
    """The text that the inside of a quoted string stands for."""
    if "\\" not in text and "{" not in text:
        return text

    def decoded(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        if code:
            return chr(int(code, 16))
        return _PLAIN[match[3]] if match[3] else match[4][1:]

    return _ESCAPE.sub(decoded, text)


_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!="), 3),
    **dict.fromkeys(("<", "<=", ">", ">="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
}
_BINARY = frozenset(scan.OPERATOR + scan.MINUS + scan.STAR)
_CONSTANTS = {"true": True, "false": False, "null": None}
_STEPS = frozenset(".[")
_LINE_ENDS = frozenset(scan.NEWLINE + scan.LINE_COMMENT + ",")


def parse(text: str) -> Body:
    """The tree of a text; raises `HclError`, over the nesting limit `HclTooDeep`."""
    lines = remembered_tokens(text)
    builder = _Builder(_joined(text, lines) if lines else _kept(text))
    attributes, blocks = builder.body(scan.END)
    return Body(0, len(text), attributes, blocks)


def check(text: str) -> None:
    """Check the syntax of a text; raises `HclError`, over the nesting limit `HclTooDeep`."""
    if remembered_tokens(text) is None:
        syntax.check(text)


def comments(text: str) -> list[tuple[int, int, str]]:
    """The comments of a text: start, end (line end not counted), text without its marks.

    Only comments before the first thing that is no token are found.
    """
    lines = remembered_tokens(text)
    if lines is None:
        return scan.comments(text)
    found = []
    base = 0
    for line in lines:
        if scan.LINE_COMMENT in line.kinds or scan.COMMENT in line.kinds:
            end = base
            for kind, lexeme in zip(line.kinds, line.texts, strict=True):
                end = text.index(lexeme, end) + len(lexeme)
                if kind in scan.COMMENTS:
                    found.append(scan.comment(lexeme, end))
        base += line.length
    return found


def _kept(text: str) -> Kept:
    tokens = scan.scan(text)
    dropped = set(syntax.check_tokens(tokens).skipped)
    kept = [index for index in range(len(tokens.kinds)) if index not in dropped]
    kinds = "".join([tokens.kinds[index] for index in kept])
    texts = [tokens.texts[index] for index in kept]
    ends = [tokens.ends[index] for index in kept]
    starts = [end - len(text) for end, text in zip(ends, texts, strict=True)]
    return Kept(kinds, texts, starts, ends)


def _joined(text: str, lines: list[LineTokens]) -> Kept:
    """The tokens of a text from those of its lines, which are worked out once."""
    kinds: list[str] = []
    texts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    base = 0
    for line in lines:
        if len(line.kinds) == 1:  # an empty line or a comment: the line end before it is enough
            base += line.length
            continue
        if line.kept is None:
            line.kept = _placed(text[base : base + line.length], line)
        line_kinds, line_texts, line_starts, line_ends = line.kept
        kinds.append(line_kinds)
        texts += line_texts
        starts += [base + start for start in line_starts]
        ends += [base + end for end in line_ends]
        base += line.length
    kinds.append(scan.END)
    texts.append("")
    starts.append(base)
    ends.append(base)
    return Kept("".join(kinds), texts, starts, ends)


def _placed(text: str, line: LineTokens) -> Kept:
    """The tokens of a line that mean something, with their places in it."""
    kinds, texts = line.kinds, list(line.texts)
    starts = []
    ends = []
    end = 0
    for lexeme in texts:
        start = text.index(lexeme, end)  # nothing but blanks is between tokens
        end = start + len(lexeme)
        starts.append(start)
        ends.append(end)
    for index in reversed(line.skipped):
        kinds = kinds[:index] + kinds[index + 1 :]
        del texts[index], starts[index], ends[index]
    return Kept(kinds, texts, starts, ends)


def _number(text: str) -> int | float:
    # int() refuses more than 4,300 digits; such a number is infinite here.
    return int(text) if text.isdigit() and len(text) <= 4000 else float(text)


class _Builder:
    """Reads checked tokens, without comments and without newlines that mean nothing.

    Each nesting of the text costs at most three frames, so that `MAX_NESTING` stays
    within Python's own limit.
    """

    def __init__(self, kept: Kept) -> None:
        self.kinds, self.texts, self.starts, self.ends = kept
        self.at = 0

    def skip_newlines(self) -> None:
        while self.kinds[self.at] in "n#":
            self.at += 1

    def body(self, closing: str) -> tuple[dict[str, Attribute], list[Block]]:
        """The items up to the closing token, which is taken too."""
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        while True:
            self.skip_newlines()
            at = self.at
            self.at += 1
            if self.kinds[at] == closing:
                return attributes, blocks
            name = sys.intern(self.texts[at])
            if self.kinds[self.at] == "=":
                self.at += 1
                expr = self.expression()
                attributes[name] = Attribute(name, self.starts[at], self.ends[at], expr)
                continue
            labels = self.labels()
            inside = self.ends[self.at]
            self.at += 1
            held = self.body("}")
            end = self.ends[self.at - 1]
            body = Body(inside, end - 1, *held)
            blocks.append(Block(self.starts[at], end, name, self.ends[at], labels, body))

    def labels(self) -> list[Label]:
        labels = []
        while (kind := self.kinds[self.at]) != "{":
            at = self.at
            self.at += 1
            if kind in scan.NAMES:
                text = self.texts[at]
            else:
                if kind == scan.OPEN_QUOTE:
                    self.at = self.kinds.index(scan.CLOSE_QUOTE, at) + 1
                text = unquote("".join(self.texts[at : self.at])[1:-1])
            end = self.ends[self.at - 1]
            labels.append(Label(self.starts[at], end, text, kind not in scan.NAMES))
        return labels

    def expression(self) -> Expression:
        """Terms joined by binary operators, in a chain of conditionals.

        Both are loops: long chains are no nesting.
        """
        conditions: list[tuple[Expression, Expression]] = []
        while True:
            node = self.term()
            kind = self.kinds[self.at]
            if kind in _LINE_ENDS and not conditions:
                return node
            if kind in _BINARY:
                operands = [node]
                operators: list[int] = []
                while self.kinds[self.at] in _BINARY:
                    self.group(operands, operators, _PRECEDENCE[self.texts[self.at]])
                    operators.append(self.at)
                    self.at += 1
                    operands.append(self.term())
                self.group(operands, operators, 0)
                node = operands[0]
            if self.kinds[self.at] != "?":
                break
            self.at += 1
            yes = self.expression()
            self.at += 1
            conditions.append((node, yes))
        for condition, yes in reversed(conditions):
            node = Conditional(condition, yes, node)
        return node

    def group(self, operands: list[Expression], operators: list[int], precedence: int) -> None:
        """Join the last operands while the operator between binds at least so tightly."""
        while operators and _PRECEDENCE[self.texts[operators[-1]]] >= precedence:
            operator = operators.pop()
            right = operands.pop()
            left = operands.pop()
            operands.append(Binary(self.texts[operator], self.starts[operator], left, right))

    def term(self) -> Expression:
        """A term with the signs before it and the steps behind it."""
        at = self.at
        kind = self.kinds[at]
        signs = 0
        while kind == "-" or kind == "!":
            signs += 1
            kind = self.kinds[at + signs]
        first = at + signs
        self.at = first + 1
        start = self.starts[first]
        node: Expression
        if kind == scan.STRING:
            text = unquote(self.texts[first][1:-1])
            end = self.ends[first]
            parts: list[Node] = [Text(start + 1, end - 1, text)] if end - start > 2 else []
            node = Template(start, end, parts, text)
        elif kind in scan.NAMES:
            node = self.named(first)
        elif kind == scan.INTEGER or kind == scan.DECIMAL:
            node = Literal(start, self.ends[first], _number(self.texts[first]))
        elif kind == "(":
            inner = self.expression()
            node = Parens(start, self.take(), inner)
        elif kind == "[" or kind == "{":
            if kind == "{":
                self.skip_newlines()
            if self.kinds[self.at] == scan.FOR:
                node = self.for_expression(start)
            else:
                node = self.tuple(start) if kind == "[" else self.object(start)
        else:
            node = self.template(first)
        if self.kinds[self.at] in _STEPS:
            steps = self.steps()
            node = Access(start, steps[-1].end, node, steps)
        for sign in range(first - 1, at - 1, -1):
            node = Unary(self.starts[sign], self.texts[sign], node)
        return node

    def take(self) -> int:
        """Step over one token; give its end."""
        self.at += 1
        return self.ends[self.at - 1]

    def named(self, first: int) -> Expression:
        """A constant, a call, or a name without its steps."""
        name = self.texts[first]
        start, end = self.starts[first], self.ends[first]
        while self.kinds[self.at] == scan.NAMESPACE:
            self.at += 2
            name += "::" + self.texts[self.at - 1]
            end = self.ends[self.at - 1]
        if self.kinds[self.at] == "(":
            self.at += 1
            args = []
            expand = False
            while self.kinds[self.at] != ")":
                args.append(self.expression())
                expand = self.kinds[self.at] == scan.ELLIPSIS
                if self.kinds[self.at] != ")":
                    self.at += 1
            return Call(start, self.take(), name, end, args, expand)
        if self.kinds[first] == scan.CONSTANT:
            return Literal(start, end, _CONSTANTS[name])
        if self.kinds[self.at] not in _STEPS:
            return Reference(start, end, name, end, [])
        steps = self.steps()
        return Reference(start, steps[-1].end, name, end, steps)

    def steps(self) -> list[Step]:
        kinds, starts, ends = self.kinds, self.starts, self.ends
        steps: list[Step] = []
        at = self.at
        while (kind := kinds[at]) in _STEPS:
            start = starts[at]
            at += 1
            if kind == "." and kinds[at] in scan.NAMES:
                steps.append(Attr(start, ends[at], self.texts[at]))
                at += 1
            elif kind == ".":
                if kinds[at] == scan.STAR:
                    steps.append(Splat(start, ends[at], True))
                else:
                    number = Literal(starts[at], ends[at], _number(self.texts[at]))
                    steps.append(Index(start, ends[at], number, True))
                at += 1
            elif kinds[at] == scan.STAR:
                steps.append(Splat(start, ends[at + 1], False))
                at += 2
            else:
                self.at = at
                self.skip_newlines()
                key = self.expression()
                steps.append(Index(start, self.take(), key, False))
                at = self.at
        self.at = at
        return steps

    def tuple(self, start: int) -> Tuple:
        items = []
        while self.kinds[self.at] != "]":
            items.append(self.expression())
            if self.kinds[self.at] == ",":
                self.at += 1
        return Tuple(start, self.take(), items)

    def object(self, start: int) -> Object:
        items = []
        while self.kinds[self.at] != "}":
            key = self.expression()
            colon = self.kinds[self.at] == ":"
            self.at += 1
            value = self.expression()
            items.append(ObjectItem(key.start, value.end, key, value, colon))
            if self.kinds[self.at] == ",":
                self.at += 1
            self.skip_newlines()
        return Object(start, self.take(), items)

    def variables(self) -> list[Name]:
        """From `for` to the `in` behind its variables."""
        variables: list[Name] = []
        while not variables or self.texts[self.at] == ",":
            at = self.at + 1
            variables.append(Name(self.starts[at], self.ends[at], self.texts[at]))
            self.at = at + 1
        self.at += 1
        return variables

    def for_expression(self, start: int) -> For:
        variables = self.variables()
        collection = self.expression()
        self.at += 1
        key: Expression | None = None
        value = self.expression()
        if self.kinds[self.at] == scan.ARROW:
            self.at += 1
            key, value = value, self.expression()
        grouped = self.kinds[self.at] == scan.ELLIPSIS
        self.at += grouped
        condition = None
        if self.kinds[self.at] == scan.IF:
            self.at += 1
            condition = self.expression()
        return For(start, self.take(), variables, collection, key, value, grouped, condition)

    def template(self, first: int) -> Template:
        start = self.starts[first]
        quoted = self.kinds[first] == scan.OPEN_QUOTE
        parts = self.parts(quoted)
        end = self.take()
        if quoted:
            text = None if any(not isinstance(part, Text) for part in parts) else _join(parts)
            return Template(start, end, parts, text)
        opener = self.texts[first].rstrip("\r\n")
        flush = opener.startswith("<<-")
        if flush:
            _dedent(parts)
        text = None if any(not isinstance(part, Text) for part in parts) else _join(parts)
        return Heredoc(start, end, parts, text, opener.lstrip("<").removeprefix("-"), flush)

    def parts(self, quoted: bool) -> list[Node]:
        """Template parts up to the token that ends them, which is not taken."""
        parts: list[Node] = []
        while True:
            at = self.at
            kind = self.kinds[at]
            if kind == scan.TEXT:
                self.at += 1
                text = self.texts[at]
                text = unquote(text) if quoted else _DOUBLED.sub(lambda m: m[1][1:], text)
                parts.append(Text(self.starts[at], self.ends[at], text))
            elif kind == scan.INTERPOLATION:
                self.at += 1
                expr = self.expression()
                before = self.texts[at].endswith("~")
                after = self.texts[self.at].startswith("~")
                parts.append(Interpolation(self.starts[at], self.take(), expr, before, after))
            elif kind == scan.DIRECTIVE and self.kinds[at + 1] in scan.IF + scan.FOR:
                parts.append(self.directive(at, quoted))
            else:
                return parts

    def directive(self, at: int, quoted: bool) -> Node:
        """A whole `%{if}` or `%{for}`, to the end of its closing sequence."""
        start = self.starts[at]
        self.at += 1
        if self.kinds[self.at] == scan.FOR:
            variables = self.variables()
            collection = self.expression()
            self.at += 1
            body = self.parts(quoted)
            self.at += 2
            return ForDirective(start, self.take(), variables, collection, body)
        self.at += 1
        condition = self.expression()
        self.at += 1
        yes = self.parts(quoted)
        no: list[Node] = []
        if self.kinds[self.at + 1] == scan.ELSE:
            self.at += 3
            no = self.parts(quoted)
        self.at += 2
        return IfDirective(start, self.take(), condition, yes, no)


def _join(parts: list[Node]) -> str:
    return "".join([part.value for part in parts if isinstance(part, Text)])


_INDENTATION = regex(r"^[^\S\n]*", re.M)


def _dedent(parts: list[Node]) -> None:
    """Take the common indentation from the lines of a flush heredoc."""
    pieces: list[tuple[Text, bool]] = []  # and whether it starts at a line's beginning
    fresh = True
    waiting = list(reversed(parts))
    while waiting:
        part = waiting.pop()
        if isinstance(part, Text):
            pieces.append((part, fresh))
            fresh = part.value.endswith("\n")
            continue
        if fresh:
            pieces.append((Text(part.start, part.start, ""), True))
        fresh = False
        if isinstance(part, IfDirective):
            waiting.extend(reversed([*part.yes, *part.no]))
        elif isinstance(part, ForDirective):
            waiting.extend(reversed(part.body))
    margin = min((_margin(text.value, fresh) for text, fresh in pieces), default=0)
    for text, fresh in pieces:
        if margin:
            value = re.sub(rf"(?m)^[^\S\n]{{{margin}}}", "", text.value)
            text.value = value if fresh else text.value[:0] + _keep_first(text.value, value)


def _margin(text: str, fresh: bool) -> int:
    """The smallest indentation of the lines that start in a text."""
    lines = text.split("\n")
    starting = lines if fresh else lines[1:]
    if text.endswith("\n") and starting:
        starting = starting[:-1]
    widths = [len(line) - len(line.lstrip()) for line in starting]
    return min(widths, default=sys.maxsize)


def _keep_first(text: str, dedented: str) -> str:
    """The dedented text with its first line, which started elsewhere, as it was."""
    first, feed, _ = text.partition("\n")
    return first + feed + dedented.partition("\n")[2]
