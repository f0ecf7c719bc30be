"""Where work must end: attempts, deadlines, quiet hours; and what must not: the threads that a service lives by."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restore_tester.history.nouns import Lease, Place, Slot
from restore_tester.history.records import open_history
from restore_tester.model import DrillOrder, Verdict
from restore_tester.planning import DrillRequest
from restore_tester.service import logs
from restore_tester.service.configured import load
from restore_tester.service.crew import Crew, Patience
from restore_tester.service.executors.processes import ProcessExecutor
from restore_tester.service.executors.seam import SawListing
from restore_tester.service.fleet import Asked, jobs
from restore_tester.service.foreman import MOST_ATTEMPTS
from restore_tester.service.lasting import Lasting, look_after
from tests.fake_executor import FakeExecutor
from tests.fleets import Fleet
from tests.histories import a_backup, a_drill
from tests.service.fleets_served import Served, served, until, write
from tests.service.test_metrics import value

PAUSED = "paused: {reason: a test, until: 2199-01-01}"
SHOP = Place("shop", "primary")


@pytest.fixture
def said() -> Any:
    """What was logged, a dict for each line."""
    stream = io.StringIO()
    logs.begin(stream, readable=False)
    return lambda event: [line for text in stream.getvalue().splitlines() if (line := json.loads(text))["event"] == event]


def left_by_the_dead(fleet: Served, attempts: int) -> Slot:
    slot = Slot("shop", "slot:2026-11-05T03:00:00Z", datetime.now(UTC) - timedelta(hours=1))
    for _ in range(attempts):
        now = datetime.now(UTC)
        fleet.history.slots.claim(slot, Lease("somebody", now - timedelta(minutes=1)), now)
    return slot


# --- what is late -----------------------------------------------------------------------------------------------------


def test_what_is_due_and_does_not_start_tells_since_when_and_what_is_drilled_is_not_late(tmp_path: Path) -> None:
    """A crew of one that hangs: one workload is drilled, however long, and the other waits."""

    def stamp(workload: str) -> float:
        fleet.board.render()
        return value(fleet.board, "next_drill_timestamp_seconds", workload=workload) or 0.0

    with served(write(tmp_path, "shop", "wiki", top="concurrency: 1"), FakeExecutor(seconds=60.0)) as fleet:
        until(lambda: len(fleet.executor.requests) == 1)
        (drilled,) = (request.workload or "" for request in fleet.executor.requests)
        (waits,) = {"shop", "wiki"} - {drilled}
        began = time.time()
        fleet.service.tick()
        told = stamp(waits)
        assert told <= began < stamp(drilled)
        # Told again, at each ring and each reload: it grows older.
        fleet.service.reconfigure(fleet.service.configuration)
        fleet.service.tick()
        assert stamp(waits) == told
        assert stamp(drilled) > began


# --- attempts ---------------------------------------------------------------------------------------------------------


def test_a_slot_that_took_down_whoever_tried_it_is_given_up_and_that_is_said(tmp_path: Path, said: Any) -> None:
    with served(write(tmp_path, "shop", top=PAUSED)) as fleet:
        slot = left_by_the_dead(fleet, MOST_ATTEMPTS)
        fleet.service.tick()
        until(lambda: bool(said("slot given up")) and fleet.service.foreman.figures() == (0, 0))
        assert (said("slot given up")[0]["code"], fleet.executor.requests) == ("given_up", [])
        until(lambda: fleet.history.slots.orphaned(datetime.now(UTC) + timedelta(days=1)) == ())
        assert fleet.history.slots.claim(slot, Lease("us", datetime.now(UTC)), datetime.now(UTC)) is None


def test_before_that_it_is_tried_again(tmp_path: Path) -> None:
    with served(write(tmp_path, "shop", top=PAUSED)) as fleet:
        left_by_the_dead(fleet, MOST_ATTEMPTS - 1)
        fleet.service.tick()
        until(lambda: [drill.verdict for drill in fleet.drills()] == [Verdict.PASSED])


def test_to_be_asked_to_stop_is_no_attempt(tmp_path: Path) -> None:
    file = write(tmp_path, "shop")
    for _ in range(MOST_ATTEMPTS + 1):
        with served(file, FakeExecutor(60.0)) as fleet:
            fleet.service.tick()
            until(lambda: fleet.executor.running == 1)
    with served(file) as fleet:
        fleet.service.tick()
        until(lambda: [drill.verdict for drill in fleet.drills()][-1] == Verdict.PASSED)


def test_a_drill_is_remembered_and_its_slot_done_in_one(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    slot = Slot("orders", "slot:x", now)
    with open_history(f"sqlite:///{tmp_path}/history.db") as history:
        history.slots.claim(slot, Lease("us", now), now)
        history.finish(a_drill(), slot)
        assert history.slots.orphaned(now + timedelta(days=1)) == ()


# --- deadlines --------------------------------------------------------------------------------------------------------


def test_a_drill_that_never_ends_is_ended_and_the_next_one_follows(tmp_path: Path) -> None:
    file = write(tmp_path, "shop")
    (job,) = jobs(load(file), Asked(("shop",)), datetime.now(UTC))
    with open_history(f"sqlite:///{tmp_path}/history.db") as history:
        patience = Patience(beyond_deadline_seconds=0.1)
        crew = Crew(history, FakeExecutor(3600.0, deadline_seconds=0.2), lambda job, order, event: None, patience=patience)
        drill = crew.drill(job).drill
        assert drill is not None
        assert (drill.verdict, [reason.code for reason in drill.reasons]) == (Verdict.INCONCLUSIVE, ["deadline"])
        assert history.standings([SHOP])[0].running is None


class InAHurry:
    """Drills for real, with a deadline of a few seconds. Implements `executors.seam.Executor` and its session."""

    def __init__(self) -> None:
        self._executor = ProcessExecutor("process")
        self.stop = self._executor.stop

    @contextmanager
    def session(self, saw: SawListing) -> Iterator[InAHurry]:
        with self._executor.session(saw) as session:
            self.run = session.run
            self.plan = lambda request: _hurried(session.plan(request))
            yield self


def _hurried(order: DrillOrder) -> DrillOrder:
    return replace(order, needs=replace(order.needs, deadline_seconds=5.0))


def test_a_real_drill_that_hangs_in_its_sandbox_is_ended_at_its_deadline_and_leaves_nothing(fleet: Fleet, small: Path) -> None:
    fleet.write("shop", more="recovery_point: select now() from pg_sleep(300)")
    fleet.put(small, "shop", 1)
    with served(fleet.folder / "restore-tester.yaml", InAHurry()) as service:  # type: ignore[arg-type]
        until(lambda: bool(service.drills()), 60)
        (drill,) = service.drills()
        assert (drill.verdict, drill.reason) == (Verdict.INCONCLUSIVE, "deadline")
        record = service.history.record(drill.drill)
        assert record is not None
        assert record.read().sandbox_destroyed


def test_what_took_hours_is_not_forgotten_while_somebody_else_writes(tmp_path: Path) -> None:
    (job,) = jobs(load(write(tmp_path, "shop")), Asked(("shop",)), datetime.now(UTC))
    executor = FakeExecutor(0.5)
    with open_history(f"sqlite:///{tmp_path}/history.db?timeout=0.1") as history:
        crew = Crew(history, executor, lambda job, order, event: None)
        ended: list[Any] = []
        drilling = threading.Thread(target=lambda: ended.append(crew.drill(job)))
        drilling.start()
        until(lambda: history.standings([SHOP])[0].running is not None)
        holder = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        until(lambda: executor.running == 0)
        time.sleep(0.5)
        holder.execute("ROLLBACK")
        holder.close()
        drilling.join(30)
        assert (ended[0].forgotten, history.drill(ended[0].drill.drill).verdict) == (None, Verdict.PASSED)


# --- quiet hours ------------------------------------------------------------------------------------------------------


def test_in_quiet_hours_nothing_starts_by_itself_and_what_came_due_starts_when_they_end(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    hours = f'quiet_hours: ["{now - timedelta(hours=2):%H:%M}-{now + timedelta(hours=2):%H:%M}"]'
    with served(write(tmp_path, "shop", top=hours)) as fleet:
        time.sleep(0.5)
        assert fleet.executor.requests == []
        fleet.service.reconfigure(load(write(tmp_path, "shop")))
        until(lambda: fleet.triggers() == ["schedule"])


def test_quiet_hours_do_not_hold_back_who_asks(tmp_path: Path) -> None:
    with served(write(tmp_path, "shop", top='quiet_hours: ["00:00-12:00", "12:00-00:00"]')) as fleet:
        fleet.service.foreman.ask(Asked(("shop",)))
        until(lambda: fleet.triggers() == ["api"])


# --- the way back to a good backup ------------------------------------------------------------------------------------


def test_a_newest_backup_that_is_damaged_twice_makes_the_service_look_for_the_last_good_one(tmp_path: Path, said: Any) -> None:
    names = [f"app-2026-11-0{day}.dump" for day in range(1, 6)]
    bad = names[3:]

    def ending(request: DrillRequest) -> Verdict:
        return Verdict.FAILED if request.backup is None or request.backup in bad else Verdict.PASSED

    def choice(request: DrillRequest) -> Any:
        name = request.backup or names[-1]
        return a_backup(name, datetime(2026, 11, int(name[9:11]), tzinfo=UTC), 5)

    file = write(tmp_path, "shop", location=", name: 'app-{taken_at:%Y-%m-%d}.dump'")
    for name in names:
        path = tmp_path / "shop" / name
        path.write_bytes(b"PGDMP")
        os.utime(path, (time.time() - 7200,) * 2)
    with served(file, FakeExecutor(ending=ending, choice=choice)) as fleet:
        until(lambda: bool(said("last good backup")))
        assert said("last good backup")[0]["good"] == names[2]
        assert fleet.triggers()[:2] == ["schedule", "repeat"]
        assert set(fleet.triggers()[2:]) == {"find_good"}
        until(lambda: fleet.service.foreman.figures() == (0, 0))
        drills = len(fleet.drills())
        time.sleep(0.5)
        assert len(fleet.drills()) == drills


# --- threads ----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_of_our_own_fault_is_started_again_and_that_is_said(said: Any) -> None:
    lives: list[int] = []

    def work() -> None:
        lives.append(1)
        if len(lives) == 1:
            raise RuntimeError
        lasting.ended.wait(20)

    lasting = Lasting("watch", work)
    lasting.begin()
    until(lambda: lasting._thread is not None and not lasting._thread.is_alive())
    look_after([lasting])
    until(lambda: len(lives) == 2)
    assert [line["thread"] for line in said("thread restarted")] == ["watch"]
    lasting.end()
    look_after([lasting])
    assert len(lives) == 2


def test_a_board_that_could_not_be_loaded_is_loaded_by_the_next_tick(tmp_path: Path) -> None:
    with served(write(tmp_path, "shop")) as fleet:
        until(lambda: len(fleet.drills()) == 1)
        fleet.service._board.configure(fleet.service.configuration)
        assert not fleet.service._board.complete
        fleet.service.tick()
        assert fleet.service._board.complete
