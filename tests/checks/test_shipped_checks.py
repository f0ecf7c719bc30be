"""What each shipped check finds, and what it leaves alone: each case is a small database of its own, on a real server."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from restore_tester.model import Outcome
from tests.asking import ARCHIVE, SCRIPT, Asker

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SERIAL = "create table t (id serial primary key, v text);"
EXPLICIT = SERIAL + "insert into t (id) select n from generate_series(1, 20) n;"
LARGE = "create table t (id int, {column} oid); insert into t select n, {value} from generate_series(1, 5) n;"
NEW_LARGE = LARGE.format(column="content", value="lo_create(0)")
UNLINK = "select lo_unlink(content) from t;"
UNIQUE = "update pg_index set indisunique = true where indexrelid = 'i'::regclass;"
TWICE = "create table t (a int, b text); insert into t values {rows}; create index i on t {key};" + UNIQUE


def twice(rows: str, key: str) -> str:
    return TWICE.format(rows=rows, key=key)


@dataclass(frozen=True)
class Case:
    check: str
    what: str
    sql: str
    outcome: Outcome
    detail: str = ""
    features: frozenset[str] = SCRIPT

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


CASES = (
    Case("something_restored", "an empty database", "", FAILED, "database asked_"),
    Case("something_restored", "views and functions only", "create view v as select 1;", FAILED, "database asked_"),
    Case("something_restored", "rows that were all rolled back", "create table t (a int); begin; insert into t values (1); abort;", FAILED, "database"),
    Case("something_restored", "one row in a partition", "create table t (a int) partition by list (a); create table p partition of t default; insert into t values (1);", PASSED),
    Case("something_restored", "large objects only", "select lo_create(0);", PASSED),
    Case("check_constraints", "NULL is no violation", "create table t (a int check (a > 0)); insert into t values (null);", PASSED),
    Case("check_constraints", "a clock that moves on", "create table t (at timestamptz check (at < '2000-01-01' or at > now())); update pg_constraint set convalidated = true; insert into t values ('infinity');", PASSED),
    Case("check_constraints", "a function of the backup's own that answers otherwise now", "create function f(int) returns bool immutable language sql as 'select true'; create table t (a int check (f(a))); insert into t values (1); create or replace function f(int) returns bool immutable language sql as 'select false';", PASSED),
    Case("check_constraints", "an archive's rows passed them on their way in", "create table t (a int); insert into t values (0); alter table t add constraint c check (a > 0) not valid; update pg_constraint set convalidated = true where conname = 'c';", PASSED, features=ARCHIVE),
    Case("check_constraints", "a partition's rows", "create table t (a int) partition by list (a); create table p partition of t default; insert into t values (0); alter table t add constraint c check (a > 0) not valid; update pg_constraint set convalidated = true where conname = 'c';", FAILED, "c on public.p"),
    Case("check_constraints", "a domain that checks by itself is left to itself", "create domain d as int check (value > 0); create table t (a int check (a::d > 0)); insert into t values (1);", PASSED),
    Case("duplicate_keys", "two rows with one key", twice("(1, 'x'), (1, 'y'), (2, 'y')", "(a)"), FAILED, "public.i"),
    Case("duplicate_keys", "NULL differs from NULL", twice("(null, 'x'), (null, 'y')", "(a)"), PASSED),
    Case("duplicate_keys", "one NULL of two columns", twice("(1, null), (1, null)", "(a, b)"), PASSED),
    Case("duplicate_keys", "an expression", twice("(1, 'x'), (2, 'X')", "(upper(b))"), FAILED, "public.i"),
    Case("duplicate_keys", "rows outside a partial index", twice("(1, 'x'), (1, 'y'), (2, null)", "(a) where b = 'x'"), PASSED),
    Case("duplicate_keys", "rows inside a partial index", twice("(1, 'x'), (1, 'x'), (2, null)", "(a) where b = 'x'"), FAILED, "public.i"),
    Case("duplicate_keys", "included columns are no key", twice("(1, 'x'), (1, 'y')", "(a) include (b)"), FAILED, "public.i"),
    Case("duplicate_keys", "a deferrable key", "create table t (a int unique deferrable initially deferred); insert into t values (1), (2);", PASSED),
    Case("duplicate_keys", "an archive's index was built from those rows", twice("(1, 'x'), (1, 'y')", "(a)"), PASSED, features=ARCHIVE),
    Case("duplicate_keys", "an exclusion is no equality", "create table t (a int4range, exclude using gist (a with &&)); insert into t values ('[1,2)'), ('[3,4)');", PASSED),
    Case("sequences", "a sequence that moved", SERIAL + "insert into t (v) values ('x');", PASSED),
    Case("sequences", "an empty table", SERIAL, PASSED),
    Case("sequences", "ids of their own making, far ahead", SERIAL + "insert into t (id) values (1000000);", PASSED),
    Case("sequences", "lost values", EXPLICIT, FAILED, "public.t_id_seq"),
    Case("sequences", "the backup set each of them, so the source was like this", EXPLICIT, PASSED, features=SCRIPT | {"sequences-set"}),
    Case("sequences", "an identity", "create table t (id int generated always as identity primary key); insert into t overriding system value values (1);", FAILED, "public.t_id_seq"),
    Case("sequences", "a column that is no key", "create table t (id serial); insert into t values (1);", PASSED),
    Case("sequences", "counting down", "create sequence s increment -1 start -1; create table t (id int primary key default nextval('s')); insert into t values (-3);", FAILED, "public.s"),
    Case("sequences", "rows on the other side", "create sequence s increment -1 start -1; create table t (id int primary key default nextval('s')); insert into t values (3);", PASSED),
    Case("sequences", "one that begins again by design", "create sequence s cycle maxvalue 3; create table t (id int primary key default nextval('s')); insert into t values (1);", PASSED),
    Case("sequences", "a default that computes", "create sequence s; create table t (id int primary key default nextval('s') * 2); insert into t values (1);", PASSED),
    Case("sequences", "odd names", 'create table "t %s {}" ("i ""d" bigserial primary key); insert into "t %s {}" values (1);', FAILED, '"t %s {}_i ""d_seq"'),
    Case("sequences", "the end of its numbers", "create sequence s start 9223372036854775807; create table t (id bigint primary key default nextval('s')); insert into t values (9223372036854775807);", FAILED, "public.s"),
    Case("sequences_behind", "one step behind", SERIAL + "insert into t (v) values ('x'), ('y'); select setval('t_id_seq', 1);", FAILED, "public.t_id_seq"),
    Case("sequences_behind", "ids of their own making, close by", SERIAL + "insert into t (id) values (40);", FAILED, "public.t_id_seq"),
    Case("sequences_behind", "ids of their own making, far ahead", SERIAL + "insert into t (id) values (1000000);", PASSED),
    Case("sequences_behind", "in step", SERIAL + "insert into t (v) values ('x'), ('y');", PASSED),
    Case("large_objects", "all there", NEW_LARGE, PASSED),
    Case("large_objects", "all gone", NEW_LARGE + UNLINK, FAILED, "public.t.content"),
    Case("large_objects", "one gone", NEW_LARGE + "select lo_unlink(min(content)) from t;", FAILED, "public.t.content"),
    Case("large_objects", "none meant", "create table t (content oid); insert into t values (0), (null);", PASSED),
    Case("large_objects", "tables of the catalogue", LARGE.format(column="seen", value="1259 + n"), PASSED),
    Case("large_objects", "an audit log", LARGE.format(column="relid", value="90000 + n"), PASSED),
    Case("large_objects", "the same one again and again", LARGE.format(column="seen", value="90000"), PASSED),
    Case("large_objects", "others exist, these were never any", LARGE.format(column="seen", value="90000 + n") + "select lo_create(0);", PASSED),
    Case("invalid_indexes", "one that was never finished", "create table t (a int); create index i on t (a); update pg_index set indisvalid = false where indexrelid = 'i'::regclass;", FAILED, "public.i"),
    Case("invalid_indexes", "a partitioned one that lacks a part", "create table t (a int) partition by list (a); create table p partition of t default; create index i on only t (a);", FAILED, "public.i"),
    Case("unpopulated_views", "not filled", "create materialized view m as select 1 with no data;", FAILED, "public.m"),
    Case("unpopulated_views", "filled, with nothing", "create materialized view m as select 1 where false;", PASSED),
    Case("not_valid_constraints", "a key", "create table p (id int primary key); create table c (p int); alter table c add constraint k foreign key (p) references p not valid;", FAILED, "k on public.c"),
    Case("not_valid_constraints", "a domain's", "create domain d as int; create table t (a d); alter domain d add constraint k check (value > 0) not valid;", FAILED, "k on type public.d"),
    Case("not_valid_constraints", "all valid", "create table p (id int primary key); create table c (p int references p check (p > 0));", PASSED),
    Case("unlogged_tables", "one", "create unlogged table t (a int);", FAILED, "public.t"),
    Case("missing_owners", "an owner that is gone", "create table t (a int); update pg_class set relowner = 999999 where relname = 't';", FAILED, "public.t"),
    Case("missing_extensions", "an object of one that is gone", "create function f() returns int language sql as 'select 1'; insert into pg_depend values ('pg_proc'::regclass, 'f'::regproc, 0, 'pg_extension'::regclass, 999999, 0, 'e');", FAILED, "extension with id 999999"),
    Case("missing_extensions", "files that are not here", "update pg_extension set extname = 'nowhere' where extname = 'plpgsql';", FAILED, "extension nowhere"),
    Case("collation_versions", "a collation in use", "create table t (a text collate \"de-x-icu\"); update pg_collation set collversion = '0.1' where collname = 'de-x-icu';", FAILED, 'pg_catalog."de-x-icu"'),
    Case("collation_versions", "a collation that nobody uses", "update pg_collation set collversion = '0.1' where collname = 'de-x-icu';", PASSED),
    Case("transaction_id_health", "an old database", "update pg_database set datfrozenxid = ((datfrozenxid::text::bigint + 4294967296 - 1600000000) % 4294967296)::text::xid where datname = current_database();", FAILED, "database asked_"),
)  # fmt: skip


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
    from restore_tester.checking.catalogue import shipped_checks

    copy = f"usual_{'script' if features is SCRIPT else 'archive'}"
    asker.source.run("createdb", "-T", "app", copy)
    asker.prepare(copy)
    results = [asked.result for asked in asker.ask_all(*shipped_checks("postgresql"), of=(copy,), features=features).asked]
    assert [result.name for result in results if result.outcome not in (PASSED, Outcome.SKIPPED)] == ["unlogged_tables"]


def test_amcheck_names_each_damaged_index_of_many(asker: Asker) -> None:
    lying = "create function f(int, text) returns int immutable language sql as 'select $1'; create table t (a int); insert into t values (1), (2);"
    indexes = "".join(f"create index i{n} on t ({'f(a, null)' if n in (3, 5) else 'a'});" for n in range(8))
    changed = "create or replace function f(int, text) returns int immutable language sql as 'select -$1';"
    database = asker.database(lying + indexes + changed)
    asker.prepare(database)
    asked = asker.ask("amcheck", database)
    expected = (FAILED, 2, "public.i3, public.i5") if asker.has_amcheck else (Outcome.SKIPPED, 0, asked.detail)
    assert (asked.outcome, asked.problems, ", ".join(sorted(asked.detail.split(", ")))) == expected
