"""Terraform and OpenTofu configuration: files, modules, blocks and their arguments.

A module is a directory, as for Terraform:
https://developer.hashicorp.com/terraform/language/files
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Broken, Comment, Job, Location, SourceFile, Span, Trouble

if TYPE_CHECKING:
    from iachygiene import hcl
    from iachygiene.files import Tree
    from iachygiene.parse.json import Json
    from iachygiene.parse.project import Fact

FORMATTED = (
    *(".tf", ".tofu", ".tfvars"),
    *(".tftest.hcl", ".tofutest.hcl", ".tfmock.hcl", ".tfquery.hcl"),
)
"""Endings of the files that have a canonical format."""

_NATIVE = (".tf", ".tofu")
_JSON = (".tf.json", ".tofu.json")
MARKERS = (*(b"iachygiene", b"tflint-ignore", b"trivy:ignore", b"tfsec:ignore", b"checkov:skip"),)
"""What stands in a file with a comment that sets findings aside, ours or a peer's."""
_VISIBLE = regex(r"\S")
_MAX_STEPS = 20
"""References to follow from one value to the next."""
_MAX_TEXT = 65_536
"""Code points of a value put together from others; what is longer counts as not known."""
_MOST_PARSED = 1000
"""Files to keep that were parsed before their own turn, none of them large."""
_LARGE = 65_536
_LABELS = {
    **dict.fromkeys(("resource", "data", "ephemeral"), 2),
    **dict.fromkeys(("module", "variable", "output", "provider", "check"), 1),
    **dict.fromkeys(("provider_meta", "backend", "provisioner", "dynamic"), 1),
}


class TerraformFile:
    """One file of the language in its native syntax, whose syntax was checked."""

    __slots__ = ("_root", "source")

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self._root: hcl.Body | None = None

    @property
    def path(self) -> str:
        """The file's path."""
        return self.source.path

    @property
    def location(self) -> Location:
        """The file as a whole."""
        return Location(self.source.path)

    @property
    def root(self) -> hcl.Body:
        """The syntax tree, made when somebody asks for it."""
        if self._root is None:
            from iachygiene.hcl import parse

            self._root = parse(self.source.text)
        return self._root


class Formatting:
    """The canonical format of one file, as an engine gives it.

    `formatted` is the text it should have, without a byte order mark. `quirks` are the
    places where the reference formatter would lose code; such a file is not rewritten.
    `engine` is what spoke ("terraform 1.11.4", "built-in").
    """

    __slots__ = ("engine", "formatted", "quirks", "source")

    def __init__(
        self, source: SourceFile, formatted: str, quirks: Sequence[Quirk], engine: str
    ) -> None:
        self.source = source
        self.formatted = formatted
        self.quirks = quirks
        self.engine = engine

    @property
    def location(self) -> Location:
        """The file as a whole."""
        return Location(self.source.path)

    @property
    def changes(self) -> bool:
        """Whether the file is not in canonical format."""
        return self.source.bom or self.source.text != self.formatted


class Quirk(NamedTuple):
    """A place where the reference formatter deletes or breaks code.

    `name` is that of the quirk, `explanation` says what would become of the place.
    """

    name: str
    location: Location
    explanation: str


class Diagnostic(NamedTuple):
    """One diagnostic of `validate`. `severity` is "error" or "warning".

    `object` is the block it is about, where the program names it.
    """

    severity: str
    summary: str
    detail: str
    location: Location
    object: str = ""


class Validation:
    """What `validate` says of one module."""

    __slots__ = ("diagnostics", "directory", "engine", "location")

    def __init__(
        self,
        directory: str,
        location: Location,
        diagnostics: Sequence[Diagnostic],
        engine: str,
    ) -> None:
        self.directory = directory
        self.location = location
        self.diagnostics = diagnostics
        self.engine = engine


