"""Questions to a history, each answered by an index: what ran, where places stand, what comparison needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, column, or_, select, values

from restore_tester.history.nouns import Place, Remembered, Search, Standing
from restore_tester.history.rows import remembered, remembered_drills
from restore_tester.history.tables import Words, drills
from restore_tester.judgement.advance import FIND_GOOD
from restore_tester.model import NotOurJson, Verdict, from_json

# As `judgement.advance.is_beside` and `is_proof` say it.
_OF_NEWEST = drills.c.newest.is_(True)
_NOT_BESIDE = or_(drills.c.trigger != FIND_GOOD, and_(_OF_NEWEST, drills.c.verdict == Verdict.FAILED))
_IS_PROOF = or_(drills.c.trigger != FIND_GOOD, _OF_NEWEST)
# Each asks for two values; SQLite takes 32 766 in a statement, PostgreSQL 65 535.
_ASKED_AT_ONCE = 500
_Item = TypeVar("_Item")


def some_drills(connection: Connection, ids: Sequence[str]) -> tuple[Remembered, ...]:
    """Return those that are there, the newest first."""
    newest_first = (drills.c.began_at.desc(), drills.c.id.desc())
    queries = (remembered_drills().where(drills.c.id.in_(portion)).order_by(*newest_first) for portion in portions(ids))
    return tuple(remembered(row) for query in queries for row in connection.execute(query))


@dataclass(frozen=True, slots=True)
class _Disk:
    disk_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Of a record no more than is asked for: all of it takes twenty times as long to read."""

    environment: _Disk


def disk_bytes(connection: Connection, ids: Sequence[str]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for portion in portions(ids):
        query = select(drills.c.id, drills.c.record).where(drills.c.id.in_(portion), drills.c.record.is_not(None))
        for drill, record in connection.execute(query):
            try:
                taken = from_json(_Place, record.encode()).environment.disk_bytes
            except NotOurJson:
                continue
            found |= {drill: taken} if taken is not None else {}
    return found


def search(connection: Connection, wanted: Search) -> tuple[Remembered, ...]:
    query = remembered_drills().order_by(drills.c.began_at.desc(), drills.c.id.desc()).limit(wanted.limit)
    if wanted.workload is not None:
        query = query.where(drills.c.workload == wanted.workload)
    if wanted.location is not None:
        query = query.where(drills.c.location == wanted.location)
    if wanted.verdict is not None:
        query = query.where(drills.c.verdict == wanted.verdict)
    if wanted.before is not None:
        query = query.where(drills.c.began_at < wanted.before)
    return tuple(remembered(row) for row in connection.execute(query))


def standings(connection: Connection, places: Sequence[Place]) -> tuple[Standing, ...]:
    found: list[Standing] = []
    for portion in portions(places):
        rows = {(row.workload, row.location): row[2:] for row in connection.execute(_newest_of(portion))}
        named = {name for row in rows.values() for name in row if name is not None}
        by_id = {drill.drill: drill for drill in some_drills(connection, sorted(named))}
        found += [Standing(place, *(by_id.get(name) for name in rows[place.workload, place.location])) for place in portion]
    return tuple(found)


def _newest_of(places: Sequence[Place]) -> Any:
    """The query for the ids of the last, the last passed and the running drill of each place."""
    columns = values(column("workload", Words), column("location", Words), name="asked")
    asked = columns.data(sorted({(place.workload, place.location) for place in places})).cte("asked")

    def newest(name: str, *which: ColumnElement[bool]) -> ScalarSelect[str]:
        at = (drills.c.workload == asked.c.workload, drills.c.location == asked.c.location)
        newest_first = (drills.c.began_at.desc(), drills.c.id.desc())
        return select(drills.c.id).where(*at, *which).order_by(*newest_first).limit(1).correlate(asked).scalar_subquery()

    return select(
        asked.c.workload,
        asked.c.location,
        newest("last", drills.c.ended_at.is_not(None), _NOT_BESIDE),
        newest("passed", drills.c.verdict == Verdict.PASSED, _IS_PROOF),
        newest("running", drills.c.ended_at.is_(None)),
    )


def portions(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + _ASKED_AT_ONCE] for start in range(0, len(items), _ASKED_AT_ONCE))
