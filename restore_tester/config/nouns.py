"""The configuration as frozen nouns: what `loading` makes out of a file and what the rest of the house works with.

Durations are seconds, sizes are bytes, paths are absolute. Objectives and cadence are already resolved from criticality.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from restore_tester.config.secrets import Secret
from restore_tester.model import Heartbeat, Location, Objectives, Profile, RecoveryEnvironment, Severity


class Strategy(StrEnum):
    """Which backup a drill takes."""

    NEWEST = "newest"
    OLDEST = "oldest"
    RANDOM = "random"
    EVERY = "every"
    ROTATING = "rotating"


NOTIFIED = ("failed", "recovered", "inconclusive", "stale")


class Mode(StrEnum):
    """Whether people are paged: `observe` judges and shows, and pages nobody."""

    PAGE = "page"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Criticality:
    """A bundle of objectives and cadence."""

    recovery_time_seconds: float
    recovery_point_seconds: float
    drill_every_seconds: float


SHIPPED_CRITICALITIES: tuple[tuple[str, Criticality], ...] = (
    ("mission-critical", Criticality(3600.0, 900.0, 86400.0)),
    ("essential", Criticality(8 * 3600.0, 4 * 3600.0, 7 * 86400.0)),
    ("non-essential", Criticality(3 * 86400.0, 86400.0, 30 * 86400.0)),
)
DEFAULT_CRITICALITY = "essential"


@dataclass(frozen=True, slots=True)
class CheckOverride:
    """A check treated differently, for a reason, until a day (its last). `severity` None leaves it; `excepted` are catalogue names."""

    check: str
    severity: Severity | None
    excepted: tuple[str, ...]
    reason: str
    until: date

    def in_force(self, today: date) -> bool:
        """Given the day in UTC, return whether the override still holds."""
        return today <= self.until


@dataclass(frozen=True, slots=True)
class Pause:
    """No drill starts by itself before `until` (aware UTC)."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` until before `ends`, in the workload's zone, no drill starts by itself; over midnight where `ends` is earlier."""

    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class LocationLimits:
    """What drills may ask of one location: how many read its store at once, and bytes fetched in a UTC day. None: no limit."""

    concurrency: int | None = None
    daily_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is told of changes. `when` holds kinds of change; `workloads` are patterns; what is empty leaves nobody out. `digest` is a
    time of the day in UTC."""

    url: Secret
    when: tuple[str, ...]
    workloads: tuple[str, ...] = ()
    criticality: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    at_most_every_seconds: float = 60.0
    digest: time | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """An address outside that is asked every so often while the service is healthy."""

    url: Secret
    every_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Something the business needs back. `locations[0]` is the first location. `drill_every_seconds` is set in any case:
    with a `schedule` it is the widest gap that the schedule leaves, the measure for staleness. `quiet_hours` and `paused` are its
    own where it has some, else the fleet's; `limits` holds the locations that have any."""

    name: str
    owner: str
    criticality: str
    engine: str | None
    image: str | None
    image_is_production: bool
    heartbeat: Heartbeat | None
    database: str | None
    locations: tuple[Location, ...]
    objectives: Objectives
    schedule: str | None
    drill_every_seconds: float
    timezone: str
    select: Strategy
    profile: Profile
    settings: tuple[tuple[str, str], ...]
    recovery_environment: RecoveryEnvironment | None
    checks: tuple[str, ...]
    check_overrides: tuple[CheckOverride, ...]
    depends_on: tuple[str, ...]
    mode: Mode
    quiet_hours: tuple[QuietHours, ...] = ()
    paused: Pause | None = None
    limits: tuple[tuple[str, LocationLimits], ...] = ()

    def limits_of(self, location: str) -> LocationLimits:
        """Given the name of a location, return its limits; none where none are written."""
        return next((limits for name, limits in self.limits if name == location), LocationLimits())


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All of it. `history` is a DSN without a password, or a reference to one."""

    history: Secret | str
    sandbox: str
    concurrency: int
    settle_seconds: float
    mode: Mode
    allow_python_checks: bool
    open_pages: bool
    workloads: tuple[Workload, ...]
    watch_every_seconds: float = 300.0
    jitter_seconds: float = 300.0
    quiet_hours: tuple[QuietHours, ...] = ()
    paused: Pause | None = None
    accept_unsealed_sandbox: bool = False
    api_token: Secret | None = None
    metrics: str = "auto"
    stage_metrics: bool = False
    find_good: int = 10
    public_url: str | None = None
    notifications: tuple[Target, ...] = ()
    ping: Ping | None = None
