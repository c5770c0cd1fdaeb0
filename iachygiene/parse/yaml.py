"""YAML as nodes with places, built from PyYAML's event stream.

No loader's `compose` or `load` is called: the C composer crashes on deep nesting, and
constructing raises on values that Kubernetes accepts (`key: =`). Plain scalars mean what
they mean to Kubernetes, which reads a dialect of YAML 1.1 (https://yaml.org/spec/1.1/).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from math import isinf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from iachygiene.lazy import regex
from iachygiene.model import Broken, Comment, Location, SourceFile, Span, Trouble

MAX_DEPTH = 200
MAX_NODES = 2_000_000
"""Nodes in one file."""
MAX_EXPANSION = 100_000
"""Nodes that the aliases of one document stand for."""
MAX_DOCUMENTS = 20_000


class Scalar:
    """A scalar. `style` is "" for a plain one, else the character that opens it.

    `text` is the text after unquoting and folding, `tag` what was written or None.
    """

    __slots__ = ("end", "file", "start", "style", "tag", "text")

    def __init__(
        self, file: SourceFile, start: int, end: int, text: str, style: str, tag: str | None
    ) -> None:
        self.file = file
        self.start = start
        self.end = end
        self.text = text
        self.style = style
        self.tag = tag

    @property
    def location(self) -> Location:
        """The scalar with its quotes, without anchor, tag and the line ends of a block."""
        start, end = _without_properties(self.file.text, self.start, self.end)
        if self.style in ("|", ">"):
            end = start + len(self.file.text[start:end].rstrip())
        return Location(self.file.path, Span(start, end))

    @property
    def value(self) -> ScalarValue:
        """What the scalar means to Kubernetes: `yes` is true, `0644` is 420, a date is text."""
        if self.tag is None:
            return self.text if self.style else resolve(self.text)
        if self.tag in _RESOLVED_TAGS:
            return resolve(self.text)
        return self.text

    @property
    def is_null(self) -> bool:
        """Whether it is null: written so, or nothing at all."""
        return not self.style and self.text in _NULLS and self.tag in (None, _NULL_TAG)


class _Collection:
    """What mappings and sequences have in common."""

    __slots__ = ("_model", "children", "end", "file", "start", "tag")

    def __init__(self, file: SourceFile, start: int, tag: str | None) -> None:
        self.file = file
        self.start = start
        self.end = start
        self.tag = tag
        self.children: list[Node] = []
        self._model: _Collection

    @property
    def location(self) -> Location:
        """From the first key or dash, or the opening bracket, to the end of the last child."""
        span = _without_properties(self.file.text, self.start, self.end)
        return Location(self.file.path, span)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> list[Node]:
            # Only what is not set comes here: the children of a copy, made when asked for.
            if name != "children":
                raise AttributeError(name)
            by = self.start - self._model.start
            self.children = [_moved(child, self.file, by) for child in self._model.children]
            return self.children


def _moved(node: Node, file: SourceFile, by: int) -> Node:
    """A copy of a node for another place; nothing below a collection is copied yet."""
    start, end = node.start + by, node.end + by
    if type(node) is Scalar:
        return Scalar(file, start, end, node.text, node.style, node.tag)
    assert isinstance(node, _Collection)
    copy = type(node)(file, start, node.tag)
    copy.end = end
    copy._model = node
    del copy.children
    return copy


class Mapping(_Collection):
    """A mapping. `children` are keys and values in turn, as written."""

    __slots__ = ("_entries",)

    def __init__(self, file: SourceFile, start: int, tag: str | None) -> None:
        self.file = file
        self.start = start
        self.end = start
        self.tag = tag
        self.children: list[Node] = []
        self._entries: dict[str, Entry] | None = None

    @property
    def entries(self) -> dict[str, Entry]:
        """The scalar keys by their text, with what `<<` merges in.

        The last of several equal keys holds; a key written here wins over a merged one, and
        an earlier merged mapping over a later one.
        """
        if self._entries is None:
            entries: dict[str, Entry] = {}
            merged: list[Mapping] = []
            for key, value in self.pairs():
                if type(key) is not Scalar:
                    continue
                text = key.text
                if text == "<<" and _is_merge(key):
                    merged += merge_sources(value) or ()
                else:
                    entries[text] = Entry(key, value)
            for source in merged:
                for text, entry in source.entries.items():
                    entries.setdefault(text, entry)
            self._entries = entries
        return self._entries

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Keys and values as written."""
        children = iter(self.children)
        return zip(children, children, strict=True)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def key(self, key: str) -> Scalar | None:
        """The node of a key, whatever its value."""
        entry = self.entries.get(key)
        return entry.key if entry else None

    def get(self, *keys: str) -> Node | None:
        """The node at a path of keys; None where there is none or where it is null."""
        node: Node = self
        for key in keys:
            if type(node) is not Mapping:
                return None
            entry = node.entries.get(key)
            if entry is None:
                return None
            node = entry.value
        return None if type(node) is Scalar and node.is_null else node

    def mapping(self, *keys: str) -> Mapping | None:
        """The mapping at a path of keys, None for anything else."""
        node = self.get(*keys)
        return node if type(node) is Mapping else None

    def sequence(self, *keys: str) -> Sequence | None:
        """The sequence at a path of keys, None for anything else."""
        node = self.get(*keys)
        return node if type(node) is Sequence else None

    def scalar(self, *keys: str) -> Scalar | None:
        """The scalar at a path of keys, None for anything else and for null."""
        node = self.get(*keys)
        return node if type(node) is Scalar else None

    def text(self, *keys: str) -> str:
        """The text of the scalar at a path of keys, "" for anything else."""
        node = self.get(*keys)
        return node.text if type(node) is Scalar else ""

    def text_map(self) -> dict[str, str]:
        """The scalar values as text, by key."""
        return {
            text: entry.value.text
            for text, entry in self.entries.items()
            if type(entry.value) is Scalar
        }

    def duplicates(self) -> Iterator[tuple[Scalar, Scalar]]:
        """Each key that was written before, after the first of its text."""
        first: dict[str, Scalar] = {}
        for key in self.children[::2]:
            if type(key) is Scalar and first.setdefault(key.text, key) is not key:
                yield first[key.text], key


