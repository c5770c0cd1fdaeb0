"""Regular expressions that are compiled when they are first used.

Compiling all that the package has takes longer than checking a few files does.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("finditer", "findall", "fullmatch", "match", "search", "split", "sub", "subn")


class _Lazy:
    """What stands for a pattern: first asked, it takes over the methods of one."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS and name not in ("flags", "groups", "groupindex"):
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """A pattern for a module's names; raises `re.error` on first use where it is malformed."""
    return cast("re.Pattern[AnyStr]", _Lazy(pattern, flags))
