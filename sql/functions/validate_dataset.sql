-- validate_dataset: the report on a dataset's file, recorded on its row. For the service, which has read the
-- file from storage; a client could pass any content.
create or replace function public.validate_dataset(dataset_id uuid, content text, options jsonb default '{}')
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  dataset public.datasets;
  report jsonb;
  errors jsonb;
  stored_size bigint;
begin
  if content is null or options is null then
    raise exception '"content" and "options" must not be null'
      using errcode = '22023', hint = 'Pass the content of the file; options may be left out.';
  end if;
  select * into dataset from public.datasets
  where id = validate_dataset.dataset_id and deleted_at is null
  for no key update;
  if not found then
    raise exception 'dataset "%" does not exist', validate_dataset.dataset_id
      using errcode = 'PT404', hint = 'Pass the id of a dataset that is not deleted.';
  end if;
  if pg_catalog.to_regclass('storage.objects') is not null then
    select (object.metadata ->> 'size')::bigint into stored_size
    from storage.objects as object
    where object.bucket_id = dataset.storage_bucket and object.name = dataset.storage_path;
    if stored_size <> pg_catalog.octet_length(content) then
      raise exception 'the content has % bytes, the stored object % bytes', pg_catalog.octet_length(content), stored_size
        using errcode = '22023', hint = 'Read the object again, whole and undecoded.';
    end if;
  end if;

  report := lora.dataset_report(content, options);
  -- A result is that of a validation that was begun, whatever the dataset was before.
  update public.datasets set status = 'validating' where id = dataset.id and status <> 'validating';
  select pg_catalog.jsonb_agg(finding) into errors
  from pg_catalog.jsonb_array_elements(report -> 'findings') as finding
  where finding ->> 'severity' = 'error';

  update public.datasets set
    status = case when (report ->> 'training_ready')::boolean then 'ready' else 'error' end,
    training_ready = (report ->> 'training_ready')::boolean,
    file_size = pg_catalog.octet_length(content),
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
        select case when (finding ->> 'line')::bigint > 0 then pg_catalog.format('line %s: ', finding ->> 'line') else '' end
          || (finding ->> 'error')
        from pg_catalog.jsonb_array_elements(errors) with ordinality as item (finding, number)
        order by (finding ->> 'line')::bigint = 0, number limit 1
      )
      when not (report ->> 'training_ready')::boolean then 'the dataset has no training pair'
    end,
    sample_data = report -> 'sample',
    content_digest = report ->> 'content_digest',
    content_sha256 = pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(content, 'UTF8')), 'hex'),
    validation_report = report,
    ruleset_version = report ->> 'ruleset_version'
  where id = dataset.id;
  return report;
end
$$;
comment on function public.validate_dataset(uuid, text, jsonb) is
  'Validates the content of a dataset''s file, records status, counts and findings on its row, and returns the report';
revoke all on function public.validate_dataset(uuid, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.validate_dataset(uuid, text, jsonb) to service_role;
