"""A history of 10 000 workloads in two locations each, with 1 000 000 past drills, in a real PostgreSQL → what the service waits for.

python -m tests.benchmarks.history [DRILLS_EACH]     (50 drills of each place by default)

Past drills are copies of one record under other names, in `drills` alone; the ledgers are copies of one that 50 drills and 40
listings made. Both are made by the server (`generate_series`), so that building takes minutes, not hours.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from restore_tester.contracts import Listing
from restore_tester.history.connecting import unhurried
from restore_tester.history.nouns import Place
from restore_tester.history.projection import remake
from restore_tester.history.records import History, open_history
from restore_tester.history.tables import drills
from restore_tester.model import Drill, Stage
from tests.histories import NOW, PASSWORD, PLACE, a_backup, a_drill, a_lease, an_order
from tests.producers import SUPERUSER, running_source

WORKLOADS, LOCATIONS, FINISHED = 10_000, ("primary", "offsite"), 200
REMADE = 400
STAGES = ("queue", "start", "fetch", "unpack", "restore", "check", "compare", "cleanup")


def run(drills_each: int = 50) -> None:
    with running_source() as server:
        server.make_database("history")
        with open_history(f"postgresql://{SUPERUSER}:{PASSWORD}@/history?host={server.folder}") as history:
            spent = timed(lambda: build(history, drills_each))
            print(f"built {WORKLOADS * len(LOCATIONS) * drills_each:,} past drills in {spent:.0f} s", flush=True)
            measure(history)


def build(history: History, drills_each: int) -> None:
    chance = random.Random(5)
    for number in range(drills_each):
        history.finish(_some_drill(number, chance))
    for number in range(40):
        backups = (a_backup(f"app-{NOW + timedelta(days=each):%Y-%m-%dT%H%M%SZ}", NOW + timedelta(days=each)) for each in range(number + 1))
        history.backups.remember(PLACE, Listing(tuple(backups)), NOW + timedelta(days=number))
    with history.database.writing() as connection, unhurried(connection):
        indexes = [index for index in inspect(connection).get_indexes("drills") if not index["unique"]]
        definitions = [_definition(connection, str(index["name"])) for index in indexes]
        for index in indexes:
            connection.execute(text(f"DROP INDEX {index['name']}"))
        columns = [column.name for column in drills.c if column.name not in ("id", "workload", "location")]
        copied = ", ".join(columns)
        connection.execute(
            text(
                f"INSERT INTO drills (id, workload, location, {copied}) SELECT 'w' || w || l || drills.id, 'w' || w, l, {copied}"
                f" FROM drills, generate_series(1, {WORKLOADS}) w, (VALUES ('primary'), ('offsite')) AS locations (l)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO places SELECT 'w' || w, l, first_seen, ledger, version, changed, listing, listed_at"
                f" FROM places, generate_series(1, {WORKLOADS}) w, (VALUES ('primary'), ('offsite')) AS locations (l)"
            )
        )
        for definition in definitions:
            connection.execute(text(definition))
        connection.execute(text("ANALYZE"))


def _some_drill(number: int, chance: random.Random) -> Drill:
    """No two alike, with eight stages, and a record as large as one of some fifty tables."""
    drill = a_drill(f"20261105T030000Z-{chance.randbytes(4).hex()}", minutes=number * 1440 + chance.uniform(0, 60))
    stages = tuple(Stage(name, drill.began_at, chance.uniform(1, 300)) for name in STAGES)
    id = f"app-{drill.began_at:%Y-%m-%dT%H%M%SZ}"
    backup = replace(drill.backup, id=id, uri=f"s3://backups/orders/{id}", size_bytes=int(chance.uniform(1e9, 2e9)))
    return replace(
        drill,
        backup=backup,
        stages=stages,
        recovery_time_seconds=chance.uniform(100, 900),
        verification_seconds=chance.uniform(10, 60),
        recovery_point_lag_seconds=chance.uniform(30, 90),
        data_loss_seconds=chance.uniform(3000, 9000),
        environment=replace(drill.environment, disk_bytes=2 * backup.size_bytes, disk_limit_bytes=10**11),
        tool_version="x" * 1500,
    )


def _definition(connection: Connection, index: str) -> str:
    return str(connection.execute(text("SELECT indexdef FROM pg_indexes WHERE indexname = :name"), {"name": index}).scalar_one())


def measure(history: History) -> None:
    with history.database.reading() as connection:
        size = connection.execute(text("SELECT max(length(ledger)) FROM places")).scalar_one()
    before, busy = resident_mb(), time.process_time()
    spent = timed(lambda: sum(1 for _ in history.ledgers.all()))
    busy = time.process_time() - busy
    print(f"all ledgers ({size / 1024:.1f} KiB each): {spent:.1f} s, {busy:.1f} s of them our own CPU", flush=True)
    print(f"resident before and after: {before:.0f}, {resident_mb():.0f} MB")
    number = history.ledgers.number()
    finishes = [timed(lambda each=each: _drill(history, each)) for each in range(FINISHED)]  # type: ignore[misc]
    print(f"start + finish: {quantiles(finishes)}")
    spent = timed(lambda: history.ledgers.changed(number))
    print(f"changed, {FINISHED} places: {spent * 1000:.0f} ms")
    last = history.ledgers.number()
    print(f"changed, none: {quantiles(repeated(lambda: history.ledgers.changed(last), 50))}")
    with ThreadPoolExecutor(16) as threads:
        spent = timed(lambda: list(threads.map(lambda each: _drill(history, FINISHED + each), range(FINISHED * 5))))
    print(f"16 threads at once: {FINISHED * 5 / spent:.0f} drills/s")
    print(f"a listing that shows nothing new: {quantiles(repeated(lambda: _listing(history), 100))}")
    print(f"past drills of one workload: {quantiles(repeated(lambda: history.past_drills(['w77']), 50))}")
    spent = timed(lambda: history.past_drills([f"w{each}" for each in range(1, 1001)]))
    print(f"past drills of 1000 workloads: {spent:.1f} s", flush=True)
    with history.database.writing() as connection:
        connection.execute(
            text(f"UPDATE places SET version = 0 WHERE workload IN (SELECT 'w' || n FROM generate_series(1, {REMADE // 2}) n)")
        )
    spent = timed(lambda: remake(history.database))
    print(f"ledgers made again: {spent / REMADE * 1000:.0f} ms each, {spent / REMADE * WORKLOADS * 2 / 60:.0f} min for all", flush=True)


def _drill(history: History, number: int) -> None:
    place = Place(f"w{1 + number}", "primary")
    order = an_order(f"new {number}", place)
    history.start(order, a_lease(), NOW + timedelta(days=60))
    history.finish(a_drill(f"new {number}", place, minutes=60 * 1440))


def _listing(history: History) -> None:
    backups = tuple(a_backup(f"b{each}", NOW + timedelta(days=each)) for each in range(40))
    history.backups.remember(PLACE, Listing(backups), NOW + timedelta(days=90))


def repeated(what: Callable[[], object], count: int) -> list[float]:
    return [timed(what) for _ in range(count)]


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def quantiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered) * 1000:.1f} ms, p99 {ordered[len(ordered) * 99 // 100 - 1] * 1000:.1f} ms"


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS"))


if __name__ == "__main__":
    run(*(int(argument) for argument in sys.argv[1:]))
