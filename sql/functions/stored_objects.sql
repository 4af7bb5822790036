-- What happens to a file in storage happens to its dataset: the size that storage measured is the dataset's, and a
-- dataset whose file has changed was not read, whatever it was before.
--
-- Storage writes each upload twice: first as the user, without a size, rolled back again; then as the service, with it.
create or replace function lora_private.follow_stored_object()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  size constant bigint := case
    when new.metadata ->> 'size' ~ '^[0-9]{1,15}$' then (new.metadata ->> 'size')::bigint
  end;
  dataset public.datasets;
begin
  select * into dataset from public.datasets
  where storage_bucket = new.bucket_id and storage_path = new.name and deleted_at is null
  for no key update;
  if not found or size is null then
    return null;
  elsif dataset.status not in ('ready', 'error') then
    update public.datasets set file_size = size where id = dataset.id and file_size is distinct from size;
    return null;
  elsif tg_op = 'UPDATE' and new.metadata ->> 'size' is not distinct from old.metadata ->> 'size'
    and new.metadata ->> 'eTag' is not distinct from old.metadata ->> 'eTag'
    and pg_catalog.to_jsonb(new) ->> 'version' is not distinct from pg_catalog.to_jsonb(old) ->> 'version' then
    -- Another column of the object, such as the time of its last access.
    return null;
  end if;
  update public.datasets set
    file_size = size, status = 'validating', training_ready = false, validated_at = null, total_training_pairs = null,
    total_validation_pairs = null, total_tokens = null, avg_turns_per_conversation = null, avg_tokens_per_turn = null,
    validation_errors = null, error_message = null, sample_data = null, content_sha256 = null, content_digest = null,
    validation_report = null, ruleset_version = null
  where id = dataset.id;
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  values (
    dataset.user_id, 'dataset_changed', 'Dataset changed',
    pg_catalog.format('The file of "%s" was replaced; it has to be validated again.', dataset.name), 'high',
    pg_catalog.jsonb_build_object('dataset_id', dataset.id)
  );
  return null;
end
$$;
revoke all on function lora_private.follow_stored_object() from public, anon, authenticated, service_role;

do $$
begin
  -- A platform without storage has no files to follow.
  if pg_catalog.to_regclass('storage.objects') is not null then
    execute 'create or replace trigger lora_follow_stored_object
      after insert or update on storage.objects
      for each row when (new.bucket_id = ''lora-datasets'')
      execute function lora_private.follow_stored_object()';
  end if;
end
$$;
