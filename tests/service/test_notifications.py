"""People are told of a change of state once, in one message, whatever befalls the webhook, the service or its replicas."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Mode, Pause
from restore_tester.history.nouns import Place
from restore_tester.model import Verdict
from restore_tester.service import logs
from restore_tester.service.known_good import KnownGood, Step
from restore_tester.service.notifications import Means
from tests.fake_executor import FakeExecutor
from tests.service.fleets_served import served, until, write
from tests.service.ledgers import a_workload
from tests.service.notified import HASTE, a_fleet, a_target, notified
from tests.webhooks import nobody_listens, webhook

QUIET = 0.6


def test_a_failure_is_told_once_and_its_end_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook, notified(tmp_path, a_fleet(a_target(monkeypatch, hook.address()))) as fleet:
        fleet.drilled(verdict=Verdict.PASSED)
        fleet.drilled()
        until(lambda: len(hook.bodies) == 1)
        assert "orders (primary) cannot be brought back from the newest backup `b" in hook.bodies[0]["message"]
        assert "tables came back empty` [rows_missing]" in hook.bodies[0]["message"]
        assert "Newest proven good: `b" in hook.bodies[0]["message"]
        fleet.drilled()
        fleet.drilled(verdict=Verdict.PASSED)
        until(lambda: len(hook.bodies) == 2)
        assert "orders (primary) can be brought back again" in hook.bodies[1]["message"]
        fleet.drilled(verdict=Verdict.PASSED)
        time.sleep(QUIET)
        assert len(hook.bodies) == 2


def test_what_fails_at_one_time_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workloads = tuple(a_workload(f"w{number:02}") for number in range(20))
    with webhook() as hook, notified(tmp_path, a_fleet(a_target(monkeypatch, hook.address()), workloads=workloads)) as fleet:
        fleet.notifier.configure(a_fleet(workloads=workloads))
        for workload in workloads:
            fleet.drilled(workload.name)
        fleet.notifier.configure(a_fleet(a_target(monkeypatch, hook.address()), workloads=workloads))
        until(lambda: len(hook.bodies) == 1)
        assert hook.bodies[0]["title"] == "restore-tester: 20 workloads cannot be brought back as agreed"
        time.sleep(QUIET)
        assert len(hook.bodies) == 1


def test_nothing_is_told_again_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        configuration = a_fleet(a_target(monkeypatch, hook.address()))
        with notified(tmp_path, configuration) as fleet:
            fleet.drilled()
            until(lambda: len(hook.bodies) == 1 and bool(fleet.history.slots.done_of("notify")))
        with notified(tmp_path, configuration, "another") as again:
            time.sleep(QUIET)
            again.drilled(verdict=Verdict.PASSED)
            until(lambda: len(hook.bodies) == 2)
            assert "can be brought back again" in hook.bodies[1]["message"]


def test_what_a_crash_kept_from_being_sent_is_sent_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(hangs=True) as hook:
        configuration = a_fleet(a_target(monkeypatch, hook.address()))
        with notified(tmp_path, configuration, "us", replace(HASTE, deadline=60.0)) as fleet:
            fleet.drilled()
            until(lambda: bool(hook.paths))
            # As `Service.stop` does, and as the lease's end does after a crash.
            fleet.notifier.stop()
            fleet.history.slots.give_back("us", datetime.now(UTC) - timedelta(seconds=1))
        hook.hold.set()
        with notified(tmp_path, configuration, "another"):
            until(lambda: "cannot be brought back" in hook.told() and len(hook.bodies) >= 2)


def test_of_two_replicas_one_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        configuration = a_fleet(a_target(monkeypatch, hook.address()))
        with notified(tmp_path, configuration, "us") as one, notified(tmp_path, configuration, "them") as other:
            one.drilled()
            other.hears("orders")
            until(lambda: len(hook.bodies) == 1)
            time.sleep(QUIET)
            one.drilled(verdict=Verdict.PASSED)
            other.hears("orders")
            until(lambda: len(hook.bodies) == 2)
            time.sleep(QUIET)
            assert len(hook.bodies) == 2


@pytest.mark.parametrize("trouble", ["500", "refuses", "hangs", "drips"])
def test_a_delivery_that_fails_is_tried_again_then_counted_and_said_without_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    lines = io.StringIO()
    logs.begin(lines, readable=False)
    with webhook(500, hangs=trouble == "hangs", drips=trouble == "drips") as hook:
        address = hook.address() if trouble != "refuses" else f"json://127.0.0.1:{nobody_listens()}/hook-s3cr3tpath"
        with notified(tmp_path, a_fleet(a_target(monkeypatch, address))) as fleet:
            fleet.drilled()
            until(lambda: fleet.notifier.failed == 1)
            assert len(hook.paths) == {"500": 4, "refuses": 0}.get(trouble, 1)
    assert "notification not delivered" in lines.getvalue()
    assert "s3cr3tpath" not in lines.getvalue()


def test_how_many_reached_nobody_does_not_go_back_over_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = a_fleet(a_target(monkeypatch, f"json://127.0.0.1:{nobody_listens()}/x"))
    with notified(tmp_path, configuration) as fleet:
        fleet.drilled()
        until(lambda: fleet.history.slots.count("unsent") == 1)
    with notified(tmp_path, configuration) as again:
        assert again.notifier.failed == 1


def test_a_server_that_is_back_gets_what_it_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = replace(HASTE, again=(0.2,) * 40)
    with webhook(503) as hook, notified(tmp_path, a_fleet(a_target(monkeypatch, hook.address())), pace=pace) as fleet:
        fleet.drilled()
        until(lambda: len(hook.paths) >= 2)
        hook.status = 200
        until(lambda: bool(fleet.history.slots.done_of("notify")))
        assert fleet.notifier.failed == 0


def test_one_that_hangs_keeps_nobody_else_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(hangs=True) as stuck, webhook() as well:
        targets = (a_target(monkeypatch, stuck.address()), a_target(monkeypatch, well.address()))
        with notified(tmp_path, a_fleet(*targets), pace=replace(HASTE, deadline=30.0)) as fleet:
            fleet.drilled()
            until(lambda: len(well.bodies) == 1)
            assert not stuck.bodies


@pytest.mark.parametrize("how", ["observed", "paused", "non-essential"])
def test_who_is_observed_paused_or_not_essential_wakes_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    quiet = a_workload("quiet")
    quiet = {
        "observed": replace(quiet, mode=Mode.OBSERVE),
        "paused": replace(quiet, paused=Pause("a move", datetime.now(UTC) + timedelta(days=1))),
        "non-essential": replace(quiet, criticality="non-essential"),
    }[how]
    with webhook() as hook:
        configuration = a_fleet(a_target(monkeypatch, hook.address()), workloads=(quiet, a_workload()))
        with notified(tmp_path, configuration) as fleet:
            fleet.drilled("quiet")
            fleet.drilled("orders")
            until(lambda: bool(hook.bodies))
            assert "orders" in hook.told()
            assert "quiet" not in hook.told()


def test_a_single_inconclusive_drill_is_not_told_and_a_second_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook, notified(tmp_path, a_fleet(a_target(monkeypatch, hook.address()))) as fleet:
        fleet.drilled(verdict=Verdict.PASSED)
        fleet.drilled(verdict=Verdict.INCONCLUSIVE, trigger="schedule")
        time.sleep(QUIET)
        assert not hook.bodies
        fleet.drilled(verdict=Verdict.INCONCLUSIVE, trigger="schedule")
        until(lambda: len(hook.bodies) == 1)
        assert hook.bodies[0]["message"].startswith("Nobody can tell whether orders (primary) can be brought back")


def test_the_end_of_a_walk_back_is_told_with_the_way_to_the_drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Step("b7.dump", "file:///b7.dump", datetime(2026, 11, 20, 2, 30, tzinfo=UTC), 93_600.0, True, "drill-7", True, 840.0, None)
    found = KnownGood(
        workload="orders",
        location="primary",
        at=datetime.now(UTC),
        retained=9,
        good=good,
        first_bad=None,
        not_tried=0,
        steps=(good,),
        complete=True,
        seconds=60.0,
        commands=(),
    )
    with webhook() as hook:
        configuration = replace(a_fleet(a_target(monkeypatch, hook.address())), public_url="https://dr.example.com")
        with notified(tmp_path, configuration) as fleet:
            fleet.notifier.found(found)
            until(lambda: len(hook.bodies) == 1)
    said = "orders (primary) can be brought back from `b7.dump`, of 20 Nov 02:30Z, 1 d 2 h old, back in 14 min (found after 1 drill)."
    assert hook.bodies[0]["message"] == f"{said}\nhttps://dr.example.com/drills/drill-7"


def test_a_backup_whose_name_is_worded_for_a_chat_calls_nobody_and_is_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook, notified(tmp_path, a_fleet(a_target(monkeypatch, hook.address()))) as fleet:
        fleet.drilled(backup="`@everyone [see](https://evil.example) password=hunter2abc")
        until(lambda: len(hook.bodies) == 1)
    said = "`'@\u200beveryone [see]\u200b(https://evil.example) password=[redacted]\u200b`"
    assert f"from the newest backup {said}, of " in hook.bodies[0]["message"]


def test_the_days_summary_is_sent_once_and_names_what_wakes_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = replace(a_workload("quiet"), criticality="non-essential")
    with webhook() as hook:
        target = replace(a_target(monkeypatch, hook.address()), when=("stale",), digest=datetime.now(UTC).time().replace(second=0))
        configuration = a_fleet(target, workloads=(quiet,))
        with notified(tmp_path, a_fleet(workloads=(quiet,))) as fleet, notified(tmp_path, configuration, "them") as other:
            fleet.drilled("quiet")
            other.hears("quiet")
            fleet.notifier.configure(configuration)
            until(lambda: bool(hook.bodies))
            time.sleep(QUIET)
    assert len(hook.bodies) == 1
    assert hook.bodies[0]["title"].endswith("1 of 1 location not proven")


def test_an_address_that_cannot_be_resolved_is_a_failed_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = a_target(monkeypatch, "json://x")
    monkeypatch.delenv(target.url.place)
    with notified(tmp_path, a_fleet(target)) as fleet:
        fleet.drilled()
        until(lambda: fleet.notifier.failed == 1)


def test_a_service_tells_of_a_failure_after_its_repetition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        monkeypatch.setenv("HOOK", hook.address())
        file = write(tmp_path, "shop", top="notifications: [{url: {env: HOOK}, at_most_every: 1s}]\nfind_good: 0")
        with served(file, FakeExecutor(ending=lambda request: Verdict.FAILED), means=Means(SystemClock(), HASTE)) as fleet:
            until(lambda: len(hook.bodies) == 1)
            assert fleet.triggers() == ["schedule", "repeat"]
            assert "shop (primary) cannot be brought back" in hook.told()
            assert fleet.history.ledgers.get(Place("shop", "primary")) is not None
