"""A cluster that holds a restored dump → `contracts.RestoredData`: it answers questions, counts its rows, and knows what it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from restore_tester.contracts import Watch
from restore_tester.errors import CouldNotAsk
from restore_tester.model import Answer, BackupFacts, Fingerprint, Question, Reason, RecoveryPointClaim, TableContent
from restore_tester.restorers.postgresql.names import quoted
from restore_tester.restorers.postgresql.sessions import Sessions

MOST_ROWS = 1_000_000
MOST_BYTES = 64 << 20
_COUNTING_THREADS = 2
_BLOCK_ROWS = 500
_STATISTICS_HINT = "look at the expressions of its indexes: what they call must name its schema"
# In pg_catalog it is nobody's data, and found by whoever looks for the extension's schema.
_PREPARE_AMCHECK = "CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pg_catalog"
_USER_DATABASES = "SELECT datname FROM pg_catalog.pg_database WHERE datname NOT IN ('template0', 'template1') AND datallowconn ORDER BY 1"
_USER_TABLES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY (%s) AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.relpages DESC, n.nspname, c.relname
"""


class PostgresData:
    """Implements `contracts.RestoredData`. Questions go to the first judged database unless they name another."""

    def __init__(
        self, sessions: Sessions, databases: tuple[str, ...], facts: BackupFacts, engine_version: str, features: frozenset[str]
    ) -> None:
        self.engine_version = engine_version
        self.facts = facts
        self.features = features
        self._sessions = sessions
        self._databases = databases

    def databases(self) -> tuple[str, ...]:
        return self._databases

    def ask(self, question: Question, timeout: float) -> Answer:
        """Answer within `timeout` seconds, in a read-only transaction of its own. Raise DataDamaged, SandboxFault, CouldNotAsk
        (`check_timeout`, `answer_too_large`, `question_refused`)."""
        database = question.database or (self._databases[0] if self._databases else "postgres")
        limits = (("statement_timeout", f"{max(1, math.ceil(timeout * 1000))}ms"), *question.settings)
        with self._sessions.session(database) as connection, connection.cursor() as cursor:
            for name, value in limits:
                cursor.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            rows = tuple(_bounded(cursor.stream(question.text, size=_BLOCK_ROWS)))
            columns = tuple(column.name for column in cursor.description or ())
        return Answer(columns, rows)

    def fingerprint(self) -> Fingerprint:
        """Count every user table, partitions as the tables that hold the rows. Raise DataDamaged, SandboxFault."""
        tables = [(database, schema, name) for database in self._databases for schema, name in user_tables(self._sessions, database, "r")]
        with ThreadPoolExecutor(max_workers=_COUNTING_THREADS, thread_name_prefix="count") as pool:
            content = tuple(pool.map(self._count, tables))
        return Fingerprint("restored", tuple(sorted(content, key=lambda table: (table.database, table.schema, table.name))))

    def recovery_points(self) -> tuple[RecoveryPointClaim, ...]:
        """A logical dump says nothing of its age but its header, which the facts hold."""
        return ()

    def _count(self, table: tuple[str, str, str]) -> TableContent:
        database, schema, name = table
        with self._sessions.session(database) as connection:
            counted = f"SELECT pg_catalog.count(*) FROM ONLY {quoted(schema)}.{quoted(name)}"  # noqa: S608 - quoted identifiers
            found = connection.execute(counted).fetchone()
        return TableContent(database, schema, name, int(str(found[0])) if found else None)


def user_tables(sessions: Sessions, database: str, kinds: str) -> list[tuple[str, str]]:
    """Return schema and name of the tables of these kinds (`pg_class.relkind`), largest first."""
    with sessions.session(database) as connection:
        return [(str(schema), str(name)) for schema, name in connection.execute(_USER_TABLES, (list(kinds),))]


def user_databases(sessions: Sessions) -> tuple[str, ...]:
    """Return the databases that hold what was restored: `postgres` only where something is in it."""
    with sessions.session("postgres") as connection:
        listed = [str(row[0]) for row in connection.execute(_USER_DATABASES)]
    return tuple(name for name in listed if name != "postgres" or user_tables(sessions, name, "rpvmSf"))


def analyze(sessions: Sessions, databases: Iterable[str], threads: int, watch: Watch) -> None:
    """Gather statistics of every user table, largest first, as `vacuumdb --analyze-only --jobs` does. A table whose own
    expressions cannot be evaluated is left without them, with a warning. Raise DataDamaged, SandboxFault."""
    tables = [(database, table) for database in databases for table in user_tables(sessions, database, "rpm")]

    def work(share: list[tuple[str, tuple[str, str]]]) -> None:
        for database in dict.fromkeys(database for database, _ in share):
            with sessions.session(database, writes=True) as connection:
                for schema, name in (table for of, table in share if of == database):
                    try:
                        sessions.execute(connection, f"ANALYZE {quoted(schema)}.{quoted(name)}")
                    except CouldNotAsk as error:
                        watch.warn(Reason("statistics_missing", f"a table has no statistics: {error.reason.message}", _STATISTICS_HINT))

    shares = [share for first in range(threads) if (share := tables[first::threads])]
    with ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="analyze") as pool:
        tuple(pool.map(work, shares))


def prepare_amcheck(sessions: Sessions, databases: Iterable[str]) -> bool:
    """Install amcheck where the dump does not bring it. Return whether every database has it now."""
    try:
        for database in databases:
            with sessions.session(database, writes=True) as connection:
                connection.execute(_PREPARE_AMCHECK)
    except CouldNotAsk:
        return False
    return True


def _bounded(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Refuse an answer that would not fit, rather than cut it."""
    size = 0
    for number, row in enumerate(rows, 1):
        size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if number > MOST_ROWS or size > MOST_BYTES:
            raise CouldNotAsk(
                "answer_too_large",
                f"the answer has more than {MOST_ROWS} rows or {MOST_BYTES >> 20} MiB",
                "let the check count, or add a LIMIT to it",
            )
        yield row
