"""What a workload's rule asks for, and what is known of its drills → the drill that is due now, and when to look again.

Pure: whoever asks says what time it is. A slot is an instant at which a rule asks for a drill; its name is its own wherever it is
worked out, so that of many who see it due one can claim it. Names, and who starts the drill (`trigger`):

    slot:INSTANT            schedule        the newest instant of the cadence that has come: what was missed before it stays missed
    repeat:DRILL            repeat          a drill failed: its backup once more, at once, before anybody is paged
    new:LOCATION:BACKUP     after_failure   a backup came after a failed drill
                            every           `select: every`, and no drill ever took it
    budget:DAY:LOCATION     schedule        a drill was refused for its bytes, and another day has begun
    find-good:LOCATION:BACKUP  find_good    the newest backup is damaged, twice: back to the last good one, once for each
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from restore_tester.config import cron
from restore_tester.config.nouns import Pause, QuietHours, Strategy, Workload
from restore_tester.judgement.advance import is_damaged
from restore_tester.judgement.ledger import DrillInBrief, Ledger
from restore_tester.model import Objectives, Verdict

SLOT, REPEAT, NEW, BUDGET, ASKED, WALK = "slot", "repeat", "new", "budget", "api", "find-good"
BUDGET_SPENT = "budget_spent"
# A failure that nobody repeated within a day (nothing ran) is asked again by the next slot.
REPEAT_WITHIN = timedelta(days=1)
# Of the gap between two instants of a schedule: what is daily stays within 2.4 hours of where it was written.
JITTER_SHARE = 0.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cadence:
    """When slots lie: by cron fields in a zone, shifted by `jitter_seconds`, else every so many seconds from a place of its own."""

    workload: str
    schedule: str | None
    every_seconds: float
    zone: str
    jitter_seconds: float


@dataclass(frozen=True, slots=True)
class Rule:
    """What the configuration says of one workload. `each_backup`: `select: every`; `walks`: the last good backup is looked for."""

    cadence: Cadence
    locations: tuple[str, ...]
    each_backup: bool
    quiet: tuple[QuietHours, ...]
    paused: Pause | None
    walks: bool = False


@dataclass(frozen=True, slots=True)
class LastDrill:
    """What of a place's last drill decides about the next. `taken_at` None: there was no backup, or nothing dates it."""

    drill: str
    trigger: str
    verdict: Verdict
    began_at: datetime
    ended_at: datetime
    backup: str
    taken_at: datetime | None
    codes: tuple[str, ...] = ()

    @property
    def over_budget(self) -> bool:
        """Return whether it was refused for its bytes."""
        return BUDGET_SPENT in self.codes

    @property
    def is_to_repeat(self) -> bool:
        """Return whether it failed, is no second try itself, and came so far that another would tell more: what was interrupted is
        drilled again anyway."""
        cut_short = self.over_budget or "interrupted" in self.codes
        return self.verdict is Verdict.FAILED and self.trigger not in ("repeat", "find_good") and not cut_short


