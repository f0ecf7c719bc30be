"""The demo: every verdict is the expected one, what it leaves behind works, and nothing of anybody else is touched."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restore_tester.cli.demo_backups import CASES, cut_between_rows, date_archive, flip_bits
from restore_tester.cli.demo_folder import ABOUT, ABOUT_TEXT, CONFIGURATION, CONFIGURATION_TEXT, FOLDER, PAGE
from restore_tester.restorers.postgresql.archive import read_contents
from tests.terminal import PATIENCE_SECONDS, Terminal, command, environment, run
from tests.webpage import outside_references

# What each command ends with: newest of primary passes, the stale backup fails, looking at any of it is no failure.
EXITS = {"status": 0, "plan": 0, "run": 0, "show": 0, "history": 0, "verify": 1}


def test_every_verdict_is_the_expected_one_and_what_is_left_works(tmp_path: Path) -> None:
    done = _demo(tmp_path)
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr, told["as_expected"], told["schema"]) == (0, "", True, "restore-tester/demo/v1")
    assert [_found(case) for case in told["cases"]] == [
        (each.location, each.expected.value, [each.why] if each.why else []) for each in CASES
    ]
    assert min(_rows(case) for case in told["cases"] if case["drill"]["verdict"] == "passed") >= 200_000
    assert all((tmp_path / FOLDER / case["file"]).is_file() for case in told["cases"])
    page = (tmp_path / told["page"]).read_text(encoding="utf-8")
    assert outside_references(page) == []
    assert page.count("<article") == len(CASES)
    assert {_name(line): _pasted(line, tmp_path) for line in told["commands"]} == EXITS
    assert run("config", "check", "--live", "-c", told["configuration"], cwd=tmp_path).returncode == 0


def _demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """Eight drills, where other tests leave little of the machine."""
    patience = 3 * PATIENCE_SECONDS
    argv = command("demo", "-o", "json")
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=patience, check=False, env=environment())


def _found(case: dict[str, Any]) -> tuple[str, str, list[str]]:
    return case["location"], case["drill"]["verdict"], [reason["code"] for reason in case["drill"]["reasons"]]


def _rows(case: dict[str, Any]) -> int:
    return sum(table["rows"] for table in case["drill"]["content"])


def _name(line: str) -> str:
    return line.split(" restore_tester ")[1].split(maxsplit=1)[0]


def _pasted(line: str, folder: Path) -> int:
    shell = ["/bin/sh", "-c", line]
    done = subprocess.run(shell, cwd=folder, capture_output=True, timeout=PATIENCE_SECONDS, check=False, env=environment())
    assert done.stdout, (line, done.stderr)
    return done.returncode


@pytest.mark.parametrize("name", ["mine.txt", "backups/primary/mine.dump", "backups/mine/shop.sql"])
def test_a_folder_with_something_of_somebody_else_is_left_alone(tmp_path: Path, name: str) -> None:
    mine = tmp_path / FOLDER / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (tmp_path / FOLDER / ABOUT).write_text(ABOUT_TEXT)
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 2
    assert "not all in it is the demo's own" in done.stderr
    assert mine.read_text() == "mine"


def test_a_configuration_that_somebody_changed_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / ABOUT).write_text(ABOUT_TEXT)
    (tmp_path / FOLDER / CONFIGURATION).write_text(CONFIGURATION_TEXT + "concurrency: 1\n")
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / FOLDER / CONFIGURATION).read_text().endswith("concurrency: 1\n")


@pytest.mark.parametrize("moment", ["Making a shop", "three days old"])
def test_interrupted_it_leaves_nothing_even_of_a_demo_before(tmp_path: Path, moment: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / ABOUT).write_text(ABOUT_TEXT)
    (tmp_path / FOLDER / PAGE).write_text("of a demo before")
    terminal = Terminal("demo", cwd=tmp_path)
    terminal.wait_for(moment)
    terminal.send(signal.SIGINT)
    seen = terminal.ended()
    assert seen.code == 130
    assert "error: interrupted" in seen.text
    assert list(tmp_path.iterdir()) == []


def test_a_cut_falls_between_two_rows(tmp_path: Path) -> None:
    rows = "".join(f"{number}\t1\n" for number in range(100_000))
    (tmp_path / "a.sql").write_text(f"COPY public.payments (id, order_id) FROM stdin;\n{rows}\\.\n-- done\n")
    cut_between_rows(tmp_path / "a.sql", tmp_path / "b.sql")
    lines = (tmp_path / "b.sql").read_text().splitlines()
    assert lines[-1] == f"{len(lines) - 2}\t1"


@pytest.mark.parametrize("size", [100, 4096])
def test_exactly_three_bits_are_flipped(tmp_path: Path, size: int) -> None:
    (tmp_path / "a").write_bytes(bytes(size))
    flip_bits(tmp_path / "a")
    assert sum(byte.bit_count() for byte in (tmp_path / "a").read_bytes()) == 3


def test_a_dated_archive_differs_in_its_date_alone(tmp_path: Path, app_dump: Callable[..., Path]) -> None:
    archive, at = tmp_path / "a.dump", datetime(2026, 2, 28, 23, 59, 58, tzinfo=UTC)
    shutil.copyfile(app_dump(), archive)
    date_archive(archive, at)
    with archive.open("rb") as dated, app_dump().open("rb") as original:
        found, before = read_contents(dated), read_contents(original)
    assert found.created.at == at
    assert (found.database, found.compression, found.entries) == (before.database, before.compression, before.entries)
    assert archive.stat().st_size == app_dump().stat().st_size


def test_the_names_of_a_location_tell_its_backups_apart() -> None:
    now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
    names = [(case.location, case.file(now)) for case in CASES]
    assert len(set(names)) == len(CASES)
    assert all(case.age >= timedelta(minutes=2) for case in CASES), "a file that is younger may still be being written"
