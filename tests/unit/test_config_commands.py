"""`restore-tester config`: what is printed, and the exit code, with real folders behind `--live`."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from restore_tester.cli.config_commands import app
from restore_tester.cli.location_check import interval_seconds

LIVE = """\
workloads:
  orders:
    owner: payments-sre
    rpo: 4h
    locations:
      primary: {type: folder, path: here, name: "orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump"}
      offsite: {type: folder, path: there, name: "orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump"}
"""


def run(folder: Path, text: str, *more: str) -> tuple[int, str]:
    file = folder / "restore-tester.yaml"
    file.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["check", "-c", str(file), *more])
    return done.exit_code, done.stdout


def as_json(folder: Path, text: str, *more: str) -> tuple[int, dict[str, Any]]:
    code, said = run(folder, text, "-o", "json", *more)
    return code, json.loads(said)


def nightly(folder: Path, nights: int, name: str = "orders-2026-11-{:02}T030000Z.dump") -> None:
    folder.mkdir()
    old = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    for night in range(1, nights + 1):
        (folder / name.format(night)).write_bytes(b"PGDMP")
        os.utime(folder / name.format(night), (old, old))


def test_a_sound_configuration_exits_0_and_says_what_it_holds(tmp_path: Path) -> None:
    code, said = run(tmp_path, LIVE)
    assert (code, said) == (0, f"{tmp_path}/restore-tester.yaml: no mistakes; 1 workload, 2 locations\n")


def test_mistakes_exit_2_each_with_its_place_and_what_to_do(tmp_path: Path) -> None:
    code, said = run(tmp_path, LIVE + "    rot: 1h\n    select: x\n")
    assert code == 2
    assert said.splitlines() == [
        f"{tmp_path}/restore-tester.yaml:8:5: workloads.orders.rot: there is no such key here: `rot`",
        "  HINT: did you mean `rto`?",
        f"{tmp_path}/restore-tester.yaml:9:13: workloads.orders.select: this is not one of the words allowed here",
        "  HINT: use one of: rotating, newest, oldest, random or every",
        f"{tmp_path}/restore-tester.yaml: 2 mistakes",
    ]


def test_json_carries_the_same(tmp_path: Path) -> None:
    code, said = as_json(tmp_path, LIVE + "    rot: 1h\n")
    assert (code, said["schema"], said["valid"], said["workloads"]) == (2, "restore-tester/config-check/v1", False, None)
    assert [(one["line"], one["column"], one["where"]) for one in said["mistakes"]] == [(8, 5, "workloads.orders.rot")]


def test_a_name_pattern_that_says_no_time_is_a_mistake(tmp_path: Path) -> None:
    code, said = as_json(tmp_path, LIVE.replace("-{taken_at:%Y-%m-%dT%H%M%SZ}", "", 1))
    assert (code, [(one["line"], one["column"]) for one in said["mistakes"]]) == (2, [(6, 49)])


def test_live_says_what_matched_what_did_not_and_the_interval(tmp_path: Path) -> None:
    nightly(tmp_path / "here", 5)
    (tmp_path / "here" / "notes.txt").write_text("x")
    nightly(tmp_path / "there", 2)
    code, said = as_json(tmp_path, LIVE, "--live")
    here, there = said["live"]
    assert (code, here["backups"], there["backups"]) == (0, 5, 2)
    assert (here["newest"], here["interval_seconds"]) == ("2026-11-05T03:00:00Z", 86400.0)
    assert (here["unrecognised"], here["unrecognised_count"]) == (["notes.txt"], 1)


def test_live_warns_where_backups_come_less_often_than_the_rpo(tmp_path: Path) -> None:
    nightly(tmp_path / "here", 5)
    nightly(tmp_path / "there", 2)
    _, said = run(tmp_path, LIVE, "--live")
    assert "orders / primary: 5 backups, the newest of 2026-11-05 03:00:00 UTC, one every 1 d" in said
    assert "backups come every 1 d, and the RPO is 4 h" in said


@pytest.mark.parametrize(
    ("name", "nights", "code", "trouble"),
    [("other-{:02}.dump", 3, 3, "nothing_recognised"), ("x", 0, 1, "no_backup"), (None, 0, 3, "location_absent")],
)
def test_live_exits_as_a_drill_would(tmp_path: Path, name: str | None, nights: int, code: int, trouble: str) -> None:
    nightly(tmp_path / "here", 5)
    if name is not None:
        nightly(tmp_path / "there", nights, name)
    exit_code, said = as_json(tmp_path, LIVE, "--live")
    assert (exit_code, [one["code"] for one in said["live"][1]["troubles"]]) == (code, [trouble])


def test_live_lists_nothing_where_the_configuration_is_wrong(tmp_path: Path) -> None:
    code, said = as_json(tmp_path, LIVE + "    rot: 1h\n", "--live")
    assert (code, said["live"]) == (2, [])


def test_control_characters_out_of_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    nightly(tmp_path / "here", 5)
    (tmp_path / "here" / "a\x1b[2Jb").write_text("x")
    nightly(tmp_path / "there", 2)
    _, said = run(tmp_path, LIVE, "--live")
    assert "a\\x1b[2Jb" in said


def test_an_owner_that_init_left_open_is_a_warning(tmp_path: Path) -> None:
    code, said = run(tmp_path, LIVE.replace("owner: payments-sre", "owner: set-me"))
    assert (code, "warning: workloads.orders.owner: nobody is called when its drill fails" in said) == (0, True)


def test_the_files_of_another_workload_in_the_same_folder_are_no_strangers(tmp_path: Path) -> None:
    config = "workloads:\n" + "".join(
        f"  {name}:\n    owner: ops\n    locations: {{primary: {{type: folder, path: here, name: '{name}-{{taken_at:%Y%m%d}}.dump'}}}}\n"
        for name in ("one", "two")
    )
    (tmp_path / "here").mkdir()
    for name in ("one-20261101.dump", "two-20261101.dump", "readme.txt"):
        path = tmp_path / "here" / name
        path.write_text("x")
        os.utime(path, (1_700_000_000, 1_700_000_000))
    _, said = run(tmp_path, config, "--live", "-o", "json")
    assert [one["unrecognised"] for one in json.loads(said)["live"]] == [["readme.txt"], ["readme.txt"]]


def test_a_location_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    code, said = run(tmp_path, LIVE, "--live")
    assert (code, "cannot be read" in said, "no backup to drill" in said) == (3, True, False)


def test_the_schema_is_printed_as_json() -> None:
    done = CliRunner().invoke(app, ["schema", "-o", "json"])
    assert (done.exit_code, json.loads(done.stdout)["$id"]) == (0, "restore-tester/configuration/v1")


def test_the_interval_is_the_usual_distance_between_neighbours() -> None:
    days = [datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=day) for day in (0, 1, 2, 3, 9, 10)]
    assert interval_seconds(days) == 86400.0
    assert interval_seconds(days[:1]) is None
