"""Work that must go on for as long as a service lives → a thread that does it, and another one where that has died of a fault of ours.

Nothing is as quiet as a thread that is no more: what it should have done just does not happen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from restore_tester.service import logs

_log = logs.logger(__name__)


class Lasting:
    """Given a name, and work that returns only when `ended` is set or `end` is called: `begin`, then `look` every few seconds."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name, self._work = name, work
        self.ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start it; nobody has to wait for its end, for it may hang in a store."""
        self.ended.clear()
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """It need not go on."""
        self.ended.set()

    def join(self) -> None:
        """Wait for its end."""
        if self._thread is not None:
            self._thread.join()

    @property
    def lives(self) -> bool:
        """Return whether it is at it."""
        return self._thread is not None and self._thread.is_alive()

    def look(self) -> bool:
        """Start it again where it has died. Return whether it had."""
        if self.ended.is_set() or self._thread is None or self._thread.is_alive():
            return False
        self.begin()
        return True


def look_after(several: Iterable[Lasting]) -> None:
    """Say which have died, and start them again."""
    for lasting in several:
        if lasting.look():
            _log.error("thread restarted", thread=lasting.name, hint="report it with the line `unforeseen` above it: it is our own fault")
