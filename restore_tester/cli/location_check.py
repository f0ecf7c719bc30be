"""Configured locations, listed → per location what matched, what did not, and the interval at which backups come. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from restore_tester.backups.recognition import rules_of
from restore_tester.config.nouns import Configuration, Workload
from restore_tester.contracts import BackupSource, Listing
from restore_tester.errors import RestoreTesterError
from restore_tester.judgement import exits
from restore_tester.judgement.absence import nothing_eligible
from restore_tester.judgement.wording import duration
from restore_tester.model import Backup, Blame, Location, Reason

OpenSource = Callable[[Location], BackupSource]
LANES = 8
EXAMPLES_SHOWN = 5
INTERVALS_LOOKED_AT = 30


@dataclass(frozen=True, slots=True)
class Seen:
    """What one location holds, if it `could_be_read`. `troubles` are why no drill could begin here, or why an objective cannot be met
    from here."""

    workload: str
    location: str
    could_be_read: bool
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
            "could_be_read": self.could_be_read,
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
        seen = tuple(lanes.map(lambda pair: _see(pair[0], pair[1], open_source), pairs))
    return tuple(_without_mates(one, location, pairs) for one, (_, location) in zip(seen, pairs, strict=True))


def _without_mates(seen: Seen, location: Location, pairs: Sequence[tuple[Workload, Location]]) -> Seen:
    """Leave out the names that are backups of another workload in the same folder or prefix; the rest are shown."""
    mates = [other for _, other in pairs if other is not location and (other.type, other.uri) == (location.type, location.uri)]
    rules = [rules_of(mate, objects_appear_whole=mate.type != "folder") for mate in mates] if seen.unrecognised else []
    names = tuple(name for name in seen.unrecognised if not any(each.names_backup(name) for each in rules))
    count = seen.unrecognised_count - len(seen.unrecognised) + len(names)
    return replace(seen, unrecognised=names[:EXAMPLES_SHOWN], unrecognised_count=count)


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
        return Seen(workload.name, name, False, 0, None, None, (), (), 0, (error.reason,), exits.exit_code_of(error))
    instants = [instant for backup in listing.complete if (instant := _instant(backup)) is not None]
    interval = interval_seconds(instants)
    troubles, exit_code = _troubles(listing, workload, location, interval)
    return Seen(
        workload=workload.name,
        location=name,
        could_be_read=True,
        backups=len(listing.complete),
        newest=max(instants, default=None),
        interval_seconds=interval,
        incomplete=tuple((backup.id, reason) for backup, reason in listing.incomplete[:EXAMPLES_SHOWN]),
        unrecognised=listing.unrecognised,
        unrecognised_count=listing.unrecognised_count or len(listing.unrecognised),
        troubles=troubles,
        exit_code=exit_code,
    )


def _instant(backup: Backup) -> datetime | None:
    return backup.taken_at or backup.stored_at


def _troubles(listing: Listing, workload: Workload, location: Location, interval: float | None) -> tuple[tuple[Reason, ...], int]:
    if not listing.complete:
        found = nothing_eligible(listing, location).facts
        assert found.trouble is not None, "it says why"
        return (found.trouble,), exits.FAILED if found.trouble_blame is Blame.BACKUP else exits.INCONCLUSIVE
    objective = workload.objectives.recovery_point_seconds
    if interval is None or objective is None or interval <= objective:
        return (), exits.PASSED
    fact = f"backups come every {duration(interval)}, and the RPO is {duration(objective)}: no drill can meet it for long"
    return (Reason("interval_exceeds_rpo", fact, "back up more often, or set the RPO that the business really has"),), exits.PASSED
