"""What a store says was deleted → what is missed: nothing complete is newer than it. The rest is retention at work. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from restore_tester.model import Backup, Reason

KEPT = 1000


class Deletions:
    """Holds the newest `KEPT` of what was deleted: retention leaves a marker for every backup that ever was."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Backup, datetime]] = {}

    def add(self, backup: Backup, deleted_at: datetime) -> None:
        """Given what was deleted; a folder comes once for each of its members, and is as new as the newest."""
        known = self._found.get(backup.id)
        if known is None or _taken(known[0], known[1]) < _taken(backup, deleted_at):
            self._found[backup.id] = (backup, deleted_at)
        if len(self._found) > 2 * KEPT:
            newest = sorted(self._found.values(), key=lambda pair: _taken(*pair))[-KEPT:]
            self._found = {kept.id: (kept, at) for kept, at in newest}

    def missed(self, complete: Iterable[Backup], present: Iterable[str]) -> Iterator[tuple[Backup, Reason]]:
        """Given what is complete, and the names of all that is still there, return what was deleted although nothing newer replaced it."""
        there = set(present)
        newest = max((backup.taken_at for backup in complete if backup.taken_at is not None), default=None)
        for backup, deleted_at in self._found.values():
            if backup.id in there or (newest is not None and (backup.taken_at is None or backup.taken_at <= newest)):
                continue
            message = f"{backup.id} was deleted at {deleted_at:%Y-%m-%d %H:%M:%S}Z: a delete marker lies on it"
            hint = "where nobody meant to: bring it back (delete the marker); find out who deleted it"
            yield backup, Reason("deleted", message, hint)


def _taken(backup: Backup, deleted_at: datetime) -> datetime:
    return backup.taken_at or deleted_at
