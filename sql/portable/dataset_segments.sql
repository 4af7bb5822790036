-- dataset_segments: a part of a file, from which the report on the whole can be made; core/src/dataset/segment.rs says what and why. A part begins and
-- ends within a line: those two fragments are kept as they are, and what stands between is counted. Line 1 of a file is a fragment until the end, too.
--
-- A segment as bytes: what it begins with, the SHA-256 of all that follows, the size of its head as eight hexadecimal digits, the head, a JSON object with the
-- sizes of the rest; then the first fragment, the last one, all bytes as long as they may be those of a document, and the examples as the text of an array.

create or replace function lora._segment_mark()
returns bytea
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.convert_to('pg_lora portable segment 1, rules ' || (lora.build_info() ->> 'ruleset_version') || ';', 'UTF8');
end
$$;
grant execute on function lora._segment_mark() to public;

create or replace function lora._encoded_segment(head jsonb, first bytea, last bytea, raw bytea, examples bigint[])
returns bytea
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  head_bytes bytea;
  content bytea;
begin
  head_bytes := pg_catalog.convert_to((head || pg_catalog.jsonb_build_object(
    'first', pg_catalog.length(first), 'last', pg_catalog.length(last), 'raw', pg_catalog.length(raw)))::text, 'UTF8');
  content := pg_catalog.convert_to(pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.length(head_bytes)), 8, '0'), 'UTF8') || head_bytes || first
    || coalesce(last, '') || coalesce(raw, '') || pg_catalog.convert_to(coalesce(examples, '{}')::text, 'UTF8');
  return lora._segment_mark() || pg_catalog.sha256(content) || content;
end
$$;
grant execute on function lora._encoded_segment(jsonb, bytea, bytea, bytea, bigint[]) to public;

-- Its parts again. Bytes that no segment was written as are refused.
create or replace function lora._decoded_segment(
  segment bytea, out head jsonb, out first bytea, out last bytea, out raw bytea, out examples text
)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  mark constant bytea := lora._segment_mark();
  content constant bytea := pg_catalog.substr(segment, pg_catalog.length(mark) + 33);
  size integer;
  at integer;
begin
  if pg_catalog.length(content) < 8 or pg_catalog.substr(segment, 1, pg_catalog.length(mark)) <> mark
    or pg_catalog.substr(segment, pg_catalog.length(mark) + 1, 32) <> pg_catalog.sha256(content) then
    perform lora._refuse_state('merge_segments');
  end if;
  size := ('x' || pg_catalog.convert_from(pg_catalog.substr(content, 1, 8), 'UTF8'))::bit(32)::integer;
  head := pg_catalog.convert_from(pg_catalog.substr(content, 9, size), 'UTF8');
  at := 9 + size;
  first := pg_catalog.substr(content, at, (head ->> 'first')::integer);
  at := at + (head ->> 'first')::integer;
  if head -> 'last' <> 'null' then
    last := pg_catalog.substr(content, at, (head ->> 'last')::integer);
    at := at + (head ->> 'last')::integer;
  end if;
  if head -> 'raw' <> 'null' then
    raw := pg_catalog.substr(content, at, (head ->> 'raw')::integer);
    at := at + (head ->> 'raw')::integer;
  end if;
  examples := pg_catalog.convert_from(pg_catalog.substr(content, at), 'UTF8');
end
$$;
grant execute on function lora._decoded_segment(bytea) to public;

-- Whether lines like these may be parts of one document: one of them may by chance be a whole object, the last element of an array that is written an
-- element a line.
create or replace function lora._may_be_document(block jsonb)
returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select pg_catalog.sum((of_shape.value ->> 'lines')::bigint) from pg_catalog.jsonb_each(block -> 'shapes') as of_shape), 0) <= 1;
end
$$;
grant execute on function lora._may_be_document(jsonb) to public;

create or replace function lora._refuse_large_dataset(bytes bigint)
returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if bytes > 33554432 then
    raise exception 'the content has % bytes, 33554432 at most are read at once', bytes
      using errcode = '22023', hint = 'Send the file in chunks: append_dataset_chunk, or scan_segment and merge_segments.';
  end if;
end
$$;
grant execute on function lora._refuse_large_dataset(bigint) to public;

create or replace function lora.scan_segment(content bytea, options jsonb default '{}')
returns bytea
language plpgsql immutable strict parallel unsafe cost 100000
set search_path = pg_catalog, pg_temp
as $$
declare
  asked constant jsonb := lora._dataset_options(options);
  head jsonb;
  read record;
  block jsonb;
  examples bigint[];
  first bytea;
  last bytea;
  raw bytea := content;
