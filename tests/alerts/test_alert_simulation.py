"""Thirty healthy days with noise fire nothing, and each failure fires what it should, once and in time: bodies of the service's own
judgement, replayed to the real rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from restore_tester.model import Objectives, Verdict
from tests.alerts import promtool
from tests.alerts.nights import DAY, HOUR, MINUTE, Night, Spoiling, Story, a_story, from_night, healthy, replayed
from tests.alerts.promtool import Expected

FIRED = 'ALERTS{alertstate="firing", alertname!="RestoreTesterWatchdog"}'
LEARNED = 26
INCONCLUSIVE, FAILED = Verdict.INCONCLUSIVE, Verdict.FAILED


# --- nobody is paged --------------------------------------------------------------------------------------------------


def slow_or_late(night: int) -> Night:
    late = replace(healthy(night), late=100 * MINUTE) if night % 9 == 4 else healthy(night)
    return replace(late, recovery_seconds=2900.0) if night in (30, 41, 50) else late


def outage(night: int) -> Night:
    """One night the store is away for 20 minutes: a drill comes to nothing, and listings fail."""
    code = "store_unreachable"
    away = replace(healthy(night), verdict=INCONCLUSIVE, codes=(code,), listing=code, listing_fails_for=20 * MINUTE)
    return away if night == 45 else healthy(night)


def fails_once(night: int) -> Night:
    """A drill that fails, and whose repetition passes."""
    return replace(healthy(night), verdict=FAILED, codes=("check_failed",), again=False) if night in (35, 47) else healthy(night)


def working_days(night: int) -> Night:
    return replace(healthy(night), backup=night % 7 < 5)


def test_thirty_healthy_days_with_noise_fire_nothing(tmp_path: Path) -> None:
    seldom = a_story("seldom", working_days, "non-essential")
    seldom = replace(seldom, workload=replace(seldom.workload, objectives=Objectives(3600.0, 4 * 86_400.0)))
    stories = (
        a_story("slow", slow_or_late),
        a_story("away", outage),
        a_story("flaky", fails_once, "essential", places=("primary",)),
        seldom,
    )
    minutes = 30 * 1440
    # The service restarts twice, and the scrape in between is missing.
    series = replayed(stories, LEARNED, LEARNED + 30, gaps=(1000, 5001))
    quiet = promtool.a_test(series, [Expected(f"count by (alertname, workload, location) (count_over_time({FIRED}[30d]))", minutes, ())])
    assert promtool.run(tmp_path, [quiet], every="30m") == ""


# --- each failure -----------------------------------------------------------------------------------------------------

SPOILED = 34
BEGINS = 7
ENDS = 10


@dataclass(frozen=True)
class Failure:
    """What happens from a night on, the alert that must come within so long after 3:00 of that night, its severity for a mission-critical
    workload, and which others that follow from it fire too within three days."""

    story: Story
    alert: str
    within: timedelta
    severity: str = "warning"
    besides: tuple[str, ...] = ()


def a_failure(
    name: str, spoil: Spoiling, alert: str, within: timedelta, severity: str = "warning", besides: tuple[str, ...] = ()
) -> Failure:
    return Failure(a_story(name, spoil), "RestoreTester" + alert, within, severity, tuple("RestoreTester" + one for one in besides))


def fails_with(code: str) -> Spoiling:
    return from_night(SPOILED, lambda night, since: replace(night, verdict=FAILED, codes=(code,)))


def inconclusive_with(code: str) -> Spoiling:
    return from_night(SPOILED, lambda night, since: replace(night, verdict=INCONCLUSIVE, codes=(code,)))


def dead_cron(night: Night, since: int) -> Night:
    missed = replace(night, backup=False, verdict=FAILED, codes=("rpo_missed",))
    return missed if since else replace(night, backup=False)


def beatless(night: Night, since: int) -> Night:
    stopped = replace(night, beat_age=(since + 1) * DAY)
    return replace(stopped, verdict=FAILED, codes=("rpo_missed",)) if since else stopped


FAILURES = (
    a_failure(
        "dead-cron",
        from_night(SPOILED, dead_cron),
        "ExposureBeyondRPO",
        4 * HOUR,
        "critical",
        ("RPOMissed", "BackupsStopped", "ProofStale"),
    ),
    a_failure("damaged", fails_with("archive_truncated"), "DrillFailed", 3 * HOUR, "critical", ("ProofStale",)),
    a_failure("key", fails_with("key_unusable"), "KeyUnusable", 3 * HOUR, "critical", ("ProofStale",)),
    a_failure("rto", fails_with("rto_missed"), "RTOMissed", 3 * HOUR, "critical", ("ProofStale",)),
    a_failure(
        "slower",
        from_night(SPOILED, lambda night, since: replace(night, recovery_seconds=2600.0)),
        "MeasuredRTODrift",
        DAY + 4 * HOUR,
    ),
    a_failure(
        "lagging",
        from_night(SPOILED, lambda night, since: replace(night, dump_takes=70 * MINUTE)),
        "MeasuredRPODrift",
        DAY + 4 * HOUR,
    ),
    a_failure(
        "undrilled",
        from_night(SPOILED, lambda night, since: replace(night, drill=False)),
        "DrillOverdue",
        5 * HOUR,
        besides=("ProofStale",),
    ),
    a_failure("unsure", inconclusive_with("store_unreachable"), "InconclusiveRepeatedly", DAY + 4 * HOUR, besides=("ProofStale",)),
    a_failure("unasked", inconclusive_with("check_timeout"), "CheckErrored", 3 * HOUR, besides=("InconclusiveRepeatedly", "ProofStale")),
    a_failure("denied", from_night(SPOILED, lambda night, since: replace(night, listing="access_denied")), "ListingFailed", 4 * HOUR),
    a_failure(
        "offsite",
        from_night(SPOILED, lambda night, since: replace(night, copied=False)),
        "LocationBehind",
        2 * DAY + 5 * HOUR,
        besides=("BackupsStopped",),
    ),
    a_failure("thinned", from_night(SPOILED, lambda night, since: replace(night, kept=6)), "RetentionLost", 2 * HOUR, "critical"),
    a_failure("shrunk", from_night(SPOILED, lambda night, since: replace(night, size_bytes=1000)), "BackupShrank", 2 * HOUR),
    a_failure(
        "beatless",
        from_night(SPOILED, beatless),
        "HeartbeatStopped",
        4 * HOUR,
        besides=("RPOMissed", "MeasuredRPODrift", "ProofStale"),
    ),
    a_failure("less", from_night(SPOILED, lambda night, since: replace(night, level=3)), "ProofLevelRegressed", 4 * HOUR),
    a_failure(
        "emptied",
        from_night(SPOILED, lambda night, since: replace(night, backup=since == 0, kept=0, drill=False)),
        "NoBackup",
        5 * HOUR,
        "critical",
        ("DrillOverdue", "RetentionLost", "ProofStale"),
    ),
)


def test_each_failure_fires_the_right_alert_once_and_in_time(tmp_path: Path) -> None:
    series = replayed(tuple(failure.story for failure in FAILURES), SPOILED - BEGINS, SPOILED - BEGINS + ENDS)
    minutes = ENDS * 1440
    fired = sorted({(failure.story.name, alert) for failure in FAILURES for alert in (failure.alert, *failure.besides)})
    every = Expected(
        f"count by (workload, alertname) (count by (workload, alertname) (count_over_time({FIRED}[{ENDS}d])))",
        minutes,
        tuple((f'{{workload="{workload}", alertname="{alert}"}}', 1.0) for workload, alert in fired),
    )
    each = [asked for failure in FAILURES for asked in in_time_and_once(failure, minutes)]
    assert promtool.run(tmp_path, [promtool.a_test(series, [every, *each])], every="30m") == ""


def in_time_and_once(failure: Failure, minutes: int) -> list[Expected]:
    of = f'{FIRED[:-1]}, alertname="{failure.alert}", workload="{failure.story.name}", severity="{failure.severity}"}}'
    begins = BEGINS * 1440
    limit = begins + int(failure.within.total_seconds() // 60)
    return [
        Expected(f"count(count_over_time({of}[{begins}m]))", begins, ()),
        Expected(f"count(count by (alertname) ({of}))", limit, (("{}", 1.0),)),
        # Once: it fired in every evaluation from the first to the last, without a pause in which it was resolved.
        Expected(
            f"max by (alertname) (resets(({of} * 0 + 1)[{minutes - limit}m:30m]))", minutes, ((f'{{alertname="{failure.alert}"}}', 0.0),)
        ),
    ]
