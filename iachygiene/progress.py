"""The one line that a terminal shows while a scan is under way."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from threading import Event

DELAY = 0.5
"""Seconds before the line appears: most scans are over by then."""
_INTERVAL = 0.1


class Progress:
    """What a scan is doing. Without a stream it shows nothing.

    The line is drawn by a thread of its own, so that waiting for a program is shown too.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.phase = ""
        self.done = 0
        self.total = 0
        self._stream = stream
        self._started = perf_counter()
        self._stop: Event | None = None
        if stream is not None:
            from threading import Event, Thread

            self._stop = Event()
            self._thread = Thread(target=self._draw, args=(stream, self._stop), daemon=True)
            self._thread.start()

    def say(self, phase: str, total: int = 0) -> None:
        """A new phase begins, with so many parts."""
        self.phase, self.done, self.total = phase, 0, total

    def line(self) -> str:
        """The line as it stands: phase, count and seconds."""
        count = f" {self.done} of {self.total}" if self.total else ""
        return f"{self.phase}{count}, {perf_counter() - self._started:.0f} s"

    def _draw(self, stream: TextIO, stop: Event) -> None:
        if stop.wait(DELAY):
            return
        while not stop.wait(_INTERVAL):
            stream.write(f"\r\x1b[K{self.line()}")
            stream.flush()
        stream.write("\r\x1b[K")
        stream.flush()

    def end(self) -> None:
        """Take the line away; what is printed next stands alone."""
        if self._stop is not None:
            self._stop.set()
            self._thread.join()
            self._stop = None
