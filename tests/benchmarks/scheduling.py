"""Slots that come due over a while → when their drills started, and that each was drilled exactly once, on a real history.

    python -m tests.benchmarks.scheduling [SLOTS] [SECONDS] [THREADS] [REPLICAS] [KILL_EVERY] [DRILL_SECONDS]

A drill restores nothing; without DRILL_SECONDS it takes as long as keeps threads as busy as one second does over an hour. With
replicas, each is a process of its own on one PostgreSQL; every KILL_EVERY seconds one is killed (-9) and another one started.

Which slots had to come is worked out from the rules, not read from the history. Each must be done by exactly one drill that
passed, whoever did it in the end, and lateness counts to the beginning of that drill; anything else is an error (exit 1).
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from restore_tester.clock import SystemClock
from restore_tester.history.records import open_history
from restore_tester.judgement import due
from restore_tester.service import logs
from restore_tester.service.configured import load
from restore_tester.service.instance import Service
from restore_tester.service.metrics import Board
from tests.fake_executor import FakeExecutor
from tests.histories import new_database, raw, running_postgresql

HOUR = 3600.0
# What was due when somebody died is taken over at the next look, a minute later at most.
LONGEST_AFTER_SECONDS = 200.0


def configuration(folder: Path, slots: int, every_seconds: float, threads: int) -> Path:
    """A fleet whose slots lie spread over so many seconds."""
    lines = [f"concurrency: {threads}", "history: {env: HISTORY_DSN}", "workloads:"]
    place = folder / "backups"
    place.mkdir()
    where = f"locations: {{primary: {{type: folder, path: {place}}}}}"
    lines += [f"  w{number:05}: {{owner: ops, drill_every: {every_seconds:.3f}s, rpo: 10d, {where}}}" for number in range(slots)]
    file = folder / "restore-tester.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def replica(file: str, drill_seconds: str, claimed_at: str) -> None:
    """One service, until it is asked to stop or killed. What lies before `claimed_at` counts as drilled."""
    logs.begin(sys.stderr, level="error")
    settings = load(Path(file))
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    board = Board(SystemClock())
    board.configure(settings)
    with open_history(os.environ["HISTORY_DSN"]) as history:
        service = Service(history, settings, FakeExecutor(float(drill_seconds)), board, lambda drill: None)
        service.load()
        before = datetime.fromisoformat(claimed_at)
        newest = history.slots.newest()
        service.roster.claimed_before({w.name: max(newest.get(w.name, before), before) for w in settings.workloads})
        began = resource.getrusage(resource.RUSAGE_SELF)
        at = time.monotonic()
        with service.alive():
            while not stopping:
                time.sleep(0.5)
                service.tick()
        service.stop(20)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        spent = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
        print(json.dumps({"cpu_share": spent / (time.monotonic() - at), "rss_mb": ended.ru_maxrss / 1024}), flush=True)


def main(
    slots: int = 10_000,
    seconds: float = HOUR,
    threads: int = 16,
    replicas: int = 1,
    kill_every: float = 0.0,
    drill_seconds: float = 0.0,
) -> int:
    """Measure, print one line of JSON. Return how many slots were not drilled exactly once."""
    drill_seconds = drill_seconds or seconds / HOUR
    with tempfile.TemporaryDirectory() as folder, running_postgresql() as server:
        dsn = new_database(server)
        with open_history(dsn):
            pass
        os.environ["HISTORY_DSN"] = dsn
        file = configuration(Path(folder), slots, seconds, threads)
        since = datetime.now(UTC) + timedelta(seconds=5 + slots / 1000)
        wanted = expected(file, since, seconds)
        arguments = [sys.executable, "-m", "tests.benchmarks.scheduling", "replica", str(file), str(drill_seconds), since.isoformat()]
        running = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(replicas)]
        kills = 0
        until = since.timestamp() + seconds
        next_kill = since.timestamp() + kill_every if kill_every else float("inf")
        while time.time() < until + LONGEST_AFTER_SECONDS:
            if time.time() >= until and not wanted.difference(_done(dsn)):
                break
            if next_kill <= time.time() < until:
                victim = running.pop(random.randrange(len(running)))
                victim.kill()
                victim.communicate()
                running.append(subprocess.Popen(arguments, stdout=subprocess.PIPE))
                kills, next_kill = kills + 1, time.time() + kill_every
            time.sleep(0.5)
        for process in running:
            process.terminate()
        told = [json.loads(process.communicate(timeout=60)[0] or b"{}") for process in running]
        found = measured(dsn, wanted)
        print(json.dumps(found | {"kills": kills, "replicas": told}))
        return int(found["wrong"])


def expected(file: Path, since: datetime, seconds: float) -> set[tuple[str, str]]:
    """Return workload and name of every slot that has to come in so long."""
    wanted, ends = set(), since + timedelta(seconds=seconds)
    for workload in load(file).workloads:
        cadence = due.rule_of(workload, 0.0, walks=False).cadence
        at = due.slot_after(cadence, since)
        while at < ends:
            wanted.add((workload.name, due.name_of(at)))
            at = due.slot_after(cadence, at)
    return wanted


def _done(dsn: str) -> set[tuple[str, str]]:
    with raw(_driven(dsn)) as connection:
        return {(row[0], row[1]) for row in connection.exec_driver_sql("select workload, name from slots where done_at is not null")}


def measured(dsn: str, wanted: set[tuple[str, str]]) -> dict[str, Any]:
    """What became of the slots that had to come. `drills_too_many`: drills that ended by themselves and that no slot has for its own."""
    query = """select s.workload, s.name, s.due_at, s.attempt, s.done_at, d.began_at, d.verdict
               from slots s left join drills d on d.id = s.drill where s.kind = 'slot'"""
    with raw(_driven(dsn)) as connection:
        rows = {(row.workload, row.name): row for row in connection.exec_driver_sql(query)}
        whole = "select count(*) from drills where ended_at is not null and not abandoned and verdict = 'passed'"
        of_no_slot = connection.exec_driver_sql(f"{whole} and id not in (select drill from slots where drill is not null)").scalar_one()
        of_two = connection.exec_driver_sql(
            "select count(*) from (select drill from slots where drill is not null group by drill having count(*) > 1) x"
        ).scalar_one()
        left = connection.exec_driver_sql("select count(*) from drills where ended_at is null").scalar_one()
        abandoned = connection.exec_driver_sql("select count(*) from drills where abandoned").scalar_one()
    ours = [rows[one] for one in wanted if one in rows]
    good = [row for row in ours if row.verdict == "passed"]
    late = sorted((row.began_at - row.due_at).total_seconds() for row in good)
    found = {
        "due": len(wanted),
        "drilled_once": len(good),
        "never_claimed": len(wanted) - len(ours),
        "claimed_and_not_done": sum(row.done_at is None for row in ours),
        "done_without_drill": sum(row.done_at is not None and row.verdict is None for row in ours),
        "drills_too_many": of_no_slot + of_two,
        "taken_over": sum(row.attempt > 1 for row in ours),
        "abandoned": abandoned,
        "left_running": left,
        **{f"late_p{share}": late[min(len(late) - 1, len(late) * share // 100)] if late else None for share in (50, 95, 99, 100)},
        "late_taken_over_most": max(((r.began_at - r.due_at).total_seconds() for r in good if r.attempt > 1), default=None),
    }
    return found | {"wrong": len(wanted) - len(good) + of_no_slot + of_two + left}


def _driven(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://")


if __name__ == "__main__":
    if sys.argv[1:2] == ["replica"]:
        replica(*sys.argv[2:5])
    else:
        kinds = (int, float, int, int, float, float)
        sys.exit(min(1, main(*(kind(text) for kind, text in zip(kinds, sys.argv[1:], strict=False)))))
