-- The states of a dataset: uploading, validating, and then ready or error. They hold for every role: nothing is ready
-- that was not read.

-- Where a dataset may go from each status. One of an adopted database may have a status that nobody knows; validating it
-- says what it is.
create or replace function lora_private.is_dataset_transition(from_status text, to_status text)
returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select exists (
    select from (values
      ('uploading', 'validating'),
      ('validating', 'ready'), ('validating', 'error'),
      ('ready', 'validating'),
      ('error', 'validating')
    ) as allowed (from_status, to_status)
    where allowed.from_status = is_dataset_transition.from_status
      and allowed.to_status = is_dataset_transition.to_status
  ) or from_status not in ('uploading', 'validating', 'ready', 'error') and to_status = 'validating'
$$;

-- What validation decides. A client may set none of it, and a new validation begins without any.
create or replace function lora_private.columns_of_validation()
returns text[]
language sql immutable parallel safe
set search_path = ''
as $$
  select array[
    'avg_tokens_per_turn', 'avg_turns_per_conversation', 'content_digest', 'content_sha256', 'error_message',
    'ruleset_version', 'sample_data', 'total_tokens', 'total_training_pairs', 'total_validation_pairs', 'training_ready',
    'validated_at', 'validation_errors', 'validation_report'
  ]
$$;

-- A dataset as it is before its validation.
create or replace function lora_private.without_validation(dataset public.datasets)
returns public.datasets
language sql stable
set search_path = ''
as $$
  select pg_catalog.jsonb_populate_record(dataset, (
    select pg_catalog.jsonb_object_agg(
      column_name, case column_name when 'training_ready' then 'false'::pg_catalog.jsonb else 'null' end)
    from pg_catalog.unnest(lora_private.columns_of_validation()) as column_name
  ))
$$;

-- Whichever door a dataset comes through, it has not been read.
create or replace function lora_private.begin_dataset()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- The specification has these nullable and calls them non-null to its readers.
  new.status := coalesce(new.status, 'uploading');
  new.format := coalesce(new.format, 'brightrun_lora_v4');
  new.storage_bucket := coalesce(new.storage_bucket, 'lora-datasets');
  new.training_ready := coalesce(new.training_ready, false);
  new.created_at := coalesce(new.created_at, lora_private.clock());
  new.updated_at := coalesce(new.updated_at, lora_private.clock());
  if new.status not in ('uploading', 'validating') then
    raise exception 'a dataset cannot begin as "%"', new.status
      using errcode = 'PT409', hint = 'Insert it as "uploading" or "validating"; validate_dataset says what it is.';
  end if;
  return new;
end
$$;

create or replace function lora_private.change_dataset_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if lora_private.is_dataset_transition(old.status, new.status) is not true then
    raise exception 'dataset "%" is "%" and cannot become "%"', old.id, old.status, coalesce(new.status, 'null')
      using errcode = 'PT409', hint = case
        when new.status in ('ready', 'error') then 'Set it to "validating" first, or call validate_dataset.'
        else 'Follow the states: uploading, validating, and then ready or error.'
      end;
  end if;
  if new.status = 'validating' then
    -- What an earlier validation found is not what this one will find.
    new := lora_private.without_validation(new);
  end if;
  return new;
end
$$;

-- As the owner of the tables, whoever recorded the validation.
create or replace function lora_private.record_dataset_state()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if old.status in ('ready', 'error') then
    -- The next result is another event than the last one.
    perform lora_private.release_notifications(new.user_id, new.id, array['dataset_ready', 'dataset_error']);
  end if;
  if new.status = 'validating' then
    return null;
  end if;
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  values (
    new.user_id,
    case new.status when 'ready' then 'dataset_ready' else 'dataset_error' end,
    case new.status when 'ready' then 'Dataset ready' else 'Dataset not usable' end,
    case new.status
      when 'ready' then pg_catalog.format('"%s" is ready with %s training pairs.', new.name, new.total_training_pairs)
      else pg_catalog.format('"%s" cannot be used: %s.', new.name, coalesce(new.error_message, 'validation failed'))
    end,
    case new.status when 'ready' then 'medium' else 'high' end,
    pg_catalog.jsonb_build_object('dataset_id', new.id)
  );
  return null;
end
$$;

revoke all on function
  lora_private.is_dataset_transition(text, text),
  lora_private.columns_of_validation(),
  lora_private.without_validation(public.datasets),
  lora_private.begin_dataset(),
  lora_private.change_dataset_state(),
  lora_private.record_dataset_state()
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.is_dataset_transition(text, text),
  lora_private.columns_of_validation(),
  lora_private.without_validation(public.datasets)
  to authenticated, service_role;

-- After the guard, which refuses a client's NULL.
create or replace trigger b_begin_dataset
  before insert on public.datasets
  for each row execute function lora_private.begin_dataset();

create or replace trigger change_dataset_state
  before update on public.datasets
  for each row when (new.status is distinct from old.status)
  execute function lora_private.change_dataset_state();

create or replace trigger record_dataset_state
  after update on public.datasets
  for each row when (new.status is distinct from old.status and new.status in ('validating', 'ready', 'error'))
  execute function lora_private.record_dataset_state();
