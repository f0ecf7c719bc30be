"""Connections to a restored cluster: a small pool for each database, read-only, deaf to what the dump sets for its sessions."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from restore_tester.errors import CouldNotAsk, DataDamaged, RestoreTesterError
from restore_tester.judgement.wording import DETAIL_CHARACTERS, printable
from restore_tester.restorers.postgresql.cluster import PINNED, SUPERUSER, Cluster, sandbox_fault
from restore_tester.restorers.postgresql.messages import redact
from restore_tester.restorers.postgresql.templates import DISK_FULL, OUT_OF_MEMORY

if TYPE_CHECKING:
    import psycopg

# Given at connection, these outrank what ALTER DATABASE and ALTER ROLE of a dump set.
_OPTIONS = (
    f"{PINNED} -c search_path=pg_catalog -c row_security=off -c idle_in_transaction_session_timeout=0 "
    "-c client_min_messages=error -c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC "
    "-c default_transaction_isolation=read\\ committed -c default_transaction_deferrable=off "
    "-c extra_float_digits=1 -c bytea_output=hex -c xmlbinary=base64 -c role=none"
)
# Event triggers and rules of the dump have no say in what we prepare.
_WRITER_OPTIONS = " -c session_replication_role=replica -c default_transaction_read_only=off"
_DAMAGED_STATES = frozenset({"XX001", "XX002"})
_DAMAGED_TEXT = re.compile(
    r'could not open file "base/|'
    r"could not read block|invalid page|missing chunk number|unexpected chunk (?:number|size)|compressed .* data is corrupt|"
    r"could not access status of transaction|invalid memory alloc request size|found .* from before relfrozenxid"
)
_LOST_STATES = ("57P01", "57P02", "57P03", "08")
_DAMAGED_HINT = "take an older copy; look at the storage that this backup was made on"


class Sessions:
    """Given a cluster. `session` lends a connection to one thread at a time; `close` ends them all."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._idle: dict[str, list[psycopg.Connection[tuple[object, ...]]]] = {}
        self._closed = False

    @contextmanager
    def session(self, database: str, *, writes: bool = False) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """Lend a connection, read-only unless `writes` (then it commits each statement). Raise what its errors mean."""
        import psycopg

        try:
            connection = self._take(database, writes)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
        except psycopg.Error as error:
            raise self.meaning(error) from error
        except UnicodeDecodeError as error:
            raise CouldNotAsk("question_refused", "the answer holds text in no encoding that we can read", "cast it to bytea") from error
        if writes:
            connection.close()
        else:
            connection.rollback()
            self._give_back(database, connection)

    def execute(self, connection: psycopg.Connection[tuple[object, ...]], statement: str) -> None:
        """Execute one statement; the connection stays usable after an error of it. Raise what the error means."""
        import psycopg

        try:
            connection.execute(statement)
        except psycopg.Error as error:
            raise self.meaning(error) from error

    def meaning(self, error: psycopg.Error) -> RestoreTesterError:
        """Return what an error of the server means: damaged data, a fault of the sandbox, or a question that could not be answered."""
        import psycopg

        state, text = error.sqlstate or "", str(error)
        if state in _DAMAGED_STATES or _DAMAGED_TEXT.search(text):
            shown = redact((error.diag.message_primary or text).partition("\n")[0], frozenset())
            return DataDamaged("data_damaged", f"restored data cannot be read: {shown}", _DAMAGED_HINT)
        if state == "57014":
            return CouldNotAsk("check_timeout", "the answer took longer than the question may", "raise the check's `timeout`")
        if state.startswith("53"):
            return sandbox_fault(DISK_FULL if state == "53100" else OUT_OF_MEMORY)
        if state.startswith(_LOST_STATES) or (not state and isinstance(error, psycopg.OperationalError)):
            return self._cluster.fault()
        primary = (error.diag.message_primary or text).partition("\n")[0]
        # Class 42 is raised before any row is read: its text quotes the question, which whoever wrote it needs to see.
        shown = printable(primary, DETAIL_CHARACTERS) if state.startswith("42") else redact(primary, frozenset())
        return CouldNotAsk("question_refused", f"the server refused the question: {shown} ({state})", "correct the check's SQL")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle = [connection for connections in self._idle.values() for connection in connections]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, database: str, writes: bool) -> psycopg.Connection[tuple[object, ...]]:
        import psycopg

        with self._lock:
            idle = [] if writes else self._idle.get(database, [])
            if idle:
                return idle.pop()
        connection = psycopg.connect(
            host=self._cluster.host,
            user=SUPERUSER,
            dbname=database,
            autocommit=writes,
            connect_timeout=30,
            client_encoding="UTF8",
            options=_OPTIONS + (_WRITER_OPTIONS if writes else ""),
        )
        if not writes:
            connection.read_only = True
        return connection

    def _give_back(self, database: str, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        with self._lock:
            if not self._closed:
                self._idle.setdefault(database, []).append(connection)
                return
        connection.close()
