"""Type constraints of Terraform, and whether a constant expression can become such a type.

https://developer.hashicorp.com/terraform/language/expressions/type-constraints
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from iachygiene import hcl
from iachygiene.lazy import regex

PRIMITIVES = frozenset(("string", "number", "bool", "any"))
COLLECTIONS = frozenset(("list", "set", "map"))

_NUMBER = regex(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eEpP][+-]?[0-9]+)?")
_BOOLEANS = frozenset(("true", "false", "1", "0"))


class Type(NamedTuple):
    """A type. `name` is that of a primitive ("any" included), a collection, "object" or "tuple".

    `items` are the one type of a collection or those of a tuple, `members` those of an
    object with whether they may be left out.
    """

    name: str
    items: tuple[Type, ...] = ()
    members: Mapping[str, tuple[Type, bool]] = {}


class Wrong(NamedTuple):
    """What is wrong with an expression: the node, and words for it."""

    node: hcl.Node
    message: str


ANY = Type("any")


class Reader:
    """Reads a type constraint; what is wrong in it is in `problems`.

    `defaults` are the defaults of optional attributes with the types they stand for.
    """

    def __init__(self) -> None:
        self.problems: list[Wrong] = []
        self.defaults: list[tuple[str, hcl.Expression, Type]] = []

    def constraint(self, node: hcl.Expression) -> Type:
        """The type of a whole constraint, where "list" and "map" may stand alone."""
        if isinstance(node, hcl.Reference) and not node.steps and node.name in ("list", "map"):
            return Type(node.name, (ANY,))
        return self.read(node)

    def read(self, node: hcl.Expression) -> Type:
        """The type, "any" in the place of each part that is no type."""
        if isinstance(node, hcl.Reference) and not node.steps:
            if node.name in PRIMITIVES:
                return Type(node.name)
            if node.name in COLLECTIONS:
                return self._refuse(node, f'"{node.name}" needs the type of its elements')
            if node.name in ("object", "tuple"):
                return self._refuse(node, f'"{node.name}" needs the types it is made of')
            return self._refuse(node, f'"{node.name}" is not a type')
        if isinstance(node, hcl.Call):
            return self._call(node)
        if isinstance(node, hcl.Template) and node.text is not None:
            return self._refuse(node, f'the type is in quotes: "{node.text}"')
        return self._refuse(node, "a type is a keyword like string or a call like list(string)")

    def _refuse(self, node: hcl.Node, message: str) -> Type:
        self.problems.append(Wrong(node, message))
        return ANY

    def _call(self, node: hcl.Call) -> Type:
        if node.name in PRIMITIVES:
            return self._refuse(node, f'"{node.name}" takes no argument')
        if node.name == "optional":
            return self._refuse(node, '"optional" is for attributes of an object alone')
        if node.name not in COLLECTIONS and node.name not in ("object", "tuple"):
            return self._refuse(node, f'"{node.name}" is not a type')
        if len(node.args) != 1:
            number = len(node.args)
            return self._refuse(node, f'"{node.name}" takes one argument, not {number or "none"}')
        only = node.args[0]
        if node.name in COLLECTIONS:
            return Type(node.name, (self.read(only),))
        if node.name == "tuple":
            if not isinstance(only, hcl.Tuple):
                return self._refuse(only, '"tuple" takes a list of types')
            return Type("tuple", tuple([self.read(item) for item in only.items]))
        if not isinstance(only, hcl.Object):
            return self._refuse(only, '"object" takes a map of attribute types')
        members = {}
        for item in only.items:
            name = item.name
            if name is None:
                self._refuse(item.key, "an attribute of an object type has a constant name")
                continue
            if name in members:
                self._refuse(item.key, f'attribute "{name}" is given twice')
            members[name] = self._member(name, item.value)
        return Type("object", (), members)

    def _member(self, name: str, node: hcl.Expression) -> tuple[Type, bool]:
        if not isinstance(node, hcl.Call) or node.name != "optional":
            return self.read(node), False
        if not 1 <= len(node.args) <= 2:
            return self._refuse(node, '"optional" takes a type and perhaps a default'), True
        type = self.read(node.args[0])
        if len(node.args) == 2:
            self.defaults.append((name, node.args[1], type))
        return type, True


class Reading(NamedTuple):
    """A type with what its reader found."""

    type: Type
    problems: Sequence[Wrong]
    defaults: Sequence[tuple[str, hcl.Expression, Type]]


# Several rules ask for the types of a module, one rule after the other.
@lru_cache(maxsize=1000)
def reading(node: hcl.Expression) -> Reading:
    """A whole constraint read once."""
    reader = Reader()
    type = reader.constraint(node)
    return Reading(type, reader.problems, reader.defaults)


def read_type(node: hcl.Expression) -> Type:
    """The type that a constraint stands for, "any" where it is wrong."""
    return reading(node).type


def mismatch(node: hcl.Node, type: Type) -> Wrong | None:
    """The first part of an expression that cannot become a type, None where it may.

    Only what is plain from the text counts: the rest may be anything.
    """
    waiting: list[tuple[Any, Type, str]] = [(node, type, "")]
    while waiting:
        node, type, what = waiting.pop()
        while isinstance(node, hcl.Parens):
            node = node.inner
        if type.name == "any":
            continue
        if isinstance(node, hcl.Tuple):
            wrong = _tuple_parts(node, type, what, waiting)
        elif isinstance(node, hcl.Object):
            wrong = _object_parts(node, type, what, waiting)
        elif isinstance(node, hcl.For):
            wrong = _structure(node, "map" if node.key else "list", type, what)
        elif isinstance(node, hcl.Template) and node.wrapped is not None:
            waiting.append((node.wrapped, type, what))
            continue
        else:
            wrong = _primitive(node, type, what)
        if wrong:
            return wrong
    return None


def _structure(node: hcl.Node, shape: str, type: Type, what: str) -> Wrong | None:
    """What is wrong where a list or a map stands for some other kind of type."""
    listed = type.name in ("list", "set", "tuple")
    mapped = type.name in ("map", "object")
    if (shape == "list" and not listed) or (shape == "map" and not mapped):
        return Wrong(node, f"{what}{words(type)} is required, not a {shape}")
    return None


def _tuple_parts(
    node: hcl.Tuple, type: Type, what: str, waiting: list[tuple[Any, Type, str]]
) -> Wrong | None:
    wrong = _structure(node, "list", type, what)
    if wrong:
        return wrong
    if type.name == "tuple":
        if len(node.items) != len(type.items):
            return Wrong(node, f"{what}{len(type.items)} elements are required")
        waiting += zip(node.items, type.items, [what] * len(node.items), strict=True)
    elif type.items:
        waiting += [(item, type.items[0], what) for item in reversed(node.items)]
    return None


def _object_parts(
    node: hcl.Object, type: Type, what: str, waiting: list[tuple[Any, Type, str]]
) -> Wrong | None:
    wrong = _structure(node, "map", type, what)
    if wrong:
        return wrong
    if type.name == "map":
        waiting += [(item.value, type.items[0], what) for item in reversed(node.items)]
        return None
    known = True
    given = set()
    for item in node.items:
        name = item.name
        known = known and name is not None
        if name is not None:
            given.add(name)
            if name in type.members:
                waiting.append((item.value, type.members[name][0], f'attribute "{name}": '))
    if known:
        for name, (_, optional) in type.members.items():
            if not optional and name not in given:
                return Wrong(node, f'{what}attribute "{name}" is required')
    return None


def _primitive(node: hcl.Node, type: Type, what: str) -> Wrong | None:
    value = hcl.literal(node) if isinstance(node, hcl.Expression) else hcl.UNKNOWN
    is_text = isinstance(node, hcl.Template)
    if value is None or (isinstance(value, hcl.Unknown) and not is_text):
        return None
    if type.name in ("string", "number", "bool"):
        if isinstance(value, hcl.Unknown) or type.name == "string":
            return None
        kind = "a bool" if isinstance(value, bool) else "a number"
        if isinstance(value, str):
            good = _BOOLEANS if type.name == "bool" else None
            if (value in good) if good else _NUMBER.fullmatch(value):
                return None
            kind = f'"{value[:40]}"'
        elif isinstance(value, bool) == (type.name == "bool"):
            return None
    else:
        kind = "a string" if is_text else "a bool" if isinstance(value, bool) else "a number"
    return Wrong(node, f"{what}{words(type)} is required, not {kind}")


def words(type: Type) -> str:
    """A type as messages call it."""
    if type.name in COLLECTIONS and type.items:
        return f"a {type.name} of {_plural(type.items[0])}"
    article = "an" if type.name == "object" else "a"
    return f"{article} {type.name}"


def _plural(type: Type) -> str:
    if type.name == "any":
        return "any type"
    if type.name in COLLECTIONS and type.items:
        return f"{type.name}s of {_plural(type.items[0])}"
    return f"{type.name}s"
