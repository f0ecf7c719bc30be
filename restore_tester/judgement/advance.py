"""A ledger and one thing that happened (a drill ended, a listing was seen, a finding was accepted) → the ledger afterwards.

Drills may arrive in any order, since replicas finish theirs when they do: what is `last` goes by when a drill ended, what was
measured by when it began, and what is good or bad by the age of the backup. The same drill may arrive twice, first as abandoned,
then as what it really saw: its record replaces the guess everywhere. Only the counters keep both, since a counter that goes back is
worse than an inconclusive that stays counted: somebody was told of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from restore_tester.judgement.ledger import (
    BAD_KEPT,
    CYCLES_KEPT,
    DAYS_KEPT,
    DOUBTS_KEPT,
    DURATION_BOUNDS,
    GOOD_KEPT,
    MEASURED_KEPT,
    Cycle,
    Doubt,
    DrillInBrief,
    Ledger,
    Measured,
    Problems,
    Sight,
    SightedBackup,
)
from restore_tester.judgement.points import estimated_point
from restore_tester.judgement.trends import OUTSIDE_RECOVERY, trends_of
from restore_tester.model import Drill, Outcome, Verdict

ABANDONED = "abandoned"
# It looks for a good backup among older ones: what it says of one of them is no news of the place (`is_beside`).
FIND_GOOD = "find_good"
# The data was intact: only an objective was missed. Reasons come in the order of what they weigh, data before objectives.
OBJECTIVES = frozenset({"rto_missed", "rpo_missed"})
# A header's wall clock, in whatever zone, and the date in a name lie no further apart.
STAMPS_DIFFER = timedelta(hours=26)
_GIB = float(1 << 30)


def with_drill(ledger: Ledger, drill: Drill, newest: bool, kind: str) -> Ledger:
    """Given a drill that ended here, whether it took the newest backup, and its `kind_of`, return the ledger that knows it."""
    return with_drills(ledger, [(drill, newest, kind)])


def with_drills(ledger: Ledger, ended: Iterable[tuple[Drill, bool, str]]) -> Ledger:
    """Given drills as `with_drill` takes one, return the ledger that knows them all: the same, for much less, since what developed is
    asked once, when all are known."""
    known = ledger
    for drill, newest, kind in ended:
        told = brief(drill, newest=newest)
        known = _counted(known, told)
        known = _remembered(known, told)
        known = _told_good_from_bad(known, told)
        known = replace(known, measured=_measured(known.measured, drill, told, kind))
    return known if known.measured == ledger.measured else _retold(known)


def with_sight(ledger: Ledger, sight: Sight, new: tuple[SightedBackup, ...], previous: SightedBackup | None, now: datetime) -> Ledger:
    """Given what a listing showed, its backups that were not known before, and the one that was newest until then, return the
    ledger that knows them. Each that moves the recovery point on ends a cycle. The backups of the first listing end none: which
    of their neighbours were thinned out since, nobody knows."""
    known = replace(ledger, sight=sight)
    if previous is None:
        return known
    cycles: list[Cycle] = []
    for backup in sorted(new, key=lambda one: (_usable(one, now), _moment(one, now), one.id)):
        if _moment(backup, now) <= _moment(previous, now):
            continue
        cycles.append(_cycle(known, previous, backup, now))
        previous = backup
    return with_cycles(known, tuple(cycles)) if cycles else known


def with_cycles(ledger: Ledger, cycles: tuple[Cycle, ...]) -> Ledger:
    """Given cycles that ended, in any order, return the ledger that knows them; one that is known already is not counted again."""
    every = {(cycle.at, cycle.backup): cycle for cycle in (*ledger.cycles, *cycles)}
    kept = tuple(every[key] for key in sorted(every))[-CYCLES_KEPT:]
    days = ledger.worst_of_days
    for cycle in cycles:
        days = _with_worst(days, cycle.at, cycle.achieved_seconds)
    return _retold(replace(ledger, cycles=kept, worst_of_days=days))


def with_acceptance(ledger: Ledger, at: datetime, reason: str) -> Ledger:
    """Given when somebody confirmed what drills found, and why, return the ledger whose drift counts from there: what began before
    `at` is compared no more. Of two acceptances the later counts."""
    if ledger.accepted_at is not None and at < ledger.accepted_at:
        return ledger
    return _retold(replace(ledger, accepted_at=at, accepted_reason=reason))


def not_below(made_again: Ledger, before: Ledger) -> Ledger:
    """Given a ledger made again from a history, and the one that stood before, return it with counters that do not go back: an
    abandoned drill that came back after all left one more behind than its history tells."""
    return replace(
        made_again,
        first_seen=min(made_again.first_seen, before.first_seen),
        passed=max(made_again.passed, before.passed),
        failed=max(made_again.failed, before.failed),
        inconclusive=max(made_again.inconclusive, before.inconclusive),
        durations=tuple(max(pair) for pair in zip(made_again.durations, before.durations, strict=True)),
        durations_sum_seconds=max(made_again.durations_sum_seconds, before.durations_sum_seconds),
    )


def kind_of(drill: Drill) -> str:
    """Return what a drill is comparable by: drills of one kind ran in the same profile, with the same major of the same engine, in
    the same environment. Memory is rounded up, to two bits: a machine of 8 GiB shows a little less, and with each kernel another."""
    given = drill.environment
    major = (given.engine_version or drill.backup.engine_version or "?").split(".", 1)[0].split(" ", 1)[0]
    engine = drill.backup.engine or "unknown"
    return f"{drill.profile} {engine}-{major} {given.sandbox} {given.cpus}cpu {_rounded_gib(given.memory_bytes):g}GiB"


def brief(drill: Drill, *, newest: bool) -> DrillInBrief:
    """Return what a ledger keeps of a drill. Stages of one name are added up."""
    stages: dict[str, float] = {}
    for stage in drill.stages:
        stages[stage.name] = stages.get(stage.name, 0.0) + stage.seconds
    problems = (Problems(check.name, check.severity, check.problems) for check in drill.checks if check.problems)
    return DrillInBrief(
        drill=drill.drill,
        trigger=drill.trigger,
        began_at=drill.began_at,
        ended_at=drill.ended_at,
        verdict=drill.verdict,
        codes=tuple(dict.fromkeys(reason.code for reason in drill.reasons)),
        proof_level=drill.proof_level,
        backup=drill.backup.id,
        uri=drill.backup.uri,
        taken_at=drill.backup.taken_at,
        size_bytes=drill.backup.size_bytes,
        newest=newest,
        profile=drill.profile,
        recovery_time_seconds=drill.recovery_time_seconds,
        verification_seconds=drill.verification_seconds,
        recovery_point_not_before=drill.recovery_point.not_before,
        recovery_point_not_after=drill.recovery_point.not_after,
        data_loss_seconds=drill.data_loss_seconds,
        recovery_point_lag_seconds=drill.recovery_point_lag_seconds,
        stages=tuple(stages.items()),
        problems=tuple(problems),
        checks_errored=sum(check.outcome is Outcome.ERRORED for check in drill.checks),
        sandbox_destroyed=drill.sandbox_destroyed,
    )


def is_intact(drill: DrillInBrief) -> bool:
    """Return whether the drill proved the data of its backup: it passed, or nothing but an objective was missed."""
    missed = drill.verdict is Verdict.FAILED and bool(drill.codes) and OBJECTIVES.issuperset(drill.codes)
    return missed or drill.verdict is Verdict.PASSED


def is_damaged(drill: DrillInBrief) -> bool:
    """Return whether the drill proved its backup to be no good. That no backup was there is said of the place, not of a backup."""
    return drill.verdict is Verdict.FAILED and bool(drill.backup) and not OBJECTIVES.issuperset(drill.codes[:1])


def age_key(drill: DrillInBrief) -> tuple[datetime, str]:
    """Return what orders drills by the age of their backups, oldest first. No backup is younger than its drill, whatever its header
    says, nor one that nothing dates."""
    return min(drill.taken_at or drill.recovery_point_not_after or drill.began_at, drill.began_at), drill.backup


def is_beside(trigger: str, verdict: Verdict | None, newest: bool | None) -> bool:
    """Return whether a drill says nothing of how its place stands: one that looked for a good backup, unless it proved the newest bad."""
    return trigger == FIND_GOOD and not (newest and verdict is Verdict.FAILED)


def is_proof(trigger: str, verdict: Verdict | None, newest: bool | None) -> bool:
    """Return whether a drill passed and proves its place: that an older backup is good, which was looked for, does not."""
    return verdict is Verdict.PASSED and (trigger != FIND_GOOD or bool(newest))


# --- drills -----------------------------------------------------------------------------------------------------------


def _counted(ledger: Ledger, told: DrillInBrief) -> Ledger:
    """The duration of an abandoned drill is not known: its end is the end of its lease."""
    counts = {verdict: getattr(ledger, verdict.value) + (told.verdict is verdict) for verdict in Verdict}
    durations, total = ledger.durations, ledger.durations_sum_seconds
    if ABANDONED not in told.codes:
        seconds = max(0.0, (told.ended_at - told.began_at).total_seconds())
        bucket = sum(seconds > bound for bound in DURATION_BOUNDS)
        durations = (*durations[:bucket], durations[bucket] + 1, *durations[bucket + 1 :])
        total += seconds
    return replace(
        ledger,
        passed=counts[Verdict.PASSED],
        failed=counts[Verdict.FAILED],
        inconclusive=counts[Verdict.INCONCLUSIVE],
        durations=durations,
        durations_sum_seconds=total,
    )


def _remembered(ledger: Ledger, told: DrillInBrief) -> Ledger:
    last, newest, passed, proof = ledger.last, ledger.last_newest, ledger.last_passed, ledger.proof
    beside = is_beside(told.trigger, told.verdict, told.newest)
    if not beside:
        last = _later(last, told)
    if told.newest:
        newest = _later(newest, told)
    if is_proof(told.trigger, told.verdict, told.newest):
        passed = _later(passed, told)
        proof = told if proof is None else max(proof, told, key=lambda drill: (_stamp(drill), drill.ended_at))
    known = replace(ledger, last=last, last_newest=newest, last_passed=passed, proof=proof)
    return known if beside else replace(known, doubts=_doubts(known, told))


def _doubts(known: Ledger, told: DrillInBrief) -> tuple[Doubt, ...]:
    """The youngest are kept: what lays them to rest does so to all before them."""
    doubts = [doubt for doubt in known.doubts if doubt.drill != told.drill]
    if told.verdict is not Verdict.PASSED:
        doubts.append(Doubt(told.drill, told.ended_at, _stamp(told)))
    for passed in (known.last_passed, known.proof):
        if passed is not None and passed.trigger != FIND_GOOD:
            answered = _stamp(passed) - STAMPS_DIFFER
            doubts = [doubt for doubt in doubts if doubt.ended_at >= passed.ended_at or doubt.stamp > answered]
    return tuple(sorted(doubts, key=lambda doubt: (doubt.stamp, doubt.ended_at, doubt.drill))[-DOUBTS_KEPT:])


def _stamp(drill: DrillInBrief) -> datetime:
    """As `standing` dates a drill's backup."""
    return min(drill.taken_at or drill.began_at, drill.began_at)