begin
  perform lora._refuse_large_dataset(pg_catalog.length(content));
  head := pg_catalog.jsonb_build_object('profile', asked -> 'profile', 'window', asked -> 'window', 'bytes', pg_catalog.length(content),
    'residue', lora._digest(content));
  if pg_catalog.position(content, '\x0a'::bytea) = 0 then
    return lora._encoded_segment(head || pg_catalog.jsonb_build_object('first_size', pg_catalog.length(content)), content, null, raw, null);
  end if;
  first := pg_catalog.substr(content, 1, pg_catalog.position(content, '\x0a'::bytea) - 1);
  last := lora._last_line(content);
  -- Nothing stands between one line end and none.
  if pg_catalog.length(raw) - pg_catalog.length(first) - pg_catalog.length(last) = 1 then
    block := lora._no_lines();
  else
    content := pg_catalog.substr(content, pg_catalog.length(first) + 2, pg_catalog.length(content) - pg_catalog.length(first) - pg_catalog.length(last) - 2);
    select * into read from lora._lines_of(content);
    select lines.block, lines.examples into block, examples
    from lora._read_lines(read.lines, read.sizes, read.faults, false, asked ->> 'profile', (asked ->> 'window')::numeric) as lines;
  end if;
  return lora._encoded_segment(head || pg_catalog.jsonb_build_object(
      'first_size', pg_catalog.length(first), 'last_size', pg_catalog.length(last), 'block', block),
    first, last, case when lora._may_be_document(block) then raw end, examples);
end
$$;
comment on function lora.scan_segment(bytea, jsonb) is
  'Reads a part of a dataset file, cut anywhere: merge_segments puts the parts together, segment_report makes the report';
grant execute on function lora.scan_segment(bytea, jsonb) to public;

-- What stands behind the last line end.
create or replace function lora._last_line(content bytea)
returns bytea
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Ever larger parts of the end.
  width integer := 4096;
  part bytea;
  at integer;
  found integer := 0;
begin
  loop
    part := pg_catalog.substr(content, greatest(pg_catalog.length(content) - width, 0) + 1);
    at := pg_catalog.position(part, '\x0a'::bytea);
    exit when at > 0 or width >= pg_catalog.length(content);
    width := width * 4;
  end loop;
  while at > 0 loop
    found := found + at;
    part := pg_catalog.substr(part, at + 1);
    at := pg_catalog.position(part, '\x0a'::bytea);
  end loop;
  return part;
end
$$;
grant execute on function lora._last_line(bytea) to public;

create or replace function lora._no_lines()
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return '{"lines": 0, "bytes": 0, "filled": 0, "documents": 0, "opening": 0, "findings": {}, "shapes": {}, "tally": {}, "sample": []}';
end
$$;
grant execute on function lora._no_lines() to public;

-- Some lines in their order, each by itself, with its size, of which there may be only the beginning when it is too long.
create or replace function lora._read_line_bytes(contents bytea[], sizes bigint[], is_first boolean, profile text, window_tokens numeric,
  out block jsonb, out examples bigint[]
)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  read record;
begin
  select * into read
  from lora._lines_of((
    select pg_catalog.string_agg(case when size > 16777216 then pg_catalog.convert_to(lora._latin(pg_catalog.substr(content, 1, 1)), 'UTF8') else content end,
      '\x0a'::bytea order by place)
    from unnest(contents, sizes) with ordinality as line (content, size, place)));
  select lines.block, lines.examples into block, examples
  from lora._read_lines(read.lines, sizes, read.faults, is_first, profile, window_tokens) as lines;
end
$$;
grant execute on function lora._read_line_bytes(bytea[], bigint[], boolean, text, numeric) to public;

create or replace function lora._refuse_reading(one jsonb, other jsonb)
returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if one -> 'profile' <> other -> 'profile' or one -> 'window' <> other -> 'window' then
    raise exception 'a part was read with profile % and window %, another with profile % and window %',
      one -> 'profile', one -> 'window', other -> 'profile', other -> 'window'
      using errcode = '22023', hint = 'Read all parts of a file, and ask for the report, with the same profile and window.';
  end if;
end
$$;
grant execute on function lora._refuse_reading(jsonb, jsonb) to public;

-- A fragment with what follows it: of what is too long to be a line no more than its beginning.
create or replace function lora._joined_fragment(one bytea, other bytea, size bigint)
returns bytea
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when size > 16777216 then pg_catalog.substr(one || other, 1, 4096) else one || other end;
end
$$;
grant execute on function lora._joined_fragment(bytea, bytea, bigint) to public;

-- The segments of the parts, in their order, as the segment of the whole.
create or replace function lora._merged_segments(segments bytea[])
returns bytea
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  segment bytea;
  part record;
  head jsonb;
  first bytea;
  first_size bigint;
  last bytea;
  last_size bigint;
  raw bytea[] := '{}';
  raw_size bigint := 0;
  keeps_raw boolean := true;
  bytes bigint := 0;
  residue numeric := 0;
  -- The blocks and what their lines and bytes are shifted by; lines that two parts have made together.
  lines bigint := 0;
  size bigint := 0;
  blocks jsonb[] := '{}';
  example_lists text[] := '{}';
  line_shifts jsonb[] := '{}';
  byte_shifts jsonb[] := '{}';
  joined bytea[] := '{}';
  joined_sizes bigint[] := '{}';
  joined_lines bigint[] := '{}';
  joined_bytes bigint[] := '{}';
  block jsonb;
  examples bigint[];
