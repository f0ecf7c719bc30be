"""Drills remembered: started under a lease, finished once, abandoned only where nobody holds the lease any more.

All who write one history compare leases by their own clocks: let a lease last many times longer than those may differ. Should
a drill be closed as abandoned and its process come back all the same, what it then saw takes the place of the guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from restore_tester.history import baselines, endings, past, reading
from restore_tester.history.address import SQLITE, read_address
from restore_tester.history.backups import BackupsSeen
from restore_tester.history.connecting import Database, connected
from restore_tester.history.ledgers import Ledgers
from restore_tester.history.nouns import Lease, Place, Record, Remembered, Search, Slot, Standing
from restore_tester.history.owners import never
from restore_tester.history.rows import ended, started
from restore_tester.history.schema import bring_up_to_date
from restore_tester.history.slots import Slots, mark_done
from restore_tester.history.tables import drills
from restore_tester.judgement.selection import PastDrill
from restore_tester.model import Drill, DrillOrder, Fingerprint


@contextmanager
def open_history(dsn: str) -> Iterator[History]:
    """Given `sqlite:///FILE` or `postgresql://…`, create what is not there, bring what is older up to date, and close all in the end.
    Ledgers of an older version are left to who reads them all: who only looks shall not wait for it.

    Raise Misuse (`history_dsn`) and CannotTell: `history_unreachable`, `history_read_only` (an up-to-date one is readable all the
    same), `history_locked`, `history_corrupt`, `history_full`, `history_too_new`, `history_not_ours`, `history_failed`. Every method may
    raise those of them that can befall an open history."""
    with connected(read_address(dsn)) as database:
        bring_up_to_date(database)
        yield History(database, BackupsSeen(database), Ledgers(database), Slots(database))


@dataclass(frozen=True, slots=True)
class History:
    """Made by `open_history`. Threads may share it."""

    database: Database
    backups: BackupsSeen
    ledgers: Ledgers
    slots: Slots

    def start(self, order: DrillOrder, lease: Lease, now: datetime, slot: str | None = None) -> bool:
        """Remember that a drill starts. Return False where it must not: this drill was started before, or its place's slot is taken."""
        with self.database.writing() as connection:
            return _insert_unless_there(connection, started(order, lease, now, slot))

    def renew(self, drill: str, lease: Lease) -> bool:
        """Return False where the drill is no longer this owner's to run: it has ended, or was closed as abandoned."""
        mine = (drills.c.id == drill, drills.c.owner == lease.owner, drills.c.ended_at.is_(None))
        with self.database.writing() as connection:
            return connection.execute(update(drills).where(*mine).values(lease_until=lease.until)).rowcount == 1

    def finish(self, drill: Drill, slot: Slot | None = None) -> bool:
        """Remember how a drill ended, also one that was never started here, advance the ledger of its place, and mark the slot done
        that it was for: all of it or nothing. Return False where the drill's end is remembered already, and stays as it is."""
        with self.database.writing() as connection:
            # First, as renewing leases does: all hold slots, drills, places, changes in this order, or they would wait in a circle.
            if slot is not None:
                mark_done(connection, slot, drill.drill, drill.ended_at)
            _insert_unless_there(connection, ended(drill) | {"ended_at": None, "record": None})
            return endings.finish(connection, drill)

    def abandon(self, now: datetime, is_gone: Callable[[str], bool] = never) -> tuple[Remembered, ...]:
        """Close the drills whose lease has run out, at the end of their lease, and those whose owner `is_gone`, now, as
        `inconclusive: abandoned`, and advance the ledgers of their places. Return them."""
        with self.database.reading() as connection:
            left = endings.left_behind(connection, now, is_gone)
        if not left:
            return ()
        with self.database.writing() as connection:
            return reading.some_drills(connection, endings.abandon(connection, left, now))

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

    def disk_bytes(self, drills: Sequence[str]) -> Mapping[str, int]:
        """Given drills by id, return how much disk each took, where that was measured."""
        with self.database.reading() as connection:
            return reading.disk_bytes(connection, drills)

    def running(self) -> Mapping[Place, str]:
        """Return the id of the drill that runs in each place, of several the last one that began."""
        asked = select(drills.c.workload, drills.c.location, drills.c.id).where(drills.c.ended_at.is_(None)).order_by(drills.c.began_at)
        with self.database.reading() as connection:
            return {Place(row.workload, row.location): row.id for row in connection.execute(asked) if row.workload and row.location}

    def past_drills(self, workloads: Sequence[str]) -> tuple[tuple[PastDrill, ...], ...]:
        """Return for each workload, in the order given, what selection needs to know of its drills that ended, oldest first: no
        more than `past` bounds."""
        with self.database.reading() as connection:
            return past.past_drills(connection, workloads)

    def baseline(self, place: Place, taken_by: datetime | None, database: str | None = None) -> Fingerprint | None:
        """Return what the newest backup held that passed here, or was accepted, among those taken no later than the one that is to be
        compared: `taken_by` is `judgement.recovery_point.taken_at` of its order, as each record bears it. Of each table the fewest rows
        count that it had in the last five of those. None where there is no such backup, or where nothing dates this one: tables that
        were created after a backup was taken are not missing from it."""
        with self.database.reading() as connection:
            return baselines.baseline(connection, place, taken_by, database)


def _insert_unless_there(connection: Connection, row: dict[str, Any]) -> bool:
    new = sqlite.insert(drills) if connection.dialect.name == SQLITE else postgresql.insert(drills)
    unless_there = new.values(row).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(unless_there).rowcount == 1
