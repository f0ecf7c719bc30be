"""The template of a data directory: made once, never used damaged, never needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from restore_tester.errors import CannotTell
from restore_tester.restorers.postgresql.servers import Server, find_servers
from tests.restoring import How, Restoring, rows

Dump = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESTORE_TESTER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def templates(cache: Path) -> list[Path]:
    return sorted((cache / "postgresql").iterdir())


def test_it_is_made_once_and_a_damaged_one_gives_way(cache: Path, app_dump: Dump, restoring: Restoring) -> None:
    with restoring.restored(app_dump("custom")):
        pass
    (template,) = templates(cache)
    (template / "data" / "PG_VERSION").unlink()
    with restoring.restored(app_dump("custom")) as restored:
        assert rows(restored)["orders"] == 3000
    assert templates(cache) == [template]
    assert (template / "data" / "PG_VERSION").exists()


def test_a_cache_that_cannot_be_written_is_not_needed(cache: Path, app_dump: Dump, restoring: Restoring) -> None:
    cache.write_text("a file, where a folder should be")
    with restoring.restored(app_dump("custom")) as restored:
        assert rows(restored)["orders"] == 3000


def test_an_initdb_that_does_not_run_is_our_fault(cache: Path, app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    real = next(server for server in find_servers() if server.broken is None)
    for name in ("postgres", "initdb", "pg_restore", "psql"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    fake = Server(99, tmp_path, "embedded", tmp_path, real.has)
    with pytest.raises(CannotTell) as caught, restoring.restored(app_dump("custom"), How(servers=(fake,))):
        pass
    assert caught.value.reason.code == "server_missing"
