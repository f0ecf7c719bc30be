"""A drill record → what of it is drawn or cut: its stages as bars, its levels as rungs, its checks as far as a page holds them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from restore_tester.judgement.telling import LEVELS, OUTSIDE_RECOVERY
from restore_tester.model import CheckResult, Drill, LevelState, Outcome, Stage

UNITS = 1000
LEAST_BAR_UNITS = 4
# A page that names them all would be megabytes where one drill asked ten thousand questions.
CHECKS_SHOWN = 100
_GRAVEST = (Outcome.FAILED, Outcome.ERRORED, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage as it is drawn: from `x`, `width` wide, of `UNITS` that stand for the whole drill."""

    stage: Stage
    x: int
    width: int
    after_recovery: bool
    began_seconds: float


@dataclass(frozen=True, slots=True)
class Rung:
    level: int
    name: str
    meaning: str
    state: LevelState


@dataclass(frozen=True, slots=True)
class Portion:
    """The first of many, and how many there are."""

    shown: tuple[CheckResult, ...]
    all: int

    @property
    def left(self) -> int:
        return self.all - len(self.shown)


def bars(drill: Drill) -> tuple[Bar, ...]:
    """Return when each stage ran: stages overlap, so their lengths are never added up."""
    whole = max((drill.ended_at - drill.began_at).total_seconds(), 1e-9)
    return tuple(_bar(stage, drill.began_at, whole) for stage in drill.stages)


def _bar(stage: Stage, origin: datetime, whole: float) -> Bar:
    began = max((stage.began_at - origin) / timedelta(seconds=1), 0.0)
    x = min(int(began / whole * UNITS), UNITS - LEAST_BAR_UNITS)
    width = min(max(round(stage.seconds / whole * UNITS), LEAST_BAR_UNITS), UNITS - x)
    return Bar(stage, x, width, stage.name in OUTSIDE_RECOVERY, began)


def rungs(drill: Drill) -> tuple[Rung, ...]:
    """Return the ladder of levels, the lowest first."""
    return tuple(Rung(level, name, meaning, getattr(drill.levels, name)) for level, (name, meaning) in enumerate(LEVELS))


def troubled(drill: Drill) -> Portion:
    """Return the checks that did not pass, the gravest first: as many as a page holds, the rest counted."""
    found = sorted((one for one in drill.checks if one.outcome is not Outcome.PASSED), key=_gravity)
    return Portion(tuple(found[:CHECKS_SHOWN]), len(found))


def passed(drill: Drill) -> Portion:
    """Return the checks that passed: as many as a page holds, the rest counted."""
    found = [one for one in drill.checks if one.outcome is Outcome.PASSED]
    return Portion(tuple(found[:CHECKS_SHOWN]), len(found))


def _gravity(check: CheckResult) -> tuple[int, int]:
    return _GRAVEST.index(check.outcome), -check.problems
