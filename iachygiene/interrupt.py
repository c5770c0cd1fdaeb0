"""What ends a run early: signals, the first in order and the second at once; and its limits."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from threading import Thread

    from iachygiene.engine import Scan


class NotPossible(Exception):
    """A run cannot be done; the arguments are why, what to do, and the exit code."""


CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
"""The exit code that each signal gives."""


class Interrupted(KeyboardInterrupt):
    """A signal asks the run to end, with exit code `code`.

    Where files were being judged, `scan` holds what was found in `judged` of `total` files.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code
        self.scan: Scan | None = None
        self.judged = 0
        self.total = 0


_SEEN: list[int] = []
_PATIENCE = 0.1
"""Seconds that the main thread waits before it looks whether a signal came.

The system may hand one to any thread, and that does not wake the main one up.
"""


def wait_for(thread: Thread) -> None:
    """Join a thread; a signal ends the waiting."""
    while thread.is_alive():
        thread.join(_PATIENCE)
        heed()


def heed() -> None:
    """Raise `Interrupted` for a signal that came.

    What its handler raises is lost where the interpreter was in a callback of its own, as
    imports have some.
    """
    if _SEEN:
        raise Interrupted(_SEEN[0])


def listen() -> None:
    """Let signals raise `Interrupted`; those that our parent ignores stay ignored (nohup)."""
    for name, code in CODES.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_, code=code: _interrupt(code))
    sys.unraisablehook = _say_unless_heeded


def _say_unless_heeded(lost: sys.UnraisableHookArgs) -> None:
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)


def _interrupt(code: int) -> NoReturn:
    if _SEEN:
        tools = sys.modules.get("iachygiene.tools")
        if tools is not None:
            tools.end(turns=3)
        os._exit(code)
    _SEEN.append(code)
    raise Interrupted(code)
