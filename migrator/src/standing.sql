-- What of our names is there already, and what stands on our tables. Catalogues only.
-- $1: {tables, relations, functions: names with their schema}.
with named as (
  select c.*, n.nspname, n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
), ours as (
  select * from named where name in (select jsonb_array_elements_text($1 -> 'tables'))
)
select jsonb_build_object(
  'relations', (select coalesce(jsonb_agg(jsonb_build_object(
      'name', name, 'kind', relkind, 'forced', relforcerowsecurity, 'owner', pg_get_userbyid(relowner), 'owned', pg_has_role(relowner, 'usage'),
      'definition', case when relkind = 'i' then pg_get_indexdef(named.oid) end,
      'valid', (select indisvalid from pg_index where indexrelid = named.oid))), '[]')
    from named where name in (select jsonb_array_elements_text($1 -> 'relations'))),
  'types', (select coalesce(jsonb_agg(n.nspname || '.' || typname), '[]')
    from pg_type t join pg_namespace n on n.oid = typnamespace
    where typrelid = 0 and typelem = 0 and n.nspname || '.' || typname in (select jsonb_array_elements_text($1 -> 'relations'))),
  'columns', (select coalesce(jsonb_agg(jsonb_build_object(
      'table', name, 'name', attname, 'type', format_type(atttypid, atttypmod), 'not_null', attnotnull,
      'default', (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum),
      'generated', attgenerated <> '' or attidentity <> '') order by name, attnum), '[]')
    from ours join pg_attribute on attrelid = ours.oid where attnum > 0 and not attisdropped),
  'constraints', (select coalesce(jsonb_agg(jsonb_build_object(
      'table', name, 'name', conname, 'definition', pg_get_constraintdef(c.oid)) order by name, conname), '[]')
    from ours join pg_constraint c on conrelid = ours.oid where contype in ('c', 'f', 'p', 'u', 'x')),
  'indexes', (select coalesce(jsonb_agg(jsonb_build_object('table', name, 'name', i.relname) order by name, i.relname), '[]')
    from ours join pg_index on indrelid = ours.oid join pg_class i on i.oid = indexrelid
    where not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid)),
  'policies', (select coalesce(jsonb_agg(jsonb_build_object(
      'table', name, 'name', polname, 'permissive', polpermissive,
      'command', case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      'roles', (select jsonb_agg(coalesce(rolname, 'public') order by rolname) from unnest(polroles) as role left join pg_roles r on r.oid = role),
      'using', pg_get_expr(polqual, polrelid), 'check', pg_get_expr(polwithcheck, polrelid)) order by name, polname), '[]')
    from ours join pg_policy on polrelid = ours.oid),
  'triggers', (select coalesce(jsonb_agg(jsonb_build_object('table', name, 'name', tgname, 'function', tgfoid::regprocedure) order by name, tgname), '[]')
    from ours join pg_trigger on tgrelid = ours.oid where not tgisinternal and tgparentid = 0),
  'rules', (select coalesce(jsonb_agg(jsonb_build_object('table', name, 'name', rulename, 'instead', is_instead) order by name, rulename), '[]')
    from ours join pg_rewrite on ev_class = ours.oid where rulename <> '_RETURN'),
  'others', (select coalesce(jsonb_agg(distinct to_jsonb(other)), '[]') from (select oid, reltype from ours where nspname = 'public') as ours, lateral (
      select case view.relkind when 'm' then 'materialized view' else 'view' end, view.oid::regclass::text
      from pg_depend d join pg_rewrite r on r.oid = d.objid and rulename = '_RETURN' join pg_class view on view.oid = ev_class
      where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = ours.oid
      union all
      select i.type, i.identity from pg_depend d, pg_identify_object(d.classid, d.objid, 0) i
      where d.classid = 'pg_proc'::regclass and d.deptype = 'n' and (
        d.refclassid = 'pg_class'::regclass and d.refobjid = ours.oid or d.refclassid = 'pg_type'::regclass and d.refobjid = ours.reltype)
      union all
      select 'statistics', i.identity from pg_statistic_ext s, pg_identify_object('pg_statistic_ext'::regclass, s.oid, 0) i where stxrelid = ours.oid
      union all
      select 'table', inhrelid::regclass::text from pg_inherits where inhparent = ours.oid
      union all
      select 'publication', quote_ident(pubname) from pg_publication_rel join pg_publication p on p.oid = prpubid
      where prrelid = ours.oid and pubname <> 'supabase_realtime'
      union all
      select 'constraint', quote_ident(conname) || ' on ' || conrelid::regclass from pg_constraint
      where contype = 'f' and confrelid = ours.oid and conparentid = 0 and conrelid not in (select named.oid from named where name in (select jsonb_array_elements_text($1 -> 'tables')))
    ) as other(type, identity)),
  'functions', (select coalesce(jsonb_agg(jsonb_build_object(
      'name', n.nspname || '.' || proname, 'type', i.type, 'identity', i.identity) order by i.identity), '[]')
    from pg_proc p join pg_namespace n on n.oid = pronamespace, pg_identify_object('pg_proc'::regclass, p.oid, 0) i
    where (n.nspname || '.' || proname in (select jsonb_array_elements_text($1 -> 'functions')) or n.nspname in ('lora', 'lora_private'))
      and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e'))
)
