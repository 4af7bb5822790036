-- dataset_report: the report on a dataset, in one value, in segments or in lines. core/src/dataset/file.rs and report.rs say what and why.

-- A file that was read to its end: its block, with what it is judged by, and its examples. The shape is that of its first example; of what is no
-- dataset nothing else is said.
create or replace function lora._finished(
  first_line bytea, raw bytea, residue numeric, bytes bigint, options jsonb, inout block jsonb, of_lines bigint[], out examples bigint[]
)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  verdict record;
  findings jsonb[];
  shape text;
  is_marked boolean;
  read record;
  counted bigint;
  is_foreign boolean := false;
begin
  examples := of_lines;
  select * into verdict from lora._file_verdict(first_line, block, bytes, raw);
  if verdict.kind = 'document' then
    is_marked := pg_catalog.substr(raw, 1, 3) = '\xefbbbf';
    select * into read from lora._read_document(lora._text_of(case when is_marked then pg_catalog.substr(raw, 4) else raw end),
      is_marked, (block ->> 'lines')::bigint, options ->> 'profile', (options ->> 'window')::numeric);
    if read.block is null then
      verdict.kind := 'foreign';
      verdict.code := 'pretty_printed';
      verdict.error := 'the file is one object on several lines';
    else
      block := read.block;
      examples := read.examples;
      shape := block ->> 'shape';
    end if;
  end if;
  if verdict.kind = 'foreign' then
    is_foreign := true;
    examples := '{}';
    block := pg_catalog.jsonb_build_object('lines', block -> 'lines', 'filled', block -> 'filled', 'shapes', '{}'::jsonb, 'tally', '{}'::jsonb,
      'sample', '[]'::jsonb, 'findings', lora._finding(verdict.code, 0, 0, null, verdict.error));
  elsif verdict.kind = 'lines' then
    shape := (select of_shape.key from pg_catalog.jsonb_each(block -> 'shapes') as of_shape order by (of_shape.value ->> 'first')::bigint limit 1);
    block := pg_catalog.jsonb_set(block, '{findings}', lora._merged_findings(array[block -> 'findings', coalesce(
      (
        select pg_catalog.jsonb_build_object('mixed_shapes', pg_catalog.jsonb_build_object('count', pg_catalog.sum((other.value ->> 'lines')::bigint),
          'kept', (
            select pg_catalog.jsonb_agg(kept.finding order by kept.of, kept.number)
            from (
              select finding, (each.value ->> 'first')::bigint as of, number
              from pg_catalog.jsonb_each(block -> 'shapes') as each
              cross join lateral pg_catalog.jsonb_array_elements(each.value -> 'kept') with ordinality as one (finding, number)
              where each.key <> shape
              order by 2, 3 limit 10
            ) as kept)))
        from pg_catalog.jsonb_each(block -> 'shapes') as other
        where other.key <> shape
        having pg_catalog.count(*) > 0
      ), '{}')], true));
    block := block || pg_catalog.jsonb_build_object('declared_path', '_meta.total_pairs');
  end if;

  findings := array[block -> 'findings'];
  if not is_foreign then
    if (block ->> 'filled')::bigint = 0 then
      findings := findings || lora._finding('empty_file', 0, 0, null, 'the file has no content');
    end if;
    if shape is not null and options -> 'shapes' <> 'null' and not options -> 'shapes' ? shape then
      findings := findings || lora._finding('shape_not_accepted', 0, 0, null,
        pg_catalog.format('the profile "%s" does not read the shape "%s"', options ->> 'profile', shape));
    end if;
    if shape is not null and options -> 'declared_format' <> 'null' and not options -> 'declared_format' -> 'shapes' ? shape then
      findings := findings || lora._finding('declared_format_mismatch', 0, 0, null,
        pg_catalog.format('the format "%s" was declared, the shape is "%s"', options -> 'declared_format' ->> 'name', shape));
    end if;
    -- What the file says of itself. A document lists unanswered turns among its pairs.
    counted := case
      when block -> 'document' <> 'null' then (select coalesce(pg_catalog.sum(turn::bigint), 0)
        from pg_catalog.jsonb_array_elements_text(block -> 'document' -> 'turns') as turn)
      else coalesce((block -> 'tally' ->> 'training_pairs')::bigint, 0) + coalesce((block -> 'tally' ->> 'validation_pairs')::bigint, 0)
    end;
    if (block ->> 'declared')::bigint <> counted then
      findings := findings || lora._finding('declared_count_mismatch', 1, 0, null,
        pg_catalog.format('"%s" declares %s pairs, the file has %s', block ->> 'declared_path', block ->> 'declared', counted));
    end if;
    counted := coalesce((block -> 'document' ->> 'conversations')::bigint, 0);
    if (block ->> 'declared_conversations')::bigint <> counted then
      findings := findings || lora._finding('declared_count_mismatch', 1, 0, null,
        pg_catalog.format('"total_conversations" declares %s conversations, the file has %s', block ->> 'declared_conversations', counted));
    end if;
  end if;
  if bytes > (options ->> 'max_bytes')::bigint then
    findings := findings || lora._finding('file_too_large', 0, 0, null,
      pg_catalog.format('the file has %s bytes, %s are allowed', bytes, options ->> 'max_bytes'));
  end if;
  block := block || pg_catalog.jsonb_build_object('findings', lora._merged_findings(findings, true), 'shape', shape, 'is_foreign', is_foreign,
    'bytes', bytes, 'content_digest', lora._shown_digest(residue, bytes));
