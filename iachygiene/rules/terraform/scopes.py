"""What a module declares, and its expressions with what may be referred to where they stand.

Made once for all rules that look at references.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from iachygiene import hcl
from iachygiene.model import Location, Severity, SourceFile, Span
from iachygiene.parse.json import Json
from iachygiene.parse.terraform import Block, TerraformFile, TerraformModule

Address: TypeAlias = tuple[str, ...]
"""("var", name), ("local", name), ("module", name), ("resource", type, name) and the like."""

RESOURCES = frozenset(("resource", "data", "ephemeral"))
META_ARGUMENTS = frozenset(
    ("count", "for_each", "depends_on", "provider", "providers", "source", "version", "enabled")
)
_NO_NAMES: frozenset[str] = frozenset()
_NOT_EVALUATED = frozenset(("provider", "providers", "ignore_changes", "when", "on_failure"))
_NO_EXPRESSIONS = frozenset((("import", "to"), ("output", "type")))
_CONDITIONS = frozenset(("precondition", "postcondition"))
_QUIET = frozenset(("try", "can"))
_SURE, _BRANCH, _TRIED = range(3)
"""Whether an expression is worked out, and its failure heard of."""


class Use(NamedTuple):
    """A call or an operation. `sure` is false where its failure may go unnoticed."""

    node: Any
    sure: bool


class Site:
    """An expression that is evaluated.

    `owner` is what it belongs to, `argument` the name it is assigned to, `within` the inner
    block that matters: "precondition", "postcondition", "validation", "assert",
    "provisioner", "connection", "lifecycle" or none. `keys` are those of "count", "each"
    and "self" that may be referred to. `destroys` tells of a provisioner that runs when its
    resource is destroyed. Names that a `for` or `dynamic` binds are left out. `tried` are
    the references within `try` and `can`. `severity` is that of what only shows once a
    `dynamic` block is made: `terraform validate` lets it pass, and `plan` does not.
    """

    __slots__ = (
        *("anchor", "argument", "calls", "destroys", "keys", "node", "operations", "owner"),
        *("references", "severity", "source", "tried", "within"),
    )

    def __init__(
        self,
        source: SourceFile,
        owner: Address,
        argument: str,
        within: str,
        node: hcl.Expression,
        keys: frozenset[str],
        anchor: Location | None = None,
    ) -> None:
        self.source = source
        self.owner = owner
        self.argument = argument
        self.within = within
        self.node = node
        self.keys = keys
        self.anchor = anchor
        self.destroys = False
        self.severity: Severity | None = None
        self.tried: list[hcl.Reference] = []
        self.references: list[hcl.Reference] = []
        self.calls: list[Use] = []
        self.operations: list[Use] = []

    def place(self, node: hcl.Node, end: int | None = None) -> Location:
        """Where a node of the expression stands; in a JSON file, the whole text."""
        if self.anchor is not None:
            return self.anchor
        return Location(self.source.path, Span(node.start, node.end if end is None else end))


class Scope(NamedTuple):
    """What a module declares, by address, and its expressions.

    `instances` are the addresses with "count" or "for_each", and which.
    """

    declared: Mapping[Address, Block]
    instances: Mapping[Address, str]
    locals: Mapping[str, Location]
    sites: Sequence[Site]

    def has(self, address: Address) -> bool:
        """Whether the module declares something."""
        if address[0] == "local":
            return address[1] in self.locals
        return address in self.declared


# The rules of a module run one after the other, so that only the last module is asked for.
@lru_cache(maxsize=1)
def scope(module: TerraformModule) -> Scope:
    """The declarations and expressions of a module."""
    declared: dict[Address, Block] = {}
    for address, block in _declarations(module):
        declared.setdefault(address, block)
    instances = {
        address: mark
        for address, block in declared.items()
        if address[0] in RESOURCES or address[0] == "module"
        for mark in ("count", "for_each")
        if mark in block.attributes
    }
    names = {
        name: attribute.whole
        for block in module.of("locals")
        for name, attribute in block.attributes.items()
        if name != "//"
    }
    sites: list[Site] = []
    for file in module.files:
        if isinstance(file, TerraformFile):
            _native_sites(file, sites)
        else:
            _json_sites(file.root, file.source, sites)
    return Scope(declared, instances, names, sites)


def _declarations(module: TerraformModule) -> Iterator[tuple[Address, Block]]:
    for kind, first, size in (
        *(("variable", "var", 1), ("module", "module", 1), ("output", "output", 1)),
        *(("resource", "resource", 2), ("data", "data", 2), ("ephemeral", "ephemeral", 2)),
        *(("check", "check", 1), ("action", "action", 2)),
    ):
        for block in module.of(kind):
            if len(block.labels) >= size:
                yield (first, *block.labels[:size]), block
            if kind == "check":
                for data in block.of("data"):
                    if len(data.labels) == 2:
                        yield ("data", *data.labels), data


def _native_sites(file: TerraformFile, sites: list[Site]) -> None:
    source = file.source
    for block in file.root.blocks:
        owner = _owner(block.type, block.labels)
        body = block.body
        if block.type == "locals":
            for name, attribute in body.attributes.items():
                _add(sites, Site(source, ("local", name), name, "", attribute.expr, _NO_NAMES))
        elif block.type == "variable":
            for inner in body.blocks:
                if inner.type == "validation":
                    _walk_body(sites, source, owner, inner.body, "validation", _NO_NAMES)
        elif block.type == "check":
            for inner in body.blocks:
                data = _owner("data", inner.labels) if inner.type == "data" else owner
                within = "" if inner.type == "data" else "assert"
                _walk_body(sites, source, data, inner.body, within, _NO_NAMES)
        elif block.type in _EVALUATED:
            keys = [mark for mark in ("count", "for_each") if mark in body.attributes]
            allowed = frozenset("each" if mark == "for_each" else mark for mark in keys)
            _walk_body(sites, source, owner, body, "", allowed)


_EVALUATED = frozenset(("output", "module", "provider", "import", "action", *RESOURCES))


def _owner(kind: str, labels: Sequence[str]) -> Address:
    return ("var" if kind == "variable" else kind, *labels)


def _walk_body(
    sites: list[Site],
    source: SourceFile,
    owner: Address,
    body: hcl.Body,
    within: str,
    keys: frozenset[str],
    bound: frozenset[str] = _NO_NAMES,
) -> None:
    """The expressions of a body and of all blocks within it."""
    outermost = body.attributes
    at_end = owner[0] == "resource" and any(map(_destroys, body.blocks))
    waiting = [(body, within, keys, bound, False)]
    while waiting:
        body, within, keys, bound, destroys = waiting.pop()
        for name, attribute in body.attributes.items():
            if name in _NOT_EVALUATED and (not within or within in _SPECIAL):
                continue
            if (owner[0], name) in _NO_EXPRESSIONS:
                continue
            here = _NO_NAMES if name in ("count", "for_each") and not within else keys
            site = Site(source, owner, name, within, attribute.expr, here)
            site.destroys = destroys
            # Nor does it look at a provider that nothing uses.
            if bound or (owner[0] == "provider" and "alias" in outermost):
                site.severity = Severity.WARNING
            _add(sites, site, bound)
        for block in body.blocks:
            kind = block.type
            if kind == "action_trigger":
                continue
            inner, inner_keys, inner_bound = within, keys, bound
            if kind == "dynamic" and block.labels:
                outside = _without(block.body, "content")
                waiting.append((outside, inner or "dynamic", keys, bound, destroys))
                inner_bound = bound | {_iterator(block)}
                waiting += [
                    (content.body, inner or "dynamic", keys, inner_bound, destroys)
                    for content in block.body.blocks
                    if content.type == "content"
                ]
                continue
            if kind in _SPECIAL and owner[0] in RESOURCES | {"output"}:
                inner = kind
                if kind in ("provisioner", "connection", "postcondition"):
                    inner_keys = keys | {"self"}
            elif not inner:
                inner = "block"
            ends = destroys or _destroys(block) or (at_end and kind == "connection")
            waiting.append((block.body, inner, inner_keys, inner_bound, ends))


_SPECIAL = _CONDITIONS | {"provisioner", "connection", "lifecycle"}


def _destroys(block: hcl.Block) -> bool:
    """Whether a block is a provisioner that runs when its resource is destroyed."""
    when = block.body.attributes.get("when") if block.type == "provisioner" else None
    return when is not None and isinstance(when.expr, hcl.Reference) and when.expr.name == "destroy"


def _without(body: hcl.Body, kind: str) -> hcl.Body:
    attributes = {name: one for name, one in body.attributes.items() if name != "iterator"}
    return hcl.Body(
        body.start, body.end, attributes, [one for one in body.blocks if one.type != kind]
    )


def _iterator(dynamic: hcl.Block) -> str:
    given = dynamic.body.attributes.get("iterator")
    if given is not None and isinstance(given.expr, hcl.Reference):
        return given.expr.name
    return dynamic.labels[0]


def _add(sites: list[Site], site: Site, bound: frozenset[str] = _NO_NAMES) -> None:
    node = site.node
    if type(node) is hcl.Literal or (type(node) is hcl.Template and node.text is not None):
        return
    _scan(site, node, bound)
    if site.references or site.calls or site.operations:
        sites.append(site)


def _scan(site: Site, node: Any, bound: frozenset[str]) -> None:
    """Gather the free references, the calls and the operations of an expression."""
    references, calls, operations = site.references, site.calls, site.operations
    waiting: list[tuple[Any, frozenset[str], int]] = [(node, bound, _SURE)]
    while waiting:
        node, names, doubt = waiting.pop()
        kind = type(node)
        if kind is hcl.Reference:
            if node.name not in names:
                references.append(node)
                if doubt == _TRIED:
                    site.tried.append(node)
            waiting += [(step.key, names, doubt) for step in node.steps if type(step) is hcl.Index]
        elif kind is hcl.Call:
            calls.append(Use(node, doubt == _SURE))
            inside = _TRIED if node.name in _QUIET else doubt
            waiting += [(argument, names, inside) for argument in node.args]
        elif kind is hcl.Object:
            for item in node.items:
                # A bare name is a key and no reference.
                if type(item.key) is not hcl.Reference or item.key.steps:
                    waiting.append((item.key, names, doubt))
                waiting.append((item.value, names, doubt))
        elif kind is hcl.For:
            inner = names.union([variable.name for variable in node.variables])
            waiting.append((node.collection, names, doubt))
            for part in (node.key, node.value, node.condition):
                if part is not None:
                    waiting.append((part, inner, doubt))
        elif kind is hcl.ForDirective:
            inner = names.union([variable.name for variable in node.variables])
            waiting.append((node.collection, names, doubt))
            waiting += [(part, inner, doubt) for part in node.body]
        elif kind is hcl.Conditional:
            operations.append(Use(node, doubt == _SURE))
            waiting.append((node.condition, names, doubt))
            # Of the branch that is not taken nobody hears.
            waiting += [(node.yes, names, doubt or _BRANCH), (node.no, names, doubt or _BRANCH)]
        elif kind is hcl.Binary or kind is hcl.Unary:
            operations.append(Use(node, doubt == _SURE))
            waiting += [(child, names, doubt) for child in node.children()]
        elif kind is not hcl.Literal and kind is not hcl.Text:
            waiting += [(child, names, doubt) for child in node.children()]


def _json_sites(root: Json, source: SourceFile, sites: list[Site]) -> None:
    for members in root.items or (root,):
        for key, value in members.members:
            kind = str(key.value)
            if kind == "locals":
                for block in value.items or (value,):
                    for name, inner in block.members:
                        address = ("local", str(name.value))
                        _json_values(sites, source, address, inner, _NO_NAMES, _NO_NAMES)
            elif kind in _EVALUATED:
                labels = 2 if kind in RESOURCES else 0 if kind == "import" else 1
                for owner, body in _json_bodies((kind,), value, labels):
                    names = {str(one.value) for one, _ in body.members}
                    keys = {"count"} & names | ({"each"} if "for_each" in names else set())
                    bound = frozenset(_json_iterators(body))
                    for name, inner in body.members:
                        if name.value not in _NOT_EVALUATED and name.value not in ("to", "//"):
                            _json_values(
                                sites, source, owner, inner, frozenset(keys | {"self"}), bound
                            )


def _json_bodies(owner: Address, value: Json, labels: int) -> Iterator[tuple[Address, Json]]:
    waiting = [(owner, value, labels)]
    while waiting:
        owner, value, labels = waiting.pop()
        if value.items:
            waiting += [(owner, item, labels) for item in value.items]
        elif labels:
            waiting += [
                ((*owner, str(key.value)), inner, labels - 1) for key, inner in value.members
            ]
        else:
            yield owner, value


def _json_iterators(body: Json) -> Iterator[str]:
    for node in body.walk():
        for key, value in node.members:
            if key.value == "dynamic":
                for one in value.items or (value,):
                    yield from (str(label.value) for label, _ in one.members)
            elif key.value == "iterator" and value.text:
                yield value.text


def _json_values(
    sites: list[Site],
    source: SourceFile,
    owner: Address,
    value: Json,
    keys: frozenset[str],
    bound: frozenset[str],
) -> None:
    for node in value.walk():
        expression = json_expression(node)
        if expression is not None:
            site = Site(source, owner, "", "json", expression, keys, node.location)
            _add(sites, site, bound)


def json_expression(node: Json) -> hcl.Expression | None:
    """The template that a text in a JSON file is; its places mean nothing in the file."""
    text = node.text
    if text is None or ("${" not in text and "%{" not in text) or "\0" in text:
        return None
    try:
        tree = hcl.parse(f"x = <<JSON_TEXT\n{text}\nJSON_TEXT\n")
    except hcl.HclError:
        return None
    return tree.attributes["x"].expr if "x" in tree.attributes else None


def file_blocks(module: TerraformModule) -> Iterator[tuple[SourceFile, hcl.Block]]:
    """The root blocks of the files in native syntax."""
    for file in module.files:
        if isinstance(file, TerraformFile):
            for block in file.root.blocks:
                yield file.source, block


def near(word: str, known: Iterable[str]) -> str:
    """A question for the name that was perhaps meant, empty without one."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), n=1, cutoff=0.75)
    return f'; did you mean "{found[0]}"?' if found else ""
