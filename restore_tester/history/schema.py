"""An opened database, empty or of any earlier revision → one of the revision that this version works with.

Under a lock, so that of two that start at once one migrates and the other finds it done; all revisions or none.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from restore_tester.errors import CannotTell
from restore_tester.history.address import SQLITE
from restore_tester.history.connecting import Database, unhurried
from restore_tester.history.faults import translated
from restore_tester.history.tables import HEAD, METADATA, REVISIONS, VERSION_TABLE

# Any number will do, as long as every version of us takes the same: "restore" read as a number.
ADVISORY_LOCK = 0x726573746F7265


def bring_up_to_date(database: Database) -> bool:
    """Return whether anything was migrated.

    Raise CannotTell: `history_too_new`, `history_not_ours`, and whatever the database is at fault with."""
    with database.reading() as connection:
        found = _revision(connection, database)
    if found == HEAD:
        return False
    if database.address.engine == SQLITE:
        _write_ahead(database)
    with database.writing() as connection:
        if database.address.engine != SQLITE:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        found = _revision(connection, database)
        if found is None:
            _refuse_strangers(connection, database)
        if found == HEAD:
            return False
        with unhurried(connection):
            _migrate(connection)
    return True


def _revision(connection: Connection, database: Database) -> str | None:
    """Return the revision that is there; None for a database that no history lies in."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - our own constant
    if found is not None and found not in REVISIONS:
        fact = f"the history {database.address.shown} is of revision {str(found)[:32]!r}, this version knows {HEAD!r} and older"
        raise CannotTell("history_too_new", fact, "use the version of restore-tester that wrote it, or a newer one")
    return found


def _refuse_strangers(connection: Connection, database: Database) -> None:
    """Only under the lock: without it, what looks like a stranger's table may be of one who migrates at this moment."""
    taken = sorted(set(inspect(connection).get_table_names()) & set(METADATA.tables))
    if taken:
        fact = f"the database {database.address.shown} holds a table {taken[0]} that is not of a history"
        raise CannotTell("history_not_ours", fact, "name a database of its own, or a schema by ?options=-csearch_path=…")


def _write_ahead(database: Database) -> None:
    """The journal's mode is kept in the file, so it is set once, and cannot be within a transaction."""
    with translated(database.address), database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA journal_mode = WAL").close()


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
