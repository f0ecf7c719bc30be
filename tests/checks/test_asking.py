"""The runner on a real server: no value of a row gets out, nothing in a backup can stand in for what is built in, time is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restore_tester.checking.catalogue import shipped_checks
from restore_tester.model import Expect, Outcome
from tests.asking import Asker
from tests.builders import a_check

CANARY = "canary-4711"
SECRETS = f"""
create domain lo as oid;
create table people (id serial primary key, email text not null, code text, amount int, keeps lo);
insert into people values (1, '{CANARY}', '{CANARY}', -5, 99991), (1 + 1, '{CANARY}2', '{CANARY}', -6, 99992);
create table visits (person int); alter table visits add foreign key (person) references people;
alter table people add constraint positive check (amount > 0) not valid;
create index people_code on people (code);
create function f(text) returns text immutable language sql as 'select $1'; create index people_f on people (f(email));
create or replace function f(text) returns text immutable language sql as 'select $1 || $1';
set session_replication_role = replica; insert into visits values (4711);
update pg_constraint set convalidated = true; update pg_index set indisunique = true where indexrelid = 'people_code'::regclass;
"""
QUESTIONS = (
    f"select email, 'public.people' as object from public.people where email = '{CANARY}'",
    "select email::integer from public.people",
    "select 1 / (amount + 5), email from public.people",
    "select * from public.people where email = 7",
)


def test_no_value_of_a_row_leaves(asker: Asker) -> None:
    database = asker.database(SECRETS)
    asker.prepare(database)
    own = [replace(a_check(f"own_{n}"), text=text, origin="own") for n, text in enumerate(QUESTIONS)]
    own.append(replace(a_check("instant"), text="select min(email) from public.people", expect=Expect.RECOVERY_POINT))
    answers = asker.ask_all(*shipped_checks("postgresql"), *own, of=(database,))
    failed = {asked.check.name for asked in answers.asked if asked.result.outcome is Outcome.FAILED}
    assert failed >= {"foreign_keys", "check_constraints", "duplicate_keys", "sequences", "large_objects", "own_0"}
    assert "4711" not in repr([asked.result for asked in answers.asked]) + repr(answers.faults) + repr(answers.warnings)


def test_nothing_in_a_backup_stands_in_for_what_is_built_in(asker: Asker) -> None:
    shadows = """
    create function public.count(text) returns bigint language sql as 'select 0::bigint';
    create function public.never(int, int) returns bool language sql as 'select true';
    create operator public.= (leftarg = int, rightarg = int, procedure = public.never);
    create table public.pg_constraint (contype text); create view public.pg_class as select 1 as oid;
    create table p (id int primary key); create table c (p int references p);
    set session_replication_role = replica; insert into c values (1);
    do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end $$;
    """
    assert asker.ask_of("foreign_keys", shadows).detail == "c_p_fkey on public.c"


@pytest.mark.parametrize("text", ["select pg_catalog.pg_sleep(60)", "select 1; select 2", "delete from public.t", ""])
def test_what_cannot_be_asked_is_errored(asker: Asker, text: str) -> None:
    database = asker.database("create table t (a int)")
    asked = asker.ask_all(replace(a_check(), text=text, timeout_seconds=0.3), of=(database,)).asked[0]
    assert (asked.result.outcome, asked.result.problems) == (Outcome.ERRORED, 0)


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        ("select max(at) from public.beats", Outcome.PASSED),
        ("select max(at)::timestamp from public.beats", Outcome.PASSED),
        ("select 'infinity'::timestamptz", Outcome.ERRORED),
        ("select max(at)::date from public.beats", Outcome.ERRORED),
        ("select max(at) from public.beats where false", Outcome.ERRORED),
        ("select at from public.beats", Outcome.ERRORED),
    ],
)
def test_a_heartbeat_is_one_instant(asker: Asker, query: str, outcome: Outcome) -> None:
    database = asker.database(
        "create table beats (at timestamptz); insert into beats values ('2026-11-05 12:00+01'), ('2026-11-05 11:59+01')"
    )
    answers = asker.ask_all(replace(a_check(), text=query, expect=Expect.RECOVERY_POINT), of=(database,))
    assert answers.asked[0].result.outcome is outcome
    assert [f"{claim.instant:%FT%T%z}" for claim in answers.claims] == (["2026-11-05T11:00:00+0000"] if outcome is Outcome.PASSED else [])
