"""The table of contents that we read is the one that the real pg_restore lists."""

from __future__ import annotations

import io
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.restorers.postgresql.archive import (
    ArchiveCut,
    ArchiveDamaged,
    ArchiveTooNew,
    ArchiveTooOld,
    Contents,
    missing_members,
    read_contents,
    read_header,
)
from tests.producers import APP_SQL, AWKWARD_TABLE, SourceServer, embedded_bin_folder, running_source

NOT_LISTED = {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"}


@pytest.fixture(scope="module", params=["installed", "embedded"])
def producer(request: pytest.FixtureRequest, source: SourceServer) -> Iterator[SourceServer]:
    if request.param == "installed":
        yield source
        return
    with running_source(embedded_bin_folder()) as embedded:
        embedded.make_database("app", APP_SQL)
        yield embedded


def contents_of(dump: Path) -> Contents:
    with (dump / "toc.dat" if dump.is_dir() else dump).open("rb") as stream:
        return read_contents(stream)


def listed(server: SourceServer, dump: Path) -> list[str]:
    output = subprocess.run([server.bin_folder / "pg_restore", "-l", dump], capture_output=True, check=True, timeout=60).stdout.decode()
    return [re.sub(r"^(\d+); \d+ \d+ ", r"\1 ", line) for line in output.splitlines() if line and not line.startswith(";")]


def as_listed(contents: Contents) -> list[str]:
    lines = []
    for entry in contents.entries:
        if entry.kind not in NOT_LISTED:
            shown = re.sub(r"[\n\r]", " ", entry.tag)
            lines.append(f"{entry.dump_id} {entry.kind} {entry.namespace or '-'} {shown} {entry.owner}")
    return lines


@pytest.mark.parametrize("format", ["custom", "directory"])
def test_entries_are_those_that_pg_restore_lists(format: str, producer: SourceServer) -> None:
    dump = producer.dump("app", format)
    assert as_listed(contents_of(dump)) == listed(producer, dump)


@pytest.mark.parametrize("format", ["custom", "directory"])
def test_the_header_says_what_the_producer_is(format: str, producer: SourceServer) -> None:
    contents = contents_of(producer.dump("app", format))
    assert contents.server_version.split()[0] == contents.dump_version.split()[0] == producer.version
    assert (contents.database, contents.encoding, contents.compression, contents.tables) == ("app", "UTF8", "gzip", 7)
    assert contents.format_code == {"custom": 1, "directory": 3}[format]


def test_the_header_alone_is_the_same_header(producer: SourceServer) -> None:
    dump = producer.dump("app", "custom")
    with dump.open("rb") as stream:
        header = read_header(stream)
    assert header.created == contents_of(dump).created and header.entries == ()


def test_compression_off_is_told(app_dump: Callable[..., Path]) -> None:
    assert contents_of(app_dump("custom", "-Z0")).compression == "none"


def test_an_awkward_name_is_kept_to_the_letter(app_dump: Callable[..., Path]) -> None:
    assert AWKWARD_TABLE in {entry.tag for entry in contents_of(app_dump("custom")).entries if entry.kind == "TABLE"}


def test_definitions_and_copy_statements_come_along(app_dump: Callable[..., Path]) -> None:
    entries = {(entry.kind, entry.tag): entry for entry in contents_of(app_dump("custom")).entries}
    assert entries["TABLE", "orders"].definition.startswith("CREATE TABLE public.orders (")
    assert entries["TABLE DATA", "orders"].copy_statement.startswith("COPY public.orders (")
    assert entries["TABLE", "orders"].dump_id in entries["TABLE DATA", "orders"].dependencies


def test_data_lies_within_the_file_where_the_offsets_say(app_dump: Callable[..., Path]) -> None:
    dump = app_dump("custom")
    offsets = [entry.data_offset for entry in contents_of(dump).entries if entry.kind == "TABLE DATA"]
    assert offsets == sorted(offsets, key=lambda offset: offset or 0)
    assert all(offset and dump.read_bytes()[offset : offset + 1] == b"\x01" for offset in offsets)


def test_a_whole_folder_misses_no_member_and_a_removed_one_is_named(producer: SourceServer) -> None:
    dump = producer.dump("app", "directory")
    names = {file.name for file in dump.iterdir()}
    gone = next(name for name in sorted(names) if re.match(r"\d+\.dat", name))
    assert missing_members(contents_of(dump), names) == ()
    assert missing_members(contents_of(dump), names - {gone}) == (gone.removesuffix(".gz"),)


def number(value: int) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def text(value: str | None) -> bytes:
    return number(-1) if value is None else number(len(value.encode())) + value.encode()


def written(minor: int) -> bytes:
    """An archive with one table, as the `WriteHead` and `WriteToc` of that version write it."""
    compression = b"\x02" if minor >= 15 else number(-1)
    stamp = b"".join(map(number, (5, 4, 3, 2, 0, 124, 0)))
    head = b"PGDMP\x01" + bytes([minor, 0, 4, 8, 1]) + compression + stamp + text("shop") + text("12.3") + text("14.1")
    entry = number(7) + number(1) + text("1259") + text("16384") + text("orders") + text("TABLE")
    entry += (number(2) if minor >= 11 else b"") + text("CREATE TABLE") + text("DROP TABLE") + text(None) + text("public") + text("fast")
    entry += (text("heap") if minor >= 14 else b"") + (number(ord("r")) if minor >= 16 else b"")
    entry += text("owner") + text("false") + text("3") + text("5") + text(None) + b"\x02" + (77).to_bytes(8, "little")
    return head + number(1) + entry


@pytest.mark.parametrize("minor", range(10, 17))
def test_every_version_of_the_archive_is_read(minor: int) -> None:
    contents = read_contents(io.BytesIO(written(minor)))
    (entry,) = contents.entries
    assert (contents.archive_version, contents.database, contents.server_version) == ((1, minor, 0), "shop", "12.3")
    assert contents.compression == ("lz4" if minor >= 15 else "gzip")
    assert (entry.dump_id, entry.tag, entry.namespace, entry.owner, entry.tablespace) == (7, "orders", "public", "owner", "fast")
    assert (entry.dependencies, entry.data_offset, contents.created.at.isoformat()) == ((3, 5), 77, "2024-01-02T03:04:05+00:00")


@pytest.mark.parametrize(
    ("version", "error"), [((1, 17), ArchiveTooNew), ((1, 9), ArchiveTooOld), ((1, 200), ArchiveDamaged), ((7, 0), ArchiveDamaged)]
)
def test_an_unknown_version_says_whose_fault_it_is(version: tuple[int, int], error: type[Exception]) -> None:
    with pytest.raises(error):
        read_header(io.BytesIO(b"PGDMP" + bytes(version) + bytes(100)))


def test_each_cut_within_the_table_of_contents_is_a_cut() -> None:
    whole = written(14)
    for kept in range(len(whole)):
        with pytest.raises(ArchiveCut):
            read_contents(io.BytesIO(whole[:kept]))


def test_an_absurd_length_is_not_believed() -> None:
    with pytest.raises((ArchiveCut, ArchiveDamaged)):
        read_contents(io.BytesIO(written(14).replace(text("shop"), number(0x7FFFFFFF) + b"shop")))


def test_text_that_is_no_utf8_is_kept_readable() -> None:
    assert read_contents(io.BytesIO(written(14).replace(b"orders", b"ord\xe9rs"))).entries[0].tag == "ord\\xe9rs"


def test_flipped_bits_of_a_real_archive_raise_nothing_else(app_dump: Callable[..., Path]) -> None:
    data = app_dump("custom").read_bytes()[:30_000]
    chance = random.Random(3)
    for _ in range(200):
        spoiled = bytearray(data)
        spoiled[chance.randrange(5, 4000)] ^= 1 << chance.randrange(8)
        try:
            read_contents(io.BytesIO(bytes(spoiled)))
        except (BackupUnusable, CannotTell) as error:
            assert error.reason.hint


@given(st.binary(max_size=300), st.integers(10, 16))
def test_any_bytes_after_the_magic_raise_nothing_else(data: bytes, minor: int) -> None:
    with pytest.raises((BackupUnusable, CannotTell)):
        read_contents(io.BytesIO(b"PGDMP\x01" + bytes([minor]) + b"\x00\x04\x08" + data[:200]))
