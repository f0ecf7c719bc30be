# about: Every row that a foreign key points at was restored, counted again without trusting any index.
# severity: gating
# expect: no_rows
# timeout: 4h
# proves: intact
# settings: enable_seqscan=on, enable_indexscan=off, enable_indexonlyscan=off, enable_bitmapscan=off, enable_nestloop=off, work_mem=32MB

from itertools import repeat

from restore_tester.model import Question

# Row for row what the server itself asks when it validates a constraint (RI_Initial_Check), as an anti-join. A key of a partitioned
# table stands for its partitions. Left out: what is declared NOT VALID or NOT ENFORCED, and keys over periods.
KEYS = """
select
  pg_catalog.format('%I on %I.%I', con.conname, fn.nspname, fc.relname),
  pg_catalog.format(
    'select pg_catalog.count(*) from %s%I.%I f where (%s) and not exists (select from %s%I.%I p where %s)',
    case fc.relkind when 'p' then '' else 'only ' end, fn.nspname, fc.relname,
    pg_catalog.string_agg(
      pg_catalog.format('f.%I is not null', fa.attname), case con.confmatchtype when 'f' then ' or ' else ' and ' end order by k.place),
    case pc.relkind when 'p' then '' else 'only ' end, pn.nspname, pc.relname,
    pg_catalog.string_agg(
      pg_catalog.format(
        'p.%I%s operator(%I.%s) f.%I%s%s',
        pa.attname,
        case when pa.atttypid <> o.oprleft and lt.typtype <> 'p' then '::' || pg_catalog.format_type(o.oprleft, -1) else '' end,
        opn.nspname, o.oprname,
        fa.attname,
        case when fa.atttypid <> o.oprright and rt.typtype <> 'p' then '::' || pg_catalog.format_type(o.oprright, -1) else '' end,
        case when pa.attcollation <> fa.attcollation then pg_catalog.format(' collate %I.%I', cn.nspname, co.collname) else '' end),
      ' and ' order by k.place))
from pg_catalog.pg_constraint con
join pg_catalog.pg_class fc on fc.oid = con.conrelid
join pg_catalog.pg_namespace fn on fn.oid = fc.relnamespace
join pg_catalog.pg_class pc on pc.oid = con.confrelid
join pg_catalog.pg_namespace pn on pn.oid = pc.relnamespace
cross join lateral rows from (pg_catalog.unnest(con.conkey), pg_catalog.unnest(con.confkey), pg_catalog.unnest(con.conpfeqop))
  with ordinality k (foreign_column, column_, operator_, place)
join pg_catalog.pg_attribute fa on fa.attrelid = con.conrelid and fa.attnum = k.foreign_column
join pg_catalog.pg_attribute pa on pa.attrelid = con.confrelid and pa.attnum = k.column_
join pg_catalog.pg_operator o on o.oid = k.operator_
join pg_catalog.pg_namespace opn on opn.oid = o.oprnamespace
join pg_catalog.pg_type lt on lt.oid = o.oprleft
join pg_catalog.pg_type rt on rt.oid = o.oprright
left join pg_catalog.pg_collation co on co.oid = pa.attcollation
left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
where con.contype = 'f'
  and con.conparentid = 0
  and con.convalidated
  and coalesce((pg_catalog.to_jsonb(con) ->> 'conenforced')::boolean, true)
  and not coalesce((pg_catalog.to_jsonb(con) ->> 'conperiod')::boolean, false)
  and fn.nspname !~ '^pg_' and fn.nspname <> 'information_schema'
group by con.oid, con.conname, con.confmatchtype, fn.nspname, fc.relname, fc.relkind, fc.oid, pn.nspname, pc.relname, pc.relkind
order by pg_catalog.pg_table_size(fc.oid) desc
"""


def find_problems(restored):
    for database in restored.databases():
        keys = restored.ask(Question(KEYS, database)).rows
        for place, answer in restored.ask_each([Question(text, database) for _, text in keys]):
            yield from repeat(keys[place][0], answer.rows[0][0])
