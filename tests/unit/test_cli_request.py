"""What may be typed after `verify`, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore_tester.cli.request import Wanted, drill_request
from restore_tester.errors import Misuse
from restore_tester.model import Heartbeat, Objectives, Profile

SECRET = "hunter2"


def test_nothing_but_a_path_asks_for_a_fast_drill_with_the_shipped_checks() -> None:
    request = drill_request(Wanted("a b.dump"))
    assert request.locations[0].uri == (Path.cwd() / "a b.dump").as_uri()
    assert (request.profile, request.objectives, request.heartbeat, request.keep) == (Profile.FAST, Objectives(), None, False)
    assert all(check.origin == "shipped" for check in request.checks)


def test_objectives_are_seconds_and_a_recovery_time_is_drilled_faithful() -> None:
    request = drill_request(Wanted("a", rto="45m", rpo="24h", recovery_point="select 1"))
    assert (request.objectives, request.profile) == (Objectives(2_700, 86_400), Profile.FAITHFUL)
    assert request.heartbeat == Heartbeat("select 1")


def test_ones_own_checks_come_beside_the_shipped_ones(tmp_path: Path) -> None:
    header = "-- about: Nobody is negative.\n-- severity: gating\n-- expect: no_rows\n-- timeout: 10s\n"
    (tmp_path / "mine.sql").write_text(header + "select 1 where false;\n")
    checks = drill_request(Wanted("a", checks=(tmp_path,))).checks
    assert [check.name for check in checks if check.origin == "own"] == ["mine"]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted("a", rto="1h", profile="fast"), "rto_with_fast"),
        (Wanted("a", rto="soon"), "duration_malformed"),
        (Wanted("a", rpo="24"), "duration_malformed"),
        (Wanted("a", sandbox="tent"), "sandbox_unknown"),
        (Wanted("a", image="postgres:16"), "image_without_docker"),
        (Wanted("a", checks=(Path("/nonexistent"),)), "checks_missing"),
        (Wanted("https://host/dump"), "not_supported_yet"),
        (Wanted("postgresql://host/db"), "not_a_backup"),
        (Wanted("postgresql://user:hunter2@host/db"), "secret_on_command_line"),
        (Wanted("postgresql://host/db?password=hunter2"), "secret_on_command_line"),
        (Wanted("host=db password=hunter2"), "secret_on_command_line"),
        (Wanted("s3://key:hunter2@host/bucket"), "secret_on_command_line"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_opened(wanted: Wanted, code: str) -> None:
    with pytest.raises(Misuse) as caught:
        drill_request(wanted)
    assert caught.value.reason.code == code
    assert caught.value.reason.hint
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("path", ["C:/x", "dumps/user:pass@host.dump", "password-db.dump", "a=b.dump"])
def test_odd_names_of_files_are_still_paths(path: str) -> None:
    assert drill_request(Wanted(path)).locations[0].uri.startswith("file:///")
