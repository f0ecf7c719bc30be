"""A history of any earlier revision comes up to date with its data; what migrations make is what the tables say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import restore_tester.history
from restore_tester.history.nouns import Search
from restore_tester.history.records import open_history
from restore_tester.history.tables import HEAD, METADATA, REVISIONS, VERSION_TABLE
from restore_tester.judgement.ledger import LEDGER_VERSION
from restore_tester.model import Drill, Selection, Verdict, to_json
from tests.histories import NOW, PLACE, a_drill, a_lease, an_order, raw, some_content

MIGRATIONS = Path(restore_tester.history.__file__).parent / "migrations"


def configuration() -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    return made


def at_revision(dsn: str, revision: str) -> None:
    """Make the history that the version of that revision made."""
    with raw(dsn) as connection:
        made = configuration()
        made.attributes["connection"] = connection
        command.upgrade(made, revision)


def remember_as_0001_did(dsn: str, drill: Drill | None = None) -> None:
    row = {"record": to_json(drill or a_drill("old")).decode(), "began": NOW.replace(tzinfo=None).isoformat(" ") + ".000000"}
    with raw(dsn) as connection:
        zone = "" if connection.dialect.name == "sqlite" else "+00"
        connection.exec_driver_sql(
            "INSERT INTO drills (id, workload, location, trigger, began_at, ended_at, verdict, proof_level, profile, strategy, backup,"
            " backup_uri, backup_taken_at, backup_size_bytes, record) VALUES ('old', 'orders', 'primary', 'manual',"
            f" '{row['began']}{zone}', '{row['began']}{zone}', 'passed', 3, 'faithful', 'rotating', 'orders-1.dump',"
            f" 'file:///backups/orders-1.dump', '{row['began']}{zone}', 1000, '{row['record']}')"
        )
        connection.exec_driver_sql("INSERT INTO content VALUES ('old', 0, 'orders', 'public', 'orders', 10, NULL)")


def test_a_history_of_the_first_revision_comes_up_to_date_with_its_drills(empty: str) -> None:
    at_revision(empty, "0001")
    remember_as_0001_did(empty)
    with open_history(empty) as history:
        (old,) = history.drills(Search(workload="orders"))
        assert (old.drill, old.began_at, old.verdict, old.owner, old.abandoned) == ("old", NOW, Verdict.PASSED, None, False)
        record = history.record("old")
        assert record is not None
        assert record.read() == a_drill("old")
        baseline = history.baseline(PLACE, NOW)
        assert baseline is not None
        assert baseline.content == some_content()[:1]


def test_what_was_drilled_before_backups_were_remembered_was_seen(empty: str) -> None:
    at_revision(empty, "0001")
    remember_as_0001_did(empty)
    with open_history(empty) as history:
        (backup,) = history.backups.seen(PLACE)
    assert (backup.id, backup.size_bytes, backup.taken_at) == ("orders-1.dump", 1000, NOW)
    assert (backup.first_seen, backup.gone_at) == (NOW, None)


def test_what_is_known_of_a_place_is_made_of_the_drills_of_an_earlier_revision(empty: str) -> None:
    at_revision(empty, "0001")
    remember_as_0001_did(empty)
    with open_history(empty) as history, raw(empty) as stranger:
        assert list(history.ledgers.current()) == []
        ((place, ledger),) = history.ledgers.all()
        assert stranger.exec_driver_sql("SELECT version FROM places").scalar() == LEDGER_VERSION
        _, changed = history.ledgers.changed(0)
    assert (place, ledger.first_seen, ledger.passed) == (PLACE, NOW, 1)
    assert ledger.last is not None
    assert (ledger.last.drill, ledger.last.newest) == ("old", True)
    assert changed == ((place, ledger),)


@pytest.mark.parametrize("seed", [None, 0, 2**48 - 1])
def test_a_drill_of_an_earlier_revision_tells_the_seed_of_its_choice(empty: str, seed: int | None) -> None:
    at_revision(empty, "0001")
    remember_as_0001_did(empty, replace(a_drill("old"), selection=Selection("rotating", 'said "seed":5', 3, seed), next_level_needs="\x00"))
    with open_history(empty) as history:
        ((past,),) = history.past_drills(["orders"])
    assert past.seed == seed


def test_two_bring_a_history_up_to_date_at_once(empty: str) -> None:
    at_revision(empty, "0001")
    remember_as_0001_did(empty)

    def passed(_: int) -> list[int]:
        with open_history(empty) as history:
            return [ledger.passed for _, ledger in history.ledgers.all()]

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(passed, range(2))) == [[1], [1]]


def test_a_history_that_was_brought_up_to_date_works_like_a_new_one(empty: str) -> None:
    at_revision(empty, "0001")
    remember_as_0001_did(empty)
    with open_history(empty) as history:
        assert not history.finish(a_drill("old"))
        assert history.start(an_order("new"), a_lease(), NOW, slot="s")
        assert history.finish(a_drill("new"))


def test_migrations_make_the_tables_that_we_work_with(dsn: str) -> None:
    with raw(dsn) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_the_newest_revision_is_the_one_that_we_know() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [HEAD]
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


def test_a_migration_that_fails_half_way_leaves_the_old_history(empty: str) -> None:
    at_revision(empty, "0001")
    remember_as_0001_did(empty)
    with raw(empty) as stranger:
        stranger.exec_driver_sql("CREATE TABLE backups (in_the_way int)")
    try:
        with open_history(empty):
            raise AssertionError("the table was not in the way")
    except restore_tester.errors.CannotTell as error:
        assert error.reason.code == "history_failed"
    with raw(empty) as stranger:
        assert stranger.exec_driver_sql("SELECT version_num FROM restore_tester_version").scalar() == "0001"
        stranger.exec_driver_sql("DROP TABLE backups")
    with open_history(empty) as history:
        assert history.drill("old") is not None
