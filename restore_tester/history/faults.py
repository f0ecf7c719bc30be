"""What a database or its driver says → our errors, each with its code. Sources: sqlite.org/rescode.html, and appendix A of
PostgreSQL's manual (errcodes). A history that fails is ours, never the backup's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from restore_tester.errors import CannotTell
from restore_tester.history.address import SQLITE, Address

UNREACHABLE = "history_unreachable"
READ_ONLY = "history_read_only"
LOCKED = "history_locked"
CORRUPT = "history_corrupt"
FULL = "history_full"
FAILED = "history_failed"
HISTORY_HINTS = {
    "history_unreachable": "see that the server or the folder of the file is there, and that this user may use it",
    "history_read_only": "give this user the right to write there (SQLite: the file and its folder), or name another history",
    "history_locked": "see who holds it, such as a shell or a copy job with an open transaction, and try again",
    "history_corrupt": "set it aside, then restore it from a backup or name a new one; `sqlite3 FILE .recover` saves what can be read",
    "history_full": "make room where the history lies",
    "history_failed": "if the history was changed by hand, restore it from a backup; else report this message",
}
_FACTS = {
    UNREACHABLE: "cannot be reached",
    READ_ONLY: "cannot be written",
    LOCKED: "is locked by somebody else",
    CORRUPT: "is damaged",
    FULL: "has no room left",
    FAILED: "refused a statement",
}
_SQLITE_CODES = {
    3: READ_ONLY,  # SQLITE_PERM
    5: LOCKED,  # SQLITE_BUSY
    6: LOCKED,  # SQLITE_LOCKED
    8: READ_ONLY,  # SQLITE_READONLY
    10: UNREACHABLE,  # SQLITE_IOERR
    11: CORRUPT,  # SQLITE_CORRUPT
    13: FULL,  # SQLITE_FULL
    14: UNREACHABLE,  # SQLITE_CANTOPEN
    26: CORRUPT,  # SQLITE_NOTADB
}
_CANNOT_OPEN = 14
_POSTGRESQL_STATES = {
    "25006": READ_ONLY,  # read_only_sql_transaction
    "42501": READ_ONLY,  # insufficient_privilege
    "55P03": LOCKED,  # lock_not_available
    "40P01": LOCKED,  # deadlock_detected
    "XX001": CORRUPT,  # data_corrupted
    "XX002": CORRUPT,  # index_corrupted
    "53100": FULL,  # disk_full
}
_POSTGRESQL_CLASSES = {"08": UNREACHABLE, "28": UNREACHABLE, "3D": UNREACHABLE, "53": UNREACHABLE, "57": UNREACHABLE}


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Raise CannotTell for what the database or its driver raises in the body."""
    try:
        yield
    except SQLAlchemyError as error:
        code = _code(error, address)
        cause = error if address.hide(str(error)) == str(error) else None
        raise CannotTell(code, f"the history {address.shown} {_FACTS[code]}: {_said(error, address)}", HISTORY_HINTS[code]) from cause


def _code(error: SQLAlchemyError, address: Address) -> str:
    if not isinstance(error, DBAPIError):
        return FAILED
    if address.engine == SQLITE:
        return _sqlite_code(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF, address)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # The driver speaks for itself: there is no connection, or there is none any more.
        return UNREACHABLE
    return _POSTGRESQL_STATES.get(state) or _POSTGRESQL_CLASSES.get(state[:2], FAILED)


def _sqlite_code(code: int, address: Address) -> str:
    file = Path(address.url.database or "")
    if code == _CANNOT_OPEN and os.access(file, os.R_OK) and not os.access(file.parent, os.W_OK):
        # Even a reader writes: the index of SQLite's write-ahead log lies beside the file.
        return READ_ONLY
    return _SQLITE_CODES.get(code, FAILED)


def _said(error: SQLAlchemyError, address: Address) -> str:
    """The first line of what the driver said: those below it may hold values."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    return address.hide(said[0]) if said else type(error).__name__
