"""The demo: every verdict is the expected one, and nothing of anybody else is touched."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from restore_tester.cli.demo_backups import CASES, cut_between_rows, flip_bits
from restore_tester.cli.demonstration import ABOUT, FOLDER
from tests.terminal import Terminal, run


def test_every_verdict_is_the_expected_one_and_for_the_expected_reason(tmp_path: Path) -> None:
    done = run("demo", "-o", "json", cwd=tmp_path)
    told = json.loads(done.stdout)
    found = {case["file"]: (case["drill"]["verdict"], [reason["code"] for reason in case["drill"]["reasons"]]) for case in told["cases"]}
    assert found["shop.dump"] == found["shop.sql"] == ("passed", [])
    assert [found[case.file][0] for case in CASES] == [case.expected.value for case in CASES]
    assert found["shop-stale.dump"][1] == ["rpo_missed"]
    assert found["shop-lying.sql"][1] == ["check_failed"]
    assert (done.returncode, done.stderr, told["as_expected"]) == (0, "", True)
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {ABOUT, *(case.file for case in CASES)}
    assert max(sum(table["rows"] for table in case["drill"]["content"]) for case in told["cases"]) >= 200_000


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "mine.txt").write_text("mine")
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not the demo's" in done.stderr
    assert (tmp_path / FOLDER / "mine.txt").read_text() == "mine"


def test_interrupted_it_leaves_no_folder(tmp_path: Path) -> None:
    terminal = Terminal("demo", cwd=tmp_path)
    terminal.wait_for("Making a shop")
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
    flip_bits(tmp_path / "a", tmp_path / "b")
    assert sum(byte.bit_count() for byte in (tmp_path / "b").read_bytes()) == 3