def _later(known: DrillInBrief | None, told: DrillInBrief) -> DrillInBrief:
    """The one that ended last; what really came of an abandoned drill takes its place."""
    if known is None or known.drill == told.drill:
        return told
    return max(known, told, key=lambda drill: (drill.ended_at, drill.began_at, drill.drill))


def _told_good_from_bad(ledger: Ledger, told: DrillInBrief) -> Ledger:
    """What the latest drill of a backup says of it counts: it may have rotted, or have failed by a fault that is mended."""
    intact, damaged = is_intact(told), is_damaged(told)
    same = [drill for drill in (*ledger.good, *ledger.bad) if drill.backup == told.backup]
    if not (intact or damaged) or any(drill.began_at > told.began_at for drill in same):
        return ledger
    good = [drill for drill in ledger.good if drill.backup != told.backup] + [told] * intact
    bad = [drill for drill in ledger.bad if drill.backup != told.backup] + [told] * damaged
    good = sorted(good, key=age_key)[-GOOD_KEPT:]
    bad = sorted((drill for drill in bad if not good or age_key(drill) > age_key(good[-1])), key=age_key)[:BAD_KEPT]
    known = _with_damage_survived(ledger, good)
    proven = max((drill.recovery_point_not_before for drill in good if drill.recovery_point_not_before), default=None)
    return replace(known, good=tuple(good), bad=tuple(bad), proven_recovery_point=proven)


