"""Figures against the objectives: recovery time where the profile is faithful, recovery point by its bounds.

A missed objective says whether the data itself was intact. Where only a claim stands between us and the objective, it is
neither met nor missed: unproven.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from restore_tester.judgement.ladder import Finding, Rung
from restore_tester.judgement.measurement import Measurement
from restore_tester.judgement.recovery_point import HEARTBEAT, ZONE_UNKNOWN_SECONDS, dump_start, latest_by_name, misnamed_seconds
from restore_tester.judgement.wording import duration
from restore_tester.model import Blame, DrillOrder, Evidence, Profile, Reason

# The memory that a machine of 8 GiB shows is a little less.
LIKENESS = 0.1


class Freshness(StrEnum):
    """How the recovery point stands to its objective."""

    NOT_JUDGED = "not_judged"
    UNKNOWN = "unknown"
    UNPROVEN = "unproven"
    MET = "met"
    MISSED = "missed"


def freshness(order: DrillOrder, evidence: Evidence, measurement: Measurement) -> Freshness:
    """Given the bounds, return how they stand to the objective, counted back from the drill's beginning."""
    objective, point = order.objectives.recovery_point_seconds, measurement.recovery_point
    if objective is None or not order.judge_recovery_point:
        return Freshness.NOT_JUDGED
    if measurement.contradiction:
        return Freshness.UNPROVEN
    if point.not_before is None and point.not_after is None:
        return Freshness.UNKNOWN
    if point.not_before is not None and _age(point.not_before, evidence) <= objective:
        return Freshness.MET
    if point.not_after is not None and _age(point.not_after, evidence) > objective:
        return Freshness.MISSED
    return Freshness.UNPROVEN


def judge_objectives(order: DrillOrder, evidence: Evidence, measurement: Measurement, *, intact: bool) -> list[Finding]:
    """Given whether nothing else speaks against the data, return the objectives that are missed or cannot be judged."""
    findings = _recovery_time(order, evidence, intact=intact)
    if measurement.contradiction:
        findings.append(Finding(Blame.OURS, _contradiction(measurement), Rung.FRESH))
    fresh = freshness(order, evidence, measurement)
    if fresh is Freshness.MISSED:
        findings.append(Finding(Blame.BACKUP, _recovery_point_missed(order, evidence, measurement, intact=intact), Rung.FRESH))
    if fresh is not Freshness.NOT_JUDGED and evidence.restored:
        if fresh is Freshness.UNKNOWN:
            findings.append(Finding(Blame.OURS, _recovery_point_unknown(order), Rung.FRESH))
        if _beat_missing(order, evidence):
            findings.append(Finding(Blame.OURS, _heartbeat_unanswered(), Rung.FRESH))
    return findings


def objective_warnings(order: DrillOrder, evidence: Evidence, measurement: Measurement) -> list[Reason]:
    """Return what is worth telling of the recovery point where it decides nothing."""
    warnings = []
    fresh = freshness(order, evidence, measurement)
    behind = measurement.heartbeat_behind_seconds
    if behind is not None and fresh is not Freshness.MISSED:
        message = f"the newest beat lies {duration(behind)} before the dump began"
        warnings.append(Reason("heartbeat_behind", message, _why_behind(order, evidence)))
    if fresh is Freshness.NOT_JUDGED and evidence.restored and _beat_missing(order, evidence):
        warnings.append(_heartbeat_unanswered())
    return warnings + _name_warnings(order, evidence, fresh) + _environment_warnings(order, evidence)


def _name_warnings(order: DrillOrder, evidence: Evidence, fresh: Freshness) -> list[Reason]:
    """A name alone only warns: whoever renames a file changes it."""
    warnings = []
    misnamed = misnamed_seconds(order, evidence.facts)
    if misnamed is not None:
        message = f"the name says that it was taken {duration(misnamed)} after its dump began"
        warnings.append(Reason("name_contradicted", message, "see whether an old backup was copied under a new name"))
    named, objective = latest_by_name(order.backup), order.objectives.recovery_point_seconds
    open_question = fresh in (Freshness.UNPROVEN, Freshness.UNKNOWN)
    if open_question and named is not None and objective is not None and _age(named, evidence) > objective:
        message = f"by its name, a loss now would cost at least {duration(_age(named, evidence))} of data"
        hint = f"the objective is {duration(objective)}: see that backups arrive; give a heartbeat (recovery_point) to know"
        warnings.append(Reason("name_too_old", message, hint))
    return warnings


