-- about: Every index is valid: queries use it, and a unique one keeps its promise.
-- severity: warning
-- expect: no_rows
-- timeout: 60s

select pg_catalog.format('%I.%I', n.nspname, c.relname) as object
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready and i.indislive)
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
