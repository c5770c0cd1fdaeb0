"""The nodes of HCL's syntax tree, with code-point places.

Nodes never refer to their parents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

Value: TypeAlias = str | int | float | bool | None


class Node:
    """A piece of the text: `start` and `end` in code points, half-open."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def children(self) -> Sequence[Node]:
        """The nodes directly below, in the order of the text."""
        return ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.start}:{self.end}>"


class Expression(Node):
    """What can stand behind `=`."""

    __slots__ = ()


class Literal(Expression):
    """A number, `true`, `false` or `null`."""

    __slots__ = ("value",)

    def __init__(self, start: int, end: int, value: int | float | bool | None) -> None:
        self.start = start
        self.end = end
        self.value = value


class Text(Node):
    """Literal text inside a template, decoded; of a `<<-` heredoc, without its indentation."""

    __slots__ = ("value",)

    def __init__(self, start: int, end: int, value: str) -> None:
        self.start = start
        self.end = end
        self.value = value


class Interpolation(Node):
    """A `${...}`; `strip_before` and `strip_after` tell of its `~`."""

    __slots__ = ("expr", "strip_after", "strip_before")

    def __init__(
        self, start: int, end: int, expr: Expression, strip_before: bool, strip_after: bool
    ) -> None:
        self.start = start
        self.end = end
        self.expr = expr
        self.strip_before = strip_before
        self.strip_after = strip_after

    def children(self) -> Sequence[Node]:
        return (self.expr,)


class IfDirective(Node):
    """A `%{if}` with what it holds, up to its `%{endif}`."""

    __slots__ = ("condition", "no", "yes")

    def __init__(
        self, start: int, end: int, condition: Expression, yes: list[Node], no: list[Node]
    ) -> None:
        self.start = start
        self.end = end
        self.condition = condition
        self.yes = yes
        self.no = no

    def children(self) -> Sequence[Node]:
        return (self.condition, *self.yes, *self.no)


class Name(Node):
    """A name that something is declared by: a `for` variable."""

    __slots__ = ("name",)

    def __init__(self, start: int, end: int, name: str) -> None:
        self.start = start
        self.end = end
        self.name = name


class ForDirective(Node):
    """A `%{for}` with what it holds; `variables` are one or two: [key,] value."""

    __slots__ = ("body", "collection", "variables")

    def __init__(
        self,
        start: int,
        end: int,
        variables: list[Name],
        collection: Expression,
        body: list[Node],
    ) -> None:
        self.start = start
        self.end = end
        self.variables = variables
        self.collection = collection
        self.body = body

    def children(self) -> Sequence[Node]:
        return (self.collection, *self.body)


