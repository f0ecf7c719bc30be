"""The ledger of a place, and what people were told of it last → whether its state has changed, so that they are to be told. Pure.

A state is confirmed, or it is none: a failure whose repetition is still to come is not told (`due`), nor one inconclusive drill, nor
a store that was away for a while. What stands is told once. It is told again where it got worse, and when it is over.

- `failed`: data of the newest backup, or of one that nobody's proof has answered, is damaged or not there.
- `missed`: the data is there, and an objective was not kept.
- `inconclusive`: two drills in a row told nothing, or the location could not be listed for half an hour (a store's short outage,
  and its restart, are no news).
- `stale`: nothing was proven for longer than proof lasts (`standing`), or ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from restore_tester.config.nouns import Mode, Target, Workload
from restore_tester.judgement.advance import ABANDONED, age_key, is_intact
from restore_tester.judgement.due import REPEAT_WITHIN, place_now
from restore_tester.judgement.ledger import DrillInBrief, Ledger
from restore_tester.model import Verdict

UNREAD_AFTER = timedelta(minutes=30)
# It pages nobody, whatever is asked: it stands in the digest.
DIGEST_ONLY = "non-essential"
NEVER = "never"
# They say something of us, not of the backups, and are drilled again anyway.
_OURS = frozenset({ABANDONED, "interrupted"})
_UNREAD = "unread-"


class State(StrEnum):
    """How a place stands."""

    PROVEN = "proven"
    STALE = "stale"
    INCONCLUSIVE = "inconclusive"
    MISSED = "missed"
    FAILED = "failed"


class Change(StrEnum):
    """What people are told; the words of `when` in the configuration."""

    FAILED = "failed"
    RECOVERED = "recovered"
    INCONCLUSIVE = "inconclusive"
    STALE = "stale"


# Stale and inconclusive are one trouble: nobody knows. The second of them is no news.
_RANKS = {State.PROVEN: 0, State.STALE: 1, State.INCONCLUSIVE: 1, State.MISSED: 2, State.FAILED: 3}
_WORSE = {
    State.STALE: Change.STALE,
    State.INCONCLUSIVE: Change.INCONCLUSIVE,
    State.MISSED: Change.FAILED,
    State.FAILED: Change.FAILED,
}


@dataclass(frozen=True, slots=True)
class Outline:
    """What of a ledger decides its state: small, so that those of a fleet can be looked at every minute. `failed`, `missed` and
    `untold` are drills (by id); `untold` was inconclusive. While a repetition is to come, before `unsettled_until`, nothing changes.
    `is_clear`: the last drill told something, and the last listing was one; before that nothing is over."""

    first_seen: datetime
    unsettled_until: datetime | None
    failed: str | None
    missed: str | None
    untold: str | None
    unread_since: datetime | None
    unread_code: str
    passed_at: datetime | None
    is_clear: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A state, and what made it: a drill, an instant. Both together are one episode, which is told once."""

    state: State
    about: str = "-"

    @property
    def is_unread(self) -> bool:
        """Return whether it is about a location that could not be listed."""
        return self.about.startswith(_UNREAD)


PROVEN = Standing(State.PROVEN)


def outline(ledger: Ledger) -> Outline:
    """Return what of a ledger decides."""
    last, sight = ledger.last, ledger.sight
    drilled = place_now("", ledger).last
    waits = last.ended_at + REPEAT_WITHIN if last is not None and drilled is not None and drilled.is_to_repeat else None
    failure = open_failure(ledger)
    intact = failure is not None and is_intact(failure)
    untold = last is not None and last.verdict is Verdict.INCONCLUSIVE and _OURS.isdisjoint(last.codes)
    return Outline(
        first_seen=ledger.first_seen,
        unsettled_until=waits,
        failed=failure.drill if failure is not None and not intact else None,
        missed=failure.drill if failure is not None and intact else None,
        untold=last.drill if last is not None and untold else None,
        unread_since=sight.changed_at if sight is not None and sight.code is not None else None,
        unread_code=(sight.code or "") if sight is not None else "",
        passed_at=ledger.last_passed.began_at if ledger.last_passed is not None else None,
        is_clear=(last is None or last.verdict is not Verdict.INCONCLUSIVE) and (sight is None or sight.code is None),
    )


