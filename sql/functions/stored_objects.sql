-- What happens to a file in storage happens to its dataset: the size that storage measured is the dataset's, a file that
-- is there was uploaded, and a dataset whose file has changed was not read, whatever it was before.
--
-- Storage writes each upload twice: first as the user, without a size, rolled back again; then as the service, with it.

-- A dataset at this place has a file now.
create or replace function lora_private.follow_stored_object()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  stored_size constant bigint := case
    when new.metadata ->> 'size' ~ '^[0-9]{1,15}$' then (new.metadata ->> 'size')::bigint
  end;
  dataset public.datasets;
begin
  perform lora_private.wait_for_account(new.bucket_id, new.name);
  select * into dataset from public.datasets
  where storage_bucket = new.bucket_id and storage_path = new.name and deleted_at is null
  for no key update;
  if not found or stored_size is null then
    return null;
  end if;
  perform lora_private.read_dataset_again(dataset, 'replaced');
  update public.datasets set
    file_size = stored_size,
    status = case status when 'uploading' then 'validating' else status end
  where id = dataset.id and (file_size is distinct from stored_size or status = 'uploading');
  return null;
end
$$;

-- A dataset at this place has no file any more: it was deleted, or moved elsewhere.
create or replace function lora_private.miss_stored_object()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  dataset public.datasets;
begin
  perform lora_private.wait_for_account(old.bucket_id, old.name);
  select * into dataset from public.datasets
  where storage_bucket = old.bucket_id and storage_path = old.name and deleted_at is null
  for no key update;
  if found then
    perform lora_private.read_dataset_again(dataset, 'deleted');
  end if;
  return null;
end
$$;

-- A file takes its dataset, then jobs; the deletion of an account takes jobs, then datasets. So a file waits for the account
-- first, having nothing of it yet.
create or replace function lora_private.wait_for_account(bucket text, path text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.has_table_privilege('auth.users', 'update') then
    perform from auth.users where id = (
      select user_id from public.datasets
      where storage_bucket = bucket and storage_path = path and deleted_at is null
    )
    for key share;
  end if;
end
$$;

-- Sends a validated dataset back, and tells its owner and the jobs that count on it.
create or replace function lora_private.read_dataset_again(dataset public.datasets, what text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  job pg_catalog.record;
begin
  if dataset.status not in ('ready', 'error') then
    return;
  end if;
  for job in
    select id, attempt from public.training_jobs
    where dataset_id = dataset.id and status in ('queued', 'initializing', 'running')
    order by id
    -- Its events are numbered under its lock.
    for no key update
  loop
    insert into public.training_job_events (job_id, sequence, actor, kind, attempt, payload)
    select job.id, coalesce(pg_catalog.max(event.sequence), 0) + 1, lora_private.actor(), 'dataset_changed', job.attempt,
      pg_catalog.jsonb_build_object('dataset_id', dataset.id, 'file', what)
    from public.training_job_events as event where event.job_id = job.id;
  end loop;
  update public.datasets set status = 'validating' where id = dataset.id;
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  values (
    dataset.user_id, 'dataset_changed', 'Dataset changed',
    pg_catalog.format('The file of "%s" was %s; it has to be validated again.', dataset.name, what), 'high',
    pg_catalog.jsonb_build_object('dataset_id', dataset.id)
  );
end
$$;
revoke all on function
  lora_private.follow_stored_object(),
  lora_private.miss_stored_object(),
  lora_private.wait_for_account(text, text),
  lora_private.read_dataset_again(public.datasets, text)
  from public, anon, authenticated, service_role;

do $$
begin
  -- A platform without storage has no files to follow.
  if pg_catalog.to_regclass('storage.objects') is not null then
    -- In every bucket: the service may keep datasets elsewhere.
    create or replace trigger lora_follow_stored_object
      after insert on storage.objects
      for each row execute function lora_private.follow_stored_object();
    -- Not another column of the object, such as the time of its last access. Not every storage has versions.
    create or replace trigger lora_follow_changed_object
      after update on storage.objects
      for each row when (
        new.bucket_id is distinct from old.bucket_id or new.name is distinct from old.name
        or new.metadata ->> 'size' is distinct from old.metadata ->> 'size'
        or new.metadata ->> 'eTag' is distinct from old.metadata ->> 'eTag'
        or pg_catalog.to_jsonb(new) ->> 'version' is distinct from pg_catalog.to_jsonb(old) ->> 'version'
      )
      execute function lora_private.follow_stored_object();
    create or replace trigger lora_miss_deleted_object
      after delete on storage.objects
      for each row execute function lora_private.miss_stored_object();
    create or replace trigger lora_miss_moved_object
      after update on storage.objects
      for each row when (new.bucket_id is distinct from old.bucket_id or new.name is distinct from old.name)
      execute function lora_private.miss_stored_object();
  end if;
end
$$;