class Attribute:
    """An argument of a block; `node` is its expression, or in a JSON file its JSON value."""

    __slots__ = ("_source", "_start", "name", "node")

    def __init__(
        self, name: str, start: int, node: hcl.Expression | Json, source: SourceFile
    ) -> None:
        self.name = name
        self.node = node
        self._start = start
        self._source = source

    @property
    def text(self) -> str:
        """The value as it is written."""
        return self._source.text[self.node.start : self.node.end]

    @property
    def location(self) -> Location:
        """Where the value stands."""
        return Location(self._source.path, Span(self.node.start, self.node.end))

    @property
    def whole(self) -> Location:
        """Where the argument stands, from its name to the end of its value."""
        return Location(self._source.path, Span(self._start, self.node.end))

    @property
    def constant(self) -> Any:
        """The value of a literal as Python has it, None for null, `hcl.UNKNOWN` for no literal."""
        from iachygiene.hcl import UNKNOWN, literal
        from iachygiene.parse.json import Json

        if not isinstance(self.node, Json):
            return literal(self.node)
        text = self.node.text
        if text is not None:
            return UNKNOWN if "${" in text or "%{" in text else text
        return {"true": True, "false": False, "null": None}.get(self.node.kind, UNKNOWN)


class Block:
    """A block. `location` is its header: from its type to its last label.

    `overrides` are the blocks of override files that replace arguments of this one.
    """

    __slots__ = ("_attributes", "_node", "_source", "labels", "location", "overrides", "type")

    def __init__(
        self,
        type: str,
        labels: tuple[str, ...],
        location: Location,
        source: SourceFile,
        node: hcl.Block | Json,
    ) -> None:
        self.type = type
        self.labels = labels
        self.location = location
        self.overrides: Sequence[Block] = ()
        self._source = source
        self._node = node
        self._attributes: Mapping[str, Attribute] | None = None

    @property
    def object(self) -> str:
        """What reports call it: `resource aws_s3_bucket.logs`, `module vpc`."""
        return f"{self.type} {'.'.join(self.labels)}" if self.labels else self.type

    @property
    def attributes(self) -> Mapping[str, Attribute]:
        """The arguments by name; in a JSON file, nested blocks are among them."""
        if self._attributes is None:
            found = dict(_attributes(self._node, self._source))
            for other in self.overrides:
                found.update(other.attributes)
            self._attributes = found
        return self._attributes

    def of(self, type: str) -> list[Block]:
        """The blocks of one type directly within this one."""
        found = list(_blocks(self._node, self._source, type))
        for other in self.overrides:
            found += other.of(type)
        return found

    def values(self) -> dict[str, Any] | None:
        """The contents as Python values, read by python-hcl2; None where it cannot.

        Expressions are texts like `${var.x}`. Slow, so only for a rule that wants nested data.
        """
        from iachygiene.parse.json import Json

        if isinstance(self._node, Json):
            contents = self._node.plain()
            return contents if isinstance(contents, dict) else None
        import hcl2

        try:
            value: Any = hcl2.loads(self._source.text[self._node.start : self._node.end] + "\n")
        except Exception:  # it raises its own errors, lark's, and others by accident
            return None
        for _ in ("type", *self.labels):
            value = next(iter(value.values()), None) if isinstance(value, dict) else None
            value = value[0] if isinstance(value, list) and value else value
        plain = _plain(value)
        return plain if isinstance(plain, dict) else None


def _plain(value: Any) -> Any:
    """A value of python-hcl2 without the quotes and marks that its newer versions add."""
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items() if key[:2] != "__"}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


