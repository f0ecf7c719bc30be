"""Workloads, ledgers and boards for tests of what the service tells: one of each in full, to be spoiled with `dataclasses.replace`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from restore_tester.config.nouns import Configuration, Mode, Strategy, Workload
from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import (
    Cycle,
    DrillInBrief,
    Ledger,
    Line,
    Measured,
    Problems,
    RetentionLost,
    Rhythm,
    Sight,
    SightedBackup,
    Trend,
    TrendState,
)
from restore_tester.model import Location, Objectives, Profile, Severity, Verdict
from restore_tester.service.metrics import Board

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
STAGES = ("queue", "provision", "fetch", "decode", "restore", "replay", "ready", "analyze", "gate", "check", "cleanup")


class StoppedClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.instant, self.seconds = NOW, 0.0

    def now(self) -> datetime:
        return self.instant

    def elapsed(self) -> float:
        return self.seconds


def a_workload(name: str = "orders", locations: tuple[str, ...] = ("primary",)) -> Workload:
    return Workload(
        name=name,
        owner="payments-sre",
        criticality="mission-critical",
        engine="postgresql",
        image=None,
        image_is_production=False,
        heartbeat=None,
        database=None,
        locations=tuple(Location(place, "folder", f"file:///backups/{place}") for place in locations),
        objectives=Objectives(3600.0, 900.0),
        schedule=None,
        drill_every_seconds=86_400.0,
        timezone="UTC",
        select=Strategy.ROTATING,
        profile=Profile.FAITHFUL,
        settings=(),
        recovery_environment=None,
        checks=(),
        check_overrides=(),
        depends_on=(),
        mode=Mode.PAGE,
    )


def a_configuration(*workloads: Workload, metrics: str = "auto", stage_metrics: bool = False) -> Configuration:
    return Configuration(
        history="sqlite:///:memory:",
        sandbox="auto",
        concurrency=2,
        settle_seconds=3600.0,
        mode=Mode.PAGE,
        allow_python_checks=False,
        open_pages=False,
        workloads=workloads or (a_workload(),),
        metrics=metrics,
        stage_metrics=stage_metrics,
    )


def a_drill(drill: str = "drill-1", verdict: Verdict = Verdict.PASSED, *codes: str) -> DrillInBrief:
    return DrillInBrief(
        drill=drill,
        trigger="schedule",
        began_at=NOW - timedelta(hours=2),
        ended_at=NOW - timedelta(hours=1, minutes=45),
        verdict=verdict,
        codes=codes,
        proof_level=4,
        backup="orders.dump",
        uri="file:///backups/orders.dump",
        taken_at=NOW - timedelta(hours=3),
        size_bytes=123_456_789,
        newest=True,
        profile=Profile.FAITHFUL,
        recovery_time_seconds=840.25,
        verification_seconds=61.5,
        recovery_point_not_before=NOW - timedelta(hours=3),
        recovery_point_not_after=NOW - timedelta(hours=3),
        data_loss_seconds=3600.0,
        recovery_point_lag_seconds=240.0,
        stages=tuple((stage, 1.5) for stage in STAGES),
        problems=(),
        checks_errored=0,
        sandbox_destroyed=True,
    )


def a_full_ledger(checks: int = 30) -> Ledger:
    """Everything is known of this place, and as much as possible is wrong with it."""
    problems = tuple(Problems(f"check_{number:03}", Severity.GATING, number + 1) for number in range(checks))
    failed: dict[str, object] = {"problems": problems, "checks_errored": 3}
    last = _spoiled(a_drill("drill-9", Verdict.FAILED, "check_failed", "rto_missed", "rpo_missed", "rows_missing"), failed)
    passed = a_drill("drill-8")
    newest = SightedBackup("orders.dump", NOW - timedelta(hours=3), NOW - timedelta(hours=2, minutes=50), 1000)
    return Ledger(
        first_seen=NOW - 90 * DAY,
        passed=41,
        failed=2,
        inconclusive=1,
        durations=(0, 3, 0, 0, 38, 3, 0, 0, 0, 0, 0, 0, 0),
        durations_sum_seconds=30_000.5,
        last=last,
        last_newest=last,
        last_passed=passed,
        good=(passed,),
        bad=(last,),
        proven_recovery_point=NOW - timedelta(hours=3),
        measured=(Measured("drill-8", NOW - DAY, "faithful postgresql 16 process", "orders.dump", 840.0, 240.0, 1000, ()),),
        cycles=(Cycle("orders.dump", NOW - timedelta(hours=3), 86_700.0),),
        worst_of_days=((NOW.date() - DAY, 90_000.0), (NOW.date() - 31 * DAY, 9e9)),
        trends=tuple(_trend(quantity) for quantity in ("recovery_time", "recovery_point_lag", "achieved_rpo", "stage:fetch")),
        sight=Sight(
            changed_at=NOW,
            code="access_denied",
            newest=newest,
            oldest_taken_at=NOW - 30 * DAY,
            backups=14,
            size_bytes=14_000,
            incomplete=1,
            unrecognised=2,
            rhythm=Rhythm(86_400.0, 180_000.0),
            usual_size_bytes=1_000_000.0,
            lost=RetentionLost(NOW - DAY, 40, 3e6),
        ),
    )


def _spoiled(drill: DrillInBrief, values: dict[str, object]) -> DrillInBrief:
    from dataclasses import replace

    return replace(drill, **values)  # type: ignore[arg-type]


def _trend(quantity: str) -> Trend:
    line = Line(at=NOW - 10 * DAY, level=800.0, margin=5.0, per_day=30.0, least_per_day=25.0, most_per_day=35.0, is_growing=True)
    return Trend(quantity=quantity, state=TrendState.DRIFTING, compared=20, latest=840.0, baseline=600.0, upper=700.0, line=line)


def a_board(configuration: Configuration, ledgers: Iterable[tuple[Place, Ledger]], clock: StoppedClock | None = None) -> Board:
    board = Board(clock or StoppedClock())
    board.configure(configuration)
    board.load(ledgers)
    return board
