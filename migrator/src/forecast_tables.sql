-- Size of tables, and who holds or waits for a lock on them: catalogues and statistics only, as the tables may be locked right
-- now. $1: names with their schema.
with named as (
  select c.*, n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname || '.' || c.relname in (select jsonb_array_elements_text($1)) and relkind in ('r', 'p')
), held as (
  select l.pid, l.mode, l.granted, named.name, l.waitstart from pg_locks l join named on named.oid = l.relation
  where l.locktype = 'relation' and l.pid <> pg_backend_pid()
    and l.database = (select oid from pg_database where datname = current_database())
), sized as (
  -- pg_relation_size wants the table's lock, and would wait for whoever has it all.
  select *, case when exists (select from held where held.name = named.name and mode = 'AccessExclusiveLock')
    then relpages * current_setting('block_size')::bigint else pg_relation_size(oid) end as bytes
  from named
)
select jsonb_build_object(
  'tables', (select coalesce(jsonb_agg(jsonb_build_object(
      'name', name, 'bytes', bytes,
      -- A table that was never analysed has no number of rows; one takes a hundred bytes or more.
      'rows', case when reltuples >= 0 then reltuples::bigint else bytes / 100 end, 'analysed', reltuples >= 0)
      order by name), '[]') from sized),
  'columns', (select coalesce(jsonb_agg(jsonb_build_object('table', name, 'name', attname,
      'type', format_type(atttypid, atttypmod), 'not_null', attnotnull)), '[]')
    from named join pg_attribute on attrelid = named.oid where attnum > 0 and not attisdropped),
  'indexes', (select coalesce(jsonb_agg(jsonb_build_object('table', name, 'name', i.relname)), '[]')
    from named join pg_index on indrelid = named.oid join pg_class i on i.oid = indexrelid),
  'constraints', (select coalesce(jsonb_agg(jsonb_build_object('table', name, 'name', conname)), '[]')
    from named join pg_constraint on conrelid = named.oid),
  -- What another role's session does, and since when, is for those to see who may read all statistics.
  'sessions', (select coalesce(jsonb_agg(jsonb_build_object(
      'pid', held.pid, 'application', nullif(application_name, ''), 'user', usename, 'state', state,
      'seconds', greatest(extract(epoch from clock_timestamp() - coalesce(xact_start, waitstart)), 0)::bigint,
      'table', held.name, 'mode', held.mode, 'granted', held.granted,
      'query', split_part(ltrim(nullif(query, '<insufficient privilege>'), E' \n\r\t'), E'\n', 1))
      order by granted desc, xact_start, held.pid, held.name, held.mode), '[]')
    from held left join pg_stat_activity a on a.pid = held.pid)
)
