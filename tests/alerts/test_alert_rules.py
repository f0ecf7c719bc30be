"""Every alert fires where it should and stays quiet just beside it, in the real promtool; severities follow the criticality."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.alerts import promtool
from tests.alerts.promtool import Expected

HOUR, DAY = 60, 1440


@dataclass(frozen=True)
class Case:
    """Samples of one location of a workload (metric, with further labels → values of promtool) for which an alert fires after so many
    minutes, and others, of another workload at its side, for which it does not."""

    alert: str
    fires: dict[str, str]
    quiet: dict[str, str]
    minutes: int
    severity: str = "critical"


def verdict(of: str) -> str:
    return f'last_drill_verdict{{verdict="{of}"}}'


def reason(code: str) -> str:
    return f'last_drill_reason{{code="{code}"}}'


def drills(of: str) -> str:
    return f'drills_total{{verdict="{of}"}}'


def failed(code: str, counts: str, since: int) -> dict[str, str]:
    """A drill that failed so many steps of five minutes after the beginning."""
    return {verdict("failed"): f"_x{since} 1x900", reason(code): f"_x{since} 1x900", drills("failed"): counts}


def confirmed(code: str) -> dict[str, str]:
    return failed(code, "3x294 4x3 5x900", 295)


def once(code: str) -> dict[str, str]:
    return failed(code, "3x294 4x900", 295)


def finding(code: str) -> dict[str, str]:
    return {f'catalogue_finding{{code="{code}"}}': "1x900"}


def inconclusive(since: int, counts: str, code: str = "store_unreachable") -> dict[str, str]:
    return {verdict("inconclusive"): f"_x{since} 1x3000", reason(code): f"_x{since} 1x3000", drills("inconclusive"): counts}


CONFIRMED_AT = 26 * HOUR
DUE, INTERVAL = "next_drill_timestamp_seconds", "drill_interval_seconds"
POINT, RPO = "estimated_recovery_point_timestamp_seconds", "recovery_point_objective_seconds"
PASSED, FIRST_SEEN = "last_passed_drill_timestamp_seconds", "first_seen_timestamp_seconds"
ACHIEVED, LAG, LAG_UPPER = "achieved_rpo_seconds", "recovery_point_lag_seconds", "recovery_point_lag_upper_seconds"
NEWEST, NEXT_BACKUP = "newest_backup_timestamp_seconds", "next_backup_due_timestamp_seconds"
BREACH = "recovery_time_breach_timestamp_seconds"
ELSEWHERE = f'{NEWEST}{{location="elsewhere"}}'
DAILY = {INTERVAL: "86400x900"}

CASES = (
    Case("ExposureBeyondRPO", {POINT: "-93600x900", RPO: "93600x900"}, {POINT: "-86400x900", RPO: "93600x900"}, 20),
    Case("NoBackup", {FIRST_SEEN: "-86400x900"}, {FIRST_SEEN: "-86400x900", POINT: "0x900"}, HOUR),
    Case("NoBackup", {FIRST_SEEN: "-86400x900"}, {FIRST_SEEN: "0x900"}, HOUR),
    Case("DrillFailed", confirmed("check_failed"), once("check_failed"), CONFIRMED_AT),
    Case("DrillFailed", once("check_failed"), confirmed("rto_missed"), 33 * HOUR),
    Case("DrillFailed", confirmed("no_backup") | {FIRST_SEEN: "0x900"}, confirmed("no_backup") | {FIRST_SEEN: "86400x900"}, CONFIRMED_AT),
    Case("KeyUnusable", confirmed("key_unusable"), confirmed("check_failed"), CONFIRMED_AT),
    Case("RTOMissed", confirmed("rto_missed"), once("rto_missed"), CONFIRMED_AT),
    Case("RPOMissed", confirmed("rpo_missed"), once("rpo_missed"), CONFIRMED_AT),
    Case("ProofStale", {PASSED: "-172800x900", **DAILY}, {PASSED: "-144000x900", **DAILY}, 7 * HOUR),
    Case("NeverProven", {FIRST_SEEN: "-172800x900", **DAILY}, {FIRST_SEEN: "-172800x900", PASSED: "0x900", **DAILY}, 2 * HOUR, "warning"),
    Case("NeverProven", {FIRST_SEEN: "-172800x900", **DAILY}, {FIRST_SEEN: "-86400x900", **DAILY}, 2 * HOUR, "warning"),
    Case("RetentionLost", finding("retention_lost"), finding("backup_shrank"), 20),
    Case("BackupShrank", finding("backup_shrank"), finding("retention_lost"), 20, "warning"),
    Case(
        "MeasuredRPODrift",
        {ACHIEVED: "90000x900", "achieved_rpo_drift": "1x900"},
        {ACHIEVED: "90000x900", "achieved_rpo_drift": "0x900"},
        20,
        "warning",
    ),
    Case(
        "MeasuredRPODrift", {LAG: "9000x900", "recovery_point_lag_drift": "1x900"}, {LAG: "9000x900", ACHIEVED: "90000x900"}, 20, "warning"
    ),
    Case(
        "MeasuredRTODrift",
        {"recovery_time_seconds": "900x900", "recovery_time_drift": "1x900"},
        {"recovery_time_seconds": "900x900", "recovery_time_drift": "0x900"},
        20,
        "warning",
    ),
    Case("RTOBreachForecast", {BREACH: f"{20 * 86_400}x900"}, {BREACH: f"{60 * 86_400}x900"}, 2 * HOUR, "warning"),
    Case(
        "HeartbeatStopped",
        {LAG: "87600x900", LAG_UPPER: "3000x900", ACHIEVED: "174000x900"},
        {LAG: "1200x900", LAG_UPPER: "900x900", ACHIEVED: "87600x900"},
        20,
        "warning",
    ),
    Case("HeartbeatStopped", {reason("heartbeat_unanswered"): "1x900"}, {reason("recovery_point_unknown"): "1x900"}, 20, "warning"),
    Case(
        "CheckErrored",
        {reason("check_timeout"): "1x900", verdict("inconclusive"): "1x900"},
        {reason("check_timeout"): "1x900", verdict("failed"): "1x900"},
        20,
        "warning",
    ),
    Case("DrillOverdue", {DUE: "-7200x900"}, {DUE: "0x900"}, 20, "warning"),
    Case(
        "DrillRefused",
        {'drill_refused{code="budget_spent"}': "1x900"},
        {'drill_refused{code="budget_spent"}': "1x290 _x900"},
        26 * HOUR,
        "warning",
    ),
    Case("ListingFailed", {"listing_success": "0x900"}, {"listing_success": "0x4 1x900"}, 40, "warning"),
    Case("BackupsStopped", {NEXT_BACKUP: "0x900"}, {NEXT_BACKUP: "86400x900"}, 30, "warning"),
    Case(
        "LocationBehind",
        {NEWEST: "-86400x900", NEXT_BACKUP: "0x900", ELSEWHERE: "60x900"},
        {NEWEST: "-86400x900", NEXT_BACKUP: "0x900", ELSEWHERE: "-60x900"},
        4 * HOUR,
        "warning",
    ),
    Case(
        "InconclusiveRepeatedly",
        inconclusive(600, "5x599 6x287 7x3000"),
        inconclusive(600, "5x599 6x3000"),
        76 * HOUR,
        "warning",
    ),
    Case("InconclusiveRepeatedly", inconclusive(10, "_"), inconclusive(10, "_", "budget_spent"), 52 * HOUR, "warning"),
    Case(
        "ProofLevelRegressed",
        {"proof_level": "6x2030 3x900", verdict("passed"): "1x3000"},
        {"proof_level": "3x2030 6x900", verdict("passed"): "1x3000"},
        172 * HOUR,
        "warning",
    ),
)

SERVICE = {
    "SandboxLeaked": ("restore_tester_sandboxes_leaked", "1x100", "0x100", "warning"),
    "NotificationFailed": ("restore_tester_notifications_failed_total", "0x10 1x100", "3x100", "warning"),
    "ConfigReloadFailed": ("restore_tester_config_reload_success", "0x100", "0x2 1x100", "warning"),
    "Absent": ("restore_tester_build_info", "1x3 stale", "1x100", "critical"),
    "Watchdog": ("restore_tester_build_info", "1x100", None, "none"),
}


def series(workload: str, samples: dict[str, str], criticality: str = "mission-critical", mode: str = "page") -> list[dict[str, str]]:
    """The samples as a service tells them, in two replicas, and what is fixed about the workload."""
    facts = f'criticality="{criticality}", owner="ops", engine="postgresql", mode="{mode}"'
    told = [(f'restore_tester_workload_info{{workload="{workload}", {facts}}}', "1x3000")]
    for sample, values in samples.items():
        name, _, more = sample.partition("{")
        of_workload = name.endswith("_objective_seconds") or name in (DUE, "paused")
        place = "" if of_workload or "location=" in more else 'location="primary", '
        told.append((f'restore_tester_{name}{{workload="{workload}", {place}{more.rstrip("}")}}}', values))
    replicas = [(sample.replace("{", f'{{job="rt", instance="{replica}", ', 1), values) for sample, values in told for replica in "ab"]
    return [{"series": sample, "values": values} for sample, values in replicas]


def firing(alert: str, minutes: int, *labels: str) -> Expected:
    """What of an alert fires then, by workload and severity."""
    query = f'count by (workload, severity) (ALERTS{{alertstate="firing", alertname="RestoreTester{alert}"}})'
    return Expected(query, minutes, tuple((one, 1.0) for one in labels))


def as_test(case: Case) -> dict[str, object]:
    both = series("ill", case.fires) + series("well", case.quiet)
    return promtool.a_test(both, [firing(case.alert, case.minutes, f'{{workload="ill", severity="{case.severity}"}}')], case.alert)


@pytest.mark.parametrize(("shortest", "longest", "every"), [(0, 5 * HOUR, "5m"), (5 * HOUR, 8 * DAY, "30m")], ids=["hours", "days"])
def test_each_alert_of_a_workload_fires_where_it_should_and_not_beside_it(shortest: int, longest: int, every: str, tmp_path: Path) -> None:
    """Over days the rules are evaluated every half hour, or it would take as long."""
    assert promtool.run(tmp_path, [as_test(case) for case in CASES if shortest < case.minutes <= longest], every) == ""


def test_each_alert_of_the_service_fires_where_it_should_and_not_beside_it(tmp_path: Path) -> None:
    tests = []
    for alert, (metric, ill, well, severity) in SERVICE.items():
        for values, fires in ((ill, True), (well, False)):
            if values is not None:
                labels = [f'{{severity="{severity}"}}'] if fires else []
                told = [{"series": f'{metric}{{job="rt", instance="a"}}', "values": values}]
                tests.append(promtool.a_test(told, [firing(alert, 65, *labels)], alert))
    assert promtool.run(tmp_path, tests) == ""


def test_one_of_two_installations_that_goes_away_is_missed_for_a_week(tmp_path: Path) -> None:
    told = [
        {"series": f'restore_tester_build_info{{job="{job}"}}', "values": values} for job, values in (("a", "1x3000"), ("b", "1x20 stale"))
    ]
    query = 'count by (job) (ALERTS{alertstate="firing", alertname="RestoreTesterAbsent"})'
    missed = [Expected(query, minutes, (('{job="b"}', 1.0),)) for minutes in (3 * HOUR, 2 * DAY, 6 * DAY)]
    assert promtool.run(tmp_path, [promtool.a_test(told, missed)], "30m") == ""


@pytest.mark.parametrize(("ill", "of", "fires"), [(3, 20, True), (0, 20, False), (3, 19, False)])
def test_a_fleet_of_twenty_pages_where_three_are_not_recoverable(ill: int, of: int, fires: bool, tmp_path: Path) -> None:
    sound = {PASSED: "0x900", POINT: "0x900", RPO: "93600x900", **DAILY}
    told = [one for number in range(of) for one in series(f"w{number}", sound | ({POINT: "-93600x900"} if number < ill else {}))]
    assert promtool.run(tmp_path, [promtool.a_test(told, [firing("FleetBurn", 90, *(['{severity="critical"}'] if fires else []))])]) == ""


@pytest.mark.parametrize(("first_seen", "fires"), [("0x900", False), ("-180000x900", True)], ids=["just installed", "two days later"])
def test_a_fleet_of_which_nothing_is_known_pages_once_there_was_time_for_a_drill(first_seen: str, fires: bool, tmp_path: Path) -> None:
    told = [one for number in range(20) for one in series(f"w{number}", {FIRST_SEEN: first_seen, RPO: "93600x900", **DAILY})]
    expected = firing("FleetBurn", 90, *(['{severity="critical"}'] if fires else []))
    assert promtool.run(tmp_path, [promtool.a_test(told, [expected])]) == ""


def test_a_failure_waits_for_its_repetition_though_another_stood_six_hours_before(tmp_path: Path) -> None:
    """As `metrics: lean` tells it. The one before was answered by a drill that passed."""
    twice = "1x24 stale _x46 1x200"
    told = {verdict("failed"): twice, verdict("passed"): "_x25 1x46 stale", reason("check_failed"): twice}
    stood = {verdict("failed"): "1x300", reason("check_failed"): "1x300"}
    expected = [
        firing("DrillFailed", 7 * HOUR + 30, '{workload="stood", severity="critical"}'),
        firing("DrillFailed", 13 * HOUR, '{workload="answered", severity="critical"}', '{workload="stood", severity="critical"}'),
    ]
    assert promtool.run(tmp_path, [promtool.a_test(series("answered", told) + series("stood", stood), expected)]) == ""


# --- who is woken -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criticality", "data", "objective", "trend"),
    [
        ("mission-critical", "critical", "critical", "warning"),
        ("essential", "critical", "warning", "warning"),
        ("gold", "critical", "warning", "warning"),
        ("non-essential", "warning", "warning", "info"),
    ],
)
def test_severity_follows_the_criticality(criticality: str, data: str, objective: str, trend: str, tmp_path: Path) -> None:
    ill = {POINT: "-93600x900", RPO: "93600x900", **finding("retention_lost"), DUE: "-9000x900"}
    told = (
        series("ill", ill, criticality)
        + series("seen", ill, criticality, mode="observe")
        + series("rests", ill | {"paused": "1x900"}, criticality)
    )
    expected = [
        firing(alert, 30, f'{{workload="ill", severity="{severity}"}}', '{workload="seen", severity="info"}')
        for alert, severity in (("ExposureBeyondRPO", data), ("RetentionLost", objective), ("DrillOverdue", trend))
    ]
    assert promtool.run(tmp_path, [promtool.a_test(told, expected)]) == ""


def test_a_workload_of_the_same_name_in_another_installation_hides_nothing(tmp_path: Path) -> None:
    here = series("orders", {POINT: "-93600x900", RPO: "93600x900"})
    there = [
        one | {"series": one["series"].replace('job="rt"', 'job="other"')} for one in series("orders", {POINT: "0x900", RPO: "93600x900"})
    ]
    query = 'count by (job) (ALERTS{alertstate="firing", alertname="RestoreTesterExposureBeyondRPO"})'
    assert promtool.run(tmp_path, [promtool.a_test(here + there, [Expected(query, 30, (('{job="rt"}', 1.0),))])]) == ""


def test_every_alert_is_tested() -> None:
    tested = {case.alert for case in CASES} | set(SERVICE) | {"FleetBurn"}
    assert {f"RestoreTester{alert}" for alert in tested} == set(promtool.alerts())


# --- what a person reads ----------------------------------------------------------------------------------------------


def test_what_is_said_names_the_workload_and_its_figures_in_units_of_people(tmp_path: Path) -> None:
    told = series("orders", {POINT: "-93600x900", RPO: "93600x900"})
    alert = promtool.alerts()["RestoreTesterExposureBeyondRPO"]["annotations"]
    said = re.sub(r"\{\{ \$labels\.workload \}\}", "orders", alert["description"]).replace(
        "{{ $value | humanizeDuration }}", "1d 2h 20m 0s"
    )
    asked = {
        "eval_time": "20m",
        "alertname": "RestoreTesterExposureBeyondRPO",
        "exp_alerts": [
            {
                "exp_labels": {
                    "job": "rt",
                    "workload": "orders",
                    "owner": "ops",
                    "criticality": "mission-critical",
                    "severity": "critical",
                },
                "exp_annotations": alert | {"description": said},
            }
        ],
    }
    test = {"interval": "5m", "input_series": told, "alert_rule_test": [asked]}
    assert promtool.run(tmp_path, [test]) == ""
