"""The configuration as frozen nouns: what `loading` makes out of a file and what the rest of the house works with.

Durations are seconds, sizes are bytes, paths are absolute. Objectives and cadence are already resolved from criticality.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Something the business needs back. `locations[0]` is the first location. `drill_every_seconds` is set in any case:
    with a `schedule` it is the widest gap that the schedule leaves, the measure for staleness."""

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
