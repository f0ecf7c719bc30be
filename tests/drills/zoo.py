"""A sound database with one of nearly every kind of object that PostgreSQL has, for restores that must bring it back without a word."""

from __future__ import annotations

from tests.producers import SourceServer

NAME = 'zoo "of" all\'s'
TABLES = {"plain_rows": 200, 'quoted "table"; \'': 3, "no columns": 4, "late": 1}

# What belongs to the cluster. `keeper` owns what only a superuser may own.
ROLES = """
create role keeper superuser;
create role "Visitor, paying" nologin;
create role feeder;
grant "Visitor, paying" to feeder;
alter role feeder set work_mem = '8MB';
"""
SHAPES = """
create schema "Big Cats";
create domain positive as integer default 1 constraint above_zero check (value > 0);
create type mood as enum ('sad', 'it''s fine', '"happy"');
create type pair as (a integer, b text);
create type span as range (subtype = float8, subtype_diff = float8mi);
create type shell;
create table plain_rows (
    id bigint generated always as identity primary key,
    who text unique, twice integer generated always as (length(who) * 2) stored,
    age positive not null, feeling mood default 'sad', both_of pair, between_them span,
    many text[][], body bytea, doc jsonb, made timestamptz);
insert into plain_rows (who, age, feeling, both_of, between_them, many, body, doc, made)
    select E'tab\\t \\\\. new\\nline ' || n, 1 + n % 9, 'it''s fine', row (n::integer, 'x,"y"')::pair, span(n, n + 1),
        array[['a', null], ['{', '"']], decode('00ff5c2e0a', 'hex'), '{"a": [1, null]}', now() from generate_series(1, 200) n;
create table "quoted ""table""; '" ("sel""ect" integer primary key, "user" text);
insert into "quoted ""table""; '" select n, E'\\n\\n' || n from generate_series(1, 3) n;
create table "no columns" ();
insert into "no columns" default values; insert into "no columns" default values;
insert into "no columns" default values; insert into "no columns" default values;
create table empty_one (a integer);
create unlogged table late as select now() as at;
create table parted (id integer, at date, note text, primary key (id, at)) partition by range (at);
create table parted_1 partition of parted for values from ('2024-01-01') to ('2025-01-01');
create table parted_2 partition of parted for values from ('2025-01-01') to ('2026-01-01') partition by list (id);
create table parted_2_odd partition of parted_2 for values in (2, 3);
create table parted_rest partition of parted default;
insert into parted select n, date '2024-06-01' + n * 150, 'x' from generate_series(1, 3) n;
create table pointing (
    id integer primary key, p_id integer, p_at date,
    foreign key (p_id, p_at) references parted deferrable initially deferred);
insert into pointing select row_number() over (), id, at from parted;
create table ancestor (a integer, constraint a_small check (a < 100) no inherit);
create table heir (b integer) inherits (ancestor);
insert into heir values (1000, 2);
create table tree (id integer primary key, parent integer references tree);
insert into tree values (3, null), (1, 3), (2, 1);
alter table tree add constraint later check (id <> 2) not valid;
alter table tree add constraint parent_later foreign key (parent) references tree not valid;
create table booked (room integer, during int4range, exclude using gist (during with &&));
insert into booked values (1, '[1,3)'), (1, '[5,6)');
create sequence down increment -3 minvalue -100 maxvalue -1 start -1 cycle; select nextval('down'), nextval('down');
create sequence untouched as smallint start 5;
create table oids (relid oid, relfilenode oid, reltoastrelid oid, something regclass);
insert into oids select oid, relfilenode, reltoastrelid, case when relkind = 'r' then oid::regclass end from pg_class where oid >= 16384;
create table watched_indexes as select now() as at, * from pg_stat_user_indexes;
create table documents (id integer, content oid); insert into documents select n, lo_from_bytea(0, repeat('x', n * 3000)::bytea)
    from generate_series(0, 3) n;
"""
CODE = """
create function "Big Cats".roar(n integer default 1) returns text language sql immutable security definer set search_path = pg_catalog
    as $$ select repeat('roar', n) $$;
create function touched() returns trigger language plpgsql as
    $_$ begin if new.age > 5 then new.feeling := '"happy"'; end if; return new; end $_$;
create procedure feed(inout n integer) language plpgsql as $$ begin n := n + 1; end $$;
create function atomic(a integer) returns integer language sql begin atomic select a + 1; end;
create trigger touch before insert on plain_rows for each row when (new.age > 1) execute function touched();
alter table plain_rows disable trigger touch;
create aggregate total(integer) (sfunc = int4pl, stype = integer, initcond = '0');
create function same(integer, integer) returns boolean language sql immutable as 'select $1 = $2';
create operator === (function = same, leftarg = integer, rightarg = integer, commutator = ===);
create operator family odd_family using btree;
create function compare(integer, integer) returns integer language sql immutable as 'select btint4cmp($1, $2)';
create operator class odd_class for type integer using hash as operator 1 ===;
create operator class other_class for type integer using btree family odd_family as
    operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 compare(integer, integer);
create function as_number(pair) returns integer language sql immutable as 'select $1.a';
create cast (pair as integer) with function as_number(pair) as assignment;
create transform for integer language sql (from sql with function prsd_lextype(internal), to sql with function int4recv(internal));
create conversion odd_conversion for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create view seen with (security_barrier) as select id, who, "Big Cats".roar(age) from plain_rows where age > 1 with local check option;
create view columns_of_none as select from "no columns";
create recursive view counted (n) as values (1) union all select n + 1 from counted where n < 3;
create materialized view summary as select age, count(*) as n from plain_rows group by age;
create unique index on summary (age);
create materialized view of_summary as select sum(n) from summary;
create materialized view unfilled as select 1 as a with no data;
create rule kept as on delete to booked do instead nothing;
create statistics dependent (dependencies, mcv) on age, feeling from plain_rows;
create index by_expression on plain_rows (lower(who) collate "C" desc nulls last) include (age) where age > 2;
create index on plain_rows using gin (doc); create index on plain_rows using brin (made); create index on parted (note);
alter table plain_rows cluster on plain_rows_pkey; alter table plain_rows replica identity using index plain_rows_pkey;
alter table plain_rows alter column who set statistics 500; alter table plain_rows alter column body set storage external;
create collation plain_order (provider = libc, locale = 'C');
create table collated (a text collate plain_order); insert into collated values ('b'), ('a');
create text search configuration odd_search (copy = english);
create text search dictionary odd_dictionary (template = simple, stopwords = english);
alter text search configuration odd_search alter mapping for asciiword with odd_dictionary;
"""
RIGHTS = """
alter table plain_rows enable row level security; alter table plain_rows force row level security;
create policy mine on plain_rows for select to "Visitor, paying", feeder using (who = current_user);
create policy theirs on plain_rows as restrictive for update using (true) with check (age > 0);
grant select (who), update on plain_rows to "Visitor, paying" with grant option;
grant usage on schema "Big Cats" to public; revoke execute on function "Big Cats".roar from public;
revoke create on schema public from public;
alter default privileges for role keeper in schema public grant select on tables to feeder;
comment on table plain_rows is E'it''s; a\\n\\\\. comment'; comment on column plain_rows.who is '-- who';
comment on database {database} is 'zoo';
alter table booked owner to feeder; alter schema "Big Cats" owner to keeper;
set role keeper;
create event trigger watching on ddl_command_end execute function watched(); reset role;
create publication a_part for table tree, booked; create publication all_of_it for all tables with (publish = 'insert');
create subscription listening connection 'dbname=nowhere' publication p with (connect = false);
alter subscription listening owner to keeper;
alter database {database} set work_mem = '9MB'; alter database {database} set search_path = "Big Cats", public;
alter database {database} set lc_messages = 'C.UTF-8'; alter database {database} set session_preload_libraries = 'no_such_library';
alter database {database} set default_transaction_read_only = on; alter role feeder in database {database} set enable_seqscan = off;
"""


