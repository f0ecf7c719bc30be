"""`90s 15m 4h 7d`."""

from __future__ import annotations

import pytest

from restore_tester.judgement.durations import parse_duration


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("4h", 14_400), ("7d", 604_800), ("0.5s", 0.5), ("1.5h", 5_400)])
def test_a_number_and_its_unit_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "4", "h", "4 h", " 4h", "4H", "4hours", "-4h", "0s", "0.0d", "1h30m", "1e3s", "٤h", "4h\n", "99999999999d", "nan", "infs"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="90s, 15m, 4h or 7d"):
        parse_duration(text)
