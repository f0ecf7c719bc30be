"""Several processes write one history at once: nothing is lost, and nobody abandons what another one runs."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from restore_tester.history.nouns import Search
from restore_tester.history.records import History, open_history
from restore_tester.model import Verdict
from tests.histories import NOW, a_drill, a_lease, an_order

DRILLS = 8
RUN = f"""
import sys
from datetime import UTC, datetime
from restore_tester.history.records import open_history
from tests.histories import a_drill, a_lease, an_order
dsn, me = sys.argv[1:]
with open_history(dsn) as history:
    for number in range({DRILLS}):
        now = datetime.now(UTC)
        drill = f"{{me}}-{{number}}"
        assert history.start(an_order(drill), a_lease(me, 600, now), now)
        assert history.abandon(now) == ()
        assert history.renew(drill, a_lease(me, 1200, now))
        claimed = history.start(an_order(f"{{drill}}-slot"), a_lease(me, 600, now), now, slot=str(number))
        print(number if claimed else "", end=" ")
        assert history.finish(a_drill(drill))
"""


def run_at_once(dsn: str, *names: str) -> list[str]:
    """Run as many processes; return what each printed."""
    folder = Path(__file__).parents[3]
    argv = [sys.executable, "-W", "error", "-c", RUN, dsn]
    started = [subprocess.Popen([*argv, name], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in names]
    said = [process.communicate(timeout=120) for process in started]
    assert [errors for _, errors in said] == [""] * len(names)
    return [output for output, _ in said]


def test_runs_that_start_at_once_share_a_history_that_was_not_there_yet(empty: str) -> None:
    run_at_once(empty, "one", "two", "three")
    with open_history(empty) as history:
        ended = history.drills(Search(verdict=Verdict.PASSED, limit=100))
    assert sorted(drill.drill for drill in ended) == sorted(f"{me}-{number}" for me in ("one", "two", "three") for number in range(DRILLS))
    assert not any(drill.abandoned for drill in ended)


def test_each_slot_is_claimed_by_one_of_them(dsn: str) -> None:
    claimed = " ".join(run_at_once(dsn, "one", "two")).split()
    assert sorted(claimed, key=int) == [str(number) for number in range(DRILLS)]


def test_threads_share_an_opened_history(history: History) -> None:
    def drill(number: int) -> bool:
        started = history.start(an_order(f"d{number}"), a_lease(), NOW)
        return started and history.finish(a_drill(f"d{number}"))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(drill, range(40)))
    assert len(history.drills(Search(limit=100))) == 40


def test_a_drill_is_abandoned_by_one_of_many(history: History) -> None:
    for number in range(5):
        history.start(an_order(f"d{number}"), a_lease(), NOW)
    with ThreadPoolExecutor(4) as threads:
        closed = threads.map(lambda _: history.abandon(NOW + timedelta(minutes=2)), range(4))
    assert sorted(drill.drill for each in closed for drill in each) == [f"d{number}" for number in range(5)]