def _environment_warnings(order: DrillOrder, evidence: Evidence) -> list[Reason]:
    judged = order.objectives.recovery_time_seconds is not None and order.profile is Profile.FAITHFUL
    if not judged or order.facts.trouble is not None or is_comparable(order, evidence):
        return []
    declared, given = order.recovery_environment, evidence.environment
    assert declared is not None
    wanted = [f"{declared.cpus:g} cpus"] if declared.cpus is not None else []
    wanted += [f"{declared.memory_bytes / 2**30:.1f} GiB memory"] if declared.memory_bytes is not None else []
    had = f"{given.cpus} cpus and {given.memory_bytes / 2**30:.1f} GiB memory"
    message = f"the recovery time was not judged: recovery would have {' and '.join(wanted)}, this sandbox had {had}"
    return [Reason("rto_not_comparable", message, "drill where a sandbox has as much, or correct `recovery_environment`")]


def is_comparable(order: DrillOrder, evidence: Evidence) -> bool:
    """Return whether the sandbox had what recovery would have, within a tenth: then its recovery time can be held against the
    objective. Without a declaration, it is, with the environment beside the figure."""
    declared, given = order.recovery_environment, evidence.environment
    if declared is None:
        return True
    pairs = ((declared.cpus, given.cpus), (declared.memory_bytes, given.memory_bytes))
    return all(wanted is None or abs(had - wanted) <= wanted * LIKENESS for wanted, had in pairs)


def _age(instant: datetime, evidence: Evidence) -> float:
    return (evidence.began_at - instant).total_seconds()


def _recovery_time(order: DrillOrder, evidence: Evidence, *, intact: bool) -> list[Finding]:
    """Judged in faithful drills only; where recovery never came to its end, the time that had passed is the least it took."""
    objective, ready = order.objectives.recovery_time_seconds, evidence.ready_seconds
    if objective is None or order.profile is not Profile.FAITHFUL or not is_comparable(order, evidence):
        return []
    elapsed = evidence.elapsed_seconds if ready is None else ready
    if elapsed > objective:
        least = "at least " if ready is None else ""
        message = f"recovery took {least}{duration(elapsed)}, the objective is {duration(objective)}{_intact(intact)}"
        hint = "see which stage took longest: a faster store, more cores or a smaller backup helps; or agree on another objective"
        return [Finding(Blame.BACKUP, Reason("rto_missed", message, hint))]
    if ready is None and evidence.restored:
        message = "an objective for the recovery time is set, but the restored data never became ready to serve"
        hint = "see the checks marked gates_traffic: recovery ends when the last of them has passed"
        return [Finding(Blame.OURS, Reason("recovery_time_unknown", message, hint))]
    return []


def _recovery_point_missed(order: DrillOrder, evidence: Evidence, measurement: Measurement, *, intact: bool) -> Reason:
    point, objective = measurement.recovery_point, order.objectives.recovery_point_seconds
    assert point.not_after is not None
    assert objective is not None
    lost = duration(_age(point.not_after, evidence))
    message = f"a loss now would cost at least {lost} of data, the objective is {duration(objective)}{_intact(intact)}"
    if measurement.heartbeat_behind_seconds is not None:
        return Reason("rpo_missed", message, _why_behind(order, evidence))
    return Reason("rpo_missed", message, "see that backups are taken, and arrive, more often than that; or name a newer one")


def _intact(intact: bool) -> str:
    return "; the data itself was intact" if intact else ""


def _why_behind(order: DrillOrder, evidence: Evidence) -> str:
    start = dump_start(order, evidence.facts)
    causes = "either the beat had stopped, or the dump came from a lagging replica"
    if start is not None and start.uncertainty_seconds >= ZONE_UNKNOWN_SECONDS:
        causes += ", or the dump host's clock runs in another time zone, which the header does not tell"
    return f"{causes}: look at the writer of the heartbeat, then at the server that is dumped"


def _contradiction(measurement: Measurement) -> Reason:
    point = measurement.recovery_point
    assert point.not_before is not None
    claimed = point.not_after is not None and point.not_before > point.not_after
    limit = f"which cannot be newer than {_instant(point.not_after)}" if claimed else "which lies in the future"
    message = f"the data holds something of {_instant(point.not_before)}, {limit} ({point.basis})"
    hint = "a clock or a time stamp lies: compare the clocks of the source, of the dump host and of this machine"
    return Reason("recovery_point_contradiction", message, hint)


def _instant(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%SZ}" if instant else "unknown"


def _recovery_point_unknown(order: DrillOrder) -> Reason:
    query = "select max(beat_at) from heartbeat"
    return Reason(
        "recovery_point_unknown",
        "an objective for the recovery point is set, but neither the data nor the backup says how old it is",
        f"give a heartbeat: --recovery-point '{query}'" if order.workload is None else f"give a heartbeat: `recovery_point: {query}`",
    )


def _beat_missing(order: DrillOrder, evidence: Evidence) -> bool:
    return order.heartbeat is not None and all(claim.basis != HEARTBEAT for claim in evidence.claims)


def _heartbeat_unanswered() -> Reason:
    return Reason(
        "heartbeat_unanswered",
        "the recovery point query returned no instant from the restored data",
        "ask it of the source: it must return the newest beat, one timestamptz",
    )