begin
  if segments = '{}' then
    return null;
  end if;
  foreach segment in array segments loop
    if segment is null then
      raise exception 'a segment is NULL'
        using errcode = '22023', hint = 'Pass every part of the file; one that is left out changes the report.';
    end if;
    select * into part from lora._decoded_segment(segment);
    if head is not null then
      perform lora._refuse_reading(head, part.head);
    end if;
    bytes := bytes + (part.head ->> 'bytes')::bigint;
    if bytes > 1099511627776 then
      raise exception 'the parts have more than 1099511627776 bytes together' using errcode = '22003', hint = 'Split the dataset in several.';
    end if;
    residue := lora._joined_digests(residue, (part.head ->> 'residue')::numeric, (part.head ->> 'bytes')::bigint);
    raw_size := raw_size + coalesce(pg_catalog.length(part.raw), 0);
    keeps_raw := keeps_raw and part.raw is not null and raw_size <= 67108864;
    raw := case when keeps_raw then raw || part.raw else '{}' end;
    if head is null then
      first := part.first;
      first_size := (part.head ->> 'first_size')::bigint;
    elsif last is null then
      first_size := first_size + (part.head ->> 'first_size')::bigint;
      first := lora._joined_fragment(first, part.first, first_size);
    elsif part.last is null then
      last_size := last_size + (part.head ->> 'first_size')::bigint;
      last := lora._joined_fragment(last, part.first, last_size);
    else
      last_size := last_size + (part.head ->> 'first_size')::bigint;
      joined := joined || lora._joined_fragment(last, part.first, last_size);
      joined_sizes := joined_sizes || last_size;
      joined_lines := joined_lines || lines;
      joined_bytes := joined_bytes || size;
      lines := lines + 1;
      size := size + last_size + 1;
    end if;
    if part.last is not null then
      blocks := blocks || (part.head -> 'block');
      example_lists := example_lists || part.examples;
      line_shifts := line_shifts || pg_catalog.jsonb_build_array(lines);
      byte_shifts := byte_shifts || pg_catalog.jsonb_build_array(size);
      lines := lines + (part.head -> 'block' ->> 'lines')::bigint;
      size := size + (part.head -> 'block' ->> 'bytes')::bigint;
      last := part.last;
      last_size := (part.head ->> 'last_size')::bigint;
    end if;
    head := coalesce(head, part.head);
  end loop;
  if pg_catalog.cardinality(segments) = 1 then
    return segments[1];
  end if;
  head := pg_catalog.jsonb_build_object('profile', head -> 'profile', 'window', head -> 'window', 'bytes', bytes, 'residue', residue, 'first_size', first_size);
  if last is not null then
    if pg_catalog.cardinality(joined) > 0 then
      select read.block, read.examples into block, examples
      from lora._read_line_bytes(joined, joined_sizes, false, head ->> 'profile', (head ->> 'window')::numeric) as read;
      blocks := blocks || block;
      example_lists := example_lists || examples::text;
      -- From its place among these lines to that in the file.
      line_shifts := line_shifts || (
        select pg_catalog.jsonb_agg(line - place + 1 order by place) from pg_catalog.unnest(joined_lines) with ordinality as each (line, place));
      byte_shifts := byte_shifts || (
        select pg_catalog.jsonb_agg(each.byte - each.before order by each.place)
        from (
          select byte, place, coalesce(pg_catalog.sum(line_size + 1) over (order by place rows between unbounded preceding and 1 preceding), 0) as before
          from unnest(joined_bytes, joined_sizes) with ordinality as each (byte, line_size, place)
        ) as each);
    end if;
    select whole.block, whole.examples into block, examples from lora._joined_blocks(blocks, example_lists, line_shifts, byte_shifts) as whole;
    head := head || pg_catalog.jsonb_build_object('last_size', last_size,
      'block', block || pg_catalog.jsonb_build_object('lines', lines, 'bytes', size));
    keeps_raw := keeps_raw and lora._may_be_document(block);
  end if;
  return lora._encoded_segment(head, first, last,
    case when keeps_raw then (select pg_catalog.string_agg(each.bytes, '' order by each.place) from pg_catalog.unnest(raw)
      with ordinality as each (bytes, place)) end,
    examples);
end
$$;
grant execute on function lora._merged_segments(bytea[]) to public;

-- The parts come in the order of the file: merge_segments(segment order by number). Postgres's own function collects them, as it does not copy all
-- of them for each.
create or replace aggregate lora.merge_segments(segment bytea) (
  sfunc = pg_catalog.array_append,
  stype = bytea[],
  initcond = '{}',
  finalfunc = lora._merged_segments,
  parallel = unsafe
);
comment on aggregate lora.merge_segments(bytea) is
  'Puts the segments of a dataset file together, in the order of the file';
grant execute on function lora.merge_segments(bytea) to public;
