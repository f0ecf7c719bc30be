"""Every question is answered by an index: in a history of 5 000 drills no plan, of either engine, reads a whole table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, and_, event, insert, select, text, update

from restore_tester.contracts import Listing
from restore_tester.history.nouns import Place, Search, Slot
from restore_tester.history.projection import remake
from restore_tester.history.records import History, open_history
from restore_tester.history.rows import ended
from restore_tester.history.tables import DETAILS, METADATA, acceptances, drills, places, slots
from restore_tester.model import Drill, Verdict
from tests.histories import NOW, PLACE, a_backup, a_drill, a_lease, an_order, new_database

WORKLOADS, DRILLS_EACH, RUNNING = 100, 50, 20
# In the order of an index until there are enough; or an index that holds only the few that are not done.
WALKS = re.compile(
    r"SCAN (drills USING INDEX drills_by_time|places USING INDEX sqlite_autoindex_places_1"
    r"|\w+ USING (COVERING )?INDEX (drills_running|slots_claimed)_by_\w+)"
)
LEFT = Slot("workload 8", f"slot:{(NOW + timedelta(hours=DRILLS_EACH - 1)).isoformat()}", NOW + timedelta(hours=DRILLS_EACH - 1))
_Statement = tuple[str, Any]


def filled(history: History) -> History:
    """5 000 drills of 100 workloads, one in fifty failed, each with as many details as the first; some drills run."""
    history.finish(first := a_drill("first"))
    # Before their drills, which no ledger need be made of.
    history.ledgers.meet([Place(f"workload {number}", location) for number in range(WORKLOADS) for location in ("primary", "offsite")], NOW)
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
    history.ledgers.meet([Place(f"workload {number}", "offsite") for number in range(5000)], NOW)
    with history.database.writing() as connection:
        accepted = select(drills.c.id, drills.c.began_at, drills.c.workload, drills.c.location, drills.c.trigger, drills.c.trigger)
        connection.execute(insert(acceptances).from_select(list(acceptances.c.keys()), accepted.where(drills.c.workload.is_not(None))))
        connection.execute(insert(slots), [row for workload in range(WORKLOADS) for row in many_slots(f"workload {workload}")])
    with history.database.writing() as connection:
        connection.execute(text("ANALYZE"))
    return history


def many_drills() -> Iterator[Drill]:
    for workload in range(WORKLOADS):
        for number in range(DRILLS_EACH):
            verdict = Verdict.PASSED if number % 50 else Verdict.FAILED
            yield a_drill(f"{workload}-{number}", Place(f"workload {workload}", "primary"), verdict, number)


def many_slots(workload: str) -> Iterator[dict[str, Any]]:
    """50 of a workload, all done but the newest one."""
    for number in range(DRILLS_EACH):
        due_at = NOW + timedelta(hours=number)
        done_at = due_at if number < DRILLS_EACH - 1 else None
        name = {"workload": workload, "name": f"slot:{due_at.isoformat()}", "kind": "slot", "due_at": due_at}
        yield name | {"owner": f"owner {number}", "lease_until": due_at, "attempt": 1, "done_at": done_at}


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
        steps = [row.detail for row in plan if not WALKS.search(row.detail)]
        return [step for step in steps if re.match(rf"SCAN ({'|'.join(METADATA.tables)})\b", step)]
    # Of a single row, PostgreSQL reads the table.
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement[0]}", statement[1]).scalar()
    plan = json.dumps(found if not isinstance(found, str) else json.loads(found))
    return re.findall(r'"Seq Scan"[^{}]*?"Relation Name": "(?!restore_tester_version|changes)(\w+)"', plan)


def made_again(history: History) -> None:
    with history.database.writing() as connection:
        connection.execute(update(places).where(places.c.workload == "workload 9", places.c.location == "primary").values(version=0))
    remake(history.database)


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
    "a backup": lambda history: history.backups.is_gone(Place("workload 7", "primary"), "a"),
    "start": lambda history: history.start(an_order("new"), a_lease(), NOW, slot="slot"),
    "renew": lambda history: history.renew("running 7", a_lease("owner 7")),
    "finish": lambda history: history.finish(a_drill("new")),
    "abandon": lambda history: history.abandon(NOW - timedelta(hours=1)),
    "abandon the dead": lambda history: history.abandon(NOW - timedelta(hours=1), lambda owner: owner == "owner 3"),
    "listing": lambda history: history.backups.remember(PLACE, Listing((a_backup(),)), NOW),
    "another listing": lambda history: history.backups.remember(PLACE, Listing((a_backup("next"),)), NOW + timedelta(hours=1)),
    "all ledgers": lambda history: list(history.ledgers.all()),
    "a ledger": lambda history: history.ledgers.get(PLACE),
    "changed ledgers": lambda history: history.ledgers.changed(history.ledgers.number() - 2),
    "meet": lambda history: history.ledgers.meet([Place(f"workload {number}", "offsite") for number in range(900)], NOW),
    "current ledgers": lambda history: list(history.ledgers.current()),
    "running": lambda history: history.running(),
    "accept": lambda history: history.ledgers.accept("7-7", "it was meant", "me", NOW),
    "fetched bytes": lambda history: history.ledgers.fetched_bytes(Place("workload 7", "primary"), NOW + timedelta(minutes=50)),
    "made again": made_again,
    "claim": lambda history: history.slots.claim(Slot("workload 7", "slot:new", NOW), a_lease(), NOW),
    "take over": lambda history: history.slots.claim(LEFT, a_lease("heir"), LEFT.due_at + timedelta(hours=1)),
    "renew all": lambda history: history.slots.renew("owner 99", NOW),
    "done": lambda history: history.slots.done(LEFT, None, NOW),
    "newest slots": lambda history: history.slots.newest(),
    "orphaned slots": lambda history: history.slots.orphaned(NOW),
    "prune": lambda history: history.slots.prune("slot", NOW + timedelta(hours=2)),
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
