-- about: Every materialised view can be read; the others were unpopulated in the source, or not refreshed by the restore.
-- severity: warning
-- expect: no_rows
-- timeout: 60s

select pg_catalog.format('%I.%I', n.nspname, c.relname) as object
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and not c.relispopulated
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
