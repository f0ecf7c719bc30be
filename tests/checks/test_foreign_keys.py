"""The re-proof of foreign keys sees every orphan, of whatever shape the key is, and nothing else."""

from __future__ import annotations

import pytest

from restore_tester.model import Outcome
from tests.asking import ARCHIVE, Asker

PARENTS = '''
create type mood as enum ('calm', 'cross');
create domain small as integer check (value < 1000000);
create table parents (
    id integer primary key, big bigint unique, exact numeric unique, word text unique, feeling mood unique,
    a integer, b integer, list int[] unique,
    german text collate "de-x-icu" unique, unique (a, b));
create table "odd ""parents""\nodd %s" (id integer primary key);
create table split (id integer primary key) partition by range (id);
create table split_low partition of split for values from (0) to (100);
create table split_high partition of split for values from (100) to (200);
insert into parents select n, n, n, 'w' || n, (array['calm', 'cross'])[n]::mood, n, n, array[n], 'g' || n from generate_series(1, 2) n;
insert into "odd ""parents""\nodd %s" values (1);
insert into split values (1), (101);
create table children (
    id integer constraint plain references parents,
    wide smallint constraint cross_type references parents (big),
    exact integer constraint to_numeric references parents (exact),
    word varchar(10) constraint to_text references parents (word),
    feeling mood constraint of_enum references parents (feeling),
    small small constraint of_domain references parents,
    list int[] constraint of_array references parents (list),
    french text collate "fr-x-icu" constraint other_collation references parents (german),
    odd integer constraint "odd ""key""" references "odd ""parents""\nodd %s",
    part integer constraint to_partitioned references split deferrable initially deferred,
    a integer, b integer,
    constraint pair_simple foreign key (a, b) references parents (a, b));
create table fully (a integer, b integer, constraint pair_full foreign key (a, b) references parents (a, b) match full);
create table tree (id integer primary key, up integer constraint self references tree);
create table halves (id integer, parent integer constraint of_partitioned references parents) partition by range (id);
create table halves_low partition of halves for values from (0) to (100);
'''
SOUND = """
insert into children
    select n, n, n, 'w' || n, (array['calm', 'cross'])[n]::mood, n, array[n], 'g' || n, 1, 101, n, n from generate_series(1, 2) n;
insert into children default values;
insert into children (a) values (99);
insert into fully values (1, 1), (null, null);
insert into tree values (1, 1), (2, null);
insert into halves values (1, 1), (2, null);
create table heirs () inherits (children);
insert into heirs (id) values (99);
"""
BROKEN = """
set session_replication_role = replica;
insert into children (id) values (99);
insert into children (wide) values (99);
insert into children (exact) values (99);
insert into children (word) values ('lost');
delete from parents where feeling = 'cross';
insert into children (feeling) values ('cross');
insert into children (small) values (99);
insert into children (list) values ('{99}');
insert into children (french) values ('lost');
insert into children (odd) values (99);
insert into children (part) values (99), (199);
insert into children (a, b) values (1, 99);
insert into fully values (1, null);
insert into tree values (3, 99);
insert into halves values (3, 99), (4, 98);
"""
SHAPES = (
    "plain",
    "cross_type",
    "to_numeric",
    "to_text",
    "of_enum",
    "of_domain",
    "of_array",
    "other_collation",
    "to_partitioned",
    "pair_simple",
    "pair_full",
    "self",
    "of_partitioned",
)


@pytest.mark.parametrize("features", [frozenset({"script"}), ARCHIVE], ids=["script", "archive"])
def test_keys_of_every_shape_are_sound_where_their_rows_are(asker: Asker, features: frozenset[str]) -> None:
    asked = asker.ask_of("foreign_keys", PARENTS + SOUND, features)
    assert (asked.outcome, asked.detail) == (Outcome.PASSED, "")


@pytest.fixture(scope="module")
def broken(asker: Asker) -> str:
    return asker.database(PARENTS + BROKEN)


def test_every_orphan_counts_once(asker: Asker, broken: str) -> None:
    assert asker.ask("foreign_keys", broken).problems == 16


def test_an_orphan_is_seen_whatever_the_shape_of_its_key(asker: Asker, broken: str) -> None:
    """The detail names ten: ask again without the keys that it has named."""
    first = asker.ask("foreign_keys", broken).detail
    named = ", ".join(f"'{shape}'" for shape in SHAPES if f"{shape} on " in first)
    rest = asker.database(PARENTS + BROKEN + f"update pg_constraint set convalidated = false where conname in ({named});")
    both = first + asker.ask("foreign_keys", rest).detail
    assert [shape for shape in SHAPES if f"{shape} on " not in both] == []


def test_a_key_that_is_declared_not_valid_promises_nothing(asker: Asker) -> None:
    orphan = "create table p (id int primary key); create table c (p int); insert into c values (1);"
    asked = asker.ask_of("foreign_keys", orphan + "alter table c add foreign key (p) references p not valid;")
    assert asked.outcome is Outcome.PASSED


def test_an_index_that_lies_is_not_believed(asker: Asker) -> None:
    """The row is there, the index has never heard of it, and the dump's database would rather use the index."""
    lying = """
    create table p (id int primary key); create table c (p int references p);
    update pg_index set indisready = false where indexrelid = 'p_pkey'::regclass;
    insert into p values (1);
    update pg_index set indisready = true where indexrelid = 'p_pkey'::regclass;
    set session_replication_role = replica; insert into c values (1);
    do $$ begin execute format('alter database %I set enable_seqscan = off', current_database()); end $$;
    """
    assert asker.ask_of("foreign_keys", lying).outcome is Outcome.PASSED


def test_names_with_anything_in_them_are_asked_and_shown_in_print(asker: Asker) -> None:
    parent = '"p %s {} \x1b[31m\n\'"""'
    odd = f'create table {parent} (id int primary key); create table "c""\n" (p int constraint "k; drop" references {parent});'
    asked = asker.ask_of("foreign_keys", odd + 'set session_replication_role = replica; insert into "c""\n" values (1);')
    assert asked.detail == '"k; drop" on public."c""\\n"'
