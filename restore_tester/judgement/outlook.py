"""A ledger, the objectives and an instant → where the place stands and where it is heading: how much a loss now would cost, the worst
of 30 days, what drifts, when an objective will be breached, and the window in which damage began.

Trends come ready with the ledger; what is added here costs microseconds, so that whoever shows it may ask at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from restore_tester.judgement.advance import is_damaged
from restore_tester.judgement.forecast import Forecast, breach
from restore_tester.judgement.ledger import DrillInBrief, Ledger, Trend
from restore_tester.judgement.points import EstimatedPoint, estimated_point, is_of
from restore_tester.judgement.trends import ACHIEVED_RPO, DISK, LAG, RECOVERY_TIME, kind_in_force
from restore_tester.model import Objectives, Profile

WORST_OVER_DAYS = 30
# The stamp of a listing and the one in a header may tell another time of one backup.
_STAMPS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Damage:
    """Between the last backup that is proven good (None: none is) and the first that is bad, damage began. Undrilled
    ones in between make the window smaller once they are drilled."""

    first_bad: DrillInBrief
    last_good: DrillInBrief | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How a place stands at an instant. Trends are None where nothing was measured, forecasts where no limit is known or none is judged
    (recovery time in the profile `fast`), `point` where nothing usable is known to lie there; `exposure_seconds` and
    `worst_case_seconds` are at least that much where `point.at_most` says so."""

    recovery_time: Trend | None
    lag: Trend | None
    achieved_rpo: Trend | None
    explaining: tuple[Trend, ...]
    recovery_time_breach: Forecast | None
    achieved_rpo_breach: Forecast | None
    disk_breach: Forecast | None
    point: EstimatedPoint | None
    exposure_seconds: float | None
    worst_case_seconds: float | None
    damage: Damage | None


def outlook(ledger: Ledger, objectives: Objectives, now: datetime) -> Outlook:
    """Given where a place stands and its objectives, return its outlook at that instant."""
    trends = {trend.quantity: trend for trend in ledger.trends}
    recovery_time, lag, achieved, disk = (trends.pop(name, None) for name in (RECOVERY_TIME, LAG, ACHIEVED_RPO, DISK))
    point = usable_point(ledger, now)
    exposure = None if point is None else max(0.0, (now - point.at).total_seconds())
    return Outlook(
        recovery_time=recovery_time,
        lag=lag,
        achieved_rpo=achieved,
        explaining=tuple(trends.values()),
        recovery_time_breach=_breach(recovery_time, objectives.recovery_time_seconds if _is_judged(ledger) else None, now),
        achieved_rpo_breach=_breach(achieved, objectives.recovery_point_seconds, now),
        disk_breach=_breach(disk, _disk_limit(ledger), now),
        point=point,
        exposure_seconds=exposure,
        worst_case_seconds=worst_case_seconds(ledger, exposure, now),
        damage=damage(ledger),
    )


def usable_point(ledger: Ledger, now: datetime) -> EstimatedPoint | None:
    """Return the newest recovery point that this place can give back, as far as is known; None where none is.

    It is that of the newest backup listed. But once a backup is proven damaged, no younger one counts until one is proven good: what
    damaged the one may well have damaged the next."""
    sight = ledger.sight
    if sight is not None and sight.newest is None:
        return None
    last = ledger.last_newest
    # Its header may tell an older stamp than the last good one's: then it is not among `bad`, and damaged all the same.
    rotten = last is not None and is_damaged(last) and sight is not None and sight.newest is not None and is_of(last, sight.newest)
    if ledger.bad or rotten or sight is None or sight.newest is None:
        return _known_good_point(ledger, now)
    return estimated_point(ledger, sight.newest, now)


def worst_case_seconds(ledger: Ledger, exposure: float | None, now: datetime) -> float | None:
    """Return the most that a loss would have cost at any instant of the last 30 days: the worst of the cycles that ended in them,
    and of the one that lasts."""
    since = (now.astimezone(UTC) - timedelta(days=WORST_OVER_DAYS)).date()
    ended = [seconds for day, seconds in ledger.worst_of_days if day >= since]
    return max([*ended, *([] if exposure is None else [exposure])], default=None)


def damage(ledger: Ledger) -> Damage | None:
    """Return the window in which damage began; None where no backup younger than the last good one is known to be bad."""
    return None if ledger.first_bad is None else Damage(ledger.first_bad, ledger.known_good)


def _known_good_point(ledger: Ledger, now: datetime) -> EstimatedPoint | None:
    good, sight = ledger.known_good, ledger.sight
    if good is None:
        return None
    oldest = None if sight is None else sight.oldest_taken_at
    if oldest is not None and good.taken_at is not None and good.taken_at < oldest - _STAMPS_DIFFER:
        return None
    if good.recovery_point_not_before is not None:
        return EstimatedPoint(min(good.recovery_point_not_before, now), proven=True)
    stamps = (good.taken_at, good.recovery_point_not_after, good.began_at, now)
    return EstimatedPoint(min(stamp for stamp in stamps if stamp is not None), at_most=True)


def _is_judged(ledger: Ledger) -> bool:
    """The recovery time of a fast drill is never held against an objective. A kind begins with its profile."""
    return (kind_in_force(ledger.measured) or "").startswith(f"{Profile.FAITHFUL} ")


def _disk_limit(ledger: Ledger) -> float | None:
    """What the sandbox had the last time."""
    limits = (one.disk_limit_bytes for one in reversed(ledger.measured))
    return next((float(limit) for limit in limits if limit is not None), None)


def _breach(trend: Trend | None, limit: float | None, now: datetime) -> Forecast | None:
    return None if trend is None or limit is None else breach(trend.line, limit, now)
