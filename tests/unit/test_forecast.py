"""What was measured over time → when a limit will be crossed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.judgement.forecast import Forecast, Outcome, Point, breach, line_through

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


def points(of_day: Callable[[int], float], count: int = 30) -> list[Point]:
    return [Point(START + timedelta(days=day), of_day(day)) for day in range(count)]


def noisy(seed: int, per_day: float, noise: float, count: int = 30) -> list[Point]:
    random = Random(seed)
    return points(lambda day: 600 + per_day * day + random.gauss(0, noise), count)


def forecast(given: list[Point], limit: float) -> Forecast:
    return breach(line_through(given), limit, given[-1].at)


def test_growth_without_noise_is_forecast_to_the_minute() -> None:
    found = forecast(points(lambda day: 600 + 10 * day), 1600)
    assert found.outcome is Outcome.EXPECTED
    assert found.at is not None
    assert found.earliest is not None
    assert found.latest is not None
    for instant in (found.at, found.earliest, found.latest):
        assert abs(instant - (START + timedelta(days=100))) < timedelta(minutes=1)


@pytest.mark.parametrize("count", [12, 20, 30])
def test_nine_of_ten_intervals_hold_the_truth(count: int) -> None:
    truth, inside, told = START + timedelta(days=120), 0, 0
    for seed in range(1000):
        found = forecast(noisy(seed, 10, 20, count), 600 + 120 * 10)
        if found.outcome is Outcome.EXPECTED and found.earliest is not None:
            told += 1
            inside += found.earliest <= truth and (found.latest is None or truth <= found.latest)
    assert told > 900
    assert 0.86 <= inside / told <= 0.97


def test_steady_noise_is_hardly_ever_given_a_date() -> None:
    dated = sum(forecast(noisy(seed, 0, 60), 1200).outcome is Outcome.EXPECTED for seed in range(2000))
    assert dated / 2000 < 0.01


def test_steady_values_do_not_breach_within_a_year() -> None:
    assert forecast(points(lambda _: 600.0), 700).outcome is Outcome.NOT_WITHIN_A_YEAR


def test_shrinking_values_do_not_breach_within_a_year() -> None:
    assert forecast(points(lambda day: 600.0 - day), 700).outcome is Outcome.NOT_WITHIN_A_YEAR


def test_growth_that_needs_longer_than_a_year_is_not_dated() -> None:
    found = forecast(points(lambda day: 600 + 0.1 * day), 700)
    assert (found.outcome, found.at) == (Outcome.NOT_WITHIN_A_YEAR, None)


def test_what_is_above_the_limit_already_is_said_to_be_since_when() -> None:
    found = forecast(points(lambda day: 600 + 10 * day), 800)
    assert found.outcome is Outcome.BREACHED
    assert found.at is not None
    assert abs(found.at - (START + timedelta(days=20))) < timedelta(minutes=1)


def test_seven_points_are_too_few() -> None:
    assert forecast(points(lambda day: 600 + 10 * day, 7), 700).outcome is Outcome.UNKNOWN


def test_points_of_one_instant_have_no_line() -> None:
    assert line_through([Point(START, float(value)) for value in range(20)]) is None


def test_a_quarter_of_outliers_does_not_move_the_date_far() -> None:
    found = forecast(points(lambda day: 600 + 10 * day + (3000 if day % 5 == 0 else 0)), 1600)
    assert found.at is not None
    assert abs(found.at - (START + timedelta(days=100))) < timedelta(days=12)


@given(
    values=st.lists(st.floats(0, 1e9), min_size=8, max_size=30),
    gaps=st.lists(st.integers(0, 10**7), min_size=30, max_size=30),
    limit=st.floats(1, 1e9),
    order=st.randoms(use_true_random=False),
)
def test_whatever_was_measured_the_dates_are_in_order_and_arrival_does_not_matter(
    values: list[float], gaps: list[int], limit: float, order: Random
) -> None:
    given_points = [Point(START + timedelta(seconds=sum(gaps[:place]) + place), value) for place, value in enumerate(values)]
    shuffled = list(given_points)
    order.shuffle(shuffled)
    assert line_through(shuffled) == line_through(given_points)
    now = given_points[-1].at
    found = breach(line_through(given_points), limit, now)
    if found.outcome is Outcome.EXPECTED:
        assert found.at is not None
        assert found.earliest is not None
        assert now <= found.earliest <= found.at <= now + timedelta(days=366)
        assert found.latest is None or found.at <= found.latest
    if found.outcome is Outcome.BREACHED:
        assert found.at is not None
        assert found.at <= now
