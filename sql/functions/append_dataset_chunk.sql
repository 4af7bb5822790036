-- append_dataset_chunk: a part of a dataset's file, cut anywhere. It is read at once, and what was read is kept: the whole
-- file is never in the database. finish_dataset_validation makes the report.
create or replace function public.append_dataset_chunk(
  dataset_id uuid, chunk_number integer, content text, encoding text default 'utf8', split text default 'train',
  options jsonb default '{}'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  chunk_content bytea;
  chunk_hash bytea;
  chunk_reading text;
  dataset public.datasets;
  stored lora_private.dataset_chunks;
begin
  if content is null or options is null then
    raise exception '"content" and "options" must not be null'
      using errcode = '22023', hint = 'Pass a part of the file, which may be empty; options may be left out.';
  elsif chunk_number is null or chunk_number not between 1 and lora_private.most_dataset_chunks() then
    raise exception '"chunk_number" is %', coalesce(chunk_number::text, 'null')
      using errcode = '22023', hint = pg_catalog.format(
        'Number the chunks of a dataset from 1 to at most %s; larger chunks make fewer of them.',
        lora_private.most_dataset_chunks());
  elsif split is null or split not in ('train', 'validation') then
    raise exception '"split" is %', coalesce('"' || split || '"', 'null')
      using errcode = '22023', hint = 'Pass "train", or "validation" for a file that is held back.';
  end if;
  chunk_content := lora_private.chunk_content(content, encoding);
  chunk_hash := pg_catalog.sha256(chunk_content);
  -- Whoever switches schema lora to its other edition waits until this ends: a chunk is read by the edition that its row names.
  lock table lora_private.dataset_chunks in row exclusive mode;
  chunk_reading := lora_private.dataset_reading(options);

  -- Until it ends nobody finishes the validation, or begins another one.
  select * into dataset from public.datasets
  where id = append_dataset_chunk.dataset_id and deleted_at is null
  for share;
  if not found then
    raise exception 'dataset "%" does not exist', append_dataset_chunk.dataset_id
      using errcode = 'PT404', hint = 'Pass the id of a dataset that is not deleted.';
  elsif dataset.status in ('ready', 'error') then
    raise exception 'dataset "%" is "%": its validation is finished', dataset.id, dataset.status
      using errcode = 'PT409', hint = 'Set its status to "validating" to validate it again, and send all chunks.';
  end if;

  select * into stored from lora_private.dataset_chunks as chunk
  where chunk.dataset_id = dataset.id and chunk.chunk_number = append_dataset_chunk.chunk_number;
  if not found then
    insert into lora_private.dataset_chunks (dataset_id, chunk_number, split, bytes, content_sha256, reading, segment)
    values (
      dataset.id, append_dataset_chunk.chunk_number, append_dataset_chunk.split, pg_catalog.length(chunk_content),
      chunk_hash, chunk_reading, lora.scan_segment(chunk_content, options)
    )
    on conflict on constraint dataset_chunks_pkey do nothing
    returning * into stored;
    if found then
      return pg_catalog.jsonb_build_object('chunk_number', chunk_number, 'bytes', stored.bytes, 'duplicate', false);
    end if;
    -- Somebody else has just sent one.
    select * into strict stored from lora_private.dataset_chunks as chunk
    where chunk.dataset_id = dataset.id and chunk.chunk_number = append_dataset_chunk.chunk_number;
  end if;

  if stored.content_sha256 <> chunk_hash or stored.split <> append_dataset_chunk.split then
    raise exception 'chunk % of dataset "%" is there already with %', chunk_number, dataset.id,
      case when stored.content_sha256 = chunk_hash then pg_catalog.format('the split "%s"', stored.split) else 'another content' end
      using errcode = 'PT409', hint = 'Give each chunk a number of its own, over all files of the dataset. '
        'To begin anew, set the status of the dataset to "validating": all its chunks are dropped.';
  elsif stored.reading <> chunk_reading then
    -- It was read by another version, or with other options, and the parts of a file have to be read alike.
    update lora_private.dataset_chunks as chunk
    set segment = lora.scan_segment(chunk_content, options), reading = chunk_reading, appended_at = lora_private.clock()
    where chunk.dataset_id = dataset.id and chunk.chunk_number = append_dataset_chunk.chunk_number;
  end if;
  return pg_catalog.jsonb_build_object('chunk_number', chunk_number, 'bytes', stored.bytes, 'duplicate', true);
end
$$;
comment on function public.append_dataset_chunk(uuid, integer, text, text, text, jsonb) is
  'Reads a part of a dataset''s file, cut anywhere and in any order; the same part again is no harm';
revoke all on function public.append_dataset_chunk(uuid, integer, text, text, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.append_dataset_chunk(uuid, integer, text, text, text, jsonb) to service_role;

-- The bytes of a chunk. A text cannot hold all bytes that a file can, so they may come as base64.
create or replace function lora_private.chunk_content(content text, encoding text)
returns bytea
language plpgsql stable
set search_path = ''
as $$
declare
  -- As in one call of check_dataset.
  most_bytes constant integer := 8388608;
  decoded pg_catalog.bytea;
begin
  -- Four characters for three bytes, and a line end after every 64 or more.
  if pg_catalog.octet_length(content) <= most_bytes / 3 * 4 + most_bytes / 16 then
    if encoding = 'utf8' then
      decoded := pg_catalog.convert_to(content, 'UTF8');
    elsif encoding = 'base64' then
      begin
        decoded := pg_catalog.decode(content, 'base64');
      exception when invalid_parameter_value then
        raise exception 'the content is not base64: %', sqlerrm
          using errcode = '22023', hint = 'Encode the bytes of the chunk as base64 with the letters "+" and "/", or pass text as "utf8".';
      end;
    else
      raise exception '"encoding" is %', coalesce('"' || encoding || '"', 'null')
        using errcode = '22023', hint = 'Pass "utf8" for text, or "base64" for the bytes of the file as they are.';
    end if;
  end if;
  if decoded is null or pg_catalog.length(decoded) > most_bytes then
    raise exception 'the chunk has % bytes, % at most are read in one call',
      coalesce(pg_catalog.length(decoded), pg_catalog.octet_length(content)), most_bytes
      using errcode = '22023', hint = 'Send smaller chunks; 1 MB is a good size.';
  end if;
  return decoded;
end
$$;
revoke all on function lora_private.chunk_content(text, text) from public, anon, authenticated, service_role;
grant execute on function lora_private.chunk_content(text, text) to service_role;
