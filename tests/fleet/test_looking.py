"""`status`, `show`, `history` and mistakes on the command line: what is looked at costs no drill."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.cli.looking_ahead import bytes_leaving_region
from restore_tester.history.nouns import Place
from restore_tester.history.records import open_history
from restore_tester.model import Location, RecoveryPoint, Verdict
from tests.fleets import Fleet
from tests.histories import a_drill, a_lease, an_order, of_backup, without_rights
from tests.terminal import Terminal

SECRET = "canary-7f3e"


def remember(fleet: Fleet, *drills: tuple[str, Verdict, float]) -> None:
    """Remember drills of workload `shop`: a location, a verdict, how many days ago."""
    with open_history(f"sqlite:///{fleet.folder}/restore-tester.db") as history:
        for number, (place, verdict, days) in enumerate(drills):
            at = datetime.now(UTC) - timedelta(days=days)
            drill = a_drill(f"d{number}", Place("shop", place), verdict)
            history.finish(replace(drill, began_at=at, ended_at=at + timedelta(minutes=1)))


STALENESS = [
    ((("primary", Verdict.PASSED, 1), ("offsite", Verdict.PASSED, 80)), "proven", 0),
    ((("primary", Verdict.PASSED, 15), ("offsite", Verdict.PASSED, 80)), "stale", 4),
    ((("primary", Verdict.PASSED, 1), ("offsite", Verdict.PASSED, 91)), "stale", 4),
    ((("primary", Verdict.PASSED, 1),), "never_drilled", 4),
    ((("primary", Verdict.PASSED, 2), ("offsite", Verdict.PASSED, 2), ("primary", Verdict.FAILED, 1)), "failed", 4),
    ((("primary", Verdict.PASSED, 2), ("offsite", Verdict.PASSED, 3), ("offsite", Verdict.INCONCLUSIVE, 1)), "inconclusive", 4),
    ((), "never_drilled", 4),
]


@pytest.mark.parametrize(("drills", "state", "code"), STALENESS)
def test_status_check_exits_4_for_what_is_not_proven(
    fleet: Fleet, drills: tuple[tuple[str, Verdict, float], ...], state: str, code: int
) -> None:
    fleet.write("shop", locations=("primary", "offsite"))
    if drills:
        remember(fleet, *drills)
    checked, plain = fleet.json("status", "--check"), fleet.text("status")
    assert (checked.code, checked.record["workloads"][0]["state"], plain[0]) == (code, state, 0)


def test_status_is_a_line_a_workload(fleet: Fleet) -> None:
    fleet.write("shop", "other", locations=("primary",))
    remember(fleet, ("primary", Verdict.PASSED, 1))
    _, text, _ = fleet.text("status")
    lines = text.splitlines()
    assert lines[0].split()[:2] == ["shop", "proven"]
    assert "ago, back in 12 s of RTO 8 h, losing 2 h of RPO 4 h" in lines[0]
    assert lines[1].split()[:3] == ["other", "never", "drilled"]


def test_the_figures_of_a_line_are_those_of_one_drill(fleet: Fleet) -> None:
    fleet.write("shop", more="rpo: 26h")
    now = datetime.now(UTC)
    with open_history(f"sqlite:///{fleet.folder}/restore-tester.db") as history:
        for name, days, taken_days, took in (("young", 1.5, 1.6, 99.0), ("old", 0.5, 30.0, 5.0)):
            at, taken = now - timedelta(days=days), now - timedelta(days=taken_days)
            drill = of_backup(a_drill(name, Place("shop", "primary")), name, taken)
            timed = replace(drill, began_at=at, ended_at=at, recovery_time_seconds=took, data_loss_seconds=None)
            history.finish(replace(timed, recovery_point=RecoveryPoint(None, at - timedelta(hours=11, minutes=25), "file_time")))
    (shop,) = fleet.json("status").record["workloads"]
    assert (shop["proven_by"], shop["recovery_time_seconds"]) == ("young", 99.0)
    _, text, _ = fleet.text("status")
    assert "proven 1 d 12 h ago, back in 1 min 39 s of RTO 8 h, losing at least 11 h 25 min, RPO 1 d 2 h unproven" in text
    assert "1 of 1 workload is proven." in text


def test_looking_makes_no_history(fleet: Fleet) -> None:
    fleet.write("shop")
    assert fleet.json("history").record == {"schema": "restore-tester/drills/v1", "drills": []}
    assert fleet.json("status").code == 0
    assert not list(fleet.folder.glob("*.db*"))


def test_a_failed_drill_can_be_looked_at_with_exit_0(fleet: Fleet) -> None:
    fleet.write("shop")
    remember(fleet, ("primary", Verdict.FAILED, 1))
    assert fleet.json("show", "d0").record["verdict"] == "failed"
    code, text, _ = fleet.text("show", "d0")
    assert (code, text.split()[0]) == (0, "FAILED")


MISTAKES = [
    (("run",), "nothing_named"),
    (("run", "shpo"), "workload_unknown"),
    (("run", "--all", "shop"), "all_and_some"),
    (("run", "shop", "--location", "moon"), "location_unknown"),
    (("run", "--all", "--backup", "a.dump"), "backup_of_many"),
    (("plan", "shpo"), "workload_unknown"),
    (("show", "nothing"), "drill_unknown"),
    (("history", "--limit", "0"), "limit_wrong"),
    (("history", "shpo"), "workload_unknown"),
    (("history", "shop", "--location", "moon"), "location_unknown"),
    (("run", "--all", "-c", "absent.yaml"), "configuration_missing"),
]


@pytest.mark.parametrize(("arguments", "code"), MISTAKES)
def test_mistakes_are_usage_and_nothing_is_made(fleet: Fleet, arguments: tuple[str, ...], code: str) -> None:
    fleet.write("shop", "other")
    said = fleet.json(*arguments)
    assert (said.code, said.record["error"]["code"]) == (2, code)
    assert not list(fleet.folder.glob("*.db*"))


def test_a_workload_that_is_no_longer_configured_keeps_its_history(fleet: Fleet) -> None:
    fleet.write("shop")
    remember(fleet, ("primary", Verdict.PASSED, 1))
    fleet.write("other")
    assert [drill["drill"] for drill in fleet.json("history", "shop", "--location", "primary").drills] == ["d0"]
    assert fleet.json("history", "other").drills == []
    assert fleet.json("history", "shop", "--location", "moon").record["error"]["code"] == "location_unknown"


def test_a_history_that_may_only_be_read_can_be_looked_at(fleet: Fleet) -> None:
    fleet.write("shop")
    remember(fleet, ("primary", Verdict.PASSED, 1))
    file = fleet.folder / "restore-tester.db"
    file.chmod(0o444)
    fleet.folder.chmod(0o555)
    try:
        code = "import sys; from restore_tester.cli.app import run; sys.exit(0 if run(sys.argv[1:]) == 0 else 1)"
        for command in ("status", "history"):
            assert "shop" in without_rights(code, command, "-c", str(fleet.folder / "restore-tester.yaml"))
    finally:
        fleet.folder.chmod(0o755)


def test_an_override_of_a_check_that_is_not_there_is_a_mistake(fleet: Fleet) -> None:
    fleet.write("shop", more="check_overrides: {sequenecs: {severity: warning, reason: typo, until: 2099-01-31}}")
    said = fleet.json("plan")
    assert (said.code, said.record["error"]["code"]) == (2, "override_unknown")


def test_the_configuration_may_be_named_by_the_environment(fleet: Fleet) -> None:
    fleet.write("shop")
    (fleet.folder / "restore-tester.yaml").rename(fleet.folder / "other.yaml")
    assert fleet.json("status", RESTORE_TESTER_CONFIG="other.yaml").code == 0


def test_a_password_in_a_dsn_is_never_said(fleet: Fleet) -> None:
    fleet.write("shop", top="history: {env: HISTORY_DSN}")
    dsn = f"postgresql://keeper:{SECRET}@127.0.0.1:1/history"
    for arguments in (("run", "--all"), ("status",), ("history",), ("plan",), ("show", "d0")):
        code, output, errors = fleet.text(*arguments, HISTORY_DSN=dsn)
        assert code == 3
        assert SECRET not in output + errors
    fleet.write("shop", top=f"history: {dsn}")
    code, output, errors = fleet.text("run", "--all")
    assert (code, SECRET in output + errors) == (2, False)


def test_hostile_names_of_backups_do_nothing_on_a_terminal(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write("shop", "other")
    config = fleet.folder / "restore-tester.yaml"
    config.write_text(config.read_text().replace("app-{taken_at:%Y-%m-%dT%H%M%SZ}.dump", "{any}.dump"))
    hostile = fleet.folder / "shop" / "primary" / "\x1b]0;owned\x07[bold]\u202egnp.dump"
    hostile.touch()
    os.utime(hostile, (1_700_000_000, 1_700_000_000))
    for arguments in (("plan",), ("run", "--all"), ("history",), ("status",)):
        seen = Terminal(*arguments, cwd=fleet.folder).ended()
        assert b"\x1b]0" not in seen.sent
        assert "\u202e".encode() not in seen.sent


@pytest.mark.parametrize(
    ("type", "options", "ours", "leaving"),
    [
        ("folder", {}, None, 0),
        ("s3", {"region": "eu-central-1"}, "eu-central-1", 0),
        ("s3", {"region": "eu-central-1"}, "us-east-1", 9),
        ("s3", {"region": "eu-central-1"}, None, None),
        ("s3", {}, "us-east-1", None),
        ("s3", {"region": "eu-central-1", "endpoint_url": "http://minio"}, "us-east-1", None),
    ],
)
def test_bytes_that_leave_a_region_are_counted_where_both_are_known(
    type: str, options: dict[str, str], ours: str | None, leaving: int | None
) -> None:
    location = Location("primary", type, "x://y", tuple(options.items()))
    assert bytes_leaving_region(location, 9, {"AWS_REGION": ours} if ours else {}) == leaving


def test_a_drill_whose_process_died_is_closed_by_the_next_run_and_one_that_works_is_left(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write("shop")
    (tmp_path / "empty").touch()
    fleet.put(tmp_path / "empty", "shop", 1)
    now = datetime.now(UTC)
    with open_history(f"sqlite:///{fleet.folder}/restore-tester.db") as history:
        history.start(an_order("dead"), a_lease(since=now - timedelta(hours=1)), now - timedelta(hours=1))
        history.start(an_order("alive"), a_lease(since=now, seconds=600), now)
    fleet.json("run", "shop")
    assert fleet.json("show", "dead").record["reasons"][0]["code"] == "abandoned"
    running = fleet.json("show", "alive")
    assert (running.code, running.record["error"]["code"]) == (3, "drill_running")
