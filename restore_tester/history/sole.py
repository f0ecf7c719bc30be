"""A history's DSN → the right to be the only service that works from it, for as long as a block lasts.

Services side by side share a PostgreSQL; a SQLite file has one. The lock is the system's own: it goes with its process, however
that ends, and the file that it lies on stays.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restore_tester.errors import CannotTell
from restore_tester.history.address import SQLITE, read_address
from restore_tester.history.faults import HISTORY_HINTS, READ_ONLY, UNREACHABLE

SUFFIX = "-service"


@contextmanager
def sole_service(dsn: str) -> Iterator[None]:
    """Raise Misuse (`history_dsn`), CannotTell: `history_in_use` where another service works from this SQLite file;
    `history_read_only`, `history_unreachable` where the lock beside it cannot be made."""
    address = read_address(dsn)
    if address.engine != SQLITE:
        yield
        return
    lock = _opened(Path(os.path.realpath(address.url.database or "")))
    try:
        _take(lock, address.shown)
        yield
    finally:
        os.close(lock)


def _opened(history: Path) -> int:
    path = history.with_name(history.name + SUFFIX)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        code = READ_ONLY if path.parent.is_dir() else UNREACHABLE
        raise CannotTell(code, f"the lock of a service cannot be made beside the history: {error}", HISTORY_HINTS[code]) from error


def _take(lock: int, shown: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        fact = f"another service works from the history {shown}" + (f" (process {holder})" if holder.isdecimal() else "")
        raise CannotTell("history_in_use", fact, "stop it first; several services at once need their history in PostgreSQL") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
