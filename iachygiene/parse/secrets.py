"""Secrets that are known by their form, in the bytes of a file.

A short list on purpose: forms that their issuers document and that occur by chance nowhere
else. What is found is told by its kind, its place and its first four characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from iachygiene.lazy import regex

MAX_SECRETS = 50
"""Secrets told of one file."""


class Secret(NamedTuple):
    """A secret: what it is, the byte offsets where it stands, and how it begins."""

    kind: str
    start: int
    end: int
    head: str

    @property
    def told(self) -> str:
        """What may be said of it."""
        return f"{self.kind} {self.head}..." if self.head.isalnum() else self.kind


PRIVATE_KEY = "private key"
"""The kind of a private key in PEM form."""


def find_secrets(data: bytes) -> Iterator[Secret]:
    """The secrets in some bytes, at most `MAX_SECRETS`, those of one kind in their order."""
    found = 0
    for mark, shape in _SHAPES:
        at = data.find(mark)
        while at != -1:
            end = at + len(mark)
            secret = shape.at(data, at)
            if secret is not None:
                yield secret
                end = secret.end
                found += 1
                if found == MAX_SECRETS:
                    return
            at = data.find(mark, end)


class _Shape(NamedTuple):
    """A form of secret. `pattern` matches from `back` bytes before the mark at the earliest."""

    kind: str
    pattern: re.Pattern[bytes]
    holds: Callable[[re.Match[bytes]], bool] | None = None
    back: int = 0

    def at(self, data: bytes, mark: int) -> Secret | None:
        start = max(0, mark - self.back)
        found = self.pattern.search(data, start, mark + 5000) if self.back else None
        if not self.back:
            found = self.pattern.match(data, mark, mark + 5000)
        if found is None or not _stands_alone(data, found):
            return None
        if self.holds is not None and not self.holds(found):
            return None
        if _is_placeholder(found[0]):
            return None
        head = found[0][:4].decode("ascii", "replace").rstrip("-_.")
        return Secret(self.kind, found.start(), found.end(), head)


_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


def _stands_alone(data: bytes, found: re.Match[bytes]) -> bool:
    """Whether no letter, digit or _ goes before or after: not a part of something longer."""
    start, end = found.span()
    before = start and data[start] in _WORD and data[start - 1] in _WORD
    # In the text of a map a line begins after an escape.
    if before and data[start - 2 : start] in (b"\\n", b"\\t", b"\\r"):
        before = False
    return not before and not (end < len(data) and data[end] in _WORD)


_PLACEHOLDER = regex(
    rb"example|x{5}|\*{3}|\.\.\.|changeme|dummy|redacted|placeholder|your[_-]|fake"
    rb"|0{8}|1{8}|a{8}|0123456789|1234567890|abcdefgh|deadbeef",
    re.IGNORECASE,
)


def _is_placeholder(text: bytes) -> bool:
    if _PLACEHOLDER.search(text, 0, 400):
        return True
    return len(set(text[6:400])) < 6


def _mixed(found: re.Match[bytes]) -> bool:
    """Whether small letters, capitals and digits are all there, as chance would have it."""
    text = found[0]
    return text.lower() != text and text.upper() != text and _has_digit(text[6:])


def _has_digit(text: bytes) -> bool:
    return any(0x30 <= byte <= 0x39 for byte in text)


def _is_jwt(found: re.Match[bytes]) -> bool:
    """Whether the header decodes to JSON with `alg`, and the claims are no well-known sample."""
    from base64 import urlsafe_b64decode
    from json import loads

    parts = found[0].split(b".")
    try:
        header, claims = (urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in parts[:2])
        known = loads(header)
        said = loads(claims)
    except (ValueError, RecursionError):
        return False
    if not isinstance(known, dict) or "alg" not in known or not isinstance(said, dict):
        return False
    samples = (b"1234567890", b"John Doe", b"joe", b"example", b"foo", b"test", b"user")
    return not any(sample in claims for sample in samples)


def _near_twilio(found: re.Match[bytes]) -> bool:
    around = found.string[max(0, found.start() - 300) : found.end() + 300]
    return b"twilio" in around.lower() and _has_digit(found[0])


_OFTEN = frozenset(
    b"user username name me foo bar root admin guest test login usr my someone email"
    b" pass password passwd pwd secret pw token apikey key".split()
)
_LOCAL = regex(
    rb"(?:[^.]*|[0-9.]+|.*\.(?:local|localhost|internal|test|invalid|example|lan))"
    rb"|(?:.*\.)?(?:example|host|domain|server|site|test|foo|bar|mydomain|acme|company)\.[a-z]+",
    re.IGNORECASE,
)


def _is_credential(found: re.Match[bytes]) -> bool:
    """Whether user, password and host all look like real ones."""
    user, password, host = found[1].lower(), found[2], found[3]
    if user in _OFTEN or password.lower() in _OFTEN or _LOCAL.fullmatch(host):
        return False
    # A word of letters is a stand-in far more often than a password.
    return len(password) >= 8 and password.lower() != password.upper() and _has_digit(password)


def _key_body(found: re.Match[bytes]) -> bool:
    return len(found[1]) >= 40


_SLACK_HOOK = rb"hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{20,30}"
_PEM = (
    rb"-----BEGIN (?:[A-Z]{2,10} )?(?:ENCRYPTED )?PRIVATE KEY-----"
    rb"(?:\s|\\[nr]|[\"'+,`]){1,40}([A-Za-z0-9+/=]{40,4000})"
)

# A form to fill in has the names as well: what counts is a key, or the number of one.
_ACCOUNT_KEY = regex(
    rb'"private_key_id"[\s:]{1,20}"[0-9A-Za-z]{16}'
    rb'|"private_key"[\s:]{1,20}"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----\\n[A-Za-z0-9+/]{20}'
)

_AWS = _Shape("AWS key id", regex(rb"A(?:KIA|SIA)[A-Z2-7]{16}"), lambda one: _has_digit(one[0]))
_GITHUB = _Shape("GitHub token", regex(rb"gh[pousr]_[A-Za-z0-9]{36}"))
_SHAPES: tuple[tuple[bytes, _Shape], ...] = (
    (b"npm_", _Shape("npm token", regex(rb"npm_[A-Za-z0-9]{36}"), _mixed)),
    *((mark, _GITHUB) for mark in (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_")),
    (
        b"github_pat_",
        _Shape("GitHub token", regex(rb"github_pat_[A-Za-z0-9_]{82}")),
    ),
    (b"glpat-", _Shape("GitLab token", regex(rb"glpat-[A-Za-z0-9_-]{20,60}"))),
    (b"AKIA", _AWS),
    (b"ASIA", _AWS),
    (
        b"xox",
        _Shape("Slack token", regex(rb"xox[abprs]-[0-9]{6,15}-[A-Za-z0-9-]{10,200}")),
    ),
    (b"hooks.slack.com", _Shape("Slack web hook", regex(_SLACK_HOOK))),
    (b"sk_live_", _Shape("Stripe key", regex(rb"sk_live_[A-Za-z0-9]{20,120}"), _mixed)),
    (b"rk_live_", _Shape("Stripe key", regex(rb"rk_live_[A-Za-z0-9]{20,120}"), _mixed)),
    (b"AIza", _Shape("Google API key", regex(rb"AIza[A-Za-z0-9_-]{35}"), _mixed)),
    (b"sk-ant-", _Shape("Anthropic key", regex(rb"sk-ant-[A-Za-z0-9_-]{30,150}"), _mixed)),
    (
        b"sk-",
        _Shape("OpenAI key", regex(rb"sk-(?!ant-)(?:proj-)?[A-Za-z0-9_]{20,200}"), _mixed),
    ),
    (
        b"SG.",
        _Shape("SendGrid key", regex(rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"), _mixed),
    ),
    (b"SK", _Shape("Twilio key", regex(rb"SK[0-9a-f]{32}"), _near_twilio)),
    (
        b"eyJ",
        _Shape(
            "JSON web token",
            regex(rb"eyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,3000}\.[A-Za-z0-9_-]{20,}"),
            _is_jwt,
        ),
    ),
    (
        b"://",
        _Shape(
            "password in a URL",
            regex(
                rb"://([A-Za-z0-9._%-]{2,60}):([A-Za-z0-9._~!*+=^%-]{8,100})@([A-Za-z0-9.-]{4,200})"
            ),
            _is_credential,
        ),
    ),
    (b" PRIVATE KEY-----", _Shape(PRIVATE_KEY, regex(_PEM), _key_body, back=60)),
    (
        b'"service_account"',
        _Shape(
            "Google service account",
            regex(rb'"service_account"[\s,]{1,200}(?:"[^"]{1,200}"[\s:,]{1,20}){1,8}'),
            lambda one: _ACCOUNT_KEY.search(one.string, one.start(), one.end() + 100) is not None,
        ),
    ),
)