class TerraformModule:
    """The configuration of one directory, override files applied.

    `complete` is false where a file of it does not parse: what is missing may be there.
    `tests` are the test and query files beside it: no part of it, but they refer to it.
    `given` are the files beside it with values for its variables. `tree` is where the
    modules are that it calls.
    """

    __slots__ = ("_blocks", "_values", "complete", "directory", "files", "given", "tests", "tree")

    def __init__(
        self,
        directory: str,
        files: Sequence[TerraformFile | TerraformJson],
        complete: bool,
        tests: Sequence[SourceFile] = (),
        given: Sequence[TerraformFile] = (),
        tree: Tree | None = None,
    ) -> None:
        self.directory = directory
        self.tests = tests
        self.given = given
        self.tree = tree
        self._values: dict[tuple[str, str], Any] = {}
        self.files = files
        self.complete = complete
        self._blocks: dict[str, list[Block]] = {}

    @property
    def location(self) -> Location:
        """Its main file, or else the first one."""
        paths = [file.source.path for file in self.files]
        main = [path for path in paths if path.rpartition("/")[2] in ("main.tf", "main.tofu")]
        return Location((main or paths)[0])

    def of(self, type: str) -> list[Block]:
        """The root blocks of one type, in the order of files and places."""
        blocks = self._blocks.get(type)
        if blocks is None:
            blocks = self._blocks[type] = self._merged(type)
        return blocks

    def _merged(self, type: str) -> list[Block]:
        base: list[Block] = []
        overrides: dict[tuple[str, ...], list[Block]] = defaultdict(list)
        for file in self.files:
            for block in _blocks(file.root, file.source, type):
                if is_override(file.source.path):
                    overrides[block.labels].append(block)
                else:
                    base.append(block)
        for block in base:
            block.overrides = overrides.pop(block.labels, ())
        return base + [block for blocks in overrides.values() for block in blocks]

    def constant(self, attribute: Attribute) -> Any:
        """The value of an argument, with variables by their defaults; `hcl.UNKNOWN` if not known.

        Null is None. Functions are not evaluated, nor is what is sensitive.
        """
        from iachygiene.parse.json import Json

        if isinstance(attribute.node, Json):
            return attribute.constant
        return self._value(attribute.node, 0)

    def _value(self, node: Any, depth: int) -> Any:
        from iachygiene import hcl

        if isinstance(node, hcl.Reference) and depth < _MAX_STEPS:
            return self._referred(node, depth)
        if isinstance(node, hcl.Template) and node.text is None:
            parts = [self._part(part, depth) for part in node.parts]
            known = all(isinstance(part, str) for part in parts)
            text = "".join(parts) if known else None
            return hcl.UNKNOWN if text is None or len(text) > _MAX_TEXT else text
        return hcl.literal(node) if isinstance(node, hcl.Expression) else hcl.UNKNOWN

    def _part(self, part: Any, depth: int) -> Any:
        from iachygiene import hcl

        if isinstance(part, hcl.Text):
            return part.value
        return self._value(part.expr, depth) if isinstance(part, hcl.Interpolation) else None

    def _referred(self, node: hcl.Reference, depth: int) -> Any:
        from iachygiene.hcl import UNKNOWN

        if len(node.path) != 2 or len(node.steps) != 1:
            return UNKNOWN
        first, name = node.path
        if (first, name) not in self._values:
            self._values[first, name] = UNKNOWN  # should it lead back to itself
            self._values[first, name] = self._declared(first, name, depth)
        return self._values[first, name]

    def _declared(self, first: str, name: str, depth: int) -> Any:
        from iachygiene.hcl import UNKNOWN

        if first == "var":
            declared = [one for one in self.of("variable") if one.labels == (name,)]
            hidden = any(
                mark in one.attributes for one in declared for mark in ("sensitive", "ephemeral")
            )
            found = [] if hidden else [one.attributes.get("default") for one in declared]
        else:
            tables = self.of("locals") if first == "local" else ()
            found = [one.attributes[name] for one in tables if name in one.attributes]
        if len(found) != 1 or found[0] is None:
            return UNKNOWN
        attribute = found[0]
        from iachygiene.parse.json import Json

        if isinstance(attribute.node, Json):
            return attribute.constant
        return self._value(attribute.node, depth + 1)

    def mentions(self, text: str) -> bool:
        """Whether a text stands anywhere in its files."""
        return any(text in file.source.text for file in self.files)


