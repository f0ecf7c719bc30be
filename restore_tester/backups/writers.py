"""A file → whether some process has it open for writing, as the kernel of this machine says.

A read lease is granted only on a file that nobody has open for writing (fcntl(2), F_SETLEASE). It is taken and given back at once; a
writer that comes in between waits those microseconds. Only where this kernel sees every writer does that prove anything, which is on
local file systems; elsewhere, and where we may take no lease (the file is another user's), nothing is known.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import stat
from functools import cache
from pathlib import Path

# statfs(2) of ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs and overlayfs: no other machine writes to them.
_LOCAL = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x2FC12FC1, 0x01021994, 0x794C7630})
_STATFS_BYTES = 256


def is_being_written(path: Path) -> bool | None:
    """Return whether a process has the file open for writing, None where that cannot be known."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode) or _file_system(file) not in _LOCAL:
            return None
        # Whoever breaks a lease has its holder told, by SIGIO, which ends a process that expects none. SIGURG does nothing.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(file)
    return False


def _file_system(file: int) -> int | None:
    """Return what statfs(2) calls the file system's type; its number stands first, as a `long`."""
    answer = ctypes.create_string_buffer(_STATFS_BYTES)
    if _libc().fstatfs(file, answer) != 0:
        return None
    return ctypes.c_long.from_buffer(answer).value & 0xFFFFFFFF


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
