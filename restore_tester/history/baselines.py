"""Past drills of a place → what a backup of it is expected to hold: the tables of the newest that counts, each with the fewest rows that
it had in any of the last five. A queue that is drained some nights is then no loss on any.

Those count that passed, and those whose finding somebody accepted: what they hold is confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, select

from restore_tester.history.nouns import Place
from restore_tester.history.tables import acceptances, content, drills
from restore_tester.model import Fingerprint, TableContent, Verdict

BASELINE = "baseline"
LAST = 5
_DRILL: tuple[Any, ...] = (drills.c.id, drills.c.backup_taken_at, drills.c.began_at)
_TABLE: tuple[Any, ...] = (content.c.database, content.c.schema, content.c.name)
_CONTENT: tuple[Any, ...] = (*_TABLE, content.c.rows, content.c.hash)


def baseline(connection: Connection, place: Place, taken_by: datetime | None, database: str | None) -> Fingerprint | None:
    """Given when the backup was taken that is to be compared, return the baseline, of one database if it is named; None where nothing
    that is not younger counts."""
    if taken_by is None:
        return None
    about = () if database is None else (content.c.database == database,)
    newest, *others = _last(
        connection, place, (drills.c.backup_taken_at <= taken_by, exists().where(content.c.drill == drills.c.id, *about))
    ) or [""]
    if not newest:
        return None
    asked = select(*_CONTENT).where(content.c.drill == newest, *about).order_by(content.c.position)
    tables = [TableContent(*row) for row in connection.execute(asked)]
    fewest = _fewest_rows(connection, others, about)
    return Fingerprint(BASELINE, tuple(_with_fewest(table, fewest) for table in tables))


def _last(connection: Connection, place: Place, which: Sequence[ColumnElement[bool]]) -> list[str]:
    """The ids of the last drills that count, that of the youngest backup first."""
    order = (drills.c.backup_taken_at.desc(), drills.c.began_at.desc())
    here = (drills.c.workload == place.workload, drills.c.location == place.location, drills.c.verdict == Verdict.PASSED)
    passed = select(*_DRILL).where(*here, *which).order_by(*order).limit(LAST)
    confirmed = (acceptances.c.workload == place.workload, acceptances.c.location == place.location, *which)
    of_acceptance = drills.c.id == acceptances.c.drill
    # A drill may be accepted twice, and nobody does so often.
    accepted = select(*_DRILL).join_from(acceptances, drills, of_acceptance).where(*confirmed).order_by(*order).limit(2 * LAST)
    found: dict[str, Row[Any]] = {row.id: row for query in (passed, accepted) for row in connection.execute(query)}
    youngest = sorted(found.values(), key=lambda row: (row.backup_taken_at, row.began_at), reverse=True)
    return [row.id for row in youngest[:LAST]]


def _fewest_rows(connection: Connection, ids: Sequence[str], about: Sequence[ColumnElement[bool]]) -> dict[tuple[str, ...], int]:
    counted = (content.c.drill.in_(ids), content.c.rows.is_not(None), *about)
    asked = select(*_TABLE, func.min(content.c.rows)).where(*counted).group_by(*_TABLE)
    return {tuple(row[:3]): row[3] for row in connection.execute(asked)} if ids else {}


def _with_fewest(table: TableContent, fewest: dict[tuple[str, ...], int]) -> TableContent:
    least = fewest.get((table.database, table.schema, table.name))
    return table if table.rows is None or least is None or least >= table.rows else replace(table, rows=least)
