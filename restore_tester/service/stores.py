"""What a configuration allows of each location → whether a drill may read it now: so many at once, so many bytes a day."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from restore_tester.config.nouns import Configuration
from restore_tester.contracts import Clock
from restore_tester.history.nouns import Place
from restore_tester.history.records import History
from restore_tester.model import DrillOrder, Location, Reason
from restore_tester.service.fleet import Job


def store_of(location: Location) -> str:
    """Return what a location shares with others: its bucket, or the file system that its folder lies on."""
    parts = urlsplit(location.uri)
    if parts.scheme != "file":
        return f"{parts.scheme}://{parts.netloc} at {dict(location.options).get('endpoint_url', '')}"
    try:
        return f"file system {Path(unquote(parts.path)).stat().st_dev}"
    except OSError:
        return location.uri


class Gates:
    """How many drills read each store now, and how many may: of the limits of the locations on it the smallest."""

    def __init__(self, configuration: Configuration) -> None:
        self._lock = threading.Lock()
        self._reading: Counter[str] = Counter()
        self.configure(configuration)

    def configure(self, configuration: Configuration) -> None:
        """Take the limits of a configuration; who is in stays in."""
        limits: dict[str, int] = {}
        stores: dict[Place, str] = {}
        limited = [workload for workload in configuration.workloads if any(limit.concurrency for _, limit in workload.limits)]
        for workload in limited:
            for location in workload.locations:
                if (most := workload.limits_of(location.name or "").concurrency) is not None:
                    store = store_of(location)
                    limits[store] = min(most, limits.get(store, most))
        for workload in configuration.workloads if limits else ():
            for location in workload.locations:
                stores[Place(workload.name, location.name or "")] = store_of(location)
        with self._lock:
            self._limits, self._stores = limits, {place: store for place, store in stores.items() if store in limits}

    def enter(self, place: Place) -> tuple[bool, str | None]:
        """Return whether a drill of a place may start, and the store that it then has to `leave`; None: it counts nowhere."""
        with self._lock:
            store = self._stores.get(place)
            if store is None:
                return True, None
            if self._reading[store] >= self._limits[store]:
                return False, store
            self._reading[store] += 1
            return True, store

    def leave(self, store: str) -> None:
        """A drill that was let in has ended."""
        with self._lock:
            self._reading[store] -= 1


class Budget:
    """Given a history: refuses a drill that would fetch more from its location than a day allows. Use as `crew.Refusal`."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history, self._clock = history, clock

    def __call__(self, job: Job, order: DrillOrder) -> Reason | None:
        location = order.location.name or ""
        most = job.workload.limits_of(location).daily_bytes
        if most is None:
            return None
        day = datetime.combine(self._clock.now().astimezone(UTC).date(), time(), UTC)
        fetched = self._history.ledgers.fetched_bytes(Place(job.workload.name, location), day)
        size = order.backup.size_bytes
        if fetched + size <= most:
            return None
        return Reason(
            "budget_spent",
            f"{location} may give {most} bytes a day to drills and has given {fetched}: {size} more would pass that",
            "wait for the next day (UTC), or raise `daily_budget`",
        )
