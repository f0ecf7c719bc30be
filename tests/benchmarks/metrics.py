"""`/metrics` of 10 000 workloads in 2 locations: rendered cold and after one drill, handed out, scraped by a real Prometheus."""

from __future__ import annotations

import http.client
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from restore_tester.clock import SystemClock
from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import Ledger
from restore_tester.service.exposition import Format
from restore_tester.service.metrics import Board, Plan
from restore_tester.service.server import serve_http
from tests.service.ledgers import NOW, a_configuration, a_full_ledger, a_workload
from tests.service.test_server import SomeApi, prometheus

WORKLOADS = 10_000
LOCATIONS = ("primary", "offsite")
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def ledgers() -> Iterator[tuple[Place, Ledger]]:
    """No two alike, or they would compress better than any fleet does."""
    full, chance = a_full_ledger(2), random.Random(5)
    assert full.last is not None
    assert full.last_passed is not None
    for number in range(WORKLOADS):
        for location in LOCATIONS:
            ago, took = timedelta(seconds=chance.uniform(0, 86_400)), chance.uniform(60, 3000)
            last = replace(full.last, began_at=NOW - ago, ended_at=NOW - ago + timedelta(seconds=took), recovery_time_seconds=took)
            passed = replace(full.last_passed, began_at=NOW - 2 * ago, taken_at=NOW - 3 * ago)
            seen = replace(
                full, passed=number % 400, last=last, last_newest=last, last_passed=passed, good=(passed,), first_seen=NOW - 9 * ago
            )
            yield Place(f"workload-{number:05}", location), replace(seen, bad=(), proven_recovery_point=NOW - 3 * ago)


def run() -> None:
    for metrics in ("lean", "full"):
        _run(metrics)


def _run(metrics: str) -> None:
    configuration = a_configuration(*(a_workload(f"workload-{number:05}", LOCATIONS) for number in range(WORKLOADS)), metrics=metrics)
    before, board = resident_mb(), Board(SystemClock())
    began = time.perf_counter()
    board.configure(configuration)
    board.load(ledgers())
    board.plan(Plan(workload.name, NOW) for workload in configuration.workloads)
    loaded = time.perf_counter()
    body = board.body(Format.OPENMETRICS, compressed=True)
    rendered = time.perf_counter()
    assert body is not None
    plain = board.body(Format.OPENMETRICS, compressed=False)
    assert plain is not None
    series = sum(not line.startswith(b"#") for line in plain.parts[0].splitlines())
    print(
        f"{metrics}: {series} series; ledgers taken over in {loaded - began:.2f} s, first rendering {rendered - loaded:.2f} s; "
        f"{plain.length / 1e6:.1f} MB, gzipped {body.length / 1e6:.2f} MB",
        flush=True,
    )
    del plain
    print(f"  again after one drill: {_again(board):.0f} ms (aim ≤ 250 ms), worst of 20; resident {resident_mb() - before:.0f} MB more")
    with serve_http("127.0.0.1:0", board, SomeApi()) as listening:
        took = [_get(listening.port) for _ in range(30)]
        print(f"  answer over HTTP: first byte after {max(took) * 1000:.1f} ms (aim ≤ 20 ms), worst of 30", flush=True)
        if metrics == "lean":
            _scrape(listening.port)


def _scrape(port: int) -> None:
    """Of so large a fleet nobody scrapes `full`: it is what `auto` keeps people from."""
    with tempfile.TemporaryDirectory() as folder, prometheus(port, Path(folder), interval="10s") as query:
        time.sleep(32)
        worst, samples = query("max_over_time(scrape_duration_seconds[2m])"), query("scrape_samples_scraped")
        print(f"  Prometheus scraped {samples} samples in {worst} s at worst (aim ≤ 3 s); resident {resident_mb():.0f} MB", flush=True)


def _again(board: Board) -> float:
    """Milliseconds from a drill's end to the new body."""
    worst = 0.0
    for number in range(20):
        place = Place(f"workload-{number * 499:05}", "primary")
        began = time.perf_counter()
        board.update([(place, replace(a_full_ledger(2), failed=number + 3))])
        board.render()
        worst = max(worst, time.perf_counter() - began)
    return worst * 1000


def _get(port: int) -> float:
    """Seconds until the first byte of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    connection.request("GET", "/metrics", headers={"Accept": OPENMETRICS, "Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    took = time.perf_counter() - began
    answer.read()
    connection.close()
    return took
