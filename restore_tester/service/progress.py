"""What the drills of this process say while they run → the last word of each, for whoever looks.

Nothing is kept of a drill that has ended. Threads may share it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime

from restore_tester.contracts import Clock, DrillEvent
from restore_tester.model import DrillOrder
from restore_tester.service.fleet import Job

# Watching must never cost more than drilling: a service runs a few drills at once.
MOST_DRILLS = 1000
# What comes after it is only written down.
LAST_WORD = ("cleanup", "ended")


@dataclass(frozen=True, slots=True)
class Running:
    """A drill that runs here. `stages` are those that began, in order, each with whether it has ended; `event` is the last that came."""

    drill: str
    workload: str
    location: str
    backup: str
    began_at: datetime
    heard_at: datetime
    event: DrillEvent
    stages: tuple[tuple[str, bool], ...] = field(default=())


class Progress:
    """Fits `crew.Watch` with `watch`; `ended` forgets a drill."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._running: dict[str, Running] = {}

    def watch(self, job: Job, order: DrillOrder, event: DrillEvent) -> None:
        """Remember the event as the last word of its drill."""
        now = self._clock.now()
        with self._lock:
            known = self._running.get(order.drill)
            if known is None:
                if len(self._running) >= MOST_DRILLS:
                    return
                known = Running(order.drill, job.workload.name, order.location.name or "", order.backup.id, now, now, event)
            if (event.stage, event.kind) == LAST_WORD:
                self._running.pop(order.drill, None)
                return
            stages = dict(known.stages)
            stages[event.stage] = event.kind == "ended"
            self._running[order.drill] = replace(known, heard_at=now, event=event, stages=tuple(stages.items()))

    def ended(self, drill: str) -> None:
        """Forget it."""
        with self._lock:
            self._running.pop(drill, None)

    def of(self, drill: str) -> Running | None:
        """Return the last word of a drill; None where it does not run here."""
        return self._running.get(drill)

    def all(self) -> tuple[Running, ...]:
        """Return every drill that runs here, the one that began first first."""
        with self._lock:
            return tuple(sorted(self._running.values(), key=lambda one: (one.began_at, one.drill)))
