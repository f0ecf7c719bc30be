"""Past drills of a workload's places → whether it is proven, and what speaks against it: the rules of `status --check`.

The first location has to have passed within twice the drill interval, every other one within 90 days; the last drill of each
must have passed; and what a drill said against a backup is answered only by one of a backup as young that passes: an older
one says nothing about it. No drill at all is no proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from restore_tester.judgement.verdict import WORST_FIRST as WORST_VERDICT_FIRST
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
class Drilled:
    """A drill that ended. `backup` is empty where there was none to drill. `newest`: it is known to have taken the newest there was."""

    drill: str
    verdict: Verdict
    began_at: datetime
    ended_at: datetime
    backup: str
    taken_at: datetime | None
    newest: bool = False


@dataclass(frozen=True, slots=True)
class PlaceDrilled:
    """One location of a workload. `decisive` is the drill that decides how it stands, `proof` the one of the youngest backup that passed,
    `last_passed_at` when the last one began that passed."""

    decisive: Drilled | None
    proof: Drilled | None
    last_passed_at: datetime | None


def place_drilled(drills: Iterable[Drilled]) -> PlaceDrilled:
    """Given what is remembered of one place, in any order, return what counts of it.

    Decisive is the worst of the drills that did not pass and that no later one answered, of several the last; where all are answered,
    the drill that ended last. What is not dated counts as young as its drill, and nothing as younger."""
    ordered = sorted(drills, key=lambda drill: (drill.ended_at, drill.drill))
    passed = [drill for drill in ordered if drill.verdict is Verdict.PASSED]
    open_still = [
        drill
        for drill in ordered
        if drill.verdict is not Verdict.PASSED and not any(_answers(later, drill) for later in passed if later.ended_at > drill.ended_at)
    ]
    # The last of the worst: `max` would take the first of equals.
    decisive = min(reversed(open_still), key=lambda drill: WORST_VERDICT_FIRST.index(drill.verdict), default=None)
    return PlaceDrilled(
        decisive or (ordered[-1] if ordered else None),
        max(passed, key=lambda drill: (_age_stamp(drill), drill.ended_at), default=None),
        max((drill.began_at for drill in passed), default=None),
    )


def _answers(passed: Drilled, before: Drilled) -> bool:
    """Whatever kept a place from being read, or left nothing there, is answered by any backup of it that passes."""
    return passed.newest or not before.backup or _age_stamp(passed) >= _age_stamp(before)


def _age_stamp(drill: Drilled) -> datetime:
    return min(drill.taken_at, drill.began_at) if drill.taken_at is not None else drill.began_at


def proof_lasts_seconds(position: int, drill_every_seconds: float) -> float:
    """Given a location's position in the configuration (0 is the first), return how long a passed drill counts there."""
    return INTERVALS * drill_every_seconds if position == 0 else OTHER_LOCATION_SECONDS


def state_of(drilled: PlaceDrilled, lasts_seconds: float, now: datetime) -> State:
    """Return how one location stands."""
    verdict = drilled.decisive.verdict if drilled.decisive is not None else None
    if verdict is Verdict.FAILED:
        return State.FAILED
    if verdict is Verdict.INCONCLUSIVE:
        return State.INCONCLUSIVE
    if drilled.last_passed_at is None:
        return State.NEVER_DRILLED
    return State.STALE if (now - drilled.last_passed_at).total_seconds() > lasts_seconds else State.PROVEN


def worst(states: Sequence[State]) -> State:
    """Return the worst of them; of none, nothing was ever drilled."""
    return next((state for state in WORST_FIRST if state in states), State.NEVER_DRILLED)
