"""A drill → the one line that says what came of it."""

from __future__ import annotations

from restore_tester.cli.amounts import seconds
from restore_tester.model import Drill, Profile


def outcome(drill: Drill) -> str:
    """Return why it did not pass, else how long recovery took and what a loss would have cost, each beside its objective."""
    if drill.reasons:
        return drill.reasons[0].message
    return f"back in {back_in(drill)}; data loss {loss(drill)}"


def back_in(drill: Drill) -> str:
    """Return the recovery time beside its objective, as far as the two may be compared."""
    took = seconds(drill.recovery_time_seconds) if drill.recovery_time_seconds is not None else "unknown"
    if drill.profile is Profile.FAST:
        return f"{took} (fast profile: not comparable with an RTO)"
    return f"{took}{_objective(drill.recovery_time_objective_seconds)}"


def loss(drill: Drill) -> str:
    """Return what a loss would cost, beside its objective where that is judged: on the newest backup of a location alone."""
    if drill.data_loss_seconds is None:
        return f"unknown{_objective(drill.recovery_point_objective_seconds)}"
    objective, lost = drill.recovery_point_objective_seconds, f"at most {seconds(drill.data_loss_seconds)}"
    missed = any(reason.code == "rpo_missed" for reason in drill.reasons)
    if objective is not None and drill.data_loss_seconds > objective and not missed:
        return f"{lost} (an older backup: the objective is not for it)"
    return f"{lost}{_objective(objective)}"


def _objective(objective: float | None) -> str:
    return f" (objective {seconds(objective)})" if objective is not None else ""
