"""Names that say they hold a secret, and values that are one: one policy for every language."""

from __future__ import annotations

import re

from iachygiene.lazy import regex

_WORDS = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET = frozenset(
    (
        *("secret", "secrets", "password", "passwd", "passphrase", "pwd", "token", "apikey"),
        *("credential", "credentials", "secretkey", "accesskey", "privatekey"),
    )
)
_KEYS = frozenset(("api", "private", "access", "secret", "encryption", "signing", "master"))
"""What stands before "key" in the name of a secret one."""
_HARMLESS = frozenset(
    (
        *("file", "path", "dir", "name", "names", "url", "uri", "endpoint", "host", "length"),
        *("min", "max", "expiry", "expires", "expiration", "ttl", "timeout", "lifetime", "age"),
        *("enabled", "enable", "disabled", "allow", "require", "required", "type", "algorithm"),
        *("id", "ids", "version", "header", "issuer", "policy", "public", "mount", "store"),
        *("provider", "method", "prefix", "interval", "limit", "limits", "count", "size"),
        *("audience", "claim", "field", "format", "random", "reset", "hash", "class", "ref"),
    )
)
"""Words after which a name speaks about a secret and does not hold it."""
_PLACEHOLDER = regex(
    r"<.*>|\[.*\]|x{3,}|\*{3,}|\.{3,}|-+|_+"
    r"|(?:please[-_ ]?)?(?:change|replace|fill|edit|set|insert|put)[-_ ]?(?:me|this|it|in|your).*"
    r"|your[-_ ].*|my[-_ ]?secret.*|todo|tbd|none|null|nil|dummy|example|redacted"
    r"|placeholder|unused"
    r"|not[-_ ]?(?:a[-_ ])?(?:used|needed|required|secret|set).*|example[-_ ].*",
    re.IGNORECASE,
)
_VARIABLE = regex(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
"""A value that is the name of a variable or of a key of a Secret."""
_HARMLESS_VALUE = regex(
    r"true|false|yes|no|on|off|enabled|disabled|[0-9]+(?:\.[0-9]+)?[a-z]{0,2}|\.{0,2}/.*|~/.*"
    r"|[a-z][a-z0-9+.-]*://[^@\s]*",
    re.IGNORECASE,
)


def names_secret(name: str) -> bool:
    """Whether a name says that its value is a secret: `DB_PASSWORD`, `apiKey`."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if words and words[-1] in _HARMLESS:
        return False
    if not {"existing", "pull", "ref"}.isdisjoint(words):
        return False
    if words[-1:] == ["key"] and words[-2:-1] and words[-2] in ("password", "token", "credentials"):
        return False  # the name of a key in a Secret
    if words[:1] in (["allow"], ["enable"], ["disable"], ["use"], ["require"]):
        return False
    for number, word in enumerate(words):
        secret = word in _SECRET or (
            word == "key" and number and words[number - 1] in _KEYS and "public" not in words
        )
        if secret and _HARMLESS.isdisjoint(words[number + 1 :]):
            return True
    return False


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one that somebody has to fill in."""
    return _PLACEHOLDER.fullmatch(value.strip()) is not None


def may_be_secret(value: str) -> bool:
    """Whether a value can be a secret: no switch, number, path, URL without user, variable."""
    value = value.strip()
    if "$" in value or "{{" in value or _VARIABLE.fullmatch(value):
        return False
    return bool(value) and not _is_harmless(value)


def _is_harmless(value: str) -> bool:
    return len(value) < 1000 and _HARMLESS_VALUE.fullmatch(value) is not None
