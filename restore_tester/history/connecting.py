"""An address → connections, set up alike on both engines: a reading and a writing transaction, errors translated.

SQLite: the write-ahead log lets readers and one writer work side by side, also from two processes; a writer takes its lock at
once (`BEGIN IMMEDIATE`), for one that only upgrades from reading is refused without waiting. `synchronous` is FULL: NORMAL
may lose the last commits when the power fails, and a verdict that somebody was told must not be forgotten; a drill
commits a few times, so the price is nothing.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from restore_tester.history.address import SQLITE, Address
from restore_tester.history.faults import translated

WAIT_SECONDS = 10
# A peer that is gone is noticed within half a minute, also by a connection that only waits.
_KEEPALIVES = {"keepalives": 1, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
_BEGINS = "restore_tester_begins"


@dataclass(frozen=True, slots=True)
class Database:
    """Where the history lies, and its pool of connections. Threads may share it."""

    address: Address
    engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with translated(self.address), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Everything in the body is kept, or, where it raises, nothing."""
        with translated(self.address), self.engine.connect().execution_options(**{_BEGINS: "IMMEDIATE"}) as connection, connection.begin():
            yield connection


@contextmanager
def connected(address: Address) -> Iterator[Database]:
    """Nothing is opened yet: the first transaction does. In the end every connection is closed."""
    engine = _sqlite_engine(address) if address.engine == SQLITE else _postgresql_engine(address)
    try:
        yield Database(address, engine)
    finally:
        engine.dispose()


def _sqlite_engine(address: Address) -> Engine:
    url = address.url if "timeout" in address.url.query else address.url.update_query_dict({"timeout": str(WAIT_SECONDS)})
    engine = create_engine(_as_far_as_allowed(url))
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _as_far_as_allowed(url: URL) -> URL:
    """Where the file, or the folder that its log would lie in, cannot be written, SQLite must be told so to read it at all. Without a
    log nobody has it open: then it may also be read without the lock that would have to be written."""
    path = Path(url.database or "")
    if not path.is_file() or (os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)):
        return url
    only = {"mode": "ro", "uri": "true"}
    if not Path(f"{path}-wal").exists():
        only["immutable"] = "1"
    return url.set(database=f"file:{quote(str(path))}").update_query_dict(only)


def _set_up_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA trusted_schema = OFF")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(_BEGINS, 'DEFERRED')}")


def _postgresql_engine(address: Address) -> Engine:
    from restore_tester.history.patience import SECONDS, PatientConnection

    asked = address.url.normalized_query.get("tcp_user_timeout", (str(int(SECONDS * 1000)),))[0]
    ours = {"application_name": "restore-tester", "connect_timeout": WAIT_SECONDS, "tcp_user_timeout": asked, **_KEEPALIVES}
    arguments: dict[str, Any] = {key: value for key, value in ours.items() if key not in address.url.query}
    engine = create_engine(address.url, connect_args=arguments, pool_pre_ping=True)
    patience = int(asked) / 1000 if asked.isdecimal() and int(asked) else None

    def connect(_: Any, __: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> PatientConnection:
        connection = PatientConnection.connect(*positional, **named)
        connection.patience = patience
        return connection

    event.listen(engine, "do_connect", connect)
    options = str(address.url.query.get("options", ""))
    # The server gives up too, a little later: what nobody waits for shall hold no locks.
    limits = {"lock_timeout": WAIT_SECONDS, "statement_timeout": 0 if patience is None else math.ceil(patience) + 5}
    unsaid = {name: seconds for name, seconds in limits.items() if name not in options}

    def set_up(connection: PatientConnection, _: ConnectionPoolEntry) -> None:
        for name, seconds in unsaid.items():
            connection.execute(f"SET {name} = '{seconds}s'")
        connection.commit()

    event.listen(engine, "connect", set_up)
    return engine


@contextmanager
def unhurried(connection: Connection) -> Iterator[None]:
    """For the rest of a transaction, which the body is, a statement may take as long as it takes: a migration of a large history."""
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == SQLITE:
        yield
        return
    patience, raw.patience = raw.patience, None
    try:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        yield
    finally:
        raw.patience = patience
