"""YAML files that have documents in common: each document is read once.

Manifests that are generated come in variants, and most of their bytes are the same
definitions of custom resources. A copy shares the tree of the first until it is looked into.
"""

from __future__ import annotations

from bisect import bisect_right

from iachygiene.model import SourceFile
from iachygiene.parse import yaml
from iachygiene.parse.yaml import Document, Mapping, Stream

_LONG = 1000
"""Characters of a document that make it worth a copy."""
_KEPT = 4_000_000
"""Characters of all documents that are kept to be copied."""
_MARK = "---\n"


class _Kept:
    """The last long documents that were read, by their text, with where that started."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[int, Document]] = {}
        self._size = 0

    def add(self, file: SourceFile, new: dict[int, tuple[str, Document]]) -> None:
        """Keep the documents of a file, unless they are so little of it: all of it is kept."""
        if 16 * sum(len(body) for body, _ in new.values()) < len(file.text):
            return
        for start, (body, document) in new.items():
            if body not in self.documents:
                self.documents[body] = (start, document)
                self._size += len(body)
        while self._size > _KEPT:
            oldest = next(iter(self.documents))
            del self.documents[oldest]
            self._size -= len(oldest)


_kept = _Kept()


def parse(file: SourceFile) -> Stream:
    """What `yaml.parse` gives; a long document that an earlier file has too is a copy."""
    text = file.text
    if len(text) < _LONG or text.startswith("%") or "\n%" in text:
        return yaml.parse(file)
    bodies = _bodies(text)
    known = {start: kept for start, body in bodies.items() if (kept := _kept.documents.get(body))}
    if known:
        left = (_emptied(body) if start in known else body for start, body in bodies.items())
        text = _MARK.join(left)
    stream = yaml.parse(file, text)
    if stream.trouble is not None:
        return yaml.parse(file) if known else stream
    starts = list(bodies)
    held: dict[int, list[Document]] = {}
    for document in stream.documents:
        start = starts[bisect_right(starts, document.start + len(_MARK)) - 1]
        held.setdefault(start, []).append(document)
    new: dict[int, tuple[str, Document]] = {}
    for start, documents in held.items():
        if start in known:
            before, model = known[start]
            documents[:] = [model.moved(file, start - before)]
        elif len(documents) == 1 and _is_copyable(bodies[start], documents[0]):
            new[start] = (bodies[start], documents[0])
    _kept.add(file, new)
    whole = tuple(document for documents in held.values() for document in documents)
    if known and sum(document.nodes for document in whole) > yaml.MAX_NODES:
        return yaml.parse(file)
    return stream._replace(documents=whole)


def _bodies(text: str) -> dict[int, str]:
    """What lies between the lines that are a plain `---`, by where it starts."""
    end = 0 if text.startswith(_MARK) else text.find("\n" + _MARK) + 1 or len(text)
    bodies = {0: text[:end]}
    while end < len(text):
        start = end + len(_MARK)
        mark = text.find("\n" + _MARK, start - 1)
        end = len(text) if mark == -1 else mark + 1
        bodies[start] = text[start:end]
    return bodies


def _is_copyable(body: str, document: Document) -> bool:
    """Whether a document may stand for another one of the same text, wherever that is."""
    if len(body) < _LONG or type(document.root) is not Mapping or document.aliased:
        return False
    return not body.startswith(("---", "...")) and "\n---" not in body and "\n..." not in body


def _emptied(body: str) -> str:
    """A null of the same length."""
    return "~" + "\n" * (len(body) - 1)
