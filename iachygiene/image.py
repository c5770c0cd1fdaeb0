"""Container image references: one reading and one policy for every language.

The grammar is that of the registries, `[registry/]repository[:tag][@digest]`
(https://github.com/distribution/reference). A variable or template in a reference is
opaque: a colon inside `${TAG:-1.2}` starts no tag.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Location, Span

_OPAQUE = "\0"
_VARIABLE = regex(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|.)?", re.DOTALL)
_DIGEST = regex(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,}", re.ASCII | re.IGNORECASE)
_TAG = regex(r"\w[\w.-]{0,127}", re.ASCII)
_COMPONENT = regex(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*")
_HUBS = frozenset(
    ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
)


class Part(NamedTuple):
    """One part of a reference. `unknown` says that it holds a variable or a template."""

    text: str
    span: Span
    unknown: bool


class ImageRef(NamedTuple):
    """A reference as it is written, and its parts.

    `location` is that of the text without quotes. An empty tag or digest (`app:`) is a part
    with an empty text; a missing one is None.
    """

    text: str
    location: Location
    registry: Part | None
    repository: Part
    tag: Part | None
    digest: Part | None

    @property
    def unknown(self) -> bool:
        """Whether any part holds a variable or a template."""
        parts = (self.registry, self.repository, self.tag, self.digest)
        return any(part is not None and part.unknown for part in parts)

    @property
    def name(self) -> str:
        """Registry and repository in the short form: Docker Hub and its `library/` left out."""
        if self.registry is None or self.registry.text in _HUBS:
            return self.repository.text.removeprefix("library/")
        return f"{self.registry.text}/{self.repository.text}"

    @property
    def short_name(self) -> str:
        """The last component of the repository: `nginx` of `quay.io/team/nginx:1`."""
        return self.repository.text.rpartition("/")[2]


def parse_image(text: str, location: Location) -> ImageRef:
    """Read a reference that stands at a location; any text is read, valid or not.

    A location that is two code points longer than the text is taken for that of a quoted
    text. Where the lengths differ otherwise (the text was unescaped or joined), the parts
    get the span of the whole.
    """
    start, end = location.span
    if end - start == len(text) + 2:
        start, end = start + 1, end - 1
        location = location._replace(span=Span(start, end))
    exact = end - start == len(text)
    masked = _mask(text)

    def part(first: int, last: int) -> Part:
        span = Span(start + first, start + last) if exact else Span(start, end)
        return Part(text[first:last], span, _OPAQUE in masked[first:last])

    tag = digest = registry = None
    stop = len(text)
    at_sign = masked.find("@")
    if at_sign != -1:
        digest, stop = part(at_sign + 1, stop), at_sign
    colon = masked.rfind(":", masked.rfind("/", 0, stop) + 1, stop)
    if colon != -1:
        tag, stop = part(colon + 1, stop), colon
    first = 0
    slash = masked.find("/", 0, stop)
    if slash != -1 and _is_registry(masked[:slash]):
        registry, first = part(0, slash), slash + 1
    return ImageRef(text, location, registry, part(first, stop), tag, digest)


def _is_registry(component: str) -> bool:
    return "." in component or ":" in component or component == "localhost"


def pin_problem(image: ImageRef, *, require_digest: bool = False) -> str | None:
    """Why the registry may serve another image for this reference tomorrow; None if it may not.

    None also stands for what cannot be known: a variable or template where the tag would be,
    or one that begins the reference and may hold anything. A fixed tag counts as a pin unless
    `require_digest`.
    """
    if not image.text:
        return "the image reference is empty"
    if image.digest is not None and (image.digest.text or image.digest.unknown):
        return None
    if image.tag is None:
        if image.repository.unknown or (image.registry is not None and image.registry.unknown):
            return None
        return f'"{image.text}" has neither tag nor digest'
    if image.tag.text == "":
        return f'"{image.text}" has an empty tag'
    if image.tag.text == "latest":
        return f'"{image.text}" has the tag "latest"'
    if require_digest and not image.unknown:
        return f'"{image.text}" has no digest'
    return None


def reference_problem(image: ImageRef) -> str | None:
    """Why no registry can hold such a reference; None if one can, or if a part is unknown."""
    text = image.text
    if image.unknown:
        return None
    if not text or any(letter.isspace() for letter in text):
        return f'"{text}" is empty or holds a blank'
    if "://" in text:
        return f'"{text}" begins with the scheme of a URL'
    if image.tag is not None and not _TAG.fullmatch(image.tag.text):
        return f'"{text}" has an invalid tag'
    if image.digest is not None and not _is_digest(image.digest.text):
        return f'"{text}" has an invalid digest'
    if any(letter.isupper() for letter in image.repository.text):
        return f'"{text}" has upper-case letters in its repository'
    if not all(map(_COMPONENT.fullmatch, image.repository.text.split("/"))):
        return f'"{text}" has an invalid repository'
    return None


def _is_digest(text: str) -> bool:
    if not _DIGEST.fullmatch(text):
        return False
    algorithm, _, value = text.partition(":")
    return len(value) == {"sha256": 64, "sha512": 128}.get(algorithm, len(value))


def _mask(text: str) -> str:
    """The text with every code point of a variable or template replaced by U+0000."""
    if "$" not in text and "{" not in text and "<" not in text:
        return text
    out: list[str] = []
    here = 0
    while here < len(text):
        end = _opaque_end(text, here)
        out.append(_OPAQUE * (end - here) if end > here else text[here])
        here = max(end, here + 1)
    return "".join(out)


def _opaque_end(text: str, start: int) -> int:
    """Where the variable or template that starts here ends; `start` if none does."""
    if text.startswith("${", start):
        return _close(text, start + 1, "{", "}")
    if text.startswith("$(", start):
        return _close(text, start + 1, "(", ")")
    if text[start] == "$":
        found = _VARIABLE.match(text, start)
        return found.end() if found else start + 1
    for opening, closing in (("{{", "}}"), ("<", ">")):
        if text.startswith(opening, start):
            end = text.find(closing, start)
            return end + len(closing) if end != -1 else len(text)
    return start


def _close(text: str, start: int, opening: str, closing: str) -> int:
    depth = 0
    for here in range(start, len(text)):
        depth += (text[here] == opening) - (text[here] == closing)
        if depth == 0:
            return here + 1
    return len(text)
