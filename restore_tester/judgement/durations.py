"""`90s 15m 4h 7d` → seconds: how an operator writes a duration, on the command line and in a check's header."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd])")


def parse_duration(text: str) -> float:
    """Given a number and its unit, without a space, return seconds (more than 0). Raise ValueError, saying what is expected."""
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"{text!r} is no duration: write it like 90s, 15m, 4h or 7d")
    return seconds
