-- Everything that can be known without touching a table that may not be there: catalogues only, which every
-- role reads. $1: [{kind, name}, …], the things of the platform. $2: the version of this build.
select jsonb_build_object(
  'server_version', current_setting('server_version'),
  'database', current_database(),
  'role', current_user,
  'encoding', current_setting('server_encoding'),
  'read_only', pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean,
  'may_create_schemas', has_database_privilege(current_database(), 'create'),
  'may_create_roles', (select rolsuper or rolcreaterole from pg_roles where rolname = current_user),
  'platform', (
    select coalesce(jsonb_agg(thing.name), '[]')
    from jsonb_to_recordset($1) as thing(kind text, name text)
    where case thing.kind
      when 'role' then exists (select from pg_roles where rolname = thing.name)
      when 'schema' then exists (select from pg_namespace where nspname = thing.name)
      when 'table' then exists (
        select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname || '.' || c.relname = thing.name and c.relkind in ('r', 'p'))
      when 'function' then exists (
        select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        -- The server asks for all signatures at once, so those of other names are left out first.
        where p.proname = any (array(
            select split_part(split_part(any_thing.name, '(', 1), '.', 2) from jsonb_to_recordset($1) as any_thing(name text)))
          and n.nspname || '.' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')' = thing.name)
    end),
  -- 'filtered': row-level security would hide rows from this role without an error.
  'tables', (
    select coalesce(jsonb_object_agg(n.nspname || '.' || c.relname, jsonb_build_object(
      'readable', has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'),
      'filtered', row_security_active(c.oid)
        and not exists (select from pg_policy where polrelid = c.oid and pg_get_expr(polqual, polrelid) = 'true'))), '{}')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where (n.nspname, c.relname) in (
      ('lora_migrate', 'refinery_schema_history'), ('lora_migrate', 'layers'), ('lora_migrate', 'settings'),
      ('lora_migrate', 'runs'), ('lora_migrate', 'progress'), ('storage', 'buckets'))),
  'extension', (
    select jsonb_build_object('version', e.extversion, 'schema', n.nspname)
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_lora'),
  -- What the server offers is read off its files, which takes longer than all the rest, so only where it matters.
  'extension_versions', case when exists (select from pg_extension where extname = 'pg_lora' and extversion = $2) then '[]' else (
    select coalesce(jsonb_agg(version order by version), '[]') from pg_available_extension_versions where name = 'pg_lora') end,
  -- pg_extension_update_paths raises for an extension whose files are gone, hence the case.
  'extension_updatable', case when exists (select from pg_extension where extname = 'pg_lora' and extversion <> $2)
    and exists (select from pg_available_extensions where name = 'pg_lora') then exists (
    select from pg_extension e, lateral pg_extension_update_paths(e.extname) as update
    where e.extname = 'pg_lora' and update.source = e.extversion and update.target = $2 and update.path is not null)
    else false end,
  'extension_allowed', (select rolsuper from pg_roles where rolname = current_user)
    or not exists (select from pg_extension where extname = 'pg_lora') and has_database_privilege(current_database(), 'create') and exists (
      select from pg_available_extension_versions where name = 'pg_lora' and version = $2 and (trusted or not superuser)),
  'portable', exists (
    -- Looked up by name the schema would have to be open to the role.
    select from pg_proc p where p.pronamespace = to_regnamespace('lora') and p.proname = 'build_info' and p.pronargs = 0
      and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')),
  'lora_owned', not exists (select from pg_namespace where nspname = 'lora' and not pg_has_role(nspowner, 'usage'))
    and not exists (select from pg_proc where pronamespace = to_regnamespace('lora') and not pg_has_role(proowner, 'usage'))
    and not exists (select from pg_extension where extname = 'pg_lora' and not pg_has_role(extowner, 'usage')),
  -- The parts of the portable edition begin with an underscore, those of the extension take or answer "internal".
  'lora_dependants', (
    select coalesce(jsonb_agg(jsonb_build_object('type', kind, 'identity', called, 'needs', needs, 'remedy', remedy) order by kind, called), '[]')
    from (
      select kind, called, string_agg(distinct part.oid::regprocedure::text, ' and ' order by part.oid::regprocedure::text) as needs, case kind
        when 'default value' then (select format('alter table %s alter column %I drop %s', adrelid::regclass, attname,
            case attgenerated when 's' then 'expression' else 'default' end)
          from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where pg_attrdef.oid = d.objid)
        when 'table constraint' then (select format('alter table %s drop constraint %I', conrelid::regclass, conname)
          from pg_constraint where oid = d.objid)
        else format('drop %s %s', kind, called) end as remedy
      from pg_proc part
      join pg_depend d
        on d.refclassid = 'pg_proc'::regclass and d.refobjid = part.oid and d.deptype in ('n', 'a'),
        pg_identify_object(d.classid, d.objid, 0) i,
        lateral (
          select case relkind when 'm' then 'materialized view' else 'view' end, ev_class::regclass::text
          from pg_rewrite join pg_class c on c.oid = ev_class where d.classid = 'pg_rewrite'::regclass and pg_rewrite.oid = d.objid and rulename = '_RETURN'
          union all
          select i.type, i.identity
          where d.classid <> 'pg_rewrite'::regclass or (select rulename <> '_RETURN' from pg_rewrite where oid = d.objid)
        ) as dependant (kind, called)
      where part.pronamespace = to_regnamespace('lora')
        and (part.proname like '\_%' or 'internal'::regtype = any (part.proargtypes::oid[]) or part.prorettype = 'internal'::regtype)
        and not (d.classid = 'pg_proc'::regclass and i.schema = 'lora')
      group by d.classid, d.objid, kind, called
    ) as dependant),
  'schema_lora_usable', exists (
    select from pg_namespace n
    where n.nspname = 'lora' and (
      select count(*) from pg_roles r
      where r.rolname in ('anon', 'authenticated', 'service_role') and has_schema_privilege(r.oid, n.oid, 'usage')) = 3)
)
