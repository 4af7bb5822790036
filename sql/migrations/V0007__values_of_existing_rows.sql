-- Every check that no existing row breaks holds for all rows from here on. One that a row breaks stays as it is:
-- it holds for what is written, and the row can be mended or closed at any time.
do $$
declare
  item record;
begin
  for item in
    select conrelid::regclass as table_name, conname from pg_catalog.pg_constraint
    where contype = 'c' and not convalidated and conrelid in (
      'public.datasets'::regclass, 'public.training_jobs'::regclass, 'public.metrics_points'::regclass,
      'public.model_artifacts'::regclass, 'public.cost_records'::regclass, 'public.notifications'::regclass
    )
    order by conrelid, conname
  loop
    begin
      execute pg_catalog.format('alter table %s validate constraint %I', item.table_name, item.conname);
    exception when check_violation then
      raise warning 'rows of % break "%"', item.table_name, item.conname;
    end;
  end loop;
end
$$;
