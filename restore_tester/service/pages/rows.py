"""A ledger → the light row that the fleet's page keeps of a place; rows of a workload and an instant → how it stands now. Pure.

The rules are those of `status`: `judgement.standing` decides who is proven, here only what is worth a line is picked out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from restore_tester.config.nouns import Workload
from restore_tester.judgement import catalogue
from restore_tester.judgement.advance import is_beside, is_proof
from restore_tester.judgement.ledger import DrillInBrief, Ledger
from restore_tester.judgement.outlook import outlook
from restore_tester.judgement.points import EstimatedPoint
from restore_tester.judgement.sentences import sentences
from restore_tester.judgement.standing import WORST_FIRST, Drilled, PlaceDrilled, State, place_drilled, proof_lasts_seconds, state_of, worst
from restore_tester.judgement.wording import duration
from restore_tester.model import Objectives, Profile

_MUCH_LESS = 0.8


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """What the page of the fleet needs of one location. `late_after`: without a new backup by then, backups have stopped. `said` are
    sentences of what drifts, is damaged or will be breached."""

    location: str
    drilled: PlaceDrilled
    code: str | None
    point: EstimatedPoint | None
    recovery_seconds: float | None
    fast_seconds: float | None
    listing: str | None
    late_after: datetime | None
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceNow:
    """A location at an instant. `row` is None where nothing is known of it yet."""

    location: str
    state: State
    row: PlaceRow | None
    exposure_seconds: float | None


@dataclass(frozen=True, slots=True)
class WorkloadNow:
    """A workload at an instant, its best location counting: `exposure_seconds` is what a loss now would cost (None: nothing usable is
    known), `recovery_seconds` how long that location took the last time."""

    workload: Workload
    state: State
    places: tuple[PlaceNow, ...]
    best: PlaceNow | None

    @property
    def exposure_seconds(self) -> float | None:
        return self.best.exposure_seconds if self.best is not None else None

    @property
    def recovery_seconds(self) -> float | None:
        return self.best.row.recovery_seconds if self.best is not None and self.best.row is not None else None

    @property
    def exposed(self) -> bool:
        """Whether a loss now would cost more than the objective allows."""
        objective, exposure = self.workload.objectives.recovery_point_seconds, self.exposure_seconds
        return objective is not None and exposure is not None and exposure > objective

    @property
    def too_slow(self) -> bool:
        """Whether it took longer than the objective allows."""
        objective, took = self.workload.objectives.recovery_time_seconds, self.recovery_seconds
        return objective is not None and took is not None and took > objective

    @property
    def rank(self) -> tuple[int, int, float, str]:
        """Small for the worst: by state, then by how far beyond its objective a loss would be. Beyond it, a workload is as bad as one
        whose backup failed: either way a loss now costs more than was agreed."""
        objective = self.workload.objectives.recovery_point_seconds
        by_state = 0 if self.exposed else WORST_FIRST.index(self.state)
        both = -int(self.exposed and self.state is State.FAILED)
        exposure = float("inf") if self.exposure_seconds is None else self.exposure_seconds / (objective or 86_400.0)
        return by_state, both, -exposure, self.workload.name


def row_of(location: str, ledger: Ledger, objectives: Objectives, now: datetime) -> PlaceRow:
    """Given what is known of a place, return its row."""
    seen, drilled = outlook(ledger, objectives, now), drilled_of(ledger)
    briefs = {brief.drill: brief for brief in _briefs(ledger)}
    decisive = briefs[drilled.decisive.drill] if drilled.decisive is not None else None
    timed = [
        brief for brief in (ledger.known_good, ledger.last_passed, ledger.last_newest) if brief is not None and _took(brief) is not None
    ]
    sight = ledger.sight
    return PlaceRow(
        location=location,
        drilled=drilled,
        code=decisive.codes[0] if decisive is not None and decisive.codes else None,
        point=seen.point,
        recovery_seconds=next((_took(brief) for brief in timed if brief.profile is Profile.FAITHFUL), None),
        fast_seconds=next((_took(brief) for brief in timed if brief.profile is Profile.FAST), None),
        listing=_listing(ledger, now),
        late_after=_late_after(ledger) if sight is not None else None,
        said=sentences(seen, objectives),
    )


def drilled_of(ledger: Ledger) -> PlaceDrilled:
    """Given what is known of a place, return which of its drills count."""
    return place_drilled(
        Drilled(each.drill, each.verdict, each.began_at, each.ended_at, each.backup, each.taken_at, newest=each.newest)
        for each in _briefs(ledger)
        if not is_beside(each.trigger, each.verdict, each.newest) or is_proof(each.trigger, each.verdict, each.newest)
    )


def workload_now(workload: Workload, rows: Sequence[PlaceRow | None], now: datetime) -> WorkloadNow:
    """Given a workload and a row for each of its locations, in their order, return how it stands."""
    places = tuple(_place_now(workload, position, row, now) for position, row in enumerate(rows))
    return WorkloadNow(workload, worst([place.state for place in places]), places, _best(places))


def back_told(each: WorkloadNow) -> str:
    """Return how soon it would be back."""
    row = each.best.row if each.best is not None else None
    if row is None:
        known = any(place.row is not None and place.row.drilled.decisive is not None for place in each.places)
        return "an unknown time: nothing usable is known" if known else "an unknown time, never drilled"
    if row.recovery_seconds is not None:
        return duration(row.recovery_seconds)
    return (
        f"an unknown time (a fast drill took {duration(row.fast_seconds)})"
        if row.fast_seconds is not None
        else "an unknown time, never proven"
    )


def losing_told(place: PlaceNow | None) -> str:
    """Return how much would be lost, and how far that is known."""
    point = place.row.point if place is not None and place.row is not None else None
    if place is None or place.exposure_seconds is None or point is None:
        return "everything, as far as is known"
    least = "at least " if point.at_most else ""
    return f"{least}{duration(place.exposure_seconds)} of data ({'proven' if point.proven else 'estimated'})"


def _best(places: Sequence[PlaceNow]) -> PlaceNow | None:
    """The first location that gives something back, unless a later one loses much less: minutes between two copies decide nothing."""
    best: PlaceNow | None = None
    for place in places:
        if place.exposure_seconds is None:
            continue
        if best is None or best.exposure_seconds is None or place.exposure_seconds < best.exposure_seconds * _MUCH_LESS:
            best = place
    return best


def _place_now(workload: Workload, position: int, row: PlaceRow | None, now: datetime) -> PlaceNow:
    location = workload.locations[position].name or ""
    if row is None:
        return PlaceNow(location, State.NEVER_DRILLED, None, None)
    state = state_of(row.drilled, proof_lasts_seconds(position, workload.drill_every_seconds), now)
    exposure = max(0.0, (now - row.point.at).total_seconds()) if row.point is not None else None
    return PlaceNow(location, state, row, exposure)


def _briefs(ledger: Ledger) -> list[DrillInBrief]:
    every = (ledger.last, ledger.last_newest, ledger.last_passed, *ledger.good, *ledger.bad)
    return list({each.drill: each for each in every if each is not None}.values())


def _took(brief: DrillInBrief) -> float | None:
    return brief.recovery_time_seconds


def _listing(ledger: Ledger, now: datetime) -> str | None:
    """The gravest thing that the listings show; when nothing new comes is told by `late_after`, for it comes with time alone."""
    found = [finding for finding in catalogue.findings(ledger, now) if finding.code != "backups_stopped"]
    return found[0].message if found else None


def _late_after(ledger: Ledger) -> datetime | None:
    sight = ledger.sight
    arrived = (sight.newest.usable_at or sight.newest.taken_at) if sight is not None and sight.newest is not None else None
    if sight is None or sight.rhythm is None or arrived is None:
        return None
    return arrived + timedelta(seconds=sight.rhythm.patience_seconds)