def _with_damage_survived(ledger: Ledger, good: list[DrillInBrief]) -> Ledger:
    """Once a good backup follows bad ones, a loss before it would have cost all since the good one before those. The cycles of the bad
    ones, each as short as ever, do not tell that."""
    before, after = ledger.known_good, good[-1] if good else None
    if before is None or after is None or not any(age_key(drill) < age_key(after) for drill in ledger.bad):
        return ledger
    at = age_key(after)[0]
    if after.recovery_point_not_before is not None:
        at = max(at, after.recovery_point_not_before + timedelta(seconds=after.recovery_point_lag_seconds or 0.0))
    seconds = (at - (before.recovery_point_not_before or age_key(before)[0])).total_seconds()
    return replace(ledger, worst_of_days=_with_worst(ledger.worst_of_days, at, seconds))


def _measured(known: tuple[Measured, ...], drill: Drill, told: DrillInBrief, kind: str) -> tuple[Measured, ...]:
    """A damaged backup is none to compare with: half of the data is restored in half of the time."""
    others = [one for one in known if one.drill != told.drill]
    measured_something = told.recovery_time_seconds is not None or told.recovery_point_lag_seconds is not None
    if not (told.newest and measured_something and not is_damaged(told)):
        return tuple(others)
    one = Measured(
        drill=told.drill,
        at=told.began_at,
        kind=kind,
        backup=told.backup,
        recovery_time_seconds=_tenths(told.recovery_time_seconds),
        lag_seconds=_tenths(told.recovery_point_lag_seconds),
        size_bytes=told.size_bytes,
        stages=_of_recovery(told) if told.recovery_time_seconds is not None else (),
        disk_bytes=drill.environment.disk_bytes,
        disk_limit_bytes=drill.environment.disk_limit_bytes,
    )
    return tuple(sorted((*others, one), key=lambda measured: (measured.at, measured.drill))[-MEASURED_KEPT:])