end
$$;
grant execute on function lora._finished(bytea, bytea, numeric, bigint, jsonb, jsonb, bigint[]) to public;

-- The segments of a file, a megabyte each.
create or replace function lora._scanned_parts(content bytea, options jsonb)
returns bytea[]
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select lora.scan_segment(pg_catalog.substr(content, at, 1048576), pg_catalog.jsonb_build_object('profile', options -> 'profile', 'window', options -> 'window'))
    from pg_catalog.generate_series(1, pg_catalog.length(content), 1048576) as at order by at);
end
$$;
grant execute on function lora._scanned_parts(bytea, jsonb) to public;

-- A file in one value, read to its end.
create or replace function lora._read_file(content bytea, options jsonb, out block jsonb, out examples bigint[])
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  read record;
  whole constant bytea := content;
  first bytea;
begin
  perform lora._refuse_large_dataset(pg_catalog.length(content));
  -- What many lines are held in grows with them, and beyond work_mem it is files.
  if pg_catalog.length(content) > 2097152 then
    select read_parts.block, read_parts.examples into block, examples
    from lora._read_segment(lora._merged_segments(lora._scanned_parts(content, options)), options) as read_parts;
    return;
  end if;
  if pg_catalog.length(content) = 0 then
    block := lora._no_lines();
    examples := '{}';
    first := '';
  else
    -- A final line end closes the last line; it does not begin another one.
    if pg_catalog.get_byte(content, pg_catalog.length(content) - 1) = 10 then
      content := pg_catalog.substr(content, 1, pg_catalog.length(content) - 1);
    end if;
    first := case when pg_catalog.position(whole, '\x0a'::bytea) > 0 then pg_catalog.substr(whole, 1, pg_catalog.position(whole,
      '\x0a'::bytea) - 1) else whole end;
    select * into read from lora._lines_of(content);
    select lines.block, lines.examples into block, examples
    from lora._read_lines(read.lines, read.sizes, read.faults, true, options ->> 'profile', (options ->> 'window')::numeric) as lines;
    select whole_block.block, whole_block.examples into block, examples from lora._limited(block, examples) as whole_block;
  end if;
  select finished.block, finished.examples into block, examples
  from lora._finished(first, case when lora._may_be_document(block) then whole end, lora._digest(whole), pg_catalog.length(whole), options, block,
    examples) as finished;
end
$$;
grant execute on function lora._read_file(bytea, jsonb) to public;

-- A file whose segment is given, read to its end: its first and its last line are read only here.
create or replace function lora._read_segment(segment bytea, options jsonb, out block jsonb, out examples bigint[])
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
  first record;
  last record;
  bytes bigint;
