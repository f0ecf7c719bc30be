"""Every question is answered by an index: in a history of 10 000 drills no plan, of either engine, reads a whole table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, and_, event, insert, select, text

from restore_tester.contracts import Listing
from restore_tester.history.nouns import Place, Search
from restore_tester.history.records import History, open_history
from restore_tester.history.rows import ended
from restore_tester.history.tables import DETAILS, METADATA, drills
from restore_tester.model import Drill, Verdict
from tests.histories import NOW, PLACE, a_backup, a_drill, a_lease, an_order, new_database

WORKLOADS, DRILLS_EACH, RUNNING = 100, 100, 20
# From the newest one on, until there are enough.
WALKS_BACK = re.compile(r"SCAN drills USING INDEX drills_by_time")
_Statement = tuple[str, Any]


def filled(history: History) -> History:
    """10 000 drills of 100 workloads, one in fifty failed, each with as many details as the first; some drills run."""
    history.finish(first := a_drill("first"))
    with history.database.writing() as connection:
        connection.execute(insert(drills), [ended(drill) for drill in many_drills()])
        for table in DETAILS:
            others = [column for column in table.c if column.name != "drill"]
            of_others = and_(table.c.drill == first.drill, drills.c.id != first.drill)
            details = select(drills.c.id, *others).select_from(drills.join(table, of_others))
            connection.execute(insert(table).from_select(["drill", *(column.name for column in others)], details))
    for number in range(RUNNING):
        history.start(an_order(f"running {number}", Place(f"workload {number}", "primary")), a_lease(f"owner {number}"), NOW)
    listing = Listing(tuple(a_backup(f"backup {number}") for number in range(30)))
    for workload in range(WORKLOADS):
        history.backups.remember(Place(f"workload {workload}", "primary"), listing, NOW)
    with history.database.writing() as connection:
        connection.execute(text("ANALYZE"))
    return history


def many_drills() -> Iterator[Drill]:
    for workload in range(WORKLOADS):
        for number in range(DRILLS_EACH):
            verdict = Verdict.PASSED if number % 50 else Verdict.FAILED
            yield a_drill(f"{workload}-{number}", Place(f"workload {workload}", "primary"), verdict, number)


@pytest.fixture(scope="module")
def large_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with open_history(f"sqlite:///{tmp_path_factory.mktemp('large')}/history.db") as history:
        yield filled(history)


@pytest.fixture(scope="module")
def large_postgresql(postgresql: str) -> Iterator[History]:
    with open_history(new_database(postgresql)) as history:
        yield filled(history)


@pytest.fixture
def large(request: pytest.FixtureRequest, engine: str) -> History:
    history: History = request.getfixturevalue(f"large_{engine}")
    return history


@contextmanager
def statements(engine: Engine) -> Iterator[list[_Statement]]:
    """What the body asks of the database."""
    heard: list[_Statement] = []

    def hear(_: Connection, __: Any, statement: str, parameters: Any, *rest: Any) -> None:
        many = isinstance(parameters, list)
        heard.append((statement, parameters[0] if many else parameters))

    event.listen(engine, "before_cursor_execute", hear)
    yield heard
    event.remove(engine, "before_cursor_execute", hear)


def whole_tables_read(connection: Connection, statement: _Statement) -> list[str]:
    """Ask the engine for its plan; return the tables it would read from end to end."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement[0]}", statement[1]).all()
        steps = [row.detail for row in plan if not WALKS_BACK.search(row.detail)]
        return [step for step in steps if re.match(rf"SCAN ({'|'.join(METADATA.tables)})\b", step)]
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement[0]}", statement[1]).scalar()
    plan = json.dumps(found if not isinstance(found, str) else json.loads(found))
    return re.findall(r'"Seq Scan"[^{}]*?"Relation Name": "(?!restore_tester_version)(\w+)"', plan)


QUESTIONS = {
    "all": lambda history: history.drills(Search()),
    "before": lambda history: history.drills(Search(before=NOW + timedelta(minutes=50))),
    "workload": lambda history: history.drills(Search(workload="workload 7")),
    "location": lambda history: history.drills(Search(location="primary")),
    "verdict": lambda history: history.drills(Search(verdict=Verdict.FAILED)),
    "inconclusive": lambda history: history.drills(Search(verdict=Verdict.INCONCLUSIVE)),
    "place": lambda history: history.drills(Search(workload="workload 7", location="primary")),
    "place and verdict": lambda history: history.drills(Search(workload="workload 7", location="primary", verdict=Verdict.FAILED)),
    "workload and verdict": lambda history: history.drills(Search(workload="workload 7", verdict=Verdict.FAILED)),
    "drill": lambda history: history.drill("7-7"),
    "record": lambda history: history.record("7-7"),
    "standings": lambda history: history.standings([Place(f"workload {number}", "primary") for number in range(5)]),
    "past drills": lambda history: history.past_drills(["workload 7"]),
    "baseline": lambda history: history.baseline(Place("workload 7", "primary"), NOW + timedelta(hours=1)),
    "baseline of a database": lambda history: history.baseline(Place("workload 7", "primary"), NOW + timedelta(hours=1), "orders"),
    "backups": lambda history: history.backups.seen(Place("workload 7", "primary"), present_only=True),
    "start": lambda history: history.start(an_order("new"), a_lease(), NOW, slot="slot"),
    "renew": lambda history: history.renew("running 7", a_lease("owner 7")),
    "finish": lambda history: history.finish(a_drill("new")),
    "abandon": lambda history: history.abandon(NOW - timedelta(hours=1)),
    "listing": lambda history: history.backups.remember(PLACE, Listing((a_backup(),)), NOW),
}


def test_no_question_reads_a_whole_table(large: History) -> None:
    """One test for all of them, so that the history is filled once."""
    read_whole = {}
    for question, ask in QUESTIONS.items():
        with statements(large.database.engine) as heard:
            ask(large)
        asked = [statement for statement in heard if re.match("SELECT|UPDATE|DELETE|WITH", statement[0])]
        assert asked or question == "start"
        with large.database.reading() as connection:
            read_whole[question] = [whole for statement in asked for whole in whole_tables_read(connection, statement)]
    assert read_whole == {question: [] for question in QUESTIONS}


def test_a_plan_that_reads_a_whole_table_is_recognised(large: History) -> None:
    with large.database.reading() as connection:
        assert whole_tables_read(connection, ("SELECT count(*) FROM drills WHERE engine IS NULL", ()))
