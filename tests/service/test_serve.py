"""`serve` as its operator runs it: real backups restored when due, signals, and a death at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fleets import Fleet
from tests.producers import SourceServer
from tests.terminal import command, environment

PATIENCE_SECONDS = 90.0
FOREVER = "recovery_point: select now() from pg_sleep(300)"


class Serving:
    """A service in a process of its own, and what it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line) if line.startswith("{") else {"event": line.rstrip()})

    def join(self) -> None:
        self._reading.join(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def wait_for(self, event: str, **facts: object) -> dict[str, Any]:
        """Return the first line that says so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for line in list(self.said):
                if line["event"] == event and all(line.get(name) == value for name, value in facts.items()):
                    return line
            assert time.monotonic() < deadline, f"{event} {facts} was never said: {self.said}"
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reading.join(PATIENCE_SECONDS)
        return code

    def get(self, path: str) -> tuple[int, str]:
        line = self.wait_for("listening")
        try:
            with urllib.request.urlopen(f"http://{line['host']}:{line['port']}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def fleet(tmp_path: Path, template_cache: Path) -> Fleet:
    return Fleet(tmp_path, template_cache)


@pytest.fixture(scope="module")
def small(source: SourceServer) -> Path:
    return source.dump(
        source.make_database("served", "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 50);")
    )


@contextmanager
def serve(fleet: Fleet) -> Iterator[Serving]:
    argv = command("serve", "--listen", "127.0.0.1:0")
    more = environment({"RESTORE_TESTER_CACHE": str(fleet.cache)})
    process = subprocess.Popen(argv, cwd=fleet.folder, env=more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    serving = Serving(process)
    try:
        yield serving
    finally:
        process.kill()
        process.wait()
        serving.join()


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
