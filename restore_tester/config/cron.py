"""Schedules of five cron fields (0 and 7 are Sunday): is it one, how far apart do its instants lie, which is the last, the next.

cronsim lives here: Debian cron's rules, and no dependencies of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

# Any eleven years would do: each date falls on each day of the week, and 29 February is met twice.
_BEGIN = datetime(2027, 1, 1)  # noqa: DTZ001 - a calendar, not an instant: cron fields are local to a zone
_END = datetime(2038, 1, 1)  # noqa: DTZ001
_DAY = 86400.0
_A_SECOND, _REPEATED = timedelta(seconds=1), timedelta(hours=2, seconds=1)


@lru_cache(maxsize=4096)
def trouble_with(expression: str) -> str | None:
    """Given a cron expression, return what is wrong with it, lowercase, or None."""
    fields = expression.split()
    if len(fields) != 5:
        return "a schedule has five fields: minute hour day-of-month month day-of-week"
    try:
        CronSim(expression, _BEGIN)
    except CronSimError as error:
        return f"{error}".replace("Bad ", "one field cannot be read: ")
    return "hardly a day in the calendar matches it" if _widest_gap_days(" ".join(fields[2:])) is None else None


@lru_cache(maxsize=4096)
def widest_gap_seconds(expression: str) -> float:
    """Given a valid cron expression, return the seconds between the two consecutive instants that lie farthest apart, clock
    changes aside: what `drill_every` would say."""
    minutes, hours, *date_fields = expression.split()
    parsed = CronSim(f"{minutes} {hours} * * *", _BEGIN)
    times = sorted(hour * 3600.0 + minute * 60.0 for hour in parsed.hours for minute in parsed.minutes)
    within_a_day = max((later - earlier for earlier, later in pairwise(times)), default=0.0)
    days = _widest_gap_days(" ".join(date_fields)) or 1
    over_night = days * _DAY - times[-1] + times[0]
    return max(within_a_day, over_night)


@lru_cache(maxsize=4096)
def narrowest_gap_seconds(expression: str) -> float:
    """Given a valid cron expression, return the fewest seconds that lie between two of its instants, as if every day matched."""
    minutes, hours = expression.split()[:2]
    parsed = CronSim(f"{minutes} {hours} * * *", _BEGIN)
    times = sorted(hour * 3600.0 + minute * 60.0 for hour in parsed.hours for minute in parsed.minutes)
    return min((later - earlier for earlier, later in pairwise([*times, times[0] + _DAY])))


def latest(expression: str, zone: str, now: datetime) -> datetime:
    """Return the last instant (UTC) of a schedule in a zone that is not after `now`.

    A fixed time that a change of clocks leaves out comes when the clocks have changed; one that it brings twice comes once."""
    # Cron's own way back from within a repeated hour misses what that hour held the first time.
    begin = now + (_A_SECOND if zone == "UTC" else _REPEATED)
    return next(at for at in _instants(expression, zone, begin, reverse=True) if at <= now)


def following(expression: str, zone: str, now: datetime) -> datetime:
    """Return the first instant (UTC) of a schedule in a zone that is after `now`."""
    return next(at for at in _instants(expression, zone, now, reverse=False) if at > now)


def _instants(expression: str, zone: str, begin: datetime, *, reverse: bool) -> Iterator[datetime]:
    local = begin.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    return (at.astimezone(UTC) for at in CronSim(expression, local, reverse))


@lru_cache(maxsize=4096)
def _widest_gap_days(date_fields: str) -> int | None:
    """Return None where fewer than two days match in eleven years."""
    days = []
    try:
        for day in CronSim(f"0 0 {date_fields}", _BEGIN):
            if day > _END:
                break
            days.append(day)
    except StopIteration:
        pass
    return max(((later - earlier).days for earlier, later in pairwise(days)), default=None)
