"""What is known of one place (a workload in one location), as one frozen value: advanced by each thing that happens there, and by
nothing else.

A ledger is a projection: it can be made again from the drills and sights that a history holds, in the order in which they
happened. So whatever reads it (metrics, pages, drift) needs no query over past drills, and a restart loses nothing.
Instants are aware UTC, durations seconds, sizes bytes; unknown is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from restore_tester.model import Profile, Severity, Verdict

# Raised whenever `advance` would make another ledger of the same past: a history then makes its ledgers again.
LEDGER_VERSION = 1
# Enough for a baseline of 20 drills, its newest left out, and for what is not comparable in between.
MEASURED_KEPT = 40
CYCLES_KEPT = 40
DAYS_KEPT = 31
# Upper bounds of the fleet's histogram of how long drills take, seconds; the last bucket is everything above.
DURATION_BOUNDS = (30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 57600.0)


@dataclass(frozen=True, slots=True)
class Problems:
    """A check that found problems, and how many."""

    check: str
    severity: Severity
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillInBrief:
    """A drill that ended. `newest`: it took the newest backup of its place, the one whose recovery point is judged."""

    drill: str
    trigger: str
    began_at: datetime
    ended_at: datetime
    verdict: Verdict
    codes: tuple[str, ...]
    proof_level: int
    backup: str
    uri: str
    taken_at: datetime | None
    size_bytes: int
    newest: bool
    profile: Profile
    recovery_time_seconds: float | None
    verification_seconds: float | None
    recovery_point_not_before: datetime | None
    recovery_point_not_after: datetime | None
    data_loss_seconds: float | None
    recovery_point_lag_seconds: float | None
    stages: tuple[tuple[str, float], ...]
    problems: tuple[Problems, ...]
    checks_errored: int
    sandbox_destroyed: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one drill that drift and forecasts may compare: those of one `kind` (profile, engine major, environment) are
    comparable. Only drills of the newest backup that restored it are measured."""

    drill: str
    at: datetime
    kind: str
    recovery_time_seconds: float | None
    lag_seconds: float | None
    size_bytes: int
    stages: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Cycle:
    """One backup became usable `at`, and until then at most `achieved_seconds` of data could have been lost."""

    backup: str
    at: datetime
    achieved_seconds: float


@dataclass(frozen=True, slots=True)
class SightedBackup:
    """A complete backup as a listing showed it. `usable_at` is when its last byte was stored."""

    id: str
    taken_at: datetime | None
    usable_at: datetime | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What the last listing showed, or why there is none (`code`, a reason's). `changed_at` is when it last showed something else."""

    changed_at: datetime
    code: str | None
    newest: SightedBackup | None
    oldest_taken_at: datetime | None
    backups: int
    size_bytes: int
    incomplete: int
    unrecognised: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where a place stands. `durations` are counts of drills per bucket of `DURATION_BOUNDS`, not cumulative.

    `last` is the drill that ended last; `last_newest` the last one of a newest backup, `last_passed` the last that passed,
    `known_good` the passed drill of the youngest backup, `first_bad` the failed drill of the oldest backup younger than that one.
    `accepted_at`: what drills found until then is confirmed as the new normal, and drift counts from there."""

    first_seen: datetime
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    durations: tuple[int, ...] = (0,) * (len(DURATION_BOUNDS) + 1)
    durations_sum_seconds: float = 0.0
    last: DrillInBrief | None = None
    last_newest: DrillInBrief | None = None
    last_passed: DrillInBrief | None = None
    known_good: DrillInBrief | None = None
    first_bad: DrillInBrief | None = None
    proven_recovery_point: datetime | None = None
    measured: tuple[Measured, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    worst_of_days: tuple[tuple[date, float], ...] = ()
    accepted_at: datetime | None = None
    accepted_reason: str | None = None
    sight: Sight | None = None
