"""What is configured, what ledgers say, which slots were claimed → what is due of each workload. Holds little: a fleet fits in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restore_tester.config.nouns import Configuration, Workload
from restore_tester.history.nouns import Place
from restore_tester.judgement import due
from restore_tester.judgement.due import Due, Known, PlaceNow, Rule
from restore_tester.judgement.ledger import Ledger

# Names that somebody else holds are kept until something new is heard of the workload; more than this is never needed.
_MOST_TAKEN = 100
GONE_LOOKS_AGAIN = timedelta(days=1)


@dataclass(slots=True)
class _Entry:
    workload: Workload
    rule: Rule
    last_slot: datetime | None = None
    places: dict[str, PlaceNow] = field(default_factory=dict)
    untried: tuple[str, ...] = ()
    taken: set[str] = field(default_factory=set)
    # Since when something has been due that nobody claimed; and whether that is what was last told.
    due_since: datetime | None = None
    told_due: bool = False

    def known(self) -> Known:
        places = tuple(self.places[name] for name in self.rule.locations if name in self.places)
        return Known(self.last_slot, places, self.untried, frozenset(self.taken))


class Roster:
    """Threads may share it. Nothing in it touches the history."""

    def __init__(self, configuration: Configuration) -> None:
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        # A clock that went back: slots up to there have their names already, so they get others until it is there again.
        self._again_until: datetime | None = None
        self.configuration = configuration
        self.configure(configuration)

    def configure(self, configuration: Configuration) -> None:
        """Take a configuration in place of the one before; what is known of the workloads that stay is kept."""
        entries = {}
        for workload in configuration.workloads:
            entry = _Entry(workload, due.rule_of(workload, configuration.jitter_seconds, walks=configuration.find_good > 0))
            before = self._entries.get(workload.name)
            if before is not None:
                entry.last_slot, entry.places, entry.untried, entry.taken = before.last_slot, before.places, before.untried, before.taken
                entry.due_since, entry.told_due = before.due_since, before.told_due
            entries[workload.name] = entry
        with self._lock:
            self.configuration, self._entries = configuration, entries

    def names(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._entries)

    def workload(self, name: str) -> Workload | None:
        """Return a workload of the configuration in force; None for one that is gone."""
        entry = self._entries.get(name)
        return entry.workload if entry is not None else None

    def places_now(self, name: str) -> tuple[PlaceNow, ...]:
        with self._lock:
            entry = self._entries.get(name)
            return entry.known().places if entry is not None else ()

    # --- what is heard ------------------------------------------------------------------------------------------------

    def claimed_before(self, slots: Mapping[str, datetime]) -> None:
        """Given the newest slot of each workload that was ever claimed, its instant, remember them."""
        with self._lock:
            for name, at in slots.items():
                if name in self._entries:
                    self._entries[name].last_slot = at

    def told(self, changes: Iterable[tuple[Place, Ledger]]) -> tuple[str, ...]:
        """Given ledgers that changed, return the workloads whose drills that may concern."""
        concerned: dict[str, None] = {}
        with self._lock:
            for place, ledger in changes:
                entry = self._entries.get(place.workload)
                if entry is None or place.location not in entry.rule.locations:
                    continue
                now = due.place_now(place.location, ledger)
                if entry.places.get(place.location) != now:
                    entry.places[place.location] = now
                    entry.taken.clear()
                    concerned[place.workload] = None
        return tuple(concerned)

    def untried(self, name: str, backups: tuple[str, ...]) -> None:
        """Given the backups that no drill ever took, oldest first, remember them (`select: every`)."""
        with self._lock:
            if name in self._entries:
                self._entries[name].untried = backups

    def claimed(self, name: str, what: Due) -> None:
        """It was claimed, by us or by somebody else: either way it is not due here any more."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                return
            entry.due_since = None
            if what.name.startswith(f"{due.SLOT}:"):
                entry.last_slot = max(what.at, entry.last_slot) if entry.last_slot is not None else what.at
                return
            if len(entry.taken) >= _MOST_TAKEN:
                entry.taken.clear()
            entry.taken.add(what.name)

    def clock_went_back(self, to: datetime, until: datetime) -> None:
        """The wall clock showed `until` and shows `to` now. Slots in between are claimed already, by their names: they come once
        more, by other names, for else there would be silence until the clock is where it was."""
        with self._lock:
            self._again_until = max(until, self._again_until) if self._again_until is not None else until
            for entry in self._entries.values():
                if entry.last_slot is not None and entry.last_slot > to:
                    entry.last_slot = to

    # --- what is asked ------------------------------------------------------------------------------------------------

    def due(self, name: str, now: datetime) -> Due | None:
        """Return the drill of a workload that is to start now."""
        with self._lock:
            entry = self._entries.get(name)
            found = due.due(entry.rule, entry.known(), now) if entry is not None else None
            if found is None or self._again_until is None or not found.name.startswith(f"{due.SLOT}:") or found.at > self._again_until:
                return found
        return Due(f"{found.name}:again", found.at, found.trigger)

    def look_again(self, name: str, now: datetime) -> datetime:
        """Return when to ask again though nothing is heard. An alarm may ring for one that a reload has just taken away."""
        with self._lock:
            entry = self._entries.get(name)
            return due.look_again(entry.rule, entry.known(), now) if entry is not None else now + GONE_LOOKS_AGAIN

    def next_start(self, name: str, now: datetime) -> tuple[datetime, bool]:
        """Return when the workload's next drill starts by itself, and whether it is paused."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                return now + GONE_LOOKS_AGAIN, False
            paused = entry.rule.paused is not None and entry.rule.paused.until > now
            return due.next_start(entry.rule, entry.known(), now), paused

    def next_due(self, name: str, now: datetime) -> tuple[datetime, bool]:
        """Return the same, but where a drill is due and nobody starts it, since when that has been so: what is late must grow older."""
        at, paused = self.next_start(name, now)
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                return at, paused
            entry.told_due = due.due(entry.rule, entry.known(), now) is not None
            if not entry.told_due:
                entry.due_since = None
                return at, paused
            entry.due_since = min(entry.due_since or now, now)
            return entry.due_since, paused

    def told_due(self) -> tuple[str, ...]:
        """Return the workloads that `next_due` last found due: that they are claimed by now is for it to tell."""
        with self._lock:
            return tuple(name for name, entry in self._entries.items() if entry.told_due)
