"""A workload as configured, the ledger of one of its places, what the scheduler means to do → the lines that tell it to Prometheus.

Never more than 40 lines for a place, 12 in `lean`, those of its workload included (stages, by choice, come on top): what has no
fixed number, reasons and problems of checks, gets what is left, the worst first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from restore_tester.config.nouns import Configuration, Workload
from restore_tester.judgement import catalogue
from restore_tester.judgement.changes import open_failure
from restore_tester.judgement.ledger import DrillInBrief, Ledger, Problems, Trend, TrendState
from restore_tester.judgement.outlook import Outlook, outlook, worst_case_seconds
from restore_tester.judgement.standing import INTERVALS, proof_lasts_seconds
from restore_tester.model import Severity, Verdict
from restore_tester.service.exposition import Exemplar, label, sample, with_exemplar
from restore_tester.service.families import METRICS, Scope

MOST_FULL = 40
MOST_LEAN = 12
# Above so many locations `auto` tells the lean set: 40 series of each would be 200 000, which is what one scrape should hold.
LEAN_ABOVE = 5000
# What a workload has of its own, a drill that is refused at this place included: taken off what a place may have.
FULL_OF_WORKLOAD = 5
LEAN_OF_WORKLOAD = 4
# So that one place with two hundred failing checks stays readable beside its neighbours, also where there is room.
MOST_REASONS = 3
MOST_CHECKS = 8
_SEVERITIES = (Severity.GATING, Severity.WARNING, Severity.INFO)

# The lines of each metric, in the order of `METRICS`.
Lines = tuple[bytes, ...]
_WORKLOADS = [(index, metric) for index, metric in enumerate(METRICS) if metric.scope is Scope.WORKLOAD]
_INDEX = {(metric.name, metric.scope): index for index, metric in enumerate(METRICS)}


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is told of each place. `chosen_by` is `size` or `configuration`."""

    lean: bool
    stages: bool
    chosen_by: str

    @property
    def name(self) -> str:
        return "lean" if self.lean else "full"


