# about: No sequence is about to hand out a value that its column holds already; the next insert would fail.
# severity: warning
# expect: no_rows
# timeout: 10m
# proves: usable

from restore_tester.model import Question

# Every sequence that feeds a column, whether or not that is a key. The source may have been like this: rows with ids of their own
# making do not move a sequence, which is why this decides nothing.
SEQUENCES = """
select
  pg_catalog.format('%I.%I', sn.nspname, s.relname),
  pg_catalog.format('select last_value, is_called from %I.%I', sn.nspname, s.relname),
  pg_catalog.format('select 1 from %I.%I where %I between ', tn.nspname, t.relname, a.attname),
  q.seqincrement
from pg_catalog.pg_sequence q
join pg_catalog.pg_class s on s.oid = q.seqrelid
join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
join (
  select d.objid as sequence_id, d.refobjid as table_id, d.refobjsubid as attnum
  from pg_catalog.pg_depend d
  where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.deptype = 'i'
  union
  select d.refobjid, ad.adrelid, ad.adnum
  from pg_catalog.pg_depend d
  join pg_catalog.pg_attrdef ad on ad.oid = d.objid
  where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) ~ '^nextval[(]''.*''::regclass[)](::[a-z]+)?$'
) feeds on feeds.sequence_id = q.seqrelid
join pg_catalog.pg_class t on t.oid = feeds.table_id
join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = feeds.attnum
join pg_catalog.pg_type y on y.oid = a.atttypid
where not q.seqcycle
  and tn.nspname !~ '^pg_' and tn.nspname <> 'information_schema'
  and case y.typtype when 'd' then y.typbasetype else y.oid end in (20, 21, 23, 1700)
"""
SOON = 1000


def find_problems(restored):
    for database in restored.databases():
        for name, state, taken, increment in restored.ask(Question(SEQUENCES, database)).rows:
            last, is_called = restored.ask(Question(state, database)).rows[0]
            upcoming = last + increment if is_called else last
            first, end = sorted((upcoming, upcoming + increment * (SOON - 1)))
            if restored.ask(Question(f"{taken}{first} and {end} limit 1", database)).rows:
                yield name
