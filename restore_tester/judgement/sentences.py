"""An outlook → what is said of it, one sentence each, for pages, notifications and commands."""

from __future__ import annotations

from datetime import datetime

from restore_tester.judgement.forecast import Forecast, Outcome
from restore_tester.judgement.ledger import DrillInBrief, Line, Trend, TrendState
from restore_tester.judgement.outlook import WORST_OVER_DAYS, Outlook
from restore_tester.judgement.trends import PER_GIB, STAGE
from restore_tester.judgement.wording import NAME_CHARACTERS, duration, printable
from restore_tester.model import Objectives

_WEEK, _YEAR = 7, 365


def sentences(outlook: Outlook, objectives: Objectives) -> tuple[str, ...]:
    """Given an outlook and the objectives it was made with, return what is worth saying, the worst first; nothing where all is well."""
    said = (
        _damage(outlook),
        _drift("recovery time", outlook.recovery_time, "drills", _explained(outlook)),
        _drift("recovery point lag", outlook.lag, "drills"),
        _drift("achieved RPO", outlook.achieved_rpo, "cycles"),
        _forecast("recovery time", outlook.recovery_time, outlook.recovery_time_breach, _limit("RTO", objectives.recovery_time_seconds)),
        _forecast("achieved RPO", outlook.achieved_rpo, outlook.achieved_rpo_breach, _limit("RPO", objectives.recovery_point_seconds)),
        _disk(outlook.disk_breach),
    )
    return tuple(sentence for sentence in said if sentence)


def exposure(outlook: Outlook) -> str:
    """Return what a loss now would cost, and what the worst of 30 days was."""
    if outlook.exposure_seconds is None or outlook.point is None:
        return "what a loss now would cost is not known: no usable backup is"
    least = "at least " if outlook.point.at_most else ""
    basis = "proven" if outlook.point.proven else "estimated"
    said = f"a loss now would cost {least}{duration(outlook.exposure_seconds)} of data ({basis})"
    if outlook.worst_case_seconds is None:
        return said
    return f"{said}; at the worst instant of {WORST_OVER_DAYS} days it would have been {duration(outlook.worst_case_seconds)}"


def breach_told(quantity: str, trend: Trend, forecast: Forecast, limit: str) -> str:
    """Given a quantity measured in seconds, its trend and forecast, return the sentence of it, whatever it says."""
    growth = _growth(trend.line)
    if forecast.outcome is Outcome.BREACHED:
        return f"{quantity} exceeds the {limit} already, since about {_day(forecast.at)}"
    if forecast.outcome is Outcome.UNKNOWN:
        return f"whether {quantity} will exceed the {limit} cannot be told yet"
    if forecast.outcome is Outcome.NOT_WITHIN_A_YEAR:
        return f"{quantity} {growth}: it will not exceed the {limit} within a year"
    return f"{quantity} {growth}: it will exceed the {limit} on about {_day(forecast.at)} ({_between(forecast)})"


def _forecast(quantity: str, trend: Trend | None, forecast: Forecast | None, limit: str) -> str | None:
    if trend is None or forecast is None or forecast.outcome not in (Outcome.EXPECTED, Outcome.BREACHED):
        return None
    return breach_told(quantity, trend, forecast, limit)


def _disk(forecast: Forecast | None) -> str | None:
    if forecast is None or forecast.outcome not in (Outcome.EXPECTED, Outcome.BREACHED):
        return None
    if forecast.outcome is Outcome.BREACHED:
        return "what a drill takes up is more than the sandbox may"
    return f"what a drill takes up grows: it will fill the sandbox's disk on about {_day(forecast.at)} ({_between(forecast)})"


def _drift(quantity: str, trend: Trend | None, among: str, why: str = "") -> str | None:
    if trend is None or trend.baseline is None or trend.upper is None:
        return None
    if trend.state is TrendState.DRIFTING:
        figures = f"over {duration(trend.upper)}, where {duration(trend.baseline)} is usual; the last {duration(trend.latest)}"
        return f"{quantity} drifts: at least 2 of the last 3 {among} {figures}{why}"
    if trend.state is TrendState.CREEPING and trend.grown_from is not None:
        return f"{quantity} creeps: it was {duration(trend.grown_from)}, and has grown to {duration(trend.baseline)}{why}"
    return None


def _explained(outlook: Outlook) -> str:
    """Where the time went: the stages that stand out; or, with none per GiB, that there is more data."""
    stages = [trend.quantity.removeprefix(STAGE) for trend in outlook.explaining if trend.quantity.startswith(STAGE)]
    slower = any(trend.quantity == PER_GIB for trend in outlook.explaining)
    where = f"; it is spent in {' and '.join(stages)}" if stages else ""
    return f"{where}; each GiB takes longer than it did" if slower else where


def _damage(outlook: Outlook) -> str | None:
    found = outlook.damage
    if found is None:
        return None
    first = f"{_name(found.first_bad)} is the first backup known to be bad"
    if found.last_good is None:
        return f"{first}, and none is proven good"
    return f"{first}; the newest proven good is {_name(found.last_good)}"


def _name(drill: DrillInBrief) -> str:
    name = printable(drill.backup, NAME_CHARACTERS)
    return name if drill.taken_at is None else f"{name} ({drill.taken_at:%Y-%m-%d %H:%MZ})"


def _limit(objective: str, seconds: float | None) -> str:
    return objective if seconds is None else f"{objective} of {duration(seconds)}"


def _growth(line: Line | None) -> str:
    """By the week; what grows by less than a second in that, by the year."""
    if line is None or not line.is_growing:
        return "does not grow"
    days, each = (_WEEK, "a week") if line.per_day * _WEEK >= 1 else (_YEAR, "a year")
    return f"grows {duration(line.per_day * days)} {each}"


def _between(forecast: Forecast) -> str:
    if forecast.latest is None:
        return f"not before {_day(forecast.earliest)}"
    return f"between {_day(forecast.earliest)} and {_day(forecast.latest)}"


def _day(instant: datetime | None) -> str:
    return "an unknown day" if instant is None else f"{instant:%Y-%m-%d}"
