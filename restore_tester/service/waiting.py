"""Drills that are due → one after the other: who is waited for most first, then the one that has been due for longest."""

from __future__ import annotations

import heapq
import itertools
import threading
from dataclasses import dataclass, replace
from datetime import datetime

from restore_tester.contracts import Clock
from restore_tester.judgement.due import Due

_RANKS = {"repeat": 0, "api": 0, "after_failure": 1}
_LAST_RANK = 2


@dataclass(frozen=True, slots=True)
class Errand:
    """A drill to start. `given`: it is this one, whatever is due when its turn comes (somebody asked for it, or left it unfinished);
    `claimed`: its slot is ours already, and it was tried so many times."""

    workload: str
    due: Due
    given: bool = False
    claimed: bool = False
    tries: int = 0

    def once_more(self, *, claimed: bool) -> Errand:
        """Return it as it is after another try that came to nothing."""
        return replace(self, claimed=claimed, tries=self.tries + 1)


class Waiting:
    """Threads may share it. Delays are monotonic."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count()
        self._ready: list[tuple[int, datetime, int, Errand]] = []
        self._later: list[tuple[float, int, Errand]] = []
        self._changed = threading.Condition()

    def put(self, errand: Errand, after_seconds: float = 0.0) -> None:
        """Let an errand wait, for its turn or first for so long."""
        with self._changed:
            if after_seconds > 0:
                heapq.heappush(self._later, (self._clock.elapsed() + after_seconds, next(self._numbers), errand))
            else:
                self._push(errand)
            self._changed.notify()

    def take(self, most_seconds: float) -> Errand | None:
        """Return the errand whose turn it is; None where there is none within so long."""
        until = self._clock.elapsed() + most_seconds
        with self._changed:
            while True:
                now = self._clock.elapsed()
                while self._later and self._later[0][0] <= now:
                    self._push(heapq.heappop(self._later)[2])
                if self._ready:
                    return heapq.heappop(self._ready)[3]
                if now >= until:
                    return None
                self._changed.wait(min(until, self._later[0][0] if self._later else until) - now)

    def __len__(self) -> int:
        return len(self._ready)

    def _push(self, errand: Errand) -> None:
        rank = _RANKS.get(errand.due.trigger, _LAST_RANK)
        heapq.heappush(self._ready, (rank, errand.due.at, next(self._numbers), errand))
