"""What clocks on the wall showed, and when a store had the objects → the zone of those clocks, and how sure that is. Pure.

A backup is stored after the time in its name: as soon as its dump and upload are done. So a zone that puts names after
their objects is wrong, and of the others the one is right in which objects follow their names soonest and most evenly;
over a change of clocks only one rule does. UTC is believed first: what fits UTC is not explained by anything else.
Names of days alone say little, and objects that were copied later say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

EARLY_SECONDS = 120.0
UTC_LAG_SECONDS = 3 * 3600.0
STEADY_SECONDS = 5400.0
FAR_SECONDS = 6 * 3600.0
FITTING_SHARE = 0.9
SAMPLE = 400
ALIKE_SHOWN = 3

# One of each set of rules that is in use, the most populous places first; then offsets without rules.
PLACES = (
    *("Europe/Berlin", "Europe/London", "Europe/Helsinki", "Europe/Moscow", "Europe/Istanbul", "Africa/Lagos", "Africa/Johannesburg"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix", "America/Anchorage"),
    *("America/Sao_Paulo", "America/Bogota", "America/Caracas", "America/Halifax", "America/St_Johns", "America/Santiago"),
    *("Asia/Shanghai", "Asia/Kolkata", "Asia/Tokyo", "Asia/Jakarta", "Asia/Karachi", "Asia/Dhaka", "Asia/Dubai", "Asia/Tehran"),
    *("Asia/Jerusalem", "Africa/Cairo", "Asia/Kathmandu", "Asia/Yangon", "Asia/Kabul", "Asia/Colombo"),
    *("Australia/Sydney", "Australia/Brisbane", "Australia/Adelaide", "Australia/Darwin", "Pacific/Auckland", "Pacific/Honolulu"),
    *(f"Etc/GMT{offset:+d}" for offset in range(-14, 13) if offset),
)


@dataclass(frozen=True, slots=True)
class ZoneFound:
    """`certainty` is `stated` (the names say it), `fits` (object times bear it out), `likely` (others fit as well: `alike`), or
    `guess`. `lags` are the shortest and longest usual time from name to object, in seconds."""

    name: str
    certainty: str
    alike: tuple[str, ...] = ()
    lags: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Fit:
    lags: tuple[float, ...]

    @property
    def is_possible(self) -> bool:
        return sum(lag >= -EARLY_SECONDS for lag in self.lags) >= FITTING_SHARE * len(self.lags)

    @property
    def low(self) -> float:
        return self.lags[int(0.05 * (len(self.lags) - 1))]

    @property
    def high(self) -> float:
        return self.lags[int(FITTING_SHARE * (len(self.lags) - 1))]

    @property
    def distance(self) -> float:
        """How far objects are from their names: an hour too early counts as one too late, and what was stored anew later as far."""
        return sum(min(abs(lag), FAR_SECONDS) for lag in self.lags) / len(self.lags)


def stated(pairs: Sequence[tuple[datetime, datetime]]) -> ZoneFound:
    """Given (UTC by the name, when stored) of names that say their zone."""
    fit = _Fit(tuple(sorted((stored - taken).total_seconds() for taken, stored in _some(pairs))))
    return ZoneFound("UTC", "stated", (), (fit.low, fit.high))


def zone_of(pairs: Sequence[tuple[datetime, datetime]], precision_seconds: float) -> ZoneFound:
    """Given (what the clock showed, naive; when it was stored) of each name, at least one, and how precisely names say it (seconds)."""
    some = _some(pairs)
    plain = _fit(some, UTC)
    if precision_seconds > 3600:
        return _zone_of_days(some)
    if plain.is_possible and plain.low < UTC_LAG_SECONDS:
        sure = len(some) > 1 and plain.high < UTC_LAG_SECONDS
        return ZoneFound("UTC", "fits" if sure else "likely", (), (plain.low, plain.high))
    fits = [(fit.distance, place, fit) for place in PLACES if (fit := _fit(some, _place(place))).is_possible]
    if not fits:
        return ZoneFound("UTC", "guess", (), (plain.low, plain.high))
    least = min(distance for distance, _, _ in fits)
    alike = [(place, fit) for distance, place, fit in fits if distance - least < 1.0]
    place, fit = alike[0]
    if fit.high - max(fit.low, 0.0) > STEADY_SECONDS or fit.low > UTC_LAG_SECONDS:
        return ZoneFound("UTC", "guess", (), (plain.low, plain.high))
    others = tuple(other for other, _ in alike[1 : 1 + ALIKE_SHOWN])
    return ZoneFound(place, "likely" if others or len(some) == 1 else "fits", others, (fit.low, fit.high))


def _zone_of_days(some: Sequence[tuple[datetime, datetime]]) -> ZoneFound:
    """A day of the name that begins after its object was stored is the day of a place further east."""
    plain = _fit(some, UTC)
    if plain.is_possible:
        return ZoneFound("UTC", "guess", (), (plain.low, plain.high))
    for place in PLACES:
        fit = _fit(some, _place(place))
        if fit.is_possible and fit.high < 86_400:
            return ZoneFound(place, "guess", (), (fit.low, fit.high))
    return ZoneFound("UTC", "guess", (), (plain.low, plain.high))


def _fit(some: Sequence[tuple[datetime, datetime]], zone: tzinfo) -> _Fit:
    return _Fit(tuple(sorted((stored - wall.replace(tzinfo=zone).astimezone(UTC)).total_seconds() for wall, stored in some)))


def _some(pairs: Sequence[tuple[datetime, datetime]]) -> Sequence[tuple[datetime, datetime]]:
    """At most `SAMPLE` of them, evenly, with both ends."""
    if len(pairs) <= SAMPLE:
        return pairs
    return [pairs[index * (len(pairs) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)]


@lru_cache(maxsize=len(PLACES))
def _place(name: str) -> ZoneInfo:
    return ZoneInfo(name)
