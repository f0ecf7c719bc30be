"""The head of a pg_dump archive (a custom file, or `toc.dat` of a directory or a tar) → its contents, as a value.

Written from `ReadHead` and `ReadToc` of PostgreSQL's `pg_backup_archiver.c`: archives 1.10 (PostgreSQL 8.0) to 1.16
(PostgreSQL 17 and 18). No length is believed before the bytes are there.

    ArchiveCut, ArchiveDamaged       theirs: BackupUnusable
    ArchiveTooNew, ArchiveTooOld     ours: CannotTell
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.model import DumpStart

MAGIC = b"PGDMP"
OLDEST = (1, 10)
NEWEST = (1, 16)
CUSTOM_FORMAT = 1
TAR_FORMAT = 3
UNKNOWN_ZONE_SECONDS = 14 * 3600.0  # the header's wall time has no zone, and zones reach from -12 to +14 hours
PACKED_SUFFIXES = (".gz", ".lz4", ".zst")

_KNOWN_FORMATS = (1, 2, 3, 5)
_COMPRESSION_NAMES = ("none", "gzip", "lz4", "zstd")
_POSSIBLE_MINORS = 64  # a minor version beyond this is no newer PostgreSQL but a flipped bit
_LONGEST_STRING = 1 << 30
_LARGEST_NUMBER_BYTES = 32
_READ_STEP = 1 << 20
_OFFSET_STATES = (1, 2, 3)
_OFFSET_SET, _OFFSET_NO_DATA = 2, 3
_SECTIONS = range(1, 5)  # none, before the data, data, after it: pg_restore passes over an entry of any other
_ENCODING_NAME = re.compile(r"'([^']*)'")


class ArchiveCut(BackupUnusable):
    def __init__(self) -> None:
        super().__init__(
            "archive_truncated",
            "the archive ends within its table of contents: the file is cut short",
            "take an older copy, and check that the job that writes this one finishes",
        )


class ArchiveDamaged(BackupUnusable):
    def __init__(self, detail: str) -> None:
        super().__init__(
            "archive_damaged",
            f"the archive's table of contents is damaged: {detail}",
            "take an older copy, and look for the disk or the transfer that did this",
        )


class ArchiveTooNew(CannotTell):
    def __init__(self, version: tuple[int, int, int]) -> None:
        super().__init__(
            "server_too_old",
            f"the archive has version {version[0]}.{version[1]}, newer than the newest known here, {NEWEST[0]}.{NEWEST[1]}",
            "install a newer restore-tester and the PostgreSQL that made this dump",
        )
        self.version = version


class ArchiveTooOld(CannotTell):
    def __init__(self, version: tuple[int, int, int]) -> None:
        super().__init__(
            "format_not_supported",
            f"the archive has version {version[0]}.{version[1]}, of a PostgreSQL before 8.0",
            "restore it by hand with a pg_restore of its time",
        )
        self.version = version


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table of contents. `kind` is what pg_restore lists, such as `TABLE DATA`. Text that is no UTF-8 is kept as `\\xNN`.

    `data_file` is the member that holds its data (directory, tar), before compression adds its suffix; `data_offset` is the
    place of its data in a custom file (bytes), None where there is none or the producer could not seek."""

    dump_id: int
    had_dumper: bool
    oid: int
    tag: str
    kind: str
    section: int
    definition: str
    copy_statement: str
    namespace: str | None
    tablespace: str | None
    owner: str
    dependencies: tuple[int, ...]
    data_file: str | None
    data_offset: int | None


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive says of itself. `created` is the producer's wall time read as UTC, and says how far that may be off.
    Versions are as the producer wrote them (`15.18 (Debian …)`)."""

    format_code: int
    archive_version: tuple[int, int, int]
    compression: str
    created: DumpStart
    database: str
    server_version: str
    dump_version: str
    encoding: str | None
    entries: tuple[Entry, ...]

    @property
    def tables(self) -> int:
        """Return how many tables it creates; one with data only (`--data-only`) counts too."""
        created = sum(entry.kind == "TABLE" for entry in self.entries)
        return created or sum(entry.kind == "TABLE DATA" for entry in self.entries)


def read_header(stream: IO[bytes]) -> Contents:
    """Return what the header says, without entries. Raise ArchiveCut, ArchiveDamaged, ArchiveTooNew, ArchiveTooOld."""
    return _read_header(stream)[0]


def read_contents(stream: IO[bytes]) -> Contents:
    """Return header and table of contents. Given a stream whose `read(n)` is short only at its end. Raise as `read_header`."""
    header, numbers = _read_header(stream)
    count = numbers.read_number()
    if count < 0:
        raise ArchiveDamaged(f"it claims {count} entries")
    entries = tuple(_read_entry(numbers, header) for _ in range(count))
    encodings = [_ENCODING_NAME.search(entry.definition) for entry in entries if entry.kind == "ENCODING"]
    encoding = encodings[0].group(1) if encodings and encodings[0] else None
    return Contents(
        format_code=header.format_code,
        archive_version=header.archive_version,
        compression=header.compression,
        created=header.created,
        database=header.database,
        server_version=header.server_version,
        dump_version=header.dump_version,
        encoding=encoding,
        entries=entries,
    )


def missing_members(contents: Contents, names: Iterable[str]) -> tuple[str, ...]:
    """Return the members that a directory archive names and that are not among `names`, packed or not: it must be empty."""
    present = frozenset(names)
    expected = dict.fromkeys(entry.data_file for entry in contents.entries if entry.data_file)
    return tuple(name for name in expected if not any(name + suffix in present for suffix in ("", *PACKED_SUFFIXES)))


class _Reader:
    """Numbers and strings as the archiver writes them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.number_bytes = 4
        self.offset_bytes = 8

    def read_exactly(self, count: int) -> bytes:
        if count <= _READ_STEP:
            data = self._stream.read(count)
        else:
            pieces = bytearray()
            while len(pieces) < count and (piece := self._stream.read(min(_READ_STEP, count - len(pieces)))):
                pieces += piece
            data = bytes(pieces)
        if len(data) < count:
            raise ArchiveCut
        return data

    def read_byte(self) -> int:
        return self.read_exactly(1)[0]

    def read_number(self) -> int:
        data = self.read_exactly(1 + self.number_bytes)
        if data[0] > 1:
            raise ArchiveDamaged("a number without its sign")
        number = int.from_bytes(data[1:], "little")
        return -number if data[0] else number

    def read_text(self) -> str | None:
        length = self.read_number()
        if length < 0:
            return None
        if length > _LONGEST_STRING:
            raise ArchiveDamaged(f"a text of {length} bytes")
        return self.read_exactly(length).decode("utf-8", "backslashreplace")

    def read_decimal(self, what: str) -> int:
        text = self.read_text() or ""
        if not text.isascii() or not text.isdigit() or len(text) > 10:
            raise ArchiveDamaged(f"{what} that is no number")
        return int(text)

    def read_offset(self) -> tuple[bool, int | None]:
        """Return whether there are data, and where they begin."""
        data = self.read_exactly(1 + self.offset_bytes)
        if data[0] not in _OFFSET_STATES:
            raise ArchiveDamaged("a data offset that means nothing")
        return data[0] != _OFFSET_NO_DATA, int.from_bytes(data[1:], "little") if data[0] == _OFFSET_SET else None


