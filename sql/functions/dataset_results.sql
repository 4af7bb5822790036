-- What every way of validating a dataset ends in: its report on its row.

-- The dataset, locked.
create or replace function lora_private.dataset_to_validate(dataset_id uuid)
returns public.datasets
language plpgsql
set search_path = ''
as $$
declare
  dataset public.datasets;
begin
  select * into dataset from public.datasets
  where id = dataset_to_validate.dataset_id and deleted_at is null
  for no key update;
  if not found then
    raise exception 'dataset "%" does not exist', dataset_to_validate.dataset_id
      using errcode = 'PT404', hint = 'Pass the id of a dataset that is not deleted.';
  end if;
  return dataset;
end
$$;

-- Refuses a file that is not as long as the one that is stored.
create or replace function lora_private.refuse_other_size(dataset public.datasets, bytes bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
  stored_size bigint;
begin
  -- A platform without storage has no files to look for.
  if pg_catalog.to_regclass('storage.objects') is null then
    return;
  end if;
  select lora_private.stored_size(object.metadata) into stored_size
  from storage.objects as object
  where object.bucket_id = dataset.storage_bucket and object.name = dataset.storage_path;
  if stored_size <> bytes then
    raise exception 'the content has % bytes, the stored object % bytes', bytes, stored_size
      using errcode = '22023', hint = 'Read the object again, whole and undecoded.';
  end if;
end
$$;

-- Records a report on its dataset, and answers it.
create or replace function lora_private.record_dataset_report(dataset public.datasets, report jsonb, content_sha256 text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  errors pg_catalog.jsonb;
begin
  -- A result is that of a validation that was begun, whatever the dataset was before.
  update public.datasets set status = 'validating' where id = dataset.id and status <> 'validating';
  select pg_catalog.jsonb_agg(finding) into errors
  from pg_catalog.jsonb_array_elements(report -> 'findings') as finding
  where finding ->> 'severity' = 'error';

  update public.datasets set
    status = case when (report ->> 'training_ready')::boolean then 'ready' else 'error' end,
    training_ready = (report ->> 'training_ready')::boolean,
    file_size = (report ->> 'bytes')::bigint,
    validated_at = lora_private.clock(),
    total_training_pairs = (report ->> 'total_training_pairs')::integer,
    total_validation_pairs = (report ->> 'total_validation_pairs')::integer,
    total_tokens = (report ->> 'total_tokens')::bigint,
    -- What a column cannot hold is as good as its largest value.
    avg_turns_per_conversation = least((report ->> 'avg_turns_per_conversation')::numeric, 99999999.99),
    avg_tokens_per_turn = least((report ->> 'avg_tokens_per_turn')::numeric, 99999999.99),
    validation_errors = errors,
    error_message = case
      when errors is not null then (
        -- What is wrong on a line says more than what follows from it for the file.
        select case
            when finding ->> 'split' = 'validation' and (finding ->> 'line')::bigint > 0
              then pg_catalog.format('line %s of the validation file: ', finding ->> 'line')
            when finding ->> 'split' = 'validation' then 'the validation file: '
            when (finding ->> 'line')::bigint > 0 then pg_catalog.format('line %s: ', finding ->> 'line')
            else ''
          end || (finding ->> 'error')
        from pg_catalog.jsonb_array_elements(errors) with ordinality as item (finding, number)
        order by (finding ->> 'line')::bigint = 0, number limit 1
      )
      when not (report ->> 'training_ready')::boolean then 'the dataset has no training pair'
    end,
    sample_data = report -> 'sample',
    content_digest = report ->> 'content_digest',
    content_sha256 = record_dataset_report.content_sha256,
    validation_report = report,
    ruleset_version = report ->> 'ruleset_version'
  where id = dataset.id;
  return report;
end
$$;

revoke all on function
  lora_private.dataset_to_validate(uuid),
  lora_private.refuse_other_size(public.datasets, bigint),
  lora_private.record_dataset_report(public.datasets, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.dataset_to_validate(uuid),
  lora_private.refuse_other_size(public.datasets, bigint),
  lora_private.record_dataset_report(public.datasets, jsonb, text)
  to service_role;