class TerraformJson:
    """One file of the language in its JSON syntax."""

    __slots__ = ("root", "source")

    def __init__(self, source: SourceFile, root: Json) -> None:
        self.source = source
        self.root = root

    @property
    def location(self) -> Location:
        """The file as a whole."""
        return Location(self.source.path)


def is_override(path: str) -> bool:
    """Whether a file changes what the others of its module declare."""
    name = path.rpartition("/")[2].partition(".")[0]
    return name == "override" or name.endswith("_override")


def _attributes(node: hcl.Block | Json, source: SourceFile) -> Iterator[tuple[str, Attribute]]:
    from iachygiene.parse.json import Json

    if isinstance(node, Json):
        for key, value in node.members:
            yield key.value, Attribute(key.value, key.start, value, source)
        return
    for name, attribute in node.body.attributes.items():
        yield name, Attribute(name, attribute.start, attribute.expr, source)


def _blocks(node: hcl.Body | hcl.Block | Json, source: SourceFile, type: str) -> Iterator[Block]:
    from iachygiene.parse.json import Json

    if isinstance(node, Json):
        for members in node.items or (node,):
            for key, value in members.members:
                if key.value == type:
                    yield from _json_blocks(type, (), key, value, source)
        return
    from iachygiene.hcl import Block as HclBlock

    for block in (node.body if isinstance(node, HclBlock) else node).blocks:
        if block.type == type:
            header = Location(source.path, Span(block.start, block.header_end))
            yield Block(type, tuple(block.labels), header, source, block)


def _json_blocks(
    type: str, labels: tuple[str, ...], key: Json, value: Json, source: SourceFile
) -> Iterator[Block]:
    """The blocks that a JSON value stands for: labels are keys, a list holds several.

    https://developer.hashicorp.com/terraform/language/syntax/json#nested-block-mapping
    """
    for one in value.items or (value,):
        if len(labels) == _LABELS.get(type, 0):
            yield Block(type, labels, key.location, source, one)
        else:
            for label, inner in one.members:
                yield from _json_blocks(type, (*labels, label.value), label, inner, source)


def load(job: Job, tree: Tree) -> Iterator[Any]:
    """The files of a directory, their format where no program is to give it, and the module."""
    engine = job.settings.get("engine", "builtin")
    files: list[TerraformFile | TerraformJson] = []
    tests: list[SourceFile] = []
    given: list[TerraformFile] = []
    complete = True
    for path in sorted(job.paths):
        try:
            source = tree.read(path)
            if path.endswith(_JSON):
                if is_module_file(path):
                    files.append(read_json(source))
                    yield files[-1]
                continue
            formatting = formatted(source) if engine == "builtin" else None
            if engine == "none":
                file = parse_early(tree, source)
            else:
                if formatting is None:
                    checked(source)
                file = parsed_before(tree, source) or TerraformFile(source)
        except Broken as broken:
            yield broken.trouble
            complete = complete and not is_module_file(path)
            continue
        yield file
        if formatting:
            yield formatting
        if is_module_file(path):
            files.append(file)
        elif path.endswith(".hcl"):
            tests.append(source)
        elif path.endswith(".tfvars"):
            given.append(file)
    if files:
        files.sort(key=lambda file: (is_override(file.source.path), file.source.path))
        yield TerraformModule(job.directory, in_force(files), complete, tests, given, tree)


# A module is often read before its own turn, for the sake of one that calls it.
@lru_cache(maxsize=1)
def _parsed(tree: Tree) -> dict[str, TerraformFile]:
    return {}


def parsed_before(tree: Tree, source: SourceFile) -> TerraformFile | None:
    """The file as `parse_early` left it, unless its contents are others by now."""
    known = _parsed(tree).get(source.path)
    return known if known and known.source.data == source.data else None


