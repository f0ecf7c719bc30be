"""Ledgers as they change → the fleet, searched and in the order of its troubles, in milliseconds. It keeps rows, never ledgers.

Threads may share it. Nothing in it does I/O.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from restore_tester.config.nouns import Configuration, Workload
from restore_tester.contracts import Clock
from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import Ledger
from restore_tester.judgement.standing import WORST_FIRST
from restore_tester.service.pages.rows import PlaceRow, WorkloadNow, row_of, workload_now

PAGE_SIZE = 50
EXPOSED = "exposed"
ORDER_SECONDS = 10.0
STATES = (EXPOSED, *(state.value for state in WORST_FIRST))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which workloads are wanted: those whose name and owner hold these words (whatever their case), in this state; empty asks for any.
    `page` is counted from 1."""

    name: str = ""
    owner: str = ""
    state: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """One page of workloads, the worst first. `tally` counts all of them by state, `matching` those that were asked for."""

    at: datetime
    workloads: tuple[WorkloadNow, ...]
    matching: int
    all: int
    tally: tuple[tuple[str, int], ...]
    page: int
    pages: int


@dataclass(slots=True)
class _Entry:
    workload: Workload
    rows: list[PlaceRow | None]
    words: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.words = (self.workload.name.casefold(), self.workload.owner.casefold())

    def now(self, at: datetime) -> WorkloadNow:
        return workload_now(self.workload, self.rows, at)


@dataclass(frozen=True, slots=True)
class _Order:
    """All workloads, the worst first, each with its state and whether it is exposed; made `at` (monotonic seconds)."""

    at: float
    entries: tuple[tuple[_Entry, str, bool], ...]
    tally: tuple[tuple[str, int], ...]


class Index:
    """`configure` first, then `update` with all ledgers, then with those that change. After each `configure`, all of them again."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._order: _Order | None = None

    def configure(self, configuration: Configuration) -> None:
        """Take over a configuration; a workload that stays as it was keeps what is known of it."""
        entries = {}
        for workload in configuration.workloads:
            before = self._entries.get(workload.name)
            kept = {row.location: row for row in before.rows if row is not None} if before is not None else {}
            entries[workload.name] = _Entry(workload, [kept.get(location.name or "") for location in workload.locations])
        with self._lock:
            self._entries, self._order = entries, None

    def update(self, ledgers: Iterable[tuple[Place, Ledger]]) -> None:
        """Take over ledgers; those of places that are not configured are passed over."""
        now = self._clock.now()
        for place, ledger in ledgers:
            entry = self._entries.get(place.workload)
            names = [location.name or "" for location in entry.workload.locations] if entry is not None else []
            if entry is not None and place.location in names:
                row = row_of(place.location, ledger, entry.workload.objectives, now)
                with self._lock:
                    entry.rows[names.index(place.location)], self._order = row, None

    def workload(self, name: str) -> WorkloadNow | None:
        """Return how one workload stands; None where no such one is configured."""
        entry = self._entries.get(name)
        return entry.now(self._clock.now()) if entry is not None else None

    def search(self, asked: Asked) -> Found:
        """Return the page that is asked for; the last one where there are not so many."""
        now, order = self._clock.now(), self._ordered()
        name, owner = asked.name.casefold(), asked.owner.casefold()
        matching = [
            entry
            for entry, state, exposed in order.entries
            if name in entry.words[0] and owner in entry.words[1] and (asked.state in ("", state) or (asked.state == EXPOSED and exposed))
        ]
        pages = max(1, -(-len(matching) // PAGE_SIZE))
        page = min(max(asked.page, 1), pages)
        shown = tuple(entry.now(now) for entry in matching[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
        return Found(now, shown, len(matching), len(order.entries), order.tally, page, pages)

    def _ordered(self) -> _Order:
        """Who is worse than whom hardly changes by time alone: it is asked anew after a change, and every few seconds."""
        order, elapsed = self._order, self._clock.elapsed()
        if order is not None and elapsed - order.at < ORDER_SECONDS:
            return order
        with self._lock:
            now = self._clock.now()
            fleet = sorted(((entry, entry.now(now)) for entry in self._entries.values()), key=lambda one: one[1].rank)
            tally = Counter(each.state.value for _, each in fleet)
            tally[EXPOSED] = sum(each.exposed for _, each in fleet)
            entries = tuple((entry, each.state.value, each.exposed) for entry, each in fleet)
            self._order = _Order(elapsed, entries, tuple((state, tally[state]) for state in STATES))
            return self._order
