"""Spoiled dumps fail with a reason that says what is wrong, and what we lack is never blamed on them (verification.md L01 to L19)."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tarfile
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


def test_an_archive_entry_that_contradicts_itself_is_damage(app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    data = app_dump("custom").read_bytes()
    payments = re.search(rb"payments\x00\x0a\x00\x00\x00TABLE DATA", data)
    assert payments is not None
    begins = payments.start() - len(b"\x00\x08\x00\x00\x00")
    had_dumper = data.rindex(b"\x00\x01\x00\x00\x00", 0, begins - len(b"\x00\x01\x00\x00\x000\x00\x05\x00\x00\x0012345") + 1)
    states = [place.end() for place in re.finditer(rb"\x00\x05\x00\x00\x00false", data)]
    state = data.index(b"\x02", data.index(b"\x01\x01\x00\x00\x00", min(place for place in states if place > payments.end())) + 5)
    for place in (had_dumper + 1, state):
        flipped = bytearray(data)
        flipped[place] ^= 1
        (spoiled := tmp_path / "x").write_bytes(flipped)
        error = refused(restoring, spoiled)
        assert error.reason.code == "archive_damaged" and "both has data and has none" in error.reason.message


@pytest.mark.parametrize("format", ["directory", "tar"])
@pytest.mark.parametrize("spoil", ["list cut", "files gone"])
def test_large_objects_that_lost_what_they_held_are_missed(
    app_dump: Dump, restoring: Restoring, tmp_path: Path, format: str, spoil: str
) -> None:
    def without(name: str, content: bytes) -> bytes | None:
        if spoil == "files gone" and name.startswith("blob_"):
            return None
        return content.splitlines(keepends=True)[0] if spoil == "list cut" and name == "blobs.toc" else content

    assert refused(restoring, rewritten(app_dump(format), tmp_path / "x", without)).reason.code == "large_objects_missing"


def test_large_objects_that_are_all_empty_are_said_aloud(app_dump: Dump, restoring: Restoring, tmp_path: Path) -> None:
    for format, empty in (("directory", gzip.compress(b"")), ("tar", b"")):
        backup = rewritten(app_dump(format), tmp_path / format, lambda name, content, empty=empty: empty if "blob_" in name else content)
        with restoring.restored(backup):
            assert "large_objects_empty" in restoring.watched.warned


def test_a_large_object_in_no_valid_stream_is_damage(folder: Path, restoring: Restoring) -> None:
    next(folder.glob("blob_*.dat.gz")).write_bytes(b"")
    assert isinstance(refused(restoring, folder), BackupUnusable)


def rewritten(dump: Path, to: Path, edit: Callable[[str, bytes], bytes | None]) -> Path:
    """Copy a directory or tar dump, each file or member as the edit returns it: changed, or not at all."""
    if dump.is_dir():
        to.mkdir()
        for file in dump.iterdir():
            if (content := edit(file.name, file.read_bytes())) is not None:
                (to / file.name).write_bytes(content)
        return to
    with tarfile.open(dump) as source, tarfile.open(to, "w", format=tarfile.USTAR_FORMAT) as target:
        for member in source:
            file = source.extractfile(member)
            assert file is not None
            if (content := edit(member.name, file.read())) is not None:
                member.size = len(content)
                target.addfile(member, io.BytesIO(content))
    return to


def test_zero_bytes_in_a_script_are_damage(script: str, restoring: Restoring, tmp_path: Path) -> None:
    begins = script.index("\n", script.index("COPY public.payments")) + 1
    error = refused(restoring, spoil(tmp_path / "x", script[:begins] + "\0" * 4096 + script[begins + 4096 :]))
    assert error.reason.code == "script_damaged"
    assert restoring.watched.stages == ["decode"]


@pytest.mark.parametrize("command", ["\\q", "\\if false", "\\i other.sql", "\\! true", "SELECT 1 \\gexec"])
def test_a_command_to_psql_that_no_dump_holds_is_refused(script: str, restoring: Restoring, tmp_path: Path, command: str) -> None:
    free = re.sub(r"^\\(un)?restrict .*\n", "", script, flags=re.MULTILINE)
    before = free.index("\n--\n-- Data for Name: payments")
    assert refused(restoring, spoil(tmp_path / "x", f"{free[:before]}\n{command}\n{free[before:]}")).reason.code == "script_mangled"


def test_a_script_that_undoes_itself_at_its_end_is_no_success(script: str, restoring: Restoring, tmp_path: Path) -> None:
    """psql ends without a word where a transaction is still open; only what was committed is there."""
    before = script.index("CREATE INDEX orders_by_customer")
    error = refused(restoring, spoil(tmp_path / "x", f"{script[:before]}\nBEGIN;\n{script[before:]}"))
    assert isinstance(error, BackupUnusable)


def test_what_is_written_before_a_dump_by_hand_is_harmless(script: str, restoring: Restoring, tmp_path: Path) -> None:
    with restoring.restored(spoil(tmp_path / "x", "\\set ON_ERROR_STOP on\n\\timing off\n" + script)) as restored:
        assert rows(restored)["payments"] == 2000


@pytest.mark.parametrize("format", ["custom", "plain"])
def test_rows_that_name_a_role_that_is_not_here_are_errors(source: SourceServer, restoring: Restoring, format: str) -> None:
    name = source.make_database(f"regrole_{format}", "CREATE TABLE granted (who regrole); INSERT INTO granted VALUES ('app_owner');")
    error = refused(restoring, source.dump(name, format))
    assert isinstance(error, BackupUnusable)
    assert error.reason.code == "restore_errors"


def test_a_grant_to_a_role_that_is_not_here_is_a_warning(script: str, restoring: Restoring, tmp_path: Path) -> None:
    granting = script.replace("GRANT SELECT ON TABLE public.orders TO app_reader;", 'GRANT SELECT ON TABLE public.orders TO "a\tb";')
    with restoring.restored(spoil(tmp_path / "x", granting)) as restored:
        assert rows(restored)["orders"] == 3000
    assert "roles_missing" in restoring.watched.warned


@pytest.mark.parametrize("format", ["directory", "tar"])
def test_inserts_cut_within_a_value_at_a_blank_line_are_found(
    source: SourceServer, restoring: Restoring, tmp_path: Path, format: str
) -> None:
    articles = r"CREATE TABLE articles (body text); INSERT INTO articles SELECT n || E'\n\nBody\n\nend' FROM generate_series(1, 9) n;"
    dump = source.dump(source.make_database(f"articles_{format}", articles + "CREATE TABLE none (a int);"), format, "--inserts", "-Z0")

    def cut(name: str, content: bytes) -> bytes:
        return content[: content.index(b"\n\nBody", len(content) // 2) + 2] if name != "toc.dat" and b"Body" in content else content

    assert refused(restoring, rewritten(dump, tmp_path / "x", cut)).reason.code == "table_data_incomplete"
    with restoring.restored(dump) as restored:
        assert rows(restored) == {"articles": 9, "none": 0}


def test_a_cut_dump_after_whole_globals_is_cut(source: SourceServer, restoring: Restoring, tmp_path: Path) -> None:
    globals_, dump = source.dumpall("-g").read_text(), source.dump("app", "plain").read_text()
    cut = dump[: dump.index("CREATE INDEX")]
    for text in (globals_ + cut, cut + globals_, globals_[: len(globals_) // 2] + dump):
        assert refused(restoring, spoil(tmp_path / "x", text)).reason.code == "trailer_missing"
    with restoring.restored(spoil(tmp_path / "x", globals_ + dump)) as restored:
        assert rows(restored)["payments"] == 2000


def test_globals_alone_prove_nothing(source: SourceServer, restoring: Restoring) -> None:
    error = refused(restoring, source.dumpall("-g"))
    assert isinstance(error, CannotTell) and error.reason.code == "globals_only"


def test_a_template_database_is_judged_too(source: SourceServer, restoring: Restoring) -> None:
    name = source.make_database(
        "as_template", "CREATE TABLE t (a int); INSERT INTO t VALUES (1); ALTER DATABASE as_template IS_TEMPLATE true;"
    )
    with restoring.restored(source.dump(name, "plain", "-C")) as restored:
        assert rows(restored) == {"t": 1}
    source.psql("postgres", "ALTER DATABASE as_template IS_TEMPLATE false")
