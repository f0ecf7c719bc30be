"""What was measured over time → a straight line through it, and the date at which it will cross a limit, with an interval.

The line is Theil and Sen's (the median of the slopes between all pairs), which a quarter of outliers cannot bend; the interval of
its slope is Sen's, from the distribution of Kendall's statistic. A straight line is all that it assumes: after a step it sees growth
where there is none, until the step is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import hypot, sqrt
from statistics import median

from restore_tester.judgement.drift import LEARNED, MAD_TO_DEVIATION
from restore_tester.judgement.ledger import Line

LINE_OVER = 30
HORIZON_DAYS = 365.0
DAY_SECONDS = 86_400.0
# Quantiles of the normal distribution: meant to hold the truth in 90 intervals of 100; growth by chance is taken for real once in 200.
INTERVAL_Z = 1.645
GROWTH_Z = 2.576
# A median strays this much more than a mean does.
MEDIAN_TO_MEAN = 1.2533
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    value: float


class Outcome(StrEnum):
    """`unknown`: too few drills, or so noisy that neither can be said."""

    UNKNOWN = "unknown"
    NOT_WITHIN_A_YEAR = "not_within_a_year"
    EXPECTED = "expected"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a limit will be crossed. `at` is set where it is expected, or was crossed already; `latest` None: maybe later than in a
    year, maybe never."""

    outcome: Outcome
    at: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None


UNKNOWN = Forecast(Outcome.UNKNOWN)
NOT_WITHIN_A_YEAR = Forecast(Outcome.NOT_WITHIN_A_YEAR)


def line_through(points: Sequence[Point]) -> Line | None:
    """Given points in any order, return the line through the last of them; None where they are too few, or all of one instant."""
    last = sorted(points, key=lambda point: point.at)[-LINE_OVER:]
    if len(last) < LEARNED or last[0].at == last[-1].at:
        return None
    pivot = last[len(last) // 2].at
    days = [(point.at - pivot).total_seconds() / DAY_SECONDS for point in last]
    values = [point.value for point in last]
    slopes = _slopes(days, values)
    per_day = median(slopes)
    level = median([value - per_day * day for day, value in zip(days, values, strict=True)])
    strays = median([abs(value - level - per_day * day) for day, value in zip(days, values, strict=True)])
    least, most = _bounds(slopes, len(last), INTERVAL_Z)
    return Line(
        at=pivot,
        level=level,
        margin=INTERVAL_Z * MEDIAN_TO_MEAN * MAD_TO_DEVIATION * strays / sqrt(len(last)),
        per_day=per_day,
        least_per_day=least,
        most_per_day=most,
        is_growing=_bounds(slopes, len(last), GROWTH_Z)[0] > 0,
    )


def breach(line: Line | None, limit: float, now: datetime) -> Forecast:
    """Given a line and the limit in its unit, return when the line will be above it: the date, and the interval that holds the
    truth 90 times of 100 while growth goes on as it did."""
    if line is None:
        return UNKNOWN
    passed = max(0.0, (now - line.at).total_seconds() / DAY_SECONDS)
    if _middle(line, passed) >= limit:
        return _breached(line, limit, now)
    last = passed + HORIZON_DAYS
    if _middle(line, last) < limit:
        return NOT_WITHIN_A_YEAR
    if not line.is_growing:
        return UNKNOWN
    return Forecast(
        Outcome.EXPECTED,
        at=_crossing(line, _middle, limit, passed, last),
        earliest=_crossing(line, _upper, limit, passed, last),
        latest=_crossing(line, _lower, limit, passed, last),
    )


def _slopes(days: list[float], values: list[float]) -> list[float]:
    """Of all pairs, smallest first. Those of one instant have none."""
    count = len(days)
    return sorted(
        (values[later] - values[earlier]) / (days[later] - days[earlier])
        for earlier in range(count)
        for later in range(earlier + 1, count)
        if days[later] > days[earlier]
    )


def _bounds(slopes: list[float], count: int, z: float) -> tuple[float, float]:
    """Sen's interval: so many of the sorted slopes from either end as Kendall's statistic may stray by chance."""
    strays = z * sqrt(count * (count - 1) * (2 * count + 5) / 18)
    outside = max(0, round((len(slopes) - strays) / 2))
    return slopes[outside], slopes[-outside - 1]


def _breached(line: Line, limit: float, now: datetime) -> Forecast:
    crossed = line.at
    if line.per_day > 0 and line.level < limit:
        crossed += timedelta(days=(limit - line.level) / line.per_day)
    return Forecast(Outcome.BREACHED, at=min(crossed, now))


def _middle(line: Line, days: float) -> float:
    return line.level + line.per_day * days


def _upper(line: Line, days: float) -> float:
    return _middle(line, days) + hypot(line.margin, (line.most_per_day - line.per_day) * days)


def _lower(line: Line, days: float) -> float:
    return _middle(line, days) - hypot(line.margin, (line.per_day - line.least_per_day) * days)


def _crossing(line: Line, edge: Callable[[Line, float], float], limit: float, first: float, last: float) -> datetime | None:
    """Where the edge of the band crosses the limit within the horizon, by halving it; each edge of a growing line grows."""
    if edge(line, last) < limit:
        return None
    for _ in range(_HALVINGS):
        middle = (first + last) / 2
        if edge(line, middle) < limit:
            first = middle
        else:
            last = middle
    return line.at + timedelta(days=last)