def parse_early(tree: Tree, source: SourceFile) -> TerraformFile:
    """A file of a module that is called, kept for its own turn; raises `Broken`."""
    from iachygiene.hcl import HclError

    known = parsed_before(tree, source)
    if known is None:
        known = TerraformFile(source)
        try:
            _ = known.root
        except HclError as error:
            raise Broken(_trouble(source, error)) from None
        if len(source.data) <= _LARGE:
            kept = _parsed(tree)
            kept[source.path] = known
            if len(kept) > _MOST_PARSED:
                del kept[next(iter(kept))]
    return known


def facts(unit: object) -> Iterator[Fact]:
    """The versions that a module takes, the local modules that it calls, the images it runs."""
    if not isinstance(unit, TerraformModule):
        return
    from posixpath import join, normpath

    from iachygiene.parse.images import in_module
    from iachygiene.parse.project import ModuleFact, ProviderFact

    yield from in_module(unit)
    required = [
        block.attributes["required_version"]
        for block in unit.of("terraform")
        if "required_version" in block.attributes
    ]
    called = []
    for block in unit.of("module"):
        source = block.attributes.get("source")
        text = source.constant if source else None
        if isinstance(text, str) and text.startswith(("./", "../")):
            called.append(normpath(join(unit.directory, text)))
    text = required[0].constant if len(required) == 1 else None
    place = required[0].location if required else unit.location
    yield ModuleFact(unit.directory, place, text if isinstance(text, str) else "", tuple(called))
    for settings in unit.of("terraform"):
        for block in settings.of("required_providers"):
            for name, attribute in block.attributes.items():
                address, version = provider_requirement(attribute)
                if version:
                    address = address or f"hashicorp/{name}"
                    yield ProviderFact(unit.directory, attribute.location, address, version)


def provider_requirement(attribute: Attribute) -> tuple[str, str]:
    """Source and version of an entry of `required_providers`, "" for what is not a literal."""
    from iachygiene.hcl import Object, literal
    from iachygiene.parse.json import Json

    members: dict[str, Any] = {}
    if isinstance(attribute.node, Json):
        if attribute.node.kind == "object":
            members = {key.value: value.text for key, value in attribute.node.members}
    elif isinstance(attribute.node, Object):
        members = {item.name: literal(item.value) for item in attribute.node.items if item.name}
    source, version = members.get("source"), members.get("version")
    return source if isinstance(source, str) else "", version if isinstance(version, str) else ""


def read_module(tree: Tree, directory: str) -> TerraformModule | None:
    """The module of a directory of the tree, None where there is none."""
    if tree.real_path(directory) is None:
        return None
    paths = [
        f"{directory}/{name}" if directory else name
        for name, kind in tree.listdir(directory)
        if kind == "file" and is_module_file(name)
    ]
    units = load(Job("terraform", directory, tuple(paths), {"engine": "none"}), tree)
    return next((unit for unit in units if isinstance(unit, TerraformModule)), None)


def comments(unit: object) -> Iterator[Comment]:
    """The comments of a file, each with the line or the block that it speaks for.

    In a JSON file it is the text under the key "//" at its root, which speaks for its line.
    """
    if isinstance(unit, TerraformJson):
        said = unit.root.get("//")
        if said is not None and said.text is not None:
            place = Location(said.path, Span(said.start + 1, said.end - 1))
            reach = _line_around(unit.source.text, said.start, said.end)
            yield Comment(place, said.text, reach, leading=True)
    if not isinstance(unit, TerraformFile):
        return
    from iachygiene.hcl import comments as comments_of

    text = unit.source.text
    found = comments_of(text)
    code_from = _first_code(text, found)
    reaches = _reaches(text, found, _blocks_by_line(text, unit.root.blocks))
    blocks = unit.root.blocks
    starts = [block.start for block in blocks]
    for (start, end, inner), reach in zip(found, reaches, strict=True):
        number = bisect_right(starts, start) - 1
        inside = number >= 0 and start < blocks[number].end
        scope = Span(starts[number], blocks[number].end) if inside else Span(start, start)
        place = Location(unit.source.path, Span(start, end))
        yield Comment(place, inner, reach, start < code_from, scope)


