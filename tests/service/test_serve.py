"""`serve` as its operator runs it: real backups restored when due, signals, and a death at any moment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.fleets import Fleet
from tests.service.serving import PATIENCE_SECONDS, serve

FOREVER = "recovery_point: select now() from pg_sleep(300)"


def test_what_is_due_is_restored_remembered_told_and_the_service_ends_when_asked(fleet: Fleet, small: Path) -> None:
    fleet.write("shop")
    fleet.put(small, "shop", 1)
    with serve(fleet) as serving:
        ended = serving.wait_for("drill ended", workload="shop", verdict="passed")
        assert (ended["trigger"], serving.get("/healthz")[0], serving.get("/readyz")[0]) == ("schedule", 200, 200)
        assert serving.end() == 0
    assert [drill["drill"] for drill in fleet.json("history").drills] == [ended["drill"]]


def test_killed_in_a_drill_the_next_start_closes_it_and_drills_it_again(fleet: Fleet, small: Path) -> None:
    fleet.write("shop", more=FOREVER)
    fleet.put(small, "shop", 1)
    with serve(fleet) as serving:
        serving.wait_for("stage ended", workload="shop", stage="gate")
        serving.end(signal.SIGKILL)
    fleet.write("shop")
    with serve(fleet) as serving:
        abandoned = serving.wait_for("drill abandoned", workload="shop")
        passed = serving.wait_for("drill ended", workload="shop", verdict="passed")
        assert serving.end() == 0
    found = {drill["drill"]: [reason["code"] for reason in drill["reasons"]] for drill in fleet.json("history").drills}
    assert found == {abandoned["drill"]: ["abandoned"], passed["drill"]: []}


def test_asked_to_stop_in_a_drill_it_ends_in_time_and_leaves_a_record(fleet: Fleet, small: Path) -> None:
    fleet.write("shop", more=FOREVER)
    fleet.put(small, "shop", 1)
    with serve(fleet) as serving:
        serving.wait_for("stage ended", workload="shop", stage="gate")
        began = time.monotonic()
        assert serving.end() == 0
        assert time.monotonic() - began < 25
    assert fleet.json("history").reasons[0] == "interrupted"


def test_a_configuration_with_a_mistake_is_not_taken_and_the_next_one_is(fleet: Fleet, small: Path) -> None:
    fleet.write("shop")
    fleet.put(small, "shop", 1)
    file = fleet.folder / "restore-tester.yaml"
    with serve(fleet) as serving:
        serving.wait_for("ready")
        good = file.read_text()
        file.write_text(good.replace("owner:", "onwer:"))
        os.kill(serving.process.pid, signal.SIGHUP)
        assert serving.wait_for("configuration not reloaded")["code"] == "configuration_refused"
        serving.wait_for("drill ended", workload="shop", verdict="passed")
        fleet.write("shop", "second")
        fleet.put(small, "second", 1)
        os.kill(serving.process.pid, signal.SIGHUP)
        assert serving.wait_for("configuration reloaded")["workloads"] == 2
        serving.wait_for("drill ended", workload="second", verdict="passed")
        assert serving.end() == 0


def test_a_second_service_on_one_sqlite_refuses_to_start_and_says_why(fleet: Fleet) -> None:
    fleet.write("shop", more="paused: {reason: a test, until: 2199-01-01}")
    with serve(fleet) as serving:
        serving.wait_for("ready")
        with serve(fleet) as other:
            assert other.process.wait(PATIENCE_SECONDS) == 3
            other.wait_for("listening")
        assert any("another service works from the history" in line["event"] for line in other.said)
