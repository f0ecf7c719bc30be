"""What goes into a history and comes out of it, as frozen values. Nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from restore_tester.errors import CannotTell
from restore_tester.model import Drill, NotOurJson, Profile, Verdict, from_json


@dataclass(frozen=True, slots=True)
class Place:
    """One workload in one location: the unit of truth."""

    workload: str
    location: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Who runs a drill, and until when nobody else may think that it was abandoned. `owner` is unique to a process."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Slot:
    """Something to be done once, by whoever claims it: `name` is `KIND:…`, unique in its workload (or in none, the empty one)."""

    workload: str
    name: str
    due_at: datetime

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Search:
    """Which drills are wanted, newest first; None asks for any. `before` is where the page before this one ended (its oldest
    `began_at`)."""

    workload: str | None = None
    location: str | None = None
    verdict: Verdict | None = None
    before: datetime | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A drill in one line. While it runs, `ended_at`, `verdict` and all that was measured are None. `newest`: it took the newest backup
    of its place; None where that is not known."""

    drill: str
    workload: str | None
    location: str | None
    trigger: str
    slot: str | None
    owner: str | None
    lease_until: datetime | None
    abandoned: bool
    began_at: datetime
    ended_at: datetime | None
    verdict: Verdict | None
    proof_level: int | None
    reason: str | None
    profile: Profile
    strategy: str
    backup: str
    backup_taken_at: datetime | None
    backup_size_bytes: int
    newest: bool | None
    recovery_time_seconds: float | None
    recovery_time_objective_seconds: float | None
    verification_seconds: float | None
    recovery_point_not_before: datetime | None
    recovery_point_not_after: datetime | None
    data_loss_seconds: float | None
    recovery_point_lag_seconds: float | None
    recovery_point_objective_seconds: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """A drill record byte for byte as it was written, also by another version."""

    drill: str
    json: bytes

    def read(self) -> Drill:
        """Return the record as a value. Raise CannotTell (`drill_record_unreadable`) where another version's schema is not ours."""
        try:
            return from_json(Drill, self.json)
        except NotOurJson as error:
            raise CannotTell(
                "drill_record_unreadable",
                f"the record of drill {self.drill} is not one that this version reads: {str(error).splitlines()[0]}",
                "read it with the version that wrote it, or take the record as it is: show DRILL -o json",
            ) from error


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a place stands: the drill that ended last, the last one that passed, and the one that runs now."""

    place: Place
    last: Remembered | None
    last_passed: Remembered | None
    running: Remembered | None


@dataclass(frozen=True, slots=True)
class SeenBackup:
    """A complete backup that a listing showed first then. `gone_at` is the first listing without it; None while it is there."""

    id: str
    uri: str
    taken_at: datetime | None
    stored_at: datetime | None
    size_bytes: int
    first_seen: datetime
    gone_at: datetime | None
