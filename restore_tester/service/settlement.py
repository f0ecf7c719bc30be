"""Drills that ended → the history, and their slots done: at once, or as soon as the history is there again. None is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

from restore_tester.contracts import Clock
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Slot
from restore_tester.history.records import History
from restore_tester.model import Drill
from restore_tester.service.waiting import Errand

# Called once an errand is written, with the errand.
Settled = Callable[[Errand], None]


class Settlement:
    """Given the history, and who is told of each errand that is written at last. Threads may share it."""

    def __init__(self, history: History, clock: Clock, settled: Settled) -> None:
        self._history, self._clock, self._settled = history, clock, settled
        self._lock = threading.Lock()
        self._unwritten: list[tuple[Errand, Drill | None]] = []

    def settle(self, errand: Errand, drill: Drill | None, *, remembered: bool) -> None:
        """An errand has ended: with a drill, which the history holds already or not, or without one."""
        if not self._write(errand, drill, remembered=remembered):
            with self._lock:
                self._unwritten.append((errand, drill))

    def retry(self) -> int:
        """Write what could not be written. Return how many are left."""
        with self._lock:
            kept, self._unwritten = self._unwritten, []
        left = [(errand, drill) for errand, drill in kept if not self._write(errand, drill, remembered=False)]
        with self._lock:
            self._unwritten += left
            return len(self._unwritten)

    def _write(self, errand: Errand, drill: Drill | None, *, remembered: bool) -> bool:
        try:
            slot = Slot(errand.workload, errand.due.name, errand.due.at)
            if drill is not None and not remembered:
                self._history.finish(drill, slot)
            else:
                self._history.slots.done(slot, drill.drill if drill is not None else None, self._clock.now())
        except CannotTell:
            return False
        self._settled(errand)
        return True