class Sequence(_Collection):
    """A sequence of nodes."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.children)

    def __len__(self) -> int:
        return len(self.children)

    def mappings(self) -> Iterator[Mapping]:
        """The items that are mappings."""
        for child in self.children:
            if type(child) is Mapping:
                yield child

    def scalars(self) -> Iterator[Scalar]:
        """The items that are scalars."""
        for child in self.children:
            if type(child) is Scalar:
                yield child


class Alias:
    """An alias inside of what it stands for; every other one is replaced by its target."""

    __slots__ = ("end", "file", "name", "start")

    def __init__(self, file: SourceFile, start: int, end: int, name: str) -> None:
        self.file = file
        self.start = start
        self.end = end
        self.name = name

    @property
    def location(self) -> Location:
        """The alias itself."""
        return Location(self.file.path, Span(self.start, self.end))


Node: TypeAlias = Scalar | Mapping | Sequence | Alias
ScalarValue: TypeAlias = str | int | float | bool | None


class Entry(NamedTuple):
    """A key and its value. Either may stand elsewhere, where a merge found it."""

    key: Scalar
    value: Node


class Document:
    """One document of a stream. An empty one has a null scalar as its root.

    `nodes` counts them, `aliased` says that some stand in several places. `absent` names
    what a walk over the document did not find; copies share it.
    """

    __slots__ = ("_mappings", "absent", "aliased", "nodes", "root", "start")

    def __init__(
        self, root: Node, start: int, nodes: int, aliased: bool, mappings: list[Mapping] | None
    ) -> None:
        self.root = root
        self.start = start
        self.nodes = nodes
        self.aliased = aliased
        self.absent: set[object] = set()
        self._mappings = mappings

    @property
    def mappings(self) -> list[Mapping]:
        """All mappings in the order of the text, each once."""
        if self._mappings is None:
            self._mappings = [node for node in walk(self.root) if type(node) is Mapping]
        return self._mappings

    def mappings_that(self, are_sought: Callable[[Mapping], bool]) -> list[Mapping]:
        """The mappings of a sort, which nothing but their keys and values may decide."""
        if are_sought in self.absent:
            return []
        found = list(filter(are_sought, self.mappings))
        if not found:
            self.absent.add(are_sought)
        return found

    def moved(self, file: SourceFile, by: int) -> Document:
        """A copy at another place."""
        root = _moved(self.root, file, by)
        copy = Document(root, self.start + by, self.nodes, False, None)
        copy.absent = self.absent
        return copy


class Stream(NamedTuple):
    """The documents of a file up to the first error, and that error."""

    file: SourceFile
    documents: tuple[Document, ...]
    trouble: Trouble | None


_NULL_TAG = "tag:yaml.org,2002:null"
_RESOLVED_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
BOOLEANS = _TRUE | _FALSE
"""The texts of plain scalars that are true or false."""
_PROPERTIES = regex(r"(?:(?:&[A-Za-z0-9_-]+|!\S*)(?:[\s\ufeff]|#[^\n]*\n)*)+")
_INTEGER = regex(r"[-+]?(?:0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|[0-9]+)")
_FLOAT = regex(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = regex(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve(text: str) -> ScalarValue:
    """What a plain scalar of this text means to Kubernetes.

    Its tools read YAML with the resolver of https://github.com/go-yaml/yaml (version 2).
    """
    if text in _NULLS:
        return None
    if text[0] in "ynYNtTfFoO":
        return True if text in _TRUE else False if text in _FALSE else text
    if text[0] not in "0123456789+-." or len(text) > 400:
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        number = _integer(digits)
        if number is not None:
            return number
    if _FLOAT.fullmatch(digits):
        value = float(digits)
        return text if isinf(value) else value
    return float(text.replace(".", "")) if _INFINITE.fullmatch(text) else text


def _integer(digits: str) -> int | None:
    """The value of an integer that 64 bits hold, None for others and for `089`."""
    unsigned = digits.lstrip("+-")
    if unsigned[0] == "0" and unsigned.isdigit() and len(unsigned) > 1:
        if not set(unsigned) <= set("01234567"):
            return None
        number = int(digits, 8)
    else:
        number = int(digits, 0)
    return number if -(1 << 63) <= number < 1 << 64 else None


def _without_properties(text: str, start: int, end: int) -> Span:
    """The span of a node without its anchor and tag: no node begins with such a character."""
    if text[start : start + 1] in ("&", "!"):
        properties = _PROPERTIES.match(text, start, end)
        start = properties.end() if properties else start
    return Span(start, end)


def _is_merge(key: Scalar) -> bool:
    if key.text != "<<":
        return False
    return not key.style if key.tag is None else key.tag == "tag:yaml.org,2002:merge"


def merge_sources(value: Node) -> list[Mapping] | None:
    """The mappings that a merge takes from, the strongest first; None if it is not possible."""
    if type(value) is Mapping:
        return [value]
    if type(value) is Sequence:
        sources = list(value.mappings())
        return sources if len(sources) == len(value) else None
    return None


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it; what aliases stand for comes once for each."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        if type(node) is Mapping or type(node) is Sequence:
            pending.extend(reversed(node.children))


def parse(file: SourceFile, text: str | None = None) -> Stream:
    """Read a file, or a text of the same places in its stead.

    Documents before an error are kept, the rest of the file is not read. Raises `Broken`
    where the file is no text.
    """
    from yaml import YAMLError

    text = file.text if text is None else text
    merges = "<<" in text
    documents: list[Document] = []
    trouble = None
    try:
        for document in _documents(file, _events(text)):
            if len(documents) == MAX_DOCUMENTS:
                message = f"more than {MAX_DOCUMENTS:,} documents"
                raise Broken(_over(file, document.start, message))
            if merges:
                _check_merges(document)
            documents.append(document)
    except Broken as broken:
        trouble = broken.trouble
    except YAMLError as error:
        trouble = _syntax_trouble(file, error)
    if trouble and documents:
        kept = "the document before is" if len(documents) == 1 else "the documents before are"
        trouble = trouble._replace(message=f"{trouble.message}; only {kept} checked")
    return Stream(file, tuple(documents), trouble)


def _events(text: str) -> Callable[[], Any]:
    """The function that gives the next event, None at the end.

    libyaml drops one byte order mark without counting it, and counts a second one: a text
    that begins with one, behind the one of its file, gets another.
    """
    if text.startswith("\ufeff"):
        text = "\ufeff" + text
    try:
        from yaml import CBaseLoader
    except ImportError:  # PyYAML was built without libyaml
        return _pure_events(text)
    get_event: Callable[[], Any] = CBaseLoader(text).get_event
    return get_event


def _pure_events(text: str) -> Callable[[], Any]:
    from yaml import SafeLoader

    loader = SafeLoader(text)

    def get_event() -> Any:
        event = loader.get_event()  # type: ignore[no-untyped-call]
        if getattr(event, "style", "") is None:  # libyaml says "" for plain
            event.style = ""
        return event

    return get_event


def _documents(file: SourceFile, get_event: Callable[[], Any]) -> Iterator[Document]:
    # This loop is most of the time that YAML costs: nothing here is a call that need not be.
    from yaml import events

    scalar_event = events.ScalarEvent
    mapping_start, sequence_start = events.MappingStartEvent, events.SequenceStartEvent
    mapping_end, sequence_end = events.MappingEndEvent, events.SequenceEndEvent
    alias_event, document_start = events.AliasEvent, events.DocumentStartEvent
    document_end = events.DocumentEndEvent
    stack: list[Mapping | Sequence] = []
    roots: list[Node] = []
    mappings: list[Mapping] = []
    append = roots.append
    anchors = _Anchors(file)
    nodes = before = start = end = 0
    limit = MAX_NODES
    for event in iter(get_event, None):
        kind = type(event)
        if kind is scalar_event:
            end = event.end_mark.index
            scalar = Scalar(file, event.start_mark.index, end, event.value, event.style, event.tag)
            append(scalar)
            nodes += 1
            if event.anchor is not None:
                anchors.define(event.anchor, scalar, 1)
        elif kind is mapping_start or kind is sequence_start:
            node: Mapping | Sequence
            if kind is mapping_start:
                node = Mapping(file, event.start_mark.index, event.tag)
                mappings.append(node)
            else:
                node = Sequence(file, event.start_mark.index, event.tag)
            append(node)
            append = node.children.append
            stack.append(node)
            nodes += 1
            if event.anchor is not None:
                anchors.open(event.anchor, node, len(stack), nodes)
            if len(stack) > MAX_DEPTH:
                raise Broken(_over(file, node.start, f"nested deeper than {MAX_DEPTH} levels"))
        elif kind is mapping_end or kind is sequence_end:
            # The end of a block collection stands where the next token begins.
            if event.start_mark.index != event.end_mark.index:
                end = event.end_mark.index
            if anchors.pending:
                anchors.close(len(stack), nodes)
            stack.pop().end = end
            append = stack[-1].children.append if stack else roots.append
        elif kind is alias_event:
            end = event.end_mark.index
            append(anchors.follow(event.anchor, event.start_mark.index, end))
            nodes += 1
        elif kind is document_start:
            start, end = event.start_mark.index, event.end_mark.index
            roots.clear()
            before = nodes
            mappings = []
            anchors = _Anchors(file)
        elif kind is document_end:
            yield Document(roots[0], start, nodes - before, anchors.followed, mappings)
        if nodes > limit:
            raise Broken(_over(file, end, f"more than {limit:,} nodes"))


class _Anchors:
    """The anchors of one document, and how many nodes its aliases stand for so far."""

    __slots__ = ("_defined", "_expanded", "_file", "followed", "pending")

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._defined: dict[str, tuple[Node, int]] = {}
        self.pending: list[tuple[int, int, str, Node]] = []
        self._expanded = 0
        self.followed = False

    def define(self, name: str, node: Node, size: int) -> None:
        self._defined[name] = (node, size)

    def open(self, name: str, node: Node, depth: int, nodes: int) -> None:
        """Note an anchored collection; its size, known when it ends, is 0 until then."""
        self._defined[name] = (node, 0)
        self.pending.append((depth, nodes - 1 + self._expanded, name, node))

    def close(self, depth: int, nodes: int) -> None:
        if self.pending[-1][0] == depth:
            _, before, name, node = self.pending.pop()
            if self._defined[name][0] is node:
                self._defined[name] = (node, nodes + self._expanded - before)

    def follow(self, name: str, start: int, end: int) -> Node:
        place = Location(self._file.path, Span(start, end))
        if name not in self._defined:
            raise Broken(Trouble("syntax", place, f'"*{name}" refers to no anchor before it'))
        self.followed = True
        node, size = self._defined[name]
        if size == 0:
            return Alias(self._file, start, end, name)
        self._expanded += size
        if self._expanded > MAX_EXPANSION:
            message = f"the aliases of the document stand for more than {MAX_EXPANSION:,} nodes"
            raise Broken(Trouble("over-limit", place, message))
        return node


def _check_merges(document: Document) -> None:
    for node in document.mappings:
        for key, value in node.pairs():
            if type(key) is Scalar and _is_merge(key) and merge_sources(value) is None:
                message = 'the value of "<<" is neither a mapping nor a list of mappings'
                raise Broken(Trouble("syntax", value.location, message))


def _over(file: SourceFile, offset: int, message: str) -> Trouble:
    return Trouble("over-limit", Location(file.path, Span(offset, offset + 1)), message)


def _syntax_trouble(file: SourceFile, error: Exception) -> Trouble:
    """The trouble of an error of PyYAML; what it raises has a mark or a position."""
    text = file.text
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        context, problem = getattr(error, "context", None), getattr(error, "problem", None)
        if problem == "exceeded maximum nesting depth":
            # Some builds of libyaml look ahead no further than 1,000 open brackets.
            return _over(file, mark.index, f"nested deeper than {MAX_DEPTH} levels")
        offset, message = mark.index, ": ".join(part for part in (context, problem) if part)
        if "nesting depth" in message:
            # Since 6.0.4 the scanner has a limit of its own and meets it before we meet ours.
            return _over(file, offset, f"nested deeper than {MAX_DEPTH} levels")
    else:
        # Of what libyaml's reader refuses it gives the offset in bytes.
        offset = next((at for at, one in enumerate(text) if not _is_printable(one)), len(text))
        message = "not readable"
        if offset < len(text):
            message = f"control characters are not allowed: U+{ord(text[offset]):04X}"
    if offset >= len(text):
        offset = len(text.rstrip())
        return Trouble("syntax", Location(file.path, Span(offset, offset)), message)
    return Trouble("syntax", Location(file.path, Span(offset, offset + 1)), message)


def _is_printable(character: str) -> bool:
    """Whether YAML allows a character. A pattern of these ranges costs 5 ms at each start."""
    code = ord(character)
    return (
        0x20 <= code <= 0x7E
        or code in (0x09, 0x0A, 0x0D, 0x85)
        or 0xA0 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or code >= 0x10000
    )


def comments(file: SourceFile, markers: Iterable[bytes] = (b"iachygiene",)) -> Iterator[Comment]:
    """The comments that hold one of the markers, each with what it speaks for.

    At the end of a line that is the line; alone on a line it is what starts on the next
    line that holds more: a pair of key and value, an item with its dash, or a whole
    document where its first line follows. The scope is the document.
    """
    text = file.text
    present = [marker.decode() for marker in markers if marker.decode() in text]
    if not present:
        return
    outline = _Outline(text)
    starts = {text.rfind("\n", 0, found) + 1 for one in present for found in _finds(text, one)}
    for start in sorted(starts):
        end = text.find("\n", start)
        end = len(text) if end == -1 else end
        mark = outline.comment_start(start, end)
        if mark is not None and any(one in text[mark:end] for one in present):
            place = Location(file.path, Span(mark, mark + len(text[mark:end].rstrip("\r"))))
            alone = not text[start:mark].strip()
            reach = outline.reach(end) if alone else Span(start, end)
            inner = text[mark + 1 : place.span.end]
            yield Comment(place, inner, reach, mark < outline.first, outline.document(mark))


def _finds(text: str, part: str) -> Iterator[int]:
    found = -1
    while (found := text.find(part, found + 1)) != -1:
        yield found


class _Outline:
    """Where scalars hold a `#`, and where the parts of the documents start and end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.first = len(text)
        self._texts: list[Span] = []
        self._parts: list[list[int]] = []
        self._documents: list[list[int]] = []
        from yaml import YAMLError

        with suppress(YAMLError):  # what stands before an error counts
            self._read(_events(text))
        self._starts = [part[0] for part in self._parts]
        self._text_starts = [span.start for span in self._texts]

    def _read(self, get_event: Callable[[], Any]) -> None:
        # A frame is [whether a mapping, whether its value is next, its open part].
        frames: list[list[Any]] = []
        document: list[int] = []
        end = 0
        for event in iter(get_event, None):
            kind = type(event).__name__
            start = event.start_mark.index
            if kind == "DocumentStartEvent":
                document = [start, start]
                self._parts.append(document)
                self._documents.append(document)
                frames = [[False, False, None]]
            elif kind in ("ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"):
                self.first = min(self.first, start)
                self._open(frames[-1], start)
                if kind == "ScalarEvent" and "#" in event.value:
                    self._hold(start, event.end_mark.index, event.style)
                if kind in ("ScalarEvent", "AliasEvent"):
                    end = event.end_mark.index
                    frames[-1][2][1] = end
                else:
                    frames.append([kind == "MappingStartEvent", False, None])
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                if start != event.end_mark.index:
                    end = event.end_mark.index
                frames.pop()
                frames[-1][2][1] = end
            elif kind == "DocumentEndEvent":
                document[1] = end

    def _open(self, frame: list[Any], start: int) -> None:
        if frame[1]:
            frame[1] = False
            return
        frame[1] = frame[0]
        frame[2] = [start, start]
        self._parts.append(frame[2])

    def _hold(self, start: int, end: int, style: str | None) -> None:
        if style in ("|", ">"):
            # A comment may follow the indicator.
            line_end = self.text.find("\n", start, end)
            start = end if line_end == -1 else line_end
        self._texts.append(Span(start, end))

    def comment_start(self, start: int, end: int) -> int | None:
        """The first `#` of a line that no scalar holds."""
        while (start := self.text.find("#", start, end)) != -1:
            before = bisect_right(self._text_starts, start) - 1
            if before < 0 or start >= self._texts[before].end:
                return start
            start = min(self._texts[before].end, end)
        return None

    def document(self, position: int) -> Span:
        """The document around a place, up to where the next one starts."""
        starts = [start for start, _ in self._documents]
        number = bisect_right(starts, position)
        end = starts[number] if number < len(starts) else len(self.text)
        return Span(starts[number - 1] if number > 1 else 0, end)

    def reach(self, line_end: int) -> Span:
        """What starts on the first line after this one that is neither blank nor comment."""
        text = self.text
        while line_end < len(text):
            start = line_end + 1
            line_end = text.find("\n", start)
            line_end = len(text) if line_end == -1 else line_end
            line = text[start:line_end].strip()
            if line and not line.startswith("#"):
                part = bisect_left(self._starts, start)
                opens = line in ("-", "?") or line.startswith("---")
                if part < len(self._parts) and (opens or self._starts[part] < line_end):
                    return Span(start, max(line_end, self._parts[part][1]))
                return Span(start, line_end)
        return Span(len(text), len(text))
