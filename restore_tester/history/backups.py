"""Backups as listings showed them: when each was first seen, and found gone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, select

from restore_tester.contracts import Listing
from restore_tester.history.connecting import Database
from restore_tester.history.nouns import Place, SeenBackup
from restore_tester.history.sights import Seen, saw
from restore_tester.history.tables import backups
from restore_tester.judgement.catalogue import sight_of

_NAMES = tuple(field.name for field in fields(SeenBackup))


@dataclass(frozen=True, slots=True)
class BackupsSeen:
    """What listings showed. Made by `records.open_history`."""

    database: Database

    def remember(self, place: Place, listing: Listing, now: datetime) -> None:
        """Given a whole listing, remember its complete backups, and what it shows, as `Ledgers.sight` does; those that it lacks are
        gone since now. Only the difference is written.

        A listing that is older than the last one that showed something new changes nothing. One that is older than a later one
        which showed nothing new counts until the next listing."""
        saw(self.database, place, Seen(listing, now, lambda ledger: sight_of(listing, ledger.sight, ledger.accepted_at, now)))

    def seen(self, place: Place, *, present_only: bool = False, limit: int | None = None) -> tuple[SeenBackup, ...]:
        """Return those of a place, the one taken last first; what nothing dates comes last."""
        query = select(*(backups.c[name] for name in _NAMES)).where(*_at(place))
        if present_only:
            query = query.where(backups.c.gone_at.is_(None))
        query = query.order_by(backups.c.taken_at.desc().nulls_last(), backups.c.id.desc()).limit(limit)
        with self.database.reading() as connection:
            return tuple(SeenBackup(*row) for row in connection.execute(query))

    def is_gone(self, place: Place, id: str) -> bool:
        """Return whether listings showed a backup of a place, and the last one that was whole no longer did."""
        query = select(backups.c.gone_at).where(*_at(place), backups.c.id == id)
        with self.database.reading() as connection:
            return connection.execute(query).scalar() is not None


def _at(place: Place) -> tuple[ColumnElement[bool], ...]:
    return backups.c.workload == place.workload, backups.c.location == place.location
