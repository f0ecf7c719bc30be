"""A real Prometheus that scrapes a real service, whose fleet has something of everything."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration
from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Verdict
from restore_tester.service.metrics import Board, FleetFigures, Plan, Refusal
from tests.service.ledgers import NOW, a_configuration, a_drill, a_full_ledger, a_workload
from tests.service.test_server import served

# So many scrapes, a second apart, and an increase can be told.
SCRAPES = 3
REPLICAS = 2


@dataclass(frozen=True)
class Prometheus:
    client: httpx.Client

    def ask(self, path: str, **parameters: object) -> Any:
        """Return the data of an answer. Raise AssertionError where Prometheus refused the question."""
        answer = self.client.post(f"/api/v1/{path}", data=parameters).json()
        assert answer["status"] == "success", (answer.get("error"), parameters)
        return answer["data"]

    def now(self, query: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.ask("query", query=query)["result"]
        return result

    def lately(self, query: str) -> list[dict[str, Any]]:
        """As a panel over time asks."""
        at = time.time()
        result: list[dict[str, Any]] = self.ask("query_range", query=query, start=at - 60, end=at, step=1)["result"]
        return result

    def value(self, query: str) -> float:
        found = self.now(query)
        assert len(found) == 1, (query, found)
        return float(found[0]["value"][1])


def moved(value: Any, by: timedelta) -> Any:
    """Return the same value with every instant later by so much."""
    if isinstance(value, date):
        return value + by
    if isinstance(value, tuple):
        found = [moved(one, by) for one in value]
        return type(value)(*found) if hasattr(value, "_fields") else tuple(found)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: moved(getattr(value, one.name), by) for one in fields(value) if one.init})
    return value


def a_fleet() -> Configuration:
    """Five workloads: one is damaged in one location and proven in another, one is sound, and three have not shown that they are."""
    names = ("sound", "never", "old", "untold")
    workloads = (a_workload("orders", ("primary", "offsite")), *(a_workload(name) for name in names))
    return a_configuration(*workloads, stage_metrics=True)


def its_ledgers(now: datetime) -> list[tuple[Place, Ledger]]:
    full, passed = a_full_ledger(), a_drill()
    assert full.sight is not None and full.sight.newest is not None
    sound = replace(full, last=passed, last_newest=passed, bad=(), sight=replace(full.sight, code=None, lost=None))
    old = replace(passed, began_at=NOW - timedelta(days=9), ended_at=NOW - timedelta(days=9))
    untold = a_drill("drill-7", Verdict.INCONCLUSIVE, "store_unreachable")
    late = replace(full.sight, code=None, newest=replace(full.sight.newest, usable_at=NOW - timedelta(days=9)))
    found = {
        ("orders", "primary"): full,
        ("orders", "offsite"): replace(sound, last=replace(passed, checks_errored=1)),
        ("sound", "primary"): sound,
        ("old", "primary"): replace(sound, last=old, last_passed=old, last_newest=old, good=(old,), sight=late),
        ("untold", "primary"): replace(sound, last=untold),
    }
    return [(Place(*place), moved(ledger, now - NOW)) for place, ledger in found.items()]


def its_board(configuration: Configuration | None = None) -> Board:
    now, board = datetime.now(UTC), Board(SystemClock())
    board.configure(configuration or a_fleet())
    board.load(its_ledgers(now))
    board.plan([Plan("orders", now + timedelta(hours=3), refused=(Refusal("offsite", "budget_spent"),)), Plan("old", paused=True)])
    board.tell(FleetFigures(running=1, queued=2, config_reloaded_at=now))
    return board


@contextmanager
def scraping(folder: Path, board: Board) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a service of this board a few times."""
    with board.rendering(), served(board) as service, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        # Known by two addresses it is scraped twice, as two replicas would be: nothing may be counted twice.
        targets = [f"{host}:{service.listening.port}" for host in ("127.0.0.1", "localhost")]
        scrape = {"job_name": "restore-tester", "static_configs": [{"targets": targets}]}
        (folder / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}))
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: apt install prometheus"
        arguments = (
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        with (folder / "prometheus.log").open("wb") as log:
            process = subprocess.Popen([program, *arguments], stdout=log, stderr=log, cwd=folder, env={"PATH": os.defpath})
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                    prometheus = Prometheus(client)
                    _wait_for_scrapes(prometheus)
                    yield prometheus
            finally:
                process.terminate()
                process.wait(30)


def _wait_for_scrapes(prometheus: Prometheus) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            found = prometheus.now("count_over_time(restore_tester_build_info[5m])")
        except (httpx.TransportError, json.JSONDecodeError):
            found = []
        if len(found) == REPLICAS and all(float(one["value"][1]) >= SCRAPES for one in found):
            return
        time.sleep(0.2)
    raise AssertionError("nothing was scraped")