@dataclass(frozen=True, slots=True)
class PlaceNow:
    """What of a ledger decides about the next drill. `tried` is the newest backup that a drill took as the newest; `damaged`: the last
    drill found the newest backup damaged, not for the first time."""

    location: str
    last: LastDrill | None = None
    tried: str | None = None
    newest: str | None = None
    newest_taken_at: datetime | None = None
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a workload: the instant of the newest slot that was ever claimed, its places in the configuration's order,
    the complete backups of the first one that no drill ever took (`select: every`; oldest first), and names that are claimed."""

    last_slot: datetime | None = None
    places: tuple[PlaceNow, ...] = ()
    untried: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Due:
    """A drill to start: the name and instant of its slot, what starts it, and from where. `backup` is an id, or None for the one
    whose turn it is; `newest` asks for the newest of the location."""

    name: str
    at: datetime
    trigger: str
    location: str | None = None
    backup: str | None = None
    newest: bool = False


def rule_of(workload: Workload, jitter_seconds: float, *, walks: bool) -> Rule:
    """Given a workload, how far the fleet spreads schedules, and whether last good backups are looked for, return its rule."""
    jitter = min(jitter_seconds, JITTER_SHARE * cron.narrowest_gap_seconds(workload.schedule)) if workload.schedule else 0.0
    cadence = Cadence(workload.name, workload.schedule, workload.drill_every_seconds, workload.timezone, jitter)
    names = tuple(location.name or "" for location in workload.locations)
    return Rule(cadence, names, workload.select is Strategy.EVERY, workload.quiet_hours, workload.paused, walks)


def place_now(location: str, ledger: Ledger) -> PlaceNow:
    """Given the ledger of a place, return what of it decides."""
    sight = ledger.sight
    drilled = _last_drill(ledger.last) if ledger.last is not None else None
    newest = sight.newest if sight else None
    tried = ledger.last_newest.backup if ledger.last_newest else None
    return PlaceNow(location, drilled, tried, newest.id if newest else None, newest.taken_at if newest else None, _is_damaged(ledger))


def _is_damaged(ledger: Ledger) -> bool:
    last = ledger.last
    return last is not None and last.newest and last.trigger == "repeat" and is_damaged(last)


def _last_drill(last: DrillInBrief) -> LastDrill:
    return LastDrill(last.drill, last.trigger, last.verdict, last.began_at, last.ended_at, last.backup, last.taken_at, last.codes)


# --- slots ------------------------------------------------------------------------------------------------------------


def slot_by(cadence: Cadence, now: datetime) -> datetime:
    """Return the instant of the newest slot that has come: as written, without the jitter that its start had to wait for."""
    if cadence.schedule is not None:
        return cron.latest(cadence.schedule, cadence.zone, now - _shift(cadence))
    every, phase = _interval(cadence)
    passed = (now - _EPOCH) // _MICROSECOND - phase
    return _EPOCH + _MICROSECOND * (passed // every * every + phase)


def slot_after(cadence: Cadence, now: datetime) -> datetime:
    """Return when the next slot comes, jitter and all: after `now`."""
    if cadence.schedule is not None:
        shift = _shift(cadence)
        return cron.following(cadence.schedule, cadence.zone, now - shift) + shift
    every, _ = _interval(cadence)
    return slot_by(cadence, now) + _MICROSECOND * every


def name_of(instant: datetime) -> str:
    """Return the name of the slot of that instant."""
    return f"{SLOT}:{_spelled(instant)}"


def _interval(cadence: Cadence) -> tuple[int, int]:
    """Return length and place of an interval in microseconds: the place is the workload's own, so that a fleet spreads."""
    every = max(1, round(cadence.every_seconds * 1e6))
    phase = int(_share("phase", cadence.workload) * every)
    return every, phase - phase % 1_000_000 if every >= 60_000_000 else phase


def _shift(cadence: Cadence) -> timedelta:
    """The same for every slot of a workload: two drills lie as far apart as was written."""
    return timedelta(seconds=int(_share("jitter", cadence.workload) * cadence.jitter_seconds))


