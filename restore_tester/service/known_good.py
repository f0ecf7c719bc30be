"""A location whose newest backup may be bad → the newest backup of it that a drill proves good, and how to restore that one.

The walk itself is `judgement.walk`; here its steps are drilled, each remembered like any other drill. What past drills told is not
asked again: what was bad stays bad, and what passed within a day still counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from restore_tester.config.nouns import Configuration
from restore_tester.contracts import BackupSource, Clock
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Place, Remembered, Search
from restore_tester.history.records import History
from restore_tester.judgement.advance import brief, is_damaged, is_intact
from restore_tester.judgement.due import BUDGET_SPENT
from restore_tester.judgement.recovering import recovery_commands
from restore_tester.judgement.selection import newest_first
from restore_tester.judgement.walk import last_bad_before, newest_good, next_to_try
from restore_tester.model import Backup, Drill, Location, Reason, Verdict
from restore_tester.service.crew import Ended
from restore_tester.service.fleet import Asked, Job, jobs

TRIGGER = "find_good"
MOST_DRILLS = 20
PASS_COUNTS_FOR = timedelta(days=1)
_PAST_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Step:
    """One backup on the way, the newest first. `good`: its data came back whole, though an objective may have been missed; None: nobody
    can tell. `drill` is the one that told; `drilled_now`: for this walk. `age_seconds` is at the end of the walk."""

    backup: str
    uri: str
    taken_at: datetime | None
    age_seconds: float | None
    good: bool | None
    drill: str
    drilled_now: bool
    recovery_time_seconds: float | None
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGood:
    """What a walk found. Between `first_bad` and `good` lies the damage; `not_tried` backups newer than the good one were not drilled.
    `seconds` is what the walk took, `commands` restore the good one. `complete`: the walk ended by itself, not at its budget."""

    workload: str
    location: str
    at: datetime
    retained: int
    good: Step | None
    first_bad: Step | None
    not_tried: int
    steps: tuple[Step, ...]
    complete: bool
    seconds: float
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Walker:
    """What a walk needs: where to list, who drills, and who is told of each step before it begins (backup, its number from 1)."""

    history: History
    open_source: Callable[[Location], BackupSource]
    drill: Callable[[Job], Ended]
    clock: Clock
    tell: Callable[[Backup, int], None] = lambda backup, number: None


def find_good(configuration: Configuration, place: Place, walker: Walker, most_drills: int = MOST_DRILLS) -> KnownGood:
    """Walk back from the newest complete backup of a place until one is good and what lies just after it is known, in at most that
    many drills. Raise Misuse (`workload_unknown`, `location_unknown`), CannotTell where the location cannot be listed, and
    `history_…`; Interrupted."""
    began = walker.clock.elapsed()
    (job,) = jobs(configuration, Asked((place.workload,), location=place.location), walker.clock.now())
    listed = newest_first(walker.open_source(job.request.locations[0]).list_backups().complete)
    steps = _known(listed, place, walker)
    drills = 0
    while drills < most_drills and (index := next_to_try(len(listed), _told(steps))) is not None:
        drills += 1
        walker.tell(listed[index], drills)
        steps[index] = _step(listed[index], _drilled(configuration, place, listed[index], walker), drilled_now=True)
    complete = next_to_try(len(listed), _told(steps)) is None
    return _found(place, listed, steps, walker, complete=complete, seconds=walker.clock.elapsed() - began)


def _drilled(configuration: Configuration, place: Place, backup: Backup, walker: Walker) -> Drill:
    (job,) = jobs(configuration, Asked((place.workload,), location=place.location, backup=backup.id), walker.clock.now())
    ended = walker.drill(replace(job, request=replace(job.request, trigger=TRIGGER)))
    if ended.drill is not None and any(reason.code == BUDGET_SPENT for reason in ended.drill.reasons):
        raise CannotTell(BUDGET_SPENT, "the day's bytes are spent before a good backup was found", "it goes on when there are bytes again")
    if ended.drill is None:
        raise ended.error or CannotTell("unforeseen", "a drill ended without a record", "report it: nothing was proven")
    return ended.drill


def _known(listed: Sequence[Backup], place: Place, walker: Walker) -> dict[int, Step]:
    """What past drills told of the backups that lie there now, the last word of each."""
    past = walker.history.drills(Search(workload=place.workload, location=place.location, limit=_PAST_LOOKED_AT))
    positions = {backup.id: index for index, backup in enumerate(listed)}
    known: dict[int, Step] = {}
    told: set[int] = set()
    for each in past:
        index = positions.get(each.backup)
        if index is None or index in told or each.verdict not in (Verdict.PASSED, Verdict.FAILED):
            continue
        told.add(index)
        if not _counts(each, listed[index], walker.clock.now()):
            continue
        record = walker.history.record(each.drill)
        if record is not None:
            known[index] = _step(listed[index], record.read(), drilled_now=False)
    return known


def _counts(past: Remembered, backup: Backup, now: datetime) -> bool:
    """A backup that was written anew under the old name is another one."""
    if past.ended_at is None or past.backup_size_bytes != backup.size_bytes:
        return False
    if backup.stored_at is not None and past.began_at < backup.stored_at:
        return False
    return past.verdict is Verdict.FAILED or (past.verdict is Verdict.PASSED and now - past.ended_at <= PASS_COUNTS_FOR)


def _step(backup: Backup, drill: Drill, *, drilled_now: bool) -> Step:
    return Step(
        backup=backup.id,
        uri=backup.uri,
        taken_at=drill.backup.taken_at or backup.taken_at or backup.stored_at,
        age_seconds=None,
        good=_is_good(drill),
        drill=drill.drill,
        drilled_now=drilled_now,
        recovery_time_seconds=drill.recovery_time_seconds,
        reason=drill.reasons[0] if drill.reasons else None,
    )


def _is_good(drill: Drill) -> bool | None:
    """An objective that was missed is said, but the data is there: who has lost the newest backup asks for the data."""
    if drill.verdict is Verdict.INCONCLUSIVE:
        return None
    told = brief(drill, newest=False)
    if is_intact(told):
        return True
    return False if is_damaged(told) else None


def _told(steps: dict[int, Step]) -> dict[int, bool | None]:
    return {index: step.good for index, step in steps.items()}


def _found(place: Place, listed: Sequence[Backup], steps: dict[int, Step], walker: Walker, *, complete: bool, seconds: float) -> KnownGood:
    now = walker.clock.now()
    aged = {index: _aged(step, now) for index, step in steps.items()}
    told = _told(aged)
    index = newest_good(told)
    bad = last_bad_before(index, told) if index is not None else max((one for one, good in told.items() if good is False), default=-1)
    record = walker.history.record(aged[index].drill) if index is not None else None
    return KnownGood(
        workload=place.workload,
        location=place.location,
        at=now,
        retained=len(listed),
        good=aged[index] if index is not None else None,
        first_bad=aged.get(bad),
        not_tried=sum(one not in aged for one in range(index if index is not None else len(listed))),
        steps=tuple(aged[one] for one in sorted(aged)),
        complete=complete,
        seconds=seconds,
        commands=recovery_commands(record.read().backup) if record is not None else (),
    )


def _aged(step: Step, now: datetime) -> Step:
    return replace(step, age_seconds=(now - step.taken_at).total_seconds() if step.taken_at is not None else None)
