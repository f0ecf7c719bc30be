"""Every format of pg_dump comes back with its rows, whatever it is wrapped in."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from restore_tester.contracts import RestoredData
from restore_tester.errors import CannotTell
from restore_tester.model import Profile, Question
from tests.producers import AWKWARD_TABLE, SourceServer
from tests.restoring import How, Restoring, rows

ROWS = {"customers": 500, "orders": 3000, "payments": 2000, "heartbeat": 200, "attachments": 5, "visits": 20, AWKWARD_TABLE: 1}
Dump = Callable[..., Path]


def one(restored: RestoredData, sql: str) -> object:
    return restored.ask(Question(sql), 10).rows[0][0]


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("format", ["custom", "directory", "tar"])
def test_an_archive_comes_back_whole(app_dump: Dump, restoring: Restoring, format: str, profile: Profile) -> None:
    with restoring.restored(app_dump(format), How(profile=profile)) as restored:
        assert rows(restored) == ROWS
        assert restored.databases() == restored.facts.databases == ("app",)
        assert one(restored, "select count(*) from pg_largeobject_metadata") == 5
        assert one(restored, "select count(*) from public.revenue") == 500
    assert restoring.watched.structure
    assert restoring.watched.stages == ["decode", "ready", "restore", "analyze"]
    assert restoring.watched.progress_of["restore tables"] == (7, 7)


@pytest.mark.parametrize("options", [(), ("--inserts",), ("-C",), ("--clean",), ("-C", "--clean"), ("--clean", "--if-exists")])
def test_a_script_comes_back_whole(app_dump: Dump, restoring: Restoring, options: tuple[str, ...]) -> None:
    with restoring.restored(app_dump("plain", *options)) as restored:
        assert rows(restored) == ROWS
        assert restored.databases() == (("app",) if "-C" in options else ("restored",))
        assert "script" in restored.features
    done, total = restoring.watched.progress_of["restore bytes"]
    assert done == total


@pytest.mark.parametrize("options", [(), ("--clean",)])
def test_a_cluster_comes_back_with_its_roles(cluster: SourceServer, restoring: Restoring, options: tuple[str, ...]) -> None:
    with restoring.restored(cluster.dumpall(*options), How(database="app")) as restored:
        assert rows(restored) == ROWS
        assert one(restored, "select tableowner from pg_tables where tablename = 'orders'") == "app_owner"
    assert "roles_missing" not in restoring.watched.warned


def test_inserts_in_an_archive_come_back(app_dump: Dump, restoring: Restoring) -> None:
    with restoring.restored(app_dump("directory", "--inserts")) as restored:
        assert rows(restored) == ROWS


def test_a_compressed_archive_is_decoded_first(app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    (packed := tmp_path / "x").write_bytes(gzip.compress(app_dump("custom").read_bytes()))
    with restoring.restored(packed) as restored:
        assert rows(restored) == ROWS


def test_a_directory_in_a_tar_is_unpacked_first(app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x", "w:gz") as tar:
        tar.add(app_dump("directory"), "nightly/app")
    with restoring.restored(tmp_path / "x") as restored:
        assert rows(restored) == ROWS


def test_missing_roles_are_made_and_named_once(app_dump: Dump, restoring: Restoring) -> None:
    with restoring.restored(app_dump("custom")) as restored:
        assert one(restored, "select tableowner from pg_tables where tablename = 'orders'") == "app_owner"
        assert one(restored, "select rolcanlogin from pg_roles where rolname = 'app_reader'") is False
    (warning,) = restoring.watched.warnings
    assert warning.code == "roles_missing"
    assert "app_owner" in warning.message and "app_reader" in warning.message


def test_statistics_are_gathered(app_dump: Dump, restoring: Restoring) -> None:
    with restoring.restored(app_dump("custom")) as restored:
        assert one(restored, "select reltuples::int from pg_class where relname = 'orders'") == 3000


def test_settings_of_the_dump_do_not_reach_our_sessions(source: SourceServer, restoring: Restoring) -> None:
    name = source.make_database("unruly", "CREATE TABLE t (a int); INSERT INTO t VALUES (1);")
    for setting in ("search_path = nowhere", "statement_timeout = 1", "default_transaction_read_only = on", "row_security = on"):
        source.psql("postgres", f"ALTER DATABASE {name} SET {setting}")
    with restoring.restored(source.dump(name, "plain", "-C")) as restored:
        assert rows(restored) == {"t": 1}
        assert one(restored, "select current_setting('search_path')") == "pg_catalog"


def test_a_database_that_is_not_in_the_backup_cannot_be_judged(app_dump: Dump, restoring: Restoring) -> None:
    with pytest.raises(CannotTell) as caught, restoring.restored(app_dump("custom"), How(database="other")):
        pass
    assert caught.value.reason.code == "database_not_in_backup"


def test_a_kept_data_directory_was_shut_down(app_dump: Dump, restoring: Restoring) -> None:
    with restoring.restored(app_dump("custom"), How(keep=True)):
        assert restoring.sandbox is not None
        pid_file = restoring.sandbox.workspace.here / "data" / "postmaster.pid"
        assert pid_file.exists()
        pid_file_gone = pid_file.exists
    assert not pid_file_gone()
