"""One pinned file → its copy and its sha256, counted while the bytes pass."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

from restore_tester.backups.landing import new_copy
from restore_tester.backups.local_faults import name_of_reader, reading, writing
from restore_tester.backups.local_files import open_at_once
from restore_tester.contracts import CountBytes

BLOCK_BYTES = 1 << 20


class Changed(Exception):
    """What is read is not what was listed. A turn of the way, not an error: the reader looks once more."""


def pin_of(state: os.stat_result) -> str:
    """Return what a file must still be when it is read: device, inode, size and modification time."""
    return f"{state.st_dev}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}"


def copy_part(path: Path, pin: str, target: Path, name: str | None, count: CountBytes) -> str:
    """Given a file, and where its copy lands (`landing.new_copy`), return the sha256 of what was copied. Raise Changed where `path` is
    not, before and after, what `pin` says."""
    with reading(path, name_of_reader()):
        file = open_at_once(path)
    with file:
        if pin_of(os.fstat(file.fileno())) != pin:
            raise Changed
        with new_copy(target, name) as copy:
            sha256 = _pour(file, copy, count, os.fstat(file.fileno()).st_size)
        if pin_of(os.fstat(file.fileno())) != pin:
            raise Changed
    return sha256


def _pour(file: FileIO, target: FileIO, count: CountBytes, limit: int) -> str:
    """Copy at most `limit` bytes: a file that grows as fast as it is read has no end. Hashing a block lets other threads run."""
    path, copy, identity = Path(os.fsdecode(file.name)), Path(os.fsdecode(target.name)), name_of_reader()
    digest = hashlib.sha256()
    block = memoryview(bytearray(BLOCK_BYTES))
    left = limit
    while left:
        with reading(path, identity):
            size = file.readinto(block[: min(left, BLOCK_BYTES)])
        if not size:
            raise Changed
        left -= size
        digest.update(block[:size])
        with writing(copy.parent):
            written = 0
            while written < size:
                written += target.write(block[written:size]) or 0
        count(size)
    return digest.hexdigest()


def tree_sha256(sums: Mapping[str, str]) -> str:
    """Return the sha256 of a folder: that of its sorted `sha256sum` lines, `<hex>  <relative name>`."""
    lines = sorted(sum_line(name, sha256) for name, sha256 in sums.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sum_line(name: str, sha256: str) -> str:
    """Return the line of `sha256sum`, which escapes a name that would break its line."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == name else "\\"
    return f"{mark}{sha256}  {escaped}\n"
