"""A history that cannot be used says so in one sentence with a hint, and never repeats a password."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from restore_tester.errors import Misuse, RestoreTesterError
from restore_tester.history.connecting import unhurried
from restore_tester.history.nouns import Search
from restore_tester.history.records import History, open_history
from restore_tester.history.schema import ADVISORY_LOCK
from tests.histories import (
    NOW,
    PASSWORD,
    SMALL_DISK,
    a_drill,
    a_lease,
    an_order,
    raw,
    restartable_postgresql,
    silenceable,
    without_rights,
)

TRY_TO_READ_AND_WRITE = """
import sys
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Search
from restore_tester.history.records import open_history
from tests.histories import a_drill
try:
    with open_history(sys.argv[1]) as history:
        print(len(history.drills(Search())))
        history.finish(a_drill("d9"))
except CannotTell as error:
    print(error.reason.code)
"""
only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RestoreTesterError, match=r"(?s)^[a-z].+\nHINT: .+") as caught:
        yield
    assert caught.value.reason.code == code
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def file_of(dsn: str) -> Path:
    return Path(str(make_url(dsn).database))


@pytest.fixture
def folder_with_a_drill(dsn: str) -> Iterator[Path]:
    """Where the history of `dsn` lies; it is writable again in the end."""
    with open_history(dsn) as history:
        history.finish(a_drill())
    folder = file_of(dsn).parent
    yield folder
    folder.chmod(0o755)


# --- read-only --------------------------------------------------------------------------------------------------------


@only_sqlite
def test_a_file_that_may_not_be_written_is_read_only_and_readable(dsn: str, folder_with_a_drill: Path) -> None:
    file_of(dsn).chmod(0o444)
    assert without_rights(TRY_TO_READ_AND_WRITE, dsn).split() == ["1", "history_read_only"]


@only_sqlite
def test_a_folder_that_may_not_be_written_is_read_only_and_readable(dsn: str, folder_with_a_drill: Path) -> None:
    folder_with_a_drill.chmod(0o555)
    assert without_rights(TRY_TO_READ_AND_WRITE, dsn).split() == ["1", "history_read_only"]


@only_sqlite
def test_a_file_that_may_not_be_read_is_unreachable(dsn: str, folder_with_a_drill: Path) -> None:
    file_of(dsn).chmod(0)
    assert without_rights(TRY_TO_READ_AND_WRITE, dsn).split() == ["history_unreachable"]


@only_postgresql
def test_a_server_that_only_reads_is_read_only_and_readable(dsn: str) -> None:
    with raw(dsn) as admin:
        admin.exec_driver_sql(f"ALTER DATABASE {make_url(dsn).database} SET default_transaction_read_only = on")
    with open_history(dsn) as history:
        assert history.drills(Search()) == ()
        with refused("history_read_only"):
            history.start(an_order(), a_lease(), NOW)


@only_postgresql
def test_a_history_that_cannot_be_created_is_read_only(empty: str) -> None:
    with raw(empty) as admin:
        admin.exec_driver_sql(f"ALTER DATABASE {make_url(empty).database} SET default_transaction_read_only = on")
    with refused("history_read_only"), open_history(empty):
        pass


# --- locked -----------------------------------------------------------------------------------------------------------


@only_sqlite
def test_a_file_that_somebody_else_writes_is_locked(dsn: str) -> None:
    with open_history(f"{dsn}?timeout=0.05") as history, raw(dsn) as stranger:
        stranger.exec_driver_sql("BEGIN IMMEDIATE")
        with refused("history_locked"):
            history.finish(a_drill())
        assert history.drills(Search()) == ()


@only_postgresql
def test_a_row_that_somebody_else_holds_is_locked(dsn: str) -> None:
    with open_history(impatient(dsn)) as history, raw(dsn) as stranger:
        history.finish(a_drill())
        stranger.exec_driver_sql("LOCK TABLE drills IN EXCLUSIVE MODE")
        with refused("history_locked"):
            history.finish(a_drill("d2"))


@only_postgresql
def test_a_migration_that_somebody_else_is_at_is_waited_for(empty: str) -> None:
    with raw(empty) as stranger:
        stranger.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        with refused("history_locked"), open_history(impatient(empty)):
            pass
    with open_history(impatient(empty)) as history:
        assert history.drills(Search()) == ()


def impatient(dsn: str) -> str:
    return make_url(dsn).update_query_dict({"options": "-c lock_timeout=50"}).render_as_string(hide_password=False)


# --- full -------------------------------------------------------------------------------------------------------------


@only_sqlite
def test_a_file_that_may_not_grow_is_full_and_keeps_what_it_had(dsn: str) -> None:
    with open_history(dsn) as history:
        with history.database.writing() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 900}")
        kept = fill(history)
        with history.database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert history.finish(a_drill("when there is room again"))
        assert [ledger.passed for _, ledger in history.ledgers.all()] == [kept + 1]


@only_postgresql
def test_a_disk_without_room_is_full_and_what_was_kept_stays(dsn: str) -> None:
    """On a disk of 20 MB, or, where no container gives one, of a server that says so."""
    with open_history(dsn) as history:
        with on_small_disk(dsn):
            kept = fill(history)
        assert history.finish(a_drill("when there is room again"))
        assert [ledger.passed for _, ledger in history.ledgers.all()] == [kept + 1]


def fill(history: History) -> int:
    """Remember drills until there is no room; return how many are remembered."""
    (check,) = a_drill().checks
    bulky = tuple(replace(check, detail=os.urandom(900).hex()) for _ in range(500))
    with refused("history_full"):
        for number in range(1000):
            history.finish(replace(a_drill(f"d{number}", minutes=number), checks=bulky))
    (ledger,) = (ledger for _, ledger in history.ledgers.all())
    assert ledger.passed == len(history.drills(Search(limit=1000)))
    return ledger.passed


@contextmanager
def on_small_disk(dsn: str) -> Iterator[None]:
    """For as long as the body lasts, the checks of drills lie where little room is."""
    with create_engine(dsn, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as admin:
        try:
            admin.exec_driver_sql(f"CREATE TABLESPACE small LOCATION '{SMALL_DISK}'")
            admin.exec_driver_sql("ALTER TABLE checks SET TABLESPACE small")
        except DBAPIError:
            full = (
                "IF (SELECT count(*) FROM drills) > 5 THEN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END IF; RETURN NULL;"
            )
            admin.exec_driver_sql(f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {full} END $$")
            admin.exec_driver_sql("CREATE TRIGGER full_disk AFTER INSERT ON checks FOR EACH STATEMENT EXECUTE FUNCTION full_disk()")
        yield
        admin.exec_driver_sql("DROP TRIGGER IF EXISTS full_disk ON checks")
        admin.exec_driver_sql("ALTER TABLE checks SET TABLESPACE pg_default")
        admin.exec_driver_sql("DROP TABLESPACE IF EXISTS small")


# --- corrupt, too new, not ours ---------------------------------------------------------------------------------------


@only_sqlite
@pytest.mark.parametrize("spoilt", [b"this is no database" * 200, b"SQLite format 3\x00" + b"\xff" * 4080])
def test_a_file_that_is_no_database_is_corrupt(empty: str, spoilt: bytes) -> None:
    file_of(empty).write_bytes(spoilt)
    with refused("history_corrupt"), open_history(empty):
        pass
    assert file_of(empty).read_bytes() == spoilt


@only_sqlite
def test_a_page_that_was_overwritten_is_corrupt(dsn: str) -> None:
    with open_history(dsn) as history:
        for number in range(50):
            history.finish(a_drill(f"d{number}"))
    whole = file_of(dsn).read_bytes()
    file_of(dsn).write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with refused("history_corrupt"), open_history(dsn) as history:
        history.drills(Search())


@only_sqlite
def test_a_file_that_was_cut_is_corrupt(dsn: str) -> None:
    with open_history(dsn) as history:
        for number in range(50):
            history.finish(a_drill(f"d{number}"))
    whole = file_of(dsn).read_bytes()
    file_of(dsn).write_bytes(whole[: len(whole) // 8192 * 4096])
    with refused("history_corrupt"), open_history(dsn) as history:
        history.drills(Search(limit=50))
        history.finish(a_drill("d51"))


def test_a_history_that_is_newer_than_we_are_is_refused_untouched(dsn: str) -> None:
    with raw(dsn) as newer:
        newer.exec_driver_sql("UPDATE restore_tester_version SET version_num = '9999'")
    with refused("history_too_new"), open_history(dsn):
        pass
    with raw(dsn) as stranger:
        assert stranger.exec_driver_sql("SELECT version_num FROM restore_tester_version").scalar() == "9999"


def test_tables_of_somebody_else_are_left_alone(empty: str) -> None:
    with raw(empty) as stranger:
        stranger.exec_driver_sql("CREATE TABLE drills (hammers int)")
    with refused("history_not_ours"), open_history(empty):
        pass


def test_a_database_may_hold_what_others_keep_with_alembic(empty: str) -> None:
    with raw(empty) as stranger:
        stranger.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32))")
        stranger.exec_driver_sql("INSERT INTO alembic_version VALUES ('c0ffee')")
    with open_history(empty) as history:
        assert history.finish(a_drill())


def test_a_table_that_somebody_dropped_is_a_sentence_too(dsn: str) -> None:
    with open_history(dsn) as history:
        with raw(dsn) as stranger:
            stranger.exec_driver_sql("DROP TABLE content")
        with refused("history_failed"):
            history.finish(a_drill())
        assert history.drill("d1") is None


# --- unreachable ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dsn",
    [
        "sqlite:////nowhere/at/all/history.db",
        f"postgresql://user:{PASSWORD}@127.0.0.1:1/history",
        f"postgresql+psycopg://user:{PASSWORD}@localhost/history?host=/nowhere",
        f"postgresql://user@127.0.0.1:1/history?password={PASSWORD}&connect_timeout=2",
        f"postgres://user:{PASSWORD}@[::1]:1/history",
        f"postgresql://user@127.0.0.1:1/history?sslmode={PASSWORD}&password={PASSWORD}",
    ],
)
def test_what_is_not_there_is_unreachable(dsn: str) -> None:
    with refused("history_unreachable"), open_history(dsn):
        pass


@only_postgresql
def test_a_server_that_refuses_us_is_unreachable(dsn: str) -> None:
    with refused("history_unreachable"), open_history(make_url(dsn).set(username="nobody_here").render_as_string(hide_password=False)):
        pass


@only_postgresql
def test_a_server_that_went_away_is_unreachable_and_welcome_when_it_is_back(dsn: str) -> None:
    with open_history(dsn) as history:
        history.finish(a_drill())
        with raw(dsn) as admin:
            admin.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'restore-tester'")
        assert history.drill("d1") is not None


def test_a_server_that_stays_away_and_comes_back_finds_the_same_history() -> None:
    """Every connection of the pool is dead meanwhile, one in the middle of its transaction."""
    with restartable_postgresql() as server, open_history(server.dsn) as history:
        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(lambda number: history.finish(a_drill(f"d{number}")), range(8)))
        with refused("history_unreachable"), history.database.writing() as connection:
            server.stop()
            connection.exec_driver_sql("DELETE FROM drills")
        for _ in range(3):
            with refused("history_unreachable"):
                history.ledgers.changed(0)
            with refused("history_unreachable"):
                history.finish(a_drill("lost"))
        server.start()
        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(lambda number: history.finish(a_drill(f"later {number}")), range(8)))
        assert [ledger.passed for _, ledger in history.ledgers.all()] == [16]


def test_a_server_that_says_nothing_any_more_is_unreachable_and_welcome_when_it_speaks_again(tmp_path: Path) -> None:
    """What is sent to it is acknowledged, as a proxy does whose server is gone: no keepalive ever notices."""
    with restartable_postgresql() as server, silenceable(server.folder, tmp_path) as between:
        dsn = server.dsn.replace(str(server.folder), str(tmp_path))
        with open_history(f"{dsn}&tcp_user_timeout=300&connect_timeout=2") as history:
            with refused("history_unreachable"), history.database.writing() as connection:
                between.silent.set()
                connection.exec_driver_sql("SELECT 1")
            with refused("history_unreachable"):
                history.finish(a_drill("lost"))
            between.silent.clear()
            assert history.finish(a_drill())


@only_postgresql
def test_what_takes_too_long_is_given_up_but_a_migration_is_not(dsn: str) -> None:
    hurried = make_url(dsn).update_query_dict({"tcp_user_timeout": "200"}).render_as_string(hide_password=False)
    with open_history(hurried) as history:
        with refused("history_unreachable"), history.database.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(5)")
        with history.database.writing() as connection, unhurried(connection):
            connection.exec_driver_sql("SELECT pg_sleep(0.3)")
        assert history.finish(a_drill())


# --- the DSN ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        PASSWORD,
        f"host=localhost user=me password={PASSWORD}",
        f"mysql://me:{PASSWORD}@localhost/history",
        f"postgresql+asyncpg://me:{PASSWORD}@localhost/history",
        f"postgresql://me:p@{PASSWORD}@localhost/history",
        f"postgresql://me:p@ss/{PASSWORD}@localhost/history",
        f"postgresql://me:p@host:{PASSWORD}@localhost/history",
        f"postgresql://me@localhost:{PASSWORD}/history",
        f"sqlite:///history.db?password={PASSWORD}",
        f"sqlite://{PASSWORD}/history.db",
        "sqlite:///history.db?timeout=soon",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_dsn_that_cannot_be_read_is_refused_without_repeating_it(dsn: str) -> None:
    with refused("history_dsn"), open_history(dsn):
        pass
    with pytest.raises(Misuse), open_history(dsn):
        pass


def test_a_password_is_in_nothing_that_a_history_shows_of_itself(dsn: str) -> None:
    with open_history(dsn) as history:
        shown = repr(history) + str(history.database.address) + repr(history.backups)
    assert PASSWORD not in shown


@pytest.mark.parametrize("said", [f"bad: {PASSWORD}", f"bad: {PASSWORD[:-1]}%2F"])
def test_what_a_driver_repeats_of_a_password_is_hidden(said: str) -> None:
    from restore_tester.history.address import read_address

    for password in (PASSWORD, f"{PASSWORD[:-1]}%2F"):
        said = read_address(f"postgresql://me:{password}@localhost/history").hide(said)
    assert said == "bad: ***"
