-- dataset_lines: whole lines, and what they hold: a block. core/src/dataset/body.rs says what and why. A line is judged by itself; whatever depends on
-- other lines is kept in a form that blocks can be joined in, and told at the end.

-- The lines of some bytes, without their ends. Of a line that is not UTF-8 there is no text; how many of its bytes are, and the first one that is not.
-- A NUL is U+0001 here, which no JSON may hold either.
create or replace function lora._lines_of(content bytea, out lines text[], out sizes bigint[], out faults jsonb)
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  whole constant text := lora._text_of(content);
begin
  faults := '{}';
  if whole is not null then
    lines := case when whole = '' then array[''] else pg_catalog.string_to_array(whole, E'\n') end;
    return;
  end if;
  -- As if each byte were a character.
  select pg_catalog.array_agg(
      case when line.valid = pg_catalog.length(line.bytes) then pg_catalog.convert_from(pg_catalog.convert_to(line.bytes, 'LATIN1'), 'UTF8') end
      order by line.place),
    pg_catalog.array_agg(pg_catalog.length(line.bytes)::bigint order by line.place),
    coalesce(pg_catalog.jsonb_object_agg(line.place, pg_catalog.jsonb_build_array(
        line.valid, pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.ascii(pg_catalog.substr(line.bytes, line.valid + 1, 1))), 2, '0'),
        pg_catalog."left"(line.bytes, 4), pg_catalog."right"(line.bytes, 1) = E'\r'))
      filter (where line.valid < pg_catalog.length(line.bytes)), '{}')
  into lines, sizes, faults
  from (
    select each.bytes, each.place, lora._valid_bytes(each.bytes) as valid
    from pg_catalog.unnest(pg_catalog.string_to_array(lora._latin(content), E'\n')) with ordinality as each (bytes, place)
    offset 0
  ) as line;
end
$$;
grant execute on function lora._lines_of(bytea) to public;

-- What is wrong with a header, and what it declares; only line 1 may be one.
create or replace function lora._header_findings(document jsonb, is_first boolean)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  meta constant jsonb := document -> '_meta';
begin
  if not is_first then
    return query select 'header_not_first', array['._meta'], 'the header stands below line 1 and is ignored', null::text;
  elsif pg_catalog.jsonb_typeof(meta) <> 'object' then
    return query select 'wrong_type', array['._meta'],
      pg_catalog.format('"_meta" is %s, an object is expected', lora._described(meta)), null::text;
  else
    if pg_catalog.jsonb_typeof(meta -> 'version') = 'string' and meta ->> 'version' !~ '^[45]\.' then
      return query select 'unknown_version', array['._meta', '.version'],
        pg_catalog.format('"_meta.version" is %s', lora._quoted(meta ->> 'version')), null::text;
    end if;
    return query select * from lora._declared_findings(meta, 'total_pairs', null, array['._meta']);
  end if;
end
$$;
grant execute on function lora._header_findings(jsonb, boolean) to public;

-- A count that a file gives of itself; NULL of none, and of what is no count.
create or replace function lora._declared(document jsonb, key text)
returns bigint
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  number constant numeric := case when pg_catalog.jsonb_typeof(document) = 'object' and pg_catalog.jsonb_typeof(document -> key) = 'number' then
    (document -> key)::numeric end;
begin
  return case when number >= 0 and number < 9e15 and number = pg_catalog.trunc(number) then number end;
end
$$;
grant execute on function lora._declared(jsonb, text) to public;

create or replace function lora._declared_findings(document jsonb, key text, prefix text, at text[])
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if document -> key <> 'null' and lora._declared(document, key) is null then
    -- The count is nobody's input: a wrong one is no worse than one that differs.
    return query select 'declared_count_mismatch', at || ('.' || key), pg_catalog.format('"%s" is %s, a whole number is expected',
      lora._shown_path(prefix, at || ('.' || key)), lora._described(document -> key)), null::text;
  end if;
end
$$;
grant execute on function lora._declared_findings(jsonb, text, text, text[]) to public;

-- Reads lines. The first one may be line 1 of the file, where a mark and a header may stand. Lines and offsets count from the first one.
create or replace function lora._read_lines(
  lines text[], sizes bigint[], faults jsonb, is_first boolean, profile text, window_tokens numeric, out block jsonb, out examples bigint[]
)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  texts text[];
  contents text[];
  offsets bigint[];
  numbers bigint[];
  documents jsonb[];
  plain boolean[];
  json_faults jsonb;
  kinds text[];
  shapes text[];
  marked boolean := false;
  found jsonb;
  of_lines jsonb;
  read record;
  none constant text[] := pg_catalog.array_fill(null::text, array[pg_catalog.cardinality(lines)]);
