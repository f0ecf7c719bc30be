"""Something that talks to a server outside → what came of it by a deadline, whatever that server does: it may hang for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

from restore_tester.contracts import Clock

# Returns why it failed; None where it did not. What it raises is a failure too.
Talk = Callable[[], str | None]


class Attempt:
    """Begins at once, in a thread of its own that nobody waits for."""

    def __init__(self, talk: Talk, most_seconds: float, clock: Clock) -> None:
        self._talk, self._clock, self._most = talk, clock, most_seconds
        self._until = clock.elapsed() + most_seconds
        self._trouble: str | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Return why it failed, once it is over; None where it did not."""
        return self._trouble if self._ended.is_set() else f"no answer within {self._most:g} s"

    @property
    def over(self) -> bool:
        """Return whether it ended, or its time is up."""
        return self._ended.is_set() or self._clock.elapsed() >= self._until

    @property
    def hangs(self) -> bool:
        """Return whether its thread is still at it, also after its time."""
        return self._thread.is_alive()

    def wait(self) -> str | None:
        """Wait until it is over. Return why it failed; None where it did not."""
        self._ended.wait(self._most)
        return self.trouble

    def _run(self) -> None:
        # Whatever a library raises is said by its kind alone: its words may hold the address, which is a secret.
        try:
            self._trouble = self._talk()
        except BaseException as error:
            self._trouble = f"it failed with {type(error).__name__}"
            if not isinstance(error, Exception):
                raise
        finally:
            self._ended.set()
