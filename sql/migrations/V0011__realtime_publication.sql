-- What a page follows live: jobs, their events, notifications. Only where the platform has its publication and lets
-- us; a table that is in it already is left alone, adding it again would be an error.
do $$
declare
  table_name text;
begin
  if not exists (
    select from pg_catalog.pg_publication
    where pubname = 'supabase_realtime' and not puballtables and pg_catalog.pg_has_role(pubowner, 'usage')
  ) then
    return;
  end if;
  foreach table_name in array array['training_jobs', 'training_job_events', 'notifications'] loop
    if not exists (
      select from pg_catalog.pg_publication_tables
      where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = table_name
    ) then
      execute pg_catalog.format('alter publication supabase_realtime add table public.%I', table_name);
    end if;
  end loop;
end
$$;