begin
  select * into part from lora._decoded_segment(segment);
  perform lora._refuse_reading(part.head, options);
  bytes := (part.head ->> 'bytes')::bigint;
  if bytes = 0 then
    block := lora._no_lines();
    examples := '{}';
  else
    select * into first from lora._read_line_bytes(
      array[part.first], array[(part.head ->> 'first_size')::bigint], true, options ->> 'profile', (options ->> 'window')::numeric);
    if part.last is null then
      block := first.block;
      examples := first.examples;
    else
      if (part.head ->> 'last_size')::bigint > 0 then
        select * into last from lora._read_line_bytes(
          array[part.last], array[(part.head ->> 'last_size')::bigint], false, options ->> 'profile', (options ->> 'window')::numeric);
      else
        select lora._no_lines() as block, '{}'::bigint[] as examples into last;
      end if;
      select whole.block, whole.examples into block, examples
      from lora._joined_blocks(
        array[first.block, part.head -> 'block', last.block], array[first.examples::text, part.examples, last.examples::text],
        array['[0]', '[1]', pg_catalog.jsonb_build_array(1 + (part.head -> 'block' ->> 'lines')::bigint)]::jsonb[],
        array['[0]', pg_catalog.jsonb_build_array((part.head ->> 'first_size')::bigint + 1),
          pg_catalog.jsonb_build_array((part.head ->> 'first_size')::bigint + 1 + (part.head -> 'block' ->> 'bytes')::bigint)]::jsonb[]) as whole;
      block := block || pg_catalog.jsonb_build_object('lines', 1 + (part.head -> 'block' ->> 'lines')::bigint + (last.block ->> 'lines')::bigint);
    end if;
  end if;
  select finished.block, finished.examples into block, examples
  from lora._finished(part.first, case when lora._may_be_document(block) then part.raw end, (part.head ->> 'residue')::numeric, bytes, options, block, examples)
    as finished;
end
$$;
grant execute on function lora._read_segment(bytea, jsonb) to public;

-- Beyond so many examples only their conversations are kept.
create or replace function lora._limited(inout block jsonb, inout examples bigint[])
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.array_length(examples, 1) > 400000 then
    select _limited.block || (joined.block - array['findings', 'sample', 'shapes', 'tally', 'declared', 'filled', 'documents', 'opening']), joined.examples
    into block, examples
    from lora._joined_blocks(array[_limited.block], array[_limited.examples::text], array['[0]'::jsonb], array['[0]'::jsonb]) as joined;
  end if;
end
$$;
grant execute on function lora._limited(jsonb, bigint[]) to public;

-- The report on a file that was read to its end, and one that is held back for validation, which may be NULL.
create or replace function lora._dataset_report(block jsonb, examples bigint[], held_block jsonb, held_examples bigint[], options jsonb)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  shape constant text := block ->> 'shape';
  is_foreign constant boolean := (block ->> 'is_foreign')::boolean;
  findings jsonb[] := array[block -> 'findings'];
  of_document jsonb := nullif(block -> 'document', 'null');
  tally jsonb;
  held jsonb;
  sample jsonb;
  found record;
  compared record;
  turns jsonb;
  messages bigint;
  conversations bigint;
  content bigint;
  sequence bigint;
  exact constant jsonb := nullif(options -> 'exact_tokens', 'null');
  training_pairs bigint;
  training_examples bigint;
