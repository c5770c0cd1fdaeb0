"""Fingerprints: what stays equal of a finding while its file moves and changes around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import sha256

from iachygiene.lazy import regex
from iachygiene.model import Finding, SourceFile
from iachygiene.rule import brief

SCHEME = "1:"
MAX_TEXT = 500
"""Code points of the flagged text that count."""
_BLANKS = regex(r"\s+")
_ENOUGH = 8 * MAX_TEXT


def fingerprints(findings: Sequence[Finding], files: Mapping[str, SourceFile]) -> list[str]:
    """One for each finding, in their order; give all findings of a run at once, muted too.

    A hash over code, path, object, flagged text, and the number of the finding among those
    that are equal in these, by position. Flagged text of sensitive rules does not count: a
    short secret could be guessed from its hash. A file not at hand has no text.
    """
    order = sorted(range(len(findings)), key=lambda index: findings[index].location[:2])
    seen: dict[str, int] = defaultdict(int)
    found = [""] * len(findings)
    for index in order:
        finding = findings[index]
        fields = (
            finding.rule,
            finding.location.path,
            finding.object,
            flagged_text(finding, files),
        )
        key = "\n".join(fields)
        whole = f"{key}\n{seen[key]}"
        seen[key] += 1
        found[index] = SCHEME + sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return found


def flagged_text(finding: Finding, files: Mapping[str, SourceFile]) -> str:
    """The text a finding stands on, white space as one blank, empty for sensitive rules."""
    file = files.get(finding.location.path)
    if file is None or _is_sensitive(finding.rule):
        return ""
    start, end = finding.location.span
    text = _BLANKS.sub(" ", file.shown_text[start : min(end, start + _ENOUGH)])
    if len(text) <= MAX_TEXT and end - start > _ENOUGH:  # nearly all of it was white space
        text = _BLANKS.sub(" ", file.shown_text[start:end])
    return text[:MAX_TEXT]


def _is_sensitive(code: str) -> bool:
    try:
        return brief(code).sensitive
    except KeyError:
        return True
