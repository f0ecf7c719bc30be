"""Drills remembered: started under a lease, finished once, abandoned only where nobody holds the lease any more.

All who write one history compare leases by their own clocks: let a lease last many times longer than those may differ. Should
a drill be closed as abandoned and its process come back all the same, what it then saw takes the place of the guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from restore_tester.history import reading
from restore_tester.history.abandonment import ABANDONED, closed
from restore_tester.history.address import SQLITE, read_address
from restore_tester.history.backups import BackupsSeen
from restore_tester.history.connecting import Database, connected
from restore_tester.history.nouns import Lease, Place, Record, Remembered, Search, Standing
from restore_tester.history.rows import REASON, details, ended, level_rows, reason_rows, started
from restore_tester.history.schema import bring_up_to_date
from restore_tester.history.tables import DETAILS, drills, levels, reasons
from restore_tester.judgement.selection import PastDrill
from restore_tester.model import Drill, DrillOrder, Fingerprint, Levels, Verdict


@contextmanager
def open_history(dsn: str) -> Iterator[History]:
    """Given `sqlite:///FILE` or `postgresql://…`, create what is not there, bring what is older up to date, and close all in the end.

    Raise Misuse (`history_dsn`) and CannotTell: `history_unreachable`, `history_read_only` (an up-to-date one is readable all the
    same), `history_locked`, `history_corrupt`, `history_full`, `history_too_new`, `history_not_ours`, `history_failed`. Every method may
    raise those of them that can befall an open history."""
    with connected(read_address(dsn)) as database:
        bring_up_to_date(database)
        yield History(database, BackupsSeen(database))


@dataclass(frozen=True, slots=True)
class History:
    """Made by `open_history`. Threads may share it."""

    database: Database
    backups: BackupsSeen

    def start(self, order: DrillOrder, lease: Lease, now: datetime, slot: str | None = None) -> bool:
        """Remember that a drill starts. Return False where it must not: this drill was started before, or its place's slot is taken."""
        with self.database.writing() as connection:
            return _insert_unless_there(connection, started(order, lease, now, slot))

    def renew(self, drill: str, lease: Lease) -> bool:
        """Return False where the drill is no longer this owner's to run: it has ended, or was closed as abandoned."""
        mine = (drills.c.id == drill, drills.c.owner == lease.owner, drills.c.ended_at.is_(None))
        with self.database.writing() as connection:
            return connection.execute(update(drills).where(*mine).values(lease_until=lease.until)).rowcount == 1

    def finish(self, drill: Drill) -> bool:
        """Remember how a drill ended, also one that was never started here. Return False, and leave all as it is, where that is
        remembered already."""
        row = ended(drill)
        with self.database.writing() as connection:
            _insert_unless_there(connection, row | {"ended_at": None, "record": None})
            this = select(drills.c.ended_at, drills.c.abandoned).where(drills.c.id == drill.drill).with_for_update()
            found = connection.execute(this).one()
            if found.ended_at is not None and not found.abandoned:
                return False
            connection.execute(update(drills).where(drills.c.id == drill.drill).values(row))
            for table in DETAILS:
                connection.execute(delete(table).where(table.c.drill == drill.drill))
            for table, rows in details(drill):
                if rows:
                    connection.execute(insert(table), rows)
            return True

    def abandon(self, now: datetime) -> tuple[Remembered, ...]:
        """Close the drills whose lease has run out as `inconclusive: abandoned`, at the end of their lease. Return them."""
        overdue = (drills.c.ended_at.is_(None), drills.c.lease_until < now)
        with self.database.reading() as connection:
            if connection.execute(select(drills.c.id).where(*overdue).limit(1)).first() is None:
                return ()
        with self.database.writing() as connection:
            left = select(drills.c.id, drills.c.lease_until, drills.c.if_abandoned).where(*overdue).with_for_update()
            ids = [_close(connection, *row) for row in connection.execute(left).all()]
            return reading.some_drills(connection, ids)

    def drill(self, drill: str) -> Remembered | None:
        """Given a drill's id, return it in one line; None where it is not remembered."""
        with self.database.reading() as connection:
            return next(iter(reading.some_drills(connection, [drill])), None)

    def drills(self, search: Search) -> tuple[Remembered, ...]:
        """Return drills in one line each, running ones too, the newest first."""
        with self.database.reading() as connection:
            return reading.search(connection, search)

    def record(self, drill: str) -> Record | None:
        """Given a drill's id, return its whole record; None where it is not remembered or still runs."""
        with self.database.reading() as connection:
            text = connection.execute(select(drills.c.record).where(drills.c.id == drill)).scalar()
        return None if text is None else Record(drill, text.encode())

    def standings(self, places: Sequence[Place]) -> tuple[Standing, ...]:
        """Return where each place stands, in the order given, however many: a fleet takes a few queries."""
        with self.database.reading() as connection:
            return reading.standings(connection, places)

    def past_drills(self, workloads: Sequence[str]) -> tuple[tuple[PastDrill, ...], ...]:
        """Return for each workload, in the order given, what selection needs to know of all its drills that ended, oldest first."""
        with self.database.reading() as connection:
            return reading.past_drills(connection, workloads)

    def baseline(self, place: Place, taken_by: datetime | None, database: str | None = None) -> Fingerprint | None:
        """Return what the newest backup held that passed here, among those taken no later than the one that is to be compared:
        `taken_by` is `judgement.recovery_point.taken_at` of its order, as each record bears it. None where there is no such
        backup, or where nothing dates this one: tables that were created after a backup was taken are not missing from it."""
        with self.database.reading() as connection:
            return reading.baseline(connection, place, taken_by, database)


def _insert_unless_there(connection: Connection, row: dict[str, Any]) -> bool:
    new = sqlite.insert(drills) if connection.dialect.name == SQLITE else postgresql.insert(drills)
    unless_there = new.values(row).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(unless_there).rowcount == 1


def _close(connection: Connection, drill: str, lease_until: datetime, record: str) -> str:
    row = {
        "ended_at": lease_until,
        "verdict": Verdict.INCONCLUSIVE,
        "proof_level": 0,
        "abandoned": True,
        "if_abandoned": None,
        "record": closed(record, lease_until),
    }
    connection.execute(update(drills).where(drills.c.id == drill).values(row))
    connection.execute(insert(reasons), reason_rows(drill, REASON, (ABANDONED,)))
    connection.execute(insert(levels), level_rows(drill, Levels()))
    return drill
