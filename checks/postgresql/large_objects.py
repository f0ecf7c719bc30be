# about: Every large object that a row refers to was restored.
# severity: gating
# expect: no_rows
# timeout: 1h
# proves: complete

from itertools import repeat

from restore_tester.model import Question

# `declared`: the column is of the type lo, or lo_manage looks after it; any other oid may refer to something else.
COLUMNS = """
select
  pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
  y.typname = 'lo' and y.typtype = 'd' or exists (
    select from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = c.oid and p.proname = 'lo_manage' and p.probin like '%/lo'
      and t.tgargs = pg_catalog.convert_to(a.attname::pg_catalog.text, pg_catalog.getdatabaseencoding()) || '\\x00'::pg_catalog.bytea),
  pg_catalog.format(
    'select pg_catalog.count(*), pg_catalog.count(m.oid)'
    ' from (select distinct %I::pg_catalog.oid as id from only %I.%I where %I <> 0) r'
    ' left join pg_catalog.pg_largeobject_metadata m on m.oid = r.id',
    a.attname, n.nspname, c.relname, a.attname)
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type y on y.oid = a.atttypid
where case y.typtype when 'd' then y.typbasetype else y.oid end = 26
  and a.attnum > 0 and not a.attisdropped
  and c.relkind = 'r'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
"""


def refers_to_large_objects(declared, references):
    """What says so: the column itself, or that most of what it refers to is there. Any other oid may be anything, such as an object of
    the catalogue that a table of statistics remembers."""
    different, present = references
    return declared or present * 2 > different


def find_problems(restored):
    for database in restored.databases():
        columns = restored.ask(Question(COLUMNS, database)).rows
        for place, answer in restored.ask_each([Question(text, database) for *_, text in columns]):
            object_, declared, _ = columns[place]
            different, present = answer.rows[0]
            if different > present and refers_to_large_objects(declared, answer.rows[0]):
                yield from repeat(object_, different - present)
