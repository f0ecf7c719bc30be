"""What is due is drilled: once, in its order, within limits, whatever befalls the history or the configuration meanwhile."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.contracts import Listing
from restore_tester.errors import Misuse
from restore_tester.history.nouns import Lease, Place, Slot
from restore_tester.judgement.catalogue import sight_of
from restore_tester.model import Verdict
from restore_tester.service.configured import load
from restore_tester.service.fleet import Asked
from tests.fake_executor import FakeExecutor
from tests.histories import a_backup
from tests.service.fleets_served import Served, served, until, write

SHOP = Place("shop", "primary")


def settled(fleet: Served, drills: int) -> None:
    """So many have ended, and none follows."""
    until(lambda: len(fleet.drills()) >= drills and fleet.service.foreman.figures() == (0, 0))
    time.sleep(0.6)
    assert len(fleet.drills()) == drills


def test_a_fleet_that_was_never_drilled_is_drilled_at_once_each_once(tmp_path: Path) -> None:
    names = [f"w{number}" for number in range(12)]
    with served(write(tmp_path, *names)) as fleet:
        settled(fleet, 12)
        assert sorted(drill.workload or "" for drill in fleet.drills()) == sorted(names)
        assert set(fleet.triggers()) == {"schedule"}
    with served(tmp_path / "restore-tester.yaml") as again:
        settled(again, 12)


def test_no_more_run_side_by_side_than_the_configuration_says(tmp_path: Path) -> None:
    executor = FakeExecutor(0.1)
    with served(write(tmp_path, *"abcdefgh", top="concurrency: 3"), executor) as fleet:
        settled(fleet, 8)
        assert executor.most_running == 3


def test_of_one_store_no_more_are_read_at_once_than_it_allows_and_nobody_is_forgotten(tmp_path: Path) -> None:
    executor = FakeExecutor(0.05)
    with served(write(tmp_path, *"abcdefgh", top="concurrency: 8", location=", concurrency: 2"), executor) as fleet:
        settled(fleet, 8)
        assert executor.most_running == 2


def test_a_failed_drill_is_repeated_once_with_its_own_backup_and_no_more(tmp_path: Path) -> None:
    executor = FakeExecutor(ending=lambda request: Verdict.FAILED)
    with served(write(tmp_path, "shop"), executor) as fleet:
        settled(fleet, 2)
        assert fleet.triggers() == ["schedule", "repeat"]
        assert executor.requests[1].backup == "b1.dump"


def test_a_drill_beyond_the_days_bytes_is_refused_with_a_record_and_none_follows(tmp_path: Path) -> None:
    executor = FakeExecutor(choice=lambda request: a_backup("big.dump", datetime.now(UTC), 2_000_000))
    with served(write(tmp_path, "shop", location=", daily_budget: 1MB"), executor) as fleet:
        settled(fleet, 1)
        (drill,) = fleet.drills()
        assert (drill.verdict, drill.reason) == (Verdict.INCONCLUSIVE, "budget_spent")


def test_a_paused_workload_is_not_drilled_by_itself_but_when_somebody_asks(tmp_path: Path) -> None:
    file = write(tmp_path, "shop", top="paused: {reason: moving, until: 2199-01-01}")
    with served(file) as fleet:
        time.sleep(0.5)
        assert fleet.drills() == []
        fleet.service.foreman.ask(Asked(("shop",)))
        settled(fleet, 1)
        assert fleet.triggers() == ["api"]


def test_what_is_asked_for_and_is_not_there_is_refused(tmp_path: Path) -> None:
    with served(write(tmp_path, "shop")) as fleet, pytest.raises(Misuse) as refused:
        fleet.service.foreman.ask(Asked(("shopp",)))
    assert refused.value.reason.code == "workload_unknown"


def test_the_claims_of_who_is_gone_are_taken_over(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with served(write(tmp_path, "shop", top="paused: {reason: x, until: 2199-01-01}")) as fleet:
        left = Slot("shop", "slot:2026-11-05T03:00:00Z", now - timedelta(seconds=1))
        fleet.history.slots.claim(left, Lease("somebody", now - timedelta(seconds=1)), now - timedelta(minutes=6))
        fleet.service.tick()
        settled(fleet, 1)
        assert fleet.history.slots.orphaned(now + timedelta(hours=1)) == ()


def test_asked_to_stop_a_drill_ends_as_interrupted_and_the_next_service_drills_it_again(tmp_path: Path) -> None:
    file = write(tmp_path, "shop")
    with served(file, FakeExecutor(60.0)) as fleet:
        until(lambda: fleet.executor.running == 1)
        assert fleet.service.stop(20)
        assert [drill.reason for drill in fleet.drills()] == ["interrupted"]
    with served(file) as again:
        again.service.tick()
        settled(again, 2)
        assert [drill.verdict for drill in again.drills()] == [Verdict.INCONCLUSIVE, Verdict.PASSED]


def test_a_workload_that_is_removed_mid_drill_is_recorded_under_its_name_and_drilled_no_more(tmp_path: Path) -> None:
    executor = FakeExecutor(0.5)
    with served(write(tmp_path, "old"), executor) as fleet:
        until(lambda: executor.running == 1)
        fleet.service.reconfigure(load(write(tmp_path, "new")))
        settled(fleet, 2)
        assert sorted((drill.workload, drill.verdict) for drill in fleet.drills()) == [("new", "passed"), ("old", "passed")]


def test_a_drill_that_ends_while_the_history_is_away_is_written_when_it_is_back(tmp_path: Path) -> None:
    executor = FakeExecutor(0.4)
    with served(write(tmp_path, "shop"), executor) as fleet:
        until(lambda: len(executor.requests) == 1 and fleet.history.standings([SHOP])[0].running is not None)
        holder = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        until(lambda: executor.running == 0, 40)
        assert fleet.drills() == []
        holder.execute("ROLLBACK")
        holder.close()
        deadline = time.monotonic() + 20
        while not fleet.drills() and time.monotonic() < deadline:
            fleet.service.tick()
            time.sleep(0.1)
        settled(fleet, 1)
        assert len(executor.requests) == 1


def test_each_new_backup_is_drilled_once_where_every_one_is_selected(tmp_path: Path) -> None:
    executor = FakeExecutor(choice=lambda request: a_backup(f"b{len(executor.requests)}.dump"))
    with served(write(tmp_path, "shop", more="select: every"), executor) as fleet:
        settled(fleet, 1)
        listed = tuple(a_backup(f"b{number}.dump", datetime.now(UTC) - timedelta(hours=9 - number)) for number in (1, 2, 3))
        saw(fleet, Listing(listed))
        settled(fleet, 3)
        assert fleet.triggers() == ["schedule", "every", "every"]


def test_two_services_on_one_history_drill_each_workload_once(tmp_path: Path) -> None:
    file = write(tmp_path, *(f"w{number}" for number in range(20)))
    with served(file, FakeExecutor(0.02)) as one, served(file, FakeExecutor(0.02)) as two:
        until(lambda: len(one.drills()) >= 20)
        settled(one, 20)
        assert {drill.workload for drill in one.drills()} == {f"w{number}" for number in range(20)}
        assert len(one.executor.requests) + len(two.executor.requests) == 20


def saw(fleet: Served, listing: Listing) -> None:
    now = datetime.now(UTC)
    fleet.history.ledgers.sight(SHOP, sight_of(listing, None, None, now), listing, now)
    fleet.service.news.hurry()
