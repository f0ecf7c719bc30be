"""Spoiled dumps fail with a reason that says what is wrong, and what we lack is never blamed on them (verification.md L01 to L19)."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from restore_tester.errors import BackupUnusable, CannotTell, RestoreTesterError
from tests.producers import SourceServer
from tests.restoring import How, Restoring, rows

Dump = Callable[..., Path]
SCHEMA_IS_HERE = "CREATE SCHEMA public;"


def refused(restoring: Restoring, backup: Path, how: How | None = None) -> RestoreTesterError:
    with pytest.raises(RestoreTesterError) as caught, restoring.restored(backup, how):
        pass
    return caught.value


def data_file(folder: Path, table: str) -> Path:
    """The data file that holds a table's rows, by what is in it."""
    marks = {"visits": b"visitor 20\t", "orders": b"tab\\there"}
    return next(file for file in folder.glob("*.dat.gz") if marks[table] in gzip.decompress(file.read_bytes()))


@pytest.fixture
def folder(app_dump: Dump, tmp_path: Path) -> Path:
    return Path(shutil.copytree(app_dump("directory"), tmp_path / "folder"))


@pytest.fixture
def script(app_dump: Dump) -> str:
    return app_dump("plain").read_text()


def spoil(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_cut_custom_file_is_damaged(app_dump: Dump, restoring: Restoring, tmp_path: Path, kept: float) -> None:
    data = app_dump("custom").read_bytes()
    (cut := tmp_path / "x").write_bytes(data[: int(len(data) * kept)])
    assert refused(restoring, cut).reason.code == "archive_damaged"
    assert not restoring.watched.structure


def test_a_flipped_bit_in_a_custom_file_is_found(app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    data = bytearray(app_dump("custom").read_bytes())
    data[int(len(data) * 0.6)] ^= 0x10
    (flipped := tmp_path / "x").write_bytes(data)
    assert refused(restoring, flipped).reason.code == "archive_damaged"


@pytest.mark.parametrize("kept_bytes", [16_384, -1024, -700])
def test_a_cut_tar_is_found_before_pg_restore_reads_it_for_ever(
    app_dump: Dump, restoring: Restoring, tmp_path: Path, kept_bytes: int
) -> None:
    (cut := tmp_path / "x").write_bytes(app_dump("tar").read_bytes()[:kept_bytes])
    assert refused(restoring, cut).reason.code in ("archive_truncated", "table_data_incomplete")
    assert "restore" not in restoring.watched.stages


@pytest.mark.parametrize("table", ["visits", "orders"])
@pytest.mark.parametrize("rows_kept", [0, 10])
def test_a_data_file_that_lost_rows_is_found(folder: Path, restoring: Restoring, table: str, rows_kept: int) -> None:
    file = data_file(folder, table)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(lines[:rows_kept])))
    error = refused(restoring, folder)
    assert isinstance(error, BackupUnusable)
    assert error.reason.code == "table_data_incomplete"
    assert table in error.reason.message


def test_a_cut_data_file_is_named(folder: Path, restoring: Restoring) -> None:
    file = data_file(folder, "orders")
    file.write_bytes(file.read_bytes()[:-50])
    error = refused(restoring, folder)
    assert error.reason.code == "archive_damaged"
    assert file.name in error.reason.message and "orders" in error.reason.message


def test_inserts_that_break_off_in_a_data_file_are_found(app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(app_dump("directory", "--inserts"), tmp_path / "folder"))
    file = next(file for file in folder.glob("*.dat.gz") if b"visitor 20'" in gzip.decompress(file.read_bytes()))
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).partition(b"\n")[0] + b"\n"))
    assert refused(restoring, folder).reason.code == "table_data_incomplete"


@pytest.mark.parametrize("mark", ["COPY public.orders ", "CREATE INDEX ", "\\.\n"])
def test_a_cut_script_fails_before_anything_of_it_runs(script: str, restoring: Restoring, tmp_path: Path, mark: str) -> None:
    where = script.index("\n", script.index(mark) + 2000) + 1
    assert refused(restoring, spoil(tmp_path / "x", script[:where])).reason.code == "trailer_missing"
    assert restoring.watched.stages == ["decode"]


def test_rows_that_break_their_own_constraint_are_the_backups_fault(script: str, restoring: Restoring, tmp_path: Path) -> None:
    doubled = re.sub(r"(COPY public\.customers .*\n)(.*\n)", r"\1\2\2", script)
    error = refused(restoring, spoil(tmp_path / "x", doubled))
    assert isinstance(error, BackupUnusable)
    assert error.reason.code == "restore_errors"
    assert "customers_pkey" in error.reason.message
    assert "user1@example.org" not in error.reason.message


def test_rows_without_their_parent_are_the_backups_fault(script: str, restoring: Restoring, tmp_path: Path) -> None:
    orphaned = re.sub(r"(COPY public\.customers .*\n)(.*\n)", r"\1", script)
    assert "orders_customer_id_fkey" in refused(restoring, spoil(tmp_path / "x", orphaned)).reason.message


def test_a_missing_extension_is_ours(script: str, restoring: Restoring, tmp_path: Path) -> None:
    needing = script.replace("CREATE TABLE", "CREATE EXTENSION IF NOT EXISTS nobody_has_this WITH SCHEMA public;\n\nCREATE TABLE", 1)
    error = refused(restoring, spoil(tmp_path / "x", needing))
    assert isinstance(error, CannotTell)
    assert error.reason.code == "extension_missing"
    assert "nobody_has_this" in error.reason.message


def test_an_unknown_error_is_the_backups_fault_and_shows_no_value(script: str, restoring: Restoring, tmp_path: Path) -> None:
    raising = script.replace("CREATE TABLE", "DO $$ BEGIN RAISE 'canary Jane 4711 \"secret\"'; END $$;\n\nCREATE TABLE", 1)
    error = refused(restoring, spoil(tmp_path / "x", raising))
    assert isinstance(error, BackupUnusable)
    assert error.reason.code == "restore_errors"
    assert not re.search("canary|Jane|4711|secret", str(error))


def test_an_unknown_error_on_another_major_is_ours(app_dump: Dump, script: str, restoring: Restoring, tmp_path: Path) -> None:
    older = re.sub(r"(database version) \d+", r"\1 9", script).replace("CREATE TABLE", "SELECT no_such_function();\n\nCREATE TABLE", 1)
    error = refused(restoring, spoil(tmp_path / "x", older))
    assert isinstance(error, CannotTell)
    assert error.reason.code == "restore_errors_on_other_major"


def test_what_every_database_has_already_is_no_error(source: SourceServer, restoring: Restoring) -> None:
    with restoring.restored(source.dump("app", "custom", "-n", "public")) as restored:
        assert rows(restored)["orders"] == 3000


def test_a_locale_that_is_not_here_is_replaced_aloud(source: SourceServer, restoring: Restoring, tmp_path: Path) -> None:
    created = source.dump("app", "plain", "-C").read_text()
    foreign = re.sub(r"LOCALE = 'C.UTF-8'|LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C.UTF-8'", "LOCALE = 'xx_XX.UTF-8'", created)
    with restoring.restored(spoil(tmp_path / "x", foreign)) as restored:
        assert restored.databases() == ("app",)
    assert "locale_missing" in restoring.watched.warned


def test_a_setting_that_the_server_does_not_know_is_refused(app_dump: Dump, restoring: Restoring) -> None:
    for setting in (("no_such_setting", "1"), ("work_mem", "a lot")):
        error = refused(restoring, app_dump("custom"), How(settings=(setting,)))
        assert error.reason.code == "settings_refused"
        assert setting[0] in error.reason.message
