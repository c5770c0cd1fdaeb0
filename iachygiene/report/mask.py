"""Secrets that are known by their form, masked wherever a report shows text of a file.

The forms are those their issuers document, such as
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats
"""

from __future__ import annotations

import re

from iachygiene.lazy import regex

_LONG_WORD = regex(r"[A-Za-z0-9_/+=.-]{16}")
_TOKEN = regex(
    r"(?<![A-Za-z0-9])(?:"
    r"A(?:KIA|SIA)[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_-]{35}"
    r"|gh[oprsu]_[A-Za-z0-9]{20,255}"
    r"|github_pat_[A-Za-z0-9_]{20,255}"
    r"|gl(?:pat|ptt|dt|rt|cbt|agent)-[A-Za-z0-9_.-]{20,255}"
    r"|npm_[A-Za-z0-9]{30,255}"
    r"|pypi-[A-Za-z0-9_-]{40,1000}"
    r"|dckr_pat_[A-Za-z0-9_-]{20,255}"
    r"|hf_[A-Za-z0-9]{30,255}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,255}"
    r"|sk-[A-Za-z0-9_-]{32,255}"
    r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}"
    r"|do[opr]_v1_[a-f0-9]{64}"
    r"|hv[sbr]\.[A-Za-z0-9_-]{20,255}"
    r"|eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{4,4000}\.[A-Za-z0-9_-]{0,4000}"
    r")"
)
_USER_INFO = regex(r"(://[^\s/@:'\"]{0,200}:)([^\s/@'\"$<{]{1,200})(?=@)")
_PRIVATE_KEY = regex(r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)\s?[A-Za-z0-9+/=\\][^\"']*")


def masked(text: str) -> str:
    """The text with secrets of known forms replaced by four characters and their length."""
    if "://" in text and "@" in text:
        text = _USER_INFO.sub(r"\1***", text)
    if "PRIVATE KEY-----" in text:
        text = _PRIVATE_KEY.sub(r"\1 ***", text)
    if _LONG_WORD.search(text) is None:
        return text
    return _TOKEN.sub(_short, text)


def token_in(text: str) -> re.Match[str] | None:
    """The first secret of a known form in a text."""
    return _TOKEN.search(text) if _LONG_WORD.search(text) else None


def described(text: str) -> str:
    """A stand-in for a text that a rule on secrets flags: its length, and how a token begins."""
    token = _TOKEN.match(text)
    head = token[0][:4] if token else ""
    return f"<{head + '..., ' if head else ''}{len(text)} characters>"


def _short(match: re.Match[str]) -> str:
    return f"{match[0][:4]}...<{len(match[0])} characters>"
