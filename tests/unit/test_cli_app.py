"""The outermost shell: help, errors, exit codes, and what is not imported."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import restore_tester
from tests.terminal import command, environment, run

HEAVY = ("boto3", "sqlalchemy", "pydantic", "psycopg", "rich", "msgspec", "zstandard", "jinja2", "restore_tester.model")


def imported(*arguments: str) -> set[str]:
    argv = command(*arguments)
    argv[1:1] = ["-X", "importtime"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env=environment()).stderr
    return {line.rsplit("|", 1)[1].strip() for line in said.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("arguments", [("--help",), ("verify", "--help"), ("checks", "--help"), ("demo", "--help"), ("--version",)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    seen = imported(*arguments)
    assert "typer" in seen
    assert not seen & set(HEAVY)


def test_a_verification_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(b"no dump")
    seen = imported("verify", str(tmp_path / "a.dump"))
    assert "restore_tester.drill" in seen
    assert not seen & {"boto3", "sqlalchemy", "pydantic", "rich"}


def test_help_shows_examples_and_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "restore-tester verify /backups/orders.dump" in done.stdout
    assert "3 inconclusive" in done.stdout


@pytest.mark.parametrize("name", ["verify", "demo", "doctor", "checks"])
def test_every_command_has_help(name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: restore-tester {name}" in done.stdout


def test_the_version_is_said() -> None:
    assert run("--version").stdout == f"restore-tester {restore_tester.__version__}\n"


def test_no_command_at_all_is_no_success() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: restore-tester" in done.stderr


USAGE = [
    ("verify",),
    ("verify", "a", "--frobnicate"),
    ("verify", "a", "--profile", "slow"),
    ("frobnicate",),
    ("verify", "a", "b"),
    ("--frob",),
]


@pytest.mark.parametrize("arguments", USAGE)
def test_a_mistyped_line_is_usage_with_a_hint(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "\nhint: see restore-tester" in done.stderr


@pytest.mark.parametrize("option", [("-o", "json"), ("--output", "json"), ("--output=json",), ("-ojson",)])
def test_with_json_even_a_mistyped_line_is_one_object(option: tuple[str, ...]) -> None:
    done = run("verify", "--frobnicate", *option)
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout)["error"]["code"] == "usage"


def test_an_absent_path_is_usage_in_text_and_in_json() -> None:
    text, as_json = run("verify", "/nonexistent/a.dump"), run("verify", "/nonexistent/a.dump", "-o", "json")
    assert (text.returncode, as_json.returncode) == (2, 2)
    assert text.stderr == "error: there is nothing at /nonexistent/a.dump\nhint: check the path\n"
    expected = {"code": "path_not_found", "message": "there is nothing at /nonexistent/a.dump", "hint": "check the path"}
    assert json.loads(as_json.stdout) == {"error": expected}
    assert as_json.stderr == ""


def test_a_hostile_path_is_inert_in_an_error() -> None:
    done = run("verify", "/nonexistent/\x1b[31m\u202e[red].dump")
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert "[red].dump" in done.stderr


def test_a_file_that_is_no_backup_fails_and_the_record_is_one_object(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(b"")
    done = run("verify", str(tmp_path / "a.dump"), "-o", "json")
    record = json.loads(done.stdout)
    assert (done.returncode, record["schema"], record["verdict"], done.stderr) == (1, "restore-tester/drill/v1", "failed", "")
    assert record["selection"]["strategy"] == "given"


def test_a_folder_that_is_no_backup_is_usage(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    assert run("verify", str(tmp_path)).returncode == 2


def test_a_reader_that_went_away_changes_no_exit_code(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(b"")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command("verify", str(tmp_path / "a.dump")), stdout=writer, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_closed_stdout_changes_no_exit_code(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(b"")
    argv = ["sh", "-c", 'exec "$@" >&-', "sh", *command("verify", str(tmp_path / "a.dump"))]
    done = subprocess.run(argv, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_full_disk_under_the_output_is_said_and_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(b"")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("verify", str(tmp_path / "a.dump")), stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith(b"error: the output cannot be written: No space left on device")


def test_a_stream_without_unicode_gets_plain_letters(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_bytes(b"")
    done = run("verify", str(tmp_path / "a.dump"), PYTHONIOENCODING="ascii")
    assert done.stdout.isascii()
    assert done.stdout.split()[0] == "FAILED"


@pytest.mark.parametrize(
    ("shell", "sign"), [("bash", "complete -o default"), ("zsh", "#compdef restore-tester"), ("fish", "complete --command restore-tester")]
)
def test_completion_scripts_are_printed(shell: str, sign: str) -> None:
    done = run(_RESTORE_TESTER_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert sign in done.stdout


def test_completion_knows_commands_and_options() -> None:
    words = {"_RESTORE_TESTER_COMPLETE": "complete_bash", "COMP_WORDS": "restore-tester verify --re", "COMP_CWORD": "2"}
    assert run(**words).stdout.split() == ["--recovery-point"]
