"""Things to be done once, however many replicas there are: each is claimed by its unique row, under a lease, until it is done.

Whoever cannot be there any more loses its claims: at once where that is proven (`owners.is_gone`), else when the lease runs out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from restore_tester.history.address import SQLITE
from restore_tester.history.connecting import Database
from restore_tester.history.nouns import Lease, Slot
from restore_tester.history.owners import is_gone
from restore_tester.history.reading import portions
from restore_tester.history.tables import drills, slots

SLOT = "slot"
_OPEN = slots.c.done_at.is_(None)


@dataclass(frozen=True, slots=True)
class Slots:
    """Made by `records.open_history`. Threads may share it."""

    database: Database
    is_gone: Callable[[str], bool] = field(default=is_gone, repr=False)

    def claim(self, slot: Slot, lease: Lease, now: datetime) -> int | None:
        """Return the number of the attempt (1, 2, …) that is the owner's now; None where the slot is done, or claimed by somebody
        who may still be at it, such as this owner."""
        row = {"workload": slot.workload, "name": slot.name, "kind": slot.kind, "due_at": slot.due_at}
        claimed = {"owner": lease.owner, "lease_until": lease.until}
        columns = (slots.c.done_at, slots.c.lease_until, slots.c.owner, slots.c.attempt)
        with self.database.reading() as connection:
            found = connection.execute(select(*columns).where(*_this(slot))).first()
        if found is not None and (found.done_at is not None or not (found.lease_until < now or self.is_gone(found.owner))):
            return None
        with self.database.writing() as connection:
            if found is None:
                new = sqlite.insert(slots) if connection.dialect.name == SQLITE else postgresql.insert(slots)
                unless_there = new.values(row | claimed | {"attempt": 1}).on_conflict_do_nothing()
                return 1 if connection.execute(unless_there.execution_options(preserve_rowcount=True)).rowcount == 1 else None
            # Of several that take it over at once, one finds it as it was. Its owner may have woken up, and renewed it.
            as_found = (slots.c.owner == found.owner, slots.c.attempt == found.attempt, slots.c.lease_until == found.lease_until, _OPEN)
            taken = update(slots).where(*_this(slot), *as_found).values(**claimed, attempt=found.attempt + 1)
            return found.attempt + 1 if connection.execute(taken).rowcount == 1 else None

    def renew(self, owner: str, until: datetime) -> None:
        """Keep all claims, and the leases of all running drills, of an owner until then."""
        with self.database.writing() as connection:
            connection.execute(update(slots).where(slots.c.owner == owner, _OPEN).values(lease_until=until))
            connection.execute(update(drills).where(drills.c.owner == owner, drills.c.ended_at.is_(None)).values(lease_until=until))

    def give_back(self, owner: str, now: datetime) -> None:
        """Let go what an owner claimed and was asked to leave: whoever comes next may have it at once, and it counts as no attempt."""
        with self.database.writing() as connection:
            mine = update(slots).where(slots.c.owner == owner, _OPEN)
            connection.execute(mine.values(lease_until=now, attempt=slots.c.attempt - 1))
            connection.execute(update(drills).where(drills.c.owner == owner, drills.c.ended_at.is_(None)).values(lease_until=now))

    def done(self, slot: Slot, drill: str | None, now: datetime) -> None:
        """Remember that it was done, by that drill or without one: nobody claims it again."""
        with self.database.writing() as connection:
            mark_done(connection, slot, drill, now)

    def newest(self) -> dict[str, datetime]:
        """Return for each workload when the newest of its slots was due that a schedule made (`slot:…`), done or not."""
        first = select(func.min(slots.c.workload).label("workload")).where(slots.c.kind == SLOT)
        found = first.cte("found", recursive=True)
        after = select(func.min(slots.c.workload)).where(slots.c.kind == SLOT, slots.c.workload > found.c.workload)
        # From one workload's name to the next: reading the index from end to end would take as long as there are slots.
        found = found.union_all(select(after.correlate(found).scalar_subquery()).where(found.c.workload.is_not(None)))
        last = _last_due(found.c.workload)
        with self.database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(select(found.c.workload, last).where(found.c.workload.is_not(None)))}

    def orphaned(self, now: datetime) -> tuple[Slot, ...]:
        """Return the slots that are not done, and that nobody is at any more, the one due first first."""
        columns = (slots.c.workload, slots.c.name, slots.c.due_at)
        with self.database.reading() as connection:
            owners = connection.execute(select(slots.c.owner).where(_OPEN).distinct()).scalars()
            gone = [owner for owner in owners if self.is_gone(owner)]
            found = {Slot(*row) for row in connection.execute(select(*columns).where(_OPEN, slots.c.lease_until < now))}
            for owner in gone:
                found.update(Slot(*row) for row in connection.execute(select(*columns).where(_OPEN, slots.c.owner == owner)))
        return tuple(sorted(found, key=lambda slot: (slot.due_at, slot.workload, slot.name)))

    def claim_all(self, several: Sequence[Slot], lease: Lease, now: datetime) -> tuple[Slot, ...]:
        """Return those that are the owner's now: as `claim` each, and a thousand of them in the time of a few."""
        claimed: list[Slot] = []
        held = {"owner": lease.owner, "lease_until": lease.until, "attempt": 1}
        ours = (slots.c.owner == lease.owner, slots.c.lease_until == lease.until, _OPEN)
        for portion in portions(several):
            rows = [{"workload": slot.workload, "name": slot.name, "kind": slot.kind, "due_at": slot.due_at} | held for slot in portion]
            asked = select(slots.c.workload, slots.c.name).where(_these(portion), *ours)
            with self.database.writing() as connection:
                new = sqlite.insert(slots) if connection.dialect.name == SQLITE else postgresql.insert(slots)
                connection.execute(new.on_conflict_do_nothing(), rows)
                mine = {(row.workload, row.name) for row in connection.execute(asked)}
            claimed += [slot for slot in portion if (slot.workload, slot.name) in mine or self.claim(slot, lease, now) is not None]
        return tuple(claimed)

    def done_all(self, several: Sequence[Slot], now: datetime) -> None:
        """Remember that they were done, without a drill."""
        for portion in portions(several):
            with self.database.writing() as connection:
                connection.execute(update(slots).where(_these(portion), _OPEN).values(done_at=now))

    def done_of(self, kind: str) -> tuple[str, ...]:
        """Return the names of the slots of that kind that are done, the one due first first."""
        asked = select(slots.c.name).where(slots.c.kind == kind, slots.c.done_at.is_not(None))
        with self.database.reading() as connection:
            return tuple(connection.execute(asked.order_by(slots.c.due_at, slots.c.name)).scalars())

    def count(self, kind: str) -> int:
        """Return how many slots of that kind there are, done or not."""
        with self.database.reading() as connection:
            return connection.execute(select(func.count()).select_from(slots).where(slots.c.kind == kind)).scalar_one()

    def prune(self, kind: str, before: datetime) -> int:
        """Forget slots of a kind that were due before, and that are done or left by their owner; not the newest of each workload,
        which says where its schedule stands. Return how many."""
        left = or_(slots.c.done_at.is_not(None), slots.c.lease_until < before)
        younger = slots.alias("younger")
        is_newest = (
            ~select(younger.c.name)
            .where(younger.c.kind == kind, younger.c.workload == slots.c.workload, younger.c.due_at > slots.c.due_at)
            .correlate(slots)
            .exists()
        )
        with self.database.writing() as connection:
            forgotten = delete(slots).where(slots.c.kind == kind, slots.c.due_at < before, left, ~is_newest)
            return connection.execute(forgotten).rowcount


def mark_done(connection: Connection, slot: Slot, drill: str | None, now: datetime) -> None:
    """Given a transaction, write that a slot was done; what was done already stays as it is."""
    connection.execute(update(slots).where(*_this(slot), _OPEN).values(done_at=now, drill=drill))


def _these(several: Sequence[Slot]) -> ColumnElement[bool]:
    return tuple_(slots.c.workload, slots.c.name).in_([(slot.workload, slot.name) for slot in several])


def _this(slot: Slot) -> tuple[ColumnElement[bool], ...]:
    return slots.c.workload == slot.workload, slots.c.name == slot.name


def _last_due(workload: ColumnElement[str]) -> Any:
    others = slots.alias("others")
    at = and_(others.c.kind == SLOT, others.c.workload == workload)
    return select(others.c.due_at).where(at).order_by(others.c.due_at.desc()).limit(1).scalar_subquery()