class Template(Expression):
    """A quoted string.

    `parts` are Text, Interpolation, IfDirective and ForDirective; `text` is the decoded
    string where there is no sequence in it, else None.
    """

    __slots__ = ("parts", "text")

    def __init__(self, start: int, end: int, parts: list[Node], text: str | None) -> None:
        self.start = start
        self.end = end
        self.parts = parts
        self.text = text

    @property
    def wrapped(self) -> Expression | None:
        """The expression where the template is one interpolation and nothing else."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Interpolation):
            return self.parts[0].expr
        return None

    def children(self) -> Sequence[Node]:
        return self.parts


class Heredoc(Template):
    """A heredoc; `flush` for `<<-`. It ends behind its closing name, before the line end."""

    __slots__ = ("flush", "name")

    def __init__(
        self,
        start: int,
        end: int,
        parts: list[Node],
        text: str | None,
        name: str,
        flush: bool,
    ) -> None:
        super().__init__(start, end, parts, text)
        self.name = name
        self.flush = flush


class Attr(Node):
    """A step `.name`; the place begins with the dot."""

    __slots__ = ("name",)

    def __init__(self, start: int, end: int, name: str) -> None:
        self.start = start
        self.end = end
        self.name = name


class Index(Node):
    """A step `[key]`, or with `legacy` a step `.0`; the place has bracket or dot."""

    __slots__ = ("key", "legacy")

    def __init__(self, start: int, end: int, key: Expression, legacy: bool) -> None:
        self.start = start
        self.end = end
        self.key = key
        self.legacy = legacy

    def children(self) -> Sequence[Node]:
        return (self.key,)


class Splat(Node):
    """A step `[*]`, or with `legacy` a step `.*`."""

    __slots__ = ("legacy",)

    def __init__(self, start: int, end: int, legacy: bool) -> None:
        self.start = start
        self.end = end
        self.legacy = legacy


Step: TypeAlias = Attr | Index | Splat


class Reference(Expression):
    """A bare name and the steps that follow: `var.x[0].y`; `name_end` ends the first name.

    `path` is the first name and the `.name` steps directly behind it.
    """

    __slots__ = ("name", "name_end", "path", "steps")

    def __init__(self, start: int, end: int, name: str, name_end: int, steps: list[Step]) -> None:
        self.start = start
        self.end = end
        self.name = name
        self.name_end = name_end
        self.steps = steps
        names = [name]
        for step in steps:
            if type(step) is not Attr:
                break
            names.append(step.name)
        self.path = tuple(names)

    def children(self) -> Sequence[Node]:
        return self.steps


class Access(Expression):
    """Steps behind anything that is no bare name: `f(x).y`, `(a)[0]`."""

    __slots__ = ("source", "steps")

    def __init__(self, start: int, end: int, source: Expression, steps: list[Step]) -> None:
        self.start = start
        self.end = end
        self.source = source
        self.steps = steps

    def children(self) -> Sequence[Node]:
        return (self.source, *self.steps)


class Call(Expression):
    """A function call; `expand` where the last argument has `...`. A name may hold `::`."""

    __slots__ = ("args", "expand", "name", "name_end")

    def __init__(
        self,
        start: int,
        end: int,
        name: str,
        name_end: int,
        args: list[Expression],
        expand: bool,
    ) -> None:
        self.start = start
        self.end = end
        self.name = name
        self.name_end = name_end
        self.args = args
        self.expand = expand

    def children(self) -> Sequence[Node]:
        return self.args


class Tuple(Expression):
    """A list in brackets."""

    __slots__ = ("items",)

    def __init__(self, start: int, end: int, items: list[Expression]) -> None:
        self.start = start
        self.end = end
        self.items = items

    def children(self) -> Sequence[Node]:
        return self.items


class ObjectItem(Node):
    """One `key = value` of an object; `colon` where it is written `key : value`."""

    __slots__ = ("colon", "key", "value")

    def __init__(
        self, start: int, end: int, key: Expression, value: Expression, colon: bool
    ) -> None:
        self.start = start
        self.end = end
        self.key = key
        self.value = value
        self.colon = colon

    @property
    def name(self) -> str | None:
        """The key as text where it is a bare name or a constant, else None."""
        if isinstance(self.key, Reference) and not self.key.steps:
            return self.key.name
        value = literal(self.key)
        if isinstance(value, Unknown) or value is None:
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    def children(self) -> Sequence[Node]:
        return (self.key, self.value)


class Object(Expression):
    """A map in braces."""

    __slots__ = ("items",)

    def __init__(self, start: int, end: int, items: list[ObjectItem]) -> None:
        self.start = start
        self.end = end
        self.items = items

    def children(self) -> Sequence[Node]:
        return self.items


class For(Expression):
    """A for expression; one that gives an object has a `key`.

    `variables` are one or two: [key,] value. `grouped` tells of `...` behind the value.
    """

    __slots__ = ("collection", "condition", "grouped", "key", "value", "variables")

    def __init__(
        self,
        start: int,
        end: int,
        variables: list[Name],
        collection: Expression,
        key: Expression | None,
        value: Expression,
        grouped: bool,
        condition: Expression | None,
    ) -> None:
        self.start = start
        self.end = end
        self.variables = variables
        self.collection = collection
        self.key = key
        self.value = value
        self.grouped = grouped
        self.condition = condition

    def children(self) -> Sequence[Node]:
        nodes = (self.collection, self.key, self.value, self.condition)
        return [node for node in nodes if node is not None]


class Conditional(Expression):
    """`condition ? yes : no`."""

    __slots__ = ("condition", "no", "yes")

    def __init__(self, condition: Expression, yes: Expression, no: Expression) -> None:
        self.start = condition.start
        self.end = no.end
        self.condition = condition
        self.yes = yes
        self.no = no

    def children(self) -> Sequence[Node]:
        return (self.condition, self.yes, self.no)


class Binary(Expression):
    """`left op right`; `op_start` is the operator's place."""

    __slots__ = ("left", "op", "op_start", "right")

    def __init__(self, op: str, op_start: int, left: Expression, right: Expression) -> None:
        self.start = left.start
        self.end = right.end
        self.op = op
        self.op_start = op_start
        self.left = left
        self.right = right

    def children(self) -> Sequence[Node]:
        return (self.left, self.right)


