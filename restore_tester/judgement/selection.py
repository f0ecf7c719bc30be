"""Which backup of which location a drill takes: pure and seeded, so that `plan` and the drill choose alike.

Two steps, since only the chosen location need be listed: `next_turn` chooses the location and how to choose there, `choose`
the backup among the complete ones that lie there. Nothing falls back to another location: one that is empty is found out.

`rotating` goes round four places: newest of the first location, newest of another, newest of the first, a random one of the
first. So in any four consecutive drills of the rotation two take the newest of the first location, one a random retained
backup, one the newest of another location; a workload with a single location has its newest in that place too.

The 60-day rule: another location that has not passed for 60 days (or never) goes first. It takes the next place for another
location, or, before that comes, an early drill *beside* the rotation, which uses up no place. Two bounds keep what fails
forever from crowding out the rest: no early drill follows an early one, nor one of a location that was drilled without
passing among the last four drills. Early drills need no mark in history: the rotation is replayed from its last random
drill (the one with a seed), and where the first location's turn was and another was drilled, that drill was early. So the
last 16 drills and the last pass of each location are enough to know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from restore_tester.config.nouns import Strategy
from restore_tester.model import Backup, Selection, Verdict

UNPROVEN_AFTER = timedelta(days=60)
PLACES = 4
FIRST_NEWEST, ANOTHER, FIRST_RANDOM = "first_newest", "another", "first_random"
_ROUND = (FIRST_NEWEST, ANOTHER, FIRST_NEWEST, FIRST_RANDOM)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PastDrill:
    """What selection needs to know of a drill of this workload: `strategy` and `seed` are those of its record. A repeat of a
    drill that was tried again at once is no drill of its own here."""

    location: str
    backup: str
    began_at: datetime
    verdict: Verdict
    strategy: str
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asks: the workload, its locations in the order of the configuration (or the one named on the command line), how its
    backups are selected, and the slot the drill is for."""

    workload: str
    locations: tuple[str, ...]
    strategy: Strategy
    slot: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Where to look, and which backup to take there. `early`: the 60-day rule put this drill beside the rotation."""

    location: str
    take: Strategy
    why: str
    early: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """`backup` is None where the location holds no complete one (`candidates` 0), or none that `every` has not drilled."""

    location: str
    backup: Backup | None
    selection: Selection


def next_turn(wish: Wish, past: Sequence[PastDrill], now: datetime) -> Turn:
    """Given the workload's past drills in any order, return whose turn it is."""
    first = wish.locations[0]
    if wish.strategy is not Strategy.ROTATING:
        return Turn(first, wish.strategy, _WHY[wish.strategy])
    drills = sorted(past, key=lambda drill: drill.began_at)
    place, was_early = _place_after(drills, first, others=len(wish.locations) > 1)
    overdue = _most_overdue(wish.locations[1:], drills, now)
    if _ROUND[place] == ANOTHER and len(wish.locations) > 1:
        return _turn_of_another(wish.locations[1:], drills, overdue)
    if overdue is not None and drills and not was_early and not _failed_lately(overdue, drills):
        return Turn(overdue, Strategy.NEWEST, f"{overdue} {_unproven(overdue, past)}: it goes first", early=True)
    if _ROUND[place] == FIRST_RANDOM:
        return Turn(first, Strategy.RANDOM, f"rotation: a random retained backup of {first}")
    return Turn(first, Strategy.NEWEST, f"rotation: the newest of {first}")


def choose(wish: Wish, turn: Turn, backups: Sequence[Backup], past: Sequence[PastDrill]) -> Chosen:
    """Given the complete backups that lie at the turn's location, in any order, return the one to drill, and why."""
    ordered = sorted(backups, key=_age)
    seed = seed_of(wish.workload, turn.location, wish.slot) if turn.take is Strategy.RANDOM else None
    why = turn.why
    backup: Backup | None = None
    if turn.take is Strategy.EVERY:
        backup, why = _next_of_every(ordered, turn.location, past)
    elif ordered:
        backup = ordered[{Strategy.NEWEST: -1, Strategy.OLDEST: 0}.get(turn.take, 0) if seed is None else seed % len(ordered)]
    if not ordered:
        why = f"{turn.why}, which holds no complete backup" if turn.take is not Strategy.EVERY else "there is no complete backup"
    return Chosen(turn.location, backup, Selection(wish.strategy.value, why, len(ordered), seed))


def newest_of(backups: Sequence[Backup]) -> Backup | None:
    """Return the one taken last: the one whose recovery point is judged."""
    return max(backups, key=_age, default=None)


