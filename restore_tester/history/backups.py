"""Backups as listings showed them: when each was first seen, last seen, and found gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, case, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from restore_tester.contracts import Listing
from restore_tester.history.address import SQLITE
from restore_tester.history.connecting import Database
from restore_tester.history.nouns import Place, SeenBackup
from restore_tester.history.tables import backups
from restore_tester.model import Backup

_ROWS_AT_ONCE = 1000
_NAMES = tuple(field.name for field in fields(SeenBackup))


@dataclass(frozen=True, slots=True)
class BackupsSeen:
    """What listings showed. Made by `records.open_history`."""

    database: Database

    def remember(self, place: Place, listing: Listing, now: datetime) -> None:
        """Given a whole listing, remember its complete backups; those that it lacks are gone since now.

        Listings may arrive out of order: an older one neither buries what a later one saw nor raises what a later one missed."""
        with self.database.writing() as connection:
            for rows in _portions(place, listing.complete, now):
                connection.execute(_see(self.database.address.engine), rows)
            missed = update(backups).where(*_at(place), backups.c.last_seen < now, backups.c.gone_at.is_(None))
            connection.execute(missed.values(gone_at=now))

    def seen(self, place: Place, *, present_only: bool = False, limit: int | None = None) -> tuple[SeenBackup, ...]:
        """Return those of a place, the one taken last first; what nothing dates comes last."""
        query = select(*(backups.c[name] for name in _NAMES)).where(*_at(place))
        if present_only:
            query = query.where(backups.c.gone_at.is_(None))
        query = query.order_by(backups.c.taken_at.desc().nulls_last(), backups.c.id.desc()).limit(limit)
        with self.database.reading() as connection:
            return tuple(SeenBackup(*row) for row in connection.execute(query))


def _at(place: Place) -> tuple[ColumnElement[bool], ...]:
    return backups.c.workload == place.workload, backups.c.location == place.location


def _portions(place: Place, listed: tuple[Backup, ...], now: datetime) -> Iterator[list[dict[str, Any]]]:
    rest = iter(listed)
    while portion := list(islice(rest, _ROWS_AT_ONCE)):
        yield [
            {
                "workload": place.workload,
                "location": place.location,
                "id": backup.id,
                "uri": backup.uri,
                "taken_at": backup.taken_at or backup.stored_at,
                "stored_at": backup.stored_at,
                "size_bytes": backup.size_bytes,
                "first_seen": now,
                "last_seen": now,
            }
            for backup in portion
        ]


def _see(engine: str) -> sqlite.Insert | postgresql.Insert:
    """Both engines spell it alike, SQLAlchemy has it twice."""
    see = sqlite.insert(backups) if engine == SQLITE else postgresql.insert(backups)
    new = see.excluded
    later = new.last_seen >= backups.c.last_seen
    latest = {name: case((later, new[name]), else_=backups.c[name]) for name in ("uri", "taken_at", "stored_at", "size_bytes", "last_seen")}
    first_seen = case((new.first_seen < backups.c.first_seen, new.first_seen), else_=backups.c.first_seen)
    gone_at = case((backups.c.gone_at > new.last_seen, backups.c.gone_at), else_=null())
    return see.on_conflict_do_update(
        index_elements=["workload", "location", "id"], set_={**latest, "first_seen": first_seen, "gone_at": gone_at}
    )
