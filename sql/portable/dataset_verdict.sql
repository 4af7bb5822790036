-- dataset_verdict: what a file is, before its lines are believed: lines of JSON, one document, or something else that people upload as JSONL.
-- core/src/dataset/verdict.rs says what and why.

-- Whether a line holds column names, at least two, of which one is known: by that a table of training data is told from a line that is just broken.
create or replace function lora._is_table(latin text)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  line text := pg_catalog.split_part(latin, E'\n', 1);
  ended text;
begin
  if lora._valid_bytes(line) < pg_catalog.length(line) then
    return false;
  end if;
  line := pg_catalog.convert_from(pg_catalog.convert_to(line, 'LATIN1'), 'UTF8');
  -- Without white space at its end.
  ended := pg_catalog.substr(lora._trimmed('x' || line), 2);
  return exists (
    select from pg_catalog.unnest(array[',', ';', E'\t']) as separator
    where pg_catalog.strpos(line, separator) > 0
      and exists (
        select from pg_catalog.unnest(pg_catalog.string_to_array(
          -- White space at its end belongs to no column, and a separator there is white space too.
          case when separator = E'\t' then ended else line end, separator)) as name
        where pg_catalog.lower(pg_catalog.btrim(lora._trimmed(name), '"') collate pg_catalog."C") in (
          'prompt', 'completion', 'instruction', 'input', 'output', 'question', 'answer', 'role', 'content', 'messages', 'user', 'assistant',
          'system', 'response', 'text', 'id', 'conversation_id', 'target_response', 'query', 'reply'))
      and pg_catalog.strpos(case when separator = E'\t' then ended else line end, separator) > 0
  );
end
$$;
grant execute on function lora._is_table(text) to public;

-- Judges a file by its first line, what was counted, and, while it may be a document, its bytes. What it is: lines, a document, or foreign, with the
-- code and the message of that.
create or replace function lora._file_verdict(
  first_line bytea, block jsonb, size bigint, raw bytea, out kind text, out code text, out error text
)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  filled constant bigint := block ->> 'filled';
  examples constant bigint := (select coalesce(pg_catalog.sum((of_shape.value ->> 'lines')::bigint), 0)
    from pg_catalog.jsonb_each(block -> 'shapes') as of_shape);
  beginning constant text := lora._latin(pg_catalog.substr(first_line, 1, 4200));
  format text;
  begins text;
  names text[];
  looks_like_one boolean;
  valid integer;
  content text;
  counted bigint;
begin
  kind := 'foreign';
  format := (
    select known.name from (values
      (U&'\001f\008b', 'compressed with gzip'), (U&'PK\0003\0004', 'a zip archive or an office document'),
      (U&'(\00b5/\00fd', 'compressed with zstd'), ('BZh', 'compressed with bzip2'), (U&'\00fd7zXZ', 'compressed with xz'),
      ('PAR1', 'a Parquet file'), ('ARROW1', 'an Arrow file'), ('SQLite format 3', 'a SQLite database')) as known (magic, name)
    where pg_catalog.starts_with(beginning, known.magic));
  if format is not null then
    code := 'binary_file';
    error := 'the file is ' || format;
    return;
  elsif beginning like U&'\00ff\00fe%' or beginning like U&'\00fe\00ff%' then
    code := 'invalid_utf8';
    error := 'the file is UTF-16 text';
    return;
  end if;
  kind := 'lines';
  -- One example may be the last element of an array that is written an element a line.
  if filled = 0 or examples > 1 then
    return;
  end if;
  begins := lora._latin(pg_catalog.substr(pg_catalog.ltrim(
    case when pg_catalog.starts_with(beginning, U&'\00ef\00bb\00bf') then pg_catalog.substr(coalesce(raw, first_line), 4) else coalesce(raw, first_line) end,
    '\x20090a0c0d'), 1, 4096));
  if begins ~ '^\[[ \t\n\f\r]*(?:[\]{]|$)' then
    kind := 'foreign';
    code := 'json_array';
    error := 'the file is a JSON array';
    return;
  elsif begins not like '{%' then
    if begins <> '' and examples = 0 and lora._is_table(begins) then
      kind := 'foreign';
      code := 'csv_file';
      error := 'the first line is a row of column names';
    end if;
    return;
  end if;

  names := array(
    select name from pg_catalog.unnest(pg_catalog.string_to_array(begins, '"')) with ordinality as each (name, place)
    where place % 2 = 0 and place <= 128 order by place);
  looks_like_one := case
    -- One line: what it is was told by its keys, unless it was too long to be read as a line.
    when filled = 1 then (block ->> 'documents')::bigint = 1
      or size > 16777216 and names && array['training_file_metadata', 'dataset_metadata', 'training_pairs']
    -- Pretty-printed: no other line begins in the first column. Or one element a line.
    else examples = 0 and (block ->> 'opening')::bigint <= 1
      or coalesce(names[1] = any (array['training_file_metadata', 'dataset_metadata', 'training_pairs']), false)
  end;
  if raw is null then
    if looks_like_one and size > 67108864 then
      kind := 'foreign';
      code := 'document_too_large';
      error := pg_catalog.format('the document has %s bytes, 67108864 at most are read', size);
    end if;
    return;
  end if;
  content := lora._text_of(raw);
  if content is null and looks_like_one then
    valid := lora._valid_bytes(lora._latin(raw));
    kind := 'foreign';
    code := 'invalid_utf8';
    error := pg_catalog.format('byte 0x%s at offset %s is not UTF-8', pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.get_byte(raw, valid)), 2, '0'), valid);
  end if;
  if content is null then
    return;
  end if;
  if filled = 1 then
    kind := case when looks_like_one then 'document' else 'lines' end;
    return;
  end if;
  content := pg_catalog.ltrim(content, U&'\feff');
  counted := case
    when (lora._json_values(array[content]))[1] is not null then 1
    else (select fault.byte from lora._json_faults(content, true, true) as fault)
  end;
  if counted = 1 or counted is null and looks_like_one then
    -- Broken: the place where it breaks says more than an error for each line.
    kind := 'document';
  elsif counted < filled then
    kind := 'foreign';
    code := 'pretty_printed';
    error := pg_catalog.format('the file has %s values on %s lines', counted, filled);
  end if;
end
$$;
grant execute on function lora._file_verdict(bytea, jsonb, bigint, bytea) to public;