begin
  if sizes is null then
    sizes := array(select pg_catalog.octet_length(line.content) from pg_catalog.unnest(lines) with ordinality as line (content, place) order by line.place);
  end if;
  offsets := array(
    select pg_catalog.sum(size.size + 1) over (order by size.place) - size.size - 1
    from pg_catalog.unnest(sizes) with ordinality as size (size, place) order by size.place);
  numbers := array(select pg_catalog.generate_series(1, pg_catalog.cardinality(lines)));
  block := pg_catalog.jsonb_build_object(
    'lines', pg_catalog.cardinality(lines),
    'bytes', (select coalesce(pg_catalog.sum(size + 1), 0) from pg_catalog.unnest(sizes) as size),
    'opening', (select pg_catalog.count(*) from pg_catalog.unnest(lines) as line where line like '{%')
      + (select pg_catalog.count(*) from pg_catalog.jsonb_each(faults) as fault where fault.value ->> 2 like '{%'));
  if is_first and lines[1] like U&'\feff%' then
    lines[1] := pg_catalog.substr(lines[1], 2);
    offsets[1] := 3;
    marked := true;
  elsif is_first and faults -> '1' ->> 2 like U&'\00ef\00bb\00bf%' then
    faults := pg_catalog.jsonb_set(faults, '{1,0}', pg_catalog.to_jsonb((faults -> '1' ->> 0)::integer - 3));
    offsets[1] := 3;
    marked := true;
  end if;
  -- The texts without the other half of their ends, and those that may be JSON.
  texts := array(
    select case when line.content like E'%\r' then pg_catalog."left"(line.content, -1) else line.content end
    from pg_catalog.unnest(lines) with ordinality as line (content, place) order by line.place);
  contents := array(
    select case when line.size <= 16777216 and (line.content like '{%' or lora._trimmed(line.content) <> '') then line.content end
    from unnest(texts, sizes) with ordinality as line (content, size, place) order by line.place);
  select * into documents, plain, json_faults from lora._read_json(contents);
  json_faults := coalesce(json_faults, '[]');
  kinds := lora._kinds(documents);
  shapes := array(
    select case when kind not in ('header', 'preference', 'document', 'unrecognised') then kind end
    from pg_catalog.unnest(kinds) with ordinality as each (kind, place) order by each.place);

  -- What is wrong with lines that are no examples, and with the JSON of any.
  with every as (
    -- The beginning of line 1 is that of the mark before it.
    select 'crlf' as code, place, null::text[] as steps, 'the line ends in CR LF' as error,
      case when marked and place = 1 then -3 end::bigint as byte, true as bare, 1 as number
    from pg_catalog.unnest(lines) with ordinality as line (content, place) where line.content like E'%\r' and sizes[place] <= 16777216
    union all
    select 'crlf', fault.key::bigint, null, 'the line ends in CR LF', case when marked and fault.key = '1' then -3 end, true, 1
    from pg_catalog.jsonb_each(faults) as fault where fault.value -> 3 = 'true' and sizes[fault.key::integer] <= 16777216
    union all
    select 'byte_order_mark', 1, null, 'the file begins with a byte order mark', -3, true, 0 where marked
    union all
    select 'line_too_long', place, null, pg_catalog.format('the line has %s bytes, 16777216 at most are read', size), null, true, 1
    from pg_catalog.unnest(sizes) with ordinality as line (size, place) where line.size > 16777216
    union all
    select 'invalid_utf8', fault.key::bigint, null,
      pg_catalog.format('byte 0x%s at column %s is not UTF-8', fault.value ->> 1, (fault.value ->> 0)::bigint + 1), (fault.value ->> 0)::bigint, true, 1
    from pg_catalog.jsonb_each(faults) as fault where sizes[fault.key::integer] <= 16777216
    union all
    select 'blank_line', place, null, 'the line is blank', null, false, 1
    from pg_catalog.unnest(lines) with ordinality as line (content, place)
    where line.content is not null and sizes[place] <= 16777216 and contents[place] is null
    union all
    select fault.code, fault.place, case when fault.code in ('nesting_too_deep', 'too_many_values') then '{}'::text[] end,
      lora._json_error(fault.code, fault.detail, fault.byte, 'line'), fault.byte, false, 1
    from pg_catalog.jsonb_to_recordset(json_faults) as fault (place bigint, code text, detail text, byte bigint)
    union all
    select 'not_an_object', place, '{}', pg_catalog.format('the line is %s, an object is expected', lora._described(documents[place])), null, false, 1
    from pg_catalog.unnest(kinds) with ordinality as line (kind, place) where line.kind is null and documents[place] is not null
    union all
    select case line.kind when 'preference' then 'preference_data' when 'document' then 'document_among_lines' else 'unrecognised_line' end, place, '{}',
      case line.kind
        when 'preference' then 'the object has replies to compare, one to learn is expected'
        when 'document' then 'the line is a whole document, a single example is expected'
        else 'the object has none of the keys that tell a shape'
      end, null, false, 1
    from pg_catalog.unnest(kinds) with ordinality as line (kind, place) where line.kind in ('preference', 'document', 'unrecognised')
    union all
    select finding.code, line.place, finding.steps, finding.error, null, false, finding.number
    from pg_catalog.unnest(kinds) with ordinality as line (kind, place)
    cross join lateral lora._header_findings(documents[line.place], is_first and line.place = 1) with ordinality
      as finding (code, steps, error, suggestion, number)
    where line.kind = 'header'
  )
  select pg_catalog.jsonb_object_agg(of_code.code, of_code.findings) into of_lines
  from (
    select each.code, pg_catalog.jsonb_build_object('count', pg_catalog.count(*), 'kept', pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_array(each.place, each.steps, each.error, null, each.byte, each.bare) order by each.place, each.number)
      filter (where each.rank <= lora._kept_of(each.code))) as findings
    from (select every.*, pg_catalog.row_number() over (partition by every.code order by every.place, every.number) as rank from every) as each
    group by each.code
  ) as of_code;

  select * into read from lora._read_examples(contents, documents, shapes, plain,
    array(select (fault ->> 'place')::integer from pg_catalog.jsonb_array_elements(json_faults) as fault), none, none, numbers, profile, window_tokens);
  found := lora._merged_findings(array[
    lora._placed_findings(coalesce(of_lines, '{}'), texts, numbers, offsets, none),
    lora._placed_findings(read.findings, contents, numbers, offsets, none)]);
  block := block || pg_catalog.jsonb_build_object(
    'filled', (select pg_catalog.count(*) from unnest(contents, lines) as line (content, raw) where line.content is not null or line.raw is null)
      + (select pg_catalog.count(*) from unnest(lines, sizes) as line (raw, size) where line.raw is not null and line.size > 16777216),
    'documents', (select pg_catalog.count(*) from pg_catalog.unnest(kinds) as kind where kind = 'document'),
    'findings', found,
    'shapes', coalesce(
      (
        select pg_catalog.jsonb_object_agg(of_shape.shape, of_shape.lines)
        from (
          select each.shape, pg_catalog.jsonb_build_object('lines', pg_catalog.count(*), 'first', pg_catalog.min(each.place), 'kept', pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_array(each.place, offsets[each.place], null,
              pg_catalog.format('the line is of shape "%s", unlike the first example', each.shape), null, lora._excerpt(contents[each.place], 0))
            order by each.place) filter (where each.rank <= 10)) as lines
          from (
            select line.shape, line.place, pg_catalog.row_number() over (partition by line.shape order by line.place) as rank
            from pg_catalog.unnest(shapes) with ordinality as line (shape, place) where line.shape is not null
          ) as each
          group by each.shape
        ) as of_shape
      ), '{}'),
    'tally', read.tally, 'sample', read.sample,
    'declared', case when is_first and kinds[1] = 'header' then lora._declared(documents[1] -> '_meta', 'total_pairs') end);
  examples := read.examples;
  -- Each begins with its line, and its offset in the place of the number of its text.
  if pg_catalog.cardinality(examples) > 0 then
    examples := (
      select pg_catalog.array_agg(array[examples[at][1], offsets[examples[at][1]], examples[at][2], examples[at][3], examples[at][4], examples[at][5],
        examples[at][6], examples[at][7], examples[at][8], examples[at][9]] order by at)
      from pg_catalog.generate_subscripts(examples, 1) as at);
  end if;
end
$$;
grant execute on function lora._read_lines(text[], bigint[], jsonb, boolean, text, numeric) to public;
