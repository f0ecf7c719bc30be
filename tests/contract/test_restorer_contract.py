"""What every Restorer does: the one for PostgreSQL, and the fake."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from restore_tester.contracts import RestoreJob, Restorer, Sandbox
from restore_tester.model import BackupFacts, Ends, Fetched, Profile
from restore_tester.restorers.postgresql.restorer import PostgresRestorer
from restore_tester.restorers.postgresql.servers import find_servers
from restore_tester.sandboxes.process.provider import ProcessSandboxes
from tests.fakes_restorer import MAGIC, FakeRestorer
from tests.restoring import Watched, peek, short_folder


@pytest.fixture(params=["postgresql", "fake"])
def subject(request: pytest.FixtureRequest, app_dump: Callable[..., Path], tmp_path: Path, template_cache: Path) -> tuple[Restorer, Path]:
    if request.param == "postgresql":
        return PostgresRestorer(find_servers()), app_dump("custom")
    (backup := tmp_path / "backup").write_bytes(MAGIC)
    return FakeRestorer(), backup


def job(facts: BackupFacts, sandbox: Sandbox, backup: Path, watched: Watched) -> RestoreJob:
    (sandbox.workspace.here / "it").write_bytes(backup.read_bytes())
    return RestoreJob(facts, Fetched("it", backup.stat().st_size, "0" * 64), Profile.FAST, (), None, False, watched)


def test_a_backup_is_recognised_by_its_content(subject: tuple[Restorer, Path]) -> None:
    restorer, backup = subject
    facts = restorer.inspect(peek(backup))
    assert facts.trouble is None
    assert facts.engine == restorer.engine == restorer.needs(facts).engine


@pytest.mark.parametrize("content", [b"", b"\x00", b"<html>", bytes(range(256)) * 8, b"\xff" * 5000])
def test_what_is_no_backup_is_trouble_and_no_exception(subject: tuple[Restorer, Path], content: bytes) -> None:
    facts = subject[0].inspect(Ends(content, content, len(content), (), False))
    assert facts.trouble is not None
    assert facts.format is None


def test_a_restore_enters_when_the_data_answers(subject: tuple[Restorer, Path]) -> None:
    restorer, backup = subject
    watched = Watched()
    folders = restorer.program_folders() if isinstance(restorer, PostgresRestorer) else ()
    with short_folder() as base, ExitStack() as stack:
        facts = restorer.inspect(peek(backup))
        sandbox = stack.enter_context(ProcessSandboxes(folders, base).open(restorer.needs(facts)))
        order = job(facts, sandbox, backup, watched)
        sandbox.seal()
        restored = stack.enter_context(restorer.restore(order, sandbox))
        assert restored.databases() == ("app",)
        assert restored.facts.engine == restorer.engine
        assert {"decode", "restore", "ready", "analyze"} <= set(watched.stages)
        assert watched.structure