# All that can be created without being preloaded, but for languages that need more than contrib.
EXTENSIONS = """
do $$
declare wanted text;
begin
    for wanted in select name from pg_available_extensions where name !~ '^(plperl|pltcl|plpython|plpgsql|.*_pl)' order by 1 loop
        begin
            execute format('create extension if not exists %I cascade', wanted);
        exception when others then raise notice '%', sqlerrm;
        end;
    end loop;
end $$;
"""


def make_zoo(server: SourceServer) -> str:
    """Given a server of its own, make the database with what this server has; return its name."""
    server.environment["PGOPTIONS"] = "-c session_preload_libraries="  # else what the database asks for keeps even its dump out
    server.psql("postgres", ROLES)
    server.run("createdb", "-T", "template0", NAME)
    server.psql(NAME, SHAPES)
    server.psql(NAME, CODE)
    server.psql(NAME, "create function watched() returns event_trigger language plpgsql as $$ begin end $$;")
    server.psql(NAME, EXTENSIONS)
    if server.has_extension("postgres_fdw"):
        server.psql(NAME, FOREIGN)
    quoted = '"' + NAME.replace('"', '""') + '"'
    server.psql(NAME, RIGHTS.replace("{database}", quoted))
    return NAME


FOREIGN = """
create server files foreign data wrapper file_fdw; create foreign table passwd (line text) server files options (filename '/etc/passwd');
create server far foreign data wrapper postgres_fdw options (host 'nowhere', dbname 'x');
create user mapping for feeder server far options (user 'a', password 'b');
create foreign table far_away (id integer not null) server far options (table_name 'y');
set role keeper; create foreign data wrapper own handler postgres_fdw_handler; reset role;
"""
