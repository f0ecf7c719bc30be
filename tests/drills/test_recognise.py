"""What a backup is, told by its content: real dumps, real compressors, misleading names, and everything that is no dump."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.model import BackupFacts, Blame, Ends, Part
from restore_tester.restorers.postgresql.recognise import recognise
from tests.producers import SourceServer

FIRST, LAST = 1 << 20, 64 << 10
FILE_FORMATS = ("pg_dump-custom", "pg_dump-tar", "pg_dump-plain", "pg_dump-inserts", "pg_dump-create", "pg_dumpall", "packed-directory")
COMPRESSORS = {None: "cat", "gzip": "gzip -c", "zstd": "zstd -qc", "xz": "xz -0c", "bzip2": "bzip2 -c", "lz4": "lz4 -qc"}
MISLEADING_NAMES = ("dump.sql.gz", "notes.txt", "archive.tar.bz2", "toc.dat", "backup.zst")


def ends_of(path: Path) -> Ends:
    if path.is_dir():
        parts = tuple(Part(file.name, file.stat().st_size, "") for file in sorted(path.iterdir()))
        contents = next((path / part.name for part in parts if part.name.startswith("toc.dat")), None)
        first = contents.read_bytes()[:FIRST] if contents else b""
        return Ends(first, first[-LAST:], sum(part.size_bytes for part in parts), parts, is_tree=True)
    return ends_of_bytes(path.read_bytes())


def ends_of_bytes(data: bytes) -> Ends:
    return Ends(data[:FIRST], data[-LAST:], len(data), (Part("backup", len(data), ""),), is_tree=False)


def trouble_of(data: bytes) -> tuple[str, Blame]:
    facts = recognise(ends_of_bytes(data))
    assert facts.trouble is not None and facts.format is None and facts.engine is None
    assert facts.trouble.message and facts.trouble.hint
    return facts.trouble.code, facts.trouble_blame


@pytest.fixture(scope="session")
def make_dump(cluster: SourceServer, app_dump: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    def packed_directory() -> Path:
        packed = tmp_path_factory.mktemp("packed") / "dump.tar"
        subprocess.run(["tar", "-C", app_dump("directory").parent, "-cf", packed, app_dump("directory").name], check=True, timeout=60)
        return packed

    makers: dict[str, Callable[[], Path]] = {
        "pg_dump-custom": lambda: app_dump("custom"),
        "pg_dump-tar": lambda: app_dump("tar"),
        "pg_dump-plain": lambda: app_dump("plain"),
        "pg_dump-inserts": lambda: app_dump("plain", "--inserts", "--rows-per-insert=50"),
        "pg_dump-create": lambda: app_dump("plain", "-C", "--clean", "-v"),
        "pg_dumpall": cluster.dumpall,
        "packed-directory": packed_directory,
    }
    return lambda kind: makers[kind]()


@pytest.mark.parametrize("compression", COMPRESSORS)
@pytest.mark.parametrize("kind", FILE_FORMATS)
def test_format_and_compression_are_told_by_content_whatever_the_name(
    kind: str, compression: str | None, make_dump: Callable[[str], Path], tmp_path: Path, source: SourceServer
) -> None:
    named = tmp_path / MISLEADING_NAMES[FILE_FORMATS.index(kind) % len(MISLEADING_NAMES)]
    with named.open("wb") as output:
        subprocess.run([*COMPRESSORS[compression].split(), make_dump(kind)], stdout=output, check=True, timeout=60)
    facts = recognise(ends_of(named))
    expected = {"pg_dump-inserts": "pg_dump-plain", "pg_dump-create": "pg_dump-plain", "packed-directory": "pg_dump-directory"}.get(
        kind, kind
    )
    assert facts.trouble is None
    assert (facts.format, facts.compression, facts.engine, facts.engine_version) == (expected, compression, "postgresql", source.version)
    assert facts.tables == 7


def test_a_folder_dump_is_told_by_its_table_of_contents(app_dump: Callable[..., Path], source: SourceServer) -> None:
    facts = recognise(ends_of(app_dump("directory")))
    assert (facts.format, facts.compression, facts.engine_version, facts.tables) == ("pg_dump-directory", None, source.version, 7)
    assert facts.databases == ("app",)


def test_a_folder_whose_table_of_contents_is_gzipped_is_told_too(app_dump: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(app_dump("directory"), tmp_path / "dump")
    subprocess.run(["gzip", folder / "toc.dat"], check=True, timeout=60)
    assert recognise(ends_of(folder)).format == "pg_dump-directory"


def test_the_dump_start_of_an_archive_is_as_uncertain_as_a_wall_clock_without_zone(app_dump: Callable[..., Path]) -> None:
    start = recognise(ends_of(app_dump("custom"))).dump_start
    assert start is not None and start.uncertainty_seconds == 14 * 3600
    assert abs((datetime.now(UTC) - start.at).total_seconds()) < 14 * 3600 + 600


def test_the_dump_start_of_a_verbose_script_in_utc_is_exact(app_dump: Callable[..., Path]) -> None:
    start = recognise(ends_of(app_dump("plain", "-v"))).dump_start
    assert start is not None and start.uncertainty_seconds == 1


def test_a_script_that_creates_its_database_names_it(app_dump: Callable[..., Path]) -> None:
    assert recognise(ends_of(app_dump("plain", "-C"))).databases == ("app",)


def test_a_cluster_dump_names_its_databases(cluster: SourceServer) -> None:
    assert "app" in recognise(ends_of(cluster.dumpall())).databases


def test_text_before_a_script_that_would_break_its_first_statement_is_theirs(app_dump: Callable[..., Path]) -> None:
    assert trouble_of(b"Welcome to db1\n\n" + app_dump("plain").read_bytes()) == ("script_mangled", Blame.BACKUP)


def test_comments_before_a_script_do_no_harm(app_dump: Callable[..., Path]) -> None:
    assert recognise(ends_of_bytes(b"-- nightly\n/* by cron */\n\n" + app_dump("plain").read_bytes())).format == "pg_dump-plain"


def test_what_lies_beyond_the_peek_is_left_open(app_dump: Callable[..., Path]) -> None:
    data = app_dump("custom").read_bytes()
    facts = recognise(Ends(data[:2000], data[-100:], len(data), (), is_tree=False))
    assert (facts.format, facts.tables) == ("pg_dump-custom", None)


def test_compressed_twice_is_told_and_warned_of(app_dump: Callable[..., Path]) -> None:
    facts = recognise(ends_of_bytes(packed(packed(app_dump("plain").read_bytes(), "gzip -c"), "zstd -qc")))
    assert (facts.format, facts.compression) == ("pg_dump-plain", "zstd+gzip")
    assert [warning.code for warning in facts.warnings] == ["compressed_twice"]


def test_compressed_four_times_is_our_limit(app_dump: Callable[..., Path]) -> None:
    data = app_dump("custom").read_bytes()
    for _ in range(4):
        data = packed(data, "gzip -c")
    assert trouble_of(data) == ("compressed_too_deeply", Blame.OURS)


def test_windows_line_ends_are_warned_of(app_dump: Callable[..., Path]) -> None:
    data = app_dump("plain").read_bytes().replace(b"\n", b"\r\n")
    facts = recognise(ends_of_bytes(b"\xef\xbb\xbf" + data))
    assert facts.format == "pg_dump-plain"
    assert [warning.code for warning in facts.warnings] == ["windows_line_ends", "byte_order_mark"]


def packed(data: bytes, command: str) -> bytes:
    return subprocess.run(command.split(), input=data, capture_output=True, check=True, timeout=60).stdout


THEIRS = {
    "zero bytes": (b"", "empty"),
    "gzip of nothing": (packed(b"", "gzip -c"), "empty"),
    "an HTML page": (b"\n<!DOCTYPE html><html><body>403 Forbidden</body></html>", "html_page"),
    "an error of an object store": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "html_page"),
    "random bytes": (random.Random(7).randbytes(50_000), "encrypted_or_random"),
    "a few random bytes": (random.Random(7).randbytes(200), "encrypted_or_random"),
    "openssl enc": (b"Salted__" + random.Random(8).randbytes(3000), "encrypted_or_random"),
    "age": (b"age-encryption.org/v1\n-> X25519 abc\n", "encrypted_or_random"),
    "armored OpenPGP": (b"-----BEGIN PGP MESSAGE-----\n\nabc\n", "encrypted_or_random"),
    "text": (b"dear diary, today I took a backup of everything. " * 9, "unrecognised"),
    "JSON": (b'{"status": "ok"}', "unrecognised"),
    "messages of pg_dump": (b"pg_dump: error: connection to server failed", "unrecognised"),
    "a hand-written script": (b"CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n", "unrecognised"),
    "zeros": (bytes(5000), "unrecognised"),
    "a script rewritten by PowerShell": ("--\r\n-- PostgreSQL database dump\r\n--\r\n".encode("utf-16"), "script_mangled"),
    "five bytes of an archive": (b"PGDMP", "archive_truncated"),
    "an absurd header": (b"PGDMP" + b"\xff" * 100, "archive_damaged"),
    "a gzip header only": (packed(b"x" * 5000, "gzip -c")[:12], "compression_truncated"),
    "damaged gzip": (packed(b"hello" * 5000, "gzip -c")[:30] + b"\xff" * 500, "compression_damaged"),
}
OURS = {
    "SQLite": (b"SQLite format 3\x00" + bytes(500), "format_not_supported"),
    "Redis": (b"REDIS0011\xfa\x09redis-ver\x057.2.4", "format_not_supported"),
    "MySQL": (b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n", "format_not_supported"),
    "MariaDB": (b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11\n", "format_not_supported"),
    "a zip": (b"PK\x03\x04" + bytes(500), "format_not_supported"),
    "an archive of a newer pg_dump": (b"PGDMP\x01\x11\x00\x04\x08\x01\x01" + bytes(200), "server_too_old"),
    "a bomb": (packed(bytes(60 << 20), "gzip -9c"), "decompression_limit"),
}


@pytest.mark.parametrize("case", THEIRS)
def test_what_is_no_backup_is_theirs_and_named(case: str) -> None:
    assert trouble_of(THEIRS[case][0]) == (THEIRS[case][1], Blame.BACKUP)


@pytest.mark.parametrize("case", OURS)
def test_what_we_cannot_read_is_ours_and_named(case: str) -> None:
    assert trouble_of(OURS[case][0]) == (OURS[case][1], Blame.OURS)


def test_an_openpgp_packet_for_a_passphrase_is_named_encrypted() -> None:
    assert trouble_of(b"\x8c\x0d\x04\x09\x03\x02" + os.urandom(500)) == ("encrypted_or_random", Blame.BACKUP)


def test_a_physical_backup_in_a_tar_is_not_supported_yet(tmp_path: Path) -> None:
    (tmp_path / "backup_label").write_text("START WAL LOCATION")
    subprocess.run(["tar", "-C", tmp_path, "-cf", tmp_path / "base.tar", "backup_label"], check=True, timeout=60)
    facts = recognise(ends_of(tmp_path / "base.tar"))
    assert facts.trouble is not None and facts.trouble.code == "format_not_supported" and "physical" in facts.trouble.message
    assert facts.trouble_blame is Blame.OURS


def test_a_tar_of_other_files_asks_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    subprocess.run(["tar", "-C", tmp_path, "-cf", tmp_path / "x.tar", "notes.txt"], check=True, timeout=60)
    assert trouble_of((tmp_path / "x.tar").read_bytes()) == ("format_not_supported", Blame.OURS)


def tree_trouble(folder: Path) -> str:
    facts = recognise(ends_of(folder))
    assert facts.trouble is not None and facts.format is None
    return facts.trouble.code


def test_a_folder_without_its_table_of_contents_is_incomplete(app_dump: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(app_dump("directory"), tmp_path / "dump")
    (folder / "toc.dat").unlink()
    assert tree_trouble(folder) == "directory_incomplete"


def test_a_folder_with_a_data_file_missing_is_incomplete(app_dump: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(app_dump("directory"), tmp_path / "dump")
    next(folder.glob("[0-9]*.dat.gz")).unlink()
    assert tree_trouble(folder) == "directory_incomplete"


def test_a_folder_with_a_data_file_of_zero_bytes_is_incomplete(app_dump: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(app_dump("directory"), tmp_path / "dump")
    next(folder.glob("[0-9]*.dat.gz")).write_bytes(b"")
    assert tree_trouble(folder) == "directory_incomplete"


def test_a_packed_folder_with_a_data_file_missing_is_incomplete(app_dump: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(app_dump("directory"), tmp_path / "dump")
    next(folder.glob("[0-9]*.dat.gz")).unlink()
    subprocess.run(["tar", "-C", folder, "-cf", tmp_path / "x.tar", "."], check=True, timeout=60)
    assert trouble_of((tmp_path / "x.tar").read_bytes()) == ("directory_incomplete", Blame.BACKUP)


def test_a_folder_whose_table_of_contents_is_cut_says_so(app_dump: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(app_dump("directory"), tmp_path / "dump")
    (folder / "toc.dat").write_bytes((folder / "toc.dat").read_bytes()[:900])
    assert tree_trouble(folder) == "archive_truncated"


def test_an_empty_folder_is_empty(tmp_path: Path) -> None:
    assert tree_trouble(tmp_path) == "empty"


def test_a_folder_of_several_dumps_is_not_one_backup(app_dump: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("monday.dump", "tuesday.dump"):
        shutil.copy(app_dump("custom"), tmp_path / name)
    assert tree_trouble(tmp_path) == "not_one_backup"


def test_a_data_directory_is_not_supported_yet(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    assert tree_trouble(tmp_path) == "format_not_supported"


@pytest.mark.parametrize("kind", ["pg_dump-custom", "pg_dump-tar", "pg_dump-plain", "packed-directory"])
def test_cut_anywhere_it_is_a_fact_or_a_trouble_and_never_an_error(kind: str, make_dump: Callable[[str], Path]) -> None:
    data = make_dump(kind).read_bytes()
    chance = random.Random(kind)
    for _ in range(60):
        assert_sensible(recognise(ends_of_bytes(data[: chance.randrange(len(data))])))


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_with_flipped_bits_it_is_a_fact_or_a_trouble_and_never_an_error(compression: str | None, make_dump: Callable[[str], Path]) -> None:
    data = packed(make_dump("pg_dump-custom").read_bytes()[:12_000], COMPRESSORS[compression])
    chance = random.Random(compression)
    for _ in range(120):
        spoiled = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            spoiled[chance.randrange(min(len(data), 2000))] ^= 1 << chance.randrange(8)
        assert_sensible(recognise(ends_of_bytes(bytes(spoiled))))


BEGINNINGS = (b"", b"PGDMP\x01\x0e\x00\x04\x08\x01", b"--\n-- PostgreSQL database dump\n--\n", b"toc.dat", b"\x1f\x8b\x08")


@given(st.binary(max_size=2000), st.sampled_from(BEGINNINGS))
def test_any_bytes_are_a_fact_or_a_trouble_and_never_an_error(data: bytes, beginning: bytes) -> None:
    assert_sensible(recognise(ends_of_bytes(beginning + data)))


def assert_sensible(facts: BackupFacts) -> None:
    assert (facts.format is None) == (facts.trouble is not None) == (facts.engine is None)
