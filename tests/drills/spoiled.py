"""Backups whose restore says nothing of what is wrong with them, and for each a sound one as near to it as can be: real dump files.

Each pair is for one gating check, which alone catches the spoiled one. All are plain dumps by `pg_dump`; what is spoiled is
edited in their text, as a careless script, a filter or a bug would leave it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.producers import SourceServer

TRAILER = "--\n-- PostgreSQL database dump complete\n--"
_numbers = itertools.count(1)


def as_dumped(script: str) -> str:
    return script


def ending(statements: str) -> Callable[[str], str]:
    """Return an edit that lets a script run these statements before its trailer."""

    def edit(script: str) -> str:
        assert script.count(TRAILER) == 1
        return script.replace(TRAILER, f"{statements}\n\n{TRAILER}")

    return edit


def without_sequence_values(script: str) -> str:
    """What `pg_restore -f` writes of a list without its `SEQUENCE SET` entries."""
    edited = re.sub(r"^SELECT pg_catalog\.setval\(.*\n", "", script, flags=re.MULTILINE)
    assert edited != script
    return edited


@dataclass(frozen=True)
class Made:
    """A dump: what its source holds, the options of `pg_dump`, and how its text is edited."""

    source: str
    edit: Callable[[str], str] = as_dumped
    options: tuple[str, ...] = ()

    def write(self, server: SourceServer, folder: Path) -> Path:
        """Return the path of the dump, in this folder."""
        database = server.make_database(f"spoiled_{next(_numbers)}", self.source)
        path = folder / f"{database}.sql"
        path.write_text(self.edit(server.dump(database, "plain", *self.options).read_text()))
        return path


@dataclass(frozen=True)
class Pair:
    """A spoiled dump that only `check` catches, naming `objects`, and its sound neighbour."""

    check: str
    objects: tuple[str, ...]
    spoiled: Made
    sound: Made
    needs_amcheck: bool = False

    def __str__(self) -> str:
        return self.check


SHOP = """
create table customers (id integer primary key, name text not null);
create table orders (
    id bigserial primary key, customer_id integer not null references customers, amount integer not null, code integer not null,
    constraint positive check (amount > 0));
create index orders_by_code on orders (code);
insert into customers select n, 'customer ' || n from generate_series(1, 50) n;
insert into orders (customer_id, amount, code) select 1 + n % 50, n, n from generate_series(1, 300) n;
"""
SCHEMA_ONLY = "create table customers (id integer primary key, name text not null); create table orders (id bigserial primary key);"
DOCUMENTS = """
create table documents (id integer primary key, title text not null, content oid not null);
insert into documents select n, 'title ' || n, lo_from_bytea(0, convert_to('document ' || n, 'UTF8')) from generate_series(1, 5) n;
"""
SEEDS = SHOP + "truncate orders restart identity; insert into orders select n, 1, 1, n from generate_series(1, 300) n;"
PROMISE = "update pg_catalog.pg_constraint set convalidated = true where conname = 'positive';"
PRICES = """
create function with_tax(price integer) returns integer language sql immutable as 'select price * 119 / 100';
create table prices (id integer primary key, price integer not null);
create index prices_with_tax on prices (with_tax(price));
insert into prices select n, n * 7 from generate_series(1, 200) n;
"""


def _adding(amount: int) -> str:
    return (
        "alter table public.orders drop constraint positive;"
        f"insert into public.orders (customer_id, amount, code) values (1, {amount}, 9999);"
        f"alter table public.orders add constraint positive check (amount > 0) not valid;{PROMISE}"
    )


def _unique_with(code: int) -> str:
    return (
        f"insert into public.orders (customer_id, amount, code) values (1, 1, {code});"
        "update pg_catalog.pg_index set indisunique = true where indexrelid = 'public.orders_by_code'::pg_catalog.regclass;"
    )


def _with_tax(percent: int) -> str:
    return (
        "create or replace function public.with_tax(price integer) returns integer language sql immutable"
        f" as 'select price * {100 + percent} / 100';"
    )


PAIRS = (
    Pair(
        check="something_restored",
        objects=("database",),
        spoiled=Made(SCHEMA_ONLY),
        sound=Made(SCHEMA_ONLY + "insert into customers values (1, 'the first');"),
    ),
    Pair(
        check="foreign_keys",
        objects=("orders_customer_id_fkey on public.orders",),
        spoiled=Made(SHOP, ending("set session_replication_role = replica; delete from public.customers where id = 7;")),
        sound=Made(SHOP, ending("delete from public.orders where customer_id = 7; delete from public.customers where id = 7;")),
    ),
    Pair(
        check="check_constraints",
        objects=("positive on public.orders",),
        spoiled=Made(SHOP, ending(_adding(-5))),
        sound=Made(SHOP, ending(_adding(5))),
    ),
    Pair(
        check="duplicate_keys",
        objects=("public.orders_by_code",),
        spoiled=Made(SHOP, ending(_unique_with(17))),
        sound=Made(SHOP, ending(_unique_with(301))),
    ),
    Pair(
        check="sequences",
        objects=("public.orders_id_seq",),
        spoiled=Made(SHOP, without_sequence_values),
        sound=Made(SEEDS),
    ),
    Pair(
        check="large_objects",
        objects=("public.documents.content",),
        spoiled=Made("create domain lo as oid;" + DOCUMENTS.replace("content oid", "content lo"), options=("--no-blobs",)),
        sound=Made(DOCUMENTS + "create table indexes_seen as select now() as at, * from pg_stat_all_indexes;", options=("--no-blobs",)),
    ),
    Pair(
        check="amcheck",
        objects=("public.prices_with_tax",),
        spoiled=Made(PRICES, ending(_with_tax(7))),
        sound=Made(PRICES, ending(_with_tax(19))),
        needs_amcheck=True,
    ),
)
