-- about: No constraint is declared NOT VALID, which lets older rows break it.
-- severity: warning
-- expect: no_rows
-- timeout: 60s

select case
    when con.contypid <> 0 then pg_catalog.format('%I on type %s', con.conname, pg_catalog.format_type(con.contypid, null))
    else pg_catalog.format('%I on %I.%I', con.conname, cn.nspname, c.relname)
  end as object
from pg_catalog.pg_constraint con
join pg_catalog.pg_namespace n on n.oid = con.connamespace
left join pg_catalog.pg_class c on c.oid = con.conrelid
left join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
where not con.convalidated
  and con.conparentid = 0
  and coalesce((pg_catalog.to_jsonb(con) ->> 'conenforced')::boolean, true)
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
