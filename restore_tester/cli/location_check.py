"""Configured locations, listed → per location what matched, what did not, and the interval at which backups come. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from restore_tester.config.nouns import Configuration, Workload
from restore_tester.contracts import BackupSource, Listing
from restore_tester.errors import RestoreTesterError
from restore_tester.judgement import exits
from restore_tester.judgement.wording import duration
from restore_tester.model import Backup, Location, Reason

OpenSource = Callable[[Location], BackupSource]
LANES = 8
EXAMPLES_SHOWN = 5
INTERVALS_LOOKED_AT = 30


@dataclass(frozen=True, slots=True)
class Seen:
    """What one location holds. `troubles` are why no drill could begin here, or why an objective cannot be met from here."""

    workload: str
    location: str
    backups: int
    newest: datetime | None
    interval_seconds: float | None
    incomplete: tuple[tuple[str, Reason], ...]
    unrecognised: tuple[str, ...]
    unrecognised_count: int
    troubles: tuple[Reason, ...]
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        return {
            "workload": self.workload,
            "location": self.location,
            "backups": self.backups,
            "newest": self.newest.isoformat().replace("+00:00", "Z") if self.newest else None,
            "interval_seconds": self.interval_seconds,
            "incomplete": [{"name": name, "reason": asdict(reason)} for name, reason in self.incomplete],
            "unrecognised": self.unrecognised,
            "unrecognised_count": self.unrecognised_count,
            "troubles": [asdict(reason) for reason in self.troubles],
        }


def see_locations(configuration: Configuration, open_source: OpenSource) -> tuple[Seen, ...]:
    """List every location, several at once. Return what each holds, in the order of the configuration."""
    pairs = [(workload, location) for workload in configuration.workloads for location in workload.locations]
    with ThreadPoolExecutor(LANES, "listing") as lanes:
        return tuple(lanes.map(lambda pair: _see(pair[0], pair[1], open_source), pairs))


def interval_seconds(instants: Sequence[datetime]) -> float | None:
    """Given when backups were taken, in any order, return the median distance between neighbours among the newest, or None
    where there are fewer than two."""
    newest = sorted(instants)[-INTERVALS_LOOKED_AT:]
    return median((later - earlier).total_seconds() for earlier, later in pairwise(newest)) if len(newest) > 1 else None


def _see(workload: Workload, location: Location, open_source: OpenSource) -> Seen:
    name = location.name or ""
    try:
        listing = open_source(location).list_backups()
    except RestoreTesterError as error:
        return Seen(workload.name, name, 0, None, None, (), (), 0, (error.reason,), exits.exit_code_of(error))
    instants = [instant for backup in listing.complete if (instant := _instant(backup)) is not None]
    interval = interval_seconds(instants)
    troubles, exit_code = _troubles(listing, workload, interval)
    return Seen(
        workload=workload.name,
        location=name,
        backups=len(listing.complete),
        newest=max(instants, default=None),
        interval_seconds=interval,
        incomplete=tuple((backup.id, reason) for backup, reason in listing.incomplete[:EXAMPLES_SHOWN]),
        unrecognised=listing.unrecognised[:EXAMPLES_SHOWN],
        unrecognised_count=listing.unrecognised_count or len(listing.unrecognised),
        troubles=troubles,
        exit_code=exit_code,
    )


def _instant(backup: Backup) -> datetime | None:
    return backup.taken_at or backup.stored_at


def _troubles(listing: Listing, workload: Workload, interval: float | None) -> tuple[tuple[Reason, ...], int]:
    if listing.complete:
        objective = workload.objectives.recovery_point_seconds
        if interval is None or objective is None or interval <= objective:
            return (), exits.PASSED
        fact = f"backups come every {duration(interval)}, and the RPO is {duration(objective)}: no drill can meet it for long"
        return (Reason("interval_exceeds_rpo", fact, "back up more often, or set the RPO that the business really has"),), exits.PASSED
    if listing.unrecognised:
        fact = "there are objects here, but none is called like the location's `name`"
        return (Reason("nothing_recognised", fact, "compare `name` with the names listed"),), exits.INCONCLUSIVE
    return (Reason("no_backup", "there is no complete backup here", "see whether the backup job still runs"),), exits.FAILED
