-- What happens to a file in storage happens to its dataset: the size that storage measured is the dataset's, a file that
-- is there was uploaded, and a dataset whose file has changed was not read, whatever it was before.
--
-- Storage writes each upload twice: first as the user, without a size, rolled back again; then as the service, with it.

-- The size that storage measured; NULL for what has none yet.
create or replace function lora_private.stored_size(metadata jsonb)
returns bigint
language sql immutable parallel safe
set search_path = ''
as $$
  select case when metadata ->> 'size' ~ '^[0-9]{1,15}$' then (metadata ->> 'size')::bigint end
$$;

-- The datasets at this place have a file now: the one that is there, and those that were deleted and may come back.
create or replace function lora_private.follow_stored_object()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  stored_size constant bigint := lora_private.stored_size(new.metadata);
  dataset public.datasets;
begin
  if stored_size is null then
    return null;
  end if;
  perform lora_private.wait_for_account(new.bucket_id, new.name);
  for dataset in
    select * from public.datasets where storage_bucket = new.bucket_id and storage_path = new.name
    order by id
    for no key update
  loop
    perform lora_private.read_dataset_again(dataset, 'replaced');
    update public.datasets set
      file_size = stored_size,
      status = case status when 'uploading' then 'validating' else status end
    where id = dataset.id and (file_size is distinct from stored_size or status = 'uploading');
  end loop;
  return null;
end
$$;

-- The datasets at this place have no file any more: it was deleted, or moved elsewhere.
create or replace function lora_private.miss_stored_object()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  dataset public.datasets;
begin
  perform lora_private.wait_for_account(old.bucket_id, old.name);
  for dataset in
    select * from public.datasets where storage_bucket = old.bucket_id and storage_path = old.name
    order by id
    for no key update
  loop
    perform lora_private.read_dataset_again(dataset, 'deleted');
  end loop;
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
    perform from auth.users where id in (
      select user_id from public.datasets where storage_bucket = bucket and storage_path = path
    )
    for key share;
  end if;
end
$$;

-- Sends a validated dataset back, and tells of it; what was read of the old file is not part of the new one.
create or replace function lora_private.read_dataset_again(dataset public.datasets, what text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform lora_private.forget_dataset_chunks(dataset.id);
  if dataset.status in ('ready', 'error') then
    perform lora_private.tell_changed_dataset(dataset, what);
    update public.datasets set status = 'validating' where id = dataset.id;
  end if;
end
$$;

-- Tells the jobs that count on a dataset that its file is another one, and its owner, if it is still there.
create or replace function lora_private.tell_changed_dataset(dataset public.datasets, what text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  job pg_catalog.record;
begin
  for job in
    select id, attempt from public.training_jobs
    where dataset_id = dataset.id and status in ('queued', 'initializing', 'running')
    order by id
    -- Its events are numbered under its lock.
    for no key update
  loop
    insert into public.training_job_events (job_id, actor, kind, attempt, payload)
    values (
      job.id, lora_private.actor(), 'dataset_changed', job.attempt,
      pg_catalog.jsonb_build_object('dataset_id', dataset.id, 'file', what)
    );
  end loop;
  if dataset.deleted_at is null then
    insert into public.notifications (user_id, type, title, message, priority, metadata)
    values (
      dataset.user_id, 'dataset_changed', 'Dataset changed',
      pg_catalog.format('The file of "%s" was %s; it has to be validated again.', dataset.name, what), 'high',
      pg_catalog.jsonb_build_object('dataset_id', dataset.id)
    );
  end if;
end
$$;

-- A dataset that comes to a place, new or from another one, has the file that is there, and has not been read.
create or replace function lora_private.place_dataset()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  stored_size bigint;
begin
  if tg_op = 'UPDATE' and new.status in ('ready', 'error') then
    new := lora_private.without_validation(new);
    new.status := 'validating';
  end if;
  -- A platform without storage has no files to look for.
  if pg_catalog.to_regclass('storage.objects') is not null then
    select lora_private.stored_size(object.metadata) into stored_size
    from storage.objects as object
    where object.bucket_id = new.storage_bucket and object.name = new.storage_path;
  end if;
  if stored_size is not null then
    new.file_size := stored_size;
    new.status := case new.status when 'uploading' then 'validating' else new.status end;
  end if;
  return new;
end
$$;

create or replace function lora_private.tell_placed_dataset()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  perform lora_private.tell_changed_dataset(new, 'replaced');
  return null;
end
$$;

revoke all on function
  lora_private.stored_size(jsonb),
  lora_private.follow_stored_object(),
  lora_private.miss_stored_object(),
  lora_private.wait_for_account(text, text),
  lora_private.read_dataset_again(public.datasets, text),
  lora_private.tell_changed_dataset(public.datasets, text),
  lora_private.place_dataset(),
  lora_private.tell_placed_dataset()
  from public, anon, authenticated, service_role;
-- Pure: whoever validates compares sizes.
grant execute on function lora_private.stored_size(jsonb) to service_role;

-- After the guard, which says where a client's dataset may lie, and what is filled in; before the change of the state.
create or replace trigger c_place_new_dataset
  before insert on public.datasets
  for each row execute function lora_private.place_dataset();
create or replace trigger c_place_dataset
  before update on public.datasets
  for each row when (new.storage_bucket is distinct from old.storage_bucket or new.storage_path is distinct from old.storage_path)
  execute function lora_private.place_dataset();
create or replace trigger tell_placed_dataset
  after update on public.datasets
  for each row when (
    (new.storage_bucket is distinct from old.storage_bucket or new.storage_path is distinct from old.storage_path)
    and old.status in ('ready', 'error')
  )
  execute function lora_private.tell_placed_dataset();

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