def _read_header(stream: IO[bytes]) -> tuple[Contents, _Reader]:
    reader = _Reader(stream)
    if reader.read_exactly(len(MAGIC)) != MAGIC:
        raise ArchiveDamaged("it does not begin as one")
    version = (reader.read_byte(), reader.read_byte(), reader.read_byte())
    _check_version(version)
    reader.number_bytes = reader.read_byte()
    reader.offset_bytes = reader.read_byte()
    if not (0 < reader.number_bytes <= _LARGEST_NUMBER_BYTES and 0 < reader.offset_bytes <= _LARGEST_NUMBER_BYTES):
        raise ArchiveDamaged("absurd sizes of numbers")
    format_code = reader.read_byte()
    if format_code not in _KNOWN_FORMATS:
        raise ArchiveDamaged(f"format {format_code} does not exist")
    header = Contents(
        format_code=format_code,
        archive_version=version,
        compression=_read_compression(reader, version),
        created=_read_created(reader),
        database=reader.read_text() or "",
        server_version=reader.read_text() or "",
        dump_version=reader.read_text() or "",
        encoding=None,
        entries=(),
    )
    return header, reader


def _check_version(version: tuple[int, int, int]) -> None:
    if version[0] != OLDEST[0] or version[1] > _POSSIBLE_MINORS:
        raise ArchiveDamaged(f"version {version[0]}.{version[1]} does not exist")
    if version[:2] > NEWEST:
        raise ArchiveTooNew(version)
    if version[:2] < OLDEST:
        raise ArchiveTooOld(version)


