# about: Every large object that a row refers to was restored.
# severity: gating
# expect: no_rows
# timeout: 1h
# proves: complete

import re
from itertools import repeat

from restore_tester.model import Question

# `declared`: the column is of the type lo, or lo_manage looks after it; any other oid may refer to something else.
COLUMNS = """
select
  pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
  a.attname,
  y.typname = 'lo' and y.typtype = 'd' or exists (
    select from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = c.oid and p.proname = 'lo_manage' and p.probin like '%/lo'
      and t.tgargs = pg_catalog.convert_to(a.attname::pg_catalog.text, pg_catalog.getdatabaseencoding()) || '\\x00'::pg_catalog.bytea),
  pg_catalog.format(
    'select pg_catalog.count(*), coalesce(pg_catalog.sum(r.times), 0)::pg_catalog.int8, pg_catalog.count(m.oid),'
    ' coalesce(pg_catalog.min(r.id::pg_catalog.int8), 0)'
    ' from (select %I::pg_catalog.oid as id, pg_catalog.count(*) as times from only %I.%I where %I <> 0 group by 1) r'
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
ANY_AT_ALL = "select 1 from pg_catalog.pg_largeobject_metadata limit 1"
FIRST_USER_OID = 16384
# What an audit table calls the objects of the catalogue that it remembers.
OF_THE_CATALOGUE = re.compile(
    r"(?i)(^|_)(rel|tab|table|view|class|type|typ|proc|func|function|index|schema|nsp|namespace|role|user|usesys|owner|grantee|grantor"
    r"|db|dat|database|tablespace|trigger|constraint|operator|obj|object|ext|extension|lang|language|collation|column|partition|parent"
    r"|sequence|seq|catalog|reg[a-z]+)s?_?(o?id)?$"
)


def refers_to_large_objects(name, declared, some_exist, references):
    """Two sorts of evidence: most of the objects are there; or there is not one left in this database, and the column is as one that
    holds them: every row has its own, and none of them is an object of the catalogue."""
    different, rows, present, smallest = references
    if declared or present * 2 > different:
        return True
    of_its_own = different == rows and different > 1 and smallest >= FIRST_USER_OID
    return not some_exist and of_its_own and not OF_THE_CATALOGUE.search(name)


def find_problems(restored):
    for database in restored.databases():
        columns = restored.ask(Question(COLUMNS, database)).rows
        some_exist = bool(columns) and bool(restored.ask(Question(ANY_AT_ALL, database)).rows)
        for place, answer in restored.ask_each([Question(text, database) for *_, text in columns]):
            object_, name, declared, _ = columns[place]
            different, _, present, _ = answer.rows[0]
            if different > present and refers_to_large_objects(name, declared, some_exist, answer.rows[0]):
                yield from repeat(object_, different - present)
