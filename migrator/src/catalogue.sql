-- What the catalogue holds of our tables, functions and schemas: [{type, identity, properties}, …]. The one question that
-- makes `catalogue.json` and that a database is compared with it by. Catalogues only, which every role reads.
-- $1: {schemas, tables, functions}, names with their schema; and guests, tables of the platform of which only policies and
-- triggers are asked for.
--
-- search_path is to be empty, so that every name in an expression has its schema. What servers print differently:
-- * NOT NULL is a property of the column: a constraint with a name of its own from PostgreSQL 18 on, and no other kind of
--   constraint is asked for than the five that all versions have.
-- * NOT VALID is a property of the constraint, and not a part of its definition.
-- * MAINTAIN is a right from PostgreSQL 17 on. We take all rights by that word and give none of them by it, so it is
--   there only where somebody else gave it.
-- * An IN over a varchar is read back from a dump, and so by pg_upgrade, as another expression than it was written as:
--   (ARRAY['a'::character varying])::text[] becomes ARRAY[('a'::character varying)::text]. Both are said as ARRAY['a'].
-- * Sources are compared by their hash, and types by `format_type`, which are the same everywhere.
-- Owners are left out, because whoever migrates is the owner; so are their own rights, and those of roles that are an
-- operator's. The rights of PUBLIC on schema public are the server's: all of them before PostgreSQL 15, USAGE since.
with named as (
  select c.*, n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
), ours as (
  select * from named where relkind in ('r', 'p', 'v', 'm', 'f') and name in (select jsonb_array_elements_text($1::jsonb -> 'tables'))
), acted_on as (
  select oid, name from ours
  union all
  select oid, name from named where relkind in ('r', 'p') and name in (select jsonb_array_elements_text($1::jsonb -> 'guests'))
), function as (
  select p.*, n.nspname || '.' || p.proname || '(' || (
      select coalesce(string_agg(format_type(type, null), ', ' order by number), '') from unnest(p.proargtypes) with ordinality as argument(type, number)
    ) || ')' as name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname || '.' || p.proname in (select jsonb_array_elements_text($1::jsonb -> 'functions'))
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
), schema as (
  select * from pg_namespace where nspname in (select jsonb_array_elements_text($1::jsonb -> 'schemas'))
), granted (target, rights) as (
  select 'schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner)) from schema
  union all
  select 'table ' || name, coalesce(relacl, acldefault('r', relowner)) from ours
  union all
  select 'column ' || name || '.' || attname, attacl from ours join pg_attribute on attrelid = ours.oid
  where attacl is not null and attnum > 0 and not attisdropped
  union all
  select 'function ' || name, coalesce(proacl, acldefault('f', proowner)) from function
), thing (type, identity, properties) as (
  select 'schema', nspname::text, '{}'::jsonb from schema
  union all
  select 'table', name, jsonb_build_object(
    'kind', case relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table' else 'view' end,
    'unlogged', nullif(relpersistence = 'u', false), 'row_level_security', relrowsecurity,
    'forced', nullif(relforcerowsecurity, false))
  from ours
  union all
  select 'column', name || '.' || attname, jsonb_build_object(
    'type', format_type(atttypid, atttypmod), 'not_null', attnotnull,
    'default', case when attgenerated = '' then pg_get_expr(adbin, adrelid) end,
    'generated', case when attgenerated <> '' then pg_get_expr(adbin, adrelid) end,
    'identity', case attidentity when 'a' then 'always' when 'd' then 'by default' end)
  from ours join pg_attribute on attrelid = ours.oid left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where attnum > 0 and not attisdropped
  union all
  select 'constraint', conname || ' on ' || name, jsonb_build_object(
    'definition', regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', ''),
    -- A key is worth what its index is. That of a foreign key is the other table's.
    'valid', convalidated and not exists (select from pg_index
      where indexrelid = conindid and contype <> 'f' and not (indisvalid and indisready and indislive)))
  from ours join pg_constraint c on conrelid = ours.oid where contype in ('c', 'f', 'p', 'u', 'x')
  union all
  select 'index', i.relname || ' on ' || ours.name, jsonb_build_object(
    'definition', pg_get_indexdef(indexrelid), 'valid', indisvalid and indisready and indislive)
  from ours join pg_index on indrelid = ours.oid join pg_class i on i.oid = indexrelid
  where not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid)
  union all
  select 'policy', polname || ' on ' || name, jsonb_build_object(
    'permissive', polpermissive,
    'command', case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
    'roles', (select string_agg(coalesce(rolname, 'public'), ', ' order by rolname) from unnest(polroles) as role left join pg_roles r on r.oid = role),
    'using', pg_get_expr(polqual, polrelid), 'check', pg_get_expr(polwithcheck, polrelid))
  from acted_on join pg_policy on polrelid = acted_on.oid
  union all
  select 'trigger', tgname || ' on ' || name, jsonb_build_object(
    'definition', pg_get_triggerdef(t.oid),
    'enabled', case tgenabled when 'O' then 'yes' when 'D' then 'no' when 'R' then 'on replicas only' else 'always' end)
  from acted_on join pg_trigger t on tgrelid = acted_on.oid where not tgisinternal and tgparentid = 0
  union all
  select 'function', name, jsonb_build_object(
    'kind', case prokind when 'f' then 'function' when 'p' then 'procedure' when 'a' then 'aggregate' else 'window function' end,
    'arguments', pg_get_function_arguments(oid), 'result', pg_get_function_result(oid),
    'language', (select lanname from pg_language where oid = prolang), 'security_definer', prosecdef,
    'volatility', case provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
    'strict', proisstrict, 'parallel', case proparallel when 's' then 'safe' when 'r' then 'restricted' else 'unsafe' end,
    'settings', array_to_string(proconfig, ', '),
    'source', encode(sha256(convert_to(coalesce(prosrc, ''), 'UTF8')), 'hex'))
  from function
  union all
  select 'grant', 'on ' || target || ' to ' || coalesce(rolname, 'public'), jsonb_build_object(
    'rights', string_agg(lower(privilege_type) || case when is_grantable then ' with grant option' else '' end, ', ' order by privilege_type))
  from granted, aclexplode(rights) left join pg_roles r on r.oid = grantee
  where (grantee = 0 or rolname in ('anon', 'authenticated', 'service_role'))
    and (target <> 'schema public' or grantee <> 0)
  group by target, rolname
  union all
  select 'extension', extname::text, jsonb_build_object('version', extversion, 'schema', nspname)
  from pg_extension join pg_namespace n on n.oid = extnamespace where extname = 'pg_lora'
)
select coalesce(jsonb_agg(jsonb_build_object('type', type, 'identity', identity,
  'properties', jsonb_strip_nulls(properties || coalesce(plain, '{}'))) order by type, identity), '[]')
from thing, lateral (
  select jsonb_object_agg(key, regexp_replace(regexp_replace(regexp_replace(value,
      '(''[^'']*'')::character varying', '\1', 'g'),
      '\((''[^'']*'')\)::text', '\1', 'g'),
      '\((ARRAY\[[^][]*\])\)::text\[\]', '\1', 'g')) as plain
  from jsonb_each_text(properties) where key in ('definition', 'using', 'check') and value is not null
) as expressions
