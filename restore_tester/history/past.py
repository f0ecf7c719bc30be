"""Workloads → what selection needs to know of their past drills: not all of them, however many there are.

The rotation is replayed from its last random drill, one in four: the last 64 drills hold it even where as many others lie between
as a bad week brings. The 60-day rule asks for the last pass of each location, `every` which of the backups that are still there
were drilled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Select, Table, and_, column, func, literal, select, values

from restore_tester.history.reading import portions
from restore_tester.history.tables import Instant, Words, backups, drills, places
from restore_tester.judgement.advance import FIND_GOOD
from restore_tester.judgement.selection import PastDrill
from restore_tester.model import Verdict

LAST = 64
REPEAT = "repeat"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_COLUMNS: tuple[Any, ...] = (
    drills.c.id,
    drills.c.workload,
    drills.c.location,
    drills.c.backup,
    drills.c.began_at,
    drills.c.verdict,
    drills.c.strategy,
    drills.c.seed,
    drills.c.trigger,
)
# A drill that looks for a good backup is beside the rotation: it neither has a turn nor proves that the newest ones are good.
_COUNTS = (drills.c.ended_at.is_not(None), drills.c.trigger != FIND_GOOD)


def past_drills(connection: Connection, workloads: Sequence[str]) -> tuple[tuple[PastDrill, ...], ...]:
    """Return for each workload, in the order given, oldest first: its last 64 drills, the last that passed in each location, and the
    last of each backup that is still there, with and without a result. A repeat settles the drill that it repeats."""
    found: dict[str, dict[str, Row[Any]]] = {workload: {} for workload in workloads}
    for portion in portions(list(found)):
        asked = values(column("workload", Words), name="asked").data([(workload,) for workload in portion]).cte("asked")
        for row in connection.execute(_lately(asked)):
            found[row.workload][row.id] = row
        named = {name for query in (_last_passed(asked), _of_present(asked)) for row in connection.execute(query) for name in row}
        older = named - {None} - {name for workload in portion for name in found[workload]}
        for ids in portions(sorted(older)):
            for row in connection.execute(select(*_COLUMNS).where(drills.c.id.in_(ids))):
                found[row.workload][row.id] = row
    return tuple(_settled(found[workload].values()) for workload in workloads)


def _lately(asked: Any) -> Select[Any]:
    here = (drills.c.workload == asked.c.workload, drills.c.location.is_not(None), *_COUNTS)
    oldest = select(drills.c.began_at).where(*here).order_by(drills.c.began_at.desc()).offset(LAST - 1).limit(1)
    since = func.coalesce(oldest.correlate(asked).scalar_subquery(), literal(_LONG_AGO, Instant))
    return select(*_COLUMNS).join_from(asked, drills, and_(*here, drills.c.began_at >= since))


def _last_passed(asked: Any) -> Select[Any]:
    """The id of the last drill that passed in each place."""
    here = (drills.c.workload == places.c.workload, drills.c.location == places.c.location, drills.c.verdict == Verdict.PASSED)
    return select(_last(places, *here, *_COUNTS)).join_from(asked, places, places.c.workload == asked.c.workload)


def _of_present(asked: Any) -> Select[Any]:
    """The ids of the last drill, and of the last with a result, of each backup that is still there."""
    here = (drills.c.workload == backups.c.workload, drills.c.location == backups.c.location, drills.c.backup == backups.c.id)
    told = drills.c.verdict != Verdict.INCONCLUSIVE
    there = and_(backups.c.workload == asked.c.workload, backups.c.gone_at.is_(None))
    wanted: tuple[Any, ...] = (_last(backups, *here, *_COUNTS), _last(backups, *here, *_COUNTS, told))
    return select(*wanted).join_from(asked, backups, there)


def _last(outer: Table, *which: ColumnElement[bool]) -> ScalarSelect[str]:
    newest_first = (drills.c.began_at.desc(), drills.c.id.desc())
    return select(drills.c.id).where(*which).order_by(*newest_first).limit(1).correlate(outer).scalar_subquery()


def _settled(rows: Iterable[Row[Any]]) -> tuple[PastDrill, ...]:
    settled: list[PastDrill] = []
    for row in sorted(rows, key=lambda each: (each.began_at, each.id)):
        drill = PastDrill(row.location, row.backup, row.began_at, Verdict(row.verdict), row.strategy, row.seed)
        same = (index for index, past in enumerate(settled) if (past.location, past.backup) == (drill.location, drill.backup))
        repeated = max(same, default=None) if row.trigger == REPEAT else None
        if repeated is None:
            settled.append(drill)
        else:
            settled[repeated] = replace(settled[repeated], verdict=drill.verdict)
    return tuple(settled)
