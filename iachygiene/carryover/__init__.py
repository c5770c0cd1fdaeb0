"""The configuration of other linters, told in the keys of ours.

One module a linter; each has a function `settings(text)` that gives a `Carried`.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Carried(NamedTuple):
    """What another linter's configuration says.

    `settings` are nested as in our configuration; `notes` say in one line each what has no
    counterpart there.
    """

    settings: dict[str, Any]
    notes: list[str]
