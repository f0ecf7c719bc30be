"""The keys that the service lives by → nouns, or a mistake at its place."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from restore_tester.config.loading import examine, load
from restore_tester.config.nouns import Configuration, LocationLimits, Pause, QuietHours
from restore_tester.config.secrets import Secret


def no_trouble(pattern: str) -> str | None:
    return None


def text(top: str = "", more: str = "", location: str = "") -> str:
    lines = [top, "workloads:", "  orders:", "    owner: ops", *(f"    {line}" for line in more.splitlines())]
    return "\n".join([*lines, "    locations:", f"      primary: {{type: folder, path: backups{location}}}", ""])


def written(folder: Path, what: str) -> Path:
    file = folder / "restore-tester.yaml"
    file.write_text(what)
    return file


def loaded(folder: Path, top: str = "", more: str = "", location: str = "") -> Configuration:
    return load(written(folder, text(top, more, location)), no_trouble)


def test_a_service_has_defaults(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert (found.watch_every_seconds, found.jitter_seconds, found.quiet_hours, found.paused) == (300.0, 300.0, (), None)
    assert (found.accept_unsealed_sandbox, found.api_token, found.metrics, found.stage_metrics, found.find_good) == (
        False, None, "auto", False, 10,
    )  # fmt: skip


def test_what_a_workload_does_not_say_the_fleet_says(tmp_path: Path) -> None:
    top = 'quiet_hours: ["22:00-06:00"]\npaused: {reason: moving, until: 2027-01-31}'
    (orders,) = loaded(tmp_path, top).workloads
    assert orders.quiet_hours == (QuietHours(time(22), time(6)),)
    assert orders.paused == Pause("moving", datetime(2027, 2, 1, tzinfo=UTC))
    (own,) = loaded(tmp_path, top, 'quiet_hours: []\npaused: {reason: own, until: "2027-01-31T18:00+01:00"}').workloads
    assert (own.quiet_hours, own.paused) == ((), Pause("own", datetime(2027, 1, 31, 17, tzinfo=UTC)))


def test_a_location_has_limits(tmp_path: Path) -> None:
    (orders,) = loaded(tmp_path, location=", concurrency: 2, daily_budget: 500GiB, quiet: 10s").workloads
    assert orders.limits_of("primary") == LocationLimits(2, 500 * 2**30)
    assert orders.limits_of("elsewhere") == LocationLimits()
    assert dict(orders.locations[0].options)["quiet_seconds"] == "10"
    assert "quiet_seconds" not in dict(loaded(tmp_path).workloads[0].locations[0].options)


def test_the_token_is_a_reference_and_never_a_value(tmp_path: Path) -> None:
    assert loaded(tmp_path, "api_token: {env: TOKEN}").api_token == Secret("env", "TOKEN")
    (mistake,) = examine(written(tmp_path, text("api_token: swordfish")), no_trouble).mistakes
    assert (mistake.line, "swordfish" in str(mistake)) == (1, False)


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ('quiet_hours: ["22-6"]', "these are no hours of a day"),
        ('quiet_hours: ["06:00-06:00"]', "this is the whole day: nothing would ever be drilled"),
        ("paused: {reason: x, until: soon}", "this is no instant"),
        ("paused: {until: 2027-01-31}", "`reason` is missing"),
        ("paused: {reason: x, untill: 2027-01-31, until: 2027-01-31}", "there is no such key here: `untill`"),
        ("find_good: -1", "this must be at least 0"),
        ("metrics: some", "this is not one of the words allowed here"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, top: str, message: str) -> None:
    (mistake,) = examine(written(tmp_path, text(top)), no_trouble).mistakes
    assert (mistake.line, mistake.message) == (1, message)
