"""Past drills of a workload's places → whether it is proven, and what speaks against it: the rules of `status --check`.

The first location has to have passed within twice the drill interval, every other one within 90 days; and the last drill of
each must have passed. No drill at all is no proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from restore_tester.model import Verdict

OTHER_LOCATION_SECONDS = 90 * 86_400.0
INTERVALS = 2


class State(StrEnum):
    PROVEN = "proven"
    STALE = "stale"
    NEVER_DRILLED = "never_drilled"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


WORST_FIRST = (State.FAILED, State.INCONCLUSIVE, State.NEVER_DRILLED, State.STALE, State.PROVEN)


@dataclass(frozen=True, slots=True)
class PlaceDrilled:
    """One location of a workload: the verdict of the drill that ended last there, and when the last one began that passed."""

    last: Verdict | None
    last_passed_at: datetime | None


def proof_lasts_seconds(position: int, drill_every_seconds: float) -> float:
    """Given a location's position in the configuration (0 is the first), return how long a passed drill counts there."""
    return INTERVALS * drill_every_seconds if position == 0 else OTHER_LOCATION_SECONDS


def state_of(drilled: PlaceDrilled, lasts_seconds: float, now: datetime) -> State:
    """Return how one location stands."""
    if drilled.last is Verdict.FAILED:
        return State.FAILED
    if drilled.last is Verdict.INCONCLUSIVE:
        return State.INCONCLUSIVE
    if drilled.last is None or drilled.last_passed_at is None:
        return State.NEVER_DRILLED
    return State.STALE if (now - drilled.last_passed_at).total_seconds() > lasts_seconds else State.PROVEN


def worst(states: Sequence[State]) -> State:
    """Return the worst of them; of none, nothing was ever drilled."""
    return next((state for state in WORST_FIRST if state in states), State.NEVER_DRILLED)
