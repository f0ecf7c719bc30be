"""`run`: real backups of a fleet drilled side by side, and what cannot be drilled judged beside them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from restore_tester.model import Drill, from_json
from tests.fleets import Fleet
from tests.producers import SourceServer
from tests.terminal import Terminal, command, environment

SMALL = "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 50); CREATE TABLE lost AS TABLE kept;"


@pytest.fixture(scope="module")
def small(source: SourceServer) -> Path:
    return source.dump(source.make_database("small", SMALL))


def test_a_fleet_is_drilled_whole_whatever_one_of_it_lacks(fleet: Fleet, small: Path) -> None:
    fleet.write("sound", "bare", "odd", "dead", "growing")
    fleet.put(small, "sound", 1)
    fleet.put(small, "dead", 3, suffix=".partial")
    fleet.put(small, "growing", 0.1, suffix=".partial")
    (fleet.folder / "odd" / "primary" / "readme.txt").write_text("hello")
    said = fleet.json("run", "--all")
    expected = {"sound": "passed", "bare": "failed", "odd": "inconclusive", "dead": "failed", "growing": "failed"}
    assert (said.code, said.verdicts, said.errors) == (1, expected, "")
    assert said.reasons == ["no_backup", "nothing_recognised", "incomplete", "no_backup"]
    assert [drill["levels"]["inventory"] for drill in said.drills] == ["proved", "failed", "not_asked", "failed", "failed"]


def test_what_was_drilled_is_remembered_as_it_was_said(fleet: Fleet, small: Path) -> None:
    fleet.write("sound", "bare")
    fleet.put(small, "sound", 1)
    said = fleet.json("run", "--all")
    past = fleet.json("history")
    assert past.code == 0
    assert sorted(past.drills, key=str) == sorted(said.drills, key=str)
    for drill in said.drills:
        shown = fleet.json("show", drill["drill"])
        assert (shown.code, shown.record) == (0, drill)
        assert from_json(Drill, json.dumps(drill).encode()).workload == drill["workload"]
    code, lines, _ = fleet.text("history", "--verdict", "failed")
    assert (code, lines.count("\n"), "no_backup" in lines) == (0, 1, True)


def test_rows_that_vanished_since_the_last_pass_fail_a_drill(fleet: Fleet, source: SourceServer, small: Path) -> None:
    fleet.write("shop")
    fleet.put(small, "shop", 2)
    assert fleet.json("run", "shop").verdicts == {"shop": "passed"}
    source.make_database("emptied", SMALL + "TRUNCATE lost;")
    fleet.put(source.dump("emptied"), "shop", 1)
    # The database has another name than before, so every table of the old one is missing; the same name is tried below.
    assert fleet.json("run", "shop").reasons == ["rows_missing"]
    override = "check_overrides: {baseline: {except: ['small.*'], reason: renamed, until: 2099-01-31}}"
    fleet.write("shop", more=override)
    assert fleet.json("run", "shop").verdicts == {"shop": "passed"}


def test_a_table_that_held_rows_and_holds_none_is_a_difference(fleet: Fleet, source: SourceServer) -> None:
    fleet.write("shop")
    source.make_database("vanishing", SMALL)
    fleet.put(source.dump("vanishing"), "shop", 2)
    fleet.json("run", "shop")
    source.psql("vanishing", "TRUNCATE lost")
    fleet.put(source.dump("vanishing"), "shop", 1)
    said = fleet.json("run", "shop")
    assert (said.code, said.reasons) == (1, ["rows_missing"])
    assert said.drills[0]["differences"] == [{"kind": "rows", "object": "vanishing.public.lost", "expected": 50, "found": 0}]
    older = fleet.json("run", "shop", "--backup", "oldest")
    assert older.verdicts == {"shop": "passed"}


def test_a_damaged_newest_backup_stays_so_when_an_older_one_passes(fleet: Fleet, source: SourceServer, small: Path) -> None:
    fleet.write("shop")
    fleet.put(small, "shop", 30)
    time.sleep(1.1)  # a dump's header tells whole seconds
    newest = fleet.folder / "shop" / "primary" / fleet.put(source.dump("small"), "shop", 1)
    stored_at = newest.stat().st_mtime
    os.truncate(newest, newest.stat().st_size // 2)
    os.utime(newest, (stored_at, stored_at))
    drilled = [fleet.json("run", "shop", "--backup", which) for which in ("newest", "oldest")]
    assert [(said.verdicts["shop"], said.reasons) for said in drilled] == [("failed", ["archive_truncated"]), ("passed", [])]
    said = fleet.json("status", "--check")
    (shop,) = said.record["workloads"]
    (place,) = shop["locations"]
    assert (said.code, shop["state"], place["last_verdict"]) == (4, "failed", "passed")
    assert place["reason"] is not None
    assert shop["data_loss_at_least_seconds"] > 29 * 3600


def test_two_runs_at_once_on_one_history_both_end_and_are_remembered(fleet: Fleet, small: Path) -> None:
    fleet.write("shop")
    fleet.put(small, "shop", 1)
    more = environment({"RESTORE_TESTER_CACHE": str(fleet.cache)})
    argv = command("run", "shop", "-o", "json")
    both = [subprocess.Popen(argv, cwd=fleet.folder, env=more, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    ids = {json.loads(output)["drills"][0]["drill"] for output in outputs}
    assert {drill["drill"] for drill in fleet.json("history").drills} == ids
    assert len(ids) == 2


def test_plan_and_run_choose_alike_over_a_rotation_and_plan_touches_nothing(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write("shop", locations=("primary", "offsite"), more="")
    config = fleet.folder / "restore-tester.yaml"
    config.write_text(config.read_text().replace("select: newest", "select: rotating"))
    empty = tmp_path / "empty"
    empty.touch()
    for place in ("primary", "offsite"):
        for hours in (1, 2, 3):
            fleet.put(empty, "shop", hours, place)
    places = []
    for _ in range(4):
        before = sorted((path, path.stat().st_mtime_ns) for path in fleet.folder.rglob("*.dump"))
        (planned,) = fleet.json("plan").record["plans"]
        assert sorted((path, path.stat().st_mtime_ns) for path in fleet.folder.rglob("*.dump")) == before
        (drilled,) = fleet.json("run", "shop").drills
        assert (planned["location"], planned["backup"], planned["seed"]) == (
            drilled["location"],
            drilled["backup"]["id"],
            drilled["selection"]["seed"],
        )
        assert planned["verdict_expected"] == drilled["verdict"] == "failed"
        places.append(drilled["location"])
    assert set(places) == {"primary", "offsite"}


def test_a_plan_makes_no_history_and_says_what_is_unknown(fleet: Fleet, small: Path) -> None:
    fleet.write("shop")
    name = fleet.put(small, "shop", 1)
    said = fleet.json("plan")
    (planned,) = said.record["plans"]
    assert (said.code, said.record["schema"]) == (0, "restore-tester/plan/v1")
    assert (planned["backup"], planned["format"], planned["size_bytes"]) == (name, "pg_dump-custom", small.stat().st_size)
    assert (planned["expected_seconds"], planned["disk_bytes"], planned["bytes_leaving_region"]) == (None, None, 0)
    assert not list(fleet.folder.glob("*.db*"))
    code, text, _ = fleet.text("plan")
    assert (code, "takes unknown" in text) == (0, True)


def test_a_plan_says_what_the_last_drill_took(fleet: Fleet, small: Path) -> None:
    fleet.write("shop")
    fleet.put(small, "shop", 1)
    taken = fleet.json("run", "shop").drills[0]["environment"]["disk_bytes"]
    (planned,) = fleet.json("plan").record["plans"]
    assert planned["disk_bytes"] == taken > small.stat().st_size
    assert 0 < planned["expected_seconds"] < 120


def test_a_backup_can_be_named(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write("shop")
    (tmp_path / "empty").touch()
    names = [fleet.put(tmp_path / "empty", "shop", hours) for hours in (1, 2)]
    said = fleet.json("run", "shop", "--backup", names[1])
    assert (said.drills[0]["backup"]["id"], said.drills[0]["selection"]["strategy"]) == (names[1], "given")
    unknown = fleet.json("run", "shop", "--backup", "nothing.dump")
    assert (unknown.code, unknown.record["error"]["code"]) == (2, "backup_unknown")
    assert unknown.record["error"]["hint"].startswith(f"name one of: {names[0]}, {names[1]} (the newest first)")
    near = fleet.json("run", "shop", "--backup", names[1].removesuffix("p"))
    assert near.record["error"]["hint"] == f"did you mean {names[1]}?"


FOREVER = "recovery_point: select now() from pg_sleep(300)"


def test_asked_to_stop_every_drill_ends_and_is_remembered_as_interrupted(fleet: Fleet, small: Path) -> None:
    fleet.write("one", "two", more=FOREVER)
    for name in ("one", "two"):
        fleet.put(small, name, 1)
    terminal = Terminal("run", "--all", cwd=fleet.folder, RESTORE_TESTER_CACHE=str(fleet.cache))
    terminal.wait_for("one / primary", "two / primary", "check")
    terminal.send(signal.SIGTERM)
    seen = terminal.ended()
    assert seen.code == 130
    past = fleet.json("history")
    assert past.verdicts == {"one": "inconclusive", "two": "inconclusive"}
    assert [drill["reasons"][0]["code"] for drill in past.drills] == ["interrupted", "interrupted"]
    assert all(drill["sandbox_destroyed"] for drill in past.drills)


def test_interrupted_off_a_terminal_every_workload_that_was_asked_for_is_accounted_for(fleet: Fleet, small: Path) -> None:
    fleet.write("bad", "one", "two", top="concurrency: 1")
    config = fleet.folder / "restore-tester.yaml"
    config.write_text(config.read_text().replace("  one:\n", f"  one:\n    {FOREVER}\n"))
    fleet.put(small, "one", 1)
    argv, more = command("run", "--all"), environment({"RESTORE_TESTER_CACHE": str(fleet.cache)})
    process = subprocess.Popen(argv, cwd=fleet.folder, env=more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("FAILED       bad / primary  no backup")
    while "RUNNING" not in fleet.text("history")[1]:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "two: not drilled: interrupted\n")
    assert output.startswith("INCONCLUSIVE one / primary")
    assert "0 of 3 drills passed." in output


def test_a_growing_backup_that_is_passed_over_is_named(fleet: Fleet, small: Path) -> None:
    fleet.write("shop")
    fleet.put(small, "shop", 2)
    growing = fleet.put(small, "shop", 0.1, suffix=".partial").removesuffix(".partial")
    (planned,) = fleet.json("plan").record["plans"]
    assert growing in planned["why"]
    assert planned["why"].endswith("is newer and still being written")


def test_killed_it_leaves_no_drill_at_work(fleet: Fleet, small: Path, short_tmp: Callable[[], Path]) -> None:
    fleet.write("shop", more=FOREVER)
    fleet.put(small, "shop", 1)
    scratch, shared = short_tmp(), {"lock"}
    terminal = Terminal("run", "shop", cwd=fleet.folder, RESTORE_TESTER_CACHE=str(fleet.cache), TMPDIR=str(scratch))
    terminal.wait_for("shop / primary", "check")
    terminal.process.kill()
    terminal.process.wait()
    deadline = time.monotonic() + 60
    while [name for _, _, files in os.walk(scratch) for name in files if name not in shared]:
        assert time.monotonic() < deadline, "the drill goes on"
        time.sleep(0.2)


def test_no_more_drills_run_side_by_side_than_the_configuration_allows(fleet: Fleet, small: Path) -> None:
    fleet.write("one", "two", "three", top="concurrency: 1")
    for name in ("one", "two", "three"):
        fleet.put(small, name, 1)
    drills = sorted(fleet.json("run", "--all").drills, key=lambda drill: str(drill["began_at"]))
    assert len(drills) == 3
    assert all(earlier["ended_at"] <= later["began_at"] for earlier, later in pairwise(drills))
