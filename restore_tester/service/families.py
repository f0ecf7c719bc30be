"""Every metric of ours: its name, kind and help, where it belongs, and whether `lean` has it. `docs/operate.md` lists the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from restore_tester.service.exposition import Family, Kind


class Scope(StrEnum):
    """What a sample is about: labels `workload`; `workload` and `location`; or neither."""

    WORKLOAD = "workload"
    PLACE = "place"
    FLEET = "fleet"


@dataclass(frozen=True, slots=True)
class Metric:
    """A family, whose it is, and whether it belongs to `lean` too. `stages`: only by choice."""

    family: Family
    scope: Scope
    lean: bool = False
    stages: bool = False

    @property
    def name(self) -> str:
        return self.family.name


def _gauge(name: str, scope: Scope, about: str, *, lean: bool = False, stages: bool = False) -> Metric:
    return Metric(Family(name, Kind.GAUGE, about), scope, lean, stages)


def _trend(quantity: str, named: str) -> tuple[Metric, ...]:
    return (
        _gauge(f"{quantity}_baseline_seconds", Scope.PLACE, f"What is usual for {named}: absent while too few were compared."),
        _gauge(f"{quantity}_upper_seconds", Scope.PLACE, f"Above this, {named} is out of the usual."),
        _gauge(f"{quantity}_drift", Scope.PLACE, f"Whether {named} drifts or creeps upwards (1) or is steady (0)."),
    )


W, P, F = Scope.WORKLOAD, Scope.PLACE, Scope.FLEET

WORKLOAD_INFO = Metric(Family("workload_info", Kind.INFO, "A workload that is configured, and what is fixed about it."), W, lean=True)
DRILLS = Metric(Family("drills_total", Kind.COUNTER, "Drills that ended, by verdict."), P)
FLEET_DRILLS = Metric(DRILLS.family, F, lean=True)
DURATION = Metric(Family("drill_duration_seconds", Kind.HISTOGRAM, "How long drills took, start to end."), F, lean=True)

METRICS: tuple[Metric, ...] = (
    WORKLOAD_INFO,
    _gauge("recovery_time_objective_seconds", W, "Recovery has to be done within (RTO).", lean=True),
    _gauge("recovery_point_objective_seconds", W, "At most so much data may be lost (RPO).", lean=True),
    _gauge("next_drill_timestamp_seconds", W, "When the next drill is due, or since when one waits to start; absent while paused."),
    _gauge("paused", W, "1 while drills are paused; absent otherwise.", lean=True),
    _gauge("drill_refused", W, "1 while a due drill of this location is refused, with the reason's code."),
    _gauge("drill_interval_seconds", P, "A drill should pass here this often; after twice as long the location is stale.", lean=True),
    _gauge("first_seen_timestamp_seconds", P, "When this location of this workload was first configured.", lean=True),
    _gauge("last_drill_timestamp_seconds", P, "When the last drill ended."),
    _gauge("last_passed_drill_timestamp_seconds", P, "When the last drill began that passed.", lean=True),
    _gauge(
        "last_drill_verdict",
        P,
        "1 for failed while a failure is unanswered, else for the last drill's verdict; the others are absent.",
        lean=True,
    ),
    _gauge("last_drill_reason", P, "1 for each reason of the drill that last_drill_verdict tells of, the deciding one first.", lean=True),
    _gauge("proof_level", P, "How far the proof of the last drill of a newest backup went, 0 to 7."),
    _gauge("check_problems", P, "Problems that a check of the last drill found; absent where it found none."),
    _gauge("checks_errored", P, "Checks of the last drill that could not be asked; absent where all could."),
    DRILLS,
    _gauge("recovery_time_seconds", P, "Measured by the last drill of a newest backup that restored it.", lean=True),
    _gauge("verification_seconds", P, "What the last drill of a newest backup took beyond recovery."),
    _gauge("stage_seconds", P, "How long each stage of the last drill of a newest backup took.", stages=True),
    _gauge("recovery_point_timestamp_seconds", P, "The newest recovery point that a drill proved."),
    _gauge(
        "estimated_recovery_point_timestamp_seconds",
        P,
        "The newest backup's recovery point, estimated: exposure is now minus it.",
        lean=True,
    ),
    _gauge("data_loss_seconds", P, "What a loss at the beginning of the last drill of a newest backup would have cost."),
    _gauge("recovery_point_lag_seconds", P, "From the recovery point of a backup to its being usable, as measured last."),
    _gauge("achieved_rpo_seconds", P, "The most that could have been lost until the newest backup became usable."),
    _gauge("worst_case_data_loss_seconds", P, "The worst of the last 30 days; for reports."),
    _gauge("newest_backup_timestamp_seconds", P, "When the newest backup was taken, by its name, else by when it was stored."),
    _gauge("newest_backup_size_bytes", P, "Its size."),
    _gauge(
        "next_backup_due_timestamp_seconds",
        P,
        "After this, a missing new backup is out of its usual rhythm, nights and weekends counted in.",
    ),
    _gauge("backups", P, "Complete backups that the last listing showed."),
    _gauge("listing_success", P, "Whether the last listing succeeded.", lean=True),
    _gauge("catalogue_finding", P, "1 for each thing that is wrong by the listings alone; absent where nothing is."),
    _gauge("last_known_good_timestamp_seconds", P, "When the youngest backup was taken that a drill proved intact."),
    *_trend("recovery_time", "the recovery time"),
    *_trend("recovery_point_lag", "the recovery point lag"),
    *_trend("achieved_rpo", "the achieved RPO"),
    _gauge(
        "recovery_time_breach_timestamp_seconds",
        P,
        "When the recovery time will reach its objective, should it grow on; absent if not within a year.",
    ),
    FLEET_DRILLS,
    DURATION,
    _gauge("drills_running", F, "Drills that run now.", lean=True),
    _gauge("drills_queued", F, "Drills that are due and wait.", lean=True),
    _gauge("sandboxes_leaked", F, "Sandboxes that could not be removed.", lean=True),
    _gauge("config_reload_success", F, "Whether the configuration was read; 0: a mistake, the one before it stays in force.", lean=True),
    _gauge("config_reload_timestamp_seconds", F, "When the configuration in force was read.", lean=True),
    Metric(Family("notifications_failed_total", Kind.COUNTER, "Notifications that could not be delivered."), F, lean=True),
    _gauge("history_loaded_timestamp_seconds", F, "When all was last read from the history.", lean=True),
    Metric(
        Family(
            "metrics_detail_info", Kind.INFO, "How much is told of each location: `detail` lean or full; `chosen_by` size or configuration."
        ),
        F,
        lean=True,
    ),
)

# Every name that a page or a rule may use: ours, without what prometheus-client adds about the process.
NAMES = (*dict.fromkeys(metric.family.full_name for metric in METRICS), "restore_tester_build_info")
