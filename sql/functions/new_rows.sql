-- The checks leave a way out for rows of an adopted database: a dataset that is deleted, a notification that is read, a
-- charge without a job breaks none. A new row does not take it, whoever inserts it.

-- Tests a row that takes the way out as if it did not. The arguments are the column, and a value of it that closes the way.
create or replace function lora_private.check_new_row()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  tests pg_catalog.text;
  broken pg_catalog.text;
begin
  select pg_catalog.string_agg(
    pg_catalog.format('when not (%s) then %L', pg_catalog.pg_get_expr(conbin, conrelid), conname), ' ' order by conname)
  into tests
  from pg_catalog.pg_constraint where conrelid = tg_relid and contype = 'c';
  execute pg_catalog.format(
    'select case %s end from (select (pg_catalog.jsonb_populate_record($1, $2)).*) as tested', tests)
  into broken using new, pg_catalog.jsonb_build_object(tg_argv[0], tg_argv[1]);
  if broken is not null then
    raise exception 'new row for relation "%" violates check constraint "%"', tg_table_name, broken
      using errcode = '23514', table = tg_table_name, constraint = broken,
        hint = pg_catalog.format('Mend the value: a new row is no exception, whatever its "%s" is.', tg_argv[0]);
  end if;
  return new;
end
$$;
revoke all on function lora_private.check_new_row() from public, anon, authenticated, service_role;

-- Last of all: what the others fill in is tested as well.
create or replace trigger z_check_new_row
  before insert on public.datasets
  for each row when (new.deleted_at is not null)
  execute function lora_private.check_new_row('deleted_at');
create or replace trigger z_check_new_row
  before insert on public.model_artifacts
  for each row when (new.deleted_at is not null)
  execute function lora_private.check_new_row('deleted_at');
create or replace trigger z_check_new_row
  before insert on public.notifications
  for each row when (new.read)
  execute function lora_private.check_new_row('read', 'false');
create or replace trigger z_check_new_row
  before insert on public.cost_records
  for each row when (new.job_id is null)
  execute function lora_private.check_new_row('job_id', '00000000-0000-0000-0000-000000000000');
