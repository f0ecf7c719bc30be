"""`verify` from the outside: a real dump, real processes, and what stands on the terminal."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restore_tester.model import Drill, Verdict, from_json
from tests.terminal import Terminal, run

Dump = Callable[..., Path]
FOREVER = "select now() from pg_sleep(300)"


@pytest.fixture
def dump(app_dump: Dump) -> Path:
    return app_dump("custom")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A place of its own for workspaces, so that a test sees what is left behind; its path is short, as a socket below it needs."""
    with tempfile.TemporaryDirectory(prefix="rt-cli-") as folder:
        yield Path(folder)


def left_behind(scratch: Path) -> list[Path]:
    """What is there beside the empty folders and the lock that every start shares."""
    return [path for path in scratch.rglob("*") if not path.is_dir() and path.stat().st_size > 0]


def test_without_a_terminal_the_page_is_plain_and_nothing_else_is_said(dump: Path) -> None:
    done = run("verify", str(dump))
    assert done.stdout.split()[:2] == ["PASSED", dump.name]
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.isprintable() for line in done.stdout.splitlines())


def test_the_json_is_one_object_that_is_the_record(dump: Path) -> None:
    done = run("verify", str(dump), "-o", "json")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    drill = from_json(Drill, done.stdout.encode())
    assert (drill.verdict, drill.workload, drill.location, drill.trigger) == (Verdict.PASSED, None, None, "manual")


def test_a_terminal_shows_the_stages_while_they_run_and_then_only_the_verdict(dump: Path) -> None:
    terminal = Terminal("verify", str(dump))
    terminal.wait_for("restore", " s")
    seen = terminal.ended()
    assert seen.code == 0
    assert seen.screen[1].startswith(f"PASSED  {dump.name}")
    assert "If app were lost now: back in" in seen.text
    assert b"\x1b[1;32mPASSED" in seen.sent


def test_json_stands_alone_on_a_terminal_too(dump: Path) -> None:
    seen = Terminal("verify", str(dump), "-o", "json", columns=200).ended()
    assert b"\x1b" not in seen.sent
    assert json.loads(seen.sent)["verdict"] == "passed"


def test_json_in_a_pipe_leaves_progress_on_the_terminal(dump: Path) -> None:
    reader, writer = os.pipe()
    terminal = Terminal("verify", str(dump), "-o", "json", stdout=writer)
    os.close(writer)
    terminal.wait_for("restore")
    seen = terminal.ended()
    with os.fdopen(reader, "rb") as pipe:
        assert json.loads(pipe.read())["verdict"] == "passed"
    assert "".join(seen.screen).strip() == ""


@pytest.mark.parametrize(("more", "obeyed"), [({"NO_COLOR": "1"}, (b"[1;32m", b"[2m")), ({"TERM": "dumb"}, (b"\x1b",))])
def test_a_terminal_that_wants_no_colour_gets_none(dump: Path, more: dict[str, str], obeyed: tuple[bytes, ...]) -> None:
    seen = Terminal("verify", str(dump), **more).ended()
    assert seen.code == 0
    assert not [sequence for sequence in obeyed if sequence in seen.sent]


def test_sixty_columns_are_enough(dump: Path) -> None:
    seen = Terminal("verify", str(dump), columns=60, rows=90).ended()
    assert "not comparable with an RTO" in seen.text
    assert not [line for line in seen.screen if line.startswith(("ot ", "d "))]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_records_that_and_leaves_nothing(dump: Path, scratch: Path, number: signal.Signals) -> None:
    reader, writer = os.pipe()
    arguments = ("verify", str(dump), "-o", "json", "--recovery-point", FOREVER)
    terminal = Terminal(*arguments, stdout=writer, TMPDIR=str(scratch))
    os.close(writer)
    terminal.wait_for("analyze")
    terminal.send(number)
    terminal.send(number)
    seen = terminal.ended()
    with os.fdopen(reader, "rb") as pipe:
        record = json.loads(pipe.read())
    assert (seen.code, record["verdict"], record["reasons"][0]["code"]) == (130, "inconclusive", "interrupted")
    assert record["sandbox_destroyed"] is True
    assert left_behind(scratch) == []


def test_a_hostile_name_does_nothing_on_a_terminal(dump: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "\x1b]0;owned\x07[bold]\u202egnp.dump"
    hostile.symlink_to(dump)
    seen = Terminal("verify", str(hostile)).ended()
    assert seen.code == 0
    assert b"\x1b]0" not in seen.sent
    assert "[bold]" in seen.screen[1]


def test_one_s_own_check_is_asked_and_counts(dump: Path, tmp_path: Path) -> None:
    header = "-- about: There are no public tables.\n-- severity: gating\n-- expect: no_rows\n-- timeout: 10s\n"
    (tmp_path / "no_tables.sql").write_text(
        f"{header}select relname as object from pg_class where relnamespace = 'public'::regnamespace;\n"
    )
    done = run("verify", str(dump), "--checks", str(tmp_path))
    assert done.returncode == 1
    assert "no_tables (gating)" in done.stdout


def test_a_mistake_in_ones_own_check_is_said_before_anything_runs(dump: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text("-- abuot: Typo.\n-- severity: gating\n-- expect: no_rows\n-- timeout: 10s\nselect 1;\n")
    done = run("verify", str(dump), "--checks", str(tmp_path))
    assert done.returncode == 2
    assert "did you mean about?" in done.stderr


def test_what_is_kept_is_a_stopped_data_directory_and_its_path_is_said(dump: Path, scratch: Path) -> None:
    record = json.loads(run("verify", str(dump), "--keep", "-o", "json", TMPDIR=str(scratch)).stdout)
    said = next(warning for warning in record["warnings"] if warning["code"] == "kept")
    kept = Path(said["message"].rsplit(": ", 1)[1])
    assert (record["verdict"], record["sandbox_destroyed"]) == ("passed", False)
    assert (kept / "PG_VERSION").exists()
    assert not (kept / "postmaster.pid").exists()
