-- about: Every schema, table, function and type has an owner that exists.
-- severity: warning
-- expect: no_rows
-- timeout: 60s

with owned (object, owner) as (
  select pg_catalog.format('schema %I', n.nspname), n.nspowner from pg_catalog.pg_namespace n
  union all
  select pg_catalog.format('%I.%I', n.nspname, c.relname), c.relowner
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  union all
  select pg_catalog.format('function %I.%I', n.nspname, p.proname), p.proowner
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  union all
  select pg_catalog.format('type %I.%I', n.nspname, t.typname), t.typowner
  from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
)
select o.object
from owned o
where not exists (select from pg_catalog.pg_authid r where r.oid = o.owner)