def _first_code(text: str, found: Sequence[tuple[int, int, str]]) -> int:
    position = 0
    for start, end, _ in found:
        if text[position:start].strip():
            break
        position = end
    return _skip_blanks(text, position)


def _reaches(
    text: str, found: Sequence[tuple[int, int, str]], blocks: Mapping[int, int]
) -> list[Span]:
    """Of each comment its own line, or the next line of code where it is alone on its own."""
    reaches: list[Span] = []
    below, below_start = Span(len(text), len(text)), len(text)
    for start, end, _ in reversed(found):
        reach = _line_around(text, start, end)
        if not text[reach.start : start].strip() and not text[end : reach.end].strip():
            # Several comments in a row all speak for what follows the last of them.
            following = _skip_blanks(text, end)
            if following < below_start:
                below = _line_around(text, following, following)
                if below.start in blocks:
                    below = Span(below.start, blocks[below.start])
            reach, below_start = below, start
        reaches.append(reach)
    return reaches[::-1]


def _skip_blanks(text: str, position: int) -> int:
    found = _VISIBLE.search(text, position)
    return found.start() if found else len(text)


def _line_around(text: str, start: int, end: int) -> Span:
    line_end = text.find("\n", end)
    return Span(text.rfind("\n", 0, start) + 1, len(text) if line_end == -1 else line_end)


def _blocks_by_line(text: str, blocks: Iterable[hcl.Block]) -> dict[int, int]:
    """Start of a line to the end of the block that it opens."""
    found: dict[int, int] = {}
    waiting = list(blocks)
    while waiting:
        block = waiting.pop()
        found[text.rfind("\n", 0, block.start) + 1] = block.end
        waiting += block.body.blocks
    return found


def is_formatted(path: str) -> bool:
    """Whether a file has a canonical format."""
    return path.endswith(FORMATTED)


def is_module_file(path: str) -> bool:
    """Whether a file is part of its directory's module; hidden ones are not."""
    name = path.rpartition("/")[2]
    return name.endswith(_NATIVE + _JSON) and name[0] != "."


def in_force(
    files: Sequence[TerraformFile | TerraformJson],
) -> list[TerraformFile | TerraformJson]:
    """The files without those that OpenTofu reads another one instead of: x.tofu for x.tf."""
    paths = {file.source.path for file in files}
    return [file for file in files if _twin(file.source.path) not in paths]


def _twin(path: str) -> str:
    for ending, other in ((".tf", ".tofu"), (".tf.json", ".tofu.json")):
        if path.endswith(ending):
            return path.removesuffix(ending) + other
    return ""


def read_json(source: SourceFile) -> TerraformJson:
    """A file in JSON syntax; raises `Broken`."""
    from iachygiene.parse.json import parse

    return TerraformJson(source, parse(source))


def formatted(source: SourceFile) -> Formatting:
    """The canonical format of a file by the built-in engine; raises `Broken`."""
    from iachygiene.hcl import HclError
    from iachygiene.hcl.format import layout

    text = source.text
    if source.bom and not text.strip(" \t"):
        # Without a token the reference takes the bytes of the mark for blanks.
        return Formatting(source, " " * len(source.data), (), "built-in")
    try:
        result = layout(text)
    except HclError as error:
        raise Broken(_trouble(source, error)) from None
    quirks = [
        Quirk(quirk, Location(source.path, Span(start, end)), explanation)
        for quirk, start, end, explanation in result.guards
    ]
    return Formatting(source, result.text, quirks, "built-in")


def checked(source: SourceFile) -> None:
    """Check the syntax of a file; raises `Broken`."""
    from iachygiene.hcl import HclError, check

    try:
        check(source.text)
    except HclError as error:
        raise Broken(_trouble(source, error)) from None


def _trouble(source: SourceFile, error: hcl.HclError) -> Trouble:
    from iachygiene.hcl import HclTooDeep

    kind = "over-limit" if isinstance(error, HclTooDeep) else "syntax"
    return Trouble(kind, Location(source.path, Span(error.start, error.end)), error.message)
