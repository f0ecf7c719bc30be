"""SIGTERM, Ctrl-C and SIGHUP → words that the main thread of a service reads when it is ready to: `stop`, `reload`."""

from __future__ import annotations

import queue
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP, RELOAD = "stop", "reload"
_WORDS = {signal.SIGTERM: STOP, signal.SIGINT: STOP, signal.SIGHUP: RELOAD}


class Requests:
    """What was asked for, in order."""

    def __init__(self) -> None:
        # The one kind of queue that a signal handler may put into.
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.stopping = False

    def put(self, word: str) -> None:
        """Ask for `stop` or `reload`."""
        self.stopping = self.stopping or word == STOP
        self._asked.put(word)

    def wait(self, seconds: float) -> str | None:
        """Return what was asked for; None where nothing was, within so long. Once it was to stop, always that, and at once."""
        if self.stopping:
            return STOP
        try:
            return self._asked.get(timeout=seconds)
        except queue.Empty:
            return None


@contextmanager
def requests() -> Iterator[Requests]:
    """In the block, signals become requests; only the main thread may say so."""
    asked = Requests()

    def note(number: int, frame: FrameType | None) -> None:
        asked.put(_WORDS[signal.Signals(number)])

    before = {number: signal.signal(number, note) for number in _WORDS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