class Unary(Expression):
    """`-operand` or `!operand`."""

    __slots__ = ("op", "operand")

    def __init__(self, start: int, op: str, operand: Expression) -> None:
        self.start = start
        self.end = operand.end
        self.op = op
        self.operand = operand

    def children(self) -> Sequence[Node]:
        return (self.operand,)


class Parens(Expression):
    """An expression in parentheses."""

    __slots__ = ("inner",)

    def __init__(self, start: int, end: int, inner: Expression) -> None:
        self.start = start
        self.end = end
        self.inner = inner

    def children(self) -> Sequence[Node]:
        return (self.inner,)


class Attribute(Node):
    """`name = expr` of a body; it ends with the expression."""

    __slots__ = ("expr", "name", "name_end", "name_start")

    def __init__(self, name: str, name_start: int, name_end: int, expr: Expression) -> None:
        self.start = name_start
        self.end = expr.end
        self.name = name
        self.name_start = name_start
        self.name_end = name_end
        self.expr = expr

    def children(self) -> Sequence[Node]:
        return (self.expr,)


class Label(Node):
    """A block label, decoded; the place has its quotes."""

    __slots__ = ("quoted", "text")

    def __init__(self, start: int, end: int, text: str, quoted: bool) -> None:
        self.start = start
        self.end = end
        self.text = text
        self.quoted = quoted


class Body(Node):
    """What a file or a block holds; a block's body lies inside its braces."""

    __slots__ = ("attributes", "blocks")

    def __init__(
        self, start: int, end: int, attributes: dict[str, Attribute], blocks: list[Block]
    ) -> None:
        self.start = start
        self.end = end
        self.attributes = attributes
        self.blocks = blocks

    def children(self) -> Sequence[Node]:
        if not self.blocks:
            return list(self.attributes.values())
        return sorted([*self.attributes.values(), *self.blocks], key=lambda node: node.start)


class Block(Node):
    """A block; its header reaches from `start` to `header_end`, the end of the last label."""

    __slots__ = ("body", "header_end", "label_nodes", "labels", "type", "type_end")

    def __init__(
        self, start: int, end: int, kind: str, type_end: int, label_nodes: list[Label], body: Body
    ) -> None:
        self.start = start
        self.end = end
        self.type = kind
        self.type_end = type_end
        self.label_nodes = label_nodes
        self.labels = [label.text for label in label_nodes]
        self.header_end = label_nodes[-1].end if label_nodes else type_end
        self.body = body

    def children(self) -> Sequence[Node]:
        return (self.body,)


def walk(node: Node) -> Iterator[Expression]:
    """All expressions at and below a node, outer before inner, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Expression):
            yield node
        waiting.extend(reversed(node.children()))


class Unknown:
    """The type of `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
"""What `literal` gives for an expression that is no constant."""


def literal(expr: Expression) -> Value | Unknown:
    """The value of a constant string, number, boolean or null; `UNKNOWN` for all else."""
    negative = False
    while True:
        if isinstance(expr, Parens):
            expr = expr.inner
        elif isinstance(expr, Unary) and expr.op == "-":
            negative = not negative
            expr = expr.operand
        else:
            break
    if isinstance(expr, Template) and not negative:
        return UNKNOWN if expr.text is None else expr.text
    if isinstance(expr, Literal):
        value = expr.value
        if not negative:
            return value
        if value is not None and not isinstance(value, bool):
            return -value
    return UNKNOWN
