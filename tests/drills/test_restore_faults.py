"""A hostile or unlucky restore ends as a fault of the sandbox, and touches nothing outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from restore_tester.errors import CouldNotAsk, DataDamaged, RestoreTesterError, SandboxFault
from restore_tester.model import Question
from tests.restoring import Restoring

Dump = Callable[..., Path]
KILL_SERVER = "COPY (SELECT) TO PROGRAM 'kill -9 $(head -1 /workspace/data/postmaster.pid)';"


@pytest.fixture
def script(app_dump: Dump) -> str:
    """A script that may use psql's commands: without the \\restrict of newer dumps."""
    return re.sub(r"^\\(un)?restrict .*\n", "", app_dump("plain").read_text(), flags=re.MULTILINE)


def with_first(script: str, path: Path, line: str) -> Path:
    path.write_text(script.replace("CREATE TABLE", f"{line}\nCREATE TABLE", 1))
    return path


@pytest.mark.parametrize("line", [KILL_SERVER, "COPY (SELECT pg_backend_pid()) TO PROGRAM 'xargs kill -9';"])
def test_a_server_that_crashes_proves_nothing(script: str, restoring: Restoring, tmp_path: Path, line: str) -> None:
    with pytest.raises(SandboxFault) as caught, restoring.restored(with_first(script, tmp_path / "x", line)):
        pass
    assert caught.value.reason.code == "server_crashed"


def test_commands_of_a_script_act_inside_only(script: str, restoring: Restoring, tmp_path: Path) -> None:
    mark = tmp_path / "escaped"
    with restoring.restored(
        with_first(script, tmp_path / "x", f"COPY (SELECT) TO PROGRAM 'touch {mark} /workspace/here; true';")
    ) as restored:
        assert restoring.sandbox is not None
        assert (restoring.sandbox.workspace.here / "here").exists()
        assert restored.databases()
    assert not mark.exists()


def test_a_server_gone_while_asked_is_a_fault_of_the_sandbox(app_dump: Dump, restoring: Restoring) -> None:
    with restoring.restored(app_dump("custom")) as restored:
        with pytest.raises((SandboxFault, CouldNotAsk)):
            restored.ask(Question("select pg_terminate_backend(pg_backend_pid())"), 10)
        assert restored.ask(Question("select 1"), 10).rows == ((1,),)


def test_a_table_whose_file_is_gone_is_damaged_data(app_dump: Dump, restoring: Restoring) -> None:
    with restoring.restored(app_dump("custom")) as restored:
        path = restored.ask(Question("select pg_relation_filepath('public.orders')"), 10).rows[0][0]
        assert restoring.sandbox is not None
        (restoring.sandbox.workspace.here / "data" / str(path)).unlink()
        with pytest.raises(DataDamaged) as gone:
            restored.ask(Question("select count(note) from public.orders"), 10)
        with pytest.raises(DataDamaged) as corrupt:
            restored.ask(Question("do $$ begin raise sqlstate 'XX001'; end $$"), 10)
    assert gone.value.reason.code == corrupt.value.reason.code == "data_damaged"


def test_a_full_disk_is_a_fault_of_the_sandbox(script: str, restoring: Restoring, tmp_path: Path) -> None:
    line = "DO $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'could not extend file: No space left on device'; END $$;"
    with pytest.raises(RestoreTesterError) as caught, restoring.restored(with_first(script, tmp_path / "x", line)):
        pass
    assert isinstance(caught.value, SandboxFault)
    assert caught.value.reason.code == "disk_full"