def _share(purpose: str, name: str) -> float:
    digest = hashlib.sha256(f"{purpose}\0{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)


def _spelled(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- what is due ------------------------------------------------------------------------------------------------------


def held_until(rule: Rule, now: datetime) -> datetime | None:
    """Return until when no drill may start by itself, for a pause or quiet hours; None where one may."""
    until = rule.paused.until if rule.paused is not None and rule.paused.until > now else now
    for _ in range(len(rule.quiet) + 1):
        ends = [end for hours in rule.quiet if (end := _quiet_until(hours, rule.cadence.zone, until)) is not None]
        if not ends:
            break
        until = max(ends)
    return until if until > now else None


def due(rule: Rule, known: Known, now: datetime) -> Due | None:
    """Return the drill that is to start now: the one that people wait for most, where there are several."""
    if held_until(rule, now) is not None:
        return None
    urgent = (*_repeats(known, now), *_new_backups(rule, known, now), *_walks(rule, known))
    candidates = (*urgent, *_after_budget(known, now), *_slots(rule, known, now))
    return next((one for one in candidates if one.name not in known.taken), None)


def look_again(rule: Rule, known: Known, now: datetime) -> datetime:
    """Return when something may become due though nothing happens until then; after `now`."""
    held = held_until(rule, now)
    if held is not None:
        return held
    times = [slot_after(rule.cadence, now)]
    times += [_midnight_after(now) for place in known.places if place.last is not None and place.last.over_budget]
    return min(times)


def next_start(rule: Rule, known: Known, now: datetime) -> datetime:
    """Return when the next drill starts by itself, so far as the calendar alone says: now, where one is due or overdue."""
    at = now if due(rule, known, now) is not None else max(slot_after(rule.cadence, now), now)
    held = held_until(rule, at)
    if held is None:
        return at
    after = held if due(rule, known, held) is not None else slot_after(rule.cadence, held)
    return held_until(rule, after) or after


def resumed(name: str, at: datetime) -> Due | None:
    """Given a slot that somebody claimed and never finished, return its drill again; None where only its place's own state says
    what it was about (`repeat`), or the name is not one of ours."""
    kind, _, rest = name.partition(":")
    if kind == SLOT:
        return Due(name, at, "schedule")
    first, _, second = rest.partition(":")
    if kind == NEW:
        return Due(name, at, "after_failure", first, second)
    if kind == WALK:
        return Due(name, at, "find_good", first, second)
    if kind == BUDGET:
        return Due(name, at, "schedule", second)
    if kind == ASKED:
        location, _, backup = second.partition(":")
        return Due(name, at, "api", location or None, backup or None)
    return None


def _slots(rule: Rule, known: Known, now: datetime) -> Iterable[Due]:
    instant = slot_by(rule.cadence, now)
    last = known.last_slot
    if last is None:
        # Before anything was ever claimed, a drill that somebody started by hand stands for a slot.
        last = max((place.last.began_at for place in known.places if place.last is not None), default=None)
    if last is None or instant > last:
        yield Due(name_of(instant), instant, "schedule")


def _repeats(known: Known, now: datetime) -> Iterable[Due]:
    for place in known.places:
        last = place.last
        if last is not None and last.is_to_repeat and timedelta(0) <= now - last.ended_at < REPEAT_WITHIN:
            yield repeat_of(place.location, last)


def repeat_of(location: str, last: LastDrill) -> Due:
    """Return the repeat of a drill that failed. Where there was no backup there is none to name: what is the newest by now."""
    name = f"{REPEAT}:{last.drill}"
    if last.taken_at is None:
        return Due(name, last.ended_at, "repeat", location, newest=True)
    return Due(name, last.ended_at, "repeat", location, last.backup)


def _new_backups(rule: Rule, known: Known, now: datetime) -> Iterable[Due]:
    for place in known.places:
        last, newest = place.last, place.newest
        if last is None or last.verdict is not Verdict.FAILED or newest is None or newest in (last.backup, place.tried):
            continue
        if last.taken_at is None or (place.newest_taken_at is not None and place.newest_taken_at > last.taken_at):
            yield Due(f"{NEW}:{place.location}:{newest}", now, "after_failure", place.location, newest=True)
    if rule.each_backup and known.untried:
        yield Due(f"{NEW}:{rule.locations[0]}:{known.untried[0]}", now, "every", rule.locations[0], known.untried[0])


def _walks(rule: Rule, known: Known) -> Iterable[Due]:
    for place in known.places:
        if rule.walks and place.damaged and place.last is not None:
            name = f"{WALK}:{place.location}:{place.last.backup}"
            yield Due(name, place.last.ended_at, "find_good", place.location, place.last.backup)


def _after_budget(known: Known, now: datetime) -> Iterable[Due]:
    today = now.astimezone(UTC).date()
    for place in known.places:
        if place.last is not None and place.last.over_budget and place.last.ended_at.astimezone(UTC).date() < today:
            yield Due(f"{BUDGET}:{today}:{place.location}", _begin_of(today), "schedule", place.location)


def deadline_seconds(objectives: Objectives) -> float:
    """Return how long a drill may take before it is ended: four times what recovery may take, for it is measured to its end also
    where it is late, and is asked questions afterwards; six hours at least."""
    return max(4 * (objectives.recovery_time_seconds or 0.0), 6 * 3600.0)


# --- the calendar -----------------------------------------------------------------------------------------------------


def _quiet_until(hours: QuietHours, zone: str, now: datetime) -> datetime | None:
    local = now.astimezone(ZoneInfo(zone))
    at = local.time()
    over_midnight = hours.ends <= hours.begins
    if not (at >= hours.begins or at < hours.ends if over_midnight else hours.begins <= at < hours.ends):
        return None
    day = local.date() + timedelta(days=1) if over_midnight and at >= hours.begins else local.date()
    ends = datetime.combine(day, hours.ends, ZoneInfo(zone)).astimezone(UTC)
    # Clocks that go back within the hours: the first time that they show the end is past, the second is not.
    return ends if ends > now else datetime.combine(day, hours.ends, ZoneInfo(zone)).replace(fold=1).astimezone(UTC)


def _midnight_after(now: datetime) -> datetime:
    return _begin_of(now.astimezone(UTC).date() + timedelta(days=1))


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
