"""A ledger and a backup that a listing showed → its recovery point: proven by a drill, or estimated from when it became usable and
the last measured lag.

An estimate is never evidence, and is labelled. Where no lag was ever measured here, the point is at most as late as the backup's stamp
(`at_most`), so whatever is counted from it reads "at least".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from restore_tester.judgement.ledger import DrillInBrief, Ledger, SightedBackup


@dataclass(frozen=True, slots=True)
class EstimatedPoint:
    """`proven`: a drill of this very backup proved it. `at_most`: it may be earlier, by a lag that was never measured."""

    at: datetime
    proven: bool = False
    at_most: bool = False


def estimated_point(ledger: Ledger, backup: SightedBackup, now: datetime) -> EstimatedPoint:
    """Given a backup of this place and the instant at which it is asked, return its recovery point. No point lies in the future."""
    for drill in (ledger.last_newest, *reversed(ledger.good)):
        if drill is not None and drill.recovery_point_not_before is not None and is_of(drill, backup):
            return EstimatedPoint(min(drill.recovery_point_not_before, now), proven=True)
    lag = last_lag_seconds(ledger)
    if lag is not None and backup.usable_at is not None:
        return EstimatedPoint(min(backup.usable_at, now) - timedelta(seconds=lag))
    stamps = (backup.taken_at, backup.usable_at, now)
    return EstimatedPoint(min(stamp for stamp in stamps if stamp is not None), at_most=True)


def last_lag_seconds(ledger: Ledger) -> float | None:
    """Return the lag that was measured last on a newest backup, seconds; None where none was."""
    return next((one.lag_seconds for one in reversed(ledger.measured) if one.lag_seconds is not None), None)


def is_of(drill: DrillInBrief, backup: SightedBackup) -> bool:
    """Return whether the drill was of these bytes: a name may be written over, but not by what was there when the drill began."""
    same = drill.backup == backup.id and drill.size_bytes == backup.size_bytes
    return same and (backup.usable_at is None or backup.usable_at <= drill.began_at)
