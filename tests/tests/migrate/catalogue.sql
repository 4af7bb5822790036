-- Everything that a database's catalogue holds, one line for each thing: its schema, what it is, how it is defined, who
-- owns it and who may use it. Equal lines are equal catalogues. What Postgres itself brings is left out.
with space as (
  select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
), relation as (
  select pg_class.*, nspname from pg_class join space on space.oid = relnamespace
), thing (schema, kind, definition, owner, rights, class, id, part) as (
  select nspname::text, 'schema', nspname::text, nspowner, nspacl, 'pg_namespace', oid, 0 from pg_namespace where oid in (select oid from space)
  union all
  select nspname, 'relation', concat_ws(' ', relkind, relname, 'rls ' || relrowsecurity, 'forced ' || relforcerowsecurity,
      reloptions::text, case when relkind in ('v', 'm') then pg_get_viewdef(oid) end),
    relowner, relacl, 'pg_class', oid, 0
  from relation where relkind <> 'i'
  union all
  select nspname, 'column', concat_ws(' ', relname, attnum, attname, format_type(atttypid, atttypmod),
      'not null', attnotnull, 'identity', attidentity, 'generated', attgenerated,
      (select 'default ' || pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = relation.oid and adnum = attnum)),
    null, attacl, 'pg_class', relation.oid, attnum
  from relation join pg_attribute on attrelid = relation.oid where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v', 'm', 'f')
  union all
  select nspname, 'constraint', concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid), 'valid ' || convalidated),
    null, null, 'pg_constraint', pg_constraint.oid, 0
  from pg_constraint join space on space.oid = connamespace
  union all
  select nspname, 'index', concat_ws(' ', pg_get_indexdef(indexrelid), 'valid ' || indisvalid), null, null, 'pg_class', indexrelid, 0
  from pg_index join relation on relation.oid = indexrelid
  union all
  select nspname, 'trigger', concat_ws(' ', pg_get_triggerdef(pg_trigger.oid), 'enabled', tgenabled), null, null, 'pg_trigger', pg_trigger.oid, 0
  from pg_trigger join relation on relation.oid = tgrelid where not tgisinternal
  union all
  select nspname, 'policy', concat_ws(' ', relname, polname, polcmd, 'permissive ' || polpermissive,
      (select string_agg(coalesce(rolname, 'public'), ', ' order by rolname) from unnest(polroles) as id left join pg_roles on pg_roles.oid = id),
      'using ' || pg_get_expr(polqual, polrelid), 'check ' || pg_get_expr(polwithcheck, polrelid)),
    null, null, 'pg_policy', pg_policy.oid, 0
  from pg_policy join relation on relation.oid = polrelid
  union all
  select nspname, 'function', concat_ws(' ', pg_proc.oid::regprocedure, prokind,
      case when prokind <> 'a' then pg_get_functiondef(pg_proc.oid) end), proowner, coalesce(proacl, acldefault('f', proowner)), 'pg_proc', pg_proc.oid, 0
  from pg_proc join space on space.oid = pronamespace
  union all
  select nspname, 'type', concat_ws(' ', typname, typtype, (select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum where enumtypid = pg_type.oid)),
    typowner, typacl, 'pg_type', pg_type.oid, 0
  from pg_type join space on space.oid = typnamespace where typtype in ('d', 'e', 'r')
  union all
  select nspname, 'extension', concat_ws(' ', extname, extversion), extowner, null, 'pg_extension', pg_extension.oid, 0
  from pg_extension join space on space.oid = extnamespace
  union all
  select '', 'event trigger', concat_ws(' ', evtname, evtevent, evtfoid::regprocedure, evtenabled), evtowner, null, 'pg_event_trigger', oid, 0
  from pg_event_trigger
  union all
  select '', 'default privileges', concat_ws(' ', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype), null, defaclacl, 'pg_default_acl', oid, 0
  from pg_default_acl
)
select concat_ws(' | ', schema, kind, definition, owner::regrole,
  (select string_agg(concat_ws('=', coalesce(rolname, 'public'), privilege_type || case when is_grantable then '*' else '' end), ' ' order by rolname, privilege_type)
   from aclexplode(rights) as acl left join pg_roles on pg_roles.oid = grantee),
  (select description from pg_description where objoid = id and classoid = class::regclass and objsubid = part))
from thing
order by 1
