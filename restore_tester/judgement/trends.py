"""What drills measured and cycles achieved → one trend per quantity, over comparable ones only.

Comparable are those of one kind (`advance.kind_of`). Where kinds alternate, the one counts that most of the last drills are of: a
drill by hand on another machine must not make the service forget what it learned, while three on new machines are the new normal.
Quantities that only explain another (each stage, seconds per GiB) are kept where they stand out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from restore_tester.judgement.drift import Rule, trend
from restore_tester.judgement.forecast import Point, line_through
from restore_tester.judgement.ledger import Cycle, Measured, Trend, TrendState

RECOVERY_TIME = "recovery_time"
LAG = "recovery_point_lag"
ACHIEVED_RPO = "achieved_rpo"
PER_GIB = "recovery_time_per_gib"
DISK = "sandbox_disk"
STAGE = "stage:"
_STANDS_OUT = (TrendState.DRIFTING, TrendState.CREEPING)
OUTSIDE_RECOVERY = ("queue", "check", "cleanup")
_KIND_OF_LAST = 5
_GIB = float(1 << 30)
# Starting processes and cold caches alone make seconds: nobody's recovery depends on them.
_TIME = Rule(floor=5.0, least=20.0)
# Stamps, beats and uploads are good for a minute; five of them are the margin that strangers' clocks get everywhere.
_AGE = Rule(floor=60.0, least=300.0)
_RELATIVE = Rule(floor=0.0, least=0.0)


def trends_of(measured: tuple[Measured, ...], cycles: tuple[Cycle, ...], since: datetime | None) -> tuple[Trend, ...]:
    """Given what was measured and achieved, oldest first, and since when it counts, return the trends, each quantity at most once."""
    drills = _comparable([one for one in measured if since is None or one.at >= since])
    ended = _alike([cycle for cycle in cycles if since is None or cycle.at >= since])
    main = (
        _trend(RECOVERY_TIME, _recovery_times(drills), _TIME),
        _trend(LAG, _lags(drills), _AGE),
        _trend(ACHIEVED_RPO, [Point(cycle.at, cycle.achieved_seconds) for cycle in ended], _AGE),
        _trend(DISK, [Point(one.at, float(one.disk_bytes)) for one in drills if one.disk_bytes], _RELATIVE),
    )
    return tuple(one for one in main if one is not None) + tuple(_explaining(drills))


def kind_in_force(measured: Iterable[Measured]) -> str | None:
    """Given drills, oldest first, return the kind that most of the last five are of; of two as frequent, the later one."""
    last = [one.kind for one in measured][-_KIND_OF_LAST:]
    return max(reversed(last), key=last.count, default=None)


def _comparable(measured: list[Measured]) -> list[Measured]:
    kind = kind_in_force(measured)
    return [one for one in measured if one.kind == kind]


def _alike(cycles: list[Cycle]) -> list[Cycle]:
    """Once a lag was measured, cycles count more than before: no drift."""
    return [cycle for cycle in cycles if cycle.at_least == cycles[-1].at_least]


def _recovery_times(drills: list[Measured]) -> list[Point]:
    return [Point(one.at, one.recovery_time_seconds) for one in drills if one.recovery_time_seconds is not None]


def _lags(drills: list[Measured]) -> list[Point]:
    """One per backup: drilled twice, it lags no more than once."""
    by_backup = {(one.backup, one.size_bytes, one.lag_seconds): one for one in drills}
    return [Point(one.at, one.lag_seconds) for one in by_backup.values() if one.lag_seconds is not None]


def _trend(quantity: str, points: list[Point], rule: Rule) -> Trend | None:
    if not points:
        return None
    return replace(trend(quantity, [point.value for point in points], rule), line=line_through(points))


def _explaining(drills: list[Measured]) -> Iterable[Trend]:
    """Per GiB only of backups that have one: what is smaller costs what any drill costs."""
    timed = [one for one in drills if one.recovery_time_seconds is not None]
    series = {PER_GIB: [(one.recovery_time_seconds or 0.0) / (one.size_bytes / _GIB) for one in timed if one.size_bytes >= _GIB]}
    for one in timed:
        for name, seconds in one.stages:
            if name not in OUTSIDE_RECOVERY:
                series.setdefault(STAGE + name, []).append(seconds)
    for quantity, values in series.items():
        found = trend(quantity, values, _RELATIVE if quantity == PER_GIB else _TIME) if values else None
        if found is not None and found.state in _STANDS_OUT:
            yield found
