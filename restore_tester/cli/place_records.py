"""A history → what counts of the past of each place, for `status`: read off its ledger where that leaves no doubt, else its last drills.

A fleet has thousands of places, and nearly all of them are well: those cost one row each, and only the others several queries. Nothing is
written, and nothing made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from restore_tester.config.nouns import Strategy
from restore_tester.history.nouns import Place, Remembered, Search, Standing
from restore_tester.judgement.advance import is_beside
from restore_tester.judgement.ledger import DrillInBrief, Ledger
from restore_tester.judgement.standing import Drilled
from restore_tester.model import Verdict

if TYPE_CHECKING:
    from restore_tester.history.records import History

# A rotation comes back to the newest backup within a few drills: what stands beyond this many was answered, or is old news.
DRILLS_LOOKED_AT = 50

Figures = Remembered | DrillInBrief


@dataclass(frozen=True, slots=True)
class PlaceRecord:
    """What counts of the past of one place: its drills that ended, as they are judged and by their ids, the last of them, and the id of
    the one that runs."""

    last: Figures | None = None
    running: str | None = None
    drilled: tuple[Drilled, ...] = ()
    figures: tuple[Figures, ...] = ()


def place_records(places: Sequence[Place], history: History | None) -> Mapping[Place, PlaceRecord]:
    """Given places, return the record of each."""
    if history is None:
        return dict.fromkeys(places, PlaceRecord())
    wanted, running = frozenset(places), history.running()
    certain = ((place, ledger) for place, ledger in history.ledgers.current() if place in wanted and not ledger.doubts)
    records = {place: _of_ledger(ledger, running.get(place)) for place, ledger in certain}
    uncertain = [place for place in places if place not in records]
    return records | {standing.place: _of_drills(standing, history) for standing in history.standings(uncertain)}


def reason_of(drill: Figures) -> str | None:
    """Return the code of the reason that decided."""
    return drill.reason if isinstance(drill, Remembered) else next(iter(drill.codes), None)


def _of_ledger(ledger: Ledger, running: str | None) -> PlaceRecord:
    """Without a doubt all that counts has passed."""
    counting = {drill.drill: drill for drill in (ledger.last, ledger.proof, ledger.last_passed) if drill is not None}
    drilled = (
        Drilled(each.drill, each.verdict, each.began_at, each.ended_at, each.backup, each.taken_at, newest=False)
        for each in counting.values()
    )
    return PlaceRecord(ledger.last, running, tuple(drilled), tuple(counting.values()))


def _of_drills(standing: Standing, history: History) -> PlaceRecord:
    running = standing.running.drill if standing.running else None
    if standing.last is None:
        return PlaceRecord(running=running)
    place = standing.place
    found = history.drills(Search(workload=place.workload, location=place.location, limit=DRILLS_LOOKED_AT))
    told = [drill for drill in found if drill.ended_at is not None and not is_beside(drill.trigger, drill.verdict, drill.newest)]
    told += [standing.last_passed] if standing.last_passed else []
    ended = tuple({drill.drill: drill for drill in told}.values())
    return PlaceRecord(standing.last, running, _drilled(ended, place, history), ended)


def _drilled(here: Sequence[Remembered], place: Place, history: History) -> tuple[Drilled, ...]:
    """Where something failed, backups are dated as listings do, all alike: a damaged one has lost the header that dates a sound one, and
    a header's wall clock may run hours ahead of a name."""
    listed: dict[str, datetime | None] = {}
    if any(each.verdict is not Verdict.PASSED for each in here):
        listed = {backup.id: backup.taken_at for backup in history.backups.seen(place)}
    return tuple(_as_drilled(each, listed.get(each.backup) or each.backup_taken_at) for each in here)


def _as_drilled(each: Remembered, taken_at: datetime | None) -> Drilled:
    assert each.verdict is not None, "it has ended"
    assert each.ended_at is not None, "it has ended"
    return Drilled(each.drill, each.verdict, each.began_at, each.ended_at, each.backup, taken_at, newest=each.strategy == Strategy.NEWEST)
