"""Seconds, bytes and instants → the shortest words that are still true."""

from __future__ import annotations

from datetime import UTC, datetime

from restore_tester.judgement.wording import duration

_SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")


def seconds(value: float) -> str:
    """Return `0.04 s`, `3.2 s`, `42 s`, `14 min 3 s`, `1 d 2 h`."""
    if value < 0.1:
        return f"{max(value, 0):.2f} s"
    return f"{value:.1f} s" if value < 10 else duration(value)


def size(count: int) -> str:
    """Return `812 bytes`, `1.2 MB` (powers of 1000), `13 GB`."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_SIZES[unit]}" if unit and value < 10 else f"{value:.0f} {_SIZES[unit]}"


def instant(at: datetime) -> str:
    """Return `2026-11-21 02:40:11 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
