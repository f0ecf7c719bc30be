"""`find-good`: of backups whose newest ones are bad, the newest good one is named, with the damage between and how to restore it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleets import Fleet
from tests.producers import SourceServer

SMALL = "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 50); CREATE TABLE lost AS TABLE kept;"


@pytest.fixture(scope="module")
def small(source: SourceServer) -> Path:
    return source.dump(source.make_database("small_good", SMALL))


@pytest.fixture
def cut(small: Path, tmp_path: Path) -> Path:
    path = tmp_path / "cut.dump"
    path.write_bytes(small.read_bytes()[:-400])
    return path


def fill(fleet: Fleet, backups: list[Path]) -> list[str]:
    """Put them, the newest first, a day apart; return their names."""
    fleet.write("shop")
    return [fleet.put(path, "shop", 2 + 24 * days) for days, path in enumerate(backups)]


def test_the_newest_good_one_is_found_between_the_last_bad_and_the_older_ones(fleet: Fleet, small: Path, cut: Path) -> None:
    names = fill(fleet, [cut, cut, small, small, small])
    said = fleet.json("find-good", "shop")
    found = said.record["found"]
    assert (said.code, found["good"]["backup"], found["first_bad"]["backup"]) == (0, names[2], names[1])
    assert (found["complete"], found["retained"], found["not_tried"]) == (True, 5, 0)
    assert 0 <= found["good"]["age_seconds"] < 3600, "the header of the dump says when it began, whatever the name says"
    assert found["commands"][0].startswith("pg_restore --create")
    assert {drill["trigger"] for drill in fleet.json("history").drills} == {"find_good"}


def test_a_newest_backup_that_is_found_bad_leaves_nothing_proven(fleet: Fleet, small: Path, cut: Path) -> None:
    fill(fleet, [cut, small])
    assert fleet.json("find-good", "shop").code == 0
    checked = fleet.json("status", "--check")
    assert (checked.code, checked.record["workloads"][0]["state"]) == (4, "failed")


def test_what_past_drills_told_is_not_drilled_again(fleet: Fleet, small: Path, cut: Path) -> None:
    names = fill(fleet, [cut, small])
    assert fleet.json("run", "shop").verdicts == {"shop": "failed"}
    found = fleet.json("find-good", "shop").record["found"]
    assert [(step["backup"], step["drilled_now"]) for step in found["steps"]] == [(names[0], False), (names[1], True)]
    assert all(not step["drilled_now"] for step in fleet.json("find-good", "shop").record["found"]["steps"])


def test_where_all_are_bad_it_says_so(fleet: Fleet, cut: Path) -> None:
    fill(fleet, [cut, cut, cut])
    said = fleet.json("find-good", "shop")
    assert (said.code, said.record["found"]["good"], len(said.record["found"]["steps"])) == (1, None, 3)


def test_a_limit_ends_the_walk_and_nothing_is_claimed(fleet: Fleet, small: Path, cut: Path) -> None:
    fill(fleet, [cut, cut, small])
    said = fleet.json("find-good", "shop", "--most", "1")
    assert (said.code, said.record["found"]["good"], said.record["found"]["complete"]) == (3, None, False)


def test_an_objective_that_is_missed_is_no_damage(fleet: Fleet, small: Path, cut: Path) -> None:
    fleet.write("shop", more="rpo: 1h")
    names = [fleet.put(path, "shop", hours) for path, hours in ((cut, 3), (small, 30))]
    found = fleet.json("find-good", "shop").record["found"]
    assert found["good"]["backup"] == names[1]


def test_a_person_reads_what_to_type(fleet: Fleet, small: Path, cut: Path) -> None:
    names = fill(fleet, [cut, small])
    code, output, errors = fleet.text("find-good", "shop")
    assert code == 0
    assert "GOOD" in output and names[1] in output and "pg_restore --create" in output
    assert errors == f"drill 1: {names[0]}\ndrill 2: {names[1]}\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("shpo",), "workload_unknown"), (("shop", "--location", "offsite"), "location_unknown")],
)
def test_a_wrong_name_is_refused(fleet: Fleet, arguments: tuple[str, ...], code: str, small: Path) -> None:
    fill(fleet, [small])
    said = fleet.json("find-good", *arguments)
    assert (said.code, said.record["error"]["code"]) == (2, code)
