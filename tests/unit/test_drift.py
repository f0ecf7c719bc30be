"""Values of comparable drills → drift, or none. The noise is seeded: what is stated here is what docs/drift.md states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median

import pytest

from restore_tester.judgement.drift import LEARNED, Rule, trend
from restore_tester.judgement.ledger import Cycle, Measured, Trend, TrendState
from restore_tester.judgement.trends import PER_GIB, trends_of

TIME = Rule(floor=5.0, least=20.0)
AGE = Rule(floor=60.0, least=300.0)
USUAL = 600.0
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ALARMS = (TrendState.DRIFTING, TrendState.CREEPING)


def noisy(seed: int, count: int, noise: float = 0.1) -> list[float]:
    random = Random(seed)
    return [USUAL * (1 + random.gauss(0, noise)) for _ in range(count)]


def with_outliers(values: list[float], seed: int) -> list[float]:
    """Now and then a single one, two to six times the usual, never two within five."""
    random, last, spoiled = Random(-seed - 1), -9, list(values)
    for place in range(len(values)):
        if place - last > 5 and random.random() < 0.1:
            spoiled[place] *= random.uniform(2, 6)
            last = place
    return spoiled


def states(values: list[float], rule: Rule = TIME) -> list[TrendState]:
    """What is said after each drill, from the first on that is compared."""
    return [trend("q", values[:count], rule).state for count in range(LEARNED, len(values) + 1)]


def alarm_after(values: list[float], since: int) -> int:
    """How many drills after the change it takes to say so; 0: it was never said."""
    spoken = (count - since for count in range(since + 1, len(values) + 1) if trend("q", values[:count], TIME).state in ALARMS)
    return next(spoken, 0)


# --- quiet ------------------------------------------------------------------------------------------------------------


def test_ten_thousand_steady_series_with_outliers_stay_quiet() -> None:
    """A false drift takes an outlier and a chance beside it: once or twice in 230 000 evaluations."""
    said = [state for seed in range(10_000) for state in states(with_outliers(noisy(seed, 30), seed))]
    assert len(said) == 230_000
    assert said.count(TrendState.DRIFTING) <= 2
    assert said.count(TrendState.CREEPING) / len(said) < 0.0005


def test_ten_percent_of_noise_alone_never_drift() -> None:
    assert TrendState.DRIFTING not in [state for seed in range(3_000) for state in states(noisy(seed, 30))]


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.2])
def test_gaussian_noise_alarms_in_less_than_one_of_a_thousand_evaluations(noise: float) -> None:
    said = [state for seed in range(2_000) for state in states(noisy(seed, 30, noise))]
    assert sum(state in ALARMS for state in said) / len(said) < 0.001


def test_values_that_never_vary_are_steady() -> None:
    assert set(states([USUAL] * 30)) == {TrendState.STEADY}
    assert set(states([0.0] * 30)) == {TrendState.STEADY}


def test_what_takes_seconds_may_double() -> None:
    assert set(states([8.0] * 15 + [16.0] * 15)) == {TrendState.STEADY}


def test_a_step_down_is_no_drift() -> None:
    assert set(states([USUAL] * 15 + [USUAL / 3] * 15)) == {TrendState.STEADY}


def test_backups_that_pause_on_weekends_have_no_drifting_rpo() -> None:
    week = [86_400.0] * 4 + [3 * 86_400.0]
    assert set(states(week * 8, AGE)) == {TrendState.STEADY}


def test_fewer_than_eight_are_learning_and_have_no_baseline() -> None:
    few = trend("q", [USUAL] * 7, TIME)
    assert (few.state, few.compared, few.baseline, few.upper) == (TrendState.LEARNING, 7, None, None)


# --- loud -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", [10, 15, 25])
def test_a_step_of_sixty_percent_is_found_within_two_or_three_drills(since: int) -> None:
    after = []
    for seed in range(300):
        values = noisy(seed, since + 5, 0.05)
        after.append(alarm_after([value * (1.6 if place >= since else 1) for place, value in enumerate(values)], since))
    assert set(after) <= {2, 3, 4, 5}
    assert sum(drills <= 3 for drills in after) / len(after) > 0.98


def test_a_step_of_sixty_percent_in_ten_percent_noise_is_found_in_the_end() -> None:
    after = []
    for seed in range(300):
        values = noisy(seed, 40)
        after.append(alarm_after([value * (1.6 if place >= 15 else 1) for place, value in enumerate(values)], 15))
    assert 0 not in after
    assert sum(drills <= 3 for drills in after) / len(after) > 0.75


def test_creep_of_two_percent_per_drill_is_found_by_the_sum() -> None:
    found = []
    for seed in range(300):
        values = [value * 1.02 ** max(0, place - 10) for place, value in enumerate(noisy(seed, 40))]
        found.append(alarm_after(values, 10))
    assert 0 not in found
    assert median(found) <= 18


def test_what_crept_says_where_it_set_out() -> None:
    crept = trend("q", [USUAL * 1.02**place for place in range(40)], TIME)
    assert crept.state is TrendState.CREEPING
    assert crept.grown_from is not None
    assert crept.grown_from < USUAL * 1.25 < crept.latest


def test_one_high_value_is_no_drift_and_the_second_is() -> None:
    assert trend("q", [USUAL] * 20 + [2 * USUAL], TIME).state is TrendState.STEADY
    assert trend("q", [USUAL] * 20 + [2 * USUAL] * 2, TIME).state is TrendState.DRIFTING


def test_a_step_that_nobody_accepted_is_still_told_when_the_baseline_has_followed_it() -> None:
    assert trend("q", [USUAL] * 15 + [2 * USUAL] * 20, TIME).state is TrendState.CREEPING


# --- comparable -------------------------------------------------------------------------------------------------------


def measured(
    place: int, seconds: float, kind: str = "faithful", size_gib: float = 2.0, lag: float = 60.0, restore: float = 0.0
) -> Measured:
    at = NOW + timedelta(days=place)
    stages = (("fetch", 5.0), ("restore", restore), ("check", seconds * 9))
    return Measured(f"d{place}", at, kind, f"b{place}", seconds, lag + place / 1000, int(size_gib * (1 << 30)), stages)


def told(drills: list[Measured], cycles: list[Cycle] | None = None, since: datetime | None = None) -> dict[str, Trend]:
    return {found.quantity: found for found in trends_of(tuple(drills), tuple(cycles or ()), since)}


def test_a_drill_by_hand_on_another_machine_does_not_forget_what_was_learned() -> None:
    drills = [measured(place, USUAL) for place in range(12)] + [measured(12, 10 * USUAL, kind="laptop")]
    assert (told(drills)["recovery_time"].state, told(drills)["recovery_time"].compared) == (TrendState.STEADY, 12)


def test_three_drills_on_new_machines_are_learned_anew() -> None:
    drills = [measured(place, USUAL) for place in range(12)] + [measured(12 + place, 10 * USUAL, kind="new") for place in range(3)]
    assert (told(drills)["recovery_time"].state, told(drills)["recovery_time"].compared) == (TrendState.LEARNING, 3)


def test_one_backup_that_lagged_and_was_drilled_twice_counts_once() -> None:
    late = measured(12, USUAL, lag=9000.0)
    again = Measured("again", late.at + timedelta(hours=1), late.kind, late.backup, USUAL, late.lag_seconds, late.size_bytes, ())
    drills = [measured(place, USUAL) for place in range(12)] + [late, again]
    assert told(drills)["recovery_point_lag"].state is TrendState.STEADY


def test_the_stage_that_grew_is_named_and_no_other() -> None:
    drills = [measured(place, USUAL, restore=500.0) for place in range(12)]
    drills += [measured(12 + place, 2 * USUAL, restore=1100.0) for place in range(3)]
    assert set(told(drills)) == {"recovery_time", "recovery_point_lag", PER_GIB, "stage:restore"}


def test_a_database_that_doubled_takes_longer_but_not_per_gib() -> None:
    drills = [measured(place, USUAL) for place in range(12)] + [measured(12 + place, 2 * USUAL, size_gib=4.0) for place in range(3)]
    assert told(drills)["recovery_time"].state is TrendState.DRIFTING
    assert PER_GIB not in told(drills)


def test_cycles_that_began_to_count_the_lag_do_not_drift() -> None:
    cycles = [Cycle(str(place), NOW + timedelta(days=place), 3600.0, at_least=True) for place in range(12)]
    cycles += [Cycle(str(place), NOW + timedelta(days=place), 7200.0) for place in range(12, 15)]
    assert told([], cycles)["achieved_rpo"].state is TrendState.LEARNING