def newest_first(backups: Sequence[Backup]) -> tuple[Backup, ...]:
    """Return them in the order in which somebody who has lost data would want them; what nothing dates comes last."""
    return tuple(sorted(backups, key=_age, reverse=True))


def is_newer(backup: Backup, other: Backup | None) -> bool:
    """Return whether something dates the backup, as later than the other."""
    dated = backup.taken_at or backup.stored_at
    return dated is not None and (other is None or _age(backup) > _age(other))


def seed_of(workload: str, location: str, slot: str) -> int:
    """Given names and a slot, return the seed: 48 bits, so that every JSON reader keeps it whole. The random backup is the one
    at `seed % candidates`, counted from the oldest."""
    digest = hashlib.sha256("\0".join((workload, location, slot)).encode()).digest()
    return int.from_bytes(digest[:6], "big")


def slot_after(past: Sequence[PastDrill]) -> str:
    """Return the slot of a drill that no schedule asked for: `plan` and the `run` after it see the same."""
    if not past:
        return "first"
    return f"after {max(drill.began_at for drill in past).astimezone(UTC).isoformat()}"


_WHY = {
    Strategy.NEWEST: "newest",
    Strategy.OLDEST: "oldest",
    Strategy.RANDOM: "random among all retained",
    Strategy.EVERY: "every new backup",
}


def _age(backup: Backup) -> tuple[datetime, str]:
    """Oldest first; one that nothing dates counts as the oldest, so that it never poses as the newest."""
    return backup.taken_at or backup.stored_at or _LONG_AGO, backup.id


def _place_after(drills: Sequence[PastDrill], first: str, *, others: bool) -> tuple[int, bool]:
    """Replay the rotation. Return the place that comes next, and whether the last drill of it was early."""
    place, was_early = 0, False
    for drill in drills:
        if drill.strategy != Strategy.ROTATING:
            continue
        if drill.seed is not None:
            place, was_early = 0, False
        else:
            was_early = others and drill.location != first and _ROUND[place] != ANOTHER
            place = place if was_early else (place + 1) % PLACES
    return place, was_early


def _turn_of_another(others: tuple[str, ...], drills: Sequence[PastDrill], overdue: str | None) -> Turn:
    if overdue is not None and not _failed_lately(overdue, drills):
        return Turn(overdue, Strategy.NEWEST, f"rotation: the newest of {overdue}, which {_unproven(overdue, drills)}")
    drilled = {drill.location: drill.began_at for drill in drills}
    location = min(others, key=lambda name: drilled.get(name, _LONG_AGO))
    return Turn(location, Strategy.NEWEST, f"rotation: the newest of {location}, another location")


def _most_overdue(others: tuple[str, ...], drills: Sequence[PastDrill], now: datetime) -> str | None:
    passed = {drill.location: drill.began_at for drill in drills if drill.verdict is Verdict.PASSED}
    tried = {drill.location: drill.began_at for drill in drills}
    overdue = [name for name in others if now - passed.get(name, _LONG_AGO) >= UNPROVEN_AFTER]
    # Among those that never passed, the one that was not tried for longest.
    return min(
        overdue, key=lambda name: (_failed_lately(name, drills), passed.get(name, _LONG_AGO), tried.get(name, _LONG_AGO)), default=None
    )


def _unproven(location: str, drills: Sequence[PastDrill]) -> str:
    passed = any(drill.location == location and drill.verdict is Verdict.PASSED for drill in drills)
    return "has not been proven for 60 days" if passed else "was never proven"


def _failed_lately(location: str, drills: Sequence[PastDrill]) -> bool:
    return any(drill.location == location and drill.verdict is not Verdict.PASSED for drill in drills[-PLACES:])


def _next_of_every(ordered: Sequence[Backup], location: str, past: Sequence[PastDrill]) -> tuple[Backup | None, str]:
    """The oldest that was never drilled; then the oldest that nobody could tell about; then none."""
    here = [drill for drill in past if drill.location == location]
    told = {drill.backup for drill in here if drill.verdict is not Verdict.INCONCLUSIVE}
    tried = {drill.backup for drill in here}
    fresh = next((backup for backup in ordered if backup.id not in tried), None)
    if fresh is not None:
        return fresh, "the oldest that was not drilled yet"
    untold = next((backup for backup in ordered if backup.id not in told), None)
    if untold is not None:
        return untold, "drilled before without a result"
    return None, "every backup here was drilled already"
