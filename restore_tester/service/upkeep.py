"""The monotonic clock's minute → leases kept, what others left taken over, what ended while the history was away written, and a wall
clock that jumps noticed: whatever must happen though nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from restore_tester.contracts import Clock
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Lease, Remembered
from restore_tester.history.owners import is_gone
from restore_tester.history.records import History
from restore_tester.service.crew import LEASE
from restore_tester.service.foreman import Foreman
from restore_tester.service.roster import Roster

EVERY_SECONDS = 5.0
RENEW_SECONDS = 30.0
LOOK_SECONDS = 60.0
# After the history was away everybody's leases have run out: their owners get this long to come back before anybody takes over.
STEADY_SECONDS = 90.0
# A wall clock that moved so much more or less than the monotonic one was set; what is less is its steering.
JUMP = timedelta(seconds=60)


class Upkeep:
    """Given the parts of a service: `tick` does what is to be done by now."""

    def __init__(self, history: History, foreman: Foreman, roster: Roster, owner: str, clock: Clock) -> None:
        self._history, self._foreman, self._roster, self._owner, self._clock = history, foreman, roster, owner, clock
        self._wall, self._monotonic = clock.now(), clock.elapsed()
        self._renewed = self._looked = -LOOK_SECONDS + self._monotonic
        self._steady_since = self._monotonic - STEADY_SECONDS

    def tick(self, trouble: Callable[[CannotTell], None], abandoned: Callable[[tuple[Remembered, ...]], None]) -> timedelta | None:
        """Return how far the wall clock has jumped since the last tick, where it has. What the history refused is told and tried
        again; so are the drills of others that were closed."""
        jump = self._jumped()
        now, elapsed = self._clock.now(), self._clock.elapsed()
        try:
            if elapsed - self._renewed >= RENEW_SECONDS:
                self._history.slots.renew(self._owner, self.lease().until)
                self._renewed = elapsed
            if self._foreman.settlement.retry() > 0:
                self._steady_since = elapsed
            if elapsed - self._looked >= LOOK_SECONDS and elapsed - self._steady_since >= STEADY_SECONDS:
                self._looked = elapsed
                closed = self._history.abandon(now, is_gone)
                if closed:
                    abandoned(closed)
                self._foreman.take_over(self._history.slots.orphaned(now))
        except CannotTell as error:
            self._steady_since = elapsed
            trouble(error)
        return jump

    def lease(self) -> Lease:
        """Return what is ours from now on."""
        return Lease(self._owner, self._clock.now() + LEASE)

    def _jumped(self) -> timedelta | None:
        wall, monotonic = self._clock.now(), self._clock.elapsed()
        expected = self._wall + timedelta(seconds=monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        jump = wall - expected
        if abs(jump) < JUMP:
            return None
        if jump < timedelta(0):
            self._roster.clock_went_back(wall, expected)
        return jump

    def was_away(self) -> None:
        """The history was away before the first tick."""
        self._steady_since = self._clock.elapsed()
