-- about: No table is unlogged; such a table comes back empty from a crash, from a physical backup, and from a dump made without its rows.
-- severity: info
-- expect: no_rows
-- timeout: 60s

select pg_catalog.format('%I.%I', n.nspname, c.relname) as object
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'u'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
