"""What the fleet's page makes of ledgers: which location counts, who is worst, how a scale is divided, and that the service tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.judgement.forecast import Point
from restore_tester.judgement.ledger import Ledger
from restore_tester.judgement.standing import State
from restore_tester.model import Objectives, Verdict
from restore_tester.service.pages.index import Asked
from restore_tester.service.pages.plots import BOTTOM, LEFT, RIGHT, TOP, plot
from restore_tester.service.pages.rows import WorkloadNow, back_told, losing_told, row_of, workload_now
from tests.service.fleets_served import served, until, write
from tests.service.ledgers import NOW, a_drill, a_full_ledger, a_workload

POINTS = st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 1e8)), min_size=1, max_size=40)


def a_ledger(hours: float) -> Ledger:
    """A backup of so many hours ago, proven."""
    at = NOW - timedelta(hours=hours)
    proven = replace(a_drill(), recovery_point_not_before=at, taken_at=at)
    return Ledger(first_seen=NOW - timedelta(days=90), last=proven, last_newest=proven, last_passed=proven, good=(proven,))


def standing(*ledgers: Ledger | None, objectives: Objectives = Objectives(3600.0, 86_400.0)) -> WorkloadNow:
    names = tuple(f"place{number}" for number in range(len(ledgers)))
    workload = replace(a_workload("orders", names), objectives=objectives)
    rows = [row_of(name, one, objectives, NOW) if one is not None else None for name, one in zip(names, ledgers, strict=True)]
    return workload_now(workload, rows, NOW)


@pytest.mark.parametrize(("hours", "best"), [((2.5, 2.4), "place0"), ((30, 2), "place1"), ((2, 30), "place0")])
def test_the_first_location_counts_unless_another_loses_much_less(hours: tuple[float, float], best: str) -> None:
    found = standing(*(a_ledger(each) for each in hours)).best
    assert found is not None
    assert found.location == best


def test_a_location_that_nobody_knows_is_no_way_back() -> None:
    known = standing(None, a_ledger(30))
    assert (known.state, known.exposed, losing_told(known.best)) == (State.NEVER_DRILLED, True, "1 d 6 h of data (proven)")
    unknown = standing(None, None)
    assert (back_told(unknown), losing_told(unknown.best)) == ("an unknown time, never drilled", "everything, as far as is known")


def test_beyond_the_objective_is_as_bad_as_failed_and_both_is_worst() -> None:
    failed = replace(a_full_ledger(1), good=(), bad=())
    late, fine = a_ledger(48), a_ledger(1)
    both = replace(failed, last_newest=replace(failed.last, recovery_point_not_before=None), sight=None, good=late.good)  # type: ignore[type-var]
    ranks = [standing(one).rank[:2] for one in (both, late, fine)]
    assert ranks[0] < ranks[1] < ranks[2]


def test_a_search_that_finds_the_newest_bad_fails_a_place_though_an_older_one_passed() -> None:
    older = replace(a_drill("older"), trigger="find_good", newest=False)
    bad = replace(a_drill("bad", Verdict.FAILED, "rows_missing"), trigger="find_good", newest=True)
    known = Ledger(first_seen=NOW - timedelta(days=90), last=bad, last_newest=bad, good=(older,), bad=(bad,))
    assert standing(known).state is State.FAILED
    assert standing(replace(known, last=None, last_newest=None, bad=())).state is State.NEVER_DRILLED


def test_a_fast_drill_says_nothing_of_recovery_time() -> None:
    from restore_tester.model import Profile

    fast = replace(a_drill(), profile=Profile.FAST, recovery_time_seconds=12.0)
    told = standing(replace(a_ledger(1), last=fast, last_newest=fast, last_passed=fast, good=(fast,)))
    assert told.recovery_seconds is None
    assert back_told(told) == "an unknown time (a fast drill took 12 s)"


@given(POINTS, st.one_of(st.none(), st.floats(1, 1e8)))
def test_nothing_of_a_drawing_lies_outside_it(values: list[tuple[int, float]], objective: float | None) -> None:
    drawn = plot("t", [Point(NOW + timedelta(seconds=at), value) for at, value in values], objective, None, "drill")
    assert drawn is not None
    assert all(LEFT <= dot.x <= RIGHT and TOP - 1 <= dot.y <= BOTTOM for dot in drawn.dots)
    assert drawn.objective is None or TOP - 1 <= drawn.objective <= BOTTOM
    assert [dot.x for dot in drawn.dots] == sorted(dot.x for dot in drawn.dots)
    assert drawn.objective is not None or objective is None or drawn.objective_told


def test_the_service_tells_its_index_what_drills_find_and_forgets_their_progress(tmp_path: Path) -> None:
    with served(write(tmp_path, "orders")) as running:
        service = running.service
        until(lambda: service.index.search(Asked()).workloads[0].state is State.PROVEN)
        until(lambda: not service.progress.all())
        (drill,) = running.drills("orders")
        assert drill.verdict is Verdict.PASSED
        starts = service.next_start("orders")
        assert starts is not None
        assert starts[0] > datetime.now(UTC)
        assert service.next_start("nothing") is None
