"""A listing, and what is known of the backups there → the difference, written; and the ledger that knows it.

Most listings show what the one before did: then one row is read, by its digest, and nothing is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from restore_tester.contracts import Listing
from restore_tester.history import projection
from restore_tester.history.address import SQLITE
from restore_tester.history.connecting import Database
from restore_tester.history.nouns import Place
from restore_tester.history.projection import HeldPlace
from restore_tester.history.reading import portions
from restore_tester.history.tables import backups, places
from restore_tester.judgement.advance import with_sight
from restore_tester.judgement.catalogue import is_other, sighted
from restore_tester.judgement.ledger import Ledger, Sight, SightedBackup
from restore_tester.model import Backup

# A look takes minutes, and clocks of replicas differ by less: what lies further ahead, a clock said that was wrong.
_MOST_LATE = timedelta(minutes=15)
_UPDATED = ("uri", "taken_at", "stored_at", "size_bytes", "gone_at")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a place brought: a listing, None where there is none, and, given what the ledger knew, what it shows."""

    listing: Listing | None
    at: datetime
    sight_after: Callable[[Ledger], Sight]

    @property
    def whole(self) -> Listing | None:
        """None where backups were left out: what it lacks may be there."""
        return None if self.listing is None or self.listing.left_out is not None else self.listing


class _Known(NamedTuple):
    """A backup as it is remembered. All but its id may change where it is replaced in its place."""

    id: str
    uri: str
    taken_at: datetime | None
    stored_at: datetime | None
    size_bytes: int


class _Difference(NamedTuple):
    """`previous` is the newest that was known before."""

    new: tuple[Backup, ...]
    gone: tuple[str, ...]
    previous: SightedBackup | None


def saw(database: Database, place: Place, seen: Seen) -> Ledger:
    """Remember what was seen of a place. Return the ledger that knows it."""
    digest = None if seen.whole is None else _digest(seen.whole)
    with database.reading() as connection:
        found = projection.known(connection, place)
    if found is not None and not found.is_made_again and (_is_late(found, seen.at) or _is_old_news(found, seen, digest)):
        return found.ledger
    with database.writing() as connection:
        held = projection.hold(connection, place, seen.at)
        return held.ledger if _is_late(held, seen.at) else _advanced(connection, held, seen, digest)


def _advanced(connection: Connection, held: HeldPlace, seen: Seen, digest: str | None) -> Ledger:
    difference = _Difference((), (), None)
    if seen.whole is not None and digest != held.listing:
        difference = _difference(connection, held.place, seen.whole)
        _write(connection, held.place, difference, seen.at)
    # What was known before the first whole listing was known in passing: which came after which, it does not tell.
    previous = difference.previous if held.listed_at is not None else None
    new = tuple(sighted(backup) for backup in difference.new)
    ledger = with_sight(held.ledger, seen.sight_after(held.ledger), new, previous, seen.at)
    if digest is not None:
        this = (places.c.workload == held.place.workload, places.c.location == held.place.location)
        connection.execute(update(places).where(*this).values(listing=digest, listed_at=seen.at))
    if ledger != held.ledger or held.is_made_again:
        projection.keep(connection, {held.place: ledger})
    return ledger


def _is_old_news(found: HeldPlace, seen: Seen, digest: str | None) -> bool:
    return digest in (None, found.listing) and not is_other(seen.sight_after(found.ledger), found.ledger.sight)


def _is_late(found: HeldPlace, now: datetime) -> bool:
    return found.listed_at is not None and timedelta(0) < found.listed_at - now < _MOST_LATE


def _difference(connection: Connection, place: Place, listing: Listing) -> _Difference:
    columns = [backups.c[name] for name in _Known._fields]
    there = (backups.c.workload == place.workload, backups.c.location == place.location, backups.c.gone_at.is_(None))
    known = {row.id: _Known(*row) for row in connection.execute(select(*columns).where(*there))}
    listed = {backup.id: backup for backup in listing.complete}
    new = tuple(backup for backup in listed.values() if known.get(backup.id) != _as_known(backup))
    newest = max((each for each in known.values() if each.taken_at is not None), key=lambda each: (each.taken_at, each.id), default=None)
    previous = None if newest is None else SightedBackup(newest.id, newest.taken_at, newest.stored_at, newest.size_bytes)
    return _Difference(new, tuple(sorted(known.keys() - listed.keys())), previous)


def _as_known(backup: Backup) -> _Known:
    return _Known(backup.id, backup.uri, backup.taken_at or backup.stored_at, backup.stored_at, backup.size_bytes)


def _write(connection: Connection, place: Place, difference: _Difference, now: datetime) -> None:
    insert = sqlite.insert(backups) if connection.dialect.name == SQLITE else postgresql.insert(backups)
    update_too = {name: insert.excluded[name] for name in _UPDATED}
    seen = insert.on_conflict_do_update(index_elements=["workload", "location", "id"], set_=update_too)
    for portion in portions(difference.new):
        connection.execute(seen, [_row(place, backup, now) for backup in portion])
    here = (backups.c.workload == place.workload, backups.c.location == place.location)
    for ids in portions(difference.gone):
        connection.execute(update(backups).where(*here, backups.c.id.in_(ids)).values(gone_at=now))


def _row(place: Place, backup: Backup, now: datetime) -> dict[str, Any]:
    at = {"workload": place.workload, "location": place.location}
    return at | _as_known(backup)._asdict() | {"first_seen": now, "gone_at": None}


def _digest(listing: Listing) -> str:
    told = hashlib.sha256()
    for backup in sorted(listing.complete, key=lambda each: each.id):
        told.update(repr(tuple(_as_known(backup))).encode(errors="backslashreplace"))
    return told.hexdigest()