begin
  if held_block is not null then
    if shape <> held_block ->> 'shape' then
      findings := findings || lora._finding('mixed_shapes', 0, 0, null, pg_catalog.format(
        'the validation file is of shape "%s", the training file of "%s"', held_block ->> 'shape', shape));
    end if;
    -- Whose conversations are counted by ids, and whose by what the document lists.
    of_document := case
      when of_document is not null and held_block -> 'document' <> 'null' then pg_catalog.jsonb_build_object(
        'conversations', (of_document ->> 'conversations')::bigint + (held_block -> 'document' ->> 'conversations')::bigint,
        'turns', of_document -> 'turns' || (held_block -> 'document' -> 'turns'))
      when held_block ->> 'shape' is null then of_document
    end;
    findings := findings || (
      select coalesce(pg_catalog.jsonb_object_agg(of_code.key, of_code.value || pg_catalog.jsonb_build_object('kept', (
        select coalesce(pg_catalog.jsonb_agg(kept.finding || '["validation"]' order by kept.number), '[]')
        from pg_catalog.jsonb_array_elements(of_code.value -> 'kept') with ordinality as kept (finding, number)))), '{}')
      from pg_catalog.jsonb_each(held_block -> 'findings') as of_code);
    held := nullif(held_block -> 'tally', 'null') || pg_catalog.jsonb_build_object('training_examples', 0, 'training_pairs', 0, 'validation_pairs',
      coalesce((held_block -> 'tally' ->> 'validation_pairs')::bigint, 0) + coalesce((held_block -> 'tally' ->> 'training_pairs')::bigint, 0));
    if is_foreign then
      held := null;
      held_examples := '{}';
    end if;
  end if;
  tally := lora._joined_tallies(array[block -> 'tally', held]);
  -- The conversations of the held back file come behind all others.
  sample := lora._joined_samples(array[block -> 'sample', (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array((message.value ->> 0)::bigint + (block ->> 'lines')::bigint,
      message.value -> 1, message.value -> 2, message.value -> 3) order by message.place), '[]')
    from pg_catalog.jsonb_array_elements(case when held is not null then held_block -> 'sample' else '[]' end) with ordinality as message (value, place))]);
  select * into compared from lora._compared(coalesce(examples, '{}'), coalesce(held_examples, '{}'), block, of_document is not null);
  findings := findings || compared.findings;
  conversations := compared.conversations;
  turns := lora._spread(compared.lengths, compared.shortest, compared.longest);
  if of_document is not null then
    conversations := (of_document ->> 'conversations')::bigint;
    turns := (
      select lora._spread((select pg_catalog.jsonb_object_agg(bucket.bucket, bucket.count)
          from (
            select lora._bucket(each::bigint) as bucket, pg_catalog.count(*) as count
            from pg_catalog.jsonb_array_elements_text(of_document -> 'turns') as each group by 1
          ) as bucket), pg_catalog.min(turn::bigint), pg_catalog.max(turn::bigint))
      from pg_catalog.jsonb_array_elements_text(of_document -> 'turns') as turn);
  end if;
  training_pairs := coalesce((tally ->> 'training_pairs')::bigint, 0);
  training_examples := coalesce((tally ->> 'training_examples')::bigint, 0);
  if (block ->> 'filled')::bigint > 0 and not is_foreign then
    if training_examples < (options ->> 'min_examples')::numeric then
      findings := findings || lora._finding('too_few_examples', 0, 0, null,
        pg_catalog.format('the file has %s training examples, %s are required', training_examples, options ->> 'min_examples'));
    elsif training_pairs = 0 and (options ->> 'min_examples')::numeric > 0 then
      findings := findings || lora._finding('too_few_examples', 0, 0, null,
        'no training example has a user message with the assistant''s reply to it');
    end if;
    if training_pairs > (options ->> 'max_examples')::bigint then
      findings := findings || lora._finding('too_many_examples', 0, 0, null,
        pg_catalog.format('the file has %s training pairs, %s are allowed', training_pairs, options ->> 'max_examples'));
    end if;
  end if;

  select * into found from lora._summary(lora._merged_findings(findings, true), options ->> 'profile');
  messages := coalesce((tally ->> 'messages')::bigint, 0);
  -- Rounded to the nearest by role, and of user and assistant together.
  content := coalesce((exact ->> 'content')::bigint, (coalesce((tally ->> 'user')::bigint, 0) + coalesce((tally ->> 'assistant')::bigint, 0) + 512) / 1024);
  sequence := coalesce((exact ->> 'sequence')::bigint, (coalesce((tally ->> 'units')::bigint, 0) + 512) / 1024);
  return pg_catalog.jsonb_build_object(
    'valid', found.errors = 0, 'training_ready', found.errors = 0 and training_pairs > 0, 'shape', shape, 'shape_reason', lora._shape_reason(shape),
    'profile', options -> 'profile', 'ruleset_version', lora.build_info() -> 'ruleset_version', 'bytes', block -> 'bytes', 'lines', block -> 'lines',
    'total_training_pairs', training_pairs, 'total_validation_pairs', coalesce((tally ->> 'validation_pairs')::bigint, 0), 'conversations', conversations,
    'messages', messages, 'declared_pairs', block -> 'declared', 'declared_conversations', block -> 'declared_conversations', 'total_tokens', content,
    'avg_turns_per_conversation', lora._ratio(messages, conversations), 'avg_tokens_per_turn', lora._ratio(content, messages))
  || pg_catalog.jsonb_build_object(
    'tokens', pg_catalog.jsonb_build_object(
      'method', coalesce(exact ->> 'method', 'script_classes_v1'),
      'error_band_pct', case when exact ? 'sequence' then 0 else lora._error_band(tally) end,
      'content', content, 'sequence', sequence,
      'by_role', pg_catalog.jsonb_build_object(
        'system', (coalesce((tally ->> 'system')::bigint, 0) + 512) / 1024, 'user', (coalesce((tally ->> 'user')::bigint, 0) + 512) / 1024,
        'assistant', (coalesce((tally ->> 'assistant')::bigint, 0) + 512) / 1024, 'tool', (coalesce((tally ->> 'tool')::bigint, 0) + 512) / 1024),
      'window', options -> 'window', 'over_window', coalesce((tally ->> 'over_window')::bigint, 0))
      || lora._spread(tally -> 'lengths', (tally ->> 'shortest')::bigint, (tally ->> 'longest')::bigint),
    'turns', turns, 'errors', found.errors, 'warnings', found.warnings, 'counts', found.counts, 'findings', found.shown, 'truncated', found.truncated,
    'sample', lora._shown_sample(sample), 'content_digest', block -> 'content_digest', 'edition', 'portable',
    'rules_not_evaluated', lora._rules_not_evaluated())
  || case when held_block is null then '{}' else pg_catalog.jsonb_build_object('validation_file', pg_catalog.jsonb_build_object(
    'shape', held_block -> 'shape', 'bytes', held_block -> 'bytes', 'lines', held_block -> 'lines', 'content_digest', held_block -> 'content_digest')) end;