def _read_compression(reader: _Reader, version: tuple[int, int, int]) -> str:
    if version[:2] < (1, 15):
        return "gzip" if reader.read_number() else "none"
    code = reader.read_byte()
    if code >= len(_COMPRESSION_NAMES):
        raise ArchiveDamaged(f"compression {code} does not exist")
    return _COMPRESSION_NAMES[code]


def _read_created(reader: _Reader) -> DumpStart:
    second, minute, hour, day, month, year, _is_summer_time = (reader.read_number() for _ in range(7))
    try:
        wall_time = datetime(year + 1900, month + 1, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ArchiveDamaged("a date that does not exist") from error
    return DumpStart(wall_time, UNKNOWN_ZONE_SECONDS)


def _read_entry(reader: _Reader, header: Contents) -> Entry:
    version = header.archive_version[:2]
    dump_id = reader.read_number()
    if dump_id <= 0:
        raise ArchiveDamaged(f"an entry with the number {dump_id}")
    had_dumper = reader.read_number()
    if had_dumper not in (0, 1):
        raise ArchiveDamaged(f"entry {dump_id} neither has data nor has none")
    reader.read_decimal("a catalogue")
    oid = reader.read_decimal("an oid")
    tag = reader.read_text() or ""
    kind = reader.read_text() or ""
    section = reader.read_number() if version >= (1, 11) else 0
    definition = reader.read_text() or ""
    reader.read_text()  # the statement that would drop it
    copy_statement = reader.read_text() or ""
    namespace = reader.read_text() or None
    tablespace = reader.read_text() or None
    if version >= (1, 14):
        reader.read_text()  # table access method
    if version >= (1, 16):
        reader.read_number()  # kind of relation
    owner = reader.read_text() or ""
    reader.read_text()  # WITH OIDS
    dependencies = _read_dependencies(reader)
    data_file, offset = None, None
    if header.format_code == CUSTOM_FORMAT:
        has_data, offset = reader.read_offset()
    else:
        data_file = reader.read_text() or None
        has_data = data_file is not None
    entry = Entry(
        dump_id=dump_id,
        had_dumper=bool(had_dumper),
        oid=oid,
        tag=tag,
        kind=kind,
        section=section,
        definition=definition,
        copy_statement=copy_statement,
        namespace=namespace,
        tablespace=tablespace,
        owner=owner,
        dependencies=dependencies,
        data_offset=offset,
        data_file=data_file,
    )
    _refuse_contradiction(entry, has_data, sections=version >= (1, 11))
    return entry


def _refuse_contradiction(entry: Entry, has_data: bool, sections: bool) -> None:
    """pg_restore passes over an entry that contradicts itself without a word: one flipped bit would lose a table."""
    if entry.had_dumper != has_data:
        raise ArchiveDamaged(f"entry {entry.dump_id} both has data and has none")
    if entry.kind == "TABLE DATA" and not entry.had_dumper:
        raise ArchiveDamaged(f"entry {entry.dump_id} is of data and has none")
    if sections and entry.section not in _SECTIONS:
        raise ArchiveDamaged(f"entry {entry.dump_id} is of section {entry.section}, which does not exist")


def _read_dependencies(reader: _Reader) -> tuple[int, ...]:
    found: list[int] = []
    while (text := reader.read_text()) is not None:
        if not text.isascii() or not text.isdigit() or len(text) > 10:
            raise ArchiveDamaged("a dependency that is no number")
        found.append(int(text))
    return tuple(found)
