"""Data files of a directory or tar archive → whether each was written to its end.

pg_restore takes an emptied or halved data file for a smaller table (verification.md, L14). But pg_dump closes the rows of a
table with a line `\\.`, and its INSERTs with blank lines: a file without that end lost what came before it. Large objects carry
no such mark: their files are decoded to the end, and that all of them are there is seen by `largeobjects.py`.
"""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restore_tester.errors import BackupUnusable
from restore_tester.restorers.decoding import DecodeLimit, open_decoded, sniff
from restore_tester.restorers.postgresql.archive import PACKED_SUFFIXES, Contents, Entry
from restore_tester.restorers.postgresql.largeobjects import (
    LIST_NAME,
    lists_of_directory,
    read_list,
    refuse_missing,
    refuse_without_file,
)
from restore_tester.restorers.postgresql.messages import escape

ROWS_END = b"\\.\n\n\n"
INSERTS_END = b";\n\n\n"
NO_INSERTS = b"\n\n"  # all there is of a table without rows
_TAIL_BYTES = 16
_READ_BYTES = 1 << 18
_TAR_BLOCK = 512
_TAKE_OLDER = "take an older copy, and check that whatever writes, copies or cleans this backup finishes"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file to look at: where it is, and what it must end with (nothing for large objects)."""

    path: Path
    name: str
    end: bytes
    table: str
    large_object: bool = False


class FileCheck:
    """Data files looked at beside the restore. `finish` waits, and raises what was found."""

    def __init__(self, pool: ThreadPoolExecutor, cancelled: threading.Event, files: Iterable[DataFile]) -> None:
        self._cancelled = cancelled
        self._found = [(file, pool.submit(_look_at, file, cancelled.is_set)) for file in files]

    def finish(self) -> None:
        """Raise BackupUnusable (`table_data_incomplete`, `compression_damaged`, …) or CannotTell (`decompression_limit`)."""
        for _, found in self._found:
            found.result()

    def sizes_of_large_objects(self) -> tuple[int, ...]:
        """Return a size for each (bytes, after `finish`): 0 where it is empty."""
        return tuple(found.result() for file, found in self._found if file.large_object)


@contextmanager
def looking_at(files: Iterable[DataFile], threads: int) -> Iterator[FileCheck]:
    """Look at data files with `threads` threads while the block runs; give up when it ends."""
    cancelled = threading.Event()
    with ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="data-file") as pool:
        try:
            yield FileCheck(pool, cancelled, files)
        finally:
            cancelled.set()


def files_of_directory(folder: Path, contents: Contents) -> tuple[DataFile, ...]:
    """Return the data files that a directory archive names, each as it lies there. Raise BackupUnusable (`directory_incomplete`)."""
    found = []
    for entry in _with_data(contents):
        path = _found(folder, str(entry.data_file))
        found.append(DataFile(path, path.name, _end_of(entry), entry.tag))
    return (*found, *_large_objects_of_directory(folder, contents))


def _large_objects_of_directory(folder: Path, contents: Contents) -> Iterator[DataFile]:
    listed: dict[int, str] = {}
    for name in lists_of_directory(contents):
        with _found(folder, name).open("rb") as lines:
            listed.update(read_list(name, lines))
    refuse_missing(contents, listed)
    files = {file.name.removesuffix(file.suffix) if file.suffix in PACKED_SUFFIXES else file.name: file for file in folder.iterdir()}
    refuse_without_file(listed, files)
    return (DataFile(files[name], files[name].name, b"", f"large object {oid}", large_object=True) for oid, name in listed.items())


def _found(folder: Path, name: str) -> Path:
    path = next((path for suffix in ("", *PACKED_SUFFIXES) if (path := folder / f"{name}{suffix}").is_file()), None)
    if path is None:
        raise BackupUnusable(
            "directory_incomplete",
            f"the data file {escape(name)} that the table of contents names is missing",
            "copy the whole folder, and check that the job that copies it finishes",
        )
    return path


def _is_whole(tail: bytes, end: bytes) -> bool:
    return tail.endswith(end) or (end == INSERTS_END and tail == NO_INSERTS)


def check_tar(path: Path, contents: Contents) -> tuple[int, ...]:
    """Given a `pg_dump -Ft` file, see that every member is whole and the archive is closed: pg_restore 15 reads a cut one for ever.

    Return the sizes of its large objects (bytes).
    Raise BackupUnusable (`archive_truncated`, `archive_damaged`, `table_data_incomplete`, `large_objects_missing`)."""
    size = path.stat().st_size
    ends: dict[str, bytes] = {}
    listed: dict[int, str] = {}
    with path.open("rb") as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                members = [(member.name, member.offset_data, member.size) for member in tar]
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise _tar_cut() from error
        closed = 0
        for name, begins, length in members:
            closed = begins + -(-length // _TAR_BLOCK) * _TAR_BLOCK
            if closed > size:
                raise _tar_cut()
            file.seek(begins + max(0, length - _TAIL_BYTES))
            ends[name] = file.read(min(length, _TAIL_BYTES))
            if LIST_NAME.match(name):
                file.seek(begins)
                listed.update(read_list(name, file.read(length).splitlines()))
        file.seek(closed)
        if file.read(2 * _TAR_BLOCK) != bytes(2 * _TAR_BLOCK):
            raise _tar_cut()
    for entry in _with_data(contents):
        if not _is_whole(ends.get(str(entry.data_file), b""), _end_of(entry)):
            raise _incomplete(entry.tag, str(entry.data_file))
    refuse_missing(contents, listed)
    refuse_without_file(listed, ends)
    sizes = {name: length for name, _, length in members}
    return tuple(sizes[name] for name in listed.values())


def read_tree_out_of_tar(stream: tarfile.TarFile, into: Path, wrote: Callable[[int], None]) -> None:
    """Write the files of a tar flat into a folder, by their last name only: no links, no devices, nothing outside.

    Raise BackupUnusable (`archive_damaged`, `archive_truncated`)."""
    try:
        for member in stream:
            name = member.name.rpartition("/")[2]
            if not member.isfile() or name in ("", ".", ".."):
                continue
            source = stream.extractfile(member)
            assert source is not None
            with (into / name).open("xb") as target:
                while block := source.read(_READ_BYTES):
                    target.write(block)
                    wrote(len(block))
                if target.tell() != member.size:
                    raise _tar_cut()
    except FileExistsError as error:
        raise BackupUnusable(
            "archive_damaged", "the tar holds two files of one name: it is no single dump", "pack one dump folder a tar"
        ) from error
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise _tar_cut() from error


def _with_data(contents: Contents) -> Iterator[Entry]:
    return (entry for entry in contents.entries if entry.data_file and (entry.had_dumper or entry.kind == "TABLE DATA"))


def _end_of(entry: Entry) -> bytes:
    if entry.kind != "TABLE DATA":
        return b""
    return ROWS_END if entry.copy_statement else INSERTS_END


def _look_at(file: DataFile, cancelled: Callable[[], bool]) -> int:
    """Decode a file to its end, or read only its end where nothing is encoded; return the size of that end (bytes)."""
    size = file.path.stat().st_size
    with file.path.open("rb") as raw:
        compression = sniff(raw.read(_TAIL_BYTES))
        if compression is None:
            # Only what never began to write lz4 or zstd, for want of a byte to write, leaves an empty file.
            if file.path.suffix in PACKED_SUFFIXES and (size or file.path.suffix == ".gz" or not file.large_object):
                raise _incomplete(file.table, file.name)
            raw.seek(-min(size, _TAIL_BYTES), os.SEEK_END)
            tail = raw.read()
        else:
            tail = b""
            try:
                with open_decoded(file.path, compression, DecodeLimit(size)) as decoded:
                    while not cancelled() and (block := decoded.read1(_READ_BYTES)):
                        tail = (tail + block)[-_TAIL_BYTES:]
            except BackupUnusable as error:
                raise _unreadable(file, error) from error
            if cancelled():
                return len(tail)
    if not _is_whole(tail, file.end):
        raise _incomplete(file.table, file.name)
    return len(tail)


def _incomplete(table: str, name: str) -> BackupUnusable:
    return BackupUnusable(
        "table_data_incomplete",
        f"what {escape(table)[:100]} holds breaks off: {escape(name)[:100]} does not end as pg_dump ends it",
        _TAKE_OLDER,
    )


def _unreadable(file: DataFile, error: BackupUnusable) -> BackupUnusable:
    where = f"{escape(file.name)[:100]}, which holds {escape(file.table)[:100]}"
    return BackupUnusable("archive_damaged", f"{where}, cannot be read to its end: {error.reason.message}", _TAKE_OLDER)


def _tar_cut() -> BackupUnusable:
    return BackupUnusable("archive_truncated", "the tar is not closed: it is cut short, or a member of it is damaged", _TAKE_OLDER)
