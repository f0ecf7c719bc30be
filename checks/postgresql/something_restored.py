# about: At least one database holds a table of its own, and at least one row was restored.
# severity: gating
# expect: no_rows
# timeout: 10m
# gates_traffic: true
# proves: complete

from restore_tester.model import Question

# A table without a block has no row, whatever a failed COPY left behind; large objects are data too.
CANDIDATES = """
select pg_catalog.format('select 1 from only %I.%I limit 1', n.nspname, c.relname)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
  and pg_catalog.pg_relation_size(c.oid) > 0
union all
select 'select 1 from pg_catalog.pg_largeobject_metadata limit 1'
"""


def find_problems(restored):
    for database in restored.databases():
        for (text,) in restored.ask(Question(CANDIDATES, database)).rows:
            if restored.ask(Question(text, database)).rows:
                return
    names = [f"database {database}" for database in restored.databases()]
    yield from names or ["no database"]