def _of_recovery(told: DrillInBrief) -> tuple[tuple[str, float], ...]:
    return tuple((name, round(seconds, 1)) for name, seconds in told.stages if name not in OUTSIDE_RECOVERY)


def _tenths(seconds: float | None) -> float | None:
    """What is too little to speak of are seconds: digits that say nothing would be most of what a ledger weighs."""
    return None if seconds is None else round(seconds, 1)


def _retold(ledger: Ledger) -> Ledger:
    return replace(ledger, trends=trends_of(ledger.measured, ledger.cycles, ledger.accepted_at))


def _rounded_gib(size_bytes: int) -> float:
    if size_bytes <= 0:
        return 0.0
    step = 1 << max(0, size_bytes.bit_length() - 3)
    return -(-size_bytes // step) * step / _GIB


# --- cycles -----------------------------------------------------------------------------------------------------------


def _cycle(ledger: Ledger, before: SightedBackup, backup: SightedBackup, now: datetime) -> Cycle:
    at, point = _usable(backup, now), estimated_point(ledger, before, now)
    return Cycle(backup.id, at, round(max(0.0, (at - point.at).total_seconds()), 1), at_least=point.at_most)


def _usable(backup: SightedBackup, now: datetime) -> datetime:
    """No backup that is seen becomes usable later than now, whatever the store's clock says."""
    return min(backup.usable_at or now, now)


def _moment(backup: SightedBackup, now: datetime) -> tuple[datetime, datetime]:
    """Names that tell no more than the day are alike for all backups of one."""
    usable = _usable(backup, now)
    return backup.taken_at or usable, usable


def _with_worst(days: tuple[tuple[date, float], ...], at: datetime, seconds: float) -> tuple[tuple[date, float], ...]:
    worst, day = dict(days), at.astimezone(UTC).date()
    worst[day] = max(seconds, worst.get(day, 0.0))
    newest = max(worst)
    return tuple((one, worst[one]) for one in sorted(worst) if one > newest - timedelta(days=DAYS_KEPT))
