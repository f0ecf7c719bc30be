"""Durations, sizes and schedules as people write them."""

from __future__ import annotations

import pytest

from restore_tester.config.cron import trouble_with, widest_gap_seconds
from restore_tester.config.units import bytes_of, seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("4h", 14400), ("7d", 604800), ("1.5h", 5400), ("0s", 0)])
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5M", "5m5s", "5w", "5m\n", "1e3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4_000_000_000), ("8GiB", 8 << 30), ("1.5 GiB", 3 << 29), ("0.1kB", 100), ("12B", 12), ("2TB", 2 * 10**12)]
)
def test_a_size_is_a_number_and_its_unit(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "4", "4 G", "4gb", "4Gib", "-4GB", "4GB "])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("0 3 * * *", 24),
        ("*/5 * * * *", 1 / 12),
        ("0 3 * * 1-5", 72),
        ("30 2 1 * *", 744),
        ("0 8-17 * * *", 15),
        ("0 0 * * 0,3", 96),
        ("0 0 29 2 *", 35064),
    ],
)
def test_the_widest_gap_of_a_schedule_is_what_staleness_is_measured_by(expression: str, hours: float) -> None:
    assert widest_gap_seconds(expression) == hours * 3600


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "0 3 * *",
        "0 3 * * * *",
        "60 3 * * *",
        "0 24 * * *",
        "0 3 0 * *",
        "0 3 * 13 *",
        "0 3 * * 8",
        "0 0 31 2 *",
        "x * * * *",
        "*/0 * * * *",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    assert trouble_with(expression)


@pytest.mark.parametrize("expression", ["0 3 * * *", "*/15 0-6 1,15 jan-mar mon", "0 0 * * 7"])
def test_a_schedule_of_five_fields_is_one(expression: str) -> None:
    assert trouble_with(expression) is None
