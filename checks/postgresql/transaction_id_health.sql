-- about: Transaction ids are far from their end: production would soon refuse to write otherwise.
-- severity: warning
-- expect: no_rows
-- timeout: 60s

select pg_catalog.format('database %I', d.datname) as object
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
  and (pg_catalog.age(d.datfrozenxid) > 1500000000 or pg_catalog.mxid_age(d.datminmxid) > 1500000000)
