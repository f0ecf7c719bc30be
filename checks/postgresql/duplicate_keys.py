# about: No key occurs twice under a unique index, counted without that index, where the restore has not just built it.
# severity: gating
# expect: no_rows
# timeout: 4h
# proves: intact
# settings: enable_seqscan=on, enable_indexscan=off, enable_indexonlyscan=off, enable_bitmapscan=off, enable_hashagg=off, work_mem=32MB

from itertools import repeat

from restore_tester.model import Question

# Two keys are the same where the index's own default comparison says so: an operator class that is no default may see it differently.
INDEXES = """
select
  pg_catalog.format('%I.%I', n.nspname, ic.relname),
  pg_catalog.format(
    'select pg_catalog.count(*) from (select 1 from only %I.%I%s group by %s having pg_catalog.count(*) > 1) twice',
    n.nspname, c.relname,
    ' where ' || nullif(pg_catalog.concat_ws(' and ',
      '(' || pg_catalog.pg_get_expr(i.indpred, i.indrelid) || ')',
      case when not coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) then k.present end), ''),
    k.listed)
from pg_catalog.pg_index i
join pg_catalog.pg_class ic on ic.oid = i.indexrelid
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select
    pg_catalog.string_agg(key.text || key.collation_, ', ' order by key.place) as listed,
    pg_catalog.string_agg(key.text || ' is not null', ' and ' order by key.place) as present
  from (
    select
      place,
      '(' || pg_catalog.pg_get_indexdef(i.indexrelid, place::integer, false) || ')' as text,
      coalesce((
        select pg_catalog.format(' collate %I.%I', cn.nspname, co.collname)
        from pg_catalog.pg_collation co
        join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
        where co.oid = i.indcollation[place - 1]), '') as collation_
    from pg_catalog.generate_series(1, i.indnkeyatts) place) key) k
where i.indisunique and i.indisvalid and not i.indisexclusion
  and c.relkind in ('r', 'm')
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (
    select from pg_catalog.unnest(i.indclass::pg_catalog.oid[]) with ordinality opclass (id, place)
    join pg_catalog.pg_opclass oc on oc.oid = opclass.id
    where opclass.place <= i.indnkeyatts and not oc.opcdefault)
order by pg_catalog.pg_relation_size(c.oid) desc
"""


def find_problems(restored):
    if "indexes-just-built" in restored.features:
        return
    for database in restored.databases():
        indexes = restored.ask(Question(INDEXES, database)).rows
        for place, answer in restored.ask_each([Question(text, database) for _, text in indexes]):
            yield from repeat(indexes[place][0], answer.rows[0][0])
