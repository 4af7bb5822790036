-- What the specification's SQL decides, one row for each decision: which thing, and how it is.
with relation as (
  select * from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
)
select format('table %s', relname), 'row security ' || case when relrowsecurity then 'on' else 'off' end
from relation
union all
select format('column %s.%s position', relname, attname), attnum::text
from relation join pg_attribute on attrelid = relation.oid where attnum > 0 and not attisdropped
union all
select format('column %s.%s type', relname, attname), format_type(atttypid, atttypmod)
from relation join pg_attribute on attrelid = relation.oid where attnum > 0 and not attisdropped
union all
select format('column %s.%s null', relname, attname), case when attnotnull then 'not null' else 'null' end
from relation join pg_attribute on attrelid = relation.oid where attnum > 0 and not attisdropped
union all
select format('column %s.%s default', relname, attname), coalesce(pg_get_expr(adbin, adrelid), 'none')
from relation join pg_attribute on attrelid = relation.oid left join pg_attrdef on adrelid = relation.oid and adnum = attnum
where attnum > 0 and not attisdropped
union all
-- The index of a key comes with the key.
select format('index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
from pg_index join relation on relation.oid = indrelid
where not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u'))
union all
select format('constraint %s.%s', relname, conname), pg_get_constraintdef(pg_constraint.oid)
from pg_constraint join relation on relation.oid = conrelid
where contype in ('p', 'u', 'f', 'c')
union all
select format('policy %s.%s %s', relname, polname, aspect), how
from pg_policy join relation on relation.oid = polrelid
cross join lateral (values
  ('operation', case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end),
  ('kind', case when polpermissive then 'permissive' else 'restrictive' end),
  ('roles', array_to_string(array(select case when id = 0 then 'public' else pg_get_userbyid(id) end from unnest(polroles) as id), ', ')),
  ('using', coalesce(pg_get_expr(polqual, polrelid), 'none')),
  ('check', coalesce(pg_get_expr(polwithcheck, polrelid), 'none'))
) as decided (aspect, how)
union all
select format('trigger %s.%s %s', relname, tgname, aspect), how
from pg_trigger join relation on relation.oid = tgrelid
cross join lateral (values
  ('fires', replace(pg_get_triggerdef(pg_trigger.oid), format(' EXECUTE FUNCTION %s', tgfoid::regprocedure), '')),
  ('calls', tgfoid::regprocedure::text)
) as decided (aspect, how)
where not tgisinternal
union all
select format('function %s', pg_proc.oid::regprocedure), pg_get_function_result(pg_proc.oid)
from pg_proc where pronamespace = 'public'::regnamespace
order by 1
