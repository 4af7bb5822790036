-- finish_dataset_validation: the report on a dataset whose files came in chunks, recorded on its row. A client that asks
-- once more, or after another one, gets the same report.
create or replace function public.finish_dataset_validation(
  dataset_id uuid, chunks integer, content_sha256 text default null, options jsonb default '{}'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  dataset public.datasets;
  report jsonb;
begin
  if options is null then
    raise exception '"options" must not be null' using errcode = '22023', hint = 'Leave options out to have the default ones.';
  elsif chunks is null or chunks not between 1 and lora_private.most_dataset_chunks() then
    raise exception '"chunks" is %', coalesce(chunks::text, 'null')
      using errcode = '22023', hint = pg_catalog.format(
        'Pass how many chunks the dataset has, at most %s; an empty file is one chunk of 0 bytes.',
        lora_private.most_dataset_chunks());
  elsif content_sha256 !~* '^[0-9a-f]{64}$' then
    raise exception '"content_sha256" is no SHA-256'
      using errcode = '22023', hint = 'Pass the 64 hexadecimal digits of the file to train on, or null.';
  end if;
  content_sha256 := pg_catalog.lower(content_sha256);

  -- Until this ends schema lora is not switched to its other edition, whose segments are other bytes.
  lock table lora_private.dataset_chunks in row exclusive mode;
  -- Of two clients the second one waits here, and finds what the first has done.
  dataset := lora_private.dataset_to_validate(dataset_id);
  if dataset.status in ('ready', 'error') then
    perform from lora_private.finished_dataset_validations as finished
    where finished.dataset_id = dataset.id and finished.chunks = finish_dataset_validation.chunks
      and finished.content_sha256 is not distinct from finish_dataset_validation.content_sha256
      and finished.options = finish_dataset_validation.options;
    if not found then
      raise exception 'dataset "%" is "%": its validation is finished', dataset.id, dataset.status
        using errcode = 'PT409', hint = 'Set its status to "validating" to validate it again, and send all chunks.';
    end if;
    return dataset.validation_report;
  end if;

  perform lora_private.refuse_incomplete_chunks(dataset.id, chunks, lora_private.dataset_reading(options));
  perform lora_private.refuse_other_size(dataset, (
    select pg_catalog.sum(chunk.bytes) from lora_private.dataset_chunks as chunk
    where chunk.dataset_id = dataset.id and chunk.split = 'train'
  ));
  report := lora_private.record_dataset_report(
    dataset,
    lora.segment_report(
      lora_private.dataset_segment(dataset.id, 'train'), options, lora_private.dataset_segment(dataset.id, 'validation')),
    content_sha256
  );
  perform lora_private.forget_dataset_chunks(dataset.id);
  insert into lora_private.finished_dataset_validations (dataset_id, chunks, content_sha256, options)
  values (dataset.id, finish_dataset_validation.chunks, finish_dataset_validation.content_sha256, finish_dataset_validation.options);
  return report;
end
$$;
comment on function public.finish_dataset_validation(uuid, integer, text, jsonb) is
  'Makes the report on a dataset whose chunks have come, records it on its row, and returns it';
revoke all on function public.finish_dataset_validation(uuid, integer, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.finish_dataset_validation(uuid, integer, text, jsonb) to service_role;

-- What the chunks of one file hold together; NULL without any.
create or replace function lora_private.dataset_segment(dataset_id uuid, split text)
returns bytea
language sql stable
set search_path = ''
as $$
  select lora.merge_segments(chunk.segment order by chunk.chunk_number)
  from lora_private.dataset_chunks as chunk
  where chunk.dataset_id = dataset_segment.dataset_id and chunk.split = dataset_segment.split
$$;

-- Refuses chunks that are not all there, or that were not read alike.
create or replace function lora_private.refuse_incomplete_chunks(dataset_id uuid, chunks integer, reading text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  beyond integer;
  missing pg_catalog.record;
  other pg_catalog.record;
begin
  select pg_catalog.max(chunk_number) into beyond
  from lora_private.dataset_chunks as chunk
  where chunk.dataset_id = refuse_incomplete_chunks.dataset_id and chunk_number > chunks;
  if beyond is not null then
    raise exception 'chunk % is there, but the dataset is said to have % chunks', beyond, chunks
      using errcode = '22023', hint = 'Pass the number of all chunks, those of a validation file included.';
  end if;

  select pg_catalog.min(number) as first, pg_catalog.count(*) as count into missing
  from pg_catalog.generate_series(1, chunks) as number
  where not exists (
    select from lora_private.dataset_chunks as chunk
    where chunk.dataset_id = refuse_incomplete_chunks.dataset_id and chunk.chunk_number = number
  );
  if missing.count > 0 then
    -- A mark that pg-lora leaves in place of the chunks.
    perform from lora_private.finished_dataset_validations as finished
    where finished.dataset_id = refuse_incomplete_chunks.dataset_id and finished.chunks = 0;
    if found then
      raise exception 'the chunks of dataset "%" have to be sent again', refuse_incomplete_chunks.dataset_id
        using errcode = 'PT409', detail = pg_catalog.format(
          'Schema lora was switched to its other edition since the validation began; %s of %s chunks came after that.',
          chunks - missing.count, chunks),
        hint = 'Append all chunks again, then finish again; those that came after it may be sent again too.';
    end if;
    raise exception 'chunk % is missing', missing.first
      using errcode = 'PT409', detail = pg_catalog.format('%s of %s chunks are there.', chunks - missing.count, chunks),
      hint = 'Append it, then finish again; chunks that are there may be sent again.';
  end if;

  perform from lora_private.dataset_chunks as chunk
  where chunk.dataset_id = refuse_incomplete_chunks.dataset_id and chunk.split = 'train';
  if not found then
    raise exception 'all chunks are of the validation file'
      using errcode = '22023', hint = 'Append the file to train on with the split "train".';
  end if;

  select chunk.chunk_number, chunk.reading into other
  from lora_private.dataset_chunks as chunk
  where chunk.dataset_id = refuse_incomplete_chunks.dataset_id and chunk.reading <> refuse_incomplete_chunks.reading
  order by chunk.chunk_number limit 1;
  if found then
    raise exception 'chunk % was not read as the report is asked for', other.chunk_number
      using errcode = 'PT409', detail = pg_catalog.format('It was read with %s, the report is asked for with %s.', other.reading, reading),
      hint = 'Append the chunks again, with the options that the report is asked for with.';
  end if;
end
$$;

revoke all on function
  lora_private.dataset_segment(uuid, text),
  lora_private.refuse_incomplete_chunks(uuid, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.dataset_segment(uuid, text),
  lora_private.refuse_incomplete_chunks(uuid, integer, text)
  to service_role;
