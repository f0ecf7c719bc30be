"""Places → what is known of each, as a ledger: read all at once or as they change, advanced by listings and acceptances.

Drills advance them too, in the transaction that remembers their end (`records`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, tuple_

from restore_tester.contracts import Listing
from restore_tester.errors import Misuse
from restore_tester.history import projection
from restore_tester.history.connecting import Database
from restore_tester.history.nouns import Place
from restore_tester.history.reading import portions
from restore_tester.history.sights import Seen, saw
from restore_tester.history.tables import acceptances, drills, places, stages
from restore_tester.judgement.advance import with_acceptance
from restore_tester.judgement.ledger import Ledger, Sight
from restore_tester.model import Verdict

_PLACES_AT_ONCE = 200
_CHANGES_AT_ONCE = 1000
_ROW: tuple[Any, ...] = (places.c.workload, places.c.location, places.c.ledger, places.c.version, places.c.first_seen)
_CHANGED_ROW: tuple[Any, ...] = (*_ROW, places.c.changed)
_FETCH = "fetch"
_NOTHING_FOUND = (None, Verdict.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Made by `records.open_history`. Threads may share it."""

    database: Database

    def all(self) -> Iterator[tuple[Place, Ledger]]:
        """Return every place that was ever met, also one that no configuration names any more, in the order of their names. Read in
        portions: hold on to none of them, 20 000 ledgers are larger than what is made of them. Ledgers that are of another version
        are made again first, which may take minutes after an upgrade. For what changes meanwhile, take `number` before."""
        projection.remake(self.database)
        for place, row in self._rows():
            ledger = projection.current(row)
            if ledger is None:
                with self.database.reading() as connection:
                    ledger = projection.ledger_of(connection, place, row)
            yield place, ledger

    def current(self) -> Iterator[tuple[Place, Ledger]]:
        """Return the places whose ledgers are as they should be: for who only looks, and can do without the others. Nothing is made
        again, nothing written."""
        return ((place, ledger) for place, row in self._rows() if (ledger := projection.current(row)) is not None)

    def refresh(self) -> None:
        """Make the ledgers again that are of another version, which may take minutes after an upgrade."""
        projection.remake(self.database)

    def _rows(self) -> Iterator[tuple[Place, Row[Any]]]:
        after: ColumnElement[bool] | None = None
        ordered = select(*_ROW).order_by(places.c.workload, places.c.location).limit(_PLACES_AT_ONCE)
        while True:
            with self.database.reading() as connection:
                rows = connection.execute(ordered if after is None else ordered.where(after)).all()
            yield from ((Place(row.workload, row.location), row) for row in rows)
            if len(rows) < _PLACES_AT_ONCE:
                return
            after = tuple_(places.c.workload, places.c.location) > (rows[-1].workload, rows[-1].location)

    def number(self) -> int:
        """Return the number of the last change."""
        with self.database.reading() as connection:
            return projection.change_number(connection)

    def changed(self, since: int) -> tuple[int, tuple[tuple[Place, Ledger], ...]]:
        """Given the number that the last answer came with, return the number to ask with next, and the places whose ledgers changed
        in between: the first of them where they are more than a thousand, so ask until there are none. No change is missed, whoever
        commits late; one may be told twice. Where the history was restored from an older copy, and its numbers went back, every place
        is told."""
        with self.database.reading() as connection:
            number = projection.change_number(connection)
            since = since if since <= number else -1
            asked = select(*_CHANGED_ROW).where(places.c.changed > since).order_by(places.c.changed)
            rows = connection.execute(asked.limit(_CHANGES_AT_ONCE + 1)).all()
            if len(rows) > _CHANGES_AT_ONCE:
                # A change is told as a whole, though it be of every place.
                number = max(rows[0].changed, rows[-1].changed - 1)
                rows = connection.execute(asked.where(places.c.changed <= number)).all()
            return number, tuple((at := Place(row.workload, row.location), projection.ledger_of(connection, at, row)) for row in rows)

    def get(self, place: Place) -> Ledger | None:
        """Return what is known of a place; None where it was never met."""
        with self.database.reading() as connection:
            found = projection.known(connection, place)
        return None if found is None else found.ledger

    def sight(self, place: Place, sight: Sight, listing: Listing | None, now: datetime) -> Ledger:
        """Given what a listing showed, and the listing itself where there is one, remember its backups (only what is new, changed or
        gone is written) and return the ledger that knows it. Nothing at all is written where nothing changed. One that is up to 15
        minutes older than the last that showed something else changes nothing; where it is older still, that one's clock was ahead."""
        return saw(self.database, place, Seen(listing, now, lambda _: sight))

    def meet(self, places_now: Sequence[Place], now: datetime) -> None:
        """Remember when places were first heard of; those that are known already are left as they are."""
        met: set[Place] = set()
        with self.database.reading() as connection:
            for portion in portions(places_now):
                met.update(projection.met(connection, portion))
        new = [place for place in places_now if place not in met]
        if new:
            with self.database.writing() as connection:
                projection.add(connection, new, now)

    def accept(self, drill: str, reason: str, by: str, now: datetime) -> Place:
        """Remember that somebody confirmed what a drill found as the new normal: drift counts from that drill. Return its place.
        Raise Misuse (`drill_unknown`) where there is no drill of that id in a place, `drill_not_acceptable` where it found nothing that
        could be confirmed: it runs, was abandoned, or could not tell."""
        columns = (drills.c.workload, drills.c.location, drills.c.began_at, drills.c.verdict, drills.c.abandoned)
        asked = select(*columns).where(drills.c.id == drill)
        with self.database.writing() as connection:
            row = connection.execute(asked).first()
            if row is None or row.workload is None or row.location is None:
                raise Misuse("drill_unknown", f"no drill {drill!r} of a workload is remembered", "list them: restore-tester history")
            if row.abandoned or row.verdict in _NOTHING_FOUND:
                how = "runs" if row.verdict is None else "was abandoned" if row.abandoned else "is inconclusive"
                instruction = "accept one that passed or failed: restore-tester history"
                raise Misuse("drill_not_acceptable", f"drill {drill!r} {how}: it found nothing to accept", instruction)
            place = Place(row.workload, row.location)
            held = projection.hold(connection, place, now)
            at = {"workload": place.workload, "location": place.location}
            new = {"drill": drill, "accepted_at": now, "accepted_by": by, "reason": reason}
            connection.execute(insert(acceptances), at | new)
            projection.keep(connection, {place: with_acceptance(held.ledger, row.began_at, reason)})
            return place

    def fetched_bytes(self, place: Place, since: datetime) -> int:
        """Return how many bytes the drills of a place fetched that began since then. One that runs, whenever it began, or whose end
        nobody saw, counts with its backup's size."""
        here = (drills.c.workload == place.workload, drills.c.location == place.location)
        fetched = select(func.sum(stages.c.bytes)).where(stages.c.drill == drills.c.id, stages.c.name == _FETCH).scalar_subquery()
        unseen = or_(drills.c.ended_at.is_(None), drills.c.abandoned)
        columns = (drills.c.id, drills.c.backup_size_bytes, unseen.label("unseen"), fetched.label("fetched"))
        began, running = and_(*here, drills.c.began_at >= since), and_(*here, drills.c.ended_at.is_(None))
        with self.database.reading() as connection:
            rows = {row.id: row for which in (began, running) for row in connection.execute(select(*columns).where(which))}
        return sum(row.backup_size_bytes if row.unseen else int(row.fetched or 0) for row in rows.values())
