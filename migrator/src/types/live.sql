-- Schema public as its clients see it: relations with columns and keys, functions with arguments, and all types that any of them is of.
-- Members of extensions are left out, and so is what no client can call: triggers, and functions with arguments that have no name.
-- search_path is to be empty.
with recursive space as (
  select oid from pg_namespace where nspname = 'public'
), relation as (
  select c.* from pg_class c join space on space.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
), composite as (
  select c.* from pg_class c join space on space.oid = c.relnamespace
  where c.relkind = 'c' and not exists (select from pg_depend where classid = 'pg_type'::regclass and objid = c.reltype and deptype = 'e')
), enumeration as (
  select t.* from pg_type t join space on space.oid = t.typnamespace
  where t.typtype = 'e' and not exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype = 'e')
), field as (
  select a.* from pg_attribute a
  where a.attrelid in (select oid from relation union all select oid from composite) and a.attnum > 0 and not a.attisdropped
), function as (
  select p.* from pg_proc p join space on space.oid = p.pronamespace
  where p.prokind = 'f' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
), argument as (
  -- Defaults are those of the last arguments that are passed.
  select f.oid as function, number, mode, type, coalesce(f.proargnames[number], '') as name,
    mode in ('i', 'b', 'v')
      and count(*) filter (where mode in ('i', 'b', 'v')) over (partition by f.oid order by number) > f.pronargs - f.pronargdefaults as has_default
  from function f
  cross join lateral unnest(coalesce(f.proallargtypes, f.proargtypes::oid[])) with ordinality as every (type, number)
  cross join lateral (select coalesce(f.proargmodes[number], 'i')) as kind (mode)
), callable as (
  select f.* from function f
  where not exists (select from argument a where a.function = f.oid and a.mode in ('i', 'b', 'v') and a.name = '')
), used (oid) as (
  select atttypid from field
  union
  select type from argument
  union
  select prorettype from function
  union
  select oid from enumeration
  union
  select inner_type from used join pg_type t on t.oid = used.oid
  cross join lateral (values (case when t.typcategory = 'A' then t.typelem end), (nullif(t.typbasetype, 0))) as inside (inner_type)
  where inner_type is not null
)
select jsonb_build_object(
  'relations', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', r.relname,
      'is_view', r.relkind in ('v', 'm'),
      'comment', obj_description(r.oid, 'pg_class'),
      'columns', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'name', attname,
          'type', atttypid::text,
          'not_null', attnotnull,
          'has_default', atthasdef and attgenerated = '' or attidentity <> '',
          'is_always_generated', attgenerated <> '' or attidentity = 'a',
          'comment', col_description(attrelid, attnum)
        ) order by attnum), '[]')
        from field where attrelid = r.oid),
      'references', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'name', k.conname,
          'columns', (select jsonb_agg(attname order by number) from unnest(k.conkey) with ordinality as key (attnum, number)
            join pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.attnum),
          'relation', other.relname,
          'referenced_columns', (select jsonb_agg(attname order by number) from unnest(k.confkey) with ordinality as key (attnum, number)
            join pg_attribute a on a.attrelid = k.confrelid and a.attnum = key.attnum),
          'is_one_to_one', exists (
            select from pg_constraint u where u.conrelid = k.conrelid and u.contype in ('p', 'u') and u.conkey <@ k.conkey and k.conkey <@ u.conkey)
        ) order by k.conname collate "C"), '[]')
        from pg_constraint k join relation other on other.oid = k.confrelid
        -- A partition has copies of its table's keys.
        where k.conrelid = r.oid and k.contype = 'f' and k.conparentid = 0)
    ) order by r.relname collate "C"), '[]')
    from relation r),
  'functions', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', f.proname,
      'comment', obj_description(f.oid, 'pg_proc'),
      'arguments', (
        select coalesce(jsonb_agg(jsonb_build_object('name', name, 'type', type::text, 'has_default', has_default) order by number), '[]')
        from argument where function = f.oid and mode in ('i', 'b', 'v')),
      'columns', (
        select coalesce(jsonb_agg(jsonb_build_object('name', name, 'type', type::text) order by number), '[]')
        from argument where function = f.oid and mode in ('o', 'b', 't') and f.prorettype = 'record'::regtype),
      'returns', f.prorettype::text,
      'is_set', f.proretset
    ) order by f.proname collate "C", oidvectortypes(f.proargtypes) collate "C"), '[]')
    from callable f),
  'enumerations', (select coalesce(jsonb_agg(typname order by typname collate "C"), '[]') from enumeration),
  'composites', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', c.relname,
      'columns', (
        select coalesce(jsonb_agg(jsonb_build_object('name', attname, 'type', atttypid::text) order by attnum), '[]')
        from field where attrelid = c.oid)
    ) order by c.relname collate "C"), '[]')
    from composite c),
  'types', (
    select coalesce(jsonb_object_agg(t.oid::text, jsonb_build_object(
      'name', t.typname,
      'is_public', t.typnamespace in (select oid from space),
      'kind', t.typtype,
      'element', case when t.typcategory = 'A' then t.typelem::text end,
      'base', nullif(t.typbasetype, 0)::text,
      'not_null', t.typnotnull,
      'labels', (select coalesce(jsonb_agg(enumlabel order by enumsortorder), '[]') from pg_enum where enumtypid = t.oid),
      'relation', (select relname from relation where reltype = t.oid),
      'is_view', (select relkind in ('v', 'm') from relation where reltype = t.oid)
    )), '{}')
    from used join pg_type t on t.oid = used.oid)
)
