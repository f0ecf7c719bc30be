# about: Every row keeps the CHECK constraints of its table, where the restore has not just proved that.
# severity: gating
# expect: no_rows
# timeout: 4h
# proves: intact
# settings: enable_seqscan=on, constraint_exclusion=off

from itertools import repeat

from restore_tester.model import Question

# Asked again are constraints of built-in immutable functions alone: one that calls now(), or a function of the backup's own, may answer
# differently from one moment to the next, and that would not be the backup's fault. One question a table: it is read once.
TABLES = """
select
  pg_catalog.format('select %s from only %I.%I',
    pg_catalog.string_agg(
      pg_catalog.format('pg_catalog.count(*) filter (where (%s) is false)', pg_catalog.pg_get_expr(con.conbin, con.conrelid)),
      ', ' order by con.conname),
    n.nspname, c.relname),
  pg_catalog.array_agg(pg_catalog.format('%I on %I.%I', con.conname, n.nspname, c.relname) order by con.conname)
from pg_catalog.pg_constraint con
join pg_catalog.pg_class c on c.oid = con.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where con.contype = 'c'
  and con.convalidated
  and coalesce((pg_catalog.to_jsonb(con) ->> 'conenforced')::boolean, true)
  and c.relkind = 'r'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and con.conbin::pg_catalog.text !~ '[{](SQLVALUEFUNCTION|NEXTVALUEEXPR|COERCEVIAIO|COERCETODOMAIN|ROWCOMPAREEXPR|XMLEXPR|JSON)'
  and not exists (
    select from pg_catalog.regexp_matches(con.conbin::pg_catalog.text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m
    left join pg_catalog.pg_proc p on p.oid = m[1]::pg_catalog.oid
    where m[1] <> '0' and (p.oid is null or p.provolatile <> 'i' or p.oid >= 16384))
  and not exists (
    select from pg_catalog.regexp_matches(con.conbin::pg_catalog.text, ':opno ([0-9]+)', 'g') m
    left join pg_catalog.pg_operator o on o.oid = m[1]::pg_catalog.oid
    left join pg_catalog.pg_proc p on p.oid = o.oprcode
    where p.oid is null or p.provolatile <> 'i' or p.oid >= 16384)
group by c.oid, n.nspname, c.relname
order by pg_catalog.pg_relation_size(c.oid) desc
"""


def find_problems(restored):
    if "archive" in restored.features:
        return
    for database in restored.databases():
        tables = restored.ask(Question(TABLES, database)).rows
        for place, answer in restored.ask_each([Question(text, database) for text, _ in tables]):
            for name, count in zip(tables[place][1], answer.rows[0], strict=True):
                yield from repeat(name, count)
