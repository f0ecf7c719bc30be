"""A SQLite history has one service; a PostgreSQL any number."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from restore_tester.errors import CannotTell
from restore_tester.history.sole import sole_service

SERVE = """
import sys
from restore_tester.history.sole import sole_service
with sole_service(sys.argv[1]):
    print("serving", flush=True)
    input()
"""


def test_a_second_service_on_one_file_is_refused_also_by_another_path(tmp_path: Path) -> None:
    (tmp_path / "history.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "history.db")
    with sole_service(f"sqlite:///{tmp_path}/history.db"):
        for name in ("history.db", "link.db"):
            said = r"another service works from the history .*\nHINT: stop it"
            with pytest.raises(CannotTell, match=said) as refused, sole_service(f"sqlite:///{tmp_path}/{name}"):
                raise AssertionError("two services")
            assert refused.value.reason.code == "history_in_use"


def test_the_lock_goes_with_its_process_however_that_ends(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/history.db"
    with subprocess.Popen([sys.executable, "-c", SERVE, dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        with pytest.raises(CannotTell, match=f"process {process.pid}"), sole_service(dsn):
            raise AssertionError("two services")
        process.kill()
    with sole_service(dsn):
        pass


def test_services_share_a_postgresql_without_asking_it() -> None:
    dsn = "postgresql://nobody@127.0.0.1:1/history"
    with sole_service(dsn), sole_service(dsn):
        pass


def test_a_folder_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(CannotTell) as refused, sole_service(f"sqlite:///{tmp_path}/nowhere/history.db"):
        raise AssertionError("there is no such folder")
    assert refused.value.reason.code == "history_unreachable"
