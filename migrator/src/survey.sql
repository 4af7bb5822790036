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
  'schema_lora_usable', exists (
    select from pg_namespace n
    where n.nspname = 'lora' and (
      select count(*) from pg_roles r
      where r.rolname in ('anon', 'authenticated', 'service_role') and has_schema_privilege(r.oid, n.oid, 'usage')) = 3)
)