def open_failure(ledger: Ledger) -> DrillInBrief | None:
    """Return the failed drill that no later one has answered, the one that weighs most; None where there is none."""
    last, newest = ledger.last, ledger.last_newest
    failed_last = last if last is not None and last.verdict is Verdict.FAILED else None
    if failed_last is not None and not is_intact(failed_last):
        return failed_last
    if ledger.bad:
        return ledger.bad[-1]
    if newest is not None and newest.verdict is Verdict.FAILED and not _is_answered(newest, ledger.last_passed):
        return newest
    return failed_last


def _is_answered(failed: DrillInBrief, passed: DrillInBrief | None) -> bool:
    """By a drill of a backup as young; that nothing was there to drill, by any."""
    if passed is None or passed.ended_at <= failed.ended_at:
        return False
    return not failed.backup or age_key(passed)[0] >= age_key(failed)[0]


def standing(known: Outline, lasts_seconds: float, now: datetime, *, twice: bool = True) -> Standing | None:
    """Given how long proof lasts there, and whether the drill before an inconclusive one was inconclusive too, return how a place
    stands; None where that is not settled."""
    if known.unsettled_until is not None and now < known.unsettled_until:
        return None
    if known.failed is not None:
        return Standing(State.FAILED, known.failed)
    if known.missed is not None:
        return Standing(State.MISSED, known.missed)
    if known.unread_since is not None and now - known.unread_since >= UNREAD_AFTER:
        return Standing(State.INCONCLUSIVE, f"{_UNREAD}{_stamp(known.unread_since)}")
    if known.untold is not None and twice:
        return Standing(State.INCONCLUSIVE, known.untold)
    since = known.passed_at or known.first_seen
    if now - since > timedelta(seconds=lasts_seconds):
        return Standing(State.STALE, _stamp(known.passed_at) if known.passed_at is not None else NEVER)
    # One drill that told nothing, a store that is away for a moment, a first drill that is still to come: wait.
    return PROVEN if known.passed_at is not None and known.is_clear else None


def change(told: State | None, now: State) -> Change | None:
    """Given what people were told last (None: nothing ever) and how it stands, return what they are to be told; None for no news."""
    before, after = _RANKS[told or State.PROVEN], _RANKS[now]
    if after > before:
        return _WORSE[now]
    is_over = now is State.PROVEN or (told is State.FAILED and now is State.MISSED)
    return Change.RECOVERED if after < before and is_over else None


def twice_inconclusive(verdicts: Sequence[Verdict]) -> bool:
    """Given how the last drills of a place ended, the last first, return whether two in a row told nothing."""
    return len(verdicts) >= 2 and all(verdict is Verdict.INCONCLUSIVE for verdict in verdicts[:2])


def is_told(workload: Workload, now: datetime) -> bool:
    """Return whether people are told of a workload at all: not while it is paused, nor while it is only observed."""
    return workload.mode is Mode.PAGE and not (workload.paused is not None and workload.paused.until > now)


def wants(target: Target, workload: Workload, what: Change) -> bool:
    """Return whether a target is to be told of that change."""
    return what.value in target.when and workload.criticality != DIGEST_ONLY and covers(target, workload)


def covers(target: Target, workload: Workload) -> bool:
    """Return whether a target asked for that workload."""
    named = not target.workloads or any(_is_like(workload.name, pattern) for pattern in target.workloads)
    grave = not target.criticality or workload.criticality in target.criticality
    return named and grave and (not target.owners or workload.owner in target.owners)


def _is_like(name: str, pattern: str) -> bool:
    """`*` is any text, and nothing else is special."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if not name.startswith(first) or len(name) < len(first) + len(last) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H%M%SZ}"
