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
from restore_tester.judgement.standing import State
from restore_tester.service.pages.rows import PlaceRow, WorkloadNow, row_of, workload_now

PAGE_SIZE = 50
EXPOSED = "exposed"
STATES = (*(state.value for state in State), EXPOSED)


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


class Index:
    """`configure` first, then `update` with all ledgers, then with those that change. After each `configure`, all of them again."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def configure(self, configuration: Configuration) -> None:
        """Take over a configuration; a workload that stays as it was keeps what is known of it."""
        entries = {}
        for workload in configuration.workloads:
            before = self._entries.get(workload.name)
            kept = {row.location: row for row in before.rows if row is not None} if before is not None else {}
            entries[workload.name] = _Entry(workload, [kept.get(location.name or "") for location in workload.locations])
        with self._lock:
            self._entries = entries

    def update(self, ledgers: Iterable[tuple[Place, Ledger]]) -> None:
        """Take over ledgers; those of places that are not configured are passed over."""
        now = self._clock.now()
        for place, ledger in ledgers:
            entry = self._entries.get(place.workload)
            names = [location.name or "" for location in entry.workload.locations] if entry is not None else []
            if entry is not None and place.location in names:
                entry.rows[names.index(place.location)] = row_of(place.location, ledger, entry.workload.objectives, now)

    def workload(self, name: str) -> WorkloadNow | None:
        """Return how one workload stands; None where no such one is configured."""
        entry = self._entries.get(name)
        return workload_now(entry.workload, tuple(entry.rows), self._clock.now()) if entry is not None else None

    def search(self, asked: Asked) -> Found:
        """Return the page that is asked for; the last one where there are not so many."""
        now = self._clock.now()
        with self._lock:
            entries = list(self._entries.values())
        fleet = [(workload_now(entry.workload, entry.rows, now), entry.words) for entry in entries]
        tally = Counter(each.state.value for each, _ in fleet)
        tally[EXPOSED] = sum(each.exposed for each, _ in fleet)
        name, owner = asked.name.casefold(), asked.owner.casefold()
        matching = [each for each, words in fleet if name in words[0] and owner in words[1] and _is_in(each, asked.state)]
        matching.sort(key=lambda each: each.rank)
        pages = max(1, -(-len(matching) // PAGE_SIZE))
        page = min(max(asked.page, 1), pages)
        shown = tuple(matching[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
        return Found(now, shown, len(matching), len(fleet), tuple((state, tally[state]) for state in STATES), page, pages)


def _is_in(each: WorkloadNow, state: str) -> bool:
    return not state or each.state.value == state or (state == EXPOSED and each.exposed)
