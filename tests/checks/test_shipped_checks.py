"""What each shipped check finds, and what it leaves alone: each case is a small database of its own, on a real server."""

from __future__ import annotations

import pytest

from restore_tester.checking.catalogue import shipped_checks
from restore_tester.model import Outcome
from tests.asking import ARCHIVE, SCRIPT, Asker
from tests.checks.shipped_cases import CASES, FAILED, PASSED, SERIAL, Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_check_finds_what_it_is_for_and_nothing_else(case: Case, asker: Asker) -> None:
    asked = asker.ask_of(case.check, case.sql, case.features)
    assert (asked.outcome, case.detail in asked.detail) == (case.outcome, True), asked


def test_one_restored_database_of_several_is_something(asker: Asker) -> None:
    full, empty = asker.database(SERIAL + "insert into t (v) values ('x');"), asker.database("")
    assert asker.ask("something_restored", empty, full).outcome is PASSED
    assert asker.ask("something_restored", empty).outcome is FAILED


def test_no_database_at_all_is_nothing(asker: Asker) -> None:
    assert asker.ask("something_restored").outcome is FAILED


@pytest.mark.parametrize("features", [SCRIPT, ARCHIVE], ids=["script", "archive"])
def test_the_usual_database_troubles_only_the_note_on_unlogged_tables(asker: Asker, features: frozenset[str]) -> None:
    copy = f"usual_{'script' if features is SCRIPT else 'archive'}"
    asker.source.run("createdb", "-T", "app", copy)
    asker.prepare(copy)
    results = [asked.result for asked in asker.ask_all(*shipped_checks("postgresql"), of=(copy,), features=features).asked]
    assert [result.name for result in results if result.outcome not in (PASSED, Outcome.SKIPPED)] == ["unlogged_tables"]


def test_amcheck_names_each_damaged_index_of_many(asker: Asker) -> None:
    lying = (
        "create function f(int, text) returns int immutable language sql as 'select $1';"
        "create table t (a int); insert into t values (1), (2);"
    )
    indexes = "".join(f"create index i{n} on t ({'f(a, null)' if n in (3, 5) else 'a'});" for n in range(8))
    changed = "create or replace function f(int, text) returns int immutable language sql as 'select -$1';"
    database = asker.database(lying + indexes + changed)
    asker.prepare(database)
    asked = asker.ask("amcheck", database)
    expected = (FAILED, 2, "public.i3, public.i5") if asker.has_amcheck else (Outcome.SKIPPED, 0, asked.detail)
    assert (asked.outcome, asked.problems, ", ".join(sorted(asked.detail.split(", ")))) == expected
