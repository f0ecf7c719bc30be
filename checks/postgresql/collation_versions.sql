-- about: Text sorts by the collation versions that this data was built with.
-- severity: warning
-- expect: no_rows
-- timeout: 60s
-- needs: major >= 15

select pg_catalog.format('database %I', d.datname) as object
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
  and d.datcollversion <> pg_catalog.pg_database_collation_actual_version(d.oid)
union all
select pg_catalog.format('collation %I.%I', n.nspname, c.collname)
from pg_catalog.pg_collation c
join pg_catalog.pg_namespace n on n.oid = c.collnamespace
where c.collversion <> pg_catalog.pg_collation_actual_version(c.oid)
  and (n.nspname <> 'pg_catalog' or exists (select from pg_catalog.pg_attribute a where a.attcollation = c.oid and a.attrelid >= 16384))
