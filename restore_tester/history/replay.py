"""The past of a place, as its history holds it → its ledger made again: every drill that ended and every acceptance, in their order.

What only listings showed is not in the drills: it is taken over from the ledger that stood before, where that can be read, and else
begins with the next listing. Nothing is made up for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, select

from restore_tester.history.nouns import Place
from restore_tester.history.tables import acceptances, backups, drills
from restore_tester.judgement.advance import kind_of, not_below, with_acceptance, with_cycles, with_drill, with_drills
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Drill, NotOurJson, Verdict, from_json

_RECORDS_AT_ONCE = 100
_PRESENCE: tuple[Any, ...] = (backups.c.first_seen, backups.c.gone_at, backups.c.taken_at)


def made_again(connection: Connection, place: Place, first_seen: datetime, before: Ledger | None) -> Ledger:
    """Given a place and the ledger that stood before, if one could be read, return its ledger. Drills that run are not in it."""
    unread: Counter[str] = Counter()
    ledger = with_drills(Ledger(first_seen=first_seen), _read(connection, place, unread))
    ledger = replace(ledger, **{verdict: getattr(ledger, verdict) + count for verdict, count in unread.items()})
    accepted = max(_accepted(connection, place), default=None)
    if accepted is not None:
        ledger = with_acceptance(ledger, accepted.began_at, accepted.reason)
    if before is None:
        return ledger
    ledger = replace(with_cycles(ledger, before.cycles), sight=before.sight, worst_of_days=before.worst_of_days)
    return not_below(ledger, before)


def _read(connection: Connection, place: Place, unread: Counter[str]) -> Iterator[tuple[Drill, bool, str]]:
    """Those that this version does not read are counted."""
    younger = _Younger(connection, place)
    for row in _ended(connection, place):
        try:
            drill = from_json(Drill, row.record.encode())
        except NotOurJson:
            unread[Verdict(row.verdict).value] += 1
            continue
        newest = row.backup_taken_at is not None and not younger.than(row) if row.newest is None else bool(row.newest)
        yield drill, newest, kind_of(drill)


class _Younger:
    """Whether a younger backup than a drill's was there when it began. The backups of the place are asked for once, if at all."""

    def __init__(self, connection: Connection, place: Place) -> None:
        self._connection, self._place = connection, place

    def than(self, drill: Row[Any]) -> bool:
        """Given a drill of a dated backup."""
        return any(_was_there(backup, drill.began_at) for backup in self._known if backup.taken_at > drill.backup_taken_at)

    @cached_property
    def _known(self) -> Sequence[Row[Any]]:
        here = (backups.c.workload == self._place.workload, backups.c.location == self._place.location, backups.c.taken_at.is_not(None))
        return self._connection.execute(select(*_PRESENCE).where(*here)).all()


def told(ledger: Ledger, record: str, verdict: str, *, newest: bool) -> Ledger:
    """Given the record of a drill that ended here, return the ledger that knows it. One that this version does not read is counted,
    and tells nothing more."""
    try:
        drill = from_json(Drill, record.encode())
    except NotOurJson:
        count = Verdict(verdict).value
        return replace(ledger, **{count: getattr(ledger, count) + 1})
    return with_drill(ledger, drill, newest, kind_of(drill))


def took_newest(connection: Connection, place: Place, taken_at: datetime | None, began_at: datetime) -> bool:
    """Return whether no backup that is known to have been there then was younger: for drills whose order did not say."""
    if taken_at is None:
        return False
    here = (backups.c.workload == place.workload, backups.c.location == place.location, backups.c.taken_at > taken_at)
    return not any(_was_there(row, began_at) for row in connection.execute(select(*_PRESENCE).where(*here)))


def _was_there(backup: Row[Any], at: datetime) -> bool:
    return bool(backup.first_seen <= at and (backup.gone_at is None or backup.gone_at > at))


def _ended(connection: Connection, place: Place) -> Iterator[Row[Any]]:
    """In the order in which they ended. Only ids are held all at once: records may be large."""
    here = (drills.c.workload == place.workload, drills.c.location == place.location, drills.c.ended_at.is_not(None))
    ordered = [row.id for row in connection.execute(select(drills.c.id).where(*here).order_by(drills.c.ended_at, drills.c.id))]
    columns: tuple[Any, ...] = (
        drills.c.id,
        drills.c.record,
        drills.c.verdict,
        drills.c.newest,
        drills.c.backup_taken_at,
        drills.c.began_at,
    )
    for start in range(0, len(ordered), _RECORDS_AT_ONCE):
        portion = ordered[start : start + _RECORDS_AT_ONCE]
        rows = {row.id: row for row in connection.execute(select(*columns).where(drills.c.id.in_(portion)))}
        yield from (rows[drill] for drill in portion)


def _accepted(connection: Connection, place: Place) -> Iterator[Row[Any]]:
    """In no order but that of when their drills began, which is what counts of them."""
    here = (acceptances.c.workload == place.workload, acceptances.c.location == place.location)
    columns: tuple[Any, ...] = (drills.c.began_at, acceptances.c.accepted_at, acceptances.c.reason)
    asked = select(*columns).join_from(acceptances, drills, acceptances.c.drill == drills.c.id)
    yield from connection.execute(asked.where(*here))
