"""A drill → what is said of it in one line, wherever it is shown: in a terminal, on a page, in a message. Pure.

What is unknown is called unknown, and a fast drill's time is never offered as a recovery time.
"""

from __future__ import annotations

from restore_tester.judgement.amounts import seconds
from restore_tester.judgement.recovering import NAMELESS
from restore_tester.model import Drill, Profile, Verdict

OUTSIDE_RECOVERY = ("queue", "check", "cleanup")
OBJECTIVES_MISSED = ("rto_missed", "rpo_missed")
LEVELS = (
    ("inventory", "it exists, where it should"),
    ("bytes", "read in full"),
    ("structure", "decoded to its end"),
    ("restored", "a server answers from it"),
    ("complete", "everything is there"),
    ("intact", "the content is the source's"),
    ("fresh", "young enough, provably"),
    ("usable", "the application can work"),
)


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


def name_of(drill: Drill) -> str:
    """Return what would be lost: the workload, the database that the backup holds, or whatever is in it."""
    if drill.workload:
        return drill.workload
    databases = [name for name in drill.backup.databases if name not in NAMELESS]
    if not drill.backup.id:
        return f"what lies in {drill.backup.uri}"
    return databases[0] if len(databases) == 1 else f"what {drill.backup.id} holds"


def head_of(drill: Drill) -> str:
    """Return what was drilled: the backup, or the place where there was none."""
    if drill.backup.id:
        return drill.backup.id
    return f"{drill.workload} / {drill.location}: no backup" if drill.workload else f"{drill.backup.uri}: no backup"


def sentence(drill: Drill) -> str:
    """Return the one sentence that matters."""
    name = name_of(drill)
    if drill.verdict is Verdict.INCONCLUSIVE:
        return f"Nothing is proven about {name}, neither good nor bad: the question could not be answered here."
    figures = f"If {name} were lost now: back in {_back(drill)}, losing {losing(drill)}."
    if drill.verdict is Verdict.PASSED:
        return figures
    if drill.reasons and all(reason.code in OBJECTIVES_MISSED for reason in drill.reasons):
        return f"{figures} What fails is the objective, not the data."
    if not drill.backup.id:
        return f"If {name} were lost now, there would be no backup to bring it back."
    return f"If {name} were lost now, this backup would not bring it back whole."


def losing(drill: Drill) -> str:
    """Return how much data a loss at the time of the drill would have cost, as far as that was proven."""
    if drill.data_loss_seconds is not None:
        return f"at most {seconds(drill.data_loss_seconds)} of data"
    if drill.recovery_point.not_after is not None:
        least = (drill.began_at - drill.recovery_point.not_after).total_seconds()
        if least > 0:
            return f"an unknown amount of data, at least {seconds(least)}"
    return "an unknown amount of data"


def _back(drill: Drill) -> str:
    if drill.recovery_time_seconds is None:
        return "an unknown time"
    took = seconds(drill.recovery_time_seconds)
    return f"{took} (fast profile: not comparable with an RTO)" if drill.profile is Profile.FAST else took


def _objective(objective: float | None) -> str:
    return f" (objective {seconds(objective)})" if objective is not None else ""
