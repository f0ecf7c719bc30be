"""When a workload is proven, and when no more: the rules of `status --check`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.judgement.standing import Drilled, State, place_drilled, proof_lasts_seconds, state_of, worst
from restore_tester.model import Verdict

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = 86_400.0
PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def drilled(verdict: Verdict, days_ago: float, taken_days_ago: float | None, *, newest: bool = False) -> Drilled:
    """A drill of a backup; None days: its age is not known."""
    began_at = NOW - timedelta(days=days_ago)
    taken_at = NOW - timedelta(days=taken_days_ago) if taken_days_ago is not None else None
    return Drilled(f"d{days_ago}", verdict, began_at, began_at + timedelta(minutes=1), f"b{taken_days_ago}", taken_at, newest=newest)


def state(*drills: Drilled, position: int = 0) -> State:
    return state_of(place_drilled(drills), proof_lasts_seconds(position, DAY), NOW)


@pytest.mark.parametrize(
    ("last", "passed_days_ago", "position", "expected"),
    [
        (PASSED, 1.9, 0, State.PROVEN),
        (PASSED, 2.1, 0, State.STALE),
        (PASSED, 89, 1, State.PROVEN),
        (PASSED, 91, 1, State.STALE),
        (FAILED, 0.1, 0, State.FAILED),
        (INCONCLUSIVE, 0.1, 0, State.INCONCLUSIVE),
        (INCONCLUSIVE, None, 0, State.INCONCLUSIVE),
        (None, None, 0, State.NEVER_DRILLED),
        (None, None, 1, State.NEVER_DRILLED),
    ],
)
def test_how_a_location_stands(last: Verdict | None, passed_days_ago: float | None, position: int, expected: State) -> None:
    drills = [drilled(PASSED, passed_days_ago, passed_days_ago)] if passed_days_ago is not None else []
    drills += [drilled(last, 0.05, 0.05)] if last not in (None, PASSED) else []
    assert state(*drills, position=position) is expected


def test_an_older_backup_that_passes_does_not_answer_for_the_newest_that_failed() -> None:
    damaged = [drilled(FAILED, days, 4) for days in (3, 2, 1)]
    assert state(drilled(PASSED, 5, 5.1), *damaged, drilled(PASSED, 0.1, 20)) is State.FAILED
    assert place_drilled((*damaged, drilled(PASSED, 0.1, 20))).decisive == damaged[-1]


def test_a_backup_as_young_or_younger_that_passes_answers() -> None:
    assert state(drilled(FAILED, 1, 2), drilled(PASSED, 0.1, 2)) is State.PROVEN
    assert state(drilled(FAILED, 1, 2), drilled(PASSED, 0.1, 0.2)) is State.PROVEN


def test_the_newest_there_is_answers_also_where_the_failed_one_was_removed() -> None:
    assert state(drilled(FAILED, 1, 2), drilled(PASSED, 0.1, 3, newest=True)) is State.PROVEN


def test_an_old_backup_that_fails_counts_until_a_younger_one_passes() -> None:
    assert state(drilled(PASSED, 1, 1), drilled(FAILED, 0.2, 30)) is State.FAILED
    assert state(drilled(PASSED, 1, 1), drilled(FAILED, 0.2, 30), drilled(PASSED, 0.1, 0.1)) is State.PROVEN


def test_a_place_without_a_backup_is_answered_by_any_that_passes_there() -> None:
    absent = replace(drilled(FAILED, 1, None), backup="")
    assert state(absent) is State.FAILED
    assert state(absent, drilled(PASSED, 0.1, 3)) is State.PROVEN


def test_what_is_damaged_stays_so_where_the_next_drill_could_not_tell() -> None:
    assert state(drilled(FAILED, 1, 1), drilled(INCONCLUSIVE, 0.1, 0.1)) is State.FAILED


def test_a_failed_backup_without_a_date_counts_as_young_as_its_drill() -> None:
    assert state(drilled(FAILED, 1, None), drilled(PASSED, 0.1, 1.1)) is State.FAILED
    assert state(drilled(FAILED, 1, None), drilled(PASSED, 0.1, 0.9)) is State.PROVEN


def test_a_name_in_the_future_does_not_fail_a_place_for_ever() -> None:
    assert state(drilled(FAILED, 1, -300), drilled(PASSED, 0.1, 0.2)) is State.PROVEN


def test_the_proof_is_the_drill_of_the_youngest_backup_that_passed() -> None:
    young, old = drilled(PASSED, 1, 1.1), drilled(PASSED, 0.1, 30)
    found = place_drilled([old, young])
    assert (found.proof, found.last_passed_at) == (young, old.began_at)


def test_a_workload_is_as_good_as_its_worst_location_and_without_any_nothing() -> None:
    assert worst([State.PROVEN, State.STALE]) is State.STALE
    assert worst([State.STALE, State.FAILED, State.NEVER_DRILLED]) is State.FAILED
    assert worst([]) is State.NEVER_DRILLED


some_drills = st.lists(
    st.builds(drilled, st.sampled_from(Verdict), st.floats(0, 9), st.none() | st.floats(-1, 40)),
    max_size=8,
    unique_by=lambda drill: drill.drill,
)


@given(some_drills, st.randoms())
def test_the_order_in_which_drills_are_told_changes_nothing(drills: list[Drilled], random: object) -> None:
    shuffled = list(drills)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert place_drilled(shuffled) == place_drilled(drills)


@given(some_drills)
def test_proven_is_only_where_the_youngest_drilled_backup_passed(drills: list[Drilled]) -> None:
    if state(*drills) is not State.PROVEN:
        return
    ages = {drill.drill: min(drill.taken_at or drill.began_at, drill.began_at) for drill in drills}
    youngest = max(ages.values())
    assert any(drill.verdict is PASSED and ages[drill.drill] == youngest for drill in drills)


@given(some_drills)
def test_an_older_backup_that_passes_never_makes_a_failed_place_better(drills: list[Drilled]) -> None:
    if state(*drills) is State.FAILED and any(drill.verdict is FAILED and drill.backup for drill in drills):
        before = place_drilled(drills).decisive
        assert before is not None
        oldest = Drilled("later", PASSED, NOW, NOW, "old", datetime(2020, 1, 1, tzinfo=UTC))
        assert state(*drills, oldest) is State.FAILED
