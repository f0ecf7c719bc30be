"""Order and evidence → the figures of a drill: how long recovery took, how old the recovered data is. Unknown is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from restore_tester.judgement.recovery_point import behind_header, bounds, contradicts, dump_start, outside_claims
from restore_tester.model import DrillOrder, Evidence, RecoveryPoint

FORENSICS = "check"


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures. `heartbeat_behind_seconds` is set where the newest beat lies further behind the dump's start than beats may."""

    recovery_time_seconds: float | None
    verification_seconds: float | None
    recovery_point: RecoveryPoint
    data_loss_seconds: float | None
    recovery_point_lag_seconds: float | None
    contradiction: bool
    heartbeat_behind_seconds: float | None


def measure(order: DrillOrder, evidence: Evidence) -> Measurement:
    """Given what was ordered and seen, return the figures. The reference of data loss is the drill's beginning; what the
    data says of its age counts only where the restore came to its end."""
    told = evidence.claims if evidence.restored else ()
    claims = told + outside_claims(order, evidence.facts)
    point = bounds(claims)
    contradiction = contradicts(point, evidence.began_at)
    proven = None if contradiction else point.not_before
    return Measurement(
        recovery_time_seconds=evidence.ready_seconds,
        verification_seconds=_verification(evidence),
        recovery_point=point,
        data_loss_seconds=_since(proven, evidence.began_at),
        recovery_point_lag_seconds=_since(proven, order.backup.stored_at),
        contradiction=contradiction,
        heartbeat_behind_seconds=behind_header(claims, dump_start(order, evidence.facts)),
    )


def _verification(evidence: Evidence) -> float | None:
    spans = [stage.seconds for stage in evidence.stages if stage.name == FORENSICS]
    return sum(spans) if spans else None


def _since(earlier: datetime | None, reference: datetime | None) -> float | None:
    """Seconds between the two. Clocks of strangers may disagree within the margin: less than nothing is nothing."""
    if earlier is None or reference is None:
        return None
    return max(0.0, (reference - earlier).total_seconds())
