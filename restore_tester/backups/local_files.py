"""What every source that reads this machine's files shares: paths from URIs, names fit for a record, the ends of a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import unquote_to_bytes

from restore_tester.model import Backup

CONTENTS_OF_A_FOLDER = "toc.dat"
COPY_NAME = "dump"


def path_of(uri: str) -> Path:
    """Given a path or a `file://` URI, return the path."""
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))) if uri.startswith("file:///") else Path(uri)


def ends_of(path: Path, size_bytes: int, first: int, last: int) -> tuple[bytes, bytes]:
    """Return at most `first` and `last` bytes of either end."""
    with path.open("rb") as file:
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
