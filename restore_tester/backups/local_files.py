"""What every source that reads this machine's files shares: paths from URIs, names fit for a record, the ends of a file."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from urllib.parse import unquote_to_bytes

from restore_tester.model import Backup

CONTENTS_OF_A_FOLDER = "toc.dat"
COPY_NAME = "dump"


def path_of(uri: str) -> Path:
    """Given a path or a `file://` URI, return the path."""
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))) if uri.startswith("file:///") else Path(uri)


def open_regular(path: Path) -> BufferedReader:
    """Return the file, open for reading. Raise OSError where it is no regular file: a pipe in its place would be waited on for ever."""
    file = open_at_once(path)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.ENODEV, f"it is a {kind_of(os.stat(path).st_mode)}, no file")  # noqa: PTH116 - the name may be any
    return BufferedReader(file)


def open_at_once(path: Path) -> FileIO:
    """Return whatever lies there, open for reading, without waiting for the other end of a pipe."""
    return FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY))


def ends_of(path: Path, size_bytes: int, first: int, last: int) -> tuple[bytes, bytes]:
    """Return at most `first` and `last` bytes of either end."""
    with open_regular(path) as file:
        head = file.read(first)
        file.seek(max(0, size_bytes - last))
        return head, file.read(last)


def contents_name(backup: Backup) -> str:
    """Return the name of the part that says what a folder holds: its `toc.dat`, or a compressed one."""
    names = sorted(
        part.name for part in backup.parts if part.name == CONTENTS_OF_A_FOLDER or part.name.startswith(f"{CONTENTS_OF_A_FOLDER}.")
    )
    return names[0] if names else CONTENTS_OF_A_FOLDER


def kind_of(mode: int) -> str:
    """Return what `st_mode` says a file is, for a message."""
    kinds = {
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
        stat.S_IFBLK: "block device",
        stat.S_IFCHR: "character device",
        stat.S_IFDIR: "link to a folder",
    }
    return kinds.get(stat.S_IFMT(mode), "special file")
