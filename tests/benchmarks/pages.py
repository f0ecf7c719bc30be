"""Pages of 10 000 workloads in 2 locations, one in twenty in trouble, and of a drill with 10 000 checks, asked over a real socket."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from restore_tester.history.nouns import Place
from restore_tester.model import Outcome, Verdict
from tests.service.ledgers import a_configuration, a_full_ledger, a_workload
from tests.service.pages_served import Pages, a_check, now_drilled, pages

WORKLOADS = 10_000
LOCATIONS = ("primary", "offsite")
TIMES = 9
ADDRESSES = ("/", "/?page=100", "/?name=workload-0123", "/?state=failed", "/workloads/workload-00001", "/drills/small", "/drills/big")


def run() -> None:
    bad = a_full_ledger(3)
    good = replace(bad, bad=(), last=bad.last_passed, last_newest=bad.last_passed)
    names = [f"workload-{number:05}" for number in range(WORKLOADS)]
    configuration = a_configuration(*(a_workload(name, LOCATIONS) for name in names))
    with tempfile.TemporaryDirectory() as folder, pages(Path(folder), configuration) as served:
        began = time.perf_counter()
        served.known.fleet.update((Place(name, at), good if number % 20 else bad) for number, name in enumerate(names) for at in LOCATIONS)
        print(f"index of {WORKLOADS * len(LOCATIONS)} places: {time.perf_counter() - began:.1f} s")
        place = Place("workload-00001", "primary")
        checks = tuple(a_check(f"check_{number}", Outcome.FAILED if number % 2 else Outcome.PASSED) for number in range(10_000))
        served.known.kept.finish(replace(now_drilled("big", place, Verdict.FAILED), checks=checks))
        served.known.kept.finish(now_drilled("small", place))
        for address in ADDRESSES:
            tell(served, address)


def tell(served: Pages, address: str) -> None:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = served.client.get(address)
        took.append(time.perf_counter() - began)
    assert answer.status_code == 200, answer.text
    ordered = sorted(took)
    print(f"{address}: first {took[0] * 1e3:.0f} ms, median {ordered[TIMES // 2] * 1e3:.0f} ms, {len(answer.content) / 1e3:.0f} kB")
