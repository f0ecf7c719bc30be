# about: No column looks as if it referred to large objects where not one was restored, as in a dump of single schemas or tables.
# severity: warning
# expect: no_rows
# timeout: 1h
# proves: complete

import re

from restore_tester.model import Question

# Only a guess, for an oid may refer to anything, which is why it decides nothing: every row has its own, none of them is an object
# of the catalogue, and the column's name is not one that remembers those.
COLUMNS = """
select
  pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
  a.attname,
  pg_catalog.format(
    'select pg_catalog.count(*), pg_catalog.count(distinct %I), coalesce(pg_catalog.min(%I::pg_catalog.oid::pg_catalog.int8), 0)'
    ' from only %I.%I where %I <> 0', a.attname, a.attname, n.nspname, c.relname, a.attname)
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_type y on y.oid = a.atttypid
where case y.typtype when 'd' then y.typbasetype else y.oid end = 26
  and a.attnum > 0 and not a.attisdropped
  and c.relkind = 'r'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_catalog.pg_largeobject_metadata)
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
"""
FIRST_USER_OID = 16384
OF_THE_CATALOGUE = re.compile(
    r"(?i)(^|_)(rel|tab|table|view|class|type|typ|proc|func|function|index|indexrel|indrel|conind|reltoastrel|relfilenode|schema|nsp"
    r"|namespace|role|user|usesys|owner|grantee|grantor|db|dat|database|tablespace|trigger|constraint|operator|obj|object|ext|extension"
    r"|lang|language|collation|column|partition|parent|sequence|seq|catalog|reg[a-z]+)s?_?(o?id)?$"
)


def find_problems(restored):
    for database in restored.databases():
        columns = [column for column in restored.ask(Question(COLUMNS, database)).rows if not OF_THE_CATALOGUE.search(column[1])]
        for place, answer in restored.ask_each([Question(text, database) for *_, text in columns]):
            rows, different, smallest = answer.rows[0]
            if rows == different > 1 and smallest >= FIRST_USER_OID:
                yield columns[place][0]
