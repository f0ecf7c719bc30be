-- about: Every extension of the database has its files on this server, and none that an object needs is missing.
-- severity: warning
-- expect: no_rows
-- timeout: 60s

select pg_catalog.format('extension %I', e.extname) as object
from pg_catalog.pg_extension e
where not exists (select from pg_catalog.pg_available_extensions() a where a.name = e.extname)
union
select pg_catalog.format('extension with id %s', d.refobjid)
from pg_catalog.pg_depend d
where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  and not exists (select from pg_catalog.pg_extension e where e.oid = d.refobjid)
