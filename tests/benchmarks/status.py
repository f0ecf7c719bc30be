"""`status` of 10 000 workloads in two locations each, whose last 20 drills a SQLite history remembers; one place in fifty failed lately."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from restore_tester.cli.overview import _statuses
from restore_tester.history.nouns import Place
from restore_tester.history.records import History, open_history
from restore_tester.history.tables import drills
from restore_tester.model import Verdict
from tests.benchmarks.history import LOCATIONS, WORKLOADS, timed
from tests.histories import a_drill, of_backup
from tests.service.ledgers import a_configuration, a_workload

DRILLS_EACH, FAILED_ONE_IN = 20, 50


def run() -> None:
    now = datetime.now(UTC)
    configuration = a_configuration(*(a_workload(f"w{number}", LOCATIONS) for number in range(1, WORKLOADS + 1)))
    with filled(now) as history:
        fresh = timed(lambda: _statuses(configuration, history, now))
        print(f"status of {WORKLOADS:,} workloads: {fresh:.1f} s", flush=True)
        _forget_ledgers(history)
        print(f"with no ledger that is current: {timed(lambda: _statuses(configuration, history, now)):.1f} s", flush=True)


@contextmanager
def filled(now: datetime) -> Iterator[History]:
    with tempfile.TemporaryDirectory() as folder, open_history(f"sqlite:///{Path(folder)}/history.db") as history:
        for kind, last in (("good", Verdict.PASSED), ("bad", Verdict.FAILED)):
            for number in range(DRILLS_EACH):
                at = now - timedelta(days=DRILLS_EACH - number)
                verdict = last if number == DRILLS_EACH - 1 else Verdict.PASSED
                drill = of_backup(a_drill(f"{kind}-{number}", Place(kind, "primary"), verdict), f"b{number}", at - timedelta(hours=1))
                history.finish(replace(drill, began_at=at, ended_at=at + timedelta(minutes=5)))
        _copy(history)
        yield history


def _copy(history: History) -> None:
    columns = ", ".join(column.name for column in drills.c if column.name not in ("id", "workload", "location"))
    numbers = f"WITH RECURSIVE n (w) AS (SELECT 1 UNION ALL SELECT w + 1 FROM n WHERE w < {WORKLOADS})"
    which = f"CASE WHEN w % {FAILED_ONE_IN} = 0 THEN 'bad' ELSE 'good' END"
    with history.database.writing() as connection:
        for location in LOCATIONS:
            connection.execute(
                text(
                    f"INSERT INTO drills (id, workload, location, {columns}) {numbers}"
                    f" SELECT 'w' || w || '{location}' || drills.id, 'w' || w, '{location}', {columns}"
                    f" FROM n JOIN drills ON drills.workload = {which} AND drills.location = 'primary'"
                )
            )
            connection.execute(
                text(
                    f"INSERT INTO places {numbers} SELECT 'w' || w, '{location}', first_seen, ledger, version, changed, listing, listed_at"
                    f" FROM n JOIN places ON places.workload = {which} AND places.location = 'primary'"
                )
            )


def _forget_ledgers(history: History) -> None:
    with history.database.writing() as connection:
        connection.execute(text("UPDATE places SET version = 0"))


if __name__ == "__main__":
    run()
