"""Drills that end, by themselves or because nobody runs them any more → their rows, and the ledgers of their places, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from restore_tester.history.abandonment import ABANDONED, closed
from restore_tester.history.nouns import Place
from restore_tester.history.projection import hold, keep, name_of
from restore_tester.history.reading import portions
from restore_tester.history.replay import told, took_newest
from restore_tester.history.rows import REASON, details, ended, level_rows, reason_rows
from restore_tester.history.tables import DETAILS, drills, levels, reasons
from restore_tester.judgement.advance import kind_of, with_drill
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Drill, Levels, Verdict

_RUNNING = drills.c.ended_at.is_(None)


def finish(connection: Connection, drill: Drill) -> bool:
    """Given a drill that has its row, write its end. Return False where that row tells of an end already, and of no guess."""
    this = drills.c.id == drill.drill
    found = connection.execute(select(drills.c.ended_at, drills.c.abandoned, drills.c.newest).where(this).with_for_update()).one()
    if found.ended_at is not None and not found.abandoned:
        return False
    place = _place(drill.workload, drill.location)
    newest, ledger = bool(found.newest), None
    if place is not None:
        if found.newest is None:
            newest = took_newest(connection, place, drill.backup.taken_at, drill.began_at)
        # Before its row is written: a ledger that is made again here must not know it yet.
        ledger = hold(connection, place, drill.began_at).ledger
    connection.execute(update(drills).where(this).values(ended(drill) | {"newest": newest}))
    for table in DETAILS:
        connection.execute(delete(table).where(table.c.drill == drill.drill))
    for table, rows in details(drill):
        if rows:
            connection.execute(insert(table), rows)
    if place is not None and ledger is not None:
        keep(connection, {place: with_drill(ledger, drill, newest, kind_of(drill))})
    return True


def left_behind(connection: Connection, now: datetime, is_gone: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the ids of running drills whose lease has run out, or whose owner is gone."""
    ids = list(connection.execute(select(drills.c.id).where(_RUNNING, drills.c.lease_until < now)).scalars())
    owners = connection.execute(select(drills.c.owner).where(_RUNNING, drills.c.owner.is_not(None)).distinct()).scalars()
    for gone in portions([owner for owner in owners if owner is not None and is_gone(owner)]):
        ids += connection.execute(select(drills.c.id).where(_RUNNING, drills.c.owner.in_(gone))).scalars()
    return tuple(sorted(set(ids)))


def abandon(connection: Connection, ids: Sequence[str], now: datetime) -> list[str]:
    """Given drills that were left behind, close those that still are. Return their ids."""
    columns: list[Any] = [drills.c[name] for name in ("id", "workload", "location", "lease_until", "newest", "if_abandoned")]
    left: list[Row[Any]] = []
    for portion in portions(ids):
        still = select(*columns).where(drills.c.id.in_(portion), _RUNNING).order_by(drills.c.id)
        left += connection.execute(still.with_for_update()).all()
    ledgers = _held(connection, left, now)
    for row in left:
        record = _close(connection, row, min(now, row.lease_until))
        place = _place(row.workload, row.location)
        if place is not None:
            ledgers[place] = told(ledgers[place], record, Verdict.INCONCLUSIVE, newest=bool(row.newest))
    keep(connection, ledgers)
    return [row.id for row in left]


def _held(connection: Connection, rows: Iterable[Row[Any]], now: datetime) -> dict[Place, Ledger]:
    here = {place for row in rows if (place := _place(row.workload, row.location)) is not None}
    return {place: hold(connection, place, now).ledger for place in sorted(here, key=name_of)}


def _close(connection: Connection, row: Row[Any], at: datetime) -> str:
    """Write that a drill was abandoned. Return its record."""
    record = closed(row.if_abandoned, at)
    end = {"ended_at": at, "verdict": Verdict.INCONCLUSIVE, "proof_level": 0, "abandoned": True, "if_abandoned": None, "record": record}
    connection.execute(update(drills).where(drills.c.id == row.id).values(end))
    connection.execute(insert(reasons), reason_rows(row.id, REASON, (ABANDONED,)))
    connection.execute(insert(levels), level_rows(row.id, Levels()))
    return record


def _place(workload: str | None, location: str | None) -> Place | None:
    return None if workload is None or location is None else Place(workload, location)
