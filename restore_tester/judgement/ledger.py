"""What is known of one place (a workload in one location), as one frozen value: advanced by each thing that happens there, and by
nothing else.

A ledger is a projection: it can be made again from the drills and sights that a history holds, in the order in which they
happened. So whatever reads it (metrics, pages, drift) needs no query over past drills, and a restart loses nothing.
Instants are aware UTC, durations seconds, sizes bytes; unknown is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from restore_tester.model import Profile, Severity, Verdict

# Raised whenever `advance` would make another ledger of the same past: a history then makes its ledgers again.
LEDGER_VERSION = 3
# Enough for a baseline of 20 drills, its newest left out, and for what is not comparable in between.
MEASURED_KEPT = 40
CYCLES_KEPT = 40
# The youngest good backups: should the last of them turn out to have rotted, the one before it is known.
GOOD_KEPT = 3
# The oldest bad ones since the last good: where the damage began counts, how many followed does not.
BAD_KEPT = 16
DAYS_KEPT = 31
DOUBTS_KEPT = 8
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


class Measured(NamedTuple):
    """The figures of one drill that drift and forecasts may compare: those of one `kind` (profile, engine major, environment) are
    comparable. Only drills of the newest backup that restored it are measured. Seconds are good to a tenth, and `stages` those that
    recovery took: forty of these are kept of each place, so each is as small, and read as fast, as a tuple can be."""

    drill: str
    at: datetime
    kind: str
    backup: str
    recovery_time_seconds: float | None
    lag_seconds: float | None
    size_bytes: int
    stages: tuple[tuple[str, float], ...]
    disk_bytes: int | None = None
    disk_limit_bytes: int | None = None


class Cycle(NamedTuple):
    """One backup became usable `at`, and until then at most `achieved_seconds` of data could have been lost, to a tenth. `at_least`: no
    lag was measured yet, so the recovery point of the backup before it is only known not to be later than its stamp. A tuple, for
    there are forty of each place."""

    backup: str
    at: datetime
    achieved_seconds: float
    at_least: bool = False


class Doubt(NamedTuple):
    """A drill that did not pass, and of a backup as old as `stamp`. Only one that ends later and passes, of a backup that is younger by
    more than clocks and names disagree, lays it to rest here: so without a doubt a place is certainly well, and with one it is to be
    asked more closely (`standing`)."""

    drill: str
    ended_at: datetime
    stamp: datetime


class TrendState(StrEnum):
    """`learning`: too few comparable ones. `drifting`: two of the last three are far above what is usual. `creeping`: grown slowly."""

    LEARNING = "learning"
    STEADY = "steady"
    DRIFTING = "drifting"
    CREEPING = "creeping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line through what was measured (Theil-Sen): `level` (within `margin`) at the instant `at`, growing by `per_day`,
    which lies between `least_per_day` and `most_per_day`: 90 times of 100 each. `is_growing`: by more than chance explains."""

    at: datetime
    level: float
    margin: float
    per_day: float
    least_per_day: float
    most_per_day: float
    is_growing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How one quantity developed over comparable drills or cycles. Until enough were compared (`learning`), baseline and upper
    are None. `grown_from` is where slow growth set out, for a creeping one."""

    quantity: str
    state: TrendState
    compared: int
    latest: float
    baseline: float | None = None
    upper: float | None = None
    grown_from: float | None = None
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class SightedBackup:
    """A complete backup as a listing showed it. `usable_at` is when its last byte was stored."""

    id: str
    taken_at: datetime | None
    usable_at: datetime | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How backups come, seconds: the median distance between neighbours, and how long without a new one is still usual here (nights
    and weekends counted in). Made by `judgement.catalogue`."""

    interval_seconds: float
    patience_seconds: float


@dataclass(frozen=True, slots=True)
class RetentionLost:
    """More than a third of what was kept went away from one listing to the next. `span_seconds` is from the oldest to the newest."""

    at: datetime
    backups_before: int
    span_before_seconds: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What the last listing showed, or why there is none (`code`, a reason's): then the other fields are those of the last that there
    was. `changed_at` is when it last showed something else. `usual_size_bytes` is the median of the five backups before the newest
    (None: there are fewer, or two of them were as small). `rhythm` is None below four backups."""

    changed_at: datetime
    code: str | None
    newest: SightedBackup | None
    oldest_taken_at: datetime | None
    backups: int
    size_bytes: int
    incomplete: int
    unrecognised: int
    rhythm: Rhythm | None = None
    usual_size_bytes: float | None = None
    lost: RetentionLost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where a place stands. `durations` are counts of drills per bucket of `DURATION_BOUNDS`, not cumulative.

    `last` is the drill that ended last, but for those that looked for a good backup (`find_good`): they ask another question, unless
    they proved the newest bad. `last_newest` is the last one of a newest backup, `last_passed` the last that passed, `proof` the one of
    the youngest backup that passed (both without `find_good` of older backups), `doubts` what no later one answered beyond doubt.
    `good` are drills that proved a backup's data intact, `bad` those that found one damaged which is younger than the last good one;
    both by the backup's age, oldest first.
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
    proof: DrillInBrief | None = None
    doubts: tuple[Doubt, ...] = ()
    good: tuple[DrillInBrief, ...] = ()
    bad: tuple[DrillInBrief, ...] = ()
    proven_recovery_point: datetime | None = None
    measured: tuple[Measured, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    worst_of_days: tuple[tuple[date, float], ...] = ()
    trends: tuple[Trend, ...] = ()
    accepted_at: datetime | None = None
    accepted_reason: str | None = None
    sight: Sight | None = None

    @property
    def known_good(self) -> DrillInBrief | None:
        """The drill of the youngest backup whose data was proven intact; an objective it may have missed all the same."""
        return self.good[-1] if self.good else None

    @property
    def first_bad(self) -> DrillInBrief | None:
        """The drill of the oldest damaged backup that is younger than the last good one; None where no damage is known."""
        return self.bad[0] if self.bad else None