def detail_of(configuration: Configuration) -> Detail:
    """Return how much is told: as configured; `auto` goes by the number of locations."""
    if configuration.metrics != "auto":
        return Detail(configuration.metrics == "lean", configuration.stage_metrics, "configuration")
    locations = sum(len(workload.locations) for workload in configuration.workloads)
    return Detail(locations > LEAN_ABOVE, configuration.stage_metrics, "size")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A due drill of a location that is refused now, and the reason's code: its daily budget is spent, say."""

    location: str
    code: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the scheduler means to do with a workload."""

    workload: str
    next_drill_at: datetime | None = None
    paused: bool = False
    refused: tuple[Refusal, ...] = ()


class _Page:
    """Collects the lines of one place or workload; leaves out what `lean` has not."""

    def __init__(self, scope: Scope, detail: Detail, labels: str) -> None:
        self._scope, self._detail, self._labels = scope, detail, labels
        self._lines: dict[int, bytes] = {}
        self.count = 0

    def tell(self, name: str, value: float | datetime | None, *more: str, exemplar: Exemplar | None = None) -> None:
        """Add a sample, where its value is known and its metric is told at this detail."""
        index = _INDEX[name, self._scope]
        metric = METRICS[index]
        if value is None or (self._detail.lean and not metric.lean) or (metric.stages and not self._detail.stages):
            return
        line = sample(name, ",".join((self._labels, *more)), value)
        self._lines[index] = self._lines.get(index, b"") + with_exemplar(line, exemplar)
        self.count += not metric.stages and bool(line)

    def lines(self) -> Lines:
        return tuple(self._lines.get(index, b"") for index in range(len(METRICS)))


def of_workload(workload: Workload, plan: Plan | None, detail: Detail) -> Lines:
    """Return the lines of what holds for a workload in all its locations."""
    name = label("workload", workload.name)
    page = _Page(Scope.WORKLOAD, detail, name)
    facts = (
        ("engine", workload.engine or ""),
        ("criticality", workload.criticality),
        ("owner", workload.owner),
        ("mode", workload.mode.value),
    )
    page.tell("workload_info", 1, *(label(*fact) for fact in facts))
    page.tell("recovery_time_objective_seconds", workload.objectives.recovery_time_seconds)
    page.tell("recovery_point_objective_seconds", workload.objectives.recovery_point_seconds)
    if plan is None:
        return page.lines()
    page.tell("paused", 1 if plan.paused else None)
    page.tell("next_drill_timestamp_seconds", None if plan.paused else plan.next_drill_at)
    configured = {location.name for location in workload.locations}
    for location, code in {refusal.location: refusal.code for refusal in plan.refused if refusal.location in configured}.items():
        page.tell("drill_refused", 1, label("location", location), label("code", code))
    return page.lines()


def of_place(workload: Workload, position: int, ledger: Ledger | None, detail: Detail, now: datetime) -> Lines:
    """Given a location by its position in the configuration (0 is the first), and its ledger if there is one yet, return its lines."""
    labels = f"{label('workload', workload.name)},{label('location', workload.locations[position].name or '')}"
    page = _Page(Scope.PLACE, detail, labels)
    page.tell("drill_interval_seconds", proof_lasts_seconds(position, workload.drill_every_seconds) / INTERVALS)
    _drills_counted(page, ledger)
    if ledger is None:
        return page.lines()
    page.tell("first_seen_timestamp_seconds", ledger.first_seen)
    _last_drills(page, ledger)
    _measured(page, ledger.last_newest)
    seen = outlook(ledger, workload.objectives, now)
    _recovery_points(page, ledger, seen, now)
    _listed(page, ledger)
    for trend in (seen.recovery_time, seen.lag, seen.achieved_rpo):
        _trend(page, trend)
    if seen.recovery_time_breach is not None:
        page.tell("recovery_time_breach_timestamp_seconds", seen.recovery_time_breach.at)
    _unbounded(page, ledger, MOST_LEAN - LEAN_OF_WORKLOAD if detail.lean else MOST_FULL - FULL_OF_WORKLOAD, now)
    return page.lines()


def _drills_counted(page: _Page, ledger: Ledger | None) -> None:
    """From 0 on, for each verdict: `increase` sees the first drill only where something was there before it."""
    counts = (0, 0, 0) if ledger is None else (ledger.passed, ledger.failed, ledger.inconclusive)
    last = ledger.last if ledger is not None else None
    for verdict, count in zip((Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE), counts, strict=True):
        exemplar = Exemplar(last.drill, 1, last.ended_at) if last is not None and last.verdict is verdict else None
        page.tell("drills_total", count, label("verdict", verdict.value), exemplar=exemplar)


def _last_drills(page: _Page, ledger: Ledger) -> None:
    if ledger.last_passed is not None:
        page.tell("last_passed_drill_timestamp_seconds", ledger.last_passed.began_at)
    if ledger.known_good is not None:
        page.tell("last_known_good_timestamp_seconds", ledger.known_good.taken_at)
    if ledger.last is not None:
        page.tell("last_drill_timestamp_seconds", ledger.last.ended_at)
    stands = _standing_drill(ledger)
    if stands is not None:
        page.tell("last_drill_verdict", 1, label("verdict", stands.verdict.value))


def _standing_drill(ledger: Ledger) -> DrillInBrief | None:
    """A failure stands until a drill answers it, as everywhere else: one of an older backup that passes, or one that told nothing,
    would resolve the alert for data that is lost still."""
    return open_failure(ledger) or ledger.last


def _measured(page: _Page, drill: DrillInBrief | None) -> None:
    """The figures of the newest backup: those of an old one that was drilled in its turn say nothing of recovery today."""
    if drill is None:
        return
    page.tell("proof_level", drill.proof_level)
    page.tell("recovery_time_seconds", drill.recovery_time_seconds)
    page.tell("verification_seconds", drill.verification_seconds)
    page.tell("data_loss_seconds", drill.data_loss_seconds)
    page.tell("recovery_point_lag_seconds", drill.recovery_point_lag_seconds)
    for stage, seconds in dict(drill.stages).items():
        page.tell("stage_seconds", seconds, label("stage", stage))


def _recovery_points(page: _Page, ledger: Ledger, seen: Outlook, now: datetime) -> None:
    page.tell("recovery_point_timestamp_seconds", ledger.proven_recovery_point)
    page.tell("estimated_recovery_point_timestamp_seconds", seen.point.at if seen.point is not None else None)
    if ledger.cycles:
        page.tell("achieved_rpo_seconds", ledger.cycles[-1].achieved_seconds)
    # Of cycles that ended: the one that lasts grows by the second, and is now minus the estimated point.
    page.tell("worst_case_data_loss_seconds", worst_case_seconds(ledger, None, now))


def _listed(page: _Page, ledger: Ledger) -> None:
    sight = ledger.sight
    if sight is None:
        return
    page.tell("listing_success", 0 if sight.code is not None else 1)
    if sight.newest is None:
        # A location that was never listed may hold any number of backups.
        page.tell("backups", 0 if sight.code is None else None)
        return
    page.tell("backups", sight.backups)
    page.tell("newest_backup_timestamp_seconds", sight.newest.taken_at)
    page.tell("newest_backup_size_bytes", sight.newest.size_bytes)
    arrived = sight.newest.usable_at or sight.newest.taken_at
    if sight.rhythm is not None and arrived is not None:
        page.tell("next_backup_due_timestamp_seconds", arrived + timedelta(seconds=sight.rhythm.patience_seconds))


def _trend(page: _Page, trend: Trend | None) -> None:
    if trend is None or trend.state is TrendState.LEARNING:
        return
    page.tell(f"{trend.quantity}_baseline_seconds", trend.baseline)
    page.tell(f"{trend.quantity}_upper_seconds", trend.upper)
    page.tell(f"{trend.quantity}_drift", 0 if trend.state is TrendState.STEADY else 1)


def _unbounded(page: _Page, ledger: Ledger, room: int, now: datetime) -> None:
    """The reason that decided comes first, then what the listings show, then the problems, then all else that there is room for."""
    last, stands = ledger.last, _standing_drill(ledger)
    reasons = [label("code", code) for code in dict.fromkeys(stands.codes)] if stands is not None else []
    for code in reasons[:1]:
        page.tell("last_drill_reason", 1, code)
    # When nothing new comes is told as an instant: a finding that time alone brings about would come late here.
    for finding in catalogue.findings(ledger, now):
        if finding.code != "backups_stopped" and page.count < room - bool(last is not None and last.problems):
            page.tell("catalogue_finding", 1, label("code", finding.code))
    if last is not None:
        _problems(page, last.problems, room - page.count)
        page.tell("checks_errored", last.checks_errored if last.checks_errored and page.count < room else None)
    for code in reasons[1 : min(MOST_REASONS, 1 + max(room - page.count, 0))]:
        page.tell("last_drill_reason", 1, code)


def _problems(page: _Page, problems: tuple[Problems, ...], room: int) -> None:
    """The gravest has a line of its own in any case; where there is not room for all, the last line counts those that are left."""
    ordered = sorted((one for one in problems if one.count > 0), key=lambda one: (_SEVERITIES.index(one.severity), -one.count, one.check))
    most = min(room, MOST_CHECKS)
    named = ordered if len(ordered) <= most else ordered[: max(most - 1, 1)]
    for one in named[: max(room, 0)]:
        page.tell("check_problems", one.count, label("check", one.check), label("severity", one.severity.value))
    left = ordered[len(named) :]
    if left and room > len(named):
        page.tell("check_problems", sum(one.count for one in left), label("check", "(others)"), label("severity", left[0].severity.value))
