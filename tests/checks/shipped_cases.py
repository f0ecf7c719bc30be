"""Small databases, each with what one shipped check makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from restore_tester.model import Outcome
from tests.asking import ARCHIVE, SCRIPT

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SERIAL = "create table t (id serial primary key, v text);"
EXPLICIT = SERIAL + "insert into t (id) select n from generate_series(1, 20) n;"
LARGE = "create table t (id int, {column} oid); insert into t select n, {value} from generate_series(1, 5) n;"
NEW_LARGE = LARGE.format(column="content", value="lo_create(0)")
DECLARED_LARGE = NEW_LARGE.replace("content oid", "content lo")
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
    Case(
        "something_restored",
        "rows that were all rolled back",
        "create table t (a int); begin; insert into t values (1); abort;",
        FAILED,
        "database",
    ),
    Case(
        "something_restored",
        "one row in a partition",
        "create table t (a int) partition by list (a); create table p partition of t default; insert into t values (1);",
        PASSED,
    ),
    Case("something_restored", "large objects only", "select lo_create(0);", PASSED),
    Case("check_constraints", "NULL is no violation", "create table t (a int check (a > 0)); insert into t values (null);", PASSED),
    Case(
        "check_constraints",
        "a clock that moves on",
        "create table t (at timestamptz); "
        "insert into t values (now()); "
        "alter table t add constraint c check (at > now() + interval '1 s') not valid; "
        "update pg_constraint set convalidated = true where conname = 'c';",
        PASSED,
    ),
    Case(
        "check_constraints",
        "a function of the backup's own that answers otherwise now",
        "create function f(int) returns bool immutable language sql as 'select true'; "
        "create table t (a int check (f(a))); "
        "insert into t values (1); "
        "create or replace function f(int) returns bool immutable language sql as 'select false';",
        PASSED,
    ),
    Case(
        "check_constraints",
        "an archive's rows passed them on their way in",
        "create table t (a int); "
        "insert into t values (0); "
        "alter table t add constraint c check (a > 0) not valid; "
        "update pg_constraint set convalidated = true where conname = 'c';",
        PASSED,
        features=ARCHIVE,
    ),
    Case(
        "check_constraints",
        "a partition's rows",
        "create table t (a int) partition by list (a); "
        "create table p partition of t default; "
        "insert into t values (0); "
        "alter table t add constraint c check (a > 0) not valid; "
        "update pg_constraint set convalidated = true where conname = 'c';",
        FAILED,
        "c on public.p",
    ),
    Case(
        "check_constraints",
        "a domain that checks by itself is left to itself",
        "create domain d as int check (value > 0); create table t (a int check (a::d > 0)); insert into t values (1);",
        PASSED,
    ),
    Case("duplicate_keys", "two rows with one key", twice("(1, 'x'), (1, 'y'), (2, 'y')", "(a)"), FAILED, "public.i"),
    Case("duplicate_keys", "NULL differs from NULL", twice("(null, 'x'), (null, 'y')", "(a)"), PASSED),
    Case("duplicate_keys", "one NULL of two columns", twice("(1, null), (1, null)", "(a, b)"), PASSED),
    Case("duplicate_keys", "an expression", twice("(1, 'x'), (2, 'X')", "(upper(b))"), FAILED, "public.i"),
    Case("duplicate_keys", "rows outside a partial index", twice("(1, 'x'), (1, 'y'), (2, null)", "(a) where b = 'x'"), PASSED),
    Case("duplicate_keys", "rows inside a partial index", twice("(1, 'x'), (1, 'x'), (2, null)", "(a) where b = 'x'"), FAILED, "public.i"),
    Case("duplicate_keys", "included columns are no key", twice("(1, 'x'), (1, 'y')", "(a) include (b)"), FAILED, "public.i"),
    Case(
        "duplicate_keys",
        "a deferrable key",
        "create table t (a int unique deferrable initially deferred); insert into t values (1), (2);",
        PASSED,
    ),
    Case("duplicate_keys", "an archive's index was built from those rows", twice("(1, 'x'), (1, 'y')", "(a)"), PASSED, features=ARCHIVE),
    Case(
        "duplicate_keys",
        "an exclusion is no equality",
        "create table t (a int4range, exclude using gist (a with &&)); insert into t values ('[1,2)'), ('[3,4)');",
        PASSED,
    ),
    Case(
        "sequences",
        "a sequence that moved",
        SERIAL + "insert into t (v) values ('x');",
        PASSED,
    ),
    Case("sequences", "an empty table", SERIAL, PASSED),
    Case(
        "sequences",
        "ids of their own making, far ahead",
        SERIAL + "insert into t (id) values (1000000);",
        PASSED,
    ),
    Case("sequences", "lost values", EXPLICIT, FAILED, "public.t_id_seq"),
    Case(
        "sequences",
        "the backup set each of them, so the source was like this",
        EXPLICIT,
        PASSED,
        features=SCRIPT | {"sequences-set"},
    ),
    Case(
        "sequences",
        "an identity",
        "create table t (id int generated always as identity primary key); insert into t overriding system value values (1);",
        FAILED,
        "public.t_id_seq",
    ),
    Case("sequences", "a column that is no key", "create table t (id serial); insert into t values (1);", PASSED),
    Case(
        "sequences",
        "counting down",
        "create sequence s increment -1 start -1; create table t (id int primary key default nextval('s')); insert into t values (-3);",
        FAILED,
        "public.s",
    ),
    Case(
        "sequences",
        "rows on the other side",
        "create sequence s increment -1 start -1; create table t (id int primary key default nextval('s')); insert into t values (3);",
        PASSED,
    ),
    Case(
        "sequences",
        "one that begins again by design",
        "create sequence s cycle maxvalue 3; create table t (id int primary key default nextval('s')); insert into t values (1);",
        PASSED,
    ),
    Case(
        "sequences",
        "a default that computes",
        "create sequence s; create table t (id int primary key default nextval('s') * 2); insert into t values (1);",
        PASSED,
    ),
    Case(
        "sequences",
        "odd names",
        'create table "t %s {}" ("i ""d" bigserial primary key); insert into "t %s {}" values (1);',
        FAILED,
        '"t %s {}_i ""d_seq"',
    ),
    Case(
        "sequences",
        "the end of its numbers",
        "create sequence s start 9223372036854775807; "
        "create table t (id bigint primary key default nextval('s')); "
        "insert into t values (9223372036854775807);",
        FAILED,
        "public.s",
    ),
    Case(
        "sequences_behind",
        "one step behind",
        SERIAL + "insert into t (v) values ('x'), ('y'); select setval('t_id_seq', 1);",
        FAILED,
        "public.t_id_seq",
    ),
    Case(
        "sequences_behind",
        "ids of their own making, close by",
        SERIAL + "insert into t (id) values (40);",
        FAILED,
        "public.t_id_seq",
    ),
    Case(
        "sequences_behind",
        "ids of their own making, far ahead",
        SERIAL + "insert into t (id) values (1000000);",
        PASSED,
    ),
    Case(
        "sequences_behind",
        "in step",
        SERIAL + "insert into t (v) values ('x'), ('y');",
        PASSED,
    ),
    Case("large_objects", "all there", NEW_LARGE, PASSED),
    Case("large_objects", "all gone, declared", "create domain lo as oid;" + DECLARED_LARGE + UNLINK, FAILED, "public.t.content"),
    Case("large_objects", "all gone, or never any", NEW_LARGE + UNLINK, PASSED),
    Case("large_objects_none", "all gone", NEW_LARGE + UNLINK, FAILED, "public.t.content"),
    Case("large_objects_none", "all there", NEW_LARGE, PASSED),
    Case("large_objects_none", "tables of the catalogue", LARGE.format(column="seen", value="1259 + n"), PASSED),
    Case("large_objects_none", "an audit log", LARGE.format(column="relid", value="90000 + n"), PASSED),
    Case("large_objects_none", "the same one again and again", LARGE.format(column="seen", value="90000"), PASSED),
    Case(
        "large_objects",
        "one gone",
        NEW_LARGE + "select lo_unlink(min(content)) from t;",
        FAILED,
        "public.t.content",
    ),
    Case("large_objects", "none meant", "create table t (content oid); insert into t values (0), (null);", PASSED),
    Case("large_objects", "tables of the catalogue", LARGE.format(column="seen", value="1259 + n"), PASSED),
    Case("large_objects", "an audit log", LARGE.format(column="relid", value="90000 + n"), PASSED),
    Case("large_objects", "statistics of indexes", "create table s as select now() as at, * from pg_stat_all_indexes;", PASSED),
    Case(
        "large_objects",
        "others exist, these were never any",
        LARGE.format(column="seen", value="90000 + n") + "select lo_create(0);",
        PASSED,
    ),
    Case(
        "invalid_indexes",
        "one that was never finished",
        "create table t (a int); create index i on t (a); update pg_index set indisvalid = false where indexrelid = 'i'::regclass;",
        FAILED,
        "public.i",
    ),
    Case(
        "invalid_indexes",
        "a partitioned one that lacks a part",
        "create table t (a int) partition by list (a); create table p partition of t default; create index i on only t (a);",
        FAILED,
        "public.i",
    ),
    Case("unpopulated_views", "not filled", "create materialized view m as select 1 with no data;", FAILED, "public.m"),
    Case("unpopulated_views", "filled, with nothing", "create materialized view m as select 1 where false;", PASSED),
    Case(
        "not_valid_constraints",
        "a key",
        "create table p (id int primary key); "
        "create table c (p int); "
        "alter table c add constraint k foreign key (p) references p not valid;",
        FAILED,
        "k on public.c",
    ),
    Case(
        "not_valid_constraints",
        "a domain's",
        "create domain d as int; create table t (a d); alter domain d add constraint k check (value > 0) not valid;",
        FAILED,
        "k on type public.d",
    ),
    Case(
        "not_valid_constraints",
        "all valid",
        "create table p (id int primary key); create table c (p int references p check (p > 0));",
        PASSED,
    ),
    Case("unlogged_tables", "one", "create unlogged table t (a int);", FAILED, "public.t"),
    Case(
        "missing_owners",
        "an owner that is gone",
        "create table t (a int); update pg_class set relowner = 999999 where relname = 't';",
        FAILED,
        "public.t",
    ),
    Case(
        "missing_extensions",
        "an object of one that is gone",
        "create function f() returns int language sql as 'select 1'; "
        "insert into pg_depend values ('pg_proc'::regclass, 'f'::regproc, 0, 'pg_extension'::regclass, 999999, 0, 'e');",
        FAILED,
        "extension with id 999999",
    ),
    Case(
        "missing_extensions",
        "files that are not here",
        "update pg_extension set extname = 'nowhere' where extname = 'plpgsql';",
        FAILED,
        "extension nowhere",
    ),
    Case(
        "collation_versions",
        "a collation in use",
        "create table t (a text collate \"de-x-icu\"); update pg_collation set collversion = '0.1' where collname = 'de-x-icu';",
        FAILED,
        'pg_catalog."de-x-icu"',
    ),
    Case(
        "collation_versions",
        "a collation that nobody uses",
        "update pg_collation set collversion = '0.1' where collname = 'de-x-icu';",
        PASSED,
    ),
    Case(
        "transaction_id_health",
        "an old database",
        "update pg_database set datfrozenxid = ((datfrozenxid::text::bigint + 4294967296 - 1600000000) % 4294967296)::text::xid "
        "where datname = current_database();",
        FAILED,
        "database asked_",
    ),
)
