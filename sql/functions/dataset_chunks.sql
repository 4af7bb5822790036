-- What is kept of a dataset's chunks while they come, and when it goes: with the result, when another validation begins, when
-- the file changes, and when nobody has gone on for a day.

-- The working tables are for the functions that the service calls; lora_private is no schema of the API.
revoke all on lora_private.dataset_chunks, lora_private.finished_dataset_validations
  from public, anon, authenticated, service_role;
grant select, insert, update, delete on lora_private.dataset_chunks, lora_private.finished_dataset_validations to service_role;

-- 500 MB, the bucket's limit, in chunks of 5 kB.
create or replace function lora_private.most_dataset_chunks()
returns integer
language sql immutable parallel safe
set search_path = ''
as $$
  select 100000
$$;

-- How a chunk is read: what has to be alike for all of a file.
create or replace function lora_private.dataset_reading(options jsonb)
returns text
language sql stable
set search_path = ''
as $$
  select pg_catalog.format(
    'profile %s, window %s, rules %s, edition %s',
    coalesce(options ->> 'profile', 'brightrun'), coalesce(options ->> 'window', 'of the profile'),
    info ->> 'ruleset_version', info ->> 'edition')
  from lora.build_info() as info
$$;

create or replace function lora_private.forget_dataset_chunks(dataset_id uuid)
returns void
language sql
set search_path = ''
as $$
  delete from lora_private.dataset_chunks as chunk where chunk.dataset_id = forget_dataset_chunks.dataset_id;
  delete from lora_private.finished_dataset_validations as finished
  where finished.dataset_id = forget_dataset_chunks.dataset_id;
$$;

-- Chunks of validations that nobody has gone on with for so long; answers how many were removed.
create or replace function lora_private.remove_abandoned_chunks(idle_for interval default '1 day')
returns bigint
language sql
set search_path = ''
as $$
  with removed as (
    delete from lora_private.dataset_chunks as chunk
    where chunk.dataset_id in (
      select abandoned.dataset_id from lora_private.dataset_chunks as abandoned
      group by abandoned.dataset_id
      having pg_catalog.max(abandoned.appended_at) < lora_private.clock() - idle_for
    )
    returning 1
  )
  select pg_catalog.count(*) from removed
$$;

-- As the owner of the tables, whoever begins it.
create or replace function lora_private.begin_dataset_validation()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  perform lora_private.forget_dataset_chunks(new.id);
  return null;
end
$$;

revoke all on function
  lora_private.most_dataset_chunks(),
  lora_private.dataset_reading(jsonb),
  lora_private.forget_dataset_chunks(uuid),
  lora_private.remove_abandoned_chunks(interval),
  lora_private.begin_dataset_validation()
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.most_dataset_chunks(),
  lora_private.dataset_reading(jsonb),
  lora_private.forget_dataset_chunks(uuid),
  lora_private.remove_abandoned_chunks(interval)
  to service_role;

-- Also when it is "validating" already: whoever says so once more wants to begin anew.
create or replace trigger begin_dataset_validation
  after update of status on public.datasets
  for each row when (new.status = 'validating')
  execute function lora_private.begin_dataset_validation();
-- What was read is not the file at the new place.
create or replace trigger begin_placed_dataset_validation
  after update on public.datasets
  for each row when (new.storage_bucket is distinct from old.storage_bucket or new.storage_path is distinct from old.storage_path)
  execute function lora_private.begin_dataset_validation();