end
$$;
grant execute on function lora._dataset_report(jsonb, bigint[], jsonb, bigint[], jsonb) to public;

create or replace function lora.dataset_report(content bytea, options jsonb default '{}')
returns jsonb
language plpgsql immutable strict parallel unsafe cost 100000
set search_path = pg_catalog, pg_temp
as $$
declare
  asked constant jsonb := lora._dataset_options(options);
  read record;
begin
  select * into read from lora._read_file(content, asked);
  return lora._dataset_report(read.block, read.examples, null, null, asked);
end
$$;
comment on function lora.dataset_report(bytea, jsonb) is
  'Validates a dataset file and reports everything that is wrong with it';
grant execute on function lora.dataset_report(bytea, jsonb) to public;

create or replace function lora.dataset_report(content text, options jsonb default '{}')
returns jsonb
language plpgsql immutable strict parallel unsafe cost 100000
set search_path = pg_catalog, pg_temp
as $$
begin
  return lora.dataset_report(pg_catalog.convert_to(content, 'UTF8'), options);
end
$$;
comment on function lora.dataset_report(text, jsonb) is
  'Validates a dataset file and reports everything that is wrong with it';
grant execute on function lora.dataset_report(text, jsonb) to public;

create or replace function lora.dataset_findings(content bytea, options jsonb default '{}')
returns table (line bigint, severity text, code text, path text, error text, suggestion text, byte_offset bigint, excerpt text)
language plpgsql immutable strict parallel unsafe cost 100000
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select finding.line, finding.severity, finding.code, finding.path, finding.error, finding.suggestion, finding."offset", finding.excerpt
  from pg_catalog.jsonb_to_recordset(lora.dataset_report(content, options) -> 'findings') as finding (
    line bigint, severity text, code text, path text, error text, suggestion text, "offset" bigint, excerpt text);
end
$$;
comment on function lora.dataset_findings(bytea, jsonb) is
  'Validates a dataset file and answers what is wrong with it as rows, worst first';
grant execute on function lora.dataset_findings(bytea, jsonb) to public;

create or replace function lora.dataset_findings(content text, options jsonb default '{}')
returns table (line bigint, severity text, code text, path text, error text, suggestion text, byte_offset bigint, excerpt text)
language plpgsql immutable strict parallel unsafe cost 100000
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select * from lora.dataset_findings(pg_catalog.convert_to(content, 'UTF8'), options);
end
$$;
comment on function lora.dataset_findings(text, jsonb) is
  'Validates a dataset file and answers what is wrong with it as rows, worst first';
grant execute on function lora.dataset_findings(text, jsonb) to public;

create or replace function lora.segment_report(segment bytea, options jsonb default '{}', validation_segment bytea default null)
returns jsonb
language plpgsql immutable parallel unsafe cost 10000
set search_path = pg_catalog, pg_temp
as $$
declare
  asked jsonb;
  read record;
  held record;
begin
  if segment is null or options is null then
    return null;
  end if;
  asked := lora._dataset_options(options);
  select * into read from lora._read_segment(segment, asked);
  select null::jsonb as block, null::bigint[] as examples into held;
  if validation_segment is not null then
    select * into held from lora._read_segment(validation_segment, asked);
  end if;
  return lora._dataset_report(read.block, read.examples, held.block, held.examples, asked);
end
$$;
comment on function lora.segment_report(bytea, jsonb, bytea) is
  'Makes the report on a dataset whose segment is given, and that of the file that is held back for validation';
grant execute on function lora.segment_report(bytea, jsonb, bytea) to public;
