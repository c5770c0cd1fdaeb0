"""Suppressions that other tools read: their comments and annotations, honoured as they are.

One of them mutes a finding that carries an alias of its tool, and nothing else: a repository
that is quiet under a peer starts quiet here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from iachygiene.lazy import regex
from iachygiene.model import Comment, Finding, Location, Span

_CODES = regex(r"[DLSC0-9]+")
_TRIVY = regex(r"\b(?:trivy|tfsec):ignore:([A-Za-z0-9*][A-Za-z0-9*_-]*)(?::exp:([0-9-]{10}))?")
_CHECKOV = regex(r"\b(?:checkov|bridgecrew|cortex):skip=([A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*)")
_CHECKOV_KEYS = ("checkov.io/skip", "bridgecrew.io/skip", "cortex.io/skip")
_DCLINT = regex(r"\s*dclint (disable(?:-line|-file)?)(?: ([a-z0-9, -]++))?\s*+$")
_TRIVY_ID = regex(r"(?:avd-)?([a-z]++)-?0*([1-9][0-9]*|0)")
_EPHEMERAL = "container-ephemeral-storage-request-and-limit"


class PeerSuppression(NamedTuple):
    """What a peer's comment sets aside: findings with an alias of `tools` and `codes`.

    `codes` of None are all of them. `starting` says that a finding has to begin inside the
    reach; otherwise it is enough that it touches it. `until` is a date, "" for ever.
    """

    location: Location
    tools: tuple[str, ...]
    codes: frozenset[str] | None
    reach: Span
    whole_file: bool = False
    starting: bool = False
    reason: str = ""
    until: str = ""
    by: str = "peer"

    def mutes(self, finding: Finding) -> bool:
        """Whether a finding that is near enough is set aside."""
        if not self.whole_file:
            span, reach = finding.location.span, self.reach
            if self.starting and not reach.start <= span.start < reach.end:
                return False
            if not (span.start < reach.end and reach.start < max(span.end, span.start + 1)):
                return False
        for alias in finding.aliases or ():
            tool, _, code = alias.partition(":")
            if tool in self.tools and (self.codes is None or _spelled(tool, code) in self.codes):
                return True
        return False


def read(comment: Comment, text: str, honoured: Collection[str]) -> Iterator[PeerSuppression]:
    """What a comment or an annotation of a file with this text says to the peers honoured."""
    if comment.key:
        found = _annotation(comment)
    else:
        found = (one for form in _FORMS for one in form(comment, text))
    for one in found:
        if not honoured or any(tool in honoured for tool in one.tools):
            yield one


def _spelled(tool: str, code: str) -> str:
    """A code in the one spelling that codes are compared in."""
    if tool != "trivy":
        return code
    found = _TRIVY_ID.fullmatch(code.lower())
    return f"{found[1]}{found[2]}" if found else code.lower()


def _listed(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def _hadolint(comment: Comment, text: str) -> Iterator[PeerSuppression]:
    here, end = comment.location.span
    inside = comment.scope.start <= here < comment.scope.end
    if inside or not comment.text.lstrip().startswith("hadolint"):
        return
    head, equals, tail = comment.text.partition("=")
    form = " ".join(head.split())
    words = [word.strip() for word in tail.partition("#")[0].split(",")]
    if not equals or not all(_CODES.fullmatch(word) for word in words):
        return
    codes = frozenset(words)
    found = PeerSuppression(comment.location, ("hadolint", "shellcheck"), codes, comment.scope)
    if form == "hadolint global ignore":
        yield found._replace(whole_file=True)
    elif form == "hadolint stage ignore":
        yield found
    elif form == "hadolint ignore":
        # Only the next physical line: a blank line or another comment between cancels it.
        between = text[end : comment.reach.start].lstrip(" \t\r").removeprefix("\n")
        if not between.strip(" \t"):
            yield found._replace(reach=comment.reach)


def _buildkit(comment: Comment, _text: str) -> Iterator[PeerSuppression]:
    name, equals, value = comment.text.partition("=")
    if not equals or name.strip().lower() != "check" or not comment.leading:
        return
    for part in value.split(";"):
        key, _, checks = part.partition("=")
        if key.strip() == "skip":
            codes = None if checks.strip() == "all" else _listed(checks)
            yield PeerSuppression(comment.location, ("buildkit",), codes, comment.scope, True)


def _shellcheck(comment: Comment, _text: str) -> Iterator[PeerSuppression]:
    words = comment.text.split()
    if words[:1] != ["shellcheck"]:
        return
    for word in words[1:]:
        key, _, codes = word.partition("=")
        if key == "disable":
            every = None if codes == "all" else _listed(codes)
            yield PeerSuppression(comment.location, ("shellcheck",), every, comment.scope)


def _tflint(comment: Comment, text: str) -> Iterator[PeerSuppression]:
    for line in comment.text.split("\n"):
        head, colon, tail = line.strip(" \t*\r").partition(":")
        if not colon or head not in ("tflint-ignore", "tflint-ignore-file"):
            continue
        names = _listed(re.split("#|//", tail, maxsplit=1)[0])
        codes = None if "all" in names else names
        span = comment.location.span
        found = PeerSuppression(comment.location, ("tflint",), codes, span)
        if head == "tflint-ignore":
            start = text.rfind("\n", 0, span.start) + 1
            end = text.find("\n", text.find("\n", max(span.end - 1, 0)) + 1)
            reach = Span(start, len(text) if end == -1 else end + 1)
            yield found._replace(reach=reach, starting=True)
        elif span.start == 0 or comment.location.path.endswith(".json"):
            yield found._replace(whole_file=True)


def _trivy(comment: Comment, _text: str) -> Iterator[PeerSuppression]:
    for found in _TRIVY.finditer(comment.text):
        codes = None if found[1] == "*" else frozenset((_spelled("trivy", found[1]),))
        until = found[2] or ""
        yield PeerSuppression(comment.location, ("trivy",), codes, comment.reach, until=until)


def _checkov(comment: Comment, _text: str) -> Iterator[PeerSuppression]:
    found = _CHECKOV.search(comment.text)
    if found:
        _, _, reason = comment.text[found.end() :].partition(":")
        codes = _listed(found[1])
        yield PeerSuppression(
            comment.location, ("checkov",), codes, comment.scope, reason=reason.strip()
        )


def _dclint(comment: Comment, text: str) -> Iterator[PeerSuppression]:
    found = _DCLINT.match(comment.text)
    if found is None:
        return
    codes = _listed((found[2] or "").replace(" ", ","))
    start = text.rfind("\n", 0, comment.location.span.start) + 1
    end = text.find("\n", start)
    line = Span(start, len(text) if end == -1 else end)
    whole = found[1] != "disable-line"
    yield PeerSuppression(comment.location, ("dclint",), codes or None, line, whole)


_FORMS: tuple[Callable[[Comment, str], Iterator[PeerSuppression]], ...] = (
    *(_hadolint, _buildkit, _shellcheck, _tflint, _trivy, _checkov, _dclint),
)


def _annotation(comment: Comment) -> Iterator[PeerSuppression]:
    """What an annotation of an object says; it speaks for the object."""
    key, value = comment.key, comment.text
    found = PeerSuppression(comment.location, (), None, comment.reach, by="annotation")
    check = key.removeprefix("ignore-check.kube-linter.io/")
    if key == "kube-linter.io/ignore-all":
        yield found._replace(tools=("kube-linter",), reason=value)
    elif check != key:
        yield found._replace(tools=("kube-linter",), codes=frozenset((check,)), reason=value)
    elif key == "kube-score/ignore":
        codes = _listed(value)
        if "container-resources" in codes:
            codes |= {_EPHEMERAL}
        yield found._replace(tools=("kube-score",), codes=codes)
    elif any(part in key for part in _CHECKOV_KEYS):
        code, _, reason = value.partition("=")
        yield found._replace(
            tools=("checkov",), codes=frozenset((code.strip(),)), reason=reason.strip()
        )


def is_annotation(key: str) -> bool:
    """Whether `read` has a use for an annotation of an object."""
    return "kube-linter.io/" in key or key == "kube-score/ignore" or ".io/skip" in key
