"""What once stopped a service without a word: a slot that names what is gone, no more threads, faults of our own."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.history.nouns import Lease, Slot
from restore_tester.service.configured import load
from restore_tester.service.executors.seam import DrillSession, SawListing
from restore_tester.service.fleet import Asked
from restore_tester.service.roster import Roster
from tests.fake_executor import FakeExecutor
from tests.service.fleets_served import served, until, write

OFTEN = "drill_every: 1d"


class Stumbling(FakeExecutor):
    """Its first session ends with a fault that nobody foresaw."""

    stumbled = False

    def session(self, saw: SawListing) -> AbstractContextManager[DrillSession]:
        if not self.stumbled:
            self.stumbled = True
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return super().session(saw)


def test_an_alarm_that_rings_for_a_workload_just_removed_ends_no_thread(tmp_path: Path) -> None:
    roster = Roster(load(write(tmp_path, "old")))
    roster.configure(load(write(tmp_path, "new")))
    now = datetime.now(UTC)
    assert roster.look_again("old", now) > now
    assert roster.next_start("old", now)[0] > now


def test_a_slot_that_names_a_location_that_is_gone_is_given_up_and_keeps_nothing_from_being_drilled(tmp_path: Path) -> None:
    with served(write(tmp_path, "shop", more=OFTEN)) as fleet:
        until(lambda: len(fleet.drills()) == 1)
        now = datetime.now(UTC)
        left = Slot("shop", "new:renamed:backup-1", now - timedelta(minutes=1))
        fleet.history.slots.claim(left, Lease("somebody", now - timedelta(seconds=1)), now - timedelta(minutes=6))
        fleet.service.tick()
        until(lambda: fleet.history.slots.orphaned(datetime.now(UTC) + timedelta(days=1)) == ())
        until(lambda: fleet.service.foreman.figures() == (0, 0))
        fleet.service.foreman.ask(Asked(("shop",)))
        until(lambda: len(fleet.drills()) == 2)


def test_a_fault_of_ours_beside_a_drill_loses_no_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore_tester.service.foreman.LATER_SECONDS", 0.2)
    with served(write(tmp_path, "shop"), Stumbling()) as fleet:
        until(lambda: len(fleet.drills()) == 1)
        until(lambda: fleet.history.slots.orphaned(datetime.now(UTC) + timedelta(days=1)) == ())


def test_where_no_thread_can_be_started_neither_the_place_nor_the_drill_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore_tester.service.foreman.LATER_SECONDS", 0.2)
    start, refused = threading.Thread.start, []

    def unable(thread: threading.Thread) -> None:
        if thread.name.startswith("drill ") and len(refused) < 2:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", unable)
    monkeypatch.setattr(threading, "excepthook", lambda fault: None)
    with served(write(tmp_path, "shop", top="concurrency: 1")) as fleet:
        until(lambda: bool(fleet.service.tick() or fleet.drills()))
        assert len(refused) == 2
        until(lambda: fleet.service.foreman.figures() == (0, 0))
