"""Rows of `places` ↔ ledgers: held by one writer at a time, advanced, and kept under the number of a change.

Whoever changes ledgers holds their places in the order of their names, and takes the number last. So nobody waits in a circle, and
numbers appear in the order in which they were given out, whoever commits late: who asks for what changed since one misses nothing.
The price: while one writer keeps its change (one statement for each place, and the commit), every other writer of ledgers waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, column, func, or_, select, update, values
from sqlalchemy.dialects import postgresql, sqlite

from restore_tester.history.address import SQLITE
from restore_tester.history.connecting import Database
from restore_tester.history.ledger_bytes import packed, unpacked
from restore_tester.history.nouns import Place
from restore_tester.history.replay import made_again
from restore_tester.history.tables import Words, changes, places
from restore_tester.judgement.ledger import LEDGER_VERSION, Ledger

NOT_MADE = 0
_PLACES_AT_ONCE = 20
_ROWS_AT_ONCE = 1000
_TOLD_EVERY = 1000
_COLUMNS: tuple[Any, ...] = (places.c.ledger, places.c.version, places.c.first_seen, places.c.listing, places.c.listed_at)
_STALE = or_(places.c.version < LEDGER_VERSION, places.c.version > LEDGER_VERSION)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """What is known of a place. `listing` is the digest of the last listing that showed something else, `listed_at` when it did."""

    place: Place
    ledger: Ledger
    listing: str | None
    listed_at: datetime | None
    is_made_again: bool = False


def hold(connection: Connection, place: Place, since: datetime) -> HeldPlace:
    """Given a writing transaction, a place, and when it was first heard of if nobody knows it, return what is known of it. Nobody
    else holds it until the transaction ends. A ledger that is not there, or of another version, is made again from the drills."""
    asked = select(*_COLUMNS).where(*_at(place)).with_for_update()
    row = connection.execute(asked).first()
    if row is None:
        _add(connection, [_row(place, since, None)])
        row = connection.execute(asked).one()
    return _held(connection, place, row)


def known(connection: Connection, place: Place) -> HeldPlace | None:
    """Return what is known of a place, without holding it. A ledger of another version is made again, but not kept."""
    row = connection.execute(select(*_COLUMNS).where(*_at(place))).first()
    return None if row is None else _held(connection, place, row)


def keep(connection: Connection, ledgers: Mapping[Place, Ledger]) -> None:
    """Keep ledgers of held places, as one change. Nothing else may be held after it in the same transaction."""
    if not ledgers:
        return
    connection.execute(update(changes).where(changes.c.id == 1).values(number=changes.c.number + 1))
    number = change_number(connection)
    this = (places.c.workload == bindparam("in_workload"), places.c.location == bindparam("in_location"))
    kept = update(places).where(*this).values(ledger=bindparam("new"), version=LEDGER_VERSION, changed=number)
    rows = [{"in_workload": at.workload, "in_location": at.location, "new": packed(ledger)} for at, ledger in ledgers.items()]
    connection.execute(kept, rows)


def add(connection: Connection, new: Iterable[Place], now: datetime) -> None:
    """Begin an empty ledger for each of these places that is not known, as one change."""
    begun = packed(Ledger(first_seen=now))
    rows = [_row(place, now, begun) for place in sorted(set(new), key=name_of)]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        _add(connection, rows[start : start + _ROWS_AT_ONCE])
    connection.execute(update(changes).where(changes.c.id == 1).values(number=changes.c.number + 1))
    connection.execute(update(places).where(places.c.changed == 0).values(changed=change_number(connection)))


def met(connection: Connection, portion: Iterable[Place]) -> Iterator[Place]:
    """Return those of a few hundred places that are known."""
    columns = values(column("workload", Words), column("location", Words), name="asked")
    asked = columns.data(sorted({name_of(place) for place in portion})).cte("asked")
    this = (places.c.workload == asked.c.workload, places.c.location == asked.c.location)
    since = select(places.c.first_seen).where(*this).correlate(asked).scalar_subquery()
    return (Place(row[0], row[1]) for row in connection.execute(select(asked.c.workload, asked.c.location, since)) if row[2] is not None)


def change_number(connection: Connection) -> int:
    return int(connection.execute(select(changes.c.number).where(changes.c.id == 1)).scalar_one())


def name_of(place: Place) -> tuple[str, str]:
    """Return what orders places wherever several are held at once."""
    return place.workload, place.location


def remake(database: Database) -> None:
    """Make the ledgers again that are of another version, or were never made: a few places at a time, each held meanwhile, and none
    that somebody else holds, so that of several processes that do so at once each makes a part, and one that dies leaves what it
    made. Whoever asks for one that is not made yet gets it made for himself."""
    asked = select(places.c.workload, places.c.location, *_COLUMNS).where(_STALE).limit(_PLACES_AT_ONCE).with_for_update(skip_locked=True)
    with database.reading() as connection:
        stale = int(connection.execute(select(func.count()).select_from(places).where(_STALE)).scalar_one())
    made = 0
    while made < stale:
        with database.writing() as connection:
            rows = connection.execute(asked).all()
            keep(connection, {(place := Place(row.workload, row.location)): ledger_of(connection, place, row) for row in rows})
        if not rows:
            return
        made += len(rows)
        if made >= stale or made % _TOLD_EVERY < _PLACES_AT_ONCE:
            _LOG.info("ledgers made again: %d of %d", made, stale)


def ledger_of(connection: Connection, place: Place, row: Row[Any]) -> Ledger:
    """Given a row of `places` with its ledger, version and first sight, return the ledger, made again where it is not ours."""
    return current(row) or made_again(connection, place, row.first_seen, unpacked(row.ledger))


def current(row: Row[Any]) -> Ledger | None:
    """Return the ledger of a row; None where it is to be made again."""
    return unpacked(row.ledger) if row.version == LEDGER_VERSION else None


def _held(connection: Connection, place: Place, row: Row[Any]) -> HeldPlace:
    ledger = ledger_of(connection, place, row)
    return HeldPlace(place, ledger, row.listing, row.listed_at, row.version != LEDGER_VERSION or row.ledger is None)


def _row(place: Place, since: datetime, ledger: bytes | None) -> dict[str, Any]:
    version = NOT_MADE if ledger is None else LEDGER_VERSION
    at = {"workload": place.workload, "location": place.location}
    return at | {"first_seen": since, "ledger": ledger, "version": version, "changed": 0, "listing": None, "listed_at": None}


def _add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    new = sqlite.insert(places) if connection.dialect.name == SQLITE else postgresql.insert(places)
    connection.execute(new.on_conflict_do_nothing(), rows)


def _at(place: Place) -> tuple[Any, ...]:
    return places.c.workload == place.workload, places.c.location == place.location
